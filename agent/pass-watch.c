/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/pass-watch.h"

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Parts that take less than one in so many of the pass are not named. */
#define SMALLEST_SHARE 20

void
pass_watch_begin(struct pass_watch *watch, long long int now)
{
    watch->begun = watch->last = now;
    watch->n_parts = 0;
}

void
pass_watch_part(struct pass_watch *watch, const char *name, long long int now)
{
    ovs_assert(watch->n_parts < PASS_WATCH_PARTS);
    watch->parts[watch->n_parts++] = (struct pass_part) {
        .name = name,
        .ms = now - watch->last,
    };
    watch->last = now;
}

static char *
describe(const struct pass_watch *watch, long long int total)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    long long int rest = total;

    ds_put_format(&s, "a pass of the main loop took %lld ms", total);
    for (size_t i = 0; i < watch->n_parts; i++) {
        const struct pass_part *part = &watch->parts[i];

        if (part->ms * SMALLEST_SHARE >= total) {
            ds_put_format(&s, "%s%lld ms for %s",
                          rest == total ? ": " : ", ", part->ms, part->name);
            rest -= part->ms;
        }
    }
    if (rest && rest != total) {
        ds_put_format(&s, ", %lld ms for the rest", rest);
    }
    return ds_steal_cstr(&s);
}

char *
pass_watch_end(struct pass_watch *watch, long long int now)
{
    long long int total = now - watch->begun;

    watch->n_passes++;
    watch->longest = MAX(watch->longest, total);
    if (total <= PASS_WATCH_MS) {
        return NULL;
    }
    watch->n_slow++;
    return describe(watch, total);
}
