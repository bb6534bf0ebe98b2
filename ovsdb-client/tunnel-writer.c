/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-writer.h"

#include <stdlib.h>
#include <string.h>

#include "core/tunnel-spec.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/row-diff.h"
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
                     const struct tunnel_spec *spec, bool is_drift)
{
    struct ovsrec_interface *interface = ovsrec_interface_insert(writer->txn);
    struct ovsrec_port *port = ovsrec_port_insert(writer->txn);
    int64_t ofport = port_numbers_take(&writer->numbers, writer->bridge);

    ovsrec_interface_set_name(interface, name);
    if (ofport) {
        ovsrec_interface_set_ofport_request(interface, &ofport, 1);
        writer->number_chosen(writer->aux, &spec->key, ofport);
    }
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &interface, 1);
    tunnel_row_write_new(interface, port, spec, writer->owner);
    ovsrec_bridge_update_ports_addvalue(writer->bridge, port);
    sset_add(&writer->made, name);
    note(writer, is_drift ? NOTE_REPAIR : NOTE_ADD, name, spec);
    if (is_drift) {
        txn_notes_explain(writer->notes, "somebody had deleted it");
    }
}

/* Notes that the port 'name' is moved here from 'bridge', unless that is NULL,
 * and that 'diff' is written. */
static void
note_update(struct tunnel_writer *writer, enum note_verb verb,
            const char *name, const struct tunnel_spec *spec,
            const struct ovsrec_bridge *bridge, struct row_diff *diff)
{
    const char *changed = diff->n ? row_diff_text(diff) : "";
    const char *and = diff->n && bridge ? ", and " : "";

    note(writer, verb, name, spec);
    if (diff->is_drift) {
        txn_notes_explain(writer->notes, "somebody had %s%s%s%s%s",
                          diff->n ? "changed " : "", changed, and,
                          bridge ? "moved it to bridge " : "",
                          bridge ? bridge->name : "");
    } else {
        txn_notes_explain(writer->notes, "%s%s%s%s", changed, and,
                          bridge ? "from bridge " : "",
                          bridge ? bridge->name : "");
    }
}

bool
tunnel_writer_update(struct tunnel_writer *writer, const char *name,
                     const struct tunnel_spec *spec, unsigned int n_retries,
                     bool is_drift)
{
    struct port_location at;
    struct row_diff diff;

    if (!port_monitor_locate(writer->monitor, name, &at)) {
        return false;
    }

    const bool moved = at.bridge != writer->bridge;
    if (moved) {
        ovsrec_bridge_update_ports_delvalue(at.bridge, at.port);
        ovsrec_bridge_update_ports_addvalue(writer->bridge, at.port);
    }
    row_diff_init(&diff, is_drift);
    tunnel_row_write(&at, spec, writer->owner, n_retries, &diff);

    const bool changed = moved || diff.n;
    if (changed) {
        note_update(writer, (is_drift ? NOTE_REPAIR : moved ? NOTE_MOVE
                             : n_retries ? NOTE_RETRY : NOTE_CHANGE),
                    name, spec, moved ? at.bridge : NULL, &diff);
    }
    row_diff_destroy(&diff);
    return changed;
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
