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
    char *details;              /* Or NULL. */
};

/* What somebody else does may come at any rate. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

static const struct {
    const char *doing;
    const char *done;
    enum vlog_level level;
} verbs[] = {
    [NOTE_ADD] = { "adding", "added", VLL_INFO },
    [NOTE_CHANGE] = { "changing", "changed", VLL_INFO },
    [NOTE_REPAIR] = { "repairing", "repaired", VLL_WARN },
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
        free(notes->notes[i].details);
    }
    notes->n = 0;
    notes->n_repairs = 0;
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
    notes->n_repairs += verb == NOTE_REPAIR;
}

void
txn_notes_explain(struct txn_notes *notes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    notes->notes[notes->n - 1].details = xvasprintf(format, args);
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

static void
log_note(const struct note *note, bool is_one_of_few)
{
    const enum vlog_level level = (is_one_of_few ? verbs[note->verb].level
                                   : VLL_DBG);
    const char *details = note->details ? note->details : "";
    const char *colon = note->details ? ": " : "";

    if (note->verb == NOTE_REPAIR) {
        VLOG_RL(&rl, level, "%s %s%s%s", verbs[note->verb].done, note->what,
                colon, details);
    } else {
        VLOG(level, "%s %s%s%s", verbs[note->verb].done, note->what, colon,
             details);
    }
}

void
txn_notes_log(const struct txn_notes *notes)
{
    size_t n_of[ARRAY_SIZE(verbs)] = { 0 };

    for (size_t i = 0; i < notes->n; i++) {
        const struct note *note = &notes->notes[i];

        log_note(note, n_of[note->verb]++ < LOG_MAX);
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (n_of[i] > LOG_MAX) {
            VLOG(verbs[i].level, "%s %"PRIuSIZE" more", verbs[i].done,
                 n_of[i] - LOG_MAX);
        }
    }
}
