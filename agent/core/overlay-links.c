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

/* How long a tunnel stays that was replaced by one of the same
 * encapsulation: long enough for the switch to have the group's new port.  A
 * tunnel of another encapsulation lingers, because the peer may not have
 * changed over yet. */
#define REPLACED_MS 2000

static void
tunnel_flows(const void *record, flow_cb *cb, void *aux)
{
    tunnel_record_flows(record, cb, aux);
}

static int
family_index(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip) ? 0 : 1;
}

/* Choosing. */

/* What a host offers, in its order of preference. */
struct offers {
    struct host_tunnel tunnels[OBJECT_MAX_TUNNELS];
    size_t n;
};

static void
offers_of_host(const struct overlay *ov, const struct host_node *host,
               struct offers *offers)
{
    const struct host_node *by;

    offers->n = 0;
    for (size_t i = 0; host->known && i < host->n_addresses; i++) {
        if (inventory_address_is_served(ov->inventory, &host->addresses[i],
                                        &by)) {
            offers->tunnels[offers->n++] = host->addresses[i].tunnel;
        }
    }
}

/* The peers go by what the inventory says of this host, so it does as well;
 * the settings serve where the inventory says nothing. */
static void
own_offers(const struct overlay *ov, struct offers *offers)
{
    const struct host_node *self = inventory_find_host(ov->inventory,
                                                       ov->host);

    if (self && self->known) {
        offers_of_host(ov, self, offers);
        return;
    }
    offers->n = 0;
    for (size_t i = 0; i < ov->settings.n_types; i++) {
        for (int family = 0; family < 2; family++) {
            if (ov->settings.has_local[family]) {
                offers->tunnels[offers->n++] = (struct host_tunnel) {
                    .type = ov->settings.types[i],
                    .ip = ov->settings.local[family],
                };
            }
        }
    }
}

static const struct host_tunnel *
find_offer(const struct offers *offers, enum encap type, int family,
           bool *has_type)
{
    for (size_t i = 0; i < offers->n; i++) {
        const struct host_tunnel *t = &offers->tunnels[i];

        if (t->type == type) {
            *has_type = true;
            if (family_index(&t->ip) == family) {
                return t;
            }
        }
    }
    return NULL;
}

/* Both ends must send to and listen on one UDP port (Open vSwitch has a single
 * dst_port for both): a port that is given goes before the default, and the
 * lower host id's before the other's. */
static uint16_t
choose_port(const struct host_tunnel *lower, const struct host_tunnel *higher)
{
    uint16_t port = lower->port ? lower->port : higher->port;

    return port == encap_default_port(lower->type) ? 0 : port;
}

/* Chooses the encapsulation and the addresses for the way to 'peer', alike on
 * both ends: the first in the lower host id's list that both offer in the same
 * address family, or among those of type 'forced' only. */
enum no_tunnel
overlay_choose_tunnel(const struct overlay *ov, const struct host_node *peer,
                      enum encap forced, uint32_t vni, struct tunnel_key *key)
{
    struct offers own, theirs;
    bool common_type = false;

    own_offers(ov, &own);
    offers_of_host(ov, peer, &theirs);
    if (!theirs.n) {
        return NO_PEER_ADDRESS;
    } else if (!own.n) {
        return NO_OWN_ADDRESS;
    }

    bool own_first = strcmp(ov->host, peer->id) < 0;
    const struct offers *first = own_first ? &own : &theirs;
    const struct offers *second = own_first ? &theirs : &own;
    for (size_t i = 0; i < first->n; i++) {
        const struct host_tunnel *a = &first->tunnels[i], *b;
        int family = family_index(&a->ip);

        if (forced != ENCAP_NONE && a->type != forced) {
            continue;
        }
        b = find_offer(second, a->type, family, &common_type);
        if (!b) {
            continue;
        }

        const struct host_tunnel *mine = own_first ? a : b;
        const struct host_tunnel *remote = own_first ? b : a;
        memset(key, 0, sizeof *key);
        key->type = a->type;
        key->vni = vni;
        key->dst_port = choose_port(a, b);
        key->remote_ip = remote->ip;
        key->local_ip = ov->settings.has_local[family]
                        ? ov->settings.local[family] : mine->ip;
        return ipv6_addr_equals(&key->local_ip, &key->remote_ip)
               ? NO_PEER_ADDRESS : TUNNEL_OK;
    }
    return common_type ? NO_COMMON_FAMILY : NO_COMMON_TYPE;
}

/* Tunnels. */

static struct tunnel *
find_tunnel(const struct overlay *ov, const struct tunnel_key *key)
{
    struct tunnel *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, tunnel_key_hash(key, 0), &ov->tunnels) {
        if (tunnel_key_equals(&t->key, key)) {
            return t;
        }
    }
    return NULL;
}

static void
mark_tunnel_dirty(struct overlay *ov, struct tunnel *t)
{
    if (ovs_list_is_empty(&t->dirty_list)) {
        ovs_list_push_back(&ov->dirty_tunnels, &t->dirty_list);
    }
}

