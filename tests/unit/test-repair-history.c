/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/repair-history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util.h"

/* It changes at 'now', and is repaired when that is due, which is returned. */
static long long int
change_and_repair(struct repair_history *h, long long int now)
{
    repair_history_open(h, now);
    assert_false(repair_history_is_due(h, now));
    while (!repair_history_is_due(h, now)) {
        now++;
    }
    repair_history_repaired(h, now);
    assert_false(repair_history_is_due(h, now));
    return now;
}

/* What is changed at once after each repair waits longer and longer. */
static void
test_fight(void **state OVS_UNUSED)
{
    static const long long int waits[] = {
        REPAIR_COLLECT, REPAIR_COLLECT, REPAIR_COLLECT, 1000, 2000, 4000,
        8000, 16000, 32000, 60000, 60000, 60000,
    };
    struct repair_history h = { .n = 0 };
    long long int now = 1000000;

    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        long long int repaired = change_and_repair(&h, now);

        assert_int_equal(repaired - now, waits[i]);
        assert_int_equal(repair_history_is_fight(&h, repaired), i >= 3);
        now = repaired;
    }

    /* Until there is peace for long enough. */
    assert_true(repair_history_is_fight(&h, now + 2 * REPAIR_WAIT_MAX));
    now += 2 * REPAIR_WAIT_MAX + 1;
    assert_false(repair_history_is_fight(&h, now));
    assert_true(repair_history_is_over(&h, now));
    assert_int_equal(change_and_repair(&h, now), now + REPAIR_COLLECT);
}

/* What is changed now and then is put right at once. */
static void
test_now_and_then(void **state OVS_UNUSED)
{
    struct repair_history h = { .n = 0 };
    long long int now = 1000000;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(change_and_repair(&h, now), now + REPAIR_COLLECT);
        now += REPAIR_QUIET + REPAIR_COLLECT + 1;
    }
}

/* Another change does not put the repair off. */
static void
test_change_again(void **state OVS_UNUSED)
{
    struct repair_history h = { .n = 0 };

    repair_history_open(&h, 1000);
    repair_history_open(&h, 1000 + REPAIR_COLLECT - 1);
    assert_true(repair_history_is_due(&h, 1000 + REPAIR_COLLECT));
}

/* What is refused is tried again, less and less often, until it is taken. */
static void
test_refused(void **state OVS_UNUSED)
{
    static const long long int waits[] = {
        1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000,
    };
    struct repair_history h = { .n = 0 };
    long long int now = 1000000;
    uint64_t bundle = 5;

    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        repair_history_refused(&h, now);
        repair_history_sent(&h, bundle);
        repair_history_applied(&h, bundle);
        assert_true(h.refused);
        assert_false(repair_history_is_due(&h, now + waits[i] - 1));
        now += waits[i];
        assert_true(repair_history_is_due(&h, now));
        repair_history_repaired(&h, now);
        repair_history_sent(&h, ++bundle);
        repair_history_sent(&h, bundle + 1);
        repair_history_applied(&h, bundle - 1);
        assert_true(h.refused);
        assert_false(repair_history_is_over(&h, now + 1000000));
        assert_false(repair_history_is_fight(&h, now));
    }
    repair_history_applied(&h, bundle);
    assert_false(h.refused);
    assert_true(repair_history_is_over(&h, now));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fight),
        cmocka_unit_test(test_now_and_then),
        cmocka_unit_test(test_change_again),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
