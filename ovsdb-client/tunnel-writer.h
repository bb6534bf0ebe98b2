/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TUNNEL_WRITER_H
#define VTEPD_TUNNEL_WRITER_H 1

/* Writes tunnel ports within one open transaction: creates, repairs, moves and
 * removes them, and notes what it did.  Which port that is to happen to is
 * for tunnel-ports.h to decide. */

#include <stdbool.h>

#include "ovsdb-client/port-numbers.h"
#include "sset.h"

struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct port_monitor;
struct switch_rows;
struct tunnel_key;
struct tunnel_spec;
struct txn_notes;

/* Told that a port is about to be made, and the number that it asks for. */
typedef void tunnel_number_cb(void *aux, const struct tunnel_key *,
                              uint32_t ofport_request);

struct tunnel_writer {
    const struct switch_rows *rows;
    const struct port_monitor *monitor;
    const char *owner;
    tunnel_number_cb *number_chosen;
    void *aux;
    struct ovsdb_idl_txn *txn;
    const struct ovsrec_bridge *bridge;     /* Where tunnel ports belong. */
    struct txn_notes *notes;
    struct port_numbers numbers;
    struct sset made;           /* Names of the ports created. */
};

/* To be called when the other members have been set. */
void tunnel_writer_init(struct tunnel_writer *);
void tunnel_writer_destroy(struct tunnel_writer *);

enum name_use {
    NAME_FREE,
    NAME_OURS,                  /* The port of that name is an owned one. */
    NAME_FOREIGN,
};

/* Says whose the name of a port is.  That of one which was just created is as
 * good as a foreign one to whoever needs another port. */
enum name_use tunnel_writer_name_use(const struct tunnel_writer *,
                                     const char *name);

/* Creates a port 'name', which must be free.  'is_drift': it was as 'spec'
 * says until somebody else changed that. */
void tunnel_writer_create(struct tunnel_writer *, const char *name,
                          const struct tunnel_spec *, bool is_drift);

/* Makes the port 'name' what 'spec' says, and puts it on the right bridge.
 * Returns true if anything had to be written.  'n_retries' is for
 * tunnel_row_write(). */
bool tunnel_writer_update(struct tunnel_writer *, const char *name,
                          const struct tunnel_spec *,
                          unsigned int n_retries, bool is_drift);

/* True if ovs-vswitchd could not set up the port 'name'. */
bool tunnel_writer_has_failed(const struct tunnel_writer *, const char *name);

/* Removes the port 'name', a tunnel with 'key' or, if that is NULL, one that
 * makes no sense.  Returns false if it is not there. */
bool tunnel_writer_remove(struct tunnel_writer *, const char *name,
                          const struct tunnel_key *key);

#endif /* tunnel-writer.h */
