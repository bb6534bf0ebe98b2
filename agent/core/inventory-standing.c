/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* What standing an object has among the others: the rules of inventory.h. */

static uint32_t
hash_in_segment(const struct segment_node *segment, uint32_t hash)
{
    return hash_2words(hash_pointer(segment, 0), hash);
}

uint32_t
inventory_mac_hash(const struct eth_addr mac)
{
    return hash_mac(mac, 0, 0);
}

uint32_t
inventory_pair_mac_hash(const struct segment_node *segment,
                        const struct eth_addr mac)
{
    return hash_in_segment(segment, hash_mac(mac, 0, 0));
}

uint32_t
inventory_claim_hash(const struct segment_node *segment,
                     const struct in6_addr *ip)
{
    return hash_in_segment(segment, hash_bytes(ip, sizeof *ip, 0));
}

uint32_t
inventory_via_hash(const struct router_node *router, const struct in6_addr *ip)
{
    return hash_2words(hash_pointer(router, 0), hash_bytes(ip, sizeof *ip, 0));
}

uint32_t
inventory_address_hash(const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, 0);
}

bool
inventory_address_is_served(const struct inventory *inv,
                            const struct host_address *address,
                            const struct host_node **by)
{
    const struct host_node *winner = address->host;
    const struct host_address *other;

    HMAP_FOR_EACH_WITH_HASH (other, node,
                             inventory_address_hash(&address->tunnel.ip),
                             &inv->addresses) {
        if (ipv6_addr_equals(&other->tunnel.ip, &address->tunnel.ip)
            && strcmp(other->host->id, winner->id) < 0) {
            winner = other->host;
        }
    }
    *by = winner;
    return winner == address->host;
}

/* Could packets of the two segments, which have one VNI, be taken for each
 * other's?  Not if they are forced to different encapsulations. */
static bool
segments_could_meet(const struct segment_node *a, const struct segment_node *b)
{
    return a->object.encap == ENCAP_NONE || b->object.encap == ENCAP_NONE
           || a->object.encap == b->object.encap;
}

static int
compare_segment_ids(const void *a_, const void *b_)
{
    const struct segment_node *const *a = a_;
    const struct segment_node *const *b = b_;

    return strcmp((*a)->id, (*b)->id);
}

enum segment_standing
inventory_segment_standing(const struct inventory *inv,
                           const struct segment_node *segment,
                           const struct segment_node **by)
{
    const struct segment_node *other;
    uint32_t hash = hash_int(segment->object.vni, 0);
    size_t n = 0;

    *by = NULL;
    if (!segment->known) {
        return SEGMENT_UNKNOWN;
    }
    HMAP_FOR_EACH_WITH_HASH (other, vni_node, hash, &inv->vnis) {
        n += other->object.vni == segment->object.vni;
    }
    if (n == 1) {
        return SEGMENT_SERVED;
    }

    /* In the order of ids, each is served that meets none served before. */
    const struct segment_node **rivals = xmalloc(n * sizeof *rivals);
    size_t n_served = 0;

    n = 0;
    HMAP_FOR_EACH_WITH_HASH (other, vni_node, hash, &inv->vnis) {
        if (other->object.vni == segment->object.vni) {
            rivals[n++] = other;
        }
    }
    qsort(rivals, n, sizeof *rivals, compare_segment_ids);
    for (size_t i = 0; i < n; i++) {
        const struct segment_node *met = NULL;

        for (size_t j = 0; j < n_served && !met; j++) {
            met = segments_could_meet(rivals[i], rivals[j]) ? rivals[j] : NULL;
        }
        if (rivals[i] == segment) {
            *by = met;
            break;
        }
        if (!met) {
            rivals[n_served++] = rivals[i];
        }
    }
    free(rivals);
    return *by ? SEGMENT_VNI_TAKEN : SEGMENT_SERVED;
}

