/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_UDP_PACKET_H
#define VTEPD_UDP_PACKET_H 1

/* Ethernet frames that hold one UDP datagram: taking them apart, and putting
 * them together.
 *
 * What is taken apart comes from a VM.  It is whole or it is refused: no
 * VLAN tag, no fragment, no IPv6 extension header, no byte that a length does
 * not cover.  Pure: no socket, no clock, no log. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;

struct udp_packet {
    struct eth_addr eth_src;
    struct eth_addr eth_dst;
    struct in6_addr src;        /* v4-mapped for IPv4. */
    struct in6_addr dst;
    uint16_t src_port;          /* Host byte order. */
    uint16_t dst_port;
    const uint8_t *payload;
    size_t size;                /* Of the payload, in bytes. */
};

/* Takes apart the 'size' bytes of 'frame'; '*u' points into it afterwards.
 * Returns NULL, or why the frame cannot be used.
 *
 * The checksum of IPv4 has to be right.  That of UDP is not looked at: a
 * guest whose network card is emulated leaves it to the card, and the card
 * knows that nothing can happen to the frame on its way here. */
const char *udp_packet_take(const void *frame, size_t size,
                            struct udp_packet *u);

/* Makes 'b', which must be empty, the frame that '*u' describes. */
void udp_packet_compose(struct dp_packet *b, const struct udp_packet *u);

#endif /* udp-packet.h */
