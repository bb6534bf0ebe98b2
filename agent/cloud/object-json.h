/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OBJECT_JSON_H
#define VTEPD_OBJECT_JSON_H 1

/* Turns the JSON of one object into the value (contract 3.1), checking
 * everything that can be said of the object alone.  Inside of inventory-json.h
 * and inventory-event.h, which are what others use. */

#include <stdbool.h>
#include <stdint.h>

#include "core/objects.h"

struct inventory_item;
struct json_node;

/* Finds out which object 'root' is.  '*named' is the kind that the event
 * around it names, with which the object's own, if given, has to agree; if
 * 'named' is NULL, the object's own must be given.
 *
 * Fills in all of '*item': 'kind' and 'id', as far as they can be told, or
 * 'unknown_kind'.  Returns true if the object is identified, false if it is of
 * an unknown kind or refused, which the decoder of 'root' has recorded. */
bool object_json_identify(const struct json_node *root,
                          const enum object_kind *named,
                          struct inventory_item *item);

/* Stores the object's revision; as with node_get_*(), leaves '*revision' alone
 * if there is none. */
bool object_json_get_revision(const struct json_node *root,
                              uint64_t *revision);

/* Decodes all of 'root', which was identified.  Takes over '*idp', its id, and
 * makes that NULL; or returns NULL after recording why it is refused. */
struct object *object_json_decode(const struct json_node *root,
                                  enum object_kind kind, char **idp);

#endif /* object-json.h */
