/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-writer.h"

#include <stdlib.h>
#include <string.h>

#include "core/tunnel-spec.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-row.h"
#include "ovsdb-client/txn-notes.h"
#include "smap.h"
#include "util.h"

void
tunnel_writer_init(struct tunnel_writer *writer)
{
    sset_init(&writer->made);
    writer->numbers = (struct port_numbers) { .taken = NULL };
}

void
tunnel_writer_destroy(struct tunnel_writer *writer)
{
    sset_destroy(&writer->made);
    port_numbers_destroy(&writer->numbers);
}

enum name_use
tunnel_writer_name_use(const struct tunnel_writer *writer, const char *name)
{
    struct port_location at;

    if (port_monitor_locate(writer->monitor, name, &at)
        && tunnel_row_is_owned(at.interface, at.port, writer->owner)) {
        return NAME_OURS;
    }
    return (port_monitor_has_name(writer->monitor, name)
            || switch_rows_bridge(writer->rows, name)
            || sset_contains(&writer->made, name)
            ? NAME_FOREIGN : NAME_FREE);
}

static void
note(struct tunnel_writer *writer, enum note_verb verb, const char *name,
     const struct tunnel_spec *spec)
{
    char *what = tunnel_row_describe(name, spec->peer, &spec->key);

    txn_notes_add(writer->notes, verb, "%s", what);
    free(what);
}

void
tunnel_writer_create(struct tunnel_writer *writer, const char *name,
                     const struct tunnel_spec *spec)
{
    struct ovsrec_interface *interface = ovsrec_interface_insert(writer->txn);
    struct ovsrec_port *port = ovsrec_port_insert(writer->txn);
    int64_t ofport = port_numbers_take(&writer->numbers, writer->bridge);

    ovsrec_interface_set_name(interface, name);
    if (ofport) {
        ovsrec_interface_set_ofport_request(interface, &ofport, 1);
    }
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &interface, 1);
    tunnel_row_write_new(interface, port, spec, writer->owner);
    ovsrec_bridge_update_ports_addvalue(writer->bridge, port);
    sset_add(&writer->made, name);
    note(writer, NOTE_ADD, name, spec);
}

bool
tunnel_writer_update(struct tunnel_writer *writer, const char *name,
                     const struct tunnel_spec *spec, unsigned int n_retries)
{
    struct port_location at;

    if (!port_monitor_locate(writer->monitor, name, &at)) {
        return false;
    }

    bool moved = at.bridge != writer->bridge;
    if (moved) {
        ovsrec_bridge_update_ports_delvalue(at.bridge, at.port);
        ovsrec_bridge_update_ports_addvalue(writer->bridge, at.port);
        note(writer, NOTE_MOVE, name, spec);
    }

    bool changed = tunnel_row_write(at.interface, at.port, spec,
                                    writer->owner, n_retries);
    if (changed) {
        note(writer, n_retries ? NOTE_RETRY : NOTE_CHANGE, name, spec);
    }
    return moved || changed;
}

bool
tunnel_writer_has_failed(const struct tunnel_writer *writer, const char *name)
{
    const struct ovsrec_interface *interface
        = port_monitor_interface(writer->monitor, name);

    return (interface && interface->error
            && (!interface->n_ofport || *interface->ofport <= 0));
}

static bool
has_other_interfaces(const struct tunnel_writer *writer,
                     const struct ovsrec_port *port)
{
    for (size_t i = 0; i < port->n_interfaces; i++) {
        if (!tunnel_row_is_owned(port->interfaces[i], port, writer->owner)) {
            return true;
        }
    }
    return false;
}

bool
tunnel_writer_remove(struct tunnel_writer *writer, const char *name,
                     const struct tunnel_key *key)
{
    struct port_location at;

    if (!port_monitor_locate(writer->monitor, name, &at)) {
        return false;
    }

    /* Somebody may have made a bond of our interface and his own. */
    if (has_other_interfaces(writer, at.port)) {
        ovsrec_port_update_interfaces_delvalue(at.port, at.interface);
    } else {
        ovsrec_bridge_update_ports_delvalue(at.bridge, at.port);
    }

    if (key) {
        const char *peer = smap_get(&at.interface->external_ids,
                                    "vtepd-peer");
        bool valid = peer && object_id_is_valid(peer, strlen(peer));
        char *what = tunnel_row_describe(name, valid ? peer : NULL, key);

        txn_notes_add(writer->notes, NOTE_REMOVE, "%s", what);
        free(what);
    } else {
        txn_notes_add(writer->notes, NOTE_REMOVE, "port %s, whose type and "
                      "options are no tunnel's", name);
    }
    return true;
}
