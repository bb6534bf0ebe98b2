/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SAFE_TEXT_H
#define VTEPD_SAFE_TEXT_H 1

/* Text from outside, made fit for a log line.
 *
 * Whatever a server or a file said may be long, and may hold control
 * characters that would forge log lines or drive a terminal.  Every message
 * that quotes such text goes through here. */

#include <stddef.h>

struct ds;

/* Bytes of the outside's text that a message shows at most. */
enum { SAFE_TEXT_MAX = 100 };

/* Appends the 'len' bytes at 's' to 'ds' in double quotes, anything but
 * printable ASCII escaped, cut after SAFE_TEXT_MAX bytes with "...". */
void safe_text_put(struct ds *ds, const char *s, size_t len);

/* Appends all 'len' bytes at 's', escaped likewise except for double quotes,
 * and without quotes around. */
void safe_text_put_plain(struct ds *ds, const char *s, size_t len);

/* safe_text_put() as a string, which the caller must free. */
char *safe_text(const char *s);

#endif /* safe-text.h */
