/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/port-view.h"

#include <stdlib.h>
#include <string.h>

#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-row.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

/* Bytes of a text from the switch that are kept. */
enum { TEXT_MAX = 255 };

/* A copy of 's', NULL if that is NULL or empty, with nothing in it that could
 * forge a log line. */
static char *
copy_text(const char *s)
{
    if (!s || !*s) {
        return NULL;
    }

    char *copy = xmemdup0(s, strnlen(s, TEXT_MAX));
    for (char *p = copy; *p; p++) {
        if (*p < 0x20 || *p >= 0x7f) {
            *p = '?';
        }
    }
    return copy;
}

/* A copy of the id that 'ids' have for 'key', NULL if there is none. */
static char *
copy_id(const struct smap *ids, const char *key)
{
    const char *id = smap_get(ids, key);

    return (id && object_id_is_valid(id, strlen(id))) ? xstrdup(id) : NULL;
}

/* ovs-vswitchd writes -1 where it could not make the port. */
static uint32_t
parse_ofport(const struct ovsrec_interface *interface)
{
    int64_t ofport = interface->n_ofport ? *interface->ofport : 0;

    return ofport > 0 && ofport <= UINT16_MAX ? ofport : 0;
}

static uint32_t
parse_group(const struct smap *ids)
{
    const char *s = smap_get(ids, "vtepd-group");
    unsigned int group;

    return s && str_to_uint(s, 10, &group) ? group : 0;
}

/* The column is empty where there is no session. */
static struct bfd_status
parse_bfd(const struct smap *status)
{
    struct bfd_status bfd = {
        .state = bfd_state_from_string(smap_get(status, "state")),
    };

    if (bfd.state != BFD_OFF) {
        bfd.remote_state = bfd_state_from_string(smap_get(status,
                                                          "remote_state"));
        bfd.diagnostic = bfd_diagnostic_from_string(smap_get(status,
                                                             "diagnostic"));
        bfd.n_flaps = smap_get_ullong(status, "flap_count", 0);
    }
    return bfd;
}

static bool
text_equals(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void
init_vm(struct port_view *view, const struct ovsrec_interface *interface)
{
    const struct smap *ids = &interface->external_ids;
    const char *id = smap_get(ids, "iface-id");

    if (!id || !*id) {
        return;
    } else if (!object_id_is_valid(id, strlen(id))) {
        view->bad_iface_id = copy_text(id);
        return;
    }

    const char *mac = smap_get(ids, "attached-mac");

    view->kind = PORT_VM;
    view->vm.iface_id = xstrdup(id);
    view->vm.ofport = parse_ofport(interface);
    view->vm.active = strcmp(smap_get_def(ids, "iface-status", ""),
                             "inactive");
    view->vm.has_mac = mac && eth_addr_from_string(mac, &view->vm.mac);
    if (mac && !view->vm.has_mac) {
        view->vm.mac = eth_addr_zero;
        view->bad_mac = copy_text(*mac ? mac : "(empty)");
    }
}

static void
init_tunnel(struct port_view *view, const struct ovsrec_interface *interface)
{
    const struct smap *ids = &interface->external_ids;

    if (!tunnel_row_parse(interface, &view->tunnel.key)) {
        view->kind = PORT_BROKEN_TUNNEL;
        return;
    }

    char *peer = copy_id(ids, "vtepd-peer");

    view->kind = PORT_TUNNEL;
    view->tunnel.peer = peer ? peer : xstrdup("");
    view->tunnel.segment = copy_id(ids, "vtepd-segment");
    view->tunnel.group = parse_group(ids);
    view->tunnel.ofport = parse_ofport(interface);
    if (interface->n_ofport_request) {
        view->tunnel.ofport_request = *interface->ofport_request;
    }
    view->tunnel.error = copy_text(interface->error);
    view->tunnel.bfd = parse_bfd(&interface->bfd_status);
}

void
port_view_init(struct port_view *view, const char *name,
               const struct port_location *at, const char *owner,
               const char *served)
{
    memset(view, 0, sizeof *view);
    view->kind = PORT_OTHER;
    if (!at) {
        return;
    }

    if (tunnel_row_is_owned(at->interface, at->port, owner)) {
        view->tunnel.name = name;
        init_tunnel(view, at->interface);
    } else if (!strcmp(at->bridge->name, served)) {
        view->vm.name = name;
        init_vm(view, at->interface);
    }
}

void
port_view_destroy(struct port_view *view)
{
    if (view->kind == PORT_VM) {
        free(CONST_CAST(char *, view->vm.iface_id));
    } else if (view->kind == PORT_TUNNEL) {
        free(CONST_CAST(char *, view->tunnel.peer));
        free(CONST_CAST(char *, view->tunnel.segment));
        free(CONST_CAST(char *, view->tunnel.error));
    }
    free(view->bad_iface_id);
    free(view->bad_mac);
}

static bool
vm_port_equals(const struct vm_port *a, const struct vm_port *b)
{
    return (!strcmp(a->name, b->name)
            && !strcmp(a->iface_id, b->iface_id)
            && a->ofport == b->ofport
            && a->active == b->active
            && a->has_mac == b->has_mac
            && eth_addr_equals(a->mac, b->mac));
}

static bool
tunnel_port_equals(const struct tunnel_port *a, const struct tunnel_port *b)
{
    return (tunnel_key_equals(&a->key, &b->key)
            && !strcmp(a->name, b->name)
            && !strcmp(a->peer, b->peer)
            && text_equals(a->segment, b->segment)
            && a->group == b->group
            && a->ofport == b->ofport
            && a->ofport_request == b->ofport_request
            && text_equals(a->error, b->error)
            && bfd_status_equals(&a->bfd, &b->bfd));
}

bool
port_view_equals(const struct port_view *a, const struct port_view *b)
{
    return (a->kind == b->kind
            && text_equals(a->bad_iface_id, b->bad_iface_id)
            && text_equals(a->bad_mac, b->bad_mac)
            && (a->kind != PORT_VM || vm_port_equals(&a->vm, &b->vm))
            && (a->kind != PORT_TUNNEL
                || tunnel_port_equals(&a->tunnel, &b->tunnel)));
}
