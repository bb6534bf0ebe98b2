/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/bundle-queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openflow/batch.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

struct fixture {
    struct batch batch;
    struct bundle_queue queue;
};

static int
set_up(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    batch_init(&f->batch);
    bundle_queue_init(&f->queue);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    batch_clear(&f->batch);
    bundle_queue_clear(&f->queue);
    free(f);
    return 0;
}

/* Puts a bundle of 'n' groups from 'first' on. */
static uint64_t
put(struct fixture *f, uint32_t first, uint32_t n, bool unbundled)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);

    for (uint32_t i = 0; i < n; i++) {
        batch_group(&f->batch, first + i, 1, OFP15_VERSION);
    }
    assert_int_not_equal(batch_take_bundle(&f->batch, OFP15_VERSION,
                                           &chunks), 0);
    return bundle_queue_put(&f->queue, &chunks, unbundled);
}

/* The group that a group mod is about. */
static uint32_t
group_of(const struct ofp_header *oh)
{
    struct ofputil_group_mod gm;

    assert_int_equal(ofputil_decode_group_mod(oh, &gm), 0);
    ofputil_uninit_group_mod(&gm);
    return gm.group_id;
}

/* Takes the next message and checks it: "open", "commit", "barrier", a group's
 * number, with "+" before it if it is added to a bundle.  Returns its xid. */
static ovs_be32
expect(struct fixture *f, const char *what)
{
    struct ofpbuf *message = bundle_queue_next(&f->queue);
    char text[32] = "nothing";
    ovs_be32 xid = 0;

    if (message) {
        const struct ofp_header *oh = message->data;
        struct ofputil_bundle_ctrl_msg control;
        struct ofputil_bundle_add_msg add;
        enum ofptype type;

        xid = oh->xid;
        assert_int_equal(message->size, ntohs(oh->length));
        assert_int_equal(ofptype_decode(&type, oh), 0);
        if (type == OFPTYPE_BUNDLE_CONTROL) {
            assert_int_equal(ofputil_decode_bundle_ctrl(oh, &control), 0);
            strcpy(text, (control.type == OFPBCT_OPEN_REQUEST ? "open"
                          : "commit"));
        } else if (type == OFPTYPE_BARRIER_REQUEST) {
            strcpy(text, "barrier");
        } else if (type == OFPTYPE_GROUP_MOD) {
            snprintf(text, sizeof text, "%u", group_of(oh));
        } else {
            assert_int_equal(ofputil_decode_bundle_add(oh, &add, &type), 0);
            assert_int_equal(add.msg->xid, xid);
            snprintf(text, sizeof text, "+%u", group_of(add.msg));
        }
        assert_true(bundle_queue_is_own_xid(xid));
    }
    assert_string_equal(text, what);
    ofpbuf_delete(message);
    return xid;
}

/* Bundles are sent in order, and each is applied when its end is answered. */
static void
test_order(void **state)
{
    struct fixture *f = *state;
    ovs_be32 added, first_end, second_end;

    assert_int_equal(put(f, 10, 2, false), 1);
    assert_int_equal(put(f, 20, 1, true), 2);
    expect(f, "open");
    added = expect(f, "+10");
    expect(f, "+11");
    first_end = expect(f, "commit");
    expect(f, "20");
    second_end = expect(f, "barrier");
    expect(f, "nothing");
    assert_int_equal(f->queue.n_unsent, 0);

    assert_false(bundle_queue_answered(&f->queue, added));
    assert_false(bundle_queue_answered(&f->queue, second_end));
    assert_false(bundle_queue_answered(&f->queue, htonl(1)));
    assert_int_equal(f->queue.applied, 0);
    assert_true(bundle_queue_answered(&f->queue, first_end));
    assert_int_equal(f->queue.applied, 1);
    assert_false(bundle_queue_answered(&f->queue, first_end));
    assert_true(bundle_queue_answered(&f->queue, second_end));
    assert_int_equal(f->queue.applied, 2);
    assert_false(bundle_queue_answered(&f->queue, second_end));
}

/* An xid leads to its message, in any order, over many chunks. */
static void
test_find(void **state)
{
    enum { N = 3000 };
    struct fixture *f = *state;
    const struct ofp_header *message;
    ovs_be32 xids[N], end;

    put(f, 1, 1, false);
    put(f, 100, N, false);
    expect(f, "open");
    expect(f, "+1");
    expect(f, "commit");
    expect(f, "open");
    for (int i = 0; i < N; i++) {
        char *text = xasprintf("+%d", 100 + i);

        xids[i] = expect(f, text);
        free(text);
    }
    end = expect(f, "commit");
    for (int i = 0; i < N; i += 7) {
        int j = i % 2 ? i : N - 1 - i;

        assert_int_equal(bundle_queue_find(&f->queue, xids[j], &message),
                         BUNDLE_MESSAGE);
        assert_int_equal(group_of(message), 100 + j);
    }
    assert_int_equal(bundle_queue_find(&f->queue, end, &message), BUNDLE_END);
    assert_int_equal(bundle_queue_find(&f->queue, htonl(ntohl(end) + 1),
                                       &message), BUNDLE_NONE);
    assert_int_equal(bundle_queue_find(&f->queue, htonl(3), &message),
                     BUNDLE_NONE);
    bundle_queue_clear(&f->queue);
    assert_int_equal(bundle_queue_find(&f->queue, xids[0], &message),
                     BUNDLE_NONE);
}

/* When a bundle is refused, it and all after it are sent without bundles, and
 * what was answered to what was sent before does not count. */
static void
test_unbundle(void **state)
{
    struct fixture *f = *state;
    const struct ofp_header *message;
    ovs_be32 end, old_end, old;

    put(f, 1, 1, false);
    put(f, 10, 2, false);
    put(f, 20, 2, false);
    expect(f, "open");
    expect(f, "+1");
    end = expect(f, "commit");
    expect(f, "open");
    old = expect(f, "+10");
    expect(f, "+11");
    old_end = expect(f, "commit");
    expect(f, "open");
    expect(f, "+20");
    assert_true(bundle_queue_answered(&f->queue, end));

    assert_true(bundle_queue_unbundle(&f->queue));
    assert_int_equal(bundle_queue_find(&f->queue, old, &message),
                     BUNDLE_NONE);
    put(f, 30, 1, false);
    expect(f, "10");
    assert_false(bundle_queue_answered(&f->queue, old_end));
    expect(f, "11");
    end = expect(f, "barrier");
    expect(f, "20");
    expect(f, "21");
    expect(f, "barrier");
    expect(f, "open");
    expect(f, "+30");
    assert_false(bundle_queue_unbundle(&f->queue));
    assert_true(bundle_queue_answered(&f->queue, end));
    assert_int_equal(f->queue.applied, 2);
}

/* xids begin again long before they are used up. */
static void
test_many_xids(void **state)
{
    struct fixture *f = *state;
    const struct ofp_header *message;
    ovs_be32 xid, end;

    f->queue.next_xid = UINT32_MAX - 1;
    put(f, 1, 3, false);
    expect(f, "open");
    expect(f, "+1");
    xid = expect(f, "+2");
    assert_int_equal(ntohl(xid), 0x80000000);
    assert_int_equal(bundle_queue_find(&f->queue, xid, &message),
                     BUNDLE_MESSAGE);
    assert_int_equal(group_of(message), 2);
    expect(f, "+3");
    end = expect(f, "commit");
    assert_true(bundle_queue_answered(&f->queue, end));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
        TEST(test_order),
        TEST(test_find),
        TEST(test_unbundle),
        TEST(test_many_xids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
