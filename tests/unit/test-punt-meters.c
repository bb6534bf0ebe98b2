/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/punt-meters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/flow-builder.h"
#include "core/punt.h"
#include "openflow/openflow-1.3.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

#define OFP OFP15_VERSION

static int
set_up(void **state)
{
    struct punt_meters *m = xmalloc(sizeof *m);

    punt_meters_init(m);
    *state = m;
    return 0;
}

static int
tear_down(void **state)
{
    punt_meters_destroy(*state);
    free(*state);
    return 0;
}

/* Messages as text, "add 5", which are freed. */
static const char *
say(struct ofpbuf *message)
{
    static const char *const commands[] = { "add", "modify", "delete" };
    static char text[64];
    struct ofputil_meter_mod mod;
    struct ofpbuf bands;

    if (!message) {
        return "";
    }
    ofpbuf_init(&bands, 64);
    assert_int_equal(ofputil_decode_meter_mod(message->data, &mod, &bands), 0);
    if (mod.command != OFPMC13_DELETE) {
        struct punt_limit limit = punt_meter_limit(mod.meter.meter_id);

        assert_int_equal(mod.meter.flags, OFPMF13_PKTPS | OFPMF13_BURST);
        assert_int_equal(mod.meter.n_bands, 1);
        assert_int_equal(mod.meter.bands[0].type, OFPMBT13_DROP);
        assert_int_equal(mod.meter.bands[0].rate, limit.rate);
        assert_int_equal(mod.meter.bands[0].burst_size, limit.burst);
    }
    snprintf(text, sizeof text, "%s %u", commands[mod.command],
             mod.meter.meter_id);
    ofpbuf_uninit(&bands);
    ofpbuf_delete(message);
    return text;
}

#define check_want(M, ID, SAID) \
    assert_string_equal(say(punt_meters_want(M, ID, OFP)), SAID)
#define check_applied(M, NUMBER, SAID) \
    assert_string_equal(say(punt_meters_applied(M, NUMBER, OFP)), SAID)

/* What the switch says that it has: the meters of 'ids', each with this much
 * more than the rate that it should have. */
static void
read_meters(struct punt_meters *m, const uint32_t ids[], size_t n, int more)
{
    struct ofpbuf *request = ofputil_encode_meter_request(
        OFP, OFPUTIL_METER_CONFIG, OFPM13_ALL);
    struct ovs_list replies;
    struct ofpbuf *reply;

    ofpmp_init(&replies, request->data);
    for (size_t i = 0; i < n; i++) {
        struct punt_limit limit = punt_meter_limit(ids[i]);
        struct ofputil_meter_band band = {
            .type = OFPMBT13_DROP, .rate = limit.rate + more,
            .burst_size = limit.burst,
        };

        ofputil_append_meter_config(&replies, &(struct ofputil_meter_config) {
            .meter_id = ids[i], .flags = OFPMF13_PKTPS | OFPMF13_BURST,
            .n_bands = 1, .bands = &band,
        });
    }
    ofpbuf_delete(request);
    punt_meters_read_begin(m);
    LIST_FOR_EACH (reply, list_node, &replies) {
        ofpmsg_update_length(reply);

        /* As it comes from a connection. */
        struct ofpbuf *message = ofpbuf_clone_data(reply->data, reply->size);
        assert_true(punt_meters_read(m, message));
        ofpbuf_delete(message);
    }
    ofpbuf_list_delete(&replies);
}

/* All flows there are name 'meter', and are in bundle 'number'. */
static void
sync_with(struct punt_meters *m, uint32_t meter, const char *said,
          uint64_t number)
{
    punt_meters_sync_begin(m);
    check_want(m, meter, said);
    punt_meters_sync_end(m, false);
    punt_meters_sent(m, number);
}

static struct punt_meters_status
status_of(const struct punt_meters *m)
{
    struct punt_meters_status status;

    punt_meters_get_status(m, &status);
    return status;
}

/* Which meter a flow names. */
static void
test_of_flow(void **state OVS_UNUSED)
{
    struct flow_builder b;

    flow_builder_init(&b, NULL, NULL);
    flow_begin(&b, TABLE_SERVICES, 100);
    assert_int_equal(punt_meters_of_flow(&b.entry), 0);
    flow_put_output(&b, 7);
    assert_int_equal(punt_meters_of_flow(&b.entry), 0);
    flow_put_punt(&b, PUNT_TTL, punt_port_meter(5));
    assert_int_equal(punt_meters_of_flow(&b.entry), 5);
    flow_begin(&b, TABLE_DELIVER, 100);
    flow_put_punt(&b, PUNT_PEER_IGMP, PUNT_PEERS_METER);
    assert_int_equal(punt_meters_of_flow(&b.entry), PUNT_PEERS_METER);
    flow_builder_uninit(&b);
}

