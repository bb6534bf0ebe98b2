/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/icmp-error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* What traceroute sends: UDP to port 33434, with TTL 1, to the router's MAC
 * (RFC 1812 and RFC 4443 have the fields of the answers). */
#define MACS "02005e000001" "020000000001"
#define MACS_BACK "020000000001" "02005e000001"
#define DATA "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"

#define IP4 "4500003c12340000011193780a0000020a010003"
#define UDP4 "9c40829a0028d7b8"
#define PROBE4 MACS "0800" IP4 UDP4 DATA
#define ANSWER4 MACS_BACK "0800" \
    "45c0005800004000400125e30a0000010a000002" "0b00093f00000000" \
    IP4 UDP4 DATA

#define IP6 "6001234500281101" \
    "fd000000000000000000000000000002" "fd010000000000000000000000000003"
#define UDP6 "9c40829a0028f1b6"
#define PROBE6 MACS "86dd" IP6 UDP6 DATA
#define ANSWER6 MACS_BACK "86dd" "6000000000583a40" \
    "fd000000000000000000000000000001" "fd000000000000000000000000000002" \
    "03006e3200000000" IP6 UDP6 DATA

/* Where what stands in an IPv4 or IPv6 packet. */
enum {
    IHL4 = 14, LENGTH4 = 16, FRAGMENT4 = 20, PROTO4 = 23, SUM4 = 24,
    SOURCE4 = 26, TO4 = 30, PAYLOAD4 = 34,
    LENGTH6 = 18, PROTO6 = 20, SOURCE6 = 22, TO6 = 38, PAYLOAD6 = 54,
};

static struct in6_addr
address(const char *text)
{
    struct in6_addr ip;
    ovs_be32 ip4;

    if (ip_parse(text, &ip4)) {
        in6_addr_set_mapped_ipv4(&ip, ip4);
    } else {
        assert_true(ipv6_parse(text, &ip));
    }
    return ip;
}

static struct dp_packet *
packet_from(const char *hex)
{
    struct dp_packet *p = dp_packet_new(0);

    assert_string_equal(dp_packet_put_hex(p, hex, NULL), "");
    return p;
}

static struct dp_packet *
probe(bool v6)
{
    return packet_from(v6 ? PROBE6 : PROBE4);
}

static void
set(struct dp_packet *p, size_t ofs, const char *hex)
{
    struct dp_packet *bytes = packet_from(hex);

    memcpy((char *) dp_packet_data(p) + ofs, dp_packet_data(bytes),
           dp_packet_size(bytes));
    dp_packet_delete(bytes);
}

/* Makes the IPv4 header's checksum right. */
static void
fix(struct dp_packet *p)
{
    uint8_t *ip = (uint8_t *) dp_packet_data(p) + ETH_HEADER_LEN;
    ovs_be16 sum;

    set(p, SUM4, "0000");
    sum = csum(ip, (ip[0] & 15) * 4);
    memcpy(ip + 10, &sum, sizeof sum);
}

/* Takes the packet over. */
static enum icmp_error_result
answer(struct dp_packet *p, const char *from, struct dp_packet *reply)
{
    struct in6_addr ip = address(from);
    enum icmp_error_result result;

    result = icmp_error_time_exceeded(dp_packet_data(p), dp_packet_size(p),
                                      &ip, reply);
    dp_packet_delete(p);
    return result;
}

static enum icmp_error_result
result_for(struct dp_packet *p)
{
    const struct eth_header *eth = dp_packet_data(p);
    bool v6 = eth->eth_type == htons(ETH_TYPE_IPV6);
    struct dp_packet *reply = dp_packet_new(0);
    enum icmp_error_result result;

    result = answer(p, v6 ? "fd00::1" : "10.0.0.1", reply);
    assert_true((result == ICMP_ERROR_MADE) == (dp_packet_size(reply) > 0));
    dp_packet_delete(reply);
    return result;
}

/* Byte by byte. */
static void
check_answer(struct dp_packet *p, const char *from, const char *expected)
{
    struct dp_packet *reply = dp_packet_new(0), *e = packet_from(expected);

    assert_int_equal(answer(p, from, reply), ICMP_ERROR_MADE);
    assert_int_equal(dp_packet_size(reply), dp_packet_size(e));
    assert_memory_equal(dp_packet_data(reply), dp_packet_data(e),
                        dp_packet_size(e));
    dp_packet_delete(reply);
    dp_packet_delete(e);
}

