/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/agent.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/local-address.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "core/conflicts.h"
#include "core/flow-spec.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "dirs.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/ovsdb-client.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent);

/* Endpoints begun per pass. */
#define MAX_WORK 2000

/* Conflicts logged one by one after a pass; of more only the number is. */
#define MAX_CONFLICTS_LOGGED 100

/* How often to look whether encap-ip is configured on this host, in ms. */
#define ADDRESS_CHECK_MS 2000

/* How long the source has to answer before the last known inventory, from the
 * state file, is used, in ms. */
#define CACHE_PATIENCE_MS 3000

/* How long it is tried to clean up a bridge that is no longer ours, in ms. */
#define LEAVE_MS 10000

/* A port that is not marked as installed, and whose bundle was not sent. */
#define NOT_SENT UINT64_MAX

/* The number of the bundle that a port's flows are in, or 0 once the port was
 * marked. */
struct served_port {
    uint64_t bundle;
};

/* From the inventory source into the inventory. */

static void
list_begin(void *agent_)
{
    struct agent *agent = agent_;

    inventory_list_begin(agent->inventory);
    agent->list_anonymous = false;
    agent->n_duplicates = 0;
}

static void
list_object(void *agent_, struct object *object)
{
    struct agent *agent = agent_;
    char *name = xasprintf("%s \"%s\"", object_kind_to_string(object->kind),
                           object->id);

    if (inventory_list_add(agent->inventory, object) == LIST_DUPLICATE
        && !agent->n_duplicates++) {
        agent->first_duplicate = name;
        name = NULL;
    }
    free(name);
}

static void
list_invalid(void *agent_, enum object_kind kind, const char *id)
{
    struct agent *agent = agent_;

    if (id) {
        inventory_list_keep(agent->inventory, kind, id);
    } else {
        agent->list_anonymous = true;
    }
}

static void
forget_duplicates(struct agent *agent)
{
    free(agent->first_duplicate);
    agent->first_duplicate = NULL;
}

static void
list_end(void *agent_, const char *version)
{
    struct agent *agent = agent_;
    struct deletion_guard guard = {
        .max_percent = agent->config.max_delete,
        .hold = agent->config.hold * 1000LL,
    };
    bool first = (!inventory_last_list(agent->inventory)
                  || inventory_cache_is_in_use(agent->cache));
    struct list_result result;

    inventory_list_end(agent->inventory, !agent->list_anonymous, &guard,
                       time_msec(), &result);
    if (agent->n_duplicates) {
        VLOG_WARN("inventory: version \"%s\" has %u objects more than once, "
                  "the first is %s; the highest revision of each is used",
                  version, agent->n_duplicates, agent->first_duplicate);
    }
    forget_duplicates(agent);
    if (result.n_held) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "inventory: version \"%s\" lacks %"PRIuSIZE" "
                     "objects; %s", version, result.n_held,
                     agent->list_anonymous
                     ? "nothing is deleted because it has items that cannot "
                       "be identified"
                     : "too many to delete at once, so all are kept "
                       "(ovs-appctl -t vtepd vtepd/approve-deletions "
                       "releases them)");
    }
    if (first || result.n_added || result.n_changed || result.n_deleted) {
        VLOG_INFO("inventory: version \"%s\": %"PRIuSIZE" added, "
                  "%"PRIuSIZE" changed, %"PRIuSIZE" deleted", version,
                  result.n_added, result.n_changed, result.n_deleted);
    }
    inventory_cache_confirmed(agent->cache, version);
}

/* The same for the list from the state file, which comes only where nothing is
 * known yet. */
static void
cached_list_end(void *agent_, const char *version OVS_UNUSED)
{
    struct agent *agent = agent_;
    struct deletion_guard guard = { .max_percent = 100 };
    struct list_result result;

    inventory_list_end(agent->inventory, false, &guard, time_msec(), &result);
    forget_duplicates(agent);
}

static void
list_abort(void *agent_)
{
    struct agent *agent = agent_;

    inventory_list_abort(agent->inventory);
    forget_duplicates(agent);
}

