/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ROUTER_ADVERT_H
#define VTEPD_ROUTER_ADVERT_H 1

/* Router advertisements for VMs (RFC 4861 4.2, RFC 8106), and the
 * solicitations that ask for one.
 *
 * Both flags that send a client to DHCPv6 (M and O) are always set.  A prefix
 * may be used to make up an address (A) where the address that comes out is
 * the inventory's; any other would not get past port security.
 *
 * Pure: a configuration in, bytes out.  Solicitations come from a VM and are
 * hostile until they have been checked. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;

enum {
    ROUTER_ADVERT_MAX_PREFIXES = 8,
    ROUTER_ADVERT_MAX_DNS = 16,
    ROUTER_ADVERT_MAX_DOMAINS = 4,
};

struct router_advert_prefix {
    struct in6_addr ip;
    uint8_t plen;
    bool autonomous;            /* The A flag. */
};

struct router_advert {
    struct eth_addr mac;        /* Of the sender, whose address follows from
                                 * it; of the router, if there is one. */
    uint16_t router_lifetime;   /* In seconds; 0: the sender routes nothing. */
    uint32_t lifetime;          /* Of all else; UINT32_MAX: for ever. */
    uint16_t mtu;               /* 0: not told. */
    struct router_advert_prefix prefixes[ROUTER_ADVERT_MAX_PREFIXES];
    size_t n_prefixes;
    struct in6_addr dns[ROUTER_ADVERT_MAX_DNS];
    size_t n_dns;
    const char *domains[ROUTER_ADVERT_MAX_DOMAINS];
    size_t n_domains;
};

/* Returns NULL if the Ethernet frame of 'size' bytes is a router solicitation
 * that may be answered (RFC 4861 6.1.1), or why not. */
const char *router_solicit_check(const void *frame, size_t size);

/* Makes 'b', which must be empty, the advertisement to all nodes.  It fits
 * into 1280 bytes: domains are left out where it would not. */
void router_advert_compose(struct dp_packet *b, const struct router_advert *);

/* Does a VM with this MAC make itself the address 'ip' from the first 'plen'
 * bits of it (RFC 4862 5.5.3, RFC 4291 appendix A)? */
bool router_advert_makes(const struct eth_addr mac, const struct in6_addr *ip,
                         uint8_t plen);

#endif /* router-advert.h */
