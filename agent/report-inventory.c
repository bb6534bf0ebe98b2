/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "agent/report-shared.h"
#include "core/attachments.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "util.h"

/* The inventory, with what is live here. */

/* Hosts. */

static const struct listing_column host_columns[] = {
    { "HOST", "id" },
    { "REVISION", "revision" },
    { "SELF", "self" },
    { "ENDPOINTS", "endpoints" },
    { "TUNNEL PORTS", "tunnel_ports" },
    { "OFFERS", NULL },
    { NULL, "tunnels" },
};

/* Collects, by peer, the names of the tunnel ports that are there. */
static void
collect_tunnel_port(const struct overlay_tunnel *t, void *ports_)
{
    struct shash *ports = ports_;

    if (t->name && t->ofport) {
        struct svec *names = shash_find_data(ports, t->peer);

        if (!names) {
            names = xmalloc(sizeof *names);
            svec_init(names);
            shash_add(ports, t->peer, names);
        }
        svec_add(names, t->name);
    }
}

static void
destroy_tunnel_ports(struct shash *ports)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, ports) {
        svec_destroy(node->data);
    }
    shash_destroy_free_data(ports);
}

static char *
format_offer(const struct host_tunnel *t, const char *ip, bool served)
{
    const char *type = encap_to_string(t->type);
    const char *remark = served ? "" : " (refused)";
    bool v4 = IN6_IS_ADDR_V4MAPPED(&t->ip);

    return (!t->port ? xasprintf("%s %s%s", type, ip, remark)
            : v4 ? xasprintf("%s %s:%d%s", type, ip, t->port, remark)
            : xasprintf("%s [%s]:%d%s", type, ip, t->port, remark));
}

static void
put_offers(struct listing *l, const struct inventory *inv,
           const struct host_node *host)
{
    struct svec texts = SVEC_EMPTY_INITIALIZER;
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *a = &host->addresses[i];
        const struct host_tunnel *t = &a->tunnel;
        const struct host_node *by;
        bool served = inventory_address_is_served(inv, a, &by);
        uint16_t port = t->port ? t->port : encap_default_port(t->type);
        struct json *object = json_object_create();
        char ip[INET6_ADDRSTRLEN];

        local_address_format(&t->ip, ip);
        svec_add_nocopy(&texts, format_offer(t, ip, served));
        json_object_put_string(object, "type", encap_to_string(t->type));
        json_object_put_string(object, "ip", ip);
        json_object_put(object, "port", port ? json_integer_create(port)
                                             : json_null_create());
        json_object_put(object, "refused", json_boolean_create(!served));
        json_array_add(array, object);
    }
    listing_put_strings(l, &texts);
    listing_put_json(l, array);
    svec_destroy(&texts);
}

