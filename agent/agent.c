/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/agent.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/advert-service.h"
#include "agent/announce-service.h"
#include "agent/announce.h"
#include "agent/bfd-watch.h"
#include "agent/dhcp-service.h"
#include "agent/explain.h"
#include "agent/leases.h"
#include "agent/learned-file.h"
#include "agent/local-address.h"
#include "agent/multicast.h"
#include "agent/punts.h"
#include "agent/settings.h"
#include "agent/settling.h"
#include "agent/switch-counters.h"
#include "agent/switching.h"
#include "agent/ttl-service.h"
#include "agent/webhooks.h"
#include "agent/wiring.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "core/conflicts.h"
#include "core/flow-spec.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/ovsdb-client.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent);

/* Endpoints begun per pass. */
#define MAX_WORK 2000

/* Conflicts logged one by one after a pass; of more only the number is. */
#define MAX_CONFLICTS_LOGGED 100

void
agent_init(struct agent *agent, const struct config *config,
           const char *remote)
{
    memset(agent, 0, sizeof *agent);
    agent->config = *config;
    agent->told_missing = N_SETTINGS;
    agent->started = time_msec();
    agent->started_wall = time_wall_msec();
    shash_init(&agent->served);
    waits_init(&agent->waits);
    agent->settling = settling_create();
    agent->explainer = explainer_create();
    agent->bfd = bfd_watch_create();
    agent->counters = switch_counters_create();
    address_watch_init(&agent->addresses);
    agent->synced_bundle = BUNDLE_NOT_SENT;
    agent->inventory = inventory_create();

    struct inventory_sink cache_sink = wiring_cache_sink(agent);
    agent->cache = inventory_cache_create(agent->inventory, &cache_sink);
    agent->learned = learned_file_create();
    agent->overlay_sink = wiring_overlay_sink(agent);
    agent->overlay = overlay_create(agent->inventory, &agent->overlay_sink);

    struct ovsdb_client_callbacks callbacks = wiring_ovsdb_callbacks(agent);
    agent->ovsdb = ovsdb_client_create(remote, &callbacks);
    agent->punts = punts_create();
    ttl_service_start(agent);
    announce_init(agent);
    agent->session = switching_create_session(agent);
    multicast_start(agent);
    agent->leases = leases_create(dhcp_lease_is_needed, agent);
    agent->dhcp = dhcp_service_create(agent, agent->leases);
    agent->adverts = advert_service_create(agent, agent->leases);

    static struct ovsdb_table_name names[32];
    ovs_assert(n_flow_table_names <= ARRAY_SIZE(names));
    for (size_t i = 0; i < n_flow_table_names; i++) {
        names[i].table_id = flow_table_names[i].id;
        names[i].name = flow_table_names[i].name;
    }
    ovsdb_client_set_table_names(agent->ovsdb, names, n_flow_table_names);
}

void
agent_destroy(struct agent *agent)
{
    explainer_destroy(agent->explainer);
    switch_counters_destroy(agent->counters);
    webhooks_close(agent);
    waits_destroy(&agent->waits);
    settling_destroy(agent->settling);
    address_watch_uninit(&agent->addresses);
    inventory_source_destroy(agent->source);
    inventory_cache_destroy(agent->cache);
    learned_file_destroy(agent->learned);
    multicast_stop(agent);
    announce_service_destroy(agent->announce);
    overlay_destroy(agent->overlay);
    inventory_destroy(agent->inventory);
    switch_session_destroy(agent->session);
    switch_session_destroy(agent->left_session);
    advert_service_destroy(agent->adverts);
    dhcp_service_destroy(agent->dhcp);
    leases_destroy(agent->leases);
    punts_destroy(agent->punts);
    free(agent->target);
    ovsdb_client_destroy(agent->ovsdb);
    bfd_watch_destroy(agent->bfd);
    shash_destroy_free_data(&agent->served);
    wiring_forget_list(agent);
    free(agent->source_error);
    config_destroy(&agent->config);
}

