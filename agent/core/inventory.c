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

    inv->max_objects = INVENTORY_MAX_OBJECTS;
    hmap_init(&inv->hosts);
    hmap_init(&inv->segments);
    hmap_init(&inv->routers);
    hmap_init(&inv->endpoints);
    hmap_init(&inv->addresses);
    hmap_init(&inv->vnis);
    hmap_init(&inv->claims);
    hmap_init(&inv->pair_macs);
    hmap_init(&inv->vias);
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        hmap_init(&inv->staged[i]);
    }
    hmap_init(&inv->tombstones);
    ovs_list_init(&inv->tombstones_by_age);
    return inv;
}

static void
remove_known(struct inventory *inv, const struct known *k,
             void *aux OVS_UNUSED)
{
    inventory_delete_known(inv, k);
}

void
inventory_destroy(struct inventory *inv)
{
    if (!inv) {
        return;
    }

    inventory_free_lists(inv);
    inventory_for_each_known(inv, remove_known, NULL);
    inventory_unbury_all(inv);
    struct host_node *host;
    while ((host = inventory_next_touched_host(inv))) {
        inventory_unref_host(inv, host);
    }
    struct segment_node *segment;
    while ((segment = inventory_next_touched_segment(inv))) {
        inventory_unref_segment(inv, segment);
    }
    struct router_node *router;
    while ((router = inventory_next_touched_router(inv))) {
        inventory_unref_router(inv, router);
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
    ovs_assert(hmap_is_empty(&inv->routers));
    ovs_assert(hmap_is_empty(&inv->endpoints));

    free(inv->touched_hosts.items);
    free(inv->touched_segments.items);
    free(inv->touched_routers.items);
    free(inv->touched_endpoints.items);
    free(inv->round.items);
    hmap_destroy(&inv->hosts);
    hmap_destroy(&inv->segments);
    hmap_destroy(&inv->routers);
    hmap_destroy(&inv->endpoints);
    hmap_destroy(&inv->addresses);
    hmap_destroy(&inv->vnis);
    hmap_destroy(&inv->claims);
    hmap_destroy(&inv->pair_macs);
    hmap_destroy(&inv->vias);
    hmap_destroy(&inv->tombstones);
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
DEFINE_SORTED(routers, struct router_node, routers, node->known)
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

uint32_t
inventory_next_list(const struct inventory *inv)
{
    return inv->list + 1;
}

uint64_t
inventory_seqno(const struct inventory *inv)
{
    return inv->seqno;
}

/* Nodes of hosts, segments and routers. */

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
        hmap_init(&node->endpoints);
        ovs_list_init(&node->routers);
        hmap_insert(&inv->segments, &node->id_node, hash_string(id, 0));
    }
    node->n_refs++;
    return node;
}

void
inventory_unref_segment(struct inventory *inv, struct segment_node *node)
{
    ovs_assert(node->n_refs);
    if (!--node->n_refs && !node->known) {
        ovs_assert(!node->live);
        hmap_remove(&inv->segments, &node->id_node);
        hmap_destroy(&node->endpoints);
        free(node);
    }
}

struct router_node *
inventory_ref_router(struct inventory *inv, const char *id)
{
    struct router_node *node = inventory_find_router(inv, id);

    if (!node) {
        size_t len = strlen(id);

        node = xzalloc(sizeof *node + len + 1);
        memcpy(node->id, id, len + 1);
        hmap_insert(&inv->routers, &node->id_node, hash_string(id, 0));
    }
    node->n_refs++;
    return node;
}

void
inventory_unref_router(struct inventory *inv, struct router_node *node)
{
    ovs_assert(node->n_refs);
    if (!--node->n_refs && !node->known) {
        ovs_assert(!node->live);
        hmap_remove(&inv->routers, &node->id_node);
        free(node);
    }
}

void
inventory_release_endpoint(struct inventory *inv, struct endpoint_node *node)
{
    if (!node->endpoint && !node->installed && !node->touched
        && !node->waiting && !node->local && !node->staged) {
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

    const struct router_join *join;
    LIST_FOR_EACH (join, node, &node->routers) {
        inventory_touch_router(inv, join->router);
    }
}

void
inventory_touch_router(struct inventory *inv, struct router_node *node)
{
    if (!node->touched) {
        node->touched = true;
        node->n_refs++;
        queue_push(&inv->touched_routers, node);
    }
}

/* Where a route leads to may have another owner now. */
static void
touch_routes_via(struct inventory *inv, const struct router_node *router,
                 const struct in6_addr *ip)
{
    struct router_via *via;

    HMAP_FOR_EACH_WITH_HASH (via, node, inventory_via_hash(router, ip),
                             &inv->vias) {
        if (via->router == router && ipv6_addr_equals(&via->ip, ip)) {
            inventory_touch_router(inv, via->router);
        }
    }
}

static void
touch_routes_to(struct inventory *inv, const struct endpoint *e)
{
    const struct router_join *join;

    LIST_FOR_EACH (join, node, &e->segment->routers) {
        for (size_t i = 0; i < e->n_claims && join->router->n_vias; i++) {
            touch_routes_via(inv, join->router, &e->claims[i].ip);
        }
    }
}

void
inventory_touch_endpoint(struct inventory *inv, struct endpoint_node *node)
{
    if (node->endpoint) {
        touch_routes_to(inv, node->endpoint);
    }
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

struct router_node *
inventory_next_touched_router(struct inventory *inv)
{
    struct router_node *node = queue_pop(&inv->touched_routers);

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
           || inv->touched_routers.n || inv->touched_endpoints.n
           || inv->round.n;
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
    struct router_node *router;
    HMAP_FOR_EACH (router, id_node, &inv->routers) {
        inventory_touch_router(inv, router);
    }
    struct endpoint_node *endpoint;
    HMAP_FOR_EACH (endpoint, id_node, &inv->endpoints) {
        inventory_touch_endpoint(inv, endpoint);
    }
}
