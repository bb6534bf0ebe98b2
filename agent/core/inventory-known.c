/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include "hash.h"
#include "util.h"

/* An object of any kind: where the kinds come together. */

uint32_t
inventory_object_hash(enum object_kind kind, const char *id)
{
    return hash_string(id, kind);
}

static struct known
make_known(enum object_kind kind, const char *id, void *node,
           const struct hmap_node *id_node)
{
    return (struct known) {
        .kind = kind, .id = id, .node = node,
        .digest = hash_2words(id_node->hash, kind),
    };
}

static void
known_host(struct known *k, struct host_node *node)
{
    *k = make_known(OBJECT_HOST, node->id, node, &node->id_node);
    k->list = &node->list;
    k->revision = &node->revision;
    k->held = &node->held;
}

static void
known_segment(struct known *k, struct segment_node *node)
{
    *k = make_known(OBJECT_SEGMENT, node->id, node, &node->id_node);
    k->list = &node->list;
    k->revision = &node->revision;
    k->held = &node->held;
}

static void
known_router(struct known *k, struct router_node *node)
{
    *k = make_known(OBJECT_ROUTER, node->id, node, &node->id_node);
    k->list = &node->list;
    k->revision = &node->revision;
    k->held = &node->held;
}

static void
known_endpoint(struct known *k, struct endpoint_node *node)
{
    *k = make_known(OBJECT_ENDPOINT, node->id, node, &node->id_node);
    k->list = &node->endpoint->list;
    k->revision = &node->endpoint->revision;
    k->held = &node->endpoint->held;
}

bool
inventory_find_known(const struct inventory *inv, enum object_kind kind,
                     const char *id, struct known *k)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (kind) {
    case OBJECT_HOST:
        host = inventory_find_host(inv, id);
        if (host && host->known) {
            known_host(k, host);
            return true;
        }
        break;
    case OBJECT_SEGMENT:
        segment = inventory_find_segment(inv, id);
        if (segment && segment->known) {
            known_segment(k, segment);
            return true;
        }
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, id);
        if (router && router->known) {
            known_router(k, router);
            return true;
        }
        break;
    case OBJECT_ENDPOINT:
        endpoint = inventory_find_endpoint(inv, id);
        if (endpoint && endpoint->endpoint) {
            known_endpoint(k, endpoint);
            return true;
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
    return false;
}

const struct hmap *
inventory_objects(const struct inventory *inv, enum object_kind kind)
{
    switch (kind) {
    case OBJECT_HOST:
        return &inv->hosts;
    case OBJECT_SEGMENT:
        return &inv->segments;
    case OBJECT_ROUTER:
        return &inv->routers;
    case OBJECT_ENDPOINT:
        return &inv->endpoints;
    default:
        OVS_NOT_REACHED();
    }
}

/* Returns false if there is only the node. */
static bool
known_from_node(enum object_kind kind, struct hmap_node *node,
                struct known *k)
{
    struct host_node *host = CONTAINER_OF(node, struct host_node, id_node);
    struct segment_node *segment = CONTAINER_OF(node, struct segment_node,
                                                id_node);
    struct router_node *router = CONTAINER_OF(node, struct router_node,
                                              id_node);
    struct endpoint_node *endpoint = CONTAINER_OF(node, struct endpoint_node,
                                                  id_node);

    switch (kind) {
    case OBJECT_HOST:
        known_host(k, host);
        return host->known;
    case OBJECT_SEGMENT:
        known_segment(k, segment);
        return segment->known;
    case OBJECT_ROUTER:
        known_router(k, router);
        return router->known;
    case OBJECT_ENDPOINT:
        if (endpoint->endpoint) {
            known_endpoint(k, endpoint);
        }
        return endpoint->endpoint != NULL;
    default:
        OVS_NOT_REACHED();
    }
}

void
inventory_for_each_in_bucket(struct inventory *inv, enum object_kind kind,
                             size_t bucket, inventory_known_cb *cb, void *aux)
{
    const struct hmap *map = inventory_objects(inv, kind);
    struct hmap_node *node, *next;

    for (node = map->buckets[bucket]; node; node = next) {
        struct known k;

        next = node->next;
        if (known_from_node(kind, node, &k)) {
            cb(inv, &k, aux);
        }
    }
}

/* Endpoints come first, so that nothing dangles on the way if all of them are
 * deleted. */
