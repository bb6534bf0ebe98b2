/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_REPLAY_H
#define VTEPD_WEBHOOK_REPLAY_H 1

/* The identifiers of the webhooks that were taken in.
 *
 * An identifier is known for as long as a request that bears it could still be
 * accepted, so nothing can be played twice.  Never forgets one earlier to make
 * room: once it is full, nothing more is accepted until some have expired.
 *
 * Kept as digests of 16 bytes.  Pure: time is a parameter, in s. */

#include <stdbool.h>
#include <stddef.h>

struct webhook_replay;

/* Remembers 'max' identifiers at most. */
struct webhook_replay *webhook_replay_create(size_t max);
void webhook_replay_destroy(struct webhook_replay *);

/* Is 'id' known?  If so, it will be until 'expiry' at least: it came in a
 * request that could be sent again until then. */
bool webhook_replay_seen(struct webhook_replay *, const char *id,
                         long long int expiry);

bool webhook_replay_is_full(const struct webhook_replay *);

/* Remembers 'id', which is not known, while there is room for it, until
 * 'expiry'. */
void webhook_replay_add(struct webhook_replay *, const char *id,
                        long long int expiry);

/* Forgets what has expired, a bounded number at a time. */
void webhook_replay_run(struct webhook_replay *, long long int now);

size_t webhook_replay_count(const struct webhook_replay *);

#endif /* webhook-replay.h */
