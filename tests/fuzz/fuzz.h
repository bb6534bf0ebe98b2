/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_H
#define FUZZ_H 1

/* What the fuzz targets have in common.
 *
 * A target, fuzz-NAME.c, hands libFuzzer's bytes to what takes such bytes from
 * outside, and checks what has to hold whatever they are.  A check that fails
 * ends the program, which libFuzzer takes for a crash. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object;

/* libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(CONDITION)                                           \
    ((CONDITION) ? (void) 0 : fuzz_failed(__FILE__, __LINE__, #CONDITION))

_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* Nothing is logged from now on. */
void fuzz_quiet(void);

/* Sentences about what is wrong: there, printable ASCII, and not long. */
void fuzz_check_sentence(const char *);

/* A string of 1 to 'max' printable ASCII characters. */
void fuzz_check_printable(const char *, size_t max);

/* That 'object' is what core/objects.h promises. */
void fuzz_check_object(const struct object *object);

/* Objects as text.  The caller frees it. */
char *fuzz_encode(const struct object *);

/* That 'object' is there and the same as the one that was encoded. */
void fuzz_check_same(const struct object *object, const char *encoded);

/* Some number that depends on the bytes, to choose by. */
uint32_t fuzz_hash(const uint8_t *data, size_t size);

/* Takes the first line off the bytes and returns it without its end, for the
 * caller to free.  Without an end of line all of them are the line. */
char *fuzz_take_line(const uint8_t **data, size_t *size);

/* Makes a folder in TMPDIR that is removed at the program's end.  Returns its
 * name. */
const char *fuzz_folder(void);

/* Writes a file, which nobody else may read. */
void fuzz_write_file(const char *path, const void *data, size_t size);

#endif /* fuzz.h */
