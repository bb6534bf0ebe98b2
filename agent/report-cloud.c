/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/facts.h"
#include "agent/learned-file.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "cloud/webhook-server.h"
#include "core/inventory.h"
#include "util.h"

/* The inventory and where it comes from. */

static void
put_watch(struct facts *f, const struct inventory_source_status *is)
{
    char *heard = facts_format_duration(facts_ago(f, is->watch_heard));
    static const char *const states[] = {
        [WATCH_NONE] = "none",
        [WATCH_CLOSED] = "closed",
        [WATCH_OPENING] = "opening",
        [WATCH_OPEN] = "open",
        [WATCH_UNSUPPORTED] = "not supported by the server",
    };
    const char *state = states[is->watch];

    if (is->watch == WATCH_OPEN) {
        facts_text(f, "watch", "open, version %s, last heard from %s ago",
                   is->watch_version ? is->watch_version : "-", heard);
    } else if (is->watch != WATCH_NONE) {
        facts_text(f, "watch", "%s%s%s%s%s%s", state,
                   is->watch_error ? ": " : "",
                   is->watch_error ? is->watch_error : "",
                   is->watch_heard ? ", last heard from " : "",
                   is->watch_heard ? heard : "",
                   is->watch_heard ? " ago" : "");
    }
    facts_string(f, NULL, "watch", state);
    facts_string(f, NULL, "watch_version", is->watch_version);
    facts_string(f, NULL, "watch_error", is->watch_error);
    facts_duration(f, NULL, "watch_open_seconds",
                   is->watch == WATCH_OPEN ? facts_ago(f, is->watch_since)
                                           : -1, "");
    facts_duration(f, NULL, "watch_heard_seconds_ago",
                   facts_ago(f, is->watch_heard), "");
    facts_number(f, NULL, "watches", is->n_watches);
    facts_number(f, is->watch == WATCH_NONE ? NULL : "watch events",
                 "watch_events", is->n_watch_events);
    free(heard);
}

static void
put_source(struct facts *f, const struct inventory_source *source)
{
    struct inventory_source_status is;

    inventory_source_get_status(source, &is);
    facts_string(f, "version", "version", is.version);
    facts_duration(f, "last success", "last_success_seconds_ago",
                   facts_ago(f, is.last_success), " ago");
    if (is.error) {
        facts_text(f, "error", "%s", is.error);
    }
    facts_string(f, NULL, "error", is.error);
    facts_duration(f, is.failing_since ? "failing for" : NULL,
                   "failing_for_seconds", facts_ago(f, is.failing_since), "");
    facts_duration(f, is.asked ? "waiting for a list for" : NULL,
                   "list_under_way_for_seconds", facts_ago(f, is.asked), "");
    facts_duration(f, "next list in", "next_list_in_seconds",
                   is.next_try ? MAX(is.next_try - f->now, 0) : -1, "");
    facts_text(f, "lists", "%u whole, %u not modified, %u failed", is.n_lists,
               is.n_not_modified, is.n_failures);
    facts_flag(f, "whole", is.whole);
    facts_number(f, NULL, "lists", is.n_lists);
    facts_number(f, NULL, "not_modified", is.n_not_modified);
    facts_number(f, NULL, "failures", is.n_failures);
    facts_number(f, "refused objects", "refused_objects",
                 is.n_refused_objects);
    put_watch(f, &is);
    inventory_source_status_destroy(&is);
}

static void
put_held(struct facts *f, const struct agent *agent)
{
    long long int since;
    size_t n = inventory_n_held(agent->inventory, &since);

    if (n) {
        char *duration = facts_format_duration(facts_ago(f, since));

        facts_text(f, "held deletions", "%"PRIuSIZE", for %s; "
                   "vtepd/approve-deletions releases them", n, duration);
        free(duration);
    } else {
        facts_text(f, "held deletions", "none");
    }
    facts_number(f, NULL, "held_deletions", n);
    facts_duration(f, NULL, "held_for_seconds", n ? facts_ago(f, since) : -1,
                   "");
}

/* The file that keeps the last known inventory. */
static void
put_state_file(struct facts *f, const struct agent *agent)
{
    struct inventory_cache_status cs;

    inventory_cache_get_status(agent->cache, &cs);
    long long int failing = facts_ago(f, cs.failing_since);
    char *age = facts_format_duration(cs.age);
    if (cs.error) {
        char *duration = facts_format_duration(failing);

        facts_text(f, "state file", "trouble for %s: %s", duration, cs.error);
        free(duration);
    } else {
        facts_text(f, "state file", "%s%s%s%s", cs.path ? cs.path : "-",
                   cs.age < 0 ? "" : ", written ", cs.age < 0 ? "" : age,
                   cs.age < 0 ? "" : " ago");
    }
    if (cs.in_use) {
        facts_text(f, "in use", "the last known inventory, from the state "
                   "file, %s old", age);
    }
    facts_string(f, NULL, "state_file", cs.path);
    facts_duration(f, NULL, "state_file_age_seconds", cs.age, "");
    facts_string(f, NULL, "state_file_error", cs.error);
    facts_duration(f, NULL, "state_file_failing_for_seconds", failing, "");
    facts_flag(f, "state_file_saved", cs.saved);
    facts_flag(f, "from_state_file", cs.in_use);
    free(age);

    const char *error = learned_file_error(agent->learned);
    facts_string(f, error ? "what was learned" : NULL, "learned_file_error",
                 error);
}

