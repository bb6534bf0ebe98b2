/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/flow-drift.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openflow/flow-drift-private.h"
#include "util.h"

struct flow_drift *
flow_drift_create(void)
{
    struct flow_drift *d = xzalloc(sizeof *d);

    hmap_init(&d->flows);
    hmap_init(&d->groups);
    d->groups_due = LLONG_MAX;
    return d;
}

static void
free_flow(struct flow_drift *d, struct drift_flow *f)
{
    hmap_remove(&d->flows, &f->flow.node);
    installed_flow_uninit(&f->flow);
    free(f);
}

static void
forget_everything(struct flow_drift *d)
{
    struct drift_flow *f;
    HMAP_FOR_EACH_SAFE (f, flow.node, &d->flows) {
        free_flow(d, f);
    }
    struct drift_group *g;
    HMAP_FOR_EACH_POP (g, node, &d->groups) {
        free(g);
    }
    memset(&d->all, 0, sizeof d->all);
    d->groups_due = LLONG_MAX;
}

void
flow_drift_destroy(struct flow_drift *d)
{
    if (d) {
        forget_everything(d);
        hmap_destroy(&d->flows);
        hmap_destroy(&d->groups);
        free(d->target);
        free(d->last_repair);
        free(d->last_refusal);
        free(d);
    }
}

void
flow_drift_set_target(struct flow_drift *d, const char *target)
{
    forget_everything(d);
    free(d->target);
    d->target = nullable_xstrdup(target);
}

/* Remembering. */

/* Forgets what has been in order for long, or, if that is not enough, what is
 * in order now. */
static bool
make_room(struct flow_drift *d, long long int now)
{
    for (int pass = 0; pass < 2; pass++) {
        struct drift_flow *f;
        struct drift_group *g;

        if (hmap_count(&d->flows) + hmap_count(&d->groups) < DRIFT_MAX) {
            return true;
        }
        HMAP_FOR_EACH_SAFE (f, flow.node, &d->flows) {
            if (pass ? !f->history.open && !f->history.refused
                : repair_history_is_over(&f->history, now)) {
                free_flow(d, f);
            }
        }
        HMAP_FOR_EACH_SAFE (g, node, &d->groups) {
            if (pass ? !g->history.open && !g->history.refused
                : repair_history_is_over(&g->history, now)) {
                hmap_remove(&d->groups, &g->node);
                free(g);
            }
        }
    }
    return hmap_count(&d->flows) + hmap_count(&d->groups) < DRIFT_MAX;
}

/* Takes 'flow' over. */
struct drift_flow *
flow_drift_remember_flow(struct flow_drift *d, struct installed_flow *flow,
                         long long int now)
{
    struct installed_flow *known = installed_flow_find(&d->flows, flow);
    struct drift_flow *f;

    if (known) {
        struct hmap_node node = known->node;

        installed_flow_uninit(known);
        *known = *flow;
        known->node = node;
        return CONTAINER_OF(known, struct drift_flow, flow);
    }
    if (!make_room(d, now)) {
        installed_flow_uninit(flow);
        return NULL;
    }
    f = xzalloc(sizeof *f);
    f->flow = *flow;
    hmap_insert(&d->flows, &f->flow.node, installed_flow_hash(flow));
    return f;
}

struct drift_group *
flow_drift_remember_group(struct flow_drift *d, uint32_t group,
                          long long int now)
{
    struct drift_group *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, hash_int(group, 0), &d->groups) {
        if (g->group == group) {
            return g;
        }
    }
    if (!make_room(d, now)) {
        return NULL;
    }
    g = xzalloc(sizeof *g);
    g->group = group;
    hmap_insert(&d->groups, &g->node, hash_int(group, 0));
    return g;
}

/* What is told. */

/* While changes go on, reading waits: else it would have to be done again. */
void
flow_drift_missed(struct flow_drift *d, long long int now)
{
    if (!d->all.open) {
        d->all_since = now;
    } else if (now - d->all_since < DRIFT_COLLECT_MAX) {
        d->all.due = MAX(d->all.due, now + REPAIR_COLLECT);
    }
    repair_history_open(&d->all, now);
}

void
flow_drift_paused(struct flow_drift *d, bool paused, long long int now)
{
    d->paused = paused;
    flow_drift_missed(d, now);
}

void
flow_drift_groups_changed(struct flow_drift *d, long long int now)
{
    d->groups_due = MIN(d->groups_due, now + REPAIR_COLLECT);
    d->groups_changed = true;
}

void
flow_drift_groups_read(struct flow_drift *d)
{
    d->groups_changed = false;
}

void
flow_drift_flow_changed(struct flow_drift *d, const struct reported_flow *r,
                        bool gone, long long int now)
{
    struct installed_flow flow;
    struct drift_flow *f;

    if (d->all.open && d->all.due - now <= DRIFT_COLLECT_MAX) {
        flow_drift_missed(d, now);
        return;
    }
    installed_flow_init(&flow, r);
    f = flow_drift_remember_flow(d, &flow, now);
    if (!f) {
        flow_drift_missed(d, now);
        return;
    }
    f->told = gone ? TOLD_GONE : TOLD_THERE;
    repair_history_open(&f->history, now);
    if (gone) {
        /* It may have gone with a group, or all groups with it. */
        flow_drift_groups_changed(d, now);
    }
}

/* What is due. */

/* LLONG_MAX: none. */
static long long int
next_repair(const struct flow_drift *d)
{
    long long int next = d->groups_due;

    const struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        if (f->history.open) {
            next = MIN(next, f->history.due);
        }
    }
    const struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        if (g->history.open) {
            next = MIN(next, g->history.due);
        }
    }
    return next;
}

/* While everything is about to be read, nothing is repaired before. */
long long int
flow_drift_next(const struct flow_drift *d)
{
    long long int next = MAX(next_repair(d), d->rest_until);

    if (d->paused) {
        return LLONG_MAX;
    } else if (d->all.open && d->all.due - REPAIR_COLLECT <= next) {
        return d->all.due;
    }
    return next;
}

enum drift_need
flow_drift_need(const struct flow_drift *d, long long int now)
{
    const struct drift_group *g;

    if (now < flow_drift_next(d)) {
        return DRIFT_NONE;
    } else if (repair_history_is_due(&d->all, now)) {
        return DRIFT_READ_ALL;
    } else if (now >= d->groups_due) {
        return DRIFT_REPAIR_GROUPS;
    }
    HMAP_FOR_EACH (g, node, &d->groups) {
        if (g->history.open) {
            return DRIFT_REPAIR_GROUPS;
        }
    }
    return DRIFT_REPAIR;
}

bool
flow_drift_is_paused(const struct flow_drift *d)
{
    return d->paused;
}

void
flow_drift_connected(struct flow_drift *d)
{
    d->paused = false;
    flow_drift_read_all(d);
}

void
flow_drift_read_all(struct flow_drift *d)
{
    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        f->history.open = false;
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        g->history.open = false;
    }
    d->groups_due = LLONG_MAX;
    d->all.open = false;
}
