/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/json-node.h"
#include "cloud/object-json.h"
#include "cloud/safe-text.h"
#include "cloud/value-arena.h"
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

char
text_peek(struct json_text *text)
{
    skip_space(text);
    return text->pos < text->len ? text->text[text->pos] : '\0';
}

bool
text_at_end(const struct json_text *text)
{
    return text->pos >= text->len;
}

char *
text_unexpected(const struct json_text *text, const char *wanted)
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

/* Reads a value at the start of the 'n' bytes at 's'. */
static json_t *
load(const char *s, size_t n, size_t flags, json_error_t *e)
{
    static bool initialized;
    if (!initialized) {
        json_set_alloc_funcs(value_arena_alloc, value_arena_free);
        initialized = true;
    }

    value_arena_begin();
    json_t *value = json_loadb(s, n, flags, e);
    value_arena_end();
    if (!value) {
        value_arena_release();
    }
    return value;
}

json_t *
text_read_value(struct json_text *text, char **errorp)
{
    text_peek(text);
    if (text_at_end(text)) {
        *errorp = text_unexpected(text, "a value");
        return NULL;
    }

    json_error_t e;
    size_t n = MIN(text->len - text->pos, VALUE_MAX);
    const char *start = &text->text[text->pos];
    json_t *value = load(start, n, LOAD_FLAGS, &e);
    if (!value && json_error_code(&e) == json_error_numeric_overflow) {
        /* An integer beyond 64 bits.  As a real number it is refused with the
         * member that has it, not with the whole page. */
        value = load(start, n, LOAD_FLAGS | JSON_DECODE_INT_AS_REAL, &e);
    }
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

json_t *
text_read_only_value(struct json_text *text, char **errorp)
{
    text_peek(text);
    if (text_at_end(text)) {
        *errorp = xstrdup("the text is empty");
        return NULL;
    }

    json_t *value = text_read_value(text, errorp);
    text_peek(text);
    if (value && !text_at_end(text)) {
        *errorp = text_unexpected(text, "nothing more");
        node_value_free(value);
        return NULL;
    }
    return value;
}

void
node_value_free(json_t *value)
{
    if (value) {
        if (value_arena_has_spilled()) {
            json_decref(value);
        }
        value_arena_release();
    }
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

/* Appends the JSON Pointer (RFC 6901) of 'node' in the whole text. */
static void
put_pointer(const struct json_node *node, struct ds *s)
{
    if (!node->up) {
        if (node->decoder->where) {
            put_pointer(node->decoder->where, s);
        }
        return;
    }
    put_pointer(node->up, s);
    if (node->name) {
        ds_put_format(s, "/%s", node->name);
    } else {
        ds_put_format(s, "/%"PRIuSIZE, node->index);
    }
}

/* Keeps 'message', of which it takes over the text, as the first refusal. */
static void
record(const struct json_node *node, struct ds *message)
{
    struct json_decoder *decoder = node->decoder;

    decoder->error = ds_steal_cstr(message);
    if (decoder->pointerp) {
        struct ds pointer = DS_EMPTY_INITIALIZER;
        put_pointer(node, &pointer);
        *decoder->pointerp = ds_steal_cstr(&pointer);
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
        record(node, &s);
    }
    return false;
}

struct json_node
node_of_value(const struct json_node *up, const char *name, json_t *value)
{
    return (struct json_node) {
        .decoder = up->decoder,
        .value = json_is_null(value) ? NULL : value,
        .up = up,
        .name = name,
    };
}

struct json_node
node_of_item(const struct json_node *up, size_t index, json_t *value)
{
    return (struct json_node) {
        .decoder = up->decoder,
        .value = value,
        .up = up,
        .index = index,
    };
}

struct json_node
node_member(const struct json_node *up, const char *name)
{
    return node_of_value(up, name, json_object_get(up->value, name));
}

void
node_members(const struct json_node *up, const char *const names[], size_t n,
             struct json_node nodes[])
{
    const char *name;
    json_t *value;
    size_t i = 0;               /* Members mostly stand in the same order. */

    for (size_t j = 0; j < n; j++) {
        nodes[j] = node_of_value(up, names[j], NULL);
    }
    json_object_foreach (up->value, name, value) {
        for (size_t j = 0; j < n; j++, i = i + 1 < n ? i + 1 : 0) {
            if (names[i][0] == name[0] && !strcmp(names[i], name)) {
                nodes[i] = node_of_value(up, names[i], value);
                break;
            }
        }
    }
}

struct json_node
node_item(const struct json_node *up, size_t index)
{
    return node_of_item(up, index, json_array_get(up->value, index));
}

bool
node_require(const struct json_node *node)
{
    if (!node->value && !node->decoder->error) {
        struct ds s = DS_EMPTY_INITIALIZER;
        put_subject(node, &s);
        ds_put_cstr(&s, "is missing");
        record(node, &s);
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
node_copy_printable(const struct json_node *node, size_t max, char **copy)
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

/* JSON has one kind of numbers: 77.0 is 77 (RFC 8259 section 6).  Beyond 2^53
 * a real does not tell one integer from the next. */
static bool
get_whole_number(const json_t *value, json_int_t *ip)
{
    if (json_is_integer(value)) {
        *ip = json_integer_value(value);
        return true;
    }

    double d = json_is_real(value) ? json_real_value(value) : 0.5;
    if (d != floor(d) || fabs(d) > 9007199254740992.0) {
        return false;
    }
    *ip = d;
    return true;
}

bool
node_get_integer(const struct json_node *node, uint64_t min, uint64_t max,
                 uint64_t *ip)
{
    if (!node->value) {
        return true;
    }

    json_int_t i;
    if (!get_whole_number(node->value, &i)) {
        return node_refuse(node, "is not an integer");
    }
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

size_t
node_n_members(const struct json_node *node)
{
    const char *name;
    json_t *value;
    size_t n = 0;

    json_object_foreach (node->value, name, value) {
        n += !json_is_null(value);
    }
    return n;
}

/* Objects. */

void
node_value_decode(json_t *value, struct inventory_item *item)
{
    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder, .value = value };

    if (object_json_identify(&root, NULL, item)) {
        item->object = object_json_decode(&root, item->kind, &item->id);
    }
    item->error = decoder.error;
}

struct object *
inventory_json_decode_object(const char *s, size_t len, char **errorp)
{
    struct json_text text = { .text = s, .len = len };
    json_t *value = text_read_only_value(&text, errorp);
    if (!value) {
        return NULL;
    }

    struct inventory_item item;
    node_value_decode(value, &item);
    node_value_free(value);

    if (item.unknown_kind) {
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
