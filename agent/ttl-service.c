/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/ttl-service.h"

#include "agent/agent.h"
#include "agent/punts.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "core/subnets.h"
#include "dp-packet.h"
#include "openflow/switch-session.h"
#include "services/icmp-error.h"
#include "util.h"

/* The segment that the packet came from: that of the VM on its port. */
static const struct segment_node *
find_segment(const struct agent *agent, const struct punted_packet *packet)
{
    const struct segment_node *segment
        = overlay_find_metadata(agent->overlay, packet->metadata);
    struct overlay_port_owner owner;

    return (segment
            && overlay_find_port(agent->overlay, packet->in_port, &owner)
            && owner.endpoint && owner.endpoint->endpoint->segment == segment
            ? segment : NULL);
}

static enum punt_outcome
answer(struct agent *agent, const struct punted_packet *packet,
       const struct in6_addr *gateway)
{
    enum punt_outcome outcome = PUNT_REFUSED;
    struct dp_packet reply;

    dp_packet_init(&reply, 0);
    switch (icmp_error_time_exceeded(packet->data, packet->size, gateway,
                                     &reply)) {
    case ICMP_ERROR_MADE:
        if (switch_session_send_to_port(agent->session, &reply,
                                        packet->in_port)) {
            outcome = PUNT_ACCEPTED;
        }
        break;
    case ICMP_ERROR_NOT_DUE:
        break;
    case ICMP_ERROR_MALFORMED:
        outcome = PUNT_MALFORMED;
        break;
    default:
        OVS_NOT_REACHED();
    }
    dp_packet_uninit(&reply);
    return outcome;
}

static enum punt_outcome
take_packet(const struct punted_packet *packet, void *agent_)
{
    struct agent *agent = agent_;
    const struct segment_node *segment = find_segment(agent, packet);
    const struct in6_addr *gateway;
    struct in6_addr source;

    if (!segment) {
        return PUNT_REFUSED;
    } else if (!icmp_error_source(packet->data, packet->size, &source)) {
        return PUNT_MALFORMED;
    }
    gateway = segment_gateway_for(&segment->object, &source);
    return gateway ? answer(agent, packet, gateway) : PUNT_REFUSED;
}

void
ttl_service_start(struct agent *agent)
{
    punts_set_service(agent->punts, PUNT_TTL, take_packet, agent);
}
