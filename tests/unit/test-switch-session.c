/* SPDX-License-Identifier: Apache-2.0 */

/* The switch session against a real ovs-vswitchd, through a relay.
 *
 * "Somebody else" is ovs-ofctl.  What the switch has is seen with another
 * session, which compares it with what should be there. */

#include <config.h>

#include "openflow/switch-session.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "byte-order.h"
#include "fatal-signal.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "tests/unit/openflow-relay.h"
#include "tests/unit/ovsdb-sandbox.h"
#include "timeval.h"
#include "util.h"

enum { TIMEOUT = 20000 };       /* ms, within which a condition comes true. */

/* A flow of its own table that the switch refuses: at once because there is no
 * such port, or when the bundle is applied because there is no such group. */
enum refused { NOT_REFUSED, BAD_PORT, BAD_GROUP };
#define PORT_THAT_CANNOT_BE 0xff10
#define GROUP_THAT_IS_NOT 77

struct fixture {
    struct ovsdb_sandbox sandbox;
    struct openflow_relay *relay;
    struct switch_session *session;
    char *direct, *relayed;     /* Targets. */

    /* What should be there. */
    size_t n_flows, n_groups;
    bool changed;               /* Flows lead elsewhere. */
    int n_ports;                /* More flows: for ports from 5 on. */
    bool keep;                  /* See switch_session_sync_end(). */
    enum refused refused;
    struct sync_result synced;  /* At the last time. */
    unsigned int n_syncs;
};

/* What should be there. */

static void
make_entry(struct flow_entry *e, uint8_t table, uint64_t metadata)
{
    *e = (struct flow_entry) {
        .table = table, .priority = 100, .cookie = FLOW_COOKIE_BASE,
    };
    match_init_catchall(&e->match);
    match_set_metadata(&e->match, htonll(metadata));
    ofpbuf_init(&e->actions, 64);
}

static void
give_refused(const struct fixture *f, flow_cb *cb, void *aux)
{
    struct flow_entry e;

    make_entry(&e, TABLE_FORWARD, 1);
    if (f->refused == BAD_PORT) {
        ofpact_put_OUTPUT(&e.actions)->port = u16_to_ofp(PORT_THAT_CANNOT_BE);
    } else {
        ofpact_put_GROUP(&e.actions)->group_id = GROUP_THAT_IS_NOT;
    }
    cb(&e, aux);
    ofpbuf_uninit(&e.actions);
}

static void
for_each_flow(const struct fixture *f, flow_cb *cb, void *aux)
{
    if (f->refused) {
        give_refused(f, cb, aux);
    }
    for (size_t i = 0; i < f->n_flows; i++) {
        struct flow_entry e;

        make_entry(&e, TABLE_DELIVER, i);
        if (f->n_groups && !(i % 2)) {
            ofpact_put_GROUP(&e.actions)->group_id = 1 + i % f->n_groups;
        } else {
            ofpact_put_OUTPUT(&e.actions)->port
                = u16_to_ofp(f->changed ? 8 : 9);
        }
        cb(&e, aux);
        ofpbuf_uninit(&e.actions);
    }
    for (int i = 0; i < f->n_ports; i++) {
        struct flow_entry e;

        make_entry(&e, TABLE_CLASSIFY, 0);
        match_init_catchall(&e.match);
        match_set_in_port(&e.match, u16_to_ofp(5 + i));
        cb(&e, aux);
        ofpbuf_uninit(&e.actions);
    }
}

/* What the agent does. */

static void
sync_flow(const struct flow_entry *e, void *session)
{
    switch_session_sync_flow(session, e);
}

static void
sync_with(const struct fixture *f, struct switch_session *session, bool keep,
          struct sync_result *result)
{
    switch_session_sync_begin(session);
    for (size_t i = 1; i <= f->n_groups; i++) {
        switch_session_sync_group(session, i, i);
    }
    for_each_flow(f, sync_flow, session);
    switch_session_sync_end(session, keep, result);
}

static void
repair_flow(const struct flow_entry *e, void *session)
{
    switch_session_repair_flow(session, e);
}

static void
repair(struct fixture *f)
{
    if (switch_session_repair_begin(f->session)) {
        for (size_t i = 1; i <= f->n_groups; i++) {
            switch_session_repair_group(f->session, i, i);
        }
        for_each_flow(f, repair_flow, f->session);
        switch_session_repair_end(f->session);
    }
}

