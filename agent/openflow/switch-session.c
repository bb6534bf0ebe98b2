/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/batch.h"
#include "openflow/bundle-queue.h"
#include "openflow/flow-drift.h"
#include "openflow/flow-watch.h"
#include "openflow/installed-flows.h"
#include "openflow/switch-link.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_session);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 10);

#define REREAD_MIN 100          /* Back-off after a failure, in ms. */
#define REREAD_MAX 10000

/* Unsent bytes beyond which no more changes are asked for. */
#define BUSY_BYTES (2 * 1024 * 1024)

/* Bytes that the connection is given ahead of what it has sent. */
#define FEED_BYTES (256 * 1024)

/* Messages taken in per run. */
#define MAX_RECV 2000

struct switch_session {
    enum switch_state state;
    struct switch_link *link;
    int version;                /* Of OpenFlow, negotiated. */

    /* READING; groups also for a repair. */
    struct installed_flows installed;
    bool flows_read, groups_read;
    ovs_be32 flows_xid, groups_xid;     /* 0: not asked for. */
    long long int reread_at;    /* 0: not waiting to read again. */
    int reread_backoff;
    bool read_late;             /* Groups, while changes were not told. */
    bool read_for_drift;        /* Because somebody changed too much. */

    /* READ and SYNCED. */
    struct batch batch;
    size_t n_touched;           /* Flows in it that are only touched. */
    struct sync_result sync;
    struct bundle_queue queue;
    ovs_be32 discard_xid;       /* Of the last bundle that was cut. */

    /* What others change. */
    struct flow_drift *drift;
    ovs_be32 watch_xids[2];     /* Of the requests to be told of it. */
    bool watched;
    struct batch repairs;
    uint64_t group_mods_read;   /* 'n_group_mods' when groups were read. */

    uint64_t n_bundles, n_flow_mods, n_group_mods, n_failed, n_connections;
};

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
    s->drift = flow_drift_create();
    return s;
}

/* What is not sent yet is given up too: whoever reads the switch again finds
 * that it is missing. */
static void
discard_changes(struct switch_session *s)
{
    batch_clear(&s->batch);
    s->n_touched = 0;
    bundle_queue_clear(&s->queue);
}

void
switch_session_destroy(struct switch_session *s)
{
    if (s) {
        discard_changes(s);
        installed_flows_destroy(&s->installed);
        flow_drift_destroy(s->drift);
        switch_link_destroy(s->link);
        free(s);
    }
}

static void
become_disconnected(struct switch_session *s)
{
    discard_changes(s);
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
        become_disconnected(s);
    }
}

static const char *
target(const struct switch_session *s)
{
    return switch_link_target(s->link);
}

/* Returns the message's xid. */
static ovs_be32
send_message(struct switch_session *s, struct ofpbuf *message)
{
    ovs_be32 xid = ((const struct ofp_header *) message->data)->xid;

    switch_link_send(s->link, message);
    return xid;
}