/* Is every encap-ip configured on this host?  Without it Open vSwitch has no
 * way to send, and says nothing (R20).  And how large a packet may leave from
 * there (R76)? */
static void
run_address_check(struct agent *agent)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(20, 20);
    const struct config *c = &agent->config;

    if (!agent->configured
        || !address_watch_run(&agent->addresses, time_msec())) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        bool missing = c->has_encap_ip[i]
                       && !local_address_exists(&c->encap_ip[i]);

        if (missing != agent->address_missing[i]) {
            char text[INET6_ADDRSTRLEN];

            agent->address_missing[i] = missing;
            local_address_format(&c->encap_ip[i], text);
            if (missing) {
                VLOG_ERR_RL(&rl, "encap-ip %s is not configured on this "
                            "host: its tunnels cannot work until it is", text);
            } else {
                VLOG_INFO_RL(&rl, "encap-ip %s is configured on this host now",
                             text);
            }
        }
        agent->underlay_mtu[i] = (c->has_encap_ip[i] && !missing
                                  ? local_address_mtu(&c->encap_ip[i]) : 0);
    }
    overlay_set_underlay_mtu(agent->overlay, agent->underlay_mtu);
}

/* Held deletions are released once every answer for long enough has said the
 * same, and "not modified" does say so. */
static void
run_hold(struct agent *agent)
{
    long long int hold = agent->config.hold * 1000LL, since;
    struct inventory_source_status status;

    if (!inventory_n_held(agent->inventory, &since) || !hold
        || !agent->source) {
        return;
    }
    inventory_source_get_status(agent->source, &status);
    if (status.last_success - since >= hold) {
        size_t n = inventory_approve_deletions(agent->inventory, time_msec());

        VLOG_INFO("inventory: %"PRIuSIZE" deletions released, every list for "
                  "%d s has said the same", n, agent->config.hold);
    }
    inventory_source_status_destroy(&status);
}

/* The pass. */

static void
log_conflict(const char *sentence, bool resolved, void *n_)
{
    /* A cloud that cannot make up its mind does not fill the disk. */
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 1000);
    size_t *n = n_;

    if (++*n > MAX_CONFLICTS_LOGGED) {
        return;
    }
    if (resolved) {
        VLOG_INFO_RL(&rl, "no longer: %s", sentence);
    } else {
        VLOG_WARN_RL(&rl, "%s", sentence);
    }
}

static void
log_conflicts(struct agent *agent)
{
    size_t n = 0;

    conflicts_tell(overlay_conflicts(agent->overlay), log_conflict, &n);
    if (n > MAX_CONFLICTS_LOGGED) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);

        VLOG_WARN_RL(&rl, "... and %"PRIuSIZE" more changes of conflicts; "
                  "ovs-appctl -t vtepd vtepd/status shows them all",
                  n - MAX_CONFLICTS_LOGGED);
    }
}

/* Of each tunnel there is little news, but there may be many tunnels. */
static void
log_bfd(struct agent *agent)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    bool is_trouble;
    char *news;

    while ((news = bfd_watch_take_news(agent->bfd, time_msec(), &is_trouble))
           != NULL) {
        VLOG_RL(&rl, is_trouble ? VLL_WARN : VLL_INFO, "%s", news);
        free(news);
    }
}

static bool
source_has_failed(const struct agent *agent)
{
    struct inventory_source_status status;

    if (!agent->source) {
        return true;
    }
    inventory_source_get_status(agent->source, &status);
    inventory_source_status_destroy(&status);
    return status.n_failures > 0;
}

/* The switch may know better than the state file, which is not written with
 * every change.  So the source gets a moment to answer before what the switch
 * has is made equal to the state file: meanwhile it forwards as it did. */
bool
agent_has_inventory(const struct agent *agent)
{
    return inventory_last_list(agent->inventory)
           && (!inventory_cache_is_in_use(agent->cache)
               || time_msec() >= agent->cache_patience
               || source_has_failed(agent));
}

