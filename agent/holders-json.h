/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HOLDERS_JSON_H
#define VTEPD_HOLDERS_JSON_H 1

/* Who holds the shared addresses, as a section of the file of what was learned
 * (learned-file.h):
 *
 *     [{"segment":"blue","ip":"10.0.0.100","endpoint":"a",
 *       "mac":"00:00:5e:00:01:33","since":1700000000000},...]
 *
 * in the order in which they were announced, the last one last. */

struct json;
struct overlay;

/* The caller frees it. */
struct json *holders_to_json(const struct overlay *);

/* Has the overlay remember those that are well-formed, up to
 * MAX_REMEMBERED_HOLDERS. */
#define MAX_REMEMBERED_HOLDERS 65536
void holders_from_json(const struct json *, struct overlay *);

#endif /* holders-json.h */