/* Gives the connection as much of what waits as it should have. */
static void
feed(struct switch_session *s)
{
    struct ofpbuf *message;

    while (switch_link_unsent(s->link) < FEED_BYTES
           && (message = bundle_queue_next(&s->queue)) != NULL) {
        send_message(s, message);
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

    send_message(s, ofputil_encode_set_config(&config, s->version));
}

/* Tells the switch that the rest of a bundle will not come: else it complains
 * once it has waited for that long enough. */
static void
discard_cut_bundle(struct switch_session *s)
{
    struct ofputil_bundle_ctrl_msg control = {
        .bundle_id = bundle_queue_cut(&s->queue),
        .type = OFPBCT_DISCARD_REQUEST,
        .flags = BATCH_BUNDLE_FLAGS,
    };

    if (control.bundle_id) {
        s->discard_xid = send_message(
            s, ofputil_encode_bundle_ctrl_request(s->version, &control));
    }
}

/* READING. */

static void
request_groups(struct switch_session *s)
{
    installed_flows_clear(&s->installed);
    s->groups_read = false;
    s->groups_xid = send_message(
        s, ofputil_encode_group_desc_request(s->version, OFPG_ALL));
    s->group_mods_read = s->n_group_mods;
}

/* Groups first; flows once all that the switch told before has come, and it is
 * not about to tell more: what is read after that is what counts. */
static void
start_reading(struct switch_session *s)
{
    discard_cut_bundle(s);
    discard_changes(s);
    s->state = SWITCH_READING;
    s->flows_read = false;
    s->flows_xid = 0;
    s->reread_at = 0;
    request_groups(s);
}

static void
continue_reading(struct switch_session *s)
{
    struct ofputil_flow_stats_request request = {
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    if (s->state == SWITCH_READING && s->groups_read && !s->flows_xid
        && !flow_drift_is_paused(s->drift)) {
        if (s->read_late) {
            s->read_late = false;
            request_groups(s);
            return;
        }
        match_init_catchall(&request.match);
        s->flows_xid = send_message(s, ofputil_encode_flow_stats_request(
            &request, ofputil_protocol_from_ofp_version(s->version)));
    }
}

static void
stop_reading(struct switch_session *s)
{
    installed_flows_clear(&s->installed);
    s->flows_read = s->groups_read = false;
    s->flows_xid = s->groups_xid = 0;
}

/* Reads again after a back-off: something did not go as it should. */
static void
schedule_reading(struct switch_session *s)
{
    discard_cut_bundle(s);
    discard_changes(s);
    stop_reading(s);
    s->state = SWITCH_READING;
    s->reread_at = time_msec() + s->reread_backoff;
    s->reread_backoff = MIN(s->reread_backoff * 2, REREAD_MAX);
}

void
switch_session_resync(struct switch_session *s)
{
    if (s->state == SWITCH_SYNCED) {
        start_reading(s);
    }
}

static void
received_flows(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (!installed_flows_read_flows(&s->installed, message)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the flows that the switch "
                     "reports; reading them again", target(s));
        schedule_reading(s);
        return;
    }
    s->flows_read = !more;
}

static void
received_groups(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (s->state == SWITCH_READING && hmap_is_empty(&s->installed.groups)) {
        flow_drift_read_all(s->drift);
    }
    if (!installed_flows_read_groups(&s->installed, message, s->version)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the groups that the switch "
                     "reports; reading them again", target(s));
        schedule_reading(s);
        return;
    }
    s->groups_read = !more;
    s->read_late = s->groups_read && flow_drift_is_paused(s->drift);
}

/* READ. */

bool
switch_session_is_empty(const struct switch_session *s)
{
    return hmap_is_empty(&s->installed.flows)
           && hmap_is_empty(&s->installed.groups);
}

void
switch_session_sync_begin(struct switch_session *s)
{
    ovs_assert(s->state == SWITCH_READ);
    memset(&s->sync, 0, sizeof s->sync);
}

void
switch_session_sync_flow(struct switch_session *s, const struct flow_entry *e)
{
    s->sync.n_flows_wanted++;
    if (!installed_flows_take_flow(&s->installed, e)) {
        s->sync.n_flows_added++;
        batch_flow(&s->batch, e, true, s->version);
    }
}

void
switch_session_sync_group(struct switch_session *s, uint32_t group,
                          uint32_t ofport)
{
    s->sync.n_groups_wanted++;
    if (!installed_flows_take_group(&s->installed, group, ofport)) {
        s->sync.n_groups_changed++;
        batch_group(&s->batch, group, ofport, s->version);
    }
}

/* The switch answers in order, so what was read has all that was sent before,
 * whether or not its bundle was answered to us. */
static void
become_synced(struct switch_session *s)
{
    stop_reading(s);
    s->queue.applied = s->queue.last;
    s->state = SWITCH_SYNCED;
}

void
switch_session_sync_end(struct switch_session *s, struct sync_result *result)
{
    const struct installed_flow *f;
    const struct installed_group *g;

    HMAP_FOR_EACH (f, node, &s->installed.flows) {
        struct flow_entry e;

        installed_flow_get(f, &e);
        batch_flow(&s->batch, &e, false, s->version);
        s->sync.n_flows_deleted++;
    }
    HMAP_FOR_EACH (g, node, &s->installed.groups) {
        batch_group_deleted(&s->batch, g->group, s->version);
        s->sync.n_groups_deleted++;
    }
    become_synced(s);
    *result = s->sync;
    if (s->read_for_drift) {
        s->read_for_drift = false;
        flow_drift_repaired_all(s->drift, (result->n_flows_added
                                           + result->n_flows_deleted),
                                (result->n_groups_changed
                                 + result->n_groups_deleted), time_msec());
    }
}

