/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/announce-service.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/holders.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "services/announcement.h"
#include "svec.h"
#include "tests/unit/inventory-text.h"
#include "tests/unit/model-host.h"
#include "util.h"

/* hv1 with a on port 5 and c on port 7; a, b and d may hold 10.0.0.9. */
#define LIST "host hv1 vxlan=192.0.2.1\nhost hv2 vxlan=192.0.2.2\n" \
    "host hv3 vxlan=192.0.2.3\nsegment blue 77\n" \
    "endpoint a blue hv1 1 10.0.0.1 pair=10.0.0.9\n" \
    "endpoint b blue hv2 2 10.0.0.2 pair=10.0.0.9\n" \
    "endpoint c blue hv1 3 10.0.0.3\n" \
    "endpoint d blue hv3 4 10.0.0.4 pair=10.0.0.9\n"
#define IP "10.0.0.9"

struct world {
    struct model_host *h;
    struct announce_service *service;
    struct svec sent;           /* "tells 10.0.0.9 2 -> ACTIONS". */
    long long int now;
    uint32_t hv2, hv3;          /* Tunnels' ports. */
};

static void
take_sent(void *world, const struct dp_packet *packet,
          const struct ofpbuf *actions)
{
    struct world *w = world;
    struct ofpact_format_params fp = { .s = NULL };
    struct ds s = DS_EMPTY_INITIALIZER;
    struct announcement a;

    assert_true(announcement_decode(dp_packet_data(packet),
                                    dp_packet_size(packet), &a));
    ds_put_cstr(&s, a.kind == ANNOUNCEMENT_TELLS ? "tells " : "asks ");
    ipv6_format_mapped(&a.ip, &s);
    if (a.kind == ANNOUNCEMENT_TELLS) {
        ds_put_format(&s, " %x", a.mac.ea[5]);
    }
    ds_put_cstr(&s, " -> ");
    fp.s = &s;
    ofpacts_format(actions->data, actions->size, &fp);
    svec_add_nocopy(&w->sent, ds_steal_cstr(&s));
}

static uint32_t
tunnel_port(const struct model_host *h, const char *ip)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &h->tunnels) {
        const struct model_tunnel *t = node->data;

        if (strstr(node->name, ip)) {
            return t->ofport;
        }
    }
    fail_msg("no tunnel to %s", ip);
    return 0;
}

static void
world_init(struct world *w)
{
    const struct announce_io io = { .aux = w, .send = take_sent };

    w->now = 1000000;
    svec_init(&w->sent);
    w->h = model_host_create("hv1", "192.0.2.1", NULL);
    model_list(w->h, LIST);
    model_plug(w->h, "tap1", "a", 5);
    model_plug(w->h, "tap3", "c", 7);
    model_settle(w->h);
    w->hv2 = tunnel_port(w->h, "192.0.2.2");
    w->hv3 = tunnel_port(w->h, "192.0.2.3");
    w->service = announce_service_create(w->h->overlay, &io);
}

static void
world_destroy(struct world *w)
{
    announce_service_destroy(w->service);
    model_host_destroy(w->h);
    svec_destroy(&w->sent);
}

