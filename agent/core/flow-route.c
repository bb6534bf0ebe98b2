/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow-builder.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

/* The flows of routers.
 *
 * What a VM sends to the MAC of its segment's router is marked with the
 * router's key, which tells the address spaces of two routers apart.  The
 * longest prefix says in which segment it goes on, and that is what 'metadata'
 * and 'tun_id' stand for from then on; the address says to which MAC.  So an
 * address costs one flow, however many segments it can be reached from.  From
 * there on a routed packet is like any other of that segment.
 *
 * What comes from a tunnel never gets here: it was routed where it was
 * sent. */

/* Priorities in TABLE_ROUTES. */
enum {
    PRIORITY_PING = 400,        /* To the router itself, any TTL. */
    PRIORITY_ROUTER = 390,      /* All else that is. */
    PRIORITY_NEVER = 350,       /* Not to be forwarded, wherever it goes. */
    PRIORITY_TTL_OF_PORT = 320,
    PRIORITY_TTL = 300,
    PRIORITY_PREFIX = 100,      /* And the prefix length. */
};

static const uint16_t ip_types[] = { ETH_TYPE_IP, ETH_TYPE_IPV6 };

static bool
is_ipv4(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip);
}

/* Of every segment: what is for the router. */

static struct match *
begin_to_router(struct flow_builder *b, const struct router_record *r,
                uint64_t metadata, uint16_t priority)
{
    struct match *m = flow_begin(b, TABLE_ROUTE, priority);

    match_set_metadata(m, htonll(metadata));
    match_set_dl_dst(m, r->mac);
    return m;
}

static void
segment_flows(struct flow_builder *b, const struct router_record *r,
              uint64_t metadata)
{
    for (size_t i = 0; i < ARRAY_SIZE(ip_types); i++) {
        match_set_dl_type(begin_to_router(b, r, metadata, 100),
                          htons(ip_types[i]));
        flow_put_set(b, FIELD_ROUTER, r->key);
        flow_emit_goto(b, TABLE_ROUTES);
    }
    begin_to_router(b, r, metadata, 90);
    flow_emit_drop(b, DROP_NOT_FOR_ROUTER);
}

/* Of every address of the router: requests for it, and pings to it. */

/* Nobody else says who has it, not even a VM that may send anything.  Of ARP,
 * only a gratuitous request would get as far as that. */
static void
guard_flow(struct flow_builder *b, const struct router_address *a)
{
    struct match *m = flow_begin(b, TABLE_ARP_ND, 150);

    match_set_metadata(m, htonll(a->metadata));
    if (is_ipv4(&a->ip)) {
        flow_match_request(m, &a->ip);
        match_set_nw_src(m, in6_addr_get_mapped_ipv4(&a->ip));
        flow_emit_drop(b, DROP_GRATUITOUS_ARP);
    } else {
        flow_match_nd(m, ND_NEIGHBOR_ADVERT);
        match_set_nd_target(m, &a->ip);
        flow_emit_drop(b, DROP_ND_TARGET);
    }
}

static void
answer_flows(struct flow_builder *b, const struct router_record *r,
             const struct router_address *a)
{
    struct match *m = flow_begin(b, TABLE_ARP_ND, 100);

    match_set_metadata(m, htonll(a->metadata));
    flow_match_valid_request(m, &a->ip);
    flow_put_set(b, FIELD_MAC, eth_addr_to_uint64(r->mac));
    flow_emit_goto(b, is_ipv4(&a->ip) ? TABLE_ARP_REPLY : TABLE_ND_REPLY);
    guard_flow(b, a);
}

static struct match *
begin_routes(struct flow_builder *b, const struct router_record *r,
             uint16_t priority)
{
    struct match *m = flow_begin(b, TABLE_ROUTES, priority);

    match_set_xreg(m, FIELD_ROUTER - MFF_XREG0, r->key);
    return m;
}

static void
match_destination(struct match *m, const struct in6_addr *ip, uint8_t plen)
{
    if (is_ipv4(ip)) {
        match_set_dl_type(m, htons(ETH_TYPE_IP));
        match_set_nw_dst_masked(m, in6_addr_get_mapped_ipv4(ip),
                                be32_prefix_mask(plen - 96));
    } else {
        struct in6_addr mask = ipv6_create_mask(plen);

        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_ipv6_dst_masked(m, ip, &mask);
    }
}

/* An echo request becomes its reply (RFC 792, RFC 4443 4.2).  Of one in
 * fragments only the first has a type that can be matched. */
