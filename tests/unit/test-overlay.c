/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "tests/unit/inventory-text.h"
#include "tests/unit/model-host.h"
#include "util.h"

/* Three hosts; each of the segments has an endpoint on each, with the host's
 * number in its MAC: blue 77 (0x4d) 1 to 3, red 88 (0x58) 11 to 13.  hv3
 * prefers GRE, but the lower host id's preference counts. */
#define HV1 "host hv1 vxlan=192.0.2.1 gre=192.0.2.1\n"
#define HV2 "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n"
#define HV3 "host hv3 gre=192.0.2.3 vxlan=192.0.2.3\n"
#define HOSTS HV1 HV2 HV3
#define BLUE "segment blue 77\n"
#define RED "segment red 88\n"
#define B1 "endpoint b1 blue hv1 1 10.0.0.1\n"
#define B2 "endpoint b2 blue hv2 2 10.0.0.2\n"
#define B3 "endpoint b3 blue hv3 3 10.0.0.3\n"
#define R1 "endpoint r1 red hv1 11 10.0.0.1\n"
#define R2 "endpoint r2 red hv2 12 10.0.0.2\n"
#define R3 "endpoint r3 red hv3 13 10.0.0.3\n"

#define TO_HV2 "vxlan 192.0.2.1->192.0.2.2"
#define TO_HV3 "vxlan 192.0.2.1->192.0.2.3"

static struct model_host *
make_hv1(const char *list)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1",
                                             "2001:db8::1");

    model_list(h, list);
    return h;
}

/* hv1 with b1 plugged, on port 5, and all tunnels up. */
static struct model_host *
make_hv1_b1(const char *list)
{
    struct model_host *h = make_hv1(list);

    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    return h;
}

static void
relist(struct model_host *h, const char *list)
{
    model_list(h, list);
    model_settle(h);
}

/* Which tunnels. */

/* R17: tunnels only to peers that share a live segment. */
static void
test_r17_only_peers_of_live_segments(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE RED B1 B2 R1 R3);

    model_settle(h);
    model_check_tunnels(h, "");
    assert_int_equal(model_n_groups(h), 0);

    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_check_tunnels(h, TO_HV2 " peer=hv2");
    model_check_way(h, 77, "1", "port 5");
    model_check_way(h, 77, "2", TO_HV2);
    model_check_way(h, 88, "13", "unknown");

    model_plug(h, "tap2", "r1", 6);
    model_settle(h);
    model_check_tunnels(h, TO_HV2 " peer=hv2, " TO_HV3 " peer=hv3");
    model_check_way(h, 88, "13", TO_HV3);
    model_host_destroy(h);
}

/* 10,000 hosts of which 3 share a live segment: 3 tunnels.  Nor does it take
 * long that in the other segments thousands have one MAC. */
static void
test_many_hosts(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, BLUE RED "segment gray 99\nhost hv1 vxlan=192.0.2.1\n" B1);
    for (int i = 0; i < 10000; i++) {
        ds_put_format(&s, "host x%05d vxlan=198.18.%d.%d\n"
                      "endpoint e%05d %s x%05d %x\n", i, i >> 8, i & 255, i,
                      i % 4000 == 7 ? "blue" : i & 1 ? "red" : "gray", i,
                      0x10 + i / 4000);
    }
    struct model_host *h = make_hv1(ds_cstr(&s));
    ds_destroy(&s);
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_check_tunnels(h, "vxlan 192.0.2.1->198.18.0.7 peer=x00007, "
                        "vxlan 192.0.2.1->198.18.15.167 peer=x04007, "
                        "vxlan 192.0.2.1->198.18.31.71 peer=x08007");
    model_host_destroy(h);
}

/* R02: a host came back under a new id with its old address: one port, with
 * new labels. */
static void
test_r02_host_under_new_id(void **state OVS_UNUSED)
{
    for (int order = 0; order < 2; order++) {
        const char *new = order ? "hv0" : "hv9";
        char *retagged = xasprintf("%s peer=%s", TO_HV2, new);
        char *list = xasprintf(HV1 "host %s vxlan=192.0.2.2\n" BLUE B1
                               "endpoint b2 blue %s 2 10.0.0.2\n", new, new);
        char *both = xasprintf("%s" HV2, list);
        struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

        model_check_tunnels(h, TO_HV2 " peer=hv2");
        relist(h, list);
        model_check_tunnels(h, retagged);
        model_check_way(h, 77, "2", TO_HV2);
        model_wait(h, 100000);
        model_check_tunnels(h, retagged);
        model_check_way(h, 77, "2", TO_HV2);
        assert_int_equal(model_n_groups(h), 1);

        /* Back, with both known for a while: rule 2 says who has it. */
        relist(h, both);
        model_check_way(h, 77, "2", order ? TO_HV2 : "nowhere");
        relist(h, HV1 HV2 BLUE B1 B2);
        model_wait(h, 100000);
        model_check_tunnels(h, TO_HV2 " peer=hv2");
        model_check_way(h, 77, "2", TO_HV2);
        assert_int_equal(model_n_groups(h), 1);
        model_host_destroy(h);
        free(both);
        free(list);
        free(retagged);
    }
}

/* R03: a new address is taken without an outage, and the old port goes. */
static void
test_r03_address_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);

    model_list(h, HV1 HV3 BLUE B1 B2 B3 "host hv2 vxlan=192.0.2.22\n");
    model_check_way(h, 77, "2", TO_HV2);
    model_check_tunnels(h, TO_HV2 " peer=hv2, vxlan 192.0.2.1->192.0.2.22 "
                        "peer=hv2, " TO_HV3 " peer=hv3");

    model_give_ports(h);
    model_check_way(h, 77, "2", "vxlan 192.0.2.1->192.0.2.22");
    model_wait(h, 100000);
    model_check_tunnels(h, "vxlan 192.0.2.1->192.0.2.22 peer=hv2, "
                        TO_HV3 " peer=hv3");
    model_check_way(h, 77, "2", "vxlan 192.0.2.1->192.0.2.22");
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* R03: changes faster than ports come up: the last one that worked is used,
 * and none is left behind. */
static void
test_r03_address_changes_twice(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    for (int i = 10; i < 20; i++) {
        char *list = xasprintf(HV1 BLUE B1 B2 "host hv2 vxlan=192.0.2.%d\n",
                               i);
        model_list(h, list);
        model_check_way(h, 77, "2", TO_HV2);
        free(list);
    }
    model_settle(h);
    model_check_way(h, 77, "2", "vxlan 192.0.2.1->192.0.2.19");
    model_list(h, HV1 BLUE B1 B2 "host hv2 vxlan=192.0.2.20\n");
    model_list(h, HV1 BLUE B1 B2 "host hv2 vxlan=192.0.2.19\n");
    model_check_way(h, 77, "2", "vxlan 192.0.2.1->192.0.2.19");
    model_wait(h, 100000);
    model_check_tunnels(h, "vxlan 192.0.2.1->192.0.2.19 peer=hv2");
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* R03: an address that has become another host's is not used any more. */
static void
test_r03_address_taken_over(void **state OVS_UNUSED)
{
    for (int order = 0; order < 2; order++) {
        struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);

        /* hv2 and hv3 change places, or hv3 takes hv2's. */
        model_list(h, order
                   ? HV1 "host hv2 vxlan=192.0.2.3\n"
                     "host hv3 vxlan=192.0.2.2\n" BLUE B1 B2 B3
                   : HV1 "host hv2 vxlan=192.0.2.22\n"
                     "host hv3 vxlan=192.0.2.2\n" BLUE B1 B2 B3);
        model_check_way(h, 77, "3", TO_HV2);
        model_check_way(h, 77, "2", order ? TO_HV3 : "nowhere");
        model_settle(h);
        model_check_way(h, 77, "3", TO_HV2);
        model_check_way(h, 77, "2", order ? TO_HV3
                        : "vxlan 192.0.2.1->192.0.2.22");
        model_wait(h, 100000);
        model_check_tunnels(h, order
                            ? TO_HV2 " peer=hv3, " TO_HV3 " peer=hv2"
                            : TO_HV2 " peer=hv3, "
                              "vxlan 192.0.2.1->192.0.2.22 peer=hv2");
        model_host_destroy(h);
    }
}

/* R07: two hosts with one address: the lower id has it, one report, and then
 * nothing more happens. */
static void
test_r07_two_hosts_with_one_address(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HV1 HV2 "host hv3 vxlan=192.0.2.2\n" BLUE B1 B2 B3);

    model_check_tunnels(h, TO_HV2 " peer=hv2");
    model_check_way(h, 77, "2", TO_HV2);
    model_check_way(h, 77, "3", "nowhere");
    model_check_conflicts(h, "host \"hv3\": its tunnel address 192.0.2.2 "
                          "belongs to host \"hv2\"",
                          "host \"hv3\": no tunnel: it has no", NULL);
    for (int i = 0; i < 10; i++) {
        size_t n_told = h->n_told;

        model_wait(h, 100000);
        relist(h, HV1 HV2 "host hv3 vxlan=192.0.2.2\n" BLUE B1 B2 B3);
        assert_int_equal(h->n_told, n_told);
    }
    relist(h, HOSTS BLUE B1 B2 B3);
    model_check_conflicts(h, NULL);
    model_check_way(h, 77, "3", TO_HV3);
    model_host_destroy(h);
}

