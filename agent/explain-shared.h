/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLAIN_SHARED_H
#define VTEPD_EXPLAIN_SHARED_H 1

/* Who has an address that several endpoints may hold. */

#include <stdbool.h>

struct agent;
struct endpoint_node;
struct explanation;

/* 'name', which no endpoint bears, may be a shared address that nobody has
 * announced.  Then says so and returns true. */
bool explain_unannounced(const struct agent *, const char *name,
                         struct explanation *);

/* If 'name' is a shared address that the endpoint holds, says so. */
void explain_holder(const struct agent *, const char *name,
                    const struct endpoint_node *, struct explanation *);

#endif /* explain-shared.h */
