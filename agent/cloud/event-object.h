/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EVENT_OBJECT_H
#define VTEPD_EVENT_OBJECT_H 1

/* The object inside of an event, whatever the event around it looks like.
 * Inside of inventory-event.h, which is what others use. */

#include <stdbool.h>

#include "core/objects.h"

struct inventory_event;
struct json_node;

/* What messages begin with that are about the event and not its object. */
#define EVENT_MESSAGE "event"

enum event_verb {
    EVENT_VERB_PUT,
    EVENT_VERB_DELETE,
};

/* Decodes 'root' as the object that 'verb' was done to, which is of the kind
 * '*named' if 'named' is not NULL, and makes a PUT, DELETE, THIN or UNKNOWN of
 * 'event', which must be empty.  Returns false if it is refused, which is
 * recorded; 'event' then has the object's kind and id as far as can be told,
 * and nothing else. */
bool event_object_decode(const struct json_node *root, enum event_verb verb,
                         const enum object_kind *named,
                         struct inventory_event *event);

/* Makes an UNKNOWN of 'event', with "WHAT "TEXT"". */
void event_set_unknown(struct inventory_event *event, const char *what,
                       const char *text);

#endif /* event-object.h */
