/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-path.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/local-address.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "flow.h"
#include "openflow/switch-session.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* What the switch says: its flows and groups, what it has dropped, and what it
 * would do with a packet. */

/* Packets dropped no longer ago than this count as a reason, in seconds. */
#define RECENT 60

/* Flows that are missing and told of one by one. */
#define MAX_MISSING 5

static void
for_each_record_flow(const struct endpoint_node *node, flow_cb *cb, void *aux)
{
    struct endpoint_record *r = overlay_endpoint_record(node);

    if (r) {
        endpoint_record_flows(r, cb, aux);
        free(r);
    }
}

/* Of a router's flows, those that the packet meets. */
struct route_flows {
    const struct path_question *question;
    flow_cb *cb;
    void *aux;
};

static bool
has_destination(const struct match *m, const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        return m->flow.dl_type == htons(ETH_TYPE_IP)
               && m->flow.nw_dst == (in6_addr_get_mapped_ipv4(ip)
                                     & m->wc.masks.nw_dst);
    }

    struct in6_addr masked = ipv6_addr_bitand(ip, &m->wc.masks.ipv6_dst);
    return m->flow.dl_type == htons(ETH_TYPE_IPV6)
           && ipv6_addr_equals(&m->flow.ipv6_dst, &masked);
}

static void
pass_route_flow(const struct flow_entry *e, void *only_)
{
    const struct route_flows *only = only_;
    const struct segment_object *o
        = &only->question->from->endpoint->segment->object;

    if (e->table == TABLE_ROUTES
        ? has_destination(&e->match, &only->question->routed.dst_ip)
        : e->match.flow.metadata == htonll(segment_metadata(o->vni,
                                                            o->encap))) {
        only->cb(e, only->aux);
    }
}

void
explain_for_each_flow(const struct agent *agent,
                      const struct path_question *q,
                      const struct overlay_way *way, flow_cb *cb, void *aux)
{
    for_each_record_flow(q->from, cb, aux);
    for_each_record_flow(q->to, cb, aux);
    overlay_segment_flows(q->from->endpoint->segment, cb, aux);
    if (q->routed.router) {
        struct route_flows only = { q, cb, aux };

        overlay_segment_flows(q->routed.segment, cb, aux);
        overlay_router_flows(q->routed.router, pass_route_flow, &only);
    }
    if (way && way->has_tunnel) {
        overlay_tunnel_flows(agent->overlay, &way->tunnel.key, cb, aux);
    }
    static_flows(cb, aux);
}

/* What was changed is put back at once, unless that has happened too often. */
static const char *
repair_remedy(const struct agent *agent)
{
    struct switch_session_status ss;

    switch_session_get_status(agent->session, &ss);
    return (ss.drift.n_fights
            ? "Somebody changes it again and again, so vtepd puts it back "
              "only from time to time: see who else programs the bridge "
              "(\"ovs-vsctl get-controller\"); \"vtepd/resync\" puts it back "
              "at once"
            : "\"vtepd/resync\" compares everything and puts it back; see "
              "the log for who changed it");
}

struct flow_check {
    const struct path_question *question;
    const char *remedy;
    struct explanation *x;
    size_t n_there;
    size_t n_bad;
};

static void
check_flow(const struct flow_entry *e, void *check_)
{
    struct flow_check *check = check_;
    const struct asked_flow *f = switch_query_find(&check->question->query,
                                                   e);

    if (!f) {
        return;                 /* It was decided on only meanwhile. */
    }
    if (f->answer == ANSWER_THERE) {
        check->n_there++;
    } else if (check->n_bad++ < MAX_MISSING) {
        struct ds s = DS_EMPTY_INITIALIZER;

        flow_entry_format(e, &s);
        explanation_stop(check->x, "flows", "flow-missing", check->remedy,
                         f->answer == ANSWER_MISSING
                         ? "the switch lacks the flow %s"
                         : "the switch has a changed form of the flow %s",
                         ds_cstr(&s));
        ds_destroy(&s);
    }
}

static void
check_groups(const struct path_question *q, const char *remedy,
             struct explanation *x)
{
    for (size_t i = 0; i < q->query.n_groups; i++) {
        const struct asked_group *g = &q->query.groups[i];

        if (g->answer != ANSWER_THERE) {
            explanation_stop(x, "flows", "group-missing", remedy,
                             "group %"PRIu32" of the switch %s to port "
                             "%"PRIu32, g->group,
                             g->answer == ANSWER_MISSING
                             ? "is gone, which leads" : "does not lead",
                             g->ofport);
        }
    }
}

static bool
explain_flows(const struct agent *agent, const struct path_question *q,
              const struct overlay_way *way, struct explanation *x)
{
    struct flow_check check = {
        .question = q, .remedy = repair_remedy(agent), .x = x
    };

    if (!q->asked || q->query.error) {
        explanation_note(x, "flows", "the switch could not be asked: %s",
                         q->query.error ? q->query.error : "not connected");
        return true;
    }
    check_groups(q, check.remedy, x);
    explain_for_each_flow(agent, q, way, check_flow, &check);
    if (!check.n_bad && !x->concluded) {
        explanation_ok(x, "flows", "all %"PRIuSIZE" flows that the two need "
                       "are in the switch", check.n_there);
    }
    return !x->concluded;
}

