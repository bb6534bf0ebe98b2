/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_OBJECTS_H
#define VTEPD_INVENTORY_OBJECTS_H 1

/* The inventory's objects as values again, for whoever has to hand all of them
 * on.
 *
 * A walk gives the objects one after the other and may take any number of
 * passes, while the inventory goes on changing.  It sees each object as it is
 * at that time: one that is there all the while comes exactly once, one that
 * comes or goes meanwhile may be among them or not.
 *
 * No I/O, no clock, no log. */

#include <stdbool.h>

struct inventory;
struct inventory_walk;
struct object;

/* Begins to walk through 'inv', which must outlive the walk: hosts, segments,
 * routers, endpoints, in no order within a kind. */
struct inventory_walk *inventory_walk_create(const struct inventory *inv);
void inventory_walk_destroy(struct inventory_walk *);

/* Can the walk go on?  Not if the inventory has outgrown its tables: then it
 * must be begun again. */
bool inventory_walk_is_valid(const struct inventory_walk *);

/* Returns the next object, equal to what was added to the inventory, which
 * the caller must free; NULL after the last one.  The walk must be valid. */
struct object *inventory_walk_next(struct inventory_walk *);

#endif /* inventory-objects.h */
