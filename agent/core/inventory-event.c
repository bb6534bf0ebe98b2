/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

/* Events, and what is remembered of deleted objects.  The numbers are those
 * of the rules in inventory.h.
 *
 * There is no tombstone for an object that is in the inventory. */

/* Tombstones (rule 2). */

struct tombstone {
    struct hmap_node node;      /* In inventory's 'tombstones'. */
    struct ovs_list age_list;   /* In inventory's 'tombstones_by_age'. */
    uint64_t revision;
    long long int expires;
    uint32_t mark;              /* inventory_event_mark() of an event. */
    uint8_t kind;               /* enum object_kind. */
    char id[];
};

static struct tombstone *
find_tombstone(const struct inventory *inv, enum object_kind kind,
               const char *id)
{
    struct tombstone *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, inventory_object_hash(kind, id),
                             &inv->tombstones) {
        if (t->kind == kind && !strcmp(t->id, id)) {
            return t;
        }
    }
    return NULL;
}

static void
free_tombstone(struct inventory *inv, struct tombstone *t)
{
    hmap_remove(&inv->tombstones, &t->node);
    ovs_list_remove(&t->age_list);
    free(t);
}

/* Does the list under way have to leave it alone (rule 3)? */
static bool
is_marked(const struct inventory *inv, uint32_t mark)
{
    return inv->listing && mark == inventory_event_mark(inv);
}

/* Frees those whose time is over, and the oldest if there are too many.  One
 * that the list under way needs outlives its time. */
void
inventory_expire_tombstones(struct inventory *inv, long long int now)
{
    struct tombstone *t;

    LIST_FOR_EACH_SAFE (t, age_list, &inv->tombstones_by_age) {
        if (hmap_count(&inv->tombstones) <= MAX_TOMBSTONES
            && (now < t->expires || is_marked(inv, t->mark))) {
            break;
        }
        free_tombstone(inv, t);
    }
}

void
inventory_bury(struct inventory *inv, enum object_kind kind, const char *id,
               uint64_t revision, uint32_t mark, long long int now)
{
    struct tombstone *t = find_tombstone(inv, kind, id);

    if (t && (revision < t->revision || (revision == t->revision
                                         && revision))) {
        return;
    }
    if (!revision && !is_marked(inv, mark)) {
        return;                 /* It would hold nothing back. */
    }
    if (!t) {
        size_t len = strlen(id);

        t = xmalloc(sizeof *t + len + 1);
        memcpy(t->id, id, len + 1);
        t->kind = kind;
        hmap_insert(&inv->tombstones, &t->node,
                    inventory_object_hash(kind, id));
    } else {
        ovs_list_remove(&t->age_list);
    }
    ovs_list_push_back(&inv->tombstones_by_age, &t->age_list);
    t->revision = revision;
    t->mark = mark;
    t->expires = now + TOMBSTONE_MS;
    inventory_expire_tombstones(inv, now);
}

void
inventory_for_each_deleted(const struct inventory *inv, size_t max,
                           long long int now,
                           void (*cb)(const struct deleted_object *,
                                      void *aux), void *aux)
{
    size_t n = hmap_count(&inv->tombstones);
    const struct tombstone *t;

    LIST_FOR_EACH (t, age_list, &inv->tombstones_by_age) {
        if (n-- <= max && t->revision && now < t->expires) {
            cb(&(struct deleted_object) {
                .kind = t->kind, .id = t->id, .revision = t->revision,
                .left = t->expires - now,
            }, aux);
        }
    }
}

void
inventory_remember_deleted(struct inventory *inv,
                           const struct deleted_object *deleted,
                           long long int now)
{
    long long int left = MIN(deleted->left, TOMBSTONE_MS);
    struct known k;

    if (left > 0 && !inventory_find_known(inv, deleted->kind, deleted->id,
                                          &k)) {
        inventory_bury(inv, deleted->kind, deleted->id, deleted->revision, 0,
                       now - TOMBSTONE_MS + left);
    }
}

void
inventory_unbury(struct inventory *inv, enum object_kind kind, const char *id)
{
    struct tombstone *t = find_tombstone(inv, kind, id);

    if (t) {
        free_tombstone(inv, t);
    }
}

void
inventory_unbury_all(struct inventory *inv)
{
    struct tombstone *t;

    LIST_FOR_EACH_SAFE (t, age_list, &inv->tombstones_by_age) {
        free_tombstone(inv, t);
    }
}

bool
inventory_event_prevails(const struct inventory *inv,
                         const struct known *known,
                         enum object_kind kind, const char *id,
                         uint64_t revision)
{
    const struct tombstone *t;

    if (known) {
        return is_marked(inv, *known->list) && revision <= *known->revision;
    }
    t = find_tombstone(inv, kind, id);
    return t && is_marked(inv, t->mark) && revision <= t->revision;
}

/* Events. */

void
inventory_set_max_objects(struct inventory *inv, size_t max_objects)
{
    inv->max_objects = max_objects;
}

static bool
is_full(const struct inventory *inv)
{
    size_t n = 0;

    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        n += inv->n_known[i];
    }
    return n >= inv->max_objects;
}

static enum event_outcome
put_unknown(struct inventory *inv, struct object *object)
{
    const struct tombstone *t = find_tombstone(inv, object->kind, object->id);

    if (t && t->revision && object->revision <= t->revision) {
        object_destroy(object);
        return EVENT_STALE;
    }
    if (is_full(inv)) {
        object_destroy(object);
        return EVENT_FULL;
    }
    inventory_unbury(inv, object->kind, object->id);
    inventory_put_known(inv, object, inventory_event_mark(inv));
    return EVENT_APPLIED;
}

/* The content is known already. */
static void
confirm_known(struct inventory *inv, const struct known *k, uint64_t revision)
{
    if (revision > *k->revision || !revision) {
        inventory_unhold(inv, k);
        *k->revision = revision;
        inventory_mark(inv, k, inventory_event_mark(inv));
    }
}

enum event_outcome
inventory_put(struct inventory *inv, struct object *object, long long int now)
{
    struct known k;

    inventory_expire_tombstones(inv, now);
    if (!inventory_find_known(inv, object->kind, object->id, &k)) {
        return put_unknown(inv, object);
    }
    if (object->revision < *k.revision) {
        object_destroy(object);
        return EVENT_STALE;
    }
    if (inventory_known_equals(&k, object)) {
        confirm_known(inv, &k, object->revision);
        object_destroy(object);
        return EVENT_SAME;
    }
    inventory_unhold(inv, &k);
    inventory_put_known(inv, object, inventory_event_mark(inv));
    return EVENT_APPLIED;
}

enum event_outcome
inventory_delete(struct inventory *inv, enum object_kind kind, const char *id,
                 uint64_t revision, long long int now)
{
    uint32_t mark = inventory_event_mark(inv);
    struct known k;

    inventory_expire_tombstones(inv, now);
    if (!inventory_find_known(inv, kind, id, &k)) {
        inventory_bury(inv, kind, id, revision, mark, now);
        return EVENT_SAME;
    }
    if (revision < *k.revision) {
        return EVENT_STALE;
    }
    inventory_unhold(inv, &k);
    inventory_bury(inv, kind, id, revision, mark, now);
    inventory_delete_known(inv, &k);
    return EVENT_APPLIED;
}
