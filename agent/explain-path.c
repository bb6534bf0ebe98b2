/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/explain-path.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/explain-shared.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "cloud/inventory-source.h"
#include "core/attachments.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "packets.h"
#include "util.h"

/* From one endpoint to another. */

/* What is to be asked. */

static void
ask_flow(const struct flow_entry *e, void *query)
{
    switch_query_add_flow(query, e);
}

/* The segment of the packet between two hosts. */
static const struct segment_node *
travels_in(const struct path_question *q)
{
    return (q->routed.router ? q->routed.segment
                             : q->from->endpoint->segment);
}

/* The packet begins where it comes into this host's switch. */
static bool
make_packet(const struct agent *agent, const struct path_question *q,
            const struct overlay_way *way, struct trace_packet *p)
{
    const struct endpoint *from = q->from->endpoint, *to = q->to->endpoint;
    size_t n;

    memset(p, 0, sizeof *p);
    if (explain_is_here(q->from)) {
        const struct vm_port *port = attachments_find(
            overlay_attachments(agent->overlay), q->from->id, &n);

        p->in_port = port ? port->ofport : 0;
    } else {
        p->in_port = way->tunnel.ofport;
        p->vni = travels_in(q)->object.vni;
    }
    p->src = from->mac;
    p->dst = to->mac;
    if (q->routed.router) {
        /* Elsewhere it was routed before it came into the tunnel. */
        *(explain_is_here(q->from) ? &p->dst : &p->src)
            = q->routed.router->object.mac;
        p->src_ip = q->routed.src_ip;
        p->dst_ip = q->routed.dst_ip;
        p->has_ips = true;
    } else {
        p->has_ips = explain_choose_ips(agent, from, to, p);
    }
    return p->in_port != 0;
}

/* The endpoint elsewhere, or NULL. */
static const struct endpoint_node *
remote_end(const struct path_question *q)
{
    return (!explain_is_here(q->from) ? q->from
            : !explain_is_here(q->to) ? q->to : NULL);
}

/* Without a word about it. */
static bool
find_route(const struct agent *agent, struct path_question *q)
{
    struct explanation x;
    bool ok;

    explanation_init(&x);
    ok = explain_route(agent, q->from, q->to, &x, &q->routed);
    explanation_destroy(&x);
    if (q->routed.router) {
        q->to = q->routed.hop;
    }
    return ok;
}

bool
explain_path_prepare(const struct agent *agent, struct path_question *q)
{
    struct overlay_way way = { .has_tunnel = false };

    if (!q->from || !q->to || q->from == q->to || !find_route(agent, q)
        || (!explain_is_here(q->from) && !explain_is_here(q->to))) {
        return false;
    }

    const struct endpoint_node *remote = remote_end(q);
    if (remote) {
        overlay_get_way(agent->overlay, remote->endpoint->host,
                        travels_in(q), &way);
        if (way.has_tunnel && way.ofport) {
            switch_query_add_group(&q->query, way.group, way.ofport);
            switch_query_add_port(&q->query, way.ofport);
        }
    }
    explain_for_each_flow(agent, q, &way, ask_flow, &q->query);
    return make_packet(agent, q, &way, &q->packet);
}

/* The endpoints. */

/* An inventory that is not fresh is a likely reason for what is missing. */
static void
explain_unknown(const struct agent *agent, const char *name,
                struct explanation *x)
{
    struct inventory_source_status is = { .failing_since = 0 };

    if (agent->source) {
        inventory_source_get_status(agent->source, &is);
    }
    if (is.failing_since) {
        explanation_stop(x, "endpoint", "inventory-stale",
                         "Mend the way to the API (\"vtepd/status\"), or see "
                         "whether the cloud knows it",
                         "no endpoint has the id, MAC or address \"%s\" in "
                         "the inventory, which is not fresh: the API fails "
                         "with \"%s\"", name, is.error ? is.error : "-");
    } else {
        explanation_stop(x, "endpoint", "unknown-endpoint",
                         "See \"vtepd/endpoints\" for those that there are, "
                         "and whether the cloud knows it",
                         "no endpoint has the id, MAC or address \"%s\" in "
                         "the inventory", name);
    }
    inventory_source_status_destroy(&is);
}

