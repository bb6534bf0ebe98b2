/* SPDX-License-Identifier: Apache-2.0 */

/* Events, alone and mixed with lists: the rules of core/inventory.h (E1 to E5)
 * and what follows from them, as stories.  A story is a step a line:
 *
 *     put OBJECT -> applied|same|stale
 *     delete KIND ID [REVISION] -> applied|same|stale
 *     list                            begins a list...
 *     has OBJECT [-> duplicate]       ...that has this,
 *     keep KIND ID                    or this in a form that is of no use...
 *     end -> ADDED CHANGED DELETED HELD   ...and is whole, or ends thus:
 *     abort
 *     approve -> DELETED
 *     held -> N
 *     wait SECONDS
 *     know OBJECT, OBJECT...          that is all there is
 *     quiet                           nothing was touched since "know", and
 *                                     inventory_seqno() has not grown
 *
 * An OBJECT is as in inventory-text.h. */

#include <config.h>

#include "core/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

struct story {
    const char *name;
    const char *steps;
};

/* All that is guarded against here is that all endpoints go, of 2 or more. */
static const struct deletion_guard guard = {
    .max_percent = 100, .hold = 60 * 60 * 1000,
};

/* A story that is being told. */
struct telling {
    struct inventory *inv;
    long long int now;
    uint64_t seqno;             /* inventory_seqno() at the last "know". */
};

/* What is known, in the form of inventory-text.h. */

static void
add_rev(struct ds *s, uint64_t revision)
{
    if (revision) {
        ds_put_format(s, " rev=%"PRIu64, revision);
    }
}

static char *
host_text(const struct host_node *host)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "host %s", host->id);
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_tunnel *t = &host->addresses[i].tunnel;

        ds_put_format(&s, " %s=", encap_to_string(t->type));
        ipv6_format_mapped(&t->ip, &s);
    }
    add_rev(&s, host->revision);
    return ds_steal_cstr(&s);
}

static char *
segment_text(const struct segment_node *segment)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "segment %s %"PRIu32, segment->id, segment->object.vni);
    add_rev(&s, segment->revision);
    return ds_steal_cstr(&s);
}

static char *
router_text(const struct router_node *router)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "router %s %x", router->id, router->object.mac.ea[5]);
    add_rev(&s, router->revision);
    return ds_steal_cstr(&s);
}

static char *
endpoint_text(const struct endpoint_node *node)
{
    const struct endpoint *e = node->endpoint;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "endpoint %s %s %s %x", node->id, e->segment->id,
                  e->host->id, e->mac.ea[5]);
    add_rev(&s, e->revision);
    return ds_steal_cstr(&s);
}

static char *
inventory_text(const struct inventory *inv)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    size_t n;

    const struct host_node **hosts = inventory_sorted_hosts(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(&lines, host_text(hosts[i]));
    }
    free(hosts);
    const struct segment_node **segments = inventory_sorted_segments(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(&lines, segment_text(segments[i]));
    }
    free(segments);
    const struct router_node **routers = inventory_sorted_routers(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(&lines, router_text(routers[i]));
    }
    free(routers);
    const struct endpoint_node **endpoints
        = inventory_sorted_endpoints(inv, &n);
    for (size_t i = 0; i < n; i++) {
        svec_add_nocopy(&lines, endpoint_text(endpoints[i]));
    }
    free(endpoints);

    char *text = svec_join(&lines, ", ", "");
    svec_destroy(&lines);
    return text;
}

/* The steps.  Each returns what came of it, which the caller frees. */

static char *
outcome_text(enum event_outcome outcome)
{
    static const char *const names[] = {
        [EVENT_APPLIED] = "applied",
        [EVENT_SAME] = "same",
        [EVENT_STALE] = "stale",
        [EVENT_FULL] = "full",
    };

    return xstrdup(names[outcome]);
}

static char *
tell_put(struct telling *t, const char *arg)
{
    return outcome_text(inventory_put(t->inv, object_from_text(arg), t->now));
}

