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
    hmap_init(&ov->live_segments);
    ovs_list_init(&ov->dirty_segments);
    hmap_init(&ov->links);
    hmap_init(&ov->tunnels);
    ovs_list_init(&ov->dirty_links);
    ovs_list_init(&ov->dirty_tunnels);
    ovs_list_init(&ov->idle_links);
    ovs_list_init(&ov->idle_tunnels);
    ov->groups = id_pool_create(1, INT32_MAX);
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
    flow_diff(generate, old, new, tell_add, tell_del, ov);
}

static void
endpoint_flows(const void *record, flow_cb *cb, void *aux)
{
    endpoint_record_flows(record, cb, aux);
}

static void
segment_flows(const void *record, flow_cb *cb, void *aux)
{
    segment_record_flows(record, cb, aux);
}

/* Live segments. */

static struct live_segment *
get_live_segment(struct overlay *ov, struct segment_node *segment)
{
    struct live_segment *ls = segment->live;

    if (!ls) {
        ls = xzalloc(sizeof *ls);
        ls->segment = inventory_ref_segment(ov->inventory, segment->id);
        ovs_list_init(&ls->dirty_list);
        ovs_list_init(&ls->locals);
        hmap_init(&ls->peers);
        hmap_insert(&ov->live_segments, &ls->node, hash_pointer(segment, 0));
        segment->live = ls;
    }
    return ls;
}

static void
destroy_live_segment(struct overlay *ov, struct live_segment *ls)
{
    ovs_assert(!ls->n_plugged && !ls->n_records && !ls->n_loose);
    overlay_tell_flows(ov, segment_flows, ls->record, NULL);
    free(ls->record);
    ovs_list_remove(&ls->dirty_list);
    hmap_remove(&ov->live_segments, &ls->node);
    hmap_destroy(&ls->peers);
    ls->segment->live = NULL;
    inventory_unref_segment(ov->inventory, ls->segment);
    free(ls);
}

static void
mark_segment_dirty(struct overlay *ov, struct live_segment *ls)
{
    if (ovs_list_is_empty(&ls->dirty_list)) {
        ovs_list_push_back(&ov->dirty_segments, &ls->dirty_list);
    }
}

static void
touch_endpoints_of(struct overlay *ov, struct segment_node *segment)
{
    struct endpoint *e;

    LIST_FOR_EACH (e, segment_list, &segment->endpoints) {
        inventory_touch_endpoint(ov->inventory, e->node);
    }
}

static void
add_peer(struct overlay *ov, struct live_segment *ls, struct link *link)
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
    mark_segment_dirty(ov, ls);
}

static void
remove_peer(struct overlay *ov, struct live_segment *ls,
            const struct link *link)
{
    struct segment_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_pointer(link, 0), &ls->peers) {
        if (peer->link == link) {
            if (!--peer->n) {
                hmap_remove(&ls->peers, &peer->node);
                free(peer);
                mark_segment_dirty(ov, ls);
            }
            return;
        }
    }
    OVS_NOT_REACHED();
}

static int
compare_outs(const void *a_, const void *b_)
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
    if (any) {
        const struct segment_peer *peer;
        const struct installed *in;
        size_t i = 0;

        LIST_FOR_EACH (in, local_list, &ls->locals) {
            r->outs[i++] = in->record->out;
        }
        qsort(r->outs, n_ports, sizeof r->outs[0], compare_outs);
        HMAP_FOR_EACH (peer, node, &ls->peers) {
            r->outs[i++] = peer->link->group;
        }
        qsort(r->outs + n_ports, n_groups, sizeof r->outs[0], compare_outs);
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

static void
run_dirty_segments(struct overlay *ov)
{
    while (!ovs_list_is_empty(&ov->dirty_segments)) {
        struct live_segment *ls = CONTAINER_OF(
            ovs_list_pop_front(&ov->dirty_segments), struct live_segment,
            dirty_list);
        struct segment_record *new = NULL;

        ovs_list_init(&ls->dirty_list);
        if (ls->n_plugged && segment_is_served(ov, ls->segment)) {
            new = make_segment_record(ls);
        }
        if (!new || !ls->record || !segment_record_equals(ls->record, new)) {
            overlay_tell_flows(ov, segment_flows, ls->record, new);
        }
        free(ls->record);
        ls->record = new;
        overlay_report_segment(ov, ls->segment);
        if (!ls->n_plugged && !ls->n_records) {
            destroy_live_segment(ov, ls);
        }
    }
}

/* Endpoints. */

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
has_address(const struct endpoint_record *r, const struct claim *c)
{
    for (size_t i = 0; i < r->n_addresses; i++) {
        const struct endpoint_address *a = &r->addresses[i];

        if (a->plen == c->plen && eth_addr_equals(a->mac, c->mac)
            && ipv6_addr_equals(&a->ip, &c->ip)) {
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
    struct claim own = { .mac = e->mac, .plen = 128 };

    in6_generate_lla(e->mac, &own.ip);
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind != CLAIM_PAIR
            && ipv6_addr_equals(&e->claims[i].ip, &own.ip)) {
            return;
        }
    }
    if (!has_address(r, &own)) {
        r->addresses[r->n_addresses++] = (struct endpoint_address) {
            .ip = own.ip, .mac = own.mac, .plen = 128, .source = true,
        };
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
    r->n_addresses = 0;
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;
        enum claim_standing standing
            = inventory_claim_standing(ov->inventory, c, &by);
        bool answered = standing == CLAIM_HELD;
        bool source = r->port_security && claim_is_source(c, standing);

        if ((answered || source) && !has_address(r, c)) {
            r->addresses[r->n_addresses++] = (struct endpoint_address) {
                .ip = c->ip, .mac = c->mac, .plen = c->plen,
                .answered = answered, .source = source,
            };
        }
    }
    if (r->port_security) {
        add_link_local(r, e);
    }
    r->n_macs = 0;
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        if (inventory_pair_mac_is_held(ov->inventory, &e->pair_macs[i])) {
            r->macs[r->n_macs++] = e->pair_macs[i].mac;
        }
    }
    return r;
}