static void
put_flow(const struct flow_entry *e, void *session)
{
    switch_session_flow(session, e, true);
}

static uint64_t
send_all(struct fixture *f)
{
    for (size_t i = 1; i <= f->n_groups; i++) {
        switch_session_group(f->session, i, i);
    }
    for_each_flow(f, put_flow, f->session);
    return switch_session_flush(f->session);
}

static void
pass(struct fixture *f)
{
    openflow_relay_wait(f->relay);
    switch_session_wait(f->session);
    poll_block();
    openflow_relay_run(f->relay);
    switch_session_run(f->session);
    if (switch_session_get_state(f->session) == SWITCH_READ) {
        sync_with(f, f->session, f->keep, &f->synced);
        f->n_syncs++;
        switch_session_flush(f->session);
    }
    repair(f);
}

static struct switch_session_status
status_of(const struct fixture *f)
{
    struct switch_session_status status;

    switch_session_get_status(f->session, &status);
    return status;
}

/* Runs until 'CONDITION' is true. */
#define wait_until(F, CONDITION)                                        \
    do {                                                                \
        long long int deadline_ = time_msec() + TIMEOUT;                \
        while (!(CONDITION)) {                                          \
            if (time_msec() >= deadline_) {                             \
                fail_msg("%s:%d: never: %s", __FILE__, __LINE__,        \
                         #CONDITION);                                   \
            }                                                           \
            poll_timer_wait_until(deadline_);                           \
            pass(F);                                                    \
        }                                                               \
    } while (0)

static bool
is_applied(const struct fixture *f, uint64_t bundle)
{
    return switch_session_get_state(f->session) == SWITCH_SYNCED
           && switch_session_applied(f->session) >= bundle;
}

static void
send_and_wait(struct fixture *f)
{
    uint64_t bundle = send_all(f);

    wait_until(f, is_applied(f, bundle));
}

/* Compares what the switch has with what should be there. */
static struct sync_result
look(const struct fixture *f)
{
    struct switch_session *observer = switch_session_create();
    long long int deadline = time_msec() + TIMEOUT;
    struct sync_result result;

    switch_session_set_target(observer, f->direct);
    for (;;) {
        switch_session_run(observer);
        if (switch_session_get_state(observer) == SWITCH_READ) {
            break;
        }
        assert_true(time_msec() < deadline);
        switch_session_wait(observer);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    sync_with(f, observer, false, &result);
    switch_session_destroy(observer);
    return result;
}

static bool
is_in_place(const struct fixture *f, size_t n_missing)
{
    struct sync_result r = look(f);

    return r.n_flows_added == n_missing && !r.n_flows_deleted
           && !r.n_groups_changed && !r.n_groups_deleted;
}

/* Waits until the session has nothing more to do and all is as it should. */
static void
wait_in_place(struct fixture *f)
{
    wait_until(f, is_applied(f, switch_session_flush(f->session)));
    assert_true(is_in_place(f, 0));
}

/* The fixture. */

static void
add_bridge(struct fixture *f)
{
    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br0 -- set bridge br0 "
                        "datapath_type=dummy fail_mode=secure");
}

static int
set_up(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);
    char *path, *relay;

    ovsdb_sandbox_init(&f->sandbox);
    add_bridge(f);
    ovsdb_sandbox_start_switch(&f->sandbox);
    path = xasprintf("%s/br0.mgmt", f->sandbox.dir);
    relay = xasprintf("%s/relay.mgmt", f->sandbox.dir);
    f->relay = openflow_relay_create(relay, path);
    f->direct = xasprintf("unix:%s", path);
    f->relayed = xasprintf("unix:%s", relay);
    f->session = switch_session_create();
    switch_session_set_target(f->session, f->relayed);
    free(path);
    free(relay);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    switch_session_destroy(f->session);
    openflow_relay_destroy(f->relay);
    ovsdb_sandbox_destroy(&f->sandbox);
    free(f->direct);
    free(f->relayed);
    free(f);
    return 0;
}

/* Begins with everything in place. */
static struct fixture *
begin(void **state, size_t n_flows, size_t n_groups)
{
    struct fixture *f = *state;

    f->n_flows = n_flows;
    f->n_groups = n_groups;
    wait_in_place(f);
    assert_int_equal(f->n_syncs, 1);
    return f;
}

