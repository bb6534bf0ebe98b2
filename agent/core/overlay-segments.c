/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

/* Live segments: who is in them, and the flows that concern all of one. */

static void
segment_flows(const void *record, flow_cb *cb, void *aux)
{
    segment_record_flows(record, cb, aux);
}

struct live_segment *
overlay_get_live_segment(struct overlay *ov, struct segment_node *segment)
{
    struct live_segment *ls = segment->live;

    if (!ls) {
        ls = xzalloc(sizeof *ls);
        ls->segment = inventory_ref_segment(ov->inventory, segment->id);
        ovs_list_init(&ls->dirty_list);
        ovs_list_init(&ls->locals);
        hmap_init(&ls->peers);
        hmap_init(&ls->inbound);
        ovs_list_init(&ls->plugged_list);
        hmap_init(&ls->groups);
        hmap_insert(&ov->live_segments, &ls->node, hash_pointer(segment, 0));
        segment->live = ls;
        overlay_update_router(ov, segment);
    }
    return ls;
}

void
overlay_update_live(struct overlay *ov, struct live_segment *ls)
{
    bool is_live = ls->n_plugged || (ls->router
                                     && !ovs_list_is_empty(
                                         &ls->router->plugged));

    if (ls->is_live != is_live) {
        ls->is_live = is_live;
        ov->counts.n_live_segments += is_live ? 1 : -1;
        overlay_touch_endpoints_of(ov, ls->segment);
        overlay_mark_segment_dirty(ov, ls);
    }
}

/* Takes 'record' over. */
static void
set_record(struct overlay *ov, struct live_segment *ls,
           struct segment_record *record)
{
    if (ls->record) {
        overlay_unindex_segment(ov, ls);
        free(ls->record);
    }
    ls->record = record;
    if (record) {
        overlay_index_segment(ov, ls);
    }
}

static void
destroy_live_segment(struct overlay *ov, struct live_segment *ls)
{
    ovs_assert(!ls->is_live && !ls->n_records && !ls->n_loose);
    overlay_leave_router(ov, ls);
    overlay_tell_flows(ov, segment_flows, ls->record, NULL);
    overlay_destroy_groups(ov, ls);
    set_record(ov, ls, NULL);
    ovs_list_remove(&ls->dirty_list);
    hmap_remove(&ov->live_segments, &ls->node);
    hmap_destroy(&ls->peers);
    hmap_destroy(&ls->inbound);
    ls->segment->live = NULL;
    inventory_unref_segment(ov->inventory, ls->segment);
    free(ls);
}

void
overlay_mark_segment_dirty(struct overlay *ov, struct live_segment *ls)
{
    if (ovs_list_is_empty(&ls->dirty_list)) {
        ovs_list_push_back(&ov->dirty_segments, &ls->dirty_list);
    }
}

void
overlay_touch_endpoints_of(struct overlay *ov, struct segment_node *segment)
{
    struct endpoint *e;

    HMAP_FOR_EACH (e, mac_node, &segment->endpoints) {
        inventory_touch_endpoint(ov->inventory, e->node);
    }
}

void
overlay_add_peer(struct overlay *ov, struct live_segment *ls,
                 struct link *link)
{
    uint32_t hash = hash_pointer(link, 0);
    struct segment_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash, &ls->peers) {
        if (peer->link == link) {
            peer->n++;
            return;
        }
    }
    peer = xmalloc(sizeof *peer);
    peer->link = link;
    peer->n = 1;
    hmap_insert(&ls->peers, &peer->node, hash);
    if (ls->router) {
        overlay_add_router_peer(ov, ls->router, link->peer);
    }
    overlay_mark_segment_dirty(ov, ls);
    overlay_peer_changed(ov, ls, link->peer);
}

void
overlay_remove_peer(struct overlay *ov, struct live_segment *ls,
                    const struct link *link)
{
    struct segment_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_pointer(link, 0), &ls->peers) {
        if (peer->link == link) {
            if (!--peer->n) {
                hmap_remove(&ls->peers, &peer->node);
                free(peer);
                if (ls->router) {
                    overlay_remove_router_peer(ov, ls->router, link->peer);
                }
                overlay_mark_segment_dirty(ov, ls);
                overlay_peer_changed(ov, ls, link->peer);
            }
            return;
        }
    }
    OVS_NOT_REACHED();
}

