/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/settings.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/learned-file.h"
#include "agent/switching.h"
#include "agent/webhooks.h"
#include "agent/wiring.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "core/inventory.h"
#include "dirs.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/ovsdb-client.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(settings);

/* How long the source has to answer before the last known inventory, from the
 * state file, is used, in ms. */
#define CACHE_PATIENCE_MS 3000

/* After how long it is tried again to make the source, in ms. */
#define SOURCE_RETRY_MS 5000

/* Makes the inventory source.  Where that cannot be done (a file with the
 * token or a certificate cannot be read just now), the one before goes on, and
 * it is tried again. */
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
    struct inventory_sink sink = wiring_inventory_sink(agent);
    char *error = NULL;
    struct inventory_source *source = inventory_source_create(&sc, &sink,
                                                              &error);

    if (source) {
        inventory_source_destroy(agent->source);
        agent->source = source;
        agent->source_retry = 0;
        agent_assume_list(agent);
    } else {
        if (!nullable_string_is_equal(error, agent->source_error)) {
            VLOG_ERR("inventory: %s; trying again every %d s", error,
                     SOURCE_RETRY_MS / 1000);
        }
        agent->source_retry = time_msec() + SOURCE_RETRY_MS;
    }
    free(agent->source_error);
    agent->source_error = error;
}

/* The last known inventory serves until the source has answered. */
static void
configure_cache(struct agent *agent)
{
    const struct config *c = &agent->config;

    inventory_cache_configure(agent->cache, c->text[SETTING_STATE_DIR],
                              c->text[SETTING_HOST],
                              c->text[SETTING_INVENTORY]);
    if (!inventory_last_list(agent->inventory) && !agent->source) {
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
        switching_leave_bridge(agent);
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

void
settings_wait(const struct agent *agent)
{
    if (agent->source_retry) {
        poll_timer_wait_until(agent->source_retry);
    }
}

/* Says which settings have other values than 'old_texts', which it frees.  Not
 * at the start: vtepd/status shows them all. */
static void
log_changes(const struct agent *agent, char *old_texts[N_SETTINGS])
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    const struct config *c = &agent->config;

    for (int id = 0; id < N_SETTINGS; id++) {
        if (agent->configured
            && !nullable_string_is_equal(old_texts[id], c->text[id])) {
            char *shown = config_shown_text(id, c->text[id]);

            VLOG_INFO_RL(&rl, "setting %s is %s now (%s)",
                         setting_infos[id].option, shown ? shown : "not given",
                         setting_origin_to_string(id, c->origin[id]));
            free(shown);
        }
        free(old_texts[id]);
    }
}

void
settings_run(struct agent *agent)
{
    unsigned int seqno;
    const struct smap *settings = ovsdb_client_settings(agent->ovsdb, &seqno);

    if (agent->source_retry && time_msec() >= agent->source_retry) {
        create_source(agent);
    }
    if (!settings
        || (agent->settings_seen && seqno == agent->settings_seqno)) {
        return;
    }
    agent->settings_seen = true;
    agent->settings_seqno = seqno;

    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    struct svec errors = SVEC_EMPTY_INITIALIZER;
    char *old_source = source_settings(agent);
    char *old_listen = nullable_xstrdup(
        agent->config.text[SETTING_WEBHOOK_LISTEN]);
    char *old_texts[N_SETTINGS];
    for (int id = 0; id < N_SETTINGS; id++) {
        old_texts[id] = nullable_xstrdup(agent->config.text[id]);
    }
    bool changed = config_update(&agent->config, settings, &errors);
    log_changes(agent, old_texts);
    enum setting missing = config_missing(&agent->config);
    const char *error;
    size_t i;

    SVEC_FOR_EACH (i, error, &errors) {
        VLOG_WARN_RL(&rl, "setting refused: %s", error);
    }
    svec_destroy(&errors);
    log_missing(agent, missing);

    if (changed && missing == N_SETTINGS) {
        char *new_source = source_settings(agent);

        configure_overlay(agent);
        configure_switch(agent);
        learned_file_configure(agent->learned,
                               agent->config.text[SETTING_STATE_DIR],
                               agent->config.text[SETTING_HOST]);
        address_watch_hurry(&agent->addresses);
        if (!agent->configured || strcmp(old_source, new_source)) {
            wiring_finish_list(agent);
            configure_cache(agent);
            create_source(agent);
        }
        agent->configured = true;
        free(new_source);
    }
    if (!nullable_string_is_equal(
            old_listen, agent->config.text[SETTING_WEBHOOK_LISTEN])) {
        webhooks_configure(agent);
    }
    free(old_listen);
    free(old_source);
}
