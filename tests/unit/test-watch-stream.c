/* SPDX-License-Identifier: Apache-2.0 */

/* One watch stream, with a server that sends prepared bytes. */

#include <config.h>

#include "cloud/watch-stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/http-transfer.h"
#include "cloud/inventory-event.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "tests/unit/raw-server.h"
#include "timeval.h"
#include "util.h"

/* Longest that anything may take, in ms. */
enum { PATIENCE = 20 * 1000 };

static const char *url;
static struct http_client *client;
static struct watch_stream *stream;
static struct raw_connection *connection;

/* What came, e.g. "put host hv1, delete endpoint vm1 10, version 7". */
static struct ds told = DS_EMPTY_INITIALIZER;
static unsigned int n_events;

static void
tell(const struct inventory_event *event)
{
    ds_put_cstr(&told, told.length ? ", " : "");
    switch (event->type) {
    case INVENTORY_EVENT_PUT:
        ds_put_format(&told, "put %s %s",
                      object_kind_to_string(event->object->kind),
                      event->object->id);
        break;

    case INVENTORY_EVENT_DELETE:
        ds_put_format(&told, "delete %s %s %"PRIu64,
                      object_kind_to_string(event->kind), event->id,
                      event->revision);
        break;

    case INVENTORY_EVENT_THIN:
        ds_put_format(&told, "thin %s", event->id);
        break;

    case INVENTORY_EVENT_VERSION:
        ds_put_format(&told, "version %s", event->version);
        break;

    case INVENTORY_EVENT_REFUSED:
        ds_put_format(&told, "refused %s", event->id ? event->id : "?");
        break;

    case INVENTORY_EVENT_UNKNOWN:
        ds_put_format(&told, "unknown %s", event->unknown);
        break;

    case INVENTORY_EVENT_GONE:
        ds_put_cstr(&told, "gone");
        break;
    }
}

/* One pass, as of 'now'.  Returns the number of events. */
static int
pass(long long int now)
{
    struct inventory_event event;
    int n = 0;

    raw_server_run();
    http_client_run(client);
    watch_stream_run(stream, now);
    while (watch_stream_next(stream, &event)) {
        tell(&event);
        inventory_event_uninit(&event);
        n++;
    }
    n_events += n;
    return n;
}

static void
block(void)
{
    raw_server_wait();
    http_client_wait(client);
    watch_stream_wait(stream);
    poll_timer_wait(100);
    poll_block();
}

/* Asks for a stream, until the server has the request. */
static void
ask(void)
{
    long long int deadline = time_msec() + PATIENCE;

    ds_clear(&told);
    n_events = 0;
    stream = watch_stream_create(client, url, time_msec());
    while (pass(time_msec()), !(connection = raw_server_next("GET / "))) {
        assert_true(time_msec() < deadline);
        block();
    }
}

static void
hang_up(void)
{
    if (connection) {
        raw_close(connection);
        connection = NULL;
    }
}

static void
finish(void)
{
    hang_up();
    watch_stream_destroy(stream);
    stream = NULL;
}

static const struct watch_progress *
run_until_ended(void)
{
    const struct watch_progress *progress = watch_stream_progress(stream);
    long long int deadline = time_msec() + PATIENCE;

    while (pass(time_msec()), !progress->outcome) {
        if (time_msec() >= deadline) {
            fail_msg("it goes on; came: %s", ds_cstr(&told));
        }
        block();
    }
    return progress;
}

static void
run_until_told(const char *expected)
{
    long long int deadline = time_msec() + PATIENCE;

    while (pass(time_msec()), strcmp(ds_cstr(&told), expected)) {
        if (time_msec() >= deadline) {
            fail_msg("waited for \"%s\", came: %s", expected, ds_cstr(&told));
        }
        block();
    }
}

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define NDJSON "Content-Type: application/x-ndjson\r\n"
#define HEAD OK NDJSON "\r\n"

#define HV1 "{\"type\":\"put\",\"object\":{\"kind\":\"host\"," \
            "\"id\":\"hv1\",\"revision\":2,\"tunnels\":[]," \
            "\"note\":\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8d\"}}"
#define VM1 "{\"type\":\"delete\",\"object\":{\"kind\":\"endpoint\"," \
            "\"id\":\"vm1\",\"revision\":10}}"
#define V7 "{\"type\":\"version\",\"version\":\"7\"}"

