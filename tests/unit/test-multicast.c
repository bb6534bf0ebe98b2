/* SPDX-License-Identifier: Apache-2.0 */

/* Snooped multicast, from what is heard to flows, and what is asked and said
 * meanwhile. */

#include <config.h>
#include "ovs-json.h"

#include "agent/multicast-service.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/multicast-file.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "services/group-message.h"
#include "services/igmp.h"
#include "services/mld.h"
#include "tests/unit/group-text.h"
#include "tests/unit/inventory-text.h"
#include "tests/unit/model-host.h"
#include "util.h"

#define HOSTS "host hv1 vxlan=192.0.2.1\nhost hv2 vxlan=192.0.2.2\n" \
              "host hv3 vxlan=192.0.2.3\n"
#define BLUE "segment blue 77 snoop 10.0.0.0/24,10.0.0.254\n"
#define B1 "endpoint b1 blue hv1 1 10.0.0.1\n"
#define B2 "endpoint b2 blue hv2 2 10.0.0.2\n"
#define B3 "endpoint b3 blue hv1 3 10.0.0.3\n"
#define R3 "segment red 78 snoop\nendpoint r3 red hv3 4\n"

static struct multicast_service *service;
static struct svec sent;        /* "ACTIONS MESSAGE". */

static void
snooped(void *h OVS_UNUSED, struct segment_node *segment, bool yes)
{
    multicast_service_snooped(service, segment, yes);
}

static void
listeners(void *h OVS_UNUSED, const struct segment_node *segment,
          const struct in6_addr *group, bool any)
{
    multicast_service_listeners(service, segment, group, any);
}

static void
note_sent(const struct dp_packet *packet, const struct ofpbuf *actions,
          void *aux OVS_UNUSED)
{
    const struct eth_header *eth = dp_packet_data(packet);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpact_format_params fp = { .s = &s };
    char *text = group_describe(eth->eth_type == htons(ETH_TYPE_IP)
                                ? igmp_decode : mld_decode,
                                dp_packet_data(packet),
                                dp_packet_size(packet));

    ofpacts_format(actions->data, actions->size, &fp);
    ds_put_format(&s, ": %s", text);
    svec_add(&sent, ds_cstr(&s));
    ds_destroy(&s);
    free(text);
}

static void
run(struct model_host *h, long long int ms)
{
    h->now += ms;
    model_run(h);
    multicast_service_run(service, h->now);
}

/* A host with b1 on port 5, all tunnels up. */
static struct model_host *
create(const char *list)
{
    struct model_host *h = model_host_create("hv1", "192.0.2.1", NULL);

    svec_init(&sent);
    service = multicast_service_create(note_sent, NULL);
    h->sink.snooped = snooped;
    h->sink.listeners = listeners;
    model_list(h, list);
    model_plug(h, "tap1", "b1", 5);
    model_settle(h);
    return h;
}

static void
destroy(struct model_host *h)
{
    h->sink.snooped = NULL;
    h->sink.listeners = NULL;
    multicast_service_destroy(service);
    svec_destroy(&sent);
    model_host_destroy(h);
}

/* Asserts that this was sent since the last call, in any order. */
static void
check_sent(const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *line;
    size_t i;

    svec_sort(&sent);
    SVEC_FOR_EACH (i, line, &sent) {
        ds_put_format(&s, "%s\n", line);
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
    svec_clear(&sent);
}

/* Packets. */

static struct group_change
change(const char *text)
{
    return (struct group_change) {
        .group = ip_from_text(text + 1),
        .kind = *text == '+' ? GROUP_JOINED : GROUP_LEFT,
    };
}

/* "query" or a change, from a VM or (with the segment's metadata) a peer. */
static enum punt_outcome
hear(struct model_host *h, uint32_t port, uint64_t metadata, const char *text)
{
    bool mld = strchr(text, ':') != NULL;
    struct punted_packet punt = {
        .kind = (port < 0x8000 ? (mld ? PUNT_MLD : PUNT_IGMP)
                 : mld ? PUNT_PEER_MLD : PUNT_PEER_IGMP),
        .in_port = port, .metadata = metadata,
    };
    struct dp_packet packet;
    enum punt_outcome outcome;

    dp_packet_init(&packet, 0);
    if (!strcmp(text, "query")) {
        igmp_put_query(&packet, eth_addr_zero, 0, 100);
    } else {
        struct group_change c = change(text);

        if (mld) {
            mld_put_report(&packet, eth_addr_zero, &c, 1);
        } else {
            igmp_put_report(&packet, eth_addr_zero, 0, &c, 1);
        }
    }
    punt.data = dp_packet_data(&packet);
    punt.size = dp_packet_size(&packet);
    outcome = multicast_service_take(service, h->overlay, &punt, h->now);
    dp_packet_uninit(&packet);
    return outcome;
}

/* The port of the tunnel to 'peer'. */
static uint32_t
tunnel_port(const struct model_host *h, const char *peer)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &h->tunnels) {
        const struct model_tunnel *t = node->data;

        if (!strcmp(t->peer, peer)) {
            return t->ofport;
        }
    }
    return 0;
}

