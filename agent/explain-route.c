/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-path.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/local-address.h"
#include "core/routing.h"
#include "packets.h"
#include "util.h"

/* From one segment to another. */

/* The subnet of the endpoint's segment that its address is in. */
static const struct subnet *
find_own_subnet(const struct claim *c)
{
    const struct segment_object *o = &claim_endpoint(c)->segment->object;

    for (size_t i = 0; i < o->n_subnets; i++) {
        if (ip_prefix_contains(&o->subnets[i].cidr, &c->ip)) {
            return &o->subnets[i];
        }
    }
    return NULL;
}

/* Has the endpoint a gateway to send to, and to hear from? */
static bool
explain_gateway(const struct claim *c, struct explanation *x)
{
    const struct endpoint *e = claim_endpoint(c);
    const struct subnet *subnet = find_own_subnet(c);
    char ip[INET6_ADDRSTRLEN];

    if (subnet && subnet->has_gateway) {
        return true;
    }
    local_address_format(&c->ip, ip);
    explanation_stop(x, "router", "no-gateway",
                     "Correct the segment's \"subnets\"",
                     "segment \"%s\" has no subnet with a gateway that the "
                     "address %s of \"%s\" is in", e->segment->id, ip,
                     e->node->id);
    return false;
}

/* A route that would lead there if it were of any use? */
static bool
explain_unused_route(const struct routing *r, const char *ip,
                     const struct in6_addr *addr, struct explanation *x)
{
    for (size_t i = r->n_routes; i-- > 0; ) {
        const struct routed_route *route = &r->routes[i];
        char *why = routed_route_why_not(route);

        if (why && ip_prefix_contains(&route->route->cidr, addr)) {
            char *prefix = ip_prefix_to_string(&route->route->cidr);

            explanation_stop(x, "router", "unresolved-route",
                             "Correct the router's \"routes\"",
                             "router \"%s\" does not use its route %s, which "
                             "would lead to %s: %s", r->router->id, prefix,
                             ip, why);
            free(prefix);
            free(why);
            return true;
        }
        free(why);
    }
    return false;
}

static bool
explain_subnet(const struct agent *agent, const struct routing *r,
               const struct routed_subnet *s, const struct claim *to,
               struct explanation *x)
{
    const struct segment_node *segment = claim_endpoint(to)->segment;
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&to->ip, ip);
    if (s && s->segment == segment) {
        return explain_address(agent, to, x);
    } else if (s) {
        explanation_stop(x, "router", "other-segment",
                         "Give the segments subnets that do not overlap",
                         "router \"%s\" has %s in a subnet of segment \"%s\", "
                         "not of \"%s\"", r->router->id, ip, s->segment->id,
                         segment->id);
    } else if (!explain_unused_route(r, ip, &to->ip, x)
               && explain_gateway(to, x)) {
        explanation_stop(x, "router", "no-route",
                         "Add the subnet to its segment, or a route to the "
                         "router", "router \"%s\" has no route to %s",
                         r->router->id, ip);
    }
    return false;
}

/* By one address of each. */
static bool
explain_pair(const struct agent *agent, const struct routing *r,
             const struct claim *from, const struct claim *to,
             struct explanation *x, struct routed_way *way)
{
    const struct routed_route *route;
    const struct routed_subnet *s = routing_find(r, &to->ip, &route);

    if (!explain_address(agent, from, x) || !explain_gateway(from, x)
        || (!route && !explain_subnet(agent, r, s, to, x))) {
        return false;
    }
    way->router = r->router;
    way->segment = route ? route->subnet->segment : s->segment;
    way->hop = claim_endpoint(route ? route->via : to)->node;
    way->src_ip = from->ip;
    way->dst_ip = to->ip;
    if (way->hop == claim_endpoint(from)->node) {
        explanation_stop(x, "router", "route-to-sender",
                         "Correct the router's \"routes\"",
                         "router \"%s\" has a route there by way of \"%s\" "
                         "itself", r->router->id, way->hop->id);
        return false;
    }

    char ip[INET6_ADDRSTRLEN];
    local_address_format(&to->ip, ip);
    explanation_ok(x, "router", "\"%s\" routes %s to \"%s\" in segment "
                   "\"%s\"", r->router->id, ip, way->hop->id,
                   way->segment->id);
    return true;
}

/* By IPv4 or IPv6; of both, what is wrong with the first is told. */
static bool
explain_families(const struct agent *agent, const struct routing *r,
                 const struct endpoint_node *from,
                 const struct endpoint_node *to, struct explanation *x,
                 struct routed_way *way)
{
    const struct claim *first[2] = { NULL, NULL };

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct claim *a = explain_choose_address(agent, from->endpoint,
                                                       ipv6);
        const struct claim *b = explain_choose_address(agent, to->endpoint,
                                                       ipv6);

        if (a && b) {
            struct explanation scratch;
            bool ok;

            explanation_init(&scratch);
            ok = explain_pair(agent, r, a, b, &scratch, way);
            explanation_destroy(&scratch);
            if (ok || !first[0]) {
                first[0] = a;
                first[1] = b;
            }
            if (ok) {
                break;
            }
        }
    }
    if (!first[0]) {
        explanation_stop(x, "router", "no-common-family",
                         "Give both addresses of one family",
                         "\"%s\" and \"%s\" have no addresses of one family, "
                         "without which nothing can be routed", from->id,
                         to->id);
        return false;
    }
    return explain_pair(agent, r, first[0], first[1], x, way);
}

static void
stop_without_router(const struct endpoint_node *from,
                    const struct router_node *a,
                    const struct endpoint_node *to,
                    const struct router_node *b, struct explanation *x)
{
    const char *segments[] = { from->endpoint->segment->id,
                               to->endpoint->segment->id };

    if (a && b) {
        explanation_stop(x, "router", "other-router",
                         "Have one router join both segments",
                         "segment \"%s\" belongs to router \"%s\", segment "
                         "\"%s\" to router \"%s\"", segments[0], a->id,
                         segments[1], b->id);
    } else if (a || b) {
        explanation_stop(x, "router", "no-router",
                         "Have the router join both segments",
                         "segment \"%s\" belongs to router \"%s\", segment "
                         "\"%s\" to none", segments[!a], (a ? a : b)->id,
                         segments[a != NULL]);
    } else {
        explanation_stop(x, "segment", "different-segments",
                         "A router that joins both, or endpoints in one "
                         "segment, are needed",
                         "\"%s\" is in segment \"%s\", \"%s\" in \"%s\"",
                         from->id, segments[0], to->id, segments[1]);
    }
}

bool
explain_route(const struct agent *agent, const struct endpoint_node *from,
              const struct endpoint_node *to, struct explanation *x,
              struct routed_way *way)
{
    const struct segment_node *segment = from->endpoint->segment;
    const struct router_node *a, *b;
    struct routing routing;
    bool ok;

    memset(way, 0, sizeof *way);
    if (segment == to->endpoint->segment) {
        return true;
    }
    a = inventory_segment_router(agent->inventory, segment);
    b = inventory_segment_router(agent->inventory, to->endpoint->segment);
    if (!a || a != b) {
        stop_without_router(from, a, to, b, x);
        return false;
    }
    routing_init(&routing, agent->inventory, a);
    ok = explain_families(agent, &routing, from, to, x, way);
    routing_destroy(&routing);
    return ok;
}
