/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/watched-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket-util.h"
#include "util.h"

void
watched_file_init(struct watched_file *file, const char *path, size_t max,
                  bool is_secret)
{
    *file = (struct watched_file) {
        .path = xstrdup(path),
        .max = max,
        .is_secret = is_secret,
    };
}

void
watched_file_uninit(struct watched_file *file)
{
    free(file->path);
    file->path = NULL;
}

void
watched_file_forget(struct watched_file *file)
{
    file->was_read = false;
}

void
watched_file_free(char *contents, size_t len)
{
    if (contents) {
        explicit_bzero(contents, len);
        free(contents);
    }
}

static bool
is_unchanged(const struct stat *a, const struct stat *b)
{
    return (a->st_dev == b->st_dev && a->st_ino == b->st_ino
            && a->st_size == b->st_size && a->st_mode == b->st_mode
            && a->st_mtim.tv_sec == b->st_mtim.tv_sec
            && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
            && a->st_ctim.tv_sec == b->st_ctim.tv_sec
            && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec);
}

static const char *
check_state(const struct watched_file *file, const struct stat *s)
{
    if (!S_ISREG(s->st_mode)) {
        return "it is not a regular file";
    } else if (file->is_secret && s->st_mode & (S_IROTH | S_IWOTH)) {
        return "everyone can read or write it (chmod o-rw)";
    } else if (s->st_mode & S_IWOTH) {
        return "everyone can write it (chmod o-w)";
    } else if (s->st_size > (off_t) file->max) {
        return "it is too large for what it should hold";
    }
    return NULL;
}

/* Reads all of 'fd', of which 's' is the state. */
static const char *
read_all(struct watched_file *file, int fd, const struct stat *s,
         char **contents, size_t *len)
{
    char *buffer = xmalloc(s->st_size + 1);

    if (read_fully(fd, buffer, s->st_size, len)) {
        watched_file_free(buffer, s->st_size);
        return "it changed while it was read";
    }
    buffer[*len] = '\0';
    *contents = buffer;
    file->read = *s;
    file->was_read = true;
    return NULL;
}

const char *
watched_file_read(struct watched_file *file, char **contents, size_t *len)
{
    /* O_NONBLOCK: opening a FIFO must not block. */
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    const char *error;

    *contents = NULL;
    *len = 0;
    if (fd < 0 || fstat(fd, &s)) {
        error = ovs_strerror(errno);
    } else {
        error = check_state(file, &s);
        if (!error && !(file->was_read && is_unchanged(&s, &file->read))) {
            error = read_all(file, fd, &s, contents, len);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (error) {
        file->was_read = false;
    }
    return error;
}
