/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>

#include "hash.h"
#include "util.h"

/* Where routed packets come in.
 *
 * A packet that was routed on its host arrives as one of the segment that it
 * was routed to, perhaps from a host that has no endpoint in that segment and
 * to which there would be no tunnel for it.  So a segment with an endpoint that
 * is plugged in here holds the links to all hosts that have an endpoint in any
 * segment of its router.  They differ from those that the segments' own
 * endpoints need where segments are forced to encapsulations, or each has
 * tunnels of its own. */

/* A host with endpoints in live segments of a router. */
struct router_peer {
    struct hmap_node node;      /* In live_router's 'peers', by host. */
    struct host_node *host;
    size_t n;                   /* Segments' peers. */
};

/* A link that a segment holds for what is routed to it. */
struct inbound_link {
    struct hmap_node node;      /* In live_segment's 'inbound', by host. */
    struct link *link;
};

static struct router_peer *
find_peer(const struct live_router *lr, const struct host_node *host)
{
    struct router_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_pointer(host, 0), &lr->peers) {
        if (peer->host == host) {
            return peer;
        }
    }
    return NULL;
}

static struct inbound_link *
find_inbound(const struct live_segment *ls, const struct host_node *host)
{
    struct inbound_link *in;

    HMAP_FOR_EACH_WITH_HASH (in, node, hash_pointer(host, 0), &ls->inbound) {
        if (in->link->peer == host) {
            return in;
        }
    }
    return NULL;
}

static void
hold_link(struct overlay *ov, struct live_segment *ls, struct host_node *host)
{
    struct link *link = overlay_ref_link(ov, host, ls->segment);
    struct inbound_link *in = find_inbound(ls, host);

    if (in) {
        overlay_unref_link(ov, in->link);
    } else {
        in = xmalloc(sizeof *in);
        hmap_insert(&ls->inbound, &in->node, hash_pointer(host, 0));
    }
    in->link = link;
}

static void
release_link(struct overlay *ov, struct live_segment *ls,
             struct inbound_link *in)
{
    hmap_remove(&ls->inbound, &in->node);
    overlay_unref_link(ov, in->link);
    free(in);
}

void
overlay_update_inbound(struct overlay *ov, struct live_segment *ls)
{
    const struct live_router *lr = ls->n_plugged ? ls->router : NULL;
    struct inbound_link *in;

    if (lr) {
        const struct router_peer *peer;

        HMAP_FOR_EACH (peer, node, &lr->peers) {
            hold_link(ov, ls, peer->host);
        }
    }
    HMAP_FOR_EACH_SAFE (in, node, &ls->inbound) {
        if (!lr || !find_peer(lr, in->link->peer)) {
            release_link(ov, ls, in);
        }
    }
}

void
overlay_add_router_peer(struct overlay *ov, struct live_router *lr,
                        struct host_node *host)
{
    struct router_peer *peer = find_peer(lr, host);
    struct live_segment *ls;

    if (peer) {
        peer->n++;
        return;
    }
    peer = xmalloc(sizeof *peer);
    peer->host = host;
    peer->n = 1;
    hmap_insert(&lr->peers, &peer->node, hash_pointer(host, 0));
    LIST_FOR_EACH (ls, plugged_list, &lr->plugged) {
        hold_link(ov, ls, host);
    }
}

void
overlay_remove_router_peer(struct overlay *ov, struct live_router *lr,
                           const struct host_node *host)
{
    struct router_peer *peer = find_peer(lr, host);
    struct live_segment *ls;

    if (--peer->n) {
        return;
    }
    hmap_remove(&lr->peers, &peer->node);
    free(peer);
    LIST_FOR_EACH (ls, plugged_list, &lr->plugged) {
        release_link(ov, ls, find_inbound(ls, host));
    }
}

bool
overlay_inbound_is_pending(const struct live_segment *ls)
{
    const struct inbound_link *in;

    HMAP_FOR_EACH (in, node, &ls->inbound) {
        if (in->link->pending && !overlay_link_has_failed(in->link)) {
            return true;
        }
    }
    return false;
}
