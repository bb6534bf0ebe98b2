/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <netinet/icmp6.h>
#include <string.h>

#include "core/flow-builder.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

/* The pipeline: its tables, why it drops, and the flows that are always
 * there. */

const struct flow_table_name flow_table_names[] = {
    { TABLE_CLASSIFY, "classify" },
    { TABLE_TUNNEL_IN, "tunnel_in" },
    { TABLE_PORT_SECURITY, "port_security" },
    { TABLE_ND_SECURITY, "nd_security" },
    { TABLE_ARP_ND, "arp_nd" },
    { TABLE_ARP_REPLY, "arp_reply" },
    { TABLE_ND_REPLY, "nd_reply" },
    { TABLE_ND_REPLY_END, "nd_reply_end" },
    { TABLE_SERVICES, "services" },
    { TABLE_ROUTE, "route" },
    { TABLE_ROUTES, "routes" },
    { TABLE_NEXT_HOP, "next_hop" },
    { TABLE_FORWARD, "forward" },
    { TABLE_REPLICATE, "replicate" },
    { TABLE_HEAD_END, "head_end" },
    { TABLE_DELIVER, "deliver" },
    { TABLE_DELIVER_ALL, "deliver_all" },
    { TABLE_NO_TUNNEL, "no_tunnel" },
};
const size_t n_flow_table_names = ARRAY_SIZE(flow_table_names);

static const char *const drop_cause_names[N_DROP_CAUSES] = {
    [NO_DROP] = "none",
    [DROP_UNKNOWN_PORT] = "unknown-port",
    [DROP_UNKNOWN_VNI] = "unknown-vni",
    [DROP_VLAN] = "vlan",
    [DROP_SOURCE_MAC] = "source-mac",
    [DROP_SOURCE_IP] = "source-ip",
    [DROP_SOURCE_IP6] = "source-ip6",
    [DROP_ARP_SENDER] = "arp-sender",
    [DROP_ND_TARGET] = "nd-target",
    [DROP_OWN_PROBE] = "own-probe",
    [DROP_GRATUITOUS_ARP] = "gratuitous-arp",
    [DROP_ARP_UNKNOWN] = "arp-unknown",
    [DROP_ARP_UNSOLICITED] = "arp-unsolicited",
    [DROP_ND_UNKNOWN] = "nd-unknown",
    [DROP_CONTROL_FRAME] = "control-frame",
    [DROP_UNKNOWN_UNICAST] = "unknown-unicast",
    [DROP_NOT_PLUGGED] = "not-plugged",
    [DROP_BROADCAST] = "broadcast",
    [DROP_MULTICAST] = "multicast",
    [DROP_NOT_LOCAL] = "not-local",
    [DROP_NO_TUNNEL] = "no-tunnel",
    [DROP_NO_ROUTE] = "no-route",
    [DROP_UNKNOWN_ADDRESS] = "unknown-address",
    [DROP_NOT_FOR_ROUTER] = "not-for-router",
    [DROP_QUERY] = "query",
    [DROP_NO_MEMBER] = "no-member",
    [DROP_NOT_ANNOUNCED] = "not-announced",
    [DROP_NOT_HOLDER] = "not-holder",
    [DROP_ROGUE_DHCP] = "rogue-dhcp",
    [DROP_ROGUE_ROUTER] = "rogue-router",
};

const char *
drop_cause_to_string(enum drop_cause cause)
{
    return cause < N_DROP_CAUSES ? drop_cause_names[cause] : "unknown";
}

static const struct eth_addr control_frames
    = ETH_ADDR_C(01,80,c2,00,00,00);
static const struct eth_addr control_frames_mask
    = ETH_ADDR_C(ff,ff,ff,ff,ff,f0);
static const struct eth_addr all_nodes_mac
    = ETH_ADDR_C(33,33,00,00,00,01);

/* Where the switch's own BFD goes to. */
static const struct eth_addr bfd_mac = ETH_ADDR_C(00,23,20,00,00,01);

