/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/repair-limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler.h"

/* Six writes within ten seconds are as many as there may be. */
static void
test_reached(void **state OVS_UNUSED)
{
    struct repair_limit limit = { .n = 0 };

    for (int i = 0; i < REPAIR_LIMIT_MAX; i++) {
        assert_false(repair_limit_is_reached(&limit, 1000 + i * 1999));
        repair_limit_count(&limit, 1000 + i * 1999);
    }
    assert_true(repair_limit_is_reached(&limit, 10999));

    /* Then counting starts afresh. */
    assert_false(repair_limit_is_reached(&limit, 11000));
}

static void
test_slow_writes_never_reach_it(void **state OVS_UNUSED)
{
    struct repair_limit limit = { .n = 0 };

    for (int i = 0; i < 1000; i++) {
        assert_false(repair_limit_is_reached(&limit, i * 2000));
        repair_limit_count(&limit, i * 2000);
    }
}

/* What was written long ago does not count, however much it was. */
static void
test_old_writes_are_forgotten(void **state OVS_UNUSED)
{
    struct repair_limit limit = { .n = 0 };

    for (int i = 0; i < 100; i++) {
        repair_limit_count(&limit, 5);
    }
    assert_false(repair_limit_is_reached(&limit, 5 + REPAIR_LIMIT_WINDOW));
    assert_true(repair_limit_is_reached(&limit, 4 + REPAIR_LIMIT_WINDOW));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reached),
        cmocka_unit_test(test_slow_writes_never_reach_it),
        cmocka_unit_test(test_old_writes_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
