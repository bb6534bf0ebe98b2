/* SPDX-License-Identifier: Apache-2.0 */

#ifndef GROUP_TEXT_H
#define GROUP_TEXT_H 1

/* Multicast messages as text, for the tests of IGMP and MLD. */

#include <stddef.h>
#include <stdint.h>

struct group_message;

typedef const char *group_decode_func(const void *frame, size_t size,
                                      struct group_message *);

/* What the frame says: "v2" and its changes, "+GROUP" joined, "-GROUP" left,
 * "?GROUP" doubted; "v3 query"; or why it is refused.  The caller frees it. */
char *group_describe(group_decode_func *, const void *frame, size_t size);

/* Asserts that the frame, in hexadecimal digits, says 'expected'. */
void group_check(group_decode_func *, const char *frame, const char *expected);

/* The same for bytes. */
void group_check_bytes(group_decode_func *, const void *frame, size_t size,
                       const char *expected);

/* Asserts that the frame is refused whichever one bit of it is another, from
 * byte 'first' on, and wherever it is cut off. */
void group_check_damage(group_decode_func *, const char *frame, size_t first);

/* Returns the bytes of hexadecimal digits, which the caller must free. */
uint8_t *bytes_of(const char *hex, size_t *size);

#endif /* group-text.h */
