/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* Whole lists.
 *
 * A list is compared with what is known while it comes in: an object that is
 * known as it is costs no memory, one that differs is staged until the list is
 * whole. */

/* An object of the list under way that differs from what is known. */
struct staged {
    struct hmap_node node;      /* In inventory's 'staged'. */
    struct object *object;
};

static uint32_t
staged_hash(enum object_kind kind, const char *id)
{
    return hash_string(id, kind);
}

static struct staged *
staged_find(const struct inventory *inv, enum object_kind kind, const char *id)
{
    struct staged *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, staged_hash(kind, id), &inv->staged) {
        if (s->object->kind == kind && !strcmp(s->object->id, id)) {
            return s;
        }
    }
    return NULL;
}

/* Any kind. */

/* What is known of the object (kind, id): where its list number and revision
 * stand, or NULLs. */
struct known {
    void *node;
    uint32_t *list;
    uint64_t *revision;
};

static bool
find_known(const struct inventory *inv, enum object_kind kind, const char *id,
           struct known *k)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (kind) {
    case OBJECT_HOST:
        host = inventory_find_host(inv, id);
        if (host && host->known) {
            *k = (struct known) { host, &host->list, &host->revision };
            return true;
        }
        break;
    case OBJECT_SEGMENT:
        segment = inventory_find_segment(inv, id);
        if (segment && segment->known) {
            *k = (struct known) { segment, &segment->list,
                                  &segment->revision };
            return true;
        }
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, id);
        if (router) {
            *k = (struct known) { router, &router->list, &router->revision };
            return true;
        }
        break;
    case OBJECT_ENDPOINT:
        endpoint = inventory_find_endpoint(inv, id);
        if (endpoint && endpoint->endpoint) {
            *k = (struct known) { endpoint, &endpoint->list,
                                  &endpoint->endpoint->revision };
            return true;
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
    return false;
}

static bool
known_equals(const struct known *k, const struct object *o)
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

/* Makes 'object' what is known of it, as part of list 'inv->list'. */
static void
put_object(struct inventory *inv, struct object *object)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (object->kind) {
    case OBJECT_HOST:
        host = inventory_ref_host(inv, object->id);
        host->list = inv->list;
        inventory_change_host(inv, host, object);
        inventory_unref_host(inv, host);
        break;
    case OBJECT_SEGMENT:
        segment = inventory_ref_segment(inv, object->id);
        segment->list = inv->list;
        inventory_change_segment(inv, segment, object);
        inventory_unref_segment(inv, segment);
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, object->id);
        if (!router) {
            router = inventory_router_create(inv, object->id);
        }
        router->list = inv->list;
        inventory_change_router(inv, router, object);
        break;
    case OBJECT_ENDPOINT:
        endpoint = inventory_ref_endpoint_node(inv, object->id);
        endpoint->list = inv->list;
        inventory_change_endpoint(inv, endpoint, object);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* Deletes what list number 'list' did not have, nor a later one, which may be
 * under way or have broken off.  Endpoints go first, so that nothing dangles
 * on the way. */
static size_t
sweep(struct inventory *inv, uint32_t list)
{
    size_t n = 0;

    struct endpoint_node *endpoint;
    HMAP_FOR_EACH_SAFE (endpoint, id_node, &inv->endpoints) {
        if (endpoint->endpoint && endpoint->list < list) {
            inventory_change_endpoint(inv, endpoint, NULL);
            n++;
        }
    }
    struct router_node *router;
    HMAP_FOR_EACH_SAFE (router, id_node, &inv->routers) {
        if (router->list < list) {
            inventory_router_delete(inv, router);
            n++;
        }
    }
    struct segment_node *segment;
    HMAP_FOR_EACH_SAFE (segment, id_node, &inv->segments) {
        if (segment->known && segment->list < list) {
            inventory_change_segment(inv, segment, NULL);
            n++;
        }
    }
    struct host_node *host;
    HMAP_FOR_EACH_SAFE (host, id_node, &inv->hosts) {
        if (host->known && host->list < list) {
            inventory_change_host(inv, host, NULL);
            n++;
        }
    }
    return n;
}

void
inventory_remove_everything(struct inventory *inv)
{
    sweep(inv, ++inv->list);
}

/* Lists. */

void
inventory_list_begin(struct inventory *inv)
{
    ovs_assert(!inv->listing);
    inv->listing = true;
    inv->list++;
}

enum list_add
inventory_list_add(struct inventory *inv, struct object *object)
{
    struct staged *s = staged_find(inv, object->kind, object->id);
    struct known k;
    bool known = find_known(inv, object->kind, object->id, &k);
    bool listed = known && *k.list == inv->list;

    ovs_assert(inv->listing);
    if (s) {
        if (object->revision > s->object->revision) {
            object_destroy(s->object);
            s->object = object;
        } else {
            object_destroy(object);
        }
        return LIST_DUPLICATE;
    }
    if (listed && object->revision <= *k.revision) {
        object_destroy(object);
        return LIST_DUPLICATE;
    }
    if (known && known_equals(&k, object)) {
        *k.list = inv->list;
        *k.revision = object->revision;
        object_destroy(object);
    } else {
        s = xmalloc(sizeof *s);
        s->object = object;
        hmap_insert(&inv->staged, &s->node,
                    staged_hash(object->kind, object->id));
    }
    return listed ? LIST_DUPLICATE : LIST_ADDED;
}

