/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLAIN_NAMES_H
#define VTEPD_EXPLAIN_NAMES_H 1

/* Which endpoints an operator means.  Pure. */

struct holders;
struct inventory;
struct endpoint_node;

/* Finds the two endpoints that 'from' and 'to' name: by id, else by MAC, else
 * by address, which may be a shared one that the endpoint holds.  MACs and
 * addresses may be in several segments: then it is those two that are in one
 * segment.  '*fromp' and '*top' are NULL where nothing bears the name.  Returns
 * NULL or, if it stays ambiguous or 'to' is a multicast group, a sentence, for
 * the caller to free. */
char *explain_find_pair(const struct inventory *, const struct holders *,
                        const char *from, const char *to,
                        const struct endpoint_node **fromp,
                        const struct endpoint_node **top);

#endif /* explain-names.h */
