/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LIST_SCHEDULE_H
#define VTEPD_LIST_SCHEDULE_H 1

/* Decides when a list is asked for next.  Only decides: time (as of
 * time_msec()) and chance (32 random bits) are parameters.
 *
 * 1. After a success: the poll interval, jittered by 10 % either way, so that
 *    agents that were started together drift apart.
 * 2. After the nth failure in a row: a delay drawn evenly ("full jitter")
 *    between 0.1 s and 0.5 s * 2^(n-1), the latter at most 60 s or the poll
 *    interval, whichever is less.
 * 3. A server's Retry-After is added to the delay of rule 2, which then is
 *    drawn up to half of it at least: agents that were told the same do not
 *    come back together.  It is believed up to the poll interval, or 60 s if
 *    that is more.
 * 4. A hurry brings the next try forward to now, but never into the time that
 *    the server asked for under rule 3.
 * 5. A wish for a list at some time brings the next try forward to then, but
 *    never shortens a delay of rule 2 or 3: that try is a list anyway.
 * 6. A list that is asked for soon comes after 50 to 250 ms, so that what
 *    happens together leads to one list and what tells many agents does not
 *    make them ask together; but not before a second has passed since the last
 *    was begun.  Asking again meanwhile changes nothing. */

#include <stdbool.h>
#include <stdint.h>

struct list_schedule {
    long long int poll;         /* Milliseconds. */
    unsigned int n_failures;    /* In a row. */
    long long int next_try;     /* When to ask. */
    long long int not_before;   /* Rule 3: the server's word, 0: none. */
    long long int begun;        /* When the last list was begun. */
    bool soon;                  /* Rule 6: asked for since then? */
};

/* Initializes 'schedule' so that the first list is asked for at 'now'.
 * 'poll' is in seconds, at least 1. */
void list_schedule_init(struct list_schedule *schedule, int poll,
                        long long int now);

/* A list is begun; then it has succeeded or failed. */
void list_schedule_begun(struct list_schedule *, long long int now);
void list_schedule_succeeded(struct list_schedule *, long long int now,
                             uint32_t random);

/* 'retry_after' is what the server said, in seconds; negative: nothing. */
void list_schedule_failed(struct list_schedule *, long long int now,
                          long long int retry_after, uint32_t random);

void list_schedule_hurry(struct list_schedule *, long long int now);
void list_schedule_wish(struct list_schedule *, long long int when);
void list_schedule_soon(struct list_schedule *, long long int now,
                        uint32_t random);

#endif /* list-schedule.h */
