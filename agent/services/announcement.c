/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/announcement.h"

#include <netinet/icmp6.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

/* Frames are read by copying headers out of them: they may be anywhere. */

static bool
mac_is_unicast(const struct eth_addr mac)
{
    return !eth_addr_is_multicast(mac) && !eth_addr_is_zero(mac);
}

static bool
ip4_is_unicast(ovs_be32 ip)
{
    return ip && !ip_is_multicast(ip) && !ip_is_local_multicast(ip)
           && ip != htonl(UINT32_MAX);
}

static bool
ip6_is_unicast(const struct in6_addr *ip)
{
    return ipv6_addr_is_set(ip) && !ipv6_addr_is_multicast(ip)
           && !IN6_IS_ADDR_V4MAPPED(ip);
}

/* ARP. */

static bool
decode_arp(const uint8_t *data, size_t size, struct announcement *a)
{
    struct arp_eth_header arp;
    ovs_be32 spa, tpa;

    if (size < sizeof arp) {
        return false;
    }
    memcpy(&arp, data, sizeof arp);
    if (arp.ar_hrd != htons(ARP_HRD_ETHERNET)
        || arp.ar_pro != htons(ETH_TYPE_IP)
        || arp.ar_hln != ETH_ADDR_LEN || arp.ar_pln != sizeof spa) {
        return false;
    }
    spa = get_16aligned_be32(&arp.ar_spa);
    tpa = get_16aligned_be32(&arp.ar_tpa);
    if (arp.ar_op == htons(ARP_OP_REPLY)
        || (arp.ar_op == htons(ARP_OP_REQUEST) && spa == tpa)) {
        a->kind = ANNOUNCEMENT_TELLS;
    } else if (arp.ar_op == htons(ARP_OP_REQUEST)) {
        a->kind = ANNOUNCEMENT_ASKS;
        spa = tpa;
    } else {
        return false;
    }
    in6_addr_set_mapped_ipv4(&a->ip, spa);
    a->mac = arp.ar_sha;
    return ip4_is_unicast(spa) && mac_is_unicast(a->mac);
}

/* Neighbour discovery. */

/* The fixed part of a solicitation or an advertisement. */
struct nd_packet {
    struct ovs_16aligned_ip6_hdr ip;
    struct ovs_nd_msg nd;
};
BUILD_ASSERT_DECL(sizeof(struct nd_packet) == IPV6_HEADER_LEN + ND_MSG_LEN);

/* Finds the link-layer address in the options of 'size' bytes.  Returns false
 * if the options are not well-formed. */
static bool
find_link_layer(const uint8_t *options, size_t size, uint8_t type, bool *found,
                struct eth_addr *mac)
{
    *found = false;
    while (size) {
        size_t len = size >= 2 ? options[1] * 8 : 0;

        if (!len || len > size) {
            return false;
        }
        if (options[0] == type) {
            if (len != ND_LLA_OPT_LEN || *found) {
                return false;
            }
            *found = true;
            memcpy(mac, options + 2, sizeof *mac);
        }
        options += len;
        size -= len;
    }
    return true;
}

static bool
checksum_is_right(const struct nd_packet *p, const uint8_t *message,
                  size_t size)
{
    uint32_t sum = packet_csum_pseudoheader6(&p->ip);

    return !csum_finish(csum_continue(sum, message, size));
}

/* May one who has no address yet solicit so (RFC 4861 7.1.1)? */
static bool
probe_is_valid(const struct in6_addr *dst, const struct in6_addr *target,
               bool has_link_layer)
{
    struct in6_addr all;

    in6_addr_solicited_node(&all, target);
    return !has_link_layer && ipv6_addr_equals(dst, &all);
}

static bool
decode_message(const struct nd_packet *p, const uint8_t *options, size_t size,
               struct announcement *a)
{
    struct in6_addr src, dst;
    bool solicits = p->nd.icmph.icmp6_type == ND_NEIGHBOR_SOLICIT;
    bool found;

