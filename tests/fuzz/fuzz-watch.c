/* SPDX-License-Identifier: Apache-2.0 */

/* Watch streams (contract 3.3).  The first line of the input is the answer's
 * status and content type, the rest is its body.
 *
 * The events, and how the stream ends, do not depend on how the body is cut
 * when it comes. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/http-transfer.h"
#include "cloud/inventory-event.h"
#include "cloud/watch-stream.h"
#include "describe-event.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* In the place of http-transfer.c: an answer that is there already, and comes
 * in pieces. */

struct answer {
    int status;
    char *content_type;
    const uint8_t *body;
    size_t len;
};

struct http_transfer {
    const struct answer *answer;
    size_t n_taken;
    uint32_t cut;               /* Where the pieces end; 0: all is one. */
    bool paused;
    struct http_response response;
};

static struct answer answer;
static uint32_t cut;

struct http_transfer *
http_transfer_create(struct http_client *client OVS_UNUSED,
                     const struct http_request *request)
{
    struct http_transfer *transfer = xzalloc(sizeof *transfer);

    fuzz_check(request->stream);
    transfer->answer = &answer;
    transfer->cut = cut;
    transfer->response.status = answer.status;
    transfer->response.retry_after = -1;
    return transfer;
}

void
http_transfer_destroy(struct http_transfer *transfer)
{
    free(transfer);
}

bool
http_transfer_is_streaming(const struct http_transfer *transfer)
{
    return transfer->answer->status == 200;
}

const char *
http_transfer_content_type(const struct http_transfer *transfer)
{
    return transfer->answer->content_type;
}

struct http_response *
http_transfer_response(struct http_transfer *transfer)
{
    bool is_over = (!http_transfer_is_streaming(transfer)
                    || transfer->n_taken == transfer->answer->len);

    return is_over ? &transfer->response : NULL;
}

void
http_transfer_take(struct http_transfer *transfer, struct ds *to)
{
    size_t n = transfer->answer->len - transfer->n_taken;

    if (transfer->paused) {
        return;
    }
    if (transfer->cut && n) {
        transfer->cut = transfer->cut * 1664525 + 1013904223;
        n = MIN(n, (transfer->cut >> 16) % 64);
    }
    ds_put_buffer(to, (const char *) transfer->answer->body
                  + transfer->n_taken, n);
    transfer->n_taken += n;
}

void
http_transfer_pause(struct http_transfer *transfer, bool pause)
{
    transfer->paused = pause;
}

/* Follows the stream to its end.  Returns what came of it, as text that the
 * caller frees. */
static char *
follow(uint32_t cut_)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    long long int now = 1;

    cut = cut_;
    struct watch_stream *stream = watch_stream_create(NULL, "", now);
    const struct watch_progress *progress = watch_stream_progress(stream);
    do {
        struct inventory_event event;

        /* Pieces are of 31 bytes in the mean, and may be of none. */
        fuzz_check(now < 1000 + (long long int) answer.len);
        watch_stream_run(stream, ++now);
        while (watch_stream_next(stream, &event)) {
            char *text = fuzz_describe_event(&event);

            ds_put_format(&s, "%s\n", text);
            free(text);
            inventory_event_uninit(&event);
        }
    } while (progress->outcome == WATCH_GOES_ON);

    fuzz_check_sentence(progress->why);
    ds_put_format(&s, "%d %s\n", progress->outcome, progress->why);
    watch_stream_destroy(stream);
    return ds_steal_cstr(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t hash = fuzz_hash(data, size);
    char *line = fuzz_take_line(&data, &size), *rest = line;

    int status = atoi(strsep(&rest, " "));

    answer = (struct answer) {
        .status = status,
        .content_type = rest,
        .body = data,
        .len = size,
    };

    char *whole = follow(0);
    char *cut_up = follow(hash | 1);
    fuzz_check(!strcmp(whole, cut_up));
    free(whole);
    free(cut_up);
    free(line);
    return 0;
}
