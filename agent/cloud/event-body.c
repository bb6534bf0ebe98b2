/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-event.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cloud/event-object.h"
#include "cloud/json-node.h"
#include "cloud/safe-text.h"
#include "util.h"

/* The types of webhooks. */

#define BAD_TYPE "does not end in %sKIND.put or %sKIND.delete with the KIND " \
                 "host, segment, router or endpoint"

struct event_type {
    enum object_kind kind;
    enum event_verb verb;
};

static bool
verb_from_string(const char *s, enum event_verb *verb)
{
    *verb = !strcmp(s, "delete") ? EVENT_VERB_DELETE : EVENT_VERB_PUT;
    return *verb == EVENT_VERB_DELETE || !strcmp(s, "put");
}

/* Finds out what 's' says, which must be "PREFIX.KIND.VERB" or, if
 * 'prefix_optional', may be just "KIND.VERB". */
static bool
event_type_from_string(const char *s, bool prefix_optional,
                       struct event_type *type)
{
    const char *verb = strrchr(s, '.');
    if (!verb || !verb_from_string(verb + 1, &type->verb)) {
        return false;
    }

    const char *kind = verb;
    while (kind > s && kind[-1] != '.') {
        kind--;
    }
    if (kind == s && !prefix_optional) {
        return false;
    }

    size_t n = verb - kind;
    for (type->kind = 0; type->kind < N_OBJECT_KINDS; type->kind++) {
        const char *name = object_kind_to_string(type->kind);
        if (strlen(name) == n && !memcmp(kind, name, n)) {
            return true;
        }
    }
    return false;
}

static bool
get_event_type(const struct json_node *root, bool prefix_optional,
               struct event_type *type)
{
    struct json_node node = node_member(root, "type");
    const char *s = NULL;
    const char *dot = prefix_optional ? "" : ".";

    return (node_require(&node)
            && node_get_string(&node, &s)
            && (event_type_from_string(s, prefix_optional, type)
                || node_refuse(&node, BAD_TYPE, dot, dot)));
}

/* Decodes the member "data", which is the object. */
static bool
decode_data(const struct json_node *root, const struct event_type *type,
            struct inventory_event *event)
{
    struct json_node data = node_member(root, "data");
    if (!node_require(&data) || !node_is_object(&data)) {
        return false;
    }

    struct json_decoder decoder = {
        .pointerp = root->decoder->pointerp,
        .where = &data,
    };
    struct json_node inner = { .decoder = &decoder, .value = data.value };
    bool ok = event_object_decode(&inner, type->verb, &type->kind, event);
    root->decoder->error = decoder.error;
    return ok;
}

/* CloudEvents 1.0, JSON format. */

static const char *
check_version(const char *s)
{
    return strcmp(s, "1.0") ? "is not 1.0" : NULL;
}

static const char *
check_not_empty(const char *s)
{
    return s[0] ? NULL : "is empty";
}

/* Looks at the characters only (RFC 3986 section 2). */
static const char *
check_uri_reference(const char *s)
{
    static const char bad[] = "is not a URI reference";

    if (!s[0]) {
        return bad;
    }
    for (; *s; s++) {
        if (*s <= ' ' || *s > '~' || strchr("\"<>\\^`{|}", *s)
            || (*s == '%' && !(isxdigit((unsigned char) s[1])
                               && isxdigit((unsigned char) s[2])))) {
            return bad;
        }
    }
    return NULL;
}

/* "TYPE/json" and "TYPE/SUBTYPE+json" are JSON, whatever their parameters. */
static const char *
check_json_type(const char *s)
{
    static const char bad[] = "is not JSON";
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    size_t n_type = strspn(s, token);
    if (!n_type || s[n_type] != '/') {
        return bad;
    }

    const char *subtype = &s[n_type + 1];
    size_t n = strspn(subtype, token);
    const char *rest = &subtype[n + strspn(&subtype[n], " \t")];
    bool is_json = (n == 4 ? !strncasecmp(subtype, "json", 4)
                    : n > 5 && !strncasecmp(&subtype[n - 5], "+json", 5));
    return is_json && (!*rest || *rest == ';') ? NULL : bad;
}

