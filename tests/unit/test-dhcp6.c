/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "services/udp-packet.h"
#include "tests/unit/dhcp4-frames.h"
#include "util.h"

enum {
    SOLICIT = 1, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE,
    DECLINE, RECONFIGURE, INFORMATION, RELAY
};

static const struct eth_addr vm_mac = ETH_ADDR_C(02,00,00,00,00,02);
static const struct eth_addr server_mac = ETH_ADDR_C(02,76,74,65,70,64);

/* Options as clients send them. */
#define CLIENT "0001 000a 00030001020000000002 "
#define SERVER "0002 000a 00030001027674657064 "
#define OTHER_SERVER "0002 000a 00030001020000000099 "
#define IA_NA "0003 000c 00000002 00000e10 00001518 "
#define IA_NA_2 "0003 000c 00000003 00000000 00000000 "
#define IA_TA "0004 0004 00000004 "
#define IA_PD "0019 000c 00000005 00000000 00000000 "
#define ADDRESS "0005 0018 fd000000000000000000000000000002 00000000 00000000 "
#define OTHER "0005 0018 fd000000000000000000000000000003 00000000 00000000 "
#define IA_NA_WITH(SIZE, OPTIONS) \
    "0003 " SIZE " 00000002 00000000 00000000 " OPTIONS
#define RAPID "000e 0000 "
#define REQUESTED "0006 0004 0017 0018 0008 0002 0000 "

static struct in6_addr
ip6(const char *s)
{
    struct in6_addr ip;

    assert_true(ipv6_parse(s, &ip));
    return ip;
}

static struct dhcp6_config
config(void)
{
    return (struct dhcp6_config) {
        .addresses = { ip6("fd00::2") }, .n_addresses = 1,
        .lease = 3600, .server_mac = server_mac,
        .dns = { ip6("fd00::53") }, .n_dns = 1,
        .domains = { "blue.example" }, .n_domains = 1,
    };
}

/* The options of a reply, in order: "2=HEX 1=HEX 3=HEX[5=HEX 13=2] 23=...". */
static void
put_options(struct ds *s, const uint8_t *data, size_t size)
{
    size_t i = 0;

    while (i < size) {
        uint16_t code = data[i] << 8 | data[i + 1];
        uint16_t len = data[i + 2] << 8 | data[i + 3];
        size_t fixed = code == 3 || code == 25 ? 12 : code == 4 ? 4
                       : code == 5 ? 24 : len;
        bool status = code == 13;

        assert_true(i + 4 + len <= size);
        assert_true(fixed <= len);
        ds_put_format(s, "%s%u=", i ? " " : "", code);
        for (size_t j = 0; j < (status ? 2 : fixed); j++) {
            ds_put_format(s, "%02x", data[i + 4 + j]);
        }
        if (fixed < len) {
            ds_put_char(s, '[');
            put_options(s, &data[i + 4 + fixed], len - fixed);
            ds_put_char(s, ']');
        }
        i += 4 + len;
    }
}

#define REPLY_IDS "2=00030001027674657064 1=00030001020000000002"
#define REPLY_IA "3=0000000200000708" "00000b40" \
    "[5=fd00000000000000000000000000000200000e1000000e10"
#define REPLY_NAMES "23=fd000000000000000000000000000053 " \
    "24=04626c7565076578616d706c6500"

/* Checks a reply's headers and writes it to 's' as "TYPE OPTIONS". */
static void
describe(const struct dp_packet *b, struct ds *s)
{
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(b);
    struct in6_addr src;
    struct udp_packet u;

    assert_int_equal(packet_csum_upperlayer6(ip6, dp_packet_l4(b),
                                             IPPROTO_UDP,
                                             dp_packet_l4_size(b)), 0);
    assert_null(udp_packet_take(dp_packet_data(b), dp_packet_size(b), &u));
    in6_generate_lla(server_mac, &src);
    assert_true(ipv6_addr_equals(&u.src, &src));
    in6_generate_lla(vm_mac, &src);
    assert_true(ipv6_addr_equals(&u.dst, &src));
    assert_true(eth_addr_equals(u.eth_src, server_mac));
    assert_true(eth_addr_equals(u.eth_dst, vm_mac));
    assert_int_equal(u.src_port, 547);
    assert_int_equal(u.dst_port, 546);
    assert_true(u.size >= 4);
    assert_memory_equal(u.payload + 1, "\xaa\xbb\xcc", 3);
    ds_put_format(s, "%u ", u.payload[0]);
    put_options(s, u.payload + 4, u.size - 4);
}