static void
check_actions(const struct model_host *h, const char *key,
              const char *expected)
{
    const char *actions = model_actions(h, key);

    if (expected) {
        assert_non_null(actions);
        assert_string_equal(actions, expected);
    } else {
        assert_null(actions);
    }
}

/* Flows. */

#define TO_GROUP "table=50, priority=90,ip,metadata=0x4d," \
                 "dl_dst=01:00:5e:01:02:03,nw_dst=239.129.2.3"
#define FROM_PEERS "table=60, priority=90,ip,metadata=0x4d," \
                   "dl_dst=01:00:5e:01:02:03,nw_dst=239.129.2.3"
#define TO_GROUP6 "table=50, priority=90,ipv6,metadata=0x4d," \
                  "dl_dst=33:33:00:02:00:03,ipv6_dst=ff15::1:2:3"

static void
check_punt(const struct model_host *h, const char *key, enum punt_kind kind,
           uint32_t meter)
{
    char *expected = xasprintf("userdata=%02x,", kind);
    char *id = xasprintf("meter_id=%"PRIu32")", meter);
    const char *actions = model_actions(h, key);

    assert_non_null(actions);
    assert_non_null(strstr(actions, expected));
    assert_non_null(strstr(actions, id));
    free(id);
    free(expected);
}

static void
test_flows(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1 B2 B3);
    uint32_t hv2 = tunnel_port(h, "hv2");

    model_plug(h, "tap3", "b3", 6);

    /* What is heard goes to the agent. */
    check_punt(h, "table=25, priority=100,ip,in_port=5,nw_proto=2", PUNT_IGMP,
               5);
    check_punt(h, "table=25, priority=100,icmp6,in_port=6,icmp_type=143",
               PUNT_MLD, 6);
    check_actions(h, "table=25, priority=100,icmp6,in_port=6,icmp_type=130",
                  "drop because query");
    check_punt(h, "table=60, priority=95,ip,metadata=0x4d,dl_dst=01:00:00:00:"
               "00:00/01:00:00:00:00:00,nw_proto=2", PUNT_PEER_IGMP, 0x8000);
    check_punt(h, "table=60, priority=95,icmp6,metadata=0x4d,dl_dst=01:00:00:"
               "00:00:00/01:00:00:00:00:00,icmp_type=130", PUNT_PEER_MLD,
               0x8000);

    /* Groups: members here, and members' peers. */
    check_actions(h, TO_GROUP, NULL);
    assert_int_equal(hear(h, 6, 77, "+239.129.2.3"), PUNT_ACCEPTED);
    model_run(h);
    check_actions(h, TO_GROUP, "output:6");
    check_actions(h, FROM_PEERS, "output:6");
    assert_int_equal(hear(h, hv2, 77, "+239.129.2.3"), PUNT_ACCEPTED);
    assert_int_equal(hear(h, hv2, 77, "+ff15::1:2:3"), PUNT_ACCEPTED);
    hear(h, 5, 77, "+239.129.2.3");
    model_run(h);
    check_actions(h, TO_GROUP, "output:5,output:6,group:1");
    check_actions(h, FROM_PEERS, "output:5,output:6");
    check_actions(h, TO_GROUP6, "group:1");

    /* A port that is not there, and comes back with another number. */
    model_unplug(h, "tap3");
    check_actions(h, TO_GROUP, "output:5,group:1");
    model_plug(h, "tap3", "b3", 7);
    check_actions(h, TO_GROUP, "output:5,output:7,group:1");

    /* Of a peer without an endpoint everything goes, and does not return. */
    model_list(h, HOSTS BLUE B1 B3);
    check_actions(h, TO_GROUP, "output:5,output:7");
    check_actions(h, TO_GROUP6, NULL);
    model_list(h, HOSTS BLUE B1 B2 B3);
    model_settle(h);
    check_actions(h, TO_GROUP, "output:5,output:7");

    /* The policy. */
    check_actions(h, "table=50, priority=55,ip,metadata=0x4d,dl_dst=01:00:00:"
                  "00:00:00/01:00:00:00:00:00", "drop because no-member");
    check_actions(h, "table=50, priority=70,ip,metadata=0x4d,dl_dst=01:00:00:"
                  "00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24",
                  "drop because broadcast");
    model_list(h, HOSTS "segment blue 77 multicast\n" B1 B2 B3);
    check_actions(h, TO_GROUP, NULL);
    check_actions(h, "table=25, priority=100,ip,in_port=5,nw_proto=2", NULL);
    model_list(h, HOSTS "segment blue 77 snoop broadcast\n" B1 B2 B3);
    check_actions(h, TO_GROUP, NULL);
    check_actions(h, "table=50, priority=70,ip,metadata=0x4d,dl_dst=01:00:00:"
                  "00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24",
                  "goto_table:51");
    destroy(h);
}

