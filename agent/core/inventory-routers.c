/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* What is known of a router changes. */

/* Who joined a segment before. */
struct joined {
    struct segment_node *segment;   /* Held. */
    const struct router_node *router;
};

static void
free_router(struct router_object *o)
{
    for (size_t i = 0; i < o->n_segments; i++) {
        free(o->segments[i]);
    }
    free(o->segments);
    free(o->routes);
    memset(o, 0, sizeof *o);
}

static struct joined *
note_joined(struct inventory *inv, const struct router_object *o)
{
    struct joined *joined = xcalloc(o->n_segments, sizeof *joined);

    for (size_t i = 0; i < o->n_segments; i++) {
        joined[i].segment = inventory_ref_segment(inv, o->segments[i]);
        joined[i].router = inventory_segment_router(inv, joined[i].segment);
    }
    return joined;
}

/* Those who look at a segment by its router look again, where that is another
 * one now. */
static void
touch_joined(struct inventory *inv, struct joined *joined, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct segment_node *segment = joined[i].segment;

        if (inventory_segment_router(inv, segment) != joined[i].router) {
            inventory_touch_segment_and_endpoints(inv, segment);
        }
        inventory_unref_segment(inv, segment);
    }
    free(joined);
}

/* Whoever has the router's MAC, or the address that follows from it, may be
 * served no more, or from now on. */
static void
touch_mac(struct inventory *inv, const struct router_node *router)
{
    struct in6_addr lla;

    in6_generate_lla(router->object.mac, &lla);
    for (size_t i = 0; i < router->object.n_segments; i++) {
        const struct segment_node *segment = router->joins[i].segment;

        inventory_touch_mac(inv, segment, router->object.mac);
        inventory_touch_address(inv, segment, &lla);
    }
}

/* The other routers of a segment may be in this one's place. */
static void
touch_routers_of(struct inventory *inv, const struct segment_node *segment)
{
    const struct router_join *join;

    LIST_FOR_EACH (join, node, &segment->routers) {
        inventory_touch_router(inv, join->router);
    }
}

static void
leave_segments(struct inventory *inv, struct router_node *router)
{
    for (size_t i = 0; i < router->object.n_segments; i++) {
        struct router_join *join = &router->joins[i];

        touch_routers_of(inv, join->segment);
        ovs_list_remove(&join->node);
        inventory_unref_segment(inv, join->segment);
    }
    free(router->joins);
    router->joins = NULL;
}

static void
join_segments(struct inventory *inv, struct router_node *router)
{
    const struct router_object *o = &router->object;

    router->joins = xcalloc(o->n_segments, sizeof *router->joins);
    for (size_t i = 0; i < o->n_segments; i++) {
        struct router_join *join = &router->joins[i];

        join->router = router;
        join->segment = inventory_ref_segment(inv, o->segments[i]);
        ovs_list_push_back(&join->segment->routers, &join->node);
        touch_routers_of(inv, join->segment);
    }
}

static void
forget_vias(struct inventory *inv, struct router_node *router)
{
    for (size_t i = 0; i < router->n_vias; i++) {
        hmap_remove(&inv->vias, &router->vias[i].node);
    }
    free(router->vias);
    router->vias = NULL;
    router->n_vias = 0;
}

static int
compare_vias(const void *a_, const void *b_)
{
    const struct router_via *a = a_;
    const struct router_via *b = b_;

    return memcmp(&a->ip, &b->ip, sizeof a->ip);
}

static void
learn_vias(struct inventory *inv, struct router_node *router)
{
    const struct router_object *o = &router->object;
    struct router_via *vias = xcalloc(o->n_routes, sizeof *vias);
    size_t n = 0;

    for (size_t i = 0; i < o->n_routes; i++) {
        vias[i].router = router;
        vias[i].ip = o->routes[i].via;
    }
    qsort(vias, o->n_routes, sizeof *vias, compare_vias);
    for (size_t i = 0; i < o->n_routes; i++) {
        if (!n || !ipv6_addr_equals(&vias[n - 1].ip, &vias[i].ip)) {
            vias[n++].ip = vias[i].ip;
        }
    }
    for (size_t i = 0; i < n; i++) {
        hmap_insert(&inv->vias, &vias[i].node,
                    inventory_via_hash(router, &vias[i].ip));
    }
    router->vias = vias;
    router->n_vias = n;
}

/* Takes over what 'object' holds. */
void
inventory_change_router(struct inventory *inv, struct router_node *router,
                        struct object *object)
{
    static const struct router_object nothing;
    const struct router_object *new = object ? &object->router : &nothing;
    size_t n_old = router->object.n_segments, n_new = new->n_segments;
    struct joined *before = note_joined(inv, &router->object);
    struct joined *after = note_joined(inv, new);
    bool same_mac = router->known
                    && eth_addr_equals(router->object.mac, new->mac);

    inv->seqno++;
    inventory_touch_router(inv, router);
    if (!same_mac) {
        touch_mac(inv, router);
    }
    leave_segments(inv, router);
    forget_vias(inv, router);
    free_router(&router->object);
    inv->n_known[OBJECT_ROUTER] += (object != NULL) - router->known;
    router->known = object != NULL;
    if (object) {
        router->object = object->router;
        router->revision = object->revision;
        memset(&object->router, 0, sizeof object->router);
        join_segments(inv, router);
        learn_vias(inv, router);
    }
    if (!same_mac) {
        touch_mac(inv, router);
    }
    touch_joined(inv, before, n_old);
    touch_joined(inv, after, n_new);
}

bool
inventory_router_equals(const struct router_node *node,
                        const struct router_object *o)
{
    const struct router_object *k = &node->object;

    if (!node->known || !eth_addr_equals(k->mac, o->mac)
        || k->n_segments != o->n_segments || k->n_routes != o->n_routes) {
        return false;
    }
    for (size_t i = 0; i < o->n_segments; i++) {
        if (strcmp(k->segments[i], o->segments[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < o->n_routes; i++) {
        const struct route *a = &k->routes[i], *b = &o->routes[i];

        if (!ipv6_addr_equals(&a->cidr.addr, &b->cidr.addr)
            || a->cidr.plen != b->cidr.plen
            || !ipv6_addr_equals(&a->via, &b->via)) {
            return false;
        }
    }
    return true;
}
