/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/repair-limit.h"

#include "util.h"

/* True if for long enough nothing had to be written. */
static bool
is_quiet(const struct repair_limit *limit, long long int now)
{
    return now - limit->last >= limit->backoff + REPAIR_LIMIT_QUIET;
}

bool
repair_limit_count(struct repair_limit *limit, long long int now)
{
    const bool was_fight = repair_limit_is_fight(limit, now);

    if (is_quiet(limit, now)) {
        *limit = (struct repair_limit) { .n = 0 };
    }
    limit->last = now;
    if (limit->n < REPAIR_LIMIT_FREE) {
        limit->n++;
    } else {
        limit->backoff = (limit->backoff
                          ? MIN(limit->backoff * 2, REPAIR_LIMIT_MAX)
                          : REPAIR_LIMIT_MIN);
    }
    return limit->backoff && !was_fight;
}

long long int
repair_limit_until(const struct repair_limit *limit)
{
    return limit->backoff ? limit->last + limit->backoff : 0;
}

bool
repair_limit_is_fight(const struct repair_limit *limit, long long int now)
{
    return limit->backoff && !is_quiet(limit, now);
}
