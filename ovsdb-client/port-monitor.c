/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/port-monitor.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/port-view.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-row.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(port_monitor);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 30);

/* An interface that is on a bridge.  Names are unique on a switch and never
 * change; a row that is deleted and made again under its name is the same
 * interface. */
struct iface {
    struct hmap_node node;      /* In 'ifaces', by 'name'. */
    struct ovs_list dirty_node; /* In 'dirty', else empty. */
    char *name;
    bool present;               /* On a bridge.  Else about to be freed. */
    unsigned int generation;    /* Of the last walk that met it. */
    struct uuid interface;      /* Rows, while present. */
    struct uuid port;
    struct uuid bridge;
    struct port_view view;      /* What was reported last. */
    char *logged_error;         /* Last error logged since it last worked. */
};

struct port_monitor {
    const struct switch_rows *rows;
    struct port_monitor_callbacks callbacks;
    char *owner;                /* NULL until configured. */
    char *bridge;

    struct hmap ifaces;         /* Contains struct iface. */
    struct sset bonds;          /* Names that ports have and none of their
                                 * interfaces has. */
    struct ovs_list dirty;      /* Contains struct iface; gone ones first. */
    unsigned int generation;
    bool look_at_all;           /* Configured anew. */
};

struct port_monitor *
port_monitor_create(const struct switch_rows *rows,
                    const struct port_monitor_callbacks *callbacks)
{
    struct port_monitor *monitor = xzalloc(sizeof *monitor);

    monitor->rows = rows;
    monitor->callbacks = *callbacks;
    hmap_init(&monitor->ifaces);
    sset_init(&monitor->bonds);
    ovs_list_init(&monitor->dirty);
    return monitor;
}

static void
iface_destroy(struct port_monitor *monitor, struct iface *iface)
{
    hmap_remove(&monitor->ifaces, &iface->node);
    ovs_list_remove(&iface->dirty_node);
    port_view_destroy(&iface->view);
    free(iface->logged_error);
    free(iface->name);
    free(iface);
}

void
port_monitor_destroy(struct port_monitor *monitor)
{
    if (monitor) {
        struct iface *iface;

        HMAP_FOR_EACH_SAFE (iface, node, &monitor->ifaces) {
            iface_destroy(monitor, iface);
        }
        hmap_destroy(&monitor->ifaces);
        sset_destroy(&monitor->bonds);
        free(monitor->owner);
        free(monitor->bridge);
        free(monitor);
    }
}

void
port_monitor_configure(struct port_monitor *monitor, const char *owner,
                       const char *bridge)
{
    free(monitor->owner);
    monitor->owner = xstrdup(owner);
    free(monitor->bridge);
    monitor->bridge = xstrdup(bridge);
    monitor->look_at_all = true;
}

static struct iface *
iface_find(const struct port_monitor *monitor, const char *name)
{
    struct iface *iface;

    HMAP_FOR_EACH_WITH_HASH (iface, node, hash_string(name, 0),
                             &monitor->ifaces) {
        if (!strcmp(iface->name, name)) {
            return iface;
        }
    }
    return NULL;
}

static struct iface *
iface_add(struct port_monitor *monitor, const char *name)
{
    struct iface *iface = xzalloc(sizeof *iface);

    iface->name = xstrdup(name);
    iface->view.kind = PORT_OTHER;
    ovs_list_init(&iface->dirty_node);
    hmap_insert(&monitor->ifaces, &iface->node, hash_string(name, 0));
    return iface;
}

/* Gone interfaces come first: what was theirs, as an OpenFlow port number,
 * may be another's in the same update. */
static void
iface_set_dirty(struct port_monitor *monitor, struct iface *iface)
{
    ovs_list_remove(&iface->dirty_node);
    if (iface->present) {
        ovs_list_push_back(&monitor->dirty, &iface->dirty_node);
    } else {
        ovs_list_push_front(&monitor->dirty, &iface->dirty_node);
    }
}

static bool
locate(const struct port_monitor *monitor, const struct iface *iface,
       struct port_location *at)
{
    const struct ovsdb_idl *idl = monitor->rows->idl;

    if (!iface->present) {
        return false;
    }
    at->interface = ovsrec_interface_get_for_uuid(idl, &iface->interface);
    at->port = ovsrec_port_get_for_uuid(idl, &iface->port);
    at->bridge = ovsrec_bridge_get_for_uuid(idl, &iface->bridge);
    return at->interface && at->port && at->bridge;
}

bool
port_monitor_locate(const struct port_monitor *monitor, const char *name,
                    struct port_location *at)
{
    const struct iface *iface = iface_find(monitor, name);

