/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/flow-drift.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "hash.h"
#include "openflow/installed-flows.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(flow_drift);

static struct vlog_rate_limit repair_rl = VLOG_RATE_LIMIT_INIT(10, 10);
static struct vlog_rate_limit refusal_rl = VLOG_RATE_LIMIT_INIT(10, 10);

/* What is shown of a flow, in bytes. */
#define TEXT_MAX 400

/* How often something had to be put right. */
struct history {
    bool open;                  /* It is not right, as far as one knows. */
    long long int due;          /* When it is to be put right, while open. */
    unsigned int n;             /* Repairs... */
    long long int last;         /* ...the last one of which was then. */
    bool fight_logged;
    bool refused;
    uint64_t sent;              /* While refused: the bundle of the last
                                 * try, or 0. */
};

/* The state that the switch told last. */
enum told { TOLD_NOTHING, TOLD_THERE, TOLD_GONE };

struct drift_flow {
    struct installed_flow flow; /* Its node is in flow_drift's 'flows'. */
    struct history history;
    enum told told;
    bool wanted;                /* In the repair under way. */
};

struct drift_group {
    struct hmap_node node;      /* In flow_drift's 'groups'. */
    uint32_t group;
    struct history history;
    bool differs;               /* In the repair under way. */
};

struct flow_drift {
    char *target;
    struct hmap flows;          /* Contains struct drift_flows. */
    struct hmap groups;         /* Contains struct drift_groups. */
    struct history all;         /* Of reading everything... */
    long long int all_since;    /* ...wanted since then. */
    bool paused;                /* Changes are not told for now. */
    long long int groups_due;   /* When to look at groups; LLONG_MAX. */

    /* The repair under way. */
    long long int now;
    bool with_groups;
    bool any_flow_due;
    unsigned long tables[BITMAP_N_LONGS(256)];  /* Of the flows due. */

    struct flow_drift_status status;
    char *last_repair, *last_refusal;
};

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

/* Histories. */

static long long int
wait_after(unsigned int n)
{
    return n < DRIFT_AT_ONCE ? 0
           : MIN((long long int) DRIFT_WAIT_MIN << MIN(n - DRIFT_AT_ONCE, 10),
                 DRIFT_WAIT_MAX);
}

static bool
is_over(const struct history *h, long long int now)
{
    return !h->open && !h->refused
           && (!h->n || now - h->last > MAX(DRIFT_QUIET,
                                            2 * wait_after(h->n)));
}

static bool
is_due(const struct history *h, long long int now)
{
    return h->open && now >= h->due;
}

/* It is not right.  What is so again soon after a repair has to wait. */
static void
reopen(struct history *h, long long int now)
{
    if (h->open) {
        return;
    }
    if (is_over(h, now)) {
        h->n = 0;
        h->fight_logged = false;
    }
    h->open = true;
    h->due = MAX(now + DRIFT_COLLECT, h->last + wait_after(h->n));
}

static void
note_repair(struct history *h, long long int now)
{
    h->open = false;
    h->n++;
    h->last = now;
}

static bool
is_fight(const struct history *h, long long int now)
{
    return !h->refused && h->n > DRIFT_AT_ONCE && !is_over(h, now);
}

/* What is refused counts as tried often enough to wait for the next time. */
static void
note_refusal(struct history *h, long long int now)
{
    h->refused = true;
    h->sent = 0;
    h->n = MAX(h->n, DRIFT_AT_ONCE);
    h->open = true;
    h->due = now + wait_after(h->n);
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
                : is_over(&f->history, now)) {
                free_flow(d, f);
            }
        }
        HMAP_FOR_EACH_SAFE (g, node, &d->groups) {
            if (pass ? !g->history.open && !g->history.refused
                : is_over(&g->history, now)) {
                hmap_remove(&d->groups, &g->node);
                free(g);
            }
        }
    }
    return hmap_count(&d->flows) + hmap_count(&d->groups) < DRIFT_MAX;
}

/* Takes 'flow' over. */
static struct drift_flow *
remember_flow(struct flow_drift *d, struct installed_flow *flow,
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

static struct drift_group *
remember_group(struct flow_drift *d, uint32_t group, long long int now)
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
        d->all.due = MAX(d->all.due, now + DRIFT_COLLECT);
    }
    reopen(&d->all, now);
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
    d->groups_due = MIN(d->groups_due, now + DRIFT_COLLECT);
}

void
flow_drift_flow_changed(struct flow_drift *d, const struct reported_flow *r,
                        bool gone, long long int now)
{
    struct installed_flow flow;
    struct drift_flow *f;

    if (d->all.open) {
        flow_drift_missed(d, now);
        return;
    }
    installed_flow_init(&flow, r);
    f = remember_flow(d, &flow, now);
    if (!f) {
        flow_drift_missed(d, now);
        return;
    }
    f->told = gone ? TOLD_GONE : TOLD_THERE;
    reopen(&f->history, now);
    if (gone) {
        /* It may have gone with a group, or all groups with it. */
        flow_drift_groups_changed(d, now);
    }
}

