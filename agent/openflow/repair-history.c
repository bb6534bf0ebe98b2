/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/repair-history.h"

#include "util.h"

static long long int
wait_after(unsigned int n)
{
    if (n < REPAIR_AT_ONCE) {
        return 0;
    }
    return MIN(REPAIR_WAIT_MIN << MIN(n - REPAIR_AT_ONCE, 10),
               REPAIR_WAIT_MAX);
}

bool
repair_history_is_over(const struct repair_history *h, long long int now)
{
    return !h->open && !h->refused
           && (!h->n || now - h->last > MAX(REPAIR_QUIET,
                                            2 * wait_after(h->n)));
}

bool
repair_history_is_due(const struct repair_history *h, long long int now)
{
    return h->open && now >= h->due;
}

/* It is not right.  What is so again soon after a repair has to wait. */
void
repair_history_open(struct repair_history *h, long long int now)
{
    if (h->open) {
        return;
    }
    if (repair_history_is_over(h, now)) {
        h->n = 0;
        h->fight_logged = false;
    }
    h->open = true;
    h->due = MAX(now + REPAIR_COLLECT, h->last + wait_after(h->n));
}

void
repair_history_repaired(struct repair_history *h, long long int now)
{
    h->open = false;
    h->n++;
    h->last = now;
}

bool
repair_history_is_fight(const struct repair_history *h, long long int now)
{
    return !h->refused && h->n > REPAIR_AT_ONCE
           && !repair_history_is_over(h, now);
}

/* What is refused counts as tried often enough to wait for the next time. */
void
repair_history_refused(struct repair_history *h, long long int now)
{
    h->refused = true;
    h->sent = 0;
    h->n = MAX(h->n, REPAIR_AT_ONCE);
    h->open = true;
    h->due = now + wait_after(h->n);
}

void
repair_history_applied(struct repair_history *h, uint64_t number)
{
    if (h->refused && h->sent && h->sent <= number) {
        h->refused = false;
        h->sent = 0;
        h->n = 0;
    }
}

void
repair_history_sent(struct repair_history *h, uint64_t number)
{
    if (h->refused && !h->open && !h->sent) {
        h->sent = number;
    }
}
