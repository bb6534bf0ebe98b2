/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/flow-drift.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "byte-order.h"
#include "openflow/installed-flows.h"
#include "openflow/repair-history.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/vlog.h"
#include "util.h"

/* Flow number 'i' outputs to port 'port', 0: drops. */
struct test_flow {
    struct flow_entry e;
    struct reported_flow reported;
};

static void
make_flow(struct test_flow *t, uint64_t i, uint16_t port)
{
    t->e = (struct flow_entry) {
        .table = i % 7, .priority = 100, .cookie = FLOW_COOKIE_BASE,
    };
    match_init_catchall(&t->e.match);
    match_set_metadata(&t->e.match, htonll(i));
    ofpbuf_init(&t->e.actions, 64);
    if (port) {
        ofpact_put_OUTPUT(&t->e.actions)->port = (OVS_FORCE ofp_port_t) port;
    }
    t->reported = (struct reported_flow) {
        .match = &t->e.match,
        .cookie = t->e.cookie,
        .actions = t->e.actions.data,
        .actions_len = t->e.actions.size,
        .priority = t->e.priority,
        .table = t->e.table,
    };
}

static void
tell(struct flow_drift *d, uint64_t i, uint16_t port, bool gone,
     long long int now)
{
    struct test_flow t;

    make_flow(&t, i, port);
    flow_drift_flow_changed(d, &t.reported, gone, now);
    ofpbuf_uninit(&t.e.actions);
}

static void
refuse(struct flow_drift *d, uint64_t i, long long int now)
{
    struct test_flow t;

    make_flow(&t, i, 1);
    flow_drift_flow_refused(d, &t.reported, "BAD", now);
    ofpbuf_uninit(&t.e.actions);
}

/* A repair where flows 0 to 'n' - 1 should be there and output to port 1.
 * Returns how many of them have to be sent, and how many deleted. */
struct repaired {
    size_t n_sent, n_deleted;
};

static void
count_deleted(const struct flow_entry *e OVS_UNUSED, void *r_)
{
    struct repaired *r = r_;

    r->n_deleted++;
}

static struct repaired
repair(struct flow_drift *d, size_t n, long long int now)
{
    struct repaired r = { 0, 0 };

    assert_int_equal(flow_drift_need(d, now - 1), DRIFT_NONE);
    assert_true(flow_drift_need(d, now) == DRIFT_REPAIR
                || flow_drift_need(d, now) == DRIFT_REPAIR_GROUPS);
    flow_drift_groups_read(d);
    flow_drift_repair_begin(d, true, now);
    for (size_t i = 0; i < n; i++) {
        struct test_flow t;

        make_flow(&t, i, 1);
        r.n_sent += flow_drift_repair_flow(d, &t.e);
        ofpbuf_uninit(&t.e.actions);
    }
    flow_drift_repair_end(d, count_deleted, &r, now);
    return r;
}

static void
assert_repaired(struct flow_drift *d, long long int now, size_t n_sent,
                size_t n_deleted)
{
    struct repaired r = repair(d, 20, now);

    assert_int_equal(r.n_sent, n_sent);
    assert_int_equal(r.n_deleted, n_deleted);
}

static struct flow_drift_status
status_at(const struct flow_drift *d, long long int now)
{
    struct flow_drift_status status;

    flow_drift_get_status(d, now, &status);
    return status;
}

static int
set_up(void **state)
{
    struct flow_drift *d = flow_drift_create();

    flow_drift_set_target(d, "br0");
    flow_drift_connected(d);
    *state = d;
    return 0;
}

static int
tear_down(void **state)
{
    flow_drift_destroy(*state);
    return 0;
}

