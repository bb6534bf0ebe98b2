/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/bfd-watch.h"
#include "agent/facts.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "core/conflicts.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-client/ovsdb-client.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* How the agent is, in sections of facts. */

/* Conflicts that are shown in text; JSON has all. */
#define CONFLICTS_SHOWN 100

/* The same of rows that are fought over. */
#define FIGHTS_SHOWN 10

/* The whole. */

char *
report_waiting_for(const struct agent *agent)
{
    enum setting missing = config_missing(&agent->config);
    struct ovsdb_client_status ovsdb;

    ovsdb_client_get_status(agent->ovsdb, &ovsdb);
    if (!ovsdb_client_is_ready(agent->ovsdb)) {
        return xasprintf("the database at %s", ovsdb.remote);
    } else if (missing != N_SETTINGS) {
        return xasprintf("a value of --%s, or of external_ids:%s",
                         setting_infos[missing].option,
                         setting_infos[missing].key);
    } else if (!ovsdb_client_may_serve(agent->ovsdb)) {
        return xasprintf("the end of another vtepd that serves bridge %s",
                         agent->config.text[SETTING_BRIDGE]);
    } else if (!agent_has_inventory(agent)) {
        return xstrdup(agent->source_error ? "an inventory that can be used"
                                           : "the first whole inventory");
    } else if (!ovsdb.connected) {
        return xasprintf("the connection to the database at %s",
                         ovsdb.remote);
    } else if (switch_session_get_state(agent->session) != SWITCH_SYNCED) {
        return xasprintf("the flow table of bridge %s",
                         agent->config.text[SETTING_BRIDGE]);
    } else {
        return NULL;
    }
}

char *
report_headline(const struct agent *agent)
{
    char *waiting = report_waiting_for(agent);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct overlay_counts counts;
    long long int since;
    size_t n_held = inventory_n_held(agent->inventory, &since);

    overlay_get_counts(agent->overlay, &counts);
    if (waiting) {
        ds_put_format(&s, "waiting for %s", waiting);
    } else {
        ds_put_format(&s, "working; local endpoints: %"PRIuSIZE", tunnels: "
                      "%"PRIuSIZE, counts.n_local, counts.n_tunnels);
    }
    if (n_held) {
        ds_put_format(&s, "; deletions held: %"PRIuSIZE,
                      n_held);
    }
    free(waiting);
    return ds_steal_cstr(&s);
}

static void
put_summary(struct facts *f, const struct agent *agent)
{
    const char *host = agent->config.text[SETTING_HOST];
    char *waiting = report_waiting_for(agent);

    ds_put_format(&f->text, "vtepd %s\n", VTEPD_VERSION);
    f->section = f->root;
    facts_string(f, NULL, "version", VTEPD_VERSION);
    facts_string(f, "host", "host", host);
    facts_duration(f, "up for", "uptime_seconds", f->now - agent->started,
                   "");
    facts_text(f, "state", "%s%s", waiting ? "waiting for " : "working",
               waiting ? waiting : "");
    facts_string(f, NULL, "state", waiting ? "waiting" : "working");
    facts_string(f, NULL, "waiting_for", waiting);
    free(waiting);
}

/* Of the main loop: what one pass takes, everybody else waits. */
static void
put_passes(struct facts *f, const struct agent *agent)
{
    const struct pass_watch *w = &agent->pass_watch;

    if (w->n_slow) {
        facts_text(f, "slow passes", "%"PRIu64" of %"PRIu64", the longest "
                   "took %lld ms", w->n_slow, w->n_passes, w->longest);
    }
    facts_number(f, NULL, "passes", w->n_passes);
    facts_number(f, NULL, "slow_passes", w->n_slow);
    facts_number(f, NULL, "longest_pass_ms", w->longest);
}

/* Settings. */

static const struct listing_column setting_columns[] = {
    { "SETTING", NULL },
    { "VALUE", NULL },
    { "FROM", NULL },
};

/* "encap_ip" of "encap-ip". */
static char *
setting_key(enum setting id)
{
    char *key = xstrdup(setting_infos[id].option);

    for (char *p = key; (p = strchr(p, '-')) != NULL; ) {
        *p = '_';
    }
    return key;
}

static void
put_setting(struct facts *f, const struct agent *agent, struct listing *l,
            enum setting id)
{
    const struct config *c = &agent->config;
    char *value = config_shown_text(id, c->text[id]);
    char *refused = config_shown_text(id, c->refused[id]);
    const char *origin = setting_origin_to_string(id, c->origin[id]);
    struct json *object = json_object_create();

    listing_put_string(l, setting_infos[id].option);
    listing_put_string(l, value);
    listing_put_nocopy(l, refused
                       ? xasprintf("%s; refused: \"%s\"", origin, refused)
                       : xstrdup(origin));
    json_object_put(object, "value", facts_string_or_null(value));
    json_object_put_string(object, "origin", origin);
    json_object_put(object, "refused", facts_string_or_null(refused));
    json_object_put_nocopy(f->section, setting_key(id), object);
    free(value);
    free(refused);
}

