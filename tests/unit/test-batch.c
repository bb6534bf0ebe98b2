/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/batch.h"
#include "openflow/bundle-queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow.h"
#include "openflow/openflow-1.4.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

static const int versions[] = { OFP14_VERSION, OFP15_VERSION };

/* A VM with every kind of address. */
static struct endpoint_record *
local_record(void)
{
    static const char *const ips[] = { "::ffff:10.0.0.2", "fd00::2",
                                       "::ffff:10.0.1.0", "fd00:1::" };
    static const uint8_t plens[] = { 128, 128, 120, 64 };
    struct endpoint_record *r = endpoint_record_alloc(ARRAY_SIZE(ips), 1);

    r->metadata = UINT64_C(0x20000004d);
    r->out = 7;
    r->place = PLACE_LOCAL;
    r->mac = (struct eth_addr) ETH_ADDR_C(02,00,00,00,00,02);
    r->port_security = r->guard_garp = r->floods = true;
    r->macs[0] = (struct eth_addr) ETH_ADDR_C(00,00,5e,00,01,01);
    for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
        assert_true(ipv6_parse(ips[i], &r->addresses[i].ip));
        r->addresses[i].plen = plens[i];
        r->addresses[i].mac = i % 2 ? r->macs[0] : r->mac;
        r->addresses[i].answered = plens[i] == 128;
        r->addresses[i].source = true;
    }
    return r;
}

static void
all_flows(flow_cb *cb, void *aux)
{
    struct endpoint_record *r = local_record();
    struct segment_record *s = segment_record_alloc(2, 1);
    struct tunnel_record t = { .ofport = 32768, .type = ENCAP_GRE };

    static_flows(cb, aux);
    endpoint_record_flows(r, cb, aux);
    r->place = PLACE_REMOTE;
    endpoint_record_flows(r, cb, aux);
    free(r);

    s->metadata = s->vni = 77;
    s->broadcast = s->unknown_unicast = true;
    s->outs[0] = 1;
    s->outs[1] = 2;
    s->outs[2] = 1000000;
    segment_record_flows(s, cb, aux);
    free(s);
    tunnel_record_flows(&t, cb, aux);
}

/* What Open vSwitch's own encoder makes. */
static struct ofpbuf *
encode(const struct flow_entry *e, uint16_t command, int version)
{
    bool with_actions = command != OFPFC_DELETE_STRICT;
    struct ofputil_flow_mod fm = {
        .priority = e->priority,
        .new_cookie = command == OFPFC_ADD ? htonll(e->cookie) : 0,
        .table_id = e->table,
        .command = command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .ofpacts = with_actions ? e->actions.data : NULL,
        .ofpacts_len = with_actions ? e->actions.size : 0,
    };
    struct ofpbuf *message;

    minimatch_init(&fm.match, &e->match);
    message = ofputil_encode_flow_mod(
        &fm, ofputil_protocol_from_ofp_version(version));
    minimatch_destroy(&fm.match);
    ofpmsg_update_length(message);
    return message;
}

struct check {
    int version;
    uint16_t command;
    struct batch batch;
    size_t n;
};

/* 'message' adds 'expected' to bundle 1.  Frees both. */
static void
assert_adds(struct ofpbuf *message, struct ofpbuf *expected)
{
    struct ofputil_bundle_add_msg add;
    enum ofptype type;
    const struct ofp_header *oh = message->data;

    assert_int_equal(message->size, ntohs(oh->length));
    assert_int_equal(ofputil_decode_bundle_add(oh, &add, &type), 0);
    assert_int_equal(add.bundle_id, 1);
    assert_int_equal(add.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
    assert_int_equal(add.msg->xid, oh->xid);
    assert_int_equal(ntohs(add.msg->length), expected->size);

    ((struct ofp_header *) expected->data)->xid = oh->xid;
    assert_memory_equal(add.msg, expected->data, expected->size);
    ofpbuf_delete(message);
    ofpbuf_delete(expected);
}

static void
check_flow(const struct flow_entry *e, void *check_)
{
    struct check *check = check_;
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    struct bundle_queue queue;

    batch_init(&check->batch);
    bundle_queue_init(&queue);
    if (check->command == OFPFC_MODIFY_STRICT) {
        batch_flow_touched(&check->batch, e, check->version);
    } else {
        batch_flow(&check->batch, e, check->command == OFPFC_ADD,
                   check->version);
    }
    assert_int_not_equal(batch_take_bundle(&check->batch, check->version,
                                           &chunks), 0);
    bundle_queue_put(&queue, &chunks, false);

    ofpbuf_delete(bundle_queue_next(&queue));
    assert_adds(bundle_queue_next(&queue),
                encode(e, check->command, check->version));
    ofpbuf_delete(bundle_queue_next(&queue));
    assert_null(bundle_queue_next(&queue));
    bundle_queue_clear(&queue);
    check->n++;
}

/* A flow mod is what Open vSwitch's own encoder makes of it. */
static void
test_flow_mods(void **state OVS_UNUSED)
{
    static const uint16_t commands[] = {
        OFPFC_ADD, OFPFC_DELETE_STRICT, OFPFC_MODIFY_STRICT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(commands); j++) {
            struct check check = { .version = versions[i],
                                   .command = commands[j] };

            all_flows(check_flow, &check);
            assert_true(check.n > 50);
        }
    }
}

