/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/flow-drift.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/flow-drift-private.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(flow_repair);

static struct vlog_rate_limit repair_rl = VLOG_RATE_LIMIT_INIT(10, 10);
static struct vlog_rate_limit refusal_rl = VLOG_RATE_LIMIT_INIT(10, 10);

/* What is shown of a flow, in bytes. */
#define TEXT_MAX 400

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
log_repair(struct flow_drift *d, struct repair_history *h, struct ds *s)
{
    if (h->n > REPAIR_AT_ONCE && !h->fight_logged) {
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
log_flow_repair(struct flow_drift *d, struct repair_history *h,
                enum drift_change change, const struct flow_entry *e)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "somebody %s flow \"", change_text[change]);
    put_flow(&s, e, change != DRIFT_ADDED);     /* Whose are not known. */
    ds_put_format(&s, "\"; %s", remedy_text[change]);
    log_repair(d, h, &s);
}

/* 'h' is NULL if there is more than can be remembered. */
static void
log_refusal(struct flow_drift *d, const struct repair_history *h, struct ds *s)
{
    if (!h || !h->refused || h->sent) {
        d->status.n_refusals++;
    }
    if (!h || !h->refused) {
        VLOG_WARN_RL(&refusal_rl, "%s: the switch refuses %s; trying it again "
                     "from time to time", d->target, ds_cstr(s));
    }
    replace_text(&d->last_refusal, s);
}

/* Refusals. */

/* Is so much refused that the rest of it is not looked at? */
static bool
is_given_up(const struct flow_drift *d)
{
    return d->all.open && d->all.refused;
}

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

    if (is_given_up(d)) {
        d->status.n_refusals++;
        return;
    }
    ofpbuf_use_const(&e.actions, r->actions, r->actions_len);
    ds_put_cstr(&s, "flow \"");
    put_flow(&s, &e, true);
    ds_put_format(&s, "\" (%s)", error);

    installed_flow_init(&flow, r);
    f = flow_drift_remember_flow(d, &flow, now);
    log_refusal(d, f ? &f->history : NULL, &s);
    if (f) {
        f->told = TOLD_NOTHING;
        repair_history_refused(&f->history, now);
    } else {
        repair_history_refused(&d->all, now);
    }
}

void
flow_drift_group_refused(struct flow_drift *d, uint32_t group,
                         const char *error, long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct drift_group *g;

    if (is_given_up(d)) {
        d->status.n_refusals++;
        return;
    }
    g = flow_drift_remember_group(d, group, now);
    ds_put_format(&s, "group %"PRIu32" (%s)", group, error);
    log_refusal(d, g ? &g->history : NULL, &s);
    if (g) {
        repair_history_refused(&g->history, now);
    } else {
        repair_history_refused(&d->all, now);
    }
}

void
flow_drift_other_refused(struct flow_drift *d, uint8_t table,
                         const char *error, long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "a flow of table %d (%s)", table, error);
    log_refusal(d, &d->all, &s);
    repair_history_refused(&d->all, now);
}

bool
flow_drift_refuses(const struct flow_drift *d, const struct flow_entry *e)
{
    const struct installed_flow *flow;

    if (d->all.refused) {
        return true;
    }
    flow = installed_flow_find_entry(&d->flows, e);
    return flow && CONTAINER_OF(flow, struct drift_flow,
                                flow)->history.refused;
}

uint64_t
flow_drift_n_refusals(const struct flow_drift *d)
{
    return d->status.n_refusals;
}

/* Repairs. */

void
flow_drift_repaired_all(struct flow_drift *d, size_t n_flows, size_t n_groups,
                        long long int now)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    d->all.n++;
    d->all.last = now;
    if ((!n_flows && !n_groups) || d->all.refused) {
        return;                 /* Nothing was wrong, or we know why. */
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
        if (repair_history_is_due(&f->history, now)) {
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
    struct drift_group *g = flow_drift_remember_group(d, group, d->now);

    if (!g) {
        flow_drift_missed(d, d->now);
        return false;
    }
    g->differs = true;
    repair_history_open(&g->history, d->now - REPAIR_COLLECT);
    /* The flows to be sent may need it. */
    if (!repair_history_is_due(&g->history, d->now) && !d->any_flow_due) {
        return false;
    }
    repair_history_repaired(&g->history, d->now);
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
    if (!repair_history_is_due(&f->history, d->now)) {
        return false;
    }
    if (f->told == TOLD_THERE && installed_flow_is(flow, e)) {
        f->history.open = false;        /* It is right again. */
        return false;
    }
    repair_history_repaired(&f->history, d->now);
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

    if (f->wanted || !repair_history_is_due(&f->history, d->now)) {
        return;
    }
    if (f->told != TOLD_THERE) {
        f->history.open = f->history.refused = false;
        return;
    }
    repair_history_repaired(&f->history, d->now);
    d->status.n_flow_repairs++;
    installed_flow_get(&f->flow, &e);
    log_flow_repair(d, &f->history, DRIFT_ADDED, &e);
    delete(&e, aux);
}

void
flow_drift_repair_end(struct flow_drift *d, flow_cb *delete, void *aux,
                      long long int now)
{
    d->rest_until = now + MIN((now - d->now) * DRIFT_REST, DRIFT_REST_MAX);

    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        end_flow(d, f, delete, aux);
    }
    if (d->with_groups) {
        struct drift_group *g;

        d->groups_due = d->groups_changed ? d->now + REPAIR_COLLECT
                                          : LLONG_MAX;
        HMAP_FOR_EACH (g, node, &d->groups) {
            if (!g->differs) {
                g->history.open = g->history.refused = false;
            }
        }
    }
}

void
flow_drift_applied(struct flow_drift *d, uint64_t number)
{
    repair_history_applied(&d->all, number);

    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        repair_history_applied(&f->history, number);
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        repair_history_applied(&g->history, number);
    }
}

void
flow_drift_sent(struct flow_drift *d, uint64_t number)
{
    repair_history_sent(&d->all, number);

    struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        repair_history_sent(&f->history, number);
    }
    struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        repair_history_sent(&g->history, number);
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
    status->n_fights = repair_history_is_fight(&d->all, now);
    status->n_refused = d->all.refused;

    const struct drift_flow *f;
    HMAP_FOR_EACH (f, flow.node, &d->flows) {
        status->n_fights += repair_history_is_fight(&f->history, now);
        status->n_refused += f->history.refused;
    }
    const struct drift_group *g;
    HMAP_FOR_EACH (g, node, &d->groups) {
        status->n_fights += repair_history_is_fight(&g->history, now);
        status->n_refused += g->history.refused;
    }
}
