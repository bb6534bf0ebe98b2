/* SPDX-License-Identifier: Apache-2.0 */

/* MLD: what Linux sends, what nobody should, and what we send. */

#include <config.h>

#include "services/mld.h"

#include <netinet/in.h>
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

/* From Linux 6.1 at 02:00:00:00:00:01. */
#define V2_JOIN                                                         \
    "33330000001602000000000186dd6000000000240001"                      \
    "fe80000000000000000000fffe000001ff020000000000000000000000000016"  \
    "3a000502000001008f0070f10000000104000000"                          \
    "ff150000000000000000000100020003"
#define V2_LEAVE                                                        \
    "33330000001602000000000186dd6000000000240001"                      \
    "fe80000000000000000000fffe000001ff020000000000000000000000000016"  \
    "3a000502000001008f0071f10000000103000000"                          \
    "ff150000000000000000000100020003"
#define V1_JOIN                                                         \
    "33330002000302000000000186dd6000000000200001"                      \
    "fe80000000000000000000fffe000001ff150000000000000000000100020003"  \
    "3a00050200000100830080f300000000"                                  \
    "ff150000000000000000000100020003"
#define V1_LEAVE                                                        \
    "33330000000202000000000186dd6000000000200001"                      \
    "fe80000000000000000000fffe000001ff020000000000000000000000000002"  \
    "3a000502000001008400800a00000000"                                  \
    "ff150000000000000000000100020003"

/* Linux at start: a report of a solicited-node group. */
#define V2_SOLICITED                                                    \
    "33330000001602000000000186dd6000000000240001"                      \
    "fe80000000000000000000fffe000001ff020000000000000000000000000016"  \
    "3a000502000001008f0072070000000104000000"                          \
    "ff0200000000000000000001ff000001"

static void
test_linux(void **state OVS_UNUSED)
{
    group_check(mld_decode, V2_JOIN, "v2 +ff15::1:2:3");
    group_check(mld_decode, V2_LEAVE, "v2 -ff15::1:2:3");
    group_check(mld_decode, V1_JOIN, "v1 +ff15::1:2:3");
    group_check(mld_decode, V1_LEAVE, "v1 -ff15::1:2:3");
    group_check(mld_decode, V2_SOLICITED, "v2");
    group_check(mld_decode, V1_LEAVE "00000000", "v1 -ff15::1:2:3");
}

/* From the hop-by-hop header's options on, the checksum catches all but what
 * it does not cover: the options' padding. */
static void
test_damage(void **state OVS_UNUSED)
{
    size_t message = ETH_HEADER_LEN + IPV6_HEADER_LEN + 8;

    group_check_damage(mld_decode, V2_JOIN, message);
    group_check_damage(mld_decode, V1_JOIN, message);
}

/* A frame of the header after the length, and the message; the checksum is
 * made right. */
static void
check_made(const char *next, const char *source, const char *destination,
           const char *rest, size_t message_at, const char *expected)
{
    char *hex = xasprintf("33330000001602000000000186dd600000000000%s%s%s%s",
                          next, source, destination, rest);
    size_t size;
    uint8_t *frame = bytes_of(hex, &size);
    uint8_t *ip = frame + ETH_HEADER_LEN;
    uint8_t *message = ip + IPV6_HEADER_LEN + message_at;
    size_t payload = size - ETH_HEADER_LEN - IPV6_HEADER_LEN;
    ovs_be16 sum;

    ip[4] = payload >> 8;
    ip[5] = payload;
    if (payload >= message_at + 4) {
        memset(&message[2], 0, 2);
        sum = packet_csum_upperlayer6((struct ovs_16aligned_ip6_hdr *) ip,
                                      message, IPPROTO_ICMPV6,
                                      payload - message_at);
        memcpy(&message[2], &sum, 2);
    }
    group_check_bytes(mld_decode, frame, size, expected);
    free(frame);
    free(hex);
}

#define LLA "fe80000000000000000000fffe000001"
#define UNSPECIFIED "00000000000000000000000000000000"
#define GLOBAL "fd000000000000000000000000000001"
#define TO_ALL "ff020000000000000000000000000016"
#define GROUP "ff150000000000000000000100020003"
#define ALERT "3a00050200000100"
#define EMPTY "8f00000000000000"

