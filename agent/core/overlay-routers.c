/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "core/routing.h"
#include "hash.h"
#include "packets.h"
#include "util.h"

/* Routers: which segments they make live, and their flows.
 *
 * Which router joins a segment says the inventory.  What is kept here is what
 * that has led to: the live segments of a router, and those of them that
 * endpoints are plugged into.  The first makes all its segments live, the last
 * one ends that. */

static void
router_flows(const void *record, flow_cb *cb, void *aux)
{
    router_record_flows(record, cb, aux);
}

static void
mark_router_dirty(struct overlay *ov, struct live_router *lr)
{
    if (ovs_list_is_empty(&lr->dirty_list)) {
        ovs_list_push_back(&ov->dirty_routers, &lr->dirty_list);
    }
}

static struct live_router *
get_live_router(struct overlay *ov, struct router_node *router)
{
    struct live_router *lr = router->live;

    if (!lr) {
        lr = xzalloc(sizeof *lr);
        lr->router = inventory_ref_router(ov->inventory, router->id);
        ovs_list_init(&lr->dirty_list);
        ovs_list_init(&lr->segments);
        ovs_list_init(&lr->plugged);
        hmap_init(&lr->peers);
        hmap_insert(&ov->live_routers, &lr->node, hash_pointer(router, 0));
        router->live = lr;
    }
    return lr;
}

static void
destroy_live_router(struct overlay *ov, struct live_router *lr)
{
    ovs_assert(ovs_list_is_empty(&lr->plugged) && !lr->record);
    ovs_list_remove(&lr->dirty_list);
    hmap_remove(&ov->live_routers, &lr->node);
    hmap_destroy(&lr->peers);
    lr->router->live = NULL;
    inventory_unref_router(ov->inventory, lr->router);
    free(lr);
}

/* Liveness. */

static bool
is_live(const struct live_router *lr)
{
    return !ovs_list_is_empty(&lr->plugged);
}

/* All segments that the router joins are live from now on, or none is for its
 * sake. */
static void
update_segments(struct overlay *ov, struct live_router *lr)
{
    const struct router_node *router = lr->router;
    struct live_segment *ls;

    for (size_t i = 0; is_live(lr) && i < router->object.n_segments; i++) {
        struct segment_node *segment = router->joins[i].segment;

        if (inventory_segment_router(ov->inventory, segment) == router) {
            overlay_get_live_segment(ov, segment);
        }
    }
    LIST_FOR_EACH (ls, router_list, &lr->segments) {
        overlay_update_live(ov, ls);
    }
}

/* Counts the segment among the router's that have plugged endpoints, or not. */
static void
set_plugged(struct overlay *ov, struct live_segment *ls,
            struct live_router *lr, bool plugged)
{
    bool before = is_live(lr);

    if (plugged == ovs_list_is_empty(&ls->plugged_list)) {
        ovs_list_remove(&ls->plugged_list);
        ovs_list_init(&ls->plugged_list);
        if (plugged) {
            ovs_list_push_back(&lr->plugged, &ls->plugged_list);
        }
    }
    if (before != is_live(lr)) {
        update_segments(ov, lr);
        mark_router_dirty(ov, lr);
    }
}

void
overlay_segment_plugged(struct overlay *ov, struct live_segment *ls)
{
    if (ls->router) {
        set_plugged(ov, ls, ls->router, ls->n_plugged > 0);
        overlay_update_inbound(ov, ls);
    }
}

void
overlay_leave_router(struct overlay *ov, struct live_segment *ls)
{
    struct live_router *lr = ls->router;
    const struct segment_peer *peer;

    if (lr) {
        ls->router = NULL;
        ovs_list_remove(&ls->router_list);
        overlay_update_inbound(ov, ls);
        set_plugged(ov, ls, lr, false);
        HMAP_FOR_EACH (peer, node, &ls->peers) {
            overlay_remove_router_peer(ov, lr, peer->link->peer);
        }
        mark_router_dirty(ov, lr);
    }
}

static void
join_router(struct overlay *ov, struct live_segment *ls,
            struct live_router *lr)
{
    const struct segment_peer *peer;

    ls->router = lr;
    ovs_list_push_back(&lr->segments, &ls->router_list);
    HMAP_FOR_EACH (peer, node, &ls->peers) {
        overlay_add_router_peer(ov, lr, peer->link->peer);
    }
    set_plugged(ov, ls, lr, ls->n_plugged > 0);
    mark_router_dirty(ov, lr);
}

