/* SPDX-License-Identifier: Apache-2.0 */

/* Packets to and from the agent, and their meters, on a real ovs-vswitchd with
 * dummy interfaces.  "Somebody else" is ovs-ofctl. */

#include <config.h>

#include "openflow/switch-session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "byte-order.h"
#include "core/flow-builder.h"
#include "dp-packet.h"
#include "fatal-signal.h"
#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "tests/unit/ovsdb-sandbox.h"
#include "timeval.h"
#include "util.h"

enum { TIMEOUT = 20000 };       /* ms, within which a condition comes true. */

/* From one VM to another, of no protocol that matters. */
#define FRAME "020000000001020000000002" "88b5" \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" \
    "00112233445566778899aabbccdd"

#define PORTS 8

struct fixture {
    struct ovsdb_sandbox sandbox;
    struct switch_session *session;
    char *target;

    /* What should be there: VMs on ports 1 to 'n_ports', each with a flow
     * that hands all it sends to the agent, as 'kind'. */
    int n_ports;
    enum punt_kind kind;
    bool withdraw;
    struct sync_result synced;  /* At the last time. */
    unsigned int n_syncs;

    /* What came. */
    unsigned int n_packets[PORTS + 1];  /* By port. */
    struct punted_packet last;
    char *last_data;            /* In hex. */
};

/* What should be there. */

static void
port_flows(struct flow_builder *b, int port, const struct fixture *f,
           bool plain)
{
    flow_match_in_port(flow_begin(b, TABLE_CLASSIFY, 100), port);
    flow_put_set(b, MFF_METADATA, 77);
    flow_emit_goto(b, TABLE_SERVICES);
    if (!plain) {
        flow_match_in_port(flow_begin(b, TABLE_SERVICES, 100), port);
        flow_put_punt(b, f->kind, punt_port_meter(port));
        flow_emit(b);
    }
}

static void
for_each_flow(const struct fixture *f, flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    for (int port = 1; port <= f->n_ports; port++) {
        port_flows(&b, port, f, false);
    }
    flow_builder_uninit(&b);
}

/* What the agent does. */

static void
sync_flow(const struct flow_entry *e, void *session)
{
    switch_session_sync_flow(session, e);
}

static void
repair_flow(const struct flow_entry *e, void *session)
{
    switch_session_repair_flow(session, e);
}

static void
pass(struct fixture *f)
{
    switch_session_run(f->session);
    if (switch_session_get_state(f->session) == SWITCH_READ && f->withdraw) {
        switch_session_withdraw(f->session);
        f->n_syncs++;
    } else if (switch_session_get_state(f->session) == SWITCH_READ) {
        switch_session_sync_begin(f->session);
        for_each_flow(f, sync_flow, f->session);
        switch_session_sync_end(f->session, false, &f->synced);
        f->n_syncs++;
    }
    if (switch_session_repair_begin(f->session)) {
        for_each_flow(f, repair_flow, f->session);
        switch_session_repair_end(f->session);
    }
    switch_session_flush(f->session);
}

static void
block(struct fixture *f, long long int deadline)
{
    switch_session_wait(f->session);
    poll_timer_wait(20);        /* For what is asked of the switch. */
    poll_timer_wait_until(deadline);
    poll_block();
}

static bool
is_in_place(const struct fixture *f)
{
    return switch_session_get_state(f->session) == SWITCH_SYNCED
           && (switch_session_applied(f->session)
               >= switch_session_flush(f->session));
}

static void
add_flow(const struct flow_entry *e, void *session)
{
    switch_session_flow(session, e, true);
}

static void
delete_flow(const struct flow_entry *e, void *session)
{
    switch_session_flow(session, e, false);
}

static void
take_packet(const struct punted_packet *packet, void *f_)
{
    struct fixture *f = f_;
    struct ds hex = DS_EMPTY_INITIALIZER;

    assert_in_range(packet->in_port, 0, PORTS);
    f->n_packets[packet->in_port]++;
    f->last = *packet;
    for (size_t i = 0; i < packet->size; i++) {
        ds_put_format(&hex, "%02x", ((const uint8_t *) packet->data)[i]);
    }
    free(f->last_data);
    f->last_data = ds_steal_cstr(&hex);
}

static struct switch_session_status
status_of(const struct fixture *f)
{
    struct switch_session_status status;

    switch_session_get_status(f->session, &status);
    return status;
}

/* The fixture. */

