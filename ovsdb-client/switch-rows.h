/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_ROWS_H
#define VTEPD_SWITCH_ROWS_H 1

/* The replica of the Open_vSwitch database: which columns are in it.  Ports
 * and interfaces are found by name with port-monitor.h.
 *
 * Only what vtepd reads or writes is replicated, so that the statistics that
 * ovs-vswitchd writes every few seconds wake nobody.
 *
 * Rows that are returned belong to the IDL and are valid until the next
 * ovsdb_idl_run(). */

#include <stdbool.h>

#include "vswitch-idl.h"

struct switch_rows {
    struct ovsdb_idl *idl;
};

/* Prepares 'idl', which must not have run yet. */
void switch_rows_init(struct switch_rows *, struct ovsdb_idl *idl);

/* Returns the bridge of that name, or NULL. */
const struct ovsrec_bridge *switch_rows_bridge(const struct switch_rows *,
                                               const char *name);

/* True if 'external_ids' say that the row belongs to 'owner', a host id. */
bool switch_rows_owned_by(const struct smap *external_ids, const char *owner);

#endif /* switch-rows.h */