/* A host with this host's own address is never tunnelled to. */
static void
test_own_address_elsewhere(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        "host hv2 vxlan=192.0.2.1\n" BLUE B1 B2);

    model_check_tunnels(h, "");
    model_check_way(h, 77, "2", "nowhere");
    relist(h, HV1 "host hv2 vxlan=192.0.2.1\n" BLUE B1 B2);
    model_check_tunnels(h, "");
    model_host_destroy(h);
}

/* Choosing alike on both ends (R16, R22, R26). */

static const char *const offers[] = {
    "", "vxlan=%s", "gre=%s", "geneve=%s", "vxlan=%s@4790", "vxlan=%s@4789",
    "geneve=%s@4790", "vxlan=%s6", "gre=%s6", "geneve=%s6@7000",
};

static void
put_host(struct ds *s, const char *id, const char *ip, const char *ip6,
         size_t first, size_t second)
{
    size_t chosen[] = { first, second };

    ds_put_format(s, "host %s", id);
    for (size_t i = 0; i < 2; i++) {
        char *offer = xstrdup(offers[chosen[i]]), *at = strstr(offer, "%s");

        if (at) {
            bool is_ip6 = at[2] == '6';

            *at = '\0';
            ds_put_format(s, " %s%s%s", offer, is_ip6 ? ip6 : ip,
                          at + 2 + is_ip6);
        }
        free(offer);
    }
    ds_put_char(s, '\n');
}

/* The key of the tunnel that the way to 'mac' takes; false if nowhere. */
static bool
way_key(const struct model_host *h, uint64_t metadata, const char *mac,
        struct tunnel_key *key)
{
    char *way = model_way(h, metadata, mac);
    const struct model_tunnel *t = shash_find_data(&h->tunnels, way);

    if (t) {
        *key = t->key;
    } else {
        assert_string_equal(way, "nowhere");
    }
    free(way);
    return t != NULL;
}

static void
check_alike(const struct model_host *h1, const struct model_host *h2,
            uint64_t metadata, const char *mac1, const char *mac2,
            const char *list)
{
    struct tunnel_key a, b;
    bool is_a = way_key(h1, metadata, mac2, &a);
    bool is_b = way_key(h2, metadata, mac1, &b);

    if (is_a != is_b
        || (is_a && (a.type != b.type || a.vni != b.vni
                     || a.dst_port != b.dst_port
                     || !ipv6_addr_equals(&a.local_ip, &b.remote_ip)
                     || !ipv6_addr_equals(&b.local_ip, &a.remote_ip)))) {
        fail_msg("the ends differ with\n%s", list);
    }
}

/* Whatever two hosts offer, both ends choose alike, also after changes while
 * running, for segments that are forced and that are not, in both key
 * modes. */
static void
test_r16_both_ends_choose_alike(void **state OVS_UNUSED)
{
    struct model_host *h1 = model_host_create("hv1", "192.0.2.1",
                                              "2001:db8::1");
    struct model_host *h2 = model_host_create("hv2", "192.0.2.2",
                                              "2001:db8::2");
    const size_t n = ARRAY_SIZE(offers);
    uint32_t seed = 1;
    size_t n_ways = 0;

    model_plug(h1, "tap1", "b1", 5);
    model_plug(h1, "tap2", "v1", 6);
    model_plug(h1, "tap3", "g1", 7);
    model_plug(h2, "tap1", "b2", 5);
    model_plug(h2, "tap2", "v2", 6);
    model_plug(h2, "tap3", "g2", 7);
    for (size_t i = 0; i < n * n * n * n; i++) {
        struct ds s = DS_EMPTY_INITIALIZER;
        struct tunnel_key key;

        /* A tenth of them, at random. */
        seed = seed * 1664525 + 1013904223;
        if ((seed >> 16) % 10) {
            continue;
        }
        put_host(&s, "hv1", "192.0.2.1", "2001:db8::1", i % n, i / n % n);
        put_host(&s, "hv2", "192.0.2.2", "2001:db8::2", i / n / n % n,
                 i / n / n / n);
        ds_put_cstr(&s, BLUE B1 B2 "segment v 77000 vxlan\n"
                    "segment g 77001 gre\n"
                    "endpoint v1 v hv1 1\nendpoint v2 v hv2 2\n"
                    "endpoint g1 g hv1 1\nendpoint g2 g hv2 2\n");
        if (!(seed >> 16 & 127)) {
            h1->settings.segment_key = h2->settings.segment_key
                = !h1->settings.segment_key;
            model_configure(h1);
            model_configure(h2);
        }
        relist(h1, ds_cstr(&s));
        relist(h2, ds_cstr(&s));
        check_alike(h1, h2, 77, "1", "2", ds_cstr(&s));
        check_alike(h1, h2, 77000 | 1ULL << 32, "1", "2", ds_cstr(&s));
        check_alike(h1, h2, 77001 | 2ULL << 32, "1", "2", ds_cstr(&s));
        if (way_key(h1, 77000 | 1ULL << 32, "2", &key)) {
            assert_int_equal(key.type, ENCAP_VXLAN);
        }
        n_ways += way_key(h1, 77, "2", &key);
        ds_destroy(&s);
    }
    assert_true(n_ways > 100);
    model_host_destroy(h1);
    model_host_destroy(h2);
}

static void
check_choice(const char *hosts, const char *segment, const char *expected)
{
    char *list = xasprintf("%s%s" B1 B2, hosts, segment);
    struct model_host *h = make_hv1_b1(list);

    model_check_way(h, 77 | (strstr(segment, "gre") ? 2ULL << 32 : 0), "2",
                    expected);
    model_host_destroy(h);
    free(list);
}

/* The first in the lower host id's list that both offer. */
static void
test_choice(void **state OVS_UNUSED)
{
    check_choice("host hv1 gre=192.0.2.1 vxlan=192.0.2.1\n"
                 "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n", BLUE,
                 "gre 192.0.2.1->192.0.2.2");
    check_choice("host hv1 geneve=192.0.2.1 vxlan=192.0.2.1\n"
                 "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2");
    check_choice("host hv1 vxlan=192.0.2.1 gre=192.0.2.1\n"
                 "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n",
                 "segment blue 77 gre\n", "gre 192.0.2.1->192.0.2.2");
    check_choice("host hv1 vxlan=192.0.2.1\n"
                 "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n",
                 "segment blue 77 gre\n", "nowhere");
    /* R22: the family that both have. */
    check_choice("host hv1 vxlan=192.0.2.1 vxlan=2001:db8::1\n"
                 "host hv2 vxlan=2001:db8::2\n", BLUE,
                 "vxlan 2001:db8::1->2001:db8::2");
    check_choice("host hv1 vxlan=192.0.2.1 gre=2001:db8::1\n"
                 "host hv2 vxlan=2001:db8::2 gre=2001:db8::2\n", BLUE,
                 "gre 2001:db8::1->2001:db8::2");
    check_choice("host hv1 vxlan=192.0.2.1\n"
                 "host hv2 vxlan=2001:db8::2\n", BLUE, "nowhere");
    /* R24: a port that is not the default, given by either. */
    check_choice("host hv1 vxlan=192.0.2.1@4790\n"
                 "host hv2 vxlan=192.0.2.2\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2 port=4790");
    check_choice("host hv1 vxlan=192.0.2.1\n"
                 "host hv2 vxlan=192.0.2.2@4790\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2 port=4790");
    check_choice("host hv1 vxlan=192.0.2.1@4789\n"
                 "host hv2 vxlan=192.0.2.2@4790\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2");
    /* What the settings say serves where the inventory lacks this host. */
    check_choice("host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2");
    check_choice("host hv2 gre=192.0.2.2 vxlan=192.0.2.2\n", BLUE,
                 "vxlan 192.0.2.1->192.0.2.2");
    check_choice("host hv2 geneve=192.0.2.2\n", BLUE, "nowhere");
}

/* Why there is no way to a peer is reported, and that it is over. */
static void
test_no_tunnel_reported(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 "host hv2 geneve=192.0.2.2\n"
                                       BLUE B1 B2);

    model_check_conflicts(h, "host \"hv2\": no tunnel: there is no "
                          "encapsulation that both", NULL);
    relist(h, HV1 "host hv2 vxlan=2001:db8::2\n" BLUE B1 B2);
    model_check_conflicts(h, "host \"hv2\": no tunnel: one end's address is "
                          "IPv4", NULL);
    relist(h, HV1 "host hv2\n" BLUE B1 B2);
    model_check_conflicts(h, "host \"hv2\": no tunnel: it has no tunnel "
                          "address", NULL);
    relist(h, HV1 HV2 "segment blue 77 geneve\n" B1 B2);
    model_check_conflicts(h, "host \"hv2\": no tunnel for segments forced to "
                          "geneve", NULL);
    relist(h, HV1 HV2 BLUE B1 B2);
    model_check_conflicts(h, NULL);
    relist(h, "host hv1\n" HV2 BLUE B1 B2);
    model_check_conflicts(h, "host \"hv2\": no tunnel: this host has no",
                          NULL);

    /* Nobody needs it any more. */
    relist(h, "host hv1\n" HV2 BLUE B1);
    model_check_conflicts(h, NULL);
    model_host_destroy(h);
}

/* A forced and an unforced segment share the port where they choose the same
 * encapsulation, and never mix where not. */