void
switch_session_withdraw(struct switch_session *s)
{
    const struct installed_flow *f;
    const struct installed_group *g;

    ovs_assert(s->state == SWITCH_READ);
    HMAP_FOR_EACH (f, node, &s->installed.flows) {
        if ((f->cookie & FLOW_COOKIE_MASK) == FLOW_COOKIE_BASE) {
            struct flow_entry e;

            installed_flow_get(f, &e);
            batch_flow(&s->batch, &e, false, s->version);
        }
    }
    HMAP_FOR_EACH (g, node, &s->installed.groups) {
        if (g->ours) {
            batch_group_deleted(&s->batch, g->group, s->version);
        }
    }
    become_synced(s);
}

/* SYNCED. */

void
switch_session_flow(struct switch_session *s, const struct flow_entry *e,
                    bool add)
{
    if (s->state == SWITCH_SYNCED) {
        batch_flow(&s->batch, e, add, s->version);
    }
}

void
switch_session_group(struct switch_session *s, uint32_t group, uint32_t ofport)
{
    if (s->state == SWITCH_SYNCED) {
        batch_group(&s->batch, group, ofport, s->version);
    }
}

void
switch_session_group_deleted(struct switch_session *s, uint32_t group)
{
    if (s->state == SWITCH_SYNCED) {
        batch_group_deleted(&s->batch, group, s->version);
    }
}

void
switch_session_touch(struct switch_session *s, const struct flow_entry *e)
{
    if (s->state == SWITCH_SYNCED) {
        batch_flow_touched(&s->batch, e, s->version);
        s->n_touched++;
    }
}

static void
put_bundle(struct switch_session *s, struct ovs_list *chunks, bool unbundled)
{
    bundle_queue_put(&s->queue, chunks, unbundled);
    flow_drift_sent(s->drift, s->queue.last);
    feed(s);
    switch_link_push(s->link);
}

uint64_t
switch_session_flush(struct switch_session *s)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    size_t n_flow_mods = s->batch.n_flow_mods - s->n_touched;
    size_t n_group_mods = s->batch.n_group_mods;

    if (s->state != SWITCH_SYNCED
        || (!s->batch.n_flow_mods && !n_group_mods)) {
        return s->queue.last;
    }
    batch_take_bundle(&s->batch, s->version, &chunks);
    put_bundle(s, &chunks, false);
    s->n_touched = 0;
    s->n_bundles += n_flow_mods || n_group_mods;
    s->n_flow_mods += n_flow_mods;
    s->n_group_mods += n_group_mods;
    return s->queue.last;
}

uint64_t
switch_session_applied(const struct switch_session *s)
{
    return s->queue.applied;
}

bool
switch_session_is_busy(const struct switch_session *s)
{
    return s->queue.n_unsent + switch_link_unsent(s->link) > BUSY_BYTES;
}

/* SYNCED: what others change. */

bool
switch_session_repair_begin(struct switch_session *s)
{
    long long int now = time_msec();

    if (s->state != SWITCH_SYNCED) {
        return false;
    }
    switch (flow_drift_need(s->drift, now)) {
    case DRIFT_REPAIR_GROUPS:
        if (!s->groups_xid || (s->groups_read
                               && s->group_mods_read != s->n_group_mods)) {
            request_groups(s);
        }
        if (!s->groups_read) {
            return false;
        }
        break;

    case DRIFT_REPAIR:
        break;

    case DRIFT_NONE:
    case DRIFT_READ_ALL:
    default:
        return false;
    }
    flow_drift_repair_begin(s->drift, s->groups_read, now);
    return true;
}

void
switch_session_repair_group(struct switch_session *s, uint32_t group,
                            uint32_t ofport)
{
    size_t n = hmap_count(&s->installed.groups);

    if (s->groups_read
        && !installed_flows_take_group(&s->installed, group, ofport)) {
        bool gone = n == hmap_count(&s->installed.groups);

        if (flow_drift_repair_group(s->drift, group, (gone ? DRIFT_DELETED
                                                      : DRIFT_CHANGED))) {
            batch_group(&s->repairs, group, ofport, s->version);
        }
    }
}

void
switch_session_repair_flow(struct switch_session *s,
                           const struct flow_entry *e)
{
    if (flow_drift_repair_flow(s->drift, e)) {
        batch_flow(&s->repairs, e, true, s->version);
    }
}

static void
delete_flow(const struct flow_entry *e, void *s_)
{
    struct switch_session *s = s_;

    batch_flow(&s->repairs, e, false, s->version);
}

