/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/integration-bridge.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/ovsdb-client.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/repair-limit.h"
#include "ovsdb-client/row-diff.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/table-names.h"
#include "ovsdb-client/txn-notes.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(integration_bridge);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 30);

enum { REFUSED_HOLD = 5000 };   /* ms. */

/* What an operator should know about the bridge, each told once. */
enum bridge_problem {
    NAME_TAKEN = 1 << 0,        /* By a port on another bridge. */
    NOT_SECURE = 1 << 1,        /* Floods when its flows are lost. */
    OTHER_DATAPATH = 1 << 2,    /* Not the datapath type configured. */
};

struct integration_bridge {
    const struct switch_rows *rows;
    const struct port_monitor *monitor;
    char *owner;                /* NULL until configured. */
    char *name;
    char *datapath_type;        /* NULL: any. */
    struct table_names tables;

    bool dirty;                 /* Want or rows changed. */
    bool in_flight;
    bool has_agreed;            /* Row and want have, since want changed. */
    long long int hold_until;   /* ms. */
    struct repair_limit writes;
    unsigned int problems;      /* Those told. */

    bool has_root;              /* Was there an Open_vSwitch row? */
    bool exists;                /* Was there the bridge? */
};

struct integration_bridge *
integration_bridge_create(const struct switch_rows *rows,
                          const struct port_monitor *monitor)
{
    struct integration_bridge *ib = xzalloc(sizeof *ib);

    ib->rows = rows;
    ib->monitor = monitor;
    return ib;
}

void
integration_bridge_destroy(struct integration_bridge *ib)
{
    if (ib) {
        free(ib->owner);
        free(ib->name);
        free(ib->datapath_type);
        free(ib);
    }
}

static void
want_changed(struct integration_bridge *ib)
{
    ib->dirty = true;
    ib->has_agreed = false;
    ib->hold_until = 0;
    ib->writes = (struct repair_limit) { .n = 0 };
}

void
integration_bridge_configure(struct integration_bridge *ib,
                             const struct ovsdb_client_config *config)
{
    free(ib->owner);
    ib->owner = xstrdup(config->owner);
    ib->tables.owner = ib->owner;
    free(ib->name);
    ib->name = xstrdup(config->bridge);
    free(ib->datapath_type);
    ib->datapath_type = nullable_xstrdup(config->datapath_type);
    ib->problems = 0;
    want_changed(ib);
}

void
integration_bridge_set_table_names(struct integration_bridge *ib,
                                   const struct ovsdb_table_name *names,
                                   size_t n)
{
    ib->tables.names = names;
    ib->tables.n = n;
    want_changed(ib);
}

void
integration_bridge_run(struct integration_bridge *ib)
{
    const struct ovsdb_idl *idl = ib->rows->idl;
    const bool has_root = ovsrec_open_vswitch_first(idl) != NULL;
    const bool exists = integration_bridge_row(ib) != NULL;

    ib->dirty |= (has_root != ib->has_root || exists != ib->exists
                  || ovsrec_bridge_track_get_first(idl)
                  || ovsrec_flow_table_track_get_first(idl));
    ib->has_root = has_root;
    ib->exists = exists;
}

const struct ovsrec_bridge *
integration_bridge_row(const struct integration_bridge *ib)
{
    return ib->name ? switch_rows_bridge(ib->rows, ib->name) : NULL;
}

/* Returns true if 'problem', which is there if 'is_there', must be told. */
static bool
problem_is_new(struct integration_bridge *ib, enum bridge_problem problem,
               bool is_there)
{
    bool is_new = is_there && !(ib->problems & problem);

    ib->problems = is_there ? ib->problems | problem : ib->problems & ~problem;
    return is_new;
}

/* As "ovs-vsctl add-br" would, with the local port that every bridge has. */
static void
insert_bridge(struct integration_bridge *ib,
              const struct ovsrec_open_vswitch *root,
              struct ovsdb_idl_txn *txn)
{
    struct ovsrec_interface *interface = ovsrec_interface_insert(txn);
    struct ovsrec_bridge *bridge = ovsrec_bridge_insert(txn);
    struct ovsrec_port *port = ovsrec_port_insert(txn);
    const struct smap other_config = SMAP_CONST1(&other_config,
                                                 "disable-in-band", "true");
    const struct smap external_ids = SMAP_CONST1(&external_ids,
                                                 "vtepd-owner", ib->owner);

