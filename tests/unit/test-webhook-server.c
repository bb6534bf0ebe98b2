/* SPDX-License-Identifier: Apache-2.0 */

/* The webhook server as a whole, on loopback, in the test's own poll loop,
 * with clients that write bytes to sockets. */

#include <config.h>

#include "cloud/webhook-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
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
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "cloud/inventory-event.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

/* Longest that anything may take, in ms. */
enum { PATIENCE = 20 * 1000 };

/* A sink that writes down what it is told: "put vm1", "delete vm2", "again
 * put vm1" of a repetition, "wait", "forget". */

static struct ds told = DS_EMPTY_INITIALIZER;
static const char *why_not, *why_not_ready;
static bool installed;

static void OVS_PRINTF_FORMAT(1, 2)
tell(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ds_put_cstr(&told, told.length ? ", " : "");
    ds_put_format_valist(&told, format, args);
    va_end(args);
}

static const char *
sink_why_not(void *aux OVS_UNUSED)
{
    return why_not;
}

static const char *
sink_why_not_ready(void *aux OVS_UNUSED)
{
    return why_not_ready;
}

static void
sink_events(void *aux OVS_UNUSED, struct inventory_event *events, size_t n,
            uint64_t ticket, bool revalidated, bool repeated)
{
    assert_true(ticket || !repeated);
    for (size_t i = 0; i < n; i++) {
        const struct inventory_event *e = &events[i];

        tell("%s%s %s", repeated ? "again " : "",
             (e->type == INVENTORY_EVENT_PUT ? "put"
              : e->type == INVENTORY_EVENT_DELETE ? "delete"
              : e->type == INVENTORY_EVENT_THIN ? "thin" : "?"),
             e->object ? e->object->id : e->id ? e->id : "?");
    }
    if (ticket) {
        tell(revalidated ? "wait revalidated" : "wait");
    }
}

static bool
sink_is_installed(void *aux OVS_UNUSED, uint64_t ticket)
{
    assert_true(ticket);
    return installed;
}

static void
sink_forget(void *aux OVS_UNUSED, uint64_t ticket)
{
    assert_true(ticket);
    tell("forget");
}

static void
sink_metrics(void *aux OVS_UNUSED, struct ds *s)
{
    ds_put_cstr(s, "# TYPE a gauge\na 1\n");
}

static const struct webhook_sink sink = {
    .why_not = sink_why_not,
    .why_not_ready = sink_why_not_ready,
    .events = sink_events,
    .is_installed = sink_is_installed,
    .forget = sink_forget,
    .metrics = sink_metrics,
};

#define assert_told(S)                                  \
    do {                                                \
        assert_string_equal(ds_cstr(&told), S);         \
        ds_clear(&told);                                \
    } while (0)

/* The server. */

#define SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER_SECRET "AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static char dir[] = "/tmp/test-webhook-server.XXXXXX";
static char *secret_file, *cert_file, *key_file;
static uint16_t port;
static struct webhook_server *server;

static void
write_file(const char *path, const char *contents)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(contents, f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    fclose(f);
}

/* A port that nobody listens on now. */
static uint16_t
get_free_port(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *) &sin, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &sin, &len), 0);
    close(fd);
    return ntohs(sin.sin_port);
}

static void
start_server(const char *secret, bool tls)
{
    char *listen_ = xasprintf("127.0.0.1:%u", port);
    struct webhook_config config = {
        .listen = listen_,
        .secret_file = secret ? secret_file : NULL,
        .cert = tls ? cert_file : NULL,
        .key = tls ? key_file : NULL,
    };
    char *error;

    if (secret) {
        char *line = xasprintf("whsec_%s\n", secret);

        write_file(secret_file, line);
        free(line);
    }
    server = webhook_server_create(&config, &sink, &error);
    if (!server) {
        fail_msg("%s", error);
    }
    free(listen_);
}

static int
setup(void **state OVS_UNUSED)
{
    why_not = why_not_ready = NULL;
    installed = false;
    ds_clear(&told);
    port = get_free_port();
    start_server(SECRET, false);
    return 0;
}

static int
setup_without_secret(void **state)
{
    setup(state);
    webhook_server_destroy(server);
    start_server(NULL, false);
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    webhook_server_destroy(server);
    server = NULL;
    return 0;
}

static struct webhook_status
get_status(void)
{
    struct webhook_status status;

    webhook_server_get_status(server, &status);
    return status;
}

/* How many requests were answered so. */
static uint64_t
count(const char *result)
{
    struct webhook_status status = get_status();

    return webhook_status_count(&status, result);
}

/* Lets the server do what there is to do, or wait for up to 'ms'; wakes up for
 * 'fd'. */
static void
pass(int fd, int ms)
{
    webhook_server_run(server);
    webhook_server_answer(server);
    webhook_server_wait(server);
    if (fd >= 0) {
        poll_fd_wait(fd, POLLIN);
    }
    poll_timer_wait(ms);
    poll_block();
}

/* Passes until CONDITION holds. */
#define until(CONDITION)                                        \
    do {                                                        \
        long long int until_ = time_msec() + PATIENCE;          \
        while (!(CONDITION)) {                                  \
            if (time_msec() >= until_) {                        \
                fail_msg("never: %s", #CONDITION);              \
            }                                                   \
            pass(-1, 5);                                        \
        }                                                       \
    } while (0)

/* Clients. */

static int
open_client(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(port),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *) &sin, sizeof sin), 0);
    assert_int_equal(set_nonblocking(fd), 0);
    return fd;
}

/* Writes all of it, unless the server closes the connection: then returns
 * false. */
static bool
write_bytes(int fd, const char *s, size_t len)
{
    long long int deadline = time_msec() + PATIENCE;

    while (len) {
        ssize_t n = send(fd, s, len, MSG_NOSIGNAL);

        if (n > 0) {
            s += n;
            len -= n;
        } else if (errno != EAGAIN) {
            return false;
        } else if (time_msec() >= deadline) {
            fail_msg("the server does not read");
        }
        if (len) {
            pass(-1, 1);
        }
    }
    return true;
}

static bool
write_text(int fd, const char *s)
{
    return write_bytes(fd, s, strlen(s));
}

static size_t
count_readable(const int fds[], size_t n)
{
    size_t n_readable = 0;

    for (size_t i = 0; i < n; i++) {
        struct pollfd pfd = { .fd = fds[i], .events = POLLIN };

        n_readable += poll(&pfd, 1, 0) > 0;
    }
    return n_readable;
}

struct answer {
    int status;                 /* 0: the connection was closed. */
    struct ds head, body;
};

