/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HISTOGRAM_H
#define VTEPD_HISTOGRAM_H 1

/* How long things took, from a tenth of a millisecond to a minute.  All zero:
 * empty. */

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 18 };

/* In µs, ascending. */
extern const uint32_t histogram_bounds[HISTOGRAM_BUCKETS];

struct histogram {
    /* How many took so long at most, and longer than the bound before... */
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t beyond;            /* ...and longer than all bounds. */
    uint64_t sum;               /* In µs. */
};

/* 'n' things took 'us' each; a negative time is none. */
void histogram_add(struct histogram *, long long int us, uint64_t n);

#endif /* histogram.h */
