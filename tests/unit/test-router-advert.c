/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/router-advert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "tests/unit/dhcp4-frames.h"
#include "util.h"

static const struct eth_addr router_mac = ETH_ADDR_C(02,00,5e,00,00,01);

static struct in6_addr
ip6(const char *s)
{
    struct in6_addr ip;

    assert_true(ipv6_parse(s, &ip));
    return ip;
}

/* Composes an advertisement and returns its options' bytes, and how many. */
static const uint8_t *
compose(struct dp_packet *b, const struct router_advert *r, size_t *size)
{
    const struct ovs_16aligned_ip6_hdr *ip6;
    const uint8_t *message;
    struct eth_header *eth;

    router_advert_compose(b, r);
    eth = dp_packet_eth(b);
    ip6 = dp_packet_l3(b);
    message = dp_packet_l4(b);
    *size = dp_packet_l4_size(b);
    assert_true(dp_packet_size(b) <= ETH_HEADER_LEN + 1280);
    assert_int_equal(ntohs(ip6->ip6_ctlun.ip6_un1.ip6_un1_plen), *size);
    assert_int_equal(ip6->ip6_ctlun.ip6_un1.ip6_un1_hlim, 255);
    assert_int_equal(packet_csum_upperlayer6(ip6, message, IPPROTO_ICMPV6,
                                             *size), 0);
    assert_true(eth_addr_equals(eth->eth_src, r->mac));
    assert_int_equal(message[0], 134);
    assert_int_equal(message[1], 0);
    assert_int_equal(message[5], 0xc0);         /* M and O. */
    *size -= 16;
    return message + 16;
}

static void
check(const struct router_advert *r, const char *expected)
{
    struct dp_packet b, hex;
    const uint8_t *options;
    size_t size;

    dp_packet_init(&b, 0);
    dp_packet_init(&hex, 0);
    options = compose(&b, r, &size);
    frame_from_hex(expected, &hex);
    assert_int_equal(size, dp_packet_size(&hex));
    assert_memory_equal(options, dp_packet_data(&hex), size);
    dp_packet_uninit(&b);
    dp_packet_uninit(&hex);
}

static void
test_advert(void **state OVS_UNUSED)
{
    struct router_advert r = { .mac = router_mac, .lifetime = 3600 };

    check(&r, "0101 02005e000001");
    r.mtu = 1450;
    r.prefixes[0] = (struct router_advert_prefix) { ip6("fd00::"), 64, true };
    r.prefixes[1] = (struct router_advert_prefix) { ip6("fd01::"), 56, false };
    r.n_prefixes = 2;
    r.dns[0] = ip6("fd00::53");
    r.dns[1] = ip6("fd00::54");
    r.n_dns = 2;
    r.domains[0] = "blue.example";
    r.domains[1] = "example";
    r.n_domains = 2;
    check(&r, "0101 02005e000001 0501 0000 000005aa "
          "0304 40c0 00000e10 00000e10 00000000 "
          "fd000000000000000000000000000000 "
          "0304 3880 00000e10 00000e10 00000000 "
          "fd010000000000000000000000000000 "
          "1905 0000 00000e10 fd000000000000000000000000000053 "
          "fd000000000000000000000000000054 "
          "1f04 0000 00000e10 04626c7565076578616d706c6500 "
          "076578616d706c6500 00");

    /* No link of IPv6 has less than 1280. */
    r = (struct router_advert) { .mac = router_mac, .mtu = 1279 };
    check(&r, "0101 02005e000001");
}

static void
test_lifetime_of_router(void **state OVS_UNUSED)
{
    struct router_advert r = { .mac = router_mac, .router_lifetime = 9000 };
    struct dp_packet b;
    const uint8_t *message;

    dp_packet_init(&b, 0);
    router_advert_compose(&b, &r);
    message = dp_packet_l4(&b);
    assert_int_equal(message[6] << 8 | message[7], 9000);
    dp_packet_uninit(&b);
}

