/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "core/endpoint-services.h"
#include "hash.h"
#include "packets.h"
#include "util.h"

/* Endpoints: what record one should have, and making it so. */

static void
endpoint_flows(const void *record, flow_cb *cb, void *aux)
{
    endpoint_record_flows(record, cb, aux);
}

static bool
is_self(const struct overlay *ov, const struct host_node *host)
{
    return !strcmp(host->id, ov->host);
}

/* May the VM behind 'e' announce addresses that are not its own? */
static bool
endpoint_is_loose(const struct endpoint *e)
{
    if (!e->port_security) {
        return true;
    }
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind == CLAIM_PAIR) {
            return true;
        }
    }
    return false;
}

/* May the endpoint send from the address that it claims? */
static bool
claim_is_source(const struct claim *c, enum claim_standing standing)
{
    return standing == CLAIM_HELD || c->kind == CLAIM_PAIR;
}

static bool
has_address(const struct endpoint_record *r,
            const struct endpoint_address *other)
{
    for (size_t i = 0; i < r->n_addresses; i++) {
        const struct endpoint_address *a = &r->addresses[i];

        if (a->plen == other->plen && eth_addr_equals(a->mac, other->mac)
            && ipv6_addr_equals(&a->ip, &other->ip)) {
            return true;
        }
    }
    return false;
}

/* Adds the link-local address that follows from the MAC to a local record, if
 * it is no claim already: it may be sent from, though nobody answers for it
 * where the endpoint has no other IPv6 address. */
static void
add_link_local(struct endpoint_record *r, const struct endpoint *e)
{
    struct endpoint_address own = {
        .mac = e->mac, .plen = 128, .source = true,
    };

    in6_generate_lla(e->mac, &own.ip);
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind != CLAIM_PAIR
            && ipv6_addr_equals(&e->claims[i].ip, &own.ip)) {
            return;
        }
    }
    if (!has_address(r, &own)) {
        r->addresses[r->n_addresses++] = own;
    }
}

/* Does a MAC from 'allowed_pairs' lead to its endpoint?  One that is shared is
 * where the holder is of the address that was announced with it. */
static bool
leads_to(const struct overlay *ov, const struct pair_mac *pm,
         enum endpoint_place place)
{
    switch (inventory_pair_mac_standing(ov->inventory, pm)) {
    case PAIR_MAC_HELD:
        return true;
    case PAIR_MAC_SHARED:
        return place != PLACE_ABSENT && overlay_is_at_mac(ov, pm);
    case PAIR_MAC_TAKEN:
    default:
        return false;
    }
}

static struct endpoint_record *
make_record(const struct overlay *ov, const struct endpoint *e,
            enum endpoint_place place, uint32_t out, bool guard_garp)
{
    struct endpoint_record *r = endpoint_record_alloc(e->n_claims + 1,
                                                      e->n_pair_macs);
    bool local = place == PLACE_LOCAL;

    r->metadata = segment_metadata(e->segment->object.vni,
                                   e->segment->object.encap);
    r->place = place;
    r->out = out;
    r->mac = e->mac;
    r->port_security = local && e->port_security;
    r->guard_garp = guard_garp;
    r->floods = e->segment->object.unknown_unicast == POLICY_REPLICATE;
    r->snoops = local && e->segment->object.multicast == POLICY_SNOOP;
    r->routed = inventory_segment_router(ov->inventory, e->segment) != NULL;
    r->services = local ? endpoint_services(ov->inventory, e) : 0;
    r->n_addresses = 0;
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;
        enum claim_standing standing
            = inventory_claim_standing(ov->inventory, c, &by);
        struct endpoint_address a = {
            .ip = c->ip, .mac = claim_mac(c), .plen = c->plen,
            .answered = standing == CLAIM_HELD,
            .source = r->port_security && claim_is_source(c, standing),
            .shared = standing == CLAIM_SHARED,
            .leads = standing == CLAIM_SHARED && !by,
        };

        if (a.shared && place != PLACE_ABSENT) {
            a.answered = overlay_holds(ov, c);
        }
        if ((a.answered || a.source || a.shared) && !has_address(r, &a)) {
            r->addresses[r->n_addresses++] = a;
        }
    }
    if (r->port_security) {
        add_link_local(r, e);
    }
    r->n_macs = 0;
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        const struct pair_mac *pm = &endpoint_pair_macs(e)[i];

        if (leads_to(ov, pm, place)) {
            r->macs[r->n_macs++] = pm->mac;
        }
    }
    return r;
}