static enum object_kind
parse_kind(const char *arg, char *id, size_t size, uint64_t *revision)
{
    char *copy = xstrdup(arg), *save = NULL;
    enum object_kind kind;

    ovs_assert(object_kind_from_string(strtok_r(copy, " ", &save), &kind));
    ovs_strlcpy(id, strtok_r(NULL, " ", &save), size);
    char *number = strtok_r(NULL, " ", &save);
    *revision = number ? strtoull(number, NULL, 10) : 0;
    free(copy);
    return kind;
}

static char *
tell_delete(struct telling *t, const char *arg)
{
    char id[32];
    uint64_t revision;
    enum object_kind kind = parse_kind(arg, id, sizeof id, &revision);

    return outcome_text(inventory_delete(t->inv, kind, id, revision, t->now));
}

static char *
tell_list(struct telling *t, const char *arg OVS_UNUSED)
{
    inventory_list_begin(t->inv);
    return xstrdup("");
}

static char *
tell_has(struct telling *t, const char *arg)
{
    return xstrdup(inventory_list_add(t->inv, object_from_text(arg))
                   == LIST_DUPLICATE ? "duplicate" : "");
}

static char *
tell_keep(struct telling *t, const char *arg)
{
    char id[32];
    uint64_t revision;
    enum object_kind kind = parse_kind(arg, id, sizeof id, &revision);

    inventory_list_keep(t->inv, kind, id);
    return xstrdup("");
}

static char *
tell_end(struct telling *t, const char *arg OVS_UNUSED)
{
    struct list_result r;

    inventory_list_end(t->inv, true, &guard, t->now, &r);
    return xasprintf("%"PRIuSIZE" %"PRIuSIZE" %"PRIuSIZE" %"PRIuSIZE,
                     r.n_added, r.n_changed, r.n_deleted, r.n_held);
}

static char *
tell_abort(struct telling *t, const char *arg OVS_UNUSED)
{
    inventory_list_abort(t->inv);
    return xstrdup("");
}

static char *
tell_approve(struct telling *t, const char *arg OVS_UNUSED)
{
    return xasprintf("%"PRIuSIZE, inventory_approve_deletions(t->inv,
                                                              t->now));
}

static char *
tell_held(struct telling *t, const char *arg OVS_UNUSED)
{
    long long int since;

    return xasprintf("%"PRIuSIZE, inventory_n_held(t->inv, &since));
}

static char *
tell_wait(struct telling *t, const char *arg)
{
    t->now += atoi(arg) * 1000LL;
    return xstrdup("");
}

/* From here on nothing has changed. */
static char *
tell_know(struct telling *t, const char *arg)
{
    char *text = inventory_text(t->inv);
    char *result = strcmp(text, arg) ? xasprintf("but %s", text) : xstrdup("");

    inventory_drain(t->inv, NULL);
    t->seqno = inventory_seqno(t->inv);
    free(text);
    return result;
}

static char *
tell_quiet(struct telling *t, const char *arg OVS_UNUSED)
{
    struct svec touched = SVEC_EMPTY_INITIALIZER;

    inventory_drain(t->inv, &touched);
    if (inventory_seqno(t->inv) != t->seqno) {
        svec_add(&touched, "seqno");
    }
    char *result = svec_join(&touched, ", ", "");
    svec_destroy(&touched);
    return result;
}

static void
tell_step(struct telling *t, const char *story, int n, char *step)
{
    static const struct {
        const char *name;
        char *(*tell)(struct telling *, const char *arg);
    } verbs[] = {
        { "put", tell_put }, { "delete", tell_delete }, { "list", tell_list },
        { "has", tell_has }, { "keep", tell_keep }, { "end", tell_end },
        { "abort", tell_abort }, { "approve", tell_approve },
        { "held", tell_held }, { "wait", tell_wait }, { "know", tell_know },
        { "quiet", tell_quiet },
    };
    char *arrow = strstr(step, " -> ");
    const char *expected = arrow ? arrow + 4 : "";

    if (arrow) {
        *arrow = '\0';
    }
    char *arg = strchr(step, ' ');
    if (arg) {
        *arg++ = '\0';
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (!strcmp(step, verbs[i].name)) {
            char *result = verbs[i].tell(t, arg ? arg : "");

            if (strcmp(result, expected)) {
                fail_msg("%s: step %d, \"%s %s\", gives \"%s\", not \"%s\"",
                         story, n, step, arg ? arg : "", result, expected);
            }
            free(result);
            return;
        }
    }
    fail_msg("\"%s\"?", step);
}

