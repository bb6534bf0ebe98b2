/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-builder.h"

#include <string.h>

#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

void
flow_builder_init(struct flow_builder *b, flow_cb *cb, void *aux)
{
    ofpbuf_use_stub(&b->entry.actions, b->stub, sizeof b->stub);
    b->cb = cb;
    b->aux = aux;
}

void
flow_builder_uninit(struct flow_builder *b)
{
    ofpbuf_uninit(&b->entry.actions);
}

struct match *
flow_begin(struct flow_builder *b, enum flow_table_id table, uint16_t priority)
{
    b->entry.table = table;
    b->entry.priority = priority;
    match_init_catchall(&b->entry.match);
    ofpbuf_clear(&b->entry.actions);
    return &b->entry.match;
}

void
flow_emit(struct flow_builder *b)
{
    b->entry.cookie = FLOW_COOKIE_BASE;
    b->cb(&b->entry, b->aux);
}

void
flow_emit_drop(struct flow_builder *b, enum drop_cause cause)
{
    b->entry.cookie = FLOW_COOKIE_BASE | cause;
    b->cb(&b->entry, b->aux);
}

void
flow_emit_goto(struct flow_builder *b, enum flow_table_id table)
{
    ofpact_put_GOTO_TABLE(&b->entry.actions)->table_id = table;
    flow_emit(b);
}

void
flow_put_output(struct flow_builder *b, uint32_t ofport)
{
    ofpact_put_OUTPUT(&b->entry.actions)->port = u16_to_ofp(ofport);
}

void
flow_put_set(struct flow_builder *b, enum mf_field_id id, uint64_t value)
{
    const struct mf_field *mf = mf_from_id(id);
    union mf_value v;

    memset(&v, 0, sizeof v);
    ovs_be64 be = htonll(value);
    memcpy(&v, (const uint8_t *) &be + (sizeof be - mf->n_bytes),
           mf->n_bytes);

    /* The library leaves the padding behind value and mask as it finds it, but
     * actions are compared byte by byte. */
    size_t padded = ROUND_UP(mf->n_bytes, OFPACT_ALIGNTO);
    struct ofpact_set_field *sf
        = ofpact_put_set_field(&b->entry.actions, mf, &v, NULL);
    memset((uint8_t *) sf->value + mf->n_bytes, 0, padded - mf->n_bytes);
    memset((uint8_t *) sf->value + padded + mf->n_bytes, 0,
           padded - mf->n_bytes);
}

void
flow_put_set_ipv6(struct flow_builder *b, enum mf_field_id id,
                  const struct in6_addr *ip)
{
    union mf_value v = { .ipv6 = *ip };

    ofpact_put_set_field(&b->entry.actions, mf_from_id(id), &v, NULL);
}

void
flow_put_dec_ttl(struct flow_builder *b)
{
    struct ofpact_cnt_ids *ids = ofpact_put_DEC_TTL(&b->entry.actions);
    uint16_t id = 0;

    ids->n_controllers = 1;
    ofpbuf_put(&b->entry.actions, &id, sizeof id);
    ids = b->entry.actions.header;
    ofpact_finish_DEC_TTL(&b->entry.actions, &ids);
}

void
flow_put_move(struct flow_builder *b, enum mf_field_id src,
              enum mf_field_id dst, unsigned int n_bits)
{
    struct ofpact_reg_move *move = ofpact_put_REG_MOVE(&b->entry.actions);

    move->src = (struct mf_subfield) { mf_from_id(src), 0, n_bits };
    move->dst = (struct mf_subfield) { mf_from_id(dst), 0, n_bits };
}

void
flow_put_punt(struct flow_builder *b, enum punt_kind kind, uint32_t meter_id)
{
    struct ofpbuf *actions = &b->entry.actions;
    struct ofpact_controller *c = ofpact_put_CONTROLLER(actions);
    uint8_t userdata = kind;

    c->max_len = UINT16_MAX;
    c->reason = OFPR_ACTION;
    c->userdata_len = sizeof userdata;
    c->meter_id = meter_id;
    ofpbuf_put(actions, &userdata, sizeof userdata);
    c = actions->header;
    ofpact_finish_CONTROLLER(actions, &c);
}

void
flow_match_in_port(struct match *m, uint32_t ofport)
{
    match_set_in_port(m, u16_to_ofp(ofport));
}

void
flow_match_arp(struct match *m, int op)
{
    match_set_dl_type(m, htons(ETH_TYPE_ARP));
    if (op) {
        match_set_nw_proto(m, op);
    }
}

void
flow_match_nd(struct match *m, uint8_t type)
{
    match_set_dl_type(m, htons(ETH_TYPE_IPV6));
    match_set_nw_proto(m, IPPROTO_ICMPV6);
    match_set_icmp_type(m, type);
    match_set_icmp_code(m, 0);
}

void
flow_match_request(struct match *m, const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        flow_match_arp(m, ARP_OP_REQUEST);
        match_set_nw_dst(m, in6_addr_get_mapped_ipv4(ip));
    } else {
        flow_match_nd(m, ND_NEIGHBOR_SOLICIT);
        match_set_nd_target(m, ip);
    }
}

void
flow_match_valid_request(struct match *m, const struct in6_addr *ip)
{
    flow_match_request(m, ip);
    if (!IN6_IS_ADDR_V4MAPPED(ip)) {
        match_set_nw_ttl(m, 255);
    }
}
