/* SPDX-License-Identifier: Apache-2.0 */

/* Sources as a whole: a file, and an HTTP server that runs in the test's own
 * poll loop and answers with prepared bytes. */

#include <config.h>

#include "cloud/inventory-source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

/* Longest that anything may take, in ms. */
enum { PATIENCE = 20 * 1000 };

/* A sink that writes down what it is told: "begin", "host hv1", "invalid
 * endpoint vm1", "end 7", "abort". */

static struct ds told = DS_EMPTY_INITIALIZER;

static void
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
    tell("%s %s", object_kind_to_string(object->kind), object->id);
    object_destroy(object);
}

static void
list_invalid(void *aux OVS_UNUSED, enum object_kind kind, const char *id)
{
    tell("invalid %s %s", id ? object_kind_to_string(kind) : "?",
         id ? id : "?");
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

static void
assumed(void *aux OVS_UNUSED, const char *version)
{
    tell("assumed %s", version);
}

static const struct inventory_sink sink = {
    .list_begin = list_begin,
    .list_object = list_object,
    .list_invalid = list_invalid,
    .list_end = list_end,
    .list_abort = list_abort,
    .assumed = assumed,
};

/* The server. */

static int server_fd = -1;
static char server_url[64];
static const char *const *answers;      /* To be given in turn. */
static size_t answer_lens[16];          /* 0: strlen(). */
static size_t n_answers, n_answered;
static struct ds request = DS_EMPTY_INITIALIZER;    /* The last one. */
static int connection = -1;

static void
server_start(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;

    server_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(server_fd >= 0);
    assert_return_code(bind(server_fd, (struct sockaddr *) &sin, len), errno);
    assert_return_code(listen(server_fd, 10), errno);
    assert_return_code(getsockname(server_fd, (struct sockaddr *) &sin, &len),
                       errno);
    snprintf(server_url, sizeof server_url, "http://127.0.0.1:%d",
             ntohs(sin.sin_port));
}

/* Sends the answer whose turn it is and closes the connection.  There is no
 * watch. */
static void
server_answer(void)
{
    const char *answer = "HTTP/1.1 501 Not Implemented\r\n\r\n";
    size_t len = strlen(answer);

    if (!strstr(ds_cstr(&request), "&watch=1")) {
        assert_true(n_answered < n_answers);
        answer = answers[n_answered];
        len = (answer_lens[n_answered] ? answer_lens[n_answered]
               : strlen(answer));
        n_answered++;
    }

    /* All answers fit into a socket's buffer. */
    int flags = fcntl(connection, F_GETFL);
    fcntl(connection, F_SETFL, flags & ~O_NONBLOCK);
    assert_int_equal(send(connection, answer, len, MSG_NOSIGNAL), len);
    close(connection);
    connection = -1;
}

static void
server_run(void)
{
    if (connection < 0) {
        connection = accept4(server_fd, NULL, NULL, SOCK_NONBLOCK);
        if (connection >= 0) {
            ds_clear(&request);
        }
    }
    if (connection >= 0) {
        char buffer[4096];
        ssize_t n = recv(connection, buffer, sizeof buffer, 0);
        if (n > 0) {
            ds_put_buffer(&request, buffer, n);
            if (strstr(ds_cstr(&request), "\r\n\r\n")) {
                server_answer();
            }
        } else if (!n) {
            close(connection);
            connection = -1;
        }
    }
}

static void
server_wait(void)
{
    poll_fd_wait(connection >= 0 ? connection : server_fd, POLLIN);
}

/* Runs 'source' until 'event' (the last thing told), within PATIENCE. */
static void
run_until(struct inventory_source *source, const char *event)
{
    long long int deadline = time_msec() + PATIENCE;

    for (;;) {
        inventory_source_run(source);
        server_run();

        size_t len = strlen(event);
        if (told.length >= len
            && !strcmp(ds_cstr(&told) + told.length - len, event)) {
            return;
        }
        if (time_msec() >= deadline) {
            fail_msg("waited for \"%s\", was told: %s", event, ds_cstr(&told));
        }
        inventory_source_wait(source);
        server_wait();
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

static void
set_answers(const char *const *new, size_t n)
{
    answers = new;
    n_answers = n;
    n_answered = 0;
    memset(answer_lens, 0, sizeof answer_lens);
}

static struct inventory_source *
create(const char *url, const char *token_file)
{
    struct inventory_source_config config = {
        .url = url,
        .host = "hv 1",
        .poll = 1,
        .api_token_file = token_file,
    };
    char *error;
    struct inventory_source *source = inventory_source_create(&config, &sink,
                                                              &error);
    if (!source) {
        fail_msg("%s", error);
    }
    ds_clear(&told);
    return source;
}

static void
assert_told(const char *expected)
{
    assert_string_equal(ds_cstr(&told), expected);
    ds_clear(&told);
}

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define JSON "Content-Type: application/json\r\n"
#define PAGE OK JSON "\r\n"
#define GOOD PAGE "{\"version\":\"7\",\"items\":[{\"kind\":\"host\"," \
             "\"id\":\"hv1\",\"tunnels\":[]}]}"

/* HTTP. */

static void
test_pages(void **state OVS_UNUSED)
{
    static const char *const pages[] = {
        PAGE "{\"version\":\"7\",\"next\":\"a&b\",\"items\":[{\"kind\":"
        "\"host\",\"id\":\"hv1\",\"tunnels\":[]},{\"kind\":\"endpoint\","
        "\"id\":\"vm1\"},{\"kind\":\"acl\",\"id\":\"x\"}]}",
        PAGE "{\"version\":\"7\",\"items\":[{\"kind\":\"segment\","
        "\"id\":\"blue\",\"vni\":77}, 5]}",
    };
    set_answers(pages, ARRAY_SIZE(pages));

    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "end 7");
    assert_told("begin, host hv1, invalid endpoint vm1, segment blue, "
                "invalid ? ?, end 7");
    assert_non_null(strstr(ds_cstr(&request), "GET /v1/inventory?host=hv%201&"
                           "limit=1000&cursor=a%26b HTTP/1.1\r\n"));
    assert_non_null(strstr(ds_cstr(&request),
                           "\r\nAccept: application/json\r\n"));

    struct inventory_source_status status;
    inventory_source_get_status(source, &status);
    assert_true(status.whole);
    assert_string_equal(status.version, "7");
    assert_null(status.error);
    assert_int_equal(status.n_lists, 1);
    assert_int_equal(status.n_refused_objects, 2);
    assert_true(status.last_success);
    assert_false(status.failing_since);
    assert_in_range(status.next_try - status.last_success, 900, 1100);
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
}

static void
test_not_modified(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        OK JSON "ETag: \"e1\"\r\n\r\n{\"version\":\"7\",\"items\":[]}",
        "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
        GOOD,
    };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "end 7");
    assert_null(strstr(ds_cstr(&request), "If-None-Match"));
    run_until(source, "abort");
    assert_non_null(strstr(ds_cstr(&request),
                           "\r\nIf-None-Match: \"e1\"\r\n"));
    assert_told("begin, end 7, begin, abort");

    struct inventory_source_status status;
    inventory_source_get_status(source, &status);
    assert_int_equal(status.n_not_modified, 1);
    assert_int_equal(status.n_failures, 0);
    inventory_source_status_destroy(&status);

    /* A list that was told to happen is unconditional. */
    inventory_source_list_now(source);
    run_until(source, "end 7");
    assert_null(strstr(ds_cstr(&request), "If-None-Match"));
    inventory_source_destroy(source);
}

