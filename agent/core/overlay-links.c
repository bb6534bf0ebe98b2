/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "id-pool.h"
#include "packets.h"
#include "util.h"

/* Links and tunnels.
 *
 *     endpoint records ──n_users──> link ──tunnel──> tunnel ──> port
 *                                    └────old──────> tunnel ──> port
 *
 * A link without users is idle: it goes when its time is over, and with it
 * its group and its hold on the tunnel.  A tunnel without holds is idle too:
 * either it was replaced, then it goes soon, or its row was found when vtepd
 * started, then it lingers like a link. */

/* Links. */

static void
mark_link_dirty(struct overlay *ov, struct link *link)
{
    if (ovs_list_is_empty(&link->dirty_list)) {
        ovs_list_push_back(&ov->dirty_links, &link->dirty_list);
    }
}

/* In flow mode a link is for all segments that are forced to one encapsulation
 * (or to none), in segment mode for one segment. */
struct link *
overlay_find_link(const struct overlay *ov, const struct host_node *peer,
                  const struct segment_node *segment)
{
    bool segment_key = ov->settings.segment_key;
    uint32_t vni = segment_key ? segment->object.vni : 0;
    struct link *link;

    HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(peer, 0), &ov->links) {
        if (link->peer == peer && link->vni == vni
            && link->segment == (segment_key ? segment : NULL)
            && link->forced == segment->object.encap) {
            return link;
        }
    }
    return NULL;
}

/* The number for a new link's group: the one on the row of its tunnel port,
 * left there before a restart, or else the lowest that is free. */
static uint32_t
allocate_group(struct overlay *ov, const struct link *link)
{
    struct tunnel_key key;
    uint32_t group;

    if (overlay_choose_tunnel(ov, link->peer, link->forced, link->vni, &key)
        == TUNNEL_OK) {
        struct tunnel *t = overlay_find_tunnel(ov, &key);

        if (t && t->reserves && !strcmp(t->peer, link->peer->id)) {
            t->reserves = false;
            return t->group;
        }
    }
    if (!id_pool_alloc_id(ov->groups, &group)) {
        OVS_NOT_REACHED();      /* There are 2^31 of them. */
    }
    return group;
}

/* Do packets of one size fit through both? */
static bool
carry_the_same(const struct tunnel *a, const struct tunnel *b)
{
    return (a && b && a->key.type == b->key.type
            && tunnel_key_is_ipv6(&a->key) == tunnel_key_is_ipv6(&b->key));
}

static void
set_wanted_tunnel(struct overlay *ov, struct link *link, struct tunnel *t)
{
    if (link->tunnel == t) {
        return;
    }
    if (!carry_the_same(link->tunnel, t)) {
        overlay_check_mtus(ov, link);
    }
    if (t) {
        overlay_ref_tunnel(ov, t);
    }
    if (link->tunnel) {
        ovs_list_remove(&link->tunnel_list);
        if (!link->old && t) {
            link->old = link->tunnel;
            ovs_list_push_back(&link->old->old_links, &link->old_list);
            overlay_mark_tunnel_dirty(ov, link->old);
        } else {
            overlay_unref_tunnel(ov, link->tunnel, ov->settings.linger);
        }
    }
    link->tunnel = t;
    ovs_list_init(&link->tunnel_list);
    if (t) {
        struct link *other;

        /* The label may be this link's now, and whoever leaves it may have to
         * hurry. */
        ovs_list_push_back(&t->links, &link->tunnel_list);
        overlay_mark_tunnel_dirty(ov, t);
        LIST_FOR_EACH (other, old_list, &t->old_links) {
            mark_link_dirty(ov, other);
        }
    }
}

static void
drop_old_tunnel(struct overlay *ov, struct link *link)
{
    struct tunnel *old = link->old;

    if (old) {
        bool replaced = link->tunnel
                        && link->tunnel->key.type == old->key.type;

        ovs_list_remove(&link->old_list);
        link->old = NULL;
        overlay_unref_tunnel(ov, old,
                             replaced ? MIN(REPLACED_MS, ov->settings.linger)
                                      : ov->settings.linger);
    }
}

/* Is 'old' now the way to someone else? */
static bool
is_taken_over(const struct link *link, const struct tunnel *old)
{
    const struct link *other;

    LIST_FOR_EACH (other, tunnel_list, &old->links) {
        if (other->peer != link->peer) {
            return true;
        }
    }
    return false;
}

static bool
anyone_waits(const struct overlay *ov, const struct host_node *peer)
{
    const struct link *link;

    HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(peer, 0), &ov->links) {
        if (link->peer == peer && link->n_waiting) {
            return true;
        }
    }
    return false;
}