const char *
agent_why_not_ready(const struct agent *agent)
{
    if (!agent->configured) {
        return "settings are missing; vtepd/status says which";
    } else if (!agent_has_inventory(agent)) {
        return "the first whole inventory has not arrived yet";
    } else if (switch_session_get_state(agent->session) != SWITCH_SYNCED
               || switch_session_applied(agent->session)
                  < agent->synced_bundle) {
        return "the inventory is not in the switch yet";
    }
    return NULL;
}

static bool
is_ready(const struct agent *agent)
{
    return agent->configured && ovsdb_client_is_ready(agent->ovsdb)
           && ovsdb_client_may_serve(agent->ovsdb)
           && agent_has_inventory(agent);
}

/* Is there what is needed to decide, and can the switch take it?  What it has
 * been sent it takes soon, which ends a wait. */
static bool
may_decide(const struct agent *agent)
{
    return is_ready(agent)
           && (switch_session_get_state(agent->session) != SWITCH_SYNCED
               || !switch_session_is_busy(agent->session));
}

static void
run_overlay(struct agent *agent)
{
    enum switch_state state = switch_session_get_state(agent->session);

    if (!may_decide(agent)) {
        return;
    }

    /* With an empty switch there is nothing to compare: it gets everything as
     * it is worked out, rather than all at once. */
    if (state == SWITCH_READ && switch_session_is_empty(agent->session)) {
        switching_sync(agent);
        state = SWITCH_SYNCED;
    }

    overlay_set_provisional(agent->overlay,
                            inventory_cache_is_in_use(agent->cache));
    switching_repair(agent);
    bool done = overlay_run(agent->overlay, time_msec(), MAX_WORK);
    if (done) {
        if (!inventory_list_is_busy(agent->inventory)) {
            log_conflicts(agent);
        }
        if (state == SWITCH_READ) {
            switching_sync(agent);
        } else {
            switching_sweep(agent);
        }
    } else {
        poll_immediate_wake();
    }
    switching_flush(agent, done);
    switching_mark_ports(agent);
}

/* The state file. */

static const char *
known_etag(const struct agent *agent)
{
    return (agent->source && agent->is_list
            ? inventory_source_etag(agent->source) : NULL);
}

void
agent_assume_list(struct agent *agent)
{
    const char *version;
    const char *etag = inventory_cache_etag(agent->cache, &version);

    if (agent->source && etag) {
        inventory_source_assume(agent->source, version, etag);
        agent->is_list = true;
    }
}

static void
run_cache(struct agent *agent)
{
    bool was_loading = inventory_cache_is_loading(agent->cache);

    inventory_cache_set_etag(agent->cache, known_etag(agent));
    inventory_cache_run(agent->cache);
    if (was_loading && !inventory_cache_is_loading(agent->cache)) {
        agent_assume_list(agent);
    }
}

/* The first time that what is known is in the switch. */
static void
log_readiness(struct agent *agent)
{
    if (!agent->told_ready && !agent_why_not_ready(agent)) {
        struct overlay_counts counts;

        overlay_get_counts(agent->overlay, &counts);
        VLOG_INFO("ready after %.1f s: the inventory is in the switch, with "
                  "%"PRIuSIZE" endpoints of this host, %"PRIuSIZE" flows and "
                  "%"PRIuSIZE" tunnels",
                  (time_msec() - agent->started) / 1000.0, counts.n_local,
                  counts.n_flows, counts.n_tunnels);
        agent->told_ready = true;
    }
}

/* Tells what the pass has done since the last call. */
static void
did(struct agent *agent, const char *what)
{
    pass_watch_part(&agent->pass_watch, what, time_msec());
}

