/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/repair-limit.h"

void
repair_limit_count(struct repair_limit *limit, long long int now)
{
    if (!limit->n || now - limit->since >= REPAIR_LIMIT_WINDOW) {
        limit->since = now;
        limit->n = 0;
    }
    limit->n++;
}

bool
repair_limit_is_reached(struct repair_limit *limit, long long int now)
{
    if (limit->n < REPAIR_LIMIT_MAX
        || now - limit->since >= REPAIR_LIMIT_WINDOW) {
        return false;
    }
    limit->n = 0;
    return true;
}
