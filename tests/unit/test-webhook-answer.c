/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util.h"

static void
expect_body(unsigned int status, const char *detail, const char *pointer,
            const char *expected)
{
    struct webhook_answer answer;

    webhook_answer_init(&answer);
    webhook_answer_set(&answer, status, "%s", detail);
    answer.pointer = nullable_xstrdup(pointer);

    char *body = webhook_answer_body(&answer);
    assert_string_equal(body, expected);
    free(body);
    webhook_answer_uninit(&answer);
}

static void
test_body(void **state OVS_UNUSED)
{
    expect_body(200, "ok", NULL, "ok\n");
    expect_body(202, "", NULL, "");
    expect_body(404, "\"x\"\n", NULL,
                "{\"type\":\"about:blank\",\"title\":\"Not Found\","
                "\"status\":404,\"detail\":\"\\\"x\\\"\\n\"}\n");

    /* RFC 6901, 6. */
    expect_body(422, "d", "/data/a~1b/0/c%d e\"\xc3\xa4",
                "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\""
                ",\"status\":422,\"detail\":\"d\",\"errors\":[{\"detail\":"
                "\"d\",\"pointer\":\"#/data/a~1b/0/c%25d%20e%22%C3%A4\"}]}\n");
}

static void
test_text(void **state OVS_UNUSED)
{
    struct webhook_answer answer;

    webhook_answer_init(&answer);
    webhook_answer_set(&answer, 404, "d");
    webhook_answer_set(&answer, 503, "a");
    webhook_answer_retry_after(&answer, 3);
    webhook_answer_retry_after(&answer, 5);

    char *text = webhook_answer_text(&answer);
    assert_string_equal(text,
                        "HTTP/1.1 503 Service Unavailable\r\n"
                        "Connection: close\r\n"
                        "Content-Type: application/problem+json\r\n"
                        "Content-Length: 79\r\n"
                        "Retry-After: 5\r\n"
                        "\r\n"
                        "{\"type\":\"about:blank\",\"title\":\"Service "
                        "Unavailable\",\"status\":503,\"detail\":\"a\"}\n");
    free(text);
    webhook_answer_uninit(&answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