static void
compose(struct dp_packet *b, uint8_t type, const char *options, bool unicast)
{
    struct dp_packet payload;
    struct udp_packet u = {
        .eth_src = vm_mac, .eth_dst = ETH_ADDR_C(33,33,00,01,00,02),
        .src_port = 546, .dst_port = 547,
        .dst = ip6(unicast ? "fe80::1" : "ff02::1:2"),
    };
    char *hex = xasprintf("%02x aabbcc %s", type, options);

    dp_packet_init(&payload, 0);
    frame_from_hex(hex, &payload);
    in6_generate_lla(vm_mac, &u.src);
    u.payload = dp_packet_data(&payload);
    u.size = dp_packet_size(&payload);
    dp_packet_init(b, 0);
    udp_packet_compose(b, &u);
    dp_packet_uninit(&payload);
    free(hex);
}

static void
check_with(const struct dhcp6_config *c, uint8_t type, const char *options,
           bool unicast, enum dhcp6_outcome outcome, uint32_t addresses,
           const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_packet request, reply;
    struct dhcp6_result result;

    compose(&request, type, options, unicast);
    dp_packet_init(&reply, 0);
    result = dhcp6_answer(dp_packet_data(&request), dp_packet_size(&request),
                          c, &reply);
    if (dp_packet_size(&reply)) {
        describe(&reply, &s);
    }
    assert_int_equal(result.outcome, outcome);
    assert_int_equal(result.addresses, addresses);
    assert_int_equal(result.reason != NULL, (outcome <= DHCP6_IGNORED
                                             || outcome == DHCP6_REFUSED));
    assert_string_equal(ds_cstr(&s), expected);
    dp_packet_uninit(&request);
    dp_packet_uninit(&reply);
    ds_destroy(&s);
}

static void
check(uint8_t type, const char *options, enum dhcp6_outcome outcome,
      uint32_t addresses, const char *expected)
{
    struct dhcp6_config c = config();

    check_with(&c, type, options, false, outcome, addresses, expected);
}

/* A SOLICIT of dhclient 4.4.3, as captured. */
static void
test_dhclient(void **state OVS_UNUSED)
{
    struct dhcp6_config c = config();
    struct dhcp6_result result;
    struct dp_packet b, reply;

    dp_packet_init(&b, 0);
    dp_packet_init(&reply, 0);
    frame_from_hex(
        "333300010002 020000000002 86dd 600e1bce 003c 11 01 "
        "fe80000000000000 000000fffe000002 ff02000000000000 0000000000010002 "
        "0222 0223 003c d589 013fa6b2 "
        "0001 000e 00010001 32962908 020000000002 "
        "0006 0004 0017 0018 0008 0002 0000 "
        "0003 000c 00000002 00000e10 00001518", &b);
    result = dhcp6_answer(dp_packet_data(&b), dp_packet_size(&b), &c, &reply);
    assert_int_equal(result.outcome, DHCP6_OFFERED);
    assert_null(result.reason);
    assert_true(dp_packet_size(&reply) > 0);
    dp_packet_uninit(&b);
    dp_packet_uninit(&reply);
}

static void
test_solicit(void **state OVS_UNUSED)
{
    check(SOLICIT, CLIENT REQUESTED IA_NA, DHCP6_OFFERED, 1,
          "2 " REPLY_IDS " 7=ff " REPLY_IA "] " REPLY_NAMES);
    check(SOLICIT, CLIENT RAPID IA_NA, DHCP6_ACKNOWLEDGED, 1,
          "7 " REPLY_IDS " 14= " REPLY_IA "] " REPLY_NAMES);

    /* What a client hopes for makes no difference. */
    check(SOLICIT, CLIENT IA_NA_WITH("0028", OTHER), DHCP6_OFFERED, 1,
          "2 " REPLY_IDS " 7=ff " REPLY_IA "] " REPLY_NAMES);

    /* Of anything else there is none. */
    check(SOLICIT, CLIENT IA_PD IA_NA IA_NA_2 IA_TA, DHCP6_OFFERED, 1,
          "2 " REPLY_IDS " 7=ff "
          "25=000000050000000000000000[13=0006] " REPLY_IA "] "
          "3=000000030000000000000000[13=0002] 4=00000004[13=0002] "
          REPLY_NAMES);
    check(SOLICIT, CLIENT IA_PD, DHCP6_REFUSED, 0,
          "2 " REPLY_IDS " 7=ff 25=000000050000000000000000[13=0006] "
          REPLY_NAMES);
}

