/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PORT_MONITOR_H
#define VTEPD_PORT_MONITOR_H 1

/* Which interfaces are on which bridge, and what changed about those that
 * concern us: Interface rows in, changes of struct vm_port and struct
 * tunnel_port out.
 *
 * It keeps a small record for each interface that is on a bridge, by name,
 * and compares rows with records.  So a reconnect, after which the IDL shows
 * all rows as new, tells nobody anything when nothing changed.  What is looked
 * at are the rows that the IDL reports as changed; all others cost nothing.
 *
 * Reads only. */

#include <stdbool.h>

#include "core/port.h"

struct switch_rows;
struct ovsrec_bridge;
struct ovsrec_interface;
struct ovsrec_port;

/* What an Interface row is to us. */
enum port_kind {
    PORT_OTHER,                 /* Nothing, or it is on no bridge. */
    PORT_VM,                    /* Has an iface-id, on the served bridge. */
    PORT_TUNNEL,                /* An owned tunnel port, on any bridge. */
    PORT_BROKEN_TUNNEL,         /* One that makes no sense any more. */
};

/* 'old' NULL: new; 'new' NULL: gone.  row_changed() comes for every row that
 * was looked at, before the others; 'key' is NULL but for PORT_TUNNEL. */
struct port_monitor_callbacks {
    void *aux;
    void (*vm_port_changed)(void *aux, const struct vm_port *old,
                            const struct vm_port *new);
    void (*tunnel_port_changed)(void *aux, const struct tunnel_port *old,
                                const struct tunnel_port *new);
    void (*row_changed)(void *aux, const char *name, enum port_kind,
                        const struct tunnel_key *key);
};

/* Where an interface is. */
struct port_location {
    const struct ovsrec_interface *interface;
    const struct ovsrec_port *port;
    const struct ovsrec_bridge *bridge;
};

struct port_monitor;

/* 'rows' must outlive the monitor. */
struct port_monitor *port_monitor_create(
    const struct switch_rows *rows, const struct port_monitor_callbacks *);
void port_monitor_destroy(struct port_monitor *);

/* Serves 'bridge' as 'owner' from the next port_monitor_run() on. */
void port_monitor_configure(struct port_monitor *, const char *owner,
                            const char *bridge);

/* Takes in what the IDL tracked since the last time.  The caller clears the
 * IDL's tracked changes afterwards. */
void port_monitor_run(struct port_monitor *);
void port_monitor_wait(const struct port_monitor *);

/* Finds the rows of the interface 'name', which are valid until the next
 * ovsdb_idl_run().  Returns false if it is on no bridge. */
bool port_monitor_locate(const struct port_monitor *, const char *name,
                         struct port_location *);

/* The same for the interface's row alone: NULL if it is on no bridge. */
const struct ovsrec_interface *port_monitor_interface(
    const struct port_monitor *, const char *name);

/* True if a port or an interface on any bridge has that name.  (One that is
 * on no bridge does not exist: ovsdb-server removes it.) */
bool port_monitor_has_name(const struct port_monitor *, const char *name);

#endif /* port-monitor.h */
