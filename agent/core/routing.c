/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/routing.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Prefixes. */

/* "::/0" has no IPv4 address in it, however these are kept. */
static int
compare_families(const struct in6_addr *a, const struct in6_addr *b)
{
    return (int) IN6_IS_ADDR_V4MAPPED(a) - (int) IN6_IS_ADDR_V4MAPPED(b);
}

bool
ip_prefix_contains(const struct ip_prefix *p, const struct in6_addr *ip)
{
    struct in6_addr mask = ipv6_create_mask(p->plen);
    struct in6_addr network = ipv6_addr_bitand(ip, &mask);

    return !compare_families(&p->addr, ip)
           && ipv6_addr_equals(&network, &p->addr);
}

static bool
prefix_equals(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->plen == b->plen && ipv6_addr_equals(&a->addr, &b->addr);
}

/* What is around a prefix is before it, the longest last. */
static int
compare_prefixes(const struct ip_prefix *a, const struct ip_prefix *b)
{
    int cmp = compare_families(&a->addr, &b->addr);

    if (!cmp) {
        cmp = memcmp(&a->addr, &b->addr, sizeof a->addr);
    }
    return cmp ? cmp : (int) a->plen - b->plen;
}

static const struct ip_prefix *
subnet_prefix(const struct routed_subnet *s)
{
    return &s->subnet->cidr;
}

static const struct ip_prefix *
route_prefix(const struct routed_route *r)
{
    return &r->route->cidr;
}

/* Segments. */

static uint64_t
metadata_of(const struct segment_node *segment)
{
    return segment_metadata(segment->object.vni, segment->object.encap);
}

static int
compare_segments(const void *a_, const void *b_)
{
    uint64_t a = metadata_of(*(const struct segment_node *const *) a_);
    uint64_t b = metadata_of(*(const struct segment_node *const *) b_);

    return a < b ? -1 : a > b;
}

static void
find_segments(struct routing *r, const struct inventory *inv)
{
    const struct router_node *router = r->router;

    r->segments = xcalloc(router->object.n_segments, sizeof *r->segments);
    for (size_t i = 0; i < router->object.n_segments; i++) {
        const struct segment_node *segment = router->joins[i].segment;

        if (inventory_segment_router(inv, segment) == router) {
            r->segments[r->n_segments++] = segment;
        }
    }
    qsort(r->segments, r->n_segments, sizeof *r->segments, compare_segments);
}

/* Subnets. */

static int
compare_subnets(const void *a_, const void *b_)
{
    const struct routed_subnet *a = a_;
    const struct routed_subnet *b = b_;
    int cmp = compare_prefixes(subnet_prefix(a), subnet_prefix(b));

    if (!cmp) {
        cmp = strcmp(a->segment->id, b->segment->id);
    }
    return cmp ? cmp : memcmp(&a->subnet->gateway, &b->subnet->gateway,
                              sizeof a->subnet->gateway);
}

static void
collect_subnets(struct routing *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_segments; i++) {
        n += r->segments[i]->object.n_subnets;
    }
    r->subnets = xcalloc(n, sizeof *r->subnets);
    for (size_t i = 0; i < r->n_segments; i++) {
        const struct segment_object *o = &r->segments[i]->object;

        for (size_t j = 0; j < o->n_subnets; j++) {
            if (o->subnets[j].has_gateway) {
                r->subnets[r->n_subnets++] = (struct routed_subnet) {
                    .segment = r->segments[i], .subnet = &o->subnets[j],
                };
            }
        }
    }
    qsort(r->subnets, r->n_subnets, sizeof *r->subnets, compare_subnets);
}

/* From the one before it, each subnet finds what is around it. */
static void
nest_subnets(struct routing *r)
{
    const struct routed_subnet *around = NULL;

    for (size_t i = 0; i < r->n_subnets; i++) {
        struct routed_subnet *s = &r->subnets[i];
        const struct ip_prefix *prefix = subnet_prefix(s);

        while (around && !ip_prefix_contains(subnet_prefix(around),
                                             &prefix->addr)) {
            around = around->within;
        }
        if (around && prefix_equals(subnet_prefix(around), prefix)) {
            s->same = around;
            s->within = around->within;
        } else {
            s->within = around;
            around = s;
        }
    }
}