/* The first list can be one that is known from before the start. */
static void
test_assumed(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        "HTTP/1.1 503 No\r\nRetry-After: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
        GOOD,
    };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    struct inventory_source_status status;
    assert_null(inventory_source_etag(source));
    inventory_source_assume(source, "6", "\"e6\"");
    run_until(source, "abort");
    assert_told("begin, abort");
    inventory_source_get_status(source, &status);
    assert_false(status.whole);
    inventory_source_status_destroy(&status);

    run_until(source, "assumed 6");
    assert_non_null(strstr(ds_cstr(&request),
                           "\r\nIf-None-Match: \"e6\"\r\n"));
    assert_told("begin, abort, assumed 6");
    inventory_source_get_status(source, &status);
    assert_true(status.whole);
    assert_string_equal(status.version, "6");
    assert_int_equal(status.n_lists, 0);
    assert_int_equal(status.n_not_modified, 1);
    inventory_source_status_destroy(&status);
    assert_string_equal(inventory_source_etag(source), "\"e6\"");

    /* From then on it is a list like any other. */
    run_until(source, "abort");
    assert_told("begin, abort");
    inventory_source_changed(source);
    assert_null(inventory_source_etag(source));
    run_until(source, "end 7");
    assert_null(strstr(ds_cstr(&request), "If-None-Match"));
    inventory_source_destroy(source);
}