/* In the order in which they are checked; "type" has a check of its own. */
static const struct {
    const char *name;
    bool required;
    const char *(*check)(const char *);     /* Returns what is wrong. */
} attributes[] = {
    { "specversion", true, check_version },
    { "id", true, check_not_empty },
    { "source", true, check_uri_reference },
    { "datacontenttype", false, check_json_type },
};

static bool
check_attributes(const struct json_node *root)
{
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        struct json_node node = node_member(root, attributes[i].name);
        const char *s = NULL;
        if ((attributes[i].required && !node_require(&node))
            || !node_get_string(&node, &s)) {
            return false;
        }

        const char *problem = s ? attributes[i].check(s) : NULL;
        if (problem) {
            return node_refuse(&node, "%s", problem);
        }
    }

    struct json_node base64 = node_member(root, "data_base64");
    return (!base64.value
            || node_refuse(&base64, "is not looked at: give the object as "
                           "JSON in \"data\""));
}

/* Bodies. */

/* Decodes one event, 'root', whose type is '*given' if it is not in there. */
typedef bool event_decoder(const struct json_node *root,
                           const struct event_type *given,
                           struct inventory_event *event);

static bool
decode_cloudevent(const struct json_node *root,
                  const struct event_type *given OVS_UNUSED,
                  struct inventory_event *event)
{
    struct event_type type;

    return (node_is_object(root)
            && check_attributes(root)
            && get_event_type(root, false, &type)
            && decode_data(root, &type, event));
}

/* Standard Webhooks.  When the event was sent stands in a header too, which is
 * checked with the signature; "timestamp" is not looked at. */
static bool
decode_standard(const struct json_node *root,
                const struct event_type *given OVS_UNUSED,
                struct inventory_event *event)
{
    struct event_type type;

    return (node_is_object(root)
            && get_event_type(root, true, &type)
            && decode_data(root, &type, event));
}

/* The body is the object itself. */
static bool
decode_bare(const struct json_node *root, const struct event_type *given,
            struct inventory_event *event)
{
    return event_object_decode(root, given->verb, &given->kind, event);
}

/* What reading a body needs and leads to. */
struct body {
    struct json_text text;
    event_decoder *decode;
    struct event_type type;         /* Given from outside, for decode_bare. */

    struct inventory_event_batch *batch;
    size_t n_allocated;             /* Of 'batch->events'. */
    struct event_body_error *error;
};

/* Decodes 'value', whose place in the body is 'where' (NULL: it is all of the
 * body), and adds it to the batch.  Frees 'value'. */
static enum event_body_result
body_add(struct body *body, struct json_t *value,
         const struct json_node *where)
{
    struct json_decoder decoder = {
        .kind = EVENT_MESSAGE,
        .pointerp = &body->error->pointer,
        .where = where,
    };
    struct json_node root = { .decoder = &decoder, .value = value };
    struct inventory_event event = { .object = NULL };
    bool ok = body->decode(&root, &body->type, &event);
    node_value_free(value);
    if (!ok) {
        body->error->detail = decoder.error;
        inventory_event_uninit(&event);
        return EVENT_BODY_INVALID;
    }

    struct inventory_event_batch *batch = body->batch;
    if (batch->n >= body->n_allocated) {
        batch->events = x2nrealloc(batch->events, &body->n_allocated,
                                   sizeof *batch->events);
    }
    batch->events[batch->n++] = event;
    return EVENT_BODY_OK;
}

/* Reads the one event that the body is. */
static enum event_body_result
read_single(struct body *body)
{
    struct json_t *value = text_read_only_value(&body->text,
                                                &body->error->detail);

    return value ? body_add(body, value, NULL) : EVENT_BODY_NOT_JSON;
}

