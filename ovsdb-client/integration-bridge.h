/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INTEGRATION_BRIDGE_H
#define VTEPD_INTEGRATION_BRIDGE_H 1

/* Keeps the integration bridge as it should be: makes one where there is none,
 * names its OpenFlow tables, and deletes one of ours that is not served any
 * more once nobody else has a port on it.
 *
 * A bridge that somebody else made is used as it is; only ports and table
 * names are added to it. */

#include <stdbool.h>
#include <stddef.h>

struct ovsdb_client_config;
struct ovsdb_idl_txn;
struct ovsdb_table_name;
struct ovsrec_bridge;
struct port_monitor;
struct svec;
struct switch_rows;
struct txn_notes;

struct integration_bridge;

/* 'rows' and 'monitor' must outlive the object. */
struct integration_bridge *integration_bridge_create(
    const struct switch_rows *rows, const struct port_monitor *monitor);
void integration_bridge_destroy(struct integration_bridge *);

void integration_bridge_configure(struct integration_bridge *,
                                  const struct ovsdb_client_config *);

/* 'names' must remain valid. */
void integration_bridge_set_table_names(struct integration_bridge *,
                                        const struct ovsdb_table_name *names,
                                        size_t n);

/* Takes in what the IDL tracked since the last time. */
void integration_bridge_run(struct integration_bridge *);

/* The bridge that is served, or NULL. */
const struct ovsrec_bridge *integration_bridge_row(
    const struct integration_bridge *);

/* These are as in tunnel-ports.h, with a budget of one. */
size_t integration_bridge_compose(struct integration_bridge *,
                                  struct ovsdb_idl_txn *,
                                  struct txn_notes *notes);
void integration_bridge_finish(struct integration_bridge *, bool committed,
                               const char *error, bool alone);
void integration_bridge_get_fights(const struct integration_bridge *,
                                   struct svec *fights);
void integration_bridge_wait(const struct integration_bridge *);

#endif /* integration-bridge.h */