/* Why an endpoint is not served at all. */
static bool
explain_standing(const struct agent *agent, const struct endpoint_node *node,
                 struct explanation *x)
{
    const struct endpoint *e = node->endpoint, *by;
    const struct segment_node *other;
    enum endpoint_standing standing
        = inventory_endpoint_standing(agent->inventory, e, &by);
    bool held;

    switch (standing) {
    case ENDPOINT_SERVED:
        explanation_ok(x, "endpoint", "\"%s\", MAC "ETH_ADDR_FMT", in segment "
                       "\"%s\" (VNI %"PRIu32"), on host \"%s\"%s", node->id,
                       ETH_ADDR_ARGS(e->mac), e->segment->id,
                       e->segment->object.vni, e->host->id,
                       explain_is_here(node) ? ", which is here" : "");
        return true;
    case ENDPOINT_UNKNOWN_SEGMENT:
        explanation_stop(x, "endpoint", "unknown-segment",
                         "Add the segment to the cloud's inventory",
                         "the segment \"%s\" of endpoint \"%s\" is not in the "
                         "inventory", e->segment->id, node->id);
        return false;
    case ENDPOINT_UNKNOWN_HOST:
        explanation_stop(x, "endpoint", "unknown-host",
                         "Add the host to the cloud's inventory",
                         "the host \"%s\" of endpoint \"%s\" is not in the "
                         "inventory", e->host->id, node->id);
        return false;
    case ENDPOINT_SEGMENT_REFUSED:
        inventory_segment_standing(agent->inventory, e->segment, &other);
        explanation_stop(x, "segment", "vni-taken",
                         "Give one of the two another VNI",
                         "segment \"%s\" is not served: its VNI %"PRIu32
                         " belongs to segment \"%s\", whose id is lower",
                         e->segment->id, e->segment->object.vni, other->id);
        return false;
    case ENDPOINT_MAC_TAKEN:
        held = inventory_endpoint_is_held(agent->inventory, by);
        explanation_stop(x, "endpoint", held ? "held-deletion" : "mac-taken",
                         held ? "\"vtepd/approve-deletions\" releases it"
                              : "Give one of the two another MAC",
                         "the MAC "ETH_ADDR_FMT" of endpoint \"%s\" belongs "
                         "to endpoint \"%s\"%s", ETH_ADDR_ARGS(e->mac),
                         node->id, by->node->id,
                         held ? ", whose deletion is held"
                              : ", whose id is lower");
        return false;
    case ENDPOINT_MAC_IS_ROUTERS:
        explanation_stop(x, "endpoint", "mac-taken",
                         "Give one of the two another MAC",
                         "the MAC "ETH_ADDR_FMT" of endpoint \"%s\" is that "
                         "of router \"%s\", which joins segment \"%s\"",
                         ETH_ADDR_ARGS(e->mac), node->id,
                         inventory_segment_router(agent->inventory,
                                                  e->segment)->id,
                         e->segment->id);
        return false;
    default:
        OVS_NOT_REACHED();
    }
}

/* Plugged in here, but placed elsewhere? */
static bool
explain_place(const struct agent *agent, const struct endpoint_node *node,
              struct explanation *x)
{
    size_t n;
    const struct vm_port *port = attachments_find(
        overlay_attachments(agent->overlay), node->id, &n);

    if (explain_is_here(node)) {
        return explain_plug(agent, node, x);
    } else if (port) {
        explanation_stop(x, "plugged", "placed-elsewhere",
                         "Have the cloud move the endpoint to this host, or "
                         "unplug it here",
                         "endpoint \"%s\" is plugged in here as %s, but the "
                         "inventory places it on host \"%s\"", node->id,
                         port->name, node->endpoint->host->id);
        return false;
    }
    return true;
}

