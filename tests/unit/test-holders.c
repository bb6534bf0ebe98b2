/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/holders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/overlay.h"
#include "tests/unit/inventory-text.h"
#include "tests/unit/model-host.h"
#include "util.h"

/* hv1 with b1 plugged.  b1, b2 and b3 may hold 10.0.0.9 at their own MAC, b1
 * and b2 also 10.0.0.8 and 10.0.0.7 at the MAC 9 of a VRRP router. */
#define HOSTS "host hv1 vxlan=192.0.2.1\nhost hv2 vxlan=192.0.2.2\n" \
    "host hv3 vxlan=192.0.2.3\n"
#define BLUE "segment blue 77\n"
#define PAIRS " pair=10.0.0.9 pair=10.0.0.8,9 pair=10.0.0.7,9 pair=fd00::9\n"
#define B1 "endpoint b1 blue hv1 1 10.0.0.1" PAIRS
#define B2 "endpoint b2 blue hv2 2 10.0.0.2" PAIRS
#define B3 "endpoint b3 blue hv3 3 10.0.0.3 pair=10.0.0.9\n"
#define ALL HOSTS BLUE B1 B2 B3

#define TO_HV2 "vxlan 192.0.2.1->192.0.2.2"

static struct model_host *
make_hv1(const char *list)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    model_list(h, list);
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    return h;
}

/* 'by' is an endpoint or, as "@hv2", a host. */
static enum announce_result
try_announce(struct model_host *h, const char *by, const char *ip,
             const char *mac)
{
    struct in6_addr addr = ip_from_text(ip);
    struct announcer a = { .endpoint = NULL };

    if (*by == '@') {
        a.host = inventory_find_host(h->inventory, by + 1);
    } else {
        a.endpoint = inventory_find_endpoint(h->inventory, by);
    }
    return overlay_announce(h->overlay,
                            inventory_find_segment(h->inventory, "blue"),
                            &addr, mac_from_text(mac), &a, 1000);
}

static void
announce(struct model_host *h, const char *by, const char *ip,
         const char *mac)
{
    assert_int_equal(try_announce(h, by, ip, mac), ANNOUNCE_NEW);
    model_run(h);
    assert_int_equal(try_announce(h, by, ip, mac), ANNOUNCE_SAME);
    model_run(h);
}

static void
check_holder(const struct model_host *h, const char *ip, const char *holder)
{
    struct in6_addr addr = ip_from_text(ip);
    const struct shared_address *sa
        = holders_find(overlay_holders(h->overlay),
                       inventory_find_segment(h->inventory, "blue"), &addr);

    assert_non_null(sa);
    if (holder) {
        assert_non_null(sa->holder);
        assert_string_equal(sa->holder, holder);
    } else {
        assert_null(sa->holder);
    }
}

/* The MAC that an ARP request for 'ip' is answered with; NULL: it is not. */
static void
check_answer(const struct model_host *h, const char *ip, const char *mac)
{
    char *key = xasprintf("table=20, priority=100,arp,metadata=0x4d,"
                          "arp_tpa=%s,arp_op=1", ip);
    char *expected = xasprintf("set_field:0x200000000%s->xreg1,goto_table:21",
                               mac ? mac : "");
    const char *actions = model_actions(h, key);

    if (mac) {
        assert_non_null(actions);
        assert_string_equal(actions, expected);
    } else {
        assert_null(actions);
    }
    free(key);
    free(expected);
}

/* Until the first announcement a shared address is not answered for, then it
 * is its holder's, wherever that is. */
static void
test_last_one_holds(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL);

    check_holder(h, "10.0.0.9", NULL);
    check_answer(h, "10.0.0.9", NULL);
    assert_string_equal(
        model_actions(h, "table=20, priority=90,arp,metadata=0x4d,"
                      "arp_tpa=10.0.0.9,arp_op=1"),
        "drop because not-announced");

    announce(h, "b1", "10.0.0.9", "1");
    check_holder(h, "10.0.0.9", "b1");
    check_answer(h, "10.0.0.9", "01");
    announce(h, "@hv2", "10.0.0.9", "2");
    check_holder(h, "10.0.0.9", "b2");
    check_answer(h, "10.0.0.9", "02");
    announce(h, "@hv3", "10.0.0.9", "3");
    check_answer(h, "10.0.0.9", "03");
    announce(h, "b1", "10.0.0.9", "1");
    check_answer(h, "10.0.0.9", "01");
    model_host_destroy(h);
}

