/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dhcp4-frames.h"
#include "dp-packet.h"
#include "packets.h"
#include "services/udp-packet.h"
#include "util.h"

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

static const struct eth_addr vm_mac = ETH_ADDR_C(02,00,00,00,00,02);
static const struct eth_addr server_mac = ETH_ADDR_C(02,76,74,65,70,64);

#define ADDRESS htonl(0x0a000002)
#define OTHER htonl(0x0a000003)
#define SERVER htonl(0x0a000001)

static struct dhcp4_config
config(void)
{
    return (struct dhcp4_config) {
        .client_mac = vm_mac, .server_mac = server_mac,
        .address = ADDRESS, .plen = 24, .router = SERVER, .server = SERVER,
        .dns = { htonl(0x0a000035), htonl(0x08080808) }, .n_dns = 2,
        .domain = "blue.example", .hostname = "web1", .mtu = 1450,
        .lease = 86400,
    };
}

/* What a request leads to; 'reply' is filled in if there is one. */
static enum dhcp4_outcome
ask_frame(const struct dp_packet *request, const struct dhcp4_config *c,
          struct dhcp4_reply *reply, const char **reason)
{
    static struct dp_packet answer;
    enum dhcp4_outcome outcome;

    dp_packet_uninit(&answer);
    dp_packet_init(&answer, 0);
    outcome = dhcp4_answer(dp_packet_data(request), dp_packet_size(request),
                           c, &answer, reason);
    memset(reply, 0, sizeof *reply);
    if (dp_packet_size(&answer)) {
        dhcp4_reply_take(&answer, reply);
    }
    return outcome;
}

static enum dhcp4_outcome
ask(const struct dhcp4_request *r, const struct dhcp4_config *c,
    struct dhcp4_reply *reply)
{
    const char *reason;
    struct dp_packet b;
    enum dhcp4_outcome outcome;

    dp_packet_init(&b, 0);
    dhcp4_request_compose(r, &b);
    outcome = ask_frame(&b, c, reply, &reason);
    dp_packet_uninit(&b);
    assert_true((outcome <= DHCP4_IGNORED || outcome == DHCP4_REFUSED)
                == (reason != NULL));
    return outcome;
}

static enum dhcp4_outcome
ask_default(const struct dhcp4_request *r, struct dhcp4_reply *reply)
{
    struct dhcp4_config c = config();

    return ask(r, &c, reply);
}

/* A DISCOVER of busybox's udhcpc 1.35, and one of dhclient 4.4.3, both as
 * captured. */
#define ZEROS_64 "0000000000000000000000000000000000000000000000000000000000" \
    "0000000000000000000000000000000000000000000000000000000000000000000000"
#define UDHCPC_HEAD \
    "ffffffffffff 020000000002 0800 " \
    "45000148 00000000 401179a6 00000000 ffffffff 00440043 0134f22d " \
    "01010600 2a411864 00000000 00000000 00000000 00000000 00000000 " \
    "020000000002 00000000000000000000 "
#define UDHCPC_OPTIONS \
    "63825363 350101 39020240 37070103060c0f1c2a " \
    "3c0c756468637020312e33352e30 3d0701020000000002 ff "

static void
test_udhcpc(void **state OVS_UNUSED)
{
    struct dhcp4_config c = config();
    struct dhcp4_reply reply;
    const char *reason;
    struct dp_packet b;

    dp_packet_init(&b, 0);
    frame_from_hex(UDHCPC_HEAD ZEROS_64 ZEROS_64 ZEROS_64 UDHCPC_OPTIONS
                   "0000000000000000000000000000000000000000", &b);
    assert_int_equal(dp_packet_size(&b), 342);
    assert_int_equal(ask_frame(&b, &c, &reply, &reason), DHCP4_OFFERED);
    assert_null(reason);
    assert_int_equal(reply.header.xid, htonl(0x2a411864));
    assert_int_equal(reply.header.yiaddr, ADDRESS);
    dhcp4_assert_option(&reply, 61, "01020000000002");
    dhcp4_assert_option(&reply, 26, "05aa");    /* Though not asked for. */
    dp_packet_uninit(&b);
}

static void
test_dhclient(void **state OVS_UNUSED)
{
    struct dhcp4_request discover = {
        .type = DISCOVER, .chaddr = vm_mac,
        .options = "3707011c02030f060c ff 000000",
    };
    struct dhcp4_reply reply;

    assert_int_equal(ask_default(&discover, &reply), DHCP4_OFFERED);
    assert_int_equal(reply.header.yiaddr, ADDRESS);
    assert_null(reply.options[61]);
}

