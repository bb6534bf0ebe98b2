/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ADDRESS_TEXT_H
#define VTEPD_ADDRESS_TEXT_H 1

/* Addresses as text: strict parsers for what the inventory may hold.
 *
 * No host names, no octal or shortened IPv4 forms, no zone ids.  IPv4 is kept
 * v4-mapped (core/objects.h); an IPv6 literal inside ::ffff:0:0/96 is refused
 * because it could not be told from the IPv4 address afterwards.
 *
 * Each parser returns NULL and stores the value, or says what is wrong as the
 * rest of a sentence that begins with the text, e.g. "is not a MAC address".
 * These are string literals: nobody frees them. */

#include <netinet/in.h>
#include <stdbool.h>

#include "core/objects.h"

/* What an address is for decides which ones make sense. */
enum ip_use {
    IP_OF_ENDPOINT,             /* Unicast. */
    IP_OF_TUNNEL,               /* Unicast, and reachable from other hosts. */
};

/* "xx:xx:xx:xx:xx:xx", unicast and not zero. */
const char *mac_from_text(const char *, struct eth_addr *);

const char *ip_from_text(const char *, enum ip_use, struct in6_addr *);

/* "ADDRESS/LENGTH"; host bits must be zero. */
const char *cidr_from_text(const char *, struct ip_prefix *);

/* "ADDRESS" or "ADDRESS/LENGTH"; host bits are cleared. */
const char *prefix_from_text(const char *, struct ip_prefix *);

bool ip_same_family(const struct in6_addr *, const struct in6_addr *);

#endif /* address-text.h */