static bool
explain_endpoints(const struct agent *agent, struct path_question *q,
                  struct explanation *x)
{
    if (!q->from && !explain_unannounced(agent, q->from_name, x)) {
        explain_unknown(agent, q->from_name, x);
    }
    if (!q->to && !explain_unannounced(agent, q->to_name, x)) {
        explain_unknown(agent, q->to_name, x);
    }
    if (!q->from || !q->to
        || !explain_standing(agent, q->from, x)
        || !explain_standing(agent, q->to, x)) {
        return false;
    }
    if (!explain_route(agent, q->from, q->to, x, &q->routed)) {
        return false;
    }
    explain_holder(agent, q->from_name, q->from, x);
    explain_holder(agent, q->to_name, q->to, x);
    if (q->routed.router) {
        q->to = q->routed.hop;
    } else if (!explain_addresses(agent, q->from->endpoint, q->to->endpoint,
                                  x)) {
        return false;
    }
    return (explain_place(agent, q->from, x)
            && explain_place(agent, q->to, x));
}

/* The MTU. */

/* What the underlay leaves of a packet for the VMs, in bytes; 0: not known. */
static int
mtu_room(const struct agent *agent, const struct overlay_way *way)
{
    int family = !IN6_IS_ADDR_V4MAPPED(&way->tunnel.key.local_ip);
    int underlay = agent->underlay_mtu[family];

    return underlay ? underlay - tunnel_overhead(way->tunnel.key.type, family)
                    : 0;
}

/* Small packets pass all the same, so this is only noted. */
static void
explain_mtu(const struct agent *agent, const struct segment_node *segment,
            const struct overlay_way *way, struct explanation *x)
{
    int room = mtu_room(agent, way);

    if (!room) {
        return;
    } else if (segment->object.mtu > room) {
        explanation_note(x, "mtu", "packets of more than %d bytes are lost: "
                         "segment \"%s\" has an MTU of %d, and the underlay "
                         "no room for more with %s", room, segment->id,
                         segment->object.mtu,
                         encap_to_string(way->tunnel.key.type));
    } else {
        explanation_ok(x, "mtu", "the underlay has room for packets of %d "
                       "bytes%s", room, segment->object.mtu
                       ? "" : "; the segment's MTU is not known");
    }
}

/* The end. */

static const struct asked_port *
tunnel_counters(const struct path_question *q)
{
    return q->query.n_ports && q->query.ports[0].known ? &q->query.ports[0]
                                                       : NULL;
}

static void
conclude_unresolved(const struct path_question *q,
                    const struct overlay_way *way, const char *peer,
                    struct explanation *x)
{
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&way->tunnel.key.remote_ip, ip);
    explanation_conclude(
        x, VERDICT_UNKNOWN, "underlay-neighbor",
        "A packet from \"%s\" to \"%s\" leaves for host \"%s\" once the "
        "underlay answers for its tunnel address %s: Open vSwitch does not "
        "know the MAC address of the next hop yet.  If it stays so, see "
        "whether that host, or the router to it, is up and answers %s.",
        q->from->id, q->to->id, peer, ip,
        tunnel_key_is_ipv6(&way->tunnel.key) ? "neighbor solicitations"
                                             : "ARP requests");
}

