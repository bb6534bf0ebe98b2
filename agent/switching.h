/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCHING_H
#define VTEPD_SWITCHING_H 1

/* Between the overlay and the switch session: compares, repairs, sends, and
 * marks the ports whose flows the switch has. */

#include <stdbool.h>

struct agent;
struct switch_session;

/* A session that hands its packets to the agent's 'punts'. */
struct switch_session *switching_create_session(struct agent *);

void switching_run(struct agent *);
void switching_wait(const struct agent *);

/* Compares all that should be in the switch with all that is.  As long as the
 * state file is all that is known, what vtepd has put there and does not know
 * of stays. */
void switching_sync(struct agent *);

/* That goes, once the inventory has come from its source. */
void switching_sweep(struct agent *);

/* Puts right what others have changed. */
void switching_repair(struct agent *);

/* Sends what the overlay told, and notes who waits for it.  'done': was that
 * all that there is to tell? */
void switching_flush(struct agent *, bool done);

/* Has the ports marked whose flows the switch has by now. */
void switching_mark_ports(struct agent *);

/* The bridge is not to be served any more, but may stay: a session of its own
 * takes back what vtepd has put there. */
void switching_leave_bridge(struct agent *);

/* Logs that the endpoint at 'port' is installed, or is no longer. */
void switching_log_port(const struct agent *, const char *port,
                        bool installed);

#endif /* switching.h */