/* Texts. */

static const char *const change_text[] = {
    [DRIFT_ADDED] = "added",
    [DRIFT_CHANGED] = "changed",
    [DRIFT_DELETED] = "deleted",
};

static const char *const remedy_text[] = {
    [DRIFT_ADDED] = "deleted",
    [DRIFT_CHANGED] = "put right",
    [DRIFT_DELETED] = "put back",
};

/* The text in 's' becomes the last one. */
static void
replace_text(char **text, struct ds *s)
{
    free(*text);
    *text = ds_steal_cstr(s);
}

static void
put_flow(struct ds *s, const struct flow_entry *e, bool with_actions)
{
    size_t start = s->length;

    flow_entry_format(e, s);
    if (!with_actions) {
        ds_truncate(s, strstr(ds_cstr(s) + start, " actions=")
                       - ds_cstr(s));
    }
    if (s->length - start > TEXT_MAX) {
        ds_truncate(s, start + TEXT_MAX);
        ds_put_cstr(s, "...");
    }
}

static void
log_repair(struct flow_drift *d, struct history *h, struct ds *s)
{
    if (h->n > DRIFT_AT_ONCE && !h->fight_logged) {
        ds_put_format(s, "; this is the %uth time in a row, so it is put "
                      "right less and less often from now on", h->n);
        h->fight_logged = true;
        VLOG_WARN("%s: %s", d->target, ds_cstr(s));
    } else {
        VLOG_WARN_RL(&repair_rl, "%s: %s", d->target, ds_cstr(s));
    }
    replace_text(&d->last_repair, s);
}

static void
log_flow_repair(struct flow_drift *d, struct history *h,
                enum drift_change change, const struct flow_entry *e)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "somebody %s flow \"", change_text[change]);
    put_flow(&s, e, change != DRIFT_ADDED);     /* Whose are not known. */
    ds_put_format(&s, "\"; %s", remedy_text[change]);
    log_repair(d, h, &s);
}

static void
log_refusal(struct flow_drift *d, struct history *h, struct ds *s)
{
    d->status.n_refusals++;
    if (!h || !h->refused) {
        VLOG_WARN_RL(&refusal_rl, "%s: the switch refuses %s; trying it again "
                     "from time to time", d->target, ds_cstr(s));
    }
    replace_text(&d->last_refusal, s);
}

/* Refusals. */

void
flow_drift_flow_refused(struct flow_drift *d, const struct reported_flow *r,
                        const char *error, long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct flow_entry e = {
        .table = r->table, .priority = r->priority, .cookie = r->cookie,
        .match = *r->match,
    };
    struct installed_flow flow;
    struct drift_flow *f;

    ofpbuf_use_const(&e.actions, r->actions, r->actions_len);
    ds_put_cstr(&s, "flow \"");
    put_flow(&s, &e, true);
    ds_put_format(&s, "\" (%s)", error);

    installed_flow_init(&flow, r);
    f = remember_flow(d, &flow, now);
    log_refusal(d, f ? &f->history : NULL, &s);
    if (f) {
        f->told = TOLD_NOTHING;
        note_refusal(&f->history, now);
    } else {
        note_refusal(&d->all, now);
    }
}

void
flow_drift_group_refused(struct flow_drift *d, uint32_t group,
                         const char *error, long long int now)
{
    struct drift_group *g = remember_group(d, group, now);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "group %"PRIu32" (%s)", group, error);
    log_refusal(d, g ? &g->history : NULL, &s);
    if (g) {
        note_refusal(&g->history, now);
    } else {
        note_refusal(&d->all, now);
    }
}

static void
note_accepted(struct history *h, uint64_t number)
{
    if (h->refused && h->sent && h->sent <= number) {
        h->refused = false;
        h->sent = 0;
        h->n = 0;
    }
}

void
flow_drift_applied(struct flow_drift *d, uint64_t number)
{
    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        note_accepted(&f->history, number);
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        note_accepted(&g->history, number);
    }
}

/* What is due. */

/* When to ask for the need again; while everything is about to be read,
 * nothing else is needed. */
