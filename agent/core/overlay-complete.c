/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include "core/attachments.h"
#include "hash.h"
#include "util.h"

/* Whether a change has arrived, down to the tunnel ports.
 *
 * The sink is told of flows and groups in the run that finds them out; what
 * can take longer is a tunnel port, until it has an ofport. */

/* Brings up to date whether the link still waits for a port. */
void
overlay_update_pending(struct overlay *ov, struct link *link)
{
    bool pending = link->n_users && link->tunnel && !link->tunnel->ofport;

    ov->n_pending_links += (int) pending - (int) link->pending;
    link->pending = pending;
}

/* That may last until an operator sees to it. */
bool
overlay_link_has_failed(const struct link *link)
{
    return link->tunnel && link->tunnel->error && !link->tunnel->ofport;
}

static bool
links_to_are_complete(const struct overlay *ov, const struct host_node *peer)
{
    const struct link *link;

    HMAP_FOR_EACH_WITH_HASH (link, node, hash_pointer(peer, 0), &ov->links) {
        if (link->peer == peer && link->pending) {
            return false;
        }
    }
    return true;
}

/* Of ports that have failed it is not asked where all peers count, or one of
 * them would hold up everybody. */
static bool
all_links_are_complete(const struct overlay *ov)
{
    const struct link *link;

    HMAP_FOR_EACH (link, node, &ov->links) {
        if (link->pending && !overlay_link_has_failed(link)) {
            return false;
        }
    }
    return true;
}

static bool
links_of_segment_are_complete(const struct live_segment *ls)
{
    const struct segment_peer *peer;

    HMAP_FOR_EACH (peer, node, &ls->peers) {
        if (peer->link->pending && !overlay_link_has_failed(peer->link)) {
            return false;
        }
    }
    return !overlay_inbound_is_pending(ls);
}

/* Has the last run left anything to do, or has anything happened since? */
static bool
is_behind(const struct overlay *ov)
{
    return !ov->settled || inventory_has_touched(ov->inventory)
           || !ovs_list_is_empty(&ov->dirty_links)
           || !ovs_list_is_empty(&ov->dirty_tunnels)
           || !ovs_list_is_empty(&ov->dirty_segments)
           || !ovs_list_is_empty(&ov->dirty_routers);
}

static bool
segment_is_complete(const struct overlay *ov,
                    const struct segment_node *segment)
{
    return !is_behind(ov)
           && (!ov->n_pending_links || !segment->live
               || links_of_segment_are_complete(segment->live));
}

/* All its segments, where those are live that it joins. */
static bool
router_is_complete(const struct overlay *ov, const struct router_node *router)
{
    for (size_t i = 0; i < router->object.n_segments; i++) {
        if (!segment_is_complete(ov, router->joins[i].segment)) {
            return false;
        }
    }
    return !is_behind(ov);
}

static bool
host_is_complete(const struct overlay *ov, const struct host_node *host)
{
    return !is_behind(ov)
           && (!ov->n_pending_links
               || (host->self ? all_links_are_complete(ov)
                              : links_to_are_complete(ov, host)));
}

/* Can the link be used, as far as is known? */
static bool
is_way(const struct link *link)
{
    return !link || (link->tunnel && !link->pending);
}

/* Would an endpoint that is not served be of use here? */
static bool
is_missed(const struct overlay *ov, const struct endpoint_node *node)
{
    const struct endpoint *e = node->endpoint;
    const struct endpoint *by;
    size_t n;

    return e && (e->segment->live
                 || attachments_find(&ov->attachments, node->id, &n))
           && inventory_endpoint_standing(ov->inventory, e, &by)
              != ENDPOINT_SERVED;
}

/* A remote endpoint needs the way to its host.  One that is plugged here needs
 * the ways to all peers of its segment, to send to them and to hear from them:
 * it may be the first here. */
static bool
endpoint_is_complete(const struct overlay *ov,
                     const struct endpoint_node *node)
{
    const struct record_class *c;

    if (node->touched || node->waiting) {
        return false;
    }
    if (!node->installed) {
        return !is_missed(ov, node);
    }
    c = node->installed->class;
    if (c->place == PLACE_LOCAL) {
        return segment_is_complete(ov, c->segment->segment);
    }
    return is_way(c->link) && is_way(c->next);
}

bool
overlay_is_complete(const struct overlay *ov, enum object_kind kind,
                    const char *id)
{
    const struct host_node *host;
    const struct segment_node *segment;
    const struct router_node *router;
    const struct endpoint_node *endpoint;

    switch (kind) {
    case OBJECT_HOST:
        host = inventory_find_host(ov->inventory, id);
        return !host || host_is_complete(ov, host);
    case OBJECT_SEGMENT:
        segment = inventory_find_segment(ov->inventory, id);
        return !segment || segment_is_complete(ov, segment);
    case OBJECT_ENDPOINT:
        endpoint = inventory_find_endpoint(ov->inventory, id);
        return !endpoint || endpoint_is_complete(ov, endpoint);
    case OBJECT_ROUTER:
        router = inventory_find_router(ov->inventory, id);
        return !router || router_is_complete(ov, router);
    default:
        OVS_NOT_REACHED();
    }
}
