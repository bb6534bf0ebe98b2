/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "core/tunnel-spec.h"
#include "hash.h"
#include "packets.h"
#include "util.h"

struct inventory *
inventory_create(void)
{
    struct inventory *inv = xzalloc(sizeof *inv);

    hmap_init(&inv->hosts);
    hmap_init(&inv->segments);
    hmap_init(&inv->routers);
    hmap_init(&inv->endpoints);
    hmap_init(&inv->addresses);
    hmap_init(&inv->vnis);
    hmap_init(&inv->macs);
    hmap_init(&inv->claims);
    hmap_init(&inv->pair_macs);
    hmap_init(&inv->staged);
    return inv;
}

void
inventory_destroy(struct inventory *inv)
{
    if (!inv) {
        return;
    }

    inventory_list_abort(inv);
    inventory_remove_everything(inv);
    struct host_node *host;
    while ((host = inventory_next_touched_host(inv))) {
        inventory_unref_host(inv, host);
    }
    struct segment_node *segment;
    while ((segment = inventory_next_touched_segment(inv))) {
        inventory_unref_segment(inv, segment);
    }
    inventory_begin_touched_endpoints(inv);
    struct endpoint_node *endpoint;
    while ((endpoint = inventory_next_touched_endpoint(inv))) {
        inventory_release_endpoint(inv, endpoint);
    }
    if (inv->self) {
        inventory_unref_host(inv, inv->self);
    }
    ovs_assert(hmap_is_empty(&inv->hosts));
    ovs_assert(hmap_is_empty(&inv->segments));
    ovs_assert(hmap_is_empty(&inv->endpoints));

    free(inv->touched_hosts.items);
    free(inv->touched_segments.items);
    free(inv->touched_endpoints.items);
    free(inv->round.items);
    hmap_destroy(&inv->hosts);
    hmap_destroy(&inv->segments);
    hmap_destroy(&inv->routers);
    hmap_destroy(&inv->endpoints);
    hmap_destroy(&inv->addresses);
    hmap_destroy(&inv->vnis);
    hmap_destroy(&inv->macs);
    hmap_destroy(&inv->claims);
    hmap_destroy(&inv->pair_macs);
    hmap_destroy(&inv->staged);
    free(inv);
}

/* Lookups. */

struct host_node *
inventory_find_host(const struct inventory *inv, const char *id)
{
    struct host_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, id_node, hash_string(id, 0), &inv->hosts) {
        if (!strcmp(node->id, id)) {
            return node;
        }
    }
    return NULL;
}

struct segment_node *
inventory_find_segment(const struct inventory *inv, const char *id)
{
    struct segment_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, id_node, hash_string(id, 0),
                             &inv->segments) {
        if (!strcmp(node->id, id)) {
            return node;
        }
    }
    return NULL;
}

struct router_node *
inventory_find_router(const struct inventory *inv, const char *id)
{
    struct router_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, id_node, hash_string(id, 0),
                             &inv->routers) {
        if (!strcmp(node->id, id)) {
            return node;
        }
    }
    return NULL;
}

struct endpoint_node *
inventory_find_endpoint(const struct inventory *inv, const char *id)
{
    struct endpoint_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, id_node, hash_string(id, 0),
                             &inv->endpoints) {
        if (!strcmp(node->id, id)) {
            return node;
        }
    }
    return NULL;
}

