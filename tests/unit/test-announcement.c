/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/announcement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* Frames as hex, as they are on the wire. */

#define TO_ALL "ffffffffffff"
#define MAC2 "020000000002"
#define ARP "0806" "00010800" "0604"
#define NO_MAC "000000000000"
#define IP9 "0a000009"
#define IP2 "0a000002"
#define NO_IP "00000000"

#define GARP TO_ALL MAC2 ARP "0001" MAC2 IP9 NO_MAC IP9
#define PROBE TO_ALL MAC2 ARP "0001" MAC2 NO_IP NO_MAC IP9

/* fd00::9 and ff02::1. */
#define IP6_9 "fd000000000000000000000000000009"
#define ALL_NODES "ff020000000000000000000000000001"
#define OWN_LLA "fe80000000000000000000fffe000002"
#define SOLICITED_9 "ff0200000000000000000001ff000009"
#define NO_IP6 "00000000000000000000000000000000"
#define IP6(LEN, HOPS) "86dd" "60000000" LEN "3a" HOPS
#define NA_SUM "0000"
#define TLLA "0201" MAC2
#define SLLA "0101" MAC2

#define NA "333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800" \
    NA_SUM "20000000" IP6_9 TLLA
#define NS "3333ff000009" MAC2 IP6("0020", "ff") OWN_LLA SOLICITED_9 "8700" \
    NA_SUM "00000000" IP6_9 SLLA

static size_t
from_hex(const char *hex, uint8_t *bytes)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        bool ok;

        bytes[i] = hexits_value(hex + 2 * i, 2, &ok);
        assert_true(ok);
    }
    return n;
}

/* Puts the checksum of an ICMPv6 message right. */
static void
put_checksum(uint8_t *frame, size_t size)
{
    struct ovs_16aligned_ip6_hdr ip;
    ovs_be16 sum;

    if (size < ETH_HEADER_LEN + IPV6_HEADER_LEN + 4 || frame[12] != 0x86) {
        return;
    }
    memcpy(&ip, frame + ETH_HEADER_LEN, sizeof ip);
    memset(frame + 56, 0, 2);
    size_t len = frame[18] << 8 | frame[19];
    sum = csum_finish(csum_continue(packet_csum_pseudoheader6(&ip),
                                    frame + 54, MIN(len, size - 54)));
    memcpy(frame + 56, &sum, sizeof sum);
}

static bool
decode(const char *hex, struct announcement *a)
{
    uint8_t *frame, all[256];
    size_t size = from_hex(hex, all);
    bool ok;

    put_checksum(all, size);
    frame = xmemdup(all, size);     /* For AddressSanitizer. */
    ok = announcement_decode(frame, size, a);
    free(frame);
    return ok;
}

static void
check(const char *hex, enum announcement_kind kind, const char *ip,
      const char *mac)
{
    struct in6_addr expected = ip_from_text(ip);
    struct announcement a;

    assert_true(decode(hex, &a));
    assert_int_equal(a.kind, kind);
    assert_memory_equal(&a.ip, &expected, sizeof expected);
    assert_true(eth_addr_equals(a.mac, mac_from_text(mac)));
}

static void
check_not(const char *hex)
{
    struct announcement a;

    if (decode(hex, &a)) {
        fail_msg("taken: %s", hex);
    }
}

static void
test_arp(void **state OVS_UNUSED)
{
    check(GARP, ANNOUNCEMENT_TELLS, "10.0.0.9", "2");
    check(GARP "00000000000000000000", ANNOUNCEMENT_TELLS, "10.0.0.9", "2");
    check(TO_ALL MAC2 ARP "0002" MAC2 IP9 TO_ALL IP9, ANNOUNCEMENT_TELLS,
          "10.0.0.9", "2");
    check("020000000007" MAC2 ARP "0002" MAC2 IP9 "020000000007" NO_IP,
          ANNOUNCEMENT_TELLS, "10.0.0.9", "2");
    check(PROBE, ANNOUNCEMENT_ASKS, "10.0.0.9", "2");
    check(TO_ALL MAC2 ARP "0001" MAC2 IP2 NO_MAC IP9, ANNOUNCEMENT_ASKS,
          "10.0.0.9", "2");
}

static void
test_bad_arp(void **state OVS_UNUSED)
{
    /* Addresses that nobody has. */
    check_not(TO_ALL MAC2 ARP "0001" MAC2 NO_IP NO_MAC NO_IP);
    check_not(TO_ALL MAC2 ARP "0001" MAC2 "e0000001" NO_MAC "e0000001");
    check_not(TO_ALL MAC2 ARP "0002" MAC2 "ffffffff" NO_MAC IP2);
    check_not(TO_ALL MAC2 ARP "0001" NO_MAC IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 ARP "0001" TO_ALL IP9 NO_MAC IP9);

    /* Other operations, lengths, protocols; a tag. */
    check_not(TO_ALL MAC2 ARP "0000" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 ARP "0003" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "0806" "00060800" "0604" "0001" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "0806" "000186dd" "0604" "0001" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "0806" "00010800" "0804" "0001" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "0806" "00010800" "0606" "0001" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "8035" "00010800" "0604" "0001" MAC2 IP9 NO_MAC IP9);
    check_not(TO_ALL MAC2 "81000001" ARP "0001" MAC2 IP9 NO_MAC IP9);
}