    return iface && locate(monitor, iface, at);
}

const struct ovsrec_interface *
port_monitor_interface(const struct port_monitor *monitor, const char *name)
{
    struct port_location at;

    return port_monitor_locate(monitor, name, &at) ? at.interface : NULL;
}

bool
port_monitor_has_name(const struct port_monitor *monitor, const char *name)
{
    return iface_find(monitor, name) || sset_contains(&monitor->bonds, name);
}

/* Notes that 'iface' is where 'at' says. */
static void
iface_place(struct port_monitor *monitor, struct iface *iface,
            const struct port_location *at)
{
    iface->generation = monitor->generation;
    if (!iface->present
        || !uuid_equals(&iface->interface, &at->interface->header_.uuid)
        || !uuid_equals(&iface->port, &at->port->header_.uuid)
        || !uuid_equals(&iface->bridge, &at->bridge->header_.uuid)) {
        iface->present = true;
        iface->interface = at->interface->header_.uuid;
        iface->port = at->port->header_.uuid;
        iface->bridge = at->bridge->header_.uuid;
        iface_set_dirty(monitor, iface);
    }
}

static void
walk_port(struct port_monitor *monitor, const struct ovsrec_bridge *bridge,
          const struct ovsrec_port *port)
{
    bool is_bond = true;

    for (size_t i = 0; i < port->n_interfaces; i++) {
        const struct port_location at = {
            .interface = port->interfaces[i],
            .port = port,
            .bridge = bridge,
        };
        struct iface *iface = iface_find(monitor, at.interface->name);

        if (!iface) {
            iface = iface_add(monitor, at.interface->name);
        }
        iface_place(monitor, iface, &at);
        is_bond &= strcmp(iface->name, port->name) != 0;
    }
    if (is_bond) {
        sset_add(&monitor->bonds, port->name);
    }
}

/* Finds out anew which interface is on which bridge. */
static void
walk_bridges(struct port_monitor *monitor)
{
    const struct ovsrec_bridge *bridge;
    struct iface *iface;

    monitor->generation++;
    sset_clear(&monitor->bonds);
    OVSREC_BRIDGE_FOR_EACH (bridge, monitor->rows->idl) {
        for (size_t i = 0; i < bridge->n_ports; i++) {
            walk_port(monitor, bridge, bridge->ports[i]);
        }
    }

    HMAP_FOR_EACH (iface, node, &monitor->ifaces) {
        if (iface->generation != monitor->generation) {
            iface->present = false;
            iface_set_dirty(monitor, iface);
        }
    }
}

/* True if it may have changed which interface is on which bridge.
 *
 * When a whole snapshot replaces what was there before, as after a reconnect,
 * the IDL forgets which rows went, but shows all bridges that are there as
 * new.  There may be none. */
static bool
placement_changed(const struct port_monitor *monitor)
{
    const struct ovsrec_bridge *bridge;
    const struct ovsrec_port *port;

    OVSREC_BRIDGE_FOR_EACH_TRACKED (bridge, monitor->rows->idl) {
        if (ovsrec_bridge_is_new(bridge) || ovsrec_bridge_is_deleted(bridge)
            || ovsrec_bridge_is_updated(bridge, OVSREC_BRIDGE_COL_PORTS)) {
            return true;
        }
    }
    OVSREC_PORT_FOR_EACH_TRACKED (port, monitor->rows->idl) {
        if (ovsrec_port_is_new(port) || ovsrec_port_is_deleted(port)
            || ovsrec_port_is_updated(port, OVSREC_PORT_COL_INTERFACES)) {
            return true;
        }
    }
    return (!hmap_is_empty(&monitor->ifaces)
            && !ovsrec_bridge_first(monitor->rows->idl));
}

static void
set_dirty_by_name(struct port_monitor *monitor, const char *name)
{
    struct iface *iface = iface_find(monitor, name);

    if (iface) {
        iface_set_dirty(monitor, iface);
    }
}

/* A deleted row needs no look: the walk missed it, or met another row of its
 * name, which is new. */
static void
collect_changed_rows(struct port_monitor *monitor)
{
    const struct ovsrec_interface *interface;
    const struct ovsrec_port *port;

    OVSREC_INTERFACE_FOR_EACH_TRACKED (interface, monitor->rows->idl) {
        if (!ovsrec_interface_is_deleted(interface)) {
            set_dirty_by_name(monitor, interface->name);
        }
    }
    OVSREC_PORT_FOR_EACH_TRACKED (port, monitor->rows->idl) {
        if (!ovsrec_port_is_deleted(port)) {
            for (size_t i = 0; i < port->n_interfaces; i++) {
                set_dirty_by_name(monitor, port->interfaces[i]->name);
            }
        }
    }
}