/* Reads an event of a batch. */
static enum event_body_result
read_item(struct body *body)
{
    size_t index = body->batch->n;
    struct json_decoder decoder = { .kind = EVENT_MESSAGE };
    struct json_node all = { .decoder = &decoder };

    if (index >= EVENT_BATCH_MAX) {
        body->error->detail = xasprintf("the batch has more than %d events",
                                        EVENT_BATCH_MAX);
        body->error->pointer = xstrdup("");
        return EVENT_BODY_INVALID;
    }

    struct json_t *value = text_read_value(&body->text,
                                           &body->error->detail);
    if (!value) {
        return EVENT_BODY_NOT_JSON;
    }

    struct json_node item = node_of_item(&all, index, value);
    enum event_body_result result = body_add(body, value, &item);
    if (result != EVENT_BODY_OK) {
        char *detail = body->error->detail;
        body->error->detail = xasprintf("item %"PRIuSIZE": %s", index,
                                        detail);
        free(detail);
    }
    return result;
}

/* Takes the next byte if it is 'c'. */
static bool
accept_byte(struct json_text *text, char c)
{
    bool found = text_peek(text) == c && !text_at_end(text);

    text->pos += found;
    return found;
}

/* A body that does not begin as an array does. */
static enum event_body_result
refuse_batch(struct body *body)
{
    struct json_t *value = text_read_only_value(&body->text,
                                                &body->error->detail);
    if (!value) {
        return EVENT_BODY_NOT_JSON;
    }
    node_value_free(value);
    body->error->detail = xstrdup("the batch is not an array of events");
    body->error->pointer = xstrdup("");
    return EVENT_BODY_INVALID;
}

/* Reads the body that is an array of events, one at a time: so JSON's tree of
 * one event is all that ever exists beside the text. */
static enum event_body_result
read_batch(struct body *body)
{
    struct json_text *text = &body->text;

    if (!accept_byte(text, '[')) {
        return refuse_batch(body);
    }
    if (!accept_byte(text, ']')) {
        do {
            enum event_body_result result = read_item(body);
            if (result != EVENT_BODY_OK) {
                return result;
            }
        } while (accept_byte(text, ','));

        if (!accept_byte(text, ']')) {
            body->error->detail = text_unexpected(text, "',' or ']'");
            return EVENT_BODY_NOT_JSON;
        }
    }

    text_peek(text);
    if (!text_at_end(text)) {
        body->error->detail = text_unexpected(text, "nothing more");
        return EVENT_BODY_NOT_JSON;
    }
    return EVENT_BODY_OK;
}

/* Parses the type that was given from outside of the body. */
static bool
take_given_type(const char *s, struct event_type *type, char **errorp)
{
    if (!s) {
        *errorp = xstrdup(EVENT_MESSAGE": \"type\" is missing");
    } else if (!event_type_from_string(s, false, type)) {
        char *quoted = safe_text(s);
        *errorp = xasprintf(EVENT_MESSAGE": \"type\" is %s, which "BAD_TYPE,
                            quoted, ".", ".");
        free(quoted);
    }
    return !*errorp;
}

static event_decoder *const body_decoders[] = {
    [EVENT_BODY_CLOUDEVENT] = decode_cloudevent,
    [EVENT_BODY_BATCH] = decode_cloudevent,
    [EVENT_BODY_DATA] = decode_bare,
    [EVENT_BODY_STANDARD] = decode_standard,
};

enum event_body_result
inventory_event_decode_body(enum event_body form, const char *type,
                            const char *text, size_t len,
                            struct inventory_event_batch *batch,
                            struct event_body_error *error)
{
    struct body body = {
        .text = { .text = text, .len = len },
        .decode = body_decoders[form],
        .batch = batch,
        .error = error,
    };

    *batch = (struct inventory_event_batch) { .events = NULL };
    *error = (struct event_body_error) { .detail = NULL };
    if (form == EVENT_BODY_DATA
        && !take_given_type(type, &body.type, &error->detail)) {
        return EVENT_BODY_INVALID;
    }

    enum event_body_result result = (form == EVENT_BODY_BATCH
                                     ? read_batch(&body)
                                     : read_single(&body));
    if (result != EVENT_BODY_OK) {
        inventory_event_batch_uninit(batch);
        *batch = (struct inventory_event_batch) { .events = NULL };
    }
    return result;
}
