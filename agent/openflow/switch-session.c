/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session.h"

#include <limits.h>
#include <stdlib.h>

#include "openflow/flow-drift.h"
#include "openflow/flow-watch.h"
#include "openflow/switch-link.h"
#include "openflow/switch-session-private.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_session);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 10);
static struct vlog_rate_limit connected_rl = VLOG_RATE_LIMIT_INIT(20, 20);

/* Bytes that the connection is given ahead of what it has sent. */
#define FEED_BYTES (256 * 1024)

/* Messages taken in per run, and of them packets. */
#define MAX_RECV 2000
#define MAX_PUNTS 200

const char *
switch_state_to_string(enum switch_state state)
{
    switch (state) {
    case SWITCH_DISCONNECTED: return "disconnected";
    case SWITCH_READING: return "reading";
    case SWITCH_READ: return "read";
    case SWITCH_SYNCED: return "synced";
    default: OVS_NOT_REACHED();
    }
}

struct switch_session *
switch_session_create(void)
{
    struct switch_session *s = xzalloc(sizeof *s);

    s->link = switch_link_create();
    s->reread_backoff = REREAD_MIN;
    installed_flows_init(&s->installed);
    batch_init(&s->batch);
    batch_init(&s->repairs);
    bundle_queue_init(&s->queue);
    punt_meters_init(&s->meters);
    s->drift = flow_drift_create();
    return s;
}

void
switch_discard(struct switch_session *s)
{
    batch_clear(&s->batch);
    s->n_touched = 0;
    bundle_queue_clear(&s->queue);
}

void
switch_session_destroy(struct switch_session *s)
{
    if (s) {
        switch_discard(s);
        installed_flows_destroy(&s->installed);
        free(s->ports);
        flow_drift_destroy(s->drift);
        punt_meters_destroy(&s->meters);
        switch_link_destroy(s->link);
        free(s);
    }
}

static void
become_disconnected(struct switch_session *s)
{
    switch_discard(s);
    installed_flows_clear(&s->installed);
    s->state = SWITCH_DISCONNECTED;
    s->reread_at = 0;
    s->read_for_drift = false;
}

void
switch_session_set_target(struct switch_session *s, const char *target)
{
    if (switch_link_set_target(s->link, target)) {
        flow_drift_set_target(s->drift, target);
        punt_meters_clear(&s->meters);
        become_disconnected(s);
    }
}

const char *
switch_target(const struct switch_session *s)
{
    return switch_link_target(s->link);
}

ovs_be32
switch_send(struct switch_session *s, struct ofpbuf *message)
{
    ovs_be32 xid = ((const struct ofp_header *) message->data)->xid;

    switch_link_send(s->link, message);
    return xid;
}

void
switch_feed(struct switch_session *s)
{
    struct ofpbuf *message;

    while (switch_link_unsent(s->link) < FEED_BYTES
           && (message = bundle_queue_next(&s->queue)) != NULL) {
        switch_send(s, message);
    }
}

/* In the mode that is the default the flow table sees no ICMPv6 type in a
 * fragment, so a fragmented neighbour advertisement would pass for anything
 * else.  In this one a first fragment is matched by what is in it. */
static void
set_fragment_mode(struct switch_session *s)
{
    const struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NX_MATCH,
        .invalid_ttl_to_controller = -1,
    };

    switch_send(s, ofputil_encode_set_config(&config, s->version));
}

/* Answers. */

static void
bundle_answered(struct switch_session *s, const struct ofp_header *oh)
{
    if (bundle_queue_answered(&s->queue, oh->xid)) {
        s->reread_backoff = REREAD_MIN;
        flow_drift_applied(s->drift, s->queue.applied);
    }
}

static void
received_bundle_reply(struct switch_session *s, const struct ofp_header *oh)
{
    struct ofputil_bundle_ctrl_msg control;

    if (!ofputil_decode_bundle_ctrl(oh, &control)
        && control.type == OFPBCT_COMMIT_REPLY) {
        bundle_answered(s, oh);
    }
}

