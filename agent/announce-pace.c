/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/announce-pace.h"

#include <limits.h>
#include <stdlib.h>

#include "core/holders.h"
#include "hash.h"
#include "packets.h"
#include "random.h"
#include "util.h"

/* The holder's host tells again, in ms, more or less. */
#define TELL_INTERVAL 30000

/* A telling that got lost on its way is made up for so soon. */
#define TELL_AGAIN 1000

/* Asking while nobody is known to hold an address: at once, since that is most
 * of it; later, since a tunnel may take a while to come up. */
static const int ask_delays[] = { 0, 300, 1000, 3000, 10000, 30000 };

/* After so many of them, whoever knows better has said so. */
#define N_UNOPPOSED 4

/* Two that announce an address within this time may have been taken in
 * different orders elsewhere: who has it is asked again, first after a moment,
 * then less and less often. */
#define CONTEST 1000
#define RECHECK_DELAY 200
#define MAX_RECHECK_DELAY 30000
#define RECHECK_MEMORY 60000

/* keepalived announces an address five times, twice.  A master that is lost
 * every second is no use to anyone. */
static const struct pace {
    int max;
    int interval;               /* In ms. */
} change_pace = { 10, 1000 }, tell_pace = { 20, 200 };

static bool
withdraw(struct allowance *a, const struct pace *pace, long long int now)
{
    long long int n = (now - a->filled) / pace->interval;

    if (n > 0) {
        a->n = MIN(a->n + n, pace->max);
        a->filled += n * pace->interval;
    }
    if (!a->n) {
        return false;
    }
    a->n--;
    return true;
}

/* Anything between 3/4 and 5/4 of 'ms'. */
static long long int
jittered(long long int ms)
{
    return ms - ms / 4 + (ms > 1 ? random_range(ms / 2 + 1) : 0);
}

/* The heap has the largest first. */
static uint64_t
due_priority(long long int when)
{
    return UINT64_MAX - when;
}

static long long int
due_time(const struct paced_address *pa)
{
    return UINT64_MAX - pa->due_node.priority;
}

static void
set_due(struct announce_pace *pace, struct paced_address *pa,
        long long int when)
{
    heap_change(&pace->due, &pa->due_node, due_priority(when));
}

void
announce_pace_init(struct announce_pace *pace)
{
    hmap_init(&pace->addresses);
    heap_init(&pace->due);
}

void
announce_pace_destroy(struct announce_pace *pace)
{
    struct paced_address *pa;

    HMAP_FOR_EACH_SAFE (pa, node, &pace->addresses) {
        announce_pace_remove(pace, pa);
    }
    hmap_destroy(&pace->addresses);
    heap_destroy(&pace->due);
}

struct paced_address *
announce_pace_get(struct announce_pace *pace, const struct shared_address *sa,
                  long long int now)
{
    uint32_t hash = hash_bytes(&sa->ip, sizeof sa->ip,
                               hash_pointer(sa->segment, 0));
    struct paced_address *pa;

    HMAP_FOR_EACH_WITH_HASH (pa, node, hash, &pace->addresses) {
        if (pa->segment == sa->segment
            && ipv6_addr_equals(&pa->ip, &sa->ip)) {
            return pa;
        }
    }
    pa = xzalloc(sizeof *pa);
    pa->segment = sa->segment;
    pa->ip = sa->ip;
    pa->changes = (struct allowance) { change_pace.max, now };
    pa->tells = (struct allowance) { tell_pace.max, now };
    hmap_insert(&pace->addresses, &pa->node, hash);
    heap_insert(&pace->due, &pa->due_node, due_priority(now));
    return pa;
}

void
announce_pace_remove(struct announce_pace *pace, struct paced_address *pa)
{
    hmap_remove(&pace->addresses, &pa->node);
    heap_remove(&pace->due, &pa->due_node);
    free(pa);
}

static void
schedule_recheck(struct announce_pace *pace, struct paced_address *pa,
                 long long int now)
{
    if (now - pa->rechecked > RECHECK_MEMORY) {
        pa->n_rechecks = 0;
    }
    if (!pa->recheck) {
        long long int delay = RECHECK_DELAY << MIN(pa->n_rechecks, 10);

        pa->recheck = true;
        set_due(pace, pa, now + jittered(MIN(delay, MAX_RECHECK_DELAY)));
    }
}

bool
announce_pace_may_change(struct announce_pace *pace, struct paced_address *pa,
                         long long int now)
{
    if (withdraw(&pa->changes, &change_pace, now)) {
        return true;
    }
    schedule_recheck(pace, pa, now);
    return false;
}

bool
announce_pace_may_tell(struct paced_address *pa, long long int now)
{
    return withdraw(&pa->tells, &tell_pace, now);
}

void
announce_pace_announced(struct announce_pace *pace, struct paced_address *pa,
                        bool here, bool lost_here, long long int now)
{
    if (here) {
        pa->announced_here = now;
        pa->told = now;
    } else if (lost_here && pa->announced_here
               && now - pa->announced_here < CONTEST) {
        schedule_recheck(pace, pa, now);
    }
}

void
announce_pace_changed(struct announce_pace *pace,
                      const struct shared_address *sa, long long int now)
{
    struct paced_address *pa = announce_pace_get(pace, sa, now);

    pa->n_asked = 0;
    if (!pa->recheck) {
        bool just_told = pa->told && now - pa->told < TELL_AGAIN;

        set_due(pace, pa, sa->holder && just_told ? pa->told + TELL_AGAIN
                                                  : now);
    }
}

struct paced_address *
announce_pace_next(const struct announce_pace *pace, long long int now)
{
    struct paced_address *pa;

    if (heap_is_empty(&pace->due)) {
        return NULL;
    }
    pa = CONTAINER_OF(heap_max(&pace->due), struct paced_address, due_node);
    return due_time(pa) <= now ? pa : NULL;
}

long long int
announce_pace_next_time(const struct announce_pace *pace)
{
    return (heap_is_empty(&pace->due) ? LLONG_MAX
            : due_time(CONTAINER_OF(heap_max(&pace->due),
                                    struct paced_address, due_node)));
}

bool
announce_pace_may_ask(const struct paced_address *pa)
{
    return pa->recheck || pa->n_asked < ARRAY_SIZE(ask_delays);
}

bool
announce_pace_is_unopposed(const struct paced_address *pa)
{
    return pa->n_asked >= N_UNOPPOSED;
}

void
announce_pace_asked(struct announce_pace *pace, struct paced_address *pa,
                    long long int now)
{
    if (pa->recheck) {
        pa->recheck = false;
        pa->rechecked = now;
        pa->n_rechecks++;
    } else if (pa->n_asked < ARRAY_SIZE(ask_delays)) {
        pa->n_asked++;
    }
    set_due(pace, pa, now + jittered(pa->n_asked < ARRAY_SIZE(ask_delays)
                                     ? ask_delays[pa->n_asked]
                                     : TELL_INTERVAL));
}

void
announce_pace_told(struct announce_pace *pace, struct paced_address *pa,
                   long long int now)
{
    pa->told = now;
    set_due(pace, pa, now + jittered(TELL_INTERVAL));
}