struct router_node *
inventory_segment_router(const struct inventory *inv,
                         const struct segment_node *segment)
{
    const struct router_join *join;
    const struct segment_node *by;
    struct router_node *first = NULL;

    LIST_FOR_EACH (join, node, &segment->routers) {
        if (!first || strcmp(join->router->id, first->id) < 0) {
            first = join->router;
        }
    }
    return first && (inventory_segment_standing(inv, segment, &by)
                     == SEGMENT_SERVED) ? first : NULL;
}

bool
inventory_has_router_link_local(const struct segment_node *segment)
{
    for (size_t i = 0; i < segment->object.n_subnets; i++) {
        const struct subnet *subnet = &segment->object.subnets[i];

        if (subnet->has_gateway && !IN6_IS_ADDR_V4MAPPED(&subnet->gateway)) {
            return true;
        }
    }
    return false;
}

bool
inventory_address_is_routers(const struct inventory *inv,
                             const struct segment_node *segment,
                             const struct in6_addr *ip)
{
    const struct router_node *router = inventory_segment_router(inv, segment);
    struct in6_addr lla;

    if (!router) {
        return false;
    }
    for (size_t i = 0; i < segment->object.n_subnets; i++) {
        const struct subnet *subnet = &segment->object.subnets[i];

        if (subnet->has_gateway && ipv6_addr_equals(&subnet->gateway, ip)) {
            return true;
        }
    }
    in6_generate_lla(router->object.mac, &lla);
    return ipv6_addr_equals(&lla, ip)
           && inventory_has_router_link_local(segment);
}

/* Rule 7. */
static bool
mac_is_routers(const struct inventory *inv, const struct segment_node *segment,
               const struct eth_addr mac)
{
    const struct router_node *router = inventory_segment_router(inv, segment);

    return router && eth_addr_equals(router->object.mac, mac);
}

/* All of an endpoint's standing but rule 3. */
static enum endpoint_standing
endpoint_references(const struct inventory *inv, const struct endpoint *e)
{
    const struct segment_node *by;

    switch (inventory_segment_standing(inv, e->segment, &by)) {
    case SEGMENT_SERVED:
        return (!e->host->known && !e->host->self ? ENDPOINT_UNKNOWN_HOST
                : mac_is_routers(inv, e->segment, e->mac)
                ? ENDPOINT_MAC_IS_ROUTERS : ENDPOINT_SERVED);
    case SEGMENT_VNI_TAKEN:
        return ENDPOINT_SEGMENT_REFUSED;
    case SEGMENT_UNKNOWN:
    default:
        return ENDPOINT_UNKNOWN_SEGMENT;
    }
}

enum endpoint_standing
inventory_endpoint_standing(const struct inventory *inv,
                            const struct endpoint *e,
                            const struct endpoint **by)
{
    enum endpoint_standing standing = endpoint_references(inv, e);
    const struct endpoint *other;

    *by = NULL;
    if (standing != ENDPOINT_SERVED) {
        return standing;
    }
    HMAP_FOR_EACH_WITH_HASH (other, mac_node, inventory_mac_hash(e->mac),
                             &e->segment->endpoints) {
        if (other != e && eth_addr_equals(other->mac, e->mac)
            && strcmp(other->node->id, e->node->id) < 0
            && (!*by || strcmp(other->node->id, (*by)->node->id) < 0)
            && endpoint_references(inv, other) == ENDPOINT_SERVED) {
            *by = other;
        }
    }
    return *by ? ENDPOINT_MAC_TAKEN : ENDPOINT_SERVED;
}

static bool
endpoint_is_served(const struct inventory *inv, const struct endpoint *e)
{
    const struct endpoint *by;

    return inventory_endpoint_standing(inv, e, &by) == ENDPOINT_SERVED;
}

/* Rule 4: does 'a' go before 'b'? */
static bool
claim_precedes(const struct claim *a, const struct claim *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    int cmp = strcmp(claim_endpoint(a)->node->id, claim_endpoint(b)->node->id);
    return cmp ? cmp < 0
               : eth_addr_compare_3way(claim_mac(a), claim_mac(b)) < 0;
}

