/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "cloud/webhook-server.h"
#include "openvswitch/dynamic-string.h"

static void
put_metrics(void *n, struct ds *s)
{
    ds_put_format(s, "n %d\n", ++*(int *) n);
}

/* Those who ask within a second share an answer, which is not made again. */
static void
test_shared(void **state OVS_UNUSED)
{
    struct webhook_metrics m = { NULL, 0 };
    int n = 0;
    const struct webhook_sink sink = { .aux = &n, .metrics = put_metrics };

    /* The first second of the clock is no exception. */
    struct MHD_Response *first = webhook_metrics_get(&m, &sink, 0);
    assert_int_equal(n, 1);
    assert_string_equal(MHD_get_response_header(first, "Content-Type"),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_ptr_equal(webhook_metrics_get(&m, &sink, 999), first);
    assert_int_equal(n, 1);
    webhook_metrics_get(&m, &sink, 1000);
    assert_int_equal(n, 2);
    webhook_metrics_get(&m, &sink, 1999);
    assert_int_equal(n, 2);
    webhook_metrics_uninit(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