/* One that is wanted is added once, and goes after the flows of its port. */
static void
test_life(void **state)
{
    struct punt_meters *m = *state;

    check_want(m, 5, "add 5");
    check_want(m, 5, "");
    punt_meters_sent(m, 1);
    check_applied(m, 1, "");
    assert_false(punt_meters_is_suspect(m, 5));
    assert_int_equal(status_of(m).n_wanted, 1);

    punt_meters_port_changed(m, 5, false);
    check_applied(m, 1, "");
    punt_meters_sent(m, 2);
    check_applied(m, 1, "");
    check_applied(m, 2, "delete 5");
    check_applied(m, 2, "");
    assert_int_equal(status_of(m).n_wanted, 0);

    /* A port without a meter. */
    punt_meters_port_changed(m, 6, true);
    punt_meters_port_changed(m, 6, false);
    punt_meters_sent(m, 3);
    check_applied(m, 3, "");
}

/* A port that goes and comes, in any order and with or without the flows that
 * name its meter, keeps it. */
static void
test_port_comes_back(void **state)
{
    struct punt_meters *m = *state;

    check_want(m, 5, "add 5");
    punt_meters_sent(m, 1);
    for (int order = 0; order < 2; order++) {
        punt_meters_port_changed(m, 5, order);
        punt_meters_port_changed(m, 5, !order);
        punt_meters_sent(m, 2);
        check_applied(m, 2, "");
    }

    /* It was there once is not enough. */
    punt_meters_port_changed(m, 5, false);
    punt_meters_sent(m, 3);

    /* The same while it waits. */
    check_want(m, 5, "");
    punt_meters_sent(m, 4);
    check_applied(m, 4, "");
    punt_meters_port_changed(m, 5, false);
    check_want(m, 5, "");
    punt_meters_sent(m, 5);
    check_applied(m, 5, "");
}

/* The first tunnel's port has the number of the meter that all tunnels share:
 * when that tunnel goes, the meter stays. */
static void
test_tunnel_goes(void **state)
{
    struct punt_meters *m = *state;

    check_want(m, PUNT_PEERS_METER, "add 32768");
    punt_meters_sent(m, 1);
    punt_meters_port_changed(m, PUNT_PEERS_METER, false);
    punt_meters_sent(m, 2);
    check_applied(m, 2, "");
    assert_int_equal(status_of(m).n_wanted, 1);
}

/* What is there is adopted, put right, or deleted. */
static void
test_sync(void **state)
{
    struct punt_meters *m = *state;
    const uint32_t ids[] = { 5, 6, PUNT_PEERS_METER + 1, OFPM13_CONTROLLER };

    read_meters(m, ids, ARRAY_SIZE(ids), 0);
    sync_with(m, 5, "", 1);
    assert_false(punt_meters_is_suspect(m, 5));
    check_applied(m, 0, "");

    const char *first = say(punt_meters_applied(m, 1, OFP));
    bool six = !strcmp(first, "delete 6");
    assert_true(six || !strcmp(first, "delete 32769"));
    check_applied(m, 1, six ? "delete 32769" : "delete 6");
    check_applied(m, 1, "");

    read_meters(m, ids, 1, 1);
    sync_with(m, 5, "modify 5", 2);
    assert_false(punt_meters_is_suspect(m, 5));

    /* Others' flows may need those that look like ours. */
    read_meters(m, ids, ARRAY_SIZE(ids), 0);
    punt_meters_sync_begin(m);
    check_want(m, 5, "");
    punt_meters_sync_end(m, true);
    punt_meters_sent(m, 3);
    check_applied(m, 3, "delete 32769");
    check_applied(m, 3, "");

    /* Flows that come after the comparison want it still. */
    read_meters(m, ids, 2, 0);
    punt_meters_sync_begin(m);
    punt_meters_sync_end(m, false);
    check_want(m, 5, "");
    punt_meters_sent(m, 4);
    check_applied(m, 4, "delete 6");
    check_applied(m, 4, "");
}

/* Flows that name what was not there when they came are sent again, until a
 * bundle with them was applied. */
