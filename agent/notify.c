/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/notify.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(notify);

/* In ms: between two texts, and after what could not be sent. */
#define STATUS_INTERVAL 1000
#define RETRY_INTERVAL 1000

struct notify {
    int fd;
    struct sockaddr_un address;
    socklen_t address_len;

    bool told_ready;
    long long int retry_at;     /* Of READY=1; LLONG_MAX: it has not failed. */

    long long int watchdog;     /* Between two WATCHDOG=1; 0: none wanted. */
    long long int watchdog_at;

    char *status;               /* What is shown, or NULL. */
    long long int status_at;    /* When the next may be shown. */
    bool status_asked;          /* It was too early for one. */
};

/* The environment. */

/* A name that begins with '@' is in the abstract namespace (unix(7)). */
static bool
parse_socket(struct notify *n, const char *name)
{
    size_t len = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || len < 2
        || len >= sizeof n->address.sun_path) {
        VLOG_WARN("NOTIFY_SOCKET is not a Unix domain socket that can be "
                  "used; the service manager is told nothing");
        return false;
    }
    n->address.sun_family = AF_UNIX;
    memcpy(n->address.sun_path, name, len);
    if (name[0] == '@') {
        n->address.sun_path[0] = '\0';
    }
    n->address_len = offsetof(struct sockaddr_un, sun_path) + len
                     + (name[0] != '@');
    return true;
}

/* Half the time within which the service manager expects a sign of life from
 * this process, 0 if it does not. */
static long long int
watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    long long int us, wanted;

    if (!usec || !str_to_llong(usec, 10, &us) || us <= 0
        || (pid && (!str_to_llong(pid, 10, &wanted) || wanted != getpid()))) {
        return 0;
    }
    return MAX(us / 2000, 1);
}

struct notify *
notify_create(long long int now)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct notify *n = NULL;

    if (name && name[0]) {
        n = xzalloc(sizeof *n);
        n->fd = -1;
        if (parse_socket(n, name)) {
            n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                           0);
        }
        if (n->fd < 0) {
            free(n);
            n = NULL;
        } else {
            n->watchdog = watchdog_interval();
            n->watchdog_at = n->status_at = now;
            n->retry_at = LLONG_MAX;
        }
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return n;
}

void
notify_destroy(struct notify *n)
{
    if (n) {
        close(n->fd);
        free(n->status);
        free(n);
    }
}

/* Messages. */

static bool
send_message(struct notify *n, const char *message)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (sendto(n->fd, message, strlen(message), MSG_NOSIGNAL,
               (struct sockaddr *) &n->address, n->address_len) >= 0) {
        return true;
    }
    if (errno != EAGAIN) {
        VLOG_WARN_RL(&rl, "the service manager cannot be told \"%s\": %s",
                     message, ovs_strerror(errno));
    }
    return false;
}

void
notify_run(struct notify *n, bool ready, long long int now)
{
    if (!n) {
        return;
    }
    if (ready && !n->told_ready
        && (n->retry_at == LLONG_MAX || now >= n->retry_at)) {
        n->told_ready = send_message(n, "READY=1");
        n->retry_at = n->told_ready ? LLONG_MAX : now + RETRY_INTERVAL;
    }
    if (n->watchdog && now >= n->watchdog_at) {
        n->watchdog_at = now + (send_message(n, "WATCHDOG=1") ? n->watchdog
                                : MIN(n->watchdog, RETRY_INTERVAL));
    }
}

void
notify_wait(const struct notify *n)
{
    if (!n) {
        return;
    }
    if (n->retry_at != LLONG_MAX) {
        poll_timer_wait_until(n->retry_at);
    }
    if (n->watchdog) {
        poll_timer_wait_until(n->watchdog_at);
    }
    if (n->status_asked) {
        poll_timer_wait_until(n->status_at);
    }
}

bool
notify_wants_status(struct notify *n, long long int now)
{
    if (!n) {
        return false;
    }
    n->status_asked = now < n->status_at;
    return !n->status_asked;
}

void
notify_status(struct notify *n, const char *text, long long int now)
{
    if (!n) {
        return;
    }
    n->status_at = now + STATUS_INTERVAL;
    if (nullable_string_is_equal(text, n->status)) {
        return;
    }

    char *message = xasprintf("STATUS=%s", text);
    if (send_message(n, message)) {
        free(n->status);
        n->status = xstrdup(text);
    } else {
        n->status_asked = true;
    }
    free(message);
}

void
notify_stopping(struct notify *n)
{
    if (n) {
        send_message(n, "STOPPING=1\nSTATUS=stopping; the switch stays as it "
                     "is");
    }
}
