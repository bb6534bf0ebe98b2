/* SPDX-License-Identifier: Apache-2.0 */

/* Lists and the watch between them: what an HTTP source asks for and when, and
 * what it tells its sink, with a server that sends prepared bytes. */

#include <config.h>

#include "cloud/inventory-source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/inventory-event.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "tests/unit/raw-server.h"
#include "timeval.h"
#include "util.h"

/* Longest that anything may take, in ms. */
enum { PATIENCE = 20 * 1000 };

static const char *url;
static struct inventory_source *source;

/* A sink that writes down what it is told: "begin", "hv1", "end 7", "abort",
 * "put hv2", "delete vm1". */

static struct ds told = DS_EMPTY_INITIALIZER;

static void OVS_PRINTF_FORMAT(1, 2)
tell(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ds_put_cstr(&told, told.length ? ", " : "");
    ds_put_format_valist(&told, format, args);
    va_end(args);
}

static void
list_begin(void *aux OVS_UNUSED)
{
    tell("begin");
}

static void
list_object(void *aux OVS_UNUSED, struct object *object)
{
    tell("%s", object->id);
    object_destroy(object);
}

static void
list_invalid(void *aux OVS_UNUSED, enum object_kind kind OVS_UNUSED,
             const char *id)
{
    tell("invalid %s", id ? id : "?");
}

static void
list_end(void *aux OVS_UNUSED, const char *version)
{
    tell("end %s", version);
}

static void
list_abort(void *aux OVS_UNUSED)
{
    tell("abort");
}

/* Takes the object, as it may, and says that it was news. */
static void
take_event(void *aux OVS_UNUSED, struct inventory_event *event)
{
    switch (event->type) {
    case INVENTORY_EVENT_PUT:
        tell("put %s", event->object->id);
        object_destroy(event->object);
        event->object = NULL;
        inventory_source_changed(source);
        break;

    case INVENTORY_EVENT_DELETE:
        tell("delete %s", event->id);
        inventory_source_changed(source);
        break;

    case INVENTORY_EVENT_THIN:
        tell("thin %s", event->id);
        inventory_source_list_soon(source);
        break;

    default:
        fail_msg("an event of type %d", event->type);
    }
}

static const struct inventory_sink sink = {
    .list_begin = list_begin,
    .list_object = list_object,
    .list_invalid = list_invalid,
    .list_end = list_end,
    .list_abort = list_abort,
    .event = take_event,
};

static void
create(int poll)
{
    struct inventory_source_config config = {
        .url = url,
        .host = "hv1",
        .poll = poll,
    };
    char *error;

    source = inventory_source_create(&config, &sink, &error);
    assert_non_null(source);
    ds_clear(&told);
}

static void
destroy(void)
{
    inventory_source_destroy(source);
    source = NULL;
}

static void
pass(void)
{
    inventory_source_run(source);
    raw_server_run();
}

static void
block(void)
{
    inventory_source_wait(source);
    raw_server_wait();
    poll_timer_wait(1000);
    poll_block();
}

/* Waits for a request with 'text' in its head. */
static struct raw_connection *
wait_request(const char *text)
{
    long long int deadline = time_msec() + PATIENCE;
    struct raw_connection *c;

    while (pass(), !(c = raw_server_next(text))) {
        if (time_msec() >= deadline) {
            fail_msg("there is no request with \"%s\"; told: %s", text,
                     ds_cstr(&told));
        }
        block();
    }
    return c;
}

/* Waits until 'expected' is all that was told, and forgets it. */
static void
wait_told(const char *expected)
{
    long long int deadline = time_msec() + PATIENCE;

    while (pass(), strcmp(ds_cstr(&told), expected)) {
        if (time_msec() >= deadline) {
            fail_msg("waited for \"%s\", was told: %s", expected,
                     ds_cstr(&told));
        }
        block();
    }
    ds_clear(&told);
}

static void
assert_watch(enum watch_state state)
{
    struct inventory_source_status status;

    inventory_source_get_status(source, &status);
    assert_int_equal(status.watch, state);
    inventory_source_status_destroy(&status);
}