/* Only who may hold it, at the MAC of its pair, from where it is placed. */
static void
test_only_who_may(void **state OVS_UNUSED)
{
    static const struct {
        const char *by, *ip, *mac;
    } refused[] = {
        { "b1", "10.0.0.9", "2" },      /* Another's MAC. */
        { "b1", "10.0.0.9", "9" },      /* That of another pair. */
        { "b1", "10.0.0.8", "1" },      /* Not in this pair. */
        { "b1", "10.0.0.1", "1" },      /* Not shared. */
        { "b1", "10.0.0.66", "1" },     /* Nobody's. */
        { "b4", "10.0.0.9", "4" },      /* Not in its pairs... */
        { "b5", "10.0.0.9", "5" },      /* ...but in a prefix of these. */
        { "@hv2", "10.0.0.9", "1" },    /* Not placed there. */
        { "@hv2", "10.0.0.9", "3" },
        { "@hv3", "10.0.0.8", "9" },
        { "@hv1", "10.0.0.9", "6" },    /* b6 is not served. */
    };
    struct model_host *h = make_hv1(
        ALL "endpoint b4 blue hv1 4 10.0.0.4\n"
        "endpoint b5 blue hv1 5 10.0.0.5 pair=10.0.0.0/24\n"
        "endpoint b6 blue hv9 6 pair=10.0.0.9\n");

    model_plug(h, "tap4", "b4", 6);
    model_plug(h, "tap5", "b5", 7);
    model_settle(h);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        if (try_announce(h, refused[i].by, refused[i].ip, refused[i].mac)
            != ANNOUNCE_REFUSED) {
            fail_msg("%s announced %s at %s", refused[i].by, refused[i].ip,
                     refused[i].mac);
        }
    }
    check_holder(h, "10.0.0.9", NULL);
    model_host_destroy(h);
}

/* A MAC that several may have leads to the one that announced any address
 * with it last; before, to nobody. */
static void
test_shared_mac(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL);

    model_check_way(h, 77, "9", "unknown");
    announce(h, "b1", "10.0.0.8", "9");
    model_check_way(h, 77, "9", "port 5");
    check_answer(h, "10.0.0.8", "09");
    announce(h, "@hv2", "10.0.0.7", "9");
    model_check_way(h, 77, "9", TO_HV2);
    check_holder(h, "10.0.0.8", "b1");

    /* The same again: the MAC goes there, though no holder changes. */
    assert_int_equal(try_announce(h, "b1", "10.0.0.8", "9"), ANNOUNCE_SAME);
    model_run(h);
    model_check_way(h, 77, "9", "port 5");

    announce(h, "@hv2", "10.0.0.8", "9");
    model_check_way(h, 77, "9", TO_HV2);

    /* Its owner's, if there is one. */
    model_list(h, ALL "endpoint b9 blue hv3 9\n");
    model_check_way(h, 77, "9", "vxlan 192.0.2.1->192.0.2.3");
    model_list(h, ALL);
    model_check_way(h, 77, "9", TO_HV2);

    model_list(h, HOSTS BLUE B1 B3 "endpoint b2 blue hv2 2\n"
               "endpoint b4 blue hv2 4" PAIRS);
    model_check_way(h, 77, "9", "unknown");
    model_host_destroy(h);
}

/* A holder that is unplugged, deleted, or may not hold the address any more is
 * none, also if it comes back. */
static void
test_holder_goes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL);

    announce(h, "b1", "10.0.0.9", "1");
    model_unplug(h, "tap1");
    model_plug(h, "tap2", "b2", 6);     /* Not here: nothing is live. */
    model_plug(h, "tap1", "b1", 5);
    check_holder(h, "10.0.0.9", NULL);

    model_list(h, ALL "endpoint b4 blue hv1 4 10.0.0.4\n");
    model_plug(h, "tap4", "b4", 7);
    announce(h, "b1", "10.0.0.9", "1");
    model_unplug(h, "tap1");
    check_holder(h, "10.0.0.9", NULL);
    check_answer(h, "10.0.0.9", NULL);
    model_plug(h, "tap1", "b1", 5);
    check_answer(h, "10.0.0.9", NULL);

    announce(h, "@hv2", "10.0.0.9", "2");
    model_list(h, HOSTS BLUE B1 B3);
    check_holder(h, "10.0.0.9", NULL);
    model_list(h, ALL);
    check_answer(h, "10.0.0.9", NULL);

    announce(h, "@hv2", "10.0.0.9", "2");
    model_list(h, HOSTS BLUE B1 B3 "endpoint b2 blue hv2 2 pair=10.0.0.8\n");
    check_answer(h, "10.0.0.9", NULL);
    model_list(h, ALL);
    check_answer(h, "10.0.0.9", NULL);

    /* Not its MAC any more. */
    announce(h, "@hv2", "10.0.0.9", "2");
    model_list(h, HOSTS BLUE B1 B3 "endpoint b2 blue hv2 22" PAIRS);
    check_answer(h, "10.0.0.9", NULL);
    model_host_destroy(h);
}

/* It takes its addresses along to another host. */
static void
test_holder_moves(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL);

    announce(h, "@hv2", "10.0.0.8", "9");
    model_list(h, HOSTS BLUE B1 "endpoint b2 blue hv3 2" PAIRS B3);
    model_settle(h);
    check_holder(h, "10.0.0.8", "b2");
    model_check_way(h, 77, "9", "vxlan 192.0.2.1->192.0.2.3");
    assert_int_equal(try_announce(h, "@hv2", "10.0.0.8", "9"),
                     ANNOUNCE_REFUSED);
    model_host_destroy(h);
}

