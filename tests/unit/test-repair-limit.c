/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/repair-limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler.h"

/* A time at which it has long been running. */
enum { START = 1000000 };

static void
count_free_writes(struct repair_limit *limit)
{
    for (int i = 0; i < REPAIR_LIMIT_FREE; i++) {
        assert_false(repair_limit_count(limit, START));
        assert_int_equal(repair_limit_until(limit), 0);
        assert_false(repair_limit_is_fight(limit, START));
    }
}

/* From then on each write is followed by a longer pause. */
static void
test_fight(void **state OVS_UNUSED)
{
    const int pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    struct repair_limit limit = { .n = 0 };
    long long int now = START;

    count_free_writes(&limit);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(repair_limit_count(&limit, now), i == 0);
        assert_true(repair_limit_is_fight(&limit, now));
        assert_int_equal(repair_limit_until(&limit), now + pauses[i] * 1000);
        now = repair_limit_until(&limit) + 10;
    }
}

/* What is written now and then is no fight, however often. */
static void
test_slow_writes_never_reach_it(void **state OVS_UNUSED)
{
    struct repair_limit limit = { .n = 0 };

    for (int i = 0; i < 1000; i++) {
        assert_false(repair_limit_count(&limit,
                                        START + i * REPAIR_LIMIT_QUIET));
        assert_int_equal(repair_limit_until(&limit), 0);
    }
}

/* Two vtepd of which one removes what the other makes, each half a minute. */
static void
test_slow_fight(void **state OVS_UNUSED)
{
    struct repair_limit limit = { .n = 0 };

    for (int i = 0; i < REPAIR_LIMIT_FREE; i++) {
        repair_limit_count(&limit, START + i * 30000);
    }
    assert_true(repair_limit_count(&limit, START + 5 * 30000));
}

/* Its end is when the row could be changed and was not. */
static void
test_end(void **state OVS_UNUSED)
{
    const long long int end = START + REPAIR_LIMIT_MIN + REPAIR_LIMIT_QUIET;
    struct repair_limit limit = { .n = 0 };

    count_free_writes(&limit);
    repair_limit_count(&limit, START);
    assert_true(repair_limit_is_fight(&limit, end - 1));
    assert_false(repair_limit_is_fight(&limit, end));

    /* The next begins as the first did. */
    assert_false(repair_limit_count(&limit, end));
    assert_int_equal(repair_limit_until(&limit), 0);
    for (int i = 1; i < REPAIR_LIMIT_FREE; i++) {
        assert_false(repair_limit_count(&limit, end));
    }
    assert_true(repair_limit_count(&limit, end));
    assert_int_equal(repair_limit_until(&limit), end + REPAIR_LIMIT_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fight),
        cmocka_unit_test(test_slow_writes_never_reach_it),
        cmocka_unit_test(test_slow_fight),
        cmocka_unit_test(test_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
