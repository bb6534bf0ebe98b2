/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_URL_H
#define VTEPD_INVENTORY_URL_H 1

/* The URLs of the cloud API, as text (RFC 3986).  No I/O. */

#include <stdbool.h>

/* Returns NULL if 'url' can be the base of the API: "http:" or "https:", with
 * a host, without user, password, query or fragment.  Otherwise says what is
 * wrong with it, which the caller must free; the URL itself is not repeated,
 * because it may hold a password. */
char *inventory_url_check(const char *url);

/* Returns the URL of a page of the list (contract 3.2) under 'base', for the
 * host with id 'host'.  'cursor' is NULL for the first page.  The caller must
 * free it. */
char *inventory_url_list(const char *base, const char *host, int limit,
                         const char *cursor);

/* Returns the URL of the watch stream (contract 3.3) likewise, from version
 * 'since' on. */
char *inventory_url_watch(const char *base, const char *host,
                          const char *since);

/* Do the URLs have scheme, host and port in common (RFC 6454)? */
bool inventory_url_same_origin(const char *a, const char *b);

/* Returns the path that 'url', "file:PATH" or "file://[localhost]PATH"
 * (RFC 8089), stands for, or NULL and an error in '*errorp'.  The caller must
 * free either. */
char *inventory_url_to_path(const char *url, char **errorp);

#endif /* inventory-url.h */
