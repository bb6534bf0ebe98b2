/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/list-schedule.h"

#include "util.h"

/* Milliseconds. */
enum {
    DELAY_MIN = 100,
    DELAY_FIRST = 500,
    DELAY_MAX = 60 * 1000,
    SOON_MIN = 50,
    SOON_MAX = 250,
    SOON_APART = 1000,
};

/* Maps 'random' evenly to 'min' through 'max'. */
static long long int
draw(long long int min, long long int max, uint32_t random)
{
    return min + ((max - min + 1) * random >> 32);
}

void
list_schedule_init(struct list_schedule *schedule, int poll, long long int now)
{
    *schedule = (struct list_schedule) {
        .poll = MAX(poll, 1) * 1000LL,
        .next_try = now,
        .begun = now - SOON_APART,
    };
}

void
list_schedule_begun(struct list_schedule *schedule, long long int now)
{
    schedule->begun = now;
    schedule->soon = false;
}

void
list_schedule_succeeded(struct list_schedule *schedule, long long int now,
                        uint32_t random)
{
    long long int jitter = schedule->poll / 10;

    schedule->n_failures = 0;
    schedule->not_before = 0;
    schedule->next_try = now + draw(schedule->poll - jitter,
                                    schedule->poll + jitter, random);
}

void
list_schedule_failed(struct list_schedule *schedule, long long int now,
                     long long int retry_after, uint32_t random)
{
    long long int limit = MIN(schedule->poll, DELAY_MAX);
    long long int longest = DELAY_FIRST;
    for (unsigned int i = 0; i < schedule->n_failures && longest < limit;
         i++) {
        longest *= 2;
    }
    schedule->n_failures++;

    schedule->not_before = 0;
    if (retry_after >= 0) {
        long long int believed = MAX(schedule->poll, DELAY_MAX);
        long long int pause = MIN(retry_after, believed / 1000) * 1000;

        schedule->not_before = now + pause;
        longest = MAX(longest, pause / 2);
    }
    schedule->next_try = (MAX(now, schedule->not_before)
                          + draw(DELAY_MIN, MIN(longest, limit), random));
}

void
list_schedule_hurry(struct list_schedule *schedule, long long int now)
{
    schedule->next_try = MIN(schedule->next_try,
                             MAX(now, schedule->not_before));
}

void
list_schedule_wish(struct list_schedule *schedule, long long int when)
{
    if (!schedule->n_failures) {
        schedule->next_try = MIN(schedule->next_try, when);
    }
}

void
list_schedule_soon(struct list_schedule *schedule, long long int now,
                   uint32_t random)
{
    if (!schedule->soon) {
        schedule->soon = true;
        list_schedule_wish(schedule,
                           MAX(now + draw(SOON_MIN, SOON_MAX, random),
                               schedule->begun + SOON_APART));
    }
}
