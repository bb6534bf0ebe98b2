/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <string.h>

#include "util.h"

/* What was decided about one way, for whoever explains it. */

void
overlay_get_way(const struct overlay *ov, const struct host_node *peer,
                const struct segment_node *segment, struct overlay_way *way)
{
    uint32_t vni = ov->settings.segment_key ? segment->object.vni : 0;
    const struct link *link = overlay_find_link(ov, peer, segment);
    struct tunnel_key key;
    enum no_tunnel reason = overlay_choose_tunnel(
        ov, peer, segment->object.encap, vni, &key);

    memset(way, 0, sizeof *way);
    if (reason != TUNNEL_OK) {
        way->why_none = overlay_no_tunnel_to_string(reason);
    }
    if (link && link->n_users) {
        way->group = link->group;
        way->ofport = link->ofport;
        way->has_tunnel = link->tunnel != NULL;
        if (link->tunnel) {
            overlay_describe_tunnel(link->tunnel, &way->tunnel);
        }
    }
}

void
overlay_segment_flows(const struct segment_node *segment, flow_cb *cb,
                      void *aux)
{
    if (segment->live && segment->live->record) {
        segment_record_flows(segment->live->record, cb, aux);
    }
}

bool
overlay_router_is_live(const struct router_node *router)
{
    return router->live && router->live->record;
}

void
overlay_router_flows(const struct router_node *router, flow_cb *cb, void *aux)
{
    if (overlay_router_is_live(router)) {
        router_record_flows(router->live->record, cb, aux);
    }
}

void
overlay_tunnel_flows(const struct overlay *ov, const struct tunnel_key *key,
                     flow_cb *cb, void *aux)
{
    const struct tunnel *t = overlay_find_tunnel(ov, key);

    if (t && t->record.ofport) {
        tunnel_record_flows(&t->record, cb, aux);
    }
}
