/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/api-token.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/watched-file.h"
#include "util.h"

/* Bytes of a token file.  Signed tokens can take some kilobytes. */
enum { TOKEN_MAX = 16 * 1024 };

struct api_token {
    struct watched_file file;
    char *token;                /* NULL: none was read. */
};

struct api_token *
api_token_create(const char *path)
{
    struct api_token *token = xzalloc(sizeof *token);
    watched_file_init(&token->file, path, TOKEN_MAX, true);
    return token;
}

static void
forget(struct api_token *token)
{
    if (token->token) {
        watched_file_free(token->token, strlen(token->token));
        token->token = NULL;
    }
}

void
api_token_destroy(struct api_token *token)
{
    if (token) {
        forget(token);
        watched_file_uninit(&token->file);
        free(token);
    }
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

/* Takes the token out of the file's 'len' bytes. */
static const char *
set_token(struct api_token *token, const char *contents, size_t len)
{
    while (len && strchr(" \t\r\n", contents[len - 1])
           && contents[len - 1]) {
        len--;
    }

    const char *error = check_token(contents, len);
    if (!error) {
        forget(token);
        token->token = xmemdup0(contents, len);
    }
    return error;
}

const char *
api_token_get(struct api_token *token, char **errorp)
{
    char *contents;
    size_t len;
    const char *error = watched_file_read(&token->file, &contents, &len);

    if (contents) {
        error = set_token(token, contents, len);
        watched_file_free(contents, len);
    }
    if (error) {
        forget(token);
        watched_file_forget(&token->file);
        *errorp = xasprintf("the API token in %s cannot be used: %s",
                            token->file.path, error);
    }
    return token->token;
}