/* Returns the number of elements that are not after 'ip' as a single
 * address. */
static size_t
count_up_to(const void *elements, size_t n, size_t size,
            const struct ip_prefix *(*prefix)(const void *),
            const struct in6_addr *ip)
{
    struct ip_prefix single = { .addr = *ip, .plen = 128 };
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;

        if (compare_prefixes(prefix((const char *) elements + middle * size),
                             &single) <= 0) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return low;
}

static const struct ip_prefix *
any_subnet_prefix(const void *s)
{
    return subnet_prefix(s);
}

static const struct routed_subnet *
find_subnet(const struct routing *r, const struct in6_addr *ip)
{
    size_t n = count_up_to(r->subnets, r->n_subnets, sizeof *r->subnets,
                           any_subnet_prefix, ip);
    const struct routed_subnet *s = n ? &r->subnets[n - 1] : NULL;

    if (s && s->same) {
        s = s->same;
    }
    while (s && !ip_prefix_contains(subnet_prefix(s), ip)) {
        s = s->within;
    }
    return s;
}

/* Routes. */

static int
compare_routes(const void *a_, const void *b_)
{
    const struct routed_route *a = a_;
    const struct routed_route *b = b_;
    int cmp = compare_prefixes(route_prefix(a), route_prefix(b));

    return cmp ? cmp : memcmp(&a->route->via, &b->route->via,
                              sizeof a->route->via);
}

static void
resolve(struct routing *r, const struct inventory *inv,
        struct routed_route *route, const struct routed_route *before)
{
    const struct ip_prefix *prefix = route_prefix(route);
    const struct in6_addr *via = &route->route->via;
    const struct routed_subnet *s = find_subnet(r, &prefix->addr);

    while (s && subnet_prefix(s)->plen > prefix->plen) {
        s = s->within;
    }
    if (s && prefix_equals(subnet_prefix(s), prefix)) {
        route->state = ROUTE_IS_SUBNET;
        route->subnet = s;
        return;
    }
    route->subnet = find_subnet(r, via);
    route->via = route->subnet ? inventory_find_holder(
        inv, route->subnet->segment, via) : NULL;
    route->state = (before && prefix_equals(route_prefix(before), prefix)
                    ? ROUTE_TWICE
                    : !route->subnet ? ROUTE_NO_SUBNET
                    : inventory_address_is_routers(
                        inv, route->subnet->segment, via) ? ROUTE_IS_ROUTERS
                    : !route->via ? ROUTE_NOBODY
                    : ROUTE_OK);
}

static void
find_routes(struct routing *r, const struct inventory *inv)
{
    const struct router_object *o = &r->router->object;

    r->n_routes = o->n_routes;
    r->routes = xcalloc(o->n_routes, sizeof *r->routes);
    for (size_t i = 0; i < o->n_routes; i++) {
        r->routes[i].route = &o->routes[i];
    }
    qsort(r->routes, r->n_routes, sizeof *r->routes, compare_routes);
    for (size_t i = 0; i < r->n_routes; i++) {
        resolve(r, inv, &r->routes[i], i ? &r->routes[i - 1] : NULL);
    }
}

void
routing_init(struct routing *r, const struct inventory *inv,
             const struct router_node *router)
{
    memset(r, 0, sizeof *r);
    r->router = router;
    find_segments(r, inv);
    collect_subnets(r);
    nest_subnets(r);
    find_routes(r, inv);
}

void
routing_destroy(struct routing *r)
{
    free(r->segments);
    free(r->subnets);
    free(r->routes);
}

char *
ip_prefix_to_string(const struct ip_prefix *p)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&p->addr, &s);
    ds_put_format(&s, "/%d",
                  p->plen - (IN6_IS_ADDR_V4MAPPED(&p->addr) ? 96 : 0));
    return ds_steal_cstr(&s);
}

