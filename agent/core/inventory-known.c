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

static void
known_host(struct known *k, struct host_node *node)
{
    *k = (struct known) {
        .kind = OBJECT_HOST, .id = node->id, .node = node,
        .list = &node->list, .revision = &node->revision,
        .lacked = &node->lacked,
    };
}

static void
known_segment(struct known *k, struct segment_node *node)
{
    *k = (struct known) {
        .kind = OBJECT_SEGMENT, .id = node->id, .node = node,
        .list = &node->list, .revision = &node->revision,
        .lacked = &node->lacked,
    };
}

static void
known_router(struct known *k, struct router_node *node)
{
    *k = (struct known) {
        .kind = OBJECT_ROUTER, .id = node->id, .node = node,
        .list = &node->list, .revision = &node->revision,
        .lacked = &node->lacked,
    };
}

static void
known_endpoint(struct known *k, struct endpoint_node *node)
{
    *k = (struct known) {
        .kind = OBJECT_ENDPOINT, .id = node->id, .node = node,
        .list = &node->endpoint->list, .revision = &node->endpoint->revision,
        .lacked = &node->endpoint->lacked,
    };
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
        if (router) {
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

/* Endpoints come first, so that nothing dangles on the way if all of them are
 * deleted. */
void
inventory_for_each_known(struct inventory *inv, inventory_known_cb *cb,
                         void *aux)
{
    struct known k;

    struct endpoint_node *endpoint;
    HMAP_FOR_EACH_SAFE (endpoint, id_node, &inv->endpoints) {
        if (endpoint->endpoint) {
            known_endpoint(&k, endpoint);
            cb(inv, &k, aux);
        }
    }
    struct router_node *router;
    HMAP_FOR_EACH_SAFE (router, id_node, &inv->routers) {
        known_router(&k, router);
        cb(inv, &k, aux);
    }
    struct segment_node *segment;
    HMAP_FOR_EACH_SAFE (segment, id_node, &inv->segments) {
        if (segment->known) {
            known_segment(&k, segment);
            cb(inv, &k, aux);
        }
    }
    struct host_node *host;
    HMAP_FOR_EACH_SAFE (host, id_node, &inv->hosts) {
        if (host->known) {
            known_host(&k, host);
            cb(inv, &k, aux);
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

void
inventory_put_known(struct inventory *inv, struct object *object,
                    uint32_t list)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (object->kind) {
    case OBJECT_HOST:
        host = inventory_ref_host(inv, object->id);
        host->list = list;
        host->lacked = false;
        inventory_change_host(inv, host, object);
        inventory_unref_host(inv, host);
        break;
    case OBJECT_SEGMENT:
        segment = inventory_ref_segment(inv, object->id);
        segment->list = list;
        segment->lacked = false;
        inventory_change_segment(inv, segment, object);
        inventory_unref_segment(inv, segment);
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, object->id);
        if (!router) {
            router = inventory_router_create(inv, object->id);
        }
        router->list = list;
        router->lacked = false;
        inventory_change_router(inv, router, object);
        break;
    case OBJECT_ENDPOINT:
        endpoint = inventory_ref_endpoint_node(inv, object->id);
        inventory_change_endpoint(inv, endpoint, object);
        endpoint->endpoint->list = list;
        break;
    default:
        OVS_NOT_REACHED();
    }
    object_destroy(object);
}

void
inventory_delete_known(struct inventory *inv, const struct known *k)
{
    switch (k->kind) {
    case OBJECT_HOST:
        inventory_change_host(inv, k->node, NULL);
        break;
    case OBJECT_SEGMENT:
        inventory_change_segment(inv, k->node, NULL);
        break;
    case OBJECT_ROUTER:
        inventory_router_delete(inv, k->node);
        break;
    case OBJECT_ENDPOINT:
        inventory_change_endpoint(inv, k->node, NULL);
        break;
    default:
        OVS_NOT_REACHED();
    }
}
