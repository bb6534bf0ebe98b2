/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/batch.h"
#include "openflow/bulk-vconn.h"
#include "openflow/installed-flows.h"
#include "openflow/openflow-1.4.h"
#include "openflow/outbox.h"
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
#include "openvswitch/rconn.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_session);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 10);

/* Bundles are in OpenFlow 1.4 and later. */
#define VERSIONS ((1u << OFP14_VERSION) | (1u << OFP15_VERSION))

#define PROBE_INTERVAL 5        /* Seconds without a sign of life... */
#define PROBE_AT_REST 60        /* ...while no answer is due. */

#define RETRY_MIN 20            /* Back-off of connecting, in ms. */
#define RETRY_MAX 500
#define REREAD_MIN 100          /* Back-off after a failed bundle, in ms. */
#define REREAD_MAX 10000

/* Unsent bytes beyond which no more changes are asked for. */
#define BUSY_BYTES (2 * 1024 * 1024)

/* Bytes that the connection is given ahead of what it has sent. */
#define FEED_BYTES (256 * 1024)

/* Messages taken in per run. */
#define MAX_RECV 2000

/* A bundle that was sent and not answered yet. */
struct pending_bundle {
    struct ovs_list list_node;  /* In switch_session's 'pending'. */
    uint64_t number;
    ovs_be32 commit_xid;
};

struct switch_session {
    enum switch_state state;
    char *target;
    struct rconn *rconn;
    struct rconn_packet_counter *unsent;
    int version;                /* Of OpenFlow, negotiated. */
    long long int retry_at;     /* When to connect again, in ms. */
    int retry_backoff;
    bool connect_error_logged;

    /* READING. */
    struct installed_flows installed;
    bool flows_read, groups_read;
    ovs_be32 flows_xid, groups_xid;
    long long int reread_at;    /* 0: not waiting to read again. */
    int reread_backoff;

    /* READ and SYNCED. */
    struct batch batch;
    size_t n_touched;           /* Flows in it that are only touched. */
    struct sync_result sync;
    struct outbox outbox;       /* Of bundles. */
    ovs_be32 discard_xid;       /* Of the last bundle that was cut. */
    struct ovs_list pending;    /* Contains struct pending_bundles. */
    uint64_t sent, applied;     /* Numbers of bundles. */

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

    s->rconn = rconn_create(PROBE_INTERVAL, 1, DSCP_DEFAULT, VERSIONS);
    s->unsent = rconn_packet_counter_create();
    s->retry_backoff = RETRY_MIN;
    s->reread_backoff = REREAD_MIN;
    installed_flows_init(&s->installed);
    batch_init(&s->batch);
    outbox_init(&s->outbox);
    ovs_list_init(&s->pending);
    return s;
}

/* What is not sent yet is given up too: whoever reads the switch again finds
 * that it is missing. */
static void
discard_changes(struct switch_session *s)
{
    struct pending_bundle *p;

    batch_clear(&s->batch);
    s->n_touched = 0;
    outbox_clear(&s->outbox);
    LIST_FOR_EACH_POP (p, list_node, &s->pending) {
        free(p);
    }
}