static void
test_request(void **state OVS_UNUSED)
{
    check(REQUEST, CLIENT SERVER IA_NA_WITH("0028", ADDRESS),
          DHCP6_ACKNOWLEDGED, 1,
          "7 " REPLY_IDS " " REPLY_IA "] " REPLY_NAMES);
    check(RENEW, CLIENT SERVER IA_NA_WITH("0028", ADDRESS),
          DHCP6_ACKNOWLEDGED, 1,
          "7 " REPLY_IDS " " REPLY_IA "] " REPLY_NAMES);
    check(REBIND, CLIENT IA_NA_WITH("0028", ADDRESS), DHCP6_ACKNOWLEDGED, 1,
          "7 " REPLY_IDS " " REPLY_IA "] " REPLY_NAMES);

    /* An address that is not the inventory's ends. */
    check(RENEW, CLIENT SERVER IA_NA_WITH("0028", OTHER), DHCP6_ACKNOWLEDGED,
          1, "7 " REPLY_IDS " " REPLY_IA
          " 5=fd0000000000000000000000000000030000000000000000] "
          REPLY_NAMES);
}

static void
test_confirm(void **state OVS_UNUSED)
{
    check(CONFIRM, CLIENT IA_NA_WITH("0028", ADDRESS), DHCP6_INFORMED, 0,
          "7 " REPLY_IDS " 13=0000");
    check(CONFIRM, CLIENT IA_NA_WITH("0044", ADDRESS OTHER), DHCP6_REFUSED, 0,
          "7 " REPLY_IDS " 13=0004");
    check(CONFIRM, CLIENT IA_NA, DHCP6_IGNORED, 0, "");
}

static void
test_farewell(void **state OVS_UNUSED)
{
    check(RELEASE, CLIENT SERVER IA_NA_WITH("0028", ADDRESS), DHCP6_RELEASED,
          1, "7 " REPLY_IDS " 13=0000");
    check(DECLINE, CLIENT SERVER IA_NA_WITH("0028", ADDRESS), DHCP6_DECLINED,
          1, "7 " REPLY_IDS " 13=0000");
    check(DECLINE, CLIENT SERVER IA_NA_WITH("0028", OTHER), DHCP6_DECLINED,
          0, "7 " REPLY_IDS " 13=0000");
}

static void
test_information(void **state OVS_UNUSED)
{
    check(INFORMATION, REQUESTED, DHCP6_INFORMED, 0,
          "7 2=00030001027674657064 " REPLY_NAMES);
    check(INFORMATION, CLIENT SERVER, DHCP6_INFORMED, 0,
          "7 " REPLY_IDS " " REPLY_NAMES);
    check(INFORMATION, OTHER_SERVER, DHCP6_IGNORED, 0, "");
    check(INFORMATION, CLIENT IA_NA, DHCP6_IGNORED, 0, "");
}

