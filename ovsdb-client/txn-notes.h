/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TXN_NOTES_H
#define VTEPD_TXN_NOTES_H 1

/* What a transaction does, in words: for its comment, which ovsdb-server
 * keeps in the database's log, for vtepd's own log once it is committed, and
 * to say what was refused. */

#include <stddef.h>

#include "compiler.h"

enum note_verb {
    NOTE_ADD,
    NOTE_CHANGE,
    NOTE_REPAIR,                /* What somebody else changed is put right. */
    NOTE_RETRY,
    NOTE_MOVE,
    NOTE_REMOVE,
    NOTE_NAME,
    NOTE_MARK,
    NOTE_UNMARK,
};

struct note;

struct txn_notes {
    struct note *notes;
    size_t n;
    size_t allocated;
    unsigned int n_repairs;     /* Those with NOTE_REPAIR. */
};

void txn_notes_init(struct txn_notes *);
void txn_notes_destroy(struct txn_notes *);
void txn_notes_clear(struct txn_notes *);

/* Adds that the transaction does 'verb' to what 'format' names. */
void txn_notes_add(struct txn_notes *, enum note_verb verb,
                   const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* Adds to the last note what it is in detail, for the log alone. */
void txn_notes_explain(struct txn_notes *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* "adding tunnel ... to ..., removing ... and 97 more": of bounded length.
 * The caller must free it. */
char *txn_notes_summary(const struct txn_notes *);

/* Logs what is done now, a line for each note.  Of what was done to many
 * things in a row the last line tells only how many they are: a line may cost
 * more than the port that it is about. */
void txn_notes_log(const struct txn_notes *);

#endif /* txn-notes.h */