/* Several line ends, blank lines, and at the end a line that is cut off. */
#define LINES HV1 "\n" V7 "\r\n\r\n\n" VM1 "\r\n \t\n" \
              "{\"type\":\"hint\"}\n" V7 "\n" "{\"type\":\"put"
#define LINES_TOLD "put host hv1, version 7, delete endpoint vm1 10, " \
                   "unknown type \"hint\", version 7"

static void
check_lines(void)
{
    const struct watch_progress *progress = run_until_ended();

    assert_int_equal(progress->outcome, WATCH_ENDED);
    assert_string_equal(progress->why,
                        "the server closed it in the middle of a line");
    assert_string_equal(ds_cstr(&told), LINES_TOLD);
    finish();
}

/* The request says what is wanted. */
static void
test_request(void **state OVS_UNUSED)
{
    ask();
    assert_non_null(strstr(raw_request(connection),
                           "\r\nAccept: application/x-ndjson\r\n"));
    finish();
}

/* It is open as soon as the head is there. */
static void
test_opens(void **state OVS_UNUSED)
{
    const struct watch_progress *progress;
    long long int deadline = time_msec() + PATIENCE;

    ask();
    progress = watch_stream_progress(stream);
    raw_send(connection, OK NDJSON "\r");
    pass(time_msec());
    assert_false(progress->opened);
    raw_send(connection, "\n");
    while (pass(time_msec()), !progress->opened) {
        assert_true(time_msec() < deadline);
        block();
    }
    assert_int_equal(progress->outcome, WATCH_GOES_ON);
    finish();
}

/* The same stream, cut at every position. */
static void
test_split_everywhere(void **state OVS_UNUSED)
{
    static const char text[] = HEAD LINES;

    for (size_t cut = 0; cut < sizeof text; cut++) {
        ask();
        raw_send_buffer(connection, text, cut);
        pass(time_msec());
        pass(time_msec());
        raw_send_buffer(connection, text + cut, sizeof text - 1 - cut);
        hang_up();
        check_lines();
    }
}

static void
test_byte_by_byte(void **state OVS_UNUSED)
{
    static const char text[] = HEAD LINES;

    ask();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        raw_send_buffer(connection, text + i, 1);
        pass(time_msec());
    }
    hang_up();
    check_lines();
}

/* In chunks that begin and end anywhere. */
static void
test_chunked(void **state OVS_UNUSED)
{
    static const char lines[] = LINES;

    for (size_t size = 1; size < 80; size += 13) {
        ask();
        raw_send(connection, OK NDJSON "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < sizeof lines - 1; i += size) {
            size_t n = MIN(size, sizeof lines - 1 - i);
            char head[16];

            snprintf(head, sizeof head, "%"PRIxSIZE"\r\n", n);
            raw_send(connection, head);
            raw_send_buffer(connection, lines + i, n);
            raw_send(connection, "\r\n");
        }
        raw_send(connection, "0\r\n\r\n");
        check_lines();
    }
}

