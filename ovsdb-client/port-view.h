/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PORT_VIEW_H
#define VTEPD_PORT_VIEW_H 1

/* One Interface row as port-monitor.h sees it: a value made from the row, with
 * its own copies.  Whoever may write to the database chooses what the row
 * says, so every string is checked and bounded here. */

#include "core/port.h"
#include "ovsdb-client/port-monitor.h"

struct port_view {
    enum port_kind kind;
    char *bad_iface_id;         /* Values that could not be used, or NULL. */
    char *bad_mac;
    union {
        struct vm_port vm;          /* PORT_VM. */
        struct tunnel_port tunnel;  /* PORT_TUNNEL. */
    };
};

/* Makes '*view' of the interface 'at', NULL if it is on no bridge.  'served'
 * is the name of the bridge that is served.  'name', the interface's, must
 * outlive the view. */
void port_view_init(struct port_view *view, const char *name,
                    const struct port_location *at, const char *owner,
                    const char *served);
void port_view_destroy(struct port_view *);
bool port_view_equals(const struct port_view *, const struct port_view *);

#endif /* port-view.h */
