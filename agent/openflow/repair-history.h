/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_REPAIR_HISTORY_H
#define VTEPD_REPAIR_HISTORY_H 1

/* How often something had to be put right, and when it is to be the next time.
 *
 * The first few times at once; what is not right again soon after has to wait,
 * longer and longer, so that nobody is fought with.  What the switch refuses
 * waits as well before it is tried again.  Decides only; time is in ms. */

#include <stdbool.h>
#include <stdint.h>

enum {
    REPAIR_COLLECT = 20,        /* From a change to its repair, at least. */
    REPAIR_AT_ONCE = 3,         /* Repairs without waiting... */
    REPAIR_WAIT_MIN = 1000,     /* ...and then so long, doubled each time. */
    REPAIR_WAIT_MAX = 60000,
    REPAIR_QUIET = 10000,       /* Forgotten after that, or twice the wait. */
};

/* All zero: nothing ever happened. */
struct repair_history {
    bool open;                  /* It is not right, as far as one knows. */
    long long int due;          /* When it is to be put right, while open. */
    unsigned int n;             /* Repairs... */
    long long int last;         /* ...the last one of which was then. */
    bool fight_logged;
    bool refused;
    uint64_t sent;              /* While refused: the bundle of the last
                                 * try, or 0. */
};

/* It is not right (again). */
void repair_history_open(struct repair_history *, long long int now);
bool repair_history_is_due(const struct repair_history *, long long int now);

/* It is being put right. */
void repair_history_repaired(struct repair_history *, long long int now);

/* Does it not matter any more what was? */
bool repair_history_is_over(const struct repair_history *, long long int now);

/* Is it put right again and again? */
bool repair_history_is_fight(const struct repair_history *,
                             long long int now);

/* The switch refuses it. */
void repair_history_refused(struct repair_history *, long long int now);

/* What was refused went with bundle 'number', unless it has before; bundles up
 * to 'number' were applied. */
void repair_history_sent(struct repair_history *, uint64_t number);
void repair_history_applied(struct repair_history *, uint64_t number);

#endif /* repair-history.h */