/* Endpoints stay with one link to a peer while another leads nowhere yet.
 * They may have to change over when either leads elsewhere. */
static void
touch_waiting_endpoints(struct overlay *ov, const struct host_node *peer)
{
    if (anyone_waits(ov, peer)) {
        struct endpoint *e;

        LIST_FOR_EACH (e, host_list, &peer->endpoints) {
            inventory_touch_endpoint(ov->inventory, e->node);
        }
    }
}

/* The tunnel that 'link' should use.  An idle link may keep the one that it
 * has, but gets no other. */
static struct tunnel *
want_tunnel(struct overlay *ov, const struct link *link)
{
    struct tunnel_key key;

    if (overlay_choose_tunnel(ov, link->peer, link->forced, link->vni, &key)
        != TUNNEL_OK) {
        return NULL;
    } else if (link->n_users) {
        return overlay_get_tunnel(ov, &key);
    }
    return link->tunnel && tunnel_key_equals(&link->tunnel->key, &key)
           ? link->tunnel : NULL;
}

/* Looks again which tunnel 'link' should use and where its group leads. */
static void
update_link(struct overlay *ov, struct link *link)
{
    set_wanted_tunnel(ov, link, want_tunnel(ov, link));
    if (link->old && (!link->tunnel || link->old == link->tunnel
                      || link->tunnel->ofport
                      || is_taken_over(link, link->old))) {
        drop_old_tunnel(ov, link);
    }

    const struct tunnel *active = link->old ? link->old : link->tunnel;
    uint32_t ofport = active ? active->ofport : 0;
    if (link->ofport != ofport) {
        link->ofport = ofport;
        ov->sink->group(ov->sink->aux, link->group, ofport);
        touch_waiting_endpoints(ov, link->peer);
    }
    overlay_update_pending(ov, link);
    overlay_report_link(ov, link, false);
}

struct link *
overlay_ref_link(struct overlay *ov, struct host_node *peer,
                 struct segment_node *segment)
{
    struct link *link = overlay_find_link(ov, peer, segment);

    if (!link) {
        link = xzalloc(sizeof *link);
        link->peer = inventory_ref_host(ov->inventory, peer->id);
        link->forced = segment->object.encap;
        if (ov->settings.segment_key) {
            link->segment = inventory_ref_segment(ov->inventory, segment->id);
            link->vni = segment->object.vni;
            link->metadata = segment_metadata(link->vni, link->forced);
        }
        ovs_list_init(&link->dirty_list);
        ovs_list_init(&link->idle_list);
        ovs_list_init(&link->tunnel_list);
        link->group = allocate_group(ov, link);
        hmap_insert(&ov->links, &link->node, hash_pointer(peer, 0));
        ov->counts.n_groups++;
        ov->sink->group(ov->sink->aux, link->group, 0);
    }
    if (!link->n_users++) {
        ovs_list_remove(&link->idle_list);
        ovs_list_init(&link->idle_list);
        link->expires = LLONG_MAX;
        mark_link_dirty(ov, link);
        if (link->tunnel) {
            overlay_mark_tunnel_dirty(ov, link->tunnel);
        }
    }
    return link;
}

void
overlay_unref_link(struct overlay *ov, struct link *link)
{
    ovs_assert(link->n_users);
    if (!--link->n_users) {
        link->expires = ov->now + ov->settings.linger;
        ovs_list_push_back(&ov->idle_links, &link->idle_list);
        mark_link_dirty(ov, link);
        if (link->tunnel) {
            overlay_mark_tunnel_dirty(ov, link->tunnel);
        }
    }
}

static void
destroy_link(struct overlay *ov, struct link *link)
{
    overlay_report_link(ov, link, true);
    drop_old_tunnel(ov, link);
    if (link->tunnel) {
        struct tunnel *t = link->tunnel;

        ovs_list_remove(&link->tunnel_list);
        link->tunnel = NULL;
        overlay_unref_tunnel(ov, t, 0);
    }
    ov->n_pending_links -= link->pending;
    ov->sink->group_deleted(ov->sink->aux, link->group);
    id_pool_free_id(ov->groups, link->group);
    ov->counts.n_groups--;
    ovs_list_remove(&link->dirty_list);
    ovs_list_remove(&link->idle_list);
    hmap_remove(&ov->links, &link->node);
    inventory_unref_host(ov->inventory, link->peer);
    if (link->segment) {
        inventory_unref_segment(ov->inventory, link->segment);
    }
    free(link);
}

