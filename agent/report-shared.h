/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_REPORT_SHARED_H
#define VTEPD_REPORT_SHARED_H 1

/* Who holds the addresses that several endpoints may hold, for the listings of
 * segments and endpoints. */

#include <stddef.h>

struct endpoint;
struct json;
struct overlay;
struct segment_node;
struct shared_address;
struct svec;

/* All shared addresses, by segment. */
struct shared_index {
    const struct shared_address **addresses;
    size_t n;
};

void shared_index_init(struct shared_index *, const struct overlay *);
void shared_index_destroy(struct shared_index *);

/* Those of a segment, by address:
 *     [{"ip":"10.0.0.100","holder":"a","mac":"02:...","since":1700000000000}]
 * 'since' is in ms since the epoch; all but 'ip' is null while nobody holds the
 * address. */
struct json *shared_index_to_json(const struct shared_index *,
                                  const struct segment_node *);

/* Appends the shared addresses that the endpoint holds. */
void report_held_addresses(const struct overlay *, const struct endpoint *,
                           struct svec *);

#endif /* report-shared.h */