    memcpy(&src, &p->ip.ip6_src, sizeof src);
    memcpy(&dst, &p->ip.ip6_dst, sizeof dst);
    memcpy(&a->ip, &p->nd.target, sizeof a->ip);
    if (!find_link_layer(options, size, solicits ? ND_OPT_SOURCE_LINKADDR
                                                 : ND_OPT_TARGET_LINKADDR,
                         &found, &a->mac)
        || ipv6_addr_is_multicast(&src)) {
        return false;
    }
    if (solicits) {
        a->kind = ANNOUNCEMENT_ASKS;
        return ipv6_addr_is_set(&src) || probe_is_valid(&dst, &a->ip, found);
    }
    a->kind = ANNOUNCEMENT_TELLS;
    return found && ipv6_addr_is_set(&src)
           && !(ipv6_addr_is_multicast(&dst)
                && (p->nd.rso_flags.hi & htons(ND_RSO_SOLICITED >> 16)));
}

static bool
decode_nd(const uint8_t *data, size_t size, struct announcement *a)
{
    const uint8_t *message = data + IPV6_HEADER_LEN;
    struct nd_packet p;
    size_t len;

    if (size < sizeof p) {
        return false;
    }
    memcpy(&p, data, sizeof p);
    len = ntohs(p.ip.ip6_ctlun.ip6_un1.ip6_un1_plen);
    if (data[0] >> 4 != 6
        || p.ip.ip6_ctlun.ip6_un1.ip6_un1_nxt != IPPROTO_ICMPV6
        || p.ip.ip6_ctlun.ip6_un1.ip6_un1_hlim != 255
        || len < ND_MSG_LEN || len > size - IPV6_HEADER_LEN
        || (p.nd.icmph.icmp6_type != ND_NEIGHBOR_SOLICIT
            && p.nd.icmph.icmp6_type != ND_NEIGHBOR_ADVERT)
        || p.nd.icmph.icmp6_code
        || !checksum_is_right(&p, message, len)) {
        return false;
    }
    return decode_message(&p, message + ND_MSG_LEN, len - ND_MSG_LEN, a)
           && ip6_is_unicast(&a->ip) && mac_is_unicast(a->mac);
}

bool
announcement_decode(const void *frame, size_t size, struct announcement *a)
{
    const uint8_t *data = frame;
    struct eth_header eth;

    memset(a, 0, sizeof *a);
    if (size < sizeof eth) {
        return false;
    }
    memcpy(&eth, data, sizeof eth);
    data += sizeof eth;
    size -= sizeof eth;
    a->mac = eth.eth_src;
    switch (ntohs(eth.eth_type)) {
    case ETH_TYPE_ARP:
        return decode_arp(data, size, a);
    case ETH_TYPE_IPV6:
        return decode_nd(data, size, a);
    default:
        return false;
    }
}

/* Writing. */

static void
encode_nd(const struct announcement *a, struct dp_packet *packet)
{
    static const struct eth_addr all_nodes_mac
        = ETH_ADDR_C(33,33,00,00,00,01);
    static const struct in6_addr all_nodes = {
        .s6_addr = { [0] = 0xff, [1] = 0x02, [15] = 0x01 },
    };
    struct in6_addr own;

    if (a->kind == ANNOUNCEMENT_TELLS) {
        compose_nd_na(packet, a->mac, all_nodes_mac, &a->ip, &all_nodes,
                      htonl(ND_RSO_OVERRIDE));
    } else {
        in6_generate_lla(a->mac, &own);
        compose_nd_ns(packet, a->mac, &own, &a->ip);
    }
}

void
announcement_encode(const struct announcement *a, struct dp_packet *packet)
{
    if (IN6_IS_ADDR_V4MAPPED(&a->ip)) {
        ovs_be32 ip = in6_addr_get_mapped_ipv4(&a->ip);

        compose_arp(packet, ARP_OP_REQUEST, a->mac, eth_addr_zero, true,
                    a->kind == ANNOUNCEMENT_TELLS ? ip : htonl(0), ip);
    } else {
        encode_nd(a, packet);
    }
}
