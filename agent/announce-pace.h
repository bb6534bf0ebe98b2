/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ANNOUNCE_PACE_H
#define VTEPD_ANNOUNCE_PACE_H 1

/* When to ask who holds a shared address, when to tell, and how often it may
 * change: the timing of announce-service.h, for each address.
 *
 * What it decides is drawn from times that it is handed, in ms. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "heap.h"
#include "openvswitch/hmap.h"

struct segment_node;
struct shared_address;

/* How many more times something may be done: 'n' at once, then one each
 * 'interval'. */
struct allowance {
    int n;
    long long int filled;
};

struct paced_address {
    struct hmap_node node;      /* In 'addresses'. */
    struct heap_node due_node;  /* In 'due', the earliest first. */
    const struct segment_node *segment; /* Never looked into: it may be gone. */
    struct in6_addr ip;

    struct allowance changes;   /* Of the holder. */
    struct allowance tells;     /* Of what is known already. */
    unsigned int n_asked;       /* Since nobody is known to hold it. */
    bool recheck;               /* Ask, though somebody is? */
    unsigned int n_rechecks;    /* Lately. */
    long long int rechecked;    /* The last time; 0: never. */
    long long int told;         /* When all were told last; 0: never. */
    long long int announced_here;   /* When a VM here announced it last; 0:
                                     * never. */
};

struct announce_pace {
    struct hmap addresses;      /* Contains struct paced_addresses. */
    struct heap due;            /* The same. */
};

void announce_pace_init(struct announce_pace *);
void announce_pace_destroy(struct announce_pace *);

/* Finds or makes what is kept for the address. */
struct paced_address *announce_pace_get(struct announce_pace *,
                                        const struct shared_address *,
                                        long long int now);
void announce_pace_remove(struct announce_pace *, struct paced_address *);

/* May another one become the holder?  If not, it is asked again who is. */
bool announce_pace_may_change(struct announce_pace *, struct paced_address *,
                              long long int now);

/* May what is known already be told once more? */
bool announce_pace_may_tell(struct paced_address *, long long int now);

/* The address was announced, by a VM here or elsewhere, and all were told; was
 * the holder before one here, and did that change? */
void announce_pace_announced(struct announce_pace *, struct paced_address *,
                             bool here, bool lost_here, long long int now);

/* The address is new, or its holder has changed or moved. */
void announce_pace_changed(struct announce_pace *,
                           const struct shared_address *, long long int now);

/* The next one that is due, or NULL; then one of the following is to be
 * called, or announce_pace_remove(). */
struct paced_address *announce_pace_next(const struct announce_pace *,
                                         long long int now);
long long int announce_pace_next_time(const struct announce_pace *);

/* May it be asked once more?  Has it been asked so often that somebody who
 * knows of another holder than the one that is remembered would have said
 * so? */
bool announce_pace_may_ask(const struct paced_address *);
bool announce_pace_is_unopposed(const struct paced_address *);
void announce_pace_asked(struct announce_pace *, struct paced_address *,
                         long long int now);
void announce_pace_told(struct announce_pace *, struct paced_address *,
                        long long int now);

#endif /* announce-pace.h */
