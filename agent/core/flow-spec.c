/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <netinet/icmp6.h>
#include <string.h>

#include "flow.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

const struct flow_table_name flow_table_names[] = {
    { TABLE_CLASSIFY, "classify" },
    { TABLE_TUNNEL_IN, "tunnel_in" },
    { TABLE_PORT_SECURITY, "port_security" },
    { TABLE_ND_SECURITY, "nd_security" },
    { TABLE_ARP_ND, "arp_nd" },
    { TABLE_ARP_REPLY, "arp_reply" },
    { TABLE_ND_REPLY, "nd_reply" },
    { TABLE_ND_REPLY_END, "nd_reply_end" },
    { TABLE_ROUTE, "route" },
    { TABLE_FORWARD, "forward" },
    { TABLE_REPLICATE, "replicate" },
    { TABLE_HEAD_END, "head_end" },
    { TABLE_DELIVER, "deliver" },
    { TABLE_DELIVER_ALL, "deliver_all" },
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
};

const char *
drop_cause_to_string(enum drop_cause cause)
{
    return cause < N_DROP_CAUSES ? drop_cause_names[cause] : "unknown";
}

/* Registers.  REG0: encapsulation code of a packet from a tunnel.  XREG1: the
 * MAC that an ARP or ND request asks for.  REG4: scratch. */
#define FIELD_ENCAP MFF_REG0
#define FIELD_MAC MFF_XREG1
#define FIELD_SCRATCH MFF_REG4

/* Ethernet group bit. */
static const struct eth_addr group_bit
    = ETH_ADDR_C(01,00,00,00,00,00);
static const struct eth_addr control_frames
    = ETH_ADDR_C(01,80,c2,00,00,00);
static const struct eth_addr control_frames_mask
    = ETH_ADDR_C(ff,ff,ff,ff,ff,f0);
static const struct eth_addr all_nodes_mac
    = ETH_ADDR_C(33,33,00,00,00,01);

uint64_t
segment_metadata(uint32_t vni, enum encap forced)
{
    return ((uint64_t) forced << 32) | vni;
}

/* A flow under construction. */
struct builder {
    struct flow_entry entry;
    uint64_t stub[512 / 8];
    flow_cb *cb;
    void *aux;
};

static void
builder_init(struct builder *b, flow_cb *cb, void *aux)
{
    ofpbuf_use_stub(&b->entry.actions, b->stub, sizeof b->stub);
    b->cb = cb;
    b->aux = aux;
}

static void
builder_uninit(struct builder *b)
{
    ofpbuf_uninit(&b->entry.actions);
}

static struct match *
begin(struct builder *b, enum flow_table_id table, uint16_t priority)
{
    b->entry.table = table;
    b->entry.priority = priority;
    match_init_catchall(&b->entry.match);
    ofpbuf_clear(&b->entry.actions);
    return &b->entry.match;
}

static void
emit(struct builder *b)
{
    b->entry.cookie = FLOW_COOKIE_BASE;
    b->cb(&b->entry, b->aux);
}

static void
emit_drop(struct builder *b, enum drop_cause cause)
{
    b->entry.cookie = FLOW_COOKIE_BASE | cause;
    b->cb(&b->entry, b->aux);
}

static void
emit_goto(struct builder *b, enum flow_table_id table)
{
    ofpact_put_GOTO_TABLE(&b->entry.actions)->table_id = table;
    emit(b);
}

static void
put_output(struct builder *b, uint32_t ofport)
{
    ofpact_put_OUTPUT(&b->entry.actions)->port = u16_to_ofp(ofport);
}

static void
put_set(struct builder *b, enum mf_field_id id, uint64_t value)
{
    const struct mf_field *mf = mf_from_id(id);
    union mf_value v;

    memset(&v, 0, sizeof v);
    ovs_be64 be = htonll(value);
    memcpy(&v, (const uint8_t *) &be + (sizeof be - mf->n_bytes),
           mf->n_bytes);
    ofpact_put_set_field(&b->entry.actions, mf, &v, NULL);
}