static void
test_forced_and_unforced(void **state OVS_UNUSED)
{
    for (int forced_first = 0; forced_first < 2; forced_first++) {
        struct model_host *h = make_hv1(
            HV1 HV2 BLUE "segment red 88 vxlan\nsegment gray 77000 gre\n"
            B1 B2 R1 R2 "endpoint g1 gray hv1 1\nendpoint g2 gray hv2 2\n");

        model_plug(h, "tap1", forced_first ? "r1" : "b1", 5);
        model_settle(h);
        model_plug(h, "tap2", forced_first ? "b1" : "r1", 6);
        model_plug(h, "tap3", "g1", 7);
        model_settle(h);
        model_check_way(h, 77, "2", TO_HV2);
        model_check_way(h, 1ULL << 32 | 88, "12", TO_HV2);
        model_check_way(h, 2ULL << 32 | 77000, "2",
                        "gre 192.0.2.1->192.0.2.2");
        model_check_tunnels(h, "gre 192.0.2.1->192.0.2.2 peer=hv2, " TO_HV2
                            " peer=hv2");

        /* The port has the label of the unforced link, whatever came first. */
        const struct model_tunnel *t = shash_find_data(&h->tunnels, TO_HV2);
        const char *actions = model_actions(
            h, "table=40, priority=100,metadata=0x4d,"
            "dl_dst=02:00:00:00:00:02");
        char *group = xasprintf("group:%"PRIu32, t->group);
        assert_string_equal(actions, group);
        free(group);

        /* Forced to another while running. */
        relist(h, HV1 HV2 BLUE "segment red 88 gre\n" B1 B2 R1 R2);
        model_check_way(h, 2ULL << 32 | 88, "12", "gre 192.0.2.1->192.0.2.2");
        model_check_way(h, 1ULL << 32 | 88, "12", "unknown");
        model_host_destroy(h);
    }
}

/* R16: the peer changes its offer while running.  The tunnel of the other
 * encapsulation lingers: the peer may not have changed over yet. */
static void
test_r16_offer_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    model_list(h, HV1 "host hv2 gre=192.0.2.2\n" BLUE B1 B2);
    model_check_way(h, 77, "2", TO_HV2);
    model_give_ports(h);
    model_check_way(h, 77, "2", "gre 192.0.2.1->192.0.2.2");
    model_wait(h, 29999);
    model_check_tunnels(h, "gre 192.0.2.1->192.0.2.2 peer=hv2, " TO_HV2
                        " peer=hv2");
    assert_non_null(model_actions(h, "table=0, priority=100,in_port=32768"));
    model_wait(h, 2);
    model_check_tunnels(h, "gre 192.0.2.1->192.0.2.2 peer=hv2");
    assert_null(model_actions(h, "table=0, priority=100,in_port=32768"));
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* R26: so does a change of the UDP port, which takes effect at once. */
static void
test_r26_dst_port_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    relist(h, HV1 "host hv2 vxlan=192.0.2.2@4790\n" BLUE B1 B2);
    model_check_way(h, 77, "2", TO_HV2 " port=4790");
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2 " port=4790 peer=hv2");
    relist(h, HV1 HV2 BLUE B1 B2);
    model_check_way(h, 77, "2", TO_HV2);
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2 " peer=hv2");
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* Lingering. */

/* R01: host gone: its port, group and flows are gone within the linger time,
 * others are not touched. */
static void
test_r01_host_gone(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);

    relist(h, HV1 HV3 BLUE B1 B2 B3);
    model_check_way(h, 77, "2", "unknown");
    model_check_conflicts(h, "endpoint \"b2\": its host \"hv2\" is not",
                          NULL);
    relist(h, HV1 HV3 BLUE B1 B3);
    model_check_conflicts(h, NULL);
    model_wait(h, 30000);
    model_check_tunnels(h, TO_HV3 " peer=hv3");
    assert_int_equal(model_n_groups(h), 1);
    model_check_way(h, 77, "3", TO_HV3);
    assert_null(inventory_find_host(h->inventory, "hv2"));
    model_host_destroy(h);
}

/* A tunnel outlives its last need by the linger time; a new need in between
 * finds it as it was. */
static void
test_linger(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);
    const struct model_tunnel *t = shash_find_data(&h->tunnels, TO_HV2);
    uint32_t group = t->group;

    assert_int_equal(overlay_next_time(h->overlay), LLONG_MAX);
    for (int i = 0; i < 3; i++) {
        model_unplug(h, "tap1");
        model_wait(h, 29999);
        model_check_tunnels(h, TO_HV2 " peer=hv2");
        assert_int_equal(h->groups[group].ofport, t->ofport);
        model_plug(h, "tap1", "b1", 5);
        model_check_way(h, 77, "2", TO_HV2);
        assert_int_equal(overlay_next_time(h->overlay), LLONG_MAX);
        model_wait(h, 100000);
        model_check_way(h, 77, "2", TO_HV2);
        assert_int_equal(t->group, group);
    }
    model_unplug(h, "tap1");
    assert_int_equal(overlay_next_time(h->overlay), h->now + 30000);
    model_wait(h, 30000);
    model_check_tunnels(h, "");
    assert_int_equal(model_n_groups(h), 0);
    assert_int_equal(overlay_next_time(h->overlay), LLONG_MAX);

    /* A need while the port is on its way out. */
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_unplug(h, "tap1");
    h->now += 30000;
    model_run(h);
    model_check_tunnels(h, "");
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_check_way(h, 77, "2", TO_HV2);
    model_check_tunnels(h, TO_HV2 " peer=hv2");
    model_host_destroy(h);
}

/* Without lingering everything goes at once. */
static void
test_linger_0(void **state OVS_UNUSED)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    h->settings.linger = 0;
    model_configure(h);
    model_list(h, HOSTS BLUE B1 B2 B3);
    for (int i = 0; i < 3; i++) {
        model_plug(h, "tap1", "b1", 5);
        model_settle(h);
        model_check_way(h, 77, "2", TO_HV2);
        relist(h, HV1 HV2 "host hv3 vxlan=192.0.2.33\n" BLUE B1 B2 B3);
        relist(h, HOSTS BLUE B1 B2 B3);
        model_check_tunnels(h, TO_HV2 " peer=hv2, " TO_HV3 " peer=hv3");
        model_unplug(h, "tap1");
        model_settle(h);
        model_check_tunnels(h, "");
        assert_int_equal(model_n_groups(h), 0);
    }
    model_host_destroy(h);
}

/* Nobody makes a tunnel to the new address of a peer that nobody needs. */
static void
test_no_new_tunnel_without_need(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    model_unplug(h, "tap1");
    model_list(h, HV1 "host hv2 vxlan=192.0.2.22\n" BLUE B1 B2);
    model_settle(h);
    assert_null(shash_find_data(&h->tunnels, "vxlan 192.0.2.1->192.0.2.22"));
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_check_way(h, 77, "2", "vxlan 192.0.2.1->192.0.2.22");
    model_wait(h, 100000);
    model_check_tunnels(h, "vxlan 192.0.2.1->192.0.2.22 peer=hv2");
    model_host_destroy(h);
}

/* R05: back to the baseline after 1,000 cycles. */
static void
test_r05_cycles(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE RED B1 B2 B3 R1 R2);
    size_t n_flows = shash_count(&h->flows);

    for (int i = 0; i < 1000; i++) {
        model_plug(h, "tap1", i & 1 ? "b1" : "r1", 5);
        model_give_ports(h);
        model_plug(h, "tap1", i & 1 ? "r1" : "b1", 5 + i % 7);
        model_give_ports(h);
        model_unplug(h, "tap1");
    }
    model_wait(h, 100000);
    assert_int_equal(shash_count(&h->flows), n_flows);
    assert_int_equal(model_n_groups(h), 0);
    model_check_tunnels(h, "");
    model_check_conflicts(h, "endpoint \"b1\": placed on this host, but not",
                          "endpoint \"r1\": placed on this host, but not",
                          NULL);
    model_host_destroy(h);
}

/* Settings. */

/* The key mode changes while running, in both directions, without an
 * outage. */
static void
test_key_mode_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HV1 HV2 BLUE RED B1 B2 R1 R2);

    model_plug(h, "tap1", "b1", 5);
    model_plug(h, "tap2", "r1", 6);
    model_settle(h);
    for (int i = 0; i < 2; i++) {
        model_check_tunnels(h, TO_HV2 " peer=hv2");

        h->settings.segment_key = true;
        model_configure(h);
        model_check_way(h, 77, "2", TO_HV2);
        model_check_way(h, 88, "12", TO_HV2);
        model_give_ports(h);
        model_check_way(h, 77, "2", TO_HV2 " key=77");
        model_check_way(h, 88, "12", TO_HV2 " key=88");
        model_wait(h, 100000);
        model_check_tunnels(h, TO_HV2 " key=77 peer=hv2 segment=blue, "
                            TO_HV2 " key=88 peer=hv2 segment=red");

        h->settings.segment_key = false;
        model_configure(h);
        model_check_way(h, 77, "2", TO_HV2 " key=77");
        model_check_way(h, 88, "12", TO_HV2 " key=88");
        model_give_ports(h);
        model_check_way(h, 77, "2", TO_HV2);
        model_check_way(h, 88, "12", TO_HV2);
        model_wait(h, 100000);
    }
    assert_int_equal(model_n_outages(h), 0);
    assert_int_equal(model_n_groups(h), 1);
    model_host_destroy(h);
}