static void
put_settings(struct facts *f, const struct agent *agent)
{
    struct listing *l = listing_create(setting_columns,
                                       ARRAY_SIZE(setting_columns), false);

    facts_section(f, "Settings", "settings");
    for (int id = 0; id < N_SETTINGS; id++) {
        put_setting(f, agent, l, id);
    }
    listing_format(l, 2, &f->text);
    listing_destroy(l);
}

/* The local switch. */

/* Rows that somebody else changes again and again. */
static void
put_fights(struct facts *f, const struct agent *agent)
{
    struct json *array = json_array_create_empty();
    struct svec fights = SVEC_EMPTY_INITIALIZER;

    ovsdb_client_get_fights(agent->ovsdb, &fights);
    for (size_t i = 0; i < fights.n; i++) {
        if (i < FIGHTS_SHOWN) {
            facts_text(f, "fought over", "%s: somebody else changes it again "
                       "and again", fights.names[i]);
        }
        json_array_add(array, listing_string_to_json(fights.names[i]));
    }
    if (fights.n > FIGHTS_SHOWN) {
        facts_text(f, "fought over", "and %"PRIuSIZE" more",
                   fights.n - FIGHTS_SHOWN);
    }
    facts_member(f, "fights", array);
    svec_destroy(&fights);
}

static void
put_ovsdb(struct facts *f, const struct agent *agent)
{
    struct ovsdb_client_status os;

    ovsdb_client_get_status(agent->ovsdb, &os);
    facts_section(f, "OVSDB", "ovsdb");
    facts_string(f, "remote", "remote", os.remote);
    facts_text(f, "state", "%s", os.connected ? "connected" : "not connected");
    facts_flag(f, "connected", os.connected);
    facts_text(f, "bridge", "%s%s", agent->config.text[SETTING_BRIDGE]
               ? agent->config.text[SETTING_BRIDGE] : "-",
               os.bridge_exists ? "" : " (not there)");
    facts_flag(f, "bridge_exists", os.bridge_exists);
    facts_text(f, "transactions", "%u committed, %u failed%s", os.n_committed,
               os.n_failed, os.in_flight ? ", one in flight" : "");
    facts_flag(f, "in_flight", os.in_flight);
    facts_number(f, NULL, "committed", os.n_committed);
    facts_number(f, NULL, "failed", os.n_failed);
    facts_string(f, os.last_error ? "last error" : NULL, "last_error",
                 os.last_error);
    facts_number(f, "drift repaired", "repaired", os.n_repaired);
    put_fights(f, agent);
}

/* What others change in the flow table, and what the switch refuses. */
static void
put_drift(struct facts *f, const struct switch_session_status *ss)
{
    const struct flow_drift_status *d = &ss->drift;

    facts_flag(f, "watched", ss->watched);
    facts_text(f, "repaired", "%"PRIu64" flows, %"PRIu64" groups%s",
               d->n_flow_repairs, d->n_group_repairs,
               ss->target && !ss->watched ? " (not watched)" : "");
    facts_number(f, NULL, "repaired_flows", d->n_flow_repairs);
    facts_number(f, NULL, "repaired_groups", d->n_group_repairs);
    facts_string(f, d->last_repair ? "last repair" : NULL, "last_repair",
                 d->last_repair);
    facts_number(f, d->n_fights ? "changed again and again" : NULL, "fights",
                 d->n_fights);
    facts_number(f, d->n_refused ? "refused" : NULL, "refused", d->n_refused);
    facts_number(f, NULL, "refusals", d->n_refusals);
    facts_string(f, d->last_refusal ? "last refusal" : NULL, "last_refusal",
                 d->last_refusal);
}

static void
put_openflow(struct facts *f, const struct agent *agent)
{
    struct switch_session_status ss;

    switch_session_get_status(agent->session, &ss);
    facts_section(f, "OpenFlow", "openflow");
    facts_string(f, "target", "target", ss.target);
    facts_string(f, "state", "state", switch_state_to_string(ss.state));
    facts_string(f, "version", "version", ss.version);
    facts_number(f, "connections", "connections", ss.n_connections);
    facts_text(f, "sent", "%"PRIu64" bundles (%"PRIu64" failed), %"PRIu64
               " flow mods, %"PRIu64" group mods", ss.n_bundles, ss.n_failed,
               ss.n_flow_mods, ss.n_group_mods);
    facts_number(f, NULL, "bundles", ss.n_bundles);
    facts_number(f, NULL, "failed_bundles", ss.n_failed);
    facts_number(f, NULL, "flow_mods", ss.n_flow_mods);
    facts_number(f, NULL, "group_mods", ss.n_group_mods);
    put_drift(f, &ss);
}

