/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/listen-probe.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "util.h"

/* All in ms. */
enum {
    FAST_INTERVAL = 50,         /* Between tries, for... */
    FAST_PERIOD = 60000,        /* ...this long after the connection broke. */
    SLOW_INTERVAL = 1000,       /* Between tries, after that. */
    CONNECT_TIME = 1000,        /* For the IDL, once somebody listens. */

    REMOTE_INTERVAL = 200,      /* Before the first try of a remote server,
                                 * and twice as long before each other... */
    REMOTE_TRIES = 3,           /* ...of so many; then it is the IDL's. */
};

struct listen_probe {
    char *path;                 /* NULL: not a socket on this host. */
    int n_tries;                /* Of a remote server, since 'lost'. */
    long long int lost;         /* Connection lost when, LLONG_MAX: it is not,
                                 * in ms. */
    long long int next;         /* Next try, ms. */
};

struct listen_probe *
listen_probe_create(const char *remote)
{
    if (strchr(remote, ',')) {
        return NULL;
    }

    struct listen_probe *probe = xzalloc(sizeof *probe);
    probe->path = !strncmp(remote, "unix:", 5) ? xstrdup(remote + 5) : NULL;
    probe->lost = LLONG_MAX;
    probe->next = LLONG_MAX;
    return probe;
}

void
listen_probe_destroy(struct listen_probe *probe)
{
    if (probe) {
        free(probe->path);
        free(probe);
    }
}

static bool
somebody_listens(const char *path)
{
    int fd = make_unix_socket(SOCK_STREAM, true, NULL, path);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    return fd == -EPROTO;       /* Its backlog is full: it is there. */
}

bool
listen_probe_run(struct listen_probe *probe, bool connected,
                 long long int now)
{
    if (!probe) {
        return false;
    } else if (connected) {
        probe->lost = probe->next = LLONG_MAX;
        return false;
    } else if (probe->lost == LLONG_MAX) {
        /* The IDL's own first attempt has a moment to succeed. */
        probe->lost = now;
        probe->n_tries = 0;
        probe->next = now + (probe->path ? FAST_INTERVAL : REMOTE_INTERVAL);
        return false;
    } else if (now < probe->next) {
        return false;
    } else if (!probe->path) {
        probe->n_tries++;
        probe->next = (probe->n_tries < REMOTE_TRIES
                       ? now + (REMOTE_INTERVAL << probe->n_tries)
                       : LLONG_MAX);
        return true;
    }

    bool found = somebody_listens(probe->path);
    probe->next = now + (found ? CONNECT_TIME
                         : now - probe->lost < FAST_PERIOD ? FAST_INTERVAL
                         : SLOW_INTERVAL);
    return found;
}

void
listen_probe_wait(const struct listen_probe *probe)
{
    if (probe && probe->next != LLONG_MAX) {
        poll_timer_wait_until(probe->next);
    }
}
