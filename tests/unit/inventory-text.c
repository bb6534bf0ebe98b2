/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/inventory-text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "util.h"

struct eth_addr
mac_from_text(const char *s)
{
    struct eth_addr mac = ETH_ADDR_C(02,00,00,00,00,00);
    unsigned long int n = strtoul(s, NULL, 16);

    mac.ea[4] = n >> 8;
    mac.ea[5] = n;
    return mac;
}

struct in6_addr
ip_from_text(const char *s)
{
    struct in6_addr ip;
    ovs_be32 ip4;

    if (inet_pton(AF_INET, s, &ip4) == 1) {
        in6_addr_set_mapped_ipv4(&ip, ip4);
    } else if (inet_pton(AF_INET6, s, &ip) != 1) {
        ovs_fatal(0, "\"%s\": no address", s);
    }
    return ip;
}

static void
parse_host(struct host_object *o, char **words, size_t n)
{
    o->tunnels = xcalloc(n + 1, sizeof *o->tunnels);
    for (size_t i = 0; i < n; i++) {
        struct host_tunnel *t = &o->tunnels[o->n_tunnels++];
        char *ip = strchr(words[i], '='), *port = strchr(words[i], '@');

        ovs_assert(ip);
        *ip++ = '\0';
        if (port) {
            *port++ = '\0';
            t->port = atoi(port);
        }
        ovs_assert(encap_from_string(words[i], &t->type));
        t->ip = ip_from_text(ip);
    }
}

/* "10.0.0.0/24" */
static struct ip_prefix
prefix_from_text(const char *s)
{
    char *copy = xstrdup(s), *plen = strchr(copy, '/');
    struct ip_prefix prefix = { .plen = 128 };

    if (plen) {
        *plen++ = '\0';
        prefix.plen = atoi(plen) + (strchr(copy, '.') ? 96 : 0);
    }
    prefix.addr = ip_from_text(copy);
    free(copy);
    return prefix;
}

/* "10.0.0.0/24,10.0.0.1" */
static void
parse_subnet(struct subnet *subnet, char *word)
{
    char *gateway = strchr(word, ',');

    if (gateway) {
        *gateway++ = '\0';
        subnet->has_gateway = true;
        subnet->gateway = ip_from_text(gateway);
    }
    subnet->cidr = prefix_from_text(word);
}

static void
parse_segment(struct segment_object *o, char **words, size_t n)
{
    ovs_assert(n);
    o->vni = strtoul(words[0], NULL, 0);
    o->subnets = xcalloc(n, sizeof *o->subnets);
    for (size_t i = 1; i < n; i++) {
        if (!strcmp(words[i], "broadcast")) {
            o->broadcast = POLICY_REPLICATE;
        } else if (!strcmp(words[i], "unknown")) {
            o->unknown_unicast = POLICY_REPLICATE;
        } else if (!strcmp(words[i], "multicast")) {
            o->multicast = POLICY_REPLICATE;
        } else if (!strcmp(words[i], "snoop")) {
            o->multicast = POLICY_SNOOP;
        } else if (!strncmp(words[i], "mtu=", 4)) {
            o->mtu = atoi(words[i] + 4);
        } else if (!strcmp(words[i], "dhcp")) {
            o->subnets[o->n_subnets].cidr.plen = 120;
            o->subnets[o->n_subnets++].dhcp = true;
        } else if (strchr(words[i], '/')) {
            parse_subnet(&o->subnets[o->n_subnets++], words[i]);
        } else if (!encap_from_string(words[i], &o->encap)) {
            ovs_fatal(0, "segment: \"%s\"?", words[i]);
        }
    }
}

static void
parse_router(struct router_object *o, char **words, size_t n)
{
    ovs_assert(n);
    o->mac = mac_from_text(words[0]);
    o->segments = xcalloc(n, sizeof *o->segments);
    o->routes = xcalloc(n, sizeof *o->routes);
    for (size_t i = 1; i < n; i++) {
        char *via = strchr(words[i], '>');

        if (via) {
            *via++ = '\0';
            o->routes[o->n_routes++] = (struct route) {
                .cidr = prefix_from_text(words[i]), .via = ip_from_text(via),
            };
        } else {
            o->segments[o->n_segments++] = xstrdup(words[i]);
        }
    }
}

static void
parse_pair(struct allowed_pair *p, const struct eth_addr own, char *word)
{
    char *mac = strchr(word, ','), *plen = strchr(word, '/');

    p->mac = own;
    if (mac) {
        *mac++ = '\0';
        p->mac = mac_from_text(mac);
    }
    if (plen) {
        *plen++ = '\0';
    }
    p->ip.addr = ip_from_text(word);
    p->ip.plen = 128;
    if (plen) {
        p->ip.plen = atoi(plen) + (strchr(word, '.') ? 96 : 0);
    }
}

