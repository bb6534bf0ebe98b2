/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MULTICAST_H
#define VTEPD_MULTICAST_H 1

/* Snooped multicast in the agent: connects multicast-service.h with the
 * packets that the switch hands over, with the switch, and with the file of
 * what was learned. */

struct agent;

/* Once the agent has its overlay, its punts and its file. */
void multicast_start(struct agent *);
void multicast_stop(struct agent *);

void multicast_run(struct agent *);
void multicast_wait(const struct agent *);

#endif /* multicast.h */
