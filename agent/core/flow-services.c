/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <netinet/icmp6.h>

#include "core/endpoint-services.h"
#include "core/flow-builder.h"
#include "core/punt.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

/* Table 25: what the agent answers a VM, so that it never gets farther; and
 * what only the agent may say.  A client takes an answer from any port, so the
 * port that an answer goes to is all that is looked at. */

enum {
    DHCP4_SERVER_PORT = 67,
    DHCP4_CLIENT_PORT = 68,
    DHCP6_SERVER_PORT = 547,
    DHCP6_CLIENT_PORT = 546,
};

static void
match_udp(struct match *m, uint16_t eth_type, uint16_t dst)
{
    match_set_dl_type(m, htons(eth_type));
    match_set_nw_proto(m, IPPROTO_UDP);
    match_set_tp_dst(m, htons(dst));
}

static void
match_dhcp4_request(struct match *m, uint32_t ofport)
{
    flow_match_in_port(m, ofport);
    match_udp(m, ETH_TYPE_IP, DHCP4_SERVER_PORT);
    match_set_tp_src(m, htons(DHCP4_CLIENT_PORT));
}

static void
match_icmp6(struct match *m, uint32_t ofport, uint8_t type)
{
    flow_match_in_port(m, ofport);
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, type);
}

static void
emit_punt(struct flow_builder *b, enum punt_kind kind, uint32_t ofport)
{
    flow_put_punt(b, kind, punt_port_meter(ofport));
    flow_emit(b);
}

static void
dhcp4_flows(struct flow_builder *b, const struct endpoint_record *r)
{
    struct match *m;

    match_dhcp4_request(flow_begin(b, TABLE_SERVICES, 100), r->out);
    emit_punt(b, PUNT_DHCP4, r->out);

    /* Whoever uses an address that is the VM's no longer has to be told. */
    if (r->port_security) {
        m = flow_begin(b, TABLE_PORT_SECURITY, 100);
        match_dhcp4_request(m, r->out);
        match_set_dl_src(m, r->mac);
        flow_emit_goto(b, TABLE_SERVICES);
    }
    if (r->services & SERVICE_DHCP4_OWN_IP) {
        m = flow_begin(b, TABLE_ARP_ND, 100);
        flow_match_in_port(m, r->out);
        flow_match_arp(m, ARP_OP_REQUEST);
        match_set_nw_dst(m, htonl(DHCP_SERVER_IP));
        flow_put_set(b, FIELD_MAC, eth_addr_to_uint64(dhcp_server_mac));
        flow_emit_goto(b, TABLE_ARP_REPLY);
    }
}

static void
ipv6_flows(struct flow_builder *b, const struct endpoint_record *r)
{
    struct match *m = flow_begin(b, TABLE_SERVICES, 100);

    flow_match_in_port(m, r->out);
    match_udp(m, ETH_TYPE_IPV6, DHCP6_SERVER_PORT);
    match_set_tp_src(m, htons(DHCP6_CLIENT_PORT));
    emit_punt(b, PUNT_DHCP6, r->out);

    match_icmp6(flow_begin(b, TABLE_SERVICES, 100), r->out,
                ND_ROUTER_SOLICIT);
    emit_punt(b, PUNT_ROUTER_SOLICIT, r->out);
}

static void
guard_flow(struct flow_builder *b, uint32_t ofport, uint16_t eth_type,
           uint16_t port)
{
    struct match *m = flow_begin(b, TABLE_SERVICES, 90);

    flow_match_in_port(m, ofport);
    match_udp(m, eth_type, port);
    flow_emit_drop(b, DROP_ROGUE_DHCP);
}

void
flow_put_services(struct flow_builder *b, const struct endpoint_record *r)
{
    if (r->services & SERVICE_DHCP4) {
        dhcp4_flows(b, r);
    }
    if (r->services & SERVICE_IPV6) {
        ipv6_flows(b, r);
    }
    if (r->services & GUARD_DHCP4) {
        guard_flow(b, r->out, ETH_TYPE_IP, DHCP4_CLIENT_PORT);
    }
    if (r->services & GUARD_IPV6) {
        guard_flow(b, r->out, ETH_TYPE_IPV6, DHCP6_CLIENT_PORT);
        match_icmp6(flow_begin(b, TABLE_SERVICES, 90), r->out,
                    ND_ROUTER_ADVERT);
        flow_emit_drop(b, DROP_ROGUE_ROUTER);
        match_icmp6(flow_begin(b, TABLE_SERVICES, 90), r->out, ND_REDIRECT);
        flow_emit_drop(b, DROP_ROGUE_ROUTER);
    }
}
