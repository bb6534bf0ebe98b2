/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_BUILDER_H
#define VTEPD_FLOW_BUILDER_H 1

/* Putting flows together, for those who say what flows there are: flow-spec.c
 * (of records) and pipeline.c (always there).  Nobody else includes this.
 *
 * flow_begin() starts a flow that matches everything and returns its match, to
 * be narrowed; flow_put_*() append actions; flow_emit*() hand it over.  A flow
 * that was emitted may be changed and emitted again. */

#include <stdint.h>

#include "core/flow-spec.h"
#include "core/punt.h"
#include "openvswitch/meta-flow.h"

/* Registers.  REG0: encapsulation code of a packet from a tunnel.  XREG1: the
 * MAC that an ARP or ND request asks for.  REG4: scratch.  XREG3: a router. */
#define FIELD_ENCAP MFF_REG0
#define FIELD_MAC MFF_XREG1
#define FIELD_SCRATCH MFF_REG4
#define FIELD_ROUTER MFF_XREG3

/* The Ethernet group bit, as value and as mask. */
static const struct eth_addr group_bit = ETH_ADDR_C(01,00,00,00,00,00);

/* A flow under construction. */
struct flow_builder {
    struct flow_entry entry;
    uint64_t stub[512 / 8];
    flow_cb *cb;
    void *aux;
};

void flow_builder_init(struct flow_builder *, flow_cb *, void *aux);
void flow_builder_uninit(struct flow_builder *);

struct match *flow_begin(struct flow_builder *, enum flow_table_id,
                         uint16_t priority);
void flow_emit(struct flow_builder *);
void flow_emit_drop(struct flow_builder *, enum drop_cause);
void flow_emit_goto(struct flow_builder *, enum flow_table_id);

void flow_put_output(struct flow_builder *, uint32_t ofport);
void flow_put_set(struct flow_builder *, enum mf_field_id, uint64_t value);
void flow_put_set_ipv6(struct flow_builder *, enum mf_field_id,
                       const struct in6_addr *);
void flow_put_dec_ttl(struct flow_builder *);
void flow_put_move(struct flow_builder *, enum mf_field_id src,
                   enum mf_field_id dst, unsigned int n_bits);

/* The packet as it is by now, to the agent.  The flow goes on. */
void flow_put_punt(struct flow_builder *, enum punt_kind, uint32_t meter_id);

void flow_match_in_port(struct match *, uint32_t ofport);

/* An ARP message; 'op' 0: of any operation. */
void flow_match_arp(struct match *, int op);

/* A neighbour discovery message, which has code 0 (RFC 4861 4.3, 4.4). */
void flow_match_nd(struct match *, uint8_t type);

/* An ARP request or neighbour solicitation for 'ip'; of the second only one
 * that has not been forwarded may be answered (RFC 4861 7.1.1). */
void flow_match_request(struct match *, const struct in6_addr *ip);
void flow_match_valid_request(struct match *, const struct in6_addr *ip);

/* flow-route.c: the flows of an endpoint in a segment that a router joins, and
 * those that are always there for routers. */
void flow_build_routed_endpoint(struct flow_builder *,
                                const struct endpoint_record *);
void flow_build_routing(struct flow_builder *);
/* flow-services.c: what the agent answers a local endpoint, and guards it
 * against. */
void flow_put_services(struct flow_builder *, const struct endpoint_record *);

#endif /* flow-builder.h */
