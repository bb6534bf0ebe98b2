/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/switching.h"

#include <limits.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/punts.h"
#include "agent/waits.h"
#include "cloud/inventory-cache.h"
#include "core/attachments.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/ovsdb-client.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switching);

/* How long there may be no connection to the switch before it counts as gone,
 * in ms: longer than it takes to connect again. */
#define LOST_MS 1000

/* How long it is tried to clean up a bridge that is no longer ours, in ms. */
#define LEAVE_MS 10000

static void
take_punt(const struct punted_packet *packet, void *punts)
{
    punts_take(punts, packet);
}

struct switch_session *
switching_create_session(struct agent *agent)
{
    struct switch_session *session = switch_session_create();

    switch_session_set_punt_cb(session, take_punt, agent->punts);
    return session;
}

/* The bridge before. */

void
switching_leave_bridge(struct agent *agent)
{
    if (agent->target) {
        switch_session_destroy(agent->left_session);
        agent->left_session = agent->session;
        agent->left_until = time_msec() + LEAVE_MS;
        switch_session_set_punt_cb(agent->left_session, NULL, NULL);
        agent->left_bundle = 0;
        switch_session_resync(agent->left_session);
        agent->session = switching_create_session(agent);
    }
}

static void
run_left_session(struct agent *agent)
{
    struct switch_session *s = agent->left_session;

    if (!s) {
        return;
    }
    switch_session_run(s);
    if (switch_session_get_state(s) == SWITCH_READ) {
        switch_session_withdraw(s);
        agent->left_bundle = switch_session_flush(s);
    }
    if ((switch_session_get_state(s) == SWITCH_SYNCED
         && switch_session_applied(s) >= agent->left_bundle)
        || time_msec() >= agent->left_until) {
        switch_session_destroy(s);
        agent->left_session = NULL;
    }
}

/* What should be there, and what is. */

static void
sync_flow(const struct flow_entry *e, void *session)
{
    switch_session_sync_flow(session, e);
}

static void
sync_group(uint32_t group, uint32_t ofport, void *session)
{
    switch_session_sync_group(session, group, ofport);
}

void
switching_log_port(const struct agent *agent, const char *port, bool installed)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    const struct vm_port *p = attachments_find_port(
        overlay_attachments(agent->overlay), port);

    VLOG_INFO_RL(&rl, "interface %s: endpoint%s%s%s is %s", port,
                 p ? " \"" : "", p ? p->iface_id : "", p ? "\"" : "",
                 installed ? "installed" : "no longer installed");
}

/* The flows of all served ports are gone, as far as one can tell. */
static void
unmark_served_ports(struct agent *agent)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        sp->bundle = BUNDLE_NOT_SENT;
        sp->told = false;
        ovsdb_client_set_installed(agent->ovsdb, node->name, false);
    }
}

/* A switch that stays away has no flows any more. */
static void
run_switch_loss(struct agent *agent)
{
    if (switch_session_get_state(agent->session) != SWITCH_DISCONNECTED) {
        agent->lost_at = 0;
    } else if (!agent->lost_at) {
        agent->lost_at = time_msec() + LOST_MS;
    } else if (time_msec() >= agent->lost_at) {
        agent->lost_at = LLONG_MAX;
        unmark_served_ports(agent);
    }
}

/* Marks that were left from before a restart, on ports whose endpoint is not
 * served any more. */
static void
unmark_other_ports(struct agent *agent)
{
    const struct attachment *a;

    HMAP_FOR_EACH (a, name_node,
                   &overlay_attachments(agent->overlay)->by_name) {
        if (!shash_find(&agent->served, a->port.name)) {
            ovsdb_client_set_installed(agent->ovsdb, a->port.name, false);
        }
    }
}

void
switching_sync(struct agent *agent)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    bool empty = switch_session_is_empty(agent->session);
    bool keep = inventory_cache_is_in_use(agent->cache);
    struct sync_result r;
    struct shash_node *node;

    switch_session_sync_begin(agent->session);
    overlay_for_each_group(agent->overlay, sync_group, agent->session);
    overlay_for_each_flow(agent->overlay, sync_flow, agent->session);
    switch_session_sync_end(agent->session, keep, &r);
    agent->unswept = r.n_kept > 0;
    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        sp->bundle = BUNDLE_NOT_SENT;
    }
    waits_unsent(&agent->waits);
    latency_unsent(&agent->latency);
    agent->synced_bundle = BUNDLE_NOT_SENT;
    if (r.n_flows_added == r.n_flows_wanted) {
        unmark_served_ports(agent);     /* The switch was restarted. */
    }
    unmark_other_ports(agent);
    if (empty) {
        VLOG_INFO_RL(&rl, "switch: it has no flows; sending them as they are "
                     "worked out");
    } else if (r.n_kept) {
        VLOG_INFO_RL(&rl, "switch: %"PRIuSIZE" flows wanted, %"PRIuSIZE" "
                     "sent; %"PRIuSIZE" flows and groups that the state file "
                     "does not know of stay until the inventory has come from "
                     "its source", r.n_flows_wanted, r.n_flows_added,
                     r.n_kept);
    } else {
        VLOG_INFO_RL(&rl, "switch: %"PRIuSIZE" flows wanted, %"PRIuSIZE" "
                     "sent, %"PRIuSIZE" deleted; %"PRIuSIZE" groups wanted, "
                     "%"PRIuSIZE" sent, %"PRIuSIZE" deleted",
                     r.n_flows_wanted, r.n_flows_added, r.n_flows_deleted,
                     r.n_groups_wanted, r.n_groups_changed,
                     r.n_groups_deleted);
    }
}