static void
test_strange(void **state OVS_UNUSED)
{
    static const struct {
        const char *next, *source, *destination, *rest, *expected;
    } cases[] = {
        { "0001", LLA, TO_ALL, ALERT EMPTY, "v2" },
        { "0001", UNSPECIFIED, TO_ALL, ALERT EMPTY, "v2" },
        { "0001", GLOBAL, TO_ALL, ALERT EMPTY,
          "a source that is not link-local" },
        { "0002", LLA, TO_ALL, ALERT EMPTY, "a hop limit other than 1" },
        { "3a01", LLA, TO_ALL, EMPTY EMPTY, "no router alert" },
        { "0001", LLA, TO_ALL, "3a00050200010100" EMPTY, "no router alert" },
        { "0001", LLA, TO_ALL, "3a00000000000000" EMPTY, "no router alert" },
        { "0001", LLA, TO_ALL, "3a00010400000000" EMPTY, "no router alert" },
        { "0001", LLA, TO_ALL, "3a00000005020000" EMPTY, "v2" },
        { "0001", LLA, TO_ALL, "3a00050200000105" EMPTY,
          "hop-by-hop options that are cut off" },
        { "0001", LLA, TO_ALL, "3a00010005020000" EMPTY, "v2" },
        { "0001", LLA, TO_ALL, "3a00000000000501" EMPTY,
          "hop-by-hop options that are cut off" },
        { "0001", LLA, TO_ALL, "3a02050200000100" EMPTY,
          "a hop-by-hop header that is cut off" },
        { "0001", LLA, TO_ALL, "3aff050200000100" EMPTY,
          "a hop-by-hop header that is cut off" },
        { "0001", LLA, TO_ALL, "2c00050200000100" EMPTY, "no ICMPv6" },
        { "0001", LLA, TO_ALL, "", "no router alert" },
        { "0001", LLA, TO_ALL, ALERT, "a message that is too short" },
        { "0001", LLA, TO_ALL, ALERT "8f000000000000",
          "a message that is too short" },

        { "0001", LLA, TO_ALL, ALERT "8f00000000000001",
          "fewer records than it says" },
        { "0001", LLA, TO_ALL, ALERT "8f0000000000ffff" "04000000" GROUP,
          "fewer records than it says" },
        { "0001", LLA, TO_ALL, ALERT "8f00000000000001" "04000001" GROUP,
          "a record that is cut off" },
        { "0001", LLA, TO_ALL, ALERT "8f00000000000001" "04ffffff" GROUP,
          "a record that is cut off" },
        { "0001", LLA, TO_ALL, ALERT "8f00000000000003"
          "05010001" GROUP GLOBAL "00000000" "06000001" GROUP GLOBAL
          "01000000" GROUP,
          "v2 +ff15::1:2:3 ?ff15::1:2:3 -ff15::1:2:3" },
        { "0001", LLA, TO_ALL, ALERT "8f00000000000001"
          "04000000" "00000000000000000000ffffef010203", "v2" },
        { "0001", LLA, TO_ALL, ALERT "8400000000000000"
          "00000000000000000000ffffef010203", "no group" },
        { "0001", LLA, TO_ALL, ALERT "8f00000000000005"
          "04000000" "ff010000000000000000000000000001"
          "04000000" "ff000000000000000000000000000001"
          "04000000" "ff020000000000000000000000000001"
          "04000000" "fd020000000000000000000000000001"
          "04000000" "ff120000000000000000000000000001", "v2 +ff12::1" },

        { "0001", LLA, TO_ALL, ALERT "8300000000000000" GROUP,
          "a report to another group" },
        { "0001", LLA, GROUP, ALERT "8300000000000000" GROUP,
          "v1 +ff15::1:2:3" },
        { "0001", LLA, GROUP, ALERT "8300000000000000" "ff15",
          "a message that is too short" },
        { "0001", LLA, TO_ALL, ALERT "8400000000000000" GROUP,
          "v1 -ff15::1:2:3" },
        { "0001", LLA, TO_ALL, ALERT "8200000000000000" UNSPECIFIED,
          "v1 query" },
        { "0001", LLA, TO_ALL, ALERT "8200000000000000" UNSPECIFIED "027d0000",
          "v2 query" },
        { "0001", LLA, TO_ALL, ALERT "8700000000000000" GROUP,
          "an unknown type" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_made(cases[i].next, cases[i].source, cases[i].destination,
                   cases[i].rest, strncmp(cases[i].next, "3a", 2) ? 8 : 0,
                   cases[i].expected);
    }
    group_check(mld_decode, "", "no IPv6 packet");
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

    inet_pton(AF_INET6, "ff15::1:2:3", &change.group);
    dp_packet_init(&packet, 0);
    mld_put_report(&packet, mac, &change, 1);
    check_packet(&packet, V2_JOIN);

    dp_packet_clear(&packet);
    change.kind = GROUP_LEFT;
    mld_put_report(&packet, mac, &change, 1);
    check_packet(&packet, V2_LEAVE);

    struct group_change many[MLD_REPORT_MAX];
    struct group_message *m = xmalloc(sizeof *m);
    for (size_t i = 0; i < MLD_REPORT_MAX; i++) {
        many[i].group = change.group;
        many[i].group.s6_addr[15] = i;
        many[i].kind = i % 2 ? GROUP_JOINED : GROUP_LEFT;
    }
    for (size_t n = 0; n <= MLD_REPORT_MAX; n += MLD_REPORT_MAX) {
        dp_packet_clear(&packet);
        mld_put_report(&packet, mac, many, n);
        assert_true(dp_packet_size(&packet) - ETH_HEADER_LEN <= 1280);
        assert_null(mld_decode(dp_packet_data(&packet),
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
    mld_put_query(&packet, mac, 10000);
    group_check_bytes(mld_decode, dp_packet_data(&packet),
                      dp_packet_size(&packet), "v2 query");
    dp_packet_uninit(&packet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_strange),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