static void
free_answer(struct answer *a)
{
    ds_destroy(&a->head);
    ds_destroy(&a->body);
}

/* Reads a byte, -1 at the end. */
static int
read_byte(int fd)
{
    long long int deadline = time_msec() + PATIENCE;

    for (;;) {
        char c;
        ssize_t n = recv(fd, &c, 1, 0);

        if (n == 1) {
            return (unsigned char) c;
        } else if (!n || errno != EAGAIN) {
            return -1;
        } else if (time_msec() >= deadline) {
            fail_msg("no answer");
        }
        pass(fd, 100);
    }
}

/* Reads an answer up to its body. */
static struct answer
read_head(int fd)
{
    struct answer a = { .head = DS_EMPTY_INITIALIZER,
                        .body = DS_EMPTY_INITIALIZER };

    while (!strstr(ds_cstr(&a.head), "\r\n\r\n")) {
        int c = read_byte(fd);

        if (c < 0) {
            assert_int_equal(a.head.length, 0);
            return a;
        }
        ds_put_char(&a.head, c);
    }
    assert_true(ovs_scan(ds_cstr(&a.head), "HTTP/1.1 %d", &a.status));
    return a;
}

static struct answer
read_answer(int fd)
{
    struct answer a = read_head(fd);

    const char *length = strstr(ds_cstr(&a.head), "Content-Length: ");
    for (int n = length ? atoi(length + strlen("Content-Length: ")) : 0; n > 0;
         n--) {
        int c = read_byte(fd);
        assert_true(c >= 0);
        ds_put_char(&a.body, c);
    }
    return a;
}

/* Reads an answer, of which 'text' must be a part, if it is not NULL. */
static void
expect(int fd, int status, const char *text)
{
    struct answer a = read_answer(fd);

    if (a.status != status
        || (text && !strstr(ds_cstr(&a.head), text)
            && !strstr(ds_cstr(&a.body), text))) {
        fail_msg("not %d and \"%s\" but %s%s", status, text ? text : "",
                 ds_cstr(&a.head), ds_cstr(&a.body));
    }
    if (status >= 400) {
        assert_non_null(strstr(ds_cstr(&a.head), "application/problem+json"));
    }
    free_answer(&a);
}

static void
expect_closed(int fd)
{
    struct answer a = read_answer(fd);

    assert_int_equal(a.status, 0);
    free_answer(&a);
}

/* Requests. */

#define STANDARD "Content-Type: application/json\r\n"
#define STRUCTURED "Content-Type: application/cloudevents+json\r\n"

#define VM(ID) \
    "{\"kind\":\"endpoint\",\"id\":\"" ID "\",\"revision\":1," \
    "\"segment\":\"blue\",\"host\":\"hv1\",\"mac\":\"02:00:00:00:00:01\"," \
    "\"ips\":[\"10.0.0.1\"]}"
#define PUT(ID) \
    "{\"type\":\"endpoint.put\",\"timestamp\":\"2024-01-01T00:00:00Z\"," \
    "\"data\":" VM(ID) "}"

/* The header fields that sign 'body'. */
static char *
sign(const char *secret, const char *id, long long int timestamp,
     const char *body)
{
    unsigned char key[64], mac[EVP_MAX_MD_SIZE], base64[64];
    unsigned int mac_len;
    int key_len = EVP_DecodeBlock(key, (const unsigned char *) secret,
                                  strlen(secret));
    char *text = xasprintf("%s.%lld.%s", id, timestamp, body);

    HMAC(EVP_sha256(), key, key_len, (const unsigned char *) text,
         strlen(text), mac, &mac_len);
    EVP_EncodeBlock(base64, mac, mac_len);
    free(text);
    return xasprintf("webhook-id: %s\r\nwebhook-timestamp: %lld\r\n"
                     "webhook-signature: v1,%s\r\n", id, timestamp, base64);
}

static char *
request(const char *method, const char *path, const char *headers,
        const char *body)
{
    return xasprintf("%s %s HTTP/1.1\r\nHost: vtepd\r\n"
                     "Content-Length: %"PRIuSIZE"\r\n%s\r\n%s", method, path,
                     strlen(body), headers, body);
}

/* A signed POST, with more header fields. */
static char *
post(const char *id, const char *headers, const char *body)
{
    char *signature = sign(SECRET, id, time_wall(), body);
    char *all = xasprintf("%s%s", headers, signature);
    char *text = request("POST", "/v1/events", all, body);

    free(signature);
    free(all);
    return text;
}

static void
write_and_free(int fd, char *text)
{
    write_text(fd, text);
    free(text);
}

/* On a connection of its own. */
static void
send_and_expect(char *text, int status, const char *part)
{
    int fd = open_client();

    write_and_free(fd, text);
    expect(fd, status, part);
    close(fd);
}

/* What is understood. */

static void
test_taken(void **state OVS_UNUSED)
{
    send_and_expect(post("1", STANDARD, PUT("vm1")), 202, NULL);
    assert_told("put vm1");

    struct webhook_status status = get_status();
    assert_int_equal(status.n_requests, 1);
    assert_int_equal(status.n_taken, 1);
    assert_int_equal(status.n_secrets, 1);
    assert_true(status.last_taken > 0);
    assert_false(status.tls);
    assert_null(status.error);
}

#define CLOUDEVENT(ID) \
    "{\"specversion\":\"1.0\",\"id\":\"" ID "\",\"source\":\"/cloud\"," \
    "\"type\":\"com.example.endpoint.put\",\"data\":" VM(ID) "}"
#define BINARY \
    STANDARD "ce-specversion: 1.0\r\nce-id: 7\r\nce-source: /cloud\r\n"