void
switching_sweep(struct agent *agent)
{
    if (agent->unswept && !inventory_cache_is_in_use(agent->cache)) {
        agent->unswept = false;
        switch_session_resync(agent->session);
    }
}

static void
repair_flow(const struct flow_entry *e, void *session)
{
    switch_session_repair_flow(session, e);
}

static void
repair_group(uint32_t group, uint32_t ofport, void *session)
{
    switch_session_repair_group(session, group, ofport);
}

void
switching_repair(struct agent *agent)
{
    if (switch_session_repair_begin(agent->session)) {
        overlay_for_each_group(agent->overlay, repair_group, agent->session);
        overlay_for_each_flow(agent->overlay, repair_flow, agent->session);
        switch_session_repair_end(agent->session);
    }
}

void
switching_flush(struct agent *agent, bool done)
{
    uint64_t bundle = switch_session_flush(agent->session);
    struct shash_node *node;

    if (switch_session_get_state(agent->session) != SWITCH_SYNCED) {
        return;
    }
    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        if (sp->bundle == BUNDLE_NOT_SENT) {
            sp->bundle = bundle;
        }
    }
    latency_sent(&agent->latency, bundle, done);
    if (done) {
        if (agent->synced_bundle == BUNDLE_NOT_SENT) {
            agent->synced_bundle = bundle;
        }
        waits_sent(&agent->waits, agent->overlay,
                   inventory_last_list(agent->inventory), bundle);
    }
}

struct refusal {
    const struct switch_session *session;
    bool any;
};

static void
note_refusal(const struct flow_entry *e, void *refusal_)
{
    struct refusal *refusal = refusal_;

    refusal->any = (refusal->any
                    || switch_session_refuses(refusal->session, e));
}

/* Does the switch refuse a flow of the endpoint that is plugged in there? */
static bool
port_is_refused(const struct agent *agent, const char *name)
{
    struct refusal refusal = { .session = agent->session };
    const struct vm_port *port = attachments_find_port(
        overlay_attachments(agent->overlay), name);
    const struct endpoint_node *node
        = port ? inventory_find_endpoint(agent->inventory, port->iface_id)
               : NULL;
    struct endpoint_record *r = node ? overlay_endpoint_record(node) : NULL;

    if (r) {
        endpoint_record_flows(r, note_refusal, &refusal);
        free(r);
    }
    return refusal.any;
}

/* A port that waits for its bundle is marked once that is applied, unless
 * something of it was refused; a marked one loses its mark if something is
 * refused later. */
static void
mark_port(struct agent *agent, const char *name, struct served_port *sp,
          uint64_t applied, bool refusals)
{
    bool marked = sp->bundle == BUNDLE_MARKED;

    if (marked ? refusals : sp->bundle <= applied) {
        bool refused = (switch_session_n_refusals(agent->session)
                        && port_is_refused(agent, name));

        /* One that waits may have been marked for what it was before. */
        sp->bundle = refused ? applied : BUNDLE_MARKED;
        if (refused || !marked) {
            ovsdb_client_set_installed(agent->ovsdb, name, !refused);
        }
        if (sp->told == refused) {
            switching_log_port(agent, name, !refused);
            sp->told = !refused;
        }
    }
}

void
switching_mark_ports(struct agent *agent)
{
    uint64_t applied = switch_session_applied(agent->session);
    uint64_t n_refusals = switch_session_n_refusals(agent->session);
    struct shash_node *node;

    if (switch_session_get_state(agent->session) != SWITCH_SYNCED) {
        return;
    }
    latency_applied(&agent->latency, applied, time_usec());
    SHASH_FOR_EACH (node, &agent->served) {
        mark_port(agent, node->name, node->data, applied,
                  n_refusals != agent->refusals_seen);
    }
    agent->refusals_seen = n_refusals;
}

void
switching_run(struct agent *agent)
{
    switch_session_run(agent->session);
    run_left_session(agent);
    run_switch_loss(agent);
}

void
switching_wait(const struct agent *agent)
{
    switch_session_wait(agent->session);
    if (agent->lost_at && agent->lost_at != LLONG_MAX) {
        poll_timer_wait_until(agent->lost_at);
    }
    if (agent->left_session) {
        switch_session_wait(agent->left_session);
        poll_timer_wait_until(agent->left_until);
    }
}
