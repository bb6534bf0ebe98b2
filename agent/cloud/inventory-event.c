/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-event.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/event-object.h"
#include "cloud/inventory-page.h"
#include "cloud/json-node.h"
#include "util.h"

void
inventory_event_uninit(struct inventory_event *event)
{
    object_destroy(event->object);
    free(event->id);
    free(event->version);
    free(event->error);
    free(event->unknown);
}

void
inventory_event_batch_uninit(struct inventory_event_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        inventory_event_uninit(&batch->events[i]);
    }
    free(batch->events);
}

void
event_body_error_uninit(struct event_body_error *error)
{
    free(error->detail);
    free(error->pointer);
}

/* Watch lines. */

static bool
line_object(const struct json_node *root, enum event_verb verb,
            struct inventory_event *event)
{
    struct json_node object = node_member(root, "object");
    if (!node_require(&object) || !node_is_object(&object)) {
        return false;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node inner = { .decoder = &decoder, .value = object.value };
    bool ok = event_object_decode(&inner, verb, NULL, event);
    root->decoder->error = decoder.error;
    return ok;
}

static bool
line_put(const struct json_node *root, struct inventory_event *event)
{
    return line_object(root, EVENT_VERB_PUT, event);
}

static bool
line_delete(const struct json_node *root, struct inventory_event *event)
{
    return line_object(root, EVENT_VERB_DELETE, event);
}

static bool
line_version(const struct json_node *root, struct inventory_event *event)
{
    struct json_node version = node_member(root, "version");

    event->type = INVENTORY_EVENT_VERSION;
    return (node_require(&version)
            && node_copy_printable(&version, INVENTORY_VERSION_MAX,
                                   &event->version));
}

static bool
line_gone(const struct json_node *root OVS_UNUSED,
          struct inventory_event *event)
{
    event->type = INVENTORY_EVENT_GONE;
    return true;
}

static const struct {
    const char *type;
    bool (*decode)(const struct json_node *, struct inventory_event *);
} line_types[] = {
    { "put", line_put },
    { "delete", line_delete },
    { "version", line_version },
    { "gone", line_gone },
};

static bool
decode_line(const struct json_node *root, const char *type,
            struct inventory_event *event)
{
    for (size_t i = 0; i < ARRAY_SIZE(line_types); i++) {
        if (!strcmp(type, line_types[i].type)) {
            return line_types[i].decode(root, event);
        }
    }
    event_set_unknown(event, "type", type);
    return true;
}

bool
inventory_event_decode_line(const char *line, size_t len,
                            struct inventory_event *event, char **errorp)
{
    *event = (struct inventory_event) { .object = NULL };

    struct json_text text = { .text = line, .len = len };
    struct json_t *value = text_read_only_value(&text, errorp);
    if (!value) {
        return false;
    }

    struct json_decoder decoder = { .kind = EVENT_MESSAGE };
    struct json_node root = { .decoder = &decoder, .value = value };
    struct json_node node = node_member(&root, "type");
    const char *type = NULL;
    bool is_event = (node_is_object(&root)
                     && node_require(&node)
                     && node_get_string(&node, &type));
    if (!is_event) {
        *errorp = decoder.error;
    } else if (!decode_line(&root, type, event)) {
        event->type = INVENTORY_EVENT_REFUSED;
        event->error = decoder.error;
    }
    node_value_free(value);
    return is_event;
}