static void
tell(const struct story *story)
{
    struct telling t = { .inv = inventory_create(), .now = 1000 };
    char *copy = xstrdup(story->steps), *save = NULL;
    int n = 0;

    for (char *step = strtok_r(copy, "\n", &save); step;
         step = strtok_r(NULL, "\n", &save)) {
        tell_step(&t, story->name, ++n, step);
    }
    inventory_list_abort(t.inv);
    inventory_drain(t.inv, NULL);
    inventory_destroy(t.inv);
    free(copy);
}

static void
tell_all(const struct story *stories, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tell(&stories[i]);
    }
}

/* Short names. */
#define H "host h"
#define S "segment s 1"
#define A1 "endpoint a s h 1"
#define A2 "endpoint a s h 2"
#define B1 "endpoint b s h 1"
#define B7 "endpoint b s h 7"
#define C3 "endpoint c s h 3"

/* E1 and E4: the revision of what is known. */
static void
test_revisions(void **state OVS_UNUSED)
{
    static const struct story stories[] = {
        { "put",
          "put " A1 " rev=5 -> applied\n"
          "know " A1 " rev=5\n"
          "put " A2 " rev=4 -> stale\n"
          "put " A1 " rev=4 -> stale\n"
          "put " A1 " rev=5 -> same\n"
          "put " A1 " rev=6 -> same\n"
          "quiet\n"
          "know " A1 " rev=6\n"
          "put " A2 " rev=6 -> applied\n"
          "know " A2 " rev=6\n"
          "put " A1 " rev=7 -> applied\n"
          "know " A1 " rev=7\n" },
        { "put without revisions: the last one wins",
          "put " A1 " -> applied\n"
          "put " A2 " -> applied\n"
          "put " A1 " -> applied\n"
          "put " A1 " -> same\n"
          "know " A1 "\n" },
        { "delete",
          "put " A1 " rev=5 -> applied\n"
          "know " A1 " rev=5\n"
          "delete endpoint a 4 -> stale\n"
          "delete endpoint a -> stale\n"
          "delete endpoint b 9 -> same\n"
          "delete host a 9 -> same\n"
          "quiet\n"
          "know " A1 " rev=5\n"
          "delete endpoint a 5 -> applied\n"
          "know\n"
          "delete endpoint a 5 -> same\n"
          "delete endpoint a 4 -> same\n"
          "quiet\n" },
        { "every kind",
          "put " H " rev=1 -> applied\n"
          "put " S " rev=1 -> applied\n"
          "put router r 9 s rev=1 -> applied\n"
          "put " A1 " rev=1 -> applied\n"
          "know " H " rev=1, " S " rev=1, router r 9 rev=1, " A1 " rev=1\n"
          "put host h vxlan=192.0.2.1 rev=2 -> applied\n"
          "put segment s 2 rev=2 -> applied\n"
          "put router r 8 s rev=2 -> applied\n"
          "put " A2 " rev=2 -> applied\n"
          "know host h vxlan=192.0.2.1 rev=2, segment s 2 rev=2, "
          "router r 8 rev=2, " A2 " rev=2\n"
          "put " H " rev=1 -> stale\n"
          "put " S " rev=1 -> stale\n"
          "put router r 9 s rev=1 -> stale\n"
          "put " A1 " rev=1 -> stale\n"
          "quiet\n"
          "delete host h 1 -> stale\n"
          "delete segment s 1 -> stale\n"
          "delete router r 1 -> stale\n"
          "delete endpoint a 1 -> stale\n"
          "quiet\n"
          "delete host h 2 -> applied\n"
          "delete segment s 2 -> applied\n"
          "delete router r 2 -> applied\n"
          "delete endpoint a 2 -> applied\n"
          "know\n"
          "put " H " rev=2 -> stale\n"
          "put " S " rev=2 -> stale\n"
          "put router r 9 s rev=2 -> stale\n"
          "put " A1 " rev=2 -> stale\n"
          "know\n" },
    };

    tell_all(stories, ARRAY_SIZE(stories));
}