/* Sorted listings.  Every node has its id last, at a different offset. */
#define DEFINE_SORTED(NAME, TYPE, MEMBER, CONDITION)                        \
    static int                                                              \
    compare_##NAME(const void *a_, const void *b_)                          \
    {                                                                       \
        const TYPE *const *a = a_;                                          \
        const TYPE *const *b = b_;                                          \
                                                                            \
        return strcmp((*a)->id, (*b)->id);                                  \
    }                                                                       \
                                                                            \
    const TYPE **                                                           \
    inventory_sorted_##NAME(const struct inventory *inv, size_t *n)         \
    {                                                                       \
        const TYPE **nodes = xmalloc(hmap_count(&inv->MEMBER)               \
                                     * sizeof *nodes);                      \
        const TYPE *node;                                                   \
                                                                            \
        *n = 0;                                                             \
        HMAP_FOR_EACH (node, id_node, &inv->MEMBER) {                       \
            if (CONDITION) {                                                \
                nodes[(*n)++] = node;                                       \
            }                                                               \
        }                                                                   \
        qsort(nodes, *n, sizeof *nodes, compare_##NAME);                    \
        return nodes;                                                       \
    }

DEFINE_SORTED(hosts, struct host_node, hosts, node->known)
DEFINE_SORTED(segments, struct segment_node, segments, node->known)
DEFINE_SORTED(routers, struct router_node, routers, true)
DEFINE_SORTED(endpoints, struct endpoint_node, endpoints, node->endpoint)

const struct hmap *
inventory_endpoint_nodes(const struct inventory *inv)
{
    return &inv->endpoints;
}

size_t
inventory_count(const struct inventory *inv, enum object_kind kind)
{
    return inv->n_known[kind];
}

uint32_t
inventory_last_list(const struct inventory *inv)
{
    return inv->last_list;
}

uint64_t
inventory_seqno(const struct inventory *inv)
{
    return inv->seqno;
}

/* Nodes of hosts and segments. */

struct host_node *
inventory_ref_host(struct inventory *inv, const char *id)
{
    struct host_node *node = inventory_find_host(inv, id);

    if (!node) {
        size_t len = strlen(id);

        node = xzalloc(sizeof *node + len + 1);
        memcpy(node->id, id, len + 1);
        ovs_list_init(&node->endpoints);
        hmap_insert(&inv->hosts, &node->id_node, hash_string(id, 0));
    }
    node->n_refs++;
    return node;
}

void
inventory_unref_host(struct inventory *inv, struct host_node *node)
{
    ovs_assert(node->n_refs);
    if (!--node->n_refs && !node->known && !node->n_endpoints) {
        hmap_remove(&inv->hosts, &node->id_node);
        free(node);
    }
}

struct segment_node *
inventory_ref_segment(struct inventory *inv, const char *id)
{
    struct segment_node *node = inventory_find_segment(inv, id);

    if (!node) {
        size_t len = strlen(id);

        node = xzalloc(sizeof *node + len + 1);
        memcpy(node->id, id, len + 1);
        ovs_list_init(&node->endpoints);
        hmap_insert(&inv->segments, &node->id_node, hash_string(id, 0));
    }
    node->n_refs++;
    return node;
}

void
inventory_unref_segment(struct inventory *inv, struct segment_node *node)
{
    ovs_assert(node->n_refs);
    if (!--node->n_refs && !node->known && !node->n_endpoints) {
        ovs_assert(!node->live);
        hmap_remove(&inv->segments, &node->id_node);
        free(node);
    }
}

void
inventory_release_endpoint(struct inventory *inv, struct endpoint_node *node)
{
    if (!node->endpoint && !node->installed && !node->touched
        && !node->waiting) {
        hmap_remove(&inv->endpoints, &node->id_node);
        free(node);
    }
}

/* Touching. */

static void
queue_push(struct touched *q, void *item)
{
    if (q->n >= q->allocated) {
        q->items = x2nrealloc(q->items, &q->allocated, sizeof *q->items);
    }
    q->items[q->n++] = item;
}

static void *
queue_pop(struct touched *q)
{
    if (!q->n) {
        return NULL;
    }

    void *item = q->items[--q->n];
    if (!q->n && q->allocated > 1024) {
        free(q->items);
        memset(q, 0, sizeof *q);
    }
    return item;
}

void
inventory_touch_host(struct inventory *inv, struct host_node *node)
{
    if (!node->touched) {
        node->touched = true;
        node->n_refs++;
        queue_push(&inv->touched_hosts, node);
    }
}

void
inventory_touch_segment(struct inventory *inv, struct segment_node *node)
{
    if (!node->touched) {
        node->touched = true;
        node->n_refs++;
        queue_push(&inv->touched_segments, node);
    }
}

void
inventory_touch_endpoint(struct inventory *inv, struct endpoint_node *node)
{
    if (!node->touched) {
        node->touched = true;
        queue_push(&inv->touched_endpoints, node);
    }
}

struct host_node *
inventory_next_touched_host(struct inventory *inv)
{
    struct host_node *node = queue_pop(&inv->touched_hosts);

    if (node) {
        node->touched = false;
    }
    return node;
}

struct segment_node *
inventory_next_touched_segment(struct inventory *inv)
{
    struct segment_node *node = queue_pop(&inv->touched_segments);

    if (node) {
        node->touched = false;
    }
    return node;
}

struct endpoint_node *
inventory_next_touched_endpoint(struct inventory *inv)
{
    struct endpoint_node *node = queue_pop(&inv->round);

    if (node) {
        node->touched = false;
    }
    return node;
}

void
inventory_begin_touched_endpoints(struct inventory *inv)
{
    ovs_assert(!inv->round.n);

    struct touched empty = inv->round;
    inv->round = inv->touched_endpoints;
    inv->touched_endpoints = empty;
}

bool
inventory_has_touched(const struct inventory *inv)
{
    return inv->touched_hosts.n || inv->touched_segments.n
           || inv->touched_endpoints.n || inv->round.n;
}

void
inventory_touch_all(struct inventory *inv)
{
    struct host_node *host;
    HMAP_FOR_EACH (host, id_node, &inv->hosts) {
        inventory_touch_host(inv, host);
    }
    struct segment_node *segment;
    HMAP_FOR_EACH (segment, id_node, &inv->segments) {
        inventory_touch_segment(inv, segment);
    }
    struct endpoint_node *endpoint;
    HMAP_FOR_EACH (endpoint, id_node, &inv->endpoints) {
        inventory_touch_endpoint(inv, endpoint);
    }
}

/* Standing. */

static uint32_t
hash_in_segment(const struct segment_node *segment, uint32_t hash)
{
    return hash_2words(hash_pointer(segment, 0), hash);
}

uint32_t
inventory_mac_hash(const struct segment_node *segment,
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

/* All of an endpoint's standing but rule 3. */
static enum endpoint_standing
endpoint_references(const struct inventory *inv, const struct endpoint *e)
{
    const struct segment_node *by;

    switch (inventory_segment_standing(inv, e->segment, &by)) {
    case SEGMENT_SERVED:
        return e->host->known || e->host->self ? ENDPOINT_SERVED
                                               : ENDPOINT_UNKNOWN_HOST;
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
    HMAP_FOR_EACH_WITH_HASH (other, mac_node,
                             inventory_mac_hash(e->segment, e->mac),
                             &inv->macs) {
        if (other != e && other->segment == e->segment
            && eth_addr_equals(other->mac, e->mac)
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
    int cmp = strcmp(a->endpoint->node->id, b->endpoint->node->id);
    return cmp ? cmp < 0 : eth_addr_compare_3way(a->mac, b->mac) < 0;
}

enum claim_standing
inventory_claim_standing(const struct inventory *inv, const struct claim *c,
                         const struct endpoint **by)
{
    const struct claim *other, *best = c;
    bool shared = false;

    *by = NULL;
    if (c->plen != 128) {
        return CLAIM_PREFIX;
    }
    HMAP_FOR_EACH_WITH_HASH (other, node,
                             inventory_claim_hash(c->endpoint->segment,
                                                  &c->ip),
                             &inv->claims) {
        if (other == c || other->endpoint->segment != c->endpoint->segment
            || !ipv6_addr_equals(&other->ip, &c->ip)
            || !endpoint_is_served(inv, other->endpoint)) {
            continue;
        }
        if (other->endpoint != c->endpoint && other->kind == CLAIM_PAIR) {
            shared = true;
        }
        if (claim_precedes(other, best)) {
            best = other;
        }
    }
    if (best->kind == CLAIM_PAIR && shared) {
        return CLAIM_SHARED;
    }
    if (best != c) {
        *by = best->endpoint;
        return CLAIM_TAKEN;
    }
    return CLAIM_HELD;
}

bool
inventory_pair_mac_is_held(const struct inventory *inv,
                           const struct pair_mac *pm)
{
    const struct segment_node *segment = pm->endpoint->segment;
    uint32_t hash = inventory_mac_hash(segment, pm->mac);
    const struct endpoint *e;
    const struct pair_mac *other;

    HMAP_FOR_EACH_WITH_HASH (e, mac_node, hash, &inv->macs) {
        if (e->segment == segment && eth_addr_equals(e->mac, pm->mac)
            && endpoint_is_served(inv, e)) {
            return false;
        }
    }
    HMAP_FOR_EACH_WITH_HASH (other, node, hash, &inv->pair_macs) {
        if (other->endpoint != pm->endpoint
            && other->endpoint->segment == segment
            && eth_addr_equals(other->mac, pm->mac)
            && endpoint_is_served(inv, other->endpoint)) {
            return false;
        }
    }
    return true;
}