/* What happens. */

void
overlay_host_touched(struct overlay *ov, struct host_node *host)
{
    struct link *link;

    if (!strcmp(host->id, ov->host)) {
        overlay_touch_all_links(ov);
        return;
    }
    HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(host, 0), &ov->links) {
        if (link->peer == host) {
            mark_link_dirty(ov, link);
        }
    }
}

void
overlay_touch_all_links(struct overlay *ov)
{
    struct link *link;
    HMAP_FOR_EACH (link, node, &ov->links) {
        mark_link_dirty(ov, link);
    }

    struct tunnel *t;
    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        overlay_mark_tunnel_dirty(ov, t);
    }
}

/* A link's tunnel port has changed: its group may lead elsewhere now. */
static void
mark_links_of_tunnel_dirty(struct overlay *ov, const struct tunnel *t)
{
    struct link *link;

    LIST_FOR_EACH (link, tunnel_list, &t->links) {
        mark_link_dirty(ov, link);
    }
    LIST_FOR_EACH (link, old_list, &t->old_links) {
        mark_link_dirty(ov, link);
    }
}

void
overlay_run_links(struct overlay *ov)
{
    struct tunnel *t;
    LIST_FOR_EACH (t, dirty_list, &ov->dirty_tunnels) {
        mark_links_of_tunnel_dirty(ov, t);
    }

    while (!ovs_list_is_empty(&ov->dirty_links)) {
        struct link *link = CONTAINER_OF(ovs_list_pop_front(&ov->dirty_links),
                                         struct link, dirty_list);
        ovs_list_init(&link->dirty_list);
        update_link(ov, link);
    }

    while (!ovs_list_is_empty(&ov->dirty_tunnels)) {
        t = CONTAINER_OF(ovs_list_pop_front(&ov->dirty_tunnels),
                         struct tunnel, dirty_list);
        ovs_list_init(&t->dirty_list);
        if (t->n_refs) {
            t->leaving = false;
        }
        if (!t->n_refs && !t->name && !t->wanted) {
            t->leaving = true;
        }
        overlay_tell_tunnel(ov, t);
        overlay_tell_tunnel_flows(ov, t);
        if (!t->n_refs && !t->name && t->leaving && !t->ofport_request) {
            overlay_destroy_tunnel(ov, t);
        }
    }
}

/* Lets go of what is idle and whose time is over. */
void
overlay_run_expiry(struct overlay *ov)
{
    struct link *link;
    LIST_FOR_EACH_SAFE (link, idle_list, &ov->idle_links) {
        if (ov->now >= link->expires) {
            destroy_link(ov, link);
        }
    }

    struct tunnel *t;
    LIST_FOR_EACH (t, idle_list, &ov->idle_tunnels) {
        if (!t->expires) {
            /* Its row was found.  Whether it is needed is known only once
             * everything was looked at (R41). */
            if (!ov->settled || ov->provisional) {
                continue;
            }
            t->expires = ov->now + ov->settings.linger;
        }
        if (ov->now < t->expires) {
            continue;
        }
        t->expires = LLONG_MAX;
        if (!t->leaving) {
            t->leaving = true;
            overlay_tunnel_forget_told(t);
            ov->sink->tunnel_unwanted(ov->sink->aux, &t->key);
            overlay_mark_tunnel_dirty(ov, t);
        }
        if (!t->name) {
            overlay_drop_number(ov, t);
        }
    }
}

long long int
overlay_next_time(const struct overlay *ov)
{
    long long int next = memberships_next_time(ov->memberships);

    const struct link *link;
    LIST_FOR_EACH (link, idle_list, &ov->idle_links) {
        next = MIN(next, link->expires);
    }
    const struct tunnel *t;
    LIST_FOR_EACH (t, idle_list, &ov->idle_tunnels) {
        if (t->expires || !ov->provisional) {
            next = MIN(next, t->expires);
        }
    }
    return next;
}

void
overlay_destroy_links(struct overlay *ov)
{
    struct link *link;
    HMAP_FOR_EACH_SAFE (link, node, &ov->links) {
        destroy_link(ov, link);
    }
    ovs_assert(!ov->n_pending_links);

    struct tunnel *t;
    HMAP_FOR_EACH_SAFE (t, node, &ov->tunnels) {
        overlay_destroy_tunnel(ov, t);
    }
}

void
overlay_for_each_group(const struct overlay *ov, overlay_group_cb *cb,
                       void *aux)
{
    const struct link *link;

    HMAP_FOR_EACH (link, node, &ov->links) {
        cb(link->group, link->ofport, aux);
    }
}