/* The switch refused the bundle as a whole. */
static void
bundle_refused(struct switch_session *s, enum ofperr error)
{
    s->n_failed++;
    VLOG_WARN_RL(&rl, "%s: the switch refused a bundle (%s); sending what is "
                 "in it one by one", switch_target(s),
                 ofperr_to_string(error));
    if (bundle_queue_unbundle(&s->queue)) {
        switch_feed(s);         /* Nothing else may wake us to do so. */
    } else {
        switch_schedule_reading(s);
    }
}

/* An error for a message of ours that is none of a bundle. */
static void
request_refused(struct switch_session *s, const struct ofp_header *oh,
                enum ofperr error, const struct ofpbuf *payload)
{
    char *text;

    if (oh->xid == s->watch_xids[0] || oh->xid == s->watch_xids[1]) {
        s->watched = false;
        VLOG_WARN("%s: the switch does not tell what others change (%s): it "
                  "is found only when everything is compared",
                  switch_target(s), ofperr_to_string(error));
        return;
    }
    s->n_failed++;
    text = ofp_to_string(payload->data, payload->size, NULL, NULL, 1);
    VLOG_WARN_RL(&rl, "%s: the switch refused a message (%s): %s; reading "
                 "what it has and trying again", switch_target(s),
                 ofperr_to_string(error), text);
    free(text);
    if ((s->state == SWITCH_SYNCED || s->state == SWITCH_READING)
        && !s->reread_at) {
        switch_schedule_reading(s);
    }
}

static void
received_error(struct switch_session *s, const struct ofp_header *oh)
{
    const struct ofp_header *message;
    struct ofpbuf payload;
    enum ofperr error = ofperr_decode_msg(oh, &payload);

    switch (bundle_queue_find(&s->queue, oh->xid, &message)) {
    case BUNDLE_MESSAGE:
        flow_watch_refused(message, ofperr_to_string(error), s->drift,
                           time_msec());
        break;

    case BUNDLE_END:
        bundle_refused(s, error);
        break;

    case BUNDLE_NONE:
    default:
        /* What was given up meanwhile is of no interest. */
        if (!bundle_queue_is_own_xid(oh->xid)
            && !switch_punt_refused(s, error, &payload)) {
            request_refused(s, oh, error, &payload);
        }
        break;
    }
    ofpbuf_uninit(&payload);
}

static void
received_echo_request(struct switch_session *s, const struct ofp_header *oh)
{
    switch_send(s, ofputil_encode_echo_reply(oh));
}

static void
process(struct switch_session *s, struct ofpbuf *message)
{
    const struct ofp_header *oh = message->data;
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    if (type == OFPTYPE_FLOW_STATS_REPLY) {
        if (s->state == SWITCH_READING && oh->xid == s->flows_xid) {
            switch_received_flows(s, message);
        }
    } else if (type == OFPTYPE_GROUP_DESC_STATS_REPLY) {
        if (oh->xid == s->groups_xid) {
            switch_received_groups(s, message);
        }
    } else if (type == OFPTYPE_BUNDLE_CONTROL) {
        received_bundle_reply(s, oh);
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        bundle_answered(s, oh);
    } else if (type == OFPTYPE_FLOW_MONITOR_STATS_REPLY) {
        flow_watch_told(message, s->drift, time_msec());
    } else if (type == OFPTYPE_REQUESTFORWARD) {
        switch_received_request(s, oh);
    } else if (type == OFPTYPE_PACKET_IN) {
        switch_received_packet(s, oh);
    } else if (type == OFPTYPE_METER_CONFIG_STATS_REPLY) {
        if (s->state == SWITCH_READING && oh->xid == s->meters_xid) {
            switch_received_meters(s, message);
        }
    } else if (type == OFPTYPE_METER_FEATURES_STATS_REPLY) {
        punt_meters_read_features(&s->meters, oh);
    } else if (type == OFPTYPE_ERROR) {
        received_error(s, oh);
    } else if (type == OFPTYPE_ECHO_REQUEST) {
        received_echo_request(s, oh);
    }
}