static struct inventory_sink
inventory_sink(struct agent *agent)
{
    return (struct inventory_sink) {
        .aux = agent,
        .list_begin = list_begin,
        .list_object = list_object,
        .list_invalid = list_invalid,
        .list_end = list_end,
        .list_abort = list_abort,
    };
}

/* From the OVSDB client into the overlay. */

static void
vm_port_changed(void *agent_, const struct vm_port *old,
                const struct vm_port *new)
{
    struct agent *agent = agent_;

    overlay_vm_port_changed(agent->overlay, old, new);
}

static void
tunnel_port_changed(void *agent_, const struct tunnel_port *old,
                    const struct tunnel_port *new)
{
    struct agent *agent = agent_;

    overlay_tunnel_port_changed(agent->overlay, old, new);
}

/* From the overlay to the switch. */

static void
tell_flow(void *agent_, const struct flow_entry *e, bool add)
{
    struct agent *agent = agent_;

    switch_session_flow(agent->session, e, add);
}

static void
tell_group(void *agent_, uint32_t group, uint32_t ofport)
{
    struct agent *agent = agent_;

    switch_session_group(agent->session, group, ofport);
}

static void
tell_group_deleted(void *agent_, uint32_t group)
{
    struct agent *agent = agent_;

    switch_session_group_deleted(agent->session, group);
}

static void
tell_tunnel_wanted(void *agent_, const struct tunnel_spec *spec)
{
    struct agent *agent = agent_;

    ovsdb_client_want_tunnel(agent->ovsdb, spec);
}

static void
tell_tunnel_unwanted(void *agent_, const struct tunnel_key *key)
{
    struct agent *agent = agent_;

    ovsdb_client_unwant_tunnel(agent->ovsdb, key);
}

static void
tell_port_served(void *agent_, const char *port, bool served)
{
    struct agent *agent = agent_;
    struct served_port *sp = shash_find_data(&agent->served, port);

    if (served) {
        if (!sp) {
            sp = xmalloc(sizeof *sp);
            shash_add(&agent->served, port, sp);
        }
        sp->bundle = NOT_SENT;
    } else if (sp) {
        shash_find_and_delete(&agent->served, port);
        free(sp);
        ovsdb_client_set_installed(agent->ovsdb, port, false);
    }
}

static const struct ovsdb_client_callbacks *
ovsdb_callbacks(struct agent *agent)
{
    static struct ovsdb_client_callbacks callbacks;

    callbacks = (struct ovsdb_client_callbacks) {
        .aux = agent,
        .vm_port_changed = vm_port_changed,
        .tunnel_port_changed = tunnel_port_changed,
    };
    return &callbacks;
}

static void
init_overlay_sink(struct agent *agent)
{
    agent->overlay_sink = (struct overlay_sink) {
        .aux = agent,
        .flow = tell_flow,
        .group = tell_group,
        .group_deleted = tell_group_deleted,
        .tunnel_wanted = tell_tunnel_wanted,
        .tunnel_unwanted = tell_tunnel_unwanted,
        .port_served = tell_port_served,
    };
}

void
agent_init(struct agent *agent, const struct config *config,
           const char *remote)
{
    memset(agent, 0, sizeof *agent);
    agent->config = *config;
    agent->told_missing = N_SETTINGS;
    agent->started = time_msec();
    shash_init(&agent->served);
    agent->inventory = inventory_create();

    struct inventory_sink cache_sink = inventory_sink(agent);
    cache_sink.list_end = cached_list_end;
    agent->cache = inventory_cache_create(agent->inventory, &cache_sink);
    init_overlay_sink(agent);
    agent->overlay = overlay_create(agent->inventory, &agent->overlay_sink);
    agent->ovsdb = ovsdb_client_create(remote, ovsdb_callbacks(agent));
    agent->session = switch_session_create();

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
    inventory_source_destroy(agent->source);
    inventory_cache_destroy(agent->cache);
    overlay_destroy(agent->overlay);
    inventory_destroy(agent->inventory);
    switch_session_destroy(agent->session);
    switch_session_destroy(agent->left_session);
    free(agent->target);
    ovsdb_client_destroy(agent->ovsdb);
    shash_destroy_free_data(&agent->served);
    forget_duplicates(agent);
    free(agent->source_error);
    config_destroy(&agent->config);
}