static void
put_move(struct builder *b, enum mf_field_id src, enum mf_field_id dst,
         unsigned int n_bits)
{
    struct ofpact_reg_move *move = ofpact_put_REG_MOVE(&b->entry.actions);

    move->src = (struct mf_subfield) { mf_from_id(src), 0, n_bits };
    move->dst = (struct mf_subfield) { mf_from_id(dst), 0, n_bits };
}

static bool
is_ipv4(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip);
}

static uint64_t
eth_addr_value(const struct eth_addr mac)
{
    return eth_addr_to_uint64(mac);
}

static void
match_in_port(struct match *m, uint32_t ofport)
{
    match_set_in_port(m, u16_to_ofp(ofport));
}

static void
match_arp(struct match *m, int op)
{
    match_set_dl_type(m, htons(ETH_TYPE_ARP));
    if (op) {
        match_set_nw_proto(m, op);
    }
}

/* Neighbour discovery messages have code 0 (RFC 4861 4.3, 4.4). */
static void
match_nd(struct match *m, uint8_t type)
{
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, type);
    match_set_icmp_code(m, 0);
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
begin_from(struct builder *b, enum flow_table_id table, uint16_t priority,
           uint32_t ofport, const struct eth_addr mac)
{
    struct match *m = begin(b, table, priority);

    match_in_port(m, ofport);
    match_set_dl_src(m, mac);
    return m;
}

/* What anyone may send whose address is not known yet: probes (RFC 5227, RFC
 * 4862 5.4), router solicitations, MLD reports (RFC 3810 5.2.13) and DHCP. */
static void
unspecified_source_flows(struct builder *b, uint32_t ofport,
                         const struct eth_addr mac)
{
    static const uint8_t icmp6_types[] = { ND_ROUTER_SOLICIT,
                                           ND_NEIGHBOR_SOLICIT, 143 };
    struct match *m;

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
    match_arp(m, ARP_OP_REQUEST);
    match_set_arp_sha(m, mac);
    match_set_nw_src(m, htonl(0));
    emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
    match_set_dl_type(m, htons(ETH_TYPE_IP));
    match_set_nw_proto(m, IPPROTO_UDP);
    match_set_nw_src(m, htonl(0));
    match_set_nw_dst(m, htonl(UINT32_MAX));
    match_set_tp_src(m, htons(68));
    match_set_tp_dst(m, htons(67));
    emit_goto(b, TABLE_ARP_ND);

    for (size_t i = 0; i < ARRAY_SIZE(icmp6_types); i++) {
        m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, mac);
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(m, IPPROTO_ICMPV6);
        match_set_ipv6_src(m, &in6addr_any);
        match_set_icmp_type(m, icmp6_types[i]);
        emit_goto(b, TABLE_ND_SECURITY);
    }
}

static void
source_mac_flows(struct builder *b, uint32_t ofport, const struct eth_addr mac)
{
    begin_from(b, TABLE_PORT_SECURITY, 50, ofport, mac);
    emit_goto(b, TABLE_ARP_ND);

    /* A solicitation names the sender's link-layer address, or none. */
    struct match *m;
    m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, mac);
    match_nd(m, ND_NEIGHBOR_SOLICIT);
    match_set_arp_sha(m, mac);
    emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, mac);
    match_nd(m, ND_NEIGHBOR_SOLICIT);
    match_set_arp_sha(m, eth_addr_zero);
    emit_goto(b, TABLE_ARP_ND);
}

static void
advertisement_flow(struct builder *b, uint32_t ofport,
                   const struct endpoint_address *a,
                   const struct eth_addr link_layer)
{
    struct match *m = begin_from(b, TABLE_ND_SECURITY, 100, ofport, a->mac);
    struct in6_addr mask = ipv6_create_mask(a->plen);

    match_nd(m, ND_NEIGHBOR_ADVERT);
    match_set_nd_target_masked(m, &a->ip, &mask);
    match_set_arp_tha(m, link_layer);
    emit_goto(b, TABLE_ARP_ND);
}

