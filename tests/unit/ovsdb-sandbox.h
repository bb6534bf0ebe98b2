/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVSDB_SANDBOX_H
#define OVSDB_SANDBOX_H 1

/* A real ovsdb-server with an empty Open_vSwitch database, and on request a
 * real ovs-vswitchd with dummy devices, in a temporary directory of their own.
 * They die with the test program.  Every failure is a failed assertion. */

#include <stdbool.h>
#include <sys/types.h>

#include "compiler.h"

struct ovsdb_sandbox {
    char *dir;
    char *remote;               /* "unix:DIR/db.sock". */
    pid_t server;               /* 0: not running. */
    pid_t switch_pid;           /* 0: not running. */
};

/* Creates the database and starts the server. */
void ovsdb_sandbox_init(struct ovsdb_sandbox *);

/* Stops what runs and removes the directory. */
void ovsdb_sandbox_destroy(struct ovsdb_sandbox *);

void ovsdb_sandbox_start_server(struct ovsdb_sandbox *);
void ovsdb_sandbox_stop_server(struct ovsdb_sandbox *);
void ovsdb_sandbox_start_switch(struct ovsdb_sandbox *);
void ovsdb_sandbox_stop_switch(struct ovsdb_sandbox *);

/* Runs "ovs-vsctl ARGS" on the database, words separated by spaces, and waits
 * for its end but not for ovs-vswitchd. */
void ovsdb_sandbox_vsctl(const struct ovsdb_sandbox *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Runs "ovs-ofctl ARGS" likewise, with OpenFlow 1.5. */
void ovsdb_sandbox_ofctl(const struct ovsdb_sandbox *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Has the bridge get 'packet', in hex, 'n' times (not more than a hundred) from
 * the dummy interface 'port', which it must have. */
void ovsdb_sandbox_receive(const struct ovsdb_sandbox *, const char *port,
                           const char *packet, int n);

/* Applies a transaction (RFC 7047 4.1.3, without the database's name) to the
 * file of a server that was stopped. */
void ovsdb_sandbox_edit_file(const struct ovsdb_sandbox *,
                             const char *operations);

/* True if the database's file, in which the comments of transactions stand,
 * contains 's'. */
bool ovsdb_sandbox_file_contains(const struct ovsdb_sandbox *, const char *s);

/* Runs until CONDITION is true.  Whoever uses it has pass(F), which does what
 * there is to do, block(F, DEADLINE), which waits for more, and TIMEOUT in
 * ms. */
#define UNTIL(F, CONDITION)                                             \
    do {                                                                \
        long long int deadline__ = time_msec() + TIMEOUT;               \
        for (pass(F); !(CONDITION); pass(F)) {                          \
            if (time_msec() > deadline__) {                             \
                fail_msg("never came true: %s", #CONDITION);            \
            }                                                           \
            block(F, deadline__);                                       \
        }                                                               \
    } while (0)

#endif /* ovsdb-sandbox.h */
