/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WATCHED_FILE_H
#define VTEPD_WATCHED_FILE_H 1

/* A small file whose contents are wanted again whenever it changes, such as
 * one with a secret or a certificate.
 *
 * Does not keep the contents.  A file that anyone may write is refused, and
 * one with a secret also if anyone may read it. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct watched_file {
    char *path;
    size_t max;                 /* Bytes that it may have. */
    bool is_secret;
    bool was_read;
    struct stat read;           /* The file, if it was read. */
};

void watched_file_init(struct watched_file *, const char *path, size_t max,
                       bool is_secret);
void watched_file_uninit(struct watched_file *);

/* Returns NULL and sets '*contents' to NULL, if the file is what it was when
 * it was last read, or else to its '*len' bytes, with a null byte behind them,
 * to be freed by watched_file_free().  If it cannot be used, returns why, a
 * part of a sentence that is valid until the next call.  Never blocks. */
const char *watched_file_read(struct watched_file *, char **contents,
                              size_t *len);

/* What was read is of no use: it is read again even if it does not change. */
void watched_file_forget(struct watched_file *);

/* Overwrites the 'len' bytes at 'contents' and frees them. */
void watched_file_free(char *contents, size_t len);

#endif /* watched-file.h */