/* Whatever is cut off, nothing is read beyond, and nothing is taken. */
static void
test_cut(void **state OVS_UNUSED)
{
    static const char *const frames[] = { GARP, NA, NS };

    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        for (size_t n = 0; n < strlen(frames[i]) / 2; n++) {
            char *cut = xmemdup0(frames[i], 2 * n);

            check_not(cut);
            free(cut);
        }
    }
}

static void
test_nd(void **state OVS_UNUSED)
{
    check(NA, ANNOUNCEMENT_TELLS, "fd00::9", "2");

    /* The answer to a solicitation; further options; a proxy's. */
    check("020000000007" MAC2 IP6("0028", "ff") IP6_9 OWN_LLA "8800" NA_SUM
          "60000000" IP6_9 "0e01000000000000" TLLA, ANNOUNCEMENT_TELLS,
          "fd00::9", "2");
    check("333300000001" MAC2 IP6("0020", "ff") OWN_LLA ALL_NODES "8800"
          NA_SUM "00000000" IP6_9 TLLA, ANNOUNCEMENT_TELLS, "fd00::9", "2");

    check(NS, ANNOUNCEMENT_ASKS, "fd00::9", "2");
    check("3333ff000009" MAC2 IP6("0018", "ff") NO_IP6 SOLICITED_9 "8700"
          NA_SUM "00000000" IP6_9, ANNOUNCEMENT_ASKS, "fd00::9", "2");
}

/* RFC 4861 7.1.1 and 7.1.2. */
static void
test_bad_nd(void **state OVS_UNUSED)
{
    struct announcement a;
    uint8_t frame[256];
    size_t size = from_hex(NA, frame);

    /* The checksum. */
    put_checksum(frame, size);
    assert_true(announcement_decode(frame, size, &a));
    frame[57] ^= 1;
    assert_false(announcement_decode(frame, size, &a));

    /* Hop limit, code, type, version, next header. */
    check_not("333300000001" MAC2 IP6("0020", "fe") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8801"
              NA_SUM "20000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8900"
              NA_SUM "20000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 "86dd" "40000000" "0020" "3aff" IP6_9
              ALL_NODES "8800" NA_SUM "20000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 "86dd" "60000000" "0020" "2cff" IP6_9
              ALL_NODES "8800" NA_SUM "20000000" IP6_9 TLLA);

    /* Solicited and to all; no link-layer address, two, a wrong one. */
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "60000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 IP6("0018", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 SLLA);
    check_not("333300000001" MAC2 IP6("0028", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 "0201" NO_MAC);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 "0201" TO_ALL);

    /* Options of no length, and longer than the message. */
    check_not("333300000001" MAC2 IP6("0028", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA "0e00000000000000");
    check_not("333300000001" MAC2 IP6("0028", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA "0e02000000000000");
    check_not("333300000001" MAC2 IP6("0021", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA "0e");

    /* Addresses that nobody has; from nobody, from all. */
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" NO_IP6 TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" ALL_NODES TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") NO_IP6 ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA);
    check_not("333300000001" MAC2 IP6("0020", "ff") ALL_NODES ALL_NODES "8800"
              NA_SUM "20000000" IP6_9 TLLA);

    /* A v4-mapped address would be taken for an IPv4 one. */
    check_not("333300000001" MAC2 IP6("0020", "ff") IP6_9 ALL_NODES "8800"
              NA_SUM "20000000" "00000000000000000000ffff0a000009" TLLA);

    /* A probe that is not to its own group, or has a link-layer address. */
    check_not("333300000001" MAC2 IP6("0018", "ff") NO_IP6 ALL_NODES "8700"
              NA_SUM "00000000" IP6_9);
    check_not("3333ff000009" MAC2 IP6("0020", "ff") NO_IP6 SOLICITED_9 "8700"
              NA_SUM "00000000" IP6_9 SLLA);
}

/* What is written is as the RFCs say, to the byte. */
static void
check_encoded(enum announcement_kind kind, const char *ip, const char *hex)
{
    struct announcement in = {
        .kind = kind, .ip = ip_from_text(ip), .mac = mac_from_text("2"),
    }, out;
    struct dp_packet packet;
    uint8_t expected[256];
    size_t size = from_hex(hex, expected);

    put_checksum(expected, size);
    dp_packet_init(&packet, 0);
    announcement_encode(&in, &packet);
    assert_int_equal(dp_packet_size(&packet), size);
    assert_memory_equal(dp_packet_data(&packet), expected, size);
    assert_true(announcement_decode(dp_packet_data(&packet), size, &out));
    assert_int_equal(out.kind, kind);
    assert_memory_equal(&out.ip, &in.ip, sizeof in.ip);
    assert_true(eth_addr_equals(out.mac, in.mac));
    dp_packet_uninit(&packet);
}

static void
test_encode(void **state OVS_UNUSED)
{
    check_encoded(ANNOUNCEMENT_TELLS, "10.0.0.9", GARP);
    check_encoded(ANNOUNCEMENT_ASKS, "10.0.0.9", PROBE);
    check_encoded(ANNOUNCEMENT_TELLS, "fd00::9", NA);
    check_encoded(ANNOUNCEMENT_ASKS, "fd00::9", NS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp),
        cmocka_unit_test(test_bad_arp),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_nd),
        cmocka_unit_test(test_bad_nd),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