void
report_hosts(const struct agent *agent, bool json, struct ds *s)
{
    const struct svec none = SVEC_EMPTY_INITIALIZER;
    struct shash ports = SHASH_INITIALIZER(&ports);
    size_t n;
    const struct host_node **hosts = inventory_sorted_hosts(agent->inventory,
                                                            &n);
    struct listing *l = listing_create(host_columns, ARRAY_SIZE(host_columns),
                                       json);

    overlay_for_each_tunnel(agent->overlay, collect_tunnel_port, &ports);
    for (size_t i = 0; i < n; i++) {
        const struct host_node *host = hosts[i];
        struct svec *names = shash_find_data(&ports, host->id);

        if (names) {
            svec_sort(names);
        }
        listing_put_string(l, host->id);
        listing_put_number(l, host->revision);
        listing_put_flag(l, host->self);
        listing_put_number(l, host->n_endpoints);
        listing_put_strings(l, names ? names : &none);
        put_offers(l, agent->inventory, host);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    destroy_tunnel_ports(&ports);
    free(hosts);
}

/* Segments. */

static const struct listing_column segment_columns[] = {
    { "SEGMENT", "id" },
    { NULL, "revision" },
    { "VNI", "vni" },
    { "ENCAP", NULL },
    { NULL, "encap" },
    { "BROADCAST", "broadcast" },
    { "UNKNOWN", "unknown_unicast" },
    { "MULTICAST", "multicast" },
    { "ENDPOINTS", "endpoints" },
    { NULL, "live" },
    { NULL, "plugged_endpoints" },
    { "LOCAL", "local_endpoints" },
    { "PEERS", "peers" },
    { "HERE", NULL },
    { NULL, "refused" },
    { NULL, "shared" },
};

static void
put_segment(struct listing *l, const struct inventory *inv,
            const struct shared_index *shared,
            const struct segment_node *segment)
{
    const struct segment_object *o = &segment->object;
    const char *encap = (o->encap == ENCAP_NONE ? NULL
                         : encap_to_string(o->encap));
    struct live_segment_info info;
    bool live = overlay_segment_info(segment, &info);
    const struct segment_node *by;
    char *refused = NULL;

    if (inventory_segment_standing(inv, segment, &by) == SEGMENT_VNI_TAKEN) {
        refused = xasprintf("its VNI belongs to segment \"%s\"", by->id);
    }
    listing_put_string(l, segment->id);
    listing_put_number(l, segment->revision);
    listing_put_number(l, o->vni);
    listing_put_string(l, encap ? encap : "any");
    listing_put_string(l, encap);
    listing_put_string(l, policy_to_string(o->broadcast));
    listing_put_string(l, policy_to_string(o->unknown_unicast));
    listing_put_string(l, policy_to_string(o->multicast));
    listing_put_number(l, hmap_count(&segment->endpoints));
    listing_put_flag(l, live);
    listing_put_number(l, live ? info.n_plugged : 0);
    listing_put_number(l, live ? info.n_local : 0);
    listing_put_number(l, live ? info.n_peers : 0);
    if (refused) {
        listing_put_nocopy(l, xasprintf("refused: %s", refused));
    } else {
        listing_put_string(l, live ? "live" : NULL);
    }
    listing_put_nocopy(l, refused);
    listing_put_json(l, shared_index_to_json(shared, segment));
}

void
report_segments(const struct agent *agent, bool json, struct ds *s)
{
    size_t n;
    const struct segment_node **segments
        = inventory_sorted_segments(agent->inventory, &n);
    struct listing *l = listing_create(segment_columns,
                                       ARRAY_SIZE(segment_columns), json);
    struct shared_index shared;

    shared_index_init(&shared, agent->overlay);
    for (size_t i = 0; i < n; i++) {
        put_segment(l, agent->inventory, &shared, segments[i]);
    }
    shared_index_destroy(&shared);
    listing_format(l, 0, s);
    listing_destroy(l);
    free(segments);
}

/* Endpoints. */

static const struct listing_column endpoint_columns[] = {
    { "ENDPOINT", "id" },
    { NULL, "revision" },
    { "SEGMENT", "segment" },
    { "HOST", "host" },
    { "MAC", "mac" },
    { "IPS", "ips" },
    { "HOLDS", "holds" },
    { "HERE", NULL },
    { NULL, "state" },
    { NULL, "interface" },
    { NULL, "ofport" },
    { NULL, "group" },
    { NULL, "reason" },
};

/* How an endpoint is served here:
 *
 *   refused   not at all, 'reason' says why
 *   local     plugged here as 'interface', on 'ofport'
 *   remote    through 'group'; 'reason' says if that leads to no tunnel
 *   absent    placed here but not plugged; or it is, and 'reason' says why
 *             that does not count
 *   pending   soon: it is still to be looked at
 *   not_live  not at all, as nobody here could reach it */
struct endpoint_state {
    const char *name;
    const char *interface;      /* Or NULL. */
    uint32_t ofport;            /* Or 0, like 'group'. */
    uint32_t group;
    char *reason;               /* Or NULL. */
};

/* Groups that lead to no tunnel, or to one that has no ofport yet. */
struct dead_groups {
    uint32_t *groups;           /* Ascending once all are collected. */
    size_t n, allocated;
};

static void
collect_dead_group(uint32_t group, uint32_t ofport, void *dead_)
{
    struct dead_groups *dead = dead_;

    if (!ofport) {
        if (dead->n >= dead->allocated) {
            dead->groups = x2nrealloc(dead->groups, &dead->allocated,
                                      sizeof *dead->groups);
        }
        dead->groups[dead->n++] = group;
    }
}

static int
compare_groups(const void *a_, const void *b_)
{
    const uint32_t *a = a_;
    const uint32_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static bool
is_dead_group(const struct dead_groups *dead, uint32_t group)
{
    return dead->n && bsearch(&group, dead->groups, dead->n, sizeof group,
                              compare_groups);
}

/* Why an endpoint is not served at all, or NULL. */
static char *
why_refused(const struct inventory *inv, const struct endpoint *e)
{
    const struct endpoint *by;

    switch (inventory_endpoint_standing(inv, e, &by)) {
    case ENDPOINT_UNKNOWN_SEGMENT:
        return xstrdup("its segment is not in the inventory");
    case ENDPOINT_SEGMENT_REFUSED:
        return xstrdup("its segment is refused");
    case ENDPOINT_UNKNOWN_HOST:
        return xstrdup("its host is not in the inventory");
    case ENDPOINT_MAC_TAKEN:
        return xasprintf("its MAC belongs to endpoint \"%s\"", by->node->id);
    case ENDPOINT_MAC_IS_ROUTERS:
        return xasprintf("its MAC is that of router \"%s\"",
                         inventory_segment_router(inv, e->segment)->id);
    case ENDPOINT_SERVED:
        return NULL;
    default:
        OVS_NOT_REACHED();
    }
}

static void
get_recorded_state(const struct endpoint_record *r, const struct vm_port *port,
                   const struct dead_groups *dead,
                   struct endpoint_state *state)
{
    switch (r->place) {
    case PLACE_LOCAL:
        state->name = "local";
        state->interface = port ? port->name : NULL;
        state->ofport = r->out;
        break;
    case PLACE_REMOTE:
        state->name = "remote";
        state->group = r->out;
        if (is_dead_group(dead, r->out)) {
            state->reason = xasprintf("group %"PRIu32" leads to no tunnel",
                                      r->out);
        }
        break;
    case PLACE_ABSENT:
        state->name = "absent";
        if (port) {
            state->interface = port->name;
            state->ofport = port->ofport;
            state->reason = xasprintf("external_ids:attached-mac of %s is "
                                      "another", port->name);
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
}

static void
get_state(const struct agent *agent, const struct endpoint_node *node,
          const struct dead_groups *dead, struct endpoint_state *state)
{
    const struct endpoint *e = node->endpoint;
    const struct vm_port *port = NULL;
    struct live_segment_info info;
    struct endpoint_record *r;
    size_t n_plugged;

    memset(state, 0, sizeof *state);
    state->reason = why_refused(agent->inventory, e);
    if (state->reason) {
        state->name = "refused";
        return;
    }
    if (e->host->self) {
        port = attachments_find(overlay_attachments(agent->overlay),
                                node->id, &n_plugged);
    }
    r = overlay_endpoint_record(node);
    if (r) {
        get_recorded_state(r, port, dead, state);
        free(r);
    } else if (port || overlay_segment_info(e->segment, &info)) {
        state->name = "pending";
    } else {
        state->name = e->host->self ? "absent" : "not_live";
    }
}

/* Takes ownership of the state's reason. */
static void
put_state(struct listing *l, const struct endpoint_state *state)
{
    if (state->reason) {
        listing_put_nocopy(l, xasprintf("%s: %s", state->name,
                                        state->reason));
    } else if (state->ofport) {
        listing_put_nocopy(l, xasprintf(
            "%s %s ofport %"PRIu32, state->name,
            state->interface ? state->interface : "-", state->ofport));
    } else if (state->group) {
        listing_put_nocopy(l, xasprintf("%s group %"PRIu32, state->name,
                                        state->group));
    } else if (!strcmp(state->name, "not_live")) {
        listing_put_none(l);
    } else {
        listing_put_string(l, state->name);
    }

    listing_put_string(l, state->name);
    listing_put_string(l, state->interface);
    listing_put_number_or_none(l, state->ofport);
    listing_put_number_or_none(l, state->group);
    listing_put_nocopy(l, state->reason);
}

static void
put_endpoint(struct listing *l, const struct agent *agent,
             const struct endpoint_node *node, const struct dead_groups *dead)
{
    const struct endpoint *e = node->endpoint;
    struct svec ips = SVEC_EMPTY_INITIALIZER;
    struct svec holds = SVEC_EMPTY_INITIALIZER;
    struct endpoint_state state;

    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind == CLAIM_IP) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&e->claims[i].ip, ip);
            svec_add(&ips, ip);
        }
    }
    get_state(agent, node, dead, &state);
    listing_put_string(l, node->id);
    listing_put_number(l, e->revision);
    listing_put_string(l, e->segment->id);
    listing_put_string(l, e->host->id);
    listing_put_nocopy(l, xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac)));
    listing_put_strings(l, &ips);
    report_held_addresses(agent->overlay, e, &holds);
    listing_put_strings(l, &holds);
    put_state(l, &state);
    svec_destroy(&ips);
    svec_destroy(&holds);
}