bool
overlay_has_peer(const struct live_segment *ls, const struct link *link)
{
    const struct segment_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_pointer(link, 0), &ls->peers) {
        if (peer->link == link) {
            return true;
        }
    }
    return false;
}

void
overlay_check_mtus(struct overlay *ov, const struct link *link)
{
    struct live_segment *ls;

    HMAP_FOR_EACH (ls, node, &ov->live_segments) {
        if (ls->segment->object.mtu && (!link || overlay_has_peer(ls, link))) {
            overlay_mark_segment_dirty(ov, ls);
        }
    }
}

int
overlay_compare_outs(const void *a_, const void *b_)
{
    const uint32_t *a = a_;
    const uint32_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static struct segment_record *
make_segment_record(const struct live_segment *ls)
{
    const struct segment_object *o = &ls->segment->object;
    bool any = o->broadcast == POLICY_REPLICATE
               || o->unknown_unicast == POLICY_REPLICATE
               || o->multicast == POLICY_REPLICATE;
    size_t n_ports = any ? ovs_list_size(&ls->locals) : 0;
    size_t n_groups = any ? hmap_count(&ls->peers) : 0;
    struct segment_record *r = segment_record_alloc(n_ports, n_groups);

    r->vni = o->vni;
    r->forced = o->encap;
    r->metadata = segment_metadata(o->vni, o->encap);
    r->broadcast = o->broadcast == POLICY_REPLICATE;
    r->unknown_unicast = o->unknown_unicast == POLICY_REPLICATE;
    r->multicast = o->multicast == POLICY_REPLICATE;
    r->snoop = o->multicast == POLICY_SNOOP;
    if (any) {
        const struct segment_peer *peer;
        const struct local *local;
        size_t i = 0;

        LIST_FOR_EACH (local, local_list, &ls->locals) {
            r->outs[i++] = local->ofport;
        }
        qsort(r->outs, n_ports, sizeof r->outs[0], overlay_compare_outs);
        HMAP_FOR_EACH (peer, node, &ls->peers) {
            r->outs[i++] = peer->link->group;
        }
        qsort(r->outs + n_ports, n_groups, sizeof r->outs[0],
              overlay_compare_outs);
        r->n_groups = MIN(n_groups, MAX_COPIES);
    }
    return r;
}

static bool
segment_is_served(const struct overlay *ov, const struct segment_node *segment)
{
    const struct segment_node *by;

    return inventory_segment_standing(ov->inventory, segment, &by)
           == SEGMENT_SERVED;
}

static bool
segment_is_snooped(const struct live_segment *ls)
{
    return ls->record && ls->record->snoop;
}

void
overlay_run_segments(struct overlay *ov)
{
    while (!ovs_list_is_empty(&ov->dirty_segments)) {
        struct live_segment *ls = CONTAINER_OF(
            ovs_list_pop_front(&ov->dirty_segments), struct live_segment,
            dirty_list);
        struct segment_record *new = NULL;

        ovs_list_init(&ls->dirty_list);
        if (ls->is_live && segment_is_served(ov, ls->segment)) {
            new = make_segment_record(ls);
        }
        if (!new || !ls->record || !segment_record_equals(ls->record, new)) {
            overlay_tell_flows(ov, segment_flows, ls->record, new);
        }
        bool was_snooped = segment_is_snooped(ls);
        uint64_t old_metadata = was_snooped ? ls->record->metadata : 0;
        set_record(ov, ls, new);
        if (was_snooped || segment_is_snooped(ls)) {
            overlay_snooped_changed(
                ov, ls, !was_snooped || !segment_is_snooped(ls)
                || old_metadata != ls->record->metadata);
        }
        overlay_report_segment(ov, ls->segment);
        if (!ls->is_live && !ls->n_records) {
            destroy_live_segment(ov, ls);
        }
    }
}
