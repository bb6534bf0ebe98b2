/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_DRIFT_H
#define VTEPD_FLOW_DRIFT_H 1

/* What of the flow and group tables is not as it should be: because somebody
 * changed it, or because the switch refused it.
 *
 * Knows only what differs, never the whole.  It is told of flows that others
 * changed; a moment later (to see a burst as one) a repair is due: all that
 * should be there is shown to it, and it says which of that must be sent and
 * what must be deleted.  Groups are compared with what is read then.  If too
 * much has changed to remember, or something was missed, everything is to be
 * read.
 *
 * What somebody changes again and again, or the switch goes on to refuse, is
 * tried at intervals that grow from a second to a minute.  For a repair the
 * owner walks over all flows that should be there: however much others change,
 * at most a tenth of the time goes into that, or one walk in
 * DRIFT_REST_MAX.
 *
 * Sends nothing.  Time is in ms. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"

enum {
    DRIFT_MAX = 1000,           /* Flows and groups remembered. */
    DRIFT_COLLECT_MAX = 300,    /* While more and more changes, reading
                                 * everything waits so long. */
    DRIFT_REST = 10,            /* Times as long as the last repair took... */
    DRIFT_REST_MAX = 500,       /* ...or so long there is none. */
};

struct flow_drift;
struct reported_flow;

struct flow_drift *flow_drift_create(void);
void flow_drift_destroy(struct flow_drift *);

/* Begins afresh with another switch, which 'target' (copied) names in the
 * log. */
void flow_drift_set_target(struct flow_drift *, const char *target);

/* Somebody changed a flow: it is as 'flow' now, or, if 'gone', no more. */
void flow_drift_flow_changed(struct flow_drift *, const struct reported_flow *,
                             bool gone, long long int now);

/* Somebody may have changed groups. */
void flow_drift_groups_changed(struct flow_drift *, long long int now);

/* All groups were read: what is told of them from now on is not in that. */
void flow_drift_groups_read(struct flow_drift *);

/* Something was changed that was not told. */
void flow_drift_missed(struct flow_drift *, long long int now);

/* The switch does not tell of changes any more, or tells of them again. */
void flow_drift_paused(struct flow_drift *, bool paused, long long int now);
bool flow_drift_is_paused(const struct flow_drift *);

/* The switch refused a flow, or a group, for the cause 'error'. */
void flow_drift_flow_refused(struct flow_drift *, const struct reported_flow *,
                             const char *error, long long int now);
void flow_drift_group_refused(struct flow_drift *, uint32_t group,
                              const char *error, long long int now);

/* The same for a flow of 'table' that cannot be told more exactly. */
void flow_drift_other_refused(struct flow_drift *, uint8_t table,
                              const char *error, long long int now);

/* Does the switch refuse this flow?  True too where it refuses so much that it
 * cannot be told of what. */
bool flow_drift_refuses(const struct flow_drift *, const struct flow_entry *);

/* Changes whenever something more is refused; 0: nothing ever was. */
uint64_t flow_drift_n_refusals(const struct flow_drift *);

/* What to do now. */
enum drift_need {
    DRIFT_NONE,
    DRIFT_REPAIR,               /* A repair, without... */
    DRIFT_REPAIR_GROUPS,        /* ...or with groups, which must be read. */
    DRIFT_READ_ALL,
};
enum drift_need flow_drift_need(const struct flow_drift *, long long int now);

/* When to ask again, or LLONG_MAX. */
long long int flow_drift_next(const struct flow_drift *);

/* The switch was connected to, and tells of changes. */
void flow_drift_connected(struct flow_drift *);

/* Everything is being read, so that what was told before counts no more.  (If
 * it was read because of what somebody did:) so many were not in order. */
void flow_drift_read_all(struct flow_drift *);
void flow_drift_repaired_all(struct flow_drift *, size_t n_flows,
                             size_t n_groups, long long int now);

/* A repair.  Each group that differs from what is read, then each flow that
 * should be there; flow_drift_repair_flow() returns true if it must be sent,
 * flow_drift_repair_group() if it must be put right.  end() tells which flows
 * must be deleted. */
enum drift_change { DRIFT_ADDED, DRIFT_CHANGED, DRIFT_DELETED };
void flow_drift_repair_begin(struct flow_drift *, bool groups,
                             long long int now);
bool flow_drift_repair_group(struct flow_drift *, uint32_t group,
                             enum drift_change);
bool flow_drift_repair_flow(struct flow_drift *, const struct flow_entry *);
void flow_drift_repair_end(struct flow_drift *, flow_cb *, void *aux,
                           long long int now);

/* What was put right, or compared as a whole, went with bundle 'number' or
 * before; bundles up to 'number' are applied. */
void flow_drift_sent(struct flow_drift *, uint64_t number);
void flow_drift_applied(struct flow_drift *, uint64_t number);

struct flow_drift_status {
    uint64_t n_flow_repairs, n_group_repairs;
    uint64_t n_refusals;
    size_t n_refused;           /* That are refused still. */
    size_t n_fights;            /* Repaired too often to be so at once. */
    const char *last_repair;    /* In words, or NULL. */
    const char *last_refusal;
};
void flow_drift_get_status(const struct flow_drift *, long long int now,
                           struct flow_drift_status *);

#endif /* flow-drift.h */
