/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_API_TOKEN_H
#define VTEPD_API_TOKEN_H 1

/* A bearer token in a file (RFC 6750), read again whenever the file changes.
 *
 * The token never appears in a message.  A file that others can read or write
 * is refused. */

struct api_token;

struct api_token *api_token_create(const char *path);
void api_token_destroy(struct api_token *);

/* Returns the token, which is valid until the next call.  If there is none to
 * be had, returns NULL and says why in '*errorp', which the caller must
 * free. */
const char *api_token_get(struct api_token *, char **errorp);

#endif /* api-token.h */