static void
report_vm(const struct port_monitor *monitor, const struct vm_port *old,
          const struct vm_port *new)
{
    if (old || new) {
        monitor->callbacks.vm_port_changed(monitor->callbacks.aux, old, new);
    }
}

/* A port whose key changed is another tunnel. */
static void
report_tunnel(const struct port_monitor *monitor,
              const struct tunnel_port *old, const struct tunnel_port *new)
{
    const struct port_monitor_callbacks *cb = &monitor->callbacks;

    if (old && new && !tunnel_key_equals(&old->key, &new->key)) {
        cb->tunnel_port_changed(cb->aux, old, NULL);
        cb->tunnel_port_changed(cb->aux, NULL, new);
    } else if (old || new) {
        cb->tunnel_port_changed(cb->aux, old, new);
    }
}

/* Says once why Open vSwitch refuses a tunnel port, and again only if the
 * reason changes or the port worked in between. */
static void
log_tunnel_error(struct iface *iface)
{
    const struct tunnel_port *port = &iface->view.tunnel;

    if (iface->view.kind != PORT_TUNNEL || port->ofport) {
        free(iface->logged_error);
        iface->logged_error = NULL;
    } else if (port->error && (!iface->logged_error
                               || strcmp(port->error, iface->logged_error))) {
        char *what = tunnel_row_describe(iface->name, port->peer, &port->key);

        VLOG_WARN_RL(&rl, "%s: Open vSwitch could not set it up: %s",
                     what, port->error);
        free(what);
        free(iface->logged_error);
        iface->logged_error = xstrdup(port->error);
    }
}

static void
log_bad_values(const struct iface *iface, const struct port_view *old)
{
    const struct port_view *new = &iface->view;

    if (new->bad_iface_id && !old->bad_iface_id) {
        VLOG_WARN_RL(&rl, "interface %s: external_ids:iface-id \"%s\" cannot "
                     "be an endpoint's id (1 to %d printable characters "
                     "without spaces)", iface->name, new->bad_iface_id,
                     OBJECT_ID_MAX);
    }
    if (new->bad_mac && !old->bad_mac) {
        VLOG_WARN_RL(&rl, "interface %s: external_ids:attached-mac \"%s\" is "
                     "not a MAC address; ignored", iface->name, new->bad_mac);
    }
}

/* Compares the record of 'iface' with its row. */
static void
iface_run(struct port_monitor *monitor, struct iface *iface)
{
    struct port_view old = iface->view;
    struct port_view *new = &iface->view;
    struct port_location at;
    bool present = locate(monitor, iface, &at);

    port_view_init(new, iface->name, present ? &at : NULL, monitor->owner,
                   monitor->bridge);
    monitor->callbacks.row_changed(
        monitor->callbacks.aux, iface->name, new->kind,
        new->kind == PORT_TUNNEL ? &new->tunnel.key : NULL);
    if (!port_view_equals(&old, new)) {
        report_vm(monitor, old.kind == PORT_VM ? &old.vm : NULL,
                  new->kind == PORT_VM ? &new->vm : NULL);
        report_tunnel(monitor, old.kind == PORT_TUNNEL ? &old.tunnel : NULL,
                      new->kind == PORT_TUNNEL ? &new->tunnel : NULL);
        log_bad_values(iface, &old);
        log_tunnel_error(iface);
    }
    port_view_destroy(&old);
    if (!iface->present) {
        iface_destroy(monitor, iface);
    }
}

void
port_monitor_run(struct port_monitor *monitor)
{
    struct iface *iface;

    if (placement_changed(monitor)) {
        walk_bridges(monitor);
    }
    if (!monitor->owner) {
        return;
    }

    if (monitor->look_at_all) {
        HMAP_FOR_EACH (iface, node, &monitor->ifaces) {
            iface_set_dirty(monitor, iface);
        }
        monitor->look_at_all = false;
    } else {
        collect_changed_rows(monitor);
    }

    while (!ovs_list_is_empty(&monitor->dirty)) {
        iface = CONTAINER_OF(ovs_list_pop_front(&monitor->dirty),
                             struct iface, dirty_node);
        ovs_list_init(&iface->dirty_node);
        iface_run(monitor, iface);
    }
}

void
port_monitor_wait(const struct port_monitor *monitor)
{
    if (monitor->look_at_all) {
        poll_immediate_wake();
    }
}