#define LIST "&limit="
#define WATCH "&watch=1"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define ETAG "ETag: \"e\"\r\n"
#define PAGE "Content-Type: application/json\r\n\r\n"
#define ITEMS "\"items\":[{\"kind\":\"host\",\"id\":\"hv1\",\"tunnels\":[]}]}"
#define LIST7 OK ETAG PAGE "{\"version\":\"7\"," ITEMS
#define LIST8 OK ETAG PAGE "{\"version\":\"8\"," ITEMS
#define NOT_MODIFIED "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
#define HEAD OK "Content-Type: application/x-ndjson\r\n\r\n"

#define PUT(ID) "{\"type\":\"put\",\"object\":{\"kind\":\"host\"," \
                "\"id\":\"" ID "\",\"tunnels\":[]}}\n"
#define BAD(ID) "{\"type\":\"put\",\"object\":{\"kind\":\"host\"," \
                "\"id\":\"" ID "\",\"tunnels\":5}}\n"
#define THIN "{\"type\":\"put\",\"object\":{\"kind\":\"host\"," \
             "\"id\":\"hv5\"}}\n"
#define BOOKMARK(V) "{\"type\":\"version\",\"version\":\"" V "\"}\n"

static void
answer(struct raw_connection *c, const char *text)
{
    raw_send(c, text);
    raw_close(c);
}

/* Makes a source, lets it have a list and a watch, which is returned. */
static struct raw_connection *
create_watching(int poll)
{
    create(poll);
    answer(wait_request(LIST), LIST7);
    struct raw_connection *c = wait_request(WATCH);
    assert_non_null(strstr(raw_request(c), "GET /v1/inventory?host=hv1&"
                           "watch=1&since=7 HTTP/1.1\r\n"));
    assert_watch(WATCH_OPENING);
    wait_told("begin, hv1, end 7");
    raw_send(c, HEAD PUT("hv2"));
    wait_told("put hv2");
    assert_watch(WATCH_OPEN);
    return c;
}

static void
test_events(void **state OVS_UNUSED)
{
    long long int start = time_msec();
    struct raw_connection *c = create_watching(300);
    struct inventory_source_status status;

    raw_send(c, BOOKMARK("9") PUT("hv3") "{\"type\":\"hint\"}\n");
    raw_send(c, "{\"type\":\"delete\",\"object\":{\"kind\":\"endpoint\","
             "\"id\":\"vm1\",\"revision\":10}}\n");
    wait_told("put hv3, delete vm1");

    inventory_source_get_status(source, &status);
    assert_int_equal(status.n_watches, 1);
    assert_int_equal(status.n_watch_events, 3);
    assert_string_equal(status.watch_version, "9");
    assert_null(status.watch_error);
    assert_in_range(status.watch_since, start, time_msec());
    assert_in_range(status.watch_heard, status.watch_since, time_msec());
    /* The version of the last list is still that. */
    assert_string_equal(status.version, "7");
    /* The poll goes on. */
    assert_in_range(status.next_try - start, 270 * 1000, 340 * 1000);
    inventory_source_status_destroy(&status);
    destroy();
    raw_close(c);
}

/* The list at its time neither ends the stream nor waits for it. */
static void
test_list_beside_the_stream(void **state OVS_UNUSED)
{
    struct raw_connection *c = create_watching(1);
    struct raw_connection *list = wait_request(LIST);

    /* Something has changed since the last list: no 304 would do. */
    assert_null(strstr(raw_request(list), "If-None-Match"));
    raw_send(c, PUT("hv3"));
    wait_told("begin, put hv3");
    raw_send(list, LIST8);
    raw_close(list);
    wait_told("hv1, end 8");

    /* An event came while that list was under way. */
    list = wait_request(LIST);
    assert_null(strstr(raw_request(list), "If-None-Match"));
    raw_send(list, LIST8);
    raw_close(list);
    wait_told("begin, hv1, end 8");

    list = wait_request(LIST);
    assert_non_null(strstr(raw_request(list), "If-None-Match"));
    answer(list, NOT_MODIFIED);
    wait_told("begin, abort");

    raw_send(c, PUT("hv4"));
    wait_told("put hv4");
    assert_null(raw_server_next(WATCH));
    destroy();
    raw_close(c);
}