/* All options of an answer that gives an address. */
static void
test_offer(void **state OVS_UNUSED)
{
    struct dhcp4_request discover = { .type = DISCOVER, .chaddr = vm_mac };
    struct dhcp4_reply reply;

    assert_int_equal(ask_default(&discover, &reply), DHCP4_OFFERED);
    assert_true(eth_addr_equals(reply.eth_src, server_mac));
    assert_true(eth_addr_equals(reply.eth_dst, vm_mac));
    assert_int_equal(reply.src, SERVER);
    assert_int_equal(reply.dst, ADDRESS);
    assert_int_equal(reply.header.xid, htonl(0x2a411864));
    assert_int_equal(reply.header.yiaddr, ADDRESS);
    assert_int_equal(reply.header.ciaddr, 0);
    assert_int_equal(reply.header.siaddr, 0);
    assert_memory_equal(reply.header.chaddr, &vm_mac, 6);
    dhcp4_assert_option(&reply, 53, "02");
    dhcp4_assert_option(&reply, 54, "0a000001");
    dhcp4_assert_option(&reply, 51, "00015180");
    dhcp4_assert_option(&reply, 58, "0000a8c0");
    dhcp4_assert_option(&reply, 59, "00012750");
    dhcp4_assert_option(&reply, 1, "ffffff00");
    dhcp4_assert_option(&reply, 3, "0a000001");
    dhcp4_assert_option(&reply, 6, "0a00003508080808");
    dhcp4_assert_option(&reply, 12, "77656231");
    dhcp4_assert_option(&reply, 15, "626c75652e6578616d706c65");
    dhcp4_assert_option(&reply, 26, "05aa");
    assert_int_equal(reply.n, 11);
    assert_int_equal(reply.order[0], 53);
}

static void
test_bare_offer(void **state OVS_UNUSED)
{
    struct dhcp4_config c = {
        .client_mac = vm_mac, .server_mac = server_mac, .address = ADDRESS,
        .plen = 32, .server = htonl(0xa9fe0043), .lease = UINT32_MAX,
        .routes = { { htonl(0xa9fe0043), 32, 0 },
                    { htonl(0x0a0a0a00), 23, OTHER } }, .n_routes = 2,
    };
    struct dhcp4_request discover = { .type = DISCOVER, .chaddr = vm_mac };
    struct dhcp4_reply reply;

    assert_int_equal(ask(&discover, &c, &reply), DHCP4_OFFERED);
    dhcp4_assert_option(&reply, 121, "20a9fe004300000000 170a0a0a0a000003");
    dhcp4_assert_option(&reply, 1, "ffffffff");
    dhcp4_assert_option(&reply, 51, "ffffffff");
    dhcp4_assert_option(&reply, 58, "ffffffff");
    dhcp4_assert_option(&reply, 59, "ffffffff");
    assert_int_equal(reply.n, 7);
}

/* Every way to ask for an address (RFC 2131 4.3.2), for the right one and for
 * a wrong one. */
static void
test_request(void **state OVS_UNUSED)
{
    const struct {
        struct dhcp4_request request;
        enum dhcp4_outcome outcome;
        ovs_be32 dst;
    } cases[] = {
        /* Selecting. */
        { { .options = "3604 0a000001 3204 0a000002 ff" },
          DHCP4_ACKNOWLEDGED, ADDRESS },
        { { .options = "3604 0a000001 3204 0a000003 ff" },
          DHCP4_REFUSED, OVS_BE32_MAX },
        { { .options = "3604 0a000009 3204 0a000002 ff" }, DHCP4_IGNORED, 0 },
        { { .options = "3604 0a000001 ff" }, DHCP4_IGNORED, 0 },
        /* Started again. */
        { { .options = "3204 0a000002 ff" }, DHCP4_ACKNOWLEDGED, ADDRESS },
        { { .options = "3204 0a000003 ff" }, DHCP4_REFUSED, OVS_BE32_MAX },
        { { .options = "ff" }, DHCP4_IGNORED, 0 },
        /* Renewing, rebinding. */
        { { .ciaddr = ADDRESS, .src = ADDRESS, .dst = SERVER },
          DHCP4_ACKNOWLEDGED, ADDRESS },
        { { .ciaddr = ADDRESS, .src = ADDRESS }, DHCP4_ACKNOWLEDGED,
          ADDRESS },
        { { .ciaddr = OTHER, .src = OTHER }, DHCP4_REFUSED, OVS_BE32_MAX },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dhcp4_request r = cases[i].request;
        enum dhcp4_outcome outcome = cases[i].outcome;
        struct dhcp4_reply reply;

        r.type = REQUEST;
        r.chaddr = vm_mac;
        assert_int_equal(ask_default(&r, &reply), outcome);
        assert_int_equal(reply.dst, cases[i].dst);
        if (outcome == DHCP4_ACKNOWLEDGED) {
            dhcp4_assert_option(&reply, 53, "05");
            assert_int_equal(reply.header.yiaddr, ADDRESS);
            assert_int_equal(reply.header.ciaddr, r.ciaddr);
            assert_int_equal(reply.n, 11);
        } else if (outcome == DHCP4_REFUSED) {
            dhcp4_assert_option(&reply, 53, "06");
            assert_true(eth_addr_is_broadcast(reply.eth_dst));
            assert_int_equal(reply.header.yiaddr, 0);
            assert_int_equal(reply.header.ciaddr, 0);
            assert_null(reply.options[51]);
            assert_int_equal(reply.n, 3);       /* 53, 54, 56. */
        } else {
            assert_int_equal(reply.n, 0);
        }
    }
}

