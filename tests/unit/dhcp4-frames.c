/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "dhcp4-frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/udp-packet.h"
#include "util.h"

static size_t
put_hex(uint8_t *to, size_t max, const char *hex)
{
    size_t n = 0;

    for (const char *p = hex ? hex : ""; *p; ) {
        bool ok;

        if (*p == ' ' || *p == '\n') {
            p++;
            continue;
        }
        assert_true(n < max);
        to[n++] = hexits_value(p, 2, &ok);
        assert_true(ok);
        p += 2;
    }
    return n;
}

void
frame_from_hex(const char *hex, struct dp_packet *b)
{
    uint8_t data[2048];
    size_t n = put_hex(data, sizeof data, hex);

    dp_packet_clear(b);
    dp_packet_put(b, data, n);
}

void
dhcp4_request_compose(const struct dhcp4_request *r, struct dp_packet *b)
{
    const ovs_be32 cookie = htonl(DHCP_MAGIC_COOKIE);
    uint8_t data[1500];
    size_t n = sizeof(struct dhcp_header);
    struct dhcp_header h = {
        .op = DHCP_OP_REQUEST, .htype = 1, .hlen = 6, .xid = htonl(0x2a411864),
        .flags = r->flags, .ciaddr = r->ciaddr, .giaddr = r->giaddr,
    };

    memcpy(h.chaddr, &r->chaddr, sizeof r->chaddr);
    put_hex((uint8_t *) h.file, sizeof h.file, r->file);
    put_hex((uint8_t *) h.sname, sizeof h.sname, r->sname);
    memcpy(data, &h, sizeof h);
    memcpy(data + n, &cookie, sizeof cookie);
    n += sizeof cookie;
    if (r->type) {
        const uint8_t type[] = { DHCP_OPT_MSG_TYPE, 1, r->type };

        memcpy(data + n, type, sizeof type);
        n += sizeof type;
    }
    n += put_hex(data + n, sizeof data - n, r->options);

    struct udp_packet u = {
        .eth_src = r->chaddr, .eth_dst = eth_addr_broadcast,
        .src_port = 68, .dst_port = 67, .payload = data, .size = n,
    };
    in6_addr_set_mapped_ipv4(&u.src, r->src);
    in6_addr_set_mapped_ipv4(&u.dst, r->dst ? r->dst : OVS_BE32_MAX);
    dp_packet_clear(b);
    udp_packet_compose(b, &u);
}

/* Both checksums are right, by the rules rather than by our own code. */
static void
assert_sums(const struct dp_packet *b)
{
    const struct ip_header *ip = dp_packet_l3(b);
    const struct udp_header *udp = dp_packet_l4(b);
    uint32_t sum = packet_csum_pseudoheader(ip);

    assert_int_equal(csum(ip, sizeof *ip), 0);
    assert_int_equal(ntohs(ip->ip_tot_len),
                     dp_packet_size(b) - ETH_HEADER_LEN);
    assert_int_not_equal(udp->udp_csum, 0);
    assert_int_equal(csum_finish(csum_continue(sum, udp,
                                               ntohs(udp->udp_len))), 0);
}

void
dhcp4_reply_take(const struct dp_packet *b, struct dhcp4_reply *r)
{
    const ovs_be32 cookie = htonl(DHCP_MAGIC_COOKIE);
    struct udp_packet u;
    size_t i;

    memset(r, 0, sizeof *r);
    assert_sums(b);
    assert_null(udp_packet_take(dp_packet_data(b), dp_packet_size(b), &u));
    assert_int_equal(u.src_port, 67);
    assert_int_equal(u.dst_port, 68);
    assert_true(u.size >= 300);
    r->size = dp_packet_size(b) - ETH_HEADER_LEN;
    r->eth_src = u.eth_src;
    r->eth_dst = u.eth_dst;
    r->src = in6_addr_get_mapped_ipv4(&u.src);
    r->dst = in6_addr_get_mapped_ipv4(&u.dst);
    memcpy(&r->header, u.payload, sizeof r->header);
    assert_int_equal(r->header.op, DHCP_OP_REPLY);
    assert_int_equal(r->header.htype, 1);
    assert_int_equal(r->header.hlen, 6);
    assert_int_equal(r->header.giaddr, 0);
    assert_memory_equal(u.payload + sizeof r->header, &cookie, sizeof cookie);

    i = sizeof r->header + sizeof cookie;
    while (u.payload[i] != DHCP_OPT_END) {
        uint8_t code = u.payload[i];

        assert_true(i + 2 + u.payload[i + 1] < u.size);
        assert_null(r->options[code]);
        r->order[r->n++] = code;
        r->sizes[code] = u.payload[i + 1];
        r->options[code] = &u.payload[i + 2];
        i += 2 + u.payload[i + 1];
    }
    while (++i < u.size) {
        assert_int_equal(u.payload[i], 0);
    }
}

void
dhcp4_assert_option(const struct dhcp4_reply *r, uint8_t code,
                    const char *hex)
{
    uint8_t value[256];
    size_t n = put_hex(value, sizeof value, hex);

    assert_non_null(r->options[code]);
    assert_int_equal(r->sizes[code], n);
    assert_memory_equal(r->options[code], value, n);
}