/* E2. */
static void
test_tombstones(void **state OVS_UNUSED)
{
    static const struct story stories[] = {
        { "a late put",
          "put " A1 " rev=5 -> applied\n"
          "delete endpoint a 6 -> applied\n"
          "put " A1 " rev=5 -> stale\n"
          "put " A1 " rev=6 -> stale\n"
          "know\n"
          "put " A1 " rev=7 -> applied\n"
          "know " A1 " rev=7\n"
          "delete endpoint a 6 -> stale\n" },
        { "a delete overtakes its put",
          "delete endpoint a 6 -> same\n"
          "put " A1 " rev=5 -> stale\n"
          "know\n"
          "delete endpoint a 8 -> same\n"
          "put " A1 " rev=7 -> stale\n"
          "delete endpoint a 3 -> same\n"
          "delete endpoint a -> same\n"
          "put " A1 " rev=8 -> stale\n"
          "put " A1 " rev=9 -> applied\n" },
        { "kinds are apart",
          "delete segment a 6 -> same\n"
          "put " A1 " rev=5 -> applied\n" },
        { "revived, it is forgotten",
          "delete endpoint a 6 -> same\n"
          "put " A1 " rev=7 -> applied\n"
          "list\n"
          "has " A1 " rev=2\n"
          "end -> 0 0 0 0\n"
          "list\n"
          "end -> 0 0 1 0\n"
          "put " A2 " rev=3 -> applied\n" },
        { "no revision, no order",
          "put " A1 " -> applied\n"
          "delete endpoint a -> applied\n"
          "put " A1 " -> applied\n"
          "know " A1 "\n"
          "delete endpoint b -> same\n"
          "put " B1 " -> applied\n" },
        { "ten minutes",
          "put " A1 " rev=5 -> applied\n"
          "delete endpoint a 6 -> applied\n"
          "wait 599\n"
          "put " A1 " rev=6 -> stale\n"
          "wait 1\n"
          "put " A1 " rev=6 -> applied\n" },
        { "ten minutes from the last that was news",
          "delete endpoint a 6 -> same\n"
          "wait 300\n"
          "delete endpoint a 7 -> same\n"
          "delete endpoint b 1 -> same\n"
          "wait 599\n"
          "delete endpoint a 7 -> same\n"
          "put " A1 " rev=7 -> stale\n"
          "put " B1 " rev=1 -> stale\n"
          "wait 1\n"
          "put " A1 " rev=7 -> applied\n"
          "put " B1 " rev=1 -> applied\n" },
        { "deleted by a list",
          "list\n"
          "has " H " rev=4\n"
          "has " S " rev=4\n"
          "has router r 9 s rev=4\n"
          "has " A1 " rev=4\n"
          "end -> 4 0 0 0\n"
          "list\n"
          "end -> 0 0 4 0\n"
          "put " H " rev=4 -> stale\n"
          "put " S " rev=4 -> stale\n"
          "put router r 9 s rev=4 -> stale\n"
          "put " A1 " rev=4 -> stale\n"
          "know\n"
          "put " A1 " rev=5 -> applied\n"
          "wait 600\n"
          "put " H " rev=4 -> applied\n" },
        { "a list does not lower it",
          "delete endpoint a 9 -> same\n"
          "wait 500\n"
          "put " A1 " rev=10 -> applied\n"
          "list\n"
          "end -> 0 0 1 0\n"
          "wait 500\n"
          "put " A1 " rev=10 -> stale\n" },
        { "a list revives",
          "delete endpoint a 9 -> same\n"
          "list\n"
          "has " A1 " rev=3\n"
          "end -> 1 0 0 0\n"
          "know " A1 " rev=3\n"
          "delete endpoint a 3 -> applied\n"
          "put " A1 " rev=4 -> applied\n" },
    };

    tell_all(stories, ARRAY_SIZE(stories));
}

/* The oldest go first. */
static void
test_tombstones_are_bounded(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    char id[32], line[64];

    for (int i = 0; i < MAX_TOMBSTONES + 10; i++) {
        snprintf(id, sizeof id, "e%d", i);
        assert_int_equal(inventory_delete(inv, OBJECT_ENDPOINT, id, 1, 1),
                         EVENT_SAME);
    }
    for (int i = 0; i < MAX_TOMBSTONES + 10; i++) {
        snprintf(line, sizeof line, "endpoint e%d s h 1 rev=1", i);
        if (i < 20 || i > MAX_TOMBSTONES) {
            assert_int_equal(inventory_put(inv, object_from_text(line), 1),
                             i < 10 ? EVENT_APPLIED : EVENT_STALE);
        }
    }
    inventory_drain(inv, NULL);
    inventory_destroy(inv);
}