/* What was sent since the last call, sorted; to both peers as "all". */
static void
check_sent(struct world *w, const char *expected)
{
    char *got, *both = xasprintf("group:%d,group:%d", 1, 2);
    char *reverse = xasprintf("group:%d,group:%d", 2, 1);
    struct ds s = DS_EMPTY_INITIALIZER;

    svec_sort(&w->sent);
    got = svec_join(&w->sent, "; ", "");
    for (char *p = got; *p; p++) {
        if (!strncmp(p, "set_field:0x4d->tun_id,", 23)) {
            p += 23;
            if (!strncmp(p, both, strlen(both))
                || !strncmp(p, reverse, strlen(reverse))) {
                ds_put_cstr(&s, "all");
                p += strlen(both);
            }
        }
        if (!*p) {
            break;
        }
        ds_put_char(&s, *p);
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
    free(got);
    free(both);
    free(reverse);
    svec_clear(&w->sent);
}

static enum punt_outcome
take(struct world *w, uint32_t port, enum announcement_kind kind,
     const char *mac)
{
    struct announcement a = {
        .kind = kind, .ip = ip_from_text(IP), .mac = mac_from_text(mac),
    };
    struct dp_packet packet;
    enum punt_outcome outcome;

    dp_packet_init(&packet, 0);
    announcement_encode(&a, &packet);
    struct punted_packet punted = {
        .kind = port < PUNT_PEERS_METER && port < 100 ? PUNT_ANNOUNCE
                                                      : PUNT_PEER_ANNOUNCE,
        .in_port = port, .metadata = 77, .data = dp_packet_data(&packet),
        .size = dp_packet_size(&packet),
    };
    outcome = announce_service_take(w->service, &punted, w->now, w->now);
    model_run(w->h);
    dp_packet_uninit(&packet);
    return outcome;
}

static enum punt_outcome
tell(struct world *w, uint32_t port, const char *mac)
{
    return take(w, port, ANNOUNCEMENT_TELLS, mac);
}

/* Lets time pass; whatever is due in it is done. */
static void
wait(struct world *w, long long int ms)
{
    long long int end = w->now + ms;

    for (;;) {
        announce_service_run(w->service, w->now);
        long long int next = announce_service_next_time(w->service);
        if (next > end) {
            break;
        }
        w->now = MAX(w->now, next);
    }
    w->now = end;
}

static void
check_holder(const struct world *w, const char *holder)
{
    struct in6_addr ip = ip_from_text(IP);
    const struct shared_address *sa = holders_find(
        overlay_holders(w->h->overlay),
        inventory_find_segment(w->h->inventory, "blue"), &ip);

    if (holder) {
        assert_string_equal(sa->holder, holder);
    } else {
        assert_null(sa->holder);
    }
}

#define TELLS(MAC, TO) "tells " IP " " MAC " -> " TO
#define ASKS "asks " IP " -> output:5; asks " IP " -> all"

/* A VM's announcement goes to the peers and to the other VMs here at once, a
 * peer's to the VMs here only. */
static void
test_told_at_once(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    assert_int_equal(tell(&w, 5, "1"), PUNT_ACCEPTED);
    check_holder(&w, "a");
    check_sent(&w, TELLS("1", "output:7") "; " TELLS("1", "all"));
    assert_int_equal(tell(&w, w.hv2, "2"), PUNT_ACCEPTED);
    check_holder(&w, "b");
    check_sent(&w, TELLS("2", "output:7,output:5"));
    world_destroy(&w);
}

/* From whom it cannot be it is not taken, nor is what is none. */
static void
test_refused(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    assert_int_equal(tell(&w, 7, "3"), PUNT_REFUSED);
    assert_int_equal(tell(&w, 5, "2"), PUNT_REFUSED);
    assert_int_equal(tell(&w, 6, "1"), PUNT_REFUSED);
    assert_int_equal(tell(&w, w.hv2, "4"), PUNT_REFUSED);
    assert_int_equal(tell(&w, w.hv3, "1"), PUNT_REFUSED);
    assert_int_equal(take(&w, 5, ANNOUNCEMENT_ASKS, "1"), PUNT_REFUSED);
    assert_int_equal(take(&w, w.hv2, ANNOUNCEMENT_ASKS, "2"), PUNT_REFUSED);

    struct punted_packet punted = {
        .kind = PUNT_ANNOUNCE, .in_port = 5, .metadata = 77, .data = "x",
        .size = 1,
    };
    assert_int_equal(announce_service_take(w.service, &punted, w.now, 1),
                     PUNT_MALFORMED);
    check_holder(&w, NULL);
    check_sent(&w, "");
    world_destroy(&w);
}

/* Who asks is answered, alone, if the holder is here. */
static void
test_answers(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    tell(&w, 5, "1");
    svec_clear(&w.sent);
    assert_int_equal(take(&w, w.hv2, ANNOUNCEMENT_ASKS, "7"), PUNT_ACCEPTED);
    assert_int_equal(w.sent.n, 1);
    assert_non_null(strstr(w.sent.names[0], TELLS("1", "set_field")));
    assert_null(strchr(strstr(w.sent.names[0], "group:") + 1, ','));
    svec_clear(&w.sent);
    tell(&w, w.hv2, "2");
    svec_clear(&w.sent);
    assert_int_equal(take(&w, w.hv3, ANNOUNCEMENT_ASKS, "7"), PUNT_REFUSED);
    check_sent(&w, "");
    world_destroy(&w);
}

/* While nobody is known, peers and the VMs here that may be it are asked, a
 * few times; the holder's host tells again and again. */
static void
test_asks_and_tells_again(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    wait(&w, 0);
    check_sent(&w, ASKS);
    wait(&w, 600000);
    assert_int_equal(w.sent.n, 2 * 5);
    svec_clear(&w.sent);

    tell(&w, 5, "1");
    svec_clear(&w.sent);
    wait(&w, 2000);
    check_sent(&w, TELLS("1", "all"));
    wait(&w, 40000);
    check_sent(&w, TELLS("1", "all"));

    tell(&w, w.hv2, "2");
    svec_clear(&w.sent);
    wait(&w, 600000);
    check_sent(&w, "");
    world_destroy(&w);
}

/* Who has lost an address that it announced just now is asked again, less and
 * less often; who held it for a while is not. */
static void
test_contest(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    tell(&w, 5, "1");
    wait(&w, 5000);
    tell(&w, w.hv2, "2");
    svec_clear(&w.sent);
    wait(&w, 3000);
    check_sent(&w, "");

    long long int last = 0;
    for (int i = 0; i < 4; i++) {
        tell(&w, 5, "1");
        w.now += 1;
        tell(&w, w.hv2, "2");
        svec_clear(&w.sent);

        long long int begin = w.now;
        while (!w.sent.n) {
            wait(&w, 10);
            assert_true(w.now - begin < 5000);
        }
        check_sent(&w, ASKS);
        assert_true(w.now - begin > last / 2);
        last = w.now - begin;
    }
    assert_true(last > 1000);
    world_destroy(&w);
}

/* Two that fight: the change is let through only so often. */
static void
test_fight(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 1000; i++) {
        tell(&w, 5, "1");
        tell(&w, w.hv2, "2");
        w.now += 1;
    }
    /* Each change is two: one loses it, another one gets it. */
    assert_in_range(overlay_holders(w.h->overlay)->seqno, 10, 2 * 12);
    svec_clear(&w.sent);
    wait(&w, 100);
    w.now += 10000;
    assert_int_equal(tell(&w, w.hv3, "4"), PUNT_ACCEPTED);
    check_holder(&w, "d");
    world_destroy(&w);
}

