/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <string.h>

#include "packets.h"
#include "util.h"

/* Which encapsulation, addresses and UDP port lead to a peer.  Pure, and alike
 * on both ends. */

static int
family_index(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip) ? 0 : 1;
}

/* What a host offers, in its order of preference. */
struct offers {
    struct host_tunnel tunnels[OBJECT_MAX_TUNNELS];
    size_t n;
};

static void
offers_of_host(const struct overlay *ov, const struct host_node *host,
               struct offers *offers)
{
    const struct host_node *by;

    offers->n = 0;
    for (size_t i = 0; host->known && i < host->n_addresses; i++) {
        if (inventory_address_is_served(ov->inventory, &host->addresses[i],
                                        &by)) {
            offers->tunnels[offers->n++] = host->addresses[i].tunnel;
        }
    }
}

/* The peers go by what the inventory says of this host, so it does as well;
 * the settings serve where the inventory says nothing. */
static void
own_offers(const struct overlay *ov, struct offers *offers)
{
    const struct host_node *self = inventory_find_host(ov->inventory,
                                                       ov->host);

    if (self && self->known) {
        offers_of_host(ov, self, offers);
        return;
    }
    offers->n = 0;
    for (size_t i = 0; i < ov->settings.n_types; i++) {
        for (int family = 0; family < 2; family++) {
            if (ov->settings.has_local[family]) {
                offers->tunnels[offers->n++] = (struct host_tunnel) {
                    .type = ov->settings.types[i],
                    .ip = ov->settings.local[family],
                };
            }
        }
    }
}

static const struct host_tunnel *
find_offer(const struct offers *offers, enum encap type, int family,
           bool *has_type)
{
    for (size_t i = 0; i < offers->n; i++) {
        const struct host_tunnel *t = &offers->tunnels[i];

        if (t->type == type) {
            *has_type = true;
            if (family_index(&t->ip) == family) {
                return t;
            }
        }
    }
    return NULL;
}

/* Both ends must send to and listen on one UDP port (Open vSwitch has a single
 * dst_port for both): a port that is given goes before the default, and the
 * lower host id's before the other's. */
static uint16_t
choose_port(const struct host_tunnel *lower, const struct host_tunnel *higher)
{
    uint16_t port = lower->port ? lower->port : higher->port;

    return port == encap_default_port(lower->type) ? 0 : port;
}

/* Chooses the encapsulation and the addresses for the way to 'peer', alike on
 * both ends: the first in the lower host id's list that both offer in the same
 * address family, or among those of type 'forced' only. */
enum no_tunnel
overlay_choose_tunnel(const struct overlay *ov, const struct host_node *peer,
                      enum encap forced, uint32_t vni, struct tunnel_key *key)
{
    struct offers own, theirs;
    bool common_type = false;

    own_offers(ov, &own);
    offers_of_host(ov, peer, &theirs);
    if (!theirs.n) {
        return NO_PEER_ADDRESS;
    } else if (!own.n) {
        return NO_OWN_ADDRESS;
    }

    bool own_first = strcmp(ov->host, peer->id) < 0;
    const struct offers *first = own_first ? &own : &theirs;
    const struct offers *second = own_first ? &theirs : &own;
    for (size_t i = 0; i < first->n; i++) {
        const struct host_tunnel *a = &first->tunnels[i], *b;
        int family = family_index(&a->ip);

        if (forced != ENCAP_NONE && a->type != forced) {
            continue;
        }
        b = find_offer(second, a->type, family, &common_type);
        if (!b) {
            continue;
        }

        const struct host_tunnel *mine = own_first ? a : b;
        const struct host_tunnel *remote = own_first ? b : a;
        memset(key, 0, sizeof *key);
        key->type = a->type;
        key->vni = vni;
        key->dst_port = choose_port(a, b);
        key->remote_ip = remote->ip;
        key->local_ip = ov->settings.has_local[family]
                        ? ov->settings.local[family] : mine->ip;
        return ipv6_addr_equals(&key->local_ip, &key->remote_ip)
               ? NO_PEER_ADDRESS : TUNNEL_OK;
    }
    return common_type ? NO_COMMON_FAMILY : NO_COMMON_TYPE;
}

const char *
overlay_no_tunnel_to_string(enum no_tunnel reason)
{
    switch (reason) {
    case NO_PEER_ADDRESS:
        return "it has no tunnel address of its own in the inventory";
    case NO_OWN_ADDRESS:
        return "this host has no tunnel address of its own in the inventory";
    case NO_COMMON_TYPE:
        return "there is no encapsulation that both ends offer";
    case NO_COMMON_FAMILY:
        return "one end's address is IPv4, the other's IPv6";
    case TUNNEL_OK:
    default:
        OVS_NOT_REACHED();
    }
}
