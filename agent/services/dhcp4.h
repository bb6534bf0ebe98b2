/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DHCP4_H
#define VTEPD_DHCP4_H 1

/* DHCP for IPv4: what a VM is answered (RFC 2131, RFC 2132, RFC 6842).
 *
 * There is no pool and nothing to remember: an endpoint has the address that
 * the inventory gives it, and no other, for as long as the inventory does.  So
 * the answer follows from the request and a configuration alone, and a client
 * can renew what another agent, or this one before it was started again, has
 * told it.
 *
 * Pure: bytes and a configuration in, bytes out.  The request comes from a VM
 * and is hostile until it has been checked. */

#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;

enum {
    DHCP4_MAX_DNS = 16,
    DHCP4_MAX_ROUTES = 4,
};

/* A route for the client (RFC 3442). */
struct dhcp4_route {
    ovs_be32 dst;
    uint8_t plen;
    ovs_be32 via;               /* 0: on the link itself. */
};

struct dhcp4_config {
    struct eth_addr client_mac; /* The endpoint's. */
    ovs_be32 address;           /* The endpoint's. */
    uint8_t plen;               /* Of its subnet. */
    ovs_be32 router;            /* 0: none. */
    ovs_be32 dns[DHCP4_MAX_DNS];
    size_t n_dns;
    struct dhcp4_route routes[DHCP4_MAX_ROUTES];
    size_t n_routes;
    const char *hostname;       /* NULL: none; so is 'domain'. */
    const char *domain;
    uint16_t mtu;               /* 0: not told. */
    uint32_t lease;             /* In seconds; UINT32_MAX: for ever. */
    struct eth_addr server_mac;
    ovs_be32 server;            /* The server identifier. */
};

/* What a request led to. */
enum dhcp4_outcome {
    DHCP4_MALFORMED,            /* No answer; there is a reason. */
    DHCP4_IGNORED,              /* The same: it is in order, but not for us. */
    DHCP4_OFFERED,
    DHCP4_ACKNOWLEDGED,         /* The client has the address. */
    DHCP4_REFUSED,              /* It asked for another: there is a reason. */
    DHCP4_INFORMED,             /* Told the rest, without an address. */
    DHCP4_DECLINED,             /* No answer: another one has the address. */
    DHCP4_RELEASED,             /* No answer: not needed any more. */
};

/* Answers the Ethernet frame of 'size' bytes at 'request'.  Where there is an
 * answer, makes 'reply' (which must be empty) the frame to send back.  Sets
 * '*reason' to a constant string, or to NULL if there is nothing to say. */
enum dhcp4_outcome dhcp4_answer(const void *request, size_t size,
                                const struct dhcp4_config *,
                                struct dp_packet *reply,
                                const char **reason);

#endif /* dhcp4.h */
