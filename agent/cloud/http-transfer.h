/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HTTP_TRANSFER_H
#define VTEPD_HTTP_TRANSFER_H 1

/* HTTP GET on the poll loop.
 *
 * A client holds what all requests to one API have in common: TLS settings,
 * the bearer token, connections.  A transfer is one request and its answer.
 * Nothing blocks, name resolution included; any number of transfers can be
 * under way.  Knows nothing of the inventory, never retries, logs next to
 * nothing: what went wrong is in the response.
 *
 * Everything is bounded: the time to connect, the time in all, the time at a
 * crawl, the size of headers and of the (decompressed) body.  Redirects are
 * followed within the origin only, so that the token never goes elsewhere.
 * Proxies are taken from the environment as curl does.
 *
 * The body of a *stream* has no end: it is taken as it comes, and only what
 * has not been taken yet is bounded.  How long it may be silent is for the
 * user to judge; once connected, no time limit applies. */

#include <stdbool.h>
#include <stdint.h>

#include "cloud/http-answer.h"

/* Files in PEM format; NULL: not set. */
struct http_client_config {
    const char *token_file;     /* Bearer token, see api-token.h. */
    const char *ca;             /* CAs to trust instead of the system's. */
    const char *cert;           /* Client certificate. */
    const char *key;            /* Its key. */
    bool insecure;              /* Do not verify the server (warned of). */
};

struct http_client;

/* Returns NULL and sets '*errorp' (which the caller must free) if a file of
 * the configuration cannot be used. */
struct http_client *http_client_create(const struct http_client_config *,
                                       char **errorp);

/* All transfers must have been destroyed. */
void http_client_destroy(struct http_client *);

void http_client_run(struct http_client *);
void http_client_wait(struct http_client *);

/* Bytes of bodies received until now, decompressed. */
uint64_t http_client_n_received(const struct http_client *);

struct http_request {
    const char *url;
    const char *accept;         /* Content type wanted. */
    const char *if_none_match;  /* ETag, or NULL. */
    bool stream;
};

struct http_transfer;

/* Begins to GET what 'request' (copied) says. */
struct http_transfer *http_transfer_create(struct http_client *,
                                           const struct http_request *);

/* Destroys 'transfer', abandoning it if it is under way.  NULL is allowed. */
void http_transfer_destroy(struct http_transfer *transfer);

/* Returns NULL as long as the transfer is under way.  The caller may take
 * 'body' out, leaving an empty one. */
struct http_response *http_transfer_response(struct http_transfer *);

/* Streams. */

/* Has the head of an answer with status 200 arrived?  If so,
 * http_transfer_content_type() is its content type, NULL if it has none. */
bool http_transfer_is_streaming(const struct http_transfer *);
const char *http_transfer_content_type(const struct http_transfer *);

/* Moves what has come of the body to the end of 'to'.  Also once the transfer
 * is done. */
void http_transfer_take(struct http_transfer *, struct ds *to);

/* Receives nothing as long as 'pause' (the server has to wait), so that a user
 * who has enough to do for now need not take more. */
void http_transfer_pause(struct http_transfer *, bool pause);

#endif /* http-transfer.h */
