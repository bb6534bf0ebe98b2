/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_METRICS_H
#define VTEPD_METRICS_H 1

/* What Prometheus is told: how the agent is, in numbers, the same that
 * vtepd/status shows.
 *
 * Every metric is an entry of a table, in metrics.c (the process),
 * metrics-cloud.c (the inventory and how it comes), metrics-overlay.c (what is
 * made of it) or metrics-switch.c, and a row of
 * packaging/prometheus/README.md.  Labels are bounded: but for the peers, they
 * come from tables here. */

struct agent;
struct ds;

/* Appends all metrics in the text format 0.0.4, and has the switch's counters
 * read for those who ask next. */
void metrics_format(struct agent *, struct ds *);

#endif /* metrics.h */