enum claim_standing
inventory_claim_standing(const struct inventory *inv, const struct claim *c,
                         const struct endpoint **by)
{
    const struct endpoint *e = claim_endpoint(c);
    const struct claim *other, *best = c;
    bool shared = false;

    *by = NULL;
    if (c->plen != 128) {
        return CLAIM_PREFIX;
    }
    if (inventory_address_is_routers(inv, e->segment, &c->ip)) {
        return CLAIM_IS_ROUTERS;
    }
    HMAP_FOR_EACH_WITH_HASH (other, node,
                             inventory_claim_hash(e->segment, &c->ip),
                             &inv->claims) {
        const struct endpoint *rival = claim_endpoint(other);

        if (other == c || rival->segment != e->segment
            || !ipv6_addr_equals(&other->ip, &c->ip)
            || !endpoint_is_served(inv, rival)) {
            continue;
        }
        if (rival != e && other->kind == CLAIM_PAIR) {
            shared = true;
        }
        if (claim_precedes(other, best)) {
            best = other;
        }
    }
    *by = best != c ? claim_endpoint(best) : NULL;
    if (best->kind == CLAIM_PAIR && shared) {
        return CLAIM_SHARED;
    }
    return *by ? CLAIM_TAKEN : CLAIM_HELD;
}

const struct claim *
inventory_find_holder(const struct inventory *inv,
                      const struct segment_node *segment,
                      const struct in6_addr *ip)
{
    const struct claim *c;
    const struct endpoint *by;

    HMAP_FOR_EACH_WITH_HASH (c, node, inventory_claim_hash(segment, ip),
                             &inv->claims) {
        if (claim_endpoint(c)->segment == segment
            && ipv6_addr_equals(&c->ip, ip)
            && endpoint_is_served(inv, claim_endpoint(c))
            && inventory_claim_standing(inv, c, &by) == CLAIM_HELD) {
            return c;
        }
    }
    return inv->shared_cb ? inv->shared_cb(segment, ip, inv->shared_aux)
                          : NULL;
}

void
inventory_set_shared_cb(struct inventory *inv, inventory_shared_cb *cb,
                        void *aux)
{
    inv->shared_cb = cb;
    inv->shared_aux = aux;
}

const struct claim *
inventory_next_claim(const struct inventory *inv,
                     const struct segment_node *segment,
                     const struct in6_addr *ip, const struct claim *c)
{
    struct hmap_node *node
        = c ? hmap_next_with_hash(&c->node)
            : hmap_first_with_hash(&inv->claims,
                                   inventory_claim_hash(segment, ip));

    for (; node; node = hmap_next_with_hash(node)) {
        c = CONTAINER_OF(node, struct claim, node);
        if (claim_endpoint(c)->segment == segment
            && ipv6_addr_equals(&c->ip, ip)
            && endpoint_is_served(inv, claim_endpoint(c))) {
            return c;
        }
    }
    return NULL;
}

enum pair_mac_standing
inventory_pair_mac_standing(const struct inventory *inv,
                            const struct pair_mac *pm)
{
    const struct segment_node *segment = pm->endpoint->segment;
    const struct endpoint *e;
    const struct pair_mac *other;

    if (mac_is_routers(inv, segment, pm->mac)) {
        return PAIR_MAC_TAKEN;
    }
    HMAP_FOR_EACH_WITH_HASH (e, mac_node, inventory_mac_hash(pm->mac),
                             &segment->endpoints) {
        if (eth_addr_equals(e->mac, pm->mac) && endpoint_is_served(inv, e)) {
            return PAIR_MAC_TAKEN;
        }
    }
    HMAP_FOR_EACH_WITH_HASH (other, node,
                             inventory_pair_mac_hash(segment, pm->mac),
                             &inv->pair_macs) {
        if (other->endpoint != pm->endpoint
            && other->endpoint->segment == segment
            && eth_addr_equals(other->mac, pm->mac)
            && endpoint_is_served(inv, other->endpoint)) {
            return PAIR_MAC_SHARED;
        }
    }
    return PAIR_MAC_HELD;
}
