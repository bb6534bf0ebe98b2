/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WAITS_H
#define VTEPD_WAITS_H 1

/* Who waits until the switch has what a change of the inventory leads to.
 *
 * That is the case once, in this order: the objects that changed are known, by
 * a list where the event did not say how; nothing is left to decide about them
 * and the tunnels they need have their ports; the bundle with all that was sent
 * until then was applied by the switch (by its own word, as after a
 * barrier). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/objects.h"
#include "openvswitch/hmap.h"

struct overlay;

struct waits {
    struct hmap by_ticket;
};

void waits_init(struct waits *);
void waits_destroy(struct waits *);

/* Begins to wait under the number 'ticket'. */
struct wait *waits_add(struct waits *, uint64_t ticket);

/* The wait is for what the object leads to. */
void wait_for_object(struct wait *, enum object_kind, const char *id);

/* The wait is for a list with a number of at least 'list'. */
void wait_for_list(struct wait *, uint32_t list);

/* All that was known was decided and sent, the last of it in bundle number
 * 'bundle'; 'last_list' is the number of the last whole list. */
void waits_sent(struct waits *, const struct overlay *, uint32_t last_list,
                uint64_t bundle);

/* What was sent may not have arrived: it is compared and sent again. */
void waits_unsent(struct waits *);

/* Does the switch, which has applied all bundles up to 'applied', have it?
 * True for tickets that are not known. */
bool waits_is_over(const struct waits *, uint64_t ticket, uint64_t applied);

void waits_forget(struct waits *, uint64_t ticket);

#endif /* waits.h */
