/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/pass-watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compiler.h"

/* A pass that begins at 'now', with parts that take so many ms. */
static char *
run_pass(struct pass_watch *watch, long long int now, int a, int b, int c)
{
    pass_watch_begin(watch, now);
    pass_watch_part(watch, "reading", now += a);
    pass_watch_part(watch, "deciding", now += b);
    pass_watch_part(watch, "writing", now += c);
    return pass_watch_end(watch, now);
}

static void
assert_says(char *said, const char *wanted)
{
    assert_non_null(said);
    assert_string_equal(said, wanted);
    free(said);
}

static void
test_limit(void **state OVS_UNUSED)
{
    struct pass_watch watch = { .n_passes = 0 };

    assert_null(run_pass(&watch, 1000, 0, 0, 0));
    assert_null(run_pass(&watch, 1000, 250, 250, 0));
    assert_int_equal(watch.n_slow, 0);
    assert_says(run_pass(&watch, 5000, 250, 251, 0),
                "a pass of the main loop took 501 ms: 250 ms for reading, "
                "251 ms for deciding");
}

/* Small parts are put together; what no part claims is among the rest. */
static void
test_parts(void **state OVS_UNUSED)
{
    struct pass_watch watch = { .n_passes = 0 };

    assert_says(run_pass(&watch, 7, 10, 900, 20),
                "a pass of the main loop took 930 ms: 900 ms for deciding, "
                "30 ms for the rest");
    assert_says(run_pass(&watch, 7, 100, 0, 1900),
                "a pass of the main loop took 2000 ms: 100 ms for reading, "
                "1900 ms for writing");

    pass_watch_begin(&watch, 0);
    pass_watch_part(&watch, "reading", 300);
    assert_says(pass_watch_end(&watch, 600),
                "a pass of the main loop took 600 ms: 300 ms for reading, "
                "300 ms for the rest");

    pass_watch_begin(&watch, 0);
    assert_says(pass_watch_end(&watch, 501),
                "a pass of the main loop took 501 ms");
}

static void
test_counts(void **state OVS_UNUSED)
{
    struct pass_watch watch = { .n_passes = 0 };

    for (int i = 0; i < 10; i++) {
        free(run_pass(&watch, i * 10000, i * 100, 0, 0));
    }
    assert_null(run_pass(&watch, 200000, 1, 1, 1));
    assert_int_equal(watch.n_passes, 11);
    assert_int_equal(watch.n_slow, 4);
    assert_int_equal(watch.longest, 900);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
