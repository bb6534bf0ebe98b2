/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/igmp.h"

#include <netinet/in.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/group-message.h"
#include "unaligned.h"
#include "util.h"

enum {
    TYPE_QUERY = 0x11,
    TYPE_REPORT_V1 = 0x12,
    TYPE_REPORT_V2 = 0x16,
    TYPE_LEAVE = 0x17,
    TYPE_REPORT_V3 = 0x22,

    MESSAGE_LEN = 8,            /* Of all but what follows in version 3. */
    QUERY_V3_LEN = 12,
    RECORD_LEN = 8,             /* Without sources and auxiliary data. */

    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_ROUTER_ALERT = 148,  /* RFC 2113. */
    ROUTER_ALERT_LEN = 4,
};

/* Decoding. */

/* What a message stands in. */
struct envelope {
    const uint8_t *ip, *message;
    size_t len;                 /* Of the message, in bytes. */
    bool router_alert;
};

static const char *
read_options(const uint8_t *p, size_t len, bool *router_alert)
{
    for (size_t i = 0; i < len && p[i] != OPTION_END; ) {
        if (p[i] == OPTION_NOP) {
            i++;
            continue;
        }
        if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i) {
            return "IP options that are cut off";
        }
        if (p[i] == OPTION_ROUTER_ALERT) {
            *router_alert = p[i + 1] == ROUTER_ALERT_LEN;
        }
        i += p[i + 1];
    }
    return NULL;
}

static const char *
open_envelope(const uint8_t *frame, size_t size, struct envelope *e)
{
    if (size < ETH_HEADER_LEN + IP_HEADER_LEN
        || get_unaligned_be16((ovs_be16 *) &frame[12])
           != htons(ETH_TYPE_IP)) {
        return "no IPv4 packet";
    }

    const uint8_t *ip = frame + ETH_HEADER_LEN;
    size_t header = (ip[0] & 0xf) * 4;
    size_t total = ip[2] << 8 | ip[3];
    if (ip[0] >> 4 != 4 || header < IP_HEADER_LEN || total < header
        || total > size - ETH_HEADER_LEN) {
        return "an IPv4 header that does not fit";
    } else if (csum(ip, header)) {
        return "a wrong checksum of the IPv4 header";
    } else if ((ip[6] & 0x3f) || ip[7]) {
        return "a fragment";
    } else if (ip[9] != IPPROTO_IGMP) {
        return "no IGMP";
    } else if (ip[8] != 1) {
        return "a TTL other than 1";
    }

    e->ip = ip;
    e->message = ip + header;
    e->len = total - header;
    e->router_alert = false;
    if (e->len < MESSAGE_LEN) {
        return "a message that is too short";
    } else if (csum(e->message, e->len)) {
        return "a wrong checksum";
    }
    return read_options(ip + IP_HEADER_LEN, header - IP_HEADER_LEN,
                        &e->router_alert);
}

static struct in6_addr
group_at(const uint8_t *p)
{
    return in6_addr_mapped_ipv4(get_unaligned_be32((ovs_be32 *) p));
}

static const char *
read_records(const struct envelope *e, struct group_message *m)
{
    const uint8_t *p = e->message + MESSAGE_LEN;
    size_t left = e->len - MESSAGE_LEN;
    size_t n = e->message[6] << 8 | e->message[7];

    for (size_t i = 0; i < n; i++) {
        if (left < RECORD_LEN) {
            return "fewer records than it says";
        }

        size_t n_sources = p[2] << 8 | p[3];
        size_t len = RECORD_LEN + n_sources * 4 + p[1] * 4;
        struct in6_addr group = group_at(p + 4);
        if (left < len) {
            return "a record that is cut off";
        }
        if (!group_message_add_record(m, &group, p[0], n_sources)) {
            return "too many records";
        }
        p += len;
        left -= len;
    }
    return NULL;
}

/* Versions 1 and 2: a group a message.  A report goes to the group itself. */
static const char *
read_single(const struct envelope *e, enum group_change_kind kind,
            struct group_message *m)
{
    struct in6_addr group = group_at(e->message + 4);

    if (kind == GROUP_JOINED && memcmp(e->ip + 16, e->message + 4, 4)) {
        return "a report to another group";
    }
    group_message_add(m, &group, kind);
    return NULL;
}