/* Segment mode: a packet from the tunnel is of its segment. */
static void
test_segment_mode_classify(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HV1 HV2 BLUE "segment red 88 gre\n"
                                    B1 B2 R1 R2);

    h->settings.segment_key = true;
    model_configure(h);
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_plug(h, "tap2", "r1", 6);
    model_settle(h);
    assert_string_equal(model_actions(h, "table=0, "
                                      "priority=100,in_port=32768"),
                        "set_field:0x4d->metadata,goto_table:60");
    assert_string_equal(model_actions(h, "table=0, "
                                      "priority=100,in_port=32769"),
                        "set_field:0x200000058->metadata,goto_table:60");

    /* The VNI changes. */
    relist(h, HV1 HV2 "segment blue 79\nsegment red 88 gre\n" B1 B2 R1 R2);
    model_check_way(h, 79, "2", TO_HV2 " key=79");
    model_check_way(h, 77, "2", "unknown");
    model_wait(h, 100000);
    model_check_tunnels(h, "gre 192.0.2.1->192.0.2.2 key=88 peer=hv2 "
                        "segment=red, " TO_HV2 " key=79 peer=hv2 "
                        "segment=blue");

    /* Two segments change their VNIs for each other's. */
    relist(h, HV1 HV2 "segment blue 88\nsegment red 79\n" B1 B2 R1 R2);
    model_check_way(h, 88, "2", TO_HV2 " key=88");
    model_check_way(h, 79, "12", TO_HV2 " key=79");
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2 " key=79 peer=hv2 segment=red, " TO_HV2
                        " key=88 peer=hv2 segment=blue");
    for (uint32_t i = 32768; i < h->next_ofport; i++) {
        char *key = xasprintf("table=0, priority=100,in_port=%"PRIu32, i);
        const char *actions = model_actions(h, key);

        if (actions) {
            const struct shash_node *node;
            SHASH_FOR_EACH (node, &h->tunnels) {
                const struct model_tunnel *t = node->data;
                if (t->ofport == i) {
                    char *expected = xasprintf(
                        "set_field:%#"PRIx32"->metadata,goto_table:60",
                        t->key.vni);
                    assert_string_equal(actions, expected);
                    free(expected);
                }
            }
        }
        free(key);
    }
    model_host_destroy(h);
}

/* R18: local_ip is the address of the settings; a new one is taken without an
 * outage. */
static void
test_r18_own_address_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    h->settings.local[0] = ip_from_text("192.0.2.11");
    model_configure(h);
    model_check_conflicts(h, "this host \"hv1\": the inventory gives its gre "
                          "address as 192.0.2.1",
                          "this host \"hv1\": the inventory gives its vxlan "
                          "address as 192.0.2.1", NULL);
    model_settle(h);
    model_check_way(h, 77, "2", "vxlan 192.0.2.11->192.0.2.2");
    relist(h, "host hv1 vxlan=192.0.2.11\n" HV2 BLUE B1 B2);
    model_check_conflicts(h, NULL);
    model_wait(h, 100000);
    model_check_tunnels(h, "vxlan 192.0.2.11->192.0.2.2 peer=hv2");
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

static void
test_bfd(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);
    const struct model_tunnel *t = shash_find_data(&h->tunnels, TO_HV2);

    assert_false(t->bfd);
    for (int i = 0; i < 2; i++) {
        h->settings.bfd = !i;
        model_configure(h);
        assert_int_equal(t->bfd, !i);
    }
    model_check_way(h, 77, "2", TO_HV2);
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* This host becomes another. */
static void
test_host_id_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);

    model_plug(h, "tap2", "b2", 6);
    model_check_conflicts(h, "endpoint \"b2\": plugged here as tap2, but",
                          NULL);
    h->settings.host = "hv2";
    h->settings.local[0] = ip_from_text("192.0.2.2");
    model_configure(h);
    model_settle(h);
    model_check_way(h, 77, "2", "port 6");
    model_check_way(h, 77, "1", "vxlan 192.0.2.2->192.0.2.1");
    model_check_conflicts(h, "endpoint \"b1\": plugged here as tap1, but",
                          NULL);
    model_wait(h, 100000);
    model_check_tunnels(h, "vxlan 192.0.2.2->192.0.2.1 peer=hv1, "
                        "vxlan 192.0.2.2->192.0.2.3 peer=hv3");
    model_host_destroy(h);
}

/* Endpoints. */

/* R69: here, there, elsewhere and back. */
static void
test_r69_endpoint_moves(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);
    static const struct {
        const char *host, *way;
    } steps[] = {
        { "hv1", "port 6" }, { "hv2", TO_HV2 }, { "hv3", TO_HV3 },
        { "hv1", "port 6" }, { "hv3", TO_HV3 }, { "hv2", TO_HV2 },
        { "hv1", "port 6" },
    };

    model_plug(h, "tap9", "b9", 6);
    model_check_conflicts(h, "interface tap9: its iface-id \"b9\" is no",
                          NULL);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        char *list = xasprintf(HOSTS BLUE B1 B2 B3 "endpoint b9 blue %s 9 "
                               "10.0.0.9\n", steps[i].host);

        model_list(h, list);
        model_check_way(h, 77, "9", steps[i].way);
        if (strcmp(steps[i].host, "hv1")) {
            model_check_conflicts(h, "endpoint \"b9\": plugged here as tap9",
                                  NULL);
            assert_false(sset_contains(&h->served, "tap9"));
            assert_null(model_actions(h, "table=0, priority=100,in_port=6"));
        } else {
            model_check_conflicts(h, NULL);
            assert_true(sset_contains(&h->served, "tap9"));
        }
        free(list);
    }

    /* Placed here, but not plugged. */
    model_unplug(h, "tap9");
    model_check_way(h, 77, "9", "drop");
    model_check_conflicts(h, "endpoint \"b9\": placed on this host, but not",
                          NULL);
    assert_int_equal(model_n_outages(h), 0);
    model_host_destroy(h);
}

/* What makes a port plugged: an ofport, and not inactive. */
static void
test_plugged(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B1 B2);
    struct vm_port port = { .name = "tap1", .iface_id = "b1", .active = true };

    model_set_port(h, &port);
    model_check_way(h, 77, "1", "unknown");
    port.ofport = 5;
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "port 5");
    assert_true(sset_contains(&h->served, "tap1"));

    /* R30: it changes. */
    port.ofport = 6;
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "port 6");
    assert_null(model_actions(h, "table=0, priority=100,in_port=5"));

    port.active = false;
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "unknown");
    assert_false(sset_contains(&h->served, "tap1"));
    port.active = true;
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "port 6");

    port.iface_id = "b2";
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "drop");
    model_check_conflicts(h, "endpoint \"b1\": placed on this host, but not",
                          "endpoint \"b2\": plugged here as tap1, but the",
                          NULL);
    model_host_destroy(h);
}

/* An attached-mac other than the endpoint's: not served. */
static void
test_attached_mac(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B1 B2);
    struct vm_port port = { .name = "tap1", .iface_id = "b1", .active = true,
                            .ofport = 5, .has_mac = true,
                            .mac = mac_from_text("2") };

    model_set_port(h, &port);
    model_check_way(h, 77, "1", "drop");
    assert_null(model_actions(h, "table=0, priority=100,in_port=5"));
    assert_false(sset_contains(&h->served, "tap1"));
    model_check_conflicts(h, "endpoint \"b1\": interface tap1 has external_ids"
                          ":attached-mac=02:00:00:00:00:02", NULL);
    port.mac = mac_from_text("1");
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "port 5");
    model_check_conflicts(h, NULL);
    port.has_mac = false;
    port.mac = mac_from_text("3");
    model_set_port(h, &port);
    model_check_way(h, 77, "1", "port 5");
    model_host_destroy(h);
}

/* Plugged twice: the lower name serves it, whatever came first. */
static void
test_plugged_twice(void **state OVS_UNUSED)
{
    for (int order = 0; order < 2; order++) {
        struct model_host *h = make_hv1(HOSTS BLUE B1 B2);

        model_plug(h, order ? "tap2" : "tap1", "b1", order ? 6 : 5);
        model_check_conflicts(h, NULL);
        model_plug(h, order ? "tap1" : "tap2", "b1", order ? 5 : 6);
        model_check_way(h, 77, "1", "port 5");
        model_check_conflicts(h, "endpoint \"b1\": plugged 2 times; served at "
                              "tap1 only", NULL);
        assert_int_equal(sset_count(&h->served), 1);
        assert_true(sset_contains(&h->served, "tap1"));
        assert_null(model_actions(h, "table=0, priority=100,in_port=6"));

        model_unplug(h, "tap1");
        model_check_way(h, 77, "1", "port 6");
        assert_true(sset_contains(&h->served, "tap2"));
        model_check_conflicts(h, NULL);
        model_host_destroy(h);
    }
}

/* The interface is made again under another name and gets the same ofport:
 * the new one is told to be served. */
static void
test_port_renamed(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2);
    struct vm_port *old = shash_find_and_delete(&h->ports, "tap1");
    struct vm_port new = { .name = "tap7", .iface_id = "b1", .ofport = 5,
                           .active = true };

    overlay_vm_port_changed(h->overlay, old, NULL);
    model_set_port(h, &new);
    assert_true(sset_contains(&h->served, "tap7"));
    assert_false(sset_contains(&h->served, "tap1"));
    free(CONST_CAST(char *, old->name));
    free(CONST_CAST(char *, old->iface_id));
    free(old);
    model_host_destroy(h);
}

/* Ports of endpoints that the inventory does not know are reported, each of
 * them, until it does. */
