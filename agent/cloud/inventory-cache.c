/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/inventory-cache.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/inventory-page.h"
#include "cloud/inventory-source.h"
#include "cloud/state-file.h"
#include "core/inventory-objects.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inventory_cache);

/* What it is doing:
 *
 *        load_file()          read_some(): good
 *     .--------------> READING ---------------> DECODING
 *     |                   | end_load()             | end_load()
 *   IDLE <----------------'------------------------'
 *     |  ^-------------------.---------------------.
 *     |                      | end_write()         | end_write()
 *     '--------------> WRITING ----------------> SYNCING
 *        begin_write()        end_of_objects()
 *
 * READING:  the file comes into memory, a piece in a pass.
 * DECODING: its objects go to the sink, some in a pass.
 * WRITING:  objects go to a new file, some in a pass.  Given up when the
 *           inventory changes meanwhile.
 * SYNCING:  the new file is on its way to the disk; then it is renamed.
 *
 * The last step is there because the file matters most after a power failure,
 * when the hosts start together with the API: a file renamed before its data
 * are on the disk may turn out empty, and the one before is gone.  It can take
 * seconds on a busy disk, so it is left to aio_fsync(), which waits in a
 * thread of the C library.  The folder is not synced: whichever of the two
 * files a crash leaves under the name is whole. */
enum cache_state {
    IDLE,
    READING,
    DECODING,
    WRITING,
    SYNCING,
};

enum {
    FILE_MAX = 256 * 1024 * 1024,   /* Bytes of a file that is read, the same
                                     * as for "file:" inventories. */
    READ_SIZE = 1024 * 1024,    /* Bytes read in a pass. */
    PORTION = 2000,             /* Objects read or written in a pass... */
    PORTION_MAX = 32 * PORTION,     /* ...while others fail; see give_up(). */
    OBJECT_SIZE = 256,          /* Bytes: a large object counts as many. */

    /* Milliseconds from one write to the next: a second more for each MiB, so
     * that a large inventory that changes all the time does not wear out the
     * disk. */
    WRITE_PAUSE = 5000,
    WRITE_PAUSE_PER_MIB = 1000,
    FAILURE_PAUSE = 60 * 1000,
    SYNC_CHECK = 50,            /* Is it on the disk yet? */
};

struct inventory_cache {
    const struct inventory *inv;
    struct inventory_sink sink;

    /* NULL until configured. */
    struct state_file_owner owner;
    char *dir;
    char *path;
    char *new_path;             /* Of the file that is being written. */

    /* What the file holds. */
    bool known;                 /* Is it the inventory of 'seqno'? */
    uint64_t seqno;
    long long int written;      /* In ms of wall-clock time, -1: never. */
    bool in_use;
    char *error;                /* What was reported last, or NULL. */

    /* What it should hold. */
    char *version;              /* Of the last whole list, or NULL. */
    long long int next_write;
    size_t portion;             /* Objects to write in a pass. */

    /* What is under way. */
    enum cache_state state;
    int fd;                     /* While READING, WRITING, SYNCING. */
    struct sha1_ctx sha1;       /* While READING, WRITING. */

    /* READING, DECODING. */
    char *body;
    size_t size;                /* The file's, when it was opened. */
    size_t len;                 /* Bytes in 'body'. */
    struct inventory_page *page;
    unsigned int n_objects;
    unsigned int n_refused;
    char *first_refusal;

    /* WRITING, SYNCING. */
    struct inventory_walk *walk;
    uint64_t new_seqno;         /* 'seqno' of the new file. */
    size_t n_written;           /* Objects... */
    size_t new_size;            /* ...and bytes. */
    struct aiocb sync;
};

static void end_load(struct inventory_cache *, char *error);
static void end_write(struct inventory_cache *, const char *failed, int error);

