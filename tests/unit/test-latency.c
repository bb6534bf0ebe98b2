/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compiler.h"

static struct latency l;

static int
setup(void **state OVS_UNUSED)
{
    memset(&l, 0, sizeof l);
    return 0;
}

static uint64_t
n_counted(void)
{
    uint64_t n = l.histogram.beyond;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        n += l.histogram.buckets[i];
    }
    return n;
}

static void
assert_counted(uint64_t n, uint64_t sum)
{
    assert_int_equal(n_counted(), n);
    assert_int_equal(l.histogram.sum, sum);
}

/* From the arrival to the answer to the bundle. */
static void
test_one(void **state OVS_UNUSED)
{
    latency_arrived(&l, 1000);
    latency_sent(&l, 1, true);
    latency_applied(&l, 0, 2000);
    assert_counted(0, 0);
    latency_applied(&l, 1, 3500);
    assert_counted(1, 2500);
    latency_applied(&l, 1, 9000);
    assert_counted(1, 2500);
}

/* What takes several bundles is over with the last. */
static void
test_several_bundles(void **state OVS_UNUSED)
{
    latency_arrived(&l, 1000);
    latency_sent(&l, 1, false);
    latency_applied(&l, 1, 2000);
    latency_sent(&l, 2, false);
    latency_applied(&l, 2, 3000);
    assert_counted(0, 0);

    /* Nothing was left to send in the last pass. */
    latency_sent(&l, 2, true);
    latency_applied(&l, 2, 4000);
    assert_counted(1, 3000);
}

static void
test_nothing_sent(void **state OVS_UNUSED)
{
    latency_sent(&l, 7, true);
    latency_arrived(&l, 1000);
    latency_sent(&l, 7, true);
    latency_applied(&l, 7, 1200);
    assert_counted(0, 0);
    assert_int_equal(l.n, 0);

    latency_arrived(&l, 2000);
    latency_sent(&l, 8, true);
    latency_applied(&l, 8, 2300);
    assert_counted(1, 300);
}

/* What comes together counts as one arrival, but not with what was sent. */
static void
test_together(void **state OVS_UNUSED)
{
    latency_arrived(&l, 1000);
    latency_arrived(&l, 1000 + LATENCY_SAME - 1);
    latency_arrived(&l, 1000 + LATENCY_SAME);
    assert_int_equal(l.n, 2);
    latency_sent(&l, 1, true);
    latency_arrived(&l, 1000 + LATENCY_SAME);
    assert_int_equal(l.n, 3);
    latency_applied(&l, 1, 2000);
    assert_counted(3, 2 * 1000 + 1000 - LATENCY_SAME);
    assert_int_equal(l.n, 1);
}

/* A switch that was lost, and is compared with what should be there. */
static void
test_unsent(void **state OVS_UNUSED)
{
    latency_arrived(&l, 1000);
    latency_sent(&l, 1, true);
    latency_unsent(&l);
    latency_applied(&l, 5, 2000);
    assert_counted(0, 0);
    latency_sent(&l, 5, true);
    latency_applied(&l, 5, 3000);
    assert_counted(1, 2000);
}

static void
test_bounded(void **state OVS_UNUSED)
{
    const size_t n = 3 * LATENCY_ARRIVALS;

    /* Twice, so that the ring begins in the middle. */
    for (uint64_t bundle = 1; bundle <= 2; bundle++) {
        for (size_t i = 0; i < n; i++) {
            latency_arrived(&l, i * 1000);
        }
        assert_int_equal(l.n, LATENCY_ARRIVALS);
        latency_sent(&l, bundle, true);
        latency_arrived(&l, n * 1000);      /* There is no room. */
        latency_applied(&l, bundle, n * 1000);
        assert_int_equal(l.n, 0);
        assert_int_equal(n_counted(), bundle * n);
        l.first = 100;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one, setup),
        cmocka_unit_test_setup(test_several_bundles, setup),
        cmocka_unit_test_setup(test_nothing_sent, setup),
        cmocka_unit_test_setup(test_together, setup),
        cmocka_unit_test_setup(test_unsent, setup),
        cmocka_unit_test_setup(test_bounded, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
