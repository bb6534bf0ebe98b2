/* SPDX-License-Identifier: Apache-2.0 */

/* The numbers of the rules are those of page-chain.h. */

#include <config.h>

#include "cloud/page-chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/http-answer.h"
#include "util.h"

/* Feeds an answer to 'chain' and checks what it says, and that the error, if
 * any, contains 'error'. */
static void
check_answer(struct page_chain *chain, struct http_response response,
             enum page_verdict verdict, const char *error)
{
    char *e = NULL;

    assert_int_equal(page_chain_answered(chain, &response, &e), verdict);
    assert_int_equal(e != NULL, error != NULL);
    if (e && !strstr(e, error)) {
        fail_msg("\"%s\" is not in \"%s\"", error, e);
    }
    free(e);
}

static void
check_page(struct page_chain *chain, const char *version, const char *cursor,
           enum page_verdict verdict, const char *error)
{
    char *e = NULL;

    assert_int_equal(page_chain_decoded(chain, 10, version, cursor, &e),
                     verdict);
    assert_int_equal(e != NULL, error != NULL);
    if (e && !strstr(e, error)) {
        fail_msg("\"%s\" is not in \"%s\"", error, e);
    }
    free(e);
}

static struct http_response
status(int code)
{
    return (struct http_response) { .status = code };
}

static struct http_response
page_with_etag(const char *etag)
{
    return (struct http_response) {
        .status = 200,
        .etag = CONST_CAST(char *, etag),
        .content_type = CONST_CAST(char *, "application/json"),
    };
}

