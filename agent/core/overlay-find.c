/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include "hash.h"
#include "util.h"

/* Where a packet comes from and where others are, for whoever is handed
 * packets: by the numbers that stand in them. */

void
overlay_index_local(struct overlay *ov, struct local *l)
{
    hmap_insert(&ov->local_ports, &l->port_node, hash_int(l->ofport, 0));
}

void
overlay_unindex_local(struct overlay *ov, struct local *l)
{
    hmap_remove(&ov->local_ports, &l->port_node);
}

void
overlay_index_tunnel(struct overlay *ov, struct tunnel *t)
{
    hmap_insert(&ov->tunnel_ports, &t->port_node,
                hash_int(t->record.ofport, 0));
}

void
overlay_unindex_tunnel(struct overlay *ov, struct tunnel *t)
{
    hmap_remove(&ov->tunnel_ports, &t->port_node);
}

void
overlay_index_segment(struct overlay *ov, struct live_segment *ls)
{
    hmap_insert(&ov->metadata, &ls->metadata_node,
                hash_uint64(ls->record->metadata));
}

void
overlay_unindex_segment(struct overlay *ov, struct live_segment *ls)
{
    hmap_remove(&ov->metadata, &ls->metadata_node);
}

static bool
find_local_port(const struct overlay *ov, uint32_t ofport,
                struct overlay_port_owner *owner)
{
    const struct local *l;

    HMAP_FOR_EACH_WITH_HASH (l, port_node, hash_int(ofport, 0),
                             &ov->local_ports) {
        if (l->ofport == ofport && l->endpoint->endpoint) {
            owner->endpoint = l->endpoint;
            return true;
        }
    }
    return false;
}

static bool
find_tunnel_port(const struct overlay *ov, uint32_t ofport,
                 struct overlay_port_owner *owner)
{
    const struct tunnel *t;

    HMAP_FOR_EACH_WITH_HASH (t, port_node, hash_int(ofport, 0),
                             &ov->tunnel_ports) {
        const struct link *link = overlay_label_link(t);

        if (t->record.ofport == ofport && link) {
            owner->peer = link->peer;
            owner->key = t->key;
            return true;
        }
    }
    return false;
}

bool
overlay_find_port(const struct overlay *ov, uint32_t ofport,
                  struct overlay_port_owner *owner)
{
    *owner = (struct overlay_port_owner) { .endpoint = NULL };
    return find_local_port(ov, ofport, owner)
           || find_tunnel_port(ov, ofport, owner);
}

const struct segment_node *
overlay_find_metadata(const struct overlay *ov, uint64_t metadata)
{
    const struct live_segment *ls;

    HMAP_FOR_EACH_WITH_HASH (ls, metadata_node, hash_uint64(metadata),
                             &ov->metadata) {
        if (ls->record->metadata == metadata) {
            return ls->segment;
        }
    }
    return NULL;
}

void
overlay_for_each_peer(const struct segment_node *segment, overlay_peer_cb *cb,
                      void *aux)
{
    const struct segment_peer *peer;

    if (segment->live) {
        HMAP_FOR_EACH (peer, node, &segment->live->peers) {
            cb(peer->link->peer, peer->link->group, aux);
        }
    }
}

void
overlay_for_each_local(const struct segment_node *segment,
                       overlay_local_cb *cb, void *aux)
{
    const struct local *l;

    if (segment->live) {
        LIST_FOR_EACH (l, local_list, &segment->live->locals) {
            cb(l->endpoint, l->ofport, aux);
        }
    }
}
