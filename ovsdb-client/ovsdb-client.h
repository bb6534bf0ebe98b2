/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OVSDB_CLIENT_H
#define VTEPD_OVSDB_CLIENT_H 1

/* The one seam to the local ovsdb-server (RFC 7047).
 *
 * Observes: the settings in the Open_vSwitch row, and the Interface rows of
 * the integration bridge that concern us, as changes of struct vm_port and
 * struct tunnel_port (core/port.h).
 *
 * Acts: keeps the integration bridge, the wanted tunnel ports, the Flow_Table
 * names and external_ids:vtepd-installed as they should be, with one
 * transaction in flight at a time, composed anew from want and have each time,
 * so that a transaction that failed or was overtaken is simply made again.
 *
 * Knows nothing of the inventory or of OpenFlow.  Never blocks.
 *
 * Only rows whose external_ids:vtepd-owner is 'owner' are changed or deleted
 * (the bridge's own row excepted, to add and remove ports and table names).
 * What somebody else changes in them is put right at once, logged and counted;
 * one who insists is given way to for up to a minute (repair-limit.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/port.h"
#include "core/tunnel-spec.h"

struct smap;
struct svec;

/* Told about changes from ovsdb_client_run() only.  'old' NULL: new; 'new'
 * NULL: gone.  The values are valid during the call.
 *
 * From ovsdb_client_commit(), tunnel_number_chosen() tells which OpenFlow port
 * number a port will ask for that is about to be made, before anybody else can
 * know of it; NULL if that does not matter. */
struct ovsdb_client_callbacks {
    void *aux;
    void (*vm_port_changed)(void *aux, const struct vm_port *old,
                            const struct vm_port *new);
    void (*tunnel_port_changed)(void *aux, const struct tunnel_port *old,
                                const struct tunnel_port *new);
    void (*tunnel_number_chosen)(void *aux, const struct tunnel_key *,
                                 uint32_t ofport_request);
};

struct ovsdb_client_config {
    const char *owner;          /* This host's id. */
    const char *bridge;         /* Name of the integration bridge. */
    const char *datapath_type;  /* NULL: what the bridge has. */
};

/* For vtepd/status. */
struct ovsdb_client_status {
    const char *remote;
    bool connected;
    unsigned int n_connections; /* Made until now. */
    bool bridge_exists;
    bool in_flight;             /* A transaction awaits its answer. */
    unsigned int n_committed;
    unsigned int n_failed;
    const char *last_error;     /* Of the last failed transaction, or NULL. */
    unsigned int n_repaired;    /* Things of ours that somebody else changed
                                 * and that were put right. */
};

struct ovsdb_client;

/* Begins to connect to 'remote' ("unix:...", "tcp:...", "ssl:..."). */
struct ovsdb_client *ovsdb_client_create(
    const char *remote, const struct ovsdb_client_callbacks *);
void ovsdb_client_destroy(struct ovsdb_client *);

/* Sets or changes which bridge is served and as whom.  Until it is called
 * for the first time only ovsdb_client_settings() works.  May be called again
 * with other values at any time: ports of a bridge no longer served are
 * reported as gone, owned tunnel ports move to the new bridge. */
void ovsdb_client_configure(struct ovsdb_client *,
                            const struct ovsdb_client_config *);

/* Takes in what the server sent, tells the callbacks. */
void ovsdb_client_run(struct ovsdb_client *);

/* Compares want with have and, where they differ and nothing is in flight,
 * sends one transaction.  Call it once a pass, after all ovsdb_client_want_*()
 * and _unwant_*() calls. */
void ovsdb_client_commit(struct ovsdb_client *);
void ovsdb_client_wait(struct ovsdb_client *);

/* True as soon as the first snapshot of the database has arrived. */
bool ovsdb_client_is_ready(const struct ovsdb_client *);

/* True once it is known that no other vtepd serves the bridge (bridge-lock.h).
 * Until then no row is changed, and nothing else is to be. */
bool ovsdb_client_may_serve(const struct ovsdb_client *);

/* True if another vtepd does, and this one is of no use. */
bool ovsdb_client_is_denied(const struct ovsdb_client *);

/* The Open_vSwitch row's external_ids, NULL until ready.  '*seqnop' changes
 * whenever they may have. */
const struct smap *ovsdb_client_settings(const struct ovsdb_client *,
                                         unsigned int *seqnop);

/* Wants a tunnel port as 'spec' (copied), replacing an earlier spec with the
 * same key; stops wanting the one with 'key'.  Unwanting the key of an owned
 * port that was never wanted removes that port. */
void ovsdb_client_want_tunnel(struct ovsdb_client *,
                              const struct tunnel_spec *spec);
void ovsdb_client_unwant_tunnel(struct ovsdb_client *,
                                const struct tunnel_key *key);

/* Wants external_ids:vtepd-installed=true on (or absent from) the interface
 * named 'name'. */
void ovsdb_client_set_installed(struct ovsdb_client *, const char *name,
                                bool installed);

/* Names of the OpenFlow tables, for Bridge:flow_tables.  'names' must remain
 * valid. */
struct ovsdb_table_name {
    uint8_t table_id;
    const char *name;
};
void ovsdb_client_set_table_names(struct ovsdb_client *,
                                  const struct ovsdb_table_name *names,
                                  size_t n);

/* '*status' is valid until the next call on the client. */
void ovsdb_client_get_status(const struct ovsdb_client *,
                             struct ovsdb_client_status *status);

/* Adds, in words, what somebody else changes again and again, so that it is
 * only repaired from time to time. */
void ovsdb_client_get_fights(const struct ovsdb_client *,
                             struct svec *fights);

#endif /* ovsdb-client.h */