/* Tunnel addresses that this host has not, though it should. */
static void
put_missing_addresses(struct facts *f, const struct agent *agent)
{
    struct json *array = json_array_create_empty();

    for (int i = 0; i < 2; i++) {
        if (agent->address_missing[i]) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&agent->config.encap_ip[i], ip);
            facts_text(f, "encap-ip", "%s is not configured on this host: "
                       "its tunnels cannot work", ip);
            json_array_add(array, json_string_create(ip));
        }
    }
    facts_member(f, "missing_encap_ips", array);
}

/* What leaves this host for its peers, and what of it is a VM's. */
static void
put_underlay_mtu(struct facts *f, const struct agent *agent)
{
    struct json *array = json_array_create_empty();

    for (int i = 0; i < 2; i++) {
        int mtu = agent->underlay_mtu[i];

        if (mtu) {
            struct json *object = json_object_create();
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&agent->config.encap_ip[i], ip);
            facts_text(f, "underlay MTU", "%d from %s; VMs may have %d with "
                       "VXLAN or Geneve, %d with GRE", mtu, ip,
                       mtu - tunnel_overhead(ENCAP_VXLAN, i),
                       mtu - tunnel_overhead(ENCAP_GRE, i));
            json_object_put_string(object, "ip", ip);
            json_object_put(object, "mtu", json_integer_create(mtu));
            json_array_add(array, object);
        }
    }
    facts_member(f, "underlay_mtus", array);
}

static void
put_bfd(struct facts *f, const struct bfd_watch *bfd)
{
    size_t n_up = bfd_watch_count(bfd, BFD_UP);
    size_t n_not_up = (bfd_watch_count(bfd, BFD_ADMIN_DOWN)
                       + bfd_watch_count(bfd, BFD_DOWN)
                       + bfd_watch_count(bfd, BFD_INIT));

    if (n_up || n_not_up) {
        facts_text(f, "BFD", "up on %"PRIuSIZE" tunnels, not up on %"PRIuSIZE,
                   n_up, n_not_up);
    }
    facts_number(f, NULL, "bfd_up", n_up);
    facts_number(f, NULL, "bfd_not_up", n_not_up);
}

static void
put_here(struct facts *f, const struct agent *agent)
{
    struct overlay_counts counts;

    overlay_get_counts(agent->overlay, &counts);
    facts_section(f, "On this host", "here");
    facts_number(f, "live segments", "live_segments", counts.n_live_segments);
    facts_number(f, "local endpoints", "local_endpoints", counts.n_local);
    facts_number(f, "endpoints in flows", "installed_endpoints",
                 counts.n_installed);
    facts_number(f, "groups", "groups", counts.n_groups);
    facts_number(f, "tunnels", "tunnels", counts.n_tunnels);
    put_bfd(f, agent->bfd);
    put_missing_addresses(f, agent);
    put_underlay_mtu(f, agent);
}

static void
put_conflicts(struct facts *f, const struct agent *agent)
{
    struct json *array = json_array_create_empty();
    struct svec sentences = SVEC_EMPTY_INITIALIZER;

    conflicts_get(overlay_conflicts(agent->overlay), &sentences);
    ds_put_format(&f->text, "\nConflicts: %"PRIuSIZE"\n", sentences.n);
    for (size_t i = 0; i < sentences.n; i++) {
        if (i < CONFLICTS_SHOWN) {
            ds_put_cstr(&f->text, "  ");
            listing_escape(sentences.names[i], &f->text);
            ds_put_char(&f->text, '\n');
        }
        json_array_add(array, listing_string_to_json(sentences.names[i]));
    }
    if (sentences.n > CONFLICTS_SHOWN) {
        ds_put_format(&f->text, "  and %"PRIuSIZE" more; vtepd/status json "
                      "has them all\n", sentences.n - CONFLICTS_SHOWN);
    }
    json_object_put(f->root, "conflicts", array);
    svec_destroy(&sentences);
}

void
report_status(const struct agent *agent, bool json, struct ds *s)
{
    struct facts f = {
        .now = time_msec(),
        .text = DS_EMPTY_INITIALIZER,
        .root = json_object_create(),
    };

    put_summary(&f, agent);
    put_passes(&f, agent);
    put_settings(&f, agent);
    report_cloud(agent, &f);
    put_ovsdb(&f, agent);
    put_openflow(&f, agent);
    report_punts(agent, &f);
    put_here(&f, agent);
    put_conflicts(&f, agent);
    if (json) {
        json_to_ds(f.root, JSSF_PRETTY | JSSF_SORT, s);
        ds_put_char(s, '\n');
    } else {
        ds_put_buffer(s, f.text.string, f.text.length);
    }
    json_destroy(f.root);
    ds_destroy(&f.text);
}
