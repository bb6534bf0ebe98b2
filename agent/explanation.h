/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLANATION_H
#define VTEPD_EXPLANATION_H 1

/* An explanation: what was looked at, step by step, and one sentence at the
 * end that says how it is and, if something is in the way, what to do about
 * it.
 *
 * The first thing in the way is the one that counts: whoever explains looks at
 * causes before their consequences. */

#include <stdbool.h>

#include "openvswitch/compiler.h"

struct ds;
struct json;

enum finding_kind {
    FINDING_OK,
    FINDING_NOTE,               /* Worth knowing, not in the way. */
    FINDING_STOP,               /* In the way. */
};

struct finding {
    const char *step;           /* A string constant, such as "tunnel". */
    enum finding_kind kind;
    char *text;
};

enum verdict {
    VERDICT_PASSES,
    VERDICT_STOPS,
    VERDICT_UNKNOWN,            /* It cannot be told from here. */
};

struct explanation {
    struct json *subject;       /* What it is about. */
    struct finding *findings;
    size_t n, allocated;

    bool concluded;
    enum verdict verdict;
    const char *cause;          /* For programs: "not-plugged"; or NULL. */
    char *conclusion;           /* One sentence or two. */
};

void explanation_init(struct explanation *);
void explanation_destroy(struct explanation *);

void explanation_ok(struct explanation *, const char *step,
                    const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
void explanation_note(struct explanation *, const char *step,
                      const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* Something is in the way: 'cause' is a string constant, 'remedy' a sentence
 * without a full stop.  Of several the first is the conclusion. */
void explanation_stop(struct explanation *, const char *step,
                      const char *cause, const char *remedy,
                      const char *format, ...) OVS_PRINTF_FORMAT(5, 6);

/* Concludes, unless something is in the way. */
void explanation_conclude(struct explanation *, enum verdict,
                          const char *cause, const char *format, ...)
    OVS_PRINTF_FORMAT(4, 5);

/* Appends it to 's' as text, the conclusion being the last line, or as
 * JSON. */
void explanation_format(const struct explanation *, bool json, struct ds *s);

#endif /* explanation.h */
