/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "core/conflicts.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-client/ovsdb-client.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* How the agent is, in sections of facts.  Each fact is put once, into the
 * text and into the JSON. */

/* Conflicts that are shown in text; JSON has all. */
#define CONFLICTS_SHOWN 100

struct status {
    const struct agent *agent;
    long long int now;
    struct ds text;
    struct json *root;
    struct json *section;       /* In 'root'. */
};

static void
begin_section(struct status *st, const char *heading, const char *key)
{
    ds_put_format(&st->text, "\n%s\n", heading);
    st->section = json_object_create();
    json_object_put(st->root, key, st->section);
}

/* Facts.  One with a NULL 'label' is not in text, one with a NULL 'key' not in
 * JSON. */

static void
put_member(struct status *st, const char *key, struct json *value)
{
    if (key) {
        json_object_put(st->section, key, value);
    } else {
        json_destroy(value);
    }
}

static void OVS_PRINTF_FORMAT(3, 4)
put_text(struct status *st, const char *label, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *s = xvasprintf(format, args);
    va_end(args);
    ds_put_format(&st->text, "  %-18s ", label);
    listing_escape(s, &st->text);
    ds_put_char(&st->text, '\n');
    free(s);
}

static struct json *
string_or_null(const char *s)
{
    return s ? listing_string_to_json(s) : json_null_create();
}

static void
put_string(struct status *st, const char *label, const char *key,
           const char *value)
{
    if (label) {
        put_text(st, label, "%s", value ? value : "-");
    }
    put_member(st, key, string_or_null(value));
}

static void
put_number(struct status *st, const char *label, const char *key,
           unsigned long long int value)
{
    if (label) {
        put_text(st, label, "%llu", value);
    }
    put_member(st, key, json_integer_create(value));
}

static void
put_flag(struct status *st, const char *key, bool value)
{
    put_member(st, key, json_boolean_create(value));
}

/* "3 min 20 s", of a duration in ms. */
static char *
format_duration(long long int ms)
{
    long long int s = MAX(ms, 0) / 1000;

    return (s < 60 ? xasprintf("%lld s", s)
            : s < 3600 ? xasprintf("%lld min %lld s", s / 60, s % 60)
            : s < 86400 ? xasprintf("%lld h %lld min", s / 3600,
                                    s / 60 % 60)
            : xasprintf("%lld d %lld h", s / 86400, s / 3600 % 24));
}

/* A duration in ms, -1: none.  In JSON whole seconds, and in text "3 min 20 s"
 * and 'suffix'. */
static void
put_duration(struct status *st, const char *label, const char *key,
             long long int ms, const char *suffix)
{
    char *duration = format_duration(ms);

    if (label && ms >= 0) {
        put_text(st, label, "%s%s", duration, suffix);
    } else if (label) {
        put_text(st, label, "-");
    }
    put_member(st, key, ms >= 0 ? json_integer_create(ms / 1000)
                                : json_null_create());
    free(duration);
}

/* How long ago 'when' was in ms, -1 if 'when' is 0: never. */
static long long int
ago(const struct status *st, long long int when)
{
    return when ? MAX(st->now - when, 0) : -1;
}

/* The whole. */

/* What the agent waits for, for the caller to free, or NULL. */
static char *
waiting_for(const struct agent *agent)
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

static void
put_summary(struct status *st)
{
    const struct agent *agent = st->agent;
    const char *host = agent->config.text[SETTING_HOST];
    char *waiting = waiting_for(agent);

    ds_put_format(&st->text, "vtepd %s\n", VTEPD_VERSION);
    st->section = st->root;
    put_string(st, NULL, "version", VTEPD_VERSION);
    put_string(st, "host", "host", host);
    put_duration(st, "up for", "uptime_seconds", st->now - agent->started,
                 "");
    put_text(st, "state", "%s%s", waiting ? "waiting for " : "working",
             waiting ? waiting : "");
    put_string(st, NULL, "state", waiting ? "waiting" : "working");
    put_string(st, NULL, "waiting_for", waiting);
    free(waiting);
}

/* Settings. */

static const struct listing_column setting_columns[] = {
    { "SETTING", NULL },
    { "VALUE", NULL },
    { "FROM", NULL },
};

/* Returns the value of a setting without what may be secret in it: a URL may
 * have been given with a password or a token, which is then refused.  'text'
 * may be NULL. */
static char *
without_secrets(enum setting id, const char *text)
{
    const char *authority = text ? strstr(text, "//") : NULL;
    const char *at = authority ? strrchr(authority, '@') : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (id != SETTING_INVENTORY || !text) {
        return nullable_xstrdup(text);
    }
    if (at) {
        ds_put_buffer(&s, text, authority + 2 - text);
        ds_put_cstr(&s, "***");
        text = at;
    }
    size_t len = strcspn(text, "?#");
    ds_put_buffer(&s, text, len);
    if (text[len]) {
        ds_put_format(&s, "%c***", text[len]);
    }
    return ds_steal_cstr(&s);
}

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
put_setting(struct status *st, struct listing *l, enum setting id)
{
    const struct config *c = &st->agent->config;
    char *value = without_secrets(id, c->text[id]);
    char *refused = without_secrets(id, c->refused[id]);
    const char *origin = setting_origin_to_string(id, c->origin[id]);
    struct json *object = json_object_create();

    listing_put_string(l, setting_infos[id].option);
    listing_put_string(l, value);
    listing_put_nocopy(l, refused
                       ? xasprintf("%s; refused: \"%s\"", origin, refused)
                       : xstrdup(origin));
    json_object_put(object, "value", string_or_null(value));
    json_object_put_string(object, "origin", origin);
    json_object_put(object, "refused", string_or_null(refused));
    json_object_put_nocopy(st->section, setting_key(id), object);
    free(value);
    free(refused);
}

