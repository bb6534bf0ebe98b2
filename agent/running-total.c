/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/running-total.h"

void
running_total_read(struct running_total *t, uint64_t value)
{
    if (value == UINT64_MAX) {
        return;
    }
    if (value > t->last) {
        t->total += value - t->last;
    }
    t->last = value;
}