#define somebody(F, FORMAT, ...) \
    ovsdb_sandbox_ofctl(&(F)->sandbox, FORMAT, (F)->target, ##__VA_ARGS__)

static int
set_up(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    ovsdb_sandbox_init(&f->sandbox);
    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br0 -- set bridge br0 "
                        "datapath_type=dummy fail_mode=secure");
    for (int i = 1; i <= PORTS; i++) {
        ovsdb_sandbox_vsctl(&f->sandbox, "add-port br0 p%d -- set interface "
                            "p%d type=dummy ofport_request=%d "
                            "options:tx_pcap=%s/p%d.pcap", i, i, i,
                            f->sandbox.dir, i);
    }
    ovsdb_sandbox_start_switch(&f->sandbox);
    f->target = xasprintf("unix:%s/br0.mgmt", f->sandbox.dir);
    f->session = switch_session_create();
    switch_session_set_target(f->session, f->target);
    switch_session_set_punt_cb(f->session, take_packet, f);
    f->n_ports = 3;
    f->kind = PUNT_TTL;
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    switch_session_destroy(f->session);
    ovsdb_sandbox_destroy(&f->sandbox);
    free(f->target);
    free(f->last_data);
    free(f);
    return 0;
}

static struct fixture *
begin(void **state)
{
    struct fixture *f = *state;

    UNTIL(f, is_in_place(f));
    assert_int_equal(f->n_syncs, 1);
    return f;
}

static void
receive(const struct fixture *f, int port, int n)
{
    char name[16];

    snprintf(name, sizeof name, "p%d", port);
    ovsdb_sandbox_receive(&f->sandbox, name, FRAME, n);
}

/* The first line that a shell command writes, without its end. */
static char *
line_of(const char *format, ...)
{
    char line[4096] = "";
    char *command;
    va_list args;
    FILE *out;

    va_start(args, format);
    command = xvasprintf(format, args);
    va_end(args);
    out = popen(command, "r");
    assert_non_null(out);
    if (!fgets(line, sizeof line, out)) {
        line[0] = '\0';
    }
    pclose(out);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    return xstrdup(line);
}

/* Has the switch these meters, by number, and only these? */
static bool
has_meters(const struct fixture *f, const char *expected)
{
    char *line = line_of("ovs-ofctl -O OpenFlow15 dump-meters %s | "
                         "sed -n 's/^meter=\\([^ ]*\\).*/\\1/p' | sort | "
                         "paste -sd ' '", f->target);
    bool same = !strcmp(line, expected);

    free(line);
    return same;
}

/* Does a meter bound what comes from 'port'?  Sends twice what it lets through,
 * however long that takes, and after every portion something from another
 * port. */
static bool
is_metered(struct fixture *f, int port)
{
    enum { PORTION = 50 };
    const struct punt_limit limit = punt_meter_limit(port);
    int other = f->n_ports != port ? f->n_ports : 1;
    long long int start = time_msec();
    unsigned int n_sent = 0, n_others = 0, most;

    f->n_packets[port] = f->n_packets[other] = 0;
    do {
        receive(f, port, PORTION);
        n_sent += PORTION;
        receive(f, other, 1);
        n_others++;
        UNTIL(f, f->n_packets[other] == n_others);

        long long int elapsed = time_msec() - start;
        assert_true(elapsed < TIMEOUT);
        most = limit.burst + limit.rate * (elapsed + 100) / 1000;
    } while (n_sent < 2 * most);
    assert_true(f->n_packets[port] >= limit.burst);
    return f->n_packets[port] <= most;
}

/* A packet reaches the agent whole, with what its flow says of it. */
static void
test_packet(void **state)
{
    struct fixture *f = begin(state);

    receive(f, 2, 1);
    UNTIL(f, f->n_packets[2]);
    assert_int_equal(f->last.kind, PUNT_TTL);
    assert_int_equal(f->last.in_port, 2);
    assert_int_equal(f->last.metadata, 77);
    assert_string_equal(f->last_data, FRAME);
    assert_int_equal(status_of(f).n_punts, 1);
    assert_int_equal(status_of(f).n_bad_punts, 0);

    /* What is none of ours is not handed over. */
    f->kind = N_PUNT_KINDS;
    for_each_flow(f, add_flow, f->session);
    UNTIL(f, is_in_place(f));
    receive(f, 2, 1);
    UNTIL(f, status_of(f).n_bad_punts);
    assert_int_equal(f->n_packets[2], 1);
}