static void
test_suspect(void **state)
{
    struct punt_meters *m = *state;
    const uint32_t id = 5;

    read_meters(m, NULL, 0, 0);
    sync_with(m, 5, "add 5", 1);
    assert_true(punt_meters_is_suspect(m, 5));

    /* The bundle is lost. */
    read_meters(m, &id, 1, 0);
    assert_true(punt_meters_is_suspect(m, 5));
    sync_with(m, 5, "", 2);
    check_applied(m, 1, "");
    assert_true(punt_meters_is_suspect(m, 5));
    check_applied(m, 2, "");
    assert_false(punt_meters_is_suspect(m, 5));

    /* Somebody deletes it.  What is sent before all flows are told has not all
     * that name it, whatever else there is to do. */
    const struct ofputil_meter_mod deleted = {
        .command = OFPMC13_DELETE, .meter = { .meter_id = OFPM13_ALL },
    };
    assert_true(punt_meters_changed(m, &deleted));
    check_want(m, 5, "add 5");
    check_want(m, 6, "add 6");
    punt_meters_port_changed(m, 6, false);
    punt_meters_sent(m, 3);
    check_applied(m, 3, "delete 6");
    check_applied(m, 3, "");
    assert_true(punt_meters_is_suspect(m, 5));
    read_meters(m, &id, 1, 0);
    sync_with(m, 5, "", 4);
    check_applied(m, 4, "");
    assert_false(punt_meters_is_suspect(m, 5));

    /* Changed is not deleted. */
    const struct ofputil_meter_mod changed = {
        .command = OFPMC13_MODIFY, .meter = { .meter_id = 5 },
    };
    assert_true(punt_meters_changed(m, &changed));
    assert_false(punt_meters_is_suspect(m, 5));
    check_want(m, 5, "modify 5");

    const struct ofputil_meter_mod virtual = {
        .command = OFPMC13_ADD, .meter = { .meter_id = OFPM13_SLOWPATH },
    };
    assert_false(punt_meters_changed(m, &virtual));

    punt_meters_clear(m);
    assert_false(punt_meters_is_suspect(m, 5));
}

/* What the switch refuses is not tried again with every flow, but with every
 * comparison. */
static void
test_refused(void **state)
{
    struct punt_meters *m = *state;
    const struct ofputil_meter_mod mod = {
        .command = OFPMC13_ADD, .meter = { .meter_id = 5 },
    };

    check_want(m, 5, "add 5");
    punt_meters_sent(m, 1);
    punt_meters_refused(m, &mod);
    check_want(m, 5, "");
    assert_int_equal(status_of(m).n_wanted, 1);
    assert_int_equal(status_of(m).n_lacking, 1);
    read_meters(m, NULL, 0, 0);
    sync_with(m, 5, "add 5", 2);
    assert_int_equal(status_of(m).n_lacking, 0);
    punt_meters_refused(m, &mod);
    read_meters(m, NULL, 0, 0);
    sync_with(m, 5, "add 5", 2);

    /* Nor is it deleted. */
    punt_meters_refused(m, &mod);
    punt_meters_port_changed(m, 5, false);
    punt_meters_sent(m, 3);
    check_applied(m, 3, "");
    assert_int_equal(status_of(m).n_wanted, 0);
}

/* A datapath without meters is not asked for any. */
static void
test_unsupported(void **state)
{
    struct punt_meters *m = *state;
    struct ofpbuf *request = ofputil_encode_meter_request(
        OFP, OFPUTIL_METER_FEATURES, 0);
    struct ofpbuf *reply = ofputil_encode_meter_features_reply(
        &(struct ofputil_meter_features) { .max_meters = 0 }, request->data);

    ofpmsg_update_length(reply);
    punt_meters_read_features(m, reply->data);
    ofpbuf_delete(request);
    ofpbuf_delete(reply);
    assert_false(status_of(m).supported);
    read_meters(m, NULL, 0, 0);
    sync_with(m, 5, "", 1);
    assert_false(punt_meters_is_suspect(m, 5));
    assert_int_equal(status_of(m).n_lacking, 1);
    punt_meters_port_changed(m, 5, false);
    punt_meters_sent(m, 2);
    check_applied(m, 2, "");
}

/* All of ours go, whoever wants them, and nothing else. */
static void
test_withdraw(void **state)
{
    struct punt_meters *m = *state;
    const uint32_t ids[] = { 5, OFPM13_CONTROLLER, PUNT_PEERS_METER + 1 };

    read_meters(m, ids, ARRAY_SIZE(ids), 0);
    assert_string_equal(say(punt_meters_withdraw(m, OFP)), "delete 5");
    assert_string_equal(say(punt_meters_withdraw(m, OFP)), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
        TEST(test_of_flow),
        TEST(test_life),
        TEST(test_port_comes_back),
        TEST(test_tunnel_goes),
        TEST(test_sync),
        TEST(test_suspect),
        TEST(test_refused),
        TEST(test_unsupported),
        TEST(test_withdraw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