/* Other answers than a stream. */
static void
test_answers(void **state OVS_UNUSED)
{
    static const struct {
        const char *answer;
        enum watch_outcome outcome;
        const char *why;
        int retry_after;
    } cases[] = {
        { "HTTP/1.1 404 Not Found\r\n\r\n", WATCH_NOT_THERE, "HTTP 404", -1 },
        { "HTTP/1.1 501 Never\r\n\r\n", WATCH_NOT_THERE,
          "HTTP 501 Not Implemented", -1 },
        { "HTTP/1.1 410 Gone\r\n\r\n", WATCH_GONE, "HTTP 410 Gone", -1 },
        { "HTTP/1.1 401 No\r\n\r\n", WATCH_REFUSED, "HTTP 401 Unauth", -1 },
        { "HTTP/1.1 403 No\r\n\r\n", WATCH_REFUSED, "HTTP 403 Forbid", -1 },
        { "HTTP/1.1 429 No\r\nRetry-After: 7\r\n\r\n", WATCH_REFUSED,
          "HTTP 429 Too Many Requests", 7 },
        { "HTTP/1.1 503 No\r\nRetry-After: 8\r\n\r\nno", WATCH_REFUSED,
          "HTTP 503 Service Unavailable", 8 },
        { "HTTP/1.1 500 No\r\n\r\n", WATCH_REFUSED, "HTTP 500", -1 },
        { "HTTP/1.1 204 No\r\n\r\n", WATCH_REFUSED, "HTTP 204", -1 },
        { "HTTP/1.1 304 No\r\n\r\n", WATCH_REFUSED, "HTTP 304", -1 },
        { "HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
          WATCH_REFUSED, "redirected to another origin", -1 },
        { OK "\r\n" V7 "\n", WATCH_REFUSED, "the content type is missing",
          -1 },
        { OK "Content-Type: application/json\r\n\r\n" V7 "\n", WATCH_REFUSED,
          "the content type is \"application/json\", not "
          "\"application/x-ndjson\"", -1 },
        { OK "Content-Type: application/x-ndjsonx\r\n\r\n", WATCH_REFUSED,
          "the content type is", -1 },
        { OK "Content-Type: a\x1b[31m\r\n\r\n", WATCH_REFUSED,
          "\"a\\033[31m\"", -1 },
        { "", WATCH_REFUSED, "Empty reply", -1 },
        { "garbage\r\n\r\n", WATCH_REFUSED, "HTTP/0.9", -1 },
        { OK NDJSON, WATCH_REFUSED, "", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ask();
        raw_send(connection, cases[i].answer);
        hang_up();

        const struct watch_progress *progress = run_until_ended();
        if (progress->outcome != cases[i].outcome
            || !strstr(progress->why, cases[i].why)
            || progress->retry_after != cases[i].retry_after) {
            fail_msg("case %"PRIuSIZE": outcome %d, \"%s\", %lld", i,
                     progress->outcome, progress->why,
                     progress->retry_after);
        }
        assert_false(progress->opened);
        assert_string_equal(ds_cstr(&told), "");
        finish();
    }
}

static void
test_content_type_with_parameters(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, OK "Content-Type: Application/X-NDJSON; "
             "charset=utf-8\r\n\r\n" V7 "\n");
    run_until_told("version 7");
    finish();
}

static void
test_redirect(void **state OVS_UNUSED)
{
    long long int deadline = time_msec() + PATIENCE;

    ask();
    raw_send(connection, "HTTP/1.1 307 There\r\nLocation: /else\r\n"
             "Retry-After: 5\r\nConnection: close\r\n\r\n");
    hang_up();
    while (pass(time_msec()), !(connection = raw_server_next("GET /else "))) {
        assert_true(time_msec() < deadline);
        block();
    }
    raw_send(connection, HEAD V7 "\n");
    run_until_told("version 7");
    assert_int_equal(watch_stream_progress(stream)->retry_after, -1);
    finish();
}

/* How a stream that was open ends. */
static void
test_ends(void **state OVS_UNUSED)
{
    static const struct {
        const char *rest;
        enum watch_outcome outcome;
        const char *why;
    } cases[] = {
        { "", WATCH_ENDED, "the server closed it" },
        { "\r\n", WATCH_ENDED, "the server closed it" },
        { V7, WATCH_ENDED, "in the middle of a line" },
        { "{\"type\":\"gone\"}\n" V7 "\n", WATCH_GONE, "\"gone\"" },
        { "nonsense\n" V7 "\n", WATCH_BROKEN, "a line is no event: " },
        { "{\"type\":\n", WATCH_BROKEN, "a line is no event: " },
        { "5\n", WATCH_BROKEN, "a line is no event: " },
        { "[]\n", WATCH_BROKEN, "a line is no event: " },
        { "null\n", WATCH_BROKEN, "a line is no event: " },
        { "{}\n", WATCH_BROKEN, "a line is no event: " },
        { "{\"type\":5}\n", WATCH_BROKEN, "a line is no event: " },
        { V7 V7 "\n", WATCH_BROKEN, "a line is no event: " },
        { "{\"type\":\"version\",\n\"version\":\"7\"}\n", WATCH_BROKEN,
          "a line is no event: " },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ask();
        raw_send(connection, HEAD VM1 "\n");
        raw_send(connection, cases[i].rest);
        hang_up();

        const struct watch_progress *progress = run_until_ended();
        if (progress->outcome != cases[i].outcome
            || !strstr(progress->why, cases[i].why)) {
            fail_msg("case %"PRIuSIZE": outcome %d, \"%s\"", i,
                     progress->outcome, progress->why);
        }
        assert_true(progress->opened);
        assert_string_equal(ds_cstr(&told), "delete endpoint vm1 10");

        /* Nothing comes after the end. */
        assert_int_equal(pass(time_msec()), 0);
        finish();
    }
}

