/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/inventory-cache.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-source.h"
#include "cloud/state-file.h"
#include "cloud/state-reader.h"
#include "cloud/state-writer.h"
#include "core/inventory.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inventory_cache);

enum {
    /* Objects written in a pass: a millisecond's work. */
    PORTION = 500,

    /* Milliseconds from one write to the next: a second more for each MiB, so
     * that a large inventory that changes all the time does not wear out the
     * disk. */
    WRITE_PAUSE = 5000,
    WRITE_PAUSE_PER_MIB = 1000,
    FAILURE_PAUSE = 60 * 1000,
};

struct inventory_cache {
    const struct inventory *inv;
    struct inventory_sink sink;

    /* NULL until configured. */
    struct state_file_owner owner;
    char *path;

    /* What the file holds. */
    bool known;                 /* Is it the inventory of 'seqno'? */
    uint64_t seqno;
    long long int written;      /* In ms of wall-clock time, -1: never. */
    char *saved_etag;           /* Of its list, NULL: it is not exactly one. */
    bool in_use;
    char *error;                /* What was reported last, or NULL. */
    long long int failing_since;    /* In ms. */

    /* What it should hold. */
    char *version;              /* Of the last whole list, or NULL. */
    char *etag;                 /* See inventory_cache_set_etag(). */
    long long int next_write;

    /* What is under way: at most one of these. */
    struct state_reader *reader;
    struct state_writer *writer;
};

/* Makes '*sp', a string or NULL, a copy of 's', which may be NULL. */
static void
set_string(char **sp, const char *s)
{
    char *copy = nullable_xstrdup(s);

    free(*sp);
    *sp = copy;
}

struct inventory_cache *
inventory_cache_create(const struct inventory *inv,
                       const struct inventory_sink *sink)
{
    struct inventory_cache *cache = xzalloc(sizeof *cache);

    cache->inv = inv;
    cache->sink = *sink;
    cache->written = -1;
    return cache;
}

/* Ends what is under way, without a result. */
static void
stop(struct inventory_cache *cache)
{
    state_reader_close(cache->reader);
    cache->reader = NULL;
    state_writer_destroy(cache->writer);
    cache->writer = NULL;
}

static void
forget_file(struct inventory_cache *cache)
{
    stop(cache);
    free(cache->owner.host);
    free(cache->owner.url);
    free(cache->path);
    set_string(&cache->version, NULL);
    set_string(&cache->etag, NULL);
    set_string(&cache->saved_etag, NULL);
    set_string(&cache->error, NULL);
}

void
inventory_cache_destroy(struct inventory_cache *cache)
{
    if (cache) {
        forget_file(cache);
        free(cache);
    }
}

void
inventory_cache_configure(struct inventory_cache *cache, const char *dir,
                          const char *host, const char *url)
{
    char *name = state_file_name(host);

    forget_file(cache);
    cache->owner.host = xstrdup(host);
    cache->owner.url = xstrdup(url);
    cache->path = xasprintf("%s/%s", dir, name);
    cache->known = false;
    cache->written = -1;
    cache->next_write = 0;
    free(name);
}

/* Reports 'error', the rest of a sentence that begins with the file's name,
 * unless that is what was reported last.  'consequence' is what follows from
 * it and what is done or to be done. */
static void
report(struct inventory_cache *cache, const char *error,
       const char *consequence)
{
    char *sentence = xasprintf("state file %s %s; %s", cache->path, error,
                               consequence);

    if (!cache->error || strcmp(cache->error, sentence)) {
        VLOG_WARN("%s", sentence);
        cache->failing_since = time_msec();
    }
    free(cache->error);
    cache->error = sentence;
}

/* Loading. */

static void
load_failed(struct inventory_cache *cache, const char *error)
{
    report(cache, error, "starting without the last known inventory, the next "
           "whole list replaces the file");
    cache->written = -1;
}

void
inventory_cache_load(struct inventory_cache *cache)
{
    char *error;

    stop(cache);
    cache->reader = state_reader_open(cache->path, &cache->owner,
                                      &cache->sink, &error);
    if (cache->reader) {
        cache->written = state_reader_written(cache->reader);
    } else if (error) {
        load_failed(cache, error);
        free(error);
    } else {
        VLOG_INFO("there is no last known inventory in %s", cache->path);
    }
}

static void
loaded(struct inventory_cache *cache)
{
    const char *refusal;
    unsigned int n_refused = state_reader_n_refused(cache->reader, &refusal);

    VLOG_INFO("the last known inventory, from %s, has %u objects and was "
              "written %lld s ago", cache->path,
              state_reader_n_objects(cache->reader),
              MAX(time_wall_msec() - cache->written, 0) / 1000);
    if (n_refused) {
        char *error = xasprintf("has %u objects that are refused, the first "
                                "because: %s", n_refused, refusal);

        report(cache, error, "starting without them, the next whole list "
               "replaces the file");
        free(error);
    }
    /* Events may change it before the API answers; but what is refused here is
     * not to be lost from the file because of them. */
    cache->in_use = true;
    cache->known = !n_refused;
    set_string(&cache->version, (n_refused ? NULL
                                 : state_reader_version(cache->reader)));
    cache->seqno = inventory_seqno(cache->inv);
    set_string(&cache->saved_etag, state_reader_etag(cache->reader));
}

