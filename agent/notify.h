/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_NOTIFY_H
#define VTEPD_NOTIFY_H 1

/* Tells the service manager how it goes, as sd_notify(3) describes.
 *
 * The protocol is a datagram of lines VARIABLE=VALUE to the socket that the
 * environment names.  It is stable and meant to be spoken by anybody;
 * libsystemd would speak it too, and bring four libraries for compression and
 * cryptography into the process.
 *
 * READY=1 is said once; STATUS= when the text has changed, at most once a
 * second; WATCHDOG=1 twice in the time in which it is expected once, so a main
 * loop that stands still is noticed.
 *
 * Without a service manager there is no struct notify (NULL), which all
 * functions accept: nothing is sent, and nobody is woken up.  Nothing blocks:
 * what cannot be sent now is sent later.  All times are in ms. */

#include <stdbool.h>

struct notify;

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment.
 * To be called by the process that stays. */
struct notify *notify_create(long long int now);
void notify_destroy(struct notify *);

/* To be called in every pass. 'ready': is what vtepd serves in place? */
void notify_run(struct notify *, bool ready, long long int now);
void notify_wait(const struct notify *);

/* Is it time for notify_status()?  If not, notify_wait() sees to it that there
 * is a pass when it is. */
bool notify_wants_status(struct notify *, long long int now);

/* Shows 'text', one line, beside the service's name. */
void notify_status(struct notify *, const char *text, long long int now);

/* Says that the process is about to end. */
void notify_stopping(struct notify *);

#endif /* notify.h */