static void
test_unknown_ports(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B2);

    model_plug(h, "tap1", "b1", 5);
    model_plug(h, "tap2", "b1", 6);
    model_check_conflicts(h, "interface tap1: its iface-id \"b1\"",
                          "interface tap2: its iface-id \"b1\"", NULL);
    model_list(h, HOSTS BLUE B1 B2);
    model_check_conflicts(h, "endpoint \"b1\": plugged 2 times", NULL);
    model_list(h, HOSTS BLUE B2);
    model_check_conflicts(h, "interface tap1: its iface-id \"b1\"",
                          "interface tap2: its iface-id \"b1\"", NULL);
    model_unplug(h, "tap1");
    model_unplug(h, "tap2");
    model_check_conflicts(h, NULL);
    model_host_destroy(h);
}

/* Two VMs swap their MACs, addresses and ports in one list. */
static void
test_swap(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(
        HOSTS BLUE B1 "endpoint b4 blue hv1 4 10.0.0.4\n" B2);

    model_plug(h, "tap1", "b1", 5);
    model_plug(h, "tap4", "b4", 8);
    model_list(h, HOSTS BLUE "endpoint b1 blue hv1 4 10.0.0.4\n"
               "endpoint b4 blue hv1 1 10.0.0.1\n" B2);
    model_check_way(h, 77, "1", "port 8");
    model_check_way(h, 77, "4", "port 5");

    /* And with a remote one. */
    model_list(h, HOSTS BLUE "endpoint b1 blue hv1 2 10.0.0.2\n"
               "endpoint b2 blue hv2 4 10.0.0.4\n"
               "endpoint b4 blue hv1 1 10.0.0.1\n");
    model_settle(h);
    model_check_way(h, 77, "2", "port 5");
    model_check_way(h, 77, "4", TO_HV2);
    model_host_destroy(h);
}

/* With a segment's own key a port takes packets as soon as it is there, so its
 * flow is there before: under the number that will be asked for. */
static void
test_number_chosen_early(void **state OVS_UNUSED)
{
    static const char flow[] = "table=0, priority=100,in_port=40000";
    struct model_host *h = make_hv1(HOSTS BLUE B1 B2 B3);
    struct tunnel_key to_hv2, to_hv3;
    char *to_2;

    h->settings.segment_key = true;
    model_configure(h);
    model_plug(h, "tap1", "b1", 5);
    to_hv2 = ((struct model_tunnel *) shash_find_data(
                  &h->tunnels, TO_HV2 " key=77"))->key;
    to_hv3 = ((struct model_tunnel *) shash_find_data(
                  &h->tunnels, TO_HV3 " key=77"))->key;
    assert_null(model_actions(h, flow));
    overlay_tunnel_number_chosen(h->overlay, &to_hv2, 40000);
    model_run(h);
    to_2 = nullable_xstrdup(model_actions(h, flow));
    assert_non_null(to_2);

    /* That failed, and the number is another's now. */
    overlay_tunnel_number_chosen(h->overlay, &to_hv3, 40000);
    model_run(h);
    assert_non_null(model_actions(h, flow));
    overlay_tunnel_number_chosen(h->overlay, &to_hv2, 40001);
    model_run(h);
    assert_string_equal(model_actions(h, "table=0, priority=100,"
                                      "in_port=40001"), to_2);
    assert_non_null(model_actions(h, flow));
    free(to_2);

    /* The numbers that they get in the end are others: what was told for the
     * first ones goes. */
    model_settle(h);
    assert_null(model_actions(h, flow));
    model_check_way(h, 77, "2", TO_HV2 " key=77");
    model_check_way(h, 77, "3", TO_HV3 " key=77");

    /* One that is not needed any more before it has come. */
    relist(h, HOSTS BLUE B1);
    model_wait(h, 100000);
    model_list(h, HOSTS BLUE B1 B2);
    overlay_tunnel_number_chosen(h->overlay, &to_hv2, 40000);
    model_run(h);
    assert_non_null(model_actions(h, flow));
    relist(h, HOSTS BLUE B1);
    model_wait(h, 100000);
    assert_null(model_actions(h, flow));
    model_host_destroy(h);
}

/* A VM's port got the number: it keeps it when the other one gives up. */
static void
test_number_taken_by_vm(void **state OVS_UNUSED)
{
    static const char flow[] = "table=0, priority=100,in_port=40000";
    struct model_host *h = make_hv1(HOSTS BLUE B1 B2 "endpoint b4 blue hv1 4 "
                                    "10.0.0.4\n");
    struct tunnel_key to_hv2;

    h->settings.segment_key = true;
    model_configure(h);
    model_plug(h, "tap1", "b1", 5);
    to_hv2 = ((struct model_tunnel *) shash_find_data(
                  &h->tunnels, TO_HV2 " key=77"))->key;
    overlay_tunnel_number_chosen(h->overlay, &to_hv2, 40000);
    model_run(h);
    model_plug(h, "tap4", "b4", 40000);
    model_settle(h);
    assert_non_null(model_actions(h, flow));
    model_check_way(h, 77, "4", "port 40000");
    model_host_destroy(h);
}

/* And it goes later than the port's row: the switch takes a while to remove the
 * port.  Unless another port gets the number. */
static void
test_number_kept_for_a_while(void **state OVS_UNUSED)
{
    for (int taken = 0; taken < 2; taken++) {
        struct model_host *h = make_hv1(HOSTS BLUE B1 B2 B3);
        struct model_tunnel *t;
        struct tunnel_key to_hv3;
        char *flow;

        h->settings.segment_key = true;
        model_configure(h);
        model_plug(h, "tap1", "b1", 5);
        model_settle(h);
        t = shash_find_data(&h->tunnels, TO_HV3 " key=77");
        to_hv3 = t->key;
        t = shash_find_data(&h->tunnels, TO_HV2 " key=77");
        flow = xasprintf("table=0, priority=100,in_port=%"PRIu32, t->ofport);
        relist(h, HOSTS BLUE B1);
        model_wait(h, h->settings.linger);
        model_check_tunnels(h, "");
        assert_non_null(model_actions(h, flow));
        if (taken) {
            struct tunnel_port port = {
                .key = to_hv3, .name = "vx-3", .peer = "hv3",
                .segment = "blue", .group = 9,
            };

            port.ofport = atoi(strrchr(flow, '=') + 1);
            model_list(h, HOSTS BLUE B1 B3);
            overlay_tunnel_port_changed(h->overlay, NULL, &port);
            model_run(h);
            assert_non_null(model_actions(h, flow));
            h->now += 10000;
            model_run(h);
            assert_non_null(model_actions(h, flow));
        } else {
            model_wait(h, 10000);
            assert_null(model_actions(h, flow));
        }
        free(flow);
        model_host_destroy(h);
    }
}

static void
set_underlay_mtu(struct model_host *h, int ipv4, int ipv6)
{
    const int mtu[2] = { ipv4, ipv6 };

    overlay_set_underlay_mtu(h->overlay, mtu);
    model_run(h);
}

/* R76: a segment whose packets do not fit through the tunnels that it uses, and
 * only such a one, is reported. */
static void
test_r76_mtu(void **state OVS_UNUSED)
{
    const char *list = HV1 HV2 "host hv3 gre=2001:db8::3\n"
                       "segment blue 77 mtu=1450\n" RED B1 B2;
    struct model_host *h = make_hv1_b1(list);

    /* Not known. */
    model_check_conflicts(h, NULL);
    set_underlay_mtu(h, 1500, 1280);    /* Nothing of it goes over IPv6. */
    model_check_conflicts(h, NULL);
    set_underlay_mtu(h, 1499, 0);
    model_check_conflicts(h, "segment \"blue\": larger packets than 1449 bytes "
                          "get lost, though its MTU is 1450: vxlan over IPv4 "
                          "takes 50 bytes, and the underlay of this host "
                          "carries 1499; ", NULL);

    /* An encapsulation that takes less. */
    relist(h, "host hv1 gre=192.0.2.1\n" HV2
           "segment blue 77 mtu=1450\n" RED B1 B2);
    model_check_conflicts(h, NULL);
    set_underlay_mtu(h, 1491, 1500);
    model_check_conflicts(h, "segment \"blue\": larger packets than 1449 bytes "
                          "get lost, though its MTU is 1450: gre over IPv4 "
                          "takes 42 bytes", NULL);

    /* The MTU is lowered. */
    set_underlay_mtu(h, 1500, 1500);
    model_check_conflicts(h, NULL);
    relist(h, "host hv1 gre=192.0.2.1 gre=2001:db8::1\n" HV2
           "host hv3 gre=2001:db8::3\n"
           "segment blue 77 mtu=1450\n" RED B1 B2);
    model_check_conflicts(h, NULL);

    /* A peer that needs more: it counts while it is one. */
    relist(h, "host hv1 gre=192.0.2.1 gre=2001:db8::1\n" HV2
           "host hv3 gre=2001:db8::3\n"
           "segment blue 77 mtu=1450\n" RED B1 B2 B3);
    model_check_conflicts(h, "segment \"blue\": larger packets than 1438 bytes "
                          "get lost, though its MTU is 1450: gre over IPv6 "
                          "takes 62 bytes", NULL);
    relist(h, "host hv1 gre=192.0.2.1 gre=2001:db8::1\n" HV2
           "host hv3 gre=2001:db8::3\n"
           "segment blue 77 mtu=1450\n" RED B1 B2);
    model_check_conflicts(h, NULL);

    /* No VM here, nothing to report. */
    set_underlay_mtu(h, 1000, 1000);
    model_check_conflicts(h, "segment \"blue\": larger packets than 958 bytes",
                          NULL);
    model_unplug(h, "tap1");
    model_settle(h);
    model_check_conflicts(h, "endpoint \"b1\": placed on this host", NULL);
    model_host_destroy(h);
}