/* Who is believed. */

static void
test_strangers(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1 B2 R3);
    uint32_t hv2 = tunnel_port(h, "hv2");

    model_plug(h, "tapr", "r4", 8);
    assert_int_equal(hear(h, 9, 77, "+239.1.1.1"), PUNT_REFUSED);
    assert_int_equal(hear(h, 5, 77, "query"), PUNT_REFUSED);
    assert_int_equal(hear(h, hv2, 78, "+239.1.1.1"), PUNT_REFUSED);
    assert_int_equal(hear(h, hv2, 79, "+239.1.1.1"), PUNT_REFUSED);
    assert_int_equal(hear(h, hv2 + 9, 77, "+239.1.1.1"), PUNT_REFUSED);
    assert_int_equal(memberships_count(overlay_memberships(h->overlay)), 0);

    /* A peer speaks of its own segments: hv3 has nothing in blue. */
    model_list(h, HOSTS BLUE B1 B2 R3
               "endpoint r4 red hv1 5\nendpoint b9 blue hv3 9\n");
    model_settle(h);
    uint32_t hv3 = tunnel_port(h, "hv3");
    assert_int_equal(hear(h, hv3, 77, "+239.1.1.1"), PUNT_ACCEPTED);
    model_list(h, HOSTS BLUE B1 B2 R3 "endpoint r4 red hv1 5\n");
    assert_int_equal(hear(h, hv3, 77, "+239.1.1.1"), PUNT_REFUSED);
    assert_int_equal(hear(h, hv3, 78, "+239.1.1.1"), PUNT_ACCEPTED);
    assert_int_equal(hear(h, hv2, 78, "+239.1.1.1"), PUNT_REFUSED);
    destroy(h);
}

static void
test_malformed(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1);
    struct punted_packet punt = {
        .kind = PUNT_IGMP, .in_port = 5, .metadata = 77, .data = "x",
        .size = 1,
    };

    assert_int_equal(multicast_service_take(service, h->overlay, &punt, 0),
                     PUNT_MALFORMED);
    punt.kind = PUNT_MLD;
    assert_int_equal(multicast_service_take(service, h->overlay, &punt, 0),
                     PUNT_MALFORMED);
    destroy(h);
}

static void
test_limits(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1 B2);
    struct memberships *ms = overlay_memberships(h->overlay);

    for (int i = 0; i < MEMBERSHIPS_MAX_OWN + 50; i++) {
        char text[32];

        snprintf(text, sizeof text, "+239.1.1.%d", i);
        assert_int_equal(hear(h, 5, 77, text), PUNT_ACCEPTED);
    }
    assert_int_equal(memberships_count(ms), MEMBERSHIPS_MAX_OWN);
    assert_int_equal(memberships_find_segment(ms, "blue")->n_refused, 50);
    destroy(h);
}

/* What is asked. */

