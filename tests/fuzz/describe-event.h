/* SPDX-License-Identifier: Apache-2.0 */

#ifndef DESCRIBE_EVENT_H
#define DESCRIBE_EVENT_H 1

struct inventory_event;

/* Checks that 'event' is what cloud/inventory-event.h promises, and returns
 * what it brings as text, for comparison: "put {OBJECT}" and the like.  The
 * caller frees it. */
char *fuzz_describe_event(const struct inventory_event *event);

#endif /* describe-event.h */