/* The agent's packets get where it says. */
static void
test_send(void **state)
{
    struct fixture *f = begin(state);
    uint64_t stub[64];
    struct ofpbuf actions = OFPBUF_STUB_INITIALIZER(stub);
    struct dp_packet packet;

    dp_packet_init(&packet, 0);
    assert_non_null(dp_packet_put_hex(&packet, FRAME, NULL));
    assert_true(switch_session_send_to_port(f->session, &packet, 2));

    /* By the flows, as if it came from a port. */
    ofpact_put_RESUBMIT(&actions)->in_port = OFPP_TABLE;
    ofpact_get_RESUBMIT(actions.data)->table_id = TABLE_CLASSIFY;
    ofpact_get_RESUBMIT(actions.data)->in_port = OFPP_IN_PORT;
    assert_true(switch_session_send_packet(f->session, &packet, 3, &actions));
    UNTIL(f, f->n_packets[3]);
    assert_string_equal(f->last_data, FRAME);
    ofpbuf_uninit(&actions);

    char *sent = line_of("tail -c +41 %s/p2.pcap | od -An -v -tx1 | "
                         "tr -d ' \\n'", f->sandbox.dir);
    assert_string_equal(sent, FRAME);
    free(sent);
    assert_int_equal(status_of(f).n_packets_sent, 2);

    /* One that the switch refuses harms nothing. */
    ofpbuf_clear(&actions);
    ofpact_put_OUTPUT(&actions)->port = u16_to_ofp(0xff10);
    assert_true(switch_session_send_packet(f->session, &packet, 3, &actions));
    UNTIL(f, status_of(f).n_packets_dropped);
    assert_int_equal(switch_session_get_state(f->session), SWITCH_SYNCED);

    /* Nor does one that there is no switch for. */
    switch_session_set_target(f->session, NULL);
    assert_false(switch_session_send_to_port(f->session, &packet, 2));
    assert_int_equal(status_of(f).n_packets_dropped, 2);
    dp_packet_uninit(&packet);
    ofpbuf_uninit(&actions);
}

/* Every port whose flows name a meter has it as long as it is there, and no
 * longer. */
static void
test_meters_come_and_go(void **state)
{
    struct fixture *f = begin(state);
    struct flow_builder add, delete;

    assert_true(has_meters(f, "1 2 3"));
    assert_true(is_metered(f, 1));

    flow_builder_init(&add, add_flow, f->session);
    flow_builder_init(&delete, delete_flow, f->session);
    port_flows(&add, 4, f, true);
    port_flows(&add, 5, f, false);
    UNTIL(f, is_in_place(f));
    assert_true(has_meters(f, "1 2 3 5"));

    /* Another VM on the same port: what goes is told after what comes. */
    port_flows(&add, 5, f, false);
    port_flows(&delete, 5, f, false);
    UNTIL(f, is_in_place(f));
    assert_true(has_meters(f, "1 2 3 5"));

    /* The flows of one part change, those of another stay. */
    flow_match_in_port(flow_begin(&delete, TABLE_CLASSIFY, 100), 5);
    flow_emit(&delete);
    flow_match_in_port(flow_begin(&add, TABLE_CLASSIFY, 100), 5);
    flow_emit(&add);
    UNTIL(f, is_in_place(f));
    assert_true(has_meters(f, "1 2 3 5"));

    port_flows(&delete, 5, f, false);
    UNTIL(f, is_in_place(f) && has_meters(f, "1 2 3"));
    port_flows(&add, 5, f, false);
    UNTIL(f, is_in_place(f));
    assert_true(has_meters(f, "1 2 3 5"));
    flow_builder_uninit(&add);
    flow_builder_uninit(&delete);
}

/* A session that finds what it wants sends nothing. */
static void
test_meters_adopted(void **state)
{
    struct fixture *f = begin(state);
    uint64_t n = status_of(f).n_meter_mods;

    switch_session_set_target(f->session, NULL);
    pass(f);
    switch_session_set_target(f->session, f->target);
    UNTIL(f, f->n_syncs == 2 && is_in_place(f));
    assert_int_equal(status_of(f).n_meter_mods, n);
    assert_int_equal(f->synced.n_flows_added, 0);
    assert_true(has_meters(f, "1 2 3"));
}

/* What is found otherwise is put right, and what is not ours goes, but for
 * what the switch uses itself. */
