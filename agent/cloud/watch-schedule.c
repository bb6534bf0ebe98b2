/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/watch-schedule.h"

#include <limits.h>

#include "util.h"

/* Milliseconds. */
enum {
    DELAY_MIN = 100,
    DELAY_FIRST = 2 * 1000,
    DELAY_MAX = 60 * 1000,
    REFUSED_MAX = 10 * 60 * 1000,
    UNSUPPORTED_MIN = 10 * 60 * 1000,
    UNSUPPORTED_MAX = 11 * 60 * 1000,
};

/* Maps 'random' evenly to 'min' through 'max'. */
static long long int
draw(long long int min, long long int max, uint32_t random)
{
    return min + ((max - min + 1) * random >> 32);
}

/* Sets 'next_try' for the next stream that did not last, by a delay of at most
 * 'limit' after a pause that the server has asked for. */
static void
back_off(struct watch_schedule *schedule, long long int now,
         long long int pause, long long int limit, uint32_t random)
{
    long long int longest = MAX(DELAY_FIRST, pause / 2);
    for (unsigned int i = 0; i < schedule->n_short && longest < limit; i++) {
        longest *= 2;
    }
    longest = MIN(longest, limit);
    schedule->n_short++;
    schedule->next_try = now + pause + draw(DELAY_MIN, longest, random);
}

void
watch_schedule_init(struct watch_schedule *schedule, int poll)
{
    *schedule = (struct watch_schedule) { .poll = MAX(poll, 1) * 1000LL };
}

void
watch_schedule_ended(struct watch_schedule *schedule, long long int now,
                     long long int worked, uint32_t random)
{
    if (worked >= WATCH_WORKED_MS) {
        schedule->n_short = 0;
    }
    back_off(schedule, now, 0, MIN(schedule->poll, DELAY_MAX), random);
}

void
watch_schedule_refused(struct watch_schedule *schedule, long long int now,
                       long long int retry_after, uint32_t random)
{
    long long int pause = 0;
    if (retry_after >= 0) {
        long long int believed = MAX(schedule->poll, DELAY_MAX);
        pause = MIN(retry_after, believed / 1000) * 1000;
    }
    back_off(schedule, now, pause, MIN(schedule->poll, REFUSED_MAX), random);
}

void
watch_schedule_unsupported(struct watch_schedule *schedule, long long int now,
                           uint32_t random)
{
    schedule->n_short = 0;
    schedule->next_try = now + draw(UNSUPPORTED_MIN, UNSUPPORTED_MAX, random);
}

long long int
watch_schedule_list_at(const struct watch_schedule *schedule)
{
    return schedule->next_try ? schedule->next_try : LLONG_MAX;
}
