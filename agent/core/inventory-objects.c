/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory-objects.h"

#include <stdlib.h>

#include "core/inventory-private.h"
#include "util.h"

struct inventory_walk {
    const struct inventory *inv;
    uint64_t seqno;             /* Of 'inv' when the walk began. */
    const void **nodes;         /* Of the kind that 'ends' says. */
    size_t ends[N_OBJECT_KINDS];    /* Where each kind's nodes end. */
    enum object_kind kind;      /* Of the next one. */
    size_t next;
};

/* Values from nodes. */

static void
copy_host(const struct host_node *node, struct object *o)
{
    o->id = xstrdup(node->id);
    o->revision = node->revision;
    o->host.n_tunnels = node->n_addresses;
    o->host.tunnels = xcalloc(node->n_addresses, sizeof *o->host.tunnels);
    for (size_t i = 0; i < node->n_addresses; i++) {
        o->host.tunnels[i] = node->addresses[i].tunnel;
    }
}

static void
copy_segment(const struct segment_node *node, struct object *o)
{
    size_t n = node->object.n_subnets;

    o->id = xstrdup(node->id);
    o->revision = node->revision;
    o->segment = node->object;
    o->segment.subnets = xcalloc(n, sizeof *o->segment.subnets);
    for (size_t i = 0; i < n; i++) {
        struct subnet *subnet = &o->segment.subnets[i];

        *subnet = node->object.subnets[i];
        subnet->domain = nullable_xstrdup(subnet->domain);
    }
}

static void
copy_router(const struct router_node *node, struct object *o)
{
    const struct router_object *r = &node->object;

    o->id = xstrdup(node->id);
    o->revision = node->revision;
    o->router = *r;
    o->router.segments = xcalloc(r->n_segments, sizeof *r->segments);
    for (size_t i = 0; i < r->n_segments; i++) {
        o->router.segments[i] = xstrdup(r->segments[i]);
    }
    o->router.routes = xcalloc(r->n_routes, sizeof *r->routes);
    for (size_t i = 0; i < r->n_routes; i++) {
        o->router.routes[i] = r->routes[i];
    }
}

/* What follows from the MAC was not in the object. */
static void
copy_endpoint(const struct endpoint_node *node, struct object *o)
{
    const struct endpoint *e = node->endpoint;
    struct endpoint_object *eo = &o->endpoint;

    o->id = xstrdup(node->id);
    o->revision = e->revision;
    eo->segment = xstrdup(e->segment->id);
    eo->host = xstrdup(e->host->id);
    eo->mac = e->mac;
    eo->port_security = e->port_security;
    eo->hostname = nullable_xstrdup(e->hostname);
    eo->ips = xcalloc(e->n_claims, sizeof *eo->ips);
    eo->pairs = xcalloc(e->n_claims, sizeof *eo->pairs);
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];

        if (c->kind == CLAIM_IP) {
            eo->ips[eo->n_ips++] = c->ip;
        } else if (c->kind == CLAIM_PAIR) {
            struct allowed_pair *pair = &eo->pairs[eo->n_pairs++];

            pair->mac = c->mac;
            pair->ip.addr = c->ip;
            pair->ip.plen = c->plen;
        }
    }
}

/* The walk. */

struct inventory_walk *
inventory_walk_create(const struct inventory *inv)
{
    struct inventory_walk *walk = xzalloc(sizeof *walk);
    size_t n = 0;

    walk->inv = inv;
    walk->seqno = inventory_seqno(inv);
    for (int i = 0; i < N_OBJECT_KINDS; i++) {
        n += inv->n_known[i];
    }
    walk->nodes = xmalloc(n * sizeof *walk->nodes);

    n = 0;
    const struct host_node *host;
    HMAP_FOR_EACH (host, id_node, &inv->hosts) {
        if (host->known) {
            walk->nodes[n++] = host;
        }
    }
    walk->ends[OBJECT_HOST] = n;
    const struct segment_node *segment;
    HMAP_FOR_EACH (segment, id_node, &inv->segments) {
        if (segment->known) {
            walk->nodes[n++] = segment;
        }
    }
    walk->ends[OBJECT_SEGMENT] = n;
    const struct router_node *router;
    HMAP_FOR_EACH (router, id_node, &inv->routers) {
        walk->nodes[n++] = router;
    }
    walk->ends[OBJECT_ROUTER] = n;
    const struct endpoint_node *endpoint;
    HMAP_FOR_EACH (endpoint, id_node, &inv->endpoints) {
        if (endpoint->endpoint) {
            walk->nodes[n++] = endpoint;
        }
    }
    walk->ends[OBJECT_ENDPOINT] = n;
    return walk;
}

void
inventory_walk_destroy(struct inventory_walk *walk)
{
    if (walk) {
        free(walk->nodes);
        free(walk);
    }
}

bool
inventory_walk_is_valid(const struct inventory_walk *walk)
{
    return walk->seqno == inventory_seqno(walk->inv);
}

struct object *
inventory_walk_next(struct inventory_walk *walk)
{
    ovs_assert(inventory_walk_is_valid(walk));
    while (walk->next >= walk->ends[walk->kind]) {
        if (walk->kind == N_OBJECT_KINDS - 1) {
            return NULL;
        }
        walk->kind++;
    }

    const void *node = walk->nodes[walk->next++];
    struct object *object = xzalloc(sizeof *object);

    object->kind = walk->kind;
    switch (walk->kind) {
    case OBJECT_HOST:
        copy_host(node, object);
        break;

    case OBJECT_SEGMENT:
        copy_segment(node, object);
        break;

    case OBJECT_ROUTER:
        copy_router(node, object);
        break;

    case OBJECT_ENDPOINT:
        copy_endpoint(node, object);
        break;
    }
    return object;
}
