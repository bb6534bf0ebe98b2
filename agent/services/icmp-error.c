/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/icmp-error.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* How large an answer may be without the Ethernet header, so that it arrives
 * everywhere in one piece (RFC 1812 4.3.2.3, RFC 4443 2.4 c). */
#define MAX_IPV4 576
#define MAX_IPV6 1280

#define ANSWER_TTL 64

/* A packet that was looked at. */
struct subject {
    const struct eth_header *eth;
    const void *ip;             /* The IP header... */
    size_t size;                /* ...and what follows, without padding. */
    bool is_v6;
    uint8_t proto;              /* Of what the IP headers carry; its first... */
    const uint8_t *payload;     /* ...bytes, NULL: in another fragment. */
    size_t payload_size;
};

/* Looking. */

static bool
parse_ipv4(struct subject *s, size_t size)
{
    const struct ip_header *ip = s->ip;

    if (size < IP_HEADER_LEN || IP_VER(ip->ip_ihl_ver) != 4) {
        return false;
    }

    size_t header = IP_IHL(ip->ip_ihl_ver) * 4;
    s->size = ntohs(ip->ip_tot_len);
    if (header < IP_HEADER_LEN || s->size < header || s->size > size
        || csum(ip, header)) {
        return false;
    }
    s->proto = ip->ip_proto;
    if (!(ip->ip_frag_off & htons(IP_FRAG_OFF_MASK))) {
        s->payload = (const uint8_t *) ip + header;
        s->payload_size = s->size - header;
    }
    return true;
}

static bool
parse_ipv6(struct subject *s, size_t size)
{
    const struct ovs_16aligned_ip6_hdr *ip6 = s->ip;
    const struct ovs_16aligned_ip6_frag *fragment;
    uint8_t frag = 0;

    if (size < IPV6_HEADER_LEN || ip6->ip6_vfc >> 4 != 6) {
        return false;
    }
    s->size = IPV6_HEADER_LEN + ntohs(ip6->ip6_plen);
    if (s->size > size) {
        return false;
    }

    const void *next = ip6 + 1;
    size_t left = s->size - IPV6_HEADER_LEN;
    s->proto = ip6->ip6_nxt;
    if (!parse_ipv6_ext_hdrs(&next, &left, &s->proto, &frag, &fragment)) {
        return false;
    }
    if (!(frag & FLOW_NW_FRAG_LATER)) {
        s->payload = next;
        s->payload_size = left;
    }
    return true;
}

static bool
parse(struct subject *s, const void *packet, size_t size)
{
    *s = (struct subject) { .eth = packet };
    if (size < ETH_HEADER_LEN) {
        return false;
    }
    s->ip = s->eth + 1;
    size -= ETH_HEADER_LEN;
    s->is_v6 = s->eth->eth_type == htons(ETH_TYPE_IPV6);
    if (s->is_v6) {
        return parse_ipv6(s, size);
    }
    return s->eth->eth_type == htons(ETH_TYPE_IP) && parse_ipv4(s, size);
}

static struct in6_addr
source_of(const struct subject *s)
{
    struct in6_addr ip;

    if (s->is_v6) {
        const struct ovs_16aligned_ip6_hdr *ip6 = s->ip;

        memcpy(&ip, &ip6->ip6_src, sizeof ip);
    } else {
        const struct ip_header *ip4 = s->ip;

        in6_addr_set_mapped_ipv4(&ip, get_16aligned_be32(&ip4->ip_src));
    }
    return ip;
}

bool
icmp_error_source(const void *packet, size_t size, struct in6_addr *ip)
{
    struct subject s;

    if (!parse(&s, packet, size)) {
        return false;
    }
    *ip = source_of(&s);
    return true;
}

/* Whether anything may be said. */

/* ICMP messages that are no errors; what is not known may be one. */
static bool
is_query4(uint8_t type)
{
    static const uint8_t queries[] = {
        ICMP4_ECHO_REPLY, ICMP4_ECHO_REQUEST, 9, 10 /* RFC 1256. */,
        ICMP4_TIMESTAMP, ICMP4_TIMESTAMPREPLY, ICMP4_INFOREQUEST,
        ICMP4_INFOREPLY, 17, 18 /* RFC 950. */,
    };

    return memchr(queries, type, sizeof queries) != NULL;
}

/* RFC 4443 2.1 and 2.4 e. */
static bool
is_query6(uint8_t type)
{
    return type >= 128 && type != ND_REDIRECT;
}