static void
parse_endpoint(struct endpoint_object *o, char **words, size_t n)
{
    ovs_assert(n >= 3);
    o->segment = xstrdup(words[0]);
    o->host = xstrdup(words[1]);
    o->mac = mac_from_text(words[2]);
    o->port_security = true;
    o->ips = xcalloc(n, sizeof *o->ips);
    o->pairs = xcalloc(n, sizeof *o->pairs);
    for (size_t i = 3; i < n; i++) {
        if (!strcmp(words[i], "insecure")) {
            o->port_security = false;
        } else if (!strncmp(words[i], "pair=", 5)) {
            parse_pair(&o->pairs[o->n_pairs++], o->mac, words[i] + 5);
        } else {
            o->ips[o->n_ips++] = ip_from_text(words[i]);
        }
    }
}

struct object *
object_from_text(const char *line)
{
    struct object *o = xzalloc(sizeof *o);
    struct svec all = SVEC_EMPTY_INITIALIZER;
    struct svec words = SVEC_EMPTY_INITIALIZER;
    size_t n;

    svec_parse_words(&all, line);
    for (size_t i = 0; i < all.n; i++) {
        if (!strncmp(all.names[i], "rev=", 4)) {
            o->revision = strtoull(all.names[i] + 4, NULL, 0);
        } else {
            svec_add(&words, all.names[i]);
        }
    }
    svec_destroy(&all);
    ovs_assert(words.n >= 2
               && object_kind_from_string(words.names[0], &o->kind));
    o->id = xstrdup(words.names[1]);
    n = words.n - 2;
    switch (o->kind) {
    case OBJECT_HOST:
        parse_host(&o->host, words.names + 2, n);
        break;
    case OBJECT_SEGMENT:
        parse_segment(&o->segment, words.names + 2, n);
        break;
    case OBJECT_ROUTER:
        parse_router(&o->router, words.names + 2, n);
        break;
    case OBJECT_ENDPOINT:
        parse_endpoint(&o->endpoint, words.names + 2, n);
        break;
    default:
        OVS_NOT_REACHED();
    }
    svec_destroy(&words);
    return o;
}

void
inventory_add_text(struct inventory *inv, const char *text)
{
    char *copy = xstrdup(text), *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        inventory_list_add(inv, object_from_text(line));
    }
    free(copy);
}

void
inventory_list_text(struct inventory *inv, const char *text)
{
    static const struct deletion_guard guard = { .max_percent = 100 };
    struct list_result result;

    inventory_list_begin(inv);
    inventory_add_text(inv, text);
    inventory_list_end(inv, true, &guard, 1, &result);
    inventory_approve_deletions(inv, 1);
}

static void
put_claims(const struct inventory *inv, const struct endpoint *e,
           struct ds *s)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        static const char *const kinds[] = { "ip", "lla", "pair" };
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;

        ds_put_format(s, " %s:", kinds[c->kind]);
        ipv6_format_mapped(&c->ip, s);
        if (!eth_addr_equals(claim_mac(c), e->mac)) {
            ds_put_format(s, ",%x", claim_mac(c).ea[5]);
        }
        switch (inventory_claim_standing(inv, c, &by)) {
        case CLAIM_HELD:
            ds_put_cstr(s, "=held");
            break;
        case CLAIM_TAKEN:
            ds_put_format(s, "=%s", by->node->id);
            break;
        case CLAIM_IS_ROUTERS:
            ds_put_cstr(s, "=router");
            break;
        case CLAIM_SHARED:
            ds_put_cstr(s, "=shared");
            break;
        case CLAIM_PREFIX:
            ds_put_cstr(s, "=prefix");
            break;
        default:
            OVS_NOT_REACHED();
        }
    }
    static const char *const names[] = {
        [PAIR_MAC_HELD] = "held",
        [PAIR_MAC_TAKEN] = "taken",
        [PAIR_MAC_SHARED] = "shared",
    };
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        const struct pair_mac *pm = &endpoint_pair_macs(e)[i];

        ds_put_format(s, " mac:%x=%s", pm->mac.ea[5],
                      names[inventory_pair_mac_standing(inv, pm)]);
    }
}