/* R28: the second with one MAC or address is refused, and comes in when the
 * first goes. */
static void
test_r28_conflicts_resolve(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2
                                       "endpoint c2 blue hv3 2 10.0.0.2\n"
                                       "endpoint c3 blue hv3 3 10.0.0.2\n");

    model_check_way(h, 77, "2", TO_HV2);
    model_check_conflicts(h, "endpoint \"c2\": its MAC 02:00:00:00:00:02 in",
                          "endpoint \"c3\": address 10.0.0.2 in segment",
                          NULL);
    relist(h, HOSTS BLUE B1 "endpoint c2 blue hv3 2 10.0.0.2\n"
           "endpoint c3 blue hv3 3 10.0.0.2\n");
    model_check_way(h, 77, "2", TO_HV3);
    model_check_conflicts(h, "endpoint \"c3\": address 10.0.0.2 in segment",
                          NULL);
    relist(h, HOSTS BLUE B1 "endpoint c3 blue hv3 3 10.0.0.2\n");
    model_check_conflicts(h, NULL);
    assert_string_equal(model_actions(h, "table=20, priority=100,arp,"
                                      "metadata=0x4d,arp_tpa=10.0.0.2,"
                                      "arp_op=1"),
                        "set_field:0x20000000003->xreg1,goto_table:21");

    /* A segment whose VNI is taken. */
    relist(h, HOSTS BLUE "segment a 77\n" B1 B2);
    model_check_way(h, 77, "1", "unknown");
    model_check_conflicts(h, "segment \"blue\": its VNI 77 belongs to segment "
                          "\"a\"", NULL);
    relist(h, HOSTS BLUE B1 B2);
    model_check_way(h, 77, "2", TO_HV2);
    model_host_destroy(h);
}

/* Gratuitous ARP is never answered.  Where port security leaves a VM only its
 * own addresses, its own are dropped before; where some VM may announce
 * others' there is a flow for each address of the segment. */
#define GARP(IP) "table=20, priority=150,arp,metadata=0x4d,arp_spa=" IP \
    ",arp_tpa=" IP ",arp_op=1"

static void
check_garp(const struct model_host *h, bool guarded)
{
    static const char *const keys[] = { GARP("10.0.0.1"), GARP("10.0.0.2") };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *actions = model_actions(h, keys[i]);

        assert_int_equal(guarded, actions != NULL);
        if (actions) {
            assert_string_equal(actions, "drop because gratuitous-arp");
        }
    }
}

static void
test_gratuitous_arp_guard(void **state OVS_UNUSED)
{
    static const char *const loose[] = {
        "endpoint b4 blue hv1 4 10.0.0.4 insecure\n",
        "endpoint b4 blue hv1 4 10.0.0.4 pair=10.0.0.0/24\n",
        "endpoint b4 blue hv1 4 10.0.0.4 pair=10.0.0.2\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(loose); i++) {
        char *list = xasprintf(HOSTS BLUE B1 B2 "%s", loose[i]);
        struct model_host *h = make_hv1_b1(list);

        check_garp(h, false);
        model_plug(h, "tap4", "b4", 8);
        check_garp(h, true);
        model_unplug(h, "tap4");
        check_garp(h, false);
        model_plug(h, "tap4", "b4", 8);
        model_list(h, HOSTS BLUE B1 B2 "endpoint b4 blue hv1 4 10.0.0.4\n");
        check_garp(h, false);
        model_list(h, list);
        check_garp(h, true);
        model_host_destroy(h);
        free(list);
    }
}

/* A pair of the VM's own link-local address adds nothing twice. */
static void
test_pair_of_link_local(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HOSTS BLUE B2 "endpoint b1 blue hv1 1 10.0.0.1 "
        "pair=fe80::ff:fe00:1 pair=10.0.0.1 pair=10.0.0.1\n");

    model_check_way(h, 77, "1", "port 5");
    model_list(h, HOSTS BLUE B2 "endpoint b1 blue hv1 1 fe80::ff:fe00:1 "
               "fe80::ff:fe00:1 pair=fe80::ff:fe00:1 pair=fe80::/10 "
               "pair=fe80::/10\n");
    model_check_way(h, 77, "1", "port 5");
    model_host_destroy(h);
}

/* What a VM may send from a MAC that several share (VRRP) is the same as from
 * its own, for IPv6 as well. */
static void
test_shared_mac_may_solicit(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HOSTS BLUE "endpoint b1 blue hv1 1 fd00::1 pair=fd00::9,9\n"
        "endpoint b2 blue hv2 2 fd00::2 pair=fd00::9,9\n");

    assert_string_equal(model_actions(h, "table=10, priority=100,ipv6,"
                                      "in_port=5,dl_src=02:00:00:00:00:09,"
                                      "ipv6_src=fd00::9"), "goto_table:11");
    assert_string_equal(model_actions(h, "table=11, priority=100,icmp6,"
                                      "in_port=5,dl_src=02:00:00:00:00:09,"
                                      "icmp_type=135,icmp_code=0,"
                                      "nd_sll=02:00:00:00:00:09"),
                        "goto_table:20");
    model_check_way(h, 77, "9", "unknown");
    model_host_destroy(h);
}

/* Segments. */

#define REPLICATING "segment blue 77 broadcast unknown\n"
#define HEAD_END "table=51, priority=100,metadata=0x4d"
#define ALL_LOCAL "table=61, priority=100,metadata=0x4d"

/* How many copies leave to peers: groups in the actions of table 51 that lead
 * somewhere. */
static size_t
count_copies(const struct model_host *h)
{
    const char *p = model_actions(h, HEAD_END);
    size_t n = 0;

    assert_non_null(p);
    for (; (p = strstr(p, "group:")); p++) {
        n += h->groups[atoi(p + strlen("group:"))].ofport != 0;
    }
    return n;
}

/* One copy to each peer that has an endpoint in the segment, one to each local
 * port. */
static void
test_replication_list(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HOSTS REPLICATING RED B1 B2 R1 R3
        "endpoint b4 blue hv1 4\nendpoint b5 blue hv2 5\n");

    model_plug(h, "tap4", "b4", 3);
    model_settle(h);
    assert_string_equal(model_actions(h, ALL_LOCAL), "output:3,output:5");
    assert_int_equal(count_copies(h), 1);

    relist(h, HOSTS REPLICATING B1 B2 B3 "endpoint b4 blue hv1 4\n"
           "endpoint b5 blue hv2 5\n");
    assert_int_equal(count_copies(h), 2);
    relist(h, HOSTS REPLICATING B1 B3 "endpoint b5 blue hv2 5\n");
    assert_string_equal(model_actions(h, ALL_LOCAL), "output:5");
    assert_int_equal(count_copies(h), 2);
    relist(h, HOSTS REPLICATING B1 B3);
    assert_int_equal(count_copies(h), 1);

    /* An ofport changes. */
    model_plug(h, "tap1", "b1", 9);
    assert_string_equal(model_actions(h, ALL_LOCAL), "output:9");
    relist(h, HOSTS BLUE B1 B3);
    assert_null(model_actions(h, ALL_LOCAL));
    assert_null(model_actions(h, HEAD_END));
    relist(h, HOSTS "segment blue 77 multicast\n" B1 B3);
    assert_non_null(model_actions(h, HEAD_END));
    model_unplug(h, "tap1");
    assert_null(model_actions(h, HEAD_END));
    assert_null(model_actions(h, "table=1, priority=100,tun_id=0x4d"));
    model_host_destroy(h);
}

/* One copy a peer, also while a change of the key mode moves the endpoints one
 * after the other from one group to another. */
static void
test_one_copy_while_changing(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 REPLICATING B1 B2
                                       "endpoint b5 blue hv2 5\n");

    h->settings.segment_key = true;
    model_configure(h);
    assert_int_equal(count_copies(h), 1);
    model_give_ports(h);
    assert_int_equal(count_copies(h), 1);

    /* A new endpoint there while the rest waits. */
    h->settings.segment_key = false;
    model_configure(h);
    model_wait(h, 100000);
    h->settings.segment_key = true;
    model_configure(h);
    model_list(h, HV1 HV2 REPLICATING B1 B2 "endpoint b5 blue hv2 5\n"
               "endpoint b6 blue hv2 6\n");
    model_check_way(h, 77, "2", TO_HV2);
    assert_int_equal(count_copies(h), 1);
    model_host_destroy(h);
}

/* A segment is live where an endpoint of it is plugged, also one that the
 * inventory places elsewhere; not by one that is not plugged. */
static void
test_live_segments(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B1 B2 B3);
    struct live_segment_info info;

    assert_false(overlay_segment_info(
                     inventory_find_segment(h->inventory, "blue"), &info));
    model_plug(h, "tap2", "b2", 6);
    assert_true(overlay_segment_info(
                    inventory_find_segment(h->inventory, "blue"), &info));
    assert_int_equal(info.n_plugged, 1);
    assert_int_equal(info.n_local, 0);
    assert_int_equal(info.n_peers, 2);
    model_check_way(h, 77, "1", "drop");
    model_settle(h);
    model_check_way(h, 77, "2", TO_HV2);
    model_unplug(h, "tap2");
    model_check_way(h, 77, "2", "unknown");
    assert_null(model_actions(h, "table=1, priority=100,tun_id=0x4d"));
    model_host_destroy(h);
}

