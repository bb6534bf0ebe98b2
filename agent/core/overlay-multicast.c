/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "core/flow-multicast.h"
#include "core/memberships.h"
#include "packets.h"
#include "hash.h"
#include "util.h"

/* Snooped multicast: a record for each group of a live segment that has a
 * member of use.
 *
 * What memberships.h knows goes for a segment that is to be snooped on, of
 * endpoints that are served here and of peers that have an endpoint in the
 * segment.  A group is looked at again when its members change, and when a
 * member comes to be of use or ceases to be. */

/* A group of a live segment: with a record, or to be looked at. */
struct live_group {
    struct hmap_node node;      /* In live_segment's 'groups'. */
    struct ovs_list dirty_list; /* In overlay's 'dirty_groups' or empty. */
    struct live_segment *segment;
    struct in6_addr group;
    struct multicast_record *record;    /* In the switch; NULL: none. */
};

static void
group_flows(const void *record, flow_cb *cb, void *aux)
{
    multicast_record_flows(record, cb, aux);
}

static uint32_t
group_hash(const struct in6_addr *group)
{
    return hash_bytes(group, sizeof *group, 0);
}

static struct live_group *
find_group(const struct live_segment *ls, const struct in6_addr *addr)
{
    struct live_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, group_hash(addr), &ls->groups) {
        if (ipv6_addr_equals(&group->group, addr)) {
            return group;
        }
    }
    return NULL;
}

static void
mark_group_dirty(struct overlay *ov, struct live_segment *ls,
                 const struct in6_addr *addr)
{
    struct live_group *group = find_group(ls, addr);

    if (!group) {
        group = xzalloc(sizeof *group);
        group->segment = ls;
        group->group = *addr;
        ovs_list_init(&group->dirty_list);
        hmap_insert(&ls->groups, &group->node, group_hash(addr));
    }
    if (ovs_list_is_empty(&group->dirty_list)) {
        ovs_list_push_back(&ov->dirty_groups, &group->dirty_list);
    }
}

static void
mark_member_dirty(struct overlay *ov, struct live_segment *ls,
                  enum member_kind kind, const char *id)
{
    const struct group_member *member = memberships_find_member(
        ov->memberships, &(struct member_id) { ls->segment->id, kind, id });
    const struct membership *m;

    if (member) {
        HMAP_FOR_EACH (m, node, &member->memberships) {
            mark_group_dirty(ov, ls, &m->group->group);
        }
    }
}

void
overlay_members_changed(const struct multicast_group *group, void *ov_)
{
    struct overlay *ov = ov_;
    const struct segment_node *segment
        = inventory_find_segment(ov->inventory, group->segment->id);

    if (segment && segment->live) {
        mark_group_dirty(ov, segment->live, &group->group);
    }
}

void
overlay_local_changed(struct overlay *ov, struct live_segment *ls,
                      const struct endpoint_node *node, bool came)
{
    mark_member_dirty(ov, ls, MEMBER_ENDPOINT, node->id);
    if (came) {
        memberships_member_came(ov->memberships, &(struct member_id) {
            ls->segment->id, MEMBER_ENDPOINT, node->id }, ov->now);
    }
}

/* The peer's link with the lowest group, if there is any in the segment. */
static const struct link *
find_peer_link(const struct overlay *ov, const struct live_segment *ls,
               const char *id)
{
    const struct host_node *peer = inventory_find_host(ov->inventory, id);
    const struct link *link, *best = NULL;

    if (peer) {
        HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(peer, 0),
                                 &ov->links) {
            if (link->peer == peer && overlay_has_peer(ls, link)
                && (!best || link->group < best->group)) {
                best = link;
            }
        }
    }
    return best;
}

void
overlay_peer_changed(struct overlay *ov, struct live_segment *ls,
                     const struct host_node *peer)
{
    mark_member_dirty(ov, ls, MEMBER_PEER, peer->id);
    if (!find_peer_link(ov, ls, peer->id)) {
        memberships_forget_member(ov->memberships, &(struct member_id) {
            ls->segment->id, MEMBER_PEER, peer->id });
    }
}

/* All groups are looked at again. */
static void
mark_all_dirty(struct overlay *ov, struct live_segment *ls)
{
    const struct group_segment *known;
    struct live_group *live;

    known = memberships_find_segment(ov->memberships, ls->segment->id);
    if (known) {
        const struct multicast_group *group;

        HMAP_FOR_EACH (group, node, &known->groups) {
            mark_group_dirty(ov, ls, &group->group);
        }
    }
    HMAP_FOR_EACH (live, node, &ls->groups) {
        mark_group_dirty(ov, ls, &live->group);
    }
}

void
overlay_snooped_changed(struct overlay *ov, struct live_segment *ls,
                        bool other)
{
    bool snooped = ls->record && ls->record->snoop;

    if (!snooped) {
        memberships_forget_segment(ov->memberships, ls->segment->id);
    }
    if (other) {
        mark_all_dirty(ov, ls);
    }
    if (ov->sink->snooped) {
        ov->sink->snooped(ov->sink->aux, ls->segment, snooped);
    }
}

