/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BRIDGE_LOCK_H
#define VTEPD_BRIDGE_LOCK_H 1

/* One vtepd a bridge: an OVSDB lock (RFC 7047, 4.1.8) named after the bridge
 * ("vtepd_br_2dint"), which the server gives to one client at a time and takes
 * back when that client is gone, however it ended.
 *
 * Until it has had the lock for the first time a vtepd leaves the bridge
 * alone.  Afterwards it goes on without, as when the server is away, and only
 * changes no rows until it has it again: of two whose server was restarted one
 * may get it before the other, and neither is to stop forwarding for that. */

#include <stdbool.h>

struct bridge_lock;
struct ovsdb_idl;

/* 'idl' must outlive it, and have no other lock. */
struct bridge_lock *bridge_lock_create(struct ovsdb_idl *idl);
void bridge_lock_destroy(struct bridge_lock *);

/* Asks for the lock of this bridge, instead of the one before. */
void bridge_lock_configure(struct bridge_lock *, const char *bridge);

/* Takes in what the server said.  'now' in ms. */
void bridge_lock_run(struct bridge_lock *, long long int now);
void bridge_lock_wait(const struct bridge_lock *);

/* Is it ours now?  Has it been, since bridge_lock_configure()? */
bool bridge_lock_is_held(const struct bridge_lock *);
bool bridge_lock_was_held(const struct bridge_lock *);

/* Has another process had it for so long that it is no predecessor's that is
 * just ending, and had this one never a lock at all? */
bool bridge_lock_is_denied(const struct bridge_lock *);

#endif /* bridge-lock.h */
