/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"

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

/* Three hosts.  Router r (MAC 1) joins blue, 77 (0x4d), and red, 88 (0x58);
 * green, 99, is in no router.  The last byte of a MAC is that of the
 * address. */
#define HOSTS "host hv1 vxlan=192.0.2.1\nhost hv2 vxlan=192.0.2.2\n" \
    "host hv3 vxlan=192.0.2.3\n"
#define BLUE "segment blue 77 10.0.1.0/24,10.0.1.1\n"
#define RED "segment red 88 10.0.2.0/24,10.0.2.1\n"
#define GREEN "segment green 99 10.0.3.0/24,10.0.3.1\n"
#define R "router r 1 blue red\n"
#define B1 "endpoint b1 blue hv1 11 10.0.1.17\n"
#define R1 "endpoint r1 red hv1 12 10.0.2.18\n"
#define R2 "endpoint r2 red hv2 22 10.0.2.34\n"
#define G3 "endpoint g3 green hv3 33 10.0.3.51\n"
#define ALL HOSTS BLUE RED GREEN B1 R2 G3

#define TO_HV2 "vxlan 192.0.2.1->192.0.2.2 peer=hv2"
#define TO_HV3 "vxlan 192.0.2.1->192.0.2.3 peer=hv3"

#define FROM_BLUE "table=30, priority=100,ip,metadata=0x4d," \
    "dl_dst=02:00:00:00:00:01"
#define FROM_RED "table=30, priority=100,ip,metadata=0x58," \
    "dl_dst=02:00:00:00:00:01"
#define TO_R2 "table=32, priority=100,ip,metadata=0x58,nw_dst=10.0.2.34"
#define DEFAULT "table=31, priority=100,ip,reg6=0,reg7=0x4d"
#define WHO_HAS(IP) "table=20, priority=100,arp,metadata=0x4d,arp_tpa=" IP \
    ",arp_op=1"
#define ROUTERS_MAC "set_field:0x20000000001->xreg1,goto_table:21"

static struct model_host *
make_hv1(const char *list)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    model_list(h, list);
    model_settle(h);
    return h;
}

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

static void
check_flow(const struct model_host *h, const char *key, const char *expected)
{
    const char *actions = model_actions(h, key);

    if (expected) {
        assert_non_null(actions);
        assert_string_equal(actions, expected);
    } else {
        assert_null(actions);
    }
}

static void
check_live(const struct model_host *h, const char *segment, bool expected)
{
    struct live_segment_info info;

    assert_int_equal(overlay_segment_info(
                         inventory_find_segment(h->inventory, segment), &info),
                     expected);
}

static size_t
n_live(const struct model_host *h)
{
    struct overlay_counts counts;

    overlay_get_counts(h->overlay, &counts);
    return counts.n_live_segments;
}

static void
put(struct model_host *h, const char *object)
{
    inventory_put(h->inventory, object_from_text(object), h->now);
    model_settle(h);
}

static void
delete_endpoint(struct model_host *h, const char *id)
{
    inventory_delete(h->inventory, OBJECT_ENDPOINT, id, 0, h->now);
    model_settle(h);
}

/* Liveness. */

/* The first plugged endpoint makes all segments of its router live, tunnels
 * follow; the last one ends that. */
static void
test_router_makes_live(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL R);
    size_t n_flows = shash_count(&h->flows);

    model_check_tunnels(h, "");
    check_live(h, "red", false);
    check_flow(h, FROM_BLUE, NULL);

    for (int i = 0; i < 2; i++) {
        model_plug(h, "tap1", "b1", 5);
        model_settle(h);
        check_live(h, "blue", true);
        check_live(h, "red", true);
        check_live(h, "green", false);
        assert_int_equal(n_live(h), 2);
        model_check_tunnels(h, TO_HV2);
        model_check_way(h, 88, "22", "vxlan 192.0.2.1->192.0.2.2");
        check_flow(h, FROM_BLUE, "set_field:0x4d->xreg3,goto_table:31");
        check_flow(h, TO_R2, "set_field:02:00:00:00:00:22->eth_dst,dec_ttl,"
                   "goto_table:40");

        model_unplug(h, "tap1");
        model_wait(h, 100000);
        check_live(h, "blue", false);
        check_live(h, "red", false);
        assert_int_equal(n_live(h), 0);
        model_check_tunnels(h, "");
        assert_int_equal(shash_count(&h->flows), n_flows);
    }
    model_host_destroy(h);
}

