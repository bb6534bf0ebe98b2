/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLAIN_TRACE_H
#define VTEPD_EXPLAIN_TRACE_H 1

/* Open vSwitch's own opinion on a packet: what to ask "ofproto/trace", and
 * what its answer means.  Pure. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "openvswitch/types.h"

/* An echo request (RFC 792, RFC 4443 4.1) or, without addresses, a frame of an
 * EtherType for experiments (IEEE 802). */
struct trace_packet {
    uint32_t in_port;           /* OpenFlow port number. */
    uint32_t vni;               /* 0: does not come from a tunnel. */
    struct eth_addr src, dst;
    bool has_ips;
    struct in6_addr src_ip, dst_ip;     /* Of one family. */
};

/* Returns the flow in ovs-appctl's syntax, for the caller to free. */
char *trace_packet_format(const struct trace_packet *);

struct trace_result {
    bool forwarded;             /* Has the datapath anything to do? */
    bool own_flow;              /* Was the last flow one of vtepd's? */
    enum drop_cause cause;      /* Of that flow; NO_DROP: it does not drop. */
    bool unresolved;            /* The peer's address on the underlay has no
                                 * MAC address yet. */
    bool unrouted;              /* There is no route to the peer. */
    bool understood;            /* Does it look like a trace at all? */
    char *actions;              /* The datapath's, or NULL. */
};

/* Free the result with trace_result_destroy(). */
void trace_result_parse(struct trace_result *, const char *trace);
void trace_result_destroy(struct trace_result *);

#endif /* explain-trace.h */
