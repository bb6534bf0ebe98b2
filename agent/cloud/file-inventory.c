/* SPDX-License-Identifier: Apache-2.0 */

/* The inventory in a file: one page of a list (contract 3.2).
 *
 *              read_file(): it changed
 *     WATCHING ------------------------> DECODING
 *        ^  ^__________ refused() ___________/|
 *        '----------- source_list_end() ------'
 *
 * WATCHING: once a second, looks whether the file is another than the one that
 *           was read last.
 * DECODING: the file was read and goes to the sink, some items in a pass.
 *
 * The same trouble with the same file is reported once. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/inventory-source-provider.h"
#include "cloud/inventory-url.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

enum {
    CHECK_INTERVAL = 1000,      /* Milliseconds. */
    FILE_MAX = 256 * 1024 * 1024,   /* Bytes: all hosts' objects in one. */
};

/* Whether a file is the same as before; all zeros: there is none. */
struct file_state {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    struct timespec ctime;
};

struct file_inventory {
    struct inventory_source up;
    char *path;
    long long int next_check;
    struct file_state seen;     /* What was read, or tried to, last. */
    bool read_anyway;           /* At the next check, also if unchanged. */
};

static struct file_inventory *
file_inventory_cast(struct inventory_source *source)
{
    return CONTAINER_OF(source, struct file_inventory, up);
}

static struct inventory_source *
file_inventory_create(const struct inventory_source_config *config,
                      char **errorp)
{
    char *path = inventory_url_to_path(config->url, errorp);
    if (!path) {
        return NULL;
    }

    struct file_inventory *inventory = xzalloc(sizeof *inventory);
    source_init(&inventory->up, config->url);
    inventory->path = path;
    inventory->read_anyway = true;
    inventory->next_check = time_msec();
    inventory->up.status.next_try = inventory->next_check;
    return &inventory->up;
}

static void
file_inventory_destroy(struct inventory_source *source)
{
    struct file_inventory *inventory = file_inventory_cast(source);

    source_uninit(source);
    free(inventory->path);
    free(inventory);
}

static struct file_state
file_state_from_stat(const struct stat *s)
{
    return (struct file_state) {
        .dev = s->st_dev,
        .ino = s->st_ino,
        .size = s->st_size,
        .mtime = s->st_mtim,
        .ctime = s->st_ctim,
    };
}

static bool
timespec_equals(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
file_state_equals(const struct file_state *a, const struct file_state *b)
{
    return (a->dev == b->dev && a->ino == b->ino && a->size == b->size
            && timespec_equals(&a->mtime, &b->mtime)
            && timespec_equals(&a->ctime, &b->ctime));
}

/* Reports 'error', unless the last check already came to it. */
static void
refused(struct file_inventory *inventory, const char *error)
{
    struct inventory_source *source = &inventory->up;

    source_list_abort(source);
    if (!source->status.error || strcmp(source->status.error, error)) {
        source_failed(source, error, time_msec(), LLONG_MAX);
    }
}

/* Reads the open file into '*bodyp', which the caller must free, and '*lenp'.
 * Returns NULL or what is wrong. */
static const char *
read_open_file(struct file_inventory *inventory, int fd, char **bodyp,
               size_t *lenp)
{
    struct stat s;
    if (fstat(fd, &s)) {
        return ovs_strerror(errno);
    }
    inventory->seen = file_state_from_stat(&s);
    if (!S_ISREG(s.st_mode)) {
        return "it is not a regular file";
    }
    if (s.st_size > FILE_MAX) {
        return "it is larger than 256 MiB";
    }

    char *body = xmalloc(s.st_size + 1);
    int error = read_fully(fd, body, s.st_size, lenp);
    if (error > 0) {
        free(body);
        return ovs_strerror(error);
    }
    /* A file that shrank meanwhile has fewer bytes; the next check sees that
     * it changed. */
    *bodyp = body;
    return NULL;
}

static void
read_file(struct file_inventory *inventory)
{
    /* O_NONBLOCK: opening a FIFO must not block. */
    int fd = open(inventory->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *body = NULL;
    size_t len = 0;
    const char *error;

    if (fd >= 0) {
        error = read_open_file(inventory, fd, &body, &len);
        close(fd);
    } else {
        error = ovs_strerror(errno);
    }

    if (error) {
        refused(inventory, error);
    } else {
        inventory->up.status.n_bytes += len;
        source_list_begin(&inventory->up);
        source_page_begin(&inventory->up, body, len);
    }
}

static void
run_watching(struct file_inventory *inventory)
{
    struct inventory_source *source = &inventory->up;
    long long int now = time_msec();
    if (now < inventory->next_check) {
        return;
    }
    inventory->next_check = now + CHECK_INTERVAL;
    source->status.next_try = inventory->next_check;

    struct stat s;
    struct file_state state;
    if (stat(inventory->path, &s)) {
        inventory->seen = (struct file_state) { .size = 0 };
        refused(inventory, ovs_strerror(errno));
        return;
    }

    state = file_state_from_stat(&s);
    if (inventory->read_anyway || !file_state_equals(&state,
                                                     &inventory->seen)) {
        inventory->read_anyway = false;
        read_file(inventory);
    } else if (!source->status.error) {
        source_not_modified(source, now);
    }
}

static void
decoded(struct file_inventory *inventory)
{
    struct inventory_source *source = &inventory->up;
    if (inventory_page_cursor(source->page)) {
        refused(inventory, "it has \"next\", but a file is a single page");
        return;
    }

    char *version = xstrdup(inventory_page_version(source->page));
    source_page_end(source);
    source_list_end(source, version, time_msec());
    free(version);
}

static void
run_decoding(struct file_inventory *inventory)
{
    switch (source_page_run(&inventory->up)) {
    case INVENTORY_PAGE_ITEM:
        break;

    case INVENTORY_PAGE_END:
        decoded(inventory);
        break;

    case INVENTORY_PAGE_ERROR: {
        char *error = xstrdup(inventory_page_error(inventory->up.page));
        refused(inventory, error);
        free(error);
        break;
    }
    }
}

static void
file_inventory_run(struct inventory_source *source)
{
    struct file_inventory *inventory = file_inventory_cast(source);

    if (source->page) {
        run_decoding(inventory);
    } else {
        run_watching(inventory);
    }
}

static void
file_inventory_wait(struct inventory_source *source)
{
    struct file_inventory *inventory = file_inventory_cast(source);

    if (source->page) {
        poll_immediate_wake();
    } else {
        poll_timer_wait_until(inventory->next_check);
    }
}

static void
file_inventory_list_now(struct inventory_source *source)
{
    struct file_inventory *inventory = file_inventory_cast(source);

    inventory->read_anyway = true;
    inventory->next_check = time_msec();
}

/* The next check is never far. */
static void
file_inventory_list_soon(struct inventory_source *source)
{
    file_inventory_cast(source)->read_anyway = true;
}

/* The file still says what it said: it has its say again when it changes. */
static void
file_inventory_changed(struct inventory_source *source OVS_UNUSED)
{
}

const struct inventory_source_class file_inventory_class = {
    .scheme = "file:",
    .create = file_inventory_create,
    .destroy = file_inventory_destroy,
    .run = file_inventory_run,
    .wait = file_inventory_wait,
    .list_now = file_inventory_list_now,
    .list_soon = file_inventory_list_soon,
    .changed = file_inventory_changed,
};