/* One flow turns any ARP request into its reply (RFC 826). */
static void
arp_reply_flow(struct flow_builder *b)
{
    flow_match_arp(flow_begin(b, TABLE_ARP_REPLY, 100), ARP_OP_REQUEST);
    flow_put_move(b, MFF_ETH_SRC, MFF_ETH_DST, 48);
    flow_put_move(b, FIELD_MAC, MFF_ETH_SRC, 48);
    flow_put_set(b, MFF_ARP_OP, ARP_OP_REPLY);
    flow_put_move(b, MFF_ARP_SHA, MFF_ARP_THA, 48);
    flow_put_move(b, FIELD_MAC, MFF_ARP_SHA, 48);
    flow_put_move(b, MFF_ARP_TPA, FIELD_SCRATCH, 32);
    flow_put_move(b, MFF_ARP_SPA, MFF_ARP_TPA, 32);
    flow_put_move(b, FIELD_SCRATCH, MFF_ARP_SPA, 32);
    flow_put_output(b, ofp_to_u16(OFPP_IN_PORT));
    flow_emit(b);
}

/* A solicitation becomes an advertisement (RFC 4861 7.2.4) in two steps: the
 * target link-layer option can be written only once the type is 136.  To a
 * probe (source ::) the answer goes to all nodes, not solicited. */
static void
nd_reply_flows(struct flow_builder *b)
{
    for (int probe = 0; probe < 2; probe++) {
        struct match *m = flow_begin(b, TABLE_ND_REPLY, probe ? 110 : 100);

        flow_match_nd(m, ND_NEIGHBOR_SOLICIT);
        if (probe) {
            match_set_ipv6_src(m, &in6addr_any);
            flow_put_set(b, MFF_ETH_DST, eth_addr_to_uint64(all_nodes_mac));
        } else {
            flow_put_move(b, MFF_ETH_SRC, MFF_ETH_DST, 48);
        }
        flow_put_move(b, FIELD_MAC, MFF_ETH_SRC, 48);
        if (probe) {
            union mf_value all_nodes;

            memset(&all_nodes, 0, sizeof all_nodes);
            all_nodes.ipv6.s6_addr[0] = 0xff;
            all_nodes.ipv6.s6_addr[1] = 0x02;
            all_nodes.ipv6.s6_addr[15] = 0x01;
            ofpact_put_set_field(&b->entry.actions,
                                 mf_from_id(MFF_IPV6_DST), &all_nodes, NULL);
        } else {
            flow_put_move(b, MFF_IPV6_SRC, MFF_IPV6_DST, 128);
        }
        flow_put_move(b, MFF_ND_TARGET, MFF_IPV6_SRC, 128);
        flow_put_set(b, MFF_ND_OPTIONS_TYPE, ND_OPT_TARGET_LINKADDR);
        flow_put_set(b, MFF_ICMPV6_TYPE, ND_NEIGHBOR_ADVERT);
        flow_put_set(b, FIELD_SCRATCH, probe ? 0x20000000 : 0x60000000);
        flow_emit_goto(b, TABLE_ND_REPLY_END);
    }

    flow_match_nd(flow_begin(b, TABLE_ND_REPLY_END, 100), ND_NEIGHBOR_ADVERT);
    flow_put_move(b, FIELD_SCRATCH, MFF_ND_RESERVED, 32);
    flow_put_move(b, MFF_ETH_SRC, MFF_ND_TLL, 48);
    flow_put_output(b, ofp_to_u16(OFPP_IN_PORT));
    flow_emit(b);
}

static void
port_security_drops(struct flow_builder *b)
{
    struct match *m;

    /* Guests unwrap frames tagged with VLAN 0, however often, without being
     * asked: a tag would hide an address from the matches below. */
    m = flow_begin(b, TABLE_PORT_SECURITY, 250);
    match_set_dl_tci_masked(m, htons(VLAN_CFI), htons(VLAN_CFI));
    flow_emit_drop(b, DROP_VLAN);

    flow_begin(b, TABLE_PORT_SECURITY, 0);
    flow_emit_drop(b, DROP_SOURCE_MAC);

    static const uint8_t nd_types[] = { ND_NEIGHBOR_SOLICIT,
                                        ND_NEIGHBOR_ADVERT };
    for (size_t i = 0; i < ARRAY_SIZE(nd_types); i++) {
        m = flow_begin(b, TABLE_ND_SECURITY, 50);
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(m, IPPROTO_ICMPV6);
        match_set_icmp_type(m, nd_types[i]);
        flow_emit_drop(b, DROP_ND_TARGET);
    }

    /* A first fragment that does not have the type in it (RFC 7112): what
     * follows could be anything.  Type 0 itself is reserved. */
    m = flow_begin(b, TABLE_ND_SECURITY, 50);
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_nw_frag(m, FLOW_NW_FRAG_ANY);
    match_set_icmp_type(m, 0);
    flow_emit_drop(b, DROP_ND_TARGET);

    flow_begin(b, TABLE_ND_SECURITY, 0);
    flow_emit_goto(b, TABLE_ARP_ND);
}

