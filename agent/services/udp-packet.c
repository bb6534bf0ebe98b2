/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/udp-packet.h"

#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

/* How far a packet may travel that answers within a segment. */
#define HOPS 64

/* What is left of the frame.  Headers are copied out of it, because nothing
 * is known of its alignment. */
struct rest {
    const uint8_t *data;
    size_t size;
};

static bool
take_header(struct rest *rest, void *header, size_t size)
{
    if (rest->size < size) {
        return false;
    }
    memcpy(header, rest->data, size);
    rest->data += size;
    rest->size -= size;
    return true;
}

/* Makes the rest 'size' bytes long: behind that, the frame is padding. */
static bool
cut(struct rest *rest, size_t size)
{
    if (rest->size < size) {
        return false;
    }
    rest->size = size;
    return true;
}

static const char *
take_ipv4(struct rest *rest, struct udp_packet *u)
{
    const uint8_t *start = rest->data;
    struct ip_header ip;

    if (!take_header(rest, &ip, sizeof ip)) {
        return "the IPv4 header is cut off";
    }

    size_t header = IP_IHL(ip.ip_ihl_ver) * 4, total = ntohs(ip.ip_tot_len);
    if (IP_VER(ip.ip_ihl_ver) != 4 || header < sizeof ip || total < header
        || !cut(rest, total - sizeof ip)) {
        return "the lengths of the IPv4 header are wrong";
    }
    if (csum(start, header)) {
        return "the checksum of the IPv4 header is wrong";
    }
    if (ip.ip_frag_off & htons(IP_MORE_FRAGMENTS | IP_FRAG_OFF_MASK)) {
        return "it is a fragment";
    }
    if (ip.ip_proto != IPPROTO_UDP) {
        return "it is not UDP";
    }
    in6_addr_set_mapped_ipv4(&u->src, get_16aligned_be32(&ip.ip_src));
    in6_addr_set_mapped_ipv4(&u->dst, get_16aligned_be32(&ip.ip_dst));
    rest->data = start + header;
    rest->size = total - header;
    return NULL;
}

static const char *
take_ipv6(struct rest *rest, struct udp_packet *u)
{
    struct ovs_16aligned_ip6_hdr ip;

    if (!take_header(rest, &ip, sizeof ip)) {
        return "the IPv6 header is cut off";
    }
    if (ip.ip6_vfc >> 4 != 6 || !cut(rest, ntohs(ip.ip6_plen))) {
        return "the length in the IPv6 header is wrong";
    }
    if (ip.ip6_nxt != IPPROTO_UDP) {
        return "it is not UDP, or there is an extension header before it";
    }
    memcpy(&u->src, &ip.ip6_src, sizeof u->src);
    memcpy(&u->dst, &ip.ip6_dst, sizeof u->dst);
    return NULL;
}

static const char *
take_udp(struct rest *rest, struct udp_packet *u)
{
    struct udp_header udp;

    if (!take_header(rest, &udp, sizeof udp)) {
        return "the UDP header is cut off";
    }

    size_t size = ntohs(udp.udp_len);
    if (size < sizeof udp || !cut(rest, size - sizeof udp)) {
        return "the length in the UDP header is wrong";
    }
    u->src_port = ntohs(udp.udp_src);
    u->dst_port = ntohs(udp.udp_dst);
    u->payload = rest->data;
    u->size = rest->size;
    return NULL;
}

const char *
udp_packet_take(const void *frame, size_t size, struct udp_packet *u)
{
    struct rest rest = { frame, size };
    struct eth_header eth;
    const char *error;

    if (!take_header(&rest, &eth, sizeof eth)) {
        return "the Ethernet header is cut off";
    }
    u->eth_src = eth.eth_src;
    u->eth_dst = eth.eth_dst;
    if (eth.eth_type == htons(ETH_TYPE_IP)) {
        error = take_ipv4(&rest, u);
    } else if (eth.eth_type == htons(ETH_TYPE_IPV6)) {
        error = take_ipv6(&rest, u);
    } else {
        error = "it is neither IPv4 nor IPv6";
    }
    return error ? error : take_udp(&rest, u);
}

/* Composing. */

/* RFC 768: a sum of zero is sent as its other form. */
static ovs_be16
finish_udp_csum(uint32_t partial, const void *udp, size_t size)
{
    ovs_be16 sum = csum_finish(csum_continue(partial, udp, size));

    return sum ? sum : htons(0xffff);
}

static void
compose_ipv4(struct dp_packet *b, const struct udp_packet *u, size_t size)
{
    struct ip_header *ip = eth_compose(b, u->eth_dst, u->eth_src,
                                       ETH_TYPE_IP, sizeof *ip);

    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(sizeof *ip + size);
    ip->ip_ttl = HOPS;
    ip->ip_proto = IPPROTO_UDP;
    put_16aligned_be32(&ip->ip_src, in6_addr_get_mapped_ipv4(&u->src));
    put_16aligned_be32(&ip->ip_dst, in6_addr_get_mapped_ipv4(&u->dst));
    ip->ip_csum = csum(ip, sizeof *ip);
    dp_packet_set_l4(b, dp_packet_put_zeros(b, size));
}

void
udp_packet_compose(struct dp_packet *b, const struct udp_packet *u)
{
    size_t size = UDP_HEADER_LEN + u->size;
    bool v4 = IN6_IS_ADDR_V4MAPPED(&u->src);

    if (v4) {
        compose_ipv4(b, u, size);
    } else {
        eth_compose(b, u->eth_dst, u->eth_src, ETH_TYPE_IPV6,
                    IPV6_HEADER_LEN);
        compose_ipv6(b, IPPROTO_UDP, &u->src, &u->dst, 0, 0, HOPS, size);
    }

    struct udp_header *udp = dp_packet_l4(b);
    udp->udp_src = htons(u->src_port);
    udp->udp_dst = htons(u->dst_port);
    udp->udp_len = htons(size);
    memcpy(udp + 1, u->payload, u->size);
    udp->udp_csum = 0;
    udp->udp_csum = finish_udp_csum(
        v4 ? packet_csum_pseudoheader(dp_packet_l3(b))
           : packet_csum_pseudoheader6(dp_packet_l3(b)), udp, size);
}
