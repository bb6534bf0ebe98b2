/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/learned-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/state-file.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "sha1.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(learned_file);

#define FORMAT 1

/* How long a change waits for others, and a failed attempt for the next, in
 * ms. */
#define WRITE_DELAY_MS 1000
#define RETRY_MS 10000

enum {
    FILE_MAX = 16 * 1024 * 1024,    /* Bytes. */
    MAX_SECTIONS = 4,
};

struct learned_file {
    struct learned_section sections[MAX_SECTIONS];
    size_t n_sections;
    char *host;                 /* NULL before it is configured. */
    char *path;
    bool dirty;                 /* Is there something to write? */
    long long int due;          /* When to write it, in ms; 0: not set yet. */
    char *error;
};

struct learned_file *
learned_file_create(void)
{
    return xzalloc(sizeof(struct learned_file));
}

void
learned_file_destroy(struct learned_file *file)
{
    if (file) {
        free(file->host);
        free(file->path);
        free(file->error);
        free(file);
    }
}

void
learned_file_add_section(struct learned_file *file,
                         const struct learned_section *section)
{
    ovs_assert(!file->host && file->n_sections < MAX_SECTIONS);
    file->sections[file->n_sections++] = *section;
}

/* Takes over 'error', NULL if there is none. */
static void
set_error(struct learned_file *file, char *error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

    if (error && !nullable_string_is_equal(error, file->error)) {
        VLOG_WARN_RL(&rl, "%s: %s; after a restart, what VMs listen to and "
                     "hold is learned anew", file->path, error);
    } else if (!error && file->error) {
        VLOG_INFO_RL(&rl, "%s: it was written", file->path);
    }
    free(file->error);
    file->error = error;
}

/* Reading. */

/* Reads the file into 's'.  One that is not there is empty. */
static char *
read_file(const char *path, struct ds *s)
{
    /* O_NONBLOCK: opening a FIFO must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    char *error;

    if (fd < 0) {
        return (errno == ENOENT ? NULL
                : xasprintf("cannot be read (%s)", ovs_strerror(errno)));
    }
    error = (fstat(fd, &st)
             ? xasprintf("cannot be read (%s)", ovs_strerror(errno))
             : state_file_distrust(&st, FILE_MAX));
    if (!error && st.st_size) {
        size_t n;
        int retval = read_fully(fd, ds_put_uninit(s, st.st_size), st.st_size,
                                &n);

        /* It may have shrunk meanwhile: the checksum shows that. */
        ds_truncate(s, n);
        if (retval > 0) {
            error = xasprintf("cannot be read (%s)", ovs_strerror(retval));
        }
    }
    close(fd);
    return error;
}

static bool
has_sum(const struct ds *text)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    uint8_t sha1[SHA1_DIGEST_SIZE];

    if (text->length < STATE_FILE_SUM_LEN) {
        return false;
    }

    size_t len = text->length - STATE_FILE_SUM_LEN;
    sha1_bytes(text->string, len, sha1);
    state_file_put_sum(&line, sha1);
    bool same = !memcmp(&text->string[len], line.string, line.length);
    ds_destroy(&line);
    return same;
}

/* Hands 'root' to the sections, if it is of this host. */
static char *
take_root(const struct learned_file *file, const struct json *root)
{
    if (root->type != JSON_OBJECT) {
        return xstrdup("is no JSON object");
    }

    const struct shash *members = json_object(root);
    const struct json *format = shash_find_data(members, "format");
    const struct json *host = shash_find_data(members, "host");
    if (!format || format->type != JSON_INTEGER
        || json_integer(format) != FORMAT) {
        return xasprintf("is of a format that this version of vtepd does not "
                         "know (it knows %d)", FORMAT);
    } else if (!host || host->type != JSON_STRING
               || strcmp(json_string(host), file->host)) {
        return xstrdup("is of another host");
    }

    for (size_t i = 0; i < file->n_sections; i++) {
        const struct learned_section *section = &file->sections[i];
        const struct json *value = shash_find_data(members, section->name);

        if (value) {
            section->from_json(value, section->aux);
        }
    }
    return NULL;
}