/* With one endpoint in each, both go on as long as either is there. */
static void
test_two_plugged(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(ALL R1 R);

    model_plug(h, "tap2", "r1", 6);
    model_settle(h);
    model_unplug(h, "tap1");
    model_settle(h);
    check_live(h, "blue", true);
    check_flow(h, FROM_RED, "set_field:0x4d->xreg3,goto_table:31");
    model_unplug(h, "tap2");
    model_settle(h);
    assert_int_equal(n_live(h), 0);
    check_flow(h, FROM_RED, NULL);
    model_host_destroy(h);
}

/* What routers join changes while endpoints are plugged. */
static void
test_membership_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(ALL);

    check_live(h, "red", false);
    relist(h, ALL R);
    check_live(h, "red", true);
    relist(h, ALL "router r 1 blue red green\n");
    check_live(h, "green", true);
    model_check_tunnels(h, TO_HV2 ", " TO_HV3);

    /* Red goes to another router, which has nothing plugged. */
    relist(h, ALL "router q 2 red\nrouter r 1 blue red green\n");
    check_live(h, "red", false);
    check_live(h, "green", true);
    check_flow(h, TO_R2, NULL);
    model_check_conflicts(h, "router \"r\": segment \"red\" belongs to router "
                          "\"q\", whose id is lower", NULL);

    /* And blue, with what is plugged. */
    relist(h, ALL "router q 2 red blue\nrouter r 1 blue red green\n");
    check_live(h, "red", true);
    check_live(h, "green", false);
    check_flow(h, FROM_BLUE, NULL);

    relist(h, ALL R);
    check_flow(h, FROM_BLUE, "set_field:0x4d->xreg3,goto_table:31");
    check_live(h, "red", true);

    relist(h, ALL);
    assert_int_equal(n_live(h), 1);
    check_flow(h, TO_R2, NULL);
    check_flow(h, FROM_BLUE, NULL);
    model_wait(h, 100000);
    model_check_tunnels(h, "");
    model_host_destroy(h);
}

/* Segments that come late, leave, or lose their VNI. */
static void
test_segments_come_and_go(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 R2 R);

    model_check_conflicts(h, "endpoint \"r2\": its segment \"red\" is not in",
                          "router \"r\": segment \"red\" is not in the "
                          "inventory; not joined", NULL);
    relist(h, HOSTS BLUE RED B1 R2 R);
    check_live(h, "red", true);
    model_check_conflicts(h, NULL);

    /* The router's key is the lowest 'metadata' of its segments. */
    relist(h, HOSTS BLUE "segment red 7 10.0.2.0/24,10.0.2.1\n" B1 R2 R);
    check_flow(h, FROM_BLUE, "set_field:0x7->xreg3,goto_table:31");
    check_flow(h, TO_R2, NULL);

    relist(h, HOSTS BLUE RED "segment a 88\n" B1 R2 R);
    check_live(h, "red", false);
    model_check_conflicts(h, "router \"r\": segment \"red\" is not served; "
                          "not joined",
                          "segment \"red\": its VNI 88 belongs to", NULL);
    relist(h, HOSTS BLUE B1 R2 R);
    check_live(h, "red", false);
    model_host_destroy(h);
}

/* A segment that is forced to an encapsulation needs tunnels of that type also
 * from hosts that have endpoints in its router's other segments only, if
 * anything is plugged into it here. */