static void
test_queries(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1);

    /* At once, then at growing intervals. */
    run(h, 0);
    check_sent("output:5: v2 query\noutput:5: v3 query\n");
    for (int i = 0, gap = 1000; i < 12; i++, gap = MIN(gap * 2, 125000)) {
        run(h, gap - 1);
        check_sent("");
        run(h, 1);
        check_sent("output:5: v2 query\noutput:5: v3 query\n");
    }

    /* Anew for a port with another number. */
    model_plug(h, "tap1", "b1", 6);
    run(h, 0);
    check_sent("output:6: v2 query\noutput:6: v3 query\n");
    model_unplug(h, "tap1");
    run(h, 1000000);
    check_sent("");
    assert_true(multicast_service_next_time(service) == LLONG_MAX);
    destroy(h);
}

/* Peers are asked until they answer. */
static void
test_asking(void **state OVS_UNUSED)
{
    struct model_host *h = create(HOSTS BLUE B1 B2);
    uint32_t hv2 = tunnel_port(h, "hv2");
    const struct segment_node *blue
        = inventory_find_segment(h->inventory, "blue");
    struct multicast_status status;

    run(h, 0);
    check_sent("output:5: v2 query\noutput:5: v3 query\n"
               "set_field:0x4d->tun_id,group:1: v3 query\n");
    run(h, 199);
    check_sent("");
    run(h, 1);
    check_sent("set_field:0x4d->tun_id,group:1: v3 query\n");
    assert_true(multicast_service_get_status(service, blue, &status));
    assert_int_equal(status.n_peers, 1);
    assert_int_equal(status.n_silent, 1);
    assert_int_equal(status.querier, htonl(0x0a0000fe));

    hear(h, hv2, 77, "+ff15::1");       /* The answer has an IGMP report. */
    run(h, 400);
    check_sent("set_field:0x4d->tun_id,group:1: v3 query\n");
    hear(h, hv2, 77, "+239.1.1.1");
    multicast_service_get_status(service, blue, &status);
    assert_int_equal(status.n_silent, 0);
    run(h, 400);
    check_sent("output:5: v2 query\noutput:5: v3 query\n");
    run(h, 1900);
    check_sent("");

    /* Who asks is answered, also where there is nothing to say; at most once
     * a second. */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(hear(h, hv2, 77, "query"), PUNT_ACCEPTED);
        run(h, 0);
    }
    check_sent("set_field:0x4d->tun_id,group:1: v3\n");
    hear(h, 5, 77, "+239.1.1.2");
    hear(h, 5, 77, "+ff15::2");
    run(h, 100);
    svec_clear(&sent);
    run(h, 899);
    check_sent("");
    run(h, 1);
    check_sent("set_field:0x4d->tun_id,group:1: v2 +ff15::2\n"
               "set_field:0x4d->tun_id,group:1: v3 +239.1.1.2\n");
    destroy(h);
}

/* What is said. */

static struct model_host *
create_quiet(void)
{
    struct model_host *h = create(HOSTS BLUE B1 B2);

    run(h, 0);
    hear(h, tunnel_port(h, "hv2"), 77, "+239.9.9.9");
    for (int i = 0; i < 70; i++) {
        run(h, 1000);
    }
    svec_clear(&sent);
    return h;
}

static void
test_news(void **state OVS_UNUSED)
{
    struct model_host *h = create_quiet();

    /* The first at once, others together, each twice. */
    hear(h, 5, 77, "+239.1.1.1");
    run(h, 0);
    check_sent("set_field:0x4d->tun_id,group:1: v3 +239.1.1.1\n");
    hear(h, 5, 77, "-239.1.1.1");
    hear(h, 5, 77, "+ff15::1");
    run(h, 0);
    run(h, 99);
    check_sent("");
    run(h, 1);
    check_sent("set_field:0x4d->tun_id,group:1: v2 +ff15::1\n"
               "set_field:0x4d->tun_id,group:1: v3 -239.1.1.1\n");
    run(h, 999);
    check_sent("");
    run(h, 1);
    check_sent("set_field:0x4d->tun_id,group:1: v2 +ff15::1\n"
               "set_field:0x4d->tun_id,group:1: v3 -239.1.1.1\n");
    run(h, 10000);
    check_sent("");

    /* The VM that goes. */
    model_unplug(h, "tap1");
    run(h, 0);
    check_sent("");
    destroy(h);
}

/* A hundred joins in a burst are one report, and its repetition. */
static void
test_storm(void **state OVS_UNUSED)
{
    struct model_host *h = create_quiet();

    for (int i = 0; i < 100; i++) {
        char text[32];

        snprintf(text, sizeof text, "+239.1.%d.1", i);
        hear(h, 5, 77, text);
        run(h, 1);
    }
    run(h, 100);
    run(h, 2000);
    run(h, 2000);
    assert_in_range(sent.n, 3, 5);
    destroy(h);
}

