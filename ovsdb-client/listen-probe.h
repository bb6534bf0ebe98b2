/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LISTEN_PROBE_H
#define VTEPD_LISTEN_PROBE_H 1

/* Notices at once when a local server listens again.
 *
 * The IDL waits 1 to 8 seconds between attempts to connect, which cannot be
 * changed, and logs each of them.  After a restart of ovsdb-server most of
 * that would be spent waiting.  Trying connect(2) on its Unix socket costs
 * next to nothing and logs nothing, so this is done many times a second while
 * there is no connection; the IDL is told to connect when it succeeds. */

#include <stdbool.h>

struct listen_probe;

/* For an OVSDB remote.  Returns NULL, which the other functions allow, if it
 * is not one local socket ("unix:PATH"). */
struct listen_probe *listen_probe_create(const char *remote);
void listen_probe_destroy(struct listen_probe *);

/* To be called in each pass with whether there is a connection and the time
 * in ms.  Returns true if there is none but there could be. */
bool listen_probe_run(struct listen_probe *, bool connected,
                      long long int now);

/* Wakes poll_block() for the next try. */
void listen_probe_wait(const struct listen_probe *);

#endif /* listen-probe.h */