static void
test_inbound_tunnels(void **state OVS_UNUSED)
{
#define BOTH "host hv1 vxlan=192.0.2.1 gre=192.0.2.1\n" \
    "host hv2 vxlan=192.0.2.2 gre=192.0.2.2\n"
#define GRE_RED "segment red 88 gre 10.0.2.0/24,10.0.2.1\n"
#define B2 "endpoint b2 blue hv2 21 10.0.1.33\n"
#define GRE_TO_HV2 "gre 192.0.2.1->192.0.2.2 peer=hv2"
    struct model_host *h = make_hv1(BOTH BLUE GRE_RED B1 R1 B2 R);

    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    model_check_tunnels(h, TO_HV2);
    model_plug(h, "tap2", "r1", 6);
    model_settle(h);
    model_check_tunnels(h, GRE_TO_HV2 ", " TO_HV2);

    /* Only as long as b2 is there, the router joins both, and r1 is plugged. */
    delete_endpoint(h, "b2");
    model_wait(h, 100000);
    model_check_tunnels(h, "");
    put(h, "endpoint b2 blue hv2 21 10.0.1.33");
    model_check_tunnels(h, GRE_TO_HV2 ", " TO_HV2);
    put(h, "router r 1 blue");
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2);
    put(h, "router r 1 red blue");
    model_check_tunnels(h, GRE_TO_HV2 ", " TO_HV2);
    put(h, "segment red 88 10.0.2.0/24,10.0.2.1");
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2);
    put(h, "segment red 88 gre 10.0.2.0/24,10.0.2.1");
    model_check_tunnels(h, GRE_TO_HV2 ", " TO_HV2);
    model_unplug(h, "tap2");
    model_wait(h, 100000);
    model_check_tunnels(h, TO_HV2);
    model_host_destroy(h);
}

/* So does every segment where each has tunnels of its own. */
static void
test_inbound_tunnels_of_segments(void **state OVS_UNUSED)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    h->settings.segment_key = true;
    model_configure(h);
    model_list(h, BOTH BLUE RED B1 R1 B2 R);
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
#define KEY(N, S) "vxlan 192.0.2.1->192.0.2.2 key=" N " peer=hv2 segment=" S
    model_check_tunnels(h, KEY("77", "blue"));
    model_plug(h, "tap2", "r1", 6);
    model_run(h);
    assert_false(overlay_is_complete(h->overlay, OBJECT_ENDPOINT, "r1"));
    model_settle(h);
    assert_true(overlay_is_complete(h->overlay, OBJECT_ENDPOINT, "r1"));
    model_check_tunnels(h, KEY("77", "blue") ", " KEY("88", "red"));
    model_host_destroy(h);
}

/* Conflicts. */

/* A router's addresses and MAC are its own, at any time. */
static void
test_router_owns_addresses(void **state OVS_UNUSED)
{
    static const char list[] = HOSTS BLUE RED B1
        "endpoint bad blue hv2 2 10.0.1.1\nendpoint mac blue hv2 1\n";
    static const char joined[] = HOSTS BLUE RED B1 R
        "endpoint bad blue hv2 2 10.0.1.1\nendpoint mac blue hv2 1\n";
    struct model_host *h = make_hv1_b1(list);

    for (int i = 0; i < 2; i++) {
        check_flow(h, WHO_HAS("10.0.1.1"),
                   "set_field:0x20000000002->xreg1,goto_table:21");
        model_check_way(h, 77, "1", "vxlan 192.0.2.1->192.0.2.2");
        model_check_conflicts(h, NULL);
        relist(h, joined);
        check_flow(h, WHO_HAS("10.0.1.1"), ROUTERS_MAC);
        model_check_way(h, 77, "1", "unknown");
        model_check_conflicts(
            h, "endpoint \"bad\": address 10.0.1.1 in segment \"blue\" is "
            "that of router \"r\"",
            "endpoint \"mac\": its MAC 02:00:00:00:00:01 in segment \"blue\" "
            "is that of router \"r\"; not served", NULL);
        relist(h, list);
    }
    model_host_destroy(h);
}

/* Overlapping subnets: the longest prefix is routed; of two that are equal
 * that of the lower id. */
static void
test_overlapping_subnets(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HOSTS BLUE B1 R "segment red 88 10.0.1.0/24,10.0.1.2 "
        "10.0.1.128/25,10.0.1.129\n");

    model_check_conflicts(h, "router \"r\": subnet 10.0.1.0/24 of segment "
                          "\"red\" is that of segment \"blue\"",
                          "router \"r\": subnet 10.0.1.128/25 of segment "
                          "\"red\" lies in 10.0.1.0/24 of segment \"blue\"",
                          NULL);
    check_flow(h, "table=31, priority=124,ip,reg6=0,reg7=0x4d,"
               "nw_dst=10.0.1.0/24",
               "set_field:0x4d->metadata,set_field:0x4d->tun_id,"
               "set_field:02:00:00:00:00:01->eth_src,goto_table:32");
    check_flow(h, "table=31, priority=125,ip,reg6=0,reg7=0x4d,"
               "nw_dst=10.0.1.128/25",
               "set_field:0x58->metadata,set_field:0x58->tun_id,"
               "set_field:02:00:00:00:00:01->eth_src,goto_table:32");
    model_host_destroy(h);
}