static void
conclude_remote(const struct agent *agent, const struct path_question *q,
                const struct overlay_way *way, struct explanation *x)
{
    bool outward = explain_is_here(q->from);
    const char *peer = (outward ? q->to : q->from)->endpoint->host->id;
    const struct asked_port *p = tunnel_counters(q);
    char *underlay = explain_underlay(&way->tunnel.key);
    int room = mtu_room(agent, way);

    if (p) {
        explanation_ok(x, "counters", "%s has sent %"PRIu64" and received %"
                       PRIu64" packets", way->tunnel.name, p->n_sent,
                       p->n_received);
    }
    if (outward && q->trace.unresolved) {
        conclude_unresolved(q, way, peer, x);
    }
    explain_bfd(agent, q, way, peer, x);
    if (p && p->n_sent && !p->n_received) {
        explanation_conclude(
            x, VERDICT_UNKNOWN, "peer-silent",
            "A packet from \"%s\" to \"%s\" passes here, but nothing has ever "
            "come back from host \"%s\" by %s: see whether vtepd runs there, "
            "and whether the underlay lets %s through.", q->from->id,
            q->to->id, peer, way->tunnel.name, underlay);
    } else if (room && travels_in(q)->object.mtu > room) {
        explanation_conclude(
            x, VERDICT_UNKNOWN, "mtu",
            "A packet from \"%s\" to \"%s\" passes if it has no more than %d "
            "bytes, larger ones are lost: raise the MTU of the underlay, or "
            "lower the VMs' and the segment's.", q->from->id, q->to->id,
            room);
    } else {
        explanation_conclude(
            x, VERDICT_PASSES, NULL,
            outward ? "It passes: a packet from \"%s\" to \"%s\" leaves this "
                      "host by %s.  Give the same command on host \"%s\" for "
                      "the rest of the way."
                    : "It passes: a packet from \"%s\" to \"%s\" that comes "
                      "in by %s is delivered here.  Give the same command on "
                      "host \"%s\" for the way before that.",
            q->from->id, q->to->id, way->tunnel.name, peer);
    }
    free(underlay);
}

static struct json *
endpoint_to_json(const char *name, const struct endpoint_node *node)
{
    struct json *object = json_object_create();

    json_object_put(object, "name", listing_string_to_json(name));
    json_object_put(object, "endpoint", node ? json_string_create(node->id)
                                             : json_null_create());
    return object;
}

void
explain_path(const struct agent *agent, const struct path_question *question,
             struct explanation *x)
{
    struct path_question copy = *question, *q = &copy;
    const struct endpoint_node *remote, *end = q->to;
    struct overlay_way way = { .has_tunnel = false };

    x->subject = json_object_create();
    json_object_put(x->subject, "from", endpoint_to_json(q->from_name,
                                                         q->from));
    json_object_put(x->subject, "to", endpoint_to_json(q->to_name, q->to));
    explain_agent(agent, x);
    if (q->from && q->from == q->to) {
        explanation_stop(x, "endpoint", "same-endpoint",
                         "Name two different endpoints",
                         "\"%s\" and \"%s\" are both endpoint \"%s\"",
                         q->from_name, q->to_name, q->from->id);
        return;
    }
    if (!explain_endpoints(agent, q, x)) {
        return;
    }
    if (!explain_is_here(q->from) && !explain_is_here(q->to)) {
        explanation_conclude(x, VERDICT_UNKNOWN, "not-here",
                             "Neither endpoint is on this host: ask on host "
                             "\"%s\" or \"%s\".", q->from->endpoint->host->id,
                             q->to->endpoint->host->id);
        return;
    }
    remote = remote_end(q);
    if (remote && !explain_way(agent, remote->endpoint->host, travels_in(q), x,
                               &way)) {
        return;
    }
    if (remote) {
        explain_mtu(agent, travels_in(q), &way, x);
    }
    if (!explain_switch(agent, q, &way, x)) {
        return;
    }
    if (q->to != end) {
        explanation_conclude(
            x, VERDICT_UNKNOWN, "next-hop",
            "A packet from \"%s\" is routed to \"%s\", whose VM has to "
            "forward it to \"%s\": see whether it does.", q->from->id,
            q->to->id, end->id);
    }
    if (remote) {
        conclude_remote(agent, q, &way, x);
    } else {
        explanation_conclude(x, VERDICT_PASSES, NULL, "It passes: a packet "
                             "from \"%s\" to \"%s\" stays on this host.",
                             q->from->id, q->to->id);
    }
}
