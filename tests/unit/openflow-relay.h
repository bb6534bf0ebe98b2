/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OPENFLOW_RELAY_H
#define OPENFLOW_RELAY_H 1

/* Stands between a client and a switch, both on Unix sockets, and can cut the
 * connection where a test wants it, or lose what the switch says.  Runs in the
 * test's own loop. */

#include <stdbool.h>
#include <stddef.h>

struct openflow_relay;

/* Listens at 'path' and connects each client to 'target', a path too. */
struct openflow_relay *openflow_relay_create(const char *path,
                                             const char *target);
void openflow_relay_destroy(struct openflow_relay *);

void openflow_relay_run(struct openflow_relay *);
void openflow_relay_wait(struct openflow_relay *);

/* Cuts the connection that there is once it has passed on 'n' more bytes to
 * the switch; at once if 0. */
void openflow_relay_cut_after(struct openflow_relay *, size_t n);

/* Loses what the switch says from now on, until the connection is cut. */
void openflow_relay_lose_answers(struct openflow_relay *);

#endif /* openflow-relay.h */
