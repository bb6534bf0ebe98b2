/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_CONTROL_H
#define VTEPD_CONTROL_H 1

/* The operator commands (contract 7), by "ovs-appctl -t vtepd COMMAND".  What
 * they show is report.h's. */

struct agent;

/* Registers the commands.  'agent' must outlive the control socket. */
void control_register(struct agent *agent);

#endif /* control.h */
