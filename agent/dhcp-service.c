/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/dhcp-service.h"

#include <stdlib.h>
#include <string.h>

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
#include "services/dhcp6.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dhcp);

/* What VMs do wrong is theirs: it does not fill our log. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

struct dhcp_service {
    struct agent *agent;
    struct leases *leases;
};

bool
dhcp_lease_is_needed(const struct lease *lease, void *agent_)
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
    char text[INET6_ADDRSTRLEN];

    leases_note(dhcp->leases, e->node->id, ip, state, lifetime, time_msec());
    local_address_format(ip, text);
    if (state == LEASE_DECLINED) {
        VLOG_WARN_RL(&rl, "endpoint \"%s\": its VM declined %s by DHCP: it "
                     "says that another has this address in segment \"%s\"",
                     e->node->id, text, e->segment->id);
    } else {
        VLOG_DBG_RL(&rl, "endpoint \"%s\": %s is %s", e->node->id, text,
                    lease_state_to_string(state));
    }
}

static void
log_ignored(const struct endpoint *e, const char *protocol,
            const char *reason)
{
    VLOG_DBG_RL(&rl, "endpoint \"%s\": a %s message is not answered: %s",
                e->node->id, protocol, reason);
}

/* Sends what there is to send, and frees it. */
static void
send_reply(struct agent *agent, struct dp_packet *reply, uint32_t ofport)
{
    if (dp_packet_size(reply)) {
        switch_session_send_to_port(agent->session, reply, ofport);
    }
    dp_packet_uninit(reply);
}

/* DHCP for IPv4. */

static void
fill_config4(const struct agent *agent, const struct endpoint *e,
             const struct served_address *a, struct dhcp4_config *c)
{
    const struct subnet *subnet = a->subnet;
    struct served_names names;

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
    if (served_address_has_gateway(a)) {
        c->router = in6_addr_get_mapped_ipv4(&subnet->gateway);
        c->server = c->router;
    } else {
        c->routes[c->n_routes++] = (struct dhcp4_route) {
            .dst = c->server, .plen = 32,
        };
    }
    served_addresses_names(a, 1, false, &names);
    for (size_t i = 0; i < names.n_dns; i++) {
        c->dns[c->n_dns++] = in6_addr_get_mapped_ipv4(&names.dns[i]);
    }
}

static void
note_outcome4(struct dhcp_service *dhcp, const struct endpoint *e,
              const struct served_address *a, enum dhcp4_outcome outcome)
{
    static const enum lease_state states[] = {  /* LEASE_UNKNOWN: no change. */
        [DHCP4_OFFERED] = LEASE_OFFERED,
        [DHCP4_ACKNOWLEDGED] = LEASE_BOUND,
        [DHCP4_REFUSED] = LEASE_REFUSED,
        [DHCP4_DECLINED] = LEASE_DECLINED,
        [DHCP4_RELEASED] = LEASE_RELEASED,
    };

    if (states[outcome] != LEASE_UNKNOWN) {
        note(dhcp, e, &a->ip, states[outcome], a->subnet->lease);
    }
}

static enum punt_outcome
take_dhcp4(const struct punted_packet *packet, void *dhcp_)
{
    struct dhcp_service *dhcp = dhcp_;
    struct agent *agent = dhcp->agent;
    const struct endpoint *e = overlay_find_client(agent->overlay,
                                                   packet->in_port);
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
    send_reply(agent, &reply, packet->in_port);
    note_outcome4(dhcp, e, &a, outcome);
    if (outcome == DHCP4_MALFORMED || outcome == DHCP4_IGNORED) {
        log_ignored(e, "DHCP", reason);
    }
    return (outcome == DHCP4_MALFORMED ? PUNT_MALFORMED
            : outcome == DHCP4_IGNORED ? PUNT_REFUSED : PUNT_ACCEPTED);
}

/* DHCP for IPv6. */