void
switch_session_repair_end(struct switch_session *s)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    const struct installed_group *g;

    HMAP_FOR_EACH (g, node, &s->installed.groups) {
        if (flow_drift_repair_group(s->drift, g->group, DRIFT_ADDED)) {
            batch_group_deleted(&s->repairs, g->group, s->version);
        }
    }
    flow_drift_repair_end(s->drift, delete_flow, s);
    stop_reading(s);
    if (batch_take_bundle(&s->repairs, s->version, &chunks)) {
        put_bundle(s, &chunks, true);
    }
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
                 "in it one by one", target(s), ofperr_to_string(error));
    discard_cut_bundle(s);
    if (!bundle_queue_unbundle(&s->queue)) {
        schedule_reading(s);
    }
}

/* An error for a message of ours that is none of a bundle. */
static void
request_refused(struct switch_session *s, const struct ofp_header *oh,
                enum ofperr error, const struct ofpbuf *payload)
{
    char *text;

    if (oh->xid == s->discard_xid) {
        return;                 /* The switch had given it up itself. */
    }
    if (oh->xid == s->watch_xids[0] || oh->xid == s->watch_xids[1]) {
        s->watched = false;
        VLOG_WARN("%s: the switch does not tell what others change (%s): it "
                  "is found only when everything is compared", target(s),
                  ofperr_to_string(error));
        return;
    }
    s->n_failed++;
    text = ofp_to_string(payload->data, payload->size, NULL, NULL, 1);
    VLOG_WARN_RL(&rl, "%s: the switch refused a message (%s): %s; reading "
                 "what it has and trying again", target(s),
                 ofperr_to_string(error), text);
    free(text);
    if ((s->state == SWITCH_SYNCED || s->state == SWITCH_READING)
        && !s->reread_at) {
        schedule_reading(s);
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
        if (!bundle_queue_is_own_xid(oh->xid)) {
            request_refused(s, oh, error, &payload);
        }
        break;
    }
    ofpbuf_uninit(&payload);
}

static void
received_echo_request(struct switch_session *s, const struct ofp_header *oh)
{
    send_message(s, ofputil_encode_echo_reply(oh));
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
            received_flows(s, message);
        }
    } else if (type == OFPTYPE_GROUP_DESC_STATS_REPLY) {
        if (oh->xid == s->groups_xid) {
            received_groups(s, message);
        }
    } else if (type == OFPTYPE_BUNDLE_CONTROL) {
        received_bundle_reply(s, oh);
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        bundle_answered(s, oh);
    } else if (type == OFPTYPE_FLOW_MONITOR_STATS_REPLY) {
        flow_watch_told(message, s->drift, time_msec());
    } else if (type == OFPTYPE_REQUESTFORWARD) {
        flow_drift_groups_changed(s->drift, time_msec());
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
    VLOG_INFO("%s: connected with %s; reading flows and groups",
              target(s), ofputil_version_to_string(s->version));
    s->n_connections++;
    set_fragment_mode(s);
    s->watch_xids[0] = send_message(s, flow_watch_groups(s->version));
    s->watch_xids[1] = send_message(s, flow_watch_flows(s->version));
    s->watched = true;
    flow_drift_connected(s->drift);
    start_reading(s);
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
    feed(s);

    for (int i = 0; i < MAX_RECV; i++) {
        struct ofpbuf *message = switch_link_recv(s->link);

        if (!message) {
            break;
        }
        process(s, message);
        ofpbuf_delete(message);
    }
    if (s->reread_at && time_msec() >= s->reread_at) {
        start_reading(s);
    }
    continue_reading(s);
    if (s->state == SWITCH_READING && s->flows_read) {
        s->state = SWITCH_READ;
    }
    if (s->state == SWITCH_SYNCED
        && flow_drift_need(s->drift, time_msec()) == DRIFT_READ_ALL) {
        s->read_for_drift = true;
        start_reading(s);
    }
}

static bool
is_reading_groups(const struct switch_session *s)
{
    return s->groups_xid && !s->groups_read;
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
    if (s->state == SWITCH_SYNCED && !is_reading_groups(s)) {
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
        .target = target(s),
        .version = s->state != SWITCH_DISCONNECTED
                   ? ofputil_version_to_string(s->version)
                   : NULL,
        .n_bundles = s->n_bundles,
        .n_flow_mods = s->n_flow_mods,
        .n_group_mods = s->n_group_mods,
        .n_failed = s->n_failed,
        .n_connections = s->n_connections,
        .watched = s->watched && s->state != SWITCH_DISCONNECTED,
    };
    flow_drift_get_status(s->drift, time_msec(), &status->drift);
}
