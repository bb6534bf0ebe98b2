/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/state-writer.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/state-file.h"
#include "core/inventory-objects.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

/* What it is doing:
 *
 *     WRITING --put_end()--> SYNCING --finish()--> (done)
 *
 * WRITING: objects go to the new file, some in a pass.
 * SYNCING: the new file is on its way to the disk; then it is renamed.
 *
 * The second is there because the file matters most after a power failure,
 * when hosts start together with the API: a file that was renamed before its
 * data were on the disk may turn out to be empty, and the one before is gone.
 * On a busy disk it takes seconds, so it is left to aio_fsync(), which waits
 * in a thread of the C library.  The folder is not synced: whichever of the
 * two files a crash leaves under the name, it is whole. */

enum {
    OBJECT_SIZE = 256,          /* Bytes: a larger object counts as several. */
    SYNC_CHECK = 50,            /* Ms: is it on the disk yet? */
};

struct state_writer {
    char *path;
    char *new_path;
    char *error;
    int fd;
    const struct inventory *inv;
    uint64_t seqno;
    char *etag;                 /* Or NULL, also once 'inv' has changed. */
    size_t size;

    struct inventory_walk *walk;    /* While WRITING, else NULL. */
    size_t n_objects;
    struct sha1_ctx sha1;       /* While WRITING. */

    bool syncing;
    struct aiocb sync;
};

static void
fail(struct state_writer *writer, const char *what, int error)
{
    if (!writer->error) {
        writer->error = xasprintf("%s (%s)", what, ovs_strerror(error));
    }
}

/* The name is always the same, so that what killed vtepds leave does not pile
 * up. */
static int
open_new(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
}

/* Another vtepd may have the same host id, on another bridge.  Who writes holds
 * a lock on the file. */
static bool
is_being_written(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        return false;
    }

    bool busy = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
    close(fd);
    return busy;
}

static void
open_file(struct state_writer *writer)
{
    if (is_being_written(writer->new_path)) {
        fail(writer, "cannot be written: another vtepd does", EBUSY);
        return;
    }
    unlink(writer->new_path);
    writer->fd = open_new(writer->new_path);
    if (writer->fd < 0 && errno == ENOENT) {
        char *dir = dir_name(writer->path);
        int error = mkdir(dir, 0700) ? errno : 0;

        free(dir);
        if (error) {
            fail(writer, "cannot be written: its folder cannot be made",
                 error);
            return;
        }
        writer->fd = open_new(writer->new_path);
    }
    if (writer->fd < 0) {
        fail(writer, "cannot be written", errno);
    } else {
        flock(writer->fd, LOCK_EX | LOCK_NB);
    }
}

/* Is the file of the new name still the one that was written? */
static bool
is_ours(const struct state_writer *writer)
{
    struct stat ours, there;

    return (!fstat(writer->fd, &ours) && !lstat(writer->new_path, &there)
            && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino);
}

/* Appends 's' to the file, and empties it. */
static void
put(struct state_writer *writer, struct ds *s)
{
    size_t n;
    int error = write_fully(writer->fd, ds_cstr(s), s->length, &n);

    if (error) {
        fail(writer, "cannot be written", error);
    }
    sha1_update(&writer->sha1, s->string, s->length);
    writer->size += s->length;
    ds_clear(s);
}

struct state_writer *
state_writer_create(const char *path, const struct state_file_owner *owner,
                    const char *version, const char *etag,
                    const struct inventory *inv)
{
    struct state_writer *writer = xzalloc(sizeof *writer);

    writer->path = xstrdup(path);
    writer->new_path = xasprintf("%s.new", path);
    writer->walk = inventory_walk_create(inv);
    writer->inv = inv;
    writer->seqno = inventory_seqno(inv);
    writer->etag = nullable_xstrdup(etag);
    sha1_init(&writer->sha1);
    open_file(writer);
    if (!writer->error) {
        struct ds s = DS_EMPTY_INITIALIZER;

        state_file_put_head(&s, owner, version);
        put(writer, &s);
        ds_destroy(&s);
    }
    return writer;
}

void
state_writer_forget_etag(struct state_writer *writer)
{
    if (writer->walk) {
        free(writer->etag);
        writer->etag = NULL;
    }
}

static void
end_writing(struct state_writer *writer, uint8_t sha1[SHA1_DIGEST_SIZE])
{
    inventory_walk_destroy(writer->walk);
    writer->walk = NULL;
    sha1_final(&writer->sha1, sha1);
}

