/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-page.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/json-node.h"
#include "util.h"

/* How a page is read:
 *
 *     START --{--> NAME --"items":[--> ITEM --value--> AFTER_ITEM
 *                  ^  |                 ^-----,-----------'  |]
 *                  |  '---other member--> AFTER_MEMBER <-----'
 *                  '----------,--------------'  |}
 *                                              END
 *
 * The first error, in any state, ends in FAILED. */

enum page_state {
    PAGE_START,                 /* Nothing was read. */
    PAGE_NAME,                  /* A member's name follows. */
    PAGE_ITEM,                  /* An item follows. */
    PAGE_AFTER_ITEM,            /* The list of items goes on or ends. */
    PAGE_AFTER_MEMBER,          /* The page goes on or ends. */
    PAGE_END,                   /* All was read, and well. */
    PAGE_FAILED,                /* 'error' says why. */
};

struct inventory_page {
    struct json_text text;
    enum page_state state;
    size_t n_items;             /* Read so far. */
    bool has_items;
    bool has_next;
    char *version;
    char *cursor;
    char *error;
};

struct inventory_page *
inventory_page_create(const char *text, size_t len)
{
    struct inventory_page *page = xzalloc(sizeof *page);

    page->text.text = text;
    page->text.len = len;
    return page;
}

void
inventory_page_destroy(struct inventory_page *page)
{
    if (page) {
        free(page->version);
        free(page->cursor);
        free(page->error);
        free(page);
    }
}

const char *
inventory_page_version(const struct inventory_page *page)
{
    return page->version;
}

const char *
inventory_page_cursor(const struct inventory_page *page)
{
    return page->cursor;
}

const char *
inventory_page_error(const struct inventory_page *page)
{
    return page->error;
}

/* Ends the page with 'error', of which it takes ownership. */
static void
page_fail(struct inventory_page *page, char *error)
{
    page->error = error;
    page->state = PAGE_FAILED;
}

/* Takes the next byte and goes on to 'then' if it is 'c'. */
static bool
page_accept(struct inventory_page *page, char c, enum page_state then)
{
    if (text_peek(&page->text) != c) {
        return false;
    }
    page->text.pos++;
    page->state = then;
    return true;
}

static void
page_read_start(struct inventory_page *page)
{
    text_peek(&page->text);
    if (text_at_end(&page->text)) {
        page_fail(page, xstrdup("the body is empty"));
    } else if (!page_accept(page, '{', PAGE_NAME)) {
        page_fail(page, text_unexpected(&page->text, "'{'"));
    } else {
        page_accept(page, '}', PAGE_END);
    }
}

/* Reads the value of the member 'name'.  The cursor is opaque, but must fit in
 * a request, and it must be possible to log the version. */
static void
page_read_member(struct inventory_page *page, const char *name)
{
    char *error;
    struct json_t *value = text_read_value(&page->text, &error);
    if (!value) {
        page_fail(page, error);
        return;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder };
    struct json_node node = node_of_value(&root, name, value);
    page->state = PAGE_AFTER_MEMBER;
    if (!strcmp(name, "version")) {
        if (page->version) {
            node_refuse(&node, "stands there twice");
        } else {
            node_copy_printable(&node, INVENTORY_VERSION_MAX, &page->version);
        }
    } else if (!strcmp(name, "next")) {
        if (page->has_next) {
            node_refuse(&node, "stands there twice");
        } else {
            page->has_next = true;
            node_copy_printable(&node, INVENTORY_CURSOR_MAX, &page->cursor);
        }
    } else if (!strcmp(name, "items")) {
        node_refuse(&node, "is not an array");
    }
    node_value_free(value);
    if (decoder.error) {
        page_fail(page, decoder.error);
    }
}

/* Enters the array of items. */
static void
page_read_items(struct inventory_page *page)
{
    if (page->has_items) {
        page_fail(page, xstrdup("\"items\" stands there twice"));
    } else if (page_accept(page, '[', PAGE_ITEM)) {
        page->has_items = true;
        page_accept(page, ']', PAGE_AFTER_MEMBER);
    } else {
        page_read_member(page, "items");
    }
}

static void
page_read_name(struct inventory_page *page)
{
    if (text_peek(&page->text) != '"') {
        page_fail(page, text_unexpected(&page->text, "a member's name"));
        return;
    }

    char *error;
    struct json_t *value = text_read_value(&page->text, &error);
    if (!value) {
        page_fail(page, error);
        return;
    }

    /* No known name holds a NUL. */
    struct json_decoder decoder = { .error = NULL };
    struct json_node node = { .decoder = &decoder, .value = value };
    const char *name = "";
    node_get_string(&node, &name);
    free(decoder.error);

    if (!page_accept(page, ':', PAGE_NAME)) {
        page_fail(page, text_unexpected(&page->text, "':'"));
    } else if (!strcmp(name, "items")) {
        page_read_items(page);
    } else {
        page_read_member(page, name);
    }
    node_value_free(value);
}

/* Reads an item and fills in '*item'.  Returns false if there is none. */
static bool
page_read_item(struct inventory_page *page, struct inventory_item *item)
{
    char *error;
    struct json_t *value = text_read_value(&page->text, &error);
    if (!value) {
        page_fail(page, error);
        return false;
    }

    node_value_decode(value, item);
    node_value_free(value);
    if (item->error && !item->id) {
        char *where = xasprintf("item %"PRIuSIZE": %s", page->n_items,
                                item->error);
        free(item->error);
        item->error = where;
    }
    page->n_items++;
    page->state = PAGE_AFTER_ITEM;
    return true;
}

static void
page_read_after_item(struct inventory_page *page)
{
    if (!page_accept(page, ',', PAGE_ITEM)
        && !page_accept(page, ']', PAGE_AFTER_MEMBER)) {
        page_fail(page, text_unexpected(&page->text, "',' or ']'"));
    }
}

static void
page_read_after_member(struct inventory_page *page)
{
    if (!page_accept(page, ',', PAGE_NAME)
        && !page_accept(page, '}', PAGE_END)) {
        page_fail(page, text_unexpected(&page->text, "',' or '}'"));
    }
}

/* Checks the page as a whole. */
static void
page_finish(struct inventory_page *page)
{
    text_peek(&page->text);
    if (!text_at_end(&page->text)) {
        page_fail(page, text_unexpected(&page->text, "nothing more"));
    } else if (!page->has_items) {
        page_fail(page, xstrdup("\"items\" is missing"));
    } else if (!page->version) {
        page_fail(page, xstrdup("\"version\" is missing"));
    }
}

enum inventory_page_event
inventory_page_next(struct inventory_page *page, struct inventory_item *item)
{
    for (;;) {
        switch (page->state) {
        case PAGE_START:
            page_read_start(page);
            break;

        case PAGE_NAME:
            page_read_name(page);
            break;

        case PAGE_ITEM:
            if (page_read_item(page, item)) {
                return INVENTORY_PAGE_ITEM;
            }
            break;

        case PAGE_AFTER_ITEM:
            page_read_after_item(page);
            break;

        case PAGE_AFTER_MEMBER:
            page_read_after_member(page);
            break;

        case PAGE_END:
            page_finish(page);
            if (page->state == PAGE_END) {
                return INVENTORY_PAGE_END;
            }
            break;

        case PAGE_FAILED:
            return INVENTORY_PAGE_ERROR;
        }
    }
}
