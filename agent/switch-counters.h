/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_COUNTERS_H
#define VTEPD_SWITCH_COUNTERS_H 1

/* What the switch counts: packets that were dropped, by cause, and how many
 * flows and groups it has.
 *
 * Asked for while somebody wants to know, every ten seconds at most, over a
 * connection of its own.  Never blocks: whoever wants to know is told what is
 * known.
 *
 * A flow takes its counter with it when it goes.  So what is told is added up
 * here, from one reading to the next (running-total.h). */

#include <stdbool.h>
#include <stdint.h>

#include "agent/running-total.h"
#include "core/flow-spec.h"

enum {
    COUNTERS_APART_MS = 10 * 1000,  /* Between two readings. */
    COUNTERS_WANTED_MS = 5 * 60 * 1000, /* So long after the last wish it is
                                         * read. */
};

struct drop_total {
    struct running_total packets, bytes;
};

struct switch_counters;

struct switch_counters *switch_counters_create(void);
void switch_counters_destroy(struct switch_counters *);

/* Somebody wants to know. */
void switch_counters_want(struct switch_counters *);

/* The switch is at 'target'; NULL: there is none that can be asked. */
void switch_counters_run(struct switch_counters *, const char *target);
void switch_counters_wait(struct switch_counters *);

/* What is known.  'read' is when it was read, in ms; 0: never, and then
 * nothing else means anything. */
struct switch_reading {
    long long int read;
    struct drop_total drops[N_DROP_CAUSES];
    uint32_t n_flows[256];      /* By table. */
    uint32_t n_groups;
};
const struct switch_reading *switch_counters_get(
    const struct switch_counters *);

#endif /* switch-counters.h */
