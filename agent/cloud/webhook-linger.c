/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-linger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "util.h"

enum {
    LINGER_MS = 2000,

    /* Bytes thrown away in a run, of each socket. */
    DISCARD_MAX = 256 * 1024,
};

void
webhook_linger_init(struct webhook_linger *linger)
{
    linger->n = 0;
}

void
webhook_linger_destroy(struct webhook_linger *linger)
{
    while (linger->n) {
        close(linger->sockets[--linger->n].fd);
    }
}

static void
remove_at(struct webhook_linger *linger, size_t i)
{
    close(linger->sockets[i].fd);
    linger->n--;
    memmove(&linger->sockets[i], &linger->sockets[i + 1],
            (linger->n - i) * sizeof linger->sockets[0]);
}

void
webhook_linger_add(struct webhook_linger *linger, int fd, long long int now)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0) {
        return;
    }
    shutdown(copy, SHUT_WR);
    if (linger->n >= WEBHOOK_LINGER_MAX) {
        remove_at(linger, 0);
    }
    linger->sockets[linger->n].fd = copy;
    linger->sockets[linger->n++].until = now + LINGER_MS;
}

/* Throws away what has come.  Returns false if nothing more will. */
static bool
discard(int fd)
{
    /* For TCP: takes the bytes out without copying them. */
    ssize_t n = recv(fd, NULL, DISCARD_MAX, MSG_TRUNC | MSG_DONTWAIT);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void
webhook_linger_run(struct webhook_linger *linger, long long int now)
{
    for (size_t i = 0; i < linger->n; ) {
        if (now >= linger->sockets[i].until
            || !discard(linger->sockets[i].fd)) {
            remove_at(linger, i);
        } else {
            i++;
        }
    }
}

void
webhook_linger_wait(const struct webhook_linger *linger)
{
    for (size_t i = 0; i < linger->n; i++) {
        poll_fd_wait(linger->sockets[i].fd, POLLIN);
    }
    if (linger->n) {
        poll_timer_wait_until(linger->sockets[0].until);
    }
}
