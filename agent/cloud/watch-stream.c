/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/watch-stream.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/http-transfer.h"
#include "cloud/inventory-event.h"
#include "cloud/media-type.h"
#include "cloud/safe-text.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "util.h"

/* What is decoded in a pass: lines, and bytes of lines. */
enum {
    LINES_PER_PASS = 200,
    BYTES_PER_PASS = 256 * 1024,
};

#define CONTENT_TYPE "application/x-ndjson"

struct watch_stream {
    struct http_transfer *transfer;
    struct watch_progress progress;
    long long int now;          /* Of this pass. */

    /* What was received.  Before 'start' it has been decoded, between 'start'
     * and 'scanned' there is no end of a line. */
    struct ds text;
    size_t start;
    size_t scanned;

    /* This pass. */
    int n_lines;
    size_t n_bytes;
    bool more;                  /* There may be whole lines left. */
};

struct watch_stream *
watch_stream_create(struct http_client *client, const char *url,
                    long long int now)
{
    struct watch_stream *stream = xzalloc(sizeof *stream);
    struct http_request request = {
        .url = url,
        .accept = CONTENT_TYPE,
        .stream = true,
    };

    stream->transfer = http_transfer_create(client, &request);
    stream->progress.heard = now;
    stream->progress.retry_after = -1;
    ds_init(&stream->text);
    return stream;
}

void
watch_stream_destroy(struct watch_stream *stream)
{
    if (stream) {
        http_transfer_destroy(stream->transfer);
        ds_destroy(&stream->text);
        free(stream->progress.why);
        free(stream);
    }
}

/* Ends the stream for the reason 'why', of which it takes ownership. */
static void
end(struct watch_stream *stream, enum watch_outcome outcome, char *why)
{
    struct watch_progress *progress = &stream->progress;

    progress->outcome = outcome;
    progress->why = why;
    if (progress->opened) {
        progress->worked = ((outcome == WATCH_BROKEN ? progress->heard
                             : stream->now) - progress->opened);
    }
}

/* There is an answer with a body that can be a stream. */
static void
open_stream(struct watch_stream *stream)
{
    const char *type = http_transfer_content_type(stream->transfer);

    if (!type || !media_type_is(type, CONTENT_TYPE)) {
        char *shown = type ? safe_text(type) : xstrdup("missing");
        end(stream, WATCH_REFUSED, xasprintf(
            "the content type is %s, not \"%s\"", shown, CONTENT_TYPE));
        free(shown);
    } else {
        stream->progress.opened = stream->now;
        stream->progress.heard = stream->now;
    }
}

/* There is an answer, but not a stream. */
static void
judge_answer(struct watch_stream *stream, const struct http_response *response)
{
    if (response->error) {
        end(stream, WATCH_REFUSED, xstrdup(response->error));
        return;
    }

    int status = response->status;
    const char *text = http_status_text(status);
    stream->progress.retry_after = response->retry_after;
    end(stream, (status == 410 ? WATCH_GONE
                 : status == 404 || status == 501 ? WATCH_NOT_THERE
                 : WATCH_REFUSED),
        xasprintf("HTTP %d%s%s", status, text[0] ? " " : "", text));
}

/* Forgets what was decoded, once that is as much as what is left: what is
 * copied is bounded by what was received. */
static void
compact(struct watch_stream *stream)
{
    struct ds *text = &stream->text;
    size_t left = text->length - stream->start;

    if (!left && text->allocated > BYTES_PER_PASS) {
        ds_destroy(text);
        ds_init(text);
    } else if (left <= stream->start) {
        memmove(text->string, text->string + stream->start, left);
        ds_truncate(text, left);
    } else {
        return;
    }
    stream->scanned -= stream->start;
    stream->start = 0;
}

static void
receive(struct watch_stream *stream)
{
    if (stream->start) {
        compact(stream);
    }
    http_transfer_take(stream->transfer, &stream->text);
}

static bool
is_silent(const struct watch_stream *stream)
{
    return stream->now - stream->progress.heard >= WATCH_SILENCE_MAX;
}

