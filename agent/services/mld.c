/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/mld.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/group-message.h"
#include "unaligned.h"
#include "util.h"

enum {
    MESSAGE_V1_LEN = 24,        /* Of a query, a report, a done. */
    QUERY_V2_LEN = 28,
    REPORT_V2_LEN = 8,          /* Before its records. */
    RECORD_LEN = 20,            /* Without sources and auxiliary data. */

    OPTION_PAD1 = 0,
    OPTION_ROUTER_ALERT = 5,    /* RFC 2711. */
};

/* The hop-by-hop header that MLD needs: a router alert for MLD, and two bytes
 * of padding. */
static const uint8_t hop_by_hop[] = {
    IPPROTO_ICMPV6, 0, OPTION_ROUTER_ALERT, 2, 0, 0, 1, 0,
};

/* Decoding. */

/* Is there a router alert for MLD among the options? */
static const char *
check_options(const uint8_t *p, size_t len)
{
    bool found = false;

    for (size_t i = 0; i < len; ) {
        if (p[i] == OPTION_PAD1) {
            i++;
            continue;
        }
        if (len - i < 2 || p[i + 1] > len - i - 2) {
            return "hop-by-hop options that are cut off";
        }
        if (p[i] == OPTION_ROUTER_ALERT) {
            found = p[i + 1] == 2 && !p[i + 2] && !p[i + 3];
        }
        i += 2 + p[i + 1];
    }
    return found ? NULL : "no router alert";
}

/* Finds the message. */
static const char *
open_envelope(const uint8_t *frame, size_t size, const uint8_t **messagep,
              size_t *lenp)
{
    if (size < ETH_HEADER_LEN + IPV6_HEADER_LEN
        || get_unaligned_be16((ovs_be16 *) &frame[12])
           != htons(ETH_TYPE_IPV6)
        || frame[ETH_HEADER_LEN] >> 4 != 6) {
        return "no IPv6 packet";
    }

    const uint8_t *ip = frame + ETH_HEADER_LEN;
    const uint8_t *header = ip + IPV6_HEADER_LEN;
    size_t payload = ip[4] << 8 | ip[5];
    if (payload > size - ETH_HEADER_LEN - IPV6_HEADER_LEN) {
        return "an IPv6 packet that is cut off";
    } else if (ip[7] != 1) {
        return "a hop limit other than 1";
    } else if (ip[6] != IPPROTO_HOPOPTS || payload < 8) {
        return "no router alert";
    }

    size_t header_len = (header[1] + 1) * 8;
    if (payload < header_len) {
        return "a hop-by-hop header that is cut off";
    } else if (header[0] != IPPROTO_ICMPV6) {
        return "no ICMPv6";
    }

    const char *error = check_options(header + 2, header_len - 2);
    if (error) {
        return error;
    }
    *messagep = header + header_len;
    *lenp = payload - header_len;
    if (*lenp < REPORT_V2_LEN) {
        return "a message that is too short";
    } else if (packet_csum_upperlayer6(
                   (const struct ovs_16aligned_ip6_hdr *) ip, *messagep,
                   IPPROTO_ICMPV6, *lenp)) {
        return "a wrong checksum";
    }
    return NULL;
}

static bool
source_is_good(const uint8_t *source)
{
    struct in6_addr addr;

    /* RFC 3810 5.1.14 and 5.2.13; a report may come from :: (RFC 3590). */
    memcpy(&addr, source, sizeof addr);
    return IN6_IS_ADDR_LINKLOCAL(&addr) || IN6_IS_ADDR_UNSPECIFIED(&addr);
}

static struct in6_addr
group_at(const uint8_t *p)
{
    struct in6_addr group;

    memcpy(&group, p, sizeof group);
    return group;
}

/* IPv4-mapped addresses stand for groups of IPv4, not of MLD. */
static bool
is_group(const struct in6_addr *group)
{
    return group->s6_addr[0] == 0xff;
}

static const char *
read_records(const uint8_t *message, size_t len, struct group_message *m)
{
    const uint8_t *p = message + REPORT_V2_LEN;
    size_t left = len - REPORT_V2_LEN;
    size_t n = message[6] << 8 | message[7];

    for (size_t i = 0; i < n; i++) {
        if (left < RECORD_LEN) {
            return "fewer records than it says";
        }

        size_t n_sources = p[2] << 8 | p[3];
        size_t size = RECORD_LEN + n_sources * 16 + p[1] * 4;
        struct in6_addr group = group_at(p + 4);
        if (left < size) {
            return "a record that is cut off";
        }
        if (is_group(&group)
            && !group_message_add_record(m, &group, p[0], n_sources)) {
            return "too many records";
        }
        p += size;
        left -= size;
    }
    return NULL;
}

