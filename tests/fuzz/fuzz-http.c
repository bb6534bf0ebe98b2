/* SPDX-License-Identifier: Apache-2.0 */

/* The webhook listener (contract 4) as a client meets it: the input is what
 * the client writes into its connection, cut into two pieces.
 *
 * Whatever it is, nothing is taken in by the listener that has a secret, which
 * the input cannot know; what comes back is HTTP; and when the client has
 * gone, so is the connection. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud/inventory-event.h"
#include "cloud/webhook-server.h"
#include "describe-event.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

enum {
    /* Passes in a row without a byte, after which no more is expected. */
    QUIET_PASSES = 3,

    /* After so many the server must have seen that the client is gone. */
    PASSES_MAX = 2000,
};

struct listener {
    struct webhook_server *server;
    bool has_secret;
    in_port_t port;
};

static const char *
why_not(void *listener OVS_UNUSED)
{
    return NULL;
}

static void
take(void *listener_, struct inventory_event *events, size_t n,
     uint64_t ticket OVS_UNUSED, bool revalidated OVS_UNUSED,
     bool repeated OVS_UNUSED)
{
    const struct listener *listener = listener_;

    fuzz_check(!listener->has_secret);
    for (size_t i = 0; i < n; i++) {
        free(fuzz_describe_event(&events[i]));
    }
}

/* Not at once, but soon: a client that waits may go meanwhile. */
static bool
is_installed(void *listener OVS_UNUSED, uint64_t ticket OVS_UNUSED)
{
    static int n_asked;

    return ++n_asked % 5 == 0;
}

static void
forget(void *listener OVS_UNUSED, uint64_t ticket OVS_UNUSED)
{
}

/* A port of this host that nobody listens on now. */
static in_port_t
get_free_port(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *) &sin, len)
        || getsockname(fd, (struct sockaddr *) &sin, &len)) {
        ovs_fatal(errno, "no port on loopback");
    }
    close(fd);
    return sin.sin_port;
}

static void
put_metrics(void *aux OVS_UNUSED, struct ds *s)
{
    ds_put_cstr(s, "# TYPE a gauge\na 1\n");
}

static void
listen_on(struct listener *listener, bool has_secret)
{
    static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    struct webhook_sink sink = {
        .aux = listener,
        .why_not = why_not,
        .why_not_ready = why_not,
        .events = take,
        .is_installed = is_installed,
        .forget = forget,
        .metrics = put_metrics,
    };
    char *path = xasprintf("%s/secrets", fuzz_folder());

    listener->has_secret = has_secret;
    listener->port = get_free_port();
    char *address = xasprintf("127.0.0.1:%u", ntohs(listener->port));
    struct webhook_config config = {
        .listen = address,
        .secret_file = has_secret ? path : NULL,
    };
    char *error;

    fuzz_write_file(path, secret, strlen(secret));
    listener->server = webhook_server_create(&config, &sink, &error);
    if (!listener->server) {
        ovs_fatal(0, "%s", error);
    }
    free(address);
    free(path);
}

static int
open_client(const struct listener *listener)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_port = listener->port,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct linger at_once = { .l_onoff = 1 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : EINTR;

    /* libFuzzer's own clock may interrupt it, and then it goes on. */
    while (error == EINTR || error == EALREADY) {
        error = connect(fd, (struct sockaddr *) &sin, sizeof sin) ? errno : 0;
    }
    if (error && error != EISCONN) {
        ovs_fatal(error, "cannot connect");
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void
pass(const struct listener *listener)
{
    webhook_server_run(listener->server);
    webhook_server_answer(listener->server);
}

/* Takes what has come, if there is anything. */
static bool
receive(int fd, struct ds *s)
{
    char buffer[4096];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);

    if (n > 0) {
        ds_put_buffer(s, buffer, n);
    }
    return n > 0;
}

/* Says some bytes and listens.  The server may have closed the connection
 * already. */
static void
talk(const struct listener *listener, int fd, const uint8_t *data, size_t size,
     struct ds *s)
{
    ignore(send(fd, data, size, MSG_NOSIGNAL));
    for (int i = 0; i < QUIET_PASSES; i++) {
        pass(listener);
        while (receive(fd, s)) {
            i = 0;
        }
    }
}

static size_t
n_connections(const struct listener *listener)
{
    struct webhook_status status;

    webhook_server_get_status(listener->server, &status);
    return status.n_connections;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct listener listeners[2];
    uint32_t hash = fuzz_hash(data, size);
    const struct listener *listener = &listeners[hash & 1];
    size_t first = size ? (hash >> 1) % size : 0;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!listeners[0].server) {
        fuzz_quiet();
        listen_on(&listeners[0], false);
        listen_on(&listeners[1], true);
    }

    int fd = open_client(listener);
    talk(listener, fd, data, first, &s);
    talk(listener, fd, data + first, size - first, &s);
    close(fd);
    fuzz_check(!s.length || !strncmp(ds_cstr(&s), "HTTP/1.", 7));
    ds_destroy(&s);

    for (int i = 0; n_connections(listener); i++) {
        fuzz_check(i < PASSES_MAX);
        pass(listener);
    }
    return 0;
}
