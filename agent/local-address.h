/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LOCAL_ADDRESS_H
#define VTEPD_LOCAL_ADDRESS_H 1

/* Addresses of this host. */

#include <netinet/in.h>
#include <stdbool.h>

/* Is 'ip' (IPv4 v4-mapped) an address of this host, in this network
 * namespace?  Asks the kernel by binding a socket to it, which never
 * blocks. */
bool local_address_exists(const struct in6_addr *ip);

/* The MTU of the interface that has 'ip', in bytes: what leaves from there may
 * be no larger.  0 if that cannot be told, as of an address of the loopback
 * interface, which packets leave by another one. */
int local_address_mtu(const struct in6_addr *ip);

/* Writes 'ip' as text, IPv4 in dotted form. */
void local_address_format(const struct in6_addr *ip,
                          char text[INET6_ADDRSTRLEN]);

#endif /* local-address.h */
