/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SETTLING_H
#define VTEPD_SETTLING_H 1

/* From "the switch has applied it" to "no packet goes the old way any more".
 *
 * ovs-vswitchd answers a bundle before its revalidators have brought the
 * datapath's cached flows up to date.  They do so in rounds: one begins when
 * the flow table has changed (5 ms after the last began at the earliest), or
 * after half a second.  The command "revalidator/wait" is answered when any
 * round has ended, the one that is under way too.  So four steps:
 *
 *     command   any ──┐    ┌─> wait ──────> wait ──┐
 *     OpenFlow        └─> touch    + touch   + touch └─> settled
 *
 * ovs-vswitchd's main thread does, over and over: tell the revalidators of
 * changes (A), carry out OpenFlow (B), carry out commands (C).
 *
 *   - Our bundle was applied in a B.  Any command, given when that was
 *     answered, is carried out in a C after it; a bundle sent when that was
 *     answered, in a B of another turn.  In between was an A: now the
 *     revalidators know of our change.  Without these two steps the next
 *     command could be carried out before they do.
 *   - The first wait may be answered by a round that had begun before they
 *     knew.  The second is given after that, so it is answered by a round that
 *     began afterwards.
 *   - To touch the flow table (to change a flow to what it is, which keeps its
 *     counters) makes a round begin at once.  The command is written to its
 *     socket first, so that it is carried out before the A that tells of it.
 *
 * What stays: a packet on which ovs-vswitchd was deciding in the very moment
 * of the change, and whose decision it puts into the datapath only after all
 * of this, some ms later.
 *
 * Waits that are there when the steps begin share them; others have the next.
 * Begins again if a connection is lost.  Never blocks. */

struct settling;
struct switch_session;
struct waits;

struct settling *settling_create(void);
void settling_destroy(struct settling *);

/* Settles the waits that want it.  To be called when nothing is queued for the
 * session. */
void settling_run(struct settling *, struct switch_session *, struct waits *);
void settling_wait(struct settling *);

#endif /* settling.h */