void
switch_session_destroy(struct switch_session *s)
{
    if (s) {
        discard_changes(s);
        installed_flows_destroy(&s->installed);
        rconn_destroy(s->rconn);
        rconn_packet_counter_destroy(s->unsent);
        free(s->target);
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
}

void
switch_session_set_target(struct switch_session *s, const char *target)
{
    if (nullable_string_is_equal(s->target, target)) {
        return;
    }
    rconn_disconnect(s->rconn);
    become_disconnected(s);
    free(s->target);
    s->target = nullable_xstrdup(target);
    s->retry_at = 0;
    s->retry_backoff = RETRY_MIN;
    s->connect_error_logged = false;
}

static void
send_message(struct switch_session *s, struct ofpbuf *message)
{
    /* An error means that the connection is gone, which run() will see. */
    rconn_send(s->rconn, message, s->unsent);
}

/* Gives the connection as much of the outbox as it should have. */
static void
feed(struct switch_session *s)
{
    struct ofpbuf *message;

    while (rconn_packet_counter_n_bytes(s->unsent) < FEED_BYTES
           && (message = outbox_take(&s->outbox)) != NULL) {
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
    struct ofpbuf *next = outbox_take(&s->outbox);
    enum ofpraw raw;

    if (next && !ofpraw_pull(&raw, next)) {
        const struct ofp14_bundle_ctrl_msg *m = next->data;
        bool cut = raw != OFPRAW_OFPT14_BUNDLE_CONTROL
                   || m->type != htons(OFPBCT_OPEN_REQUEST);
        struct ofputil_bundle_ctrl_msg control = {
            .bundle_id = ntohl(m->bundle_id),
            .type = OFPBCT_DISCARD_REQUEST,
            .flags = ntohs(m->flags),
        };

        if (cut) {
            struct ofpbuf *message = ofputil_encode_bundle_ctrl_request(
                s->version, &control);

            s->discard_xid = ((const struct ofp_header *) message->data)->xid;
            send_message(s, message);
        }
    }
    ofpbuf_delete(next);
}

/* READING. */

static void
start_reading(struct switch_session *s)
{
    struct ofputil_flow_stats_request request = {
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };
    struct ofpbuf *flows, *groups;

    discard_cut_bundle(s);
    discard_changes(s);
    installed_flows_clear(&s->installed);
    s->state = SWITCH_READING;
    s->flows_read = s->groups_read = false;
    s->reread_at = 0;

    groups = ofputil_encode_group_desc_request(s->version, OFPG_ALL);
    s->groups_xid = ((const struct ofp_header *) groups->data)->xid;
    send_message(s, groups);

    match_init_catchall(&request.match);
    flows = ofputil_encode_flow_stats_request(
        &request, ofputil_protocol_from_ofp_version(s->version));
    s->flows_xid = ((const struct ofp_header *) flows->data)->xid;
    send_message(s, flows);
}

/* Reads again after a back-off: something did not go as it should. */
static void
schedule_reading(struct switch_session *s)
{
    discard_cut_bundle(s);
    discard_changes(s);
    s->state = SWITCH_READING;
    s->flows_read = s->groups_read = false;
    s->flows_xid = s->groups_xid = 0;
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
                     "reports; reading them again", s->target);
        schedule_reading(s);
        return;
    }
    s->flows_read = !more;
}

static void
received_groups(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (!installed_flows_read_groups(&s->installed, message, s->version)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the groups that the switch "
                     "reports; reading them again", s->target);
        schedule_reading(s);
        return;
    }
    s->groups_read = !more;
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
    installed_flows_clear(&s->installed);
    s->applied = s->sent;
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

uint64_t
switch_session_flush(struct switch_session *s)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    size_t n_flow_mods = s->batch.n_flow_mods - s->n_touched;
    size_t n_group_mods = s->batch.n_group_mods;

    if (s->state != SWITCH_SYNCED
        || (!s->batch.n_flow_mods && !n_group_mods)) {
        return s->sent;
    }

    uint32_t xid = batch_take_bundle(&s->batch, s->version, &chunks);
    outbox_put(&s->outbox, &chunks);
    feed(s);
    rconn_run(s->rconn);

    struct pending_bundle *p = xmalloc(sizeof *p);
    p->number = ++s->sent;
    p->commit_xid = (OVS_FORCE ovs_be32) xid;
    ovs_list_push_back(&s->pending, &p->list_node);
    s->n_touched = 0;
    s->n_bundles += n_flow_mods || n_group_mods;
    s->n_flow_mods += n_flow_mods;
    s->n_group_mods += n_group_mods;
    return s->sent;
}

uint64_t
switch_session_applied(const struct switch_session *s)
{
    return s->applied;
}

bool
switch_session_is_busy(const struct switch_session *s)
{
    return s->outbox.n_bytes + rconn_packet_counter_n_bytes(s->unsent)
           > BUSY_BYTES;
}

static void
received_bundle_reply(struct switch_session *s, const struct ofp_header *oh)
{
    struct ofputil_bundle_ctrl_msg control;

    if (ofputil_decode_bundle_ctrl(oh, &control)
        || control.type != OFPBCT_COMMIT_REPLY
        || ovs_list_is_empty(&s->pending)) {
        return;
    }

    struct pending_bundle *p = CONTAINER_OF(ovs_list_front(&s->pending),
                                            struct pending_bundle, list_node);
    if (p->commit_xid == oh->xid) {
        s->applied = p->number;
        s->reread_backoff = REREAD_MIN;
        ovs_list_remove(&p->list_node);
        free(p);
    }
}