BUILD_ASSERT_DECL((int) SERVED_IPV6_MAX == (int) DHCP6_MAX_ADDRESSES);
BUILD_ASSERT_DECL(sizeof ((struct served_names *) 0)->dns
                  == sizeof ((struct dhcp6_config *) 0)->dns);
BUILD_ASSERT_DECL(sizeof ((struct served_names *) 0)->domains
                  == sizeof ((struct dhcp6_config *) 0)->domains);

static void
fill_config6(const struct served_address *addresses, size_t n,
             struct dhcp6_config *c)
{
    struct served_names names;

    served_addresses_names(addresses, n, true, &names);
    *c = (struct dhcp6_config) {
        .n_addresses = n, .lease = UINT32_MAX, .server_mac = dhcp_server_mac,
        .n_dns = names.n_dns, .n_domains = names.n_domains,
    };
    for (size_t i = 0; i < n; i++) {
        c->addresses[i] = addresses[i].ip;
        c->lease = MIN(c->lease, addresses[i].subnet->lease);
    }
    memcpy(c->dns, names.dns, sizeof names.dns);
    memcpy(c->domains, names.domains, sizeof names.domains);
}

static void
note_result6(struct dhcp_service *dhcp, const struct endpoint *e,
             const struct dhcp6_config *c, const struct dhcp6_result *result)
{
    static const enum lease_state states[] = {  /* The same. */
        [DHCP6_OFFERED] = LEASE_OFFERED,
        [DHCP6_ACKNOWLEDGED] = LEASE_BOUND,
        [DHCP6_DECLINED] = LEASE_DECLINED,
        [DHCP6_RELEASED] = LEASE_RELEASED,
    };

    for (size_t i = 0; i < c->n_addresses; i++) {
        if (states[result->outcome] != LEASE_UNKNOWN
            && result->addresses & (UINT32_C(1) << i)) {
            note(dhcp, e, &c->addresses[i], states[result->outcome],
                 c->lease);
        }
    }
}

static enum punt_outcome
take_dhcp6(const struct punted_packet *packet, void *dhcp_)
{
    struct dhcp_service *dhcp = dhcp_;
    struct agent *agent = dhcp->agent;
    const struct endpoint *e = overlay_find_client(agent->overlay,
                                                   packet->in_port);
    struct served_address addresses[SERVED_IPV6_MAX];
    struct dhcp6_result result;
    struct dp_packet reply;
    struct dhcp6_config c;
    size_t n;

    n = e ? endpoint_served_addresses(agent->inventory, e, true, addresses,
                                      SERVED_IPV6_MAX) : 0;
    if (!n) {
        return PUNT_REFUSED;
    }
    fill_config6(addresses, n, &c);
    dp_packet_init(&reply, 0);
    result = dhcp6_answer(packet->data, packet->size, &c, &reply);
    send_reply(agent, &reply, packet->in_port);
    note_result6(dhcp, e, &c, &result);
    if (result.outcome == DHCP6_MALFORMED
        || result.outcome == DHCP6_IGNORED) {
        log_ignored(e, "DHCPv6", result.reason);
    }
    return (result.outcome == DHCP6_MALFORMED ? PUNT_MALFORMED
            : result.outcome == DHCP6_IGNORED ? PUNT_REFUSED
            : PUNT_ACCEPTED);
}

/* Life. */

struct dhcp_service *
dhcp_service_create(struct agent *agent, struct leases *leases)
{
    struct dhcp_service *dhcp = xzalloc(sizeof *dhcp);

    dhcp->agent = agent;
    dhcp->leases = leases;
    punts_set_service(agent->punts, PUNT_DHCP4, take_dhcp4, dhcp);
    punts_set_service(agent->punts, PUNT_DHCP6, take_dhcp6, dhcp);
    return dhcp;
}

void
dhcp_service_destroy(struct dhcp_service *dhcp)
{
    if (dhcp) {
        punts_set_service(dhcp->agent->punts, PUNT_DHCP4, NULL, NULL);
        punts_set_service(dhcp->agent->punts, PUNT_DHCP6, NULL, NULL);
        free(dhcp);
    }
}
