/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

/* Shared addresses: there is one in 'holders' for each that an installed
 * endpoint may hold, and one for each that was remembered, until it has turned
 * out that it is of use.
 *
 * Invariant: a holder that was not just remembered has a record which says that
 * it may hold the address at that MAC, and is not absent.  overlay_apply()
 * keeps it. */

bool
overlay_holds(const struct overlay *ov, const struct claim *c)
{
    const struct endpoint *e = claim_endpoint(c);
    const struct shared_address *sa = holders_find(&ov->holders, e->segment,
                                                   &c->ip);

    return sa && sa->holder && !strcmp(sa->holder, e->node->id)
           && eth_addr_equals(sa->mac, claim_mac(c));
}

bool
overlay_is_at_mac(const struct overlay *ov, const struct pair_mac *pm)
{
    const struct shared_address *sa
        = holders_at_mac(&ov->holders, pm->endpoint->segment, pm->mac);

    return sa && !strcmp(sa->holder, pm->endpoint->node->id);
}

const struct claim *
overlay_find_shared(const struct segment_node *segment,
                    const struct in6_addr *ip, void *ov_)
{
    const struct overlay *ov = ov_;
    const struct claim *c = NULL;
    const struct endpoint *by;

    if (!holders_find(&ov->holders, segment, ip)) {
        return NULL;
    }
    while ((c = inventory_next_claim(ov->inventory, segment, ip, c))) {
        if (overlay_holds(ov, c)
            && inventory_claim_standing(ov->inventory, c, &by)
               == CLAIM_SHARED) {
            break;
        }
    }
    return c;
}

/* Whoever gets or loses the address, or its MAC, is to be looked at again. */
static void
touch_holders(struct overlay *ov, const struct shared_address *sa)
{
    const struct shared_address *other = NULL;

    while (sa->holder
           && (other = holders_next_at_mac(&ov->holders, sa->segment, sa->mac,
                                           other))) {
        struct endpoint_node *node = inventory_find_endpoint(ov->inventory,
                                                             other->holder);

        if (node) {
            inventory_touch_endpoint(ov->inventory, node);
        }
    }
}

static void
remove_address(struct overlay *ov, struct shared_address *sa)
{
    struct segment_node *segment = sa->segment;

    touch_holders(ov, sa);
    holders_remove(&ov->holders, sa);
    inventory_unref_segment(ov->inventory, segment);
}

static struct shared_address *
get_address(struct overlay *ov, struct segment_node *segment,
            const struct in6_addr *ip)
{
    struct shared_address *sa = holders_find(&ov->holders, segment, ip);

    if (!sa) {
        segment = inventory_ref_segment(ov->inventory, segment->id);
        sa = holders_add(&ov->holders, segment, ip);
    }
    return sa;
}

static bool
record_shares(const struct endpoint_record *r, const struct shared_address *sa)
{
    for (size_t i = 0; i < r->n_addresses; i++) {
        const struct endpoint_address *a = &r->addresses[i];

        if (a->shared && ipv6_addr_equals(&a->ip, &sa->ip)
            && eth_addr_equals(a->mac, sa->mac)) {
            return true;
        }
    }
    return false;
}

/* May the endpoint with this record, if any, go on to hold the address? */
static bool
may_keep(const struct shared_address *sa, const struct endpoint_record *r,
         const struct live_segment *ls)
{
    return r && ls->segment == sa->segment && r->place != PLACE_ABSENT
           && record_shares(r, sa);
}

static void
add_claim(struct overlay *ov, const struct endpoint_node *node,
          const struct in6_addr *ip, const struct endpoint_record *have,
          const struct want *want)
{
    struct shared_address *sa = get_address(ov, want->segment->segment, ip);
    bool moves = !have || have->place != want->record->place;

    sa->n_claims++;
    if (moves && sa->holder && !strcmp(sa->holder, node->id)) {
        holders_push_changed(&ov->holders, sa);
    }
}

static void
release_claim(struct overlay *ov, const struct endpoint_node *node,
              const struct in6_addr *ip, const struct want *want)
{
    const struct live_segment *ls = node->installed->class->segment;
    struct shared_address *sa = holders_find(&ov->holders, ls->segment, ip);

    if (sa->holder && !strcmp(sa->holder, node->id)
        && !may_keep(sa, want->record, want->segment)) {
        touch_holders(ov, sa);
        holders_clear(&ov->holders, sa);
    }
    if (!--sa->n_claims) {
        remove_address(ov, sa);
    }
}

void
overlay_track_shared(struct overlay *ov, const struct endpoint_node *node,
                     const struct endpoint_record *have,
                     const struct want *want)
{
    for (size_t i = 0; want->record && i < want->record->n_addresses; i++) {
        const struct endpoint_address *a = &want->record->addresses[i];

        if (a->shared) {
            add_claim(ov, node, &a->ip, have, want);
        }
    }
    for (size_t i = 0; have && i < have->n_addresses; i++) {
        if (have->addresses[i].shared) {
            release_claim(ov, node, &have->addresses[i].ip, want);
        }
    }
}

/* Announcements. */

/* The claim by which an endpoint that is plugged into 'port', or is on the
 * host at the other end of the tunnel, may hold the address at 'mac'. */
