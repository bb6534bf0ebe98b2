/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_VSWITCHD_CONTROL_H
#define VTEPD_VSWITCHD_CONTROL_H 1

/* Commands to ovs-vswitchd, as ovs-appctl gives them, without ever blocking.
 *
 * The connection is made with the first command and kept.  One command at a
 * time, for that is what ovs-vswitchd reads from a connection.
 *
 * ovs-vswitchd listens on RUNDIR/ovs-vswitchd.PID.ctl.  The PID is in its
 * pidfile, which is read for each new connection: after a restart it is
 * another.  A pidfile that was left behind names a socket on which nobody
 * listens any more. */

#include <stdbool.h>
#include <stddef.h>

struct vswitchd_control;

struct vswitchd_control *vswitchd_control_create(void);
void vswitchd_control_destroy(struct vswitchd_control *);

void vswitchd_control_run(struct vswitchd_control *);
void vswitchd_control_wait(struct vswitchd_control *);

/* Gives a command with 'n' arguments, which has 'timeout' ms.  There must be
 * none that was given and whose reply was not taken. */
void vswitchd_control_request(struct vswitchd_control *, const char *command,
                              const char *const args[], size_t n,
                              long long int timeout);

/* Takes the reply to the command.  Returns false if it is not there yet.
 * Otherwise '*ok' says whether the command was carried out, and '*text' (to be
 * freed by the caller) is what it printed, or else why it was not. */
bool vswitchd_control_take_reply(struct vswitchd_control *, bool *ok,
                                 char **text);

/* Gives up the command, if there is one, and with it the connection. */
void vswitchd_control_cancel(struct vswitchd_control *);

#endif /* vswitchd-control.h */
