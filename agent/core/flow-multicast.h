/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_MULTICAST_H
#define VTEPD_FLOW_MULTICAST_H 1

/* The flows of snooped multicast: where a group's packets go, and how the
 * agent hears who listens.  Pure, like flow-spec.h, to which this belongs. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"

struct flow_builder;

/* A group of a live segment with at least one member. */
struct multicast_record {
    uint64_t metadata;
    struct in6_addr group;      /* v4-mapped for IPv4. */
    size_t n_ports;             /* Local members' ofports, ascending. */
    size_t n_groups;            /* Members' peers' groups, ascending. */
    uint32_t outs[];            /* n_ports ofports, then n_groups groups. */
};

struct multicast_record *multicast_record_alloc(size_t n_ports,
                                                size_t n_groups);
bool multicast_record_equals(const struct multicast_record *,
                             const struct multicast_record *);
void multicast_record_flows(const struct multicast_record *, flow_cb *,
                            void *aux);

/* Of the record of a live segment that is snooped on: what is for a group
 * without members is dropped, and what peers tell goes to the agent. */
void snoop_segment_flows(struct flow_builder *, uint64_t metadata);

/* Of the record of an endpoint on 'ofport' in such a segment: what the VM
 * tells goes to the agent, and to nobody else. */
void snoop_port_flows(struct flow_builder *, uint32_t ofport);

#endif /* flow-multicast.h */
