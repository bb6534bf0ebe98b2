/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

static const long long int now = 1700000000;

/* Runs until there is nothing left to do at 'when'. */
static void
run_to(struct webhook_replay *replay, long long int when)
{
    for (int i = 0; i < 100; i++) {
        webhook_replay_run(replay, when);
    }
}

static void
test_seen(void **state OVS_UNUSED)
{
    struct webhook_replay *replay = webhook_replay_create(10);

    assert_false(webhook_replay_seen(replay, "a", now));
    webhook_replay_add(replay, "a", now + 300);
    assert_true(webhook_replay_seen(replay, "a", now));
    assert_false(webhook_replay_seen(replay, "A", now));
    assert_false(webhook_replay_seen(replay, "aa", now));
    assert_false(webhook_replay_seen(replay, "", now));
    webhook_replay_destroy(replay);
    webhook_replay_destroy(NULL);
}

/* Known until it has expired, and not for long after. */
static void
test_expiry(void **state OVS_UNUSED)
{
    struct webhook_replay *replay = webhook_replay_create(10);

    run_to(replay, now);
    webhook_replay_add(replay, "a", now + 300);
    webhook_replay_add(replay, "b", now + 600);
    run_to(replay, now + 300);
    assert_true(webhook_replay_seen(replay, "a", now));
    run_to(replay, now + 332);
    assert_false(webhook_replay_seen(replay, "a", now));
    assert_true(webhook_replay_seen(replay, "b", now));
    run_to(replay, now + 632);
    assert_int_equal(webhook_replay_count(replay), 0);
    webhook_replay_destroy(replay);
}

/* Who sends again with a later timestamp could be overheard and replayed until
 * that has expired. */
static void
test_repeated_later(void **state OVS_UNUSED)
{
    struct webhook_replay *replay = webhook_replay_create(10);

    webhook_replay_add(replay, "a", now + 300);
    for (int t = 0; t < 3000; t += 200) {
        run_to(replay, now + t);
        assert_true(webhook_replay_seen(replay, "a", now + t + 300));
    }

    /* An earlier one takes nothing away. */
    assert_true(webhook_replay_seen(replay, "a", now));
    run_to(replay, now + 3000);
    assert_true(webhook_replay_seen(replay, "a", now));
    run_to(replay, now + 2800 + 332);
    assert_int_equal(webhook_replay_count(replay), 0);
    webhook_replay_destroy(replay);
}

static void
test_full(void **state OVS_UNUSED)
{
    enum { N = 5000 };
    struct webhook_replay *replay = webhook_replay_create(N);
    char id[16];

    for (int round = 0; round < 3; round++) {
        long long int t = now + round * 10000;

        for (int i = 0; i < N; i++) {
            assert_false(webhook_replay_is_full(replay));
            snprintf(id, sizeof id, "%d/%d", round, i);
            webhook_replay_add(replay, id, t + i % 600);
        }
        assert_true(webhook_replay_is_full(replay));
        for (int i = 0; i < N; i++) {
            snprintf(id, sizeof id, "%d/%d", round, i);
            assert_true(webhook_replay_seen(replay, id, t));
        }

        /* Half of them expire. */
        run_to(replay, t + 316);
        for (int i = 0; i < N; i++) {
            snprintf(id, sizeof id, "%d/%d", round, i);
            if (i % 600 >= 316) {
                assert_true(webhook_replay_seen(replay, id, t));
            } else if (i % 600 < 316 - 32) {
                assert_false(webhook_replay_seen(replay, id, t));
            }
        }
        run_to(replay, t + 632);
        assert_int_equal(webhook_replay_count(replay), 0);
    }
    webhook_replay_destroy(replay);
}

/* The clock may jump; nothing is forgotten early because of it, and nothing
 * stays for ever. */
static void
test_clock(void **state OVS_UNUSED)
{
    struct webhook_replay *replay = webhook_replay_create(10);

    run_to(replay, now);
    run_to(replay, now - 50000);
    webhook_replay_add(replay, "a", now - 50000 + 300);
    run_to(replay, now - 50000 + 300);
    assert_true(webhook_replay_seen(replay, "a", 0));
    run_to(replay, now + 2000);
    assert_int_equal(webhook_replay_count(replay), 0);

    webhook_replay_add(replay, "b", now + 100000);
    run_to(replay, now + 99999);
    assert_true(webhook_replay_seen(replay, "b", 0));
    run_to(replay, now + 1000000);
    assert_int_equal(webhook_replay_count(replay), 0);
    webhook_replay_destroy(replay);
}

/* What comes after the clock was set back expires in its time, not only once
 * the clock is where it was. */
static void
test_clock_set_back(void **state OVS_UNUSED)
{
    struct webhook_replay *replay = webhook_replay_create(1000);
    char id[32];

    run_to(replay, now + 6 * 3600);
    for (long long int t = now; t < now + 3600; t++) {
        run_to(replay, t);
        assert_false(webhook_replay_is_full(replay));
        snprintf(id, sizeof id, "%lld", t);
        webhook_replay_add(replay, id, t + 300);
        snprintf(id, sizeof id, "%lld", MAX(now, t - 300));
        assert_true(webhook_replay_seen(replay, id, 0));
    }
    webhook_replay_destroy(replay);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_repeated_later),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_clock_set_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