/* Waits for the disk.  Returns an errno value. */
static int
end_sync(struct state_writer *writer)
{
    const struct aiocb *list[] = { &writer->sync };
    int error;

    while ((error = aio_error(&writer->sync)) == EINPROGRESS) {
        aio_suspend(list, ARRAY_SIZE(list), NULL);
    }
    aio_return(&writer->sync);
    writer->syncing = false;
    return error;
}

void
state_writer_destroy(struct state_writer *writer)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    if (!writer) {
        return;
    }
    if (writer->walk) {
        end_writing(writer, sha1);
    }
    if (writer->syncing) {
        end_sync(writer);
    }
    if (writer->fd >= 0) {
        if (is_ours(writer)) {
            unlink(writer->new_path);
        }
        close(writer->fd);
    }
    free(writer->path);
    free(writer->new_path);
    free(writer->etag);
    free(writer->error);
    free(writer);
}

static void
put_deleted(const struct deleted_object *deleted, void *s)
{
    state_file_put_deleted(s, deleted);
}

static void
put_tail(struct state_writer *writer, struct ds *s)
{
    struct ds deleted = DS_EMPTY_INITIALIZER;

    inventory_for_each_deleted(writer->inv, STATE_FILE_DELETED_MAX,
                               time_msec(), put_deleted, &deleted);
    state_file_put_tail(s, &deleted, writer->etag);
    ds_destroy(&deleted);
    put(writer, s);
}

/* All objects are in 's' or in the file. */
static void
put_end(struct state_writer *writer, struct ds *s)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];
    struct sha1_ctx sum;

    if (inventory_seqno(writer->inv) != writer->seqno) {
        state_writer_forget_etag(writer);
    }
    put_tail(writer, s);

    /* The checksum is not of itself. */
    sum = writer->sha1;
    sha1_init(&writer->sha1);
    sha1_final(&sum, sha1);
    state_file_put_sum(s, sha1);
    put(writer, s);
    end_writing(writer, sha1);
    if (writer->error) {
        return;
    }

    writer->sync.aio_fildes = writer->fd;
    writer->sync.aio_sigevent.sigev_notify = SIGEV_NONE;
    if (aio_fsync(O_DSYNC, &writer->sync)) {
        fail(writer, "cannot be brought to the disk", errno);
    } else {
        writer->syncing = true;
    }
}

static void
write_some(struct state_writer *writer, size_t n_objects)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool more = true;

    for (size_t i = 0; more && i < n_objects
         && s.length < n_objects * OBJECT_SIZE; i++) {
        struct object *object = inventory_walk_next(writer->walk);

        more = object != NULL;
        if (more) {
            state_file_put_object(&s, object, !writer->n_objects++);
            object_destroy(object);
        }
    }
    if (more) {
        put(writer, &s);
    } else {
        put_end(writer, &s);
    }
    ds_destroy(&s);
}

/* The file is on the disk: gives it its name. */
static bool
finish(struct state_writer *writer)
{
    int error = end_sync(writer);

    if (error) {
        fail(writer, "cannot be brought to the disk", error);
    } else if (!is_ours(writer)) {
        fail(writer, "cannot be written: another vtepd does", EBUSY);
    } else if (rename(writer->new_path, writer->path)) {
        fail(writer, "cannot be replaced", errno);
    } else {
        close(writer->fd);
        writer->fd = -1;
    }
    return !writer->error;
}

enum state_writer_event
state_writer_run(struct state_writer *writer, size_t n_objects, bool block)
{
    if (writer->error) {
        return STATE_WRITER_ERROR;
    }
    if (writer->walk) {
        if (!inventory_walk_is_valid(writer->walk)) {
            return STATE_WRITER_CHANGED;
        }
        write_some(writer, n_objects);
    } else if (block || aio_error(&writer->sync) != EINPROGRESS) {
        if (finish(writer)) {
            return STATE_WRITER_DONE;
        }
    }
    return writer->error ? STATE_WRITER_ERROR : STATE_WRITER_MORE;
}

void
state_writer_wait(const struct state_writer *writer)
{
    if (writer->walk || writer->error) {
        poll_immediate_wake();
    } else {
        poll_timer_wait(SYNC_CHECK);
    }
}

const char *
state_writer_error(const struct state_writer *writer)
{
    return writer->error;
}

uint64_t
state_writer_seqno(const struct state_writer *writer)
{
    return writer->seqno;
}

const char *
state_writer_etag(const struct state_writer *writer)
{
    return writer->etag;
}

size_t
state_writer_size(const struct state_writer *writer)
{
    return writer->size;
}