static bool
is_about_error(const struct subject *s)
{
    if (s->proto != (s->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
        return false;
    }
    return (!s->payload_size
            || !(s->is_v6 ? is_query6 : is_query4)(s->payload[0]));
}

/* Does the address stand for one host, that an answer can go to? */
static bool
is_host4(ovs_be32 ip)
{
    uint8_t first = ntohl(ip) >> 24;

    return first != 0 && first != 127 && first < 224;
}

static bool
is_host6(const struct in6_addr *ip)
{
    return (!ipv6_addr_is_multicast(ip) && !IN6_IS_ADDR_UNSPECIFIED(ip)
            && !IN6_IS_ADDR_LOOPBACK(ip) && !IN6_IS_ADDR_V4MAPPED(ip));
}

static bool
is_from_and_to_one(const struct subject *s)
{
    const struct in6_addr source = source_of(s);

    if (eth_addr_is_multicast(s->eth->eth_dst)
        || eth_addr_is_multicast(s->eth->eth_src)) {
        return false;
    }
    if (s->is_v6) {
        const struct ovs_16aligned_ip6_hdr *ip6 = s->ip;
        struct in6_addr to;

        memcpy(&to, &ip6->ip6_dst, sizeof to);
        return is_host6(&source) && !ipv6_addr_is_multicast(&to);
    }

    const struct ip_header *ip4 = s->ip;
    ovs_be32 to = get_16aligned_be32(&ip4->ip_dst);

    return (is_host4(in6_addr_get_mapped_ipv4(&source))
            && !ip_is_multicast(to) && to != htonl(INADDR_BROADCAST));
}

/* Answering. */

static void
put_ethernet(const struct subject *s, struct dp_packet *reply)
{
    struct eth_header *eth;

    dp_packet_clear(reply);
    eth = dp_packet_put_zeros(reply, sizeof *eth);
    eth->eth_dst = s->eth->eth_src;
    eth->eth_src = s->eth->eth_dst;
    eth->eth_type = s->eth->eth_type;
}

static void
put_ipv4(const struct subject *s, ovs_be32 from, struct dp_packet *reply)
{
    size_t quoted = MIN(s->size, MAX_IPV4 - IP_HEADER_LEN - ICMP_HEADER_LEN);
    struct {
        struct ip_header ip;
        struct icmp_header icmp;
    } *answer;

    answer = dp_packet_put_zeros(reply, sizeof *answer);
    answer->ip.ip_ihl_ver = IP_IHL_VER(5, 4);
    answer->ip.ip_tos = IP_DSCP_CS6;            /* RFC 1812 4.3.2.5. */
    answer->ip.ip_tot_len = htons(sizeof *answer + quoted);
    answer->ip.ip_frag_off = htons(IP_DONT_FRAGMENT);   /* RFC 6864 4.1. */
    answer->ip.ip_ttl = ANSWER_TTL;
    answer->ip.ip_proto = IPPROTO_ICMP;
    put_16aligned_be32(&answer->ip.ip_src, from);
    answer->ip.ip_dst = ((const struct ip_header *) s->ip)->ip_src;
    answer->ip.ip_csum = csum(&answer->ip, sizeof answer->ip);
    answer->icmp.icmp_type = ICMP4_TIME_EXCEEDED;

    uint32_t sum = csum_continue(0, &answer->icmp, sizeof answer->icmp);
    answer->icmp.icmp_csum = csum_finish(csum_continue(sum, s->ip, quoted));
    dp_packet_put(reply, s->ip, quoted);
}

static void
put_ipv6(const struct subject *s, const struct in6_addr *from,
         struct dp_packet *reply)
{
    size_t quoted = MIN(s->size,
                        MAX_IPV6 - IPV6_HEADER_LEN - ICMP6_DATA_HEADER_LEN);
    struct {
        struct ovs_16aligned_ip6_hdr ip6;
        struct icmp6_data_header icmp6;
    } *answer;

    answer = dp_packet_put_zeros(reply, sizeof *answer);
    put_16aligned_be32(&answer->ip6.ip6_flow, htonl(6u << 28));
    answer->ip6.ip6_plen = htons(sizeof answer->icmp6 + quoted);
    answer->ip6.ip6_nxt = IPPROTO_ICMPV6;
    answer->ip6.ip6_hlim = ANSWER_TTL;
    memcpy(&answer->ip6.ip6_src, from, sizeof *from);
    answer->ip6.ip6_dst
        = ((const struct ovs_16aligned_ip6_hdr *) s->ip)->ip6_src;
    answer->icmp6.icmp6_base.icmp6_type = ICMP6_TIME_EXCEEDED;

    uint32_t sum = packet_csum_pseudoheader6(&answer->ip6);
    sum = csum_continue(sum, &answer->icmp6, sizeof answer->icmp6);
    answer->icmp6.icmp6_base.icmp6_cksum
        = csum_finish(csum_continue(sum, s->ip, quoted));
    dp_packet_put(reply, s->ip, quoted);
}

enum icmp_error_result
icmp_error_time_exceeded(const void *packet, size_t size,
                         const struct in6_addr *from, struct dp_packet *reply)
{
    struct subject s;

    if (!parse(&s, packet, size)) {
        return ICMP_ERROR_MALFORMED;
    } else if (!s.payload || !is_from_and_to_one(&s) || is_about_error(&s)
               || s.is_v6 == !!IN6_IS_ADDR_V4MAPPED(from)) {
        return ICMP_ERROR_NOT_DUE;
    }
    put_ethernet(&s, reply);
    if (s.is_v6) {
        put_ipv6(&s, from, reply);
    } else {
        put_ipv4(&s, in6_addr_get_mapped_ipv4(from), reply);
    }
    return ICMP_ERROR_MADE;
}