static void
test_bodies(void **state OVS_UNUSED)
{
    static const struct {
        const char *headers, *body, *told;
    } cases[] = {
        { STANDARD, PUT("vm1"), "put vm1" },
        { "Content-Type: Application/JSON ; charset=utf-8\r\n", PUT("vm1"),
          "put vm1" },
        { STANDARD "Content-Encoding: identity\r\n", PUT("vm1"), "put vm1" },
        { STANDARD, "{\"type\":\"host.delete\",\"data\":{\"kind\":\"host\","
          "\"id\":\"hv2\",\"revision\":3}}", "delete hv2" },
        { STANDARD, "{\"type\":\"endpoint.put\",\"data\":{"
          "\"kind\":\"endpoint\",\"id\":\"vm3\"}}", "thin vm3" },
        { STRUCTURED, CLOUDEVENT("vm1"), "put vm1" },
        { "content-type: application/cloudevents+json; charset=UTF-8\r\n",
          CLOUDEVENT("vm1"), "put vm1" },
        { "Content-Type: application/cloudevents-batch+json\r\n",
          "[" CLOUDEVENT("vm1") "," CLOUDEVENT("vm2") "]",
          "put vm1, put vm2" },
        { "Content-Type: application/cloudevents-batch+json\r\n", "[]", "" },
        { BINARY "ce-type: com.example.endpoint.put\r\n", VM("vm1"),
          "put vm1" },
        { BINARY "CE-Type: com.example.endpoint.delete\r\n",
          "{\"id\":\"vm1\",\"revision\":2}", "delete vm1" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char id[16];

        snprintf(id, sizeof id, "%"PRIuSIZE, i);
        send_and_expect(post(id, cases[i].headers, cases[i].body), 202, NULL);
        assert_told(cases[i].told);
    }
}

static void
test_refused(void **state OVS_UNUSED)
{
    static const struct {
        int status;
        const char *headers, *body;
        const char *text;
    } cases[] = {
        { 400, STANDARD, "{", NULL },
        { 400, STANDARD, "", NULL },
        { 400, STANDARD, "\xff\xfe", NULL },
        { 422, STANDARD, "{}", "#/type" },
        { 422, STANDARD, "{\"type\":\"endpoint.put\",\"data\":{\"kind\":"
          "\"endpoint\",\"id\":\"vm1\",\"segment\":\"blue\",\"host\":\"hv1\","
          "\"mac\":\"x\",\"ips\":[]}}", "\"pointer\":\"#/data/mac\"" },
        { 422, BINARY, VM("vm1"), "ce-type is missing" },
        { 422, BINARY "ce-type: endpoint.gossip\r\n", VM("vm1"), NULL },
        { 422, STANDARD "ce-type: x.endpoint.put\r\n", VM("vm1"),
          "ce-specversion is missing" },
        { 422, STANDARD "ce-specversion: 2.0\r\nce-id: 1\r\nce-source: /\r\n"
          "ce-type: x.endpoint.put\r\n", VM("vm1"),
          "ce-specversion is not 1.0" },
        { 415, "", PUT("vm1"), "application/cloudevents+json" },
        { 415, "Content-Type: text/plain\r\n", PUT("vm1"), NULL },
        { 415, "Content-Type: application/jsonx\r\n", PUT("vm1"), NULL },
        { 415, STANDARD "Content-Encoding: gzip\r\n", PUT("vm1"), NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char id[16];

        snprintf(id, sizeof id, "%"PRIuSIZE, i);
        send_and_expect(post(id, cases[i].headers, cases[i].body),
                        cases[i].status, cases[i].text);
    }
    assert_told("");

    struct webhook_status status = get_status();
    assert_int_equal(webhook_status_count(&status, "refused"),
                     ARRAY_SIZE(cases));
    assert_int_equal(status.n_taken, 0);
}

static void
test_routes(void **state OVS_UNUSED)
{
    send_and_expect(request("GET", "/healthz", "", ""), 200, "ok\n");
    send_and_expect(request("GET", "/readyz", "", ""), 200, "ok\n");

    int fd = open_client();
    write_and_free(fd, request("HEAD", "/readyz", "", ""));
    struct answer a = read_head(fd);
    assert_int_equal(a.status, 200);
    free_answer(&a);
    close(fd);

    send_and_expect(request("GET", "/metrics", "", ""), 200,
                    "# TYPE a gauge\na 1\n");
    send_and_expect(request("GET", "/metrics", "", ""), 200,
                    "Content-Type: text/plain; version=0.0.4; charset=utf-8");
    send_and_expect(request("GET", "/", "", ""), 404, "/v1/events");
    send_and_expect(request("POST", "/v1/events/", STANDARD, PUT("vm1")), 404,
                    NULL);
    send_and_expect(request("GET", "/v1/events", "", ""), 405,
                    "Allow: POST, OPTIONS");
    send_and_expect(request("PUT", "/v1/events", STANDARD, PUT("vm1")), 405,
                    NULL);
    send_and_expect(request("POST", "/healthz", STANDARD, PUT("vm1")), 405,
                    "Allow: GET, HEAD");

    why_not_ready = "the \"inventory\" is not there";
    send_and_expect(request("GET", "/readyz", "", ""), 503, "Retry-After: ");
    send_and_expect(request("GET", "/readyz", "", ""), 503,
                    "the \\\"inventory\\\" is not there");
    send_and_expect(request("GET", "/healthz", "", ""), 200, NULL);
    assert_told("");
}

static void
test_handshake(void **state OVS_UNUSED)
{
    static const char origin[] = "WebHook-Request-Origin: cloud.example\r\n"
                                 "WebHook-Request-Rate: 120\r\n"
                                 "WebHook-Request-Callback: http://x/\r\n";

    send_and_expect(request("OPTIONS", "/v1/events", origin, ""), 200,
                    "WebHook-Allowed-Origin: cloud.example");
    send_and_expect(request("OPTIONS", "/v1/events", origin, ""), 200,
                    "WebHook-Allowed-Rate: ");
    send_and_expect(request("OPTIONS", "/v1/events", origin, ""), 200,
                    "Allow: POST, OPTIONS");
    send_and_expect(request("OPTIONS", "/v1/events", "", ""), 200, NULL);
    send_and_expect(request("OPTIONS", "/v1/events",
                            "WebHook-Request-Origin: a b\r\n", ""), 400, NULL);
}

static void
test_unavailable(void **state OVS_UNUSED)
{
    why_not = "nothing is known yet";
    send_and_expect(post("1", STANDARD, PUT("vm1")), 503, "Retry-After: 2");
    why_not = NULL;

    /* It was not taken, so it is not known. */
    send_and_expect(post("1", STANDARD, PUT("vm1")), 202, NULL);
    assert_told("put vm1");
}

/* Who may send. */

static void
expect_unauthorized(char *text, const char *part)
{
    int fd = open_client();

    write_and_free(fd, text);
    expect(fd, 401, part);
    expect_closed(fd);
    close(fd);
    assert_told("");
}

static void
test_unauthorized(void **state OVS_UNUSED)
{
    static const int skews[] = { -301, 301, -100000 };
    char *headers, *signature;

    expect_unauthorized(request("POST", "/v1/events", STANDARD, PUT("vm1")),
                        "webhook-id is missing");
    expect_unauthorized(request("POST", "/v1/events", STANDARD, ""),
                        "WWW-Authenticate: ");
    for (size_t i = 0; i < ARRAY_SIZE(skews); i++) {
        signature = sign(SECRET, "1", time_wall() + skews[i], PUT("vm1"));
        headers = xasprintf(STANDARD "%s", signature);
        expect_unauthorized(request("POST", "/v1/events", headers, PUT("vm1")),
                            "clock");
        free(headers);
        free(signature);
    }

    signature = sign(OTHER_SECRET, "1", time_wall(), PUT("vm1"));
    headers = xasprintf(STANDARD "%s", signature);
    expect_unauthorized(request("POST", "/v1/events", headers, PUT("vm1")),
                        "made with the secret");
    free(headers);
    free(signature);

    /* The right signature, of another body. */
    signature = sign(SECRET, "1", time_wall(), PUT("vm1"));
    headers = xasprintf(STANDARD "%s", signature);
    expect_unauthorized(request("POST", "/v1/events", headers, PUT("vm2")),
                        "made with the secret");
    free(headers);
    free(signature);
    assert_int_equal(count("unauthorized"), 7);
}

/* Nothing unsigned changes anything. */
static void
test_nothing_unsigned(void **state OVS_UNUSED)
{
    static const char *const paths[] = {
        "/v1/events", "/v1/events/", "//v1/events", "/v1/events?x=1", "/",
        "/v1/inventory", "/healthz", "/readyz", "/metrics", "/v1/events%00",
        "/V1/EVENTS", "*",
    };
    static const char *const methods[] = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
        "FROB",
    };
    static const char *const headers[] = {
        "", STANDARD, STRUCTURED,
        "Content-Type: application/cloudevents-batch+json\r\n",
        BINARY "ce-type: x.endpoint.put\r\n", "Content-Type: text/plain\r\n",
        STANDARD "X-HTTP-Method-Override: POST\r\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(methods); j++) {
            for (size_t k = 0; k < ARRAY_SIZE(headers); k++) {
                int fd = open_client();

                write_and_free(fd, request(methods[j], paths[i], headers[k],
                                           PUT("vm1")));

                struct answer a = read_head(fd);
                if (!strcmp(methods[j], "POST")) {
                    assert_true(a.status >= 400);
                }
                free_answer(&a);
                close(fd);
            }
        }
    }
    assert_told("");
    assert_int_equal(get_status().n_taken, 0);
}

