/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_JSON_H
#define VTEPD_INVENTORY_JSON_H 1

/* Decodes the inventory's JSON (contract 3.1 and 3.2).
 *
 * Everything is hostile until checked: what comes out is valid in itself
 * (core/objects.h), what does not pass is refused with a sentence that names
 * the object and the member.  Knows nothing of HTTP, files or time; logs
 * nothing.  inventory-json.c is the only file that knows jansson.
 *
 * A page is decoded item by item, so that the JSON tree of one item is all
 * that ever exists beside the page's text, whatever the page's size, and so
 * that the caller can bound the work of a pass.  The memory for one JSON value
 * is limited too.
 *
 * How strict: an object with a wrong member is refused whole.  Unknown members
 * are ignored, an optional member that is null counts as absent.  An address
 * that stands twice in one object counts once.  A subnet's or a route's 'cidr'
 * with host bits set is refused; in 'allowed_pairs' they are cleared.
 * An empty 'hostname' or 'domain' counts as absent. */

#include <stdbool.h>
#include <stddef.h>

#include "core/objects.h"

enum {
    INVENTORY_VERSION_MAX = 255,    /* Bytes of a list's version. */
    INVENTORY_CURSOR_MAX = 1024,    /* Bytes of a cursor. */
};

/* Decodes the 'len' bytes at 'text', one JSON object as in contract 3.1, and
 * returns it.  Otherwise returns NULL and says why in '*errorp', which the
 * caller must free. */
struct object *inventory_json_decode_object(const char *text, size_t len,
                                            char **errorp);

/* One item of a list. */
struct inventory_item {
    /* The object, or NULL. */
    struct object *object;

    /* Why there is no object, or NULL if it is simply of a kind that this
     * version does not know, named by 'unknown_kind'. */
    char *error;
    char *unknown_kind;

    /* Which object was refused, as far as that can be told; 'id' may be NULL,
     * and 'kind' means something only beside an 'id'. */
    enum object_kind kind;
    char *id;
};

/* Frees what 'item' holds.  A caller that keeps the object or a string takes
 * it out, leaving NULL. */
void inventory_item_uninit(struct inventory_item *item);

/* A page of a list, while it is decoded. */
struct inventory_page;

enum inventory_page_event {
    INVENTORY_PAGE_ITEM,        /* '*item' was filled in. */
    INVENTORY_PAGE_END,         /* The page is well-formed and complete. */
    INVENTORY_PAGE_ERROR,       /* See inventory_page_error(). */
};

/* Starts to decode the 'len' bytes at 'text', which must stay as they are
 * until the page is destroyed. */
struct inventory_page *inventory_page_create(const char *text, size_t len);
void inventory_page_destroy(struct inventory_page *);

/* Goes on to the next item.  After anything but INVENTORY_PAGE_ITEM, returns
 * the same again.  Only INVENTORY_PAGE_END says that the page was good: items
 * come before the rest of the page has been looked at. */
enum inventory_page_event inventory_page_next(struct inventory_page *,
                                              struct inventory_item *item);

/* After INVENTORY_PAGE_END: the list's version, and the cursor of the next
 * page or NULL if there is none.  Valid as long as the page. */
const char *inventory_page_version(const struct inventory_page *);
const char *inventory_page_cursor(const struct inventory_page *);

/* After INVENTORY_PAGE_ERROR: what is wrong with the page, e.g. "bad JSON at
 * line 3 column 7: ...".  Valid as long as the page. */
const char *inventory_page_error(const struct inventory_page *);

#endif /* inventory-json.h */
