/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOKS_H
#define VTEPD_WEBHOOKS_H 1

/* The webhook listener's place in the agent: made as the settings say, feeding
 * the inventory, asking whether the switch has it. */

struct agent;

/* Listens as the settings say now. */
void webhooks_configure(struct agent *);
void webhooks_close(struct agent *);

/* Takes in what was sent to us. */
void webhooks_run(struct agent *);

/* Answers who waited for what the switch has now. */
void webhooks_answer(struct agent *);
void webhooks_wait(struct agent *);

#endif /* webhooks.h */