char *
routed_route_why_not(const struct routed_route *r)
{
    switch (r->state) {
    case ROUTE_OK:
        return NULL;
    case ROUTE_IS_SUBNET:
        return xasprintf("that is a subnet of segment \"%s\"",
                         r->subnet->segment->id);
    case ROUTE_TWICE:
        return xstrdup("another route has the prefix");
    case ROUTE_NO_SUBNET:
        return xstrdup("the next hop is in no subnet that the router joins");
    case ROUTE_IS_ROUTERS:
        return xstrdup("the next hop is the router itself");
    case ROUTE_NOBODY:
        return xasprintf("no endpoint in segment \"%s\" has the address of "
                         "the next hop", r->subnet->segment->id);
    default:
        OVS_NOT_REACHED();
    }
}

/* Operators ask for this, packets do not. */
const struct routed_subnet *
routing_find(const struct routing *r, const struct in6_addr *ip,
             const struct routed_route **route)
{
    const struct routed_subnet *s = find_subnet(r, ip);
    int longest = s ? subnet_prefix(s)->plen : -1;

    *route = NULL;
    for (size_t i = 0; i < r->n_routes; i++) {
        const struct routed_route *candidate = &r->routes[i];
        const struct ip_prefix *prefix = route_prefix(candidate);

        if (candidate->state == ROUTE_OK && prefix->plen > longest
            && ip_prefix_contains(prefix, ip)) {
            longest = prefix->plen;
            *route = candidate;
        }
    }
    return s;
}

/* The record. */

static int
compare_addresses(const void *a_, const void *b_)
{
    const struct router_address *a = a_;
    const struct router_address *b = b_;
    int cmp = memcmp(&a->ip, &b->ip, sizeof a->ip);

    return cmp ? cmp : a->metadata < b->metadata ? -1
                       : a->metadata > b->metadata;
}

static void
put_addresses(const struct routing *r, struct router_record *record)
{
    struct router_address *a = record->addresses;
    size_t n = 0, n_kept = 0;
    struct in6_addr lla;

    for (size_t i = 0; i < r->n_subnets; i++) {
        a[n].ip = r->subnets[i].subnet->gateway;
        a[n++].metadata = metadata_of(r->subnets[i].segment);
    }
    in6_generate_lla(r->router->object.mac, &lla);
    for (size_t i = 0; i < r->n_segments; i++) {
        if (inventory_has_router_link_local(r->segments[i])) {
            a[n].ip = lla;
            a[n++].metadata = metadata_of(r->segments[i]);
        }
    }
    qsort(a, n, sizeof *a, compare_addresses);
    for (size_t i = 0; i < n; i++) {
        if (!n_kept || compare_addresses(&a[n_kept - 1], &a[i])) {
            a[n_kept] = a[i];
            a[n_kept].first = !n_kept || !ipv6_addr_equals(
                &a[n_kept - 1].ip, &a[i].ip);
            n_kept++;
        }
    }
    record->n_addresses = n_kept;
}

static void
put_prefixes(const struct routing *r, struct router_record *record)
{
    record->n_prefixes = 0;
    for (size_t i = 0; i < r->n_subnets; i++) {
        if (!r->subnets[i].same) {
            record->prefixes[record->n_prefixes++] = (struct router_prefix) {
                .cidr = *subnet_prefix(&r->subnets[i]),
                .metadata = metadata_of(r->subnets[i].segment),
            };
        }
    }
    for (size_t i = 0; i < r->n_routes; i++) {
        const struct routed_route *route = &r->routes[i];

        if (route->state == ROUTE_OK) {
            record->prefixes[record->n_prefixes++] = (struct router_prefix) {
                .cidr = *route_prefix(route),
                .metadata = metadata_of(route->subnet->segment),
                .via = claim_mac(route->via),
            };
        }
    }
}

struct router_record *
routing_to_record(const struct routing *r)
{
    struct router_record *record;

    if (!r->n_segments) {
        return NULL;
    }
    record = router_record_alloc(r->n_segments, r->n_subnets + r->n_segments,
                                 r->n_subnets + r->n_routes);
    record->mac = r->router->object.mac;
    for (size_t i = 0; i < r->n_segments; i++) {
        record->segments[i] = metadata_of(r->segments[i]);
    }
    record->key = record->segments[0];
    put_addresses(r, record);
    put_prefixes(r, record);
    return record;
}
