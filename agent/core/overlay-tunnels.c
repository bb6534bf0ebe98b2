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

/* Tunnels: what is wanted of each port, what OVSDB has of it, and the flows
 * that classify what comes in through it. */

static void
tunnel_flows(const void *record, flow_cb *cb, void *aux)
{
    tunnel_record_flows(record, cb, aux);
}

struct tunnel *
overlay_find_tunnel(const struct overlay *ov, const struct tunnel_key *key)
{
    struct tunnel *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, tunnel_key_hash(key, 0), &ov->tunnels) {
        if (tunnel_key_equals(&t->key, key)) {
            return t;
        }
    }
    return NULL;
}

void
overlay_mark_tunnel_dirty(struct overlay *ov, struct tunnel *t)
{
    if (ovs_list_is_empty(&t->dirty_list)) {
        ovs_list_push_back(&ov->dirty_tunnels, &t->dirty_list);
    }
}

struct tunnel *
overlay_get_tunnel(struct overlay *ov, const struct tunnel_key *key)
{
    struct tunnel *t = overlay_find_tunnel(ov, key);

    if (!t) {
        t = xzalloc(sizeof *t);
        t->key = *key;
        ovs_list_init(&t->links);
        ovs_list_init(&t->old_links);
        ovs_list_init(&t->dirty_list);
        ovs_list_init(&t->numbered_list);
        ovs_list_push_back(&ov->idle_tunnels, &t->idle_list);
        hmap_insert(&ov->tunnels, &t->node, tunnel_key_hash(key, 0));
    }
    return t;
}

void
overlay_ref_tunnel(struct overlay *ov, struct tunnel *t)
{
    if (!t->n_refs++) {
        ovs_list_remove(&t->idle_list);
        ovs_list_init(&t->idle_list);
        t->expires = LLONG_MAX;
        overlay_mark_tunnel_dirty(ov, t);
    }
}

/* 'keep' is how long the tunnel stays if nobody else holds it, in ms. */
void
overlay_unref_tunnel(struct overlay *ov, struct tunnel *t, long long int keep)
{
    ovs_assert(t->n_refs);
    overlay_mark_tunnel_dirty(ov, t);
    if (!--t->n_refs) {
        t->expires = ov->now + keep;
        ovs_list_push_back(&ov->idle_tunnels, &t->idle_list);
    }
}

void
overlay_tunnel_forget_told(struct tunnel *t)
{
    free(CONST_CAST(char *, t->told.peer));
    free(CONST_CAST(char *, t->told.segment));
    memset(&t->told, 0, sizeof t->told);
    t->wanted = false;
}

static void
forget_port(struct overlay *ov, struct tunnel *t)
{
    if (t->reserves) {
        id_pool_free_id(ov->groups, t->group);
        t->reserves = false;
    }
    free(t->name);
    free(t->peer);
    free(t->segment);
    free(t->error);
    t->name = t->peer = t->segment = t->error = NULL;
    t->group = t->ofport = t->ofport_request = 0;
    ovs_list_remove(&t->numbered_list);
    ovs_list_init(&t->numbered_list);
}

void
overlay_destroy_tunnel(struct overlay *ov, struct tunnel *t)
{
    if (t->record.ofport) {
        overlay_unindex_tunnel(ov, t);
    }
    overlay_tunnel_forget_told(t);
    forget_port(ov, t);
    ovs_list_remove(&t->idle_list);
    ovs_list_remove(&t->dirty_list);
    hmap_remove(&ov->tunnels, &t->node);
    free(t);
}

/* Which link's labels a tunnel port carries: one that is used goes before one
 * that is not, then the lower peer id, then the lower code of forced
 * encapsulation. */
const struct link *
overlay_label_link(const struct tunnel *t)
{
    const struct link *best = NULL, *link;

    LIST_FOR_EACH (link, tunnel_list, &t->links) {
        if (best) {
            int cmp = !link->n_users - !best->n_users;

            cmp = cmp ? cmp : strcmp(link->peer->id, best->peer->id);
            cmp = cmp ? cmp : (int) link->forced - (int) best->forced;
            if (cmp >= 0) {
                continue;
            }
        }
        best = link;
    }
    return best;
}

/* Tells the sink how the tunnel's port should be, if that has changed. */
void
overlay_tell_tunnel(struct overlay *ov, struct tunnel *t)
{
    const struct link *label = overlay_label_link(t);

    if (label) {
        const char *segment = label->segment ? label->segment->id : NULL;
        struct tunnel_spec spec = {
            .key = t->key,
            .peer = label->peer->id,
            .segment = segment,
            .group = label->group,
            .bfd = ov->settings.bfd,
        };

        if (!t->wanted || strcmp(t->told.peer, spec.peer)
            || !nullable_string_is_equal(t->told.segment, spec.segment)
            || t->told.group != spec.group || t->told.bfd != spec.bfd) {
            overlay_tunnel_forget_told(t);
            t->told = spec;
            t->told.peer = xstrdup(spec.peer);
            t->told.segment = nullable_xstrdup(spec.segment);
            t->wanted = true;
            ov->sink->tunnel_wanted(ov->sink->aux, &spec);
        }
    }
}

/* Tells the sink the flows that classify what comes in through the port.
 * They are there before the port is, under the number that was asked for, and
 * stay a while when its row is gone: as long as there is a port with a
 * segment's own key, Open vSwitch takes packets to that one rather than to the
 * port that was, or will be, there besides. */