/* It can also be another one. */
static void
test_assumed_wrongly(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        OK JSON "ETag: \"e7\"\r\n\r\n{\"version\":\"7\",\"items\":[]}",
    };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    inventory_source_assume(source, "6", "\"e6\"");
    run_until(source, "end 7");
    assert_told("begin, end 7");
    assert_string_equal(inventory_source_etag(source), "\"e7\"");
    inventory_source_destroy(source);
}

static void
test_begun_again(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        PAGE "{\"version\":\"7\",\"items\":[],\"next\":\"a\"}",
        PAGE "{\"version\":\"8\",\"items\":[]}",
        PAGE "{\"version\":\"8\",\"items\":[],\"next\":\"a\"}",
        "HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n",
        PAGE "{\"version\":\"9\",\"items\":[]}",
    };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "end 9");
    assert_told("begin, abort, begin, abort, begin, end 9");
    inventory_source_destroy(source);
}

static void
test_list_now_while_listing(void **state OVS_UNUSED)
{
    static const char *const all[] = { GOOD, GOOD };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    inventory_source_run(source);
    assert_told("begin");
    inventory_source_list_now(source);
    run_until(source, "end 7");
    assert_told("host hv1, end 7");

    struct inventory_source_status status;
    inventory_source_get_status(source, &status);
    assert_true(status.next_try <= time_msec());
    inventory_source_status_destroy(&status);
    run_until(source, "end 7");
    inventory_source_destroy(source);
}

static void
test_redirect(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        "HTTP/1.1 302 Found\r\nLocation: /else/where?x\r\n"
        "Connection: close\r\n\r\n",
        GOOD,
    };
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "end 7");
    assert_non_null(strstr(ds_cstr(&request), "GET /else/where?x HTTP/1.1"));
    inventory_source_destroy(source);
}

