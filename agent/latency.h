/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LATENCY_H
#define VTEPD_LATENCY_H 1

/* How long it takes from when an event is taken in, by webhook or watch, until
 * the switch has applied the bundle with the flows and groups that it led to.
 *
 * For all events, so it costs next to nothing: what arrives at about the same
 * time is one arrival, and is over with the bundle that was sent when nothing
 * was left to decide.  Arrivals that led to no bundle do not count.  What has
 * to wait for the port of a new tunnel counts without that.
 *
 * Bounded: when there are many arrivals, those that come are counted with the
 * last one, or not at all if that was sent.  Times are in µs, from any
 * monotonic origin. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/histogram.h"

enum {
    LATENCY_ARRIVALS = 1024,    /* That are kept. */
    LATENCY_SAME = 50,          /* So far apart they are one, in µs. */
};

struct arrival {
    long long int at;           /* Of the first event. */
    uint64_t n;                 /* Events. */
    uint64_t before;            /* The last bundle that was sent before. */
    uint64_t bundle;            /* Number, or UINT64_MAX: not sent. */
};

/* All zero: nothing has arrived. */
struct latency {
    struct histogram histogram;
    struct arrival arrivals[LATENCY_ARRIVALS];  /* A ring, oldest first. */
    size_t first, n;
    uint64_t last_bundle;
};

/* An event arrived that changes something. */
void latency_arrived(struct latency *, long long int now);

/* Bundles up to 'bundle' were sent; 'done': nothing is left to decide. */
void latency_sent(struct latency *, uint64_t bundle, bool done);

/* What was sent may not have arrived: it is compared and sent again. */
void latency_unsent(struct latency *);

/* The switch has applied all bundles up to 'applied'. */
void latency_applied(struct latency *, uint64_t applied, long long int now);

#endif /* latency.h */