static void
load(struct learned_file *file)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    char *error = read_file(file->path, &text);

    if (!error && text.length) {
        if (!has_sum(&text)) {
            error = xstrdup("is damaged: its checksum is wrong");
        } else {
            struct json *root = json_from_string(ds_cstr(&text));

            error = take_root(file, root);
            json_destroy(root);
        }
    }
    set_error(file, error);
    ds_destroy(&text);
}

void
learned_file_configure(struct learned_file *file, const char *dir,
                       const char *host)
{
    char *inventory = state_file_name(host);
    char *path = xasprintf("%s/learned-%s", dir,
                           inventory + strlen("inventory-"));
    bool first = !file->host;

    free(inventory);
    if (nullable_string_is_equal(path, file->path)) {
        free(path);
        return;
    }
    free(file->path);
    file->path = path;
    free(file->host);
    file->host = xstrdup(host);
    if (first) {
        load(file);
    } else {
        learned_file_changed(file);
    }
}

/* Writing. */

void
learned_file_changed(struct learned_file *file)
{
    file->dirty = true;
}

static void
put_text(const struct learned_file *file, struct ds *s)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    ds_put_format(s, "{\"format\":%d,\"host\":", FORMAT);
    json_string_escape(file->host, s);
    ds_put_cstr(s, ",\n");
    for (size_t i = 0; i < file->n_sections; i++) {
        const struct learned_section *section = &file->sections[i];
        struct json *value = section->to_json(section->aux);

        ds_put_format(s, "\"%s\":", section->name);
        json_to_ds(value, JSSF_SORT, s);
        ds_put_cstr(s, ",\n");
        json_destroy(value);
    }
    sha1_bytes(s->string, s->length, sha1);
    state_file_put_sum(s, sha1);
}

/* The new file's name is always the same, so that what killed vtepds leave
 * does not pile up. */
static int
open_new(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
}

static int
open_in_folder(const char *path)
{
    int fd = open_new(path);

    if (fd < 0 && errno == ENOENT) {
        char *dir = dir_name(path);
        int error = mkdir(dir, 0700) ? errno : 0;

        free(dir);
        if (!error) {
            return open_new(path);
        }
        errno = error;
    }
    return fd;
}

/* Returns an errno value. */
static int
replace_file(const char *path, const struct ds *s)
{
    char *new_path = xasprintf("%s.new", path);
    int error = 0;
    int fd;

    unlink(new_path);
    fd = open_in_folder(new_path);
    if (fd < 0) {
        error = errno;
    } else {
        size_t n;

        error = write_fully(fd, s->string, s->length, &n);
        if (close(fd) && !error) {
            error = errno;
        }
        if (!error && rename(new_path, path)) {
            error = errno;
        }
        if (error) {
            unlink(new_path);
        }
    }
    free(new_path);
    return error;
}

static void
write_file(struct learned_file *file)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    int error;

    put_text(file, &s);
    error = s.length > FILE_MAX ? EFBIG : replace_file(file->path, &s);
    file->dirty = error != 0;
    file->due = 0;
    set_error(file, (error ? xasprintf("cannot be written (%s)",
                                       ovs_strerror(error)) : NULL));
    ds_destroy(&s);
}

void
learned_file_flush(struct learned_file *file)
{
    if (file->dirty && file->host) {
        write_file(file);
    }
}

void
learned_file_run(struct learned_file *file, long long int now)
{
    if (!file->dirty || !file->host) {
        return;
    }
    if (!file->due) {
        file->due = now + WRITE_DELAY_MS;
    } else if (now >= file->due) {
        write_file(file);
        file->due = file->dirty ? now + RETRY_MS : 0;
    }
}

void
learned_file_wait(const struct learned_file *file)
{
    if (file->dirty && file->host) {
        if (file->due) {
            poll_timer_wait_until(file->due);
        } else {
            poll_immediate_wake();
        }
    }
}

const char *
learned_file_error(const struct learned_file *file)
{
    return file->error;
}
