/* SPDX-License-Identifier: Apache-2.0 */

/* The numbers of the rules are those of watch-schedule.h. */

#include <config.h>

#include "cloud/watch-schedule.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "util.h"

#define NOW 1000000LL

static void
test_rule_1_at_first(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    assert_true(s.next_try <= NOW);
    assert_true(watch_schedule_list_at(&s) == LLONG_MAX);
}

static void
test_rule_2_back_off(void **state OVS_UNUSED)
{
    static const int longest[] = { 2000, 4000, 8000, 16000, 32000, 60000,
                                   60000, 60000 };
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    for (size_t i = 0; i < ARRAY_SIZE(longest); i++) {
        struct watch_schedule lucky = s;
        watch_schedule_ended(&lucky, NOW, 0, 0);
        assert_int_equal(lucky.next_try, NOW + 100);
        assert_int_equal(watch_schedule_list_at(&lucky), NOW + 100);

        watch_schedule_ended(&s, NOW, WATCH_WORKED_MS - 1, UINT32_MAX);
        assert_int_equal(s.next_try, NOW + longest[i]);
    }

    /* Never overflows. */
    s.n_short = UINT32_MAX - 1;
    watch_schedule_ended(&s, NOW, 0, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 60000);
}

static void
test_rule_2_bounded_by_poll(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 1);
    for (int i = 0; i < 20; i++) {
        watch_schedule_ended(&s, NOW, 0, UINT32_MAX);
        assert_int_equal(s.next_try, NOW + 1000);
    }
}

static void
test_rule_3_one_that_worked(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    watch_schedule_ended(&s, NOW, 0, UINT32_MAX);
    watch_schedule_ended(&s, NOW, 0, UINT32_MAX);
    watch_schedule_ended(&s, NOW, WATCH_WORKED_MS, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 2000);
    watch_schedule_ended(&s, NOW, 0, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 4000);
}

static void
test_rule_4_refused(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    watch_schedule_refused(&s, NOW, -1, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 2000);
    for (int i = 0; i < 20; i++) {
        watch_schedule_refused(&s, NOW, -1, UINT32_MAX);
    }
    assert_int_equal(s.next_try, NOW + 300 * 1000);

    /* However seldom lists are made otherwise. */
    watch_schedule_init(&s, 86400);
    for (int i = 0; i < 20; i++) {
        watch_schedule_refused(&s, NOW, -1, UINT32_MAX);
    }
    assert_int_equal(s.next_try, NOW + 600 * 1000);
    assert_int_equal(watch_schedule_list_at(&s), s.next_try);
}

static void
test_rule_5_retry_after(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    watch_schedule_refused(&s, NOW, 7, 0);
    assert_int_equal(s.next_try, NOW + 7000 + 100);
    watch_schedule_init(&s, 300);
    watch_schedule_refused(&s, NOW, 30, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 30 * 1000 + 15 * 1000);

    watch_schedule_init(&s, 300);
    watch_schedule_refused(&s, NOW, 999999999, 0);
    assert_int_equal(s.next_try, NOW + 300 * 1000 + 100);
    watch_schedule_init(&s, 1);
    watch_schedule_refused(&s, NOW, INT64_MAX, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 60 * 1000 + 1000);
}

static void
test_rule_6_no_watch(void **state OVS_UNUSED)
{
    struct watch_schedule s;

    watch_schedule_init(&s, 300);
    watch_schedule_unsupported(&s, NOW, 0);
    assert_int_equal(s.next_try, NOW + 600 * 1000);
    assert_int_equal(watch_schedule_list_at(&s), s.next_try);
    watch_schedule_unsupported(&s, NOW, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 660 * 1000);
    assert_int_equal(watch_schedule_list_at(&s), s.next_try);

    /* Until it has one. */
    watch_schedule_ended(&s, NOW, 0, 0);
    assert_int_equal(watch_schedule_list_at(&s), NOW + 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_1_at_first),
        cmocka_unit_test(test_rule_2_back_off),
        cmocka_unit_test(test_rule_2_bounded_by_poll),
        cmocka_unit_test(test_rule_3_one_that_worked),
        cmocka_unit_test(test_rule_4_refused),
        cmocka_unit_test(test_rule_5_retry_after),
        cmocka_unit_test(test_rule_6_no_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