/* Settings. */

static void
create_source(struct agent *agent)
{
    const struct config *c = &agent->config;
    struct inventory_source_config sc = {
        .url = c->text[SETTING_INVENTORY],
        .host = c->text[SETTING_HOST],
        .poll = c->poll,
        .api_token_file = c->text[SETTING_API_TOKEN_FILE],
        .api_ca = c->text[SETTING_API_CA],
        .api_cert = c->text[SETTING_API_CERT],
        .api_key = c->text[SETTING_API_KEY],
        .api_insecure = c->api_insecure,
    };
    struct inventory_sink sink = inventory_sink(agent);

    inventory_source_destroy(agent->source);
    inventory_cache_configure(agent->cache, c->text[SETTING_STATE_DIR],
                              c->text[SETTING_HOST], sc.url);
    list_abort(agent);
    free(agent->source_error);
    agent->source_error = NULL;
    agent->source = inventory_source_create(&sc, &sink, &agent->source_error);
    if (!agent->source) {
        VLOG_ERR("inventory: %s", agent->source_error);
    } else if (!inventory_last_list(agent->inventory)) {
        inventory_cache_load(agent->cache);
        agent->cache_patience = time_msec() + CACHE_PATIENCE_MS;
    }
}

static void
configure_overlay(struct agent *agent)
{
    const struct config *c = &agent->config;
    struct overlay_settings settings = {
        .host = c->text[SETTING_HOST],
        .n_types = c->n_encap_types,
        .segment_key = c->segment_key,
        .bfd = c->bfd,
        .linger = c->linger * 1000LL,
    };

    memcpy(settings.has_local, c->has_encap_ip, sizeof settings.has_local);
    memcpy(settings.local, c->encap_ip, sizeof settings.local);
    memcpy(settings.types, c->encap_types, sizeof settings.types);
    overlay_configure(agent->overlay, &settings);
}

/* The bridge is not to be served any more, but may stay: a session of its own
 * takes back what vtepd has put there. */
static void
leave_bridge(struct agent *agent)
{
    if (agent->target) {
        switch_session_destroy(agent->left_session);
        agent->left_session = agent->session;
        agent->left_until = time_msec() + LEAVE_MS;
        agent->left_bundle = 0;
        switch_session_resync(agent->left_session);
        agent->session = switch_session_create();
    }
}

static void
run_left_session(struct agent *agent)
{
    struct switch_session *s = agent->left_session;

    if (!s) {
        return;
    }
    switch_session_run(s);
    if (switch_session_get_state(s) == SWITCH_READ) {
        switch_session_withdraw(s);
        agent->left_bundle = switch_session_flush(s);
    }
    if ((switch_session_get_state(s) == SWITCH_SYNCED
         && switch_session_applied(s) >= agent->left_bundle)
        || time_msec() >= agent->left_until) {
        switch_session_destroy(s);
        agent->left_session = NULL;
    }
}

static void
configure_switch(struct agent *agent)
{
    const char *bridge = agent->config.text[SETTING_BRIDGE];
    struct ovsdb_client_config oc = {
        .owner = agent->config.text[SETTING_HOST],
        .bridge = bridge,
        .datapath_type = agent->config.text[SETTING_DATAPATH_TYPE],
    };
    char *target = xasprintf("unix:%s/%s.mgmt", ovs_rundir(), bridge);

    ovsdb_client_configure(agent->ovsdb, &oc);
    if (!agent->target || strcmp(agent->target, target)) {
        leave_bridge(agent);
        switch_session_set_target(agent->session, target);
        free(agent->target);
        agent->target = target;
    } else {
        free(target);
    }
}

/* The settings that make a new inventory source when they change; what is
 * known stays until its first whole list.  All others of a source can only
 * come from the command line. */
static char *
source_settings(const struct agent *agent)
{
    const struct config *c = &agent->config;

    return xasprintf("%s %s %d", c->text[SETTING_INVENTORY],
                     c->text[SETTING_HOST], c->poll);
}