static void
test_answers(void **state OVS_UNUSED)
{
    struct dp_packet *p;

    check_answer(probe(false), "10.0.0.1", ANSWER4);
    check_answer(probe(true), "fd00::1", ANSWER6);

    /* What Ethernet adds to a short frame is not quoted. */
    p = probe(false);
    dp_packet_put_zeros(p, 7);
    check_answer(p, "10.0.0.1", ANSWER4);
    p = probe(true);
    dp_packet_put_zeros(p, 7);
    check_answer(p, "fd00::1", ANSWER6);
}

/* A large packet is quoted as far as fits, and the checksums are right. */
static void
test_large(void **state OVS_UNUSED)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct dp_packet *reply = dp_packet_new(0), *p = probe(v6);

        for (int i = 0; i < 1400; i++) {
            dp_packet_put(p, &i, 1);
        }
        set(p, v6 ? LENGTH6 : LENGTH4, v6 ? "05a0" : "05b4");
        if (!v6) {
            fix(p);
        }

        struct dp_packet *copy = dp_packet_clone(p);
        size_t limit = v6 ? 1280 : 576, header = v6 ? 48 : 28;
        assert_int_equal(answer(p, v6 ? "fd00::1" : "10.0.0.1", reply),
                         ICMP_ERROR_MADE);
        assert_int_equal(dp_packet_size(reply), ETH_HEADER_LEN + limit);

        uint8_t *ip = (uint8_t *) dp_packet_data(reply) + ETH_HEADER_LEN;
        assert_memory_equal(ip + header,
                            (char *) dp_packet_data(copy) + ETH_HEADER_LEN,
                            limit - header);
        if (v6) {
            uint32_t sum = packet_csum_pseudoheader6((const void *) ip);

            assert_int_equal(ip[4] << 8 | ip[5], limit - 40);
            assert_int_equal(csum_finish(csum_continue(sum, ip + 40,
                                                       limit - 40)), 0);
        } else {
            assert_int_equal(ip[2] << 8 | ip[3], limit);
            assert_int_equal(csum(ip, 20), 0);
            assert_int_equal(csum(ip + 20, limit - 20), 0);
        }
        dp_packet_delete(copy);
        dp_packet_delete(reply);
    }
}