void
inventory_for_each_known(struct inventory *inv, inventory_known_cb *cb,
                         void *aux)
{
    for (int kind = N_OBJECT_KINDS - 1; kind >= 0; kind--) {
        const struct hmap *map = inventory_objects(inv, kind);

        for (size_t bucket = 0; bucket <= map->mask; bucket++) {
            inventory_for_each_in_bucket(inv, kind, bucket, cb, aux);
        }
    }
}

bool
inventory_known_equals(const struct known *k, const struct object *o)
{
    switch (o->kind) {
    case OBJECT_HOST:
        return inventory_host_equals(k->node, &o->host);
    case OBJECT_SEGMENT:
        return inventory_segment_equals(k->node, &o->segment);
    case OBJECT_ROUTER:
        return inventory_router_equals(k->node, &o->router);
    case OBJECT_ENDPOINT:
        return inventory_endpoint_equals(
            ((const struct endpoint_node *) k->node)->endpoint, &o->endpoint);
    default:
        OVS_NOT_REACHED();
    }
}

static void
count_listed(struct inventory *inv, const struct known *k, int change)
{
    inv->n_listed[k->kind] += change;
    inv->listed_digest += change > 0 ? k->digest : -k->digest;
}

void
inventory_mark(struct inventory *inv, const struct known *k, uint32_t list)
{
    if (*k->list < inv->list) {
        count_listed(inv, k, 1);
    }
    *k->list = list;
}

/* 'k' has been put; 'old' is the number that it had if it was known. */
static void
count_put(struct inventory *inv, const struct known *k, bool was_known,
          uint32_t old, uint32_t list)
{
    if (!was_known) {
        inv->known_digest += k->digest;
    }
    if (!was_known || old < inv->list) {
        count_listed(inv, k, 1);
    }
    *k->list = list;
    *k->held = false;
}

static void
put_host(struct inventory *inv, struct object *object, uint32_t list)
{
    struct host_node *node = inventory_ref_host(inv, object->id);
    bool was_known = node->known;
    struct known k;

    inventory_change_host(inv, node, object);
    known_host(&k, node);
    count_put(inv, &k, was_known, node->list, list);
    inventory_unref_host(inv, node);
}

static void
put_segment(struct inventory *inv, struct object *object, uint32_t list)
{
    struct segment_node *node = inventory_ref_segment(inv, object->id);
    bool was_known = node->known;
    struct known k;

    inventory_change_segment(inv, node, object);
    known_segment(&k, node);
    count_put(inv, &k, was_known, node->list, list);
    inventory_unref_segment(inv, node);
}

static void
put_router(struct inventory *inv, struct object *object, uint32_t list)
{
    struct router_node *node = inventory_ref_router(inv, object->id);
    bool was_known = node->known;
    struct known k;

    inventory_change_router(inv, node, object);
    known_router(&k, node);
    count_put(inv, &k, was_known, node->list, list);
    inventory_unref_router(inv, node);
}

void
inventory_put_endpoint(struct inventory *inv, struct endpoint *e,
                       uint32_t list)
{
    struct endpoint_node *node = e->node;
    bool was_known = node->endpoint != NULL;
    uint32_t old = was_known ? node->endpoint->list : 0;
    struct known k;

    inventory_change_endpoint(inv, node, e);
    known_endpoint(&k, node);
    count_put(inv, &k, was_known, old, list);
}

void
inventory_put_known(struct inventory *inv, struct object *object,
                    uint32_t list)
{
    switch (object->kind) {
    case OBJECT_HOST:
        put_host(inv, object, list);
        break;
    case OBJECT_SEGMENT:
        put_segment(inv, object, list);
        break;
    case OBJECT_ROUTER:
        put_router(inv, object, list);
        break;
    case OBJECT_ENDPOINT:
        inventory_put_endpoint(inv, inventory_make_endpoint(inv, object),
                               list);
        break;
    default:
        OVS_NOT_REACHED();
    }
    object_destroy(object);
}

void
inventory_delete_known(struct inventory *inv, const struct known *k)
{
    inv->known_digest -= k->digest;
    if (*k->list >= inv->list) {
        count_listed(inv, k, -1);
    }
    switch (k->kind) {
    case OBJECT_HOST:
        inventory_change_host(inv, k->node, NULL);
        break;
    case OBJECT_SEGMENT:
        inventory_change_segment(inv, k->node, NULL);
        break;
    case OBJECT_ROUTER:
        inventory_change_router(inv, k->node, NULL);
        break;
    case OBJECT_ENDPOINT:
        inventory_change_endpoint(inv, k->node, NULL);
        break;
    default:
        OVS_NOT_REACHED();
    }
}
