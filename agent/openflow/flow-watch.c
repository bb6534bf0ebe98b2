/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/flow-watch.h"

#include <errno.h>

#include "byte-order.h"
#include "openflow/flow-drift.h"
#include "openflow/installed-flows.h"
#include "openflow/openflow-1.1.h"
#include "openflow/openflow-1.4.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* The only monitor of the connection. */
#define MONITOR_ID 1

/* Open vSwitch's own table, for bonds: nobody else can change it, and it is
 * not in what can be read. */
#define HIDDEN_TABLE 254

struct ofpbuf *
flow_watch_flows(int ofp_version)
{
    struct ofputil_flow_monitor_request request = {
        .id = MONITOR_ID,
        .command = OFPFMC_ADD,
        .flags = (OFPFMF_ADD | OFPFMF_REMOVED | OFPFMF_MODIFY
                  | OFPFMF_INSTRUCTIONS),
        .out_port = OFPP_NONE,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };
    struct ofpbuf *message = ofpbuf_new(0);

    match_init_catchall(&request.match);
    ofputil_append_flow_monitor_request(
        &request, message, ofputil_protocol_from_ofp_version(ofp_version));
    return message;
}

/* A connection like ours gets none of these messages unless it says which.
 * Packets come from flows alone. */
struct ofpbuf *
flow_watch_others(int ofp_version)
{
    struct ofputil_async_cfg config = OFPUTIL_ASYNC_CFG_INIT;

    config.primary[OAM_REQUESTFORWARD] = (1u << OFPRFR_GROUP_MOD
                                          | 1u << OFPRFR_METER_MOD);
    config.primary[OAM_PACKET_IN] = 1u << OFPR_ACTION;
    return ofputil_encode_set_async_config(&config, (1u << OAM_N_TYPES) - 1,
                                           ofp_version);
}

static void
flow_changed(const struct ofputil_flow_update *update,
             struct flow_drift *drift, long long int now)
{
    flow_drift_flow_changed(drift, &(struct reported_flow) {
        .match = &update->match,
        .cookie = ntohll(update->cookie),
        .actions = update->ofpacts,
        .actions_len = update->ofpacts_len,
        .priority = update->priority,
        .idle_timeout = update->idle_timeout,
        .hard_timeout = update->hard_timeout,
        .table = update->table_id,
    }, update->event == OFPFME_REMOVED, now);
}

static void
flow_told(const struct ofputil_flow_update *update, struct flow_drift *drift,
          long long int now)
{
    switch (update->event) {
    case OFPFME_INITIAL:
    case OFPFME_ADDED:
    case OFPFME_MODIFIED:
    case OFPFME_REMOVED:
        if (update->table_id != HIDDEN_TABLE) {
            flow_changed(update, drift, now);
        }
        break;

    case OFPFME_PAUSED:
    case OFPFME_RESUMED:
        flow_drift_paused(drift, update->event == OFPFME_PAUSED, now);
        break;

    case OFPFME_ABBREV:
    default:
        break;
    }
}

void
flow_watch_told(struct ofpbuf *message, struct flow_drift *drift,
                long long int now)
{
    struct ofpbuf actions;
    int error;

    ofpbuf_init(&actions, 0);
    for (;;) {
        struct ofputil_flow_update update;

        error = ofputil_decode_flow_update(&update, message, &actions);
        if (error) {
            break;
        }
        flow_told(&update, drift, now);
    }
    ofpbuf_uninit(&actions);
    if (error != EOF) {
        flow_drift_missed(drift, now);
    }
}

static void
flow_refused(const struct ofp_header *oh, const char *error,
             struct flow_drift *drift, long long int now)
{
    struct ofputil_flow_mod fm;
    struct ofpbuf actions;
    struct match match;

    ofpbuf_init(&actions, 0);
    if (!ofputil_decode_flow_mod(
            &fm, oh, ofputil_protocol_from_ofp_version(oh->version), NULL,
            NULL, &actions, OFPP_MAX, UINT8_MAX)) {
        minimatch_expand(&fm.match, &match);
        flow_drift_flow_refused(drift, &(struct reported_flow) {
            .match = &match,
            .cookie = ntohll(fm.new_cookie),
            .actions = fm.ofpacts,
            .actions_len = fm.ofpacts_len,
            .priority = fm.priority,
            .table = fm.table_id,
        }, error, now);
        minimatch_destroy(&fm.match);
    } else {
        /* Not even our own library understands it. */
        const struct ofp11_flow_mod *ofm = (const void *) (oh + 1);

        flow_drift_other_refused(drift, ofm->table_id, error, now);
    }
    ofpbuf_uninit(&actions);
}

static void
group_refused(const struct ofp_header *oh, const char *error,
              struct flow_drift *drift, long long int now)
{
    struct ofputil_group_mod gm;

    if (!ofputil_decode_group_mod(oh, &gm)) {
        flow_drift_group_refused(drift, gm.group_id, error, now);
        ofputil_uninit_group_mod(&gm);
    }
}

void
flow_watch_refused(const struct ofp_header *oh, const char *error,
                   struct flow_drift *drift, long long int now)
{
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    if (type == OFPTYPE_FLOW_MOD) {
        flow_refused(oh, error, drift, now);
    } else if (type == OFPTYPE_GROUP_MOD) {
        group_refused(oh, error, drift, now);
    }
}