/* A stream that ends leads to a list, and that to a stream. */
static void
test_stream_ends(void **state OVS_UNUSED)
{
    static const char *const ends[] = {
        "", "nonsense\n", "{\"type\":\"gone\"}\n", PUT("hv3") "{\"type",
    };

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        struct raw_connection *c = create_watching(300);
        struct inventory_source_status status;
        long long int start = time_msec();

        answer(c, ends[i]);
        c = wait_request(LIST);
        assert_in_range(time_msec() - start, 100, 3000);
        assert_null(strstr(raw_request(c), "If-None-Match"));
        assert_watch(WATCH_CLOSED);
        inventory_source_get_status(source, &status);
        assert_non_null(status.watch_error);
        assert_null(status.error);
        inventory_source_status_destroy(&status);

        answer(c, LIST8);
        c = wait_request("&watch=1&since=8 ");
        raw_send(c, HEAD PUT("hv4"));
        wait_told(strchr(ends[i], '3')
                  ? "put hv3, begin, hv1, end 8, put hv4"
                  : "begin, hv1, end 8, put hv4");
        destroy();
        raw_close(c);
    }
}

/* A list that has not changed opens a stream too, from its version on. */
static void
test_not_modified(void **state OVS_UNUSED)
{
    create(300);
    answer(wait_request(LIST), LIST7);
    answer(wait_request(WATCH), HEAD);

    struct raw_connection *c = wait_request(LIST);
    assert_non_null(strstr(raw_request(c), "If-None-Match"));
    answer(c, NOT_MODIFIED);
    raw_close(wait_request("&watch=1&since=7 "));
    destroy();
}

/* What is too old for the server may not be confirmed by a 304, or that would
 * go on forever. */
static void
test_too_old(void **state OVS_UNUSED)
{
    create(300);
    answer(wait_request(LIST), LIST7);
    answer(wait_request(WATCH), "HTTP/1.1 410 Gone\r\n\r\n");

    struct raw_connection *c = wait_request(LIST);
    assert_null(strstr(raw_request(c), "If-None-Match"));
    answer(c, LIST8);
    raw_close(wait_request("&watch=1&since=8 "));
    destroy();
}

/* A server without a watch is polled, and not asked again each time. */
static void
test_unsupported(void **state OVS_UNUSED)
{
    create(1);
    answer(wait_request(LIST), LIST7);
    answer(wait_request(WATCH), "HTTP/1.1 501 Not Implemented\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        answer(wait_request(LIST), NOT_MODIFIED);
        assert_watch(WATCH_UNSUPPORTED);
    }
    pass();
    assert_null(raw_server_next(WATCH));
    destroy();
}

/* It may have one some day: then it is asked again, however seldom it is
 * polled. */
static void
test_unsupported_is_asked_again(void **state OVS_UNUSED)
{
    struct inventory_source_status status;
    long long int start = time_msec();

    create(86400);
    answer(wait_request(LIST), LIST7);
    answer(wait_request(WATCH), "HTTP/1.1 404 Not Found\r\n\r\n");
    while (pass(), inventory_source_get_status(source, &status),
           inventory_source_status_destroy(&status),
           status.watch != WATCH_UNSUPPORTED) {
        assert_true(time_msec() < start + PATIENCE);
        block();
    }
    assert_in_range(status.next_try - start, 600 * 1000,
                    660 * 1000 + PATIENCE);
    destroy();
}

/* A server that had a watch has one: an answer that denies it is by another
 * that is being replaced, or by a proxy, and no reason to go without. */
static void
test_not_there_for_a_moment(void **state OVS_UNUSED)
{
    static const char *const answers[] = {
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "HTTP/1.1 501 Not Implemented\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        answer(create_watching(86400), "");
        answer(wait_request(LIST), LIST7);
        answer(wait_request(WATCH), answers[i]);

        struct raw_connection *c = wait_request(LIST);
        assert_watch(WATCH_CLOSED);
        answer(c, LIST8);
        raw_close(wait_request("&watch=1&since=8 "));
        destroy();
    }
}