/* Drift. */

#define somebody(F, FORMAT, ...) \
    ovsdb_sandbox_ofctl(&(F)->sandbox, FORMAT, (F)->direct, ##__VA_ARGS__)

static void
wait_repaired(struct fixture *f, uint64_t n_flows, uint64_t n_groups,
              const char *said)
{
    wait_until(f, status_of(f).drift.n_flow_repairs >= n_flows
                  && status_of(f).drift.n_group_repairs >= n_groups);
    wait_in_place(f);
    assert_int_equal(status_of(f).drift.n_flow_repairs, n_flows);
    assert_int_equal(status_of(f).drift.n_group_repairs, n_groups);
    if (!strstr(status_of(f).drift.last_repair, said)) {
        fail_msg("\"%s\" lacks \"%s\"", status_of(f).drift.last_repair, said);
    }
    /* Nothing else was read. */
    assert_int_equal(f->n_syncs, 1);
}

/* Whatever somebody does to a flow is undone, counted and said. */
static void
test_flow_drift(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    assert_true(status_of(f).watched);
    somebody(f, "add-flow %s table=5,priority=7,ip,actions=drop");
    wait_repaired(f, 1, 0, "added flow \"cookie=0, table=5, priority=7,ip\"; "
                  "deleted");
    somebody(f, "add-flow %s actions=normal");
    wait_repaired(f, 2, 0, "added flow \"cookie=0, table=0, \"");
    somebody(f, "--strict del-flows %s table=60,priority=100,metadata=3");
    wait_repaired(f, 3, 0, "deleted flow \"cookie=0x7674657000000000, table=60"
                  ", priority=100,metadata=0x3 actions=output:9\"; put back");
    somebody(f, "mod-flows %s table=60,metadata=5,actions=drop");
    wait_repaired(f, 4, 0, "changed flow \"cookie=0x7674657000000000, table=60"
                  ", priority=100,metadata=0x5 actions=output:9\"; put right");
    somebody(f, "add-flow %s cookie=7,table=60,priority=100,metadata=7,"
             "actions=output:9");
    wait_repaired(f, 5, 0, "metadata=0x7 ");
    /* As it should be, but for that it is going to vanish. */
    somebody(f, "add-flow %s cookie=0x7674657000000000,table=60,priority=100,"
             "hard_timeout=300,metadata=9,actions=output:9");
    wait_repaired(f, 6, 0, "metadata=0x9 ");
}

/* Flows that could not be more different from ours are found and deleted, too,
 * when the switch tells of them as well as when it is read. */
static void
test_strange_flows(void **state)
{
    static const char *const flows[] = {
        "tun_metadata0=0x1234,actions=drop",
        "tun_metadata0=0x10/0xf0,actions=drop",
        "conj_id=7,actions=drop",
        "priority=3,tcp,actions=conjunction(7,1/2)",
        "tcp,tcp_flags=+syn-ack,actions=ct(commit,nat(src=10.0.0.1))",
        "ip,ip_frag=later,actions=drop",
        "packet_type=(1,0x800),actions=drop",
        "dl_vlan=5,actions=learn(table=6,idle_timeout=9,"
        "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])",
        "priority=65535,actions=controller(userdata=01.02),normal",
        "priority=0,idle_timeout=1,actions=drop",
    };
    struct fixture *f = begin(state, 20, 2);

    somebody(f, "add-tlv-map %s {class=0xffff,type=0,len=4}->tun_metadata0");
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        somebody(f, "add-flow %s table=5,%s", flows[i]);
        wait_repaired(f, i + 1, 0, "somebody added flow \"cookie=0, table=5");
    }
    for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
        somebody(f, "add-flow %s table=5,%s", flows[i]);
    }
    switch_session_resync(f->session);
    wait_until(f, f->n_syncs == 2);
    wait_in_place(f);
}

/* What the switch does in a table of its own is none of our business. */
static void
test_hidden_table(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    ovsdb_sandbox_vsctl(&f->sandbox, "add-bond br0 bond0 p1 p2 "
                        "-- set port bond0 bond_mode=balance-tcp "
                        "-- set interface p1 type=dummy "
                        "-- set interface p2 type=dummy");
    somebody(f, "add-flow %s table=5,actions=drop");
    wait_repaired(f, 1, 0, "table=5");
    assert_int_equal(status_of(f).drift.n_refusals, 0);
}

