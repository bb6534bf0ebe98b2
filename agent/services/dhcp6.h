/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DHCP6_H
#define VTEPD_DHCP6_H 1

/* DHCP for IPv6: what a VM is answered (RFC 8415, RFC 3646).
 *
 * As for IPv4 there is nothing to remember: an endpoint has the addresses that
 * the inventory gives it.  All of them go into the first IA_NA that a client
 * asks for; there are none for another, for an IA_TA, and no prefixes.  The
 * server cannot be spoken to by unicast, and does not reconfigure.
 *
 * Pure: bytes and a configuration in, bytes out.  The request comes from a VM
 * and is hostile until it has been checked. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;

enum {
    DHCP6_MAX_ADDRESSES = 8,
    DHCP6_MAX_DNS = 16,
    DHCP6_MAX_DOMAINS = 4,
};

struct dhcp6_config {
    struct in6_addr addresses[DHCP6_MAX_ADDRESSES];
    size_t n_addresses;
    uint32_t lease;             /* In seconds; UINT32_MAX: for ever. */
    struct in6_addr dns[DHCP6_MAX_DNS];
    size_t n_dns;
    const char *domains[DHCP6_MAX_DOMAINS];
    size_t n_domains;
    struct eth_addr server_mac; /* The server's DUID and address follow from
                                 * it: it has to stay the same. */
};

/* What a request led to. */
enum dhcp6_outcome {
    DHCP6_MALFORMED,            /* No answer; there is a reason. */
    DHCP6_IGNORED,              /* The same: it is in order, but not for us. */
    DHCP6_OFFERED,
    DHCP6_ACKNOWLEDGED,         /* The client has the addresses. */
    DHCP6_REFUSED,              /* There is a reason. */
    DHCP6_INFORMED,             /* Told the rest, or that all is well. */
    DHCP6_DECLINED,             /* Another one has an address. */
    DHCP6_RELEASED,             /* Not needed any more. */
};

struct dhcp6_result {
    enum dhcp6_outcome outcome;
    uint32_t addresses;         /* Which of the addresses are concerned: for
                                 * each index a bit. */
    const char *reason;         /* A constant, or NULL: nothing to say. */
};

/* Answers the Ethernet frame of 'size' bytes at 'request'.  Where there is an
 * answer, makes 'reply' (which must be empty) the frame to send back. */
struct dhcp6_result dhcp6_answer(const void *request, size_t size,
                                 const struct dhcp6_config *,
                                 struct dp_packet *reply);

#endif /* dhcp6.h */
