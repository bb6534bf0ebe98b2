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

static struct staged *
staged_find(const struct inventory *inv, enum object_kind kind, const char *id)
{
    struct staged *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, inventory_object_hash(kind, id),
                             &inv->staged) {
        if (s->object->kind == kind && !strcmp(s->object->id, id)) {
            return s;
        }
    }
    return NULL;
}

/* Lists. */

void
inventory_list_begin(struct inventory *inv)
{
    ovs_assert(!inv->listing);
    inv->listing = true;
    inv->list += 2;
}

/* The list under way has it.  An event's mark of after its beginning stays. */
static void
mark_listed(const struct inventory *inv, const struct known *k)
{
    *k->list = MAX(*k->list, inv->list);
}

static void
stage(struct inventory *inv, struct object *object)
{
    struct staged *s = xmalloc(sizeof *s);

    s->object = object;
    hmap_insert(&inv->staged, &s->node,
                inventory_object_hash(object->kind, object->id));
}

enum list_add
inventory_list_add(struct inventory *inv, struct object *object)
{
    struct staged *s = staged_find(inv, object->kind, object->id);
    struct known k;
    bool known = inventory_find_known(inv, object->kind, object->id, &k);
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
    if (known) {
        mark_listed(inv, &k);
    }
    if ((listed && object->revision <= *k.revision)
        || (known && object->revision == *k.revision
            && inventory_known_equals(&k, object))) {
        object_destroy(object);
    } else {
        stage(inv, object);
    }
    return listed ? LIST_DUPLICATE : LIST_ADDED;
}

void
inventory_list_keep(struct inventory *inv, enum object_kind kind,
                    const char *id)
{
    struct known k;

    ovs_assert(inv->listing);
    if (inventory_find_known(inv, kind, id, &k)) {
        mark_listed(inv, &k);
    }
}

/* Makes 'object' of the list what is known, unless an event has said what is
 * newer. */
static void
apply_object(struct inventory *inv, struct object *object,
             struct list_result *result)
{
    struct known k;
    bool known = inventory_find_known(inv, object->kind, object->id, &k);

    if (inventory_event_prevails(inv, known ? &k : NULL, object)) {
        object_destroy(object);
    } else if (known && inventory_known_equals(&k, object)) {
        *k.revision = object->revision;
        object_destroy(object);
    } else {
        if (known) {
            result->n_changed++;
        } else {
            result->n_added++;
            inventory_unbury(inv, object->kind, object->id);
        }
        inventory_put_known(inv, object, inv->list);
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
            if (s->object->kind == order[i]) {
                apply_object(inv, s->object, result);
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
count_missing(struct inventory *inv, const struct known *k, void *missing_)
{
    struct missing *missing = missing_;

    *k->lacked = *k->list < inv->list;
    if (*k->lacked) {
        missing->n[k->kind]++;
        missing->n_total++;
        missing->digest += inventory_object_hash(k->kind, k->id);
    }
}

/* Deletions that are due. */
struct sweep {
    long long int now;
    size_t n;
};

/* Deletes what the last whole list lacked.  What a list that is under way has
 * had already stays until that list is whole. */
static void
sweep_known(struct inventory *inv, const struct known *k, void *sweep_)
{
    struct sweep *sweep = sweep_;

    if (*k->lacked && !(inv->listing && *k->list >= inv->list)) {
        inventory_bury(inv, k->kind, k->id, *k->revision, 0, sweep->now);
        inventory_delete_known(inv, k);
        sweep->n++;
    }
}

static size_t
sweep(struct inventory *inv, long long int now)
{
    struct sweep sweep = { .now = now };

    inventory_for_each_known(inv, sweep_known, &sweep);
    return sweep.n;
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
inventory_unhold(struct inventory *inv, const struct known *k)
{
    if (inv->n_held && *k->lacked) {
        inv->held_digest -= inventory_object_hash(k->kind, k->id);
        if (!--inv->n_held) {
            forget_held(inv);
        }
    }
    *k->lacked = false;
}

void
inventory_list_end(struct inventory *inv, bool may_delete,
                   const struct deletion_guard *guard, long long int now,
                   struct list_result *result)
{
    size_t n_known[N_OBJECT_KINDS];
    struct missing missing = { .n_total = 0 };

    ovs_assert(inv->listing);
    memset(result, 0, sizeof *result);
    memcpy(n_known, inv->n_known, sizeof n_known);
    apply_staged(inv, result);
    inv->listing = false;
    inv->last_list = inv->list;
    inventory_expire_tombstones(inv, now);

    inventory_for_each_known(inv, count_missing, &missing);
    if (!may_delete) {
        /* Nobody can tell what it really lacks, so nothing of it may be
         * released later either. */
        result->n_held = missing.n_total;
        forget_held(inv);
    } else if (hold_deletions(inv, &missing, n_known, guard, now)) {
        result->n_held = missing.n_total;
    } else {
        result->n_deleted = missing.n_total ? sweep(inv, now) : 0;
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
inventory_approve_deletions(struct inventory *inv, long long int now)
{
    size_t n = inv->n_held ? sweep(inv, now) : 0;

    forget_held(inv);
    return n;
}
