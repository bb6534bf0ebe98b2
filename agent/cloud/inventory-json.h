/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_JSON_H
#define VTEPD_INVENTORY_JSON_H 1

/* Decodes the inventory's objects from JSON (contract 3.1).
 *
 * Everything is hostile until checked: what comes out is valid in itself
 * (core/objects.h), what does not pass is refused with a sentence that names
 * the object and the member.  Knows nothing of HTTP, files or time; logs
 * nothing.  inventory-json.c is the only file that knows jansson.
 *
 * How strict: an object with a wrong member is refused whole.  Unknown members
 * are ignored, an optional member that is null counts as absent.  An address
 * that stands twice in one object counts once.  A subnet's or a route's 'cidr'
 * with host bits set is refused; in 'allowed_pairs' they are cleared.
 * An empty 'hostname' or 'domain' counts as absent. */

#include <stddef.h>

#include "core/objects.h"

/* Decodes the 'len' bytes at 'text', one JSON object as in contract 3.1, and
 * returns it.  Otherwise returns NULL and says why in '*errorp', which the
 * caller must free. */
struct object *inventory_json_decode_object(const char *text, size_t len,
                                            char **errorp);

/* What came of one item of a list. */
struct inventory_item {
    /* The object, or NULL. */
    struct object *object;

    /* Why there is no object, or NULL if it is simply of a kind that this
     * version does not know, named by 'unknown_kind'. */
    char *error;
    char *unknown_kind;

    /* Which object was refused, as far as that can be told; 'id' may be NULL,
     * as it is beside an object, and 'kind' means something only beside an
     * 'id'. */
    enum object_kind kind;
    char *id;
};

/* Frees what 'item' holds.  A caller that keeps the object or a string takes
 * it out, leaving NULL. */
void inventory_item_uninit(struct inventory_item *item);

#endif /* inventory-json.h */
