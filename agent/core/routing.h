/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ROUTING_H
#define VTEPD_ROUTING_H 1

/* What a router does, worked out from the inventory: which segments it joins,
 * where each prefix leads.
 *
 * A subnet without a gateway is not routed: its VMs have nobody to send to.
 * Of two subnets with one prefix that of the segment with the lower id is
 * routed, and a route never replaces a subnet.  A next hop is looked for in
 * the segment of the longest subnet that has it.
 *
 * A value, good as long as the inventory does not change.  The flows are made
 * from it, and so are the reports. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "core/inventory.h"

/* A subnet with a gateway, in a segment that the router joins. */
struct routed_subnet {
    const struct segment_node *segment;
    const struct subnet *subnet;
    const struct routed_subnet *same;   /* The one that is routed, or NULL. */
    const struct routed_subnet *within; /* The longest prefix around it. */
};

enum route_state {
    ROUTE_OK,
    ROUTE_IS_SUBNET,            /* Its prefix is that of 'subnet'. */
    ROUTE_TWICE,                /* Another route has the prefix. */
    ROUTE_NO_SUBNET,            /* 'via' is in none. */
    ROUTE_IS_ROUTERS,           /* 'via' is the router itself. */
    ROUTE_NOBODY,               /* 'via' is nobody's, in subnet's segment. */
};

struct routed_route {
    const struct route *route;
    enum route_state state;
    const struct routed_subnet *subnet; /* Where 'via' is, or see above. */
    const struct claim *via;    /* The endpoint's, if ROUTE_OK. */
};

struct routing {
    const struct router_node *router;
    const struct segment_node **segments;   /* Joined, by metadata. */
    size_t n_segments;
    struct routed_subnet *subnets;  /* By prefix. */
    size_t n_subnets;
    struct routed_route *routes;    /* By prefix. */
    size_t n_routes;
};

void routing_init(struct routing *, const struct inventory *,
                  const struct router_node *);
void routing_destroy(struct routing *);

/* Why the route is not used, in words that the caller must free, or NULL. */
char *routed_route_why_not(const struct routed_route *);

bool ip_prefix_contains(const struct ip_prefix *, const struct in6_addr *);

/* "10.0.0.0/24", for the caller to free. */
char *ip_prefix_to_string(const struct ip_prefix *);

/* What leads to 'ip': the route of the longest prefix if '*route' is not NULL
 * afterwards, else the subnet that is returned, or NULL. */
const struct routed_subnet *routing_find(const struct routing *,
                                         const struct in6_addr *ip,
                                         const struct routed_route **route);

/* The record that the flows are made of, which the caller must free; NULL if
 * the router joins no segment. */
struct router_record *routing_to_record(const struct routing *);

#endif /* routing.h */
