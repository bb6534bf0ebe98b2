/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/waits.h"

#include <stdlib.h>

#include "core/overlay.h"
#include "hash.h"
#include "util.h"

#define NOT_SENT UINT64_MAX

struct wait_object {
    enum object_kind kind;
    char *id;
};

/* Have the switch's cached flows followed? */
enum wait_settled {
    NOT_WANTED,
    UNSETTLED,
    SETTLING,
    SETTLED,
};

struct wait {
    struct hmap_node node;      /* In waits' 'by_ticket'. */
    uint64_t ticket;
    uint32_t list;              /* Needed; 0: none. */
    struct wait_object *objects;
    size_t n_objects, allocated_objects;
    size_t n_complete;          /* So many of them were seen to be. */
    uint64_t bundle;            /* Number, or NOT_SENT. */
    enum wait_settled settled;
};

void
waits_init(struct waits *waits)
{
    hmap_init(&waits->by_ticket);
}

static void
wait_destroy(struct waits *waits, struct wait *w)
{
    hmap_remove(&waits->by_ticket, &w->node);
    for (size_t i = 0; i < w->n_objects; i++) {
        free(w->objects[i].id);
    }
    free(w->objects);
    free(w);
}

void
waits_destroy(struct waits *waits)
{
    struct wait *w;

    HMAP_FOR_EACH_SAFE (w, node, &waits->by_ticket) {
        wait_destroy(waits, w);
    }
    hmap_destroy(&waits->by_ticket);
}

static struct wait *
find(const struct waits *waits, uint64_t ticket)
{
    struct wait *w;

    HMAP_FOR_EACH_WITH_HASH (w, node, hash_uint64(ticket),
                             &waits->by_ticket) {
        if (w->ticket == ticket) {
            return w;
        }
    }
    return NULL;
}

struct wait *
waits_add(struct waits *waits, uint64_t ticket)
{
    struct wait *w = xzalloc(sizeof *w);

    w->ticket = ticket;
    w->bundle = NOT_SENT;
    hmap_insert(&waits->by_ticket, &w->node, hash_uint64(ticket));
    return w;
}

void
wait_for_object(struct wait *w, enum object_kind kind, const char *id)
{
    if (w->n_objects == w->allocated_objects) {
        w->objects = x2nrealloc(w->objects, &w->allocated_objects,
                                sizeof *w->objects);
    }
    w->objects[w->n_objects++] = (struct wait_object) { kind, xstrdup(id) };
}

void
wait_for_list(struct wait *w, uint32_t list)
{
    w->list = MAX(w->list, list);
}

void
wait_for_revalidation(struct wait *w)
{
    w->settled = UNSETTLED;
}

static bool
is_complete(struct wait *w, const struct overlay *overlay)
{
    while (w->n_complete < w->n_objects) {
        const struct wait_object *o = &w->objects[w->n_complete];

        if (!overlay_is_complete(overlay, o->kind, o->id)) {
            return false;
        }
        w->n_complete++;
    }
    return true;
}

void
waits_sent(struct waits *waits, const struct overlay *overlay,
           uint32_t last_list, uint64_t bundle)
{
    struct wait *w;

    HMAP_FOR_EACH (w, node, &waits->by_ticket) {
        if (w->bundle == NOT_SENT && last_list >= w->list
            && is_complete(w, overlay)) {
            w->bundle = bundle;
        }
    }
}

void
waits_unsent(struct waits *waits)
{
    struct wait *w;

    HMAP_FOR_EACH (w, node, &waits->by_ticket) {
        w->bundle = NOT_SENT;
        if (w->settled != NOT_WANTED) {
            w->settled = UNSETTLED;
        }
    }
}

static bool
is_applied(const struct wait *w, uint64_t applied)
{
    return w->bundle != NOT_SENT && w->bundle <= applied;
}

bool
waits_settle(struct waits *waits, uint64_t applied)
{
    bool any = false;
    struct wait *w;

    HMAP_FOR_EACH (w, node, &waits->by_ticket) {
        if (w->settled == UNSETTLED && is_applied(w, applied)) {
            w->settled = SETTLING;
            any = true;
        }
    }
    return any;
}

static void
end_settling(struct waits *waits, enum wait_settled settled)
{
    struct wait *w;

    HMAP_FOR_EACH (w, node, &waits->by_ticket) {
        if (w->settled == SETTLING) {
            w->settled = settled;
        }
    }
}

void
waits_settled(struct waits *waits)
{
    end_settling(waits, SETTLED);
}

void
waits_unsettled(struct waits *waits)
{
    end_settling(waits, UNSETTLED);
}

bool
waits_is_over(const struct waits *waits, uint64_t ticket, uint64_t applied)
{
    const struct wait *w = find(waits, ticket);

    return !w || (is_applied(w, applied) && (w->settled == NOT_WANTED
                                             || w->settled == SETTLED));
}

void
waits_forget(struct waits *waits, uint64_t ticket)
{
    struct wait *w = find(waits, ticket);

    if (w) {
        wait_destroy(waits, w);
    }
}
