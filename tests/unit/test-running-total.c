/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/running-total.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler.h"
#include "util.h"

static void
test_total(void **state OVS_UNUSED)
{
    static const struct {
        uint64_t value, total;
    } readings[] = {
        { 100, 100 },           /* From before the first reading. */
        { 100, 100 },
        { 130, 130 },
        { 50, 130 },            /* A flow went... */
        { 60, 140 },            /* ...and another counted on. */
        { UINT64_MAX, 140 },
        { 61, 141 },
        { 0, 141 },             /* The switch was restarted. */
        { 5, 146 },
    };
    struct running_total t = { .total = 0 };

    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        running_total_read(&t, readings[i].value);
        assert_int_equal(t.total, readings[i].total);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_total),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