static void
source_address_flows(struct builder *b, uint32_t ofport,
                     const struct endpoint_address *a)
{
    struct match *m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, a->mac);

    match_ip_source(m, a);
    if (!is_ipv4(&a->ip)) {
        emit_goto(b, TABLE_ND_SECURITY);
        advertisement_flow(b, ofport, a, a->mac);
        advertisement_flow(b, ofport, a, eth_addr_zero);
        return;
    }
    emit_goto(b, TABLE_ARP_ND);

    m = begin_from(b, TABLE_PORT_SECURITY, 100, ofport, a->mac);
    match_arp(m, 0);
    match_set_arp_sha(m, a->mac);
    match_set_nw_src_masked(m, in6_addr_get_mapped_ipv4(&a->ip),
                            be32_prefix_mask(a->plen - 96));
    emit_goto(b, TABLE_ARP_ND);
}

static void
port_security_flows(struct builder *b, const struct endpoint_record *r)
{
    if (!r->port_security) {
        match_in_port(begin(b, TABLE_PORT_SECURITY, 300), r->out);
        emit_goto(b, TABLE_ARP_ND);
        return;
    }

    source_mac_flows(b, r->out, r->mac);
    unspecified_source_flows(b, r->out, r->mac);
    for (size_t i = 0; i < r->n_macs; i++) {
        source_mac_flows(b, r->out, r->macs[i]);
    }
    for (size_t i = 0; i < r->n_addresses; i++) {
        if (r->addresses[i].source) {
            source_address_flows(b, r->out, &r->addresses[i]);
        }
    }
}

/* Table 20: ARP and ND requests. */

static void
match_request(struct match *m, const struct in6_addr *ip)
{
    if (is_ipv4(ip)) {
        match_arp(m, ARP_OP_REQUEST);
        match_set_nw_dst(m, in6_addr_get_mapped_ipv4(ip));
    } else {
        match_nd(m, ND_NEIGHBOR_SOLICIT);
        match_set_nd_target(m, ip);
    }
}

static void
answer_flows(struct builder *b, const struct endpoint_record *r,
             const struct endpoint_address *a)
{
    struct match *m = begin(b, TABLE_ARP_ND, 100);

    match_set_metadata(m, htonll(r->metadata));
    match_request(m, &a->ip);
    if (!is_ipv4(&a->ip)) {
        match_set_nw_ttl(m, 255);       /* RFC 4861 7.1.1. */
    }
    put_set(b, FIELD_MAC, eth_addr_value(a->mac));
    emit_goto(b, is_ipv4(&a->ip) ? TABLE_ARP_REPLY : TABLE_ND_REPLY);

    if (r->guard_garp && is_ipv4(&a->ip)) {
        m = begin(b, TABLE_ARP_ND, 150);
        match_set_metadata(m, htonll(r->metadata));
        match_request(m, &a->ip);
        match_set_nw_src(m, in6_addr_get_mapped_ipv4(&a->ip));
        emit_drop(b, DROP_GRATUITOUS_ARP);
    }
}

/* The owner's own probe or announcement (RFC 5227, RFC 4862 5.4). */
static void
own_probe_flow(struct builder *b, const struct endpoint_record *r,
               const struct endpoint_address *a)
{
    struct match *m = begin(b, TABLE_ARP_ND, 200);

    match_in_port(m, r->out);
    match_request(m, &a->ip);
    emit_drop(b, DROP_OWN_PROBE);
}

/* Tables 40 and 60: where a MAC is. */