/* A segment leaves the inventory and comes back while its endpoint is
 * plugged; the endpoint changes its segment. */
static void
test_segment_comes_and_goes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE RED B1 B2 R2);

    relist(h, HOSTS RED B1 B2 R2);
    model_check_way(h, 77, "1", "unknown");
    assert_false(sset_contains(&h->served, "tap1"));
    model_check_conflicts(h, "endpoint \"b1\": its segment \"blue\" is not",
                          "endpoint \"b2\": its segment \"blue\" is not",
                          NULL);
    relist(h, HOSTS BLUE RED B1 B2 R2);
    model_check_way(h, 77, "2", TO_HV2);
    relist(h, HOSTS BLUE RED "endpoint b1 red hv1 1\n" B2 R2);
    model_check_way(h, 77, "2", "unknown");
    model_check_way(h, 88, "1", "port 5");
    model_check_way(h, 88, "12", TO_HV2);
    assert_string_equal(model_actions(h, "table=0, priority=100,in_port=5"),
                        "set_field:0x58->metadata,set_field:0x58->tun_id,"
                        "goto_table:10");

    /* Its number changes, and it is forced. */
    relist(h, HOSTS BLUE "segment red 99 gre\n" "endpoint b1 red hv1 1\n" B2
           R2);
    model_check_way(h, 88, "1", "unknown");
    model_check_way(h, 2ULL << 32 | 99, "1", "port 5");
    model_check_way(h, 2ULL << 32 | 99, "12", "gre 192.0.2.1->192.0.2.2");
    model_host_destroy(h);
}

/* Restart. */

/* Rows that were there before: the one that is needed keeps its group, the
 * other goes after the linger time; both are classified meanwhile. */
static void
test_ports_from_before(void **state OVS_UNUSED)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);
    struct tunnel_port port = {
        .key = { .type = ENCAP_VXLAN, .local_ip = ip_from_text("192.0.2.1"),
                 .remote_ip = ip_from_text("192.0.2.2") },
        .name = "vx-1", .peer = "hv2", .group = 42, .ofport = 40000,
    };
    struct tunnel_port unneeded = port;

    unneeded.key.remote_ip = ip_from_text("192.0.2.9");
    unneeded.name = "vx-2";
    unneeded.peer = "hv9";
    unneeded.group = 7;
    unneeded.ofport = 40001;
    overlay_tunnel_port_changed(h->overlay, NULL, &port);
    overlay_tunnel_port_changed(h->overlay, NULL, &unneeded);
    model_run(h);
    model_run(h);
    assert_non_null(model_actions(h, "table=0, priority=100,in_port=40000"));
    assert_non_null(model_actions(h, "table=0, priority=100,in_port=40001"));
    assert_int_equal(overlay_next_time(h->overlay), h->now + 30000);

    model_list(h, HOSTS BLUE B1 B2 B3);
    model_plug(h, "tap1", "b1", 5);
    assert_true(h->groups[42].exists);
    assert_int_equal(h->groups[42].ofport, 40000);
    assert_string_equal(model_actions(h, "table=40, priority=100,metadata="
                                      "0x4d,dl_dst=02:00:00:00:00:02"),
                        "group:42");
    assert_int_equal(model_n_groups(h), 2);
    h->now += 30000;

    /* model_tunnel_unwanted() wants to know it. */
    struct model_tunnel *t = xzalloc(sizeof *t);
    t->key = unneeded.key;
    t->port = true;
    shash_add(&h->tunnels, "vxlan 192.0.2.1->192.0.2.9", t);
    model_run(h);
    assert_non_null(model_actions(h, "table=0, priority=100,in_port=40001"));
    overlay_tunnel_port_changed(h->overlay, &unneeded, NULL);
    model_run(h);
    assert_null(model_actions(h, "table=0, priority=100,in_port=40001"));
    assert_non_null(model_actions(h, "table=0, priority=100,in_port=40000"));
    model_host_destroy(h);
}

/* R30, R29: a tunnel's ofport changes, is lost for a while, comes back. */
static void
test_tunnel_ofport_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);
    struct model_tunnel *t = shash_find_data(&h->tunnels, TO_HV2);
    struct tunnel_port old = { .key = t->key, .name = TO_HV2, .peer = "hv2",
                               .group = t->group, .ofport = t->ofport };
    static const uint32_t ofports[] = { 40000, 0, 40001, 40000 };

    for (size_t i = 0; i < ARRAY_SIZE(ofports); i++) {
        struct tunnel_port new = old;

        new.ofport = t->ofport = ofports[i];
        overlay_tunnel_port_changed(h->overlay, &old, &new);
        model_run(h);
        model_check_way(h, 77, "2", ofports[i] ? TO_HV2 : "nowhere");
        assert_int_equal(!model_actions(h, "table=0, "
                                        "priority=100,in_port=40000"),
                         ofports[i] != 40000);
        old = new;
    }

    /* The row goes and comes back under another name. */
    struct tunnel_port other = old;
    other.name = "vx-other";
    other.ofport = t->ofport = 40005;
    overlay_tunnel_port_changed(h->overlay, &old, NULL);
    model_run(h);
    overlay_tunnel_port_changed(h->overlay, NULL, &other);
    model_run(h);
    model_check_way(h, 77, "2", TO_HV2);

    /* The other way round in one pass. */
    old = other;
    other.name = "vx-third";
    other.ofport = t->ofport = 40006;
    overlay_tunnel_port_changed(h->overlay, NULL, &other);
    overlay_tunnel_port_changed(h->overlay, &old, NULL);
    model_run(h);
    model_check_way(h, 77, "2", TO_HV2);
    model_host_destroy(h);
}

/* A port that was found stays while not everything is known, and until all that
 * has come to be known then was looked at, however short tunnels linger. */
static void
test_found_while_provisional(void **state OVS_UNUSED)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);
    const struct tunnel_port port = {
        .key = { .type = ENCAP_VXLAN, .local_ip = ip_from_text("192.0.2.1"),
                 .remote_ip = ip_from_text("192.0.2.2") },
        .name = "vx-1", .peer = "hv2", .group = 42, .ofport = 40000,
    };

    h->settings.linger = 0;
    model_configure(h);
    overlay_set_provisional(h->overlay, true);
    overlay_tunnel_port_changed(h->overlay, NULL, &port);
    model_list(h, HOSTS BLUE B1);
    model_plug(h, "tap1", "b1", 5);
    assert_true(overlay_next_time(h->overlay) == LLONG_MAX);

    /* The model would not know of a port that is not wanted any more. */
    overlay_set_provisional(h->overlay, false);
    model_list(h, HOSTS BLUE B1 B2);
    assert_int_equal(h->groups[42].ofport, 40000);
    model_host_destroy(h);
}

/* Whether a change has arrived. */

static void
put(struct model_host *h, const char *line)
{
    assert_int_equal(inventory_put(h->inventory, object_from_text(line),
                                   h->now), EVENT_APPLIED);
}

/* Which of the hosts (h), the segment (s) and its endpoints (b) are. */
static void
check_complete(const struct model_host *h, const char *expected)
{
    static const struct {
        enum object_kind kind;
        const char *id, *name;
    } objects[] = {
        { OBJECT_HOST, "hv1", "h1" }, { OBJECT_HOST, "hv2", "h2" },
        { OBJECT_HOST, "hv3", "h3" }, { OBJECT_SEGMENT, "blue", "s" },
        { OBJECT_ENDPOINT, "b1", "b1" }, { OBJECT_ENDPOINT, "b2", "b2" },
        { OBJECT_ENDPOINT, "b3", "b3" },
    };
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        if (overlay_is_complete(h->overlay, objects[i].kind, objects[i].id)) {
            ds_put_format(&s, "%s%s", s.length ? " " : "", objects[i].name);
        }
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}

#define ALL "h1 h2 h3 s b1 b2 b3"
#define ALL_BUT_B2 "h1 h2 h3 s b1 b3"
#define ALL_BUT_B3 "h1 h2 h3 s b1 b2"

/* The first endpoint here makes tunnels to all peers of the segment. */
static void
test_complete_first_endpoint(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B2 B3);

    check_complete(h, ALL);     /* Nothing is live here. */
    model_plug(h, "tap1", "b1", 5);
    check_complete(h, ALL);
    put(h, B1);
    check_complete(h, "b2 b3"); /* Nothing has been looked at. */
    model_run(h);
    check_complete(h, "");
    model_give_ports(h);
    check_complete(h, ALL);
    assert_true(overlay_is_complete(h->overlay, OBJECT_ENDPOINT, "none"));
    assert_true(overlay_is_complete(h->overlay, OBJECT_SEGMENT, "none"));
    assert_true(overlay_is_complete(h->overlay, OBJECT_HOST, "none"));
    assert_true(overlay_is_complete(h->overlay, OBJECT_ROUTER, "none"));
    model_host_destroy(h);
}

