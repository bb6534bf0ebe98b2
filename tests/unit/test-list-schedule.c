/* SPDX-License-Identifier: Apache-2.0 */

/* The numbers of the rules are those of list-schedule.h. */

#include <config.h>

#include "cloud/list-schedule.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
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
test_r55_rule_1_poll_jitter(void **state OVS_UNUSED)
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
    assert_int_equal(s.next_try, NOW + 7000 + 3500);
    list_schedule_failed(&s, NOW, 0, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 2000);

    /* Bounded by the poll interval, or a minute. */
    list_schedule_init(&s, 300, NOW);
    list_schedule_failed(&s, NOW, 999999999, 0);
    assert_int_equal(s.next_try, NOW + 300 * 1000 + 100);
    list_schedule_init(&s, 5, NOW);
    list_schedule_failed(&s, NOW, INT64_MAX, 0);
    assert_int_equal(s.next_try, NOW + 60 * 1000 + 100);

    /* So is what is drawn. */
    list_schedule_init(&s, 300, NOW);
    list_schedule_failed(&s, NOW, 200, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 200 * 1000 + 60 * 1000);

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

static void
test_rule_5_wish(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_succeeded(&s, NOW, 0);
    list_schedule_wish(&s, NOW + 7000);
    assert_int_equal(s.next_try, NOW + 7000);

    /* It does not put off what is due before. */
    list_schedule_wish(&s, NOW + 8000);
    assert_int_equal(s.next_try, NOW + 7000);
    list_schedule_wish(&s, LLONG_MAX);
    assert_int_equal(s.next_try, NOW + 7000);

    /* A back-off is not shortened, with or without the server's word. */
    list_schedule_failed(&s, NOW, -1, UINT32_MAX);
    list_schedule_wish(&s, NOW + 1);
    assert_int_equal(s.next_try, NOW + 500);
    list_schedule_failed(&s, NOW, 30, UINT32_MAX);
    list_schedule_wish(&s, NOW + 1);
    assert_int_equal(s.next_try, NOW + 30 * 1000 + 15 * 1000);
}

static void
test_rule_6_soon(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_begun(&s, NOW);
    list_schedule_succeeded(&s, NOW, 0);

    /* The first after a while. */
    list_schedule_soon(&s, NOW + 5000, 0);
    assert_int_equal(s.next_try, NOW + 5050);
    s.soon = false;
    s.next_try = NOW + 100000;
    list_schedule_soon(&s, NOW + 5000, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 5250);

    /* Many draws do not add up to a short one. */
    list_schedule_soon(&s, NOW + 5000, 0);
    assert_int_equal(s.next_try, NOW + 5250);

    /* Not before a second has passed since the last was begun. */
    list_schedule_begun(&s, NOW + 5250);
    list_schedule_succeeded(&s, NOW + 5300, 0);
    list_schedule_soon(&s, NOW + 5301, UINT32_MAX);
    assert_int_equal(s.next_try, NOW + 6250);
}

/* A thousand in a second lead to one list or two. */
static void
test_rule_6_coalesces(void **state OVS_UNUSED)
{
    for (uint32_t seed = 0; seed < 100; seed++) {
        struct list_schedule s;
        int n_lists = 0;

        list_schedule_init(&s, 300, NOW);
        list_schedule_begun(&s, NOW);
        list_schedule_succeeded(&s, NOW, 0);
        for (long long int now = NOW + 5000; now < NOW + 8000; now++) {
            if (now < NOW + 6000) {
                list_schedule_soon(&s, now, (now + seed) * 2654435761u);
            }
            if (now >= s.next_try) {
                list_schedule_begun(&s, now);
                list_schedule_succeeded(&s, now, 0);
                n_lists++;
            }
        }
        assert_in_range(n_lists, 1, 2);
    }
}

static void
test_rule_6_never_shortens_a_back_off(void **state OVS_UNUSED)
{
    struct list_schedule s;

    list_schedule_init(&s, 300, NOW);
    list_schedule_begun(&s, NOW);
    list_schedule_failed(&s, NOW, 30, 0);
    list_schedule_soon(&s, NOW + 1, 0);
    assert_int_equal(s.next_try, NOW + 30 * 1000 + 100);
}

/* R55: a thousand agents that have the same trouble at the same time, with an
 * API that answers again 'outage' ms after it, and until then as 'retry_after'
 * says.  Returns the most that come in one second after that. */
static int
busiest_second(long long int outage, long long int retry_after)
{
    enum { AGENTS = 1000, SECONDS = 400 };
    static int come[SECONDS];
    int most = 0;

    memset(come, 0, sizeof come);
    for (int i = 0; i < AGENTS; i++) {
        struct list_schedule s;

        list_schedule_init(&s, 300, NOW);
        while (s.next_try < NOW + outage) {
            list_schedule_begun(&s, s.next_try);
            list_schedule_failed(&s, s.next_try, retry_after,
                                 hash_2words(i, s.n_failures));
        }
        int second = (s.next_try - NOW - outage) / 1000;
        assert_in_range(second, 0, SECONDS - 1);
        come[second]++;
        most = MAX(most, come[second]);
    }
    return most;
}

static void
test_r55_coming_back_is_spread(void **state OVS_UNUSED)
{
    /* Evenly over a minute it would be 17 a second. */
    assert_in_range(busiest_second(10 * 60 * 1000, -1), 17, 120);
    assert_in_range(busiest_second(60 * 1000, -1), 17, 150);

    /* Evenly over half of what they were told it would be 66. */
    assert_in_range(busiest_second(1, 30), 66, 110);
    assert_in_range(busiest_second(10 * 60 * 1000, 30), 10, 110);
}

/* ...and so are the polls of those that were started together. */
static void
test_r55_polls_are_spread(void **state OVS_UNUSED)
{
    enum { AGENTS = 1000 };
    long long int first = LLONG_MAX, last = 0;
    int n_early = 0;

    for (int i = 0; i < AGENTS; i++) {
        struct list_schedule s;

        list_schedule_init(&s, 300, NOW);
        list_schedule_succeeded(&s, NOW, hash_int(i, 0));
        first = MIN(first, s.next_try);
        last = MAX(last, s.next_try);
        n_early += s.next_try < NOW + 300 * 1000;
    }
    assert_in_range(last - first, 58 * 1000, 60 * 1000);
    assert_in_range(n_early, AGENTS * 45 / 100, AGENTS * 55 / 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_at_once),
        cmocka_unit_test(test_r55_rule_1_poll_jitter),
        cmocka_unit_test(test_rule_2_back_off),
        cmocka_unit_test(test_rule_2_bounded_by_poll),
        cmocka_unit_test(test_rule_3_retry_after),
        cmocka_unit_test(test_rule_4_hurry),
        cmocka_unit_test(test_rule_5_wish),
        cmocka_unit_test(test_rule_6_soon),
        cmocka_unit_test(test_rule_6_coalesces),
        cmocka_unit_test(test_rule_6_never_shortens_a_back_off),
        cmocka_unit_test(test_r55_coming_back_is_spread),
        cmocka_unit_test(test_r55_polls_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
