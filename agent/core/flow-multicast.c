/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-multicast.h"

#include <string.h>

#include "core/flow-builder.h"
#include "core/punt.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "util.h"

/* Of MLD, all that tells who listens, and what asks for it. */
static const uint8_t mld_types[] = { MLD_QUERY, MLD_REPORT, MLD_DONE,
                                     MLD2_REPORT };

static void
match_igmp(struct match *m)
{
    match_set_dl_type(m, htons(ETH_TYPE_IP));
    match_set_nw_proto(m, IPPROTO_IGMP);
}

static void
match_mld(struct match *m, uint8_t type)
{
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, type);
}

/* A host has only one querier to listen to: this one. */
void
snoop_port_flows(struct flow_builder *b, uint32_t ofport)
{
    struct match *m = flow_begin(b, TABLE_SERVICES, 100);

    flow_match_in_port(m, ofport);
    match_igmp(m);
    flow_put_punt(b, PUNT_IGMP, punt_port_meter(ofport));
    flow_emit(b);

    for (size_t i = 0; i < ARRAY_SIZE(mld_types); i++) {
        m = flow_begin(b, TABLE_SERVICES, 100);
        flow_match_in_port(m, ofport);
        match_mld(m, mld_types[i]);
        if (mld_types[i] == MLD_QUERY) {
            flow_emit_drop(b, DROP_QUERY);
        } else {
            flow_put_punt(b, PUNT_MLD, punt_port_meter(ofport));
            flow_emit(b);
        }
    }
}

static struct match *
begin_in(struct flow_builder *b, enum flow_table_id table, uint16_t priority,
         uint64_t metadata)
{
    struct match *m = flow_begin(b, table, priority);

    match_set_metadata(m, htonll(metadata));
    match_set_dl_dst_masked(m, group_bit, group_bit);
    return m;
}

void
snoop_segment_flows(struct flow_builder *b, uint64_t metadata)
{
    static const enum flow_table_id tables[] = { TABLE_REPLICATE,
                                                 TABLE_DELIVER };
    static const uint16_t eth_types[] = { ETH_TYPE_IP, ETH_TYPE_IPV6 };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(eth_types); j++) {
            match_set_dl_type(begin_in(b, tables[i], 55, metadata),
                              htons(eth_types[j]));
            flow_emit_drop(b, DROP_NO_MEMBER);
        }
    }

    match_igmp(begin_in(b, TABLE_DELIVER, 95, metadata));
    flow_put_punt(b, PUNT_PEER_IGMP, PUNT_PEERS_METER);
    flow_emit(b);
    for (size_t i = 0; i < ARRAY_SIZE(mld_types); i++) {
        match_mld(begin_in(b, TABLE_DELIVER, 95, metadata), mld_types[i]);
        flow_put_punt(b, PUNT_PEER_MLD, PUNT_PEERS_METER);
        flow_emit(b);
    }
}

/* A packet to the group's own MAC (RFC 1112 6.4, RFC 2464 7), which other
 * groups may have as well. */
static void
match_group(struct match *m, const struct in6_addr *group)
{
    struct eth_addr mac = ETH_ADDR_C(01,00,5e,00,00,00);

    if (IN6_IS_ADDR_V4MAPPED(group)) {
        memcpy(&mac.ea[3], &group->s6_addr[13], 3);
        mac.ea[3] &= 0x7f;
        match_set_dl_type(m, htons(ETH_TYPE_IP));
        match_set_nw_dst(m, in6_addr_get_mapped_ipv4(group));
    } else {
        ipv6_multicast_to_ethernet(&mac, group);
        match_set_dl_type(m, htons(ETH_TYPE_IPV6));
        match_set_ipv6_dst(m, group);
    }
    match_set_dl_dst(m, mac);
}

/* OpenFlow never sends a packet back to where it came from. */
void
multicast_record_flows(const struct multicast_record *r, flow_cb *cb,
                       void *aux)
{
    struct flow_builder b;
    struct match *m;

    flow_builder_init(&b, cb, aux);
    m = flow_begin(&b, TABLE_DELIVER, 90);
    match_set_metadata(m, htonll(r->metadata));
    match_group(m, &r->group);
    for (size_t i = 0; i < r->n_ports; i++) {
        flow_put_output(&b, r->outs[i]);
    }
    if (r->n_ports) {
        flow_emit(&b);
    }

    b.entry.table = TABLE_REPLICATE;
    for (size_t i = 0; i < r->n_groups; i++) {
        ofpact_put_GROUP(&b.entry.actions)->group_id
            = r->outs[r->n_ports + i];
    }
    flow_emit(&b);
    flow_builder_uninit(&b);
}

struct multicast_record *
multicast_record_alloc(size_t n_ports, size_t n_groups)
{
    struct multicast_record *r
        = xzalloc(sizeof *r + (n_ports + n_groups) * sizeof r->outs[0]);

    r->n_ports = n_ports;
    r->n_groups = n_groups;
    return r;
}

bool
multicast_record_equals(const struct multicast_record *a,
                        const struct multicast_record *b)
{
    return a->metadata == b->metadata
           && ipv6_addr_equals(&a->group, &b->group)
           && a->n_ports == b->n_ports
           && a->n_groups == b->n_groups
           && !memcmp(a->outs, b->outs,
                      (a->n_ports + a->n_groups) * sizeof a->outs[0]);
}
