/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WATCH_STREAM_H
#define VTEPD_WATCH_STREAM_H 1

/* One watch stream (contract 3.3), from the request to its end.
 *
 * Cuts what comes into lines and decodes them.  Knows when the stream is dead,
 * not what to do then: it neither retries nor logs.  Everything is bounded:
 * the length of a line, what is decoded in a pass, and what is received while
 * that is not enough.
 *
 * In each pass, call watch_stream_run() once, then watch_stream_next() until
 * it returns false, then look whether the stream has ended. */

#include <stdbool.h>

struct http_client;
struct inventory_event;

enum {
    WATCH_LINE_MAX = 2 * 1024 * 1024,   /* Bytes. */
    WATCH_SILENCE_MAX = 90 * 1000,      /* Milliseconds without an event. */
};

enum watch_outcome {
    WATCH_GOES_ON,
    WATCH_ENDED,                /* By the server, or the connection broke. */
    WATCH_GONE,                 /* What was asked for is too old. */
    WATCH_BROKEN,               /* Given up: not what a stream has to be. */
    WATCH_REFUSED,              /* Another answer than a stream, or none. */
    WATCH_NOT_THERE,            /* The server has no watch. */
};

/* How the stream is.  Times are those passed in; 0: never. */
struct watch_progress {
    long long int opened;
    long long int heard;        /* Last sign of life: its last event. */

    enum watch_outcome outcome;
    char *why;                  /* Why it has ended, fit for a log. */
    long long int worked;       /* For how long it worked, in ms. */
    long long int retry_after;  /* What the server said, in seconds; -1. */
};

struct watch_stream;

/* Asks for the stream at 'url' (inventory_url_watch()).  'now' is
 * time_msec(). */
struct watch_stream *watch_stream_create(struct http_client *,
                                         const char *url, long long int now);
void watch_stream_destroy(struct watch_stream *);

/* Takes what http_client_run() has received. */
void watch_stream_run(struct watch_stream *, long long int now);

/* Returns true if there is an event in 'event', for the caller to uninit; any
 * but INVENTORY_EVENT_GONE, which ends the stream.  False: no more in this
 * pass. */
bool watch_stream_next(struct watch_stream *, struct inventory_event *event);

void watch_stream_wait(const struct watch_stream *);

/* Valid as long as 'stream'. */
const struct watch_progress *watch_stream_progress(
    const struct watch_stream *stream);

#endif /* watch-stream.h */
