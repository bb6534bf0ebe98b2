/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "id-pool.h"
#include "packets.h"
#include "util.h"

/* Endpoints and live segments.
 *
 * An endpoint that was touched and has a record is looked at before any that
 * has none, however many these are, so that what one endpoint gives up (a MAC,
 * an address, a port) is deleted before, or together with, its being added for
 * another.  The sink sends deletions before additions.  Endpoints without a
 * record can only add; they are taken in bounded portions. */

/* Life. */

struct overlay *
overlay_create(struct inventory *inventory, const struct overlay_sink *sink)
{
    struct overlay *ov = xzalloc(sizeof *ov);

    ov->inventory = inventory;
    ov->sink = sink;
    attachments_init(&ov->attachments);
    conflicts_init(&ov->conflicts);
    sset_init(&ov->dirty_ports);
    svec_init(&ov->served);
    svec_init(&ov->unserved);
    hmap_init(&ov->locals);
    hmap_init(&ov->record_classes);
    hmap_init(&ov->live_segments);
    hmap_init(&ov->local_ports);
    hmap_init(&ov->tunnel_ports);
    hmap_init(&ov->metadata);
    ovs_list_init(&ov->dirty_segments);
    ov->memberships = memberships_create(overlay_members_changed, ov);
    ovs_list_init(&ov->dirty_groups);
    hmap_init(&ov->live_routers);
    ovs_list_init(&ov->dirty_routers);
    holders_init(&ov->holders);
    inventory_set_shared_cb(inventory, overlay_find_shared, ov);
    hmap_init(&ov->links);
    hmap_init(&ov->tunnels);
    ovs_list_init(&ov->dirty_links);
    ovs_list_init(&ov->dirty_tunnels);
    ovs_list_init(&ov->idle_links);
    ovs_list_init(&ov->idle_tunnels);
    ovs_list_init(&ov->numbered_tunnels);
    ov->groups = id_pool_create(1, MAX_GROUP);
    return ov;
}

void
overlay_configure(struct overlay *ov, const struct overlay_settings *settings)
{
    char *host = xstrdup(settings->host);

    free(ov->host);
    ov->host = host;
    ov->settings = *settings;
    ov->settings.host = host;
    inventory_set_self(ov->inventory, host);
    ov->configured = true;
    inventory_touch_all(ov->inventory);
    overlay_touch_all_links(ov);
    overlay_report_own_host(ov);

    const struct attachment *a;
    HMAP_FOR_EACH (a, name_node, &ov->attachments.by_name) {
        sset_add(&ov->dirty_ports, a->port.name);
    }
}

void
overlay_set_underlay_mtu(struct overlay *ov, const int mtu[2])
{
    if (memcmp(ov->underlay_mtu, mtu, sizeof ov->underlay_mtu)) {
        memcpy(ov->underlay_mtu, mtu, sizeof ov->underlay_mtu);
        overlay_check_mtus(ov, NULL);
    }
}

struct attachments *
overlay_attachments(struct overlay *ov)
{
    return &ov->attachments;
}

struct conflicts *
overlay_conflicts(struct overlay *ov)
{
    return &ov->conflicts;
}

/* Telling. */

static void
tell_add(const struct flow_entry *e, void *ov_)
{
    struct overlay *ov = ov_;

    ov->sink->flow(ov->sink->aux, e, true);
}

static void
tell_del(const struct flow_entry *e, void *ov_)
{
    struct overlay *ov = ov_;

    ov->sink->flow(ov->sink->aux, e, false);
}

void
overlay_tell_flows(struct overlay *ov, flow_generator *generate,
                   const void *old, const void *new)
{
    ov->counts.n_flows += flow_diff(generate, old, new, tell_add, tell_del,
                                    ov);
}

static void
generate_static_flows(const void *record OVS_UNUSED, flow_cb *cb, void *aux)
{
    static_flows(cb, aux);
}

/* The endpoint has no record and waits to be looked at. */
static void
push_waiting(struct overlay *ov, struct endpoint_node *node)
{
    if (!node->waiting) {
        if (ov->n_waiting >= ov->allocated_waiting) {
            ov->waiting = x2nrealloc(ov->waiting, &ov->allocated_waiting,
                                     sizeof *ov->waiting);
        }
        node->waiting = true;
        ov->waiting[ov->n_waiting++] = node;
    }
}

static void
run_touched_endpoints(struct overlay *ov)
{
    struct endpoint_node *node;

    inventory_begin_touched_endpoints(ov->inventory);
    while ((node = inventory_next_touched_endpoint(ov->inventory))) {
        if (node->installed) {
            overlay_evaluate(ov, node);
        } else {
            push_waiting(ov, node);
        }
    }
}

