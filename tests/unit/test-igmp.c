/* SPDX-License-Identifier: Apache-2.0 */

/* IGMP: what Linux sends, what nobody should, and what we send. */

#include <config.h>

#include "services/igmp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/group-message.h"
#include "tests/unit/group-text.h"
#include "util.h"

/* From Linux 6.1, 10.0.0.1 at 02:00:00:00:00:01, without the padding. */
#define V3_JOIN                                                         \
    "01005e000016020000000001080046c00028000040000102f9f80a000001e0000016" \
    "940400002200e8f90000000104000000ef010203"
#define V3_LEAVE                                                        \
    "01005e000016020000000001080046c00028000040000102f9f80a000001e0000016" \
    "940400002200e9f90000000103000000ef010203"
#define V3_ALLOW                                                        \
    "01005e000016020000000001080046c0002c000040000102f9f40a000001e0000016" \
    "940400002200dbe60000000105000001e80102030a090909"
#define V3_BLOCK                                                        \
    "01005e000016020000000001080046c0002c000040000102f9f40a000001e0000016" \
    "940400002200dae60000000106000001e80102030a090909"
#define V2_JOIN                                                         \
    "01005e010203020000000001080046c00020000040000102e9120a000001ef010203" \
    "940400001600f8faef010203"
#define V2_LEAVE                                                        \
    "01005e000002020000000001080046c00020000040000102fa140a000001e0000002" \
    "940400001700f7faef010203"
#define V1_JOIN                                                         \
    "01005e010203020000000001080046c00020000040000102e9120a000001ef010203" \
    "940400001200fcfaef010203"

static void
test_linux(void **state OVS_UNUSED)
{
    group_check(igmp_decode, V3_JOIN, "v3 +239.1.2.3");
    group_check(igmp_decode, V3_LEAVE, "v3 -239.1.2.3");
    group_check(igmp_decode, V3_ALLOW, "v3 +232.1.2.3");
    group_check(igmp_decode, V3_BLOCK, "v3 ?232.1.2.3");
    group_check(igmp_decode, V2_JOIN, "v2 +239.1.2.3");
    group_check(igmp_decode, V2_LEAVE, "v2 -239.1.2.3");
    group_check(igmp_decode, V1_JOIN, "v1 +239.1.2.3");
    group_check(igmp_decode, V2_JOIN "0000000000000000", "v2 +239.1.2.3");
}

/* Checksums and lengths catch whatever is not right from the IP header on. */
static void
test_damage(void **state OVS_UNUSED)
{
    group_check_damage(igmp_decode, V3_ALLOW, ETH_HEADER_LEN);
    group_check_damage(igmp_decode, V2_JOIN, ETH_HEADER_LEN);
}

/* Frames whose checksums are right. */

/* A frame with the IP header and the message given. */
static void
check_made(const char *ip_hex, const char *message_hex, const char *expected)
{
    static const char eth[] = "01005e0000160200000000010800";
    size_t ip_size, size;
    char *hex = xasprintf("%s%s%s", eth, ip_hex, message_hex);
    uint8_t *frame = bytes_of(hex, &size);
    uint8_t *ip = frame + ETH_HEADER_LEN;
    ovs_be16 sum;

    free(bytes_of(ip_hex, &ip_size));
    ip[2] = (size - ETH_HEADER_LEN) >> 8;
    ip[3] = size - ETH_HEADER_LEN;
    memset(&ip[10], 0, 2);
    sum = csum(ip, ip_size);
    memcpy(&ip[10], &sum, 2);
    if (size >= ETH_HEADER_LEN + ip_size + 4) {
        memset(&ip[ip_size + 2], 0, 2);
        sum = csum(ip + ip_size, size - ETH_HEADER_LEN - ip_size);
        memcpy(&ip[ip_size + 2], &sum, 2);
    }
    group_check_bytes(igmp_decode, frame, size, expected);
    free(frame);
    free(hex);
}

#define IP "46c00000000040000102" "0000" "0a000001e0000016" "94040000"
#define IP_PLAIN "45c00000000040000102" "0000" "0a000001e0000016"
#define IP_GROUP "46c00000000040000102" "0000" "0a000001ef010203" "94040000"