/* Only what was told is looked at, all of it at once, and it is counted. */
static void
test_repair(void **state)
{
    struct flow_drift *d = *state;

    assert_int_equal(flow_drift_next(d), LLONG_MAX);
    tell(d, 3, 1, true, 1000);          /* Deleted. */
    tell(d, 4, 2, false, 1005);         /* Changed. */
    tell(d, 5, 1, false, 1005);         /* Changed to what it is. */
    tell(d, 99, 0, false, 1005);        /* Added. */
    tell(d, 98, 0, false, 1005);        /* Added and deleted. */
    tell(d, 98, 0, true, 1005);
    tell(d, 6, 1, true, 1005);          /* Deleted and put back. */
    tell(d, 6, 1, false, 1005);
    assert_int_equal(flow_drift_next(d), 1000 + REPAIR_COLLECT);
    assert_repaired(d, 1000 + REPAIR_COLLECT, 1, 0);
    assert_repaired(d, 1005 + REPAIR_COLLECT, 1, 1);
    assert_int_equal(flow_drift_next(d), LLONG_MAX);
    assert_int_equal(status_at(d, 2000).n_flow_repairs, 3);
    assert_int_equal(status_at(d, 2000).n_fights, 0);
}

/* What goes away may take groups with it. */
static void
test_groups(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000 + REPAIR_COLLECT;
    struct repaired r = { 0, 0 };

    tell(d, 4, 2, false, 1000);
    assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR);
    tell(d, 3, 1, true, 1000);
    assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR_GROUPS);

    flow_drift_repair_begin(d, true, now);
    assert_true(flow_drift_repair_group(d, 5, DRIFT_DELETED));
    assert_int_equal(status_at(d, now).n_group_repairs, 1);
    assert_string_equal(status_at(d, now).last_repair,
                        "somebody deleted group 5; put back");
    flow_drift_repair_end(d, count_deleted, &r, now);
}

/* What happens to groups after they were read and before they are put right is
 * not in what was read. */
static void
test_groups_changed_late(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000 + REPAIR_COLLECT;
    struct repaired r = { 0, 0 };

    flow_drift_groups_changed(d, 1000);
    assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR_GROUPS);
    flow_drift_groups_read(d);
    flow_drift_groups_changed(d, now);
    flow_drift_repair_begin(d, true, now);
    flow_drift_repair_end(d, count_deleted, &r, now);
    assert_int_equal(flow_drift_need(d, now), DRIFT_NONE);
    assert_int_equal(flow_drift_next(d), now + REPAIR_COLLECT);

    now += REPAIR_COLLECT;
    flow_drift_groups_read(d);
    flow_drift_repair_begin(d, true, now);
    flow_drift_repair_end(d, count_deleted, &r, now);
    assert_int_equal(flow_drift_next(d), LLONG_MAX);
}

/* Who changes one flow again and again has to wait; another one does not. */
static void
test_fight(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000;

    for (int i = 0; i < REPAIR_AT_ONCE; i++) {
        tell(d, 3, 2, false, now);
        now += REPAIR_COLLECT;
        assert_repaired(d, now, 1, 0);
    }
    tell(d, 3, 2, false, now);
    tell(d, 4, 2, false, now);
    assert_repaired(d, now + REPAIR_COLLECT, 1, 0);
    assert_int_equal(status_at(d, now).n_fights, 0);
    assert_repaired(d, now + REPAIR_WAIT_MIN, 1, 0);
    assert_int_equal(status_at(d, now + REPAIR_WAIT_MIN).n_fights, 1);
    assert_non_null(strstr(status_at(d, now).last_repair,
                           "this is the 4th time in a row"));
}

/* A group that is fought over is put right all the same when a flow is, which
 * may need it. */
