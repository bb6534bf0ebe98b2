/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_REPAIR_LIMIT_H
#define VTEPD_REPAIR_LIMIT_H 1

/* Keeps vtepd from fighting over a row with somebody who puts it back each
 * time: after REPAIR_LIMIT_MAX writes of one row within REPAIR_LIMIT_WINDOW,
 * the row is left alone for REPAIR_LIMIT_HOLD.  Decides only, has no clock. */

#include <stdbool.h>

enum {
    REPAIR_LIMIT_MAX = 6,           /* The first write and five repairs. */
    REPAIR_LIMIT_WINDOW = 10000,    /* Milliseconds. */
    REPAIR_LIMIT_HOLD = 30000,      /* Milliseconds. */
};

/* All zero: nothing was written yet. */
struct repair_limit {
    long long int since;        /* When the window began, in ms. */
    unsigned int n;             /* Writes since then. */
};

/* Notes a write at 'now', in ms. */
void repair_limit_count(struct repair_limit *, long long int now);

/* Returns true if the row must be left alone for REPAIR_LIMIT_HOLD from 'now'
 * on, in ms.  Counting starts afresh then. */
bool repair_limit_is_reached(struct repair_limit *, long long int now);

#endif /* repair-limit.h */
