/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_REPAIR_LIMIT_H
#define VTEPD_REPAIR_LIMIT_H 1

/* Keeps vtepd from fighting over a row with somebody who changes it back each
 * time, for instance a second vtepd.
 *
 * The first REPAIR_LIMIT_FREE writes of a row may follow each other at once.
 * With the next the fight begins: from then on the row is left alone after
 * each write, for REPAIR_LIMIT_MIN at first and twice as long each time, up to
 * REPAIR_LIMIT_MAX.  It ends when a row that may be written again stays as it
 * is for REPAIR_LIMIT_QUIET.
 *
 * Decides only, has no clock.  All times in ms. */

#include <stdbool.h>

enum {
    REPAIR_LIMIT_FREE = 5,
    REPAIR_LIMIT_MIN = 1000,
    REPAIR_LIMIT_MAX = 60000,
    REPAIR_LIMIT_QUIET = 60000,
};

/* All zero: nothing was written yet. */
struct repair_limit {
    long long int last;         /* The last write. */
    unsigned int n;             /* Writes, up to REPAIR_LIMIT_FREE. */
    int backoff;                /* 0: no fight. */
};

/* Notes a write at 'now'.  Returns true if a fight begins. */
bool repair_limit_count(struct repair_limit *, long long int now);

/* When the row may be written again: 0 if it always may. */
long long int repair_limit_until(const struct repair_limit *);

/* True if at 'now' there is a fight. */
bool repair_limit_is_fight(const struct repair_limit *, long long int now);

#endif /* repair-limit.h */