/* A failed list is not tried sooner because a stream has ended. */
static void
test_stream_ends_while_lists_fail(void **state OVS_UNUSED)
{
    struct raw_connection *c = create_watching(300);
    struct inventory_source_status status;

    inventory_source_list_now(source);
    answer(wait_request(LIST), "HTTP/1.1 503 No\r\nRetry-After: 20\r\n\r\n");
    wait_told("begin, abort");
    raw_close(c);
    while (pass(), inventory_source_get_status(source, &status),
           inventory_source_status_destroy(&status),
           status.watch == WATCH_OPEN) {
        block();
    }
    inventory_source_list_soon(source);
    inventory_source_get_status(source, &status);
    assert_in_range(status.next_try - status.failing_since, 20000, 30100);
    inventory_source_status_destroy(&status);
    destroy();
}

/* An object that is refused leads to a list, but neither it nor another leads
 * to one again within a minute. */
static void
test_refused_object(void **state OVS_UNUSED)
{
    struct raw_connection *c = create_watching(300);

    for (int i = 0; i < 100; i++) {
        raw_send(c, BAD("hv8"));
    }
    answer(wait_request(LIST), LIST8);
    wait_told("begin, hv1, end 8");

    for (int i = 0; i < 100; i++) {
        raw_send(c, BAD("hv8"));
        raw_send(c, BAD("hv9"));
    }
    raw_send(c, PUT("hv3"));
    wait_told("put hv3");

    struct inventory_source_status status;
    inventory_source_get_status(source, &status);
    assert_true(status.next_try > time_msec() + 200 * 1000);
    inventory_source_status_destroy(&status);
    destroy();
    raw_close(c);
}

/* Many thin events lead to one list; one that comes while it is under way to
 * another, not before a second has passed. */
static void
test_list_soon(void **state OVS_UNUSED)
{
    struct raw_connection *c = create_watching(300);
    long long int start = time_msec();

    for (int i = 0; i < 1000; i++) {
        raw_send(c, THIN);
    }
    struct raw_connection *list = wait_request(LIST);
    long long int first = time_msec();
    assert_in_range(first - start, 50, 3000);
    assert_null(strstr(raw_request(list), "If-None-Match"));

    ds_clear(&told);
    raw_send(c, THIN);
    wait_told("thin hv5");
    answer(list, LIST8);
    wait_told("hv1, end 8");
    list = wait_request(LIST);
    assert_null(strstr(raw_request(list), "If-None-Match"));
    answer(list, LIST8);
    assert_in_range(time_msec() - first, 900, 4000);
    wait_told("begin, hv1, end 8");

    struct inventory_source_status status;
    inventory_source_get_status(source, &status);
    assert_true(status.next_try > time_msec() + 200 * 1000);
    inventory_source_status_destroy(&status);
    destroy();
    raw_close(c);
}

/* A source that goes away hangs up. */
static void
test_destroyed(void **state OVS_UNUSED)
{
    struct raw_connection *c = create_watching(300);
    long long int deadline = time_msec() + PATIENCE;

    destroy();
    while (raw_server_run(), !raw_is_closed(c)) {
        assert_true(time_msec() < deadline);
        raw_server_wait();
        poll_timer_wait(100);
        poll_block();
    }
    raw_close(c);
}

static int
set_up(void **state OVS_UNUSED)
{
    /* Nothing of these tests goes through a proxy. */
    setenv("no_proxy", "*", 1);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    random_init();
    url = raw_server_start();
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    raw_server_stop();
    ds_destroy(&told);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_list_beside_the_stream),
        cmocka_unit_test(test_stream_ends),
        cmocka_unit_test(test_not_modified),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_unsupported_is_asked_again),
        cmocka_unit_test(test_not_there_for_a_moment),
        cmocka_unit_test(test_stream_ends_while_lists_fail),
        cmocka_unit_test(test_refused_object),
        cmocka_unit_test(test_list_soon),
        cmocka_unit_test(test_destroyed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