static void
test_replay(void **state OVS_UNUSED)
{
    char *text = post("1", STANDARD, PUT("vm1"));

    send_and_expect(xstrdup(text), 202, NULL);
    assert_told("put vm1");
    send_and_expect(text, 202, NULL);
    send_and_expect(post("1", STANDARD, PUT("vm2")), 202, NULL);
    assert_told("");
    send_and_expect(post("2", STANDARD, PUT("vm2")), 202, NULL);
    assert_told("put vm2");
    assert_int_equal(get_status().n_repeated, 2);
    assert_int_equal(get_status().n_taken, 2);

    /* What was refused is not known. */
    send_and_expect(post("3", STANDARD, "{}"), 422, NULL);
    send_and_expect(post("3", STANDARD, PUT("vm3")), 202, NULL);
    assert_told("put vm3");
}

static void
test_rotation(void **state OVS_UNUSED)
{
    char *signature = sign(OTHER_SECRET, "1", time_wall(), PUT("vm1"));
    char *headers = xasprintf(STANDARD "%s", signature);

    write_file(secret_file, "# old\nwhsec_" SECRET "\n\n# new\nwhsec_"
               OTHER_SECRET "\n");
    until(get_status().n_secrets == 2);
    send_and_expect(request("POST", "/v1/events", headers, PUT("vm1")), 202,
                    NULL);
    send_and_expect(post("2", STANDARD, PUT("vm2")), 202, NULL);
    assert_told("put vm1, put vm2");

    /* A bad file changes nothing and is reported. */
    write_file(secret_file, "secret\n");
    until(get_status().error);
    assert_non_null(strstr(get_status().error, "line 1"));
    assert_null(strstr(get_status().error, SECRET));
    send_and_expect(post("3", STANDARD, PUT("vm3")), 202, NULL);

    write_file(secret_file, "whsec_" OTHER_SECRET);
    until(!get_status().error);
    expect_unauthorized((ds_clear(&told), post("4", STANDARD, PUT("vm4"))),
                        NULL);
    free(headers);
    free(signature);
}

static void
test_no_secret(void **state OVS_UNUSED)
{
    send_and_expect(request("POST", "/v1/events", STANDARD, PUT("vm1")), 202,
                    NULL);
    send_and_expect(request("POST", "/v1/events", STANDARD, PUT("vm1")), 202,
                    NULL);
    assert_told("put vm1, put vm1");

    static const char id[] = STANDARD "webhook-id: 1\r\n";
    send_and_expect(request("POST", "/v1/events", id, PUT("vm1")), 202, NULL);
    send_and_expect(request("POST", "/v1/events", id, PUT("vm1")), 202, NULL);
    assert_told("put vm1");
    send_and_expect(request("POST", "/v1/events", STANDARD "webhook-id:\r\n",
                            PUT("vm1")), 400, NULL);
    assert_int_equal(get_status().n_secrets, 0);
}

/* Waiting for the switch. */

static void
test_wait(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: respond-async, wait=5\r\n",
                            PUT("vm1")));
    until(get_status().n_waiting == 1);
    assert_told("put vm1, wait");

    /* Others need not. */
    send_and_expect(post("2", STANDARD, PUT("vm2")), 202, NULL);
    assert_told("put vm2");

    installed = true;
    expect(fd, 204, "Preference-Applied: wait=5\r\n");
    assert_told("forget");
    assert_int_equal(get_status().n_waiting, 0);

    /* The connection goes on, and a repetition can wait too. */
    write_and_free(fd, post("1", STANDARD "Prefer: respond-async\r\n"
                            "prefer: wait=\"9\"\r\nPrefer: wait=3\r\n",
                            PUT("vm1")));
    expect(fd, 204, "Preference-Applied: wait=9\r\n");
    assert_told("again put vm1, wait, forget");
    write_and_free(fd, post("3", STANDARD, PUT("vm3")));
    expect(fd, 202, NULL);
    close(fd);
}

