/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/switch-rows.h"

#include <string.h>

#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"

void
switch_rows_init(struct switch_rows *rows, struct ovsdb_idl *idl)
{
    const struct ovsdb_idl_column *columns[] = {
        &ovsrec_open_vswitch_col_bridges,
        &ovsrec_open_vswitch_col_external_ids,
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_ports,
        &ovsrec_bridge_col_fail_mode,
        &ovsrec_bridge_col_other_config,
        &ovsrec_bridge_col_external_ids,
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_bridge_col_flow_tables,
        &ovsrec_port_col_name,
        &ovsrec_port_col_interfaces,
        &ovsrec_port_col_external_ids,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_type,
        &ovsrec_interface_col_options,
        &ovsrec_interface_col_external_ids,
        &ovsrec_interface_col_other_config,
        &ovsrec_interface_col_ofport,
        &ovsrec_interface_col_ofport_request,
        &ovsrec_interface_col_error,
        &ovsrec_interface_col_bfd,
        &ovsrec_interface_col_bfd_status,
        &ovsrec_flow_table_col_name,
        &ovsrec_flow_table_col_external_ids,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
    rows->idl = idl;
}

const struct ovsrec_bridge *
switch_rows_bridge(const struct switch_rows *rows, const char *name)
{
    const struct ovsrec_bridge *row;

    OVSREC_BRIDGE_FOR_EACH (row, rows->idl) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

bool
switch_rows_owned_by(const struct smap *external_ids, const char *owner)
{
    const char *value = smap_get(external_ids, "vtepd-owner");

    return value && owner && !strcmp(value, owner);
}
