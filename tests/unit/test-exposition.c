/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/exposition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/histogram.h"
#include "compiler.h"

static struct ds text;
static struct exposition x;

static int
setup(void **state OVS_UNUSED)
{
    ds_init(&text);
    exposition_init(&x, &text);
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    exposition_uninit(&x);
    ds_destroy(&text);
    return 0;
}

static void
assert_text(const char *wanted)
{
    assert_string_equal(ds_cstr(&text), wanted);
}

static void
test_family(void **state OVS_UNUSED)
{
    exposition_family(&x, "vtepd_lists_total", METRIC_COUNTER,
                      "Lists, \"whole\" or not;\nC:\\ is escaped.");
    exposition_label(&x, "result", "whole");
    exposition_count(&x, UINT64_MAX);
    exposition_label(&x, "result", "failed");
    exposition_label(&x, "why", "");
    exposition_count(&x, 0);
    exposition_family(&x, "vtepd_age_seconds", METRIC_GAUGE, "Age.");
    exposition_seconds(&x, 1500);
    assert_text("# HELP vtepd_lists_total Lists, \"whole\" or not;\\n"
                "C:\\\\ is escaped.\n"
                "# TYPE vtepd_lists_total counter\n"
                "vtepd_lists_total{result=\"whole\"} 18446744073709551615\n"
                "vtepd_lists_total{result=\"failed\",why=\"\"} 0\n"
                "# HELP vtepd_age_seconds Age.\n"
                "# TYPE vtepd_age_seconds gauge\n"
                "vtepd_age_seconds 1.5\n");
}

/* A peer can be called anything. */
static void
test_escaping(void **state OVS_UNUSED)
{
    exposition_family(&x, "a", METRIC_GAUGE, "A.");
    ds_clear(&text);
    exposition_label(&x, "peer", "x\",y=\"\\\n}");
    exposition_count(&x, 1);
    assert_text("a{peer=\"x\\\",y=\\\"\\\\\\n}\"} 1\n");
}

static void
test_numbers(void **state OVS_UNUSED)
{
    static const struct {
        double value;
        const char *text;
    } tests[] = {
        { 0, "a 0\n" },
        { -1.25, "a -1.25\n" },
        { 1764000000.123, "a 1764000000.123\n" },
        { NAN, "a NaN\n" },
        { INFINITY, "a +Inf\n" },
        { -INFINITY, "a -Inf\n" },
    };

    exposition_family(&x, "a", METRIC_GAUGE, "A.");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        ds_clear(&text);
        exposition_number(&x, tests[i].value);
        assert_text(tests[i].text);
    }
}

/* The bounds belong to their buckets, which are cumulative. */
static void
test_histogram(void **state OVS_UNUSED)
{
    struct histogram h = { .sum = 0 };

    histogram_add(&h, -5, 1);
    histogram_add(&h, 500, 1);
    histogram_add(&h, 501, 2);
    histogram_add(&h, 60000000, 1);
    histogram_add(&h, 60000001, 3);
    exposition_family(&x, "h_seconds", METRIC_HISTOGRAM, "H.");
    exposition_histogram(&x, &h);
    assert_text("# HELP h_seconds H.\n"
                "# TYPE h_seconds histogram\n"
                "h_seconds_bucket{le=\"0.0001\"} 1\n"
                "h_seconds_bucket{le=\"0.0002\"} 1\n"
                "h_seconds_bucket{le=\"0.0005\"} 2\n"
                "h_seconds_bucket{le=\"0.001\"} 4\n"
                "h_seconds_bucket{le=\"0.002\"} 4\n"
                "h_seconds_bucket{le=\"0.005\"} 4\n"
                "h_seconds_bucket{le=\"0.01\"} 4\n"
                "h_seconds_bucket{le=\"0.02\"} 4\n"
                "h_seconds_bucket{le=\"0.05\"} 4\n"
                "h_seconds_bucket{le=\"0.1\"} 4\n"
                "h_seconds_bucket{le=\"0.2\"} 4\n"
                "h_seconds_bucket{le=\"0.5\"} 4\n"
                "h_seconds_bucket{le=\"1\"} 4\n"
                "h_seconds_bucket{le=\"2\"} 4\n"
                "h_seconds_bucket{le=\"5\"} 4\n"
                "h_seconds_bucket{le=\"10\"} 4\n"
                "h_seconds_bucket{le=\"30\"} 4\n"
                "h_seconds_bucket{le=\"60\"} 5\n"
                "h_seconds_bucket{le=\"+Inf\"} 8\n"
                "h_seconds_sum 240.001505\n"
                "h_seconds_count 8\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_family, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escaping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
