/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "core/conflicts.h"
#include "core/overlay.h"
#include "core/routing.h"
#include "packets.h"
#include "svec.h"
#include "util.h"

/* Routers: what each joins, and where its routes lead. */

static const struct listing_column router_columns[] = {
    { "ROUTER", "id" },
    { NULL, "revision" },
    { "MAC", "mac" },
    { "SEGMENTS", "segments" },
    { "SUBNETS", NULL },
    { NULL, "subnets" },
    { "ROUTES", NULL },
    { NULL, "routes" },
    { "CONFLICTS", NULL },
    { NULL, "conflicts" },
    { "HERE", NULL },
    { NULL, "live" },
};

/* Only those that it joins: conflicts tell of the others. */
static void
put_segments(struct listing *l, const struct routing *r)
{
    struct svec ids = SVEC_EMPTY_INITIALIZER;

    for (size_t i = 0; i < r->n_segments; i++) {
        svec_add(&ids, r->segments[i]->id);
    }
    svec_sort(&ids);
    listing_put_strings(l, &ids);
    svec_destroy(&ids);
}

static void
put_subnets(struct listing *l, const struct routing *r)
{
    struct svec texts = SVEC_EMPTY_INITIALIZER;
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < r->n_subnets; i++) {
        const struct routed_subnet *s = &r->subnets[i];
        struct json *object = json_object_create();
        char *cidr = ip_prefix_to_string(&s->subnet->cidr);
        char gateway[INET6_ADDRSTRLEN];

        local_address_format(&s->subnet->gateway, gateway);
        svec_add_nocopy(&texts, xasprintf("%s gateway %s%s", cidr, gateway,
                                          s->same ? " (not routed)" : ""));
        json_object_put_string(object, "cidr", cidr);
        json_object_put_string(object, "gateway", gateway);
        json_object_put_string(object, "segment", s->segment->id);
        json_object_put(object, "routed", json_boolean_create(!s->same));
        json_array_add(array, object);
        free(cidr);
    }
    listing_put_strings(l, &texts);
    listing_put_json(l, array);
    svec_destroy(&texts);
}

static struct json *
string_or_null(const char *s)
{
    return s ? json_string_create(s) : json_null_create();
}

static void
put_routes(struct listing *l, const struct routing *r)
{
    struct svec texts = SVEC_EMPTY_INITIALIZER;
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < r->n_routes; i++) {
        const struct routed_route *route = &r->routes[i];
        bool used = route->state == ROUTE_OK;
        const char *endpoint = used ? claim_endpoint(route->via)->node->id
                                    : NULL;
        struct json *object = json_object_create();
        char *cidr = ip_prefix_to_string(&route->route->cidr);
        char *why = routed_route_why_not(route);
        char via[INET6_ADDRSTRLEN];

        local_address_format(&route->route->via, via);
        svec_add_nocopy(&texts, xasprintf("%s via %s (%s)", cidr, via,
                                          used ? endpoint : "not used"));
        json_object_put_string(object, "cidr", cidr);
        json_object_put_string(object, "via", via);
        json_object_put(object, "endpoint", string_or_null(endpoint));
        json_object_put(object, "segment", string_or_null(
            used ? route->subnet->segment->id : NULL));
        json_object_put(object, "reason", string_or_null(why));
        json_array_add(array, object);
        free(cidr);
        free(why);
    }
    listing_put_strings(l, &texts);
    listing_put_json(l, array);
    svec_destroy(&texts);
}

static void
put_conflicts(struct listing *l, const struct svec *all, const char *id)
{
    struct json *array = json_array_create_empty();
    char *subject = xasprintf("router \"%s\": ", id);
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++) {
        if (!strncmp(all->names[i], subject, strlen(subject))) {
            json_array_add(array, listing_string_to_json(all->names[i]));
            n++;
        }
    }
    listing_put_number(l, n);
    listing_put_json(l, array);
    free(subject);
}

static void
put_router(struct listing *l, const struct agent *agent,
           const struct router_node *router, const struct svec *conflicts)
{
    struct routing r;

    routing_init(&r, agent->inventory, router);
    listing_put_string(l, router->id);
    listing_put_number(l, router->revision);
    listing_put_nocopy(l, xasprintf(ETH_ADDR_FMT,
                                    ETH_ADDR_ARGS(router->object.mac)));
    put_segments(l, &r);
    put_subnets(l, &r);
    put_routes(l, &r);
    put_conflicts(l, conflicts, router->id);
    listing_put_string(l, overlay_router_is_live(router) ? "live" : NULL);
    listing_put_flag(l, overlay_router_is_live(router));
    routing_destroy(&r);
}

void
report_routers(const struct agent *agent, bool json, struct ds *s)
{
    size_t n;
    const struct router_node **routers
        = inventory_sorted_routers(agent->inventory, &n);
    struct svec conflicts = SVEC_EMPTY_INITIALIZER;
    struct listing *l = listing_create(router_columns,
                                       ARRAY_SIZE(router_columns), json);

    conflicts_get(overlay_conflicts(agent->overlay), &conflicts);
    for (size_t i = 0; i < n; i++) {
        put_router(l, agent, routers[i], &conflicts);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    svec_destroy(&conflicts);
    free(routers);
}