static void
log_missing(struct agent *agent, enum setting missing)
{
    if (missing != agent->told_missing && missing != N_SETTINGS) {
        const struct setting_info *info = &setting_infos[missing];

        VLOG_WARN("waiting for a value of --%s: give the option, or set it "
                  "with: ovs-vsctl set Open_vSwitch . external_ids:%s=%s",
                  info->option, info->key, info->argument);
    }
    agent->told_missing = missing;
}

static void
run_settings(struct agent *agent)
{
    unsigned int seqno;
    const struct smap *settings = ovsdb_client_settings(agent->ovsdb, &seqno);

    if (!settings
        || (agent->settings_seen && seqno == agent->settings_seqno)) {
        return;
    }
    agent->settings_seen = true;
    agent->settings_seqno = seqno;

    struct svec errors = SVEC_EMPTY_INITIALIZER;
    char *old_source = source_settings(agent);
    bool changed = config_update(&agent->config, settings, &errors);
    enum setting missing = config_missing(&agent->config);
    const char *error;
    size_t i;

    SVEC_FOR_EACH (i, error, &errors) {
        VLOG_WARN("setting refused: %s", error);
    }
    svec_destroy(&errors);
    log_missing(agent, missing);

    if (changed && missing == N_SETTINGS) {
        char *new_source = source_settings(agent);

        configure_overlay(agent);
        configure_switch(agent);
        agent->next_address_check = 0;
        if (!agent->configured || strcmp(old_source, new_source)) {
            create_source(agent);
        }
        agent->configured = true;
        free(new_source);
    }
    free(old_source);
}

/* Is every encap-ip configured on this host?  Without it Open vSwitch has no
 * way to send, and says nothing (R20). */
static void
run_address_check(struct agent *agent)
{
    const struct config *c = &agent->config;

    if (!agent->configured || time_msec() < agent->next_address_check) {
        return;
    }
    agent->next_address_check = time_msec() + ADDRESS_CHECK_MS;
    for (int i = 0; i < 2; i++) {
        bool missing = c->has_encap_ip[i]
                       && !local_address_exists(&c->encap_ip[i]);

        if (missing != agent->address_missing[i]) {
            char text[INET6_ADDRSTRLEN];

            agent->address_missing[i] = missing;
            local_address_format(&c->encap_ip[i], text);
            if (missing) {
                VLOG_WARN("encap-ip %s is not configured on this host: its "
                          "tunnels cannot work until it is", text);
            } else {
                VLOG_INFO("encap-ip %s is configured on this host now", text);
            }
        }
    }
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
        VLOG_INFO("inventory: %"PRIuSIZE" deletions released, every list for "
                  "%d s has said the same",
                  inventory_approve_deletions(agent->inventory),
                  agent->config.hold);
    }
    inventory_source_status_destroy(&status);
}

/* The pass. */

static void
sync_flow(const struct flow_entry *e, void *session)
{
    switch_session_sync_flow(session, e);
}

static void
sync_group(uint32_t group, uint32_t ofport, void *session)
{
    switch_session_sync_group(session, group, ofport);
}

/* Compares all that should be in the switch with all that is. */
static void
sync_switch(struct agent *agent)
{
    struct sync_result r;
    struct shash_node *node;

    switch_session_sync_begin(agent->session);
    overlay_for_each_group(agent->overlay, sync_group, agent->session);
    overlay_for_each_flow(agent->overlay, sync_flow, agent->session);
    switch_session_sync_end(agent->session, &r);
    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        sp->bundle = NOT_SENT;
    }
    VLOG_INFO("switch: %"PRIuSIZE" flows wanted, %"PRIuSIZE" sent, "
              "%"PRIuSIZE" deleted; %"PRIuSIZE" groups wanted, %"PRIuSIZE
              " sent, %"PRIuSIZE" deleted", r.n_flows_wanted,
              r.n_flows_added, r.n_flows_deleted, r.n_groups_wanted,
              r.n_groups_changed, r.n_groups_deleted);
}

