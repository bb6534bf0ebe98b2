/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PUNT_H
#define VTEPD_PUNT_H 1

/* Punts: packets that a flow hands to the agent, because answering them, or
 * learning from them, takes more than a flow can do.
 *
 * Such a flow's action says what kind of packet it is, in one byte of user
 * data, and names the meter that bounds how many there may be: every port of a
 * VM has its own, so that a VM that floods harms no other, and all that comes
 * in from tunnels shares one.  A flow may name a meter that is not there: then
 * its packets are not limited by the switch, only by the agent. */

#include <stddef.h>
#include <stdint.h>

/* What a punted packet is.  The numbers are part of the flows: they stay as
 * they are. */
enum punt_kind {
    PUNT_NONE = 0,              /* None: no flow says so. */
    PUNT_DHCP4 = 1,
    PUNT_DHCP6 = 2,
    PUNT_ROUTER_SOLICIT = 3,
    PUNT_TTL = 4,               /* To be routed, but its TTL is used up. */
    PUNT_IGMP = 5,
    PUNT_MLD = 6,
    PUNT_ANNOUNCE = 7,          /* Of an address that several may hold. */
    PUNT_PEER_IGMP = 8,         /* From a peer's agent. */
    PUNT_PEER_MLD = 9,
    PUNT_PEER_ANNOUNCE = 10,
    N_PUNT_KINDS
};
const char *punt_kind_to_string(enum punt_kind);

/* Meters, by their number.  That of a VM's port has the port's number, which
 * is less than PUNT_PEERS_METER. */
#define PUNT_PEERS_METER 0x8000

static inline uint32_t
punt_port_meter(uint32_t ofport)
{
    return ofport;
}

/* What a meter lets through, in packets a second, and how many at once. */
struct punt_limit {
    uint32_t rate;
    uint32_t burst;
};
struct punt_limit punt_meter_limit(uint32_t meter_id);

/* A packet as it reached the agent. */
struct punted_packet {
    enum punt_kind kind;
    uint32_t in_port;           /* OpenFlow port: a VM's, or a tunnel's. */
    uint64_t metadata;          /* The segment: see segment_metadata(). */
    const void *data;           /* From the Ethernet header on... */
    size_t size;                /* ...in bytes; whatever a guest sent. */
};

#endif /* punt.h */
