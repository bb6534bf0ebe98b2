/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ANNOUNCE_H
#define VTEPD_ANNOUNCE_H 1

/* Connects the announcements of shared addresses (announce-service.h) with the
 * agent: punts, the switch, the clock. */

struct agent;

/* After agent->overlay, agent->punts and agent->learned. */
void announce_init(struct agent *);
void announce_run(struct agent *);
void announce_wait(const struct agent *);

#endif /* announce.h */
