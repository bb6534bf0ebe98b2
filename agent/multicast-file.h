/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MULTICAST_FILE_H
#define VTEPD_MULTICAST_FILE_H 1

/* Memberships as a section of the file of what was learned:
 *
 *     [{"segment":"blue","endpoint":"6f2c","groups":["239.1.2.3"]},
 *      {"segment":"blue","peer":"hv2","groups":["ff15::1"]}]
 *
 * How old they are is not kept: what was learned is believed for as long as if
 * it had just been heard. */

struct json;
struct memberships;

/* The caller frees the value. */
struct json *multicast_file_to_json(struct memberships *);

/* Takes back what was kept.  Leaves out what it does not understand. */
void multicast_file_from_json(const struct json *, struct memberships *,
                              long long int now);

#endif /* multicast-file.h */
