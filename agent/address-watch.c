/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/address-watch.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>

#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(address_watch);

/* All in ms. */
enum {
    /* The kernel tells of an address before it can be used. */
    SETTLE = 100,

    /* What the kernel does not tell, such as a route that makes addresses
     * local. */
    SLOW_CHECK = 60 * 1000,

    FAST_CHECK = 2000,          /* When it tells nothing. */
};

void
address_watch_init(struct address_watch *watch)
{
    int error = nl_sock_create(NETLINK_ROUTE, &watch->sock);

    if (!error) {
        error = nl_sock_join_mcgroup(watch->sock, RTNLGRP_IPV4_IFADDR);
    }
    if (!error) {
        error = nl_sock_join_mcgroup(watch->sock, RTNLGRP_IPV6_IFADDR);
    }
    if (error) {
        VLOG_INFO("the kernel does not tell when an address comes or goes "
                  "(%s); looking every %d s", ovs_strerror(error),
                  FAST_CHECK / 1000);
        address_watch_uninit(watch);
    }
    watch->next = 0;
}

void
address_watch_uninit(struct address_watch *watch)
{
    nl_sock_destroy(watch->sock);
    watch->sock = NULL;
}

void
address_watch_hurry(struct address_watch *watch)
{
    watch->next = 0;
}

/* Throws away what the kernel has told.  Was there anything? */
static bool
was_told(struct address_watch *watch)
{
    uint64_t stub[4096 / 8];
    bool told = false;
    int error = 0;

    /* ENOBUFS: it has told more than we could keep, and tells on. */
    while (watch->sock && (!error || error == ENOBUFS)) {
        struct ofpbuf message;

        ofpbuf_use_stub(&message, stub, sizeof stub);
        error = nl_sock_recv(watch->sock, &message, NULL, false);
        ofpbuf_uninit(&message);
        told |= error != EAGAIN;
    }
    return told;
}

bool
address_watch_run(struct address_watch *watch, long long int now)
{
    if (was_told(watch)) {
        watch->next = MIN(watch->next, now + SETTLE);
    }
    if (now < watch->next) {
        return false;
    }
    watch->next = now + (watch->sock ? SLOW_CHECK : FAST_CHECK);
    return true;
}

void
address_watch_wait(const struct address_watch *watch)
{
    if (watch->sock) {
        nl_sock_wait(watch->sock, POLLIN);
    }
    poll_timer_wait_until(watch->next);
}