static void
arp_nd_misses(struct flow_builder *b)
{
    struct match *m;

    flow_match_arp(flow_begin(b, TABLE_ARP_ND, 10), ARP_OP_REQUEST);
    flow_emit_drop(b, DROP_ARP_UNKNOWN);
    flow_match_arp(flow_begin(b, TABLE_ARP_ND, 5), 0);
    flow_emit_drop(b, DROP_ARP_UNSOLICITED);

    m = flow_begin(b, TABLE_ARP_ND, 10);
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, ND_NEIGHBOR_SOLICIT);
    flow_emit_drop(b, DROP_ND_UNKNOWN);

    flow_begin(b, TABLE_ARP_ND, 0);
    flow_emit_goto(b, TABLE_SERVICES);
}

/* BFD of a peer meets these only where this host runs none on the tunnel: Open
 * vSwitch takes what is for a session before the tables.  It has key 0 or, on
 * a tunnel with a segment's own key, that. */
static void
bfd_drops(struct flow_builder *b)
{
    struct match *m = flow_begin(b, TABLE_TUNNEL_IN, 110);

    match_set_tun_id(m, htonll(0));
    match_set_dl_dst(m, bfd_mac);
    flow_emit_drop(b, DROP_CONTROL_FRAME);
    match_set_dl_dst(flow_begin(b, TABLE_DELIVER, 110), bfd_mac);
    flow_emit_drop(b, DROP_CONTROL_FRAME);
    match_set_dl_dst(flow_begin(b, TABLE_FORWARD, 110), bfd_mac);
    flow_emit_drop(b, DROP_CONTROL_FRAME);
}

void
static_flows(flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    flow_begin(&b, TABLE_CLASSIFY, 0);
    flow_emit_drop(&b, DROP_UNKNOWN_PORT);
    flow_begin(&b, TABLE_TUNNEL_IN, 0);
    flow_emit_drop(&b, DROP_UNKNOWN_VNI);

    port_security_drops(&b);
    arp_nd_misses(&b);
    arp_reply_flow(&b);
    nd_reply_flows(&b);

    flow_begin(&b, TABLE_SERVICES, 0);
    flow_emit_goto(&b, TABLE_ROUTE);
    flow_begin(&b, TABLE_ROUTE, 0);
    flow_emit_goto(&b, TABLE_FORWARD);
    flow_build_routing(&b);

    bfd_drops(&b);
    match_set_dl_dst_masked(flow_begin(&b, TABLE_FORWARD, 60), control_frames,
                            control_frames_mask);
    flow_emit_drop(&b, DROP_CONTROL_FRAME);
    match_set_dl_dst_masked(flow_begin(&b, TABLE_FORWARD, 50), group_bit,
                            group_bit);
    flow_emit_goto(&b, TABLE_REPLICATE);
    flow_begin(&b, TABLE_FORWARD, 0);
    flow_emit_drop(&b, DROP_UNKNOWN_UNICAST);

    match_set_dl_dst(flow_begin(&b, TABLE_REPLICATE, 5), eth_addr_broadcast);
    flow_emit_drop(&b, DROP_BROADCAST);
    flow_begin(&b, TABLE_REPLICATE, 0);
    flow_emit_drop(&b, DROP_MULTICAST);
    flow_begin(&b, TABLE_DELIVER, 0);
    flow_emit_drop(&b, DROP_NOT_LOCAL);
    flow_begin(&b, TABLE_NO_TUNNEL, 0);
    flow_emit_drop(&b, DROP_NO_TUNNEL);
    flow_builder_uninit(&b);
}
