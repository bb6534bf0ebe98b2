/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory-objects.h"

#include <stdlib.h>

#include "core/inventory-private.h"
#include "util.h"

struct inventory_walk {
    const struct inventory *inv;
    enum object_kind kind;
    size_t mask;                /* Of the kind's hmap when it was begun. */
    size_t bucket;              /* Of that hmap, the next one. */

    /* Objects of the bucket before that are not handed out yet. */
    struct object **objects;
    size_t n_objects, allocated_objects;
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
    eo->hostname = nullable_xstrdup(endpoint_hostname(e));
    eo->ips = xcalloc(e->n_claims, sizeof *eo->ips);
    eo->pairs = xcalloc(e->n_claims, sizeof *eo->pairs);
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];

        if (c->kind == CLAIM_IP) {
            eo->ips[eo->n_ips++] = c->ip;
        } else if (c->kind == CLAIM_PAIR) {
            struct allowed_pair *pair = &eo->pairs[eo->n_pairs++];

            pair->mac = claim_mac(c);
            pair->ip.addr = c->ip;
            pair->ip.plen = c->plen;
        }
    }
}

/* The walk.
 *
 * It goes from bucket to bucket of an hmap and takes each at once, so that
 * nothing is missed or comes twice as long as the hmap keeps its size,
 * whatever comes and goes meanwhile. */

static const struct hmap *
objects_of(const struct inventory *inv, enum object_kind kind)
{
    switch (kind) {
    case OBJECT_HOST: return &inv->hosts;
    case OBJECT_SEGMENT: return &inv->segments;
    case OBJECT_ROUTER: return &inv->routers;
    case OBJECT_ENDPOINT: return &inv->endpoints;
    default: OVS_NOT_REACHED();
    }
}

static void
begin_kind(struct inventory_walk *walk, enum object_kind kind)
{
    walk->kind = kind;
    walk->mask = objects_of(walk->inv, kind)->mask;
    walk->bucket = 0;
}

struct inventory_walk *
inventory_walk_create(const struct inventory *inv)
{
    struct inventory_walk *walk = xzalloc(sizeof *walk);

    walk->inv = inv;
    begin_kind(walk, OBJECT_HOST);
    return walk;
}

void
inventory_walk_destroy(struct inventory_walk *walk)
{
    if (walk) {
        while (walk->n_objects) {
            object_destroy(walk->objects[--walk->n_objects]);
        }
        free(walk->objects);
        free(walk);
    }
}

bool
inventory_walk_is_valid(const struct inventory_walk *walk)
{
    return walk->mask == objects_of(walk->inv, walk->kind)->mask;
}

/* Returns the object of a node in the walk's hmap, or NULL if there is only
 * the node. */
static struct object *
object_of(const struct inventory_walk *walk, const struct hmap_node *node)
{
    const struct host_node *host = CONTAINER_OF(node, struct host_node,
                                                id_node);
    const struct segment_node *segment = CONTAINER_OF(
        node, struct segment_node, id_node);
    const struct router_node *router = CONTAINER_OF(node, struct router_node,
                                                    id_node);
    const struct endpoint_node *endpoint = CONTAINER_OF(
        node, struct endpoint_node, id_node);
    struct object o = { .kind = walk->kind };

    switch (walk->kind) {
    case OBJECT_HOST:
        if (!host->known) {
            return NULL;
        }
        copy_host(host, &o);
        break;

    case OBJECT_SEGMENT:
        if (!segment->known) {
            return NULL;
        }
        copy_segment(segment, &o);
        break;

    case OBJECT_ROUTER:
        if (!router->known) {
            return NULL;
        }
        copy_router(router, &o);
        break;

    case OBJECT_ENDPOINT:
        if (!endpoint->endpoint) {
            return NULL;
        }
        copy_endpoint(endpoint, &o);
        break;
    }
    return xmemdup(&o, sizeof o);
}

static void
take_bucket(struct inventory_walk *walk)
{
    const struct hmap *map = objects_of(walk->inv, walk->kind);
    const struct hmap_node *node;

    for (node = map->buckets[walk->bucket++]; node; node = node->next) {
        struct object *object = object_of(walk, node);

        if (object) {
            if (walk->n_objects == walk->allocated_objects) {
                walk->objects = x2nrealloc(walk->objects,
                                           &walk->allocated_objects,
                                           sizeof *walk->objects);
            }
            walk->objects[walk->n_objects++] = object;
        }
    }
}

struct object *
inventory_walk_next(struct inventory_walk *walk)
{
    ovs_assert(inventory_walk_is_valid(walk));
    while (!walk->n_objects) {
        if (walk->bucket <= walk->mask) {
            take_bucket(walk);
        } else if (walk->kind < N_OBJECT_KINDS - 1) {
            begin_kind(walk, walk->kind + 1);
        } else {
            return NULL;
        }
    }
    return walk->objects[--walk->n_objects];
}
