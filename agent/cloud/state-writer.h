/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_STATE_WRITER_H
#define VTEPD_STATE_WRITER_H 1

/* Writes the inventory to a state file (state-file.h), in many short passes.
 *
 * Under the file's name there is always a file that is whole: the new one is
 * written beside it, is brought to the disk, and then takes its name.  Logs
 * nothing. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inventory;
struct state_file_owner;
struct state_writer;

/* Begins to write 'inv', which came with the list 'version', to the file
 * 'path'.  'etag' is the ETag of that list if 'inv' is exactly what it said,
 * else NULL.  If the file's folder is missing, that is made, with mode 0700.
 * 'inv' must outlive the writer.  Never NULL: trouble is for
 * state_writer_run() to tell. */
struct state_writer *state_writer_create(const char *path,
                                         const struct state_file_owner *,
                                         const char *version,
                                         const char *etag,
                                         const struct inventory *inv);

/* The inventory is no longer what the list with the ETag said, or is what
 * another one said.  Nothing changes if that is written already: at that time
 * it was true of what is in the file. */
void state_writer_forget_etag(struct state_writer *);

/* What is not done is given up.  Waits for the disk if it has begun to
 * write. */
void state_writer_destroy(struct state_writer *);

enum state_writer_event {
    STATE_WRITER_MORE,          /* Call it again, see state_writer_wait(). */
    STATE_WRITER_DONE,          /* The file is there. */
    STATE_WRITER_CHANGED,       /* The inventory has outgrown the walk. */
    STATE_WRITER_ERROR,         /* See state_writer_error(). */
};

/* Writes up to 'n_objects' objects, large ones counting as several.  'block'
 * says whether to wait for the disk.  After anything but STATE_WRITER_MORE the
 * writer is of no more use. */
enum state_writer_event state_writer_run(struct state_writer *,
                                         size_t n_objects, bool block);
void state_writer_wait(const struct state_writer *);

/* After STATE_WRITER_ERROR: the rest of a sentence that begins with the file's
 * name.  Valid as long as the writer. */
const char *state_writer_error(const struct state_writer *);

/* inventory_seqno() when the writing began: later changes may be in the file
 * or not. */
uint64_t state_writer_seqno(const struct state_writer *);

/* After STATE_WRITER_DONE: the ETag that was written, or NULL. */
const char *state_writer_etag(const struct state_writer *);

/* Bytes written so far. */
size_t state_writer_size(const struct state_writer *);

#endif /* state-writer.h */