    ovsrec_interface_set_name(interface, ib->name);
    ovsrec_interface_set_type(interface, "internal");
    ovsrec_port_set_name(port, ib->name);
    ovsrec_port_set_interfaces(port, &interface, 1);
    ovsrec_bridge_set_name(bridge, ib->name);
    ovsrec_bridge_set_ports(bridge, &port, 1);
    ovsrec_bridge_set_fail_mode(bridge, "secure");
    ovsrec_bridge_set_other_config(bridge, &other_config);
    ovsrec_bridge_set_external_ids(bridge, &external_ids);
    if (ib->datapath_type) {
        ovsrec_bridge_set_datapath_type(bridge, ib->datapath_type);
    }
    ovsrec_open_vswitch_update_bridges_addvalue(root, bridge);
}

static bool
create_bridge(struct integration_bridge *ib,
              const struct ovsrec_open_vswitch *root,
              struct ovsdb_idl_txn *txn, struct txn_notes *notes)
{
    bool taken = port_monitor_has_name(ib->monitor, ib->name);

    if (problem_is_new(ib, NAME_TAKEN, taken)) {
        VLOG_ERR("bridge %s cannot be made: another bridge has a port of "
                 "that name", ib->name);
    }
    if (!taken) {
        insert_bridge(ib, root, txn);
        txn_notes_add(notes, ib->has_agreed ? NOTE_REPAIR : NOTE_ADD,
                      "bridge %s", ib->name);
        if (ib->has_agreed) {
            txn_notes_explain(notes, "somebody had deleted it");
            ib->has_agreed = false;     /* All that is on it follows. */
        }
    }
    return !taken;
}

static bool
is_secure(const struct ovsrec_bridge *bridge)
{
    return bridge->fail_mode && !strcmp(bridge->fail_mode, "secure");
}

/* True if the bridge has another datapath type than the one configured.  An
 * empty type stands for "system". */
static bool
datapath_type_differs(const struct integration_bridge *ib,
                      const struct ovsrec_bridge *bridge)
{
    const char *have = bridge->datapath_type;
    const char *want = ib->datapath_type;

    return (want && strcmp(*have ? have : "system",
                           *want ? want : "system"));
}

/* Notes that 'diff' of 'what' of the bridge is written: 'verb', unless somebody
 * else has changed it. */
static void
note_diff(const struct integration_bridge *ib, struct txn_notes *notes,
          enum note_verb verb, const char *what, struct row_diff *diff)
{
    txn_notes_add(notes, diff->is_drift ? NOTE_REPAIR : verb, "%sbridge %s",
                  what, ib->name);
    if (diff->is_drift) {
        txn_notes_explain(notes, "somebody had changed %s",
                          row_diff_text(diff));
    } else if (verb == NOTE_CHANGE) {
        txn_notes_explain(notes, "%s", row_diff_text(diff));
    }
}

/* Repairs a bridge that we made. */
static bool
repair_bridge(struct integration_bridge *ib,
              const struct ovsrec_bridge *bridge, struct txn_notes *notes)
{
    const char *in_band = smap_get(&bridge->other_config, "disable-in-band");
    struct row_diff diff;

    row_diff_init(&diff, ib->has_agreed);
    if (!is_secure(bridge)) {
        row_diff_add(&diff, "fail_mode", NULL, bridge->fail_mode, "secure");
        ovsrec_bridge_set_fail_mode(bridge, "secure");
    }
    if (!in_band || strcmp(in_band, "true")) {
        row_diff_add(&diff, "other_config", "disable-in-band", in_band,
                     "true");
        ovsrec_bridge_update_other_config_setkey(bridge, "disable-in-band",
                                                 "true");
    }
    if (datapath_type_differs(ib, bridge)) {
        row_diff_add(&diff, "datapath_type", NULL, bridge->datapath_type,
                     ib->datapath_type);
        ovsrec_bridge_set_datapath_type(bridge, ib->datapath_type);
    }

    const bool changed = diff.n;
    if (changed) {
        note_diff(ib, notes, NOTE_CHANGE, "", &diff);
    }
    row_diff_destroy(&diff);
    return changed;
}

/* Says what is wrong with a bridge that somebody else made. */
static void
report_bridge(struct integration_bridge *ib,
              const struct ovsrec_bridge *bridge)
{
    if (problem_is_new(ib, NOT_SECURE, !is_secure(bridge))) {
        VLOG_WARN("bridge %s, which is not ours, forwards like a plain "
                  "switch when it has no flows; \"ovs-vsctl set-fail-mode %s "
                  "secure\" prevents that", bridge->name, bridge->name);
    }
    if (problem_is_new(ib, OTHER_DATAPATH,
                       datapath_type_differs(ib, bridge))) {
        VLOG_WARN("bridge %s, which is not ours, has datapath_type \"%s\", "
                  "not \"%s\" as configured; \"ovs-vsctl set bridge %s "
                  "datapath_type=%s\" changes it", bridge->name,
                  bridge->datapath_type, ib->datapath_type, bridge->name,
                  ib->datapath_type);
    }
}

