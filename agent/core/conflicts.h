/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_CONFLICTS_H
#define VTEPD_CONFLICTS_H 1

/* What cannot be served as it stands, one sentence each, kept by the object
 * ("subject") that it concerns.
 *
 * Whoever evaluates an object says all that is wrong with it, every time; this
 * module finds what is new and what is over, so that each is logged once.
 * Bounded: once there are CONFLICTS_MAX sentences further ones are not kept,
 * until their object is evaluated again. */

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/compiler.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "svec.h"

enum { CONFLICTS_MAX = 10000 };

struct conflicts {
    struct hmap subjects;       /* Contains struct conflict_subjects. */
    size_t n;                   /* Sentences kept. */
    struct hmap sentences;      /* Contains struct conflict_sentences. */
    struct ovs_list pending;    /* Of them, whose state is to be told. */
    size_t n_pending;

    /* Between conflicts_begin() and conflicts_end(). */
    struct svec draft;
};

void conflicts_init(struct conflicts *);
void conflicts_destroy(struct conflicts *);

/* Says anew what is wrong with the object 'id' of 'kind', a string constant.
 * Without conflicts_add() in between: nothing. */
void conflicts_begin(struct conflicts *);
void conflicts_add(struct conflicts *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
void conflicts_end(struct conflicts *, const char *kind, const char *id);

/* Calls 'cb' for each sentence that appeared ('resolved' false) or went away
 * since the last call, in the order of the text.  One that did both is not
 * told.  The cost is that of what has changed, not of what stands. */
typedef void conflict_cb(const char *sentence, bool resolved, void *aux);
void conflicts_tell(struct conflicts *, conflict_cb *, void *aux);

/* Calls 'cb' for each kind of which anything stands, with how many sentences;
 * a kind may come more than once. */
typedef void conflict_count_cb(const char *kind, size_t n, void *aux);
void conflicts_count(const struct conflicts *, conflict_count_cb *, void *aux);

/* Appends all sentences to 'out', sorted. */
void conflicts_get(const struct conflicts *, struct svec *out);

#endif /* conflicts.h */