static void
remember(const struct deleted_object *deleted, void *inv)
{
    inventory_remember_deleted(inv, deleted, 1000);
}

/* Over a restart, with clocks that have nothing in common. */
static void
test_tombstones_outlive_the_program(void **state OVS_UNUSED)
{
    struct inventory *before = inventory_create();
    struct inventory *after = inventory_create();
    static const char *const endpoints[] = {
        "endpoint a s h 1 rev=5", "endpoint b s h 2 rev=6",
        "endpoint c s h 3 rev=7", "endpoint old s h 4 rev=1",
        "endpoint over s h 5 rev=1",
    };
    static const enum event_outcome outcomes[] = {
        EVENT_STALE, EVENT_SAME, EVENT_APPLIED, EVENT_APPLIED, EVENT_APPLIED,
    };
    long long int now = 5 * TOMBSTONE_MS;

    inventory_delete(before, OBJECT_ENDPOINT, "over", 9, 1);
    inventory_delete(before, OBJECT_ENDPOINT, "old", 9, now);
    inventory_delete(before, OBJECT_SEGMENT, "none", 0, now);
    inventory_delete(before, OBJECT_ENDPOINT, "a", 5, now + 1);
    inventory_delete(before, OBJECT_ENDPOINT, "b", 9, now + 2);
    inventory_delete(before, OBJECT_SEGMENT, "c", 9, now + 3);

    /* What is in the inventory is not deleted. */
    inventory_put(after, object_from_text(endpoints[1]), 1000);
    inventory_for_each_deleted(before, 3, now + TOMBSTONE_MS - 5000, remember,
                               after);
    for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
        assert_int_equal(inventory_put(after, object_from_text(endpoints[i]),
                                       1000), outcomes[i]);
    }

    /* It does not begin anew. */
    assert_int_equal(inventory_put(after, object_from_text(endpoints[0]),
                                   1000 + 5000), EVENT_STALE);
    assert_int_equal(inventory_put(after, object_from_text(endpoints[0]),
                                   1000 + 5001), EVENT_APPLIED);
    inventory_drain(before, NULL);
    inventory_drain(after, NULL);
    inventory_destroy(before);
    inventory_destroy(after);
}

/* What is known may change and go, whatever its number. */
static void
test_objects_are_bounded(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();

    inventory_set_max_objects(inv, 3);
    inventory_list_text(inv, "host h\nsegment s 1\n");
    assert_int_equal(inventory_put(inv, object_from_text(A1), 1),
                     EVENT_APPLIED);
    assert_int_equal(inventory_put(inv, object_from_text(B1), 1), EVENT_FULL);
    assert_int_equal(inventory_put(inv, object_from_text("router r 8"), 1),
                     EVENT_FULL);
    assert_int_equal(inventory_put(inv, object_from_text(A2), 1),
                     EVENT_APPLIED);
    assert_int_equal(inventory_delete(inv, OBJECT_ENDPOINT, "a", 1, 1),
                     EVENT_APPLIED);
    assert_int_equal(inventory_put(inv, object_from_text(B1), 1),
                     EVENT_APPLIED);
    inventory_drain(inv, NULL);
    inventory_destroy(inv);
}

