/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-secrets.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/watched-file.h"
#include "cloud/webhook-signature.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(webhook_secrets);

enum {
    FILE_MAX = 16 * 1024,       /* Bytes of the file. */
    CHECK_MS = 200,             /* How often to look at the file. */
};

#define PREFIX "whsec_"

struct secret_list {
    struct webhook_secret secrets[WEBHOOK_SECRETS_MAX];
    size_t n;
};

struct webhook_secrets {
    struct watched_file file;
    struct secret_list list;
    char *error;
    long long int next_check;
};

/* Decodes the 'len' characters of base64 at 's' into 'secret'.  Returns false
 * if they are none, or too few or too many for a key. */
static bool
decode_key(const char *s, size_t len, struct webhook_secret *secret)
{
    /* EVP_DecodeBlock() gives whole groups of three bytes, what is filled up
     * with '=' as zeroes. */
    unsigned char key[WEBHOOK_KEY_MAX + 3];
    size_t n_fill = 0;
    bool ok = false;

    while (n_fill < 2 && n_fill < len && s[len - n_fill - 1] == '=') {
        n_fill++;
    }
    if (len && len % 4 == 0 && len / 4 * 3 <= sizeof key
        && !memchr(s, '=', len - n_fill)
        && EVP_DecodeBlock(key, (const unsigned char *) s, len) > 0) {
        secret->len = len / 4 * 3 - n_fill;
        ok = (secret->len >= WEBHOOK_KEY_MIN
              && secret->len <= WEBHOOK_KEY_MAX);
        if (ok) {
            memcpy(secret->key, key, secret->len);
        }
    }
    explicit_bzero(key, sizeof key);
    return ok;
}

static char *
parse_line(const char *line, size_t len, int number, struct secret_list *list)
{
    while (len && strchr(" \t\r", line[len - 1]) && line[len - 1]) {
        len--;
    }
    if (!len || line[0] == '#') {
        return NULL;
    } else if (list->n >= WEBHOOK_SECRETS_MAX) {
        return xasprintf("it holds more than %d secrets",
                         WEBHOOK_SECRETS_MAX);
    } else if (len < strlen(PREFIX) || strncmp(line, PREFIX, strlen(PREFIX))
               || !decode_key(line + strlen(PREFIX), len - strlen(PREFIX),
                              &list->secrets[list->n])) {
        return xasprintf("line %d is not \""PREFIX"\" and %d to %d bytes in "
                         "base64", number, WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX);
    }
    list->n++;
    return NULL;
}

static char *
parse(const char *s, size_t len, struct secret_list *list)
{
    const char *end = s + len;
    char *error = NULL;

    for (int number = 1; s < end && !error; number++) {
        const char *eol = memchr(s, '\n', end - s);
        size_t line_len = (eol ? eol : end) - s;

        error = parse_line(s, line_len, number, list);
        s += line_len + 1;
    }
    return error ? error : list->n ? NULL : xstrdup("it holds no secret");
}

/* Returns NULL, or what is wrong with the file, to be freed by the caller. */
static char *
read_file(struct webhook_secrets *secrets, bool *changed)
{
    char *contents;
    size_t len;
    const char *problem = watched_file_read(&secrets->file, &contents, &len);

    *changed = problem || contents;
    if (problem) {
        return xstrdup(problem);
    } else if (!contents) {
        return NULL;
    }

    struct secret_list list = { .n = 0 };
    char *error = parse(contents, len, &list);
    if (!error) {
        secrets->list = list;
    }
    explicit_bzero(&list, sizeof list);
    watched_file_free(contents, len);
    return error;
}

static void
set_error(struct webhook_secrets *secrets, char *problem)
{
    char *error = (problem
                   ? xasprintf("the webhook secrets in %s cannot be used: %s",
                               secrets->file.path, problem)
                   : NULL);

    free(problem);
    free(secrets->error);
    secrets->error = error;
}

struct webhook_secrets *
webhook_secrets_create(const char *path, char **errorp)
{
    struct webhook_secrets *secrets = xzalloc(sizeof *secrets);
    bool changed;

    watched_file_init(&secrets->file, path, FILE_MAX, true);
    set_error(secrets, read_file(secrets, &changed));
    if (secrets->error) {
        *errorp = secrets->error;
        secrets->error = NULL;
        webhook_secrets_destroy(secrets);
        return NULL;
    }
    return secrets;
}

void
webhook_secrets_destroy(struct webhook_secrets *secrets)
{
    if (secrets) {
        watched_file_uninit(&secrets->file);
        free(secrets->error);
        explicit_bzero(&secrets->list, sizeof secrets->list);
        free(secrets);
    }
}

void
webhook_secrets_run(struct webhook_secrets *secrets, long long int now)
{
    bool changed;

    if (now < secrets->next_check) {
        return;
    }
    secrets->next_check = now + CHECK_MS;

    char *problem = read_file(secrets, &changed);
    if (!changed) {
        return;
    }

    char *before = nullable_xstrdup(secrets->error);
    set_error(secrets, problem);
    if (secrets->error && !nullable_string_is_equal(before, secrets->error)) {
        VLOG_WARN("%s; the %"PRIuSIZE" known until now stay valid",
                  secrets->error, secrets->list.n);
    } else if (!secrets->error) {
        VLOG_INFO("%"PRIuSIZE" webhook secrets read from %s", secrets->list.n,
                  secrets->file.path);
    }
    free(before);
}

const struct webhook_secret *
webhook_secrets_get(const struct webhook_secrets *secrets, size_t *n)
{
    *n = secrets->list.n;
    return secrets->list.secrets;
}

const char *
webhook_secrets_error(const struct webhook_secrets *secrets)
{
    return secrets->error;
}
