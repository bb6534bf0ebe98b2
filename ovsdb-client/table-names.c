/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/table-names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ovsdb-client/ovsdb-client.h"
#include "ovsdb-client/row-diff.h"
#include "ovsdb-client/switch-rows.h"
#include "smap.h"
#include "util.h"

static const struct ovsdb_table_name *
find_name(const struct table_names *tables, int64_t table_id)
{
    for (size_t i = 0; i < tables->n; i++) {
        if (tables->names[i].table_id == table_id) {
            return &tables->names[i];
        }
    }
    return NULL;
}

static const struct ovsrec_flow_table *
find_row(const struct ovsrec_bridge *bridge, int64_t table_id)
{
    for (size_t i = 0; i < bridge->n_flow_tables; i++) {
        if (bridge->key_flow_tables[i] == table_id) {
            return bridge->value_flow_tables[i];
        }
    }
    return NULL;
}

static void
add_diff(struct row_diff *diff, int64_t table_id, const char *have,
         const char *want)
{
    char key[24];

    snprintf(key, sizeof key, "%"PRId64, table_id);
    row_diff_add(diff, "flow_tables", key, have, want);
}

static void
insert_row(const struct table_names *tables,
           const struct ovsrec_bridge *bridge,
           const struct ovsdb_table_name *table, struct ovsdb_idl_txn *txn)
{
    const struct smap external_ids = SMAP_CONST1(&external_ids, "vtepd-owner",
                                                 tables->owner);
    struct ovsrec_flow_table *row = ovsrec_flow_table_insert(txn);

    ovsrec_flow_table_set_name(row, table->name);
    ovsrec_flow_table_set_external_ids(row, &external_ids);
    ovsrec_bridge_update_flow_tables_setkey(bridge, table->table_id, row);
}

void
table_names_write(const struct table_names *tables,
                  const struct ovsrec_bridge *bridge,
                  struct ovsdb_idl_txn *txn, struct row_diff *diff)
{
    for (size_t i = 0; i < tables->n; i++) {
        const struct ovsdb_table_name *table = &tables->names[i];
        const struct ovsrec_flow_table *row = find_row(bridge,
                                                       table->table_id);

        if (!row) {
            insert_row(tables, bridge, table, txn);
            add_diff(diff, table->table_id, NULL, table->name);
        } else if (switch_rows_owned_by(&row->external_ids, tables->owner)
                   && !nullable_string_is_equal(row->name, table->name)) {
            add_diff(diff, table->table_id, row->name, table->name);
            ovsrec_flow_table_set_name(row, table->name);
        }
    }

    for (size_t i = 0; i < bridge->n_flow_tables; i++) {
        const struct ovsrec_flow_table *row = bridge->value_flow_tables[i];
        int64_t table_id = bridge->key_flow_tables[i];

        if (switch_rows_owned_by(&row->external_ids, tables->owner)
            && !find_name(tables, table_id)) {
            add_diff(diff, table_id, row->name, NULL);
            ovsrec_bridge_update_flow_tables_delkey(bridge, table_id);
        }
    }
}

bool
table_names_remove(const struct ovsrec_bridge *bridge, const char *owner)
{
    bool changed = false;

    for (size_t i = 0; i < bridge->n_flow_tables; i++) {
        const struct ovsrec_flow_table *row = bridge->value_flow_tables[i];

        if (switch_rows_owned_by(&row->external_ids, owner)) {
            ovsrec_bridge_update_flow_tables_delkey(
                bridge, bridge->key_flow_tables[i]);
            changed = true;
        }
    }
    return changed;
}