/* More peers than one packet can go to. */
static void
test_many_peers(void **state OVS_UNUSED)
{
    struct ds list = DS_EMPTY_INITIALIZER;
    size_t n_packets = 0, n_outputs = 0;

    ds_put_cstr(&list, HOSTS BLUE B1);
    for (int i = 10; i < 1010; i++) {
        ds_put_format(&list, "host h%d vxlan=198.18.%d.%d\n"
                      "endpoint e%d blue h%d %x\n", i, i / 200, 1 + i % 200,
                      i, i, i);
    }
    struct model_host *h = create(ds_cstr(&list));
    run(h, 0);
    svec_clear(&sent);

    hear(h, 5, 77, "+239.1.1.1");
    run(h, 0);
    for (size_t i = 0; i < sent.n; i++) {
        const char *p = sent.names[i];

        if (strstr(p, "+239.1.1.1")) {
            size_t n = 0;

            assert_true(!strncmp(p, "set_field:0x4d->tun_id,", 23));
            while ((p = strstr(p, "group:")) != NULL) {
                p++;
                n++;
            }
            assert_in_range(n, 1, 500);
            n_outputs += n;
            n_packets++;
        }
    }
    assert_int_equal(n_outputs, 1000);
    assert_int_equal(n_packets, 2);
    destroy(h);
    ds_destroy(&list);
}

/* Everything is told every minute, to whoever missed it. */
static void
test_all(void **state OVS_UNUSED)
{
    struct model_host *h = create_quiet();
    size_t n = 0;

    hear(h, 5, 77, "+239.1.1.1");
    for (int i = 0; i < 5000; i++) {
        run(h, 100);
        for (size_t j = 0; j < sent.n; j++) {
            n += !strcmp(sent.names[j], "set_field:0x4d->tun_id,group:1: v3 "
                         "+239.1.1.1");
        }
        svec_clear(&sent);
        hear(h, 5, 77, "+239.1.1.1");
    }
    assert_in_range(n, 2 + 7, 2 + 9);
    destroy(h);
}

/* The file. */

static char *
to_text(struct memberships *ms)
{
    struct json *json = multicast_file_to_json(ms);
    char *text = json_to_string(json, JSSF_SORT);

    json_destroy(json);
    return text;
}

static void
ignore_change(const struct multicast_group *group OVS_UNUSED, void *aux OVS_UNUSED)
{
}

/* Asserts that of 'text', with ' for ", as much is taken as 'expected'. */
static void
check_file(const char *text, const char *expected)
{
    struct memberships *ms = memberships_create(ignore_change, NULL);
    char *quoted = xstrdup(text);

    for (char *p = quoted; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }

    struct json *json = json_from_string(quoted);
    multicast_file_from_json(json, ms, 0);
    json_destroy(json);
    free(quoted);

    char *got = to_text(ms);
    for (char *p = got; *p; p++) {
        *p = *p == '"' ? '\'' : *p;
    }
    assert_string_equal(got, expected);
    free(got);
    memberships_destroy(ms);
}

static void
test_file(void **state OVS_UNUSED)
{
    static const char *const whole[] = {
        "[]",
        "[{'endpoint':'b1','groups':['239.1.2.3'],'segment':'blue'}]",
        "[{'groups':['ff15::1:2:3'],'peer':'hv2','segment':'blue'}]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
        check_file(whole[i], whole[i]);
    }

    static const char *const strange[] = {
        "{}", "7", "'x'", "[7]", "[[]]", "[{}]",
        "[{'endpoint':'b1','groups':['239.1.2.3']}]",
        "[{'groups':['239.1.2.3'],'segment':'blue'}]",
        "[{'endpoint':7,'groups':['239.1.2.3'],'segment':'blue'}]",
        "[{'endpoint':'b 1','groups':['239.1.2.3'],'segment':'blue'}]",
        "[{'endpoint':'b1','groups':'239.1.2.3','segment':'blue'}]",
        "[{'endpoint':'b1','groups':[7,'','x','10.0.0.1','224.0.0.1',"
        "'ff02::1','fd00::1','239.1.2'],'segment':'blue'}]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
        check_file(strange[i], "[]");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flows),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_many_peers),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_file),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