static void
test_rule_1_whole(void **state OVS_UNUSED)
{
    struct page_chain chain;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    assert_null(chain.cursor);
    check_answer(&chain, page_with_etag(NULL), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    assert_string_equal(chain.cursor, "a");
    check_answer(&chain, page_with_etag(NULL), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", "b", PAGE_CHAIN_NEXT, NULL);
    assert_string_equal(chain.cursor, "b");
    check_answer(&chain, page_with_etag(NULL), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", NULL, PAGE_CHAIN_WHOLE, NULL);
    assert_string_equal(chain.version, "7");
    page_chain_destroy(&chain);
}

static void
test_rule_2_version_changed(void **state OVS_UNUSED)
{
    struct page_chain chain;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    for (int i = 0; i < 3; i++) {
        check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
        check_page(&chain, "8", NULL, PAGE_CHAIN_RESTART,
                   "version 7, then 8");
        page_chain_begin(&chain, true);
        assert_null(chain.cursor);
        assert_null(chain.version);
    }
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    check_page(&chain, "8", NULL, PAGE_CHAIN_FAILED, "version 7, then 8");

    /* A new try may be begun again as often. */
    page_chain_begin(&chain, false);
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    check_page(&chain, "8", NULL, PAGE_CHAIN_RESTART, "version");
    page_chain_destroy(&chain);
}

static void
test_rule_2_cursor_gone(void **state OVS_UNUSED)
{
    struct page_chain chain;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    check_answer(&chain, status(410), PAGE_CHAIN_FAILED, "HTTP 410 Gone");
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    check_answer(&chain, status(410), PAGE_CHAIN_RESTART, "HTTP 410 Gone");
    page_chain_destroy(&chain);
}

static void
test_rule_3_cursor_loop(void **state OVS_UNUSED)
{
    struct page_chain chain;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    check_page(&chain, "7", "b", PAGE_CHAIN_NEXT, NULL);
    check_page(&chain, "7", "a", PAGE_CHAIN_FAILED, "earlier page");
    assert_int_equal(chain.n_pages, 2);     /* The third is at fault. */

    /* Another list may use the same cursors. */
    page_chain_begin(&chain, false);
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    page_chain_destroy(&chain);
}

static void
test_rule_3_endless(void **state OVS_UNUSED)
{
    struct page_chain chain;
    enum page_verdict verdict;
    char *error = NULL;
    int n = 0;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    do {
        char cursor[16];
        snprintf(cursor, sizeof cursor, "%d", n++);
        verdict = page_chain_decoded(&chain, 1, "7", cursor, &error);
    } while (verdict == PAGE_CHAIN_NEXT);
    assert_int_equal(verdict, PAGE_CHAIN_FAILED);
    assert_int_equal(n, 10000);
    assert_non_null(strstr(error, "does not end"));
    free(error);
    error = NULL;

    page_chain_begin(&chain, false);
    assert_int_equal(page_chain_decoded(&chain, 10 * 1000 * 1000, "7", "a",
                                        &error), PAGE_CHAIN_FAILED);
    assert_non_null(strstr(error, "does not end"));
    free(error);
    page_chain_destroy(&chain);
}

static void
test_rule_4_etag(void **state OVS_UNUSED)
{
    struct page_chain chain;

    /* Not until the list is whole. */
    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    check_answer(&chain, page_with_etag("\"1\""), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", "a", PAGE_CHAIN_NEXT, NULL);
    assert_null(chain.etag);

    /* That of the first page. */
    check_answer(&chain, page_with_etag("\"2\""), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", NULL, PAGE_CHAIN_WHOLE, NULL);
    assert_string_equal(chain.etag, "\"1\"");

    page_chain_begin(&chain, false);
    check_answer(&chain, status(304), PAGE_CHAIN_NOT_MODIFIED, NULL);
    assert_string_equal(chain.etag, "\"1\"");

    /* A list that fails leaves it alone... */
    page_chain_begin(&chain, false);
    check_answer(&chain, page_with_etag("\"3\""), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "8", "a", PAGE_CHAIN_NEXT, NULL);
    check_answer(&chain, status(304), PAGE_CHAIN_FAILED, "HTTP 304");
    assert_string_equal(chain.etag, "\"1\"");

    /* ...and one without an ETag removes it. */
    page_chain_begin(&chain, false);
    check_answer(&chain, page_with_etag(NULL), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "9", NULL, PAGE_CHAIN_WHOLE, NULL);
    assert_null(chain.etag);
    page_chain_destroy(&chain);
}

static void
test_rule_4_unconditional(void **state OVS_UNUSED)
{
    struct page_chain chain;

    page_chain_init(&chain);
    page_chain_begin(&chain, false);
    check_answer(&chain, status(304), PAGE_CHAIN_FAILED, "HTTP 304");
    check_answer(&chain, page_with_etag("\"1\""), PAGE_CHAIN_DECODE, NULL);
    check_page(&chain, "7", NULL, PAGE_CHAIN_WHOLE, NULL);

    page_chain_forget(&chain);
    page_chain_begin(&chain, false);
    assert_null(chain.etag);
    check_answer(&chain, status(304), PAGE_CHAIN_FAILED, "HTTP 304");
    page_chain_destroy(&chain);
}

static void
test_refused_answers(void **state OVS_UNUSED)
{
    static const struct {
        int status;
        const char *content_type;
        const char *error;
        const char *expected;
    } cases[] = {
        { 0, NULL, "connection refused", "connection refused" },
        { 200, NULL, NULL, "the content type is missing" },
        { 200, "", NULL, "the content type is \"\"" },
        { 200, "text/html", NULL, "the content type is \"text/html\"" },
        { 200, "application/jsonx", NULL, "\"application/jsonx\"" },
        { 200, "application/x-ndjson", NULL, "\"application/x-ndjson\"" },
        { 200, "a\nb\x1b", NULL, "the content type is \"a\\012b\\033\"" },
        { 201, NULL, NULL, "HTTP 201" },
        { 204, NULL, NULL, "HTTP 204 No Content" },
        { 206, "application/json", NULL, "HTTP 206 Partial Content" },
        { 401, NULL, NULL, "--api-token-file" },
        { 403, NULL, NULL, "HTTP 403 Forbidden" },
        { 404, NULL, NULL, "no inventory at this URL" },
        { 429, NULL, NULL, "HTTP 429 Too Many Requests" },
        { 500, NULL, NULL, "HTTP 500 Internal Server Error" },
        { 503, NULL, NULL, "HTTP 503 Service Unavailable" },
        { 999, NULL, NULL, "HTTP 999" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct page_chain chain;

        page_chain_init(&chain);
        page_chain_begin(&chain, false);
        check_answer(&chain, (struct http_response) {
                         .status = cases[i].status,
                         .content_type = CONST_CAST(char *,
                                                    cases[i].content_type),
                         .error = CONST_CAST(char *, cases[i].error),
                     }, PAGE_CHAIN_FAILED, cases[i].expected);
        page_chain_destroy(&chain);
    }
}

static void
test_accepted_content_types(void **state OVS_UNUSED)
{
    static const char *const types[] = {
        "application/json", "Application/JSON",
        "application/json; charset=utf-8", "application/json ;x",
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct page_chain chain;

        page_chain_init(&chain);
        page_chain_begin(&chain, false);
        check_answer(&chain, (struct http_response) {
                         .status = 200,
                         .content_type = CONST_CAST(char *, types[i]),
                     }, PAGE_CHAIN_DECODE, NULL);
        page_chain_destroy(&chain);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_1_whole),
        cmocka_unit_test(test_rule_2_version_changed),
        cmocka_unit_test(test_rule_2_cursor_gone),
        cmocka_unit_test(test_rule_3_cursor_loop),
        cmocka_unit_test(test_rule_3_endless),
        cmocka_unit_test(test_rule_4_etag),
        cmocka_unit_test(test_rule_4_unconditional),
        cmocka_unit_test(test_refused_answers),
        cmocka_unit_test(test_accepted_content_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
