/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/http-watch.h"

#include <limits.h>
#include <stdlib.h>

#include "cloud/inventory-event.h"
#include "cloud/inventory-source-provider.h"
#include "cloud/inventory-url.h"
#include "cloud/watch-stream.h"
#include "random.h"
#include "util.h"

/* Lists that are asked for because the stream had an object that was refused
 * are at least so far apart, in ms. */
enum { REFUSAL_LISTS_APART = 60 * 1000 };

void
http_watch_init(struct http_watch *watch, struct inventory_source *source,
                struct http_client *client, const char *base_url,
                const char *host, int poll)
{
    *watch = (struct http_watch) {
        .source = source,
        .client = client,
        .base_url = base_url,
        .host = host,
    };
    watch_schedule_init(&watch->schedule, poll);
    source->status.watch = WATCH_CLOSED;
}

static void
close_stream(struct http_watch *watch)
{
    watch_stream_destroy(watch->stream);
    watch->stream = NULL;
    free(watch->since);
    watch->since = NULL;
}

void
http_watch_destroy(struct http_watch *watch)
{
    close_stream(watch);
}

void
http_watch_listed(struct http_watch *watch, const char *version,
                  long long int now)
{
    if (watch->stream || now < watch->schedule.next_try) {
        return;
    }

    char *url = inventory_url_watch(watch->base_url, watch->host, version);
    watch->stream = watch_stream_create(watch->client, url, now);
    watch->since = xstrdup(version);
    source_watch_asked(watch->source);
    free(url);
}

/* An object that is refused is kept as it is known.  A list may tell what it
 * is now, if the event did not; most likely it is refused there too, and will
 * be again with its next change.  So that leads to a list now and then. */
static void
handle_event(struct http_watch *watch, struct inventory_event *event,
             long long int now)
{
    if (source_watch_event(watch->source, event)
        && now >= watch->next_refusal_list) {
        watch->next_refusal_list = now + REFUSAL_LISTS_APART;
        inventory_source_list_soon(watch->source);
    }
}

/* How 'progress' ended.  A server that had a watch has one: where it says that
 * there is none, most likely another version of it has answered, while it is
 * being replaced, or a proxy. */
static enum watch_outcome
judge_end(const struct http_watch *watch,
          const struct watch_progress *progress)
{
    return (progress->outcome == WATCH_NOT_THERE
            && watch->source->status.n_watches ? WATCH_REFUSED
            : progress->outcome);
}

static void
stream_ended(struct http_watch *watch, const struct watch_progress *progress,
             long long int now)
{
    struct watch_schedule *schedule = &watch->schedule;
    enum watch_outcome outcome = judge_end(watch, progress);
    static const enum watch_end ends[] = {
        [WATCH_ENDED] = WATCH_END_CLOSED,
        [WATCH_GONE] = WATCH_END_GONE,
        [WATCH_BROKEN] = WATCH_END_BROKEN,
        [WATCH_REFUSED] = WATCH_END_REFUSED,
        [WATCH_NOT_THERE] = WATCH_END_UNSUPPORTED,
    };

    watch->source->status.n_watch_ends[ends[outcome]]++;
    switch (outcome) {
    case WATCH_GONE:
        /* A list that had not changed would have the same old version. */
        inventory_source_changed(watch->source);
        /* Fall through. */
    case WATCH_ENDED:
    case WATCH_BROKEN:
        watch_schedule_ended(schedule, now, progress->worked,
                             random_uint32());
        break;

    case WATCH_REFUSED:
        watch_schedule_refused(schedule, now, progress->retry_after,
                               random_uint32());
        break;

    case WATCH_NOT_THERE:
        watch_schedule_unsupported(schedule, now, random_uint32());
        source_watch_unsupported(watch->source, progress->why);
        return;

    case WATCH_GOES_ON:
        OVS_NOT_REACHED();
    }
    source_watch_ended(watch->source, progress->why,
                       outcome == WATCH_BROKEN || outcome == WATCH_REFUSED,
                       now, schedule->next_try);
}

void
http_watch_run(struct http_watch *watch, long long int now)
{
    struct inventory_source *source = watch->source;
    if (!watch->stream) {
        return;
    }

    watch_stream_run(watch->stream, now);
    const struct watch_progress *progress = watch_stream_progress(
        watch->stream);
    if (progress->opened && source->status.watch != WATCH_OPEN) {
        source_watch_opened(source, watch->since, now);
    }

    struct inventory_event event;
    while (watch_stream_next(watch->stream, &event)) {
        handle_event(watch, &event, now);
    }
    if (progress->opened) {
        source->status.watch_heard = progress->heard;
    }
    if (progress->outcome) {
        stream_ended(watch, progress, now);
        close_stream(watch);
    }
}

void
http_watch_wait(const struct http_watch *watch)
{
    if (watch->stream) {
        watch_stream_wait(watch->stream);
    }
}

long long int
http_watch_list_at(const struct http_watch *watch)
{
    return (watch->stream ? LLONG_MAX
            : watch_schedule_list_at(&watch->schedule));
}
