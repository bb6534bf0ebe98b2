/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/openflow-relay.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "util.h"

enum { CLIENT, SWITCH, N_ENDS };

/* What one end said and the other has not taken yet. */
struct pipe {
    char data[64 * 1024];
    size_t start, end;
};

struct openflow_relay {
    char *target;
    int listener;
    int fds[N_ENDS];            /* -1: no connection. */
    struct pipe from[N_ENDS];
    size_t left;                /* Bytes to the switch until it is cut. */
    bool lose;
};

static int
checked_socket(bool listen_on, const char *path)
{
    return make_unix_socket(SOCK_STREAM, true, listen_on ? path : NULL,
                            listen_on ? NULL : path);
}

struct openflow_relay *
openflow_relay_create(const char *path, const char *target)
{
    struct openflow_relay *r = xzalloc(sizeof *r);

    r->target = xstrdup(target);
    r->listener = checked_socket(true, path);
    assert_true(r->listener >= 0);
    assert_int_equal(listen(r->listener, 5), 0);
    r->fds[CLIENT] = r->fds[SWITCH] = -1;
    return r;
}

static void
cut(struct openflow_relay *r)
{
    for (int i = 0; i < N_ENDS; i++) {
        if (r->fds[i] >= 0) {
            close(r->fds[i]);
            r->fds[i] = -1;
        }
        r->from[i].start = r->from[i].end = 0;
    }
    r->left = SIZE_MAX;
    r->lose = false;
}

void
openflow_relay_destroy(struct openflow_relay *r)
{
    cut(r);
    close(r->listener);
    free(r->target);
    free(r);
}

void
openflow_relay_cut_after(struct openflow_relay *r, size_t n)
{
    r->left = n;
    if (!n) {
        cut(r);
    }
}

void
openflow_relay_lose_answers(struct openflow_relay *r)
{
    r->lose = true;
}

static void
accept_client(struct openflow_relay *r)
{
    int fd = r->fds[CLIENT] < 0 ? accept(r->listener, NULL, NULL) : -1;

    if (fd < 0) {
        return;
    }
    cut(r);
    r->fds[CLIENT] = fd;
    assert_int_equal(set_nonblocking(fd), 0);
    r->fds[SWITCH] = checked_socket(false, r->target);
    if (r->fds[SWITCH] < 0) {
        cut(r);
    }
}

/* Returns false if the connection has ended. */
static bool
fill(struct pipe *pipe, int fd)
{
    ssize_t n;

    if (pipe->start < pipe->end) {
        return true;
    }
    n = read(fd, pipe->data, sizeof pipe->data);
    pipe->start = 0;
    pipe->end = MAX(n, 0);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Returns how much it has passed on, or -1. */
static ssize_t
drain(struct pipe *pipe, int fd, size_t max)
{
    size_t length = MIN(pipe->end - pipe->start, max);
    ssize_t n = length ? send(fd, pipe->data + pipe->start, length,
                              MSG_NOSIGNAL) : 0;

    if (n < 0) {
        return errno == EAGAIN ? 0 : -1;
    }
    pipe->start += n;
    return n;
}

static bool
pass_on(struct openflow_relay *r)
{
    ssize_t n;

    if (!fill(&r->from[CLIENT], r->fds[CLIENT])
        || !fill(&r->from[SWITCH], r->fds[SWITCH])) {
        return false;
    }
    n = drain(&r->from[CLIENT], r->fds[SWITCH], r->left);
    if (n < 0) {
        return false;
    }
    r->left -= r->left == SIZE_MAX ? 0 : n;
    if (r->lose) {
        r->from[SWITCH].end = r->from[SWITCH].start;
    }
    return drain(&r->from[SWITCH], r->fds[CLIENT], SIZE_MAX) >= 0 && r->left;
}

void
openflow_relay_run(struct openflow_relay *r)
{
    accept_client(r);
    if (r->fds[CLIENT] >= 0 && !pass_on(r)) {
        cut(r);
    }
}

void
openflow_relay_wait(struct openflow_relay *r)
{
    if (r->fds[CLIENT] < 0) {
        poll_fd_wait(r->listener, POLLIN);
        return;
    }
    for (int i = 0; i < N_ENDS; i++) {
        bool full = r->from[i].start < r->from[i].end;

        poll_fd_wait(r->fds[full ? N_ENDS - 1 - i : i],
                     full ? POLLOUT : POLLIN);
    }
}
