/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/router-advert.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/domain-name.h"
#include "util.h"

/* What a packet may have been before it is said to be from the link. */
#define HOP_LIMIT 255

/* Of packets that VMs send. */
#define CUR_HOP_LIMIT 64

/* What every link carries (RFC 8200 5). */
#define PACKET_MAX 1280

#define SOLICIT_HEADER 8

/* RFC 8106 5, RFC 4861 4.6.2. */
enum { OPT_RDNSS = 25, OPT_DNSSL = 31 };
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

/* Solicitations. */

/* What stands before the message, copied out of the frame. */
struct headers {
    struct eth_header eth;
    struct ovs_16aligned_ip6_hdr ip6;
};

static bool
is_solicit(const struct headers *h)
{
    return h->eth.eth_type == htons(ETH_TYPE_IPV6)
           && ntohl(get_16aligned_be32(&h->ip6.ip6_flow)) >> 28 == 6
           && h->ip6.ip6_nxt == IPPROTO_ICMPV6;
}

/* Options are not empty, and nothing is cut off.  '*named': is there a source
 * link-layer address? */
static const char *
check_options(const uint8_t *data, size_t size, bool *named)
{
    *named = false;
    while (size) {
        size_t len = size >= 2 ? data[1] * 8 : 0;

        if (!len || len > size) {
            return "an option is cut off or empty";
        }
        *named |= data[0] == ND_OPT_SOURCE_LINKADDR;
        data += len;
        size -= len;
    }
    return NULL;
}

static const char *
check_message(const struct ovs_16aligned_ip6_hdr *ip6, const uint8_t *data,
              size_t size)
{
    struct in6_addr src;
    const char *error;
    bool named;

    if (size < SOLICIT_HEADER || data[0] != ND_ROUTER_SOLICIT || data[1]) {
        return "it is no router solicitation";
    }
    if (packet_csum_upperlayer6(ip6, data, IPPROTO_ICMPV6, size)) {
        return "its checksum is wrong";
    }
    error = check_options(data + SOLICIT_HEADER, size - SOLICIT_HEADER,
                          &named);
    memcpy(&src, &ip6->ip6_src, sizeof src);
    return (error ? error
            : named && ipv6_is_zero(&src)
            ? "it names a link-layer address but comes from none" : NULL);
}

const char *
router_solicit_check(const void *frame, size_t size)
{
    struct headers h;

    if (size < ETH_HEADER_LEN + IPV6_HEADER_LEN) {
        return "a header is cut off";
    }
    memcpy(&h.eth, frame, sizeof h.eth);
    memcpy(&h.ip6, (const uint8_t *) frame + sizeof h.eth, sizeof h.ip6);
    if (!is_solicit(&h)) {
        return "it is not ICMPv6";
    }
    if (h.ip6.ip6_hlim != HOP_LIMIT) {
        return "it is not from the link";
    }

    size_t room = size - ETH_HEADER_LEN - IPV6_HEADER_LEN;
    size_t length = ntohs(h.ip6.ip6_plen);
    return (length > room ? "it is cut off"
            : check_message(&h.ip6, (const uint8_t *) frame + size - room,
                            length));
}

/* Advertisements. */

bool
router_advert_makes(const struct eth_addr mac, const struct in6_addr *ip,
                    uint8_t plen)
{
    struct in6_addr made;

    in6_generate_lla(mac, &made);
    return plen == 64 && !memcmp(&made.s6_addr[8], &ip->s6_addr[8], 8);
}

static void
put_prefix(struct dp_packet *b, const struct router_advert *r,
           const struct router_advert_prefix *prefix)
{
    uint8_t flags = PREFIX_ON_LINK;
    ovs_be128 ip;

    if (prefix->autonomous) {
        flags |= PREFIX_AUTONOMOUS;
    }
    memcpy(&ip, &prefix->ip, sizeof ip);
    packet_put_ra_prefix_opt(b, prefix->plen, flags, htonl(r->lifetime),
                             htonl(r->lifetime), ip);
}

/* The head of an option of RFC 8106 with 'size' bytes after it. */
static void
put_option(struct dp_packet *b, uint8_t type, uint32_t lifetime,
           const void *data, size_t size)
{
    size_t padded = ROUND_UP(size, 8);
    ovs_be32 be_lifetime = htonl(lifetime);
    uint8_t *p = dp_packet_put_zeros(b, 8 + padded);

    p[0] = type;
    p[1] = 1 + padded / 8;
    memcpy(p + 4, &be_lifetime, sizeof be_lifetime);
    memcpy(p + 8, data, size);
}

static void
put_domains(struct dp_packet *b, const struct router_advert *r)
{
    size_t room = ETH_HEADER_LEN + PACKET_MAX - dp_packet_size(b) - 16;
    uint8_t domains[ROUTER_ADVERT_MAX_DOMAINS * DOMAIN_NAME_MAX];
    size_t n = 0;

    for (size_t i = 0; i < r->n_domains; i++) {
        size_t size = domain_name_encode(r->domains[i], domains + n);

        if (n + size > room) {
            break;
        }
        n += size;
    }
    if (n) {
        put_option(b, OPT_DNSSL, r->lifetime, domains, n);
    }
}

/* Brings the length and the checksum up to date. */
static void
finish(struct dp_packet *b)
{
    struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(b);
    struct icmp6_header *icmp6 = dp_packet_l4(b);
    size_t size = dp_packet_l4_size(b);

    ip6->ip6_plen = htons(size);
    icmp6->icmp6_cksum = 0;
    icmp6->icmp6_cksum = packet_csum_upperlayer6(ip6, icmp6, IPPROTO_ICMPV6,
                                                 size);
}

void
router_advert_compose(struct dp_packet *b, const struct router_advert *r)
{
    static const struct eth_addr all_nodes_mac
        = ETH_ADDR_C(33,33,00,00,00,01);
    struct in6_addr all_nodes = { .s6_addr = { 0xff, 2, [15] = 1 } };
    struct in6_addr src;

    in6_generate_lla(r->mac, &src);
    compose_nd_ra(b, r->mac, all_nodes_mac, &src, &all_nodes, CUR_HOP_LIMIT,
                  ND_RA_MANAGED_ADDRESS | ND_RA_OTHER_CONFIG,
                  htons(r->router_lifetime), 0, 0,
                  r->mtu >= PACKET_MAX ? r->mtu : 0);
    for (size_t i = 0; i < r->n_prefixes; i++) {
        put_prefix(b, r, &r->prefixes[i]);
    }
    if (r->n_dns) {
        put_option(b, OPT_RDNSS, r->lifetime, r->dns,
                   r->n_dns * sizeof r->dns[0]);
    }
    put_domains(b, r);
    finish(b);
}