static void
mark_link_dirty(struct overlay *ov, struct link *link)
{
    if (ovs_list_is_empty(&link->dirty_list)) {
        ovs_list_push_back(&ov->dirty_links, &link->dirty_list);
    }
}

static struct tunnel *
get_tunnel(struct overlay *ov, const struct tunnel_key *key)
{
    struct tunnel *t = find_tunnel(ov, key);

    if (!t) {
        t = xzalloc(sizeof *t);
        t->key = *key;
        ovs_list_init(&t->links);
        ovs_list_init(&t->old_links);
        ovs_list_init(&t->dirty_list);
        ovs_list_push_back(&ov->idle_tunnels, &t->idle_list);
        hmap_insert(&ov->tunnels, &t->node, tunnel_key_hash(key, 0));
    }
    return t;
}

static void
ref_tunnel(struct overlay *ov, struct tunnel *t)
{
    if (!t->n_refs++) {
        ovs_list_remove(&t->idle_list);
        ovs_list_init(&t->idle_list);
        t->expires = LLONG_MAX;
        mark_tunnel_dirty(ov, t);
    }
}

/* 'keep' is how long the tunnel stays if nobody else holds it, in ms. */
static void
unref_tunnel(struct overlay *ov, struct tunnel *t, long long int keep)
{
    ovs_assert(t->n_refs);
    mark_tunnel_dirty(ov, t);
    if (!--t->n_refs) {
        t->expires = ov->now + keep;
        ovs_list_push_back(&ov->idle_tunnels, &t->idle_list);
    }
}

static void
forget_told(struct tunnel *t)
{
    free(CONST_CAST(char *, t->told.peer));
    free(CONST_CAST(char *, t->told.segment));
    memset(&t->told, 0, sizeof t->told);
    t->wanted = false;
}

static void
forget_port(struct tunnel *t)
{
    free(t->name);
    free(t->peer);
    free(t->segment);
    free(t->error);
    free(t->bfd_state);
    t->name = t->peer = t->segment = t->error = t->bfd_state = NULL;
    t->group = t->ofport = t->ofport_request = 0;
}

static void
destroy_tunnel(struct overlay *ov, struct tunnel *t)
{
    forget_told(t);
    forget_port(t);
    ovs_list_remove(&t->idle_list);
    ovs_list_remove(&t->dirty_list);
    hmap_remove(&ov->tunnels, &t->node);
    free(t);
}

/* Which link's labels a tunnel port carries: one that is used goes before one
 * that is not, then the lower peer id, then the lower code of forced
 * encapsulation. */
static const struct link *
label_link(const struct tunnel *t)
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
static void
tell_tunnel(struct overlay *ov, struct tunnel *t)
{
    const struct link *label = label_link(t);

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
            forget_told(t);
            t->told = spec;
            t->told.peer = xstrdup(spec.peer);
            t->told.segment = nullable_xstrdup(spec.segment);
            t->wanted = true;
            ov->sink->tunnel_wanted(ov->sink->aux, &spec);
        }
    }
}

/* Tells the sink the flows that classify what comes in through the port.
 * They are there before the port is, under the number that was asked for: as
 * soon as there is a port with a segment's own key, Open vSwitch takes packets
 * from the port that was there before to that one. */
static void
tell_tunnel_flows(struct overlay *ov, struct tunnel *t)
{
    const struct link *label = label_link(t);
    struct tunnel_record record = {
        .ofport = t->leaving ? 0 : t->ofport ? t->ofport : t->ofport_request,
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
    t->record = record;
}

/* Links. */

static struct link *
find_link(const struct overlay *ov, const struct host_node *peer,
          enum encap forced, const struct segment_node *segment, uint32_t vni)
{
    struct link *link;

    HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(peer, 0), &ov->links) {
        if (link->peer == peer && link->segment == segment
            && link->forced == forced && link->vni == vni) {
            return link;
        }
    }
    return NULL;
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
    return false;
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
        const struct tunnel *t = find_tunnel(ov, &key);

        if (t && t->group && t->peer && !strcmp(t->peer, link->peer->id)
            && !group_is_used(ov, t->group)) {
            id_pool_add(ov->groups, t->group);
            return t->group;
        }
    }
    if (!id_pool_alloc_id(ov->groups, &group)) {
        OVS_NOT_REACHED();      /* There are 2^31 of them. */
    }
    return group;
}

