/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/event-object.h"

#include <stdlib.h>

#include "cloud/inventory-event.h"
#include "cloud/inventory-json.h"
#include "cloud/json-node.h"
#include "cloud/object-json.h"
#include "cloud/safe-text.h"
#include "util.h"

void
event_set_unknown(struct inventory_event *event, const char *what,
                  const char *text)
{
    char *quoted = safe_text(text);

    event->type = INVENTORY_EVENT_UNKNOWN;
    event->unknown = xasprintf("%s %s", what, quoted);
    free(quoted);
}

/* A thin event's object says which it is and nothing else. */
static bool
is_thin(const struct json_node *root)
{
    struct json_node kind = node_member(root, "kind");

    return node_n_members(root) == 1 + (kind.value != NULL);
}

/* Decodes what a PUT says of an object of which 'event' has the kind and the
 * id. */
static bool
decode_put(const struct json_node *root, struct inventory_event *event)
{
    if (is_thin(root)) {
        event->type = INVENTORY_EVENT_THIN;
        return true;
    }

    event->object = object_json_decode(root, event->kind, &event->id);
    if (!event->object) {
        return false;
    }
    event->type = INVENTORY_EVENT_PUT;
    return true;
}

/* Likewise for a DELETE.  Without a revision it could not be told from one
 * that was overtaken by a newer put: then a list has to tell. */
static bool
decode_delete(const struct json_node *root, struct inventory_event *event)
{
    bool has_revision = node_member(root, "revision").value != NULL;

    event->type = has_revision ? INVENTORY_EVENT_DELETE : INVENTORY_EVENT_THIN;
    return object_json_get_revision(root, &event->revision);
}

bool
event_object_decode(const struct json_node *root, enum event_verb verb,
                    const enum object_kind *named,
                    struct inventory_event *event)
{
    struct inventory_item item;
    bool identified = object_json_identify(root, named, &item);

    event->kind = item.kind;
    event->id = item.id;
    if (item.unknown_kind) {
        event_set_unknown(event, "kind", item.unknown_kind);
        free(item.unknown_kind);
        return true;
    }
    return (identified
            && (verb == EVENT_VERB_PUT
                ? decode_put(root, event)
                : decode_delete(root, event)));
}
