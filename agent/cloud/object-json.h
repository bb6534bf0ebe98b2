/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OBJECT_JSON_H
#define VTEPD_OBJECT_JSON_H 1

/* Turns the JSON of one object into the value (contract 3.1), checking
 * everything that can be said of the object alone.  Inside of
 * inventory-json.h, which is what others use. */

struct inventory_item;
struct json_node;

/* Decodes 'root', filling in all of '*item'. */
void object_json_decode(const struct json_node *root,
                        struct inventory_item *item);

#endif /* object-json.h */