void
watch_stream_run(struct watch_stream *stream, long long int now)
{
    struct watch_progress *progress = &stream->progress;
    if (progress->outcome) {
        return;
    }

    stream->now = now;
    stream->n_lines = 0;
    stream->n_bytes = 0;
    if (!progress->opened) {
        if (http_transfer_is_streaming(stream->transfer)) {
            open_stream(stream);
        } else if (http_transfer_response(stream->transfer)) {
            judge_answer(stream, http_transfer_response(stream->transfer));
        }
    }
    if (progress->outcome) {
        return;
    }

    receive(stream);
    if (!progress->opened && is_silent(stream)) {
        end(stream, WATCH_REFUSED,
            xasprintf("no answer came within %d s", WATCH_SILENCE_MAX / 1000));
    }
}

static bool
is_blank(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* Finds the next line that is not empty: its first byte, and in '*lenp' its
 * length without the line end.  Returns NULL if it has not come yet. */
static const char *
find_line(struct watch_stream *stream, size_t *lenp)
{
    struct ds *text = &stream->text;

    while (stream->start < text->length
           && is_blank(text->string[stream->start])) {
        stream->start++;
    }
    stream->scanned = MAX(stream->scanned, stream->start);
    if (stream->scanned == text->length) {
        return NULL;
    }

    const char *line = text->string + stream->start;
    const char *line_end = memchr(text->string + stream->scanned, '\n',
                                  text->length - stream->scanned);
    if (!line_end) {
        stream->scanned = text->length;
        return NULL;
    }
    *lenp = line_end - line;
    stream->start += *lenp + 1;
    stream->scanned = stream->start;
    return line;
}

/* All whole lines have been decoded.  Only now is it known whether there was a
 * sign of life: a blank line, as a proxy may send to keep a connection whose
 * other side is dead, is none. */
static void
lines_are_over(struct watch_stream *stream)
{
    const struct http_response *response = http_transfer_response(
        stream->transfer);
    size_t left = stream->text.length - stream->start;

    if (left > WATCH_LINE_MAX) {
        end(stream, WATCH_BROKEN, xasprintf("a line is longer than %d MiB",
                                            WATCH_LINE_MAX / 1024 / 1024));
    } else if (response) {
        end(stream, WATCH_ENDED,
            response->error ? xstrdup(response->error)
            : xasprintf("the server closed it%s",
                        left ? " in the middle of a line" : ""));
    } else if (is_silent(stream)) {
        end(stream, WATCH_BROKEN, xasprintf("no event came for %d s",
                                            WATCH_SILENCE_MAX / 1000));
    }
}

/* Decodes a line into 'event'.  Returns false if it has ended the stream. */
static bool
decode(struct watch_stream *stream, const char *line, size_t len,
       struct inventory_event *event)
{
    char *error;

    if (len > WATCH_LINE_MAX) {
        end(stream, WATCH_BROKEN, xasprintf("a line is longer than %d MiB",
                                            WATCH_LINE_MAX / 1024 / 1024));
        return false;
    }
    if (!inventory_event_decode_line(line, len, event, &error)) {
        end(stream, WATCH_BROKEN, xasprintf("a line is no event: %s", error));
        free(error);
        return false;
    }
    stream->progress.heard = stream->now;
    if (event->type == INVENTORY_EVENT_GONE) {
        inventory_event_uninit(event);
        end(stream, WATCH_GONE, xstrdup("the server says \"gone\""));
        return false;
    }
    return true;
}

bool
watch_stream_next(struct watch_stream *stream, struct inventory_event *event)
{
    if (stream->progress.outcome || !stream->progress.opened) {
        return false;
    }

    stream->more = (stream->n_lines >= LINES_PER_PASS
                    || stream->n_bytes >= BYTES_PER_PASS);
    size_t len;
    const char *line = stream->more ? NULL : find_line(stream, &len);
    if (line) {
        stream->n_lines++;
        stream->n_bytes += len;
        return decode(stream, line, len, event);
    }

    if (!stream->more) {
        lines_are_over(stream);
    }
    http_transfer_pause(stream->transfer, stream->more);
    return false;
}

void
watch_stream_wait(const struct watch_stream *stream)
{
    if (stream->more || stream->progress.outcome) {
        poll_immediate_wake();
    } else {
        poll_timer_wait_until(stream->progress.heard + WATCH_SILENCE_MAX);
    }
}

const struct watch_progress *
watch_stream_progress(const struct watch_stream *stream)
{
    return &stream->progress;
}