static void
test_inform(void **state OVS_UNUSED)
{
    struct dhcp4_request inform = {
        .type = INFORM, .chaddr = vm_mac, .ciaddr = OTHER, .src = OTHER,
    };
    struct dhcp4_reply reply;

    assert_int_equal(ask_default(&inform, &reply), DHCP4_INFORMED);
    dhcp4_assert_option(&reply, 53, "05");
    assert_int_equal(reply.dst, OTHER);
    assert_int_equal(reply.header.yiaddr, 0);
    assert_null(reply.options[51]);
    dhcp4_assert_option(&reply, 26, "05aa");

    inform.ciaddr = 0;
    assert_int_equal(ask_default(&inform, &reply), DHCP4_IGNORED);
}

static void
test_farewell(void **state OVS_UNUSED)
{
    const struct {
        struct dhcp4_request request;
        enum dhcp4_outcome outcome;
    } cases[] = {
        { { .type = RELEASE, .ciaddr = ADDRESS, .options = "36040a000001" },
          DHCP4_RELEASED },
        { { .type = RELEASE, .ciaddr = OTHER, .options = "36040a000001" },
          DHCP4_IGNORED },
        { { .type = RELEASE, .ciaddr = ADDRESS }, DHCP4_IGNORED },
        { { .type = DECLINE, .options = "36040a000001 32040a000002" },
          DHCP4_DECLINED },
        { { .type = DECLINE, .options = "36040a000001 32040a000003" },
          DHCP4_IGNORED },
        { { .type = DECLINE, .options = "36040a000009 32040a000002" },
          DHCP4_IGNORED },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dhcp4_request r = cases[i].request;
        struct dhcp4_reply reply;

        r.chaddr = vm_mac;
        assert_int_equal(ask_default(&r, &reply), cases[i].outcome);
        assert_int_equal(reply.n, 0);
    }
}

static void
test_broadcast_flag(void **state OVS_UNUSED)
{
    struct dhcp4_request discover = {
        .type = DISCOVER, .chaddr = vm_mac, .flags = htons(0x8000),
    };
    struct dhcp4_reply reply;

    assert_int_equal(ask_default(&discover, &reply), DHCP4_OFFERED);
    assert_int_equal(reply.dst, OVS_BE32_MAX);
    assert_true(eth_addr_is_broadcast(reply.eth_dst));
    assert_int_equal(reply.header.flags, htons(0x8000));
}

/* The options may go on in two fields of the header (option 52). */
static void
test_overload(void **state OVS_UNUSED)
{
    struct dhcp4_request r = {
        .type = REQUEST, .chaddr = vm_mac, .options = "340103 ff",
        .file = "36040a000001 ff", .sname = "32040a000002",
    };
    struct dhcp4_reply reply;

    assert_int_equal(ask_default(&r, &reply), DHCP4_ACKNOWLEDGED);
    r.options = "340101 ff";            /* Not in 'sname'. */
    assert_int_equal(ask_default(&r, &reply), DHCP4_IGNORED);
    r.options = "340104 ff";
    assert_int_equal(ask_default(&r, &reply), DHCP4_MALFORMED);
    r.options = "340102 ff";
    r.file = NULL;
    assert_int_equal(ask_default(&r, &reply), DHCP4_ACKNOWLEDGED);
}

/* What a client takes only in short messages is told by what it asked for,
 * and by what matters. */
static void
test_size(void **state OVS_UNUSED)
{
    char longest[256];
    struct dhcp4_config c = config();
    struct dhcp4_request r = { .type = DISCOVER, .chaddr = vm_mac };
    struct dhcp4_reply reply;

    memset(longest, 'a', sizeof longest - 1);
    longest[255] = '\0';
    c.domain = longest;
    c.hostname = longest;
    assert_int_equal(ask(&r, &c, &reply), DHCP4_OFFERED);
    assert_true(reply.size <= 576);
    assert_int_equal(reply.n, 9);       /* Neither name. */
    assert_non_null(reply.options[6]);

    c.n_dns = 0;
    c.mtu = 0;
    c.router = 0;
    r.options = "37010f";               /* The domain, and first of all. */
    assert_int_equal(ask(&r, &c, &reply), DHCP4_OFFERED);
    assert_true(reply.size <= 576);
    assert_int_equal(reply.sizes[15], 255);
    assert_int_equal(reply.order[reply.n - 1], 15);
    assert_null(reply.options[12]);

    r.options = "37010f 39020bb8";      /* As long as it likes. */
    c = config();
    c.domain = longest;
    c.hostname = longest;
    assert_int_equal(ask(&r, &c, &reply), DHCP4_OFFERED);
    assert_true(reply.size > 576);
    assert_int_equal(reply.n, 11);
}