/* On a known peer, on a new one, moved to a new one, gone. */
static void
test_complete_remote_endpoint(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2);

    put(h, "endpoint b3 blue hv2 3");
    check_complete(h, "b2");
    model_run(h);
    check_complete(h, ALL);
    put(h, B3);
    model_run(h);
    check_complete(h, "h2 b2");
    model_give_ports(h);
    check_complete(h, ALL);

    /* It goes before the port comes: nobody waits for that. */
    put(h, "endpoint b2 blue hv4 2");
    put(h, "host hv4 vxlan=192.0.2.4");
    model_run(h);
    check_complete(h, "h2 h3 b3");
    assert_false(overlay_is_complete(h->overlay, OBJECT_HOST, "hv4"));
    inventory_delete(h->inventory, OBJECT_ENDPOINT, "b2", 0, h->now);
    assert_false(overlay_is_complete(h->overlay, OBJECT_ENDPOINT, "b2"));
    model_run(h);
    check_complete(h, ALL);
    assert_true(overlay_is_complete(h->overlay, OBJECT_HOST, "hv4"));
    model_host_destroy(h);
}

/* Work is done in portions. */
static void
test_complete_in_portions(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    put(h, "endpoint b3 blue hv2 3");
    assert_false(overlay_run(h->overlay, h->now, 0));
    check_complete(h, "h3 b2"); /* There is no hv3. */
    assert_true(overlay_run(h->overlay, h->now, 1));
    check_complete(h, ALL);
    model_host_destroy(h);
}

/* Even of endpoints that are of no use here, of which there may be many. */
static void
test_portions_of_the_useless(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 BLUE B1 B2);

    put(h, "segment red 78");
    put(h, "endpoint r1 red hv2 1");
    put(h, "endpoint r2 red hv2 2");
    put(h, "endpoint r3 red hv9 3");
    assert_false(overlay_run(h->overlay, h->now, 2));
    assert_true(overlay_run(h->overlay, h->now, 2));
    model_run(h);
    model_host_destroy(h);
}

/* A tunnel that is kept while a new one comes up is not the new state. */
static void
test_complete_while_changing(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2 B3);

    check_complete(h, ALL);
    put(h, "host hv2 vxlan=192.0.2.22");
    model_run(h);
    model_check_way(h, 77, "2", TO_HV2);
    check_complete(h, "h3 b3");
    model_give_ports(h);
    check_complete(h, ALL);

    put(h, "host hv1 gre=192.0.2.1");
    model_run(h);
    check_complete(h, "h2");    /* hv2 offers no GRE: there is no way. */
    model_give_ports(h);
    check_complete(h, ALL_BUT_B2);

    h->settings.segment_key = true;
    model_configure(h);
    model_check_way(h, 77, "3", "gre 192.0.2.1->192.0.2.3");
    assert_false(overlay_is_complete(h->overlay, OBJECT_ENDPOINT, "b3"));
    model_give_ports(h);
    check_complete(h, ALL_BUT_B2);
    model_host_destroy(h);
}

/* An endpoint with no way to it is not complete, but holds up nothing else;
 * nor is one that is not served. */
static void
test_complete_without_a_way(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HV1 HV2 "host hv3 geneve=192.0.2.3\n"
                                       BLUE B1 B2 B3);

    model_check_way(h, 77, "3", "nowhere");
    check_complete(h, ALL_BUT_B3);
    put(h, "host hv3");
    model_run(h);
    check_complete(h, ALL_BUT_B3);
    put(h, "endpoint b3 blue hv9 3");
    model_run(h);
    check_complete(h, ALL_BUT_B3);
    put(h, B3);
    put(h, HV3);
    model_run(h);
    check_complete(h, "h2 b2");
    model_give_ports(h);
    check_complete(h, ALL);
    model_host_destroy(h);
}

/* A port that Open vSwitch refuses is missing for its peer alone. */
static void
test_complete_with_a_refused_port(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 B2);

    put(h, B3);
    model_run(h);
    check_complete(h, "h2 b2");

    struct model_tunnel *t = shash_find_data(&h->tunnels, TO_HV3);
    struct tunnel_port port = { .key = t->key, .name = TO_HV3, .peer = "hv3",
                                .group = t->group, .error = "File exists" };
    overlay_tunnel_port_changed(h->overlay, NULL, &port);
    model_run(h);
    check_complete(h, "h1 h2 s b1 b2");
    overlay_tunnel_port_changed(h->overlay, &port, NULL);
    model_give_ports(h);
    check_complete(h, ALL);
    model_host_destroy(h);
}

/* What stands in packets. */

static void
check_owner(struct model_host *h, uint32_t ofport, const char *expected)
{
    struct overlay_port_owner owner;
    const char *id = "nobody";

    if (overlay_find_port(h->overlay, ofport, &owner)) {
        assert_true(!owner.endpoint != !owner.peer);
        id = owner.endpoint ? owner.endpoint->id : owner.peer->id;
    }
    assert_string_equal(id, expected);
}

static void
check_metadata(struct model_host *h, uint64_t metadata, const char *expected)
{
    const struct segment_node *s = overlay_find_metadata(h->overlay, metadata);

    assert_string_equal(s ? s->id : "none", expected);
}

static void
put_peer(const struct host_node *peer, uint32_t group, void *s)
{
    assert_true(group > 0);
    svec_add(s, peer->id);
}

static void
check_peers(struct model_host *h, const char *id, const char *expected)
{
    struct segment_node *s = inventory_ref_segment(h->inventory, id);
    struct svec peers = SVEC_EMPTY_INITIALIZER;
    char *text;

    overlay_for_each_peer(s, put_peer, &peers);
    svec_sort(&peers);
    text = svec_join(&peers, " ", "");
    assert_string_equal(text, expected);
    free(text);
    svec_destroy(&peers);
    inventory_unref_segment(h->inventory, s);
}

/* Whose a port is, which segment a number stands for, and who else is in
 * it. */
static void
test_find(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE RED B1 B2 B3 R1 R2);
    struct shash_node *node;

    check_owner(h, 5, "b1");
    check_owner(h, 6, "nobody");
    check_metadata(h, 77, "blue");
    check_metadata(h, 88, "none");
    check_metadata(h, segment_metadata(77, ENCAP_VXLAN), "none");
    check_peers(h, "blue", "hv2 hv3");
    check_peers(h, "red", "");
    SHASH_FOR_EACH (node, &h->tunnels) {
        const struct model_tunnel *t = node->data;

        check_owner(h, t->ofport, t->peer);
    }

    /* The number of one becomes another's, in one run. */
    model_plug(h, "tap2", "r1", 6);
    check_owner(h, 6, "r1");
    check_metadata(h, 88, "red");
    model_unplug(h, "tap1");
    model_plug(h, "tap2", "r1", 5);
    model_settle(h);
    check_owner(h, 5, "r1");
    check_owner(h, 6, "nobody");
    check_metadata(h, 77, "none");
    check_peers(h, "blue", "");
    check_peers(h, "red", "hv2");

    /* A forced encapsulation is part of the number. */
    relist(h, HOSTS "segment red 88 gre\n" R1 R2);
    check_metadata(h, 88, "none");
    check_metadata(h, segment_metadata(88, ENCAP_GRE), "red");
    model_host_destroy(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_r17_only_peers_of_live_segments),
        cmocka_unit_test(test_many_hosts),
        cmocka_unit_test(test_r02_host_under_new_id),
        cmocka_unit_test(test_r03_address_changes),
        cmocka_unit_test(test_r03_address_changes_twice),
        cmocka_unit_test(test_r03_address_taken_over),
        cmocka_unit_test(test_r07_two_hosts_with_one_address),
        cmocka_unit_test(test_own_address_elsewhere),
        cmocka_unit_test(test_r16_both_ends_choose_alike),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_no_tunnel_reported),
        cmocka_unit_test(test_forced_and_unforced),
        cmocka_unit_test(test_r16_offer_changes),
        cmocka_unit_test(test_r26_dst_port_changes),
        cmocka_unit_test(test_r01_host_gone),
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_linger_0),
        cmocka_unit_test(test_no_new_tunnel_without_need),
        cmocka_unit_test(test_r05_cycles),
        cmocka_unit_test(test_key_mode_changes),
        cmocka_unit_test(test_segment_mode_classify),
        cmocka_unit_test(test_r18_own_address_changes),
        cmocka_unit_test(test_bfd),
        cmocka_unit_test(test_host_id_changes),
        cmocka_unit_test(test_r69_endpoint_moves),
        cmocka_unit_test(test_plugged),
        cmocka_unit_test(test_attached_mac),
        cmocka_unit_test(test_plugged_twice),
        cmocka_unit_test(test_port_renamed),
        cmocka_unit_test(test_unknown_ports),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_r28_conflicts_resolve),
        cmocka_unit_test(test_number_chosen_early),
        cmocka_unit_test(test_number_taken_by_vm),
        cmocka_unit_test(test_found_while_provisional),
        cmocka_unit_test(test_number_kept_for_a_while),
        cmocka_unit_test(test_r76_mtu),
        cmocka_unit_test(test_gratuitous_arp_guard),
        cmocka_unit_test(test_pair_of_link_local),
        cmocka_unit_test(test_shared_mac_may_solicit),
        cmocka_unit_test(test_replication_list),
        cmocka_unit_test(test_one_copy_while_changing),
        cmocka_unit_test(test_live_segments),
        cmocka_unit_test(test_segment_comes_and_goes),
        cmocka_unit_test(test_ports_from_before),
        cmocka_unit_test(test_tunnel_ofport_changes),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_complete_first_endpoint),
        cmocka_unit_test(test_complete_remote_endpoint),
        cmocka_unit_test(test_complete_in_portions),
        cmocka_unit_test(test_portions_of_the_useless),
        cmocka_unit_test(test_complete_while_changing),
        cmocka_unit_test(test_complete_without_a_way),
        cmocka_unit_test(test_complete_with_a_refused_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