static void
test_meters_found(void **state)
{
    struct fixture *f = begin(state);

    switch_session_set_target(f->session, NULL);
    pass(f);
    somebody(f, "add-meter %s meter=99,kbps,band=type=drop,rate=1");
    somebody(f, "add-meter %s meter=100000,kbps,band=type=drop,rate=1");
    somebody(f, "add-meter %s meter=slowpath,pktps,band=type=drop,rate=10");
    somebody(f, "mod-meter %s meter=2,kbps,band=type=drop,rate=1");
    switch_session_set_target(f->session, f->target);
    UNTIL(f, f->n_syncs == 2 && is_in_place(f)
             && has_meters(f, "1 2 3 slowpath"));
    assert_int_equal(f->synced.n_flows_added, 0);
    assert_true(is_metered(f, 2));
}

/* Where there is nothing else to do nothing is waited for, either. */
static void
test_meter_deleted_at_rest(void **state)
{
    struct fixture *f = begin(state);
    uint64_t n = status_of(f).n_meter_mods;

    switch_session_set_target(f->session, NULL);
    pass(f);
    somebody(f, "add-meter %s meter=99,kbps,band=type=drop,rate=1");
    switch_session_set_target(f->session, f->target);
    UNTIL(f, f->n_syncs == 2);
    assert_int_equal(status_of(f).n_meter_mods, n + 1);
}

/* Flows that were there before their meter name it in vain until they are
 * sent again. */
static void
test_meters_missing(void **state)
{
    struct fixture *f = begin(state);

    switch_session_set_target(f->session, NULL);
    pass(f);
    somebody(f, "del-meters %s");
    switch_session_set_target(f->session, f->target);
    UNTIL(f, f->n_syncs == 2 && is_in_place(f));
    assert_true(has_meters(f, "1 2 3"));
    assert_int_equal(f->synced.n_flows_added, 3);
    assert_true(is_metered(f, 2));

    /* Once is enough. */
    switch_session_resync(f->session);
    UNTIL(f, f->n_syncs == 3 && is_in_place(f));
    assert_int_equal(f->synced.n_flows_added, 0);
}

/* What somebody does to meters is put right. */
static void
test_meter_drift(void **state)
{
    struct fixture *f = begin(state);

    somebody(f, "del-meters %s");
    UNTIL(f, f->n_syncs == 2 && is_in_place(f));
    assert_true(has_meters(f, "1 2 3"));
    assert_true(is_metered(f, 1));

    somebody(f, "mod-meter %s meter=1,kbps,band=type=drop,rate=1");
    UNTIL(f, f->n_syncs == 3 && is_in_place(f));
    assert_true(is_metered(f, 1));

    somebody(f, "add-meter %s meter=77,kbps,band=type=drop,rate=1");
    UNTIL(f, f->n_syncs == 4 && is_in_place(f) && has_meters(f, "1 2 3"));

    /* One goes and is made again, by somebody else, as it was. */
    somebody(f, "del-meter %s meter=1");
    somebody(f, "add-meter %s meter=1,pktps,burst,band=type=drop,rate=100,"
             "burst_size=200");
    UNTIL(f, f->n_syncs == 5 && is_in_place(f));
    assert_true(has_meters(f, "1 2 3"));
    assert_true(is_metered(f, 1));
}

/* A switch that was restarted has no meters. */
static void
test_switch_restarted(void **state)
{
    struct fixture *f = begin(state);

    ovsdb_sandbox_stop_switch(&f->sandbox);
    ovsdb_sandbox_start_switch(&f->sandbox);
    UNTIL(f, f->n_syncs >= 2 && is_in_place(f));
    assert_true(has_meters(f, "1 2 3"));
    assert_true(is_metered(f, 1));
}

/* A bridge that is not ours any more keeps none of ours. */
static void
test_withdraw(void **state)
{
    struct fixture *f = begin(state);

    somebody(f, "add-meter %s meter=slowpath,pktps,band=type=drop,rate=10");
    switch_session_resync(f->session);
    f->withdraw = true;
    UNTIL(f, f->n_syncs == 2 && is_in_place(f));
    assert_true(has_meters(f, "slowpath"));
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
        TEST(test_packet),
        TEST(test_send),
        TEST(test_meters_come_and_go),
        TEST(test_meters_adopted),
        TEST(test_meters_found),
        TEST(test_meter_deleted_at_rest),
        TEST(test_meters_missing),
        TEST(test_meter_drift),
        TEST(test_switch_restarted),
        TEST(test_withdraw),
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
