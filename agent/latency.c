/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/latency.h"

#include "util.h"

#define NOT_SENT UINT64_MAX

/* The arrival number 'i', the oldest being 0. */
static struct arrival *
get(struct latency *l, size_t i)
{
    return &l->arrivals[(l->first + i) % LATENCY_ARRIVALS];
}

void
latency_arrived(struct latency *l, long long int now)
{
    struct arrival *last = l->n ? get(l, l->n - 1) : NULL;

    if (last && last->bundle == NOT_SENT
        && (now - last->at < LATENCY_SAME || l->n == LATENCY_ARRIVALS)) {
        last->n++;
    } else if (l->n < LATENCY_ARRIVALS) {
        *get(l, l->n++) = (struct arrival) {
            .at = now,
            .n = 1,
            .before = l->last_bundle,
            .bundle = NOT_SENT,
        };
    }
}

void
latency_sent(struct latency *l, uint64_t bundle, bool done)
{
    /* Those that were not sent are the last ones. */
    for (size_t i = l->n; done && i-- > 0; ) {
        struct arrival *a = get(l, i);

        if (a->bundle != NOT_SENT) {
            break;
        }
        a->bundle = bundle;
        if (a->before == bundle) {
            a->n = 0;           /* It led to nothing. */
        }
    }
    l->last_bundle = bundle;
}

void
latency_unsent(struct latency *l)
{
    for (size_t i = 0; i < l->n; i++) {
        get(l, i)->bundle = NOT_SENT;
    }
}

void
latency_applied(struct latency *l, uint64_t applied, long long int now)
{
    while (l->n) {
        const struct arrival *a = get(l, 0);

        if (a->bundle == NOT_SENT || a->bundle > applied) {
            break;
        }
        if (a->n) {
            histogram_add(&l->histogram, now - a->at, a->n);
        }
        l->first = (l->first + 1) % LATENCY_ARRIVALS;
        l->n--;
    }
}