static void
set_wanted_tunnel(struct overlay *ov, struct link *link, struct tunnel *t)
{
    if (link->tunnel == t) {
        return;
    }
    if (t) {
        ref_tunnel(ov, t);
    }
    if (link->tunnel) {
        ovs_list_remove(&link->tunnel_list);
        if (!link->old && t) {
            link->old = link->tunnel;
            ovs_list_push_back(&link->old->old_links, &link->old_list);
            mark_tunnel_dirty(ov, link->old);
        } else {
            unref_tunnel(ov, link->tunnel, ov->settings.linger);
        }
    }
    link->tunnel = t;
    ovs_list_init(&link->tunnel_list);
    if (t) {
        struct link *other;

        /* The label may be this link's now, and whoever leaves it may have to
         * hurry. */
        ovs_list_push_back(&t->links, &link->tunnel_list);
        mark_tunnel_dirty(ov, t);
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
        bool replaced = link->tunnel && link->tunnel->key.type == old->key.type;

        ovs_list_remove(&link->old_list);
        link->old = NULL;
        unref_tunnel(ov, old, replaced ? MIN(REPLACED_MS, ov->settings.linger)
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
        return get_tunnel(ov, &key);
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
    overlay_report_link(ov, link, false);
}

struct link *
overlay_ref_link(struct overlay *ov, struct host_node *peer,
                 struct segment_node *segment)
{
    bool segment_key = ov->settings.segment_key;
    enum encap forced = segment->object.encap;
    uint32_t vni = segment_key ? segment->object.vni : 0;
    struct link *link = find_link(ov, peer, forced,
                                  segment_key ? segment : NULL, vni);

    if (!link) {
        link = xzalloc(sizeof *link);
        link->peer = inventory_ref_host(ov->inventory, peer->id);
        link->forced = forced;
        if (segment_key) {
            link->segment = inventory_ref_segment(ov->inventory, segment->id);
            link->vni = vni;
            link->metadata = segment_metadata(vni, forced);
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
            mark_tunnel_dirty(ov, link->tunnel);
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
            mark_tunnel_dirty(ov, link->tunnel);
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
        unref_tunnel(ov, t, 0);
    }
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
        mark_tunnel_dirty(ov, t);
    }
}

void
overlay_tunnel_port_changed(struct overlay *ov, const struct tunnel_port *old,
                            const struct tunnel_port *new)
{
    if (old && (!new || !tunnel_key_equals(&old->key, &new->key))) {
        struct tunnel *t = find_tunnel(ov, &old->key);

        /* Another row with the same key may have taken its place. */
        if (t && t->name && !strcmp(t->name, old->name)) {
            forget_port(t);
            mark_tunnel_dirty(ov, t);
        }
    }
    if (new) {
        struct tunnel *t = get_tunnel(ov, &new->key);

        forget_port(t);
        t->name = xstrdup(new->name);
        t->peer = nullable_xstrdup(new->peer);
        t->segment = nullable_xstrdup(new->segment);
        t->group = new->group;
        t->ofport = new->ofport;
        t->ofport_request = new->ofport_request;
        t->error = nullable_xstrdup(new->error);
        t->bfd_state = nullable_xstrdup(new->bfd_state);
        mark_tunnel_dirty(ov, t);
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
        tell_tunnel(ov, t);
        tell_tunnel_flows(ov, t);
        if (!t->n_refs && !t->name && t->leaving) {
            destroy_tunnel(ov, t);
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
            if (!ov->settled) {
                continue;
            }
            t->expires = ov->now + ov->settings.linger;
        }
        if (ov->now >= t->expires && !t->leaving) {
            t->leaving = true;
            t->expires = LLONG_MAX;
            forget_told(t);
            ov->sink->tunnel_unwanted(ov->sink->aux, &t->key);
            mark_tunnel_dirty(ov, t);
        }
    }
}

long long int
overlay_next_time(const struct overlay *ov)
{
    long long int next = LLONG_MAX;

    const struct link *link;
    LIST_FOR_EACH (link, idle_list, &ov->idle_links) {
        next = MIN(next, link->expires);
    }
    const struct tunnel *t;
    LIST_FOR_EACH (t, idle_list, &ov->idle_tunnels) {
        next = MIN(next, t->expires);
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
    struct tunnel *t;
    HMAP_FOR_EACH_SAFE (t, node, &ov->tunnels) {
        destroy_tunnel(ov, t);
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

void
overlay_for_each_tunnel(const struct overlay *ov, overlay_tunnel_cb *cb,
                        void *aux)
{
    const struct tunnel *t;

    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        const struct link *label = label_link(t), *link;
        struct overlay_tunnel info = {
            .key = t->key,
            .peer = label ? label->peer->id : t->peer ? t->peer : "",
            .segment = label ? (label->segment ? label->segment->id : NULL)
                             : t->segment,
            .group = label ? label->group : t->group,
            .name = t->name,
            .ofport = t->ofport,
            .error = t->error,
            .bfd_state = t->bfd_state,
            .expires = t->expires,
        };

        LIST_FOR_EACH (link, tunnel_list, &t->links) {
            info.n_users += link->n_users;
            if (!link->n_users) {
                info.expires = MIN(info.expires, link->expires);
            }
        }
        if (info.n_users) {
            info.expires = LLONG_MAX;
        }
        cb(&info, aux);
    }
}