void
overlay_update_router(struct overlay *ov, struct segment_node *segment)
{
    struct live_segment *ls = segment->live;
    struct router_node *router = inventory_segment_router(ov->inventory,
                                                          segment);

    if (!ls) {
        if (router && router->live && is_live(router->live)) {
            overlay_get_live_segment(ov, segment);
        }
        return;
    }
    if ((ls->router ? ls->router->router : NULL) != router) {
        overlay_leave_router(ov, ls);
        if (router) {
            join_router(ov, ls, get_live_router(ov, router));
        }
    }
    overlay_update_live(ov, ls);
    overlay_update_inbound(ov, ls);
}

/* Flows. */

static void
update_record(struct overlay *ov, struct live_router *lr)
{
    struct router_record *new = NULL;

    if (is_live(lr)) {
        struct routing routing;

        routing_init(&routing, ov->inventory, lr->router);
        new = routing_to_record(&routing);
        routing_destroy(&routing);
    }
    if (!new || !lr->record || !router_record_equals(lr->record, new)) {
        overlay_tell_flows(ov, router_flows, lr->record, new);
    }
    router_record_destroy(lr->record);
    lr->record = new;
}

void
overlay_router_touched(struct overlay *ov, struct router_node *router)
{
    if (router->live) {
        mark_router_dirty(ov, router->live);
    }
    overlay_report_router(ov, router);
}

void
overlay_run_routers(struct overlay *ov)
{
    while (!ovs_list_is_empty(&ov->dirty_routers)) {
        struct live_router *lr = CONTAINER_OF(
            ovs_list_pop_front(&ov->dirty_routers), struct live_router,
            dirty_list);

        ovs_list_init(&lr->dirty_list);
        update_record(ov, lr);
        if (ovs_list_is_empty(&lr->segments)) {
            destroy_live_router(ov, lr);
        }
    }
}

/* Reports. */

static void
report_joins(struct overlay *ov, const struct router_node *router)
{
    for (size_t i = 0; i < router->object.n_segments; i++) {
        const struct segment_node *segment = router->joins[i].segment, *by;
        const struct router_node *other
            = inventory_segment_router(ov->inventory, segment);

        if (!segment->known) {
            conflicts_add(&ov->conflicts, "router \"%s\": segment \"%s\" is "
                          "not in the inventory; not joined", router->id,
                          segment->id);
        } else if (inventory_segment_standing(ov->inventory, segment, &by)
                   != SEGMENT_SERVED) {
            conflicts_add(&ov->conflicts, "router \"%s\": segment \"%s\" is "
                          "not served; not joined", router->id, segment->id);
        } else if (other != router) {
            conflicts_add(&ov->conflicts, "router \"%s\": segment \"%s\" "
                          "belongs to router \"%s\", whose id is lower; not "
                          "joined", router->id, segment->id, other->id);
        }
    }
}

static void
report_subnets(struct overlay *ov, const struct routing *r)
{
    for (size_t i = 0; i < r->n_subnets; i++) {
        const struct routed_subnet *s = &r->subnets[i];
        char *prefix = ip_prefix_to_string(&s->subnet->cidr);

        if (s->same && s->same->segment != s->segment) {
            conflicts_add(&ov->conflicts, "router \"%s\": subnet %s of "
                          "segment \"%s\" is that of segment \"%s\", whose id "
                          "is lower; not routed", r->router->id, prefix,
                          s->segment->id, s->same->segment->id);
        } else if (s->within && s->within->segment != s->segment) {
            char *around = ip_prefix_to_string(&s->within->subnet->cidr);

            conflicts_add(&ov->conflicts, "router \"%s\": subnet %s of "
                          "segment \"%s\" lies in %s of segment \"%s\", whose "
                          "addresses in it cannot be reached", r->router->id,
                          prefix, s->segment->id, around,
                          s->within->segment->id);
            free(around);
        }
        free(prefix);
    }
}

static void
report_routes(struct overlay *ov, const struct routing *r)
{
    for (size_t i = 0; i < r->n_routes; i++) {
        const struct routed_route *route = &r->routes[i];
        char *why = routed_route_why_not(route);

        if (why) {
            char *prefix = ip_prefix_to_string(&route->route->cidr);
            char via[INET6_ADDRSTRLEN];

            ipv6_string_mapped(via, &route->route->via);
            conflicts_add(&ov->conflicts, "router \"%s\": route %s via %s is "
                          "not used: %s", r->router->id, prefix, via, why);
            free(prefix);
            free(why);
        }
    }
}

void
overlay_report_router(struct overlay *ov, const struct router_node *router)
{
    struct routing routing;

    routing_init(&routing, ov->inventory, router);
    conflicts_begin(&ov->conflicts);
    report_joins(ov, router);
    report_subnets(ov, &routing);
    report_routes(ov, &routing);
    conflicts_end(&ov->conflicts, "router", router->id);
    routing_destroy(&routing);
}
