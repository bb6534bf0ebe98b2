/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LISTEN_PROBE_H
#define VTEPD_LISTEN_PROBE_H 1

/* Has the IDL connect soon when a server listens again.
 *
 * The IDL waits 1 to 8 seconds between attempts to connect, which cannot be
 * changed, and logs each of them.  After a restart of ovsdb-server most of
 * that would be spent waiting.  Trying connect(2) on its Unix socket costs
 * next to nothing and logs nothing, so this is done many times a second while
 * there is no connection; the IDL is told to connect when it succeeds.
 *
 * A server elsewhere ("tcp:...", "ssl:...") cannot be tried in passing.  The
 * IDL is told to connect to that after 0.2, 0.6 and 1.4 s, each attempt having
 * twice as long as the one before it, and then left to itself. */

#include <stdbool.h>

struct listen_probe;

/* For an OVSDB remote.  Returns NULL, which the other functions allow, if it
 * is a list of them: the IDL tries one after the other. */
struct listen_probe *listen_probe_create(const char *remote);
void listen_probe_destroy(struct listen_probe *);

/* To be called in each pass with whether there is a connection and the time
 * in ms.  Returns true if there is none and the IDL should try at once. */
bool listen_probe_run(struct listen_probe *, bool connected,
                      long long int now);

/* Wakes poll_block() for the next try. */
void listen_probe_wait(const struct listen_probe *);

#endif /* listen-probe.h */
