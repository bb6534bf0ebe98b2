/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OBJECT_ENCODE_H
#define VTEPD_OBJECT_ENCODE_H 1

/* Objects of the inventory as JSON (contract 3.1): what inventory-json.h
 * decodes to an equal object.  Members that have their default are left
 * out. */

struct ds;
struct object;

/* Appends 'object' to 's', without a new-line character. */
void object_encode(const struct object *object, struct ds *s);

#endif /* object-encode.h */
