/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/histogram.h"

#include "util.h"

const uint32_t histogram_bounds[HISTOGRAM_BUCKETS] = {
    100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000,
    500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000,
};

void
histogram_add(struct histogram *h, long long int us, uint64_t n)
{
    size_t i = 0;

    us = MAX(us, 0);
    while (i < HISTOGRAM_BUCKETS && us > histogram_bounds[i]) {
        i++;
    }
    if (i < HISTOGRAM_BUCKETS) {
        h->buckets[i] += n;
    } else {
        h->beyond += n;
    }
    h->sum += us * n;
}
