/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_HEADERS_H
#define VTEPD_WEBHOOK_HEADERS_H 1

/* Values of HTTP header fields, as far as webhooks need them.  Pure. */

#include <stdbool.h>

/* Looks in the value of a Prefer field (RFC 7240) for "wait=N".  Returns N, in
 * s and 'max' at most, or -1 if it is not there; preferences that are not
 * known, and whatever is no preference, are passed over. */
int header_prefer_wait(const char *value, int max);

/* Is the preference 'name', which has no value, in the value of a Prefer
 * field?  An empty value is none (RFC 7240, 2). */
bool header_prefers(const char *value, const char *name);

#endif /* webhook-headers.h */
