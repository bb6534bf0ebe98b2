/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_PAGE_H
#define VTEPD_INVENTORY_PAGE_H 1

/* Decodes a page of the list (contract 3.2).
 *
 * The page is decoded item by item, so that the JSON tree of one item is all
 * that ever exists beside the page's text, whatever the page's size, and so
 * that the caller can bound the work of a pass. */

#include <stddef.h>

#include "cloud/inventory-json.h"

enum {
    INVENTORY_VERSION_MAX = 255,    /* Bytes of a list's version. */
    INVENTORY_CURSOR_MAX = 1024,    /* Bytes of a cursor. */
};

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

#endif /* inventory-page.h */
