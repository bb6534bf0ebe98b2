/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/punt.h"

static const char *const kind_names[N_PUNT_KINDS] = {
    [PUNT_NONE] = "none",
    [PUNT_DHCP4] = "dhcp4",
    [PUNT_DHCP6] = "dhcp6",
    [PUNT_ROUTER_SOLICIT] = "router-solicit",
    [PUNT_TTL] = "ttl",
    [PUNT_IGMP] = "igmp",
    [PUNT_MLD] = "mld",
    [PUNT_ANNOUNCE] = "announce",
    [PUNT_PEER_IGMP] = "peer-igmp",
    [PUNT_PEER_MLD] = "peer-mld",
    [PUNT_PEER_ANNOUNCE] = "peer-announce",
};

const char *
punt_kind_to_string(enum punt_kind kind)
{
    return kind < N_PUNT_KINDS ? kind_names[kind] : "unknown";
}

/* A VM that starts needs a dozen packets of this kind in a few seconds, a
 * router that forwards traceroutes some more.  Peers tell of all their VMs. */
struct punt_limit
punt_meter_limit(uint32_t meter_id)
{
    return (meter_id == PUNT_PEERS_METER
            ? (struct punt_limit) { .rate = 10000, .burst = 10000 }
            : (struct punt_limit) { .rate = 100, .burst = 200 });
}