static void
set_n_loose(struct overlay *ov, struct live_segment *ls, int change)
{
    bool before = ls->n_loose > 0;

    ls->n_loose += change;
    if (before != (ls->n_loose > 0)) {
        overlay_touch_endpoints_of(ov, ls->segment);
    }
}

/* Endpoints that are plugged in here. */

struct local *
overlay_find_local(const struct overlay *ov, const struct endpoint_node *node)
{
    struct local *l;

    if (node->local) {
        HMAP_FOR_EACH_WITH_HASH (l, node, hash_pointer(node, 0),
                                 &ov->locals) {
            if (l->endpoint == node) {
                return l;
            }
        }
        OVS_NOT_REACHED();
    }
    return NULL;
}

static struct local *
get_local(struct overlay *ov, struct endpoint_node *node)
{
    struct local *l = overlay_find_local(ov, node);

    if (!l) {
        l = xzalloc(sizeof *l);
        l->endpoint = node;
        hmap_insert(&ov->locals, &l->node, hash_pointer(node, 0));
        node->local = true;
    }
    return l;
}

static void
release_local(struct overlay *ov, struct endpoint_node *node, struct local *l)
{
    if (!l->plugged && !l->port) {
        hmap_remove(&ov->locals, &l->node);
        node->local = false;
        free(l);
    }
}

static void
count_plugged(struct overlay *ov, struct live_segment *ls, int change)
{
    bool before = ls->n_plugged > 0;

    ls->n_plugged += change;
    if (before != (ls->n_plugged > 0)) {
        overlay_segment_plugged(ov, ls);
        overlay_update_live(ov, ls);
    }
}

void
overlay_set_plugged(struct overlay *ov, struct endpoint_node *node,
                    struct live_segment *ls)
{
    struct local *l = overlay_find_local(ov, node);
    struct live_segment *old = l ? l->plugged : NULL;

    if (old == ls) {
        return;
    }
    l = get_local(ov, node);
    l->plugged = ls;
    if (ls) {
        count_plugged(ov, ls, 1);
    }
    if (old) {
        count_plugged(ov, old, -1);
    }
    release_local(ov, node, l);
}

/* The endpoint's local part was 'old'. */
static void
note_local(struct overlay *ov, const struct endpoint_node *node,
           const struct local *old, const struct local *new)
{
    struct live_segment *from = old->port ? old->segment : NULL;
    struct live_segment *to = new->port ? new->segment : NULL;

    if (from != to || (from && old->ofport != new->ofport)) {
        if (from) {
            overlay_local_changed(ov, from, node, false);
        }
        if (to) {
            overlay_local_changed(ov, to, node, from != to);
        }
    }
}

/* Takes note of the port that the record leads to, if it is local. */
static void
apply_local(struct overlay *ov, struct endpoint_node *node,
            const struct want *want)
{
    struct local *l = want->port ? get_local(ov, node)
                                 : overlay_find_local(ov, node);

    if (!l) {
        return;
    }

    struct local old = *l;
    ov->locals_seqno++;
    if (old.port) {
        overlay_unindex_local(ov, l);
        ovs_list_remove(&l->local_list);
        overlay_mark_segment_dirty(ov, old.segment);
        ov->counts.n_local--;
    }
    l->port = nullable_xstrdup(want->port);
    l->loose = want->loose;
    if (l->port) {
        l->segment = want->segment;
        l->ofport = want->record->out;
        overlay_index_local(ov, l);
        ovs_list_push_back(&l->segment->locals, &l->local_list);
        overlay_mark_segment_dirty(ov, l->segment);
        ov->counts.n_local++;
    }
    note_local(ov, node, &old, l);
    if (l->loose) {
        set_n_loose(ov, l->segment, 1);
    }
    if (old.loose) {
        set_n_loose(ov, old.segment, -1);
    }
    free(old.port);
    release_local(ov, node, l);
}

/* Records. */

/* Takes note of what the record refers to. */
static void
hold_record(struct overlay *ov, const struct record_class *c)
{
    c->segment->n_records++;
    ov->counts.n_installed++;
    if (c->link) {
        overlay_add_peer(ov, c->segment, c->link);
    }
    if (c->next) {
        c->next->n_waiting++;
    }
}

static void
release_record(struct overlay *ov, const struct record_class *c)
{
    if (c->link) {
        overlay_remove_peer(ov, c->segment, c->link);
        overlay_unref_link(ov, c->link);
    }
    if (c->next) {
        c->next->n_waiting--;
        overlay_unref_link(ov, c->next);
    }
    ov->counts.n_installed--;
    if (!--c->segment->n_records) {
        overlay_mark_segment_dirty(ov, c->segment);
    }
}