/* What somebody changes to what it is needs no repair. */
static void
test_no_drift(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    somebody(f, "add-flow %s cookie=0x7674657000000000,table=60,priority=100,"
             "metadata=9,actions=output:9");
    somebody(f, "mod-group %s group_id=1,type=indirect,bucket=actions="
             "output:1");
    somebody(f, "add-flow %s table=5,actions=drop");
    wait_repaired(f, 1, 0, "table=5");
}

/* The same for groups, and for the flows that go with them. */
static void
test_group_drift(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    somebody(f, "mod-group %s group_id=1,type=indirect,bucket=actions=drop");
    wait_repaired(f, 0, 1, "changed group 1; put right");
    somebody(f, "add-group %s group_id=9,type=all");
    wait_repaired(f, 0, 2, "added group 9; deleted");
    somebody(f, "del-groups %s group_id=2");
    wait_repaired(f, 0, 3, "deleted group 2; put back");
    somebody(f, "del-groups %s group_id=1");
    wait_repaired(f, 10, 4, "");
    somebody(f, "del-groups %s");
    wait_repaired(f, 20, 6, "");
}

/* With a controller for the bridge, or without the last one, the switch throws
 * everything away, and tells of flows only. */
static void
test_flush(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    ovsdb_sandbox_vsctl(&f->sandbox, "set-controller br0 tcp:127.0.0.1:9");
    wait_repaired(f, 20, 2, "");
}

/* More than can be remembered: everything is compared. */
static void
test_much_drift(void **state)
{
    struct fixture *f = begin(state, 5000, 2);

    somebody(f, "del-flows %s");
    wait_until(f, status_of(f).drift.n_flow_repairs);
    wait_in_place(f);
    assert_int_equal(status_of(f).drift.n_flow_repairs, 5000);
    assert_int_equal(f->n_syncs, 2);
    assert_non_null(strstr(status_of(f).drift.last_repair,
                           " flows and 0 groups"));

    /* What changes in between is not forgotten. */
    somebody(f, "del-groups %s");
    pass(f);
    somebody(f, "add-flow %s table=5,actions=drop");
    somebody(f, "add-group %s group_id=9,type=all");
    wait_until(f, status_of(f).drift.n_group_repairs >= 3);
    wait_until(f, is_in_place(f, 0));
}

/* Changes of our own are not taken for somebody's. */
static void
test_own_changes(void **state)
{
    struct fixture *f = begin(state, 3000, 2);

    for (int i = 0; i < 3; i++) {
        f->changed = !f->changed;
        send_and_wait(f);
    }
    somebody(f, "add-flow %s table=5,actions=drop");
    wait_repaired(f, 1, 0, "table=5");
}

/* Refusals. */

/* One message that is refused is named, left out and tried again; everything
 * else goes in. */
static void
check_refused(struct fixture *f, enum refused refused, const char *said)
{
    f->refused = refused;
    f->changed = true;
    send_and_wait(f);
    assert_true(is_in_place(f, 1));
    assert_int_equal(f->n_syncs, 1);
    assert_int_equal(status_of(f).drift.n_refused, 1);
    if (!strstr(status_of(f).drift.last_refusal, said)) {
        fail_msg("\"%s\" lacks \"%s\"", status_of(f).drift.last_refusal, said);
    }

    /* Others are not held up while it is. */
    f->changed = false;
    send_and_wait(f);
    assert_true(is_in_place(f, 1));
    assert_int_equal(status_of(f).drift.n_refused, 1);

    /* It is tried again. */
    uint64_t n = status_of(f).drift.n_refusals;
    wait_until(f, status_of(f).drift.n_refusals > n);
    assert_int_equal(status_of(f).drift.n_refused, 1);
    assert_int_equal(status_of(f).drift.n_flow_repairs, 0);
}

static void
test_refused_at_once(void **state)
{
    struct fixture *f = begin(state, 500, 2);

    check_refused(f, BAD_PORT, "a flow of table 40 (OFPBAC_BAD_OUT_PORT)");
    assert_int_equal(f->n_syncs, 2);
}

static void
test_refused_when_applied(void **state)
{
    struct fixture *f = begin(state, 500, 2);

    check_refused(f, BAD_GROUP, "table=40, priority=100,metadata=0x1 actions="
                  "group:77\" (OFPBAC_BAD_OUT_GROUP)");
    assert_int_equal(f->n_syncs, 1);

    /* The cause goes away, and so does the trouble. */
    f->n_groups = GROUP_THAT_IS_NOT;
    send_and_wait(f);
    wait_until(f, !status_of(f).drift.n_refused);
    assert_true(is_in_place(f, 0));
}