/* Anything less than a whole list changes nothing and has one clear error. */
static void
test_failures(void **state OVS_UNUSED)
{
    static const struct {
        const char *answer;
        const char *error;
    } cases[] = {
        { "", "Empty reply from server" },
        { "\r\n", "HTTP/0.9" },
        { "garbage\r\n\r\n", "HTTP/0.9" },
        { "HTTP/1.1 200 OK\r\n", "" },
        { "HTTP/7.5 200 OK\r\n\r\n", "" },
        { "HTTP/1.1 999 Odd\r\n\r\n", "HTTP 999" },
        { "HTTP/1.1 100 Continue\r\n\r\n", "" },
        { "HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204 No Content" },
        { "HTTP/1.1 206 Partial Content\r\n" JSON "\r\n{}", "HTTP 206" },
        { "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP 304 Not Modified" },
        { "HTTP/1.1 401 Unauthorized\r\n\r\n", "--api-token-file" },
        { "HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden" },
        { "HTTP/1.1 404 Not Found\r\n\r\n", "no inventory at this URL" },
        { "HTTP/1.1 410 Gone\r\n\r\n", "HTTP 410 Gone" },
        { "HTTP/1.1 500 Oops\r\n\r\n", "HTTP 500 Internal Server Error" },
        { "HTTP/1.1 302 Found\r\n\r\n", "HTTP 302 without a Location" },
        { "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
          "redirected to another origin, \"http://127.0.0.1:1/\"" },
        { "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
          "redirected to another origin" },
        { OK "\r\n{\"version\":\"1\",\"items\":[]}",
          "the content type is missing" },
        { OK "Content-Type: text/html\r\n\r\n<html>",
          "the content type is \"text/html\"" },
        { OK "Content-Type: a\x1b[31m\r\n\r\n<html>",
          "the content type is \"a\\033[31m\"" },
        { PAGE, "the body is empty" },
        { OK JSON "Content-Length: 0\r\n\r\n", "the body is empty" },
        { OK JSON "Content-Length: 99\r\n\r\n{\"version\":\"1\"",
          "transfer closed with" },
        { OK JSON "Content-Length: 99999999999999999999\r\n\r\n{}", "" },
        { OK JSON "Content-Length: -1\r\n\r\n{}", "" },
        { OK JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", "" },
        { OK JSON "Transfer-Encoding: chunked\r\n\r\n40\r\n{\"version\"", "" },
        { OK JSON "Content-Encoding: gzip\r\n\r\n{}", "" },
        { OK JSON "Content-Encoding: rot13\r\n\r\n{}", "" },
        { PAGE "<html><body>", "'{' expected, but found \"<html><body>\"" },
        { PAGE "{\"version\":\"1\",\"items\":[{\"kind\":\"host\",",
          "bad JSON at line 1 column 39" },
        { PAGE "{\"version\":\"1\",\"items\":[],\"next\":\"\"}",
          "\"next\" is \"\"" },
        { PAGE "{\"version\":1,\"items\":[]}", "\"version\" is 1" },
        { PAGE "{\"items\":[]}", "\"version\" is missing" },
        { PAGE "{\"version\":\"1\"}", "\"items\" is missing" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *const all[] = { GOOD, cases[i].answer };
        struct inventory_source *source = create(server_url, NULL);

        set_answers(all, ARRAY_SIZE(all));
        run_until(source, "end 7");
        ds_clear(&told);
        inventory_source_list_now(source);
        run_until(source, "abort");
        assert_told("begin, abort");

        struct inventory_source_status status;
        inventory_source_get_status(source, &status);
        if (!status.error || !status.error[0]
            || !strstr(status.error, cases[i].error)) {
            fail_msg("case %"PRIuSIZE": \"%s\" is not in \"%s\"", i,
                     cases[i].error, status.error);
        }
        assert_true(status.whole);
        assert_string_equal(status.version, "7");
        assert_int_equal(status.n_failures, 1);
        assert_true(status.failing_since);
        assert_in_range(status.next_try - status.failing_since, 100, 600);
        inventory_source_status_destroy(&status);
        inventory_source_destroy(source);
    }
}

static void
test_retry_after(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 20\r\n\r\n",
    };
    struct inventory_source_status status;
    set_answers(all, ARRAY_SIZE(all));

    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "abort");
    inventory_source_get_status(source, &status);
    assert_in_range(status.next_try - status.failing_since, 20000, 30100);
    inventory_source_status_destroy(&status);

    /* Not even when told to. */
    inventory_source_list_now(source);
    inventory_source_get_status(source, &status);
    assert_in_range(status.next_try - status.failing_since, 20000, 30100);
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
}

static void
test_page_at_fault_is_named(void **state OVS_UNUSED)
{
    static const char *const pages[] = {
        PAGE "{\"version\":\"7\",\"items\":[],\"next\":\"a\"}",
        PAGE "{\"version\":\"7\",\"items\":[],\"next\":\"a\"}",
    };
    struct inventory_source *source = create(server_url, NULL);
    struct inventory_source_status status;

    set_answers(pages, ARRAY_SIZE(pages));
    run_until(source, "abort");
    inventory_source_get_status(source, &status);
    assert_string_equal(status.error,
                        "page 2: \"next\" leads back to an earlier page");
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
}