struct inventory_cache *
inventory_cache_create(const struct inventory *inv,
                       const struct inventory_sink *sink)
{
    struct inventory_cache *cache = xzalloc(sizeof *cache);

    cache->inv = inv;
    cache->sink = *sink;
    cache->written = -1;
    cache->portion = PORTION;
    cache->fd = -1;
    return cache;
}

/* Reports 'error', of which it takes ownership, unless it is what was reported
 * last. */
static void
report(struct inventory_cache *cache, char *error, const char *consequence)
{
    if (!cache->error || strcmp(cache->error, error)) {
        VLOG_WARN("%s; %s", error, consequence);
    }
    free(cache->error);
    cache->error = error;
}

/* Gives the descriptor and the digest back. */
static void
close_file(struct inventory_cache *cache, uint8_t sha1[SHA1_DIGEST_SIZE])
{
    close(cache->fd);
    cache->fd = -1;
    sha1_final(&cache->sha1, sha1);
}

/* Loading. */

/* Returns NULL if the open file may be believed, or the rest of a sentence
 * that begins with its name, for the caller to free. */
static char *
check_stat(const struct stat *s)
{
    return (!S_ISREG(s->st_mode) ? xstrdup("is not a regular file")
            : s->st_uid != geteuid()
            ? xasprintf("belongs to user %u and not to user %u, as whom vtepd "
                        "runs", s->st_uid, geteuid())
            : s->st_mode & (S_IWGRP | S_IWOTH)
            ? xasprintf("can be written by others than its owner (mode %03o)",
                        s->st_mode & 0777)
            : s->st_size > FILE_MAX
            ? xasprintf("is larger than %d MiB", FILE_MAX / 1024 / 1024)
            : NULL);
}

static char *
cannot_be_read(int error)
{
    return xasprintf("cannot be read (%s)", ovs_strerror(error));
}

void
inventory_cache_load(struct inventory_cache *cache)
{
    struct stat s;

    ovs_assert(cache->path && cache->state == IDLE);

    /* O_NONBLOCK: opening a FIFO must not block. */
    cache->fd = open(cache->path,
                     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (cache->fd < 0 && errno == ENOENT) {
        VLOG_INFO("there is no last known inventory in %s", cache->path);
        return;
    }
    cache->state = READING;
    sha1_init(&cache->sha1);

    char *error = (cache->fd < 0 || fstat(cache->fd, &s)
                   ? cannot_be_read(errno) : check_stat(&s));
    if (error) {
        end_load(cache, error);
        return;
    }
    cache->size = s.st_size;
    cache->written = s.st_mtim.tv_sec * 1000LL + s.st_mtim.tv_nsec / 1000000;
    cache->body = xmalloc(cache->size + 1);
    cache->len = 0;
}

/* Ends to read or decode: with 'error', of which it takes ownership, if it is
 * not NULL. */
static void
end_load(struct inventory_cache *cache, char *error)
{
    enum cache_state state = cache->state;

    if (state == READING) {
        uint8_t sha1[SHA1_DIGEST_SIZE];

        close_file(cache, sha1);
    }
    inventory_page_destroy(cache->page);
    cache->page = NULL;
    free(cache->body);
    cache->body = NULL;
    free(cache->first_refusal);
    cache->first_refusal = NULL;
    cache->state = IDLE;
    if (error) {
        report(cache, xasprintf("state file %s %s", cache->path, error),
               "starting without the last known inventory");
        cache->written = -1;
        free(error);
    }
    if (state == DECODING && error) {
        cache->sink.list_abort(cache->sink.aux);
    }
}

static void
begin_decoding(struct inventory_cache *cache)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    close_file(cache, sha1);
    cache->state = DECODING;
    cache->page = inventory_page_create(cache->body, cache->len);
    cache->n_objects = 0;
    cache->n_refused = 0;
    cache->sink.list_begin(cache->sink.aux);

    char *error = state_file_check(cache->body, cache->len, sha1,
                                   &cache->owner);
    if (error) {
        end_load(cache, error);
    }
}