static void
test_strange(void **state OVS_UNUSED)
{
    static const struct {
        const char *ip, *message, *expected;
    } cases[] = {
        /* What the envelope is like. */
        { IP_PLAIN, "22000000" "00000000", "no router alert" },
        { IP_PLAIN, "16000000" "e0000016", "no router alert" },
        { "45c00000000040000102" "0000" "0a000001ef010203",
          "12000000" "ef010203", "v1 +239.1.2.3" },
        { "46c00000000040000202" "0000" "0a000001e0000016" "94040000",
          "22000000" "00000000", "a TTL other than 1" },
        { "46c00000000020000102" "0000" "0a000001e0000016" "94040000",
          "22000000" "00000000", "a fragment" },
        { "46c00000000000010102" "0000" "0a000001e0000016" "94040000",
          "22000000" "00000000", "a fragment" },
        { "46c00000000040000111" "0000" "0a000001e0000016" "94040000",
          "22000000" "00000000", "no IGMP" },
        { "66c00000000040000102" "0000" "0a000001e0000016" "94040000",
          "22000000" "00000000", "an IPv4 header that does not fit" },
        { IP, "220000", "a message that is too short" },
        { IP, "22000000" "000000", "a message that is too short" },
        { "46c00000000040000102" "0000" "0a000001e0000016" "01010194",
          "22000000" "00000000", "IP options that are cut off" },
        { "46c00000000040000102" "0000" "0a000001e0000016" "94010000",
          "22000000" "00000000", "IP options that are cut off" },
        { "46c00000000040000102" "0000" "0a000001e0000016" "94050000",
          "22000000" "00000000", "IP options that are cut off" },
        { "47c00000000040000102" "0000" "0a000001e0000016" "0101019404000000",
          "22000000" "00000000", "v3" },
        { "46c00000000040000102" "0000" "0a000001e0000016" "00940400",
          "22000000" "00000000", "no router alert" },

        /* Records. */
        { IP, "22000000" "00000000", "v3" },
        { IP, "22000000" "00000001", "fewer records than it says" },
        { IP, "22000000" "0000ffff" "04000000ef010203",
          "fewer records than it says" },
        { IP, "22000000" "00000001" "04000001ef010203",
          "a record that is cut off" },
        { IP, "22000000" "00000001" "04ff0000ef010203",
          "a record that is cut off" },
        { IP, "22000000" "00000001" "0400ffffef010203",
          "a record that is cut off" },
        { IP, "22000000" "00000002" "04010001ef010203" "0a000001" "00000000"
          "03000000ef010204", "v3 +239.1.2.3 -239.1.2.4" },
        { IP, "22000000" "00000008"
          "01000000ef010201" "01000001ef0102020a000001" "02000000ef010203"
          "02000001ef0102040a000001" "03000001ef0102050a000001"
          "05000000ef010206" "06000000ef010207" "07000000ef010208",
          "v3 -239.1.2.1 +239.1.2.2 +239.1.2.3 +239.1.2.4 +239.1.2.5" },

        /* Groups that are not learned. */
        { IP, "22000000" "00000006" "04000000e0000001" "04000000e00000fb"
          "040000000a000001" "0400000000000000" "04000000f0000001"
          "04000000e0000101", "v3 +224.0.1.1" },

        /* One group. */
        { IP, "16000000" "ef010203", "a report to another group" },
        { IP, "12000000" "ef010203", "a report to another group" },
        { IP_GROUP, "16000000" "ef010203", "v2 +239.1.2.3" },
        { IP, "17000000" "ef010203", "v2 -239.1.2.3" },
        { IP, "17000000" "00000000", "v2" },

        /* Other messages. */
        { IP, "11000000" "00000000", "v1 query" },
        { IP, "11640000" "00000000", "v2 query" },
        { IP, "11640000" "00000000" "027d0000", "v3 query" },
        { IP_PLAIN, "11640000" "00000000", "no router alert" },
        { IP, "13000000" "ef010203", "an unknown type" },
        { IP, "00000000" "ef010203", "an unknown type" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_made(cases[i].ip, cases[i].message, cases[i].expected);
    }
    group_check(igmp_decode, "", "no IPv4 packet");
    group_check(igmp_decode, "01005e00001602000000000186dd46c0", "no IPv4 "
                "packet");
}

/* As many records as fit into the longest packet. */
static void
test_too_many(void **state OVS_UNUSED)
{
    for (int n = GROUP_MESSAGE_MAX; n <= GROUP_MESSAGE_MAX + 1; n++) {
        struct group_message *m = xmalloc(sizeof *m);
        size_t len = 8 + n * 8;
        size_t size = ETH_HEADER_LEN + 24 + len;
        uint8_t *frame = xzalloc(size);
        uint8_t *ip = frame + ETH_HEADER_LEN, *message = ip + 24;
        ovs_be16 sum;

        frame[12] = 0x08;
        ip[0] = 0x46;
        ip[2] = (24 + len) >> 8;
        ip[3] = 24 + len;
        ip[8] = 1;
        ip[9] = IPPROTO_IGMP;
        ip[20] = 148;
        ip[21] = 4;
        sum = csum(ip, 24);
        memcpy(&ip[10], &sum, 2);
        message[0] = 0x22;
        message[6] = n >> 8;
        message[7] = n;
        for (int i = 0; i < n; i++) {
            message[8 + i * 8] = 4;
            message[12 + i * 8] = 239;
            message[14 + i * 8] = i >> 8;
            message[15 + i * 8] = i;
        }
        sum = csum(message, len);
        memcpy(&message[2], &sum, 2);
        if (n == GROUP_MESSAGE_MAX) {
            assert_null(igmp_decode(frame, size, m));
            assert_int_equal(m->n_changes, n);
        } else {
            assert_string_equal(igmp_decode(frame, size, m),
                                "too many records");
        }
        free(frame);
        free(m);
    }
}

/* What we send. */

static const struct eth_addr mac = ETH_ADDR_C(02,00,00,00,00,01);

static void
check_packet(const struct dp_packet *packet, const char *expected)
{
    size_t size;
    uint8_t *bytes = bytes_of(expected, &size);

    assert_int_equal(dp_packet_size(packet), size);
    assert_memory_equal(dp_packet_data(packet), bytes, size);
    free(bytes);
}

/* Byte for byte what Linux sends. */
static void
test_report(void **state OVS_UNUSED)
{
    struct group_change change = { .kind = GROUP_JOINED };
    struct dp_packet packet;

    change.group = in6_addr_mapped_ipv4(htonl(0xef010203));
    dp_packet_init(&packet, 0);
    igmp_put_report(&packet, mac, htonl(0x0a000001), &change, 1);
    check_packet(&packet, V3_JOIN);

    dp_packet_clear(&packet);
    change.kind = GROUP_LEFT;
    igmp_put_report(&packet, mac, htonl(0x0a000001), &change, 1);
    check_packet(&packet, V3_LEAVE);

    struct group_change many[IGMP_REPORT_MAX];
    struct group_message *m = xmalloc(sizeof *m);
    for (size_t i = 0; i < IGMP_REPORT_MAX; i++) {
        many[i].group = in6_addr_mapped_ipv4(htonl(0xef000000 + i));
        many[i].kind = i % 2 ? GROUP_JOINED : GROUP_LEFT;
    }
    for (size_t n = 0; n <= IGMP_REPORT_MAX; n += IGMP_REPORT_MAX) {
        dp_packet_clear(&packet);
        igmp_put_report(&packet, mac, 0, many, n);
        assert_true(dp_packet_size(&packet) - ETH_HEADER_LEN <= 1280);
        assert_null(igmp_decode(dp_packet_data(&packet),
                                dp_packet_size(&packet), m));
        assert_int_equal(m->n_changes, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(ipv6_addr_equals(&m->changes[i].group,
                                         &many[i].group));
            assert_int_equal(m->changes[i].kind, many[i].kind);
        }
    }
    free(m);
    dp_packet_uninit(&packet);
}

static void
test_query(void **state OVS_UNUSED)
{
    struct dp_packet packet;

    dp_packet_init(&packet, 0);
    igmp_put_query(&packet, mac, htonl(0x0a0000fe), 10000);
    group_check_bytes(igmp_decode, dp_packet_data(&packet),
                      dp_packet_size(&packet), "v3 query");
    check_packet(&packet,
                 "01005e000001020000000001080046c00024000040000102f9140a0000fe"
                 "e000000194040000" "1164ec1e" "00000000" "027d0000");
    dp_packet_uninit(&packet);
}

static void
test_time_code(void **state OVS_UNUSED)
{
    /* RFC 3376 4.1.1: (mant | 0x10) << (exp + 3). */
    assert_int_equal(group_time_code(0, 4), 0);
    assert_int_equal(group_time_code(127, 4), 127);
    assert_int_equal(group_time_code(128, 4), 0x80);
    assert_int_equal(group_time_code(135, 4), 0x80);
    assert_int_equal(group_time_code(136, 4), 0x81);
    assert_int_equal(group_time_code(256, 4), 0x90);
    assert_int_equal(group_time_code(31 << 10, 4), 0xff);
    assert_int_equal(group_time_code(UINT32_MAX, 4), 0xff);

    /* RFC 3810 5.1.3: (mant | 0x1000) << (exp + 3). */
    assert_int_equal(group_time_code(32767, 12), 32767);
    assert_int_equal(group_time_code(32768, 12), 0x8000);
    assert_int_equal(group_time_code(UINT32_MAX, 12), 0xffff);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_strange),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_time_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