static void
received_error(struct switch_session *s, const struct ofp_header *oh)
{
    struct ofpbuf payload;
    enum ofperr error = ofperr_decode_msg(oh, &payload);

    if (oh->xid == s->discard_xid) {
        ofpbuf_uninit(&payload);
        return;                 /* The switch had given it up itself. */
    }

    char *text = ofp_to_string(payload.data, payload.size, NULL, NULL, 1);
    s->n_failed++;
    VLOG_WARN_RL(&rl, "%s: the switch refused a message (%s): %s; reading "
                 "what it has and trying again", s->target,
                 ofperr_to_string(error), text);
    free(text);
    ofpbuf_uninit(&payload);
    if (s->state == SWITCH_SYNCED || s->state == SWITCH_READING) {
        if (!s->reread_at) {
            schedule_reading(s);
        }
    }
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
        if (s->state == SWITCH_READING && oh->xid == s->groups_xid) {
            received_groups(s, message);
        }
    } else if (type == OFPTYPE_BUNDLE_CONTROL) {
        received_bundle_reply(s, oh);
    } else if (type == OFPTYPE_ERROR) {
        received_error(s, oh);
    } else if (type == OFPTYPE_ECHO_REQUEST) {
        received_echo_request(s, oh);
    }
}

/* Connecting.  rconn's own back-off counts in seconds, so it is used without
 * one: each try is a connection of its own. */
static void
try_connect(struct switch_session *s)
{
    struct vconn *vconn;
    int error;

    if (!s->target || time_msec() < s->retry_at) {
        return;
    }
    s->retry_at = time_msec() + s->retry_backoff;
    s->retry_backoff = MIN(s->retry_backoff * 2, RETRY_MAX);

    error = bulk_vconn_open(s->target, VERSIONS, DSCP_DEFAULT, &vconn);
    if (!error) {
        rconn_connect_unreliably(s->rconn, vconn, s->target);
    } else if (!s->connect_error_logged) {
        VLOG_INFO("%s: cannot connect (%s); trying again until it is there",
                  s->target, ovs_strerror(error));
        s->connect_error_logged = true;
    }
}

static void
connected(struct switch_session *s)
{
    s->version = rconn_get_version(s->rconn);
    VLOG_INFO("%s: connected with %s; reading flows and groups",
              s->target, ofputil_version_to_string(s->version));
    s->n_connections++;
    s->retry_backoff = RETRY_MIN;
    s->connect_error_logged = false;
    set_fragment_mode(s);
    start_reading(s);
}

void
switch_session_run(struct switch_session *s)
{
    rconn_run(s->rconn);
    if (!rconn_is_alive(s->rconn)) {
        if (s->state != SWITCH_DISCONNECTED) {
            VLOG_INFO("%s: connection lost (%s)", s->target,
                      ovs_retval_to_string(rconn_get_last_error(s->rconn)));
            become_disconnected(s);
            s->retry_at = 0;
        }
        try_connect(s);
        return;
    }
    if (!rconn_is_connected(s->rconn)) {
        return;
    }
    if (s->state == SWITCH_DISCONNECTED) {
        connected(s);
    }
    feed(s);

    for (int i = 0; i < MAX_RECV; i++) {
        struct ofpbuf *message = rconn_recv(s->rconn);

        if (!message) {
            break;
        }
        process(s, message);
        ofpbuf_delete(message);
    }
    if (s->reread_at && time_msec() >= s->reread_at) {
        start_reading(s);
    }
    if (s->state == SWITCH_READING && s->flows_read && s->groups_read) {
        s->state = SWITCH_READ;
    }
}

/* The socket tells when the switch is gone, but not that it hangs. */
static bool
is_answer_due(const struct switch_session *s)
{
    return s->state == SWITCH_READING || !ovs_list_is_empty(&s->pending);
}

void
switch_session_wait(struct switch_session *s)
{
    rconn_set_probe_interval(s->rconn, (is_answer_due(s) ? PROBE_INTERVAL
                                        : PROBE_AT_REST));
    rconn_run_wait(s->rconn);
    if (rconn_is_alive(s->rconn)) {
        rconn_recv_wait(s->rconn);
    } else if (s->target) {
        poll_timer_wait_until(s->retry_at);
    }
    if (s->reread_at) {
        poll_timer_wait_until(s->reread_at);
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
    bool connected_now = rconn_is_connected(s->rconn);

    *status = (struct switch_session_status) {
        .state = s->state,
        .target = s->target,
        .version = connected_now ? ofputil_version_to_string(s->version)
                                 : NULL,
        .n_bundles = s->n_bundles,
        .n_flow_mods = s->n_flow_mods,
        .n_group_mods = s->n_group_mods,
        .n_failed = s->n_failed,
        .n_connections = s->n_connections,
    };
}