/* RFC 1812 4.3.2.7, RFC 4443 2.4 e. */
static void
test_nothing_about(void **state OVS_UNUSED)
{
    static const struct {
        bool v6;
        size_t ofs;
        const char *bytes;
    } rules[] = {
        { false, 0, "ffffffffffff" },       /* To all on the link... */
        { false, 0, "01005e000001" },
        { true, 0, "333300000001" },
        { false, 6, "030000000001" },       /* ...or from no one. */
        { false, TO4, "e0000009" },         /* To a group. */
        { false, TO4, "ffffffff" },
        { true, TO6, "ff05" },
        { false, SOURCE4, "00000000" },     /* From no one. */
        { false, SOURCE4, "7f000001" },
        { false, SOURCE4, "e0000001" },
        { false, SOURCE4, "ffffffff" },
        { true, SOURCE6, "ff020000000000000000000000000001" },
        { true, SOURCE6, "00000000000000000000000000000000" },
        { true, SOURCE6, "00000000000000000000000000000001" },
        { true, SOURCE6, "00000000000000000000ffff0a000002" },
        { false, FRAGMENT4, "2001" },       /* Of a fragment but the first. */
        { false, FRAGMENT4, "0001" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct dp_packet *p = probe(rules[i].v6);

        set(p, rules[i].ofs, rules[i].bytes);
        if (!rules[i].v6) {
            fix(p);
        }
        if (result_for(p) != ICMP_ERROR_NOT_DUE) {
            fail_msg("rule %"PRIuSIZE, i);
        }
    }

    /* The first fragment is as good as all. */
    struct dp_packet *p = probe(false);
    set(p, FRAGMENT4, "2000");
    fix(p);
    assert_int_equal(result_for(p), ICMP_ERROR_MADE);
}

/* Errors about errors would go on for ever. */
static void
test_nothing_about_errors(void **state OVS_UNUSED)
{
    for (int v6 = 0; v6 < 2; v6++) {
        for (int type = 0; type < 256; type++) {
            struct dp_packet *p = probe(v6);
            char hex[3];
            bool error = (v6 ? type < 128 || type == 137
                          : !(type == 0 || (type >= 8 && type <= 10)
                              || (type >= 13 && type <= 18)));

            snprintf(hex, sizeof hex, "%02x", type);
            set(p, v6 ? PROTO6 : PROTO4, v6 ? "3a" : "01");
            set(p, v6 ? PAYLOAD6 : PAYLOAD4, hex);
            if (!v6) {
                fix(p);
            }
            if (result_for(p) != (error ? ICMP_ERROR_NOT_DUE
                                  : ICMP_ERROR_MADE)) {
                fail_msg("IPv%d, type %d", v6 ? 6 : 4, type);
            }
        }
    }

    /* Nor where the type is not to be seen. */
    struct dp_packet *p = packet_from(MACS "0800" IP4);
    set(p, LENGTH4, "0014");
    set(p, PROTO4, "01");
    fix(p);
    assert_int_equal(result_for(p), ICMP_ERROR_NOT_DUE);
}

/* In IPv6 what matters may stand behind other headers. */
static void
test_extension_headers(void **state OVS_UNUSED)
{
    static const struct {
        const char *proto, *bytes;
        enum icmp_error_result result;
    } cases[] = {
        /* Destination options, then UDP, ICMPv6 echo, ICMPv6 error. */
        { "3c", "1100010400000000" "9c40829a00080000", ICMP_ERROR_MADE },
        { "3c", "3a00010400000000" "8000000000000000", ICMP_ERROR_MADE },
        { "3c", "3a00010400000000" "0100000000000000", ICMP_ERROR_NOT_DUE },
        /* A hop-by-hop header that is longer than the packet. */
        { "00", "3aff010400000000" "8000000000000000", ICMP_ERROR_MALFORMED },
        { "2b", "3aff010400000000" "0100000000000000", ICMP_ERROR_MALFORMED },
        /* The first fragment, another one. */
        { "2c", "1100000100000001" "9c40829a00080000", ICMP_ERROR_MADE },
        { "2c", "3a00000100000001" "0300000000000000", ICMP_ERROR_NOT_DUE },
        { "2c", "1100000800000001" "9c40829a00080000", ICMP_ERROR_NOT_DUE },
        /* Nothing follows. */
        { "3b", "0000000000000000" "0000000000000000", ICMP_ERROR_MADE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *hex = xasprintf("%s86dd%s%s", MACS, IP6, cases[i].bytes);
        struct dp_packet *p = packet_from(hex);

        free(hex);
        set(p, LENGTH6, "0010");
        set(p, PROTO6, cases[i].proto);
        if (result_for(p) != cases[i].result) {
            fail_msg("case %"PRIuSIZE, i);
        }
    }
}

/* Headers that are not in order. */
static void
test_malformed(void **state OVS_UNUSED)
{
    static const struct {
        bool v6;
        bool fix;
        size_t ofs;
        const char *bytes;
    } cases[] = {
        { false, false, 12, "0806" },       /* ARP, and a tag. */
        { false, false, 12, "8100" },
        { false, false, SUM4, "1234" },
        { false, true, IHL4, "65" },
        { false, true, IHL4, "44" },
        { false, false, IHL4, "4f" },
        { false, true, LENGTH4, "0013" },
        { false, true, LENGTH4, "003d" },
        { true, false, IHL4, "40" },
        { true, false, LENGTH6, "0029" },
        { true, false, LENGTH6, "ffff" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dp_packet *p = probe(cases[i].v6);

        set(p, cases[i].ofs, cases[i].bytes);
        if (cases[i].fix) {
            fix(p);
        }
        if (result_for(p) != ICMP_ERROR_MALFORMED) {
            fail_msg("case %"PRIuSIZE, i);
        }
    }

    /* Cut anywhere. */
    for (int v6 = 0; v6 < 2; v6++) {
        struct dp_packet *whole = probe(v6);
        size_t size = dp_packet_size(whole);

        for (size_t n = 0; n < size; n++) {
            struct dp_packet *p = dp_packet_clone_data(dp_packet_data(whole),
                                                       n);
            struct dp_packet *reply = dp_packet_new(0);

            assert_int_equal(answer(p, "10.0.0.1", reply),
                             ICMP_ERROR_MALFORMED);
            dp_packet_delete(reply);
        }
        dp_packet_delete(whole);
    }
}

static void
test_source(void **state OVS_UNUSED)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct in6_addr expected = address(v6 ? "fd00::2" : "10.0.0.2"), ip;
        struct dp_packet *p = probe(v6);

        assert_true(icmp_error_source(dp_packet_data(p), dp_packet_size(p),
                                      &ip));
        assert_true(ipv6_addr_equals(&ip, &expected));
        assert_false(icmp_error_source(dp_packet_data(p), 20, &ip));

        /* An answer needs an address of its family. */
        struct dp_packet *reply = dp_packet_new(0);
        assert_int_equal(answer(p, v6 ? "10.0.0.1" : "fd00::1", reply),
                         ICMP_ERROR_NOT_DUE);
        dp_packet_delete(reply);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nothing_about),
        cmocka_unit_test(test_nothing_about_errors),
        cmocka_unit_test(test_extension_headers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