/* E3: a list leaves what an event has changed since it was asked for. */
static void
test_lists_under_way(void **state OVS_UNUSED)
{
    static const struct story stories[] = {
        { "changed, then in the list",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "put " A2 " rev=6 -> applied\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "know " A2 " rev=6\n" },
        { "staged, then changed",
          "put " A1 " rev=4 -> applied\n"
          "list\n"
          "has " B1 " rev=5\n"
          "has endpoint a s h 5 rev=5\n"
          "put " A2 " rev=6 -> applied\n"
          "put " B7 " rev=6 -> applied\n"
          "end -> 0 0 0 0\n"
          "know " A2 " rev=6, " B7 " rev=6\n" },
        { "in the list as it is known, then changed",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=5\n"
          "put " A2 " rev=6 -> applied\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "know " A2 " rev=6\n" },
        { "a new one that the list lacks",
          "list\n"
          "put " A1 " rev=6 -> applied\n"
          "end -> 0 0 0 0\n"
          "know " A1 " rev=6\n"
          "list\n"
          "end -> 0 0 1 0\n" },
        { "the revision alone",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "put " A1 " rev=6 -> same\n"
          "end -> 0 0 0 0\n"
          "list\n"
          "has " A1 " rev=5\n"
          "put " A1 " rev=7 -> same\n"
          "end -> 0 0 0 0\n"
          "know " A1 " rev=7\n" },
        { "said again, that is no news",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "put " A1 " rev=5 -> same\n"
          "end -> 0 0 1 0\n"
          "know\n" },
        { "said again without a revision, that is",
          "put " A1 " -> applied\n"
          "list\n"
          "put " A1 " -> same\n"
          "has " A2 "\n"
          "end -> 0 0 0 0\n"
          "know " A1 "\n"
          "list\n"
          "put " A1 " -> same\n"
          "end -> 0 0 0 0\n"
          "list\n"
          "end -> 0 0 1 0\n" },
        { "deleted, then in the list",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "delete endpoint a 6 -> applied\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "know\n"
          "put " A1 " rev=6 -> stale\n" },
        { "staged, then deleted",
          "list\n"
          "has " A1 " rev=5\n"
          "delete endpoint a 6 -> same\n"
          "end -> 0 0 0 0\n"
          "know\n" },
        { "in the list as it is known, then deleted",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=5\n"
          "delete endpoint a 5 -> applied\n"
          "end -> 0 0 0 0\n"
          "know\n" },
        { "deleted without revisions",
          "put " A1 " -> applied\n"
          "list\n"
          "has " A2 "\n"
          "has " B1 "\n"
          "delete endpoint a -> applied\n"
          "delete endpoint b -> same\n"
          "end -> 0 0 0 0\n"
          "know\n"
          "put " A1 " -> applied\n"
          "list\n"
          "has " A2 "\n"
          "end -> 0 1 0 0\n" },
        { "deleted twice, the first time before the list",
          "delete endpoint a 6 -> same\n"
          "list\n"
          "delete endpoint a 6 -> same\n"
          "delete endpoint a 5 -> same\n"
          "has " A1 " rev=2\n"
          "end -> 1 0 0 0\n" },
        { "deleted and put again",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "delete endpoint a 6 -> applied\n"
          "put " A2 " rev=7 -> applied\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "know " A2 " rev=7\n" },
        { "put and deleted",
          "list\n"
          "has " A1 " rev=5\n"
          "put " A2 " rev=6 -> applied\n"
          "delete endpoint a 7 -> applied\n"
          "end -> 0 0 0 0\n"
          "know\n" },
        { "a late put of what the list has newer",
          "list\n"
          "has " A2 " rev=6\n"
          "put " A1 " rev=5 -> applied\n"
          "put " B1 " rev=5 -> applied\n"
          "has " B7 " rev=6\n"
          "put " C3 " rev=5 -> applied\n"
          "has " C3 " rev=6\n"
          "end -> 0 2 0 0\n"
          "know " A2 " rev=6, " B7 " rev=6, " C3 " rev=6\n" },
        { "a late delete of what the list has newer",
          "list\n"
          "has " A1 " rev=6\n"
          "delete endpoint a 5 -> same\n"
          "end -> 1 0 0 0\n"
          "know " A1 " rev=6\n"
          "put " A1 " rev=5 -> stale\n" },
        { "what is stale is no news either",
          "put " A2 " rev=5 -> applied\n"
          "list\n"
          "put " A1 " rev=4 -> stale\n"
          "delete endpoint a 4 -> stale\n"
          "end -> 0 0 1 0\n" },
        { "an event between two lists",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "put " A2 " rev=6 -> applied\n"
          "put " B1 " rev=6 -> applied\n"
          "list\n"
          "has " A1 " rev=3\n"
          "end -> 0 1 1 0\n"
          "know " A1 " rev=3\n" },
        { "a list that breaks off leaves no marks",
          "put " A1 " rev=5 -> applied\n"
          "put " B1 " rev=5 -> applied\n"
          "list\n"
          "put " A2 " rev=6 -> applied\n"
          "put " C3 " rev=6 -> applied\n"
          "delete endpoint b 6 -> applied\n"
          "has " A1 " rev=5\n"
          "abort\n"
          "know " A2 " rev=6, " C3 " rev=6\n"
          "list\n"
          "has " A1 " rev=5\n"
          "has " B1 " rev=5\n"
          "end -> 1 1 1 0\n"
          "know " A1 " rev=5, " B1 " rev=5\n" },
        { "nor does one that is whole",
          "list\n"
          "put " A2 " rev=6 -> applied\n"
          "put " B1 " rev=6 -> applied\n"
          "delete endpoint b 7 -> applied\n"
          "end -> 0 0 0 0\n"
          "list\n"
          "has " A1 " rev=5\n"
          "has " B1 " rev=5\n"
          "end -> 1 1 0 0\n"
          "know " A1 " rev=5, " B1 " rev=5\n" },
        { "kept in a form that is of no use",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "put " A2 " rev=6 -> applied\n"
          "keep endpoint a\n"
          "has " A1 " rev=5\n"
          "end -> 0 0 0 0\n"
          "know " A2 " rev=6\n"
          "list\n"
          "keep endpoint a\n"
          "delete endpoint a 7 -> applied\n"
          "end -> 0 0 0 0\n"
          "know\n" },
        { "a list that takes longer than a tombstone lives",
          "list\n"
          "has " A1 " rev=5\n"
          "delete endpoint a 6 -> same\n"
          "wait 601\n"
          "delete endpoint b 6 -> same\n"
          "end -> 0 0 0 0\n"
          "know\n" },
    };

    tell_all(stories, ARRAY_SIZE(stories));
}

/* A list that breaks off changes nothing; one that is whole may lower a
 * revision, and that alone is no change. */
static void
test_revisions_of_lists(void **state OVS_UNUSED)
{
    static const struct story stories[] = {
        { "broken off",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=9\n"
          "abort\n"
          "know " A1 " rev=5\n"
          "put " A2 " rev=6 -> applied\n" },
        { "under way",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=9\n"
          "know " A1 " rev=5\n"
          "put " A2 " rev=8 -> applied\n"
          "end -> 0 1 0 0\n"
          "know " A1 " rev=9\n" },
        { "whole",
          "put " A1 " rev=5 -> applied\n"
          "know " A1 " rev=5\n"
          "list\n"
          "has " A1 " rev=9\n"
          "has " A1 " rev=8 -> duplicate\n"
          "end -> 0 0 0 0\n"
          "quiet\n"
          "know " A1 " rev=9\n"
          "list\n"
          "has " A1 " rev=2\n"
          "end -> 0 0 0 0\n"
          "quiet\n"
          "know " A1 " rev=2\n" },
        { "twice in one list",
          "put " A1 " rev=5 -> applied\n"
          "list\n"
          "has " A1 " rev=5\n"
          "has " A2 " rev=6 -> duplicate\n"
          "has " A1 " rev=7 -> duplicate\n"
          "end -> 0 0 0 0\n"
          "know " A1 " rev=7\n" },
    };

    tell_all(stories, ARRAY_SIZE(stories));
}

#define TWO "list\n" \
            "has " A1 " rev=5\n" \
            "has " B7 " rev=5\n" \
            "end -> 2 0 0 0\n" \
            "list\n" \
            "end -> 0 0 0 2\n"

/* E5. */
static void
test_held_deletions(void **state OVS_UNUSED)
{
    static const struct story stories[] = {
        { "put", TWO
          "put " A2 " rev=6 -> applied\n"
          "held -> 1\n"
          "approve -> 1\n"
          "know " A2 " rev=6\n" },
        { "put with the revision alone", TWO
          "put " A1 " rev=6 -> same\n"
          "held -> 1\n"
          "approve -> 1\n"
          "know " A1 " rev=6\n" },
        { "all put", TWO
          "put " A2 " rev=6 -> applied\n"
          "put " B1 " rev=6 -> applied\n"
          "held -> 0\n"
          "approve -> 0\n" },
        { "a new one", TWO
          "put " C3 " rev=6 -> applied\n"
          "held -> 2\n"
          "approve -> 2\n"
          "know " C3 " rev=6\n" },
        { "what is stale or no news", TWO
          "put " A1 " rev=5 -> same\n"
          "put " A2 " rev=4 -> stale\n"
          "delete endpoint a 4 -> stale\n"
          "held -> 2\n"
          "approve -> 2\n"
          "put " A1 " rev=5 -> stale\n"
          "put " B1 " rev=5 -> stale\n"
          "know\n" },
        { "deleted", TWO
          "delete endpoint a 6 -> applied\n"
          "delete endpoint a 6 -> same\n"
          "held -> 1\n"
          "put " A1 " rev=7 -> applied\n"
          "held -> 1\n"
          "approve -> 1\n"
          "know " A1 " rev=7\n" },
        { "an event deletes as many as it likes", TWO
          "delete endpoint a 6 -> applied\n"
          "delete endpoint b 6 -> applied\n"
          "held -> 0\n"
          "know\n" },
        { "the time of those that are still held goes on",
          "list\n"
          "has " A1 " rev=5\n"
          "has " B7 " rev=5\n"
          "has " C3 " rev=5\n"
          "end -> 3 0 0 0\n"
          "list\n"
          "end -> 0 0 0 3\n"
          "wait 3000\n"
          "delete endpoint a 6 -> applied\n"
          "list\n"
          "end -> 0 0 0 2\n"
          "wait 600\n"
          "list\n"
          "end -> 0 0 2 0\n" },
        { "begins again for others",
          "list\n"
          "has " A1 " rev=5\n"
          "has " B7 " rev=5\n"
          "has " C3 " rev=5\n"
          "end -> 3 0 0 0\n"
          "list\n"
          "end -> 0 0 0 3\n"
          "wait 3000\n"
          "put " A2 " rev=6 -> applied\n"
          "held -> 2\n"
          "list\n"
          "end -> 0 0 0 3\n"
          "wait 600\n"
          "list\n"
          "end -> 0 0 0 3\n"
          "wait 3000\n"
          "list\n"
          "end -> 0 0 3 0\n" },
        { "a list that broke off had it", TWO
          "list\n"
          "has " A1 " rev=5\n"
          "has " B1 " rev=9\n"
          "abort\n"
          "held -> 2\n"
          "approve -> 2\n"
          "know\n" },
        { "a list under way has it", TWO
          "list\n"
          "has " A1 " rev=5\n"
          "has " B1 " rev=9\n"
          "approve -> 0\n"
          "end -> 0 1 0 0\n"
          "know " A1 " rev=5, " B1 " rev=9\n" },
        { "a list under way gets to it later", TWO
          "list\n"
          "approve -> 2\n"
          "has " A1 " rev=5\n"
          "has " B1 " rev=9\n"
          "end -> 2 0 0 0\n" },
        { "deleted by a list, put while others are held",
          "list\n"
          "has " A1 " rev=5\n"
          "has " B7 " rev=5\n"
          "has " C3 " rev=5\n"
          "end -> 3 0 0 0\n"
          "list\n"
          "has " B7 " rev=5\n"
          "has " C3 " rev=5\n"
          "end -> 0 0 1 0\n"
          "list\n"
          "end -> 0 0 0 2\n"
          "put " A1 " rev=6 -> applied\n"
          "held -> 2\n"
          "approve -> 2\n"
          "know " A1 " rev=6\n" },
        { "put before the list that held it",
          "list\n"
          "put " A1 " rev=5 -> applied\n"
          "put " B7 " rev=5 -> applied\n"
          "end -> 0 0 0 0\n"
          "list\n"
          "end -> 0 0 0 2\n"
          "put " A2 " rev=6 -> applied\n"
          "approve -> 1\n"
          "know " A2 " rev=6\n" },
    };

    tell_all(stories, ARRAY_SIZE(stories));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_tombstones_are_bounded),
        cmocka_unit_test(test_tombstones_outlive_the_program),
        cmocka_unit_test(test_objects_are_bounded),
        cmocka_unit_test(test_lists_under_way),
        cmocka_unit_test(test_revisions_of_lists),
        cmocka_unit_test(test_held_deletions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
