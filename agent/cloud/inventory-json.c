/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/json-node.h"
#include "cloud/object-json.h"
#include "cloud/safe-text.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Bytes of one JSON value: of an item, or of a member of the page other than
 * "items".  The largest valid object, a router with all its segments and
 * routes, takes less.  The tree of a value can be some eighty times as large
 * as its text, so this also bounds the memory. */
enum { VALUE_MAX = 2 * 1024 * 1024 };

/* "\u0000" is let through here, so that a string that holds it spoils one
 * object (see node_get_string()) and not the page. */
#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK \
                    | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* JSON text, and how far it has been read. */
struct json_text {
    const char *text;
    size_t len;
    size_t pos;
};

/* Returns "bad JSON at line L column C: PROBLEM" with the place of the byte
 * before 'end'.  'problem' must be fit for a log. */
static char *
bad_json(const struct json_text *text, size_t end, const char *problem)
{
    size_t line = 1;
    size_t line_start = 0;
    for (size_t i = 0; i + 1 < end; i++) {
        if (text->text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }

    return xasprintf("bad JSON at line %"PRIuSIZE" column %"PRIuSIZE": %s",
                     line, end - line_start, problem);
}

static void
skip_space(struct json_text *text)
{
    while (text->pos < text->len
           && memchr(" \t\r\n", text->text[text->pos], 4)) {
        text->pos++;
    }
}

/* Skips white space and returns the byte that follows, '\0' at the end. */
static char
peek(struct json_text *text)
{
    skip_space(text);
    return text->pos < text->len ? text->text[text->pos] : '\0';
}

/* Returns an error that says that 'wanted' should stand where 'text' is. */
static char *
unexpected(const struct json_text *text, const char *wanted)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_format(&s, "%s expected, but ", wanted);
    if (text->pos < text->len) {
        /* Enough to recognize HTML by. */
        size_t n = MIN(text->len - text->pos, 20);
        ds_put_cstr(&s, "found ");
        safe_text_put(&s, &text->text[text->pos], n);
    } else {
        ds_put_cstr(&s, "the text ends");
    }

    char *error = bad_json(text, MIN(text->pos + 1, text->len), ds_cstr(&s));
    ds_destroy(&s);
    return error;
}

/* Reads one value of any type.  On failure returns NULL and sets '*errorp'. */
static json_t *
read_value(struct json_text *text, char **errorp)
{
    if (!peek(text) && text->pos >= text->len) {
        *errorp = unexpected(text, "a value");
        return NULL;
    }

    json_error_t e;
    size_t n = MIN(text->len - text->pos, VALUE_MAX);
    json_t *value = json_loadb(&text->text[text->pos], n, LOAD_FLAGS, &e);
    if (value) {
        text->pos += e.position;
        return value;
    }

    struct ds problem = DS_EMPTY_INITIALIZER;
    if (n == VALUE_MAX && e.position >= VALUE_MAX) {
        ds_put_format(&problem, "a value of more than %d bytes", VALUE_MAX);
    } else {
        safe_text_put_plain(&problem, e.text, strlen(e.text));
    }
    *errorp = bad_json(text, text->pos + MAX(e.position, 0),
                       ds_cstr(&problem));
    ds_destroy(&problem);
    return NULL;
}

/* Nodes. */

static void
put_path(const struct json_node *node, struct ds *s)
{
    if (!node->up) {
        return;
    }
    put_path(node->up, s);
    if (node->name) {
        ds_put_format(s, "%s%s", node->up->up ? "." : "", node->name);
    } else {
        ds_put_format(s, "[%"PRIuSIZE"]", node->index);
    }
}

static void
put_value(const json_t *value, struct ds *s)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        ds_put_cstr(s, "an object");
        break;

    case JSON_ARRAY:
        ds_put_cstr(s, "an array");
        break;

    case JSON_STRING:
        safe_text_put(s, json_string_value(value), json_string_length(value));
        break;

    case JSON_INTEGER:
        ds_put_format(s, "%"JSON_INTEGER_FORMAT, json_integer_value(value));
        break;

    case JSON_REAL:
        ds_put_format(s, "%g", json_real_value(value));
        break;

    case JSON_TRUE:
    case JSON_FALSE:
        ds_put_cstr(s, json_is_true(value) ? "true" : "false");
        break;

    case JSON_NULL:
        ds_put_cstr(s, "null");
        break;
    }
}

