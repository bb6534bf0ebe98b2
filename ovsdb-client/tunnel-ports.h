/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TUNNEL_PORTS_H
#define VTEPD_TUNNEL_PORTS_H 1

/* Wanted tunnel ports in, changes of the database out.
 *
 * Want is what tunnel_ports_want() said, have are the owned rows that
 * port-monitor.h told of; both are kept by struct tunnel_key.  A key whose
 * want or rows changed is dirty, and only dirty keys are compared.  What is
 * written is always composed from want and have as they are, so a transaction
 * that fails is simply composed again.
 *
 * A row of ours is used again whatever its name, if it has the key: a peer
 * that comes back under another id keeps its port (R02).  A port of the wanted
 * name that is not ours is left alone, and another name taken (R10).
 *
 * A port that is as wanted and then is not, although nobody wanted another one,
 * was changed by somebody else.  That is repaired, at once as long as it is
 * not a fight (repair-limit.h), and noted as a repair. */

#include <stddef.h>

#include "core/tunnel-spec.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/tunnel-writer.h"

struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct svec;
struct switch_rows;
struct txn_notes;

struct tunnel_ports;

/* 'rows' and 'monitor' must outlive the object.  'number_chosen' is called with
 * 'aux': see struct ovsdb_client_callbacks. */
struct tunnel_ports *tunnel_ports_create(const struct switch_rows *rows,
                                         const struct port_monitor *monitor,
                                         tunnel_number_cb *number_chosen,
                                         void *aux);
void tunnel_ports_destroy(struct tunnel_ports *);

/* The owner of the rows has changed, or the bridge they belong on. */
void tunnel_ports_configure(struct tunnel_ports *, const char *owner);

void tunnel_ports_want(struct tunnel_ports *, const struct tunnel_spec *);
void tunnel_ports_unwant(struct tunnel_ports *, const struct tunnel_key *);

/* The row of interface 'name' was looked at: see port_monitor_callbacks. */
void tunnel_ports_row_changed(struct tunnel_ports *, const char *name,
                              enum port_kind, const struct tunnel_key *);

/* Adds to 'txn' what must change for at most 'budget' tunnels, which belong on
 * 'bridge', and notes it in 'notes'.  Returns the number of tunnels that
 * change.  Until tunnel_ports_finish() these are in flight. */
size_t tunnel_ports_compose(struct tunnel_ports *, struct ovsdb_idl_txn *txn,
                            const struct ovsrec_bridge *bridge, size_t budget,
                            struct txn_notes *notes);

/* The transaction has ended.  'error' is NULL if it was committed or has to be
 * made again, else the server's reason to refuse it; 'alone' tells that it was
 * about one thing only.  Tunnels that 'error' is about are put off, longer
 * each time; returns true if there are any. */
bool tunnel_ports_finish(struct tunnel_ports *, bool committed,
                         const char *error, bool alone);

/* Adds each tunnel whose port somebody else changes again and again. */
void tunnel_ports_get_fights(const struct tunnel_ports *,
                             struct svec *fights);

/* Wakes poll_block() when tunnel_ports_compose() has something to do that was
 * put off. */
void tunnel_ports_wait(const struct tunnel_ports *);

#endif /* tunnel-ports.h */