/* What is known is told only so often. */
static void
test_repetitions(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 1000; i++) {
        tell(&w, 5, "1");
    }
    assert_in_range(w.sent.n, 2, 2 * 30);
    world_destroy(&w);
}

/* A holder from before a restart is asked about, not told; if nobody says
 * otherwise, it is. */
static void
test_remembered(void **state OVS_UNUSED)
{
    struct in6_addr ip = ip_from_text(IP);
    struct world w;

    world_init(&w);
    announce_service_destroy(w.service);
    model_host_destroy(w.h);
    const struct announce_io io = { .aux = &w, .send = take_sent };
    w.h = model_host_create("hv1", "192.0.2.1", NULL);
    overlay_remember_holder(w.h->overlay, "blue", &ip, "a",
                            mac_from_text("1"), 1);
    overlay_set_provisional(w.h->overlay, true);
    model_plug(w.h, "tap1", "a", 5);
    model_list(w.h, LIST);
    overlay_set_provisional(w.h->overlay, false);
    model_settle(w.h);
    w.service = announce_service_create(w.h->overlay, &io);
    check_holder(&w, "a");
    wait(&w, 1000);
    for (size_t i = 0; i < w.sent.n; i++) {
        assert_memory_equal(w.sent.names[i], "asks", 4);
    }
    assert_int_equal(take(&w, w.hv2, ANNOUNCEMENT_ASKS, "7"), PUNT_REFUSED);
    wait(&w, 30000);
    assert_int_equal(take(&w, w.hv2, ANNOUNCEMENT_ASKS, "7"), PUNT_ACCEPTED);
    assert_memory_equal(w.sent.names[w.sent.n - 1], "tells", 5);
    world_destroy(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_at_once),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_asks_and_tells_again),
        cmocka_unit_test(test_contest),
        cmocka_unit_test(test_fight),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_remembered),
    };

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
