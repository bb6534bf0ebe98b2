/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-link.h"

#include <stdlib.h>

#include "openflow/bulk-vconn.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_link);

/* A switch that takes a connection and closes it again and again. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(20, 20);

/* Bundles are in OpenFlow 1.4 and later. */
#define VERSIONS ((1u << OFP14_VERSION) | (1u << OFP15_VERSION))

#define PROBE_INTERVAL 5        /* Seconds without a sign of life... */
#define PROBE_AT_REST 60        /* ...while no answer is due. */

#define RETRY_MIN 20            /* Back-off of connecting, in ms. */
#define RETRY_MAX 500

struct switch_link {
    char *target;
    struct rconn *rconn;
    struct rconn_packet_counter *unsent;
    bool up;                    /* At the last run. */
    long long int retry_at;     /* When to connect again, in ms. */
    int retry_backoff;
    bool error_logged;
};

struct switch_link *
switch_link_create(void)
{
    struct switch_link *l = xzalloc(sizeof *l);

    l->rconn = rconn_create(PROBE_INTERVAL, 1, DSCP_DEFAULT, VERSIONS);
    l->unsent = rconn_packet_counter_create();
    l->retry_backoff = RETRY_MIN;
    return l;
}

void
switch_link_destroy(struct switch_link *l)
{
    if (l) {
        rconn_destroy(l->rconn);
        rconn_packet_counter_destroy(l->unsent);
        free(l->target);
        free(l);
    }
}

bool
switch_link_set_target(struct switch_link *l, const char *target)
{
    if (nullable_string_is_equal(l->target, target)) {
        return false;
    }
    rconn_disconnect(l->rconn);
    free(l->target);
    l->target = nullable_xstrdup(target);
    l->up = false;
    l->retry_at = 0;
    l->retry_backoff = RETRY_MIN;
    l->error_logged = false;
    return true;
}

const char *
switch_link_target(const struct switch_link *l)
{
    return l->target;
}

/* rconn's own back-off counts in seconds, so it is used without one: each try
 * is a connection of its own. */
static void
try_connect(struct switch_link *l)
{
    struct vconn *vconn;
    int error;

    if (!l->target || time_msec() < l->retry_at) {
        return;
    }
    l->retry_at = time_msec() + l->retry_backoff;
    l->retry_backoff = MIN(l->retry_backoff * 2, RETRY_MAX);

    error = bulk_vconn_open(l->target, VERSIONS, DSCP_DEFAULT, &vconn);
    if (!error) {
        rconn_connect_unreliably(l->rconn, vconn, l->target);
    } else if (!l->error_logged) {
        VLOG_INFO("%s: cannot connect (%s); trying again until it is there",
                  l->target, ovs_strerror(error));
        l->error_logged = true;
    }
}

static void
note_loss(struct switch_link *l, bool *lost)
{
    if (l->up) {
        VLOG_WARN_RL(&rl, "%s: connection lost (%s)", l->target,
                     ovs_retval_to_string(rconn_get_last_error(l->rconn)));
        l->up = false;
        l->retry_at = 0;
        *lost = true;
    }
}

enum switch_link_state
switch_link_run(struct switch_link *l, bool *lost)
{
    *lost = false;
    rconn_run(l->rconn);
    if (!rconn_is_alive(l->rconn)) {
        note_loss(l, lost);
        try_connect(l);
        return SWITCH_LINK_DOWN;
    }
    if (!rconn_is_connected(l->rconn)) {
        return SWITCH_LINK_BUSY;
    }
    l->up = true;
    l->retry_backoff = RETRY_MIN;
    l->error_logged = false;
    return SWITCH_LINK_UP;
}

void
switch_link_wait(struct switch_link *l, bool answer_due)
{
    rconn_set_probe_interval(l->rconn, (answer_due ? PROBE_INTERVAL
                                        : PROBE_AT_REST));
    rconn_run_wait(l->rconn);
    if (rconn_is_alive(l->rconn)) {
        rconn_recv_wait(l->rconn);
    } else if (l->target) {
        poll_timer_wait_until(l->retry_at);
    }
}

int
switch_link_version(const struct switch_link *l)
{
    return rconn_get_version(l->rconn);
}

void
switch_link_send(struct switch_link *l, struct ofpbuf *message)
{
    rconn_send(l->rconn, message, l->unsent);
}

void
switch_link_push(struct switch_link *l)
{
    rconn_run(l->rconn);
}

struct ofpbuf *
switch_link_recv(struct switch_link *l)
{
    return rconn_recv(l->rconn);
}

size_t
switch_link_unsent(const struct switch_link *l)
{
    return rconn_packet_counter_n_bytes(l->unsent);
}