/* A page with more headers, or a larger body, than anyone needs. */
static void
test_too_large(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, OK JSON);
    for (int i = 0; i < 300; i++) {
        ds_put_format(&s, "X-%d: x\r\n", i);
    }
    ds_put_cstr(&s, "\r\n{\"version\":\"1\",\"items\":[]}");

    const char *const all[] = { ds_cstr(&s) };
    struct inventory_source_status status;
    set_answers(all, ARRAY_SIZE(all));
    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "abort");
    inventory_source_get_status(source, &status);
    assert_non_null(strstr(status.error, "headers are larger than"));
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
    ds_destroy(&s);
}

/* What goes to the sink in one pass is bounded. */
static void
test_bounded_pass(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, PAGE "{\"version\":\"7\",\"items\":[5");
    for (int i = 0; i < 999; i++) {
        ds_put_cstr(&s, ",5");
    }
    ds_put_cstr(&s, "]}");

    const char *const all[] = { ds_cstr(&s) };
    set_answers(all, ARRAY_SIZE(all));
    struct inventory_source *source = create(server_url, NULL);
    run_until(source, "invalid ? ?");
    size_t first = told.length;
    assert_true(first < strlen("invalid ? ?, ") * 300);
    inventory_source_run(source);
    assert_in_range(told.length - first, 1, strlen("invalid ? ?, ") * 300);
    run_until(source, "end 7");
    inventory_source_destroy(source);
    ds_destroy(&s);
}

/* Files. */

static char directory[] = "/tmp/test-inventory-source.XXXXXX";
static char *file, *file_url;

/* Replaces 'path' by a new file, as an editor does. */
static void
write_file(const char *path, const char *content, mode_t mode)
{
    char *tmp = xasprintf("%s.tmp", path);
    FILE *stream = fopen(tmp, "w");
    assert_non_null(stream);
    fputs(content, stream);
    fclose(stream);
    assert_return_code(chmod(tmp, mode), errno);
    assert_return_code(rename(tmp, path), errno);
    free(tmp);
}

/* Runs 'source' until its status counts one more list not modified. */
static void
run_until_not_modified(struct inventory_source *source)
{
    long long int deadline = time_msec() + PATIENCE;
    struct inventory_source_status status;
    unsigned int n;

    inventory_source_get_status(source, &status);
    n = status.n_not_modified;
    inventory_source_status_destroy(&status);
    do {
        assert_true(time_msec() < deadline);
        inventory_source_wait(source);
        poll_timer_wait_until(deadline);
        poll_block();
        inventory_source_run(source);
        inventory_source_get_status(source, &status);
        inventory_source_status_destroy(&status);
    } while (status.n_not_modified == n && !told.length);
}

static void
test_file(void **state OVS_UNUSED)
{
    struct inventory_source_status status;

    unlink(file);
    struct inventory_source *source = create(file_url, NULL);
    inventory_source_run(source);
    assert_told("");
    inventory_source_get_status(source, &status);
    assert_string_equal(status.error, "No such file or directory");
    assert_false(status.whole);
    inventory_source_status_destroy(&status);

    write_file(file, "{\"version\":\"1\",\"items\":[]}\n", 0600);
    run_until(source, "end 1");
    assert_told("begin, end 1");

    write_file(file, "{\"version\":\"2\",\"items\":[", 0600);
    run_until(source, "abort");
    assert_told("begin, abort");
    inventory_source_get_status(source, &status);
    assert_non_null(strstr(status.error, "bad JSON"));
    assert_true(status.whole);
    assert_string_equal(status.version, "1");
    inventory_source_status_destroy(&status);

    write_file(file, "{\"version\":\"3\",\"items\":[],\"next\":\"a\"}", 0600);
    run_until(source, "abort");
    assert_told("begin, abort");

    write_file(file, "{\"version\":\"4\",\"items\":[]}", 0600);
    run_until(source, "end 4");
    assert_told("begin, end 4");
    inventory_source_get_status(source, &status);
    assert_null(status.error);
    assert_false(status.failing_since);
    assert_int_equal(status.n_failures, 3);
    inventory_source_status_destroy(&status);

    /* Looked at, but not read, while it does not change. */
    run_until_not_modified(source);
    assert_told("");

    /* Read again nevertheless when told to. */
    inventory_source_list_now(source);
    run_until(source, "end 4");
    assert_told("begin, end 4");
    inventory_source_destroy(source);
}

