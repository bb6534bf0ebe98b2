/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_RUNNING_TOTAL_H
#define VTEPD_RUNNING_TOTAL_H 1

/* A total that never becomes less, of a counter that does: the sum of what
 * several flows have counted becomes less when one of them goes, and begins
 * again when the switch does.  What is lost with that is not in the total; it
 * never has more than was counted.  All zero: nothing was read yet. */

#include <stdint.h>

struct running_total {
    uint64_t total;
    uint64_t last;              /* The counter, as it was read last. */
};

/* The counter is 'value' now; UINT64_MAX: it is not known. */
void running_total_read(struct running_total *, uint64_t value);

#endif /* running-total.h */
