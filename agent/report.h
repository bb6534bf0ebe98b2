/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_REPORT_H
#define VTEPD_REPORT_H 1

/* What the operator commands of contract 7 show, without the asking.
 *
 * Each function appends to 's' a text for people or JSON, ending with a
 * new-line character, everything sorted.  Reads the agent, changes nothing. */

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct ds;
struct facts;

void report_status(const struct agent *, bool json, struct ds *s);

/* What the agent waits for, for the caller to free, or NULL if it works. */
char *report_waiting_for(const struct agent *);

/* How it is, in a line for a service manager; for the caller to free. */
char *report_headline(const struct agent *);

/* The part of the status that is about the cloud: inventory, webhooks. */
void report_cloud(const struct agent *, struct facts *);

/* The part about packets that the switch hands to the agent. */
void report_punts(const struct agent *, struct facts *);

void report_hosts(const struct agent *, bool json, struct ds *s);
void report_segments(const struct agent *, bool json, struct ds *s);
void report_routers(const struct agent *, bool json, struct ds *s);
void report_tunnels(const struct agent *, bool json, struct ds *s);
void report_leases(const struct agent *, bool json, struct ds *s);

/* How many of the leases are in each of the states (see leases.h). */
void report_count_leases(const struct agent *, size_t n_by_state[]);

/* The endpoints of 'segment', all of them if it is NULL.  Returns false if
 * there is no such segment. */
bool report_endpoints(const struct agent *, const char *segment, bool json,
                      struct ds *s);

/* Snooped multicast, of 'segment' alone if that is not NULL.  Returns false if
 * there is no such segment. */
bool report_multicast(const struct agent *, const char *segment, bool json,
                      struct ds *s);

#endif /* report.h */