const char *
igmp_decode(const void *frame, size_t size, struct group_message *m)
{
    struct envelope e;
    const char *error = open_envelope(frame, size, &e);

    group_message_init(m, 1);
    if (error) {
        return error;
    }
    switch (e.message[0]) {
    case TYPE_QUERY:
        m->query = true;
        m->version = e.len >= QUERY_V3_LEN ? 3 : e.message[1] ? 2 : 1;
        break;
    case TYPE_REPORT_V1:
        return read_single(&e, GROUP_JOINED, m);
    case TYPE_REPORT_V2:
        m->version = 2;
        error = read_single(&e, GROUP_JOINED, m);
        break;
    case TYPE_LEAVE:
        m->version = 2;
        error = read_single(&e, GROUP_LEFT, m);
        break;
    case TYPE_REPORT_V3:
        m->version = 3;
        error = read_records(&e, m);
        break;
    default:
        return "an unknown type";
    }

    /* RFC 2236 2, RFC 3376 4; version 1 had none. */
    return (error || m->version == 1 || e.router_alert ? error
            : "no router alert");
}

/* Encoding. */

/* Appends all up to the message, which gets 'len' bytes, and returns that,
 * full of zeros. */
static uint8_t *
put_envelope(struct dp_packet *packet, const struct eth_addr source,
             ovs_be32 ip_source, ovs_be32 ip_destination, size_t len)
{
    static const uint8_t router_alert[] = {
        OPTION_ROUTER_ALERT, ROUTER_ALERT_LEN, 0, 0,
    };
    size_t header = IP_HEADER_LEN + sizeof router_alert;
    struct eth_header *eth = dp_packet_put_zeros(packet, ETH_HEADER_LEN);
    uint32_t destination = ntohl(ip_destination);

    /* RFC 1112 6.4. */
    eth->eth_dst = (struct eth_addr) ETH_ADDR_C(01,00,5e,00,00,00);
    eth->eth_dst.ea[3] = destination >> 16 & 0x7f;
    eth->eth_dst.ea[4] = destination >> 8;
    eth->eth_dst.ea[5] = destination;
    eth->eth_src = source;
    eth->eth_type = htons(ETH_TYPE_IP);

    struct ip_header *ip = dp_packet_put_zeros(packet, header + len);
    ip->ip_ihl_ver = IP_IHL_VER(header / 4, 4);
    ip->ip_tos = IP_DSCP_CS6;   /* RFC 3376 4: internetwork control. */
    ip->ip_tot_len = htons(header + len);
    ip->ip_frag_off = htons(IP_DONT_FRAGMENT);
    ip->ip_ttl = 1;
    ip->ip_proto = IPPROTO_IGMP;
    put_16aligned_be32(&ip->ip_src, ip_source);
    put_16aligned_be32(&ip->ip_dst, ip_destination);
    memcpy(ip + 1, router_alert, sizeof router_alert);
    ip->ip_csum = csum(ip, header);
    return (uint8_t *) ip + header;
}

static void
put_checksum(uint8_t *message, size_t len)
{
    ovs_be16 sum = csum(message, len);

    memcpy(&message[2], &sum, sizeof sum);
}

void
igmp_put_report(struct dp_packet *packet, const struct eth_addr source,
                ovs_be32 ip, const struct group_change *changes, size_t n)
{
    ovs_assert(n <= IGMP_REPORT_MAX);

    size_t len = MESSAGE_LEN + n * RECORD_LEN;
    uint8_t *message = put_envelope(packet, source, ip, htonl(0xe0000016),
                                    len);
    uint8_t *p = message + MESSAGE_LEN;

    message[0] = TYPE_REPORT_V3;
    message[7] = n;
    for (size_t i = 0; i < n; i++, p += RECORD_LEN) {
        ovs_be32 group = in6_addr_get_mapped_ipv4(&changes[i].group);

        p[0] = group_change_to_record(changes[i].kind);
        memcpy(p + 4, &group, sizeof group);
    }
    put_checksum(message, len);
}

void
igmp_put_query(struct dp_packet *packet, const struct eth_addr source,
               ovs_be32 ip, unsigned int response)
{
    uint8_t *message = put_envelope(packet, source, ip, htonl(0xe0000001),
                                    QUERY_V3_LEN);

    message[0] = TYPE_QUERY;
    message[1] = group_time_code(response / 100, 4);
    message[8] = 2;             /* Robustness (RFC 3376 4.1.6). */
    message[9] = 125;           /* Query interval in seconds (4.1.7). */
    put_checksum(message, QUERY_V3_LEN);
}
