/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ICMP_ERROR_H
#define VTEPD_ICMP_ERROR_H 1

/* "Time exceeded": what a router says to the sender of a packet whose TTL is
 * used up (RFC 792, RFC 1812 4.3 and 5.3.1; RFC 4443 2.4 and 3.3).
 *
 * Bytes in, bytes out.  The packet is a guest's, so nothing of it is believed
 * that was not checked. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct dp_packet;

enum icmp_error_result {
    ICMP_ERROR_MADE,
    ICMP_ERROR_NOT_DUE,         /* Nothing may be said about such a packet: an
                                 * error, a fragment that is not the first, one
                                 * to or from more than one. */
    ICMP_ERROR_MALFORMED,
};

/* Says from where the packet came: an address, v4-mapped if it is IPv4.
 * Returns false if it is no IP packet whose header is in order. */
bool icmp_error_source(const void *packet, size_t size, struct in6_addr *);

/* Makes in 'reply', which must be initialized, the answer to the sender of
 * 'packet' (from the Ethernet header on, at an even address): from whom the
 * packet was sent to on the link, and with the address 'from', which must be
 * of the same family as the packet. */
enum icmp_error_result icmp_error_time_exceeded(const void *packet,
                                                size_t size,
                                                const struct in6_addr *from,
                                                struct dp_packet *reply);

#endif /* icmp-error.h */
