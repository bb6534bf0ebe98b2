/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/memory-trim.h"

#include <limits.h>

void
memory_trim_init(struct memory_trim *t)
{
    *t = (struct memory_trim) { .check_at = LLONG_MAX };
}

bool
memory_trim_run(struct memory_trim *t, long long int now, long long int cpu)
{
    if (t->check_at == LLONG_MAX) {
        if (cpu - t->trimmed >= MEMORY_TRIM_WORK) {
            t->checked = cpu;
            t->check_at = now + MEMORY_TRIM_REST;
        }
        return false;
    }
    if (now < t->check_at) {
        return false;
    }

    bool rests = cpu - t->checked < MEMORY_TRIM_LITTLE;
    t->checked = cpu;
    t->check_at = now + MEMORY_TRIM_REST;
    if (rests) {
        t->trimmed = cpu;
        t->check_at = LLONG_MAX;
    }
    return rests;
}

long long int
memory_trim_next(const struct memory_trim *t)
{
    return t->check_at;
}

bool
memory_trim_is_worth_it(size_t resident, size_t used)
{
    const size_t program = 16 * 1000 * 1000;

    return resident > program + used + used / 32;
}
