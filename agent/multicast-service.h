/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MULTICAST_SERVICE_H
#define VTEPD_MULTICAST_SERVICE_H 1

/* Snooped multicast, between packets and memberships.h.
 *
 * Towards the VMs of this host it is the querier of each segment that is
 * snooped on: a VM that is plugged in is asked what it listens to, several
 * times in the first minute, then every 125 s.  What VMs say is taken over at
 * once; one VM a port, so who leaves is out at once, too (RFC 4541 2.1.1).
 *
 * Towards the peers of a segment it says, in IGMPv3 and MLDv2 reports over the
 * tunnels, to which groups anybody here listens: changes at once, several
 * together and each twice, everything every minute and to whoever asks, with a
 * general IGMP query.  Each peer is asked until it has said something.  A peer
 * is believed for the segments that it has an endpoint in.
 *
 * It says and asks; who is a member of what follows from core/overlay.h.
 *
 * Times are in ms, from any monotonic origin. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/punts.h"
#include "openvswitch/types.h"

struct dp_packet;
struct in6_addr;
struct multicast_service;
struct ofpbuf;
struct overlay;
struct segment_node;

/* Sends a packet of the agent's own, with ofpacts. */
typedef void multicast_send_cb(const struct dp_packet *,
                               const struct ofpbuf *actions, void *aux);

struct multicast_service *multicast_service_create(multicast_send_cb *,
                                                   void *aux);
void multicast_service_destroy(struct multicast_service *);

/* What the overlay's sink is told; see core/overlay.h. */
void multicast_service_snooped(struct multicast_service *,
                               struct segment_node *, bool snooped);
void multicast_service_listeners(struct multicast_service *,
                                 const struct segment_node *,
                                 const struct in6_addr *group, bool any);

/* A packet of kind PUNT_IGMP, PUNT_MLD, PUNT_PEER_IGMP or PUNT_PEER_MLD. */
enum punt_outcome multicast_service_take(struct multicast_service *,
                                         struct overlay *,
                                         const struct punted_packet *,
                                         long long int now);

void multicast_service_run(struct multicast_service *, long long int now);

/* When to call that again, or LLONG_MAX. */
long long int multicast_service_next_time(const struct multicast_service *);

/* For vtepd/multicast: how a segment that is snooped on is doing.  Returns
 * false if it is not. */
struct multicast_status {
    ovs_be32 querier;           /* Source of IGMP queries; 0: none. */
    size_t n_ports;             /* Local VMs that are asked... */
    size_t n_peers;             /* ...peers, and of them those... */
    size_t n_silent;            /* ...that have not answered yet. */
};
bool multicast_service_get_status(const struct multicast_service *,
                                  const struct segment_node *,
                                  struct multicast_status *);

#endif /* multicast-service.h */
