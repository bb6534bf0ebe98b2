/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/explain-path.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/bfd-watch.h"
#include "agent/facts.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "agent/report.h"
#include "cloud/inventory-source.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "hmapx.h"
#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "util.h"

/* The ways to other hosts, and whether vtepd itself works. */

/* Live segments of a host that are named. */
#define MAX_SEGMENTS 8

/* The agent. */

static void
explain_source(const struct agent *agent, struct explanation *x)
{
    struct inventory_source_status is;
    long long int now = time_msec();

    if (!agent->source) {
        return;
    }
    inventory_source_get_status(agent->source, &is);
    char *age = is.last_success
                ? facts_format_duration(now - is.last_success) : NULL;
    if (is.failing_since) {
        char *since = facts_format_duration(now - is.failing_since);

        explanation_note(x, "inventory", "the API has failed for %s (%s); "
                         "what is known is %s%s", since,
                         is.error ? is.error : "no answer",
                         age ? age : "from the state file",
                         age ? " old" : "");
        free(since);
    } else {
        explanation_ok(x, "inventory", "version \"%s\", last heard %s ago",
                       is.version ? is.version : "-", age ? age : "-");
    }
    free(age);
    inventory_source_status_destroy(&is);
}

void
explain_agent(const struct agent *agent, struct explanation *x)
{
    char *waiting = report_waiting_for(agent);
    long long int since;
    size_t n_held = inventory_n_held(agent->inventory, &since);

    if (waiting) {
        explanation_stop(x, "vtepd", "not-synced",
                         "What is in the switch is from before; see "
                         "\"ovs-appctl -t vtepd vtepd/status\"",
                         "vtepd waits for %s", waiting);
        free(waiting);
    } else {
        explanation_ok(x, "vtepd", "works on bridge %s of host \"%s\"",
                       agent->config.text[SETTING_BRIDGE],
                       agent->config.text[SETTING_HOST]);
    }
    explain_source(agent, x);
    if (n_held) {
        explanation_note(x, "inventory", "%"PRIuSIZE" deletions are held, so "
                         "some objects here are gone in the cloud; "
                         "\"vtepd/approve-deletions\" releases them", n_held);
    }
}

/* A way. */

static void
explain_no_tunnel(const struct agent *agent, const struct host_node *host,
                  const struct segment_node *segment, const char *why,
                  struct explanation *x)
{
    enum encap forced = segment->object.encap;

    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_node *by;

        if (!inventory_address_is_served(agent->inventory,
                                         &host->addresses[i], &by)) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&host->addresses[i].tunnel.ip, ip);
            explanation_stop(x, "tunnel", "address-taken",
                             "Correct the two hosts' \"tunnels\" in the "
                             "inventory",
                             "the tunnel address %s of host \"%s\" belongs to "
                             "host \"%s\", whose id is lower", ip, host->id,
                             by->id);
            return;
        }
    }
    explanation_stop(x, "tunnel", "no-common-encapsulation",
                     "Compare the hosts' \"tunnels\" with "
                     "\"vtepd/hosts\"; both have to offer the same type in "
                     "the same address family",
                     "there can be no tunnel to host \"%s\"%s%s: %s",
                     host->id, forced ? " for a segment forced to " : "",
                     forced ? encap_to_string(forced) : "", why);
}

static bool
is_own_address_missing(const struct agent *agent, const struct tunnel_key *key)
{
    return agent->address_missing[!IN6_IS_ADDR_V4MAPPED(&key->local_ip)];
}

static char *
format_tunnel(const struct overlay_tunnel *t)
{
    char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

    local_address_format(&t->key.local_ip, local);
    local_address_format(&t->key.remote_ip, remote);
    return xasprintf("%s (%s from %s to %s)", t->name ? t->name : "a port",
                     encap_to_string(t->key.type), local, remote);
}