void
overlay_tell_tunnel_flows(struct overlay *ov, struct tunnel *t)
{
    const struct link *label = overlay_label_link(t);
    struct tunnel_record record = {
        .ofport = t->ofport ? t->ofport : t->ofport_request,
        .type = t->key.type,
        .metadata = label ? label->metadata : t->record.metadata,
    };

    if (t->key.vni && !record.metadata) {
        record.ofport = 0;      /* Found at start, of no known segment. */
    }
    if (record.ofport == t->record.ofport
        && record.metadata == t->record.metadata) {
        return;
    }
    overlay_tell_flows(ov, tunnel_flows,
                       t->record.ofport ? &t->record : NULL,
                       record.ofport ? &record : NULL);
    if (t->record.ofport) {
        overlay_unindex_tunnel(ov, t);
    }
    t->record = record;
    if (t->record.ofport) {
        overlay_index_tunnel(ov, t);
    }
}

static bool
group_is_used(const struct overlay *ov, uint32_t group)
{
    const struct link *link;
    HMAP_FOR_EACH (link, node, &ov->links) {
        if (link->group == group) {
            return true;
        }
    }
    const struct tunnel *t;
    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        if (t->reserves && t->group == group) {
            return true;
        }
    }
    return false;
}

/* The number on a row that was found is kept for the link that will lead
 * there, so that the flows that name it can stay as they are. */
static void
reserve_group(struct overlay *ov, struct tunnel *t)
{
    if (ovs_list_is_empty(&t->links) && t->peer
        && t->group && t->group <= MAX_GROUP && !group_is_used(ov, t->group)) {
        id_pool_add(ov->groups, t->group);
        t->reserves = true;
    }
}

/* The tunnel has a number, though no row. */
static void
hold_number(struct overlay *ov, struct tunnel *t, uint32_t ofport)
{
    t->ofport_request = ofport;
    ovs_list_push_back(&ov->numbered_tunnels, &t->numbered_list);
}

void
overlay_drop_number(struct overlay *ov, struct tunnel *t)
{
    forget_port(ov, t);
    overlay_mark_tunnel_dirty(ov, t);
}

void
overlay_take_number(struct overlay *ov, uint32_t ofport)
{
    struct tunnel *t;

    LIST_FOR_EACH_SAFE (t, numbered_list, &ov->numbered_tunnels) {
        if (t->ofport_request == ofport) {
            overlay_drop_number(ov, t);
        }
    }
}

void
overlay_tunnel_port_changed(struct overlay *ov, const struct tunnel_port *old,
                            const struct tunnel_port *new)
{
    if (old && (!new || !tunnel_key_equals(&old->key, &new->key))) {
        struct tunnel *t = overlay_find_tunnel(ov, &old->key);

        /* Another row with the same key may have taken its place. */
        if (t && t->name && !strcmp(t->name, old->name)) {
            uint32_t ofport = t->ofport;

            forget_port(ov, t);
            if (t->leaving && t->key.vni && ofport) {
                hold_number(ov, t, ofport);
                t->expires = ov->now + REPLACED_MS;
            }
            overlay_mark_tunnel_dirty(ov, t);
        }
    }
    if (new) {
        struct tunnel *t = overlay_get_tunnel(ov, &new->key);

        forget_port(ov, t);
        overlay_take_number(ov, (new->ofport ? new->ofport
                                 : new->ofport_request));
        t->name = xstrdup(new->name);
        t->peer = nullable_xstrdup(new->peer);
        t->segment = nullable_xstrdup(new->segment);
        t->group = new->group;
        t->ofport = new->ofport;
        t->ofport_request = new->ofport_request;
        t->error = nullable_xstrdup(new->error);
        reserve_group(ov, t);
        overlay_mark_tunnel_dirty(ov, t);
    }
}

/* Only ports with a segment's own key take packets from another port. */
void
overlay_tunnel_number_chosen(struct overlay *ov, const struct tunnel_key *key,
                             uint32_t ofport_request)
{
    struct tunnel *t = key->vni ? overlay_find_tunnel(ov, key) : NULL;

    if (t && !t->name) {
        overlay_take_number(ov, ofport_request);
        forget_port(ov, t);
        hold_number(ov, t, ofport_request);
        overlay_mark_tunnel_dirty(ov, t);
    }
}

void
overlay_describe_tunnel(const struct tunnel *t, struct overlay_tunnel *info)
{
    const struct link *label = overlay_label_link(t), *link;

    *info = (struct overlay_tunnel) {
        .key = t->key,
        .peer = label ? label->peer->id : t->peer ? t->peer : "",
        .segment = label ? (label->segment ? label->segment->id : NULL)
                         : t->segment,
        .group = label ? label->group : t->group,
        .name = t->name,
        .ofport = t->ofport,
        .error = t->error,
        .expires = t->expires,
    };
    LIST_FOR_EACH (link, tunnel_list, &t->links) {
        info->n_users += link->n_users;
        if (!link->n_users) {
            info->expires = MIN(info->expires, link->expires);
        }
    }
    if (info->n_users) {
        info->expires = LLONG_MAX;
    }
}

void
overlay_for_each_tunnel(const struct overlay *ov, overlay_tunnel_cb *cb,
                        void *aux)
{
    const struct tunnel *t;

    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        struct overlay_tunnel info;

        if (t->leaving && !t->name) {
            continue;           /* Only its number is kept. */
        }
        overlay_describe_tunnel(t, &info);
        cb(&info, aux);
    }
}
