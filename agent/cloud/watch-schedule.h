/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WATCH_SCHEDULE_H
#define VTEPD_WATCH_SCHEDULE_H 1

/* Decides when a watch stream (contract 3.3) is asked for again.  Only
 * decides: time (as of time_msec()) and chance (32 random bits) are
 * parameters.
 *
 * A watch begins where a list ends.  So what is decided is from when on a list
 * leads to a watch, and whether a list is worth asking for because of that.
 *
 * 1. At first any list leads to a watch; none is asked for because of that.
 * 2. After a stream has ended: a delay drawn evenly between 0.1 s and
 *    2 s * 2^n, the latter at most 60 s or the poll interval, whichever is
 *    less.  Ten thousand agents whose streams a server cut when it restarted
 *    thus come back over two seconds.
 * 3. n is how many streams in a row, without this one, worked for less than
 *    WATCH_WORKED_MS.  One that worked for longer counts as the first.
 * 4. A request that was not answered with a stream counts as a stream that did
 *    not work at all; after several, it is made when the inventory is listed
 *    anyway: the delay is at most the poll interval, or ten minutes if that is
 *    less.
 * 5. A server's Retry-After is added to the delay, which then is drawn up to
 *    half of it at least.  It is believed up to the poll interval, or 60 s if
 *    that is more.
 * 6. Where there is no watch, it is asked for again after ten to eleven
 *    minutes.  Whether there is none is for the caller to judge: a server that
 *    once had one has refused it, rule 4. */

#include <stdint.h>

/* It has outlived a heartbeat, or was of use otherwise. */
#define WATCH_WORKED_MS (30 * 1000)

struct watch_schedule {
    long long int poll;         /* Milliseconds. */
    unsigned int n_short;       /* Rule 3, with the last. */
    long long int next_try;     /* From then on a list leads to a watch;
                                 * 0: rule 1. */
};

/* 'poll' is in seconds, at least 1. */
void watch_schedule_init(struct watch_schedule *, int poll);

/* A stream has ended that worked for 'worked' ms. */
void watch_schedule_ended(struct watch_schedule *, long long int now,
                          long long int worked, uint32_t random);

/* There was another answer than a stream.  'retry_after' is what the server
 * said, in seconds; negative: nothing. */
void watch_schedule_refused(struct watch_schedule *, long long int now,
                            long long int retry_after, uint32_t random);

/* The server has no watch. */
void watch_schedule_unsupported(struct watch_schedule *, long long int now,
                                uint32_t random);

/* When to ask for a list because no stream is open; LLONG_MAX: not because of
 * that. */
long long int watch_schedule_list_at(const struct watch_schedule *);

#endif /* watch-schedule.h */
