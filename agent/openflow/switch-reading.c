/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session-private.h"

#include "openflow/flow-drift.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_reading);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 10);

void
switch_request_groups(struct switch_session *s)
{
    installed_flows_clear(&s->installed);
    s->groups_read = false;
    s->groups_xid = switch_send(
        s, ofputil_encode_group_desc_request(s->version, OFPG_ALL));
    s->group_mods_read = s->n_group_mods;
}

/* Groups and meters first; flows once all that the switch told before has come, and it is
 * not about to tell more: what is read after that is what counts. */
void
switch_start_reading(struct switch_session *s)
{
    switch_discard(s);
    s->state = SWITCH_READING;
    s->flows_read = false;
    s->flows_xid = 0;
    s->reread_at = 0;
    switch_request_groups(s);
    switch_request_meters(s);
}

void
switch_continue_reading(struct switch_session *s)
{
    struct ofputil_flow_stats_request request = {
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    if (s->state == SWITCH_READING && s->groups_read && s->meters_read
        && !s->flows_xid
        && !flow_drift_is_paused(s->drift)) {
        if (s->read_late) {
            s->read_late = false;
            switch_request_groups(s);
            return;
        }
        match_init_catchall(&request.match);
        s->flows_xid = switch_send(s, ofputil_encode_flow_stats_request(
            &request, ofputil_protocol_from_ofp_version(s->version)));
    }
}

void
switch_stop_reading(struct switch_session *s)
{
    installed_flows_clear(&s->installed);
    s->flows_read = s->groups_read = false;
    s->flows_xid = s->groups_xid = 0;
}

void
switch_schedule_reading(struct switch_session *s)
{
    switch_discard(s);
    switch_stop_reading(s);
    s->state = SWITCH_READING;
    s->reread_at = time_msec() + s->reread_backoff;
    s->reread_backoff = MIN(s->reread_backoff * 2, REREAD_MAX);
}

void
switch_session_resync(struct switch_session *s)
{
    if (s->state == SWITCH_SYNCED) {
        switch_start_reading(s);
    }
}

void
switch_received_flows(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (!installed_flows_read_flows(&s->installed, message)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the flows that the switch "
                     "reports; reading them again", switch_target(s));
        switch_schedule_reading(s);
        return;
    }
    s->flows_read = !more;
}

void
switch_received_groups(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (s->state == SWITCH_READING && hmap_is_empty(&s->installed.groups)) {
        flow_drift_read_all(s->drift);
    }
    if (!installed_flows_read_groups(&s->installed, message, s->version)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the groups that the switch "
                     "reports; reading them again", switch_target(s));
        switch_schedule_reading(s);
        return;
    }
    s->groups_read = !more;
    if (s->groups_read) {
        flow_drift_groups_read(s->drift);
    }
    s->read_late = s->groups_read && flow_drift_is_paused(s->drift);
}