void
agent_run(struct agent *agent)
{
    pass_watch_begin(&agent->pass_watch, time_msec());
    ovsdb_client_run(agent->ovsdb);
    log_bfd(agent);
    did(agent, "what OVSDB says");
    settings_run(agent);
    did(agent, "the settings");
    run_cache(agent);
    did(agent, "the state file");
    learned_file_run(agent->learned, time_msec());
    did(agent, "the file of what was learned");
    if (agent->source && !inventory_cache_is_loading(agent->cache)) {
        inventory_source_run(agent->source);
    }
    did(agent, "what the inventory's source says");
    wiring_run_list(agent);
    did(agent, "applying a list");
    webhooks_run(agent);
    did(agent, "webhooks");
    run_hold(agent);
    did(agent, "held deletions");
    switching_run(agent);
    did(agent, "what the switch says");
    run_address_check(agent);
    did(agent, "looking at this host's addresses");
    run_overlay(agent);
    log_readiness(agent);
    did(agent, "working out flows and tunnels");
    multicast_run(agent);
    did(agent, "multicast");
    advert_service_run(agent->adverts);
    did(agent, "router advertisements");
    announce_run(agent);
    did(agent, "telling who holds shared addresses");
    settling_run(agent->settling, agent->session, &agent->waits);
    webhooks_answer(agent);
    did(agent, "answering webhooks");
    ovsdb_client_commit(agent->ovsdb);
    did(agent, "writing to OVSDB");
    explainer_run(agent->explainer, agent);
    did(agent, "explaining");
    switch_counters_run(agent->counters, agent->target);
    did(agent, "reading the switch's counters");
}

/* What main() does between agent_run() and agent_wait() is to run operators'
 * commands. */
static void
end_pass(struct agent *agent)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    char *slow;

    did(agent, "operators' commands");
    slow = pass_watch_end(&agent->pass_watch, time_msec());
    if (slow) {
        VLOG_WARN_RL(&rl, "%s; meanwhile nothing else was done", slow);
        free(slow);
    }
}

void
agent_wait(struct agent *agent)
{
    end_pass(agent);
    ovsdb_client_wait(agent->ovsdb);
    settings_wait(agent);
    inventory_cache_wait(agent->cache);
    learned_file_wait(agent->learned);
    if (agent->source && !inventory_cache_is_loading(agent->cache)) {
        inventory_source_wait(agent->source);
    }
    wiring_wait_list(agent);
    webhooks_wait(agent);
    settling_wait(agent->settling);
    explainer_wait(agent->explainer);
    advert_service_wait(agent->adverts);
    if (bfd_watch_next_time(agent->bfd) != LLONG_MAX) {
        poll_timer_wait_until(bfd_watch_next_time(agent->bfd));
    }
    switch_counters_wait(agent->counters);
    switching_wait(agent);
    multicast_wait(agent);
    announce_wait(agent);
    if (may_decide(agent)) {
        long long int next = overlay_next_time(agent->overlay);

        if (next != LLONG_MAX) {
            poll_timer_wait_until(next);
        }
    }
    if (inventory_cache_is_in_use(agent->cache)
        && time_msec() < agent->cache_patience) {
        poll_timer_wait_until(agent->cache_patience);
    }
    if (agent->configured) {
        address_watch_wait(&agent->addresses);
    }
}

bool
agent_is_second(const struct agent *agent)
{
    return ovsdb_client_is_denied(agent->ovsdb);
}

void
agent_save(struct agent *agent)
{
    inventory_cache_set_etag(agent->cache, known_etag(agent));
    inventory_cache_flush(agent->cache);
    learned_file_flush(agent->learned);
}

void
agent_resync(struct agent *agent)
{
    if (agent->source) {
        inventory_source_list_now(agent->source);
    }
    switch_session_resync(agent->session);
    address_watch_hurry(&agent->addresses);
}

size_t
agent_approve_deletions(struct agent *agent)
{
    size_t n = inventory_approve_deletions(agent->inventory, time_msec());

    if (n) {
        VLOG_INFO("inventory: %"PRIuSIZE" held deletions approved", n);
        poll_immediate_wake();
    }
    return n;
}