/* Records. */

/* The port of the endpoint if it is served here, in this segment, else 0. */
static uint32_t
find_member_port(const struct overlay *ov, const struct live_segment *ls,
                 const char *id)
{
    const struct endpoint_node *node = inventory_find_endpoint(ov->inventory,
                                                               id);
    const struct local *l = node ? overlay_find_local(ov, node) : NULL;

    return l && l->port && l->segment == ls ? l->ofport : 0;
}

/* Where the member is reached, else 0. */
static uint32_t
find_member_out(const struct overlay *ov, const struct live_segment *ls,
                const struct group_member *member)
{
    if (member->kind == MEMBER_ENDPOINT) {
        return find_member_port(ov, ls, member->id);
    }

    const struct link *link = find_peer_link(ov, ls, member->id);
    return link ? link->group : 0;
}

static void
put_outs(const struct overlay *ov, const struct live_segment *ls,
         const struct multicast_group *group, enum member_kind kind,
         uint32_t *outs, size_t *n)
{
    const struct membership *m;

    *n = 0;
    LIST_FOR_EACH (m, group_list, &group->memberships) {
        uint32_t out = (m->member->kind == kind
                        ? find_member_out(ov, ls, m->member) : 0);

        if (out) {
            outs[(*n)++] = out;
        }
    }
    qsort(outs, *n, sizeof *outs, overlay_compare_outs);
}

static struct multicast_record *
make_record(const struct overlay *ov, const struct live_group *live)
{
    const struct live_segment *ls = live->segment;
    const struct multicast_group *group = memberships_find_group(
        ov->memberships, ls->segment->id, &live->group);
    struct multicast_record *r;

    if (!group || !ls->record || !ls->record->snoop) {
        return NULL;
    }
    r = multicast_record_alloc(group->n[MEMBER_ENDPOINT],
                               group->n[MEMBER_PEER]);
    r->metadata = ls->record->metadata;
    r->group = live->group;
    put_outs(ov, ls, group, MEMBER_ENDPOINT, r->outs, &r->n_ports);
    put_outs(ov, ls, group, MEMBER_PEER, &r->outs[r->n_ports], &r->n_groups);
    r->n_groups = MIN(r->n_groups, MAX_COPIES);
    if (!r->n_ports && !r->n_groups) {
        free(r);
        return NULL;
    }
    return r;
}

static void
destroy_group(struct live_group *group)
{
    ovs_list_remove(&group->dirty_list);
    hmap_remove(&group->segment->groups, &group->node);
    free(group->record);
    free(group);
}

static void
tell_listeners(struct overlay *ov, const struct live_group *live,
               const struct multicast_record *new)
{
    bool before = live->record && live->record->n_ports;
    bool now = new && new->n_ports;

    if (before != now && ov->sink->listeners) {
        ov->sink->listeners(ov->sink->aux, live->segment->segment,
                            &live->group, now);
    }
}

void
overlay_run_multicast(struct overlay *ov)
{
    memberships_run(ov->memberships, ov->now);
    while (!ovs_list_is_empty(&ov->dirty_groups)) {
        struct live_group *group = CONTAINER_OF(
            ovs_list_pop_front(&ov->dirty_groups), struct live_group,
            dirty_list);
        struct multicast_record *new = make_record(ov, group);

        ovs_list_init(&group->dirty_list);
        if (!new || !group->record
            || !multicast_record_equals(group->record, new)) {
            overlay_tell_flows(ov, group_flows, group->record, new);
        }
        tell_listeners(ov, group, new);
        free(group->record);
        group->record = new;
        if (!new) {
            destroy_group(group);
        }
    }
}

void
overlay_destroy_groups(struct overlay *ov, struct live_segment *ls)
{
    struct live_group *group;

    HMAP_FOR_EACH_SAFE (group, node, &ls->groups) {
        overlay_tell_flows(ov, group_flows, group->record, NULL);
        tell_listeners(ov, group, NULL);
        destroy_group(group);
    }
    hmap_destroy(&ls->groups);
}

void
overlay_group_flows(const struct live_segment *ls, flow_cb *cb, void *aux)
{
    const struct live_group *group;

    HMAP_FOR_EACH (group, node, &ls->groups) {
        if (group->record) {
            multicast_record_flows(group->record, cb, aux);
        }
    }
}

/* For those who tell of it. */

struct memberships *
overlay_memberships(struct overlay *ov)
{
    return ov->memberships;
}

void
overlay_for_each_listened(const struct segment_node *segment,
                          overlay_listened_cb *cb, void *aux)
{
    const struct live_group *group;

    if (segment->live) {
        HMAP_FOR_EACH (group, node, &segment->live->groups) {
            if (group->record && group->record->n_ports) {
                cb(&group->group, aux);
            }
        }
    }
}