static void
test_size(void **state OVS_UNUSED)
{
    struct router_advert r = {
        .mac = router_mac, .mtu = 1450,
        .n_prefixes = ROUTER_ADVERT_MAX_PREFIXES,
        .n_dns = ROUTER_ADVERT_MAX_DNS,
        .n_domains = ROUTER_ADVERT_MAX_DOMAINS,
    };
    char longest[254];
    struct dp_packet b;
    size_t size;

    memset(longest, 'a', sizeof longest - 1);
    longest[63] = longest[127] = longest[191] = '.';
    longest[253] = '\0';
    for (size_t i = 0; i < r.n_domains; i++) {
        r.domains[i] = longest;
    }
    dp_packet_init(&b, 0);
    compose(&b, &r, &size);
    assert_int_equal(size, 8 + 8 + 8 * 32 + 8 + 16 * 16 + 8 + 512);
    dp_packet_uninit(&b);
}

static void
test_makes(void **state OVS_UNUSED)
{
    const struct eth_addr mac = ETH_ADDR_C(02,00,00,00,00,02);
    struct in6_addr made = ip6("fd00::ff:fe00:2"), other = ip6("fd00::2");

    assert_true(router_advert_makes(mac, &made, 64));
    assert_false(router_advert_makes(mac, &made, 65));
    assert_false(router_advert_makes(mac, &made, 56));
    assert_false(router_advert_makes(mac, &other, 64));
    assert_false(router_advert_makes(router_mac, &made, 64));
}

/* Linux's, as captured, with the address of the link in it. */
#define SOLICIT "333300000002 020000000002 86dd 6000000000103aff " \
    "fe80000000000000 000000fffe000002 ff020000000000000000000000000002 " \
    "8500 7b9b 00000000 0101 020000000002"

/* Is the frame accepted, with one byte of it changed and the checksum put
 * right, unless that is the byte? */
static const char *
solicit(const char *hex, size_t offset, uint8_t value)
{
    uint8_t p[128];
    struct dp_packet b;
    size_t size;

    dp_packet_init(&b, 0);
    frame_from_hex(hex, &b);
    size = dp_packet_size(&b);
    assert_true(size > 62 - 8 && size < sizeof p);
    memcpy(p, dp_packet_data(&b), size);
    dp_packet_uninit(&b);

    if (offset != 56) {
        struct ovs_16aligned_ip6_hdr ip6;
        ovs_be16 sum;

        if (offset) {
            p[offset] = value;
        }
        memcpy(&ip6, p + 14, sizeof ip6);
        p[56] = p[57] = 0;
        sum = packet_csum_upperlayer6(&ip6, p + 54, IPPROTO_ICMPV6,
                                      size - 54);
        memcpy(p + 56, &sum, sizeof sum);
    } else {
        p[56] ^= value;
    }
    return router_solicit_check(p, size);
}

static void
test_solicit(void **state OVS_UNUSED)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } changes[] = {
        { 13, 0 },                      /* Another EtherType. */
        { 14, 0x50 },                   /* Another version. */
        { 19, 0x11 },                   /* The length. */
        { 19, 7 },
        { 20, 17 },                     /* UDP. */
        { 21, 254 },                    /* Forwarded. */
        { 54, 134 },                    /* An advertisement. */
        { 55, 1 },                      /* The code. */
        { 56, 1 },                      /* The checksum. */
        { 63, 0 },                      /* An empty option. */
        { 63, 2 },                      /* One that is cut off. */
    };
    struct dp_packet b;

    assert_null(solicit(SOLICIT, 0, 0));
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        assert_non_null(solicit(SOLICIT, changes[i].offset,
                                changes[i].value));
    }

    /* From ::, with and without the address of the link. */
    assert_non_null(solicit("333300000002 020000000002 86dd 6000000000103aff "
                            "00000000000000000000000000000000 "
                            "ff020000000000000000000000000002 "
                            "8500 0000 00000000 0101 020000000002", 0, 0));
    assert_null(solicit("333300000002 020000000002 86dd 6000000000083aff "
                        "00000000000000000000000000000000 "
                        "ff020000000000000000000000000002 "
                        "8500 0000 00000000", 0, 0));

    dp_packet_init(&b, 0);
    frame_from_hex(SOLICIT, &b);
    for (size_t size = 0; size < dp_packet_size(&b); size++) {
        uint8_t *copy = xmemdup(dp_packet_data(&b), MAX(size, 1));

        assert_non_null(router_solicit_check(copy, size));
        free(copy);
    }
    dp_packet_uninit(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advert),
        cmocka_unit_test(test_lifetime_of_router),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_makes),
        cmocka_unit_test(test_solicit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