static void
ping_flow(struct flow_builder *b, const struct router_record *r,
          const struct in6_addr *ip)
{
    struct match *m = begin_routes(b, r, PRIORITY_PING);
    bool v4 = is_ipv4(ip);

    match_destination(m, ip, 128);
    match_set_nw_proto(m, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    match_set_icmp_type(m, v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST);
    match_set_icmp_code(m, 0);
    match_set_nw_frag(m, 0);

    flow_put_move(b, MFF_ETH_SRC, MFF_ETH_DST, 48);
    flow_put_set(b, MFF_ETH_SRC, eth_addr_to_uint64(r->mac));
    if (v4) {
        flow_put_move(b, MFF_IPV4_SRC, MFF_IPV4_DST, 32);
        flow_put_set(b, MFF_IPV4_SRC, ntohl(in6_addr_get_mapped_ipv4(ip)));
        flow_put_set(b, MFF_ICMPV4_TYPE, ICMP4_ECHO_REPLY);
    } else {
        flow_put_move(b, MFF_IPV6_SRC, MFF_IPV6_DST, 128);
        flow_put_set_ipv6(b, MFF_IPV6_SRC, ip);
        flow_put_set(b, MFF_ICMPV6_TYPE, ICMP6_ECHO_REPLY);
    }
    flow_put_set(b, MFF_IP_TTL, 64);
    flow_put_output(b, ofp_to_u16(OFPP_IN_PORT));
    flow_emit(b);
}

static void
address_flows(struct flow_builder *b, const struct router_record *r,
              const struct router_address *a)
{
    answer_flows(b, r, a);
    if (a->first) {
        ping_flow(b, r, &a->ip);
        match_destination(begin_routes(b, r, PRIORITY_ROUTER), &a->ip, 128);
        flow_emit_drop(b, DROP_NOT_FOR_ROUTER);
    }
}

/* Of every prefix: where it leads. */
static void
prefix_flow(struct flow_builder *b, const struct router_record *r,
            const struct router_prefix *p)
{
    uint8_t base = is_ipv4(&p->cidr.addr) ? 96 : 0;

    match_destination(begin_routes(b, r,
                                   PRIORITY_PREFIX + p->cidr.plen - base),
                      &p->cidr.addr, p->cidr.plen);
    flow_put_set(b, MFF_METADATA, p->metadata);
    flow_put_set(b, MFF_TUN_ID, p->metadata & UINT32_MAX);
    flow_put_set(b, MFF_ETH_SRC, eth_addr_to_uint64(r->mac));
    if (eth_addr_is_zero(p->via)) {
        flow_emit_goto(b, TABLE_NEXT_HOP);
    } else {
        flow_put_set(b, MFF_ETH_DST, eth_addr_to_uint64(p->via));
        flow_put_dec_ttl(b);
        flow_emit_goto(b, TABLE_FORWARD);
    }
}

void
router_record_flows(const struct router_record *r, flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    for (size_t i = 0; i < r->n_segments; i++) {
        segment_flows(&b, r, r->segments[i]);
    }
    for (size_t i = 0; i < r->n_addresses; i++) {
        address_flows(&b, r, &r->addresses[i]);
    }
    for (size_t i = 0; i < r->n_prefixes; i++) {
        prefix_flow(&b, r, &r->prefixes[i]);
    }
    flow_builder_uninit(&b);
}

/* Of every endpoint in a segment that a router joins. */

static void
next_hop_flow(struct flow_builder *b, uint64_t metadata,
              const struct endpoint_address *a)
{
    struct match *m = flow_begin(b, TABLE_NEXT_HOP, 100);

    match_set_metadata(m, htonll(metadata));
    match_destination(m, &a->ip, 128);
    flow_put_set(b, MFF_ETH_DST, eth_addr_to_uint64(a->mac));
    flow_put_dec_ttl(b);
    flow_emit_goto(b, TABLE_FORWARD);
}

/* The agent says "time exceeded" (RFC 792, RFC 4443 3.3). */
static void
ttl_flows(struct flow_builder *b, uint32_t ofport)
{
    for (size_t i = 0; i < ARRAY_SIZE(ip_types); i++) {
        struct match *m = flow_begin(b, TABLE_ROUTES, PRIORITY_TTL_OF_PORT);

        flow_match_in_port(m, ofport);
        match_set_dl_type(m, htons(ip_types[i]));
        match_set_nw_ttl(m, 1);
        flow_put_punt(b, PUNT_TTL, punt_port_meter(ofport));
        flow_emit(b);
    }
}

void
flow_build_routed_endpoint(struct flow_builder *b,
                           const struct endpoint_record *r)
{
    for (size_t i = 0; i < r->n_addresses; i++) {
        const struct endpoint_address *a = &r->addresses[i];

        if (a->answered && !IN6_IS_ADDR_LINKLOCAL(&a->ip)) {
            next_hop_flow(b, r->metadata, a);
        }
    }
    if (r->place == PLACE_LOCAL) {
        ttl_flows(b, r->out);
    }
}

/* What is always there. */

/* What no router forwards (RFC 1812 5.3.7, RFC 3927 2.7, RFC 4291 2.5). */
static const struct {
    const char *prefix;
    bool source;                /* As a source too? */
} never_forwarded[] = {
    { "0.0.0.0/8", true },
    { "127.0.0.0/8", true },
    { "169.254.0.0/16", true },
    { "224.0.0.0/4", false },
    { "255.255.255.255/32", false },
    { "::/128", true },
    { "::1/128", true },
    { "fe80::/10", true },
    { "ff00::/8", false },
};

static void
never_flow(struct flow_builder *b, const char *prefix, bool source)
{
    struct match *m = flow_begin(b, TABLE_ROUTES, PRIORITY_NEVER);
    struct in6_addr ip6, mask6;
    ovs_be32 ip4, mask4;

    if (strchr(prefix, '.')) {
        free(ip_parse_masked(prefix, &ip4, &mask4));
        match_set_dl_type(m, htons(ETH_TYPE_IP));
        (source ? match_set_nw_src_masked
                : match_set_nw_dst_masked)(m, ip4, mask4);
    } else {
        free(ipv6_parse_masked(prefix, &ip6, &mask6));
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        (source ? match_set_ipv6_src_masked
                : match_set_ipv6_dst_masked)(m, &ip6, &mask6);
    }
    flow_emit_drop(b, DROP_NOT_FOR_ROUTER);
}

void
flow_build_routing(struct flow_builder *b)
{
    for (size_t i = 0; i < ARRAY_SIZE(never_forwarded); i++) {
        never_flow(b, never_forwarded[i].prefix, false);
        if (never_forwarded[i].source) {
            never_flow(b, never_forwarded[i].prefix, true);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(ip_types); i++) {
        for (int ttl = 0; ttl < 2; ttl++) {
            struct match *m = flow_begin(b, TABLE_ROUTES, PRIORITY_TTL);

            match_set_dl_type(m, htons(ip_types[i]));
            match_set_nw_ttl(m, ttl);
            flow_emit_drop(b, DROP_NOT_FOR_ROUTER);
        }
    }
    flow_begin(b, TABLE_ROUTES, 0);
    flow_emit_drop(b, DROP_NO_ROUTE);
    flow_begin(b, TABLE_NEXT_HOP, 0);
    flow_emit_drop(b, DROP_UNKNOWN_ADDRESS);
}

/* Records. */

struct router_record *
router_record_alloc(size_t n_segments, size_t n_addresses, size_t n_prefixes)
{
    struct router_record *r = xzalloc(sizeof *r);

    r->segments = xcalloc(n_segments, sizeof *r->segments);
    r->addresses = xcalloc(n_addresses, sizeof *r->addresses);
    r->prefixes = xcalloc(n_prefixes, sizeof *r->prefixes);
    r->n_segments = n_segments;
    r->n_addresses = n_addresses;
    r->n_prefixes = n_prefixes;
    return r;
}

void
router_record_destroy(struct router_record *r)
{
    if (r) {
        free(r->segments);
        free(r->addresses);
        free(r->prefixes);
        free(r);
    }
}

static bool
router_address_equals(const struct router_address *a,
                      const struct router_address *b)
{
    return a->metadata == b->metadata && a->first == b->first
           && ipv6_addr_equals(&a->ip, &b->ip);
}

static bool
router_prefix_equals(const struct router_prefix *a,
                     const struct router_prefix *b)
{
    return a->metadata == b->metadata && a->cidr.plen == b->cidr.plen
           && ipv6_addr_equals(&a->cidr.addr, &b->cidr.addr)
           && eth_addr_equals(a->via, b->via);
}

bool
router_record_equals(const struct router_record *a,
                     const struct router_record *b)
{
    if (a->key != b->key || !eth_addr_equals(a->mac, b->mac)
        || a->n_segments != b->n_segments
        || a->n_addresses != b->n_addresses
        || a->n_prefixes != b->n_prefixes
        || memcmp(a->segments, b->segments,
                  a->n_segments * sizeof *a->segments)) {
        return false;
    }
    for (size_t i = 0; i < a->n_addresses; i++) {
        if (!router_address_equals(&a->addresses[i], &b->addresses[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->n_prefixes; i++) {
        if (!router_prefix_equals(&a->prefixes[i], &b->prefixes[i])) {
            return false;
        }
    }
    return true;
}
