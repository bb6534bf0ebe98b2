/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_STATE_READER_H
#define VTEPD_STATE_READER_H 1

/* Reads a state file (state-file.h) and hands its objects to a sink, as a
 * list, in many short passes.
 *
 * A file is believed as a whole or not at all: nothing goes to the sink before
 * the checksum was seen to be right.  It must be ours and for nobody else to
 * write.  What an object may be is for inventory-page.h to say, as for one
 * that comes from the API.  Logs nothing. */

#include <stdbool.h>

struct inventory_sink;
struct state_file_owner;
struct state_reader;

/* Opens the file 'path'.  'owner' and 'sink' must outlive the reader.
 * Returns NULL if there is no such file, and if it cannot be read or must not
 * be believed: then '*errorp' is the rest of a sentence that begins with the
 * file's name, which the caller must free, else NULL. */
struct state_reader *state_reader_open(const char *path,
                                       const struct state_file_owner *owner,
                                       const struct inventory_sink *sink,
                                       char **errorp);

/* A list that has begun and not ended is aborted. */
void state_reader_close(struct state_reader *);

enum state_reader_event {
    STATE_READER_MORE,          /* Call it again in the next pass. */
    STATE_READER_END,           /* The list has ended well. */
    STATE_READER_ERROR,         /* See state_reader_error(). */
};
enum state_reader_event state_reader_run(struct state_reader *);

/* After STATE_READER_ERROR: as from state_reader_open().  Valid as long as the
 * reader. */
const char *state_reader_error(const struct state_reader *);

/* After STATE_READER_END: the ETag of the whole list that all objects handed
 * over are exactly, or NULL if they are none.  Valid as long as the reader. */
const char *state_reader_etag(const struct state_reader *);

/* When the file was written, in ms of wall-clock time. */
long long int state_reader_written(const struct state_reader *);

/* After STATE_READER_END: the version of the list.  Valid as long as the
 * reader. */
const char *state_reader_version(const struct state_reader *);

/* After STATE_READER_END: how many objects there were, how many were refused
 * and, if there is one, why the first was.  Valid as long as the reader. */
unsigned int state_reader_n_objects(const struct state_reader *);
unsigned int state_reader_n_refused(const struct state_reader *,
                                    const char **first);

#endif /* state-reader.h */
