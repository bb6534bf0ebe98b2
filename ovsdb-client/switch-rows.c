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
    rows->bridges = ovsdb_idl_index_create1(idl, &ovsrec_bridge_col_name);
    rows->ports = ovsdb_idl_index_create1(idl, &ovsrec_port_col_name);
    rows->interfaces = ovsdb_idl_index_create1(idl,
                                               &ovsrec_interface_col_name);
}

const struct ovsrec_bridge *
switch_rows_bridge(const struct switch_rows *rows, const char *name)
{
    struct ovsrec_bridge *key = ovsrec_bridge_index_init_row(rows->bridges);
    ovsrec_bridge_index_set_name(key, name);

    const struct ovsrec_bridge *row = ovsrec_bridge_index_find(rows->bridges,
                                                               key);
    ovsrec_bridge_index_destroy_row(key);
    return row;
}

const struct ovsrec_port *
switch_rows_port(const struct switch_rows *rows, const char *name)
{
    struct ovsrec_port *key = ovsrec_port_index_init_row(rows->ports);
    ovsrec_port_index_set_name(key, name);

    const struct ovsrec_port *row = ovsrec_port_index_find(rows->ports, key);
    ovsrec_port_index_destroy_row(key);
    return row;
}

const struct ovsrec_interface *
switch_rows_interface(const struct switch_rows *rows, const char *name)
{
    struct ovsrec_interface *key
        = ovsrec_interface_index_init_row(rows->interfaces);
    ovsrec_interface_index_set_name(key, name);

    const struct ovsrec_interface *row
        = ovsrec_interface_index_find(rows->interfaces, key);
    ovsrec_interface_index_destroy_row(key);
    return row;
}

bool
switch_rows_owned_by(const struct smap *external_ids, const char *owner)
{
    const char *value = smap_get(external_ids, "vtepd-owner");

    return value && owner && !strcmp(value, owner);
}