/* A subnet without a gateway is not routed. */
static void
test_no_gateway(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(HOSTS BLUE B1 R2 R
                                       "segment red 88 10.0.2.0/24\n");

    check_live(h, "red", true);
    check_flow(h, "table=31, priority=124,ip,reg6=0,reg7=0x4d,"
               "nw_dst=10.0.2.0/24", NULL);
    relist(h, HOSTS BLUE RED B1 R2 R);
    check_flow(h, "table=31, priority=124,ip,reg6=0,reg7=0x4d,"
               "nw_dst=10.0.2.0/24",
               "set_field:0x58->metadata,set_field:0x58->tun_id,"
               "set_field:02:00:00:00:00:01->eth_src,goto_table:32");
    model_host_destroy(h);
}

/* Routes. */

#define VIA "router r 1 blue red 0.0.0.0/0>10.0.2.99\n"
#define VIA_RED(MAC) "set_field:0x58->metadata,set_field:0x58->tun_id," \
    "set_field:02:00:00:00:00:01->eth_src," \
    "set_field:02:00:00:00:00:" MAC "->eth_dst,dec_ttl,goto_table:40"
#define UNRESOLVED "router \"r\": route 0.0.0.0/0 via 10.0.2.99 is not used: "

/* A route follows who has the address of its next hop. */
static void
test_route_resolved_again(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(ALL VIA);

    check_flow(h, DEFAULT, NULL);
    model_check_conflicts(h, UNRESOLVED "no endpoint in segment \"red\"",
                          NULL);
    put(h, "endpoint gw red hv2 44 10.0.2.99");
    check_flow(h, DEFAULT, VIA_RED("44"));
    model_check_conflicts(h, NULL);

    /* Another host: the same flow; another MAC, another endpoint. */
    put(h, "endpoint gw red hv3 44 10.0.2.99");
    check_flow(h, DEFAULT, VIA_RED("44"));
    model_check_way(h, 88, "44", "vxlan 192.0.2.1->192.0.2.3");
    put(h, "endpoint gw red hv3 45 10.0.2.99");
    check_flow(h, DEFAULT, VIA_RED("45"));
    put(h, "endpoint aa red hv3 46 pair=10.0.2.99");
    check_flow(h, DEFAULT, VIA_RED("45"));
    delete_endpoint(h, "gw");
    check_flow(h, DEFAULT, VIA_RED("46"));

    /* Rule 3: who loses its MAC loses its addresses. */
    put(h, "endpoint a red hv2 46");
    check_flow(h, DEFAULT, NULL);
    delete_endpoint(h, "a");
    check_flow(h, DEFAULT, VIA_RED("46"));
    put(h, "endpoint aa green hv3 46 10.0.2.99");
    check_flow(h, DEFAULT, NULL);
    model_check_conflicts(h, UNRESOLVED "no endpoint in segment \"red\"",
                          NULL);
    model_host_destroy(h);
}

/* Routes that cannot be obeyed, and why. */
static void
test_useless_routes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        ALL "router r 1 blue red 10.0.2.0/24>10.0.1.17 10.1.0.0/16>10.9.9.9 "
        "10.2.0.0/16>10.0.1.1 10.3.0.0/16>10.0.3.51\n");

    model_check_conflicts(
        h, "route 10.0.2.0/24 via 10.0.1.17 is not used: that is a subnet of "
        "segment \"red\"",
        "route 10.1.0.0/16 via 10.9.9.9 is not used: the next hop is in no "
        "subnet",
        "route 10.2.0.0/16 via 10.0.1.1 is not used: the next hop is the "
        "router itself",
        "route 10.3.0.0/16 via 10.0.3.51 is not used: the next hop is in no "
        "subnet", NULL);
    model_host_destroy(h);
}

/* The next hop is looked for in the longest subnet, among nested ones too, of
 * both families. */
