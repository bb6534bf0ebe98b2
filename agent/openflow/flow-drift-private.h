/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_DRIFT_PRIVATE_H
#define VTEPD_FLOW_DRIFT_PRIVATE_H 1

/* For flow-drift.c, which remembers what is not in order, and flow-repair.c,
 * which has it put right. */

#include "openflow/flow-drift.h"

#include "bitmap.h"
#include "openflow/installed-flows.h"
#include "openflow/repair-history.h"
#include "openvswitch/hmap.h"

/* The state that the switch told last. */
enum told { TOLD_NOTHING, TOLD_THERE, TOLD_GONE };

struct drift_flow {
    struct installed_flow flow; /* Its node is in flow_drift's 'flows'. */
    struct repair_history history;
    enum told told;
    bool wanted;                /* In the repair under way. */
};

struct drift_group {
    struct hmap_node node;      /* In flow_drift's 'groups'. */
    uint32_t group;
    struct repair_history history;
    bool differs;               /* In the repair under way. */
};

struct flow_drift {
    char *target;
    struct hmap flows;          /* Contains struct drift_flows. */
    struct hmap groups;         /* Contains struct drift_groups. */
    struct repair_history all;         /* Of reading everything... */
    long long int all_since;    /* ...wanted since then. */
    bool paused;                /* Changes are not told for now. */
    long long int groups_due;   /* When to look at groups; LLONG_MAX. */
    bool groups_changed;        /* Perhaps, since they were read. */

    long long int rest_until;   /* No repair before. */

    /* The repair under way. */
    long long int now;          /* When it began. */
    bool with_groups;
    bool any_flow_due;
    unsigned long tables[BITMAP_N_LONGS(256)];  /* Of the flows due. */

    struct flow_drift_status status;
    char *last_repair, *last_refusal;
};

/* Return NULL if there are too many.  remember_flow() takes 'flow' over, but
 * not where it lies. */
struct drift_flow *flow_drift_remember_flow(struct flow_drift *,
                                            struct installed_flow *flow,
                                            long long int now);
struct drift_group *flow_drift_remember_group(struct flow_drift *,
                                              uint32_t group,
                                              long long int now);

#endif /* flow-drift-private.h */
