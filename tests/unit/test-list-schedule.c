/* SPDX-License-Identifier: Apache-2.0 */

/* The numbers of the rules are those of list-schedule.h. */

#include <config.h>

#include "cloud/list-schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "util.h"

#define NOW 1000000LL

static void
test_starts_at_once(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    assert_int_equal(s.next_try, NOW);
}

static void
test_rule_1_poll_jitter(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_succeeded(&s, NOW, 0);
    assert_int_equal(s.next_try, NOW + 270 * 1000);
    list_schedule_succeeded(&s, NOW, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 330 * 1000);
    list_schedule_succeeded(&s, NOW, UINT32_MAX / 2);
    assert_int_equal(s.next_try, NOW + 300 * 1000);
}

static void
test_rule_2_back_off(void **state OVS_UNUSED)
{
    static const int longest[] = { 500, 1000, 2000, 4000, 8000, 16000, 32000,
                                   60000, 60000, 60000 };
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    for (size_t i = 0; i < ARRAY_SIZE(longest); i++) {
        struct list_schedule lucky = s;
        list_schedule_failed(&lucky, NOW, -1, 0);
        assert_int_equal(lucky.next_try, NOW + 100);

        list_schedule_failed(&s, NOW, -1, UINT32_MAX);
        assert_int_equal(s.next_try, NOW + longest[i]);
    }

    /* Never overflows. */
    s.n_failures = UINT32_MAX - 1;
    list_schedule_failed(&s, NOW, -1, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 60000);

    /* A success ends it. */
    list_schedule_succeeded(&s, NOW, 0);
    list_schedule_failed(&s, NOW, -1, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 500);
}

static void
test_rule_2_bounded_by_poll(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 5, NOW);
    for (int i = 0; i < 20; i++) {
        list_schedule_failed(&s, NOW, -1, UINT32_MAX);
        assert_in_range(s.next_try, NOW + 500, NOW + 5000);
    }
    assert_int_equal(s.next_try, NOW + 5000);
}

static void
test_rule_3_retry_after(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_failed(&s, NOW, 7, 0);
    assert_int_equal(s.next_try, NOW + 7000 + 100);
    list_schedule_failed(&s, NOW, 7, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 7000 + 1000);

    /* Bounded by the poll interval, or a minute. */
    list_schedule_init(&s, 300, NOW);
    list_schedule_failed(&s, NOW, 999999999, 0);
    assert_int_equal(s.next_try, NOW + 300 * 1000 + 100);
    list_schedule_init(&s, 5, NOW);
    list_schedule_failed(&s, NOW, INT64_MAX, 0);
    assert_int_equal(s.next_try, NOW + 60 * 1000 + 100);

    /* It is good for one failure only. */
    list_schedule_failed(&s, NOW, -1, 0);
    assert_int_equal(s.next_try, NOW + 100);
}

static void
test_rule_4_hurry(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_succeeded(&s, NOW, 0);
    list_schedule_hurry(&s, NOW + 5);
    assert_int_equal(s.next_try, NOW + 5);

    /* It does not put off what is due. */
    list_schedule_hurry(&s, NOW + 50);
    assert_int_equal(s.next_try, NOW + 5);

    /* It ends a back-off, but the server's word counts. */
    list_schedule_failed(&s, NOW, -1, UINT32_MAX);
    list_schedule_hurry(&s, NOW + 1);
    assert_int_equal(s.next_try, NOW + 1);
    list_schedule_failed(&s, NOW, 30, UINT32_MAX);
    list_schedule_hurry(&s, NOW + 1);
    assert_int_equal(s.next_try, NOW + 30 * 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_at_once),
        cmocka_unit_test(test_rule_1_poll_jitter),
        cmocka_unit_test(test_rule_2_back_off),
        cmocka_unit_test(test_rule_2_bounded_by_poll),
        cmocka_unit_test(test_rule_3_retry_after),
        cmocka_unit_test(test_rule_4_hurry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