/* With one preference more, in the same field or another. */
static void
test_wait_revalidated(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: wait=5, revalidated\r\n",
                            PUT("vm1")));
    until(get_status().n_waiting == 1);
    assert_told("put vm1, wait revalidated");
    installed = true;
    expect(fd, 204, "Preference-Applied: wait=5, revalidated\r\n");
    assert_told("forget");

    write_and_free(fd, post("1", STANDARD "Prefer: revalidated\r\n"
                            "Prefer: wait=5\r\n", PUT("vm1")));
    expect(fd, 204, "Preference-Applied: wait=5, revalidated\r\n");
    assert_told("again put vm1, wait revalidated, forget");

    /* The next request on the connection starts anew. */
    write_and_free(fd, post("1", STANDARD "Prefer: wait=5\r\n",
                            PUT("vm1")));
    expect(fd, 204, "Preference-Applied: wait=5\r\n");
    assert_told("again put vm1, wait, forget");

    /* What was not had is not told as applied. */
    installed = false;
    write_and_free(fd, post("1", STANDARD "Prefer: wait=1, revalidated\r\n",
                            PUT("vm1")));
    expect(fd, 202, "Preference-Applied: wait=1\r\n");
    assert_told("again put vm1, wait revalidated, forget");

    /* Without a time to wait there is no answer to come later. */
    send_and_expect(post("2", STANDARD "Prefer: revalidated\r\n",
                         PUT("vm2")), 202, NULL);
    assert_told("put vm2");
    close(fd);
}

/* Who need not wait any longer is not left waiting for something else to
 * happen. */
static void
test_wait_ends_at_once(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: wait=60\r\n", PUT("vm1")));
    until(get_status().n_waiting == 1);
    installed = true;

    long long int begun = time_msec();
    pass(-1, 2000);
    assert_true(time_msec() - begun < 1500);
    expect(fd, 204, NULL);
    close(fd);
}

static void
test_wait_too_long(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: wait=1\r\n", PUT("vm1")));
    expect(fd, 202, "Preference-Applied: wait=1\r\n");
    assert_told("put vm1, wait, forget");

    /* A refusal does not wait, nor does who wants to wait no time. */
    write_and_free(fd, post("2", STANDARD "Prefer: wait=1\r\n", "{}"));
    expect(fd, 422, NULL);
    write_and_free(fd, post("3", STANDARD "Prefer: wait=0\r\n", PUT("vm3")));
    expect(fd, 202, NULL);
    assert_told("put vm3");
    close(fd);
}

/* More than can wait are answered at once. */
static void
test_many_waits(void **state OVS_UNUSED)
{
    int fds[140];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        char id[16];

        snprintf(id, sizeof id, "%"PRIuSIZE, i);
        fds[i] = open_client();
        write_and_free(fds[i], post(id, STANDARD "Prefer: wait=60\r\n",
                                    PUT("vm1")));
        until(get_status().n_taken == i + 1);
    }
    assert_int_equal(get_status().n_waiting, 128);
    expect(fds[139], 202, NULL);
    installed = true;
    for (size_t i = 0; i < ARRAY_SIZE(fds) - 1; i++) {
        expect(fds[i], i < 128 ? 204 : 202, NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
}

static void
test_gone_while_waiting(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: wait=60\r\n", PUT("vm1")));
    until(get_status().n_waiting == 1);

    /* With a reset. */
    struct linger linger = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
    send_and_expect(post("2", STANDARD, PUT("vm2")), 202, NULL);
    installed = true;
    until(!get_status().n_connections);
    assert_told("put vm1, wait, put vm2, forget");
    send_and_expect(post("3", STANDARD, PUT("vm3")), 202, NULL);
}

static void
test_stopped_while_waiting(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_and_free(fd, post("1", STANDARD "Prefer: wait=60\r\n", PUT("vm1")));
    until(get_status().n_waiting == 1);
    webhook_server_destroy(server);
    assert_told("put vm1, wait, forget");
    start_server(SECRET, false);
    expect(fd, 202, NULL);
    close(fd);
}

/* How it arrives. */

static void
test_byte_by_byte(void **state OVS_UNUSED)
{
    char *text = post("1", STANDARD, PUT("vm1"));
    int fd = open_client();

    for (const char *p = text; *p; p++) {
        write_bytes(fd, p, 1);
        pass(-1, 0);
    }
    expect(fd, 202, NULL);
    assert_told("put vm1");
    close(fd);
    free(text);
}

static void
test_pipelined(void **state OVS_UNUSED)
{
    char *requests[] = {
        post("1", STANDARD, PUT("vm1")),
        post("2", STANDARD "Prefer: wait=60\r\n", PUT("vm2")),
        request("GET", "/healthz", "", ""),
        post("1", STANDARD, PUT("vm1")),
        post("3", STANDARD, "{}"),
        post("4", STANDARD, PUT("vm4")),
        request("GET", "/nothing", "", ""),
    };
    static const int expected[] = { 202, 204, 200, 202, 422, 202, 404 };
    struct ds s = DS_EMPTY_INITIALIZER;
    int fd = open_client();

    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        ds_put_cstr(&s, requests[i]);
        free(requests[i]);
    }
    write_text(fd, ds_cstr(&s));
    installed = true;
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        expect(fd, expected[i], NULL);
    }
    assert_told("put vm1, put vm2, wait, forget, put vm4");
    close(fd);
    ds_destroy(&s);
}

static void
test_http_1_0(void **state OVS_UNUSED)
{
    int fd = open_client();

    write_text(fd, "GET /healthz HTTP/1.0\r\n\r\n");

    struct answer a = read_answer(fd);
    assert_int_equal(a.status, 200);
    free_answer(&a);
    close(fd);
}

#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* The head of a signed request whose body, of 'len' bytes, is announced by
 * 'headers'. */
static char *
head(const char *id, const char *headers, const char *body)
{
    char *signature = sign(SECRET, id, time_wall(), body);
    char *text = xasprintf("POST /v1/events HTTP/1.1\r\nHost: vtepd\r\n"
                           STANDARD "%s%s\r\n", signature, headers);

    free(signature);
    return text;
}

static void
test_chunked(void **state OVS_UNUSED)
{
    static const char body[] = PUT("vm1");
    int fd = open_client();

    write_and_free(fd, head("1", CHUNKED, body));
    for (const char *p = body; *p; p += 7) {
        size_t n = MIN(strlen(p), 7);
        char *chunk = xasprintf("%"PRIxSIZE";x=y\r\n%.*s\r\n", n, (int) n, p);

        write_text(fd, chunk);
        pass(-1, 0);
        free(chunk);
        if (n < 7) {
            break;
        }
    }
    write_text(fd, "0\r\nTrailer: x\r\n\r\n");
    expect(fd, 202, NULL);
    assert_told("put vm1");
    close(fd);
}

