/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ENDPOINT_SERVICES_H
#define VTEPD_ENDPOINT_SERVICES_H 1

/* What the agent hands out to an endpoint: its addresses in subnets with
 * "dhcp" (contract 6).
 *
 * An address is of the subnet with the longest prefix that it is in.  One that
 * the endpoint claims and another has is not handed out. */

#include <stddef.h>
#include <stdint.h>

#include "core/inventory.h"

/* Flags of what an endpoint's port is served, and guarded against: rogue
 * servers and routers, in segments where we are the only one.
 *
 * A client that renews its lease asks the server that gave it, by its address.
 * That is the subnet's gateway, to which every client has a way; where there is
 * none, or the client is the gateway, it is DHCP_SERVER_IP. */
enum {
    SERVICE_DHCP4 = 1 << 0,
    SERVICE_DHCP4_OWN_IP = 1 << 1,  /* The server is at DHCP_SERVER_IP. */
    SERVICE_IPV6 = 1 << 2,          /* DHCPv6 and router advertisements. */
    GUARD_DHCP4 = 1 << 3,
    GUARD_IPV6 = 1 << 4,
};

/* Of several IPv6 addresses no more than the first ones are handed out: an
 * answer has to fit into a packet. */
enum { SERVED_IPV6_MAX = 8 };

/* The server's own address: 169.254.0.67, link-local but from the part that no
 * host takes by itself (RFC 3927 2.1).  And its MAC, locally administered. */
#define DHCP_SERVER_IP UINT32_C(0xa9fe0043)
static const struct eth_addr dhcp_server_mac
    = ETH_ADDR_C(02,76,74,65,70,64);

/* An address to hand out. */
struct served_address {
    struct in6_addr ip;
    const struct subnet *subnet;    /* The inventory's. */
};

/* Fills in the first 'max' addresses of IPv4 or IPv6 that 'e', which is
 * served, is handed out, in the order of its 'ips'.  Returns how many these
 * are. */
size_t endpoint_served_addresses(const struct inventory *,
                                 const struct endpoint *e, bool ipv6,
                                 struct served_address *, size_t max);

/* Has the address's subnet a gateway, other than the endpoint itself? */
bool served_address_has_gateway(const struct served_address *);

/* The DNS servers of one address family and the domains of the subnets of
 * some addresses, each once. */
struct served_names {
    struct in6_addr dns[OBJECT_MAX_DNS];
    size_t n_dns;
    const char *domains[4];
    size_t n_domains;
};
void served_addresses_names(const struct served_address *, size_t n,
                            bool ipv6, struct served_names *);

/* Flags SERVICE_* and GUARD_*. */
uint8_t endpoint_services(const struct inventory *, const struct endpoint *);

#endif /* endpoint-services.h */