static void
run_waiting_endpoints(struct overlay *ov, size_t max_work)
{
    while (ov->n_waiting && max_work-- > 0) {
        struct endpoint_node *node = ov->waiting[--ov->n_waiting];

        node->waiting = false;
        overlay_evaluate(ov, node);
    }
    if (!ov->n_waiting && ov->allocated_waiting > 1024) {
        free(ov->waiting);
        ov->waiting = NULL;
        ov->allocated_waiting = 0;
    }
}

static void
run_touched_but_endpoints(struct overlay *ov)
{
    struct host_node *host;
    while ((host = inventory_next_touched_host(ov->inventory))) {
        overlay_host_touched(ov, host);
        overlay_report_host(ov, host);
        inventory_unref_host(ov->inventory, host);
    }

    struct segment_node *segment;
    while ((segment = inventory_next_touched_segment(ov->inventory))) {
        if (segment->live) {
            overlay_mark_segment_dirty(ov, segment->live);
        }
        overlay_update_router(ov, segment);
        overlay_report_segment(ov, segment);
        inventory_unref_segment(ov->inventory, segment);
    }

    struct router_node *router;
    while ((router = inventory_next_touched_router(ov->inventory))) {
        overlay_router_touched(ov, router);
        inventory_unref_router(ov->inventory, router);
    }
}

/* One endpoint may have got the port that another has lost: like flows, what
 * ends is told before what begins. */
static void
tell_served(struct overlay *ov)
{
    const char *port;
    size_t i;

    SVEC_FOR_EACH (i, port, &ov->unserved) {
        ov->sink->port_served(ov->sink->aux, port, false);
    }
    SVEC_FOR_EACH (i, port, &ov->served) {
        ov->sink->port_served(ov->sink->aux, port, true);
    }
    svec_clear(&ov->unserved);
    svec_clear(&ov->served);
}

static void
run_reports(struct overlay *ov)
{
    const char *name;

    SSET_FOR_EACH (name, &ov->dirty_ports) {
        overlay_report_port(ov, name);
    }
    sset_clear(&ov->dirty_ports);
    if (ov->reported_list != inventory_last_list(ov->inventory)) {
        ov->reported_list = inventory_last_list(ov->inventory);
        overlay_report_own_host(ov);
    }
}

bool
overlay_run(struct overlay *ov, long long int now, size_t max_work)
{
    if (!ov->configured) {
        return true;
    }

    ov->now = now;
    if (!ov->static_flows) {
        ov->static_flows = true;
        overlay_tell_flows(ov, generate_static_flows, NULL, ov);
    }
    run_touched_but_endpoints(ov);
    run_touched_endpoints(ov);
    run_waiting_endpoints(ov, max_work);
    overlay_run_expiry(ov);
    overlay_run_links(ov);
    overlay_run_segments(ov);
    overlay_run_multicast(ov);
    overlay_run_routers(ov);
    tell_served(ov);
    run_reports(ov);
    ov->settled = !inventory_has_touched(ov->inventory) && !ov->n_waiting;
    overlay_check_remembered(ov);
    ov->settled = ov->settled && !inventory_has_touched(ov->inventory);
    return ov->settled;
}

/* Ports. */

static void
touch_endpoint_id(struct overlay *ov, const char *id)
{
    struct endpoint_node *node = inventory_find_endpoint(ov->inventory, id);

    if (node) {
        inventory_touch_endpoint(ov->inventory, node);
    }
}

void
overlay_set_provisional(struct overlay *ov, bool provisional)
{
    if (ov->provisional && !provisional) {
        ov->settled = false;    /* There is more to look at. */
    }
    ov->provisional = provisional;
}

void
overlay_vm_port_changed(struct overlay *ov, const struct vm_port *old,
                        const struct vm_port *new)
{
    const char *name = new ? new->name : old->name;

    attachments_update(&ov->attachments, name, new);
    sset_add(&ov->dirty_ports, name);
    if (old) {
        touch_endpoint_id(ov, old->iface_id);
    }
    if (new) {
        overlay_take_number(ov, new->ofport);
        touch_endpoint_id(ov, new->iface_id);
    }
}

/* What stands. */

static void
endpoint_flows(const struct endpoint_node *node, flow_cb *cb, void *aux)
{
    struct endpoint_record *record = overlay_endpoint_record(node);

    if (record) {
        endpoint_record_flows(record, cb, aux);
        free(record);
    }
}

/* Once everything was looked at, whoever has a record is in a live segment:
 * of a million endpoints that may be a few.  Before, one may have a record and
 * be elsewhere by now, or gone. */
