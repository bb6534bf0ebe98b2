/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/memory-trim.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util.h"

#define NOW 1000000LL

static struct memory_trim
make_trim(void)
{
    struct memory_trim t;

    memory_trim_init(&t);
    return t;
}

/* Whoever does little is never woken up. */
static void
test_little_work(void **state OVS_UNUSED)
{
    struct memory_trim t = make_trim();

    for (int i = 0; i < MEMORY_TRIM_WORK; i++) {
        assert_false(memory_trim_run(&t, NOW + i * 60000LL, i));
        assert_int_equal(memory_trim_next(&t), LLONG_MAX);
    }
}

/* Once, after the work is over; and again after as much work. */
static void
test_after_work(void **state OVS_UNUSED)
{
    struct memory_trim t = make_trim();
    long long int now = NOW, cpu = 0;

    for (int i = 0; i < 3; i++) {
        cpu += MEMORY_TRIM_WORK;
        assert_false(memory_trim_run(&t, now, cpu));
        assert_int_equal(memory_trim_next(&t), now + MEMORY_TRIM_REST);
        now += MEMORY_TRIM_REST;
        assert_false(memory_trim_run(&t, now - 1, cpu));
        assert_true(memory_trim_run(&t, now, cpu));
        assert_int_equal(memory_trim_next(&t), LLONG_MAX);
        assert_false(memory_trim_run(&t, now, cpu));
    }
}

/* Not while it goes on. */
static void
test_work_goes_on(void **state OVS_UNUSED)
{
    struct memory_trim t = make_trim();
    long long int now = NOW, cpu = MEMORY_TRIM_WORK;

    assert_false(memory_trim_run(&t, now, cpu));
    for (int i = 0; i < 100; i++) {
        now += MEMORY_TRIM_REST / 10;
        cpu += MEMORY_TRIM_LITTLE / 10;
        assert_false(memory_trim_run(&t, now, cpu));
        assert_true(memory_trim_next(&t) > now);
    }
    now = memory_trim_next(&t);
    cpu += MEMORY_TRIM_LITTLE;
    assert_false(memory_trim_run(&t, now, cpu));
    now = memory_trim_next(&t);
    assert_true(memory_trim_run(&t, now, cpu + MEMORY_TRIM_LITTLE - 1));
}

/* Only where a good part of what is resident is not in use. */
static void
test_worth(void **state OVS_UNUSED)
{
    assert_false(memory_trim_is_worth_it(0, 0));
    assert_false(memory_trim_is_worth_it(16000000, 4000000));
    assert_true(memory_trim_is_worth_it(30000000, 4000000));
    assert_false(memory_trim_is_worth_it(240000000, 225000000));
    assert_true(memory_trim_is_worth_it(256000000, 225000000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_work),
        cmocka_unit_test(test_after_work),
        cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_worth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