long long int
flow_drift_next(const struct flow_drift *d)
{
    long long int next = d->groups_due;

    if (d->paused) {
        return LLONG_MAX;
    }
    if (d->all.open) {
        next = MIN(next, d->all.due);
    }
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

enum drift_need
flow_drift_need(const struct flow_drift *d, long long int now)
{
    const struct drift_group *g;

    if (now < flow_drift_next(d)) {
        return DRIFT_NONE;
    } else if (d->all.open && now + DRIFT_COLLECT >= d->all.due) {
        return now < d->all.due ? DRIFT_NONE : DRIFT_READ_ALL;
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

void
flow_drift_repaired_all(struct flow_drift *d, size_t n_flows, size_t n_groups,
                        long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    d->all.n++;
    d->all.last = now;
    if (!n_flows && !n_groups) {
        return;
    }
    d->status.n_flow_repairs += n_flows;
    d->status.n_group_repairs += n_groups;
    ds_put_format(&s, "somebody changed %"PRIuSIZE" flows and %"PRIuSIZE
                  " groups; put right", n_flows, n_groups);
    log_repair(d, &d->all, &s);
}

/* A repair. */

void
flow_drift_repair_begin(struct flow_drift *d, bool groups, long long int now)
{
    d->now = now;
    d->with_groups = groups;
    d->any_flow_due = false;
    memset(d->tables, 0, sizeof d->tables);

    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        f->wanted = false;
        if (is_due(&f->history, now)) {
            d->any_flow_due = true;
            bitmap_set1(d->tables, f->flow.table);
        }
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        g->differs = false;
    }
}

bool
flow_drift_repair_group(struct flow_drift *d, uint32_t group,
                        enum drift_change change)
{
    struct drift_group *g = remember_group(d, group, d->now);

    if (!g) {
        flow_drift_missed(d, d->now);
        return false;
    }
    g->differs = true;
    reopen(&g->history, d->now - DRIFT_COLLECT);
    /* The flows to be sent may need it. */
    if (!is_due(&g->history, d->now) && !d->any_flow_due) {
        return false;
    }
    note_repair(&g->history, d->now);
    if (!g->history.refused) {
        struct ds s = DS_EMPTY_INITIALIZER;

        d->status.n_group_repairs++;
        ds_put_format(&s, "somebody %s group %"PRIu32"; %s",
                      change_text[change], group, remedy_text[change]);
        log_repair(d, &g->history, &s);
    }
    return true;
}

bool
flow_drift_repair_flow(struct flow_drift *d, const struct flow_entry *e)
{
    struct installed_flow *flow;

    if (!bitmap_is_set(d->tables, e->table)) {
        return false;
    }
    flow = installed_flow_find_entry(&d->flows, e);
    if (!flow) {
        return false;
    }

    struct drift_flow *f = CONTAINER_OF(flow, struct drift_flow, flow);
    f->wanted = true;
    if (!is_due(&f->history, d->now)) {
        return false;
    }
    if (f->told == TOLD_THERE && installed_flow_is(flow, e)) {
        f->history.open = false;        /* It is right again. */
        return false;
    }
    note_repair(&f->history, d->now);
    if (!f->history.refused) {
        d->status.n_flow_repairs++;
        log_flow_repair(d, &f->history, (f->told == TOLD_GONE ? DRIFT_DELETED
                                         : DRIFT_CHANGED), e);
    }
    return true;
}

static void
end_flow(struct flow_drift *d, struct drift_flow *f, flow_cb *delete,
         void *aux)
{
    struct flow_entry e;

    if (f->wanted || !is_due(&f->history, d->now)) {
        return;
    }
    if (f->told != TOLD_THERE) {
        f->history.open = f->history.refused = false;
        return;
    }
    note_repair(&f->history, d->now);
    d->status.n_flow_repairs++;
    installed_flow_get(&f->flow, &e);
    log_flow_repair(d, &f->history, DRIFT_ADDED, &e);
    delete(&e, aux);
}

void
flow_drift_repair_end(struct flow_drift *d, flow_cb *delete, void *aux)
{
    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        end_flow(d, f, delete, aux);
    }
    if (d->with_groups) {
        struct drift_group *g;

        d->groups_due = LLONG_MAX;
        HMAP_FOR_EACH (g, node, &d->groups) {
            if (!g->differs) {
                g->history.open = g->history.refused = false;
            }
        }
    }
}

static void
note_sent(struct history *h, uint64_t number)
{
    if (h->refused && !h->open && !h->sent) {
        h->sent = number;
    }
}

void
flow_drift_sent(struct flow_drift *d, uint64_t number)
{
    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        note_sent(&f->history, number);
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        note_sent(&g->history, number);
    }
}

/* For reports. */

void
flow_drift_get_status(const struct flow_drift *d, long long int now,
                      struct flow_drift_status *status)
{
    *status = d->status;
    status->last_repair = d->last_repair;
    status->last_refusal = d->last_refusal;
    status->n_fights = is_fight(&d->all, now);

    const struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        status->n_fights += is_fight(&f->history, now);
        status->n_refused += f->history.refused;
    }
    const struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        status->n_fights += is_fight(&g->history, now);
        status->n_refused += g->history.refused;
    }
}