static void
test_continue(void **state OVS_UNUSED)
{
    static const char body[] = PUT("vm1");
    char *headers = xasprintf("Expect: 100-continue\r\nContent-Length: "
                              "%"PRIuSIZE"\r\n", strlen(body));
    int fd = open_client();

    write_and_free(fd, head("1", headers, body));
    expect(fd, 100, NULL);
    write_text(fd, body);
    expect(fd, 202, NULL);
    close(fd);

    /* No body is wanted of whom it is known that it will be refused. */
    fd = open_client();
    write_text(fd, "POST /v1/events HTTP/1.1\r\nHost: vtepd\r\n"
               "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    expect(fd, 401, NULL);
    expect_closed(fd);
    close(fd);
    free(headers);
}

/* Limits. */

enum { MIB = 1024 * 1024 };

/* An event with spaces behind it, of 'len' bytes altogether. */
static char *
pad(const char *event, size_t len)
{
    char *body = xmalloc(len + 1);

    memset(body, ' ', len);
    memcpy(body, event, strlen(event));
    body[len] = '\0';
    return body;
}

static void
test_large_bodies(void **state OVS_UNUSED)
{
    char *body = pad(PUT("vm1"), MIB + 1);

    send_and_expect(post("1", STANDARD, body), 413, "1048576");

    int fd = open_client();
    write_and_free(fd, head("2", CHUNKED, ""));
    write_text(fd, "100001\r\n");
    write_text(fd, body);
    write_text(fd, "\r\n0\r\n\r\n");
    expect(fd, 413, "1048576");
    expect_closed(fd);
    close(fd);
    assert_told("");

    body[MIB] = '\0';
    send_and_expect(post("3", STANDARD, body), 202, NULL);
    assert_told("put vm1");
    free(body);
}

/* A client that reads no answer before it has sent everything can send
 * everything: more than the kernel holds. */
static void
test_much_too_large_bodies(void **state OVS_UNUSED)
{
    enum { SIZE = 20 * MIB };
    char *body = pad("", SIZE);
    const char *headers[] = { CHUNKED, "Content-Length: 20971520\r\n" };

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        int fd = open_client();

        write_and_free(fd, head("1", headers[i], ""));
        assert_true(write_text(fd, i ? "" : "1400000\r\n"));
        assert_true(write_bytes(fd, body, SIZE));
        expect(fd, 413, "1048576");
        expect_closed(fd);
        close(fd);
    }
    free(body);
}

static void
test_endless_chunks(void **state OVS_UNUSED)
{
    int fd = open_client();
    int status = 0;

    write_and_free(fd, head("1", CHUNKED, ""));
    for (int i = 0; i < 1000 && !status; i++) {
        static char chunk[4096 + 9] = "1000\r\n";
        struct pollfd pfd = { .fd = fd, .events = POLLIN };

        memcpy(chunk + 6 + 4096, "\r\n", 3);
        memset(chunk + 6, 'x', 4096);
        write_bytes(fd, chunk, 6 + 4096 + 2);
        pass(-1, 0);
        if (poll(&pfd, 1, 0) > 0) {
            struct answer a = read_answer(fd);

            status = a.status;
            free_answer(&a);
        }
    }
    assert_int_equal(status, 413);
    close(fd);
}

/* Bodies that are begun and not finished do not add up. */
static void
test_many_bodies(void **state OVS_UNUSED)
{
    enum { MIN_DROPPED = 24, MAX_DROPPED = 30 };
    int fds[40];
    char *body = pad("", 900 * 1024);
    size_t n_dropped = 0;

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = open_client();
        write_and_free(fds[i], head("x", "Content-Length: 1000000\r\n", ""));
        write_text(fds[i], body);
        pass(-1, 0);
    }
    /* What was written the server has not read yet in all cases. */
    until(count_readable(fds, ARRAY_SIZE(fds)) >= MIN_DROPPED);
    send_and_expect(post("1", STANDARD, PUT("vm1")), 202, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (count_readable(&fds[i], 1)) {
            expect(fds[i], 503, "Retry-After: ");
            n_dropped++;
        }
        close(fds[i]);
    }
    assert_in_range(n_dropped, MIN_DROPPED, MAX_DROPPED);
    free(body);
}

static void
test_header_flood(void **state OVS_UNUSED)
{
    char *line = xasprintf("X-Flood: %0200d\r\n", 7);

    for (int i = 0; i < 20; i++) {
        int fd = open_client();

        write_text(fd, "GET /healthz HTTP/1.1\r\nHost: vtepd\r\n");
        for (int j = 0; j < 500; j++) {
            write_text(fd, line);
        }

        struct answer a = read_answer(fd);
        assert_true(!a.status || a.status >= 400);
        free_answer(&a);
        close(fd);
    }
    free(line);
    send_and_expect(post("1", STANDARD, PUT("vm1")), 202, NULL);
}

static void
test_garbage(void **state OVS_UNUSED)
{
    static const char *const texts[] = {
        "\r\n\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
        "POST /v1/events HTTP/9.9\r\n\r\n", "a b c d e f\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 99999999999999999999999\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: x\r\n" CHUNKED "\r\nzz\r\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int fd = open_client();

        write_text(fd, texts[i]);
        for (int j = 0; j < 3; j++) {
            pass(-1, 1);
        }
        shutdown(fd, SHUT_WR);
        free_answer(&(struct answer[]) { read_answer(fd) }[0]);
        close(fd);
    }
    send_and_expect(post("1", STANDARD, PUT("vm1")), 202, NULL);
    assert_told("put vm1");
}

/* Who does nothing cannot keep others out, and who is known goes last. */
static void
test_many_clients(void **state OVS_UNUSED)
{
    int fds[600];
    int known = open_client();

    write_and_free(known, post("1", STANDARD, PUT("vm1")));
    expect(known, 202, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = open_client();
        pass(-1, 0);
        assert_true(get_status().n_connections <= 256);
    }
    until(get_status().n_evicted >= 601 - 256);
    send_and_expect(post("2", STANDARD, PUT("vm2")), 202, NULL);
    write_and_free(known, post("3", STANDARD, PUT("vm3")));
    expect(known, 202, NULL);
    assert_told("put vm1, put vm2, put vm3");
    expect_closed(fds[0]);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
    close(known);
    until(!get_status().n_connections);
}

