/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/raw-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "util.h"

struct raw_connection {
    struct ovs_list node;       /* In 'connections'. */
    int fd;
    struct ds request;
    bool returned;              /* By raw_server_next(). */
    bool closed;                /* By the client. */
};

static struct ovs_list connections = OVS_LIST_INITIALIZER(&connections);
static int server_fd = -1;
static char server_url[64];

const char *
raw_server_start(void)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof sin;

    server_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (server_fd < 0
        || bind(server_fd, (struct sockaddr *) &sin, len)
        || listen(server_fd, 10)
        || getsockname(server_fd, (struct sockaddr *) &sin, &len)) {
        ovs_fatal(errno, "the test's server cannot listen");
    }
    snprintf(server_url, sizeof server_url, "http://127.0.0.1:%d",
             ntohs(sin.sin_port));
    return server_url;
}

void
raw_server_stop(void)
{
    struct raw_connection *c;

    LIST_FOR_EACH_SAFE (c, node, &connections) {
        raw_close(c);
    }
    close(server_fd);
}

static bool
has_request(const struct raw_connection *c)
{
    return strstr(ds_cstr_ro(&c->request), "\r\n\r\n");
}

static void
receive(struct raw_connection *c)
{
    char buffer[4096];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0) {
        ds_put_buffer(&c->request, buffer, n);
    } else if (!n || errno != EAGAIN) {
        c->closed = true;
    }
}

void
raw_server_run(void)
{
    int fd;
    while ((fd = accept4(server_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct raw_connection *c = xzalloc(sizeof *c);
        int yes = 1;

        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        ds_init(&c->request);
        ds_put_cstr(&c->request, "");
        ovs_list_push_back(&connections, &c->node);
    }

    struct raw_connection *c;
    LIST_FOR_EACH (c, node, &connections) {
        if (!c->closed) {
            receive(c);
        }
    }
}

void
raw_server_wait(void)
{
    struct raw_connection *c;

    poll_fd_wait(server_fd, POLLIN);
    LIST_FOR_EACH (c, node, &connections) {
        if (!c->closed) {
            poll_fd_wait(c->fd, POLLIN);
        }
    }
}

struct raw_connection *
raw_server_next(const char *text)
{
    struct raw_connection *c;

    LIST_FOR_EACH (c, node, &connections) {
        if (!c->returned && has_request(c) && strstr(raw_request(c), text)) {
            c->returned = true;
            return c;
        }
    }
    return NULL;
}

const char *
raw_request(const struct raw_connection *c)
{
    return ds_cstr_ro(&c->request);
}

void
raw_send_buffer(struct raw_connection *c, const char *data, size_t len)
{
    /* That the client has closed it is no failure of the test's. */
    while (len) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            return;
        }
        data += n;
        len -= n;
    }
}

void
raw_send(struct raw_connection *c, const char *data)
{
    raw_send_buffer(c, data, strlen(data));
}

size_t
raw_send_some(struct raw_connection *c, const char *data, size_t len)
{
    ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    return MAX(n, 0);
}

size_t
raw_in_sockets(const struct raw_connection *c)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int n = 0;

    ioctl(c->fd, SIOCOUTQ, &n);
    getpeername(c->fd, (struct sockaddr *) &peer, &len);
    for (int fd = 0; fd < 1000; fd++) {
        struct sockaddr_in own = { .sin_port = 0 };

        len = sizeof own;
        if (!getsockname(fd, (struct sockaddr *) &own, &len)
            && own.sin_family == AF_INET && own.sin_port == peer.sin_port) {
            int n_waiting = 0;

            ioctl(fd, FIONREAD, &n_waiting);
            n += n_waiting;
        }
    }
    return n;
}

bool
raw_is_closed(const struct raw_connection *c)
{
    return c->closed;
}

void
raw_close(struct raw_connection *c)
{
    ovs_list_remove(&c->node);
    close(c->fd);
    ds_destroy(&c->request);
    free(c);
}