static void
put_settings(struct status *st)
{
    struct listing *l = listing_create(setting_columns,
                                       ARRAY_SIZE(setting_columns), false);

    begin_section(st, "Settings", "settings");
    for (int id = 0; id < N_SETTINGS; id++) {
        put_setting(st, l, id);
    }
    listing_format(l, 2, &st->text);
    listing_destroy(l);
}

/* The inventory and where it comes from. */

static void
put_source(struct status *st, const struct inventory_source *source)
{
    struct inventory_source_status is;

    inventory_source_get_status(source, &is);
    put_string(st, "version", "version", is.version);
    put_duration(st, "last success", "last_success_seconds_ago",
                 ago(st, is.last_success), " ago");
    if (is.error) {
        put_text(st, "error", "%s", is.error);
    }
    put_string(st, NULL, "error", is.error);
    put_duration(st, is.failing_since ? "failing for" : NULL,
                 "failing_for_seconds", ago(st, is.failing_since), "");
    put_duration(st, "next list in", "next_list_in_seconds",
                 is.next_try ? MAX(is.next_try - st->now, 0) : -1, "");
    put_text(st, "lists", "%u whole, %u not modified, %u failed", is.n_lists,
             is.n_not_modified, is.n_failures);
    put_flag(st, "whole", is.whole);
    put_number(st, NULL, "lists", is.n_lists);
    put_number(st, NULL, "not_modified", is.n_not_modified);
    put_number(st, NULL, "failures", is.n_failures);
    put_number(st, "refused objects", "refused_objects",
               is.n_refused_objects);
    inventory_source_status_destroy(&is);
}

static void
put_held(struct status *st)
{
    long long int since;
    size_t n = inventory_n_held(st->agent->inventory, &since);

    if (n) {
        char *duration = format_duration(ago(st, since));

        put_text(st, "held deletions", "%"PRIuSIZE", for %s; "
                 "vtepd/approve-deletions releases them", n, duration);
        free(duration);
    } else {
        put_text(st, "held deletions", "none");
    }
    put_number(st, NULL, "held_deletions", n);
    put_duration(st, NULL, "held_for_seconds", n ? ago(st, since) : -1, "");
}

/* The file that keeps the last known inventory. */
static void
put_state_file(struct status *st)
{
    struct inventory_cache_status cs;

    inventory_cache_get_status(st->agent->cache, &cs);
    char *age = format_duration(cs.age);
    if (cs.error) {
        put_text(st, "state file", "trouble: %s", cs.error);
    } else {
        put_text(st, "state file", "%s%s%s%s", cs.path ? cs.path : "-",
                 cs.age < 0 ? "" : ", written ", cs.age < 0 ? "" : age,
                 cs.age < 0 ? "" : " ago");
    }
    if (cs.in_use) {
        put_text(st, "in use", "the last known inventory, from the state "
                 "file, %s old", age);
    }
    put_string(st, NULL, "state_file", cs.path);
    put_duration(st, NULL, "state_file_age_seconds", cs.age, "");
    put_string(st, NULL, "state_file_error", cs.error);
    put_flag(st, "state_file_saved", cs.saved);
    put_flag(st, "from_state_file", cs.in_use);
    free(age);
}

static void
put_inventory(struct status *st)
{
    const struct agent *agent = st->agent;
    const struct inventory *inv = agent->inventory;
    size_t n_hosts = inventory_count(inv, OBJECT_HOST);
    size_t n_segments = inventory_count(inv, OBJECT_SEGMENT);
    size_t n_routers = inventory_count(inv, OBJECT_ROUTER);
    size_t n_endpoints = inventory_count(inv, OBJECT_ENDPOINT);
    char *url = without_secrets(SETTING_INVENTORY,
                                agent->config.text[SETTING_INVENTORY]);

    begin_section(st, "Inventory", "inventory");
    put_string(st, "source", "url", url);
    if (agent->source) {
        put_source(st, agent->source);
    } else {
        put_string(st, "error", "error", agent->source_error);
    }
    put_text(st, "objects", "hosts %"PRIuSIZE", segments %"PRIuSIZE", "
             "routers %"PRIuSIZE", endpoints %"PRIuSIZE, n_hosts, n_segments,
             n_routers, n_endpoints);
    put_number(st, NULL, "hosts", n_hosts);
    put_number(st, NULL, "segments", n_segments);
    put_number(st, NULL, "routers", n_routers);
    put_number(st, NULL, "endpoints", n_endpoints);
    put_held(st);
    put_state_file(st);
    free(url);
}