/* Whatever clients are up to, the server sleeps while nothing comes. */
static void
test_sleep(void **state OVS_UNUSED)
{
    int fds[6];

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = open_client();
    }
    write_text(fds[1], "POST /v1/ev");
    write_and_free(fds[2], head("1", "Content-Length: 100\r\n", ""));
    write_text(fds[2], "{");
    write_and_free(fds[3], head("2", CHUNKED, ""));
    write_text(fds[3], "5\r\n{");
    write_and_free(fds[4], post("3", STANDARD "Prefer: wait=60\r\n",
                                PUT("vm1")));
    write_text(fds[5], "POST /v1/events HTTP/1.1\r\nHost: x\r\n"
               "Content-Length: 9999999\r\n\r\n");
    expect(fds[5], 401, NULL);
    until(get_status().n_waiting == 1 && get_status().n_connections == 5);

    long long int begun = time_msec();
    for (int i = 0; i < 4; i++) {
        pass(-1, 100);
    }
    assert_true(time_msec() - begun >= 300);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
}

/* Who is known is slowed down at last. */
static void
test_too_fast(void **state OVS_UNUSED)
{
    enum { N = 100 };
    char *text = request("POST", "/v1/events", STANDARD "webhook-id: 1\r\n",
                         PUT("vm1"));
    struct ds many = DS_EMPTY_INITIALIZER;
    int fd = open_client();

    for (int i = 0; i < N; i++) {
        ds_put_cstr(&many, text);
    }
    until((write_text(fd, ds_cstr(&many)), count("too_fast")));
    assert_told("put vm1");

    struct answer answer;
    do {
        answer = read_answer(fd);
        assert_true(answer.status == 202 || answer.status == 429);
        if (answer.status == 429) {
            assert_non_null(strstr(ds_cstr(&answer.head), "Retry-After: 1"));
        }
        free_answer(&answer);
    } while (answer.status == 202);

    /* Soon enough it goes on. */
    int status;
    do {
        int other = open_client();

        write_text(other, text);
        struct answer a = read_answer(other);
        status = a.status;
        free_answer(&a);
        close(other);
    } while (status == 429);
    assert_int_equal(status, 202);
    close(fd);
    ds_destroy(&many);
    free(text);
}

/* Who repeats what he has overheard does not slow down who is known. */
static void
test_repeated_too_fast(void **state OVS_UNUSED)
{
    char *text = post("1", STANDARD, PUT("vm1"));
    struct ds many = DS_EMPTY_INITIALIZER;
    int fd = open_client();

    for (int i = 0; i < 100; i++) {
        ds_put_cstr(&many, text);
    }
    until((write_text(fd, ds_cstr(&many)), count("too_fast")));

    /* Right behind them. */
    free(text);
    text = post("2", STANDARD, PUT("vm2"));
    ds_put_cstr(&many, text);
    write_text(fd, ds_cstr(&many));
    until(get_status().n_taken == 2);
    assert_told("put vm1, put vm2");
    close(fd);
    ds_destroy(&many);
    free(text);
}

/* TLS. */

/* Makes a key and a certificate that bears it. */
static void
make_certificate_of(gnutls_pk_algorithm_t algorithm, unsigned int bits,
                    uint8_t serial)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
    gnutls_datum_t pem;

    gnutls_x509_privkey_init(&key);
    assert_int_equal(gnutls_x509_privkey_generate(key, algorithm, bits, 0),
                     0);
    gnutls_x509_crt_init(&cert);
    gnutls_x509_crt_set_version(cert, 3);
    gnutls_x509_crt_set_serial(cert, &serial, 1);
    gnutls_x509_crt_set_activation_time(cert, time_wall() - 60);
    gnutls_x509_crt_set_expiration_time(cert, time_wall() + 3600);
    gnutls_x509_crt_set_key(cert, key);
    assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256,
                                           0), 0);

    gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem);
    write_file(cert_file, (char *) pem.data);
    gnutls_free(pem.data);
    gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
    write_file(key_file, (char *) pem.data);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
}

static void
make_certificate(uint8_t serial)
{
    make_certificate_of(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(
                            GNUTLS_ECC_CURVE_SECP256R1), serial);
}

static uint8_t
get_serial(gnutls_session_t session)
{
    unsigned int n;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);
    gnutls_x509_crt_t cert;
    uint8_t serial;
    size_t len = 1;

    assert_int_equal(n, 1);
    gnutls_x509_crt_init(&cert);
    gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER);
    assert_int_equal(gnutls_x509_crt_get_serial(cert, &serial, &len), 0);
    gnutls_x509_crt_deinit(cert);
    return serial;
}

/* Repeats CALL until it does not want to be called again. */
#define tls_do(FD, CALL)                                                \
    ({                                                                  \
        int code_;                                                      \
        long long int until_ = time_msec() + PATIENCE;                  \
        while ((code_ = (CALL)) == GNUTLS_E_AGAIN) {                    \
            assert_true(time_msec() < until_);                          \
            pass(FD, 10);                                               \
        }                                                               \
        code_;                                                          \
    })

/* Sends 'text' over TLS with 'priorities'.  Returns the answer's status and
 * the certificate's serial number, or 0 if there is no connection. */
static int
ask_tls(const char *priorities, char *text, uint8_t *serial)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    char buffer[4096] = "";
    int fd = open_client();
    int status = 0;

    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    gnutls_priority_set_direct(session, priorities, NULL);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    if (!tls_do(fd, gnutls_handshake(session))) {
        *serial = get_serial(session);

        int n = 0;
        for (const char *p = text; *p && n >= 0; p += MAX(n, 0)) {
            n = tls_do(fd, gnutls_record_send(session, p, strlen(p)));
        }
        if (tls_do(fd, gnutls_record_recv(session, buffer,
                                          sizeof buffer - 1)) > 0) {
            assert_true(ovs_scan(buffer, "HTTP/1.1 %d", &status));
        }
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    free(text);
    return status;
}