static int
compare_endpoints(const void *a_, const void *b_)
{
    const struct endpoint_node *const *a = a_;
    const struct endpoint_node *const *b = b_;

    return strcmp((*a)->id, (*b)->id);
}

/* The endpoints of 'segment', sorted by id, in a new array. */
static const struct endpoint_node **
sorted_endpoints_of(const struct segment_node *segment, size_t *n)
{
    const struct endpoint_node **nodes
        = xmalloc(hmap_count(&segment->endpoints) * sizeof *nodes);
    const struct endpoint *e;

    *n = 0;
    HMAP_FOR_EACH (e, mac_node, &segment->endpoints) {
        nodes[(*n)++] = e->node;
    }
    qsort(nodes, *n, sizeof *nodes, compare_endpoints);
    return nodes;
}

static void
put_endpoints(const struct agent *agent, const struct endpoint_node **nodes,
              size_t n, bool json, struct ds *s)
{
    struct dead_groups dead = { NULL, 0, 0 };
    struct listing *l = listing_create(endpoint_columns,
                                       ARRAY_SIZE(endpoint_columns), json);

    overlay_for_each_group(agent->overlay, collect_dead_group, &dead);
    if (dead.n) {
        qsort(dead.groups, dead.n, sizeof *dead.groups, compare_groups);
    }
    for (size_t i = 0; i < n; i++) {
        put_endpoint(l, agent, nodes[i], &dead);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    free(dead.groups);
}

bool
report_endpoints(const struct agent *agent, const char *segment_id, bool json,
                 struct ds *s)
{
    const struct endpoint_node **nodes;
    size_t n;

    if (segment_id) {
        const struct segment_node *segment
            = inventory_find_segment(agent->inventory, segment_id);

        /* One that endpoints name is shown though it is not known. */
        if (!segment || (!segment->known
                         && hmap_is_empty(&segment->endpoints))) {
            return false;
        }
        nodes = sorted_endpoints_of(segment, &n);
    } else {
        nodes = inventory_sorted_endpoints(agent->inventory, &n);
    }

    put_endpoints(agent, nodes, n, json, s);
    free(nodes);
    return true;
}