/* What there should be for an endpoint. */
struct want {
    struct endpoint_record *record; /* NULL: nothing. */
    struct live_segment *segment;
    struct link *link;          /* One user counted, like for 'next'. */
    struct link *next;
    const char *port;
    bool loose;
};

static void
set_n_loose(struct overlay *ov, struct live_segment *ls, int change)
{
    bool before = ls->n_loose > 0;

    ls->n_loose += change;
    if (before != (ls->n_loose > 0)) {
        touch_endpoints_of(ov, ls->segment);
    }
}

/* Takes note of what the record of 'in' refers to. */
static void
hold_record(struct overlay *ov, struct installed *in)
{
    in->segment->n_records++;
    ov->counts.n_installed++;
    if (in->link) {
        add_peer(ov, in->segment, in->link);
    }
    if (in->next) {
        in->next->n_waiting++;
    }
    if (in->port) {
        ovs_list_push_back(&in->segment->locals, &in->local_list);
        mark_segment_dirty(ov, in->segment);
        ov->counts.n_local++;
    }
    if (in->loose) {
        set_n_loose(ov, in->segment, 1);
    }
}

static void
release_record(struct overlay *ov, struct installed *in)
{
    if (in->link) {
        remove_peer(ov, in->segment, in->link);
        overlay_unref_link(ov, in->link);
    }
    if (in->next) {
        in->next->n_waiting--;
        overlay_unref_link(ov, in->next);
    }
    if (in->port) {
        ovs_list_remove(&in->local_list);
        mark_segment_dirty(ov, in->segment);
        ov->counts.n_local--;
    }
    if (in->loose) {
        set_n_loose(ov, in->segment, -1);
    }
    ov->counts.n_installed--;
    if (!--in->segment->n_records) {
        mark_segment_dirty(ov, in->segment);
    }
}

/* Makes the endpoint's record what is wanted; takes over want->record and the
 * counts on want's links. */
static void
apply(struct overlay *ov, struct endpoint_node *node, const struct want *want)
{
    struct installed *in = node->installed;
    struct installed old = { .record = NULL };

    if (in && in->record) {
        old = *in;
        if (old.port) {
            ovs_list_replace(&old.local_list, &in->local_list);
        }
    } else if (!want->record) {
        goto exit;
    }
    if (!in) {
        in = node->installed = xzalloc(sizeof *in);
    }

    bool changed = !old.record || !want->record
                   || !endpoint_record_equals(old.record, want->record);
    if (changed) {
        overlay_tell_flows(ov, endpoint_flows, old.record, want->record);
    }
    if (old.port && (!want->port || strcmp(old.port, want->port))) {
        svec_add(&ov->unserved, old.port);
    }
    if (want->port
        && (changed || !nullable_string_is_equal(old.port, want->port))) {
        svec_add(&ov->served, want->port);
    }

    in->record = want->record;
    in->segment = want->segment;
    in->link = want->link;
    in->next = want->next;
    in->loose = want->loose;
    in->port = nullable_xstrdup(want->port);
    if (in->record) {
        hold_record(ov, in);
    }
    if (old.record) {
        release_record(ov, &old);
        free(old.record);
        free(old.port);
    }

exit:
    if (in && !in->record && !in->plugged) {
        free(in);
        node->installed = NULL;
    }
    inventory_release_endpoint(ov->inventory, node);
}