static void
test_tls(void **state OVS_UNUSED)
{
    char *body = pad(PUT("vm1"), MIB + 1);
    char *chunked = head("3", CHUNKED, "");
    uint8_t serial;

    webhook_server_destroy(server);
    make_certificate(1);
    start_server(SECRET, true);
    assert_true(get_status().tls);

    assert_int_equal(ask_tls("NORMAL", post("1", STANDARD, PUT("vm1")),
                             &serial), 202);
    assert_told("put vm1");
    assert_int_equal(serial, 1);
    assert_int_equal(ask_tls("NORMAL:-VERS-ALL:+VERS-TLS1.2",
                             post("2", STANDARD "Prefer: wait=1\r\n",
                                  PUT("vm2")), &serial), 202);
    assert_int_equal(ask_tls("NORMAL", request("POST", "/v1/events", STANDARD,
                                               PUT("vm1")), &serial), 401);
    assert_int_equal(ask_tls("NORMAL", xasprintf("%s100001\r\n%s", chunked,
                                                 body), &serial), 413);
    assert_int_equal(ask_tls("NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0",
                             request("GET", "/healthz", "", ""), &serial), 0);

    /* Not TLS at all. */
    int fd = open_client();
    write_and_free(fd, request("GET", "/healthz", "", ""));
    while (read_byte(fd) >= 0) {
        continue;
    }
    close(fd);

    /* A new certificate is in use from the next connection on; one that does
     * not go with the key is not. */
    make_certificate(2);
    until((assert_int_equal(ask_tls("NORMAL", request("GET", "/healthz", "",
                                                      ""), &serial), 200),
           serial == 2));
    assert_null(get_status().error);
    write_file(cert_file, "garbage");
    until(get_status().error);
    assert_non_null(strstr(get_status().error, cert_file));
    assert_int_equal(ask_tls("NORMAL", request("GET", "/healthz", "", ""),
                             &serial), 200);
    assert_int_equal(serial, 2);
    make_certificate(3);
    assert_int_equal(chmod(key_file, 0604), 0);
    until(get_status().error && strstr(get_status().error, "chmod o-rw"));
    assert_null(strstr(get_status().error, "BEGIN"));
    assert_int_equal(chmod(key_file, 0600), 0);
    until(!get_status().error);
    free(chunked);
    free(body);
}

/* Nothing but the head of a record, of a ClientHello to come, is no reason to
 * be awake. */
static void
test_tls_sleep(void **state OVS_UNUSED)
{
    uint8_t serial;
    int fds[3];

    webhook_server_destroy(server);
    make_certificate(1);
    start_server(SECRET, true);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = open_client();
        write_bytes(fds[i], "\x16\x03\x01\x02\x00\x01", 6);
    }
    until(get_status().n_connections == ARRAY_SIZE(fds));

    long long int until_ = time_msec() + 400;
    int n = 0;
    while (time_msec() < until_) {
        pass(-1, 100);
        n++;
    }
    assert_true(n < 50);

    assert_int_equal(ask_tls("NORMAL", request("GET", "/healthz", "", ""),
                             &serial), 200);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
}

/* Many handshakes at once are not done at once. */
static void
test_tls_flood(void **state OVS_UNUSED)
{
    gnutls_certificate_credentials_t credentials;
    /* On a busy machine too, all of them have to be done before the first
     * one's time is up. */
    gnutls_session_t sessions[40];
    int fds[40];
    size_t n = ARRAY_SIZE(fds);

    webhook_server_destroy(server);
    make_certificate_of(GNUTLS_PK_RSA, 3072, 1);
    start_server(SECRET, true);
    gnutls_certificate_allocate_credentials(&credentials);
    for (size_t i = 0; i < n; i++) {
        fds[i] = open_client();
    }
    until(get_status().n_connections == n);
    for (size_t i = 0; i < n; i++) {
        gnutls_init(&sessions[i],
                    GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
        gnutls_priority_set_direct(sessions[i], "NORMAL", NULL);
        gnutls_credentials_set(sessions[i], GNUTLS_CRD_CERTIFICATE,
                               credentials);
        gnutls_transport_set_int(sessions[i], fds[i]);
        assert_int_equal(gnutls_handshake(sessions[i]), GNUTLS_E_AGAIN);
    }
    webhook_server_run(server);
    assert_true(count_readable(fds, n) < n / 2);
    until(count_readable(fds, n) == n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tls_do(fds[i], gnutls_handshake(sessions[i])), 0);
        gnutls_deinit(sessions[i]);
        close(fds[i]);
    }
    gnutls_certificate_free_credentials(credentials);
}

/* Listening. */

static void
expect_not_created(const char *listen_, const char *secrets, const char *part)
{
    struct webhook_config config = { .listen = listen_,
                                     .secret_file = secrets };
    char *error;

    assert_null(webhook_server_create(&config, &sink, &error));
    if (!strstr(error, part)) {
        fail_msg("\"%s\" is not in: %s", part, error);
    }
    free(error);
}

static void
test_not_created(void **state OVS_UNUSED)
{
    char *used = xasprintf("127.0.0.1:%u", port);

    expect_not_created("0.0.0.0:1", NULL, "--webhook-secret-file");
    expect_not_created("[::]:1", NULL, "is not a loopback address");
    expect_not_created("192.0.2.1:8080", secret_file,
                       "192.0.2.1:8080 cannot be listened on");
    expect_not_created("localhost:8080", NULL, "is not ADDR:PORT");
    expect_not_created(used, NULL, "another process");
    expect_not_created(used, "/nonexistent", "No such file");
    assert_int_equal(chmod(secret_file, 0644), 0);
    expect_not_created(used, secret_file, "chmod o-rw");
    free(used);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_taken),
        TEST(test_bodies),
        TEST(test_refused),
        TEST(test_routes),
        TEST(test_handshake),
        TEST(test_unavailable),
        TEST(test_unauthorized),
        TEST(test_nothing_unsigned),
        TEST(test_replay),
        TEST(test_rotation),
        cmocka_unit_test_setup_teardown(test_no_secret, setup_without_secret,
                                        teardown),
        TEST(test_wait),
        TEST(test_wait_revalidated),
        TEST(test_wait_ends_at_once),
        TEST(test_wait_too_long),
        TEST(test_many_waits),
        TEST(test_gone_while_waiting),
        TEST(test_stopped_while_waiting),
        TEST(test_byte_by_byte),
        TEST(test_pipelined),
        TEST(test_http_1_0),
        TEST(test_chunked),
        TEST(test_continue),
        TEST(test_large_bodies),
        TEST(test_much_too_large_bodies),
        TEST(test_endless_chunks),
        TEST(test_many_bodies),
        TEST(test_header_flood),
        TEST(test_garbage),
        TEST(test_many_clients),
        TEST(test_sleep),
        cmocka_unit_test_setup_teardown(test_too_fast, setup_without_secret,
                                        teardown),
        TEST(test_repeated_too_fast),
        TEST(test_tls),
        TEST(test_tls_sleep),
        TEST(test_tls_flood),
        TEST(test_not_created),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    assert_non_null(mkdtemp(dir));
    secret_file = xasprintf("%s/secrets", dir);
    cert_file = xasprintf("%s/cert.pem", dir);
    key_file = xasprintf("%s/key.pem", dir);

    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);

    unlink(secret_file);
    unlink(cert_file);
    unlink(key_file);
    rmdir(dir);
    free(secret_file);
    free(cert_file);
    free(key_file);
    ds_destroy(&told);
    return n_failed;
}