char *
explain_underlay(const struct tunnel_key *key)
{
    char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
    uint16_t port = key->dst_port ? key->dst_port
                                  : encap_default_port(key->type);

    local_address_format(&key->local_ip, local);
    local_address_format(&key->remote_ip, remote);
    return (key->type == ENCAP_GRE
            ? xasprintf("GRE (IP protocol 47) between %s and %s", local,
                        remote)
            : xasprintf("UDP port %d between %s and %s", port, local,
                        remote));
}

/* Returns whether the tunnel is fit for use. */
static bool
explain_tunnel(const struct agent *agent, const char *peer,
               const struct overlay_way *way, struct explanation *x)
{
    const struct overlay_tunnel *t = &way->tunnel;
    char *text = format_tunnel(t);
    bool ok = false;

    if (is_own_address_missing(agent, &t->key)) {
        explanation_stop(x, "tunnel", "own-address-missing",
                         "Configure the address, or correct vtepd-encap-ip",
                         "the tunnel %s to host \"%s\" begins at an address "
                         "that is not configured on this host", text, peer);
    } else if (t->error) {
        explanation_stop(x, "tunnel", "tunnel-error",
                         "If another overlay uses the UDP port, give the "
                         "hosts another one in \"tunnels\"",
                         "Open vSwitch refuses the tunnel %s to host \"%s\": "
                         "%s", text, peer, t->error);
    } else if (!t->ofport) {
        explanation_stop(x, "tunnel", "no-tunnel-port",
                         "See whether ovs-vswitchd runs, and its log",
                         "the tunnel %s to host \"%s\" has no OpenFlow port "
                         "number%s", text, peer,
                         t->name ? "" : "; it is not in the database yet");
    } else {
        explanation_ok(x, "tunnel", "%s to host \"%s\", OpenFlow port %"PRIu32
                       ", group %"PRIu32, text, peer, t->ofport,
                       way->group);
        ok = true;
    }
    free(text);
    return ok;
}

bool
explain_way(const struct agent *agent, const struct host_node *host,
            const struct segment_node *segment, struct explanation *x,
            struct overlay_way *way)
{
    overlay_get_way(agent->overlay, host, segment, way);
    if (way->why_none) {
        explain_no_tunnel(agent, host, segment, way->why_none, x);
        return false;
    } else if (!way->has_tunnel) {
        explanation_stop(x, "tunnel", "no-tunnel",
                         "Ask again in a moment, then compare with "
                         "\"vtepd/status\"",
                         "there is no tunnel to host \"%s\" yet", host->id);
        return false;
    }
    return explain_tunnel(agent, host->id, way, x);
}

/* A host. */

struct host_use {
    size_t n_live;              /* Its endpoints in live segments. */
    struct ds segments;         /* The first such segments. */
    size_t n_segments;
    const struct segment_node *first;
};

/* Counts the host's endpoints by whether their segments are live here. */
static void
count_use(const struct host_node *host, struct host_use *use)
{
    struct hmapx seen = HMAPX_INITIALIZER(&seen);
    const struct endpoint *e;

    LIST_FOR_EACH (e, host_list, &host->endpoints) {
        if (e->segment->live) {
            use->n_live++;
            if (hmapx_add(&seen, e->segment)
                && use->n_segments++ < MAX_SEGMENTS) {
                ds_put_format(&use->segments, "%s \"%s\"",
                              use->segments.length ? "," : "",
                              e->segment->id);
                use->first = use->first ? use->first : e->segment;
            }
        }
    }
    hmapx_destroy(&seen);
}

/* For the caller to free; NULL: no BFD. */
static char *
format_bfd(const struct agent *agent, const struct tunnel_key *key)
{
    const struct bfd_session *s = bfd_watch_find(agent->bfd, key);

    return s ? bfd_session_format(s, time_msec()) : NULL;
}

/* Tunnels to 'host' but the one that is explained already. */
struct tunnels_to {
    const struct agent *agent;
    const char *host;
    const struct tunnel_key *explained; /* Or NULL. */
    struct explanation *x;
    size_t n;
};