/* Names the tables that nobody else has a row for. */
static bool
write_table_names(const struct integration_bridge *ib,
                  const struct ovsrec_bridge *bridge,
                  struct ovsdb_idl_txn *txn, struct txn_notes *notes)
{
    struct row_diff diff;

    row_diff_init(&diff, ib->has_agreed);
    table_names_write(&ib->tables, bridge, txn, &diff);

    const bool changed = diff.n;
    if (changed) {
        note_diff(ib, notes, NOTE_NAME, "the OpenFlow tables of ", &diff);
    }
    row_diff_destroy(&diff);
    return changed;
}

static bool
has_only_local_port(const struct ovsrec_bridge *bridge)
{
    return (bridge->n_ports == 0
            || (bridge->n_ports == 1
                && !strcmp(bridge->ports[0]->name, bridge->name)));
}

/* Clears bridges that were used under another configuration: those that we
 * made are deleted, unless somebody else has ports there. */
static bool
clear_old_bridges(const struct integration_bridge *ib,
                  const struct ovsrec_open_vswitch *root,
                  struct txn_notes *notes)
{
    const struct ovsrec_bridge *bridge;
    bool changed = false;

    OVSREC_BRIDGE_FOR_EACH (bridge, ib->rows->idl) {
        if (!strcmp(bridge->name, ib->name)) {
            continue;
        }
        if (switch_rows_owned_by(&bridge->external_ids, ib->owner)
            && has_only_local_port(bridge)) {
            ovsrec_open_vswitch_update_bridges_delvalue(root, bridge);
            txn_notes_add(notes, NOTE_REMOVE, "bridge %s, which is not used "
                          "any more", bridge->name);
            changed = true;
        } else if (table_names_remove(bridge, ib->owner)) {
            txn_notes_add(notes, NOTE_REMOVE, "the names of the OpenFlow "
                          "tables of bridge %s, which is not used any more",
                          bridge->name);
            changed = true;
        }
    }
    return changed;
}

/* Compares and writes.  Ports and table names follow in the transaction after
 * the one that makes the bridge. */
static bool
compose(struct integration_bridge *ib, struct ovsdb_idl_txn *txn,
        struct txn_notes *notes)
{
    const struct ovsrec_open_vswitch *root
        = ovsrec_open_vswitch_first(ib->rows->idl);
    const struct ovsrec_bridge *bridge = integration_bridge_row(ib);
    bool changed = false;

    if (!root) {
        VLOG_INFO_RL(&rl, "the database has no Open_vSwitch row yet: waiting "
                     "for Open vSwitch to be set up");
        return false;
    } else if (!bridge) {
        return create_bridge(ib, root, txn, notes);
    }

    if (switch_rows_owned_by(&bridge->external_ids, ib->owner)) {
        changed = repair_bridge(ib, bridge, notes);
    } else {
        report_bridge(ib, bridge);
    }
    changed |= write_table_names(ib, bridge, txn, notes);
    changed |= clear_old_bridges(ib, root, notes);
    return changed;
}

static long long int
write_after(const struct integration_bridge *ib)
{
    return MAX(ib->hold_until, repair_limit_until(&ib->writes));
}

size_t
integration_bridge_compose(struct integration_bridge *ib,
                           struct ovsdb_idl_txn *txn,
                           struct txn_notes *notes)
{
    const long long int now = time_msec();

    if (!ib->dirty || now < write_after(ib)) {
        return 0;
    }
    ib->dirty = false;
    ib->in_flight = compose(ib, txn, notes);
    ib->has_agreed |= !ib->in_flight && integration_bridge_row(ib);
    return ib->in_flight;
}

void
integration_bridge_finish(struct integration_bridge *ib, bool committed,
                          const char *error, bool alone)
{
    if (!ib->in_flight) {
        return;
    }

    ib->in_flight = false;
    ib->dirty = true;
    if (committed) {
        if (repair_limit_count(&ib->writes, time_msec())) {
            VLOG_WARN("bridge %s: somebody else changes it again and again; "
                      "it is repaired less and less often, down to once in "
                      "%d seconds", ib->name, REPAIR_LIMIT_MAX / 1000);
        }
    } else if (error && alone) {
        ib->hold_until = time_msec() + REFUSED_HOLD;
    }
}

void
integration_bridge_get_fights(const struct integration_bridge *ib,
                              struct svec *fights)
{
    if (repair_limit_is_fight(&ib->writes, time_msec())) {
        svec_add_nocopy(fights, xasprintf("bridge %s", ib->name));
    }
}

void
integration_bridge_wait(const struct integration_bridge *ib)
{
    if (ib->dirty) {
        poll_timer_wait_until(write_after(ib));
    }
}