/* What goes in one by one does so at once, even if nothing else happens: before
 * what is refused is tried again. */
static void
test_refused_at_rest(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    switch_session_set_target(f->session, f->direct);
    wait_until(f, f->n_syncs == 2);
    f->refused = BAD_GROUP;
    f->changed = true;
    send_and_wait(f);
    assert_true(is_in_place(f, 1));
    assert_int_equal(status_of(f).drift.n_refusals, 1);
}

/* What is not wanted any more is not refused any more either, even if it is a
 * comparison that finds nothing to send. */
static void
test_refused_before_resync(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    f->refused = BAD_GROUP;
    send_and_wait(f);
    assert_int_equal(status_of(f).drift.n_refused, 1);
    f->refused = NOT_REFUSED;
    switch_session_resync(f->session);
    wait_until(f, f->n_syncs == 2);
    assert_int_equal(status_of(f).drift.n_refused, 0);
}

/* The same when everything is compared. */
static void
test_refused_at_connect(void **state)
{
    struct fixture *f = *state;

    f->refused = BAD_GROUP;
    f->n_flows = 500;
    f->n_groups = 2;
    wait_until(f, is_applied(f, 1));
    assert_true(is_in_place(f, 1));
    assert_int_equal(status_of(f).drift.n_refused, 1);
}

/* A bundle that follows one that is refused loses nothing, whatever order they
 * are answered in. */
static void
test_refused_among_others(void **state)
{
    struct fixture *f = begin(state, 500, 2);

    f->refused = BAD_GROUP;
    f->changed = true;
    send_all(f);
    f->n_flows = 3000;
    send_all(f);
    f->changed = false;
    send_and_wait(f);
    assert_true(is_in_place(f, 1));
    assert_int_equal(f->n_syncs, 1);
}

/* A full table takes what it can, and the rest when it can. */
static void
test_table_full(void **state)
{
    struct fixture *f = begin(state, 20, 2);

    ovsdb_sandbox_vsctl(&f->sandbox, "-- --id=@t create Flow_Table "
                        "flow_limit=1500 overflow_policy=refuse "
                        "-- set bridge br0 flow_tables:60=@t");
    f->n_flows = 3000;
    send_and_wait(f);
    wait_until(f, is_in_place(f, 1500));
    assert_true(status_of(f).drift.n_refused > 0);
    assert_true(status_of(f).drift.n_refusals >= 1500);
    assert_non_null(strstr(status_of(f).drift.last_refusal,
                           "OFPFMFC_TABLE_FULL"));

    ovsdb_sandbox_vsctl(&f->sandbox, "clear bridge br0 flow_tables");
    wait_until(f, !status_of(f).drift.n_refused && is_in_place(f, 0));
}

/* Not everything is known. */

/* What is ours stays, unless its port is another VM's by now. */
static void
test_kept(void **state)
{
    struct fixture *f = *state;
    struct sync_result r;

    f->n_flows = 20;
    f->n_groups = 2;
    f->n_ports = 1;
    f->keep = true;
    switch_session_set_target(f->session, NULL);
    wait_until(f, (poll_timer_wait(10),
                   !access(f->direct + strlen("unix:"), F_OK)));
    somebody(f, "add-flow %s cookie=0x7674657000000000,table=40,metadata=99,"
             "actions=output:7");
    somebody(f, "add-flow %s cookie=0x7674657000000000,table=10,in_port=6,"
             "actions=goto_table:20");
    somebody(f, "add-flow %s cookie=0x7674657000000000,table=10,in_port=5,"
             "actions=goto_table:20");
    somebody(f, "add-flow %s cookie=1,table=40,metadata=98,actions=output:7");
    somebody(f, "-O OpenFlow15 add-group %s "
             "group_id=9,type=indirect,bucket=output:7");
    switch_session_set_target(f->session, f->relayed);
    wait_until(f, f->n_syncs);
    wait_until(f, is_applied(f, switch_session_flush(f->session)));
    assert_int_equal(f->synced.n_kept, 3);
    assert_int_equal(f->synced.n_flows_deleted, 2);
    assert_int_equal(f->synced.n_groups_deleted, 0);
    r = look(f);
    assert_int_equal(r.n_flows_added, 0);
    assert_int_equal(r.n_flows_deleted, 2);
    assert_int_equal(r.n_groups_deleted, 1);

    /* Repairs leave it alone, too. */
    somebody(f, "mod-group %s group_id=1,type=indirect,bucket=actions=drop");
    wait_until(f, status_of(f).drift.n_group_repairs);
    wait_until(f, is_applied(f, switch_session_flush(f->session)));
    r = look(f);
    assert_int_equal(r.n_groups_changed, 0);
    assert_int_equal(r.n_groups_deleted, 1);

    /* Another VM gets the port that one had. */
    f->n_ports = 2;
    send_and_wait(f);
    wait_until(f, is_applied(f, switch_session_flush(f->session)));
    r = look(f);
    assert_int_equal(r.n_flows_added, 0);
    assert_int_equal(r.n_flows_deleted, 1);
    assert_int_equal(r.n_groups_deleted, 1);

    /* Now it is. */
    f->keep = false;
    switch_session_resync(f->session);
    wait_until(f, f->n_syncs == 3);
    wait_in_place(f);
}