/* What is not answered. */
static void
test_refused(void **state OVS_UNUSED)
{
    const struct dhcp4_request cases[] = {
        { .type = DISCOVER, .giaddr = SERVER },
        { .type = DISCOVER, .chaddr = ETH_ADDR_C(02,00,00,00,00,03) },
        { .type = 0, .options = "ff" },         /* BOOTP. */
        { .type = OFFER },
        { .type = ACK },
        { .type = 18 },
        { .type = DISCOVER, .options = "35" },
        { .type = DISCOVER, .options = "3504" },
        { .type = DISCOVER, .options = "350101" },      /* Twice. */
        { .type = DISCOVER, .options = "3203 0a0000" },
        { .type = DISCOVER, .options = "3900" },
        { .type = DISCOVER, .options = "3d0101" },
        { .type = DISCOVER, .options = "3c05 0102" },
        { .options = "350101", .type = 0, .giaddr = OTHER },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dhcp4_request r = cases[i];
        struct dhcp4_reply reply;

        if (eth_addr_is_zero(r.chaddr)) {
            r.chaddr = vm_mac;
        }
        assert_true(ask_default(&r, &reply) <= DHCP4_IGNORED);
        assert_int_equal(reply.n, 0);
    }
}

/* Wherever a frame is cut off, it is refused, and what is said is bounded. */
static void
test_cut_off(void **state OVS_UNUSED)
{
    struct dhcp4_config c = config();
    struct dhcp4_request r = {
        .type = DISCOVER, .chaddr = vm_mac, .options = "3d0701020000000002",
    };
    struct dp_packet b;

    dp_packet_init(&b, 0);
    dhcp4_request_compose(&r, &b);
    for (size_t size = 0; size < dp_packet_size(&b); size++) {
        uint8_t *copy = xmemdup(dp_packet_data(&b), MAX(size, 1));
        struct dp_packet answer;
        const char *reason;

        dp_packet_init(&answer, 0);
        assert_int_equal(dhcp4_answer(copy, size, &c, &answer, &reason),
                         DHCP4_MALFORMED);
        assert_non_null(reason);
        dp_packet_uninit(&answer);
        free(copy);
    }
    dp_packet_uninit(&b);
}

/* A bit of the headers below DHCP that is wrong. */
static void
test_lower_headers(void **state OVS_UNUSED)
{
    const struct {
        size_t offset;
        uint8_t value;
    } changes[] = {
        { 12, 0x81 },                   /* Another EtherType. */
        { 14, 0x46 },                   /* Options that are not there. */
        { 14, 0x55 },
        { 16, 0xff },                   /* Longer than the frame. */
        { 20, 0x20 },                   /* A fragment. */
        { 23, 6 },                      /* TCP. */
        { 24, 0xff },                   /* The checksum. */
        { 37, 68 },                     /* The port. */
        { 38, 0xff },                   /* The length in UDP. */
        { 39, 0x07 },
        { 42, 2 },                      /* No request. */
        { 43, 6 },
        { 44, 8 },
        { 278, 0 },                     /* The cookie. */
    };
    struct dhcp4_config c = config();
    struct dhcp4_request r = { .type = DISCOVER, .chaddr = vm_mac };
    struct dhcp4_reply reply;
    const char *reason;
    struct dp_packet b;

    dp_packet_init(&b, 0);
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        dhcp4_request_compose(&r, &b);
        uint8_t *data = dp_packet_data(&b);

        assert_int_not_equal(data[changes[i].offset], changes[i].value);
        data[changes[i].offset] = changes[i].value;
        assert_int_equal(ask_frame(&b, &c, &reply, &reason),
                         DHCP4_MALFORMED);
    }

    /* But the padding of a short frame does no harm. */
    dhcp4_request_compose(&r, &b);
    dp_packet_put_zeros(&b, 18);
    assert_int_equal(ask_frame(&b, &c, &reply, &reason), DHCP4_OFFERED);
    dp_packet_uninit(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udhcpc),
        cmocka_unit_test(test_dhclient),
        cmocka_unit_test(test_offer),
        cmocka_unit_test(test_bare_offer),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_inform),
        cmocka_unit_test(test_farewell),
        cmocka_unit_test(test_broadcast_flag),
        cmocka_unit_test(test_overload),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_lower_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