static void
read_some(struct inventory_cache *cache)
{
    size_t max = MIN(READ_SIZE, cache->size - cache->len);
    ssize_t n = read(cache->fd, &cache->body[cache->len], max);

    if (n < 0) {
        if (errno != EINTR && errno != EAGAIN) {
            end_load(cache, cannot_be_read(errno));
        }
        return;
    }

    /* The checksum is not of itself. */
    size_t end = cache->size - MIN(cache->size, STATE_FILE_SUM_LEN);
    if (cache->len < end) {
        sha1_update(&cache->sha1, &cache->body[cache->len],
                    MIN((size_t) n, end - cache->len));
    }
    cache->len += n;
    if (!n || cache->len == cache->size) {
        begin_decoding(cache);
    }
}

static void
take_item(struct inventory_cache *cache, struct inventory_item *item)
{
    if (item->object) {
        cache->n_objects++;
        cache->sink.list_object(cache->sink.aux, item->object);
        item->object = NULL;
    } else if (item->error) {
        if (!cache->n_refused++) {
            cache->first_refusal = item->error;
            item->error = NULL;
        }
        cache->sink.list_invalid(cache->sink.aux, item->kind, item->id);
    }
}

static void
loaded(struct inventory_cache *cache)
{
    long long int age = MAX(time_wall_msec() - cache->written, 0);

    VLOG_INFO("%u objects of the last known inventory are in use until a "
              "whole list arrives: %s, written %lld s ago", cache->n_objects,
              cache->path, age / 1000);
    if (cache->n_refused) {
        report(cache, xasprintf("state file %s has %u objects that are "
                                "refused, the first because %s", cache->path,
                                cache->n_refused, cache->first_refusal),
               "starting without them");
    }

    char *version = xstrdup(inventory_page_version(cache->page));
    end_load(cache, NULL);
    cache->in_use = true;
    cache->sink.list_end(cache->sink.aux, version);
    cache->known = true;
    cache->seqno = inventory_seqno(cache->inv);
    free(version);
}

static void
decode_some(struct inventory_cache *cache)
{
    for (int i = 0; i < PORTION; i++) {
        struct inventory_item item;

        switch (inventory_page_next(cache->page, &item)) {
        case INVENTORY_PAGE_ITEM:
            take_item(cache, &item);
            inventory_item_uninit(&item);
            break;

        case INVENTORY_PAGE_END:
            loaded(cache);
            return;

        case INVENTORY_PAGE_ERROR:
            end_load(cache, xasprintf("is of no use: %s",
                                      inventory_page_error(cache->page)));
            return;
        }
    }
}

/* Writing. */

/* Opens the new file.  A fixed name, so that those of vtepds that were killed
 * do not pile up. */
