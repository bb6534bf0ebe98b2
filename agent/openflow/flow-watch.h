/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_WATCH_H
#define VTEPD_FLOW_WATCH_H 1

/* Has the switch tell what others change in its flow and group tables, and
 * understands it.
 *
 * For flows that is a flow monitor (OpenFlow 1.5.1, 7.3.5.18), for groups and
 * meters the forwarding of other controllers' requests (7.4.6), which is asked
 * for together with the packets that flows hand to the agent.  Of what we change the
 * switch tells no more than that it did, once a bundle.  While we are slow to
 * read, it stops telling and says so; what it tells of that time afterwards
 * lacks a flow that was first replaced and then deleted, so then everything
 * is to be read. */

#include <stdbool.h>

#include "openvswitch/types.h"

struct flow_drift;
struct ofp_header;
struct ofpbuf;

/* The requests, which the caller owns. */
struct ofpbuf *flow_watch_flows(int ofp_version);
struct ofpbuf *flow_watch_others(int ofp_version);

/* Takes in what the switch tells of flows, at 'now' in ms: a message of type
 * OFPTYPE_FLOW_MONITOR_STATS_REPLY. */
void flow_watch_told(struct ofpbuf *message, struct flow_drift *,
                     long long int now);

/* Takes in that the switch refuses 'message', a flow mod or group mod of ours,
 * for the cause 'error'. */
void flow_watch_refused(const struct ofp_header *message, const char *error,
                        struct flow_drift *, long long int now);

#endif /* flow-watch.h */
