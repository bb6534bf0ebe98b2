/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TABLE_NAMES_H
#define VTEPD_TABLE_NAMES_H 1

/* The names of a bridge's OpenFlow tables, in Flow_Table rows of ours.  A table
 * for which somebody else has a row keeps that. */

#include <stdbool.h>
#include <stddef.h>

struct ovsdb_idl_txn;
struct ovsdb_table_name;
struct ovsrec_bridge;
struct row_diff;

struct table_names {
    const char *owner;
    const struct ovsdb_table_name *names;
    size_t n;
};

/* Makes the names of the tables of 'bridge' what they should be, within the
 * open transaction.  Adds what differs to 'diff'. */
void table_names_write(const struct table_names *,
                       const struct ovsrec_bridge *bridge,
                       struct ovsdb_idl_txn *, struct row_diff *diff);

/* Removes all that 'owner' has given.  Returns true if there were any. */
bool table_names_remove(const struct ovsrec_bridge *bridge,
                        const char *owner);

#endif /* table-names.h */