static int
open_new(const struct inventory_cache *cache)
{
    return open(cache->new_path,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Appends 's' to the new file and to its digest, and empties 's'. */
static int
put_out(struct inventory_cache *cache, struct ds *s)
{
    size_t n;
    int error = write_fully(cache->fd, ds_cstr(s), s->length, &n);

    sha1_update(&cache->sha1, s->string, s->length);
    cache->new_size += s->length;
    ds_clear(s);
    return error;
}

static void
begin_write(struct inventory_cache *cache)
{
    unlink(cache->new_path);
    cache->fd = open_new(cache);
    if (cache->fd < 0 && errno == ENOENT) {
        if (mkdir(cache->dir, 0700)) {
            end_write(cache, "the folder cannot be made", errno);
            return;
        }
        cache->fd = open_new(cache);
    }
    if (cache->fd < 0) {
        end_write(cache, "cannot be written", errno);
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    sha1_init(&cache->sha1);
    cache->state = WRITING;
    cache->walk = inventory_walk_create(cache->inv);
    cache->new_seqno = inventory_seqno(cache->inv);
    cache->n_written = 0;
    cache->new_size = 0;
    state_file_put_head(&s, &cache->owner, cache->version);
    int error = put_out(cache, &s);
    ds_destroy(&s);
    if (error) {
        end_write(cache, "cannot be written", error);
    }
}

/* Ends to write: well if 'error' is 0, with an errno value and what failed, or
 * because it was given up, if that is negative.  The next write has its time
 * already, or gets one. */
static void
end_write(struct inventory_cache *cache, const char *failed, int error)
{
    long long int now = time_msec();

    if (cache->state == WRITING) {
        uint8_t sha1[SHA1_DIGEST_SIZE];

        close_file(cache, sha1);
    } else if (cache->state == SYNCING) {
        if (close(cache->fd) && !error) {
            failed = "cannot be written";
            error = errno;
        }
        cache->fd = -1;
    }
    cache->state = IDLE;
    inventory_walk_destroy(cache->walk);
    cache->walk = NULL;

    if (!error && rename(cache->new_path, cache->path)) {
        failed = "cannot be replaced";
        error = errno;
    }
    if (error) {
        unlink(cache->new_path);
    }
    if (error > 0) {
        cache->next_write = now + FAILURE_PAUSE;
        report(cache, xasprintf("state file %s: %s (%s)", cache->path, failed,
                                ovs_strerror(error)),
               "this inventory is not kept for the next start");
    } else if (!error) {
        if (cache->error) {
            VLOG_INFO("state file %s is written again", cache->path);
            free(cache->error);
            cache->error = NULL;
        }
        cache->next_write = now + WRITE_PAUSE
                            + cache->new_size * WRITE_PAUSE_PER_MIB / 1048576;
        cache->portion = PORTION;
        cache->written = time_wall_msec();
        cache->known = true;
        cache->seqno = cache->new_seqno;
    }
}

/* The inventory changed.  The portions grow with each time, so that one that
 * changes all the time gets written too. */
static void
give_up(struct inventory_cache *cache)
{
    cache->portion = MIN(2 * cache->portion, PORTION_MAX);
    cache->next_write = time_msec() + WRITE_PAUSE;
    end_write(cache, NULL, -1);
}

/* All objects are in 's' or written before. */
static void
end_of_objects(struct inventory_cache *cache, struct ds *s)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    state_file_put_tail(s);
    int error = put_out(cache, s);
    if (!error) {
        sha1_final(&cache->sha1, sha1);
        sha1_init(&cache->sha1);
        state_file_put_sum(s, sha1);
        error = put_out(cache, s);
    }
    if (error) {
        end_write(cache, "cannot be written", error);
        return;
    }

    sha1_final(&cache->sha1, sha1);
    cache->state = SYNCING;
    memset(&cache->sync, 0, sizeof cache->sync);
    cache->sync.aio_fildes = cache->fd;
    cache->sync.aio_sigevent.sigev_notify = SIGEV_NONE;
    if (aio_fsync(O_DSYNC, &cache->sync)) {
        end_write(cache, "cannot be brought to the disk", errno);
    }
}

static void
write_some(struct inventory_cache *cache)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool more = true;

    if (!inventory_walk_is_valid(cache->walk)) {
        give_up(cache);
        return;
    }

    for (size_t i = 0; more && i < cache->portion
         && s.length < cache->portion * OBJECT_SIZE; i++) {
        struct object *object = inventory_walk_next(cache->walk);

        more = object != NULL;
        if (more) {
            state_file_put_object(&s, object, !cache->n_written++);
            object_destroy(object);
        }
    }
    if (!more) {
        end_of_objects(cache, &s);
    } else {
        int error = put_out(cache, &s);

        if (error) {
            end_write(cache, "cannot be written", error);
        }
    }
    ds_destroy(&s);
}

/* 'wait' says whether to wait for the disk. */
static void
run_sync(struct inventory_cache *cache, bool wait)
{
    const struct aiocb *list[] = { &cache->sync };
    int error;

    while ((error = aio_error(&cache->sync)) == EINPROGRESS) {
        if (!wait) {
            return;
        }
        aio_suspend(list, ARRAY_SIZE(list), NULL);
    }
    aio_return(&cache->sync);
    end_write(cache, "cannot be brought to the disk", error);
}

/* Does the file not hold what it should? */
static bool
is_stale(const struct inventory_cache *cache)
{
    return (cache->path && cache->version
            && !(cache->known
                 && cache->seqno == inventory_seqno(cache->inv)));
}

/* The interface. */

/* Ends what is under way, without a result. */
static void
stop(struct inventory_cache *cache)
{
    switch (cache->state) {
    case IDLE:
        break;

    case READING:
        end_load(cache, NULL);
        break;

    case DECODING:
        end_load(cache, NULL);
        cache->sink.list_abort(cache->sink.aux);
        break;

    case WRITING:
        end_write(cache, NULL, -1);
        break;

    case SYNCING:
        /* The C library's thread works on it. */
        run_sync(cache, true);
        break;
    }
}

static void
forget_owner(struct inventory_cache *cache)
{
    free(cache->owner.host);
    free(cache->owner.url);
    free(cache->dir);
    free(cache->path);
    free(cache->new_path);
    free(cache->version);
    cache->version = NULL;
    free(cache->error);
    cache->error = NULL;
}

void
inventory_cache_destroy(struct inventory_cache *cache)
{
    if (cache) {
        stop(cache);
        forget_owner(cache);
        free(cache);
    }
}

void
inventory_cache_configure(struct inventory_cache *cache, const char *dir,
                          const char *host, const char *url)
{
    char *name = state_file_name(host);

    stop(cache);
    forget_owner(cache);
    cache->owner.host = xstrdup(host);
    cache->owner.url = xstrdup(url);
    cache->dir = xstrdup(dir);
    cache->path = xasprintf("%s/%s", dir, name);
    cache->new_path = xasprintf("%s.new", cache->path);
    cache->known = false;
    cache->written = -1;
    cache->next_write = 0;
    free(name);
}

bool
inventory_cache_is_loading(const struct inventory_cache *cache)
{
    return cache->state == READING || cache->state == DECODING;
}

bool
inventory_cache_is_in_use(const struct inventory_cache *cache)
{
    return cache->in_use;
}

void
inventory_cache_confirmed(struct inventory_cache *cache, const char *version)
{
    cache->in_use = false;
    free(cache->version);
    cache->version = xstrdup(version);
}

void
inventory_cache_run(struct inventory_cache *cache)
{
    switch (cache->state) {
    case IDLE:
        if (is_stale(cache) && time_msec() >= cache->next_write) {
            begin_write(cache);
        }
        break;

    case READING:
        read_some(cache);
        break;

    case DECODING:
        decode_some(cache);
        break;

    case WRITING:
        write_some(cache);
        break;

    case SYNCING:
        run_sync(cache, false);
        break;
    }
}

void
inventory_cache_wait(struct inventory_cache *cache)
{
    switch (cache->state) {
    case IDLE:
        if (is_stale(cache)) {
            poll_timer_wait_until(cache->next_write);
        }
        break;

    case READING:
    case DECODING:
    case WRITING:
        poll_immediate_wake();
        break;

    case SYNCING:
        poll_timer_wait(SYNC_CHECK);
        break;
    }
}

void
inventory_cache_flush(struct inventory_cache *cache)
{
    /* What is under way may be of an inventory that has changed since. */
    for (int i = 0; i < 2 && !inventory_cache_is_loading(cache); i++) {
        if (cache->state == IDLE && is_stale(cache)) {
            begin_write(cache);
        }
        while (cache->state == WRITING) {
            write_some(cache);
        }
        if (cache->state == SYNCING) {
            run_sync(cache, true);
        }
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
        .saved = cache->known && cache->seqno == inventory_seqno(cache->inv),
        .age = cache->written < 0 ? -1
               : MAX(time_wall_msec() - cache->written, 0),
        .error = cache->error,
    };
}
