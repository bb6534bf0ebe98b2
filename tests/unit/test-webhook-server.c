/* SPDX-License-Identifier: Apache-2.0 */

/* The webhook server as a whole, on loopback, in the test's own poll loop, with
 * clients that write bytes to sockets. */

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

/* A sink that writes down what it is told: "put vm1", "delete vm2", "wait 1",
 * "forget 1". */

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
            uint64_t ticket)
{
    for (size_t i = 0; i < n; i++) {
        const struct inventory_event *e = &events[i];

        tell("%s %s", (e->type == INVENTORY_EVENT_PUT ? "put"
                       : e->type == INVENTORY_EVENT_DELETE ? "delete"
                       : e->type == INVENTORY_EVENT_THIN ? "thin" : "?"),
             e->object ? e->object->id : e->id ? e->id : "?");
    }
    if (ticket) {
        tell("wait");
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

static const struct webhook_sink sink = {
    .why_not = sink_why_not,
    .why_not_ready = sink_why_not_ready,
    .events = sink_events,
    .is_installed = sink_is_installed,
    .forget = sink_forget,
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

/* Writes all of it, unless the server closes the connection. */
static void
write_bytes(int fd, const char *s, size_t len)
{
    long long int deadline = time_msec() + PATIENCE;

    while (len) {
        ssize_t n = send(fd, s, len, MSG_NOSIGNAL);

        if (n > 0) {
            s += n;
            len -= n;
        } else if (errno != EAGAIN) {
            return;
        } else if (time_msec() >= deadline) {
            fail_msg("the server does not read");
        }
        if (len) {
            pass(-1, 1);
        }
    }
}

static void
write_text(int fd, const char *s)
{
    write_bytes(fd, s, strlen(s));
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

static struct answer
read_answer(int fd)
{
    struct answer a = { .head = DS_EMPTY_INITIALIZER,
                        .body = DS_EMPTY_INITIALIZER };
    int c;

    while (!strstr(ds_cstr(&a.head), "\r\n\r\n")) {
        c = read_byte(fd);
        if (c < 0) {
            assert_int_equal(a.head.length, 0);
            return a;
        }
        ds_put_char(&a.head, c);
    }
    assert_true(ovs_scan(ds_cstr(&a.head), "HTTP/1.1 %d", &a.status));

    const char *length = strstr(ds_cstr(&a.head), "Content-Length: ");
    for (int n = length ? atoi(length + strlen("Content-Length: ")) : 0; n > 0;
         n--) {
        c = read_byte(fd);
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

/* Tests. */

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
    };
    (void) setup_without_secret; (void) expect_closed;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    assert_non_null(mkdtemp(dir));
    secret_file = xasprintf("%s/secrets", dir);
    cert_file = xasprintf("%s/cert.pem", dir);
    key_file = xasprintf("%s/key.pem", dir);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
