/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WAITS_H
#define VTEPD_WAITS_H 1

/* Who waits until the switch has what a change of the inventory leads to.
 *
 * That is the case once, in this order: the objects that changed are known, by
 * a list where the event did not say how; nothing is left to decide about them
 * and the tunnels they need have their ports; the bundle with all that was sent
 * until then was applied by the switch (by its own word, as after a barrier);
 * and, for a wait that wants that too, the switch's cached flows have followed
 * since (settling.h). */

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

/* The wait is for the switch's cached flows too. */
void wait_for_revalidation(struct wait *);

/* All that was known was decided and sent, the last of it in bundle number
 * 'bundle'; 'last_list' is the number of the last whole list. */
void waits_sent(struct waits *, const struct overlay *, uint32_t last_list,
                uint64_t bundle);

/* What was sent may not have arrived: it is compared and sent again. */
void waits_unsent(struct waits *);

/* Begins with the cached flows: of the waits that want it, all whose bundle is
 * among those that the switch has applied, up to 'applied', take part.
 * Returns false if there are none. */
bool waits_settle(struct waits *, uint64_t applied);

/* For all waits that took part, the cached flows have followed... */
void waits_settled(struct waits *);

/* ...or it is not known, and they are to take part again. */
void waits_unsettled(struct waits *);

/* Does the switch, which has applied all bundles up to 'applied', have it?
 * True for tickets that are not known. */
bool waits_is_over(const struct waits *, uint64_t ticket, uint64_t applied);

void waits_forget(struct waits *, uint64_t ticket);

#endif /* waits.h */