static char *
endpoint_standing_text(const struct inventory *inv, const struct endpoint *e)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct endpoint *by;

    ds_put_format(&s, "endpoint %s", e->node->id);
    switch (inventory_endpoint_standing(inv, e, &by)) {
    case ENDPOINT_SERVED:
        ds_put_cstr(&s, " served");
        put_claims(inv, e, &s);
        break;
    case ENDPOINT_UNKNOWN_SEGMENT:
        ds_put_cstr(&s, " unknown-segment");
        break;
    case ENDPOINT_SEGMENT_REFUSED:
        ds_put_cstr(&s, " segment-refused");
        break;
    case ENDPOINT_UNKNOWN_HOST:
        ds_put_cstr(&s, " unknown-host");
        break;
    case ENDPOINT_MAC_IS_ROUTERS:
        ds_put_cstr(&s, " mac-is-routers");
        break;
    case ENDPOINT_MAC_TAKEN:
        ds_put_format(&s, " mac-taken-by:%s", by->node->id);
        break;
    default:
        OVS_NOT_REACHED();
    }
    return ds_steal_cstr(&s);
}

static char *
host_standing_text(const struct inventory *inv, const struct host_node *host)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "host %s", host->id);
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *a = &host->addresses[i];
        const struct host_node *by;

        ds_put_format(&s, " %s=", encap_to_string(a->tunnel.type));
        ipv6_format_mapped(&a->tunnel.ip, &s);
        if (!inventory_address_is_served(inv, a, &by)) {
            ds_put_format(&s, "->%s", by->id);
        }
    }
    return ds_steal_cstr(&s);
}

static char *
segment_standing_text(const struct inventory *inv,
                      const struct segment_node *segment)
{
    const struct router_node *router = inventory_segment_router(inv, segment);
    const struct segment_node *by;

    switch (inventory_segment_standing(inv, segment, &by)) {
    case SEGMENT_SERVED:
        return xasprintf("segment %s served%s%s", segment->id,
                         router ? " router:" : "", router ? router->id : "");
    case SEGMENT_VNI_TAKEN:
        return xasprintf("segment %s vni-taken-by:%s", segment->id, by->id);
    case SEGMENT_UNKNOWN:
    default:
        OVS_NOT_REACHED();
    }
}

/* Who has the addresses to which its routes lead, in each of the segments that
 * it joins. */
static char *
router_standing_text(const struct inventory *inv,
                     const struct router_node *router)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "router %s", router->id);
    for (size_t i = 0; i < router->object.n_segments; i++) {
        const struct segment_node *segment = router->joins[i].segment;

        if (inventory_segment_router(inv, segment) != router) {
            continue;
        }
        ds_put_format(&s, " %s", segment->id);
        for (size_t j = 0; j < router->n_vias; j++) {
            const struct claim *c = inventory_find_holder(
                inv, segment, &router->vias[j].ip);

            if (c) {
                ds_put_char(&s, ':');
                ipv6_format_mapped(&router->vias[j].ip, &s);
                ds_put_format(&s, "=%s,%x", claim_endpoint(c)->node->id,
                              claim_mac(c).ea[5]);
            }
        }
    }
    return ds_steal_cstr(&s);
}

void
inventory_standings(const struct inventory *inv, struct svec *out)
{
    size_t n;

    const struct host_node **hosts = inventory_sorted_hosts(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(out, host_standing_text(inv, hosts[i]));
    }
    free(hosts);

    const struct segment_node **segments = inventory_sorted_segments(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(out, segment_standing_text(inv, segments[i]));
    }
    free(segments);

    const struct router_node **routers = inventory_sorted_routers(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(out, router_standing_text(inv, routers[i]));
    }
    free(routers);

    const struct endpoint_node **endpoints
        = inventory_sorted_endpoints(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(out, endpoint_standing_text(inv,
                                                    endpoints[i]->endpoint));
    }
    free(endpoints);
}

void
inventory_drain(struct inventory *inv, struct svec *touched)
{
    struct svec none = SVEC_EMPTY_INITIALIZER;
    struct svec *out = touched ? touched : &none;

    struct host_node *host;
    while ((host = inventory_next_touched_host(inv))) {
        svec_add_nocopy(out, xasprintf("host %s", host->id));
        inventory_unref_host(inv, host);
    }
    struct segment_node *segment;
    while ((segment = inventory_next_touched_segment(inv))) {
        svec_add_nocopy(out, xasprintf("segment %s", segment->id));
        inventory_unref_segment(inv, segment);
    }
    struct router_node *router;
    while ((router = inventory_next_touched_router(inv))) {
        svec_add_nocopy(out, xasprintf("router %s", router->id));
        inventory_unref_router(inv, router);
    }
    inventory_begin_touched_endpoints(inv);
    struct endpoint_node *endpoint;
    while ((endpoint = inventory_next_touched_endpoint(inv))) {
        svec_add_nocopy(out, xasprintf("endpoint %s", endpoint->id));
        inventory_release_endpoint(inv, endpoint);
    }
    svec_sort(out);
    svec_destroy(&none);
}