static void
put_tunnel_to(const struct overlay_tunnel *t, void *to_)
{
    struct tunnels_to *to = to_;

    if (!strcmp(t->peer, to->host)
        && !(to->explained && tunnel_key_equals(&t->key, to->explained))) {
        char *text = format_tunnel(t);
        char *bfd = format_bfd(to->agent, &t->key);

        explanation_ok(to->x, "tunnel", "%s, OpenFlow port %"PRIu32", %s%s%s"
                       "%s%s", text, t->ofport,
                       t->n_users ? "needed" : "lingers after its last need",
                       bfd ? ", BFD " : "", bfd ? bfd : "",
                       t->error ? ", error: " : "", t->error ? t->error : "");
        to->n++;
        free(bfd);
        free(text);
    }
}

static void
conclude_host(const struct agent *agent, const struct host_node *host,
              const struct host_use *use, struct explanation *x)
{
    struct tunnels_to to = {
        .agent = agent, .host = host->id, .x = x
    };
    struct overlay_way way;

    if (!use->n_live) {
        overlay_for_each_tunnel(agent->overlay, put_tunnel_to, &to);
        explanation_conclude(
            x, VERDICT_UNKNOWN, "not-needed",
            to.n ? "The tunnel to host \"%s\" is not needed any more and goes "
                   "when its linger time is over."
                 : "There is no tunnel to host \"%s\" because none is needed: "
                   "no endpoint there is in a segment that is live here.",
            host->id);
        return;
    }

    const struct endpoint *e;
    LIST_FOR_EACH (e, host_list, &host->endpoints) {
        if (e->segment == use->first) {
            break;
        }
    }
    bool ok = explain_way(agent, host, e->segment, x, &way);
    to.explained = way.has_tunnel ? &way.tunnel.key : NULL;
    overlay_for_each_tunnel(agent->overlay, put_tunnel_to, &to);
    if (!ok) {
        return;
    }

    const struct bfd_session *bfd = bfd_watch_find(agent->bfd,
                                                   &way.tunnel.key);
    if (bfd && bfd->told && bfd->status.state != BFD_UP) {
        char *text = bfd_session_format(bfd, time_msec());

        explanation_conclude(
            x, VERDICT_UNKNOWN, "bfd-down", "There is a tunnel to host \"%s\" "
            "for the %"PRIuSIZE" endpoint%s there in segments that are live "
            "here, but its BFD is %s.  \"vtepd/explain FROM TO\" tells "
            "whether packets pass.", host->id, use->n_live,
            use->n_live == 1 ? "" : "s", text);
        free(text);
    } else {
        explanation_conclude(x, VERDICT_PASSES, NULL, "There is a tunnel to "
                             "host \"%s\" for the %"PRIuSIZE" endpoint%s "
                             "there in segments that are live here.",
                             host->id, use->n_live,
                             use->n_live == 1 ? "" : "s");
    }
}

void
explain_host(const struct agent *agent, const char *id, struct explanation *x)
{
    const struct host_node *host = inventory_find_host(agent->inventory, id);
    struct host_use use = { .segments = DS_EMPTY_INITIALIZER };

    x->subject = json_object_create();
    json_object_put(x->subject, "host", listing_string_to_json(id));
    explain_agent(agent, x);
    if (!host || !host->known) {
        explanation_stop(x, "host", "unknown-host",
                         "See \"vtepd/hosts\" for those that there are",
                         "there is no host \"%s\" in the inventory", id);
        return;
    } else if (host->self) {
        explanation_conclude(x, VERDICT_UNKNOWN, "self",
                             "There is no tunnel to \"%s\" because that is "
                             "this host.", id);
        return;
    }
    count_use(host, &use);
    explanation_ok(x, "host", "%"PRIuSIZE" endpoint%s there, %"PRIuSIZE" of "
                   "them in segments that are live here%s%s%s",
                   host->n_endpoints, host->n_endpoints == 1 ? "" : "s",
                   use.n_live, use.n_live ? ":" : "",
                   ds_cstr(&use.segments),
                   use.n_segments > MAX_SEGMENTS ? "..." : "");
    conclude_host(agent, host, &use, x);
    ds_destroy(&use.segments);
}
