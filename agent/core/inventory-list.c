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
 * whole.  Then what was staged is applied, what to do with what the list lacks
 * is decided, and that is deleted or held. */

/* An object of the list under way that differs from what is known.  Of
 * endpoints there may be many, so they are staged in the form in which they
 * are kept. */
struct staged {
    struct hmap_node node;      /* In inventory's 'staged'. */
    struct object *object;
};

static struct endpoint *
find_staged_endpoint(const struct inventory *inv, const char *id)
{
    const struct endpoint_node *node = inventory_find_endpoint(inv, id);
    struct endpoint *e;

    if (node && node->staged) {
        HMAP_FOR_EACH_WITH_HASH (e, mac_node, node->id_node.hash,
                                 &inv->staged[OBJECT_ENDPOINT]) {
            if (e->node == node) {
                return e;
            }
        }
        OVS_NOT_REACHED();
    }
    return NULL;
}

static struct staged *
staged_find(const struct inventory *inv, enum object_kind kind, const char *id)
{
    struct staged *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, inventory_object_hash(kind, id),
                             &inv->staged[kind]) {
        if (!strcmp(s->object->id, id)) {
            return s;
        }
    }
    return NULL;
}

/* Lists. */

void
inventory_list_begin(struct inventory *inv)
{
    ovs_assert(!inv->listing && !inv->whole);
    inv->listing = true;
    inv->list += 2;
    memset(inv->n_listed, 0, sizeof inv->n_listed);
    inv->listed_digest = 0;
}

static bool
is_held(const struct inventory *inv, const struct known *k)
{
    return inv->held_list
           && (*k->list < inv->held_list
               || (*k->held && *k->list > inv->held_list));
}

/* The list under way has it.  An event's mark of after its beginning stays. */
static void
mark_listed(struct inventory *inv, const struct known *k)
{
    *k->held = is_held(inv, k);
    inventory_mark(inv, k, MAX(*k->list, inv->list));
}

static void
drop_staged_endpoint(struct inventory *inv, struct endpoint *e)
{
    struct endpoint_node *node = e->node;

    node->staged = false;
    inventory_free_endpoint(inv, e);
    inventory_release_endpoint(inv, node);
}

/* If the object is staged, returns true and stores its revision. */
static bool
is_staged(const struct inventory *inv, enum object_kind kind, const char *id,
          uint64_t *revision)
{
    if (kind == OBJECT_ENDPOINT) {
        const struct endpoint *e = find_staged_endpoint(inv, id);

        *revision = e ? e->revision : 0;
        return e != NULL;
    }

    const struct staged *s = staged_find(inv, kind, id);
    *revision = s ? s->object->revision : 0;
    return s != NULL;
}

static void
unstage(struct inventory *inv, enum object_kind kind, const char *id)
{
    if (kind == OBJECT_ENDPOINT) {
        struct endpoint *e = find_staged_endpoint(inv, id);

        hmap_remove(&inv->staged[kind], &e->mac_node);
        drop_staged_endpoint(inv, e);
    } else {
        struct staged *s = staged_find(inv, kind, id);

        hmap_remove(&inv->staged[kind], &s->node);
        object_destroy(s->object);
        free(s);
    }
}

static void
stage(struct inventory *inv, struct object *object)
{
    if (object->kind == OBJECT_ENDPOINT) {
        struct endpoint *e = inventory_make_endpoint(inv, object);

        e->node->staged = true;
        hmap_insert(&inv->staged[OBJECT_ENDPOINT], &e->mac_node,
                    e->node->id_node.hash);
        object_destroy(object);
        return;
    }

    struct staged *s = xmalloc(sizeof *s);
    s->object = object;
    hmap_insert(&inv->staged[object->kind], &s->node,
                inventory_object_hash(object->kind, object->id));
}

