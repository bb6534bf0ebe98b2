/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <netinet/icmp6.h>
#include <string.h>

#include "core/flow-builder.h"
#include "core/flow-multicast.h"
#include "core/flow-shared.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

/* The flows of records. */

uint64_t
segment_metadata(uint32_t vni, enum encap forced)
{
    return ((uint64_t) forced << 32) | vni;
}

static bool
is_ipv4(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip);
}

static void
match_ip_source(struct match *m, const struct endpoint_address *a)
{
    if (is_ipv4(&a->ip)) {
        match_set_dl_type(m, htons(ETH_TYPE_IP));
        match_set_nw_src_masked(m, in6_addr_get_mapped_ipv4(&a->ip),
                                be32_prefix_mask(a->plen - 96));
    } else {
        struct in6_addr mask = ipv6_create_mask(a->plen);

        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_ipv6_src_masked(m, &a->ip, &mask);
    }
}

/* Table 10 and 11: what a VM may send. */

static struct match *
begin_from(struct flow_builder *b, enum flow_table_id table, uint16_t priority,
           uint32_t ofport, const struct eth_addr mac)
{
    struct match *m = flow_begin(b, table, priority);

    flow_match_in_port(m, ofport);
    match_set_dl_src(m, mac);
    return m;
}

/* What anyone may send whose address is not known yet: probes (RFC 5227, RFC
 * 4862 5.4), router solicitations, MLD reports (RFC 3590, RFC 3810 5.2.13) and
 * DHCP. */
static void
unspecified_source_flows(struct flow_builder *b, uint32_t ofport,
                         const struct eth_addr mac)
{
    static const uint8_t icmp6_types[] = { ND_ROUTER_SOLICIT,
                                           ND_NEIGHBOR_SOLICIT,
                                           MLD_REPORT, MLD2_REPORT };
    struct match *m;

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
    flow_match_arp(m, ARP_OP_REQUEST);
    match_set_arp_sha(m, mac);
    match_set_nw_src(m, htonl(0));
    flow_emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
    match_set_dl_type(m, htons(ETH_TYPE_IP));
    match_set_nw_proto(m, IPPROTO_UDP);
    match_set_nw_src(m, htonl(0));
    match_set_nw_dst(m, htonl(UINT32_MAX));
    match_set_tp_src(m, htons(68));
    match_set_tp_dst(m, htons(67));
    flow_emit_goto(b, TABLE_ARP_ND);

    for (size_t i = 0; i < ARRAY_SIZE(icmp6_types); i++) {
        m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(m, IPPROTO_ICMPV6);
        match_set_ipv6_src(m, &in6addr_any);
        match_set_icmp_type(m, icmp6_types[i]);
        flow_emit_goto(b, TABLE_ND_SECURITY);
    }
}

/* The MAC is right and the address is not.  By port, so that the counters say
 * which VM it is. */
static void
source_address_drops(struct flow_builder *b, uint32_t ofport,
                     const struct eth_addr mac)
{
    static const struct {
        uint16_t eth_type;
        enum drop_cause cause;
    } drops[] = {
        { ETH_TYPE_IP, DROP_SOURCE_IP },
        { ETH_TYPE_IPV6, DROP_SOURCE_IP6 },
        { ETH_TYPE_ARP, DROP_ARP_SENDER },
        { ETH_TYPE_RARP, DROP_ARP_SENDER },
    };

    for (size_t i = 0; i < ARRAY_SIZE(drops); i++) {
        match_set_dl_type(begin_from(b, TABLE_PORT_SECURITY, 60, ofport, mac),
                          htons(drops[i].eth_type));
        flow_emit_drop(b, drops[i].cause);
    }
}

static void
source_mac_flows(struct flow_builder *b, uint32_t ofport,
                 const struct eth_addr mac)
{
    source_address_drops(b, ofport, mac);
    begin_from(b, TABLE_PORT_SECURITY, 50, ofport, mac);
    flow_emit_goto(b, TABLE_ARP_ND);

    /* A solicitation names the sender's link-layer address, or none. */
    struct match *m;
    m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, mac);
    flow_match_nd(m, ND_NEIGHBOR_SOLICIT);
    match_set_arp_sha(m, mac);
    flow_emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, mac);
    flow_match_nd(m, ND_NEIGHBOR_SOLICIT);
    match_set_arp_sha(m, eth_addr_zero);
    flow_emit_goto(b, TABLE_ARP_ND);
}

