/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ANNOUNCEMENT_H
#define VTEPD_ANNOUNCEMENT_H 1

/* Announcements: who says that an address is at a MAC now, and who asks.
 *
 * For IPv4 these are ARP messages (RFC 826, RFC 5227), for IPv6 neighbour
 * advertisements and solicitations (RFC 4861).  A VM that takes over an address
 * announces it so; the agents tell each other in the same words, so that there
 * is no further protocol.
 *
 * Bytes in, bytes out.  Whatever a guest sent may be handed in. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/types.h"

struct dp_packet;

enum announcement_kind {
    ANNOUNCEMENT_TELLS,         /* 'ip' is at 'mac'. */
    ANNOUNCEMENT_ASKS,          /* 'mac' asks where 'ip' is. */
};

struct announcement {
    enum announcement_kind kind;
    struct in6_addr ip;         /* Unicast; v4-mapped for IPv4. */
    struct eth_addr mac;        /* Unicast, not zero. */
};

/* Reads the frame of 'size' bytes at 'frame', which may be followed by
 * padding.  Returns false if it is none of these, or not a valid one:
 *
 *   - tells: an ARP request whose sender and target address are one (a
 *     gratuitous ARP), an ARP reply of any kind, a neighbour advertisement with
 *     the target's link-layer address;
 *   - asks: any other ARP request, be it a probe (RFC 5227 2.1.1), and a
 *     neighbour solicitation, be it for the detection of duplicate addresses.
 *
 * Neighbour discovery is valid as RFC 4861 7.1.1 and 7.1.2 have it, and bears
 * no extension headers: whoever writes some wants to hide something (RFC 6980
 * for fragments).  Of a solicitation without a link-layer address 'mac' is
 * the sender's of the frame. */
bool announcement_decode(const void *frame, size_t size,
                         struct announcement *);

/* Writes 'a' to 'packet', which is empty: a gratuitous ARP request or an
 * unsolicited advertisement that overrides what is known, to all; or an ARP
 * probe or a solicitation from the link-local address of 'mac'. */
void announcement_encode(const struct announcement *a,
                         struct dp_packet *packet);

#endif /* announcement.h */
