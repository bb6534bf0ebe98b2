/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-names.h"

#include <stdlib.h>
#include <string.h>

#include "core/holders.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Endpoints with one MAC or address that are kept; and shown. */
#define MAX_CANDIDATES 1000
#define MAX_SHOWN 8

struct candidates {
    const struct endpoint_node *nodes[MAX_CANDIDATES];
    size_t n;
};

static bool
has_address(const struct endpoint *e, const struct in6_addr *ip)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind != CLAIM_PAIR
            && ipv6_addr_equals(&e->claims[i].ip, ip)) {
            return true;
        }
    }
    return false;
}

/* Looks at every endpoint: milliseconds even for a hundred thousand, and
 * operators do not ask often. */
static void
find_by(const struct inventory *inv, const struct eth_addr *mac,
        const struct in6_addr *ip, struct candidates *c)
{
    const struct endpoint_node *node;

    HMAP_FOR_EACH (node, id_node, inventory_endpoint_nodes(inv)) {
        const struct endpoint *e = node->endpoint;

        if (e && (mac ? eth_addr_equals(e->mac, *mac) : has_address(e, ip))
            && c->n < MAX_CANDIDATES) {
            c->nodes[c->n++] = node;
        }
    }
}

static bool
parse_address(const char *name, struct in6_addr *ip)
{
    ovs_be32 ip4;

    if (ip_parse(name, &ip4)) {
        in6_addr_set_mapped_ipv4(ip, ip4);
        return true;
    }
    return ipv6_parse(name, ip);
}

static void
add_holders(const struct inventory *inv, const struct holders *holders,
            const struct in6_addr *ip, struct candidates *c)
{
    const struct shared_address *sa;

    HMAP_FOR_EACH (sa, mac_node, &holders->by_mac) {
        const struct endpoint_node *node
            = ipv6_addr_equals(&sa->ip, ip)
              ? inventory_find_endpoint(inv, sa->holder) : NULL;

        if (node && node->endpoint && c->n < MAX_CANDIDATES) {
            c->nodes[c->n++] = node;
        }
    }
}

static void
find(const struct inventory *inv, const struct holders *holders,
     const char *name, struct candidates *c)
{
    const struct endpoint_node *node = inventory_find_endpoint(inv, name);
    struct eth_addr mac;
    struct in6_addr ip;

    c->n = 0;
    if (node && node->endpoint) {
        c->nodes[c->n++] = node;
    } else if (eth_addr_from_string(name, &mac)) {
        find_by(inv, &mac, NULL, c);
    } else if (parse_address(name, &ip)) {
        find_by(inv, NULL, &ip, c);
        add_holders(inv, holders, &ip, c);
    }
}

static int
compare_nodes(const void *a_, const void *b_)
{
    const struct endpoint_node *const *a = a_;
    const struct endpoint_node *const *b = b_;

    return strcmp((*a)->id, (*b)->id);
}

static char *
ambiguous(const char *name, struct candidates *c)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    qsort(c->nodes, c->n, sizeof c->nodes[0], compare_nodes);
    ds_put_format(&s, "%s is ambiguous, name the endpoint by its id:", name);
    for (size_t i = 0; i < MIN(c->n, MAX_SHOWN); i++) {
        ds_put_format(&s, "%s %s (segment %s)", i ? "," : "", c->nodes[i]->id,
                      c->nodes[i]->endpoint->segment->id);
    }
    if (c->n > MAX_SHOWN) {
        ds_put_format(&s, " and %"PRIuSIZE" more", c->n - MAX_SHOWN);
    }
    return ds_steal_cstr(&s);
}

static bool
share_segment(const struct inventory *inv OVS_UNUSED, const struct endpoint *a,
              const struct endpoint *b)
{
    return a->segment == b->segment;
}

static bool
share_router(const struct inventory *inv, const struct endpoint *a,
             const struct endpoint *b)
{
    const struct router_node *router = inventory_segment_router(inv,
                                                                a->segment);

    return router && router == inventory_segment_router(inv, b->segment);
}

/* Returns how many pairs of different endpoints share something; the first is
 * '*fromp' and '*top'. */
static size_t
find_common(const struct inventory *inv, const struct candidates *from,
            const struct candidates *to,
            bool (*share)(const struct inventory *, const struct endpoint *,
                          const struct endpoint *),
            const struct endpoint_node **fromp,
            const struct endpoint_node **top)
{
    size_t n = 0;

    for (size_t i = 0; i < from->n; i++) {
        for (size_t j = 0; j < to->n; j++) {
            const struct endpoint_node *a = from->nodes[i], *b = to->nodes[j];

            if (a != b && share(inv, a->endpoint, b->endpoint) && !n++) {
                *fromp = a;
                *top = b;
            }
        }
    }
    return n;
}

static bool
is_group(const char *name)
{
    struct in6_addr ip;

    return (parse_address(name, &ip)
            && (IN6_IS_ADDR_V4MAPPED(&ip)
                ? ip_is_multicast(in6_addr_get_mapped_ipv4(&ip))
                : ipv6_addr_is_multicast(&ip)));
}

static char *
to_group(const char *name, const struct endpoint_node *from)
{
    return xasprintf("%s is a multicast group: vtepd/multicast%s%s shows who "
                     "listens to it, where the segment's \"multicast\" is "
                     "\"snoop\"", name, from ? " " : "",
                     from ? from->endpoint->segment->id : "");
}

char *
explain_find_pair(const struct inventory *inv, const struct holders *holders,
                  const char *from_name, const char *to_name,
                  const struct endpoint_node **fromp,
                  const struct endpoint_node **top)
{
    struct candidates *from = xmalloc(sizeof *from);
    struct candidates *to = xmalloc(sizeof *to);
    char *error = NULL;
    bool is_one = true;

    find(inv, holders, from_name, from);
    find(inv, holders, to_name, to);
    *fromp = from->n ? from->nodes[0] : NULL;
    *top = to->n ? to->nodes[0] : NULL;
    if (from->n > 1 || to->n > 1) {
        size_t n = find_common(inv, from, to, share_segment, fromp, top);

        if (!n) {
            n = find_common(inv, from, to, share_router, fromp, top);
        }
        is_one = n == 1;
    }
    if (!is_one) {
        error = from->n > 1 ? ambiguous(from_name, from)
                            : ambiguous(to_name, to);
    } else if (!to->n && is_group(to_name)) {
        error = to_group(to_name, *fromp);
    }
    free(from);
    free(to);
    return error;
}