static void
for_each_endpoint_flow(const struct overlay *ov, flow_cb *cb, void *aux)
{
    if (ov->settled && !inventory_has_touched(ov->inventory)) {
        const struct live_segment *ls;

        HMAP_FOR_EACH (ls, node, &ov->live_segments) {
            const struct endpoint *e;

            HMAP_FOR_EACH (e, mac_node, &ls->segment->endpoints) {
                endpoint_flows(e->node, cb, aux);
            }
        }
    } else {
        const struct endpoint_node *node;

        HMAP_FOR_EACH (node, id_node,
                       inventory_endpoint_nodes(ov->inventory)) {
            endpoint_flows(node, cb, aux);
        }
    }
}

void
overlay_for_each_flow(const struct overlay *ov, flow_cb *cb, void *aux)
{
    static_flows(cb, aux);
    for_each_endpoint_flow(ov, cb, aux);

    const struct live_segment *ls;
    HMAP_FOR_EACH (ls, node, &ov->live_segments) {
        if (ls->record) {
            segment_record_flows(ls->record, cb, aux);
        }
        overlay_group_flows(ls, cb, aux);
    }
    const struct live_router *lr;
    HMAP_FOR_EACH (lr, node, &ov->live_routers) {
        if (lr->record) {
            router_record_flows(lr->record, cb, aux);
        }
    }
    const struct tunnel *t;
    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        if (t->record.ofport) {
            tunnel_record_flows(&t->record, cb, aux);
        }
    }
}

struct endpoint_record *
overlay_endpoint_record(const struct endpoint_node *node)
{
    return node->installed ? overlay_unpack_record(node->installed) : NULL;
}

bool
overlay_segment_info(const struct segment_node *segment,
                     struct live_segment_info *info)
{
    const struct live_segment *ls = segment->live;

    if (!ls || !ls->is_live) {
        return false;
    }
    info->n_plugged = ls->n_plugged;
    info->n_local = ovs_list_size(&ls->locals);
    info->n_peers = hmap_count(&ls->peers);
    return true;
}

void
overlay_get_counts(const struct overlay *ov, struct overlay_counts *counts)
{
    *counts = ov->counts;
    counts->n_tunnels = hmap_count(&ov->tunnels);
}

/* The end of the overlay is not a reason to take anything from the switch. */

static void
sink_ignore_flow(void *aux OVS_UNUSED, const struct flow_entry *e OVS_UNUSED,
                 bool add OVS_UNUSED)
{
}

static void
sink_ignore_group(void *aux OVS_UNUSED, uint32_t group OVS_UNUSED,
                  uint32_t ofport OVS_UNUSED)
{
}

static void
sink_ignore_group_deleted(void *aux OVS_UNUSED, uint32_t group OVS_UNUSED)
{
}

static void
sink_ignore_wanted(void *aux OVS_UNUSED,
                   const struct tunnel_spec *spec OVS_UNUSED)
{
}

static void
sink_ignore_unwanted(void *aux OVS_UNUSED,
                     const struct tunnel_key *key OVS_UNUSED)
{
}

static void
sink_ignore_served(void *aux OVS_UNUSED, const char *port OVS_UNUSED,
                   bool served OVS_UNUSED)
{
}

static const struct overlay_sink sink_ignore = {
    .flow = sink_ignore_flow,
    .group = sink_ignore_group,
    .group_deleted = sink_ignore_group_deleted,
    .tunnel_wanted = sink_ignore_wanted,
    .tunnel_unwanted = sink_ignore_unwanted,
    .port_served = sink_ignore_served,
};

void
overlay_destroy(struct overlay *ov)
{
    if (!ov) {
        return;
    }
    ov->sink = &sink_ignore;
    inventory_set_shared_cb(ov->inventory, NULL, NULL);

    struct endpoint_node *node;
    HMAP_FOR_EACH_SAFE (node, id_node,
                        inventory_endpoint_nodes(ov->inventory)) {
        node->waiting = false;
        overlay_set_plugged(ov, node, NULL);
        overlay_apply(ov, node, &(struct want) { .record = NULL });
    }
    overlay_run_segments(ov);
    overlay_run_routers(ov);
    overlay_destroy_holders(ov);
    overlay_destroy_links(ov);
    memberships_destroy(ov->memberships);
    hmap_destroy(&ov->locals);
    hmap_destroy(&ov->record_classes);
    hmap_destroy(&ov->live_segments);
    hmap_destroy(&ov->live_routers);
    hmap_destroy(&ov->local_ports);
    hmap_destroy(&ov->tunnel_ports);
    hmap_destroy(&ov->metadata);
    hmap_destroy(&ov->links);
    hmap_destroy(&ov->tunnels);
    attachments_destroy(&ov->attachments);
    conflicts_destroy(&ov->conflicts);
    sset_destroy(&ov->dirty_ports);
    svec_destroy(&ov->served);
    svec_destroy(&ov->unserved);
    id_pool_destroy(ov->groups);
    free(ov->waiting);
    free(ov->host);
    free(ov);
}