static void
test_group_fight(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000;
    struct repaired r = { 0, 0 };

    for (int i = 0; i <= REPAIR_AT_ONCE; i++) {
        flow_drift_groups_changed(d, now);
        now += REPAIR_COLLECT;
        assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR_GROUPS);
        flow_drift_groups_read(d);
        flow_drift_repair_begin(d, true, now);
        assert_int_equal(flow_drift_repair_group(d, 5, DRIFT_CHANGED),
                         i < REPAIR_AT_ONCE);
        flow_drift_repair_end(d, count_deleted, &r, now);
    }
    assert_int_equal(flow_drift_need(d, now), DRIFT_NONE);
    assert_true(flow_drift_next(d) > now + REPAIR_WAIT_MIN / 2);
    tell(d, 4, 2, false, now);
    now += REPAIR_COLLECT;
    assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR_GROUPS);
    flow_drift_repair_begin(d, true, now);
    assert_true(flow_drift_repair_group(d, 5, DRIFT_CHANGED));
    flow_drift_repair_end(d, count_deleted, &r, now);
}

/* Too much, or what was not told: everything is read, once no more comes. */
static void
test_bound(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000;

    for (size_t i = 0; i < DRIFT_MAX; i++) {
        tell(d, i, 2, false, now);
    }
    assert_int_equal(flow_drift_need(d, now + REPAIR_COLLECT), DRIFT_REPAIR);
    tell(d, DRIFT_MAX, 2, false, now);
    assert_int_equal(flow_drift_need(d, now + REPAIR_COLLECT),
                     DRIFT_READ_ALL);
    tell(d, DRIFT_MAX, 2, false, now + 5);
    assert_int_equal(flow_drift_need(d, now + REPAIR_COLLECT), DRIFT_NONE);
    assert_int_equal(flow_drift_next(d), now + 5 + REPAIR_COLLECT);

    /* Not put off for ever. */
    for (int i = 0; i < 10 * DRIFT_COLLECT_MAX; i += 5) {
        tell(d, 3, 2, false, now + i);
    }
    assert_true(flow_drift_next(d) <= now + DRIFT_COLLECT_MAX
                                      + REPAIR_COLLECT);

    flow_drift_read_all(d);
    flow_drift_repaired_all(d, 1001, 2, now);
    assert_int_equal(flow_drift_next(d), LLONG_MAX);
    assert_int_equal(status_at(d, now).n_flow_repairs, 1001);
    assert_int_equal(status_at(d, now).n_group_repairs, 2);
    assert_string_equal(status_at(d, now).last_repair, "somebody changed 1001 "
                        "flows and 2 groups; put right");

    /* There is room again. */
    tell(d, 3, 2, false, now);
    assert_int_equal(flow_drift_need(d, flow_drift_next(d)), DRIFT_REPAIR);
}

/* While the switch does not tell, nothing is read: it would be too early. */
static void
test_pause(void **state)
{
    struct flow_drift *d = *state;

    tell(d, 3, 2, false, 1000);
    flow_drift_paused(d, true, 1000);
    assert_int_equal(flow_drift_need(d, 100000), DRIFT_NONE);
    assert_int_equal(flow_drift_next(d), LLONG_MAX);
    flow_drift_paused(d, false, 200000);
    assert_int_equal(flow_drift_need(d, flow_drift_next(d)), DRIFT_READ_ALL);

    flow_drift_paused(d, true, 200000);
    flow_drift_connected(d);            /* Once more. */
    assert_false(flow_drift_is_paused(d));
    assert_int_equal(flow_drift_next(d), LLONG_MAX);
}

/* What was missed while everything was read is not forgotten. */
static void
test_missed_while_reading(void **state)
{
    struct flow_drift *d = *state;

    flow_drift_missed(d, 1000);
    flow_drift_read_all(d);
    flow_drift_missed(d, 2000);
    flow_drift_repaired_all(d, 5, 0, 3000);
    assert_int_equal(flow_drift_need(d, 3000), DRIFT_READ_ALL);
}

/* What the switch refuses is tried again by itself, and does not count as
 * repaired. */
