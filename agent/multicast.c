/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/multicast.h"

#include <limits.h>

#include "agent/agent.h"
#include "agent/learned-file.h"
#include "agent/multicast-file.h"
#include "agent/multicast-service.h"
#include "agent/punts.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "flow.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* What does not get through is said and asked again. */
static void
send_packet(const struct dp_packet *packet, const struct ofpbuf *actions,
            void *agent_)
{
    struct agent *agent = agent_;

    switch_session_send_packet(agent->session, packet,
                               ofp_to_u16(OFPP_CONTROLLER), actions);
}

static enum punt_outcome
take_packet(const struct punted_packet *packet, void *agent_)
{
    struct agent *agent = agent_;

    return multicast_service_take(agent->multicast, agent->overlay, packet,
                                  time_msec());
}

static struct json *
to_json(void *agent_)
{
    struct agent *agent = agent_;

    return multicast_file_to_json(overlay_memberships(agent->overlay));
}

static void
from_json(const struct json *json, void *agent_)
{
    struct agent *agent = agent_;
    struct memberships *memberships = overlay_memberships(agent->overlay);

    multicast_file_from_json(json, memberships, time_msec());
    agent->memberships_seqno = memberships_seqno(memberships);
}

void
multicast_start(struct agent *agent)
{
    static const enum punt_kind kinds[] = {
        PUNT_IGMP, PUNT_MLD, PUNT_PEER_IGMP, PUNT_PEER_MLD,
    };
    struct learned_section section = {
        .name = "multicast",
        .aux = agent,
        .to_json = to_json,
        .from_json = from_json,
    };

    agent->multicast = multicast_service_create(send_packet, agent);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        punts_set_service(agent->punts, kinds[i], take_packet, agent);
    }
    learned_file_add_section(agent->learned, &section);
}

void
multicast_stop(struct agent *agent)
{
    multicast_service_destroy(agent->multicast);
    agent->multicast = NULL;
}

void
multicast_run(struct agent *agent)
{
    uint64_t seqno = memberships_seqno(overlay_memberships(agent->overlay));

    if (seqno != agent->memberships_seqno) {
        agent->memberships_seqno = seqno;
        learned_file_changed(agent->learned);
    }
    if (switch_session_get_state(agent->session) == SWITCH_SYNCED) {
        multicast_service_run(agent->multicast, time_msec());
    }
}

void
multicast_wait(const struct agent *agent)
{
    long long int next = multicast_service_next_time(agent->multicast);

    if (next != LLONG_MAX
        && switch_session_get_state(agent->session) == SWITCH_SYNCED) {
        poll_timer_wait_until(next);
    }
}