/* Which ports have their flows from now on, or have lost them?  'changed':
 * are there other flows than before? */
static void
note_served(struct overlay *ov, const struct endpoint_node *node,
            const struct want *want, bool changed)
{
    const struct local *l = overlay_find_local(ov, node);
    const char *old = l ? l->port : NULL;

    if (old && (!want->port || strcmp(old, want->port))) {
        svec_add(&ov->unserved, old);
    }
    if (want->port
        && (changed || !nullable_string_is_equal(old, want->port))) {
        svec_add(&ov->served, want->port);
    }
}

void
overlay_apply(struct overlay *ov, struct endpoint_node *node,
              const struct want *want)
{
    struct installed *old = node->installed;

    if (old || want->record) {
        struct endpoint_record *have = overlay_endpoint_record(node);
        bool changed = !have || !want->record
                       || !endpoint_record_equals(have, want->record);

        if (changed) {
            overlay_tell_flows(ov, endpoint_flows, have, want->record);
        }
        note_served(ov, node, want, changed);
        overlay_track_shared(ov, node, have, want);
        node->installed = want->record ? overlay_pack_record(ov, want) : NULL;
        if (node->installed) {
            hold_record(ov, node->installed->class);
        }
        apply_local(ov, node, want);
        if (old) {
            release_record(ov, old->class);
            overlay_free_record(ov, old);
        }
        free(have);
        free(want->record);
    }
    inventory_release_endpoint(ov->inventory, node);
}

static bool
mac_matches(const struct vm_port *port, const struct endpoint *e)
{
    return !port->has_mac || eth_addr_equals(port->mac, e->mac);
}

/* May a record stay with 'old' until 'new' leads somewhere?  Only where the
 * packets would be the same on the wire. */
static bool
can_wait(const struct link *old, const struct link *new, uint32_t vni)
{
    return old && old != new && old->peer == new->peer
           && old->forced == new->forced && old->ofport && !new->ofport
           && (!old->segment || old->vni == vni);
}

static void
want_remote(struct overlay *ov, const struct endpoint_node *node,
            struct want *want)
{
    const struct endpoint *e = node->endpoint;
    struct link *link = overlay_ref_link(ov, e->host, e->segment);
    struct link *old = node->installed ? node->installed->class->link : NULL;

    if (can_wait(old, link, e->segment->object.vni)) {
        want->next = link;
        link = old;
        link->n_users++;
    }
    want->link = link;
    want->record = make_record(ov, e, PLACE_REMOTE, link->group,
                               want->segment->n_loose > 0);
}

static void
want_local(struct overlay *ov, const struct endpoint *e,
           const struct vm_port *port, struct want *want)
{
    bool guard_garp = want->segment->n_loose > 0;

    if (port && mac_matches(port, e)) {
        want->port = port->name;
        want->loose = endpoint_is_loose(e);
        want->record = make_record(ov, e, PLACE_LOCAL, port->ofport,
                                   guard_garp);
    } else {
        want->record = make_record(ov, e, PLACE_ABSENT, 0, guard_garp);
    }
}

/* The port that serves the endpoint, if it is to be served at all. */
static const struct vm_port *
find_plugged(const struct overlay *ov, const struct endpoint_node *node,
             bool *served)
{
    const struct endpoint *by;
    size_t n_plugged;

    *served = node->endpoint
              && inventory_endpoint_standing(ov->inventory, node->endpoint,
                                             &by) == ENDPOINT_SERVED;
    return *served ? attachments_find(&ov->attachments, node->id, &n_plugged)
                   : NULL;
}

/* Brings up to date whether the endpoint counts as plugged.  Returns true if
 * there should be a record for it. */
static bool
update_plugged(struct overlay *ov, struct endpoint_node *node)
{
    bool served;
    const struct vm_port *port = find_plugged(ov, node, &served);
    struct segment_node *segment = served ? node->endpoint->segment : NULL;

    overlay_set_plugged(ov, node,
                        port ? overlay_get_live_segment(ov, segment) : NULL);
    return served && segment->live && segment->live->is_live;
}

void
overlay_evaluate(struct overlay *ov, struct endpoint_node *node)
{
    struct want want = { .record = NULL };

    if (update_plugged(ov, node)) {
        const struct endpoint *e = node->endpoint;
        bool served;
        const struct vm_port *port = find_plugged(ov, node, &served);

        want.segment = e->segment->live;
        if (is_self(ov, e->host)) {
            want_local(ov, e, port, &want);
        } else {
            want_remote(ov, node, &want);
        }
    }
    overlay_report_endpoint(ov, node);
    overlay_apply(ov, node, &want);
}