static void
test_refused(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000;

    refuse(d, 3, now);
    assert_int_equal(status_at(d, now).n_refused, 1);
    assert_int_equal(flow_drift_next(d), now + REPAIR_WAIT_MIN);
    now += REPAIR_WAIT_MIN;
    assert_repaired(d, now, 1, 0);
    flow_drift_sent(d, 8);
    refuse(d, 3, now);
    flow_drift_applied(d, 8);
    assert_int_equal(status_at(d, now).n_refused, 1);
    assert_int_equal(status_at(d, now).n_refusals, 2);
    now += 2 * REPAIR_WAIT_MIN;
    assert_repaired(d, now, 1, 0);
    flow_drift_sent(d, 9);
    flow_drift_applied(d, 9);
    assert_int_equal(status_at(d, now).n_refused, 0);
    assert_int_equal(status_at(d, now).n_flow_repairs, 0);
    assert_non_null(strstr(status_at(d, now).last_refusal,
                           "metadata=0x3 actions=output:1\" (BAD)"));

    /* And if it is not wanted any more, not at all. */
    refuse(d, 99, now);
    assert_repaired(d, now + REPAIR_WAIT_MIN, 0, 0);
    assert_int_equal(status_at(d, now).n_refused, 0);
}

/* However much is refused, only so much is remembered. */
static void
test_much_refused(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000;

    for (size_t i = 0; i < 3 * DRIFT_MAX; i++) {
        refuse(d, i, now);
    }
    for (uint32_t i = 0; i < DRIFT_MAX; i++) {
        flow_drift_group_refused(d, i, "BAD", now);
    }
    assert_int_equal(status_at(d, now).n_refused, DRIFT_MAX + 1);
    assert_int_equal(status_at(d, now).n_refusals, 4 * DRIFT_MAX);
    now += REPAIR_WAIT_MIN;
    assert_int_equal(flow_drift_need(d, now), DRIFT_READ_ALL);
    flow_drift_read_all(d);
    flow_drift_repaired_all(d, 3 * DRIFT_MAX, 0, now);
    flow_drift_sent(d, 3);
    flow_drift_applied(d, 3);
    assert_int_equal(status_at(d, now).n_refused, 0);
    assert_int_equal(status_at(d, now).n_flow_repairs, 0);
}

/* Ever other flows: however many, the walks for them take a tenth of the
 * time. */
static void
test_rest(void **state)
{
    struct flow_drift *d = *state;
    long long int now = 1000, walking = 0;

    for (int i = 0; i < 200; i++) {
        struct repaired r = { 0, 0 };
        int took = 20;

        tell(d, 1000 + i, 2, false, now);
        now = flow_drift_next(d);
        assert_int_equal(flow_drift_need(d, now), DRIFT_REPAIR);
        flow_drift_repair_begin(d, false, now);
        now += took;
        walking += took;
        flow_drift_repair_end(d, count_deleted, &r, now);
        assert_int_equal(r.n_deleted, 1);
    }
    assert_true(walking * DRIFT_REST <= now - 1000);

    /* After a long one it is not for long that nothing is repaired. */
    struct repaired r = { 0, 0 };
    tell(d, 1, 2, false, now);
    now = flow_drift_next(d);
    flow_drift_repair_begin(d, false, now);
    now += 3000;
    flow_drift_repair_end(d, count_deleted, &r, now);
    tell(d, 2, 2, false, now);
    assert_int_equal(flow_drift_next(d), now + DRIFT_REST_MAX);
    assert_int_equal(flow_drift_need(d, now + DRIFT_REST_MAX - 1),
                     DRIFT_NONE);
    assert_int_equal(flow_drift_need(d, now + DRIFT_REST_MAX), DRIFT_REPAIR);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
        TEST(test_repair),
        TEST(test_groups),
        TEST(test_groups_changed_late),
        TEST(test_fight),
        TEST(test_group_fight),
        TEST(test_bound),
        TEST(test_pause),
        TEST(test_missed_while_reading),
        TEST(test_refused),
        TEST(test_much_refused),
        TEST(test_rest),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
