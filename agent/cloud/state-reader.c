/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/state-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/inventory-page.h"
#include "cloud/inventory-source.h"
#include "cloud/state-file.h"
#include "core/inventory.h"
#include "timeval.h"
#include "util.h"

enum {
    FILE_MAX = 256 * 1024 * 1024,   /* Bytes, as for "file:" inventories. */
    BYTES_PER_PASS = 1024 * 1024,
    ITEMS_PER_PASS = 2000,
};

/* First the file comes into memory and is checked, then its page is
 * decoded. */
struct state_reader {
    const struct state_file_owner *owner;
    const struct inventory_sink *sink;
    char *error;

    int fd;
    long long int written;
    size_t size;                /* The file's when it was opened. */
    size_t len;                 /* Bytes in 'body'. */
    char *body;
    struct sha1_ctx sha1;       /* While 'fd' is open. */

    struct inventory_page *page;    /* NULL until the file was checked. */
    bool listing;
    bool ended;                 /* The list has, and is being taken over. */
    unsigned int n_objects;
    unsigned int n_refused;
    unsigned int n_skipped;     /* Of kinds that are not known. */
    char *first_refusal;
    char *etag;                 /* What the file says, or NULL. */
};

static char *
cannot_be_read(int error)
{
    return xasprintf("cannot be read (%s)", ovs_strerror(error));
}

struct state_reader *
state_reader_open(const char *path, const struct state_file_owner *owner,
                  const struct inventory_sink *sink, char **errorp)
{
    *errorp = NULL;

    /* O_NONBLOCK: opening a FIFO must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT) {
            *errorp = cannot_be_read(errno);
        }
        return NULL;
    }

    struct stat s;
    *errorp = (fstat(fd, &s) ? cannot_be_read(errno)
               : state_file_distrust(&s, FILE_MAX));
    if (*errorp) {
        close(fd);
        return NULL;
    }

    struct state_reader *reader = xzalloc(sizeof *reader);
    reader->owner = owner;
    reader->sink = sink;
    reader->fd = fd;
    reader->written = (s.st_mtim.tv_sec * 1000LL
                       + s.st_mtim.tv_nsec / 1000000);
    reader->size = s.st_size;
    reader->body = xmalloc(reader->size + 1);
    sha1_init(&reader->sha1);
    return reader;
}

static void
close_file(struct state_reader *reader, uint8_t sha1[SHA1_DIGEST_SIZE])
{
    close(reader->fd);
    reader->fd = -1;
    sha1_final(&reader->sha1, sha1);
}

void
state_reader_close(struct state_reader *reader)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    if (!reader) {
        return;
    }
    if (reader->listing) {
        reader->sink->list_abort(reader->sink->aux);
    }
    if (reader->fd >= 0) {
        close_file(reader, sha1);
    }
    inventory_page_destroy(reader->page);
    free(reader->body);
    free(reader->first_refusal);
    free(reader->etag);
    free(reader->error);
    free(reader);
}

const char *
state_reader_error(const struct state_reader *reader)
{
    return reader->error;
}

long long int
state_reader_written(const struct state_reader *reader)
{
    return reader->written;
}

unsigned int
state_reader_n_objects(const struct state_reader *reader)
{
    return reader->n_objects;
}

unsigned int
state_reader_n_refused(const struct state_reader *reader, const char **first)
{
    *first = reader->first_refusal;
    return reader->n_refused;
}

const char *
state_reader_etag(const struct state_reader *reader)
{
    return reader->n_refused || reader->n_skipped ? NULL : reader->etag;
}

/* All that there is of the file is in memory. */
static void
check_file(struct state_reader *reader)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    close_file(reader, sha1);
    reader->error = state_file_check(reader->body, reader->len, sha1,
                                     reader->owner);
    if (!reader->error) {
        reader->etag = state_file_etag(reader->body, reader->len);
        reader->page = inventory_page_create(reader->body, reader->len);
        reader->listing = true;
        reader->sink->list_begin(reader->sink->aux);
    }
}

static void
read_some(struct state_reader *reader)
{
    size_t max = MIN(BYTES_PER_PASS, reader->size - reader->len);
    ssize_t n = read(reader->fd, &reader->body[reader->len], max);

    if (n < 0) {
        if (errno != EINTR && errno != EAGAIN) {
            reader->error = cannot_be_read(errno);
        }
        return;
    }

    /* The checksum is of all but itself. */
    size_t end = reader->size - MIN(reader->size, STATE_FILE_SUM_LEN);
    if (reader->len < end) {
        sha1_update(&reader->sha1, &reader->body[reader->len],
                    MIN((size_t) n, end - reader->len));
    }
    reader->len += n;

    /* A file that shrank meanwhile ends early, and its checksum is wrong. */
    if (!n || reader->len == reader->size) {
        check_file(reader);
    }
}

/* Items of kinds that are not known are passed over. */
static void
take_item(struct state_reader *reader, struct inventory_item *item)
{
    const struct inventory_sink *sink = reader->sink;

    if (item->object) {
        reader->n_objects++;
        sink->list_object(sink->aux, item->object);
        item->object = NULL;
    } else if (item->error) {
        if (!reader->n_refused++) {
            reader->first_refusal = item->error;
            item->error = NULL;
        }
        sink->list_invalid(sink->aux, item->kind, item->id);
    } else {
        reader->n_skipped++;
    }
}

static void
decode_some(struct state_reader *reader)
{
    for (int i = 0; i < ITEMS_PER_PASS; i++) {
        struct inventory_item item;

        switch (inventory_page_next(reader->page, &item)) {
        case INVENTORY_PAGE_ITEM:
            take_item(reader, &item);
            inventory_item_uninit(&item);
            break;

        case INVENTORY_PAGE_END:
            reader->listing = false;
            reader->ended = true;
            reader->sink->list_end(reader->sink->aux,
                                   inventory_page_version(reader->page));
            return;

        case INVENTORY_PAGE_ERROR:
            reader->error = xasprintf("is of no use here: %s",
                                      inventory_page_error(reader->page));
            return;
        }
    }
}

/* Time goes on while nobody runs.  Where a clock was set back it does not. */
static void
take_deleted(const struct deleted_object *written, void *reader_)
{
    struct state_reader *reader = reader_;
    struct deleted_object deleted = *written;

    deleted.left -= MAX(time_wall_msec() - reader->written, 0);
    if (deleted.left > 0) {
        reader->sink->deleted(reader->sink->aux, &deleted);
    }
}

/* Returns true once the list is taken over. */
static bool
take_over_some(struct state_reader *reader)
{
    const struct inventory_sink *sink = reader->sink;

    if (sink->list_run && !sink->list_run(sink->aux)) {
        return false;
    }
    if (sink->deleted) {
        state_file_for_each_deleted(reader->body, reader->len, take_deleted,
                                    reader);
    }
    return true;
}

enum state_reader_event
state_reader_run(struct state_reader *reader)
{
    if (!reader->page) {
        read_some(reader);
    } else if (!reader->ended) {
        decode_some(reader);
    }
    return (reader->error ? STATE_READER_ERROR
            : reader->ended && take_over_some(reader) ? STATE_READER_END
            : STATE_READER_MORE);
}

const char *
state_reader_version(const struct state_reader *reader)
{
    return inventory_page_version(reader->page);
}
