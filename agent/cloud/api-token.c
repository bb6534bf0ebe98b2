/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/api-token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket-util.h"
#include "util.h"

/* Bytes of a token file.  Signed tokens can take some kilobytes. */
enum { TOKEN_MAX = 16 * 1024 };

struct api_token {
    char *path;
    char *token;                /* NULL: none was read. */
    struct stat read;           /* The file when 'token' was read. */
};

struct api_token *
api_token_create(const char *path)
{
    struct api_token *token = xzalloc(sizeof *token);
    token->path = xstrdup(path);
    return token;
}

static void
forget(struct api_token *token)
{
    if (token->token) {
        explicit_bzero(token->token, strlen(token->token));
        free(token->token);
        token->token = NULL;
    }
}

void
api_token_destroy(struct api_token *token)
{
    if (token) {
        forget(token);
        free(token->path);
        free(token);
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

/* Says what is wrong with a token of 'len' bytes, or returns NULL.  Anything
 * but visible characters would end the header it is put in. */
static const char *
check_token(const char *s, size_t len)
{
    if (!len) {
        return "it is empty";
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x21 || s[i] > 0x7e) {
            return "it holds more than one line of visible ASCII characters";
        }
    }
    return NULL;
}

static const char *
check_file(const struct stat *s)
{
    return (!S_ISREG(s->st_mode) ? "it is not a regular file"
            : s->st_mode & (S_IROTH | S_IWOTH)
            ? "everyone can read or write it (chmod o-rw)"
            : s->st_size > TOKEN_MAX ? "it is too large for a token"
            : NULL);
}

/* Reads the token from 'fd', of which 's' is the state. */
static const char *
read_token(struct api_token *token, int fd, const struct stat *s)
{
    char buffer[TOKEN_MAX];
    size_t n;
    if (read_fully(fd, buffer, s->st_size, &n)) {
        return "it changed while it was read";
    }
    while (n && strchr(" \t\r\n", buffer[n - 1]) && buffer[n - 1]) {
        n--;
    }

    const char *error = check_token(buffer, n);
    if (!error) {
        forget(token);
        token->token = xmemdup0(buffer, n);
        token->read = *s;
    }
    explicit_bzero(buffer, sizeof buffer);
    return error;
}

const char *
api_token_get(struct api_token *token, char **errorp)
{
    /* O_NONBLOCK: opening a FIFO must not block. */
    int fd = open(token->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    const char *error;

    if (fd < 0 || fstat(fd, &s)) {
        error = ovs_strerror(errno);
    } else {
        error = check_file(&s);
        if (!error && !(token->token && is_unchanged(&s, &token->read))) {
            error = read_token(token, fd, &s);
        }
    }
    if (fd >= 0) {
        close(fd);
    }

    if (error) {
        forget(token);
        *errorp = xasprintf("the API token in %s cannot be used: %s",
                            token->path, error);
    }
    return token->token;
}
