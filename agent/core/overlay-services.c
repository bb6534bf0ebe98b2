/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <string.h>

#include "util.h"

/* No link has less (RFC 791). */
#define MTU_MIN 68

/* What services need to know: which endpoints are here, and what fits through
 * the tunnels of their segments. */

void
overlay_for_each_served(const struct overlay *ov, overlay_local_cb *cb,
                        void *aux)
{
    const struct local *l;

    HMAP_FOR_EACH (l, node, &ov->locals) {
        if (l->port) {
            cb(l->endpoint, l->ofport, aux);
        }
    }
}

uint64_t
overlay_locals_seqno(const struct overlay *ov)
{
    return ov->locals_seqno;
}

const struct endpoint *
overlay_find_client(const struct overlay *ov, uint32_t ofport)
{
    struct overlay_port_owner owner;

    return (overlay_find_port(ov, ofport, &owner) && owner.endpoint
            ? owner.endpoint->endpoint : NULL);
}

/* May a tunnel of 'type' over IPv6, or else IPv4, leave from here? */
static bool
may_use(const struct overlay *ov, enum encap type, bool ipv6)
{
    const struct host_node *self = inventory_find_host(ov->inventory,
                                                       ov->host);

    if (self && self->known) {
        for (size_t i = 0; i < self->n_addresses; i++) {
            const struct host_tunnel *t = &self->addresses[i].tunnel;

            if (t->type == type && IN6_IS_ADDR_V4MAPPED(&t->ip) != ipv6) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < ov->settings.n_types; i++) {
        if (ov->settings.types[i] == type) {
            return true;
        }
    }
    return false;
}

uint16_t
overlay_segment_mtu(const struct overlay *ov,
                    const struct segment_node *segment)
{
    const struct segment_object *o = &segment->object;
    int mtu = UINT16_MAX + 1;

    if (o->mtu || !ov->configured) {
        return o->mtu;
    }
    for (enum encap type = ENCAP_NONE + 1; type < N_ENCAPS; type++) {
        for (int i = 0; i < 2; i++) {
            if (ov->underlay_mtu[i] && may_use(ov, type, i)
                && (o->encap == ENCAP_NONE || o->encap == type)) {
                mtu = MIN(mtu, ov->underlay_mtu[i] - tunnel_overhead(type, i));
            }
        }
    }
    return mtu >= MTU_MIN && mtu <= UINT16_MAX ? mtu : 0;
}
