/* SPDX-License-Identifier: Apache-2.0 */

/* bridge-lock against a real ovsdb-server: two that want to serve a bridge. */

#include <config.h>

#include "ovsdb-client/bridge-lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "tests/unit/ovsdb-sandbox.h"
#include "timeval.h"
#include "util.h"
#include "vswitch-idl.h"

enum { TIMEOUT = 20000 };       /* ms, within which a condition comes true. */

struct contender {
    struct ovsdb_idl *idl;
    struct bridge_lock *lock;
};

struct fixture {
    struct ovsdb_sandbox sandbox;
    struct contender contenders[2];     /* 'idl' NULL: not there. */
};

static void
come(struct fixture *f, int i, const char *bridge)
{
    struct contender *c = &f->contenders[i];

    c->idl = ovsdb_idl_create(f->sandbox.remote, &ovsrec_idl_class, false,
                              true);
    c->lock = bridge_lock_create(c->idl);
    bridge_lock_configure(c->lock, bridge);
}

static void
go(struct fixture *f, int i)
{
    struct contender *c = &f->contenders[i];

    bridge_lock_destroy(c->lock);
    ovsdb_idl_destroy(c->idl);
    c->lock = NULL;
    c->idl = NULL;
}

static void
pass(struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        struct contender *c = &f->contenders[i];

        if (c->idl) {
            ovsdb_idl_run(c->idl);
            bridge_lock_run(c->lock, time_msec());
        }
    }
}

static void
block(struct fixture *f, long long int deadline)
{
    for (int i = 0; i < 2; i++) {
        struct contender *c = &f->contenders[i];

        if (c->idl) {
            ovsdb_idl_wait(c->idl);
            bridge_lock_wait(c->lock);
        }
    }
    poll_timer_wait_until(deadline);
    poll_block();
}

static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    ovsdb_sandbox_init(&f->sandbox);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        if (f->contenders[i].idl) {
            go(f, i);
        }
    }
    ovsdb_sandbox_destroy(&f->sandbox);
    free(f);
    return 0;
}

static bool
is_held(const struct fixture *f, int i)
{
    return bridge_lock_is_held(f->contenders[i].lock);
}

static bool
was_held(const struct fixture *f, int i)
{
    return bridge_lock_was_held(f->contenders[i].lock);
}

static bool
is_denied(const struct fixture *f, int i)
{
    return bridge_lock_is_denied(f->contenders[i].lock);
}

/* The second is denied, though not at once. */
static void
test_second(void **state)
{
    struct fixture *f = *state;

    come(f, 0, "br-int");
    UNTIL(f, is_held(f, 0));
    come(f, 1, "br-int");
    UNTIL(f, ovsdb_idl_is_lock_contended(f->contenders[1].idl));
    assert_false(is_denied(f, 1));
    UNTIL(f, is_denied(f, 1));
    assert_false(was_held(f, 1));
    assert_true(is_held(f, 0) && !is_denied(f, 0));
}

/* One that comes while its predecessor is ending is not. */
static void
test_successor(void **state)
{
    struct fixture *f = *state;

    come(f, 0, "br-int");
    UNTIL(f, is_held(f, 0));
    come(f, 1, "br-int");
    UNTIL(f, ovsdb_idl_is_lock_contended(f->contenders[1].idl));
    go(f, 0);
    UNTIL(f, is_held(f, 1));
    assert_true(was_held(f, 1) && !is_denied(f, 1));
}

/* R12: each on a bridge of its own.  One that then wants the other's is not
 * sent away: it waits. */
static void
test_two_bridges(void **state)
{
    struct fixture *f = *state;

    come(f, 0, "br-int");
    come(f, 1, "br-two");
    UNTIL(f, is_held(f, 0) && is_held(f, 1));
    bridge_lock_configure(f->contenders[1].lock, "br-int");
    assert_false(was_held(f, 1));
    UNTIL(f, ovsdb_idl_is_lock_contended(f->contenders[1].idl));
    long long int later = time_msec() + 1500;
    UNTIL(f, time_msec() >= later);
    assert_false(is_denied(f, 1) || was_held(f, 1));
    go(f, 0);
    UNTIL(f, is_held(f, 1) && was_held(f, 1));
}

/* Without the server it goes on, and asks again when that is back. */
static void
test_server_restarted(void **state)
{
    struct fixture *f = *state;

    come(f, 0, "br-int");
    UNTIL(f, is_held(f, 0));
    ovsdb_sandbox_stop_server(&f->sandbox);
    UNTIL(f, !is_held(f, 0));
    assert_true(was_held(f, 0));
    ovsdb_sandbox_start_server(&f->sandbox);
    UNTIL(f, is_held(f, 0));
    assert_false(is_denied(f, 0));
}

int
main(int argc OVS_UNUSED, char *argv[])
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_second),
        TEST(test_successor),
        TEST(test_two_bridges),
        TEST(test_server_restarted),
    };

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