/* Starts a message: "endpoint "vm1": "ips[1]" ". */
static void
put_subject(const struct json_node *node, struct ds *s)
{
    const struct json_decoder *decoder = node->decoder;

    if (decoder->kind) {
        ds_put_cstr(s, decoder->kind);
        if (decoder->id) {
            ds_put_char(s, ' ');
            safe_text_put(s, decoder->id, strlen(decoder->id));
        }
        ds_put_cstr(s, ": ");
    }
    if (node->up) {
        ds_put_char(s, '"');
        put_path(node, s);
        ds_put_cstr(s, "\" ");
    } else {
        ds_put_cstr(s, "the object ");
    }
}

bool
node_refuse(const struct json_node *node, const char *problem, ...)
{
    if (!node->decoder->error) {
        struct ds s = DS_EMPTY_INITIALIZER;
        va_list args;

        put_subject(node, &s);
        ds_put_cstr(&s, "is ");
        put_value(node->value, &s);
        ds_put_cstr(&s, ", which ");
        va_start(args, problem);
        ds_put_format_valist(&s, problem, args);
        va_end(args);
        node->decoder->error = ds_steal_cstr(&s);
    }
    return false;
}

struct json_node
node_member(const struct json_node *up, const char *name)
{
    json_t *value = json_object_get(up->value, name);

    return (struct json_node) {
        .decoder = up->decoder,
        .value = json_is_null(value) ? NULL : value,
        .up = up,
        .name = name,
    };
}

struct json_node
node_item(const struct json_node *up, size_t index)
{
    return (struct json_node) {
        .decoder = up->decoder,
        .value = json_array_get(up->value, index),
        .up = up,
        .index = index,
    };
}

bool
node_require(const struct json_node *node)
{
    if (!node->value && !node->decoder->error) {
        struct ds s = DS_EMPTY_INITIALIZER;
        put_subject(node, &s);
        ds_put_cstr(&s, "is missing");
        node->decoder->error = ds_steal_cstr(&s);
    }
    return node->value != NULL;
}

bool
node_get_string(const struct json_node *node, const char **sp)
{
    if (!node->value) {
        return true;
    }
    if (!json_is_string(node->value)) {
        return node_refuse(node, "is not a string");
    }

    const char *s = json_string_value(node->value);
    if (strlen(s) != json_string_length(node->value)) {
        return node_refuse(node, "holds a NUL character");
    }
    *sp = s;
    return true;
}

bool
node_get_bool(const struct json_node *node, bool *bp)
{
    if (!node->value) {
        return true;
    }
    if (!json_is_boolean(node->value)) {
        return node_refuse(node, "is neither true nor false");
    }
    *bp = json_is_true(node->value);
    return true;
}

bool
node_get_integer(const struct json_node *node, uint64_t min, uint64_t max,
                      uint64_t *ip)
{
    if (!node->value) {
        return true;
    }
    if (!json_is_integer(node->value)) {
        return node_refuse(node, "is not an integer");
    }

    json_int_t i = json_integer_value(node->value);
    if (i < 0 || (uint64_t) i < min || (uint64_t) i > max) {
        return node_refuse(node, "is not within %"PRIu64" to %"PRIu64,
                                min, max);
    }
    *ip = i;
    return true;
}

bool
node_get_array(const struct json_node *node, size_t max, size_t *n)
{
    *n = 0;
    if (!node->value) {
        return true;
    }
    if (!json_is_array(node->value)) {
        return node_refuse(node, "is not an array");
    }
    if (json_array_size(node->value) > max) {
        return node_refuse(node, "has %"PRIuSIZE" items, more than "
                                "%"PRIuSIZE, json_array_size(node->value),
                                max);
    }
    *n = json_array_size(node->value);
    return true;
}

bool
node_is_object(const struct json_node *node)
{
    return (json_is_object(node->value)
            || node_refuse(node, "is not an object"));
}

/* Objects. */

static void
decode_value(json_t *value, struct inventory_item *item)
{
    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder, .value = value };

    object_json_decode(&root, item);
}

struct object *
inventory_json_decode_object(const char *s, size_t len, char **errorp)
{
    struct json_text text = { .text = s, .len = len };
    json_t *value = read_value(&text, errorp);
    if (!value) {
        return NULL;
    }

    struct inventory_item item;
    decode_value(value, &item);
    json_decref(value);

    peek(&text);
    if (text.pos < text.len) {
        free(item.error);
        item.error = unexpected(&text, "nothing more");
    } else if (item.unknown_kind) {
        struct ds e = DS_EMPTY_INITIALIZER;
        ds_put_cstr(&e, "\"kind\" is ");
        safe_text_put(&e, item.unknown_kind, strlen(item.unknown_kind));
        ds_put_cstr(&e, ", which is not known");
        item.error = ds_steal_cstr(&e);
    }

    struct object *object = item.error ? NULL : item.object;
    if (object) {
        item.object = NULL;
    } else {
        *errorp = item.error;
        item.error = NULL;
    }
    inventory_item_uninit(&item);
    return object;
}

