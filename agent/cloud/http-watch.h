/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HTTP_WATCH_H
#define VTEPD_HTTP_WATCH_H 1

/* Follows an HTTP server between its lists (contract 3.3).
 *
 *             http_watch_listed()         200
 *     CLOSED ---------------------> ASKED ---> OPEN
 *        ^                            |         |
 *        '----------------------------+---------'
 *                     it has ended
 *
 * A list that ends well opens a watch from its version on, unless one is open
 * or it is too early (watch-schedule.h).  What a stream is and when it ends is
 * known in watch-stream.h.  Lists are made by http-inventory.c, which is told
 * when one is wanted and goes on with its own meanwhile. */

#include <stdbool.h>

#include "cloud/watch-schedule.h"

struct http_client;
struct inventory_source;

struct http_watch {
    struct inventory_source *source;
    struct http_client *client;
    const char *base_url;
    const char *host;
    struct watch_schedule schedule;

    struct watch_stream *stream;    /* NULL: CLOSED. */
    char *since;                    /* The version it was asked for from. */
    long long int next_refusal_list;    /* See handle_event(). */
};

/* Everything passed in must outlive 'watch'.  'poll' is in seconds. */
void http_watch_init(struct http_watch *watch, struct inventory_source *,
                     struct http_client *, const char *base_url,
                     const char *host, int poll);
void http_watch_destroy(struct http_watch *);

/* A list has ended well: 'version' holds. */
void http_watch_listed(struct http_watch *, const char *version,
                       long long int now);

/* Call after http_client_run(). */
void http_watch_run(struct http_watch *, long long int now);
void http_watch_wait(const struct http_watch *);

/* When a list is wanted because no stream is open; LLONG_MAX: none is. */
long long int http_watch_list_at(const struct http_watch *);

#endif /* http-watch.h */