static void
run_reader(struct inventory_cache *cache)
{
    switch (state_reader_run(cache->reader)) {
    case STATE_READER_MORE:
        return;

    case STATE_READER_END:
        loaded(cache);
        break;

    case STATE_READER_ERROR:
        load_failed(cache, state_reader_error(cache->reader));
        break;
    }
    stop(cache);
}

bool
inventory_cache_is_loading(const struct inventory_cache *cache)
{
    return cache->reader != NULL;
}

bool
inventory_cache_is_in_use(const struct inventory_cache *cache)
{
    return cache->in_use;
}

/* Writing. */

void
inventory_cache_confirmed(struct inventory_cache *cache, const char *version)
{
    cache->in_use = false;
    set_string(&cache->version, version);
}

void
inventory_cache_set_etag(struct inventory_cache *cache, const char *etag)
{
    if (!nullable_string_is_equal(cache->etag, etag)) {
        set_string(&cache->etag, etag);
        if (cache->writer) {
            state_writer_forget_etag(cache->writer);
        }
    }
}

static bool
is_saved(const struct inventory_cache *cache)
{
    return cache->known && cache->seqno == inventory_seqno(cache->inv);
}

const char *
inventory_cache_etag(const struct inventory_cache *cache, const char **version)
{
    *version = cache->version;
    return cache->in_use && is_saved(cache) ? cache->saved_etag : NULL;
}

/* Is there something to write, and may it be written? */
static bool
wants_write(const struct inventory_cache *cache)
{
    return cache->version && !is_saved(cache);
}

/* Likewise, at the end of the program. */
static bool
wants_flush(const struct inventory_cache *cache)
{
    return wants_write(cache)
           || (cache->version && cache->etag
               && !nullable_string_is_equal(cache->etag, cache->saved_etag));
}

static void
begin_write(struct inventory_cache *cache)
{
    cache->writer = state_writer_create(cache->path, &cache->owner,
                                        cache->version, cache->etag,
                                        cache->inv);
}

static void
wrote(struct inventory_cache *cache)
{
    size_t kib = state_writer_size(cache->writer) / 1024;

    if (cache->error) {
        VLOG_INFO("state file %s is written and whole now", cache->path);
        free(cache->error);
        cache->error = NULL;
    }
    cache->next_write = (time_msec() + WRITE_PAUSE
                         + kib * WRITE_PAUSE_PER_MIB / 1024);
    cache->written = time_wall_msec();
    cache->known = true;
    cache->seqno = state_writer_seqno(cache->writer);
    set_string(&cache->saved_etag, state_writer_etag(cache->writer));
}

static void
run_writer(struct inventory_cache *cache, bool block)
{
    switch (state_writer_run(cache->writer, PORTION, block)) {
    case STATE_WRITER_MORE:
        return;

    case STATE_WRITER_DONE:
        wrote(cache);
        break;

    case STATE_WRITER_CHANGED:
        cache->next_write = time_msec() + WRITE_PAUSE;
        break;

    case STATE_WRITER_ERROR:
        report(cache, state_writer_error(cache->writer),
               "the inventory is not kept for the next start until it can be, "
               "which is tried every minute (--state-dir names the folder)");
        cache->next_write = time_msec() + FAILURE_PAUSE;
        break;
    }
    stop(cache);
}

void
inventory_cache_flush(struct inventory_cache *cache)
{
    /* What is under way may be of an inventory that has changed since. */
    for (int i = 0; i < 2 && !cache->reader; i++) {
        if (!cache->writer && wants_flush(cache)) {
            begin_write(cache);
        }
        while (cache->writer) {
            run_writer(cache, true);
        }
    }
}

void
inventory_cache_run(struct inventory_cache *cache)
{
    if (cache->reader) {
        run_reader(cache);
    } else if (cache->writer) {
        run_writer(cache, false);
    } else if (wants_write(cache) && time_msec() >= cache->next_write) {
        begin_write(cache);
    }
}

void
inventory_cache_wait(struct inventory_cache *cache)
{
    if (cache->reader) {
        poll_immediate_wake();
    } else if (cache->writer) {
        state_writer_wait(cache->writer);
    } else if (wants_write(cache)) {
        poll_timer_wait_until(cache->next_write);
    }
}

void
inventory_cache_get_status(const struct inventory_cache *cache,
                           struct inventory_cache_status *status)
{
    *status = (struct inventory_cache_status) {
        .path = cache->path,
        .loading = inventory_cache_is_loading(cache),
        .in_use = cache->in_use,
        .saved = is_saved(cache),
        .age = (cache->written < 0 ? -1
                : MAX(time_wall_msec() - cache->written, 0)),
        .error = cache->error,
        .failing_since = cache->error ? cache->failing_since : 0,
    };
}