static void
connected(struct switch_session *s)
{
    s->version = switch_link_version(s->link);
    VLOG_INFO_RL(&connected_rl, "%s: connected with %s; reading flows and "
                 "groups", switch_target(s),
                 ofputil_version_to_string(s->version));
    s->n_connections++;
    set_fragment_mode(s);
    s->watch_xids[0] = switch_send(s, flow_watch_others(s->version));
    s->watch_xids[1] = switch_send(s, flow_watch_flows(s->version));
    s->watched = true;
    switch_request_punts(s);
    flow_drift_connected(s->drift);
    switch_start_reading(s);
}

static bool
is_reading_groups(const struct switch_session *s)
{
    return s->groups_xid && !s->groups_read;
}

/* Finds out whether it is time for a repair. */
static void
run_repair(struct switch_session *s)
{
    enum drift_need need = (s->state == SWITCH_SYNCED
                            ? flow_drift_need(s->drift, time_msec())
                            : DRIFT_NONE);

    s->repair_due = false;
    if (need == DRIFT_READ_ALL) {
        s->read_for_drift = true;
        switch_start_reading(s);
    } else if (need == DRIFT_REPAIR_GROUPS && !is_reading_groups(s)) {
        /* Read before groups were changed is read too early. */
        if (s->groups_read && s->group_mods_read == s->n_group_mods) {
            s->repair_due = true;
        } else {
            switch_request_groups(s);
        }
    } else if (need == DRIFT_REPAIR) {
        s->repair_due = true;
    }
}

void
switch_session_run(struct switch_session *s)
{
    bool lost;
    enum switch_link_state state = switch_link_run(s->link, &lost);

    if (lost) {
        become_disconnected(s);
    }
    if (state != SWITCH_LINK_UP) {
        return;
    }
    if (s->state == SWITCH_DISCONNECTED) {
        connected(s);
    }
    switch_feed(s);

    uint64_t enough = s->n_punts + MAX_PUNTS;
    uint64_t n_packets_sent = s->n_packets_sent;
    for (int i = 0; i < MAX_RECV && s->n_punts < enough; i++) {
        struct ofpbuf *message = switch_link_recv(s->link);

        if (!message) {
            break;
        }
        process(s, message);
        ofpbuf_delete(message);
    }
    if (s->n_packets_sent != n_packets_sent) {
        /* Whoever is answered does not wait for what this pass does besides. */
        switch_link_push(s->link);
    }
    if (s->reread_at && time_msec() >= s->reread_at) {
        switch_start_reading(s);
    }
    switch_continue_reading(s);
    if (s->state == SWITCH_READING && s->flows_read) {
        s->state = SWITCH_READ;
    }
    switch_delete_meters(s);
    run_repair(s);
}

static bool
is_answer_due(const struct switch_session *s)
{
    return s->state == SWITCH_READING || is_reading_groups(s)
           || !ovs_list_is_empty(&s->queue.bundles);
}

void
switch_session_wait(struct switch_session *s)
{
    switch_link_wait(s->link, is_answer_due(s));
    if (s->reread_at) {
        poll_timer_wait_until(s->reread_at);
    }
    if (s->state == SWITCH_SYNCED && !is_reading_groups(s)
        && !s->repair_due) {
        long long int next = flow_drift_next(s->drift);

        if (next != LLONG_MAX) {
            poll_timer_wait_until(next);
        }
    }
}

enum switch_state
switch_session_get_state(const struct switch_session *s)
{
    return s->state;
}

void
switch_session_get_status(const struct switch_session *s,
                          struct switch_session_status *status)
{
    *status = (struct switch_session_status) {
        .state = s->state,
        .target = switch_target(s),
        .version = s->state != SWITCH_DISCONNECTED
                   ? ofputil_version_to_string(s->version)
                   : NULL,
        .n_bundles = s->n_bundles,
        .n_flow_mods = s->n_flow_mods,
        .n_group_mods = s->n_group_mods,
        .n_failed = s->n_failed,
        .n_connections = s->n_connections,
        .n_meter_mods = s->n_meter_mods,
        .n_punts = s->n_punts,
        .n_bad_punts = s->n_bad_punts,
        .n_packets_sent = s->n_packets_sent,
        .n_packets_dropped = s->n_packets_dropped,
        .watched = s->watched && s->state != SWITCH_DISCONNECTED,
    };
    flow_drift_get_status(s->drift, time_msec(), &status->drift);
    punt_meters_get_status(&s->meters, &status->meters);
}