static void
advertisement_flow(struct flow_builder *b, uint32_t ofport,
                   const struct endpoint_address *a,
                   const struct eth_addr link_layer)
{
    struct match *m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, a->mac);
    struct in6_addr mask = ipv6_create_mask(a->plen);

    flow_match_nd(m, ND_NEIGHBOR_ADVERT);
    match_set_nd_target_masked(m, &a->ip, &mask);
    match_set_arp_tha(m, link_layer);
    flow_emit_goto(b, TABLE_ARP_ND);
}

static void
source_address_flows(struct flow_builder *b, uint32_t ofport,
                     const struct endpoint_address *a)
{
    struct match *m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, a->mac);

    match_ip_source(m, a);
    if (!is_ipv4(&a->ip)) {
        flow_emit_goto(b, TABLE_ND_SECURITY);
        advertisement_flow(b, ofport, a, a->mac);
        advertisement_flow(b, ofport, a, eth_addr_zero);
        return;
    }
    flow_emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, a->mac);
    flow_match_arp(m, 0);
    match_set_arp_sha(m, a->mac);
    match_set_nw_src_masked(m, in6_addr_get_mapped_ipv4(&a->ip),
                            be32_prefix_mask(a->plen - 96));
    flow_emit_goto(b, TABLE_ARP_ND);
}

/* Is the MAC of the source address with index 'i' one that neither the VM's
 * own MAC nor a source address before it is? */
static bool
is_new_source_mac(const struct endpoint_record *r, size_t i)
{
    const struct eth_addr mac = r->addresses[i].mac;

    for (size_t j = 0; j < i; j++) {
        if (r->addresses[j].source
            && eth_addr_equals(r->addresses[j].mac, mac)) {
            return false;
        }
    }
    return !eth_addr_equals(r->mac, mac);
}

static void
port_security_flows(struct flow_builder *b, const struct endpoint_record *r)
{
    if (!r->port_security) {
        flow_match_in_port(flow_begin(b, TABLE_PORT_SECURITY, 300), r->out);
        flow_emit_goto(b, TABLE_ARP_ND);
        return;
    }

    flow_match_in_port(flow_begin(b, TABLE_PORT_SECURITY, 40), r->out);
    flow_emit_drop(b, DROP_SOURCE_MAC);
    source_mac_flows(b, r->out, r->mac);
    unspecified_source_flows(b, r->out, r->mac);
    for (size_t i = 0; i < r->n_addresses; i++) {
        if (r->addresses[i].source) {
            source_address_flows(b, r->out, &r->addresses[i]);
            if (is_new_source_mac(r, i)) {
                source_mac_flows(b, r->out, r->addresses[i].mac);
            }
        }
    }
}

/* Table 20: ARP and ND requests. */

static void
answer_flows(struct flow_builder *b, const struct endpoint_record *r,
             const struct endpoint_address *a)
{
    struct match *m = flow_begin(b, TABLE_ARP_ND, 100);

    match_set_metadata(m, htonll(r->metadata));
    flow_match_valid_request(m, &a->ip);
    flow_put_set(b, FIELD_MAC, eth_addr_to_uint64(a->mac));
    flow_emit_goto(b, is_ipv4(&a->ip) ? TABLE_ARP_REPLY : TABLE_ND_REPLY);

    if (r->guard_garp && is_ipv4(&a->ip)) {
        m = flow_begin(b, TABLE_ARP_ND, 150);
        match_set_metadata(m, htonll(r->metadata));
        flow_match_request(m, &a->ip);
        match_set_nw_src(m, in6_addr_get_mapped_ipv4(&a->ip));
        flow_emit_drop(b, DROP_GRATUITOUS_ARP);
    }
}

/* The owner's own probe or announcement (RFC 5227, RFC 4862 5.4). */
static void
own_probe_flow(struct flow_builder *b, const struct endpoint_record *r,
               const struct endpoint_address *a)
{
    struct match *m = flow_begin(b, TABLE_ARP_ND, 200);

    flow_match_in_port(m, r->out);
    flow_match_request(m, &a->ip);
    flow_emit_drop(b, DROP_OWN_PROBE);
}

/* Tables 40 and 60: where a MAC is. */