static void
destination_flows(struct builder *b, const struct endpoint_record *r,
                  const struct eth_addr mac)
{
    struct match *m = begin(b, TABLE_FORWARD, 100);

    match_set_metadata(m, htonll(r->metadata));
    match_set_dl_dst(m, mac);
    switch (r->place) {
    case PLACE_LOCAL:
        put_output(b, r->out);
        emit(b);

        b->entry.table = TABLE_DELIVER;
        emit(b);
        break;
    case PLACE_REMOTE:
        ofpact_put_GROUP(&b->entry.actions)->group_id = r->out;
        emit(b);
        break;
    case PLACE_ABSENT:
        emit_drop(b, DROP_NOT_PLUGGED);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

void
endpoint_record_flows(const struct endpoint_record *r, flow_cb *cb, void *aux)
{
    struct builder b;

    builder_init(&b, cb, aux);
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
    }
    if (r->place == PLACE_LOCAL) {
        match_in_port(begin(&b, TABLE_CLASSIFY, 100), r->out);
        put_set(&b, MFF_METADATA, r->metadata);
        put_set(&b, MFF_TUN_ID, r->metadata & UINT32_MAX);
        emit_goto(&b, TABLE_PORT_SECURITY);
        port_security_flows(&b, r);
    }
    builder_uninit(&b);
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
           && a->source == b->source;
}

bool
endpoint_record_equals(const struct endpoint_record *a,
                       const struct endpoint_record *b)
{
    if (a->metadata != b->metadata || a->out != b->out || a->place != b->place
        || !eth_addr_equals(a->mac, b->mac)
        || a->port_security != b->port_security
        || a->guard_garp != b->guard_garp
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

/* 'table' sends what the segment's policies replicate to 'all'. */
static void
policy_flows(struct builder *b, const struct segment_record *r,
             enum flow_table_id table, enum flow_table_id all)
{
    struct match *m;

    if (r->broadcast) {
        m = begin(b, table, 80);
        match_set_metadata(m, htonll(r->metadata));
        match_set_dl_dst(m, eth_addr_broadcast);
        emit_goto(b, all);
    }
    if (r->multicast) {
        m = begin(b, table, 60);
        match_set_metadata(m, htonll(r->metadata));
        match_set_dl_dst_masked(m, group_bit, group_bit);
        emit_goto(b, all);
    }
    if (r->broadcast != r->multicast) {
        /* Link-local groups follow 'broadcast'. */
        struct in6_addr ff02, mask16 = ipv6_create_mask(16);

        memset(&ff02, 0, sizeof ff02);
        ff02.s6_addr[0] = 0xff;
        ff02.s6_addr[1] = 0x02;

        for (int i = 0; i < 2; i++) {
            m = begin(b, table, 70);
            match_set_metadata(m, htonll(r->metadata));
            match_set_dl_dst_masked(m, group_bit, group_bit);
            if (i) {
                match_set_dl_type(m, htons(ETH_TYPE_IPV6));
                match_set_ipv6_dst_masked(m, &ff02, &mask16);
            } else {
                match_set_dl_type(m, htons(ETH_TYPE_IP));
                match_set_nw_dst_masked(m, htonl(0xe0000000),
                                        be32_prefix_mask(24));
            }
            if (r->broadcast) {
                emit_goto(b, all);
            } else {
                emit_drop(b, DROP_BROADCAST);
            }
        }
    }
    if (r->broadcast != r->multicast && !r->broadcast) {
        m = begin(b, table, 80);
        match_set_metadata(m, htonll(r->metadata));
        match_set_dl_dst(m, eth_addr_broadcast);
        emit_drop(b, DROP_BROADCAST);
    }
}

void
segment_record_flows(const struct segment_record *r, flow_cb *cb, void *aux)
{
    bool any = r->broadcast || r->unknown_unicast || r->multicast;
    struct builder b;
    struct match *m;

    builder_init(&b, cb, aux);
    m = begin(&b, TABLE_TUNNEL_IN, 100);
    if (r->forced != ENCAP_NONE) {
        match_set_reg(m, 0, r->forced);
    }
    match_set_tun_id(m, htonll(r->vni));
    put_set(&b, MFF_METADATA, r->metadata);
    emit_goto(&b, TABLE_DELIVER);

    policy_flows(&b, r, TABLE_REPLICATE, TABLE_HEAD_END);
    policy_flows(&b, r, TABLE_DELIVER, TABLE_DELIVER_ALL);
    if (r->unknown_unicast) {
        m = begin(&b, TABLE_FORWARD, 10);
        match_set_metadata(m, htonll(r->metadata));
        emit_goto(&b, TABLE_HEAD_END);

        m = begin(&b, TABLE_DELIVER, 10);
        match_set_metadata(m, htonll(r->metadata));
        match_set_dl_dst_masked(m, eth_addr_zero, group_bit);
        emit_goto(&b, TABLE_DELIVER_ALL);
    }
    if (any) {
        m = begin(&b, TABLE_DELIVER_ALL, 100);
        match_set_metadata(m, htonll(r->metadata));
        for (size_t i = 0; i < r->n_ports; i++) {
            put_output(&b, r->outs[i]);
        }
        emit(&b);

        b.entry.table = TABLE_HEAD_END;
        for (size_t i = 0; i < r->n_groups; i++) {
            ofpact_put_GROUP(&b.entry.actions)->group_id
                = r->outs[r->n_ports + i];
        }
        emit(&b);
    }
    builder_uninit(&b);
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
           && a->n_ports == b->n_ports
           && a->n_groups == b->n_groups
           && !memcmp(a->outs, b->outs,
                      (a->n_ports + a->n_groups) * sizeof a->outs[0]);
}

void
tunnel_record_flows(const struct tunnel_record *r, flow_cb *cb, void *aux)
{
    struct builder b;

    builder_init(&b, cb, aux);
    match_in_port(begin(&b, TABLE_CLASSIFY, 100), r->ofport);
    if (r->metadata) {
        put_set(&b, MFF_METADATA, r->metadata);
        emit_goto(&b, TABLE_DELIVER);
    } else {
        put_set(&b, FIELD_ENCAP, r->type);
        emit_goto(&b, TABLE_TUNNEL_IN);
    }
    builder_uninit(&b);
}

/* One flow turns any ARP request into its reply (RFC 826). */
static void
arp_reply_flow(struct builder *b)
{
    match_arp(begin(b, TABLE_ARP_REPLY, 100), ARP_OP_REQUEST);
    put_move(b, MFF_ETH_SRC, MFF_ETH_DST, 48);
    put_move(b, FIELD_MAC, MFF_ETH_SRC, 48);
    put_set(b, MFF_ARP_OP, ARP_OP_REPLY);
    put_move(b, MFF_ARP_SHA, MFF_ARP_THA, 48);
    put_move(b, FIELD_MAC, MFF_ARP_SHA, 48);
    put_move(b, MFF_ARP_TPA, FIELD_SCRATCH, 32);
    put_move(b, MFF_ARP_SPA, MFF_ARP_TPA, 32);
    put_move(b, FIELD_SCRATCH, MFF_ARP_SPA, 32);
    put_output(b, ofp_to_u16(OFPP_IN_PORT));
    emit(b);
}

/* A solicitation becomes an advertisement (RFC 4861 7.2.4) in two steps: the
 * target link-layer option can be written only once the type is 136.  To a
 * probe (source ::) the answer goes to all nodes, not solicited. */
static void
nd_reply_flows(struct builder *b)
{
    for (int probe = 0; probe < 2; probe++) {
        struct match *m = begin(b, TABLE_ND_REPLY, probe ? 110 : 100);

        match_nd(m, ND_NEIGHBOR_SOLICIT);
        if (probe) {
            match_set_ipv6_src(m, &in6addr_any);
            put_set(b, MFF_ETH_DST, eth_addr_value(all_nodes_mac));
        } else {
            put_move(b, MFF_ETH_SRC, MFF_ETH_DST, 48);
        }
        put_move(b, FIELD_MAC, MFF_ETH_SRC, 48);
        if (probe) {
            union mf_value all_nodes;

            memset(&all_nodes, 0, sizeof all_nodes);
            all_nodes.ipv6.s6_addr[0] = 0xff;
            all_nodes.ipv6.s6_addr[1] = 0x02;
            all_nodes.ipv6.s6_addr[15] = 0x01;
            ofpact_put_set_field(&b->entry.actions,
                                 mf_from_id(MFF_IPV6_DST), &all_nodes, NULL);
        } else {
            put_move(b, MFF_IPV6_SRC, MFF_IPV6_DST, 128);
        }
        put_move(b, MFF_ND_TARGET, MFF_IPV6_SRC, 128);
        put_set(b, MFF_ND_OPTIONS_TYPE, ND_OPT_TARGET_LINKADDR);
        put_set(b, MFF_ICMPV6_TYPE, ND_NEIGHBOR_ADVERT);
        put_set(b, FIELD_SCRATCH, probe ? 0x20000000 : 0x60000000);
        emit_goto(b, TABLE_ND_REPLY_END);
    }

    match_nd(begin(b, TABLE_ND_REPLY_END, 100), ND_NEIGHBOR_ADVERT);
    put_move(b, FIELD_SCRATCH, MFF_ND_RESERVED, 32);
    put_move(b, MFF_ETH_SRC, MFF_ND_TLL, 48);
    put_output(b, ofp_to_u16(OFPP_IN_PORT));
    emit(b);
}

static void
port_security_drops(struct builder *b)
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
    struct match *m;

    /* Guests unwrap frames tagged with VLAN 0, however often, without being
     * asked: a tag would hide an address from the matches below. */
    m = begin(b, TABLE_PORT_SECURITY, 250);
    match_set_dl_tci_masked(m, htons(VLAN_CFI), htons(VLAN_CFI));
    emit_drop(b, DROP_VLAN);

    for (size_t i = 0; i < ARRAY_SIZE(drops); i++) {
        match_set_dl_type(begin(b, TABLE_PORT_SECURITY, 60),
                          htons(drops[i].eth_type));
        emit_drop(b, drops[i].cause);
    }
    begin(b, TABLE_PORT_SECURITY, 0);
    emit_drop(b, DROP_SOURCE_MAC);

    static const uint8_t nd_types[] = { ND_NEIGHBOR_SOLICIT,
                                        ND_NEIGHBOR_ADVERT };
    for (size_t i = 0; i < ARRAY_SIZE(nd_types); i++) {
        m = begin(b, TABLE_ND_SECURITY, 50);
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_nw_proto(m, IPPROTO_ICMPV6);
        match_set_icmp_type(m, nd_types[i]);
        emit_drop(b, DROP_ND_TARGET);
    }
    begin(b, TABLE_ND_SECURITY, 0);
    emit_goto(b, TABLE_ARP_ND);
}

static void
arp_nd_misses(struct builder *b)
{
    struct match *m;

    match_arp(begin(b, TABLE_ARP_ND, 10), ARP_OP_REQUEST);
    emit_drop(b, DROP_ARP_UNKNOWN);
    match_arp(begin(b, TABLE_ARP_ND, 5), 0);
    emit_drop(b, DROP_ARP_UNSOLICITED);

    m = begin(b, TABLE_ARP_ND, 10);
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, ND_NEIGHBOR_SOLICIT);
    emit_drop(b, DROP_ND_UNKNOWN);

    begin(b, TABLE_ARP_ND, 0);
    emit_goto(b, TABLE_ROUTE);
}

void
static_flows(flow_cb *cb, void *aux)
{
    struct builder b;

    builder_init(&b, cb, aux);
    begin(&b, TABLE_CLASSIFY, 0);
    emit_drop(&b, DROP_UNKNOWN_PORT);
    begin(&b, TABLE_TUNNEL_IN, 0);
    emit_drop(&b, DROP_UNKNOWN_VNI);

    port_security_drops(&b);
    arp_nd_misses(&b);
    arp_reply_flow(&b);
    nd_reply_flows(&b);

    begin(&b, TABLE_ROUTE, 0);
    emit_goto(&b, TABLE_FORWARD);

    match_set_dl_dst_masked(begin(&b, TABLE_FORWARD, 60), control_frames,
                            control_frames_mask);
    emit_drop(&b, DROP_CONTROL_FRAME);
    match_set_dl_dst_masked(begin(&b, TABLE_FORWARD, 50), group_bit,
                            group_bit);
    emit_goto(&b, TABLE_REPLICATE);
    begin(&b, TABLE_FORWARD, 0);
    emit_drop(&b, DROP_UNKNOWN_UNICAST);

    match_set_dl_dst(begin(&b, TABLE_REPLICATE, 5), eth_addr_broadcast);
    emit_drop(&b, DROP_BROADCAST);
    begin(&b, TABLE_REPLICATE, 0);
    emit_drop(&b, DROP_MULTICAST);
    begin(&b, TABLE_DELIVER, 0);
    emit_drop(&b, DROP_NOT_LOCAL);
    builder_uninit(&b);
}

/* Differences. */

struct diff_flow {
    struct hmap_node node;
    struct flow_entry entry;
    bool kept;
};

struct diff {
    struct hmap old;            /* Contains struct diff_flows. */
    flow_cb *add, *del;
    void *aux;
};

uint32_t
flow_entry_hash(const struct flow_entry *e)
{
    return match_hash(&e->match, e->table << 16 | e->priority);
}

static void
diff_collect(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;
    struct diff_flow *f = xmalloc(sizeof *f);

    f->entry = *e;
    ofpbuf_init(&f->entry.actions, e->actions.size);
    ofpbuf_put(&f->entry.actions, e->actions.data, e->actions.size);
    f->kept = false;
    hmap_insert(&diff->old, &f->node, flow_entry_hash(e));
}

static struct diff_flow *
diff_find(const struct diff *diff, const struct flow_entry *e)
{
    struct diff_flow *f;

    HMAP_FOR_EACH_WITH_HASH (f, node, flow_entry_hash(e), &diff->old) {
        if (f->entry.table == e->table && f->entry.priority == e->priority
            && match_equal(&f->entry.match, &e->match)) {
            return f;
        }
    }
    return NULL;
}

static void
diff_mark(const struct flow_entry *e, void *diff_)
{
    struct diff_flow *f = diff_find(diff_, e);

    if (f) {
        f->kept = true;
    }
}

static void
diff_add(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;
    struct diff_flow *f = diff_find(diff, e);

    if (!f || f->entry.cookie != e->cookie
        || !ofpacts_equal(f->entry.actions.data, f->entry.actions.size,
                          e->actions.data, e->actions.size)) {
        diff->add(e, diff->aux);
    }
}

void
flow_diff(flow_generator *generate, const void *old, const void *new,
          flow_cb *add, flow_cb *del, void *aux)
{
    if (!old) {
        if (new) {
            generate(new, add, aux);
        }
        return;
    }
    if (!new) {
        generate(old, del, aux);
        return;
    }

    struct diff diff = { HMAP_INITIALIZER(&diff.old), add, del, aux };
    struct diff_flow *f;

    generate(old, diff_collect, &diff);
    generate(new, diff_mark, &diff);
    HMAP_FOR_EACH (f, node, &diff.old) {
        if (!f->kept) {
            del(&f->entry, aux);
        }
    }
    generate(new, diff_add, &diff);

    HMAP_FOR_EACH_POP (f, node, &diff.old) {
        ofpbuf_uninit(&f->entry.actions);
        free(f);
    }
    hmap_destroy(&diff.old);
}

void
flow_entry_format(const struct flow_entry *e, struct ds *s)
{
    struct ofpact_format_params fp = { .s = s };

    ds_put_format(s, "cookie=%#"PRIx64", table=%d, ", e->cookie, e->table);
    match_format(&e->match, NULL, s, e->priority);
    ds_put_cstr(s, " actions=");
    if (e->actions.size) {
        ofpacts_format(e->actions.data, e->actions.size, &fp);
    } else {
        ds_put_cstr(s, "drop");
    }
}