static void
test_next_hop_in_longest_subnet(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(
        HOSTS B1 "segment blue 77 ::/0,fd00::1 10.0.0.0/8,10.0.0.1\n"
        "segment red 88 10.0.1.0/24,10.0.1.1 10.0.3.0/24,10.0.3.1 "
        "fd02::/64,fd02::1\n"
        "endpoint x blue hv2 2 10.0.2.2 fd01::2\n"
        "endpoint y red hv2 3 10.0.3.3 fd02::3\n"
        "router r 1 blue red 20.0.0.0/8>10.0.2.2 30.0.0.0/8>10.0.3.3 "
        "fc00::/16>fd01::2 fc01::/16>fd02::3\n");

#define TO(METADATA, MAC) "set_field:" METADATA "->metadata,set_field:" \
    METADATA "->tun_id,set_field:02:00:00:00:00:01->eth_src," \
    "set_field:02:00:00:00:00:" MAC "->eth_dst,dec_ttl,goto_table:40"
    check_flow(h, "table=31, priority=108,ip,reg6=0,reg7=0x4d,"
               "nw_dst=20.0.0.0/8", TO("0x4d", "02"));
    check_flow(h, "table=31, priority=108,ip,reg6=0,reg7=0x4d,"
               "nw_dst=30.0.0.0/8", TO("0x58", "03"));
    check_flow(h, "table=31, priority=116,ipv6,reg6=0,reg7=0x4d,"
               "ipv6_dst=fc00::/16", TO("0x4d", "02"));
    check_flow(h, "table=31, priority=116,ipv6,reg6=0,reg7=0x4d,"
               "ipv6_dst=fc01::/16", TO("0x58", "03"));
    model_host_destroy(h);
}

/* Cost. */

/* An endpoint in one of 1,000 segments of a router, or a change of one of
 * them, tells of no more than that. */
static void
test_cost_follows_change(void **state OVS_UNUSED)
{
    struct ds list = DS_EMPTY_INITIALIZER, router = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&list, HOSTS);
    ds_put_cstr(&router, "router r 1");
    for (int i = 0; i < 1000; i++) {
        ds_put_format(&list, "segment s%d %d 10.%d.%d.0/24,10.%d.%d.1\n"
                      "endpoint e%d s%d hv2 2 10.%d.%d.2\n", i, i + 1,
                      i >> 8, i & 255, i >> 8, i & 255, i, i, i >> 8, i & 255);
        ds_put_format(&router, " s%d", i);
    }
    ds_put_format(&list, "endpoint b1 s0 hv1 11 10.0.0.17\n%s",
                  ds_cstr(&router));

    struct model_host *h = make_hv1_b1(ds_cstr(&list));
    size_t before = h->n_told;

    assert_int_equal(n_live(h), 1000);
    put(h, "endpoint x s9 hv3 3 10.0.9.3");
    assert_in_range(h->n_told - before, 1, 8);
    before = h->n_told;
    put(h, "segment s9 10 10.0.9.0/24,10.0.9.9");
    assert_in_range(h->n_told - before, 1, 8);
    before = h->n_told;
    ds_put_cstr(&router, " 0.0.0.0/0>10.0.9.3");
    put(h, ds_cstr(&router));
    assert_in_range(h->n_told - before, 1, 2);
    model_host_destroy(h);
    ds_destroy(&list);
    ds_destroy(&router);
}

/* Has a change of a router arrived? */
static void
test_complete(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1_b1(ALL);

    assert_true(overlay_is_complete(h->overlay, OBJECT_ROUTER, "r"));
    inventory_put(h->inventory, object_from_text("router r 1 blue red"),
                  h->now);
    assert_false(overlay_is_complete(h->overlay, OBJECT_ROUTER, "r"));
    model_run(h);
    assert_false(overlay_is_complete(h->overlay, OBJECT_ROUTER, "r"));
    model_give_ports(h);
    assert_true(overlay_is_complete(h->overlay, OBJECT_ROUTER, "r"));
    model_host_destroy(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router_makes_live),
        cmocka_unit_test(test_two_plugged),
        cmocka_unit_test(test_membership_changes),
        cmocka_unit_test(test_segments_come_and_go),
        cmocka_unit_test(test_inbound_tunnels),
        cmocka_unit_test(test_inbound_tunnels_of_segments),
        cmocka_unit_test(test_router_owns_addresses),
        cmocka_unit_test(test_overlapping_subnets),
        cmocka_unit_test(test_no_gateway),
        cmocka_unit_test(test_route_resolved_again),
        cmocka_unit_test(test_useless_routes),
        cmocka_unit_test(test_next_hop_in_longest_subnet),
        cmocka_unit_test(test_cost_follows_change),
        cmocka_unit_test(test_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