/* Counts the endpoint as plugged in 'ls' (or nowhere).  The first one makes
 * the segment live, the last one ends that. */
static void
set_plugged(struct overlay *ov, struct endpoint_node *node,
            struct live_segment *ls)
{
    struct installed *in = node->installed;
    struct live_segment *old = in ? in->plugged : NULL;

    if (old == ls) {
        return;
    }
    if (!in) {
        in = node->installed = xzalloc(sizeof *in);
    }
    in->plugged = ls;
    if (ls && !ls->n_plugged++) {
        ov->counts.n_live_segments++;
        touch_endpoints_of(ov, ls->segment);
        mark_segment_dirty(ov, ls);
    }
    if (old && !--old->n_plugged) {
        ov->counts.n_live_segments--;
        touch_endpoints_of(ov, old->segment);
        mark_segment_dirty(ov, old);
    }
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
    struct link *old = node->installed ? node->installed->link : NULL;

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

    set_plugged(ov, node, port ? get_live_segment(ov, segment) : NULL);
    return served && segment->live && segment->live->n_plugged;
}

static void
evaluate(struct overlay *ov, struct endpoint_node *node)
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
    apply(ov, node, &want);
}

/* Whether the endpoint waits for its first record. */
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
        if (node->installed && node->installed->record) {
            evaluate(ov, node);
        } else if (update_plugged(ov, node)) {
            push_waiting(ov, node);
        } else {
            overlay_report_endpoint(ov, node);
            apply(ov, node, &(struct want) { .record = NULL });
        }
    }
}

static void
run_waiting_endpoints(struct overlay *ov, size_t max_work)
{
    while (ov->n_waiting && max_work-- > 0) {
        struct endpoint_node *node = ov->waiting[--ov->n_waiting];

        node->waiting = false;
        evaluate(ov, node);
    }
    if (!ov->n_waiting && ov->allocated_waiting > 1024) {
        free(ov->waiting);
        ov->waiting = NULL;
        ov->allocated_waiting = 0;
    }
}

static void
run_touched_hosts_and_segments(struct overlay *ov)
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
            mark_segment_dirty(ov, segment->live);
        }
        overlay_report_segment(ov, segment);
        inventory_unref_segment(ov->inventory, segment);
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
        overlay_report_routers(ov);
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
        static_flows(tell_add, ov);
    }
    run_touched_hosts_and_segments(ov);
    run_touched_endpoints(ov);
    run_waiting_endpoints(ov, max_work);
    overlay_run_expiry(ov);
    overlay_run_links(ov);
    run_dirty_segments(ov);
    tell_served(ov);
    run_reports(ov);
    ov->settled = !inventory_has_touched(ov->inventory) && !ov->n_waiting;
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
        touch_endpoint_id(ov, new->iface_id);
    }
}

/* What stands. */

void
overlay_for_each_flow(const struct overlay *ov, flow_cb *cb, void *aux)
{
    static_flows(cb, aux);

    const struct endpoint_node *node;
    HMAP_FOR_EACH (node, id_node, inventory_endpoint_nodes(ov->inventory)) {
        if (node->installed && node->installed->record) {
            endpoint_record_flows(node->installed->record, cb, aux);
        }
    }
    const struct live_segment *ls;
    HMAP_FOR_EACH (ls, node, &ov->live_segments) {
        if (ls->record) {
            segment_record_flows(ls->record, cb, aux);
        }
    }
    const struct tunnel *t;
    HMAP_FOR_EACH (t, node, &ov->tunnels) {
        if (t->record.ofport) {
            tunnel_record_flows(&t->record, cb, aux);
        }
    }
}

const struct endpoint_record *
overlay_endpoint_record(const struct endpoint_node *node)
{
    return node->installed ? node->installed->record : NULL;
}

bool
overlay_segment_info(const struct segment_node *segment,
                     struct live_segment_info *info)
{
    const struct live_segment *ls = segment->live;

    if (!ls || !ls->n_plugged) {
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

    struct endpoint_node *node;
    HMAP_FOR_EACH_SAFE (node, id_node,
                        inventory_endpoint_nodes(ov->inventory)) {
        node->waiting = false;
        set_plugged(ov, node, NULL);
        apply(ov, node, &(struct want) { .record = NULL });
    }
    run_dirty_segments(ov);
    overlay_destroy_links(ov);
    hmap_destroy(&ov->live_segments);
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
