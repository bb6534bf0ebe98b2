/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/attachments.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

void
attachments_init(struct attachments *as)
{
    hmap_init(&as->by_name);
    hmap_init(&as->by_id);
}

static void
attachment_destroy(struct attachments *as, struct attachment *a)
{
    hmap_remove(&as->by_name, &a->name_node);
    hmap_remove(&as->by_id, &a->id_node);
    free(CONST_CAST(char *, a->port.name));
    free(CONST_CAST(char *, a->port.iface_id));
    free(a);
}

void
attachments_destroy(struct attachments *as)
{
    struct attachment *a;

    HMAP_FOR_EACH_SAFE (a, name_node, &as->by_name) {
        attachment_destroy(as, a);
    }
    hmap_destroy(&as->by_name);
    hmap_destroy(&as->by_id);
}

static struct attachment *
find_by_name(const struct attachments *as, const char *name)
{
    struct attachment *a;

    HMAP_FOR_EACH_WITH_HASH (a, name_node, hash_string(name, 0),
                             &as->by_name) {
        if (!strcmp(a->port.name, name)) {
            return a;
        }
    }
    return NULL;
}

void
attachments_update(struct attachments *as, const char *name,
                   const struct vm_port *port)
{
    struct attachment *a = find_by_name(as, name);

    if (a) {
        attachment_destroy(as, a);
    }
    if (port) {
        a = xzalloc(sizeof *a);
        a->port = *port;
        a->port.name = xstrdup(port->name);
        a->port.iface_id = xstrdup(port->iface_id);
        hmap_insert(&as->by_name, &a->name_node, hash_string(name, 0));
        hmap_insert(&as->by_id, &a->id_node, hash_string(port->iface_id, 0));
    }
}

const struct vm_port *
attachments_find(const struct attachments *as, const char *id,
                 size_t *n_plugged)
{
    const struct vm_port *best = NULL;
    const struct attachment *a;

    *n_plugged = 0;
    HMAP_FOR_EACH_WITH_HASH (a, id_node, hash_string(id, 0), &as->by_id) {
        const struct vm_port *port = &a->port;

        if (!strcmp(port->iface_id, id) && port->ofport && port->active) {
            ++*n_plugged;
            if (!best || strcmp(port->name, best->name) < 0) {
                best = port;
            }
        }
    }
    return best;
}

const struct vm_port *
attachments_find_port(const struct attachments *as, const char *name)
{
    const struct attachment *a = find_by_name(as, name);

    return a ? &a->port : NULL;
}
