/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-shared.h"

#include <netinet/icmp6.h>

#include "core/flow-builder.h"
#include "flow.h"
#include "packets.h"
#include "util.h"

/* From a VM that may hold the address: table 20, before own probes and
 * answers.  All matches have the MAC that it would be held at, so that two
 * pairs with one address do not meet. */

static struct match *
begin_from_port(struct flow_builder *b, uint16_t priority,
                const struct endpoint_record *r,
                const struct endpoint_address *a)
{
    struct match *m = flow_begin(b, TABLE_ARP_ND, priority);

    flow_match_in_port(m, r->out);
    match_set_dl_src(m, a->mac);
    return m;
}

static void
emit_punt(struct flow_builder *b, const struct endpoint_record *r)
{
    flow_put_punt(b, PUNT_ANNOUNCE, punt_port_meter(r->out));
    flow_emit(b);
}

/* A gratuitous request, and any reply: who answers says just as much. */
static void
arp_announcement_flows(struct flow_builder *b,
                       const struct endpoint_record *r,
                       const struct endpoint_address *a)
{
    ovs_be32 ip = in6_addr_get_mapped_ipv4(&a->ip);
    struct match *m;

    m = begin_from_port(b, 220, r, a);
    flow_match_arp(m, ARP_OP_REQUEST);
    match_set_arp_sha(m, a->mac);
    match_set_nw_src(m, ip);
    match_set_nw_dst(m, ip);
    emit_punt(b, r);

    m = begin_from_port(b, 220, r, a);
    flow_match_arp(m, ARP_OP_REPLY);
    match_set_arp_sha(m, a->mac);
    match_set_nw_src(m, ip);
    emit_punt(b, r);
}

static void
nd_announcement_flow(struct flow_builder *b, const struct endpoint_record *r,
                     const struct endpoint_address *a)
{
    struct match *m = begin_from_port(b, 220, r, a);

    flow_match_nd(m, ND_NEIGHBOR_ADVERT);
    match_set_nd_target(m, &a->ip);
    match_set_arp_tha(m, a->mac);
    emit_punt(b, r);
}

/* A probe (RFC 5227 2.1.1, RFC 4862 5.4) of whoever is about to take the
 * address over: an answer for one that is gone would keep it from doing so. */
static void
takeover_probe_flow(struct flow_builder *b, const struct endpoint_record *r,
                    const struct endpoint_address *a)
{
    struct match *m = begin_from_port(b, 210, r, a);

    if (IN6_IS_ADDR_V4MAPPED(&a->ip)) {
        flow_match_arp(m, ARP_OP_REQUEST);
        match_set_nw_src(m, htonl(0));
        match_set_nw_dst(m, in6_addr_get_mapped_ipv4(&a->ip));
    } else {
        flow_match_nd(m, ND_NEIGHBOR_SOLICIT);
        match_set_ipv6_src(m, &in6addr_any);
        match_set_nd_target(m, &a->ip);
    }
    flow_emit_drop(b, DROP_OWN_PROBE);
}

/* For the whole segment. */

static struct match *
begin_in_segment(struct flow_builder *b, enum flow_table_id table,
                 uint16_t priority, const struct endpoint_record *r)
{
    struct match *m = flow_begin(b, table, priority);

    match_set_metadata(m, htonll(r->metadata));
    return m;
}

/* What peers' agents say and ask about the address. */
static void
arp_segment_flows(struct flow_builder *b, const struct endpoint_record *r,
                  ovs_be32 ip)
{
    struct match *m;

    m = begin_in_segment(b, TABLE_ARP_ND, 90, r);
    flow_match_arp(m, ARP_OP_REQUEST);
    match_set_nw_dst(m, ip);
    flow_emit_drop(b, DROP_NOT_ANNOUNCED);

    m = begin_in_segment(b, TABLE_DELIVER, 120, r);
    flow_match_arp(m, 0);
    match_set_nw_dst(m, ip);
    flow_put_punt(b, PUNT_PEER_ANNOUNCE, PUNT_PEERS_METER);
    flow_emit(b);
}

static void
nd_segment_flows(struct flow_builder *b, const struct endpoint_record *r,
                 const struct in6_addr *ip)
{
    static const uint8_t types[] = { ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct match *m = begin_in_segment(b, TABLE_ARP_ND, 90, r);

        flow_match_nd(m, types[i]);
        match_set_nd_target(m, ip);
        flow_emit_drop(b, types[i] == ND_NEIGHBOR_SOLICIT
                          ? DROP_NOT_ANNOUNCED : DROP_NOT_HOLDER);

        m = begin_in_segment(b, TABLE_DELIVER, 120, r);
        flow_match_nd(m, types[i]);
        match_set_nd_target(m, ip);
        match_set_nw_ttl(m, 255);       /* A VM's may come through a router. */
        flow_put_punt(b, PUNT_PEER_ANNOUNCE, PUNT_PEERS_METER);
        flow_emit(b);
    }
}

void
flow_shared_address(struct flow_builder *b, const struct endpoint_record *r,
                    const struct endpoint_address *a)
{
    bool ipv4 = IN6_IS_ADDR_V4MAPPED(&a->ip);

    if (r->place == PLACE_LOCAL) {
        takeover_probe_flow(b, r, a);
        if (ipv4) {
            arp_announcement_flows(b, r, a);
        } else {
            nd_announcement_flow(b, r, a);
        }
    }
    if (a->leads && ipv4) {
        arp_segment_flows(b, r, in6_addr_get_mapped_ipv4(&a->ip));
    } else if (a->leads) {
        nd_segment_flows(b, r, &a->ip);
    }
}
