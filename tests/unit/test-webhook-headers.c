/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util.h"

static void
test_prefer_wait(void **state OVS_UNUSED)
{
    static const struct {
        const char *value;
        int wait;
    } cases[] = {
        { "wait=5", 5 },
        { "wait=\"5\"", 5 },
        { "Wait = 5", 5 },
        { " wait=5 ", 5 },
        { "wait=0", 0 },
        { "wait=60", 60 },
        { "wait=61", 60 },
        { "wait=99999999999999999999999999", 60 },
        { "respond-async, wait=10", 10 },
        { "respond-async;x=y, wait=10; a=b, handling=lenient", 10 },
        { "foo=\"a, wait=3\", wait=4", 4 },
        { "foo=\"a\\\", wait=3\", wait=4", 4 },
        { ",,wait=5", 5 },
        { "wait=5, wait=6", 5 },        /* RFC 7240, 2: the first counts. */
        { "", -1 },
        { "wait", -1 },
        { "wait=", -1 },
        { "wait=x", -1 },
        { "wait=-1", -1 },
        { "wait=5x", -1 },
        { "wait=\"5", -1 },
        { "waiting=5", -1 },
        { "await=5", -1 },
        { "return=minimal", -1 },
        { "foo=\"wait=3", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int wait = header_prefer_wait(cases[i].value, 60);

        if (wait != cases[i].wait) {
            fail_msg("\"%s\": %d, not %d", cases[i].value, wait,
                     cases[i].wait);
        }
    }
}

static void
test_prefers(void **state OVS_UNUSED)
{
    static const struct {
        const char *value;
        bool yes;
    } cases[] = {
        { "revalidated", true },
        { "wait=5, revalidated", true },
        { "wait=5,Revalidated", true },
        { "revalidated ,wait=5", true },
        { "revalidated=\"\"", true },           /* RFC 7240, 2 */
        { "revalidated = ; a=b , wait=5", true },
        { "revalidated; a=\"b, c\"", true },
        { "revalidated=no", false },
        { "revalidated=\"no\"", false },
        { "revalidated=\"", false },
        { "revalidated x", false },
        { "not-revalidated", false },
        { "revalidate", false },
        { "foo=revalidated", false },
        { "foo=\"a, revalidated\"", false },
        { "foo; revalidated", false },
        { "wait=5", false },
        { ",", false },
        { "", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (header_prefers(cases[i].value, "revalidated") != cases[i].yes) {
            fail_msg("\"%s\" does%s ask for it", cases[i].value,
                     cases[i].yes ? "" : " not");
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefer_wait),
        cmocka_unit_test(test_prefers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