/* The kind of a message: 'o'pen, 'c'ommit, or, of what it adds to the bundle,
 * 'g'roup, 'd'eletion, 'a'ddition.  Frees the message. */
static char
kind_of(struct ofpbuf *message)
{
    const struct ofp_header *oh = message->data;
    struct ofputil_bundle_ctrl_msg control;
    struct ofputil_bundle_add_msg add;
    enum ofptype type;
    char kind;

    assert_int_equal(message->size, ntohs(oh->length));
    assert_int_equal(ofptype_decode(&type, oh), 0);
    if (type == OFPTYPE_BUNDLE_CONTROL) {
        assert_int_equal(ofputil_decode_bundle_ctrl(oh, &control), 0);
        kind = control.type == OFPBCT_OPEN_REQUEST ? 'o' : 'c';
    } else {
        assert_int_equal(ofputil_decode_bundle_add(oh, &add, &type), 0);
        if (type == OFPTYPE_GROUP_MOD) {
            kind = 'g';
        } else {
            const uint8_t *body = (const uint8_t *) (add.msg + 1);

            assert_int_equal(type, OFPTYPE_FLOW_MOD);
            kind = body[17] == OFPFC_ADD ? 'a' : 'd';
        }
    }
    ofpbuf_delete(message);
    return kind;
}

static void
add_flow(const struct flow_entry *e, void *batch)
{
    batch_flow(batch, e, true, OFP15_VERSION);
}

static void
delete_flow(const struct flow_entry *e, void *batch)
{
    batch_flow(batch, e, false, OFP15_VERSION);
}

/* Whatever the order in which they came, the messages of a bundle are in that
 * which it needs; over many chunks; and the next bundle has another number. */
static void
test_order(void **state OVS_UNUSED)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    struct batch batch;
    struct bundle_queue queue;
    struct ofpbuf *message;
    size_t n_flow_mods, n = 0, n_kinds = 0;
    char order[8] = "";

    batch_init(&batch);
    bundle_queue_init(&queue);
    assert_int_equal(batch_take_bundle(&batch, OFP15_VERSION, &chunks), 0);
    assert_true(ovs_list_is_empty(&chunks));

    batch_group_deleted(&batch, 1, OFP15_VERSION);
    for (int i = 0; i < 50; i++) {
        all_flows(add_flow, &batch);
        all_flows(delete_flow, &batch);
        batch_group(&batch, 2, i, OFP15_VERSION);
    }
    n_flow_mods = batch.n_flow_mods;
    assert_int_equal(batch.n_group_mods, 51);
    assert_int_not_equal(batch_take_bundle(&batch, OFP15_VERSION, &chunks),
                         0);
    assert_int_equal(batch.n_flow_mods, 0);
    assert_int_equal(batch.bundle_id, 2);
    assert_true(ovs_list_size(&chunks) > 6);

    bundle_queue_put(&queue, &chunks, false);
    assert_true(queue.n_unsent > 500000);
    while ((message = bundle_queue_next(&queue)) != NULL) {
        char kind = kind_of(message);

        if (!n_kinds || kind != order[n_kinds - 1]) {
            assert_true(n_kinds + 1 < sizeof order);
            order[n_kinds++] = kind;
        }
        n++;
    }
    assert_string_equal(order, "ogdagc");
    assert_int_equal(n, n_flow_mods + 51 + 2);
    assert_int_equal(queue.n_unsent, 0);
    bundle_queue_clear(&queue);
}

/* What is cleared is not sent. */
static void
test_clear(void **state OVS_UNUSED)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    struct batch batch;
    struct bundle_queue queue;

    batch_init(&batch);
    bundle_queue_init(&queue);
    all_flows(add_flow, &batch);
    batch_clear(&batch);
    assert_int_equal(batch_take_bundle(&batch, OFP15_VERSION, &chunks), 0);

    all_flows(add_flow, &batch);
    batch_take_bundle(&batch, OFP15_VERSION, &chunks);
    bundle_queue_put(&queue, &chunks, false);
    ofpbuf_delete(bundle_queue_next(&queue));
    bundle_queue_clear(&queue);
    assert_null(bundle_queue_next(&queue));
    assert_int_equal(queue.n_unsent, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_mods),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
