/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/http-answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "util.h"

static void
test_retry_after(void **state OVS_UNUSED)
{
    /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110 section 5.6.7. */
    const time_t now = 784111777;
    static const struct {
        const char *text;
        long long int seconds;
    } cases[] = {
        { "0", 0 },
        { "120", 120 },
        { "00007", 7 },
        { "99999999999999999999999", 999999999 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
        { "Sun, 06 Nov 1994 08:51:37 GMT", 120 },
        { "Sunday, 06-Nov-94 08:49:47 GMT", 10 },
        { "Sun Nov  6 08:49:57 1994", 20 },
        { "Sat, 05 Nov 1994 08:49:37 GMT", 0 },
        { "", -1 },
        { "-5", -1 },
        { "+5", -1 },
        { "1.5", -1 },
        { "5 minutes", -1 },
        { "0x10", -1 },
        { "soon", -1 },
        { "\xff", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        long long int seconds = http_parse_retry_after(cases[i].text, now);
        if (seconds != cases[i].seconds) {
            fail_msg("\"%s\": %lld, not %lld", cases[i].text, seconds,
                     cases[i].seconds);
        }
    }
}

static void
test_status_text(void **state OVS_UNUSED)
{
    assert_string_equal(http_status_text(404), "Not Found");
    assert_string_equal(http_status_text(429), "Too Many Requests");
    assert_string_equal(http_status_text(299), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_status_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