enum list_add
inventory_list_add(struct inventory *inv, struct object *object)
{
    uint64_t staged;
    struct known k;
    bool known = inventory_find_known(inv, object->kind, object->id, &k);
    bool listed = known && *k.list == inv->list;

    ovs_assert(inv->listing && !inv->whole);
    if (is_staged(inv, object->kind, object->id, &staged)) {
        if (object->revision > staged) {
            unstage(inv, object->kind, object->id);
            stage(inv, object);
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

    ovs_assert(inv->listing && !inv->whole);
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

    if (inventory_event_prevails(inv, known ? &k : NULL, object->kind,
                                 object->id, object->revision)) {
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
apply_endpoint(struct inventory *inv, struct endpoint *e,
               struct list_result *result)
{
    const char *id = e->node->id;
    struct known k;
    bool known = inventory_find_known(inv, OBJECT_ENDPOINT, id, &k);

    if (inventory_event_prevails(inv, known ? &k : NULL, OBJECT_ENDPOINT, id,
                                 e->revision)) {
        drop_staged_endpoint(inv, e);
    } else if (known
               && inventory_endpoints_are_equal(e->node->endpoint, e)) {
        *k.revision = e->revision;
        drop_staged_endpoint(inv, e);
    } else {
        if (known) {
            result->n_changed++;
        } else {
            result->n_added++;
            inventory_unbury(inv, OBJECT_ENDPOINT, id);
        }
        e->node->staged = false;
        inventory_put_endpoint(inv, e, inv->list);
    }
}

/* A whole list that is being applied.
 *
 * Everything is done bucket by bucket of an hmap, and what is done with a
 * bucket does no harm if it is done twice. */
struct whole_list {
    bool may_delete;
    struct deletion_guard guard;
    size_t n_known[N_OBJECT_KINDS]; /* Before it. */
    struct list_result result;

    bool sweeping;              /* Is what it lacks being deleted? */
    size_t step;                /* What kind of object, in an order... */
    size_t bucket;              /* ...and where. */
    size_t mask;                /* Of the hmap at that time. */
};

static const enum object_kind apply_order[] = {
    OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ROUTER, OBJECT_ENDPOINT,
};
static const enum object_kind sweep_order[] = {
    OBJECT_ENDPOINT, OBJECT_ROUTER, OBJECT_SEGMENT, OBJECT_HOST,
};

/* Returns how many there were. */
static size_t
apply_bucket(struct inventory *inv, enum object_kind kind, size_t bucket)
{
    struct list_result *result = &inv->whole->result;
    struct hmap *staged = &inv->staged[kind];
    struct hmap_node *node;
    size_t n = 0;

    while ((node = staged->buckets[bucket])) {
        hmap_remove(staged, node);
        if (kind == OBJECT_ENDPOINT) {
            apply_endpoint(inv, CONTAINER_OF(node, struct endpoint, mac_node),
                           result);
        } else {
            struct staged *s = CONTAINER_OF(node, struct staged, node);

            apply_object(inv, s->object, result);
            free(s);
        }
        n++;
    }
    return n;
}

static void
destroy_staged(struct inventory *inv, enum object_kind kind)
{
    struct endpoint *e;
    struct staged *s;

    if (kind == OBJECT_ENDPOINT) {
        HMAP_FOR_EACH_POP (e, mac_node, &inv->staged[kind]) {
            drop_staged_endpoint(inv, e);
        }
    } else {
        HMAP_FOR_EACH_POP (s, node, &inv->staged[kind]) {
            object_destroy(s->object);
            free(s);
        }
    }
    hmap_destroy(&inv->staged[kind]);
    hmap_init(&inv->staged[kind]);
}

/* A table that is large takes long to grow, so it does it while it is
 * small. */
static void
reserve_for_claims(struct inventory *inv)
{
    size_t n = hmap_count(&inv->staged[OBJECT_ENDPOINT]);

    if (n > hmap_count(&inv->claims)) {
        hmap_reserve(&inv->claims, hmap_count(&inv->claims) + n);
    }
}

/* Applies about 'max_work' objects.  Returns what is left of 'max_work'. */
static size_t
apply_staged(struct inventory *inv, size_t max_work)
{
    struct whole_list *w = inv->whole;

    while (max_work && w->step < ARRAY_SIZE(apply_order)) {
        enum object_kind kind = apply_order[w->step];
        struct hmap *staged = &inv->staged[kind];

        if (!w->bucket && kind == OBJECT_ENDPOINT) {
            reserve_for_claims(inv);
        }
        if (w->bucket <= staged->mask && !hmap_is_empty(staged)) {
            size_t n = apply_bucket(inv, kind, w->bucket++);

            max_work -= MIN(n, max_work);
        } else {
            destroy_staged(inv, kind);
            w->step++;
            w->bucket = 0;
        }
    }
    return max_work;
}

/* What a list lacks of what is known. */
struct missing {
    size_t n[N_OBJECT_KINDS];
    size_t n_total;
    uint32_t digest;            /* The same for the same objects. */
};

static void
count_missing(const struct inventory *inv, struct missing *missing)
{
    missing->n_total = 0;
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        missing->n[i] = inv->n_known[i] - inv->n_listed[i];
        missing->n_total += missing->n[i];
    }
    missing->digest = inv->known_digest - inv->listed_digest;
}

/* Deletions that are due. */
struct sweep {
    long long int now;
    size_t n;
};

static void
sweep_known(struct inventory *inv, const struct known *k, struct sweep *sweep)
{
    inventory_bury(inv, k->kind, k->id, *k->revision, 0, sweep->now);
    inventory_delete_known(inv, k);
    sweep->n++;
}

static void
sweep_missing(struct inventory *inv, const struct known *k, void *sweep)
{
    if (*k->list < inv->list) {
        sweep_known(inv, k, sweep);
    }
}

/* What a list that is under way has had already stays until that list is
 * whole. */
static void
sweep_held(struct inventory *inv, const struct known *k, void *sweep)
{
    if (is_held(inv, k) && !(inv->listing && *k->list >= inv->list)) {
        sweep_known(inv, k, sweep);
    }
}

/* Deletes what the list lacks, which is about 'max_work' objects or the look
 * at some times as many.  Returns true once that is all. */
static bool
sweep_some(struct inventory *inv, size_t max_work, long long int now)
{
    enum { LOOKS = 16 };        /* That cost as much as a deletion. */
    struct whole_list *w = inv->whole;
    struct sweep sweep = { .now = now };
    size_t n_looks = 0;

    while (w->step < ARRAY_SIZE(sweep_order)) {
        enum object_kind kind = sweep_order[w->step];
        const struct hmap *objects = inventory_objects(inv, kind);

        if (sweep.n + n_looks / LOOKS >= max_work) {
            break;
        }
        if (w->mask != objects->mask) {
            w->mask = objects->mask;    /* It has grown: from the start. */
            w->bucket = 0;
        }
        if (inv->n_known[kind] > inv->n_listed[kind]
            && w->bucket <= w->mask) {
            inventory_for_each_in_bucket(inv, kind, w->bucket++,
                                         sweep_missing, &sweep);
            n_looks++;
        } else {
            w->step++;
            w->bucket = 0;
        }
    }
    w->result.n_deleted += sweep.n;
    return w->step >= ARRAY_SIZE(sweep_order);
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
           && n_missing[OBJECT_ENDPOINT] >= n_known[OBJECT_ENDPOINT];
}

/* Are these deletions to be held?  They are not once every whole list for long
 * enough has said the same. */
static bool
hold_deletions(struct inventory *inv, const struct missing *missing,
               long long int now)
{
    const struct deletion_guard *guard = &inv->whole->guard;

    if (!missing->n_total
        || !guard_trips(guard, missing->n, inv->whole->n_known)) {
        return false;
    }
    if (!inv->held_list || inv->held_digest != missing->digest) {
        inv->held_digest = missing->digest;
        inv->held_since = now;
    }
    inv->held_list = inv->list;
    inv->n_held = missing->n_total;
    return !guard->hold || now - inv->held_since < guard->hold;
}

static void
forget_held(struct inventory *inv)
{
    inv->held_list = 0;
    inv->n_held = 0;
    inv->held_since = 0;
}

void
inventory_unhold(struct inventory *inv, const struct known *k)
{
    if (is_held(inv, k)) {
        inv->held_digest -= k->digest;
        if (!--inv->n_held) {
            forget_held(inv);
        }
    }
    *k->held = false;
}

/* All of the list was applied.  What about what it lacks? */
static void
decide_deletions(struct inventory *inv, long long int now)
{
    struct whole_list *w = inv->whole;
    struct missing missing;

    inv->listing = false;
    inventory_expire_tombstones(inv, now);
    count_missing(inv, &missing);
    if (!w->may_delete) {
        /* Nobody can tell what it really lacks, so nothing of it may be
         * released later either. */
        w->result.n_held = missing.n_total;
        forget_held(inv);
    } else if (hold_deletions(inv, &missing, now)) {
        w->result.n_held = missing.n_total;
    } else {
        w->sweeping = true;
        w->step = 0;
        forget_held(inv);
    }
}

void
inventory_list_whole(struct inventory *inv, bool may_delete,
                     const struct deletion_guard *guard)
{
    ovs_assert(inv->listing && !inv->whole);
    inv->whole = xzalloc(sizeof *inv->whole);
    inv->whole->may_delete = may_delete;
    inv->whole->guard = *guard;
    memcpy(inv->whole->n_known, inv->n_known, sizeof inv->n_known);
}

bool
inventory_list_is_busy(const struct inventory *inv)
{
    return inv->whole != NULL;
}

bool
inventory_list_run(struct inventory *inv, size_t max_work, long long int now,
                   struct list_result *result)
{
    struct whole_list *w = inv->whole;

    ovs_assert(w);
    if (inv->listing) {
        max_work = apply_staged(inv, max_work);
        if (w->step < ARRAY_SIZE(apply_order)) {
            return false;
        }
        decide_deletions(inv, now);
    }
    if (w->sweeping && !sweep_some(inv, max_work, now)) {
        return false;
    }
    inv->last_list = inv->list;
    *result = w->result;
    free(w);
    inv->whole = NULL;
    return true;
}

void
inventory_list_end(struct inventory *inv, bool may_delete,
                   const struct deletion_guard *guard, long long int now,
                   struct list_result *result)
{
    inventory_list_whole(inv, may_delete, guard);
    inventory_list_run(inv, SIZE_MAX, now, result);
}

void
inventory_list_abort(struct inventory *inv)
{
    ovs_assert(!inv->whole);
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        destroy_staged(inv, i);
    }
    inv->listing = false;
}

void
inventory_free_lists(struct inventory *inv)
{
    free(inv->whole);
    inv->whole = NULL;
    inventory_list_abort(inv);
}

bool
inventory_endpoint_is_held(const struct inventory *inv,
                           const struct endpoint *e)
{
    struct known k;

    return inventory_find_known(inv, OBJECT_ENDPOINT, e->node->id, &k)
           && is_held(inv, &k);
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
    struct sweep sweep = { .now = now };

    if (inv->n_held) {
        inventory_for_each_known(inv, sweep_held, &sweep);
        forget_held(inv);
    }
    return sweep.n;
}