/* Sends what the overlay told, and notes which ports wait for it. */
static void
flush_switch(struct agent *agent)
{
    uint64_t bundle = switch_session_flush(agent->session);
    struct shash_node *node;

    if (switch_session_get_state(agent->session) != SWITCH_SYNCED) {
        return;
    }
    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        if (sp->bundle == NOT_SENT) {
            sp->bundle = bundle;
        }
    }
}

static void
mark_installed_ports(struct agent *agent)
{
    uint64_t applied = switch_session_applied(agent->session);
    struct shash_node *node;

    if (switch_session_get_state(agent->session) != SWITCH_SYNCED) {
        return;
    }
    SHASH_FOR_EACH (node, &agent->served) {
        struct served_port *sp = node->data;

        if (sp->bundle != NOT_SENT && sp->bundle && sp->bundle <= applied) {
            sp->bundle = 0;
            ovsdb_client_set_installed(agent->ovsdb, node->name, true);
        }
    }
}

static void
log_conflict(const char *sentence, bool resolved, void *n_)
{
    size_t *n = n_;

    if (++*n > MAX_CONFLICTS_LOGGED) {
        return;
    }
    if (resolved) {
        VLOG_INFO("no longer: %s", sentence);
    } else {
        VLOG_WARN("%s", sentence);
    }
}

static void
log_conflicts(struct agent *agent)
{
    size_t n = 0;

    conflicts_tell(overlay_conflicts(agent->overlay), log_conflict, &n);
    if (n > MAX_CONFLICTS_LOGGED) {
        VLOG_WARN("... and %"PRIuSIZE" more changes of conflicts; "
                  "ovs-appctl -t vtepd vtepd/status shows them all",
                  n - MAX_CONFLICTS_LOGGED);
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

static bool
is_ready(const struct agent *agent)
{
    return agent->configured && ovsdb_client_is_ready(agent->ovsdb)
           && agent_has_inventory(agent);
}

static void
run_overlay(struct agent *agent)
{
    enum switch_state state = switch_session_get_state(agent->session);

    if (!is_ready(agent)
        || (state == SWITCH_SYNCED && switch_session_is_busy(agent->session))) {
        return;
    }

    bool done = overlay_run(agent->overlay, time_msec(), MAX_WORK);
    if (done) {
        log_conflicts(agent);
        if (state == SWITCH_READ) {
            sync_switch(agent);
        }
    } else {
        poll_immediate_wake();
    }
    flush_switch(agent);
    mark_installed_ports(agent);
}

void
agent_run(struct agent *agent)
{
    ovsdb_client_run(agent->ovsdb);
    run_settings(agent);
    inventory_cache_run(agent->cache);
    if (agent->source && !inventory_cache_is_loading(agent->cache)) {
        inventory_source_run(agent->source);
    }
    run_hold(agent);
    switch_session_run(agent->session);
    run_left_session(agent);
    run_overlay(agent);
    ovsdb_client_commit(agent->ovsdb);
    run_address_check(agent);
}

void
agent_wait(struct agent *agent)
{
    ovsdb_client_wait(agent->ovsdb);
    inventory_cache_wait(agent->cache);
    if (agent->source && !inventory_cache_is_loading(agent->cache)) {
        inventory_source_wait(agent->source);
    }
    switch_session_wait(agent->session);
    if (agent->left_session) {
        switch_session_wait(agent->left_session);
        poll_timer_wait_until(agent->left_until);
    }
    if (is_ready(agent)) {
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
        poll_timer_wait_until(agent->next_address_check);
    }
}

void
agent_save(struct agent *agent)
{
    inventory_cache_flush(agent->cache);
}

void
agent_resync(struct agent *agent)
{
    if (agent->source) {
        inventory_source_list_now(agent->source);
    }
    switch_session_resync(agent->session);
}

size_t
agent_approve_deletions(struct agent *agent)
{
    size_t n = inventory_approve_deletions(agent->inventory);

    if (n) {
        VLOG_INFO("inventory: %"PRIuSIZE" held deletions approved", n);
    }
    return n;
}
