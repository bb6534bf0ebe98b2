/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/dhcp-service.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/leases.h"
#include "agent/local-address.h"
#include "agent/punts.h"
#include "core/endpoint-services.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "openflow/switch-session.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "services/dhcp4.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dhcp);

/* What VMs do wrong is theirs: it does not fill our log. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

struct dhcp_service {
    struct agent *agent;
    struct leases *leases;
};

/* The endpoint that a packet is from, or NULL. */
static const struct endpoint *
find_client(const struct agent *agent, const struct punted_packet *packet)
{
    struct overlay_port_owner owner;

    return (overlay_find_port(agent->overlay, packet->in_port, &owner)
            && owner.endpoint ? owner.endpoint->endpoint : NULL);
}

/* Is what is known of an address still needed? */
static bool
is_served(const struct lease *lease, void *agent_)
{
    const struct agent *agent = agent_;
    const struct endpoint_node *node
        = inventory_find_endpoint(agent->inventory, lease->endpoint);

    if (!node || !node->endpoint || !node->endpoint->host->self) {
        return false;
    }
    for (size_t i = 0; i < node->endpoint->n_claims; i++) {
        if (ipv6_addr_equals(&node->endpoint->claims[i].ip, &lease->ip)) {
            return true;
        }
    }
    return false;
}

static void
note(struct dhcp_service *dhcp, const struct endpoint *e,
     const struct in6_addr *ip, enum lease_state state, uint32_t lifetime)
{
    leases_note(dhcp->leases, e->node->id, ip, state, lifetime, time_msec());
    leases_tidy(dhcp->leases, is_served, dhcp->agent);
}

/* DHCP for IPv4. */

static void
fill_config4(const struct agent *agent, const struct endpoint *e,
             const struct served_address *a, struct dhcp4_config *c)
{
    const struct subnet *subnet = a->subnet;
    bool gateway = served_address_has_gateway(a);

    *c = (struct dhcp4_config) {
        .client_mac = e->mac,
        .address = in6_addr_get_mapped_ipv4(&a->ip),
        .plen = subnet->cidr.plen - 96,
        .hostname = endpoint_hostname(e),
        .domain = subnet->domain,
        .mtu = overlay_segment_mtu(agent->overlay, e->segment),
        .lease = subnet->lease,
        .server_mac = dhcp_server_mac,
        .server = htonl(DHCP_SERVER_IP),
    };
    if (gateway) {
        c->router = in6_addr_get_mapped_ipv4(&subnet->gateway);
        c->server = c->router;
    } else {
        c->routes[c->n_routes++] = (struct dhcp4_route) {
            .dst = c->server, .plen = 32,
        };
    }
    for (size_t i = 0; i < subnet->n_dns; i++) {
        if (IN6_IS_ADDR_V4MAPPED(&subnet->dns[i])) {
            c->dns[c->n_dns++] = in6_addr_get_mapped_ipv4(&subnet->dns[i]);
        }
    }
}

static void
note_outcome4(struct dhcp_service *dhcp, const struct endpoint *e,
              const struct served_address *a, enum dhcp4_outcome outcome)
{
    static const struct {
        enum lease_state state;
        const char *what;       /* In the log at DBG. */
    } outcomes[] = {
        [DHCP4_OFFERED] = { LEASE_OFFERED, "offered" },
        [DHCP4_ACKNOWLEDGED] = { LEASE_BOUND, "has" },
        [DHCP4_REFUSED] = { LEASE_REFUSED, "refused another address than" },
        [DHCP4_DECLINED] = { LEASE_DECLINED, "declined" },
        [DHCP4_RELEASED] = { LEASE_RELEASED, "released" },
    };
    char ip[INET6_ADDRSTRLEN];

    if (outcome == DHCP4_IGNORED || outcome == DHCP4_INFORMED) {
        return;
    }
    note(dhcp, e, &a->ip, outcomes[outcome].state, a->subnet->lease);
    local_address_format(&a->ip, ip);
    if (outcome == DHCP4_DECLINED) {
        VLOG_WARN_RL(&rl, "endpoint \"%s\": its VM declined %s by DHCP: it "
                     "says that another has this address in segment \"%s\"",
                     e->node->id, ip, e->segment->id);
    } else {
        VLOG_DBG("endpoint \"%s\": %s %s", e->node->id,
                 outcomes[outcome].what, ip);
    }
}

static enum punt_outcome
take_dhcp4(const struct punted_packet *packet, void *dhcp_)
{
    struct dhcp_service *dhcp = dhcp_;
    struct agent *agent = dhcp->agent;
    const struct endpoint *e = find_client(agent, packet);
    struct served_address a;
    enum dhcp4_outcome outcome;
    struct dp_packet reply;
    struct dhcp4_config c;
    const char *reason;

    if (!e || !endpoint_served_addresses(agent->inventory, e, false, &a, 1)) {
        return PUNT_REFUSED;
    }
    fill_config4(agent, e, &a, &c);
    dp_packet_init(&reply, 0);
    outcome = dhcp4_answer(packet->data, packet->size, &c, &reply, &reason);
    if (dp_packet_size(&reply)) {
        switch_session_send_to_port(agent->session, &reply, packet->in_port);
    }
    dp_packet_uninit(&reply);
    note_outcome4(dhcp, e, &a, outcome);
    if (outcome == DHCP4_IGNORED) {
        VLOG_DBG_RL(&rl, "endpoint \"%s\": DHCP request not answered: %s",
                    e->node->id, reason);
    }
    return outcome == DHCP4_IGNORED ? PUNT_REFUSED : PUNT_ACCEPTED;
}

/* Life. */

struct dhcp_service *
dhcp_service_create(struct agent *agent, struct leases *leases)
{
    struct dhcp_service *dhcp = xzalloc(sizeof *dhcp);

    dhcp->agent = agent;
    dhcp->leases = leases;
    punts_set_service(agent->punts, PUNT_DHCP4, take_dhcp4, dhcp);
    return dhcp;
}

void
dhcp_service_destroy(struct dhcp_service *dhcp)
{
    if (dhcp) {
        punts_set_service(dhcp->agent->punts, PUNT_DHCP4, NULL, NULL);
        free(dhcp);
    }
}