/* Port security. */

static bool
is_drop(const struct flow_entry *e)
{
    return !e->actions.size;
}

/* Does the VM also send what is right, of the same kind? */
static bool
sends_right(const struct path_question *q, const struct asked_flow *drop)
{
    const struct match *d = &drop->entry.match;

    for (size_t i = 0; i < q->query.n_flows; i++) {
        const struct asked_flow *f = &q->query.flows[i];
        const struct match *m = &f->entry.match;

        if (f->entry.table == TABLE_PORT_SECURITY && !is_drop(&f->entry)
            && m->flow.in_port.ofp_port == d->flow.in_port.ofp_port
            && (!d->wc.masks.dl_type || m->flow.dl_type == d->flow.dl_type)
            && f->n_packets && f->idle >= 0 && f->idle <= RECENT) {
            return true;
        }
    }
    return false;
}

/* The addresses that the inventory gives an endpoint, for the caller to
 * free. */
static char *
format_addresses(const struct endpoint *e)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].kind == CLAIM_IP) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&e->claims[i].ip, ip);
            ds_put_format(&s, ", %s", ip);
        }
    }
    return ds_steal_cstr(&s);
}

static const char *
what_is_wrong(enum drop_cause cause)
{
    switch ((int) cause) {
    case DROP_SOURCE_MAC: return "another source MAC";
    case DROP_SOURCE_IP: return "an IPv4 source address that is not its own";
    case DROP_SOURCE_IP6: return "an IPv6 source address that is not its own";
    default: return "an ARP sender that is not its own";
    }
}

static void
explain_drop(const struct path_question *q, const struct asked_flow *f,
             struct explanation *x)
{
    enum drop_cause cause = f->entry.cookie & ~FLOW_COOKIE_MASK;
    const char *wrong = what_is_wrong(cause);

    if (sends_right(q, f)) {
        explanation_note(x, "port security", "%"PRIu64" packets of \"%s\" "
                         "were dropped, the last %d s ago: they had %s",
                         f->n_packets, q->from->id, f->idle, wrong);
    } else {
        const struct endpoint *e = q->from->endpoint;
        char *addresses = format_addresses(e);

        explanation_stop(x, "port security",
                         cause == DROP_SOURCE_MAC ? "other-mac"
                                                  : "other-address",
                         "Correct the VM's configuration or the inventory, "
                         "or allow it with \"allowed_pairs\"",
                         "the VM of \"%s\" sends with %s (%"PRIu64" packets "
                         "dropped, the last %d s ago); the inventory gives "
                         "it "ETH_ADDR_FMT"%s", q->from->id, wrong,
                         f->n_packets, f->idle, ETH_ADDR_ARGS(e->mac),
                         addresses);
        free(addresses);
    }
}

static bool
explain_port_security(const struct path_question *q, struct explanation *x)
{
    if (!explain_is_here(q->from)) {
        return true;
    }
    for (size_t i = 0; i < q->query.n_flows; i++) {
        const struct asked_flow *f = &q->query.flows[i];

        if (f->entry.table == TABLE_PORT_SECURITY && is_drop(&f->entry)
            && f->entry.match.wc.masks.in_port.ofp_port
            && ofp_to_u16(f->entry.match.flow.in_port.ofp_port)
               == q->packet.in_port
            && f->n_packets && f->idle >= 0 && f->idle <= RECENT) {
            explain_drop(q, f, x);
        }
    }
    return !x->concluded;
}

/* The packet. */

static bool
explain_trace(const struct path_question *q, struct explanation *x)
{
    const struct trace_result *t = &q->trace;

    if (q->trace_error || !t->understood) {
        explanation_note(x, "trace", "ovs-vswitchd could not be asked: %s",
                         q->trace_error ? q->trace_error
                                        : "its answer is not understood");
    } else if (t->unrouted) {
        explanation_stop(x, "trace", "no-route",
                         "See \"ip route get\" for the peer's tunnel address, "
                         "and \"ovs-appctl ovs/route/show\"",
                         "Open vSwitch has no route to the peer's tunnel "
                         "address");
    } else if (t->unresolved) {
        explanation_note(x, "trace", "Open vSwitch does not know the MAC "
                         "address of the next hop to the peer yet and asks "
                         "for it with the first packet");
    } else if (!t->forwarded) {
        explanation_stop(x, "trace", "dropped",
                         "vtepd-flows(7) says what that means; \"ovs-appctl "
                         "ofproto/trace\" tells the whole of it, and "
                         "\"vtepd/resync\" compares all flows",
                         "ofproto/trace says that the packet is dropped: %s",
                         t->own_flow ? drop_cause_to_string(t->cause)
                                     : "by a flow that is not vtepd's");
    } else {
        explanation_ok(x, "trace", "ofproto/trace forwards it: %s",
                       t->actions);
    }
    return !x->concluded;
}

bool
explain_switch(const struct agent *agent, const struct path_question *q,
               const struct overlay_way *way, struct explanation *x)
{
    return explain_flows(agent, q, way, x)
           && explain_port_security(q, x)
           && explain_trace(q, x);
}