/* An address that is one endpoint's alone is always answered for. */
static void
test_alone(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(HOSTS BLUE B1);

    check_answer(h, "10.0.0.9", "01");
    model_check_way(h, 77, "9", "port 5");
    assert_int_equal(try_announce(h, "b1", "10.0.0.9", "1"),
                     ANNOUNCE_REFUSED);
    assert_int_equal(hmap_count(&overlay_holders(h->overlay)->addresses), 0);
    model_list(h, ALL);
    check_answer(h, "10.0.0.9", NULL);
    assert_int_equal(hmap_count(&overlay_holders(h->overlay)->addresses), 4);
    model_host_destroy(h);
}

static void
remember(struct model_host *h, const char *ip, const char *endpoint,
         const char *mac)
{
    struct in6_addr addr = ip_from_text(ip);

    overlay_remember_holder(h->overlay, "blue", &addr, endpoint,
                            mac_from_text(mac), 1000);
}

/* A router finds it where its holder is, as destination and as next hop. */
static void
check_routed(const struct model_host *h, const char *mac)
{
    static const char *const keys[] = {
        "table=32, priority=100,ip,metadata=0x4d,nw_dst=10.0.0.9",
        "table=31, priority=100,ip,reg6=0,reg7=0x4d",
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *actions = model_actions(h, keys[i]);

        if (mac) {
            char *set = xasprintf("set_field:02:00:00:00:00:%s->eth_dst", mac);

            assert_non_null(actions);
            assert_non_null(strstr(actions, set));
            free(set);
        } else {
            assert_null(actions);
        }
    }
}

static void
test_routed(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(
        HOSTS "segment blue 77 10.0.0.0/24,10.0.0.254\n" B1 B2 B3
        "router r fe blue 0.0.0.0/0>10.0.0.9\n");

    check_routed(h, NULL);
    announce(h, "@hv2", "10.0.0.9", "2");
    check_routed(h, "02");
    announce(h, "b1", "10.0.0.9", "1");
    check_routed(h, "01");
    model_unplug(h, "tap1");
    model_plug(h, "tap1", "b1", 5);
    check_routed(h, NULL);
    model_host_destroy(h);
}

/* Holders are remembered over a restart, as far as the inventory has nothing
 * against it; not before that is all known. */
static void
test_remembered(void **state OVS_UNUSED)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    remember(h, "10.0.0.9", "b2", "2");
    remember(h, "10.0.0.9", "b3", "3");         /* The first one counts. */
    remember(h, "10.0.0.8", "b1", "9");
    remember(h, "10.0.0.7", "b3", "9");         /* Not b3's to hold. */
    remember(h, "10.0.0.66", "b2", "2");        /* Not shared. */
    overlay_set_provisional(h->overlay, true);
    model_plug(h, "tap1", "b1", 5);
    model_list(h, HOSTS BLUE B1);
    model_settle(h);
    overlay_set_provisional(h->overlay, false);
    model_list(h, ALL);
    model_settle(h);
    check_answer(h, "10.0.0.9", "02");
    check_answer(h, "10.0.0.8", "09");
    model_check_way(h, 77, "9", "port 5");
    check_answer(h, "10.0.0.7", NULL);
    check_holder(h, "10.0.0.7", NULL);
    assert_int_equal(hmap_count(&overlay_holders(h->overlay)->addresses), 4);

    announce(h, "@hv3", "10.0.0.9", "3");
    check_answer(h, "10.0.0.9", "03");
    model_host_destroy(h);
}

/* Whoever looks at what has changed sees each once. */
static void
test_changes(void **state OVS_UNUSED)
{
    struct model_host *h = make_hv1(ALL);
    const struct shared_address *sa;

    for (int i = 0; i < 4; i++) {
        assert_non_null(overlay_next_changed_address(h->overlay));
    }
    assert_null(overlay_next_changed_address(h->overlay));
    announce(h, "@hv2", "10.0.0.9", "2");
    announce(h, "@hv3", "10.0.0.9", "3");
    sa = overlay_next_changed_address(h->overlay);
    assert_string_equal(sa->holder, "b3");
    assert_null(overlay_next_changed_address(h->overlay));

    /* What is gone is not told of. */
    announce(h, "@hv2", "10.0.0.9", "2");
    model_list(h, HOSTS BLUE "endpoint b1 blue hv1 1 10.0.0.1\n");
    assert_null(overlay_next_changed_address(h->overlay));
    model_host_destroy(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_one_holds),
        cmocka_unit_test(test_only_who_may),
        cmocka_unit_test(test_shared_mac),
        cmocka_unit_test(test_holder_goes),
        cmocka_unit_test(test_holder_moves),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_routed),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
