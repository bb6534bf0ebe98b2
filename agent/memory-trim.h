/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MEMORY_TRIM_H
#define VTEPD_MEMORY_TRIM_H 1

/* Decides when memory that is free is given back to the system.
 *
 * What a list, a comparison with the switch or a burst of events took lies
 * between what stays, so malloc() keeps all of it.  Giving it back takes a
 * look at every free piece, and what is given back costs more when it is
 * needed again: so it is done when there has been much work since the last
 * time, and that is over.  How much work there was is told by the processor's
 * time, so no part of the program has to say what it did.
 *
 * Only decides.  Without work there is nothing to wake up for. */

#include <stdbool.h>
#include <stddef.h>

struct memory_trim {
    long long int trimmed;      /* CPU time when it was done last. */
    long long int checked;      /* CPU time at the last look. */
    long long int check_at;     /* When to look; LLONG_MAX: not yet needed. */
};

/* In ms of CPU time: how much work may leave something behind, and how much
 * of it in MEMORY_TRIM_REST is as good as none.  The latter in ms. */
enum {
    MEMORY_TRIM_WORK = 100,
    MEMORY_TRIM_LITTLE = 20,
    MEMORY_TRIM_REST = 1000,
};

void memory_trim_init(struct memory_trim *);

/* Is it time to give back what is free?  'now' is the time, 'cpu' the CPU time
 * that this process has used, both in ms. */
bool memory_trim_run(struct memory_trim *, long long int now,
                     long long int cpu);

/* When memory_trim_run() is to be called again at the latest, or
 * LLONG_MAX. */
long long int memory_trim_next(const struct memory_trim *);

/* A look at every free piece is not for nothing, so it is done only where it
 * gives back something: of 'resident' bytes 'used' are in use, and the program
 * itself takes some. */
bool memory_trim_is_worth_it(size_t resident, size_t used);

#endif /* memory-trim.h */