static void
put_inventory(struct facts *f, const struct agent *agent)
{
    const struct inventory *inv = agent->inventory;
    size_t n_hosts = inventory_count(inv, OBJECT_HOST);
    size_t n_segments = inventory_count(inv, OBJECT_SEGMENT);
    size_t n_routers = inventory_count(inv, OBJECT_ROUTER);
    size_t n_endpoints = inventory_count(inv, OBJECT_ENDPOINT);
    char *url = config_shown_text(SETTING_INVENTORY,
                                  agent->config.text[SETTING_INVENTORY]);

    facts_section(f, "Inventory", "inventory");
    facts_string(f, "source", "url", url);
    if (agent->source) {
        put_source(f, agent->source);
    } else {
        facts_string(f, "error", "error", agent->source_error);
    }
    facts_text(f, "objects", "hosts %"PRIuSIZE", segments %"PRIuSIZE", "
               "routers %"PRIuSIZE", endpoints %"PRIuSIZE, n_hosts, n_segments,
               n_routers, n_endpoints);
    facts_number(f, NULL, "hosts", n_hosts);
    facts_number(f, NULL, "segments", n_segments);
    facts_number(f, NULL, "routers", n_routers);
    facts_number(f, NULL, "endpoints", n_endpoints);
    put_held(f, agent);
    put_state_file(f, agent);
    free(url);
}

/* Webhooks. */

static void
put_webhook_counts(struct facts *f, const struct webhook_status *ws)
{
    uint64_t n_unauthorized = webhook_status_count(ws, "unauthorized");
    uint64_t n_refused = webhook_status_count(ws, "refused");
    uint64_t n_too_fast = webhook_status_count(ws, "too_fast");
    uint64_t n_unavailable = webhook_status_count(ws, "not_ready");

    facts_text(f, "events taken", "%"PRIu64" requests, %"PRIu64" repeated",
               ws->n_taken, ws->n_repeated);
    facts_text(f, "turned away", "%"PRIu64" unauthorized, %"PRIu64
               " refused, %"PRIu64" too fast, %"PRIu64" not ready",
               n_unauthorized, n_refused, n_too_fast, n_unavailable);
    facts_text(f, "connections", "%"PRIuSIZE", %"PRIuSIZE" waiting for the "
               "switch, %"PRIu64" closed on them", ws->n_connections,
               ws->n_waiting, ws->n_evicted);
    facts_number(f, NULL, "requests", ws->n_requests);
    facts_number(f, NULL, "taken", ws->n_taken);
    facts_number(f, NULL, "repeated", ws->n_repeated);
    facts_number(f, NULL, "unauthorized", n_unauthorized);
    facts_number(f, NULL, "refused", n_refused);
    facts_number(f, NULL, "too_fast", n_too_fast);
    facts_number(f, NULL, "unavailable", n_unavailable);
    facts_number(f, NULL, "connections", ws->n_connections);
    facts_number(f, NULL, "waiting", ws->n_waiting);
    facts_number(f, NULL, "evicted", ws->n_evicted);
}

static void
put_webhooks(struct facts *f, const struct agent *agent)
{
    const char *listen = agent->config.text[SETTING_WEBHOOK_LISTEN];
    struct webhook_status ws = { .listen = listen };

    facts_section(f, "Webhooks", "webhooks");
    if (agent->webhooks) {
        webhook_server_get_status(agent->webhooks, &ws);
    } else {
        ws.error = agent->webhooks_error;
    }
    facts_text(f, "listening", "%s%s%s", agent->webhooks ? listen : "no",
               ws.tls ? ", TLS" : "",
               !agent->webhooks ? "" : ws.n_secrets ? ", signed"
               : ", without a secret");
    facts_string(f, NULL, "listen", listen);
    facts_flag(f, "listening", agent->webhooks != NULL);
    facts_flag(f, "tls", ws.tls);
    facts_number(f, NULL, "secrets", ws.n_secrets);
    facts_string(f, ws.error ? "error" : NULL, "error", ws.error);
    if (agent->webhooks) {
        facts_duration(f, "last event", "last_taken_seconds_ago",
                       facts_ago(f, ws.last_taken), " ago");
        put_webhook_counts(f, &ws);
    }
}

void
report_cloud(const struct agent *agent, struct facts *f)
{
    put_inventory(f, agent);
    put_webhooks(f, agent);
}