static void
test_file_that_is_none(void **state OVS_UNUSED)
{
    struct inventory_source_status status;

    unlink(file);
    assert_return_code(mkfifo(file, 0600), errno);
    struct inventory_source *source = create(file_url, NULL);
    inventory_source_run(source);
    inventory_source_get_status(source, &status);
    assert_string_equal(status.error, "it is not a regular file");
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
}

/* Tokens. */

static void
test_token(void **state OVS_UNUSED)
{
    static const char *const all[] = { GOOD, GOOD };
    struct inventory_source_status status;
    set_answers(all, ARRAY_SIZE(all));

    write_file(file, "s3cret\n", 0600);
    struct inventory_source *source = create(server_url, file);
    run_until(source, "end 7");
    assert_non_null(strstr(ds_cstr(&request),
                           "\r\nAuthorization: Bearer s3cret\r\n"));

    write_file(file, "other", 0600);
    ds_clear(&told);
    inventory_source_list_now(source);
    run_until(source, "end 7");
    assert_non_null(strstr(ds_cstr(&request),
                           "\r\nAuthorization: Bearer other\r\n"));

    write_file(file, "s3cret\n", 0604);
    inventory_source_list_now(source);
    run_until(source, "abort");
    inventory_source_get_status(source, &status);
    assert_non_null(strstr(status.error, "everyone can read or write it"));
    assert_null(strstr(status.error, "s3cret"));
    inventory_source_status_destroy(&status);
    inventory_source_destroy(source);
}

/* Configurations that cannot work. */
static void
test_refused_configurations(void **state OVS_UNUSED)
{
    char *public = xasprintf("%s/public", directory);
    char *two_lines = xasprintf("%s/two-lines", directory);
    write_file(public, "s3cret\n", 0644);
    write_file(two_lines, "s3cret\nX-Header: y\n", 0600);

    const struct {
        struct inventory_source_config config;
        const char *error;
    } cases[] = {
        { { .url = "ssl:192.0.2.1" }, "http:, https: or file:" },
        { { .url = "" }, "http:, https: or file:" },
        { { .url = "http://u:s3cret@api/" }, "user name or password" },
        { { .url = "file:relative" }, "absolute path" },
        { { .url = "http://api/", .api_token_file = public },
          "everyone can read or write it" },
        { { .url = "http://api/", .api_token_file = two_lines },
          "more than one line" },
        { { .url = "http://api/", .api_token_file = "/nonexistent" },
          "No such file" },
        { { .url = "https://api/", .api_ca = "/nonexistent" },
          "/nonexistent: No such file" },
        { { .url = "https://api/", .api_cert = public }, "--api-key" },
        { { .url = "https://api/", .api_key = public }, "--api-cert" },
        { { .url = "https://api/", .api_cert = public, .api_key = public },
          "everyone can read or write this secret" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct inventory_source_config config = cases[i].config;
        char *error = NULL;

        config.host = "hv1";
        config.poll = 300;
        assert_null(inventory_source_create(&config, &sink, &error));
        assert_non_null(error);
        if (!strstr(error, cases[i].error) || strstr(error, "s3cret")) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].error, error);
        }
        free(error);
    }
    unlink(public);
    unlink(two_lines);
    free(public);
    free(two_lines);
}

static int
set_up(void **state OVS_UNUSED)
{
    /* Nothing of these tests goes through a proxy. */
    setenv("no_proxy", "*", 1);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    random_init();
    server_start();
    assert_non_null(mkdtemp(directory));
    file = xasprintf("%s/file", directory);
    file_url = xasprintf("file:%s", file);
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    unlink(file);
    rmdir(directory);
    free(file);
    free(file_url);
    close(server_fd);
    ds_destroy(&told);
    ds_destroy(&request);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_not_modified),
        cmocka_unit_test(test_assumed),
        cmocka_unit_test(test_assumed_wrongly),
        cmocka_unit_test(test_begun_again),
        cmocka_unit_test(test_list_now_while_listing),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_page_at_fault_is_named),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_bounded_pass),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_that_is_none),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_refused_configurations),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