/* A broken transfer is told as such. */
static void
test_connection_breaks(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, OK NDJSON "Transfer-Encoding: chunked\r\n\r\n"
             "40\r\n" V7 "\n");
    hang_up();

    const struct watch_progress *progress = run_until_ended();
    assert_int_equal(progress->outcome, WATCH_ENDED);
    assert_non_null(strstr(progress->why, "transfer closed"));
    assert_string_equal(ds_cstr(&told), "version 7");
    finish();
}

/* Objects and types that are not taken do not end it. */
static void
test_goes_on(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, HEAD
             "{\"type\":\"put\",\"object\":{\"kind\":\"endpoint\","
             "\"id\":\"vm2\",\"mac\":5}}\n"
             "{\"type\":\"put\",\"object\":{\"kind\":\"gadget\","
             "\"id\":\"g\"}}\n" V7 "\n");
    run_until_told("refused vm2, unknown kind \"gadget\", version 7");
    finish();
}

/* Sends a line with 'n' bytes before its end. */
static void
send_long_line(size_t n)
{
    static const char head[] = ("{\"type\":\"version\",\"version\":\"7\","
                                "\"x\":\"");
    static const char tail[] = "\"}";
    size_t n_filling = n - strlen(head) - strlen(tail);
    char *filling = xmalloc(n_filling);

    memset(filling, 'x', n_filling);
    raw_send(connection, head);
    for (size_t i = 0; i < n_filling; ) {
        i += raw_send_some(connection, filling + i, n_filling - i);
        pass(time_msec());
        if (watch_stream_progress(stream)->outcome) {
            break;
        }
    }
    raw_send(connection, tail);
    free(filling);
}

static void
test_longest_line(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, HEAD);
    send_long_line(WATCH_LINE_MAX);
    raw_send(connection, "\n" V7 "\n");
    run_until_told("version 7, version 7");
    finish();
}

static void
test_line_too_long(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, HEAD);
    send_long_line(WATCH_LINE_MAX + 1);
    raw_send(connection, "\n");

    const struct watch_progress *progress = run_until_ended();
    assert_int_equal(progress->outcome, WATCH_BROKEN);
    assert_string_equal(progress->why, "a line is longer than 2 MiB");
    assert_string_equal(ds_cstr(&told), "");
    finish();
}

/* A line without an end is given up once it is too long. */
static void
test_endless_line(void **state OVS_UNUSED)
{
    ask();
    raw_send(connection, HEAD);
    send_long_line(WATCH_LINE_MAX + 100 * 1024);

    const struct watch_progress *progress = run_until_ended();
    assert_int_equal(progress->outcome, WATCH_BROKEN);
    assert_string_equal(progress->why, "a line is longer than 2 MiB");
    finish();
}

/* What is decoded in a pass is bounded; the rest follows at once. */
static void
test_bounded_pass(void **state OVS_UNUSED)
{
    enum { N = 1000 };
    int most = 0;

    ask();
    raw_send(connection, HEAD);
    for (int i = 0; i < N; i++) {
        raw_send(connection, "{\"type\":\"x\"}\n");
    }
    hang_up();
    while (!watch_stream_progress(stream)->outcome) {
        int n = pass(time_msec());
        most = MAX(most, n);
        block();
    }
    assert_int_equal(n_events, N);
    assert_in_range(most, 1, 300);
    finish();
}

/* A server that sends faster than can be decoded has to wait: it is the
 * sockets that fill. */
static void
test_back_pressure(void **state OVS_UNUSED)
{
    static const char line[] = "{\"type\":\"x\"}\n";
    enum { LINE = sizeof line - 1, N = 100 * 1000 };
    size_t n_sent = 0;
    size_t most_waiting = 0;
    char *text = xmalloc(N * LINE);

    for (int i = 0; i < N; i++) {
        memcpy(text + i * LINE, line, LINE);
    }
    ask();
    raw_send(connection, HEAD);
    while (n_events < N) {
        n_sent += raw_send_some(connection, text + n_sent, N * LINE - n_sent);
        if (!pass(time_msec())) {
            block();
        }
        ds_clear(&told);

        size_t n_waiting = n_sent - n_events * LINE;
        size_t n_outside = raw_in_sockets(connection);
        if (n_waiting > n_outside) {
            most_waiting = MAX(most_waiting, n_waiting - n_outside);
        }
    }
    assert_in_range(most_waiting, 1, N * LINE / 4);
    free(text);
    finish();
}

