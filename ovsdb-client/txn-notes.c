/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/txn-notes.h"

#include <stdarg.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(txn_notes);

enum {
    SUMMARY_MAX = 5,            /* Notes that a summary spells out. */
    LOG_MAX = 10,               /* Notes of a verb that have a log line. */
};

struct note {
    enum note_verb verb;
    char *what;
};

static const struct {
    const char *doing;
    const char *done;
    enum vlog_level level;
} verbs[] = {
    [NOTE_ADD] = { "adding", "added", VLL_INFO },
    [NOTE_CHANGE] = { "changing", "changed", VLL_INFO },
    [NOTE_RETRY] = { "trying again", "tried again", VLL_DBG },
    [NOTE_MOVE] = { "moving", "moved", VLL_INFO },
    [NOTE_REMOVE] = { "removing", "removed", VLL_INFO },
    [NOTE_NAME] = { "naming", "named", VLL_INFO },
    [NOTE_MARK] = { "marking as installed", "marked as installed", VLL_DBG },
    [NOTE_UNMARK] = { "marking as not installed", "marked as not installed",
                      VLL_DBG },
};

void
txn_notes_init(struct txn_notes *notes)
{
    *notes = (struct txn_notes) { .notes = NULL };
}

void
txn_notes_destroy(struct txn_notes *notes)
{
    txn_notes_clear(notes);
    free(notes->notes);
}

void
txn_notes_clear(struct txn_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++) {
        free(notes->notes[i].what);
    }
    notes->n = 0;
}

void
txn_notes_add(struct txn_notes *notes, enum note_verb verb,
              const char *format, ...)
{
    va_list args;

    if (notes->n >= notes->allocated) {
        notes->notes = x2nrealloc(notes->notes, &notes->allocated,
                                  sizeof *notes->notes);
    }
    va_start(args, format);
    notes->notes[notes->n++] = (struct note) {
        .verb = verb,
        .what = xvasprintf(format, args),
    };
    va_end(args);
}

char *
txn_notes_summary(const struct txn_notes *notes)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < MIN(notes->n, SUMMARY_MAX); i++) {
        ds_put_format(&s, "%s%s %s", i ? ", " : "",
                      verbs[notes->notes[i].verb].doing,
                      notes->notes[i].what);
    }
    if (notes->n > SUMMARY_MAX) {
        ds_put_format(&s, " and %"PRIuSIZE" more", notes->n - SUMMARY_MAX);
    }
    return ds_steal_cstr(&s);
}

void
txn_notes_log(const struct txn_notes *notes)
{
    size_t n_of[ARRAY_SIZE(verbs)] = { 0 };

    for (size_t i = 0; i < notes->n; i++) {
        const struct note *note = &notes->notes[i];

        VLOG(n_of[note->verb]++ < LOG_MAX ? verbs[note->verb].level : VLL_DBG,
             "%s %s", verbs[note->verb].done, note->what);
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (n_of[i] > LOG_MAX) {
            VLOG(verbs[i].level, "%s %"PRIuSIZE" more", verbs[i].done,
                 n_of[i] - LOG_MAX);
        }
    }
}