const char *
mld_decode(const void *frame_, size_t size, struct group_message *m)
{
    const uint8_t *frame = frame_;
    const uint8_t *message;
    struct in6_addr group;
    size_t len;
    const char *error = open_envelope(frame, size, &message, &len);

    group_message_init(m, 1);
    if (error) {
        return error;
    } else if (!source_is_good(frame + ETH_HEADER_LEN + 8)) {
        return "a source that is not link-local";
    }
    if (message[0] == MLD2_REPORT) {
        m->version = 2;
        return read_records(message, len, m);
    }
    if (len < MESSAGE_V1_LEN) {
        return "a message that is too short";
    }

    group = group_at(message + 8);
    if (message[0] != MLD_QUERY && !is_group(&group)) {
        return "no group";
    }
    switch (message[0]) {
    case MLD_QUERY:
        m->query = true;
        m->version = len >= QUERY_V2_LEN ? 2 : 1;
        return NULL;
    case MLD_REPORT:
        if (memcmp(frame + ETH_HEADER_LEN + 24, &group, sizeof group)) {
            return "a report to another group";
        }
        group_message_add(m, &group, GROUP_JOINED);
        return NULL;
    case MLD_DONE:
        group_message_add(m, &group, GROUP_LEFT);
        return NULL;
    default:
        return "an unknown type";
    }
}

/* Encoding. */

/* Appends all up to the message, which gets 'len' bytes, and returns that,
 * full of zeros. */
static uint8_t *
put_envelope(struct dp_packet *packet, const struct eth_addr source,
             uint8_t destination, size_t len)
{
    struct eth_header *eth = dp_packet_put_zeros(packet, ETH_HEADER_LEN);
    size_t before = IPV6_HEADER_LEN + sizeof hop_by_hop;
    struct in6_addr address;

    eth->eth_dst = (struct eth_addr) ETH_ADDR_C(33,33,00,00,00,00);
    eth->eth_dst.ea[5] = destination;
    eth->eth_src = source;
    eth->eth_type = htons(ETH_TYPE_IPV6);

    uint8_t *ip = dp_packet_put_zeros(packet, before + len);
    size_t payload = sizeof hop_by_hop + len;
    ip[0] = 0x60;
    ip[4] = payload >> 8;
    ip[5] = payload;
    ip[6] = IPPROTO_HOPOPTS;
    ip[7] = 1;
    in6_generate_lla(source, &address);
    memcpy(ip + 8, &address, sizeof address);
    ip[24] = 0xff;
    ip[25] = 0x02;
    ip[39] = destination;
    memcpy(ip + IPV6_HEADER_LEN, hop_by_hop, sizeof hop_by_hop);
    return ip + before;
}

static void
put_checksum(uint8_t *message, size_t len)
{
    const uint8_t *ip = message - sizeof hop_by_hop - IPV6_HEADER_LEN;
    ovs_be16 sum = packet_csum_upperlayer6(
        (const struct ovs_16aligned_ip6_hdr *) ip, message, IPPROTO_ICMPV6,
        len);

    memcpy(&message[2], &sum, sizeof sum);
}

void
mld_put_report(struct dp_packet *packet, const struct eth_addr source,
               const struct group_change *changes, size_t n)
{
    ovs_assert(n <= MLD_REPORT_MAX);

    size_t len = REPORT_V2_LEN + n * RECORD_LEN;
    uint8_t *message = put_envelope(packet, source, 0x16, len);
    uint8_t *p = message + REPORT_V2_LEN;

    message[0] = MLD2_REPORT;
    message[7] = n;
    for (size_t i = 0; i < n; i++, p += RECORD_LEN) {
        p[0] = group_change_to_record(changes[i].kind);
        memcpy(p + 4, &changes[i].group, sizeof changes[i].group);
    }
    put_checksum(message, len);
}

void
mld_put_query(struct dp_packet *packet, const struct eth_addr source,
              unsigned int response)
{
    uint8_t *message = put_envelope(packet, source, 0x01, QUERY_V2_LEN);
    unsigned int code = group_time_code(response, 12);

    message[0] = MLD_QUERY;
    message[4] = code >> 8;
    message[5] = code;
    message[24] = 2;            /* Robustness (RFC 3810 5.1.8). */
    message[25] = 125;          /* Query interval in seconds (5.1.9). */
    put_checksum(message, QUERY_V2_LEN);
}