static bool
may_announce(const struct claim *c, const struct announcer *by,
             const struct eth_addr mac)
{
    const struct endpoint *e = claim_endpoint(c);

    return c->kind == CLAIM_PAIR && eth_addr_equals(claim_mac(c), mac)
           && (by->endpoint ? e->node == by->endpoint : e->host == by->host)
           && e->node->installed;
}

/* Of several VMs on a peer's host any will do, but it shall not change from one
 * announcement to the next. */
static const struct endpoint *
find_announcer(const struct overlay *ov, const struct shared_address *sa,
               const struct announcer *by, const struct eth_addr mac)
{
    const struct endpoint *found = NULL, *other;
    const struct claim *c = NULL;

    while ((c = inventory_next_claim(ov->inventory, sa->segment, &sa->ip,
                                     c))) {
        const struct endpoint *e = claim_endpoint(c);

        if (!may_announce(c, by, mac)
            || inventory_claim_standing(ov->inventory, c, &other)
               != CLAIM_SHARED) {
            continue;
        }
        if (sa->holder && !strcmp(sa->holder, e->node->id)) {
            return e;
        }
        if (!found || strcmp(e->node->id, found->node->id) < 0) {
            found = e;
        }
    }
    return found;
}

enum announce_result
overlay_announce(struct overlay *ov, const struct segment_node *segment,
                 const struct in6_addr *ip, const struct eth_addr mac,
                 const struct announcer *by, long long int wall_now)
{
    struct shared_address *sa = holders_find(&ov->holders, segment, ip);
    const struct endpoint *e = sa ? find_announcer(ov, sa, by, mac) : NULL;

    if (!e) {
        return ANNOUNCE_REFUSED;
    }

    bool same = sa->holder && !strcmp(sa->holder, e->node->id)
                && eth_addr_equals(sa->mac, mac);
    if (!same) {
        touch_holders(ov, sa);
    }
    holders_set(&ov->holders, sa, e->node->id, mac, wall_now);
    sa->remembered = false;
    touch_holders(ov, sa);
    return same ? ANNOUNCE_SAME : ANNOUNCE_NEW;
}

bool
overlay_may_hold(const struct overlay *ov, const struct endpoint_node *node,
                 const struct shared_address *sa)
{
    const struct claim *c = NULL;

    while ((c = inventory_next_claim(ov->inventory, sa->segment, &sa->ip,
                                     c))) {
        if (claim_endpoint(c)->node == node && c->kind == CLAIM_PAIR) {
            return true;
        }
    }
    return false;
}

static const struct endpoint_node *
find_holder(const struct overlay *ov, const struct shared_address *sa)
{
    return sa->holder ? inventory_find_endpoint(ov->inventory, sa->holder)
                      : NULL;
}

const struct host_node *
overlay_holder_host(const struct overlay *ov, const struct shared_address *sa)
{
    const struct endpoint_node *node = find_holder(ov, sa);

    return node && node->endpoint ? node->endpoint->host : NULL;
}

bool
overlay_holder_is_local(const struct overlay *ov,
                        const struct shared_address *sa)
{
    const struct endpoint_node *node = find_holder(ov, sa);
    const struct local *l = node ? overlay_find_local(ov, node) : NULL;

    return l && l->port;
}

const struct holders *
overlay_holders(const struct overlay *ov)
{
    return &ov->holders;
}

const struct shared_address *
overlay_next_changed_address(struct overlay *ov)
{
    return holders_pop_changed(&ov->holders);
}

/* Over a restart. */

void
overlay_remember_holder(struct overlay *ov, const char *segment_id,
                        const struct in6_addr *ip, const char *endpoint,
                        const struct eth_addr mac, long long int since)
{
    struct segment_node *segment = inventory_ref_segment(ov->inventory,
                                                         segment_id);
    struct shared_address *sa = get_address(ov, segment, ip);

    if (!sa->holder && !sa->n_claims) {
        holders_set(&ov->holders, sa, endpoint, mac, since);
        sa->remembered = true;
        ov->has_remembered = true;
    }
    inventory_unref_segment(ov->inventory, segment);
}

void
overlay_confirm_holder(struct overlay *ov, const struct shared_address *sa)
{
    holders_find(&ov->holders, sa->segment, &sa->ip)->remembered = false;
}

/* Those whose holder is nowhere, or may not hold them any more. */
static bool
is_of_no_use(const struct overlay *ov, const struct shared_address *sa)
{
    const struct endpoint_node *node = find_holder(ov, sa);
    struct endpoint_record *r = node ? overlay_endpoint_record(node) : NULL;
    bool keep = may_keep(sa, r, r ? node->installed->class->segment : NULL);

    free(r);
    return sa->holder && !keep;
}

void
overlay_check_remembered(struct overlay *ov)
{
    struct shared_address *sa;

    if (!ov->has_remembered || !ov->settled || ov->provisional) {
        return;
    }
    ov->has_remembered = false;
    HMAP_FOR_EACH_SAFE (sa, node, &ov->holders.addresses) {
        if (!sa->n_claims) {
            remove_address(ov, sa);
        } else if (is_of_no_use(ov, sa)) {
            touch_holders(ov, sa);
            holders_clear(&ov->holders, sa);
        }
    }
}

void
overlay_destroy_holders(struct overlay *ov)
{
    struct shared_address *sa;

    HMAP_FOR_EACH_SAFE (sa, node, &ov->holders.addresses) {
        remove_address(ov, sa);
    }
    holders_destroy(&ov->holders);
}