/* Heartbeats.  Time is a parameter: nobody has to wait. */
static void
test_silence(void **state OVS_UNUSED)
{
    const struct watch_progress *progress;
    long long int start = time_msec();

    ask();
    progress = watch_stream_progress(stream);
    raw_send(connection, HEAD);
    while (pass(start), !progress->opened) {
        block();
    }

    /* An event is a sign of life, in whichever line... */
    raw_send(connection, V7 "\n");
    while (pass(start + 60 * 1000), !n_events) {
        block();
    }
    raw_send(connection, "{\"type\":\"x\"}\n");
    while (pass(start + 100 * 1000), n_events < 2) {
        assert_int_equal(progress->outcome, WATCH_GOES_ON);
        block();
    }
    assert_int_equal(progress->heard, start + 100 * 1000);
    pass(start + 100 * 1000 + WATCH_SILENCE_MAX - 1);
    assert_int_equal(progress->outcome, WATCH_GOES_ON);

    /* ...but neither are blank lines, which a proxy may send to keep the
     * connection, nor a part of one. */
    raw_send(connection, "\n \r\n\n" V7);
    long long int deadline = time_msec() + 200;
    while (time_msec() < deadline) {
        pass(start + 100 * 1000 + WATCH_SILENCE_MAX - 1);
        block();
    }
    pass(start + 100 * 1000 + WATCH_SILENCE_MAX);
    assert_int_equal(progress->outcome, WATCH_BROKEN);
    assert_string_equal(progress->why, "no event came for 90 s");

    /* It counts as long as it was heard of. */
    assert_int_equal(progress->worked, 100 * 1000);
    finish();
}

/* An event that has come is heard before the silence is judged, however late
 * this side is. */
static void
test_late_to_listen(void **state OVS_UNUSED)
{
    long long int start = time_msec();
    long long int late = start + 10 * WATCH_SILENCE_MAX;
    const struct watch_progress *progress;

    ask();
    progress = watch_stream_progress(stream);
    raw_send(connection, HEAD);
    while (pass(start), !progress->opened) {
        block();
    }
    raw_send(connection, V7 "\n");
    while (raw_in_sockets(connection)) {
        http_client_run(client);
        poll_timer_wait(10);
        poll_block();
    }
    pass(late);
    assert_string_equal(ds_cstr(&told), "version 7");
    assert_int_equal(progress->heard, late);
    assert_int_equal(progress->outcome, WATCH_GOES_ON);
    finish();
}

static void
test_no_answer(void **state OVS_UNUSED)
{
    long long int start = time_msec();

    ask();
    pass(start + WATCH_SILENCE_MAX - 1000);
    assert_int_equal(watch_stream_progress(stream)->outcome, WATCH_GOES_ON);
    pass(start + WATCH_SILENCE_MAX + 1000);
    assert_int_equal(watch_stream_progress(stream)->outcome, WATCH_REFUSED);
    assert_string_equal(watch_stream_progress(stream)->why,
                        "no answer came within 90 s");
    finish();
}

/* Who is given up is hung up on. */
static void
test_destroyed_while_open(void **state OVS_UNUSED)
{
    long long int deadline = time_msec() + PATIENCE;

    ask();
    raw_send(connection, HEAD V7 "\n");
    run_until_told("version 7");
    watch_stream_destroy(stream);
    while (!raw_is_closed(connection)) {
        assert_true(time_msec() < deadline);
        raw_server_run();
        raw_server_wait();
        poll_timer_wait(100);
        poll_block();
    }
    hang_up();
    stream = NULL;
}

static int
set_up(void **state OVS_UNUSED)
{
    static const struct http_client_config config = { .insecure = false };
    char *error;

    /* Nothing of these tests goes through a proxy. */
    setenv("no_proxy", "*", 1);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    url = raw_server_start();
    client = http_client_create(&config, &error);
    return client ? 0 : -1;
}

static int
tear_down(void **state OVS_UNUSED)
{
    http_client_destroy(client);
    raw_server_stop();
    ds_destroy(&told);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_content_type_with_parameters),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_connection_breaks),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_line_too_long),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_bounded_pass),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_late_to_listen),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_destroyed_while_open),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
