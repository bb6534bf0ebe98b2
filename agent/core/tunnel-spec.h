/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TUNNEL_SPEC_H
#define VTEPD_TUNNEL_SPEC_H 1

/* Tunnel ports, as values.
 *
 * A tunnel is what it is on the wire: struct tunnel_key.  Two wanted tunnels
 * with one key are one port.  A changed address, key mode or UDP port is
 * another key, so another port: that is what makes a change
 * make-before-break.  Everything else about a tunnel (which peer, which
 * segment, which group) is a label on the port's row, struct tunnel_spec.
 *
 * The core decides which specs must exist; ovsdb-client/tunnel-ports.h makes
 * them so and reports back, by key, the OpenFlow port number they got. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/objects.h"

struct tunnel_key {
    struct in6_addr local_ip;   /* v4-mapped for IPv4, like remote_ip. */
    struct in6_addr remote_ip;
    enum encap type;
    uint32_t vni;               /* Key in segment mode; 0: options:key=flow. */
    uint16_t dst_port;          /* UDP; 0: the encapsulation's default. */
};

struct tunnel_spec {
    struct tunnel_key key;
    const char *peer;           /* Host id, for external_ids:vtepd-peer. */
    const char *segment;        /* Segment id in segment mode, else NULL. */
    uint32_t group;             /* OpenFlow group that leads here, never 0. */
    bool bfd;
};

/* Is it over IPv6? */
static inline bool
tunnel_key_is_ipv6(const struct tunnel_key *key)
{
    return !IN6_IS_ADDR_V4MAPPED(&key->remote_ip);
}

/* Bytes by which a packet of the underlay is longer than the IP packet of a VM
 * that it carries, through a tunnel of this type: the VM's Ethernet header, the
 * encapsulation's (VXLAN: RFC 7348; GRE with a key: RFC 2784, 2890; Geneve
 * without options: RFC 8926), and the IP header. */
int tunnel_overhead(enum encap type, bool ipv6);

uint32_t tunnel_key_hash(const struct tunnel_key *, uint32_t basis);
bool tunnel_key_equals(const struct tunnel_key *, const struct tunnel_key *);

/* The port name for 'key': "vx-", "gr-" or "ge-" and 10 hex digits, a stable
 * function of 'key' and 'salt'.  'salt' 0 gives the usual name; 1, 2, ... the
 * ones to fall back on where a name is taken. */
#define TUNNEL_NAME_SIZE 16
void tunnel_key_name(const struct tunnel_key *, unsigned int salt,
                     char name[TUNNEL_NAME_SIZE]);

#endif /* tunnel-spec.h */
