/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/settling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/vswitchd-control.h"
#include "agent/waits.h"
#include "core/flow-spec.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "util.h"

/* A switch whose commands and bundles end when the test says so.  'told' is
 * what it was asked for, in order: commands by name, "touch". */

static struct ds told;
static enum switch_state state;
static uint64_t sent, applied;
static bool busy, replied, reply_ok;

struct vswitchd_control *
vswitchd_control_create(void)
{
    return NULL;
}

void
vswitchd_control_destroy(struct vswitchd_control *c OVS_UNUSED)
{
}

void
vswitchd_control_run(struct vswitchd_control *c OVS_UNUSED)
{
}

void
vswitchd_control_wait(struct vswitchd_control *c OVS_UNUSED)
{
}

void
vswitchd_control_request(struct vswitchd_control *c OVS_UNUSED,
                         const char *command,
                         const char *const args[] OVS_UNUSED, size_t n,
                         long long int timeout)
{
    assert_false(busy);
    assert_int_equal(n, 0);
    assert_true(timeout > 0);
    busy = true;
    replied = false;
    ds_put_format(&told, "%s ", command);
}

bool
vswitchd_control_take_reply(struct vswitchd_control *c OVS_UNUSED, bool *ok,
                            char **text)
{
    if (!busy || !replied) {
        return false;
    }
    busy = false;
    *ok = reply_ok;
    *text = xstrdup("what it says");
    return true;
}

void
vswitchd_control_cancel(struct vswitchd_control *c OVS_UNUSED)
{
    busy = false;
}

enum switch_state
switch_session_get_state(const struct switch_session *s OVS_UNUSED)
{
    return state;
}

uint64_t
switch_session_applied(const struct switch_session *s OVS_UNUSED)
{
    return applied;
}

void
switch_session_touch(struct switch_session *s OVS_UNUSED,
                     const struct flow_entry *e OVS_UNUSED)
{
    ds_put_cstr(&told, "touch ");
}

uint64_t
switch_session_flush(struct switch_session *s OVS_UNUSED)
{
    return ++sent;
}

bool
overlay_is_complete(const struct overlay *overlay OVS_UNUSED,
                    enum object_kind kind OVS_UNUSED,
                    const char *id OVS_UNUSED)
{
    return true;
}

/* What is tested, and waits for it. */

static struct settling *settling;
static struct waits waits;

static int
set_up(void **test OVS_UNUSED)
{
    ds_init(&told);
    state = SWITCH_SYNCED;
    sent = applied = 5;
    busy = replied = false;
    reply_ok = true;
    settling = settling_create();
    waits_init(&waits);
    return 0;
}

static int
tear_down(void **test OVS_UNUSED)
{
    settling_destroy(settling);
    waits_destroy(&waits);
    ds_destroy(&told);
    return 0;
}

static void
add_wait(uint64_t ticket)
{
    wait_for_revalidation(waits_add(&waits, ticket));
    waits_sent(&waits, NULL, 1, sent);
}

static bool
is_over(uint64_t ticket)
{
    return waits_is_over(&waits, ticket, applied);
}

/* Runs, and checks what that asks the switch for. */
static void
run(const char *expected)
{
    settling_run(settling, NULL, &waits);
    assert_string_equal(ds_cstr(&told), expected);
    ds_clear(&told);
}

static void
reply(bool ok)
{
    assert_true(busy);
    replied = true;
    reply_ok = ok;
}

/* Until it would do something of its own accord. */
static void
wait_for_retry(void)
{
    settling_wait(settling);
    poll_block();
}

/* As far as the first round. */
static void
run_to_first_round(void)
{
    run("version ");
    reply(true);
    run("touch ");
    applied = sent;
    run("revalidator/wait touch ");
}

static void
test_nothing_to_do(void **test OVS_UNUSED)
{
    run("");
    waits_add(&waits, 1);
    waits_sent(&waits, NULL, 1, sent);
    run("");
    assert_true(is_over(1));
}

/* Each step begins when the one before has ended. */
static void
test_steps(void **test OVS_UNUSED)
{
    applied = sent - 1;
    add_wait(1);
    run("");
    applied = sent;
    run("version ");
    run("");
    reply(true);
    run("touch ");
    run("");
    applied = sent;
    run("revalidator/wait touch ");
    applied = sent;
    run("");
    reply(true);
    run("revalidator/wait touch ");
    run("");
    assert_false(is_over(1));
    reply(true);
    run("");
    assert_true(is_over(1));
    run("");
}

/* Who comes meanwhile has the next, all from the beginning. */
static void
test_shared(void **test OVS_UNUSED)
{
    add_wait(1);
    add_wait(2);
    run_to_first_round();
    add_wait(3);
    applied = sent;
    reply(true);
    run("revalidator/wait touch ");
    applied = sent;
    reply(true);
    run("version ");
    assert_true(is_over(1));
    assert_true(is_over(2));
    assert_false(is_over(3));
}

static void
test_switch_lost(void **test OVS_UNUSED)
{
    add_wait(1);
    run_to_first_round();
    state = SWITCH_DISCONNECTED;
    run("");
    assert_false(busy);
    state = SWITCH_SYNCED;
    applied = sent;
    run_to_first_round();
    assert_false(is_over(1));
}

/* Not at once again, lest it be all that is done. */
static void
test_refused(void **test OVS_UNUSED)
{
    add_wait(1);
    run_to_first_round();
    reply(false);
    run("");
    assert_false(is_over(1));
    applied = sent;
    wait_for_retry();
    run_to_first_round();
}

/* Nobody waits any more: it is not tried again. */
static void
test_refused_and_forgotten(void **test OVS_UNUSED)
{
    add_wait(1);
    run("version ");
    reply(false);
    run("");
    waits_forget(&waits, 1);
    wait_for_retry();
    run("");
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_to_do),
        TEST(test_steps),
        TEST(test_shared),
        TEST(test_switch_lost),
        TEST(test_refused),
        TEST(test_refused_and_forgotten),
    };

    return cmocka_run_group_tests_name("settling", tests, NULL, NULL);
}