/* Accidents. */

/* The connection is cut after any part of a bundle. */
static void
test_cut_bundle(void **state)
{
    struct fixture *f = begin(state, 2000, 2);

    for (size_t n = 1; n < 150000; n = n * 4 + 7) {
        unsigned int n_syncs = f->n_syncs;

        f->changed = !f->changed;
        openflow_relay_cut_after(f->relay, n);
        send_all(f);
        wait_until(f, f->n_syncs > n_syncs);
        wait_in_place(f);
    }
}

/* A bundle is applied, but its answer is lost. */
static void
test_lost_answer(void **state)
{
    struct fixture *f = begin(state, 500, 2);
    uint64_t bundle;

    openflow_relay_lose_answers(f->relay);
    f->changed = true;
    bundle = send_all(f);
    wait_until(f, is_in_place(f, 0));
    assert_false(is_applied(f, bundle));
    openflow_relay_cut_after(f->relay, 0);
    wait_until(f, is_applied(f, bundle));
    assert_int_equal(f->n_syncs, 2);
    assert_int_equal(f->synced.n_flows_added, 0);
    assert_int_equal(f->synced.n_flows_deleted, 0);
}

/* ovs-vswitchd is killed while it has half of a bundle. */
static void
test_killed(void **state)
{
    struct fixture *f = begin(state, 5000, 2);

    kill(f->sandbox.switch_pid, SIGSTOP);
    f->changed = true;
    send_all(f);
    openflow_relay_run(f->relay);
    ovsdb_sandbox_stop_switch(&f->sandbox);
    ovsdb_sandbox_start_switch(&f->sandbox);
    wait_until(f, f->n_syncs == 2);
    wait_in_place(f);
    assert_int_equal(f->synced.n_flows_added, 5000);
}

/* The bridge is deleted and made again. */
static void
test_bridge_made_again(void **state)
{
    struct fixture *f = begin(state, 500, 2);

    ovsdb_sandbox_vsctl(&f->sandbox, "del-br br0");
    wait_until(f, switch_session_get_state(f->session)
                  == SWITCH_DISCONNECTED);
    add_bridge(f);
    wait_until(f, f->n_syncs == 2);
    wait_in_place(f);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
        TEST(test_flow_drift),
        TEST(test_strange_flows),
        TEST(test_hidden_table),
        TEST(test_no_drift),
        TEST(test_group_drift),
        TEST(test_flush),
        TEST(test_much_drift),
        TEST(test_own_changes),
        TEST(test_refused_at_once),
        TEST(test_refused_when_applied),
        TEST(test_refused_at_rest),
        TEST(test_refused_before_resync),
        TEST(test_refused_at_connect),
        TEST(test_refused_among_others),
        TEST(test_table_full),
        TEST(test_kept),
        TEST(test_cut_bundle),
        TEST(test_lost_answer),
        TEST(test_killed),
        TEST(test_bridge_made_again),
    };

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    if (getenv("VERBOSE")) {
        vlog_set_levels(NULL, VLF_CONSOLE, VLL_INFO);
    }
    if (getenv("TEST")) {
        cmocka_set_test_filter(getenv("TEST"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
