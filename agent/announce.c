/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/announce.h"

#include <limits.h>

#include "agent/agent.h"
#include "agent/announce-service.h"
#include "agent/holders-json.h"
#include "agent/learned-file.h"
#include "agent/punts.h"
#include "core/holders.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "flow.h"
#include "util.h"

/* What is lost on its way is said again. */
static void
send_packet(void *agent_, const struct dp_packet *packet,
            const struct ofpbuf *actions)
{
    struct agent *agent = agent_;

    switch_session_send_packet(agent->session, packet,
                               ofp_to_u16(OFPP_CONTROLLER), actions);
}

static enum punt_outcome
take(const struct punted_packet *packet, void *agent_)
{
    struct agent *agent = agent_;

    return announce_service_take(agent->announce, packet, time_msec(),
                                 time_wall_msec());
}

static struct json *
to_json(void *agent_)
{
    struct agent *agent = agent_;

    return holders_to_json(agent->overlay);
}

static void
from_json(const struct json *json, void *agent_)
{
    struct agent *agent = agent_;

    holders_from_json(json, agent->overlay);
}

void
announce_init(struct agent *agent)
{
    const struct learned_section section = {
        .name = "holders", .aux = agent,
        .to_json = to_json, .from_json = from_json,
    };
    const struct announce_io io = { .aux = agent, .send = send_packet };

    agent->announce = announce_service_create(agent->overlay, &io);
    punts_set_service(agent->punts, PUNT_ANNOUNCE, take, agent);
    punts_set_service(agent->punts, PUNT_PEER_ANNOUNCE, take, agent);
    learned_file_add_section(agent->learned, &section);
}

/* Before the switch has all groups it could not send to all peers. */
static bool
is_connected(const struct agent *agent)
{
    return switch_session_get_state(agent->session) == SWITCH_SYNCED;
}

void
announce_run(struct agent *agent)
{
    uint64_t seqno = overlay_holders(agent->overlay)->seqno;

    if (is_connected(agent)) {
        announce_service_run(agent->announce, time_msec());
    }
    if (agent->holders_seqno != seqno) {
        agent->holders_seqno = seqno;
        learned_file_changed(agent->learned);
    }
}

void
announce_wait(const struct agent *agent)
{
    long long int next = announce_service_next_time(agent->announce);

    if (is_connected(agent) && next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
}
