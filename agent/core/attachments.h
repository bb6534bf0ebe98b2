/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ATTACHMENTS_H
#define VTEPD_ATTACHMENTS_H 1

/* Which endpoints are plugged into the integration bridge, and where.
 *
 * Fed with every change of a VM's port; answers by endpoint id.  Where two
 * ports carry one endpoint's id and both are plugged, the one whose name is
 * lower serves it, whatever the order in which they came. */

#include <stdbool.h>
#include <stddef.h>

#include "core/port.h"
#include "openvswitch/hmap.h"

struct attachment {
    struct hmap_node name_node; /* In attachments' 'by_name'. */
    struct hmap_node id_node;   /* In attachments' 'by_id'. */
    struct vm_port port;        /* Owns its strings. */
};

struct attachments {
    struct hmap by_name;        /* Contains struct attachments. */
    struct hmap by_id;
};

void attachments_init(struct attachments *);
void attachments_destroy(struct attachments *);

/* The port named 'name' is now 'port', or gone if 'port' is NULL. */
void attachments_update(struct attachments *, const char *name,
                        const struct vm_port *port);

/* The plugged port that serves endpoint 'id', or NULL.  '*n_plugged' says how
 * many ports carry its id. */
const struct vm_port *attachments_find(const struct attachments *,
                                       const char *id, size_t *n_plugged);

const struct vm_port *attachments_find_port(const struct attachments *,
                                            const char *name);

#endif /* attachments.h */
