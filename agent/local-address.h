/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LOCAL_ADDRESS_H
#define VTEPD_LOCAL_ADDRESS_H 1

/* Whether an address is configured on this host. */

#include <netinet/in.h>
#include <stdbool.h>

/* Is 'ip' (IPv4 v4-mapped) an address of this host, in this network
 * namespace?  Asks the kernel by binding a socket to it, which never
 * blocks. */
bool local_address_exists(const struct in6_addr *ip);

/* Writes 'ip' as text, IPv4 in dotted form. */
void local_address_format(const struct in6_addr *ip,
                          char text[INET6_ADDRSTRLEN]);

#endif /* local-address.h */