/* RFC 8415 16. */
static void
test_refused(void **state OVS_UNUSED)
{
    static const struct {
        uint8_t type;
        const char *options;
    } cases[] = {
        { SOLICIT, IA_NA },
        { SOLICIT, CLIENT SERVER IA_NA },
        { REQUEST, CLIENT IA_NA },
        { REQUEST, SERVER IA_NA },
        { REQUEST, CLIENT OTHER_SERVER IA_NA },
        { RENEW, CLIENT OTHER_SERVER IA_NA },
        { RELEASE, CLIENT IA_NA },
        { DECLINE, CLIENT OTHER_SERVER IA_NA },
        { REBIND, CLIENT SERVER IA_NA },
        { CONFIRM, CLIENT SERVER IA_NA_WITH("0028", ADDRESS) },
        { ADVERTISE, CLIENT SERVER IA_NA },
        { REPLY, CLIENT SERVER IA_NA },
        { RECONFIGURE, CLIENT SERVER },
        { RELAY, CLIENT },
        { 0, CLIENT },
    };
    static const char *const malformed[] = {
        CLIENT CLIENT IA_NA,
        "0001 0002 0003" IA_NA,
        CLIENT "0003 000b 00000002 00000e10 000015",
        CLIENT "0003 000c 00000002 00000e10 000015",
        CLIENT "0003",
        CLIENT IA_NA_WITH("0018", "0005 0018 00000000 00000000"),
        CLIENT IA_NA_WITH("0018", "0005 0008 00000000 00000000"),
        CLIENT IA_NA IA_NA IA_NA IA_NA IA_NA,
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check(cases[i].type, cases[i].options, DHCP6_IGNORED, 0, "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        check(SOLICIT, malformed[i], DHCP6_MALFORMED, 0, "");
    }
}

/* RFC 8415 18.4. */
static void
test_unicast(void **state OVS_UNUSED)
{
    struct dhcp6_config c = config();

    check_with(&c, RENEW, CLIENT SERVER IA_NA, true, DHCP6_REFUSED, 0,
               "7 " REPLY_IDS " 13=0005");
    check_with(&c, SOLICIT, CLIENT IA_NA, true, DHCP6_IGNORED, 0, "");
}

/* However much there is to say, it fits into 1280 bytes and is well-formed. */
static void
test_size(void **state OVS_UNUSED)
{
    char longest[254];
    struct dhcp6_config c = config();
    struct ds request = DS_EMPTY_INITIALIZER, s = DS_EMPTY_INITIALIZER;
    struct dp_packet b, reply;

    memset(longest, 'a', sizeof longest - 1);
    longest[63] = longest[127] = longest[191] = '.';
    longest[253] = '\0';
    c.n_addresses = DHCP6_MAX_ADDRESSES;
    c.n_dns = DHCP6_MAX_DNS;
    c.n_domains = DHCP6_MAX_DOMAINS;
    for (size_t i = 0; i < c.n_domains; i++) {
        c.domains[i] = longest;
    }
    ds_put_cstr(&request, CLIENT SERVER IA_PD IA_NA
                "0003 01cc 00000009 00000000 00000000");
    for (int i = 0; i < 16; i++) {
        ds_put_cstr(&request, OTHER);
    }
    compose(&b, RENEW, ds_cstr(&request), false);
    dp_packet_init(&reply, 0);
    assert_int_equal(dhcp6_answer(dp_packet_data(&b), dp_packet_size(&b), &c,
                                  &reply).outcome, DHCP6_ACKNOWLEDGED);
    assert_true(dp_packet_size(&reply) <= ETH_HEADER_LEN + 1280);
    describe(&reply, &s);
    assert_non_null(strstr(ds_cstr(&s), "] 3=000000090000"));
    dp_packet_uninit(&b);
    dp_packet_uninit(&reply);
    ds_destroy(&request);
    ds_destroy(&s);
}

static void
test_cut_off(void **state OVS_UNUSED)
{
    struct dhcp6_config c = config();
    struct dp_packet b, reply;

    compose(&b, SOLICIT, CLIENT IA_NA_WITH("0028", ADDRESS), false);
    dp_packet_init(&reply, 0);
    for (size_t size = 0; size < dp_packet_size(&b); size++) {
        uint8_t *copy = xmemdup(dp_packet_data(&b), MAX(size, 1));
        struct dhcp6_result result = dhcp6_answer(copy, size, &c, &reply);

        assert_int_equal(result.outcome, DHCP6_MALFORMED);
        assert_non_null(result.reason);
        free(copy);
    }
    assert_int_equal(dp_packet_size(&reply), 0);
    dp_packet_uninit(&b);
    dp_packet_uninit(&reply);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dhclient),
        cmocka_unit_test(test_solicit),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_confirm),
        cmocka_unit_test(test_farewell),
        cmocka_unit_test(test_information),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unicast),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
