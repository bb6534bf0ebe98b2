/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PASS_WATCH_H
#define VTEPD_PASS_WATCH_H 1

/* How long the passes of the main loop take, and which part of a slow one it
 * was.  While a pass lasts nothing else is done: no packet of a switch, no
 * webhook and no operator is answered.
 *
 * It only reckons: the agent tells it the time, in milliseconds, and logs what
 * it says.  Between pass_watch_begin() and pass_watch_end() time is never
 * counted twice or left out: what no part claims is the rest. */

#include <stddef.h>
#include <stdint.h>

enum {
    PASS_WATCH_MS = 500,        /* A pass that takes longer is slow. */
    PASS_WATCH_PARTS = 32,      /* Parts that a pass may have. */
};

struct pass_part {
    const char *name;
    long long int ms;
};

struct pass_watch {
    /* The pass that is under way. */
    long long int begun;        /* In ms. */
    long long int last;         /* When its last part ended, in ms. */
    struct pass_part parts[PASS_WATCH_PARTS];
    size_t n_parts;

    /* Since the start. */
    uint64_t n_passes;
    uint64_t n_slow;
    long long int longest;      /* In ms. */
};

void pass_watch_begin(struct pass_watch *, long long int now);

/* What was done since the last part ended, or the pass began, was 'name', which
 * has to live until the pass is over. */
void pass_watch_part(struct pass_watch *, const char *name,
                     long long int now);

/* The pass is over.  Returns NULL or, if it was slow, a sentence with its parts
 * that matter, to be freed by the caller. */
char *pass_watch_end(struct pass_watch *, long long int now);

#endif /* pass-watch.h */
