/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session-private.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "flow.h"
#include "openflow/flow-drift.h"
#include "openflow/switch-link.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

/* Unsent bytes beyond which no more changes are asked for. */
#define BUSY_BYTES (2 * 1024 * 1024)

/* OpenFlow port numbers that Open vSwitch gives. */
#define N_PORTS 65536

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
    punt_meters_sync_begin(&s->meters);
    memset(&s->sync, 0, sizeof s->sync);
    free(s->ports);
    s->ports = bitmap_allocate(N_PORTS);
}

/* The OpenFlow port that a flow is for, 0: any. */
static uint16_t
flow_port(const struct flow_entry *e)
{
    return (e->match.wc.masks.in_port.ofp_port
            ? ofp_to_u16(e->match.flow.in_port.ofp_port) : 0);
}

void
switch_session_sync_flow(struct switch_session *s, const struct flow_entry *e)
{
    s->sync.n_flows_wanted++;
    if (e->table == TABLE_CLASSIFY) {
        bitmap_set1(s->ports, flow_port(e));
    }
    bool again = switch_want_meter(s, e);
    if (!installed_flows_take_flow(&s->installed, e) || again) {
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
    switch_stop_reading(s);
    s->queue.applied = s->queue.last;
    s->state = SWITCH_SYNCED;
}

/* What stays of a VM must not be of use to another one on its port. */
static bool
may_keep(const struct switch_session *s, const struct flow_entry *e)
{
    uint16_t port = flow_port(e);

    return (e->cookie & FLOW_COOKIE_MASK) == FLOW_COOKIE_BASE
           && !(port && bitmap_is_set(s->ports, port));
}

static void
delete_unwanted(struct switch_session *s, bool keep)
{
    const struct installed_flow *f;
    const struct installed_group *g;

    HMAP_FOR_EACH (f, node, &s->installed.flows) {
        struct flow_entry e;

        installed_flow_get(f, &e);
        if (keep && may_keep(s, &e)) {
            s->sync.n_kept++;
        } else {
            batch_flow(&s->batch, &e, false, s->version);
            s->sync.n_flows_deleted++;
        }
    }
    HMAP_FOR_EACH (g, node, &s->installed.groups) {
        if (keep && g->ours) {
            s->sync.n_kept++;
        } else {
            batch_group_deleted(&s->batch, g->group, s->version);
            s->sync.n_groups_deleted++;
        }
    }
}

void
switch_session_sync_end(struct switch_session *s, bool keep,
                        struct sync_result *result)
{
    delete_unwanted(s, keep);
    punt_meters_sync_end(&s->meters, keep);
    s->keeps_too_much = false;
    free(s->ports);
    s->ports = NULL;
    become_synced(s);
    if (!s->batch.n_flow_mods && !s->batch.n_group_mods) {
        /* Whatever was refused is there now, or not wanted any more. */
        flow_drift_sent(s->drift, s->queue.last);
        flow_drift_applied(s->drift, s->queue.last);
    }
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
    switch_withdraw_meters(s);
    become_synced(s);
}

/* SYNCED. */

void
switch_session_flow(struct switch_session *s, const struct flow_entry *e,
                    bool add)
{
    if (s->state == SWITCH_SYNCED) {
        if (add) {
            switch_want_meter(s, e);
        }
        if (e->table == TABLE_CLASSIFY && flow_port(e)) {
            punt_meters_port_changed(&s->meters, flow_port(e), add);
        }
        batch_flow(&s->batch, e, add, s->version);
        s->keeps_too_much |= (s->sync.n_kept && add
                              && e->table == TABLE_CLASSIFY && flow_port(e));
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
    switch_feed(s);
    switch_link_push(s->link);
}

uint64_t
switch_session_flush(struct switch_session *s)
{
    struct ovs_list chunks = OVS_LIST_INITIALIZER(&chunks);
    size_t n_flow_mods = s->batch.n_flow_mods - s->n_touched;
    size_t n_group_mods = s->batch.n_group_mods;

    if (s->state != SWITCH_SYNCED) {
        return s->queue.last;
    }
    if (!s->batch.n_flow_mods && !n_group_mods) {
        punt_meters_sent(&s->meters, s->queue.last);
        switch_delete_meters(s);        /* Nothing else may wake us to. */
        return s->queue.last;
    }
    if (s->keeps_too_much) {
        switch_start_reading(s);        /* To find that. */
        return s->queue.last;
    }
    batch_take_bundle(&s->batch, s->version, &chunks);
    put_bundle(s, &chunks, false);
    punt_meters_sent(&s->meters, s->queue.last);
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
switch_session_lacks_any(const struct switch_session *s)
{
    struct flow_drift_status status;

    flow_drift_get_status(s->drift, time_msec(), &status);
    return status.n_refused > 0;
}

bool
switch_session_is_busy(const struct switch_session *s)
{
    return s->queue.n_unsent + switch_link_unsent(s->link) > BUSY_BYTES;
}

bool
switch_session_refuses(const struct switch_session *s,
                       const struct flow_entry *e)
{
    return flow_drift_refuses(s->drift, e);
}

uint64_t
switch_session_n_refusals(const struct switch_session *s)
{
    return flow_drift_n_refusals(s->drift);
}

/* SYNCED: what others change. */

bool
switch_session_repair_begin(struct switch_session *s)
{
    if (!s->repair_due || s->state != SWITCH_SYNCED) {
        return false;
    }
    s->repair_due = false;
    flow_drift_repair_begin(s->drift, s->groups_read, time_msec());
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
        if (s->sync.n_kept && g->ours) {
            continue;           /* Flows that were kept may need it. */
        }
        if (flow_drift_repair_group(s->drift, g->group, DRIFT_ADDED)) {
            batch_group_deleted(&s->repairs, g->group, s->version);
        }
    }
    flow_drift_repair_end(s->drift, delete_flow, s, time_msec());
    switch_stop_reading(s);
    if (batch_take_bundle(&s->repairs, s->version, &chunks)) {
        put_bundle(s, &chunks, true);
    }
}