static void
destination_flows(struct flow_builder *b, const struct endpoint_record *r,
                  const struct eth_addr mac)
{
    struct match *m = flow_begin(b, TABLE_FORWARD, 100);

    match_set_metadata(m, htonll(r->metadata));
    match_set_dl_dst(m, mac);
    switch (r->place) {
    case PLACE_LOCAL:
        flow_put_output(b, r->out);
        flow_emit(b);

        b->entry.table = TABLE_DELIVER;
        flow_emit(b);
        break;
    case PLACE_REMOTE:
        ofpact_put_GROUP(&b->entry.actions)->group_id = r->out;
        flow_emit(b);
        if (r->floods) {
            /* The sender is behind: it is not unknown for that. */
            ofpbuf_clear(&b->entry.actions);
            b->entry.table = TABLE_DELIVER;
            flow_emit_drop(b, DROP_NOT_LOCAL);
        }
        break;
    case PLACE_ABSENT:
        flow_emit_drop(b, DROP_NOT_PLUGGED);

        b->entry.table = TABLE_DELIVER;
        flow_emit_drop(b, DROP_NOT_PLUGGED);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

void
endpoint_record_flows(const struct endpoint_record *r, flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    destination_flows(&b, r, r->mac);
    for (size_t i = 0; i < r->n_macs; i++) {
        destination_flows(&b, r, r->macs[i]);
    }
    for (size_t i = 0; i < r->n_addresses; i++) {
        if (r->addresses[i].answered) {
            answer_flows(&b, r, &r->addresses[i]);
            if (r->place == PLACE_LOCAL) {
                own_probe_flow(&b, r, &r->addresses[i]);
            }
        }
        if (r->addresses[i].shared) {
            flow_shared_address(&b, r, &r->addresses[i]);
        }
    }
    if (r->place == PLACE_LOCAL) {
        flow_match_in_port(flow_begin(&b, TABLE_CLASSIFY, 100), r->out);
        flow_put_set(&b, MFF_METADATA, r->metadata);
        flow_put_set(&b, MFF_TUN_ID, r->metadata & UINT32_MAX);
        flow_emit_goto(&b, TABLE_PORT_SECURITY);
        port_security_flows(&b, r);
        if (r->snoops) {
            snoop_port_flows(&b, r->out);
        }
        flow_put_services(&b, r);
    }
    if (r->routed) {
        flow_build_routed_endpoint(&b, r);
    }
    flow_builder_uninit(&b);
}

struct endpoint_record *
endpoint_record_alloc(size_t n_addresses, size_t n_macs)
{
    struct endpoint_record *r;
    size_t size = sizeof *r + n_addresses * sizeof r->addresses[0];

    r = xzalloc(size + n_macs * sizeof *r->macs);
    r->macs = (struct eth_addr *) ((char *) r + size);
    r->n_addresses = n_addresses;
    r->n_macs = n_macs;
    return r;
}

static bool
endpoint_address_equals(const struct endpoint_address *a,
                        const struct endpoint_address *b)
{
    return ipv6_addr_equals(&a->ip, &b->ip)
           && eth_addr_equals(a->mac, b->mac)
           && a->plen == b->plen
           && a->answered == b->answered
           && a->source == b->source
           && a->shared == b->shared
           && a->leads == b->leads;
}

bool
endpoint_record_equals(const struct endpoint_record *a,
                       const struct endpoint_record *b)
{
    if (a->metadata != b->metadata || a->out != b->out || a->place != b->place
        || !eth_addr_equals(a->mac, b->mac)
        || a->port_security != b->port_security
        || a->guard_garp != b->guard_garp || a->floods != b->floods
        || a->snoops != b->snoops
        || a->routed != b->routed
        || a->services != b->services
        || a->n_addresses != b->n_addresses || a->n_macs != b->n_macs
        || memcmp(a->macs, b->macs, a->n_macs * sizeof *a->macs)) {
        return false;
    }
    for (size_t i = 0; i < a->n_addresses; i++) {
        if (!endpoint_address_equals(&a->addresses[i], &b->addresses[i])) {
            return false;
        }
    }
    return true;
}

/* Live segments. */

/* What is neither for one MAC nor for all IP addresses of the world: which
 * policy it follows.  All but a frame to everybody have a group address. */
struct policy_rule {
    uint16_t priority;
    bool broadcast;             /* Follows 'broadcast', else 'multicast'. */
    void (*match)(struct match *);
};

static void
match_broadcast(struct match *m)
{
    match_set_dl_dst(m, eth_addr_broadcast);
}

static void
match_group(struct match *m)
{
    match_set_dl_dst_masked(m, group_bit, group_bit);
}

static void
match_ip_broadcast(struct match *m)
{
    match_group(m);
    match_set_dl_type(m, htons(ETH_TYPE_IP));
    match_set_nw_dst(m, htonl(UINT32_MAX));
}

static void
match_link_local_ip(struct match *m)
{
    match_group(m);
    match_set_dl_type(m, htons(ETH_TYPE_IP));
    match_set_nw_dst_masked(m, htonl(0xe0000000), be32_prefix_mask(24));
}

static void
match_link_local_ipv6(struct match *m)
{
    struct in6_addr ff02, mask = ipv6_create_mask(16);

    memset(&ff02, 0, sizeof ff02);
    ff02.s6_addr[0] = 0xff;
    ff02.s6_addr[1] = 0x02;
    match_group(m);
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_ipv6_dst_masked(m, &ff02, &mask);
}

static const struct policy_rule policy_rules[] = {
    { 80, true, match_broadcast },
    { 70, true, match_ip_broadcast },
    { 70, true, match_link_local_ip },
    { 70, true, match_link_local_ipv6 },
    { 60, false, match_group },
};

/* 'table' sends what the segment's policies replicate to 'all'. */
static void
policy_flows(struct flow_builder *b, const struct segment_record *r,
             enum flow_table_id table, enum flow_table_id all)
{
    for (size_t i = 0; i < ARRAY_SIZE(policy_rules); i++) {
        const struct policy_rule *rule = &policy_rules[i];
        bool replicate = rule->broadcast ? r->broadcast : r->multicast;
        bool exception = rule->priority == 70;

        /* What drops needs a flow only as an exception from what does not. */
        if (exception ? r->broadcast == r->multicast && !r->snoop
                      : !replicate && !r->multicast) {
            continue;
        }

        struct match *m = flow_begin(b, table, rule->priority);
        match_set_metadata(m, htonll(r->metadata));
        rule->match(m);
        if (replicate) {
            flow_emit_goto(b, all);
        } else {
            flow_emit_drop(b, DROP_BROADCAST);
        }
    }
}

void
segment_record_flows(const struct segment_record *r, flow_cb *cb, void *aux)
{
    bool any = r->broadcast || r->unknown_unicast || r->multicast;
    struct flow_builder b;
    struct match *m;

    flow_builder_init(&b, cb, aux);
    m = flow_begin(&b, TABLE_TUNNEL_IN, 100);
    if (r->forced != ENCAP_NONE) {
        match_set_reg(m, 0, r->forced);
    }
    match_set_tun_id(m, htonll(r->vni));
    flow_put_set(&b, MFF_METADATA, r->metadata);
    flow_emit_goto(&b, TABLE_DELIVER);

    policy_flows(&b, r, TABLE_REPLICATE, TABLE_HEAD_END);
    policy_flows(&b, r, TABLE_DELIVER, TABLE_DELIVER_ALL);
    if (r->snoop) {
        snoop_segment_flows(&b, r->metadata);
    }
    if (r->unknown_unicast) {
        m = flow_begin(&b, TABLE_FORWARD, 10);
        match_set_metadata(m, htonll(r->metadata));
        flow_emit_goto(&b, TABLE_HEAD_END);

        m = flow_begin(&b, TABLE_DELIVER, 10);
        match_set_metadata(m, htonll(r->metadata));
        match_set_dl_dst_masked(m, eth_addr_zero, group_bit);
        flow_emit_goto(&b, TABLE_DELIVER_ALL);
    }
    if (any) {
        m = flow_begin(&b, TABLE_DELIVER_ALL, 100);
        match_set_metadata(m, htonll(r->metadata));
        for (size_t i = 0; i < r->n_ports; i++) {
            flow_put_output(&b, r->outs[i]);
        }
        flow_emit(&b);

        b.entry.table = TABLE_HEAD_END;
        for (size_t i = 0; i < r->n_groups; i++) {
            ofpact_put_GROUP(&b.entry.actions)->group_id
                = r->outs[r->n_ports + i];
        }
        flow_emit(&b);
    }
    flow_builder_uninit(&b);
}

struct segment_record *
segment_record_alloc(size_t n_ports, size_t n_groups)
{
    struct segment_record *r
        = xzalloc(sizeof *r + (n_ports + n_groups) * sizeof r->outs[0]);

    r->n_ports = n_ports;
    r->n_groups = n_groups;
    return r;
}

bool
segment_record_equals(const struct segment_record *a,
                      const struct segment_record *b)
{
    return a->metadata == b->metadata
           && a->vni == b->vni
           && a->forced == b->forced
           && a->broadcast == b->broadcast
           && a->unknown_unicast == b->unknown_unicast
           && a->multicast == b->multicast
           && a->snoop == b->snoop
           && a->n_ports == b->n_ports
           && a->n_groups == b->n_groups
           && !memcmp(a->outs, b->outs,
                      (a->n_ports + a->n_groups) * sizeof a->outs[0]);
}

void
tunnel_record_flows(const struct tunnel_record *r, flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    flow_match_in_port(flow_begin(&b, TABLE_CLASSIFY, 100), r->ofport);
    if (r->metadata) {
        flow_put_set(&b, MFF_METADATA, r->metadata);
        flow_emit_goto(&b, TABLE_DELIVER);
    } else {
        flow_put_set(&b, FIELD_ENCAP, r->type);
        flow_emit_goto(&b, TABLE_TUNNEL_IN);
    }
    flow_builder_uninit(&b);
}