/* The local switch. */

static void
put_ovsdb(struct status *st)
{
    struct ovsdb_client_status os;

    ovsdb_client_get_status(st->agent->ovsdb, &os);
    begin_section(st, "OVSDB", "ovsdb");
    put_string(st, "remote", "remote", os.remote);
    put_text(st, "state", "%s", os.connected ? "connected" : "not connected");
    put_flag(st, "connected", os.connected);
    put_text(st, "bridge", "%s%s", st->agent->config.text[SETTING_BRIDGE]
             ? st->agent->config.text[SETTING_BRIDGE] : "-",
             os.bridge_exists ? "" : " (not there)");
    put_flag(st, "bridge_exists", os.bridge_exists);
    put_text(st, "transactions", "%u committed, %u failed%s", os.n_committed,
             os.n_failed, os.in_flight ? ", one in flight" : "");
    put_flag(st, "in_flight", os.in_flight);
    put_number(st, NULL, "committed", os.n_committed);
    put_number(st, NULL, "failed", os.n_failed);
    put_string(st, os.last_error ? "last error" : NULL, "last_error",
               os.last_error);
}

static void
put_openflow(struct status *st)
{
    struct switch_session_status ss;

    switch_session_get_status(st->agent->session, &ss);
    begin_section(st, "OpenFlow", "openflow");
    put_string(st, "target", "target", ss.target);
    put_string(st, "state", "state", switch_state_to_string(ss.state));
    put_string(st, "version", "version", ss.version);
    put_number(st, "connections", "connections", ss.n_connections);
    put_text(st, "sent", "%"PRIu64" bundles (%"PRIu64" failed), %"PRIu64
             " flow mods, %"PRIu64" group mods", ss.n_bundles, ss.n_failed,
             ss.n_flow_mods, ss.n_group_mods);
    put_number(st, NULL, "bundles", ss.n_bundles);
    put_number(st, NULL, "failed_bundles", ss.n_failed);
    put_number(st, NULL, "flow_mods", ss.n_flow_mods);
    put_number(st, NULL, "group_mods", ss.n_group_mods);
}

/* Tunnel addresses that this host has not, though it should. */
static void
put_missing_addresses(struct status *st)
{
    struct json *array = json_array_create_empty();

    for (int i = 0; i < 2; i++) {
        if (st->agent->address_missing[i]) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&st->agent->config.encap_ip[i], ip);
            put_text(st, "encap-ip", "%s is not configured on this host: "
                     "its tunnels cannot work", ip);
            json_array_add(array, json_string_create(ip));
        }
    }
    put_member(st, "missing_encap_ips", array);
}

static void
put_here(struct status *st)
{
    struct overlay_counts counts;

    overlay_get_counts(st->agent->overlay, &counts);
    begin_section(st, "On this host", "here");
    put_number(st, "live segments", "live_segments", counts.n_live_segments);
    put_number(st, "local endpoints", "local_endpoints", counts.n_local);
    put_number(st, "endpoints in flows", "installed_endpoints",
               counts.n_installed);
    put_number(st, "groups", "groups", counts.n_groups);
    put_number(st, "tunnels", "tunnels", counts.n_tunnels);
    put_missing_addresses(st);
}

static void
put_conflicts(struct status *st)
{
    struct json *array = json_array_create_empty();
    struct svec sentences = SVEC_EMPTY_INITIALIZER;

    conflicts_get(overlay_conflicts(st->agent->overlay), &sentences);
    ds_put_format(&st->text, "\nConflicts: %"PRIuSIZE"\n", sentences.n);
    for (size_t i = 0; i < sentences.n; i++) {
        if (i < CONFLICTS_SHOWN) {
            ds_put_cstr(&st->text, "  ");
            listing_escape(sentences.names[i], &st->text);
            ds_put_char(&st->text, '\n');
        }
        json_array_add(array, listing_string_to_json(sentences.names[i]));
    }
    if (sentences.n > CONFLICTS_SHOWN) {
        ds_put_format(&st->text, "  and %"PRIuSIZE" more; vtepd/status json "
                      "has them all\n", sentences.n - CONFLICTS_SHOWN);
    }
    json_object_put(st->root, "conflicts", array);
    svec_destroy(&sentences);
}

void
report_status(const struct agent *agent, bool json, struct ds *s)
{
    struct status st = {
        .agent = agent,
        .now = time_msec(),
        .text = DS_EMPTY_INITIALIZER,
        .root = json_object_create(),
    };

    put_summary(&st);
    put_settings(&st);
    put_inventory(&st);
    put_ovsdb(&st);
    put_openflow(&st);
    put_here(&st);
    put_conflicts(&st);
    if (json) {
        json_to_ds(st.root, JSSF_PRETTY | JSSF_SORT, s);
        ds_put_char(s, '\n');
    } else {
        ds_put_buffer(s, st.text.string, st.text.length);
    }
    json_destroy(st.root);
    ds_destroy(&st.text);
}
