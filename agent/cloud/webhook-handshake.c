/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-handshake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "openvswitch/poll-loop.h"
#include "timeval.h"

enum {
    RUN_US = 3000,              /* In a run none begins after so long. */
    PAUSE = 3,                  /* Times as long as they took, until the
                                 * next. */
};

void
webhook_handshakes_begin(struct webhook_handshakes *all)
{
    all->first = 0;
    all->held = false;
}

void
webhook_handshakes_end(struct webhook_handshakes *all)
{
    if (all->first) {
        long long int now = time_usec();

        all->next = now + PAUSE * (now - all->first);
    }
}

void
webhook_handshakes_wait(const struct webhook_handshakes *all)
{
    if (all->held) {
        poll_timer_wait_until(all->next / 1000 + 1);
    }
}

static bool
may_go_on(struct webhook_handshakes *all)
{
    long long int now = time_usec();

    if (all->first ? now >= all->first + RUN_US : now < all->next) {
        all->held = true;
        return false;
    }
    if (!all->first) {
        all->first = now;
    }
    return true;
}

static ssize_t
pull(gnutls_transport_ptr_t hs_, void *data, size_t len)
{
    struct webhook_handshake *hs = hs_;

    if (!hs->paid && !may_go_on(hs->all)) {
        errno = EAGAIN;
        return -1;
    }
    return recv(hs->fd, data, len, 0);
}

static int
pull_timeout(gnutls_transport_ptr_t hs_, unsigned int ms)
{
    struct webhook_handshake *hs = hs_;

    return gnutls_system_recv_timeout(
        (gnutls_transport_ptr_t) (intptr_t) hs->fd, ms);
}

void
webhook_handshake_init(struct webhook_handshake *hs,
                       struct webhook_handshakes *all,
                       gnutls_session_t session, int fd)
{
    gnutls_transport_ptr_t in, out;

    *hs = (struct webhook_handshake) { .all = all, .fd = fd };
    gnutls_transport_get_ptr2(session, &in, &out);
    gnutls_transport_set_ptr2(session, hs, out);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
}