void
inventory_list_keep(struct inventory *inv, enum object_kind kind,
                    const char *id)
{
    struct known k;

    ovs_assert(inv->listing);
    if (find_known(inv, kind, id, &k)) {
        *k.list = inv->list;
    }
}

static void
apply_staged(struct inventory *inv, struct list_result *result)
{
    static const enum object_kind order[] = {
        OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ROUTER, OBJECT_ENDPOINT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        struct staged *s;

        HMAP_FOR_EACH_SAFE (s, node, &inv->staged) {
            struct known k;

            if (s->object->kind == order[i]) {
                if (find_known(inv, s->object->kind, s->object->id, &k)) {
                    result->n_changed++;
                } else {
                    result->n_added++;
                }
                put_object(inv, s->object);
                object_destroy(s->object);
                hmap_remove(&inv->staged, &s->node);
                free(s);
            }
        }
    }
}

/* What a list lacks of what is known. */
struct missing {
    size_t n[N_OBJECT_KINDS];
    size_t n_total;
    uint32_t digest;            /* The same for the same objects. */
};

static void
count_missing_object(struct missing *missing, enum object_kind kind,
                     const char *id)
{
    missing->n[kind]++;
    missing->n_total++;
    missing->digest += staged_hash(kind, id);
}

static void
count_missing(const struct inventory *inv, uint32_t list,
              struct missing *missing)
{
    memset(missing, 0, sizeof *missing);

    const struct host_node *host;
    HMAP_FOR_EACH (host, id_node, &inv->hosts) {
        if (host->known && host->list != list) {
            count_missing_object(missing, OBJECT_HOST, host->id);
        }
    }
    const struct segment_node *segment;
    HMAP_FOR_EACH (segment, id_node, &inv->segments) {
        if (segment->known && segment->list != list) {
            count_missing_object(missing, OBJECT_SEGMENT, segment->id);
        }
    }
    const struct router_node *router;
    HMAP_FOR_EACH (router, id_node, &inv->routers) {
        if (router->list != list) {
            count_missing_object(missing, OBJECT_ROUTER, router->id);
        }
    }
    const struct endpoint_node *endpoint;
    HMAP_FOR_EACH (endpoint, id_node, &inv->endpoints) {
        if (endpoint->endpoint && endpoint->list != list) {
            count_missing_object(missing, OBJECT_ENDPOINT, endpoint->id);
        }
    }
}

/* Is this more than one list should be believed to delete?  'n_known' is what
 * was known before the list. */
static bool
guard_trips(const struct deletion_guard *guard,
            const size_t n_missing[N_OBJECT_KINDS],
            const size_t n_known[N_OBJECT_KINDS])
{
    static const enum object_kind kinds[] = {
        OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ENDPOINT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t missing = n_missing[kinds[i]], known = n_known[kinds[i]];

        if (missing > 10 && missing * 100 > known * guard->max_percent) {
            return true;
        }
    }
    return n_known[OBJECT_ENDPOINT] >= 2
           && n_missing[OBJECT_ENDPOINT] == n_known[OBJECT_ENDPOINT];
}

/* Are these deletions to be held?  They are not once every whole list for long
 * enough has said the same. */
static bool
hold_deletions(struct inventory *inv, const struct missing *missing,
               const size_t n_known[N_OBJECT_KINDS],
               const struct deletion_guard *guard, long long int now)
{
    if (!missing->n_total || !guard_trips(guard, missing->n, n_known)) {
        return false;
    }
    if (!inv->n_held || inv->held_digest != missing->digest) {
        inv->held_digest = missing->digest;
        inv->held_since = now;
    }
    inv->n_held = missing->n_total;
    return !guard->hold || now - inv->held_since < guard->hold;
}

static void
forget_held(struct inventory *inv)
{
    inv->n_held = 0;
    inv->held_since = 0;
}

void
inventory_list_end(struct inventory *inv, bool may_delete,
                   const struct deletion_guard *guard, long long int now,
                   struct list_result *result)
{
    size_t n_known[N_OBJECT_KINDS];
    struct missing missing;

    ovs_assert(inv->listing);
    memset(result, 0, sizeof *result);
    memcpy(n_known, inv->n_known, sizeof n_known);
    apply_staged(inv, result);
    inv->listing = false;
    inv->last_list = inv->list;

    count_missing(inv, inv->list, &missing);
    if (!may_delete) {
        /* Nobody can tell what it really lacks, so nothing of it may be
         * released later either. */
        result->n_held = missing.n_total;
        forget_held(inv);
    } else if (hold_deletions(inv, &missing, n_known, guard, now)) {
        result->n_held = missing.n_total;
    } else {
        result->n_deleted = missing.n_total ? sweep(inv, inv->list) : 0;
        forget_held(inv);
    }
}

void
inventory_list_abort(struct inventory *inv)
{
    struct staged *s;

    HMAP_FOR_EACH_POP (s, node, &inv->staged) {
        object_destroy(s->object);
        free(s);
    }
    inv->listing = false;
}

size_t
inventory_n_held(const struct inventory *inv, long long int *since)
{
    *since = inv->held_since;
    return inv->n_held;
}

size_t
inventory_approve_deletions(struct inventory *inv)
{
    size_t n = inv->n_held ? sweep(inv, inv->last_list) : 0;

    forget_held(inv);
    return n;
}
