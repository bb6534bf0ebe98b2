/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/bridge-lock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(bridge_lock);

/* How long a predecessor may take to end, in ms.  Its connection ends with it,
 * so the server knows at once; over a network not quite. */
#define GRACE 1000

struct bridge_lock {
    struct ovsdb_idl *idl;
    char *bridge;               /* NULL: not configured. */
    bool was_held;              /* That bridge's. */
    bool any_was_held;          /* That one's, or one's before. */
    bool is_denied;
    long long int patience;     /* While another process has it: until when
                                 * to wait, in ms; else 0. */
};

struct bridge_lock *
bridge_lock_create(struct ovsdb_idl *idl)
{
    struct bridge_lock *lock = xzalloc(sizeof *lock);

    lock->idl = idl;
    return lock;
}

void
bridge_lock_destroy(struct bridge_lock *lock)
{
    if (lock) {
        free(lock->bridge);
        free(lock);
    }
}

/* The name of the lock.  RFC 7047 wants an <id>, without "-". */
static char *
lock_name(const char *bridge)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "vtepd_");
    for (const char *p = bridge; *p; p++) {
        if (isalnum((unsigned char) *p)) {
            ds_put_char(&s, *p);
        } else {
            ds_put_format(&s, "_%02x", (unsigned char) *p);
        }
    }
    return ds_steal_cstr(&s);
}

void
bridge_lock_configure(struct bridge_lock *lock, const char *bridge)
{
    if (lock->bridge && !strcmp(lock->bridge, bridge)) {
        return;
    }

    char *name = lock_name(bridge);

    free(lock->bridge);
    lock->bridge = xstrdup(bridge);
    lock->was_held = false;
    lock->patience = 0;
    ovsdb_idl_set_lock(lock->idl, name);
    free(name);
}

void
bridge_lock_run(struct bridge_lock *lock, long long int now)
{
    if (bridge_lock_is_held(lock)) {
        if (lock->patience) {
            VLOG_INFO("bridge %s is ours now", lock->bridge);
        }
        lock->was_held = lock->any_was_held = true;
        lock->patience = 0;
    } else if (!ovsdb_idl_is_lock_contended(lock->idl)) {
        lock->patience = 0;
    } else if (!lock->patience) {
        VLOG_WARN("another vtepd serves bridge %s; waiting until it ends",
                  lock->bridge);
        lock->patience = now + GRACE;
    } else if (now >= lock->patience) {
        lock->is_denied = !lock->any_was_held;
    }
}

void
bridge_lock_wait(const struct bridge_lock *lock)
{
    if (lock->patience && !lock->any_was_held && !lock->is_denied) {
        poll_timer_wait_until(lock->patience);
    }
}

bool
bridge_lock_is_held(const struct bridge_lock *lock)
{
    return lock->bridge && ovsdb_idl_has_lock(lock->idl);
}

bool
bridge_lock_was_held(const struct bridge_lock *lock)
{
    return lock->was_held;
}

bool
bridge_lock_is_denied(const struct bridge_lock *lock)
{
    return lock->is_denied;
}