void
inventory_item_uninit(struct inventory_item *item)
{
    object_destroy(item->object);
    free(item->error);
    free(item->unknown_kind);
    free(item->id);
}

/* Pages.
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
    if (peek(&page->text) != c) {
        return false;
    }
    page->text.pos++;
    page->state = then;
    return true;
}

static void
page_read_start(struct inventory_page *page)
{
    peek(&page->text);
    if (page->text.pos >= page->text.len) {
        page_fail(page, xstrdup("the body is empty"));
    } else if (!page_accept(page, '{', PAGE_NAME)) {
        page_fail(page, unexpected(&page->text, "'{'"));
    } else {
        page_accept(page, '}', PAGE_END);
    }
}

/* Checks the string in 'node' and copies it to '*copy'.  The cursor is
 * opaque, but must fit in a request, and it must be possible to log the
 * version. */
static bool
page_take_string(const struct json_node *node, size_t max, char **copy)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    if (s) {
        size_t len = strlen(s);
        if (!len || len > max) {
            return node_refuse(node, "is not of 1 to %"PRIuSIZE" bytes",
                                    max);
        }
        for (size_t i = 0; i < len; i++) {
            if (s[i] < 0x20 || s[i] > 0x7e) {
                return node_refuse(node, "is not printable ASCII");
            }
        }
        *copy = xstrdup(s);
    }
    return true;
}

/* Reads the value of the member 'name'. */
static void
page_read_member(struct inventory_page *page, const char *name)
{
    char *error;
    json_t *value = read_value(&page->text, &error);
    if (!value) {
        page_fail(page, error);
        return;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder };
    struct json_node node = {
        .decoder = &decoder,
        .value = json_is_null(value) ? NULL : value,
        .up = &root,
        .name = name
    };
    page->state = PAGE_AFTER_MEMBER;
    if (!strcmp(name, "version")) {
        if (page->version) {
            node_refuse(&node, "stands there twice");
        } else {
            page_take_string(&node, INVENTORY_VERSION_MAX, &page->version);
        }
    } else if (!strcmp(name, "next")) {
        if (page->has_next) {
            node_refuse(&node, "stands there twice");
        } else {
            page->has_next = true;
            page_take_string(&node, INVENTORY_CURSOR_MAX, &page->cursor);
        }
    } else if (!strcmp(name, "items")) {
        node_refuse(&node, "is not an array");
    }
    json_decref(value);
    if (decoder.error) {
        page_fail(page, decoder.error);
    }
}

static void
page_read_name(struct inventory_page *page)
{
    if (peek(&page->text) != '"') {
        page_fail(page, unexpected(&page->text, "a member's name"));
        return;
    }

    char *error;
    json_t *name = read_value(&page->text, &error);
    if (!name) {
        page_fail(page, error);
        return;
    }

    /* No known name holds a NUL. */
    const char *s = json_string_value(name);
    s = strlen(s) == json_string_length(name) ? s : "";

    bool is_items = !strcmp(s, "items");
    if (!page_accept(page, ':', PAGE_NAME)) {
        page_fail(page, unexpected(&page->text, "':'"));
    } else if (is_items && page->has_items) {
        page_fail(page, xstrdup("\"items\" stands there twice"));
    } else if (is_items && page_accept(page, '[', PAGE_ITEM)) {
        page->has_items = true;
        page_accept(page, ']', PAGE_AFTER_MEMBER);
    } else {
        page_read_member(page, s);
    }
    json_decref(name);
}

/* Reads an item and fills in '*item'.  Returns false if there is none. */
static bool
page_read_item(struct inventory_page *page, struct inventory_item *item)
{
    char *error;
    json_t *value = read_value(&page->text, &error);
    if (!value) {
        page_fail(page, error);
        return false;
    }

    decode_value(value, item);
    json_decref(value);
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
        page_fail(page, unexpected(&page->text, "',' or ']'"));
    }
}

static void
page_read_after_member(struct inventory_page *page)
{
    if (!page_accept(page, ',', PAGE_NAME)
        && !page_accept(page, '}', PAGE_END)) {
        page_fail(page, unexpected(&page->text, "',' or '}'"));
    }
}

/* Checks the page as a whole. */
static void
page_finish(struct inventory_page *page)
{
    peek(&page->text);
    if (page->text.pos < page->text.len) {
        page_fail(page, unexpected(&page->text, "nothing more"));
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
