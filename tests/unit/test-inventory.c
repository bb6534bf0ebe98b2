/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* Standings. */

/* The standings of what 'inv' holds, a line each; the caller frees. */
static char *
standings(const struct inventory *inv)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    char *text;

    inventory_standings(inv, &lines);
    text = svec_join(&lines, "\n", "\n");
    svec_destroy(&lines);
    return text;
}

static void
check_standings(const struct inventory *inv, const char *expected)
{
    char *text = standings(inv);

    assert_string_equal(text, expected);
    free(text);
}

/* Exactly these endpoints were touched; they are taken from the queue. */
static void
check_touched_endpoints(struct inventory *inv, const char *expected)
{
    struct svec touched = SVEC_EMPTY_INITIALIZER;
    struct svec endpoints = SVEC_EMPTY_INITIALIZER;
    char *text;

    inventory_drain(inv, &touched);
    for (size_t i = 0; i < touched.n; i++) {
        if (!strncmp(touched.names[i], "endpoint ", 9)) {
            svec_add(&endpoints, touched.names[i]);
        }
    }
    text = svec_join(&endpoints, ", ", "");
    assert_string_equal(text, expected);
    free(text);
    svec_destroy(&touched);
    svec_destroy(&endpoints);
}

/* The next permutation of 'order' in lexicographic order; false if there is
 * none. */
static bool
next_permutation(size_t *order, size_t n)
{
    size_t i = n - 1, j = n - 1;

    while (i > 0 && order[i - 1] >= order[i]) {
        i--;
    }
    if (!i) {
        return false;
    }
    while (order[j] <= order[i - 1]) {
        j--;
    }

    size_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
    for (j = n - 1; i < j; i++, j--) {
        swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    return true;
}

enum { MAX_OBJECTS = 7 };

static char *
join(char **lines, const size_t *order, size_t n)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n; i++) {
        ds_put_format(&s, "%s\n", lines[order[i]]);
    }
    return ds_steal_cstr(&s);
}

/* Takes in 'always' and the objects of 'text' in the order given: all in one
 * list, then in another inventory one by one, then these leave one by one and
 * come back. */
static void
check_order(const char *always, char **lines, const size_t *order, size_t n,
            const char *expected)
{
    struct inventory *at_once = inventory_create();
    struct inventory *one_by_one = inventory_create();
    char *all = join(lines, order, n);
    char *list = xasprintf("%s%s", always, all);

    inventory_list_text(at_once, list);
    check_standings(at_once, expected);
    free(list);

    for (size_t i = 0; i <= n; i++) {
        char *some = join(lines, order, i);

        list = xasprintf("%s%s", some, always);
        inventory_list_text(one_by_one, list);
        free(list);
        free(some);
    }
    check_standings(one_by_one, expected);

    /* Each one leaves alone and comes back. */
    for (size_t i = 0; i < n; i++) {
        struct ds s = DS_EMPTY_INITIALIZER;

        for (size_t j = 0; j < n; j++) {
            if (j != i) {
                ds_put_format(&s, "%s\n", lines[order[j]]);
            }
        }
        ds_put_cstr(&s, always);
        inventory_list_text(one_by_one, ds_cstr(&s));
        list = xasprintf("%s%s", always, all);
        inventory_list_text(one_by_one, list);
        free(list);
        ds_destroy(&s);
        check_standings(one_by_one, expected);
    }
    free(all);
    inventory_destroy(at_once);
    inventory_destroy(one_by_one);
}

/* Whatever the order in which the objects of 'text' arrive, the standings are
 * 'expected'.  'always' is there from the beginning and needs a newline at its
 * end. */
static void
check_every_order(const char *always, const char *text, const char *expected)
{
    char *copy = xstrdup(text), *save = NULL, *lines[MAX_OBJECTS];
    size_t order[MAX_OBJECTS], n = 0;

    for (char *line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        assert_true(n < MAX_OBJECTS);
        order[n] = n;
        lines[n++] = line;
    }
    do {
        check_order(always, lines, order, n, expected);
    } while (next_permutation(order, n));
    free(copy);
}

/* Rule 1: of two segments whose VNIs could meet, the lower id is served. */
static void
test_rule_1_vnis(void **state OVS_UNUSED)
{
    check_every_order("",
                      "segment b 77\n"
                      "segment a 77\n"
                      "segment c 78\n",
                      "segment a served\n"
                      "segment b vni-taken-by:a\n"
                      "segment c served\n");

    /* Forced to different encapsulations they never meet; b, which is refused,
     * takes nothing from c. */
    check_every_order("",
                      "segment a 77 gre\n"
                      "segment b 77\n"
                      "segment c 77 vxlan\n"
                      "segment d 77 vxlan\n"
                      "segment e 77 geneve\n"
                      "segment f 77 gre\n",
                      "segment a served\n"
                      "segment b vni-taken-by:a\n"
                      "segment c served\n"
                      "segment d vni-taken-by:c\n"
                      "segment e served\n"
                      "segment f vni-taken-by:a\n");

    /* An unforced one meets all. */
    check_every_order("",
                      "segment a 77\n"
                      "segment b 77 gre\n"
                      "segment c 77 vxlan\n"
                      "segment d 0xffffffff gre\n",
                      "segment a served\n"
                      "segment b vni-taken-by:a\n"
                      "segment c vni-taken-by:a\n"
                      "segment d served\n");
}

/* Rule 1 goes before 3 and 4: a refused segment's endpoints take nothing. */
static void
test_rule_1_endpoints(void **state OVS_UNUSED)
{
    check_every_order("host h\n",
                      "segment a 77\n"
                      "segment b 77\n"
                      "endpoint x a h 1 10.0.0.1\n"
                      "endpoint w b h 1 10.0.0.1\n",
                      "host h\n"
                      "segment a served\n"
                      "segment b vni-taken-by:a\n"
                      "endpoint w segment-refused\n"
                      "endpoint x served ip:10.0.0.1=held\n");
}

/* Rule 2: of two hosts with one tunnel address, the lower id has it, whatever
 * it offers there. */
static void
test_rule_2_addresses(void **state OVS_UNUSED)
{
    check_every_order("",
                      "host b vxlan=192.0.2.1 gre=192.0.2.2\n"
                      "host a gre=192.0.2.1 vxlan=192.0.2.1\n"
                      "host c vxlan=192.0.2.2 vxlan=192.0.2.1\n"
                      "host d vxlan=2001:db8::1\n",
                      "host a gre=192.0.2.1 vxlan=192.0.2.1\n"
                      "host b vxlan=192.0.2.1->a gre=192.0.2.2\n"
                      "host c vxlan=192.0.2.2->b vxlan=192.0.2.1->a\n"
                      "host d vxlan=2001:db8::1\n");
}

/* Rule 3: of two endpoints with one MAC in a segment, the lower id is
 * served. */
static void
test_rule_3_macs(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1\nsegment t 2\n",
                      "endpoint b s h 1 10.0.0.2\n"
                      "endpoint a s h 1 10.0.0.1\n"
                      "endpoint c s h 1 10.0.0.2\n"
                      "endpoint d t h 1 10.0.0.1\n"
                      "endpoint e s h 2 10.0.0.2\n",
                      "host h\n"
                      "segment s served\n"
                      "segment t served\n"
                      "endpoint a served ip:10.0.0.1=held\n"
                      "endpoint b mac-taken-by:a\n"
                      "endpoint c mac-taken-by:a\n"
                      "endpoint d served ip:10.0.0.1=held\n"
                      "endpoint e served ip:10.0.0.2=held\n");
}

/* One that is not served for another reason does not take part. */
static void
test_rule_3_only_served_ones(void **state OVS_UNUSED)
{
    check_every_order("segment s 1\n",
                      "host h\n"
                      "endpoint a s nowhere 1 10.0.0.1\n"
                      "endpoint b s h 1 10.0.0.1\n"
                      "endpoint c s h 2 10.0.0.1\n"
                      "endpoint d none h 2\n",
                      "host h\n"
                      "segment s served\n"
                      "endpoint a unknown-host\n"
                      "endpoint b served ip:10.0.0.1=held\n"
                      "endpoint c served ip:10.0.0.1=b\n"
                      "endpoint d unknown-segment\n");
}

/* Rule 4: of two endpoints with one address in a segment, the lower id has
 * it... */
static void
test_rule_4_addresses(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1\nsegment t 2\n",
                      "endpoint b s h 2 10.0.0.1 10.0.0.2 fd00::1\n"
                      "endpoint a s h 1 10.0.0.1\n"
                      "endpoint c s h 3 10.0.0.2 fd00::1\n"
                      "endpoint d t h 1 10.0.0.1\n",
                      "host h\n"
                      "segment s served\n"
                      "segment t served\n"
                      "endpoint a served ip:10.0.0.1=held\n"
                      "endpoint b served ip:10.0.0.1=a ip:10.0.0.2=held "
                      "ip:fd00::1=held lla:fe80::ff:fe00:2=held\n"
                      "endpoint c served ip:10.0.0.2=b ip:fd00::1=b "
                      "lla:fe80::ff:fe00:3=held\n"
                      "endpoint d served ip:10.0.0.1=held\n");
}

/* ...but 'ips' go before what follows from a MAC, and that before
 * 'allowed_pairs', whatever the ids. */
static void
test_rule_4_kinds(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1\n",
                      "endpoint a s h 1 pair=10.0.0.1 pair=fe80::ff:fe00:3\n"
                      "endpoint b s h 2 10.0.0.1 fe80::ff:fe00:4\n"
                      "endpoint c s h 3 fd00::3\n"
                      "endpoint d s h 4 fd00::4 pair=10.0.0.0/24\n",
                      "host h\n"
                      "segment s served\n"
                      "endpoint a served pair:10.0.0.1=b "
                      "pair:fe80::ff:fe00:3=c\n"
                      "endpoint b served ip:10.0.0.1=held "
                      "ip:fe80::ff:fe00:4=held lla:fe80::ff:fe00:2=held\n"
                      "endpoint c served ip:fd00::3=held "
                      "lla:fe80::ff:fe00:3=held\n"
                      "endpoint d served ip:fd00::4=held "
                      "lla:fe80::ff:fe00:4=b pair:10.0.0.0=prefix\n");
}

/* One endpoint that has an address twice has it once. */
static void
test_rule_4_within_an_endpoint(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1\n",
                      "endpoint a s h 1 10.0.0.1 pair=10.0.0.1 "
                      "pair=10.0.0.1,9 pair=10.0.0.2,8 pair=10.0.0.2,7\n",
                      "host h\n"
                      "segment s served\n"
                      "endpoint a served ip:10.0.0.1=held pair:10.0.0.1=a "
                      "pair:10.0.0.1,9=a pair:10.0.0.2,8=a "
                      "pair:10.0.0.2,7=held mac:9=held mac:8=held "
                      "mac:7=held\n");
}

/* Rule 5: what several hold in 'allowed_pairs' alone belongs to none. */
static void
test_rule_5_shared(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1\nsegment t 2\n",
                      "endpoint a s h 1 pair=10.0.0.9,9\n"
                      "endpoint b s h 2 pair=10.0.0.9,9\n"
                      "endpoint c t h 3 pair=10.0.0.9,9\n"
                      "endpoint d s nowhere 4 pair=10.0.0.8,8\n"
                      "endpoint e s h 5 pair=10.0.0.8,8\n",
                      "host h\n"
                      "segment s served\n"
                      "segment t served\n"
                      "endpoint a served pair:10.0.0.9,9=shared mac:9=shared\n"
                      "endpoint b served pair:10.0.0.9,9=shared mac:9=shared\n"
                      "endpoint c served pair:10.0.0.9,9=held mac:9=held\n"
                      "endpoint d unknown-host\n"
                      "endpoint e served pair:10.0.0.8,8=held mac:8=held\n");

    /* An owner's address or MAC is not shared: it is the owner's. */
    check_every_order("host h\nsegment s 1\n",
                      "endpoint a s h 1 pair=10.0.0.9,9\n"
                      "endpoint b s h 2 pair=10.0.0.9,9\n"
                      "endpoint c s h 9 10.0.0.9\n",
                      "host h\n"
                      "segment s served\n"
                      "endpoint a served pair:10.0.0.9,9=c mac:9=taken\n"
                      "endpoint b served pair:10.0.0.9,9=c mac:9=taken\n"
                      "endpoint c served ip:10.0.0.9=held\n");
}

/* Rule 6: of two routers that name one segment, the lower id joins it. */
static void
test_rule_6_routers(void **state OVS_UNUSED)
{
    check_every_order("",
                      "segment s 1\n"
                      "segment t 2\n"
                      "segment u 1\n"
                      "router b 1 s t u\n"
                      "router a 2 s none\n"
                      "router c 3 t\n",
                      "segment s served router:a\n"
                      "segment t served router:b\n"
                      "segment u vni-taken-by:s\n"
                      "router a s\n"
                      "router b t\n"
                      "router c\n");
}

/* Rule 7: a router's MAC and addresses are no endpoint's, in the segments that
 * it joins. */
static void
test_rule_7_router_owns(void **state OVS_UNUSED)
{
    check_every_order("host h\nsegment s 1 10.0.0.0/24,10.0.0.1 fd00::/64\n",
                      "segment t 2 10.0.0.0/24,10.0.0.1\n"
                      "router r 1 s\n"
                      "endpoint a s h 1 10.0.0.9\n"
                      "endpoint b s h 1 10.0.0.9\n"
                      "endpoint c s h 2 10.0.0.1 10.0.0.9 fe80::ff:fe00:1\n"
                      "endpoint d t h 1 10.0.0.1\n"
                      "endpoint e s h 3 pair=10.0.0.1 pair=10.0.0.8,1\n",
                      "host h\n"
                      "segment s served router:r\n"
                      "segment t served\n"
                      "router r s\n"
                      "endpoint a mac-is-routers\n"
                      "endpoint b mac-is-routers\n"
                      "endpoint c served ip:10.0.0.1=router "
                        "ip:10.0.0.9=held ip:fe80::ff:fe00:1=held "
                        "lla:fe80::ff:fe00:2=held\n"
                      "endpoint d served ip:10.0.0.1=held\n"
                      "endpoint e served pair:10.0.0.1=router "
                        "pair:10.0.0.8,1=held mac:1=taken\n");

    /* Of its link-local address there is use only with an IPv6 gateway. */
    check_every_order("host h\n",
                      "segment s 1 fd00::/64,fd00::1\n"
                      "router r 1 s\n"
                      "endpoint c s h 2 fe80::ff:fe00:1 fd00::1\n",
                      "host h\n"
                      "segment s served router:r\n"
                      "router r s\n"
                      "endpoint c served ip:fe80::ff:fe00:1=router "
                        "ip:fd00::1=router lla:fe80::ff:fe00:2=held\n");
}

/* R61: what comes late heals those that refer to it, and its going leaves
 * them dangling, not deleted. */
static void
test_r61_late_references_healed(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();

    inventory_list_text(inv, "endpoint a s h 1 10.0.0.1\n");
    check_standings(inv, "endpoint a unknown-segment\n");
    inventory_drain(inv, NULL);

    inventory_list_text(inv, "endpoint a s h 1 10.0.0.1\nsegment s 1\n");
    check_standings(inv, "segment s served\nendpoint a unknown-host\n");
    check_touched_endpoints(inv, "endpoint a");

    inventory_list_text(inv, "endpoint a s h 1 10.0.0.1\nsegment s 1\n"
                        "host h\n");
    check_standings(inv, "host h\nsegment s served\n"
                    "endpoint a served ip:10.0.0.1=held\n");
    check_touched_endpoints(inv, "endpoint a");

    inventory_list_text(inv, "endpoint a s h 1 10.0.0.1\n");
    check_standings(inv, "endpoint a unknown-segment\n");
    check_touched_endpoints(inv, "endpoint a");
    assert_non_null(inventory_find_segment(inv, "s"));
    assert_non_null(inventory_find_host(inv, "h"));

    inventory_list_text(inv, "");
    inventory_drain(inv, NULL);
    assert_null(inventory_find_segment(inv, "s"));
    assert_null(inventory_find_host(inv, "h"));
    assert_null(inventory_find_endpoint(inv, "a"));
    inventory_destroy(inv);
}

/* This host counts as known though the inventory lacks it. */
static void
test_self_is_known(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();

    inventory_list_text(inv, "segment s 1\nendpoint a s me 1 10.0.0.1\n"
                        "endpoint b s me2 2 10.0.0.1\n");
    inventory_drain(inv, NULL);
    inventory_set_self(inv, "me");
    check_standings(inv, "segment s served\n"
                    "endpoint a served ip:10.0.0.1=held\n"
                    "endpoint b unknown-host\n");
    assert_int_equal(inventory_count(inv, OBJECT_HOST), 0);
    check_touched_endpoints(inv, "endpoint a, endpoint b");

    inventory_set_self(inv, "me2");
    check_standings(inv, "segment s served\n"
                    "endpoint a unknown-host\n"
                    "endpoint b served ip:10.0.0.1=held\n");
    check_touched_endpoints(inv, "endpoint a, endpoint b");
    inventory_destroy(inv);
}

/* Touching. */

/* Versions of objects which get into each other's way; an object is one of its
 * versions or is not there. */
static const char *const pool[][4] = {
    { "host h vxlan=192.0.2.1", "host h vxlan=192.0.2.2" },
    { "host g vxlan=192.0.2.2", "host g vxlan=192.0.2.1 gre=192.0.2.2" },
    { "segment s 1", "segment s 2 10.0.0.0/24,10.0.0.1",
      "segment s 1 gre 10.0.0.0/24,10.0.0.2 fd00::/64,fd00::1" },
    { "segment r 1 vxlan", "segment r 2 10.0.0.0/24,10.0.0.1" },
    { "router y 1 s r 0.0.0.0/0>10.0.0.1 10.9.0.0/16>10.0.0.2",
      "router y 9 s", "router y 2 r 0.0.0.0/0>10.0.0.3" },
    { "router x 1 s", "router x 8 r 0.0.0.0/0>10.0.0.8", "router x 1 r s" },
    { "endpoint a s h 1 10.0.0.1 fd00::1",
      "endpoint a s g 9 10.0.0.1",
      "endpoint a r h 1 10.0.0.1" },
    { "endpoint b s g 1 10.0.0.2 pair=10.0.0.8,7",
      "endpoint b s h 2 10.0.0.1 pair=10.0.0.9",
      "endpoint b s h 2 10.0.0.1 fe80::ff:fe00:1" },
    { "endpoint c s h 3 10.0.0.3 pair=10.0.0.9,7",
      "endpoint c r h 3 10.0.0.3 pair=10.0.0.9,7",
      "endpoint c s h 3 10.0.0.3 pair=10.0.0.9,9" },
    { "endpoint d s g 7 fd00::2 pair=10.0.0.2,1",
      "endpoint d s g 4 fd00::1 pair=10.0.0.9,1 insecure",
      "endpoint d s g 4 pair=10.0.0.1 pair=10.0.0.0/24" },
};

static uint32_t
random_next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % n;
}

static char *
pool_text(const size_t choice[])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(pool); i++) {
        if (choice[i]) {
            ds_put_format(&s, "%s\n", pool[i][choice[i] - 1]);
        }
    }
    return ds_steal_cstr(&s);
}

static size_t
n_versions(size_t object)
{
    size_t n = 0;

    while (n < ARRAY_SIZE(pool[object]) && pool[object][n]) {
        n++;
    }
    return n;
}

/* "endpoint a" of "endpoint a served ...". */
static char *
line_subject(const char *line)
{
    const char *id = strchr(line, ' ') + 1;

    return xmemdup0(line, id - line + strcspn(id, " "));
}

/* All lines that only one of the two has are of subjects that were touched. */
static void
check_touched(const struct svec *before, const struct svec *after,
              const struct svec *touched, const char *was, const char *is)
{
    const struct svec *sides[] = { before, after };

    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < sides[i]->n; j++) {
            const char *line = sides[i]->names[j];

            if (!svec_contains(sides[!i], line)) {
                char *subject = line_subject(line);

                if (!svec_contains(touched, subject)) {
                    fail_msg("%s was not touched: \"%s\" stands only %s\n"
                             "-- from\n%s-- to\n%s", subject, line,
                             i ? "after" : "before", was, is);
                }
                free(subject);
            }
        }
    }
}

/* Whatever changes, every object whose standing changes by it is touched. */
static void
test_touched_is_closed(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    size_t choice[ARRAY_SIZE(pool)] = { 0 };
    struct svec before = SVEC_EMPTY_INITIALIZER;
    char *was = pool_text(choice);
    uint32_t seed = 1;

    for (int step = 0; step < 100000; step++) {
        struct svec after = SVEC_EMPTY_INITIALIZER;
        struct svec touched = SVEC_EMPTY_INITIALIZER;
        size_t n_changes = random_next(&seed, 4) ? 1 : 3;

        for (size_t i = 0; i < n_changes; i++) {
            size_t object = random_next(&seed, ARRAY_SIZE(pool));

            /* Mostly there. */
            choice[object] = random_next(&seed, n_versions(object) * 3 + 1);
            choice[object] = (choice[object] + 2) / 3;
        }

        char *is = pool_text(choice);
        inventory_list_text(inv, is);
        inventory_standings(inv, &after);
        svec_sort(&after);
        inventory_drain(inv, &touched);
        check_touched(&before, &after, &touched, was, is);

        /* The history does not matter. */
        if (!(step % 10)) {
            struct inventory *fresh = inventory_create();
            char *expected;

            inventory_list_text(fresh, is);
            expected = standings(fresh);
            check_standings(inv, expected);
            free(expected);
            inventory_destroy(fresh);
        }

        svec_swap(&before, &after);
        svec_destroy(&after);
        svec_destroy(&touched);
        free(was);
        was = is;
    }
    free(was);
    svec_destroy(&before);
    inventory_destroy(inv);
}

/* Nothing is touched by a list that says what is known already. */
static void
test_same_list_touches_nothing(void **state OVS_UNUSED)
{
    static const char text[] =
        "host h vxlan=192.0.2.1 gre=2001:db8::1@9\n"
        "segment s 1 gre broadcast dhcp\n"
        "router r 1 s\n"
        "endpoint a s h 1 10.0.0.1 fd00::1 pair=10.0.0.0/24,2 insecure\n";
    struct inventory *inv = inventory_create();
    const struct deletion_guard guard = { 0, 0 };
    struct list_result result;

    inventory_list_text(inv, text);
    inventory_drain(inv, NULL);

    inventory_list_begin(inv);
    inventory_add_text(inv, text);
    inventory_list_end(inv, true, &guard, 1, &result);
    assert_int_equal(result.n_added, 0);
    assert_int_equal(result.n_changed, 0);
    assert_int_equal(result.n_deleted, 0);
    assert_false(inventory_has_touched(inv));
    inventory_destroy(inv);
}

/* Every member counts as a change. */
static void
test_each_member_is_a_change(void **state OVS_UNUSED)
{
    static const char *const versions[] = {
        "host h vxlan=192.0.2.1",
        "host h gre=192.0.2.1",
        "host h gre=192.0.2.2",
        "host h geneve=192.0.2.2",
        "host h geneve=192.0.2.2@9",
        "host h geneve=192.0.2.2@9 gre=192.0.2.2",
        "host h gre=192.0.2.2 geneve=192.0.2.2@9",
        "segment s 1",
        "segment s 2",
        "segment s 2 gre",
        "segment s 2 gre broadcast",
        "segment s 2 gre unknown",
        "segment s 2 gre multicast",
        "segment s 2 gre snoop",
        "segment s 2 gre dhcp",
        "router r 1",
        "router r 2",
        "router r 2 s",
        "router r 2 t",
        "endpoint e s h 1",
        "endpoint e t h 1",
        "endpoint e t g 1",
        "endpoint e t g 2",
        "endpoint e t g 2 10.0.0.1",
        "endpoint e t g 2 10.0.0.2",
        "endpoint e t g 2 fd00::1",
        "endpoint e t g 2 fd00::1 fe80::ff:fe00:2",
        "endpoint e t g 2 fd00::1",
        "endpoint e t g 2 fe80::ff:fe00:2",
        "endpoint e t g 2 pair=10.0.0.2",
        "endpoint e t g 2 pair=10.0.0.2/31",
        "endpoint e t g 2 pair=10.0.0.2/31,2",
        "endpoint e t g 2 pair=10.0.0.2/31,3",
        "endpoint e t g 2 pair=10.0.0.2/31,3 insecure",
        "endpoint e t g 2 insecure pair=10.0.0.2/31,3 pair=10.0.0.2/31,3",
    };
    const struct deletion_guard guard = { 100, 0 };
    struct inventory *inv = inventory_create();
    struct list_result result;

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        inventory_list_begin(inv);
        inventory_add_text(inv, versions[i]);
        inventory_list_end(inv, false, &guard, 1, &result);

        /* With its own MAC, as without one, a pair is the same. */
        size_t n = strcmp(versions[i], "endpoint e t g 2 pair=10.0.0.2/31,2");
        if (result.n_added + result.n_changed != !!n) {
            fail_msg("\"%s\": %"PRIuSIZE" added, %"PRIuSIZE" changed",
                     versions[i], result.n_added, result.n_changed);
        }
    }
    inventory_destroy(inv);
}

/* Lists. */

/* The answers to adding each of the two, then what stands at the end. */
static void
check_duplicate(const char *known, const char *first, const char *second,
                const char *expected)
{
    struct inventory *inv = inventory_create();
    const struct deletion_guard guard = { 100, 0 };
    struct list_result result;

    inventory_list_text(inv, "host h\nsegment s 1\n");
    if (known) {
        char *text = xasprintf("host h\nsegment s 1\n%s\n", known);

        inventory_list_text(inv, text);
        free(text);
    }
    inventory_list_begin(inv);
    inventory_add_text(inv, "host h\nsegment s 1\n");
    assert_int_equal(inventory_list_add(inv, object_from_text(first)),
                     LIST_ADDED);
    assert_int_equal(inventory_list_add(inv, object_from_text(second)),
                     LIST_DUPLICATE);
    inventory_list_end(inv, true, &guard, 1, &result);

    const struct endpoint_node *node = inventory_find_endpoint(inv, "a");
    assert_int_equal(node->endpoint->mac.ea[5],
                     mac_from_text(expected).ea[5]);
    assert_int_equal(inventory_count(inv, OBJECT_ENDPOINT), 1);
    inventory_destroy(inv);
}

/* An id that a list has twice: the higher revision wins, else the first,
 * whatever was known before. */
static void
test_duplicates(void **state OVS_UNUSED)
{
    static const char *const known[] = {
        NULL,
        "endpoint a s h 1 rev=5",
        "endpoint a s h 2 rev=5",
        "endpoint a s h 3 rev=5",
        "endpoint a s h 1 rev=1",
        "endpoint a s h 2 rev=1",
        "endpoint a s h 1 rev=9",
        "endpoint a s h 2 rev=9",
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        check_duplicate(known[i], "endpoint a s h 1 rev=5",
                        "endpoint a s h 2 rev=6", "2");
        check_duplicate(known[i], "endpoint a s h 1 rev=6",
                        "endpoint a s h 2 rev=5", "1");
        check_duplicate(known[i], "endpoint a s h 1 rev=5",
                        "endpoint a s h 2 rev=5", "1");
        check_duplicate(known[i], "endpoint a s h 2 rev=5",
                        "endpoint a s h 1 rev=5", "2");
        check_duplicate(known[i], "endpoint a s h 1",
                        "endpoint a s h 1", "1");
    }
}

/* The same id in different kinds is not a duplicate. */
static void
test_ids_are_per_kind(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();

    inventory_list_text(inv, "host x\nsegment x 1\nrouter x 1 x\n"
                        "endpoint x x x 2\n");
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        assert_int_equal(inventory_count(inv, kind), 1);
    }
    check_standings(inv, "host x\nsegment x served router:x\n"
                    "router x x\nendpoint x served\n");
    inventory_destroy(inv);
}

/* A whole list may lower a revision (contract 3.4). */
static void
test_list_lowers_revision(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();

    inventory_list_text(inv, "segment s 1 rev=9\n");
    inventory_list_text(inv, "segment s 2 rev=3\n");
    assert_int_equal(inventory_find_segment(inv, "s")->object.vni, 2);
    assert_int_equal(inventory_find_segment(inv, "s")->revision, 3);
    inventory_list_text(inv, "segment s 2 rev=1\n");
    assert_int_equal(inventory_find_segment(inv, "s")->revision, 1);
    inventory_destroy(inv);
}

static const struct deletion_guard guard_20 = { .max_percent = 20,
                                                .hold = 1000 };

/* Takes 'text' in at 'now'; returns what is held and sets '*n_deleted'. */
static size_t
list_at(struct inventory *inv, const char *text, long long int now,
        size_t *n_deleted)
{
    struct list_result result;

    inventory_list_begin(inv);
    inventory_add_text(inv, text);
    inventory_list_end(inv, true, &guard_20, now, &result);
    *n_deleted = result.n_deleted;
    return result.n_held;
}

/* What is in the list in a form that cannot be used stays as it was. */
static void
test_keep(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    struct list_result result;

    inventory_list_text(inv, "host h\nsegment s 1\nrouter r 1\n"
                        "endpoint a s h 1\nendpoint b s h 2\n");
    inventory_list_begin(inv);
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        static const char *const ids[] = { "h", "s", "r", "a" };

        inventory_list_keep(inv, kind, ids[kind]);
        inventory_list_keep(inv, kind, "nobody");
    }
    inventory_list_end(inv, true, &guard_20, 1, &result);
    assert_int_equal(result.n_deleted, 1);
    check_standings(inv, "host h\nsegment s served\nrouter r\n"
                    "endpoint a served\n");
    assert_null(inventory_find_endpoint(inv, "nobody"));
    assert_null(inventory_find_host(inv, "nobody"));
    inventory_destroy(inv);
}

/* A list that breaks off changes nothing, and the next one is whole again. */
static void
test_abort(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    size_t n_deleted;

    inventory_list_text(inv, "host h\nsegment s 1\n"
                        "endpoint a s h 1\nendpoint b s h 2\n");
    inventory_drain(inv, NULL);

    inventory_list_begin(inv);
    inventory_add_text(inv, "host g\nsegment s 2\nendpoint c s h 3\n"
                       "endpoint a s h 1\nendpoint b s h 9\n");
    inventory_list_keep(inv, OBJECT_HOST, "h");
    inventory_list_abort(inv);

    check_standings(inv, "host h\nsegment s served\nendpoint a served\n"
                    "endpoint b served\n");
    assert_int_equal(inventory_find_segment(inv, "s")->object.vni, 1);
    assert_int_equal(inventory_find_endpoint(inv, "b")->endpoint->mac.ea[5],
                     2);
    assert_false(inventory_has_touched(inv));

    assert_int_equal(list_at(inv, "host h\nsegment s 1\nendpoint b s h 2\n",
                             1, &n_deleted), 0);
    assert_int_equal(n_deleted, 1);
    inventory_destroy(inv);
}

/* The guard. */

/* 'n' hosts, segments and endpoints each, of which the lists leave out the
 * last 'n_missing[kind]'. */
static char *
numbered(size_t n, const size_t n_missing[N_OBJECT_KINDS])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n - n_missing[OBJECT_HOST]; i++) {
        ds_put_format(&s, "host h%03"PRIuSIZE"\n", i);
    }
    for (size_t i = 0; i < n - n_missing[OBJECT_SEGMENT]; i++) {
        ds_put_format(&s, "segment s%03"PRIuSIZE" %"PRIuSIZE"\n", i, i + 1);
    }
    for (size_t i = 0; i < n - n_missing[OBJECT_ENDPOINT]; i++) {
        ds_put_format(&s, "endpoint e%03"PRIuSIZE" s%03"PRIuSIZE" "
                      "h%03"PRIuSIZE" 1\n", i, i, i);
    }
    for (size_t i = 0; i < n - n_missing[OBJECT_ROUTER]; i++) {
        ds_put_format(&s, "router r%03"PRIuSIZE" 1\n", i);
    }
    return ds_steal_cstr(&s);
}

/* Which deletions are held: more than 20 percent and more than 10, of hosts,
 * segments or endpoints; or all endpoints where there were two. */
static void
test_guard_limits(void **state OVS_UNUSED)
{
    static const struct {
        size_t n;
        size_t n_missing[N_OBJECT_KINDS];   /* Host, segment, router, ep. */
        bool held;
    } cases[] = {
        { 40, { 0, 0, 0, 10 }, false },     /* Over 20 %, but not over 10. */
        { 40, { 0, 0, 0, 11 }, true },
        { 40, { 0, 11, 0, 0 }, true },
        { 40, { 11, 0, 0, 0 }, true },
        { 40, { 0, 0, 40, 0 }, false },     /* Routers are not counted. */
        { 40, { 10, 10, 10, 10 }, false },
        { 100, { 20, 20, 0, 20 }, false },  /* Exactly 20 %. */
        { 100, { 0, 0, 0, 21 }, true },
        { 100, { 21, 0, 0, 0 }, true },
        { 100, { 0, 0, 0, 100 }, true },
        { 1, { 0, 0, 0, 1 }, false },       /* All, but only one. */
        { 2, { 0, 0, 0, 2 }, true },
        { 2, { 0, 0, 0, 1 }, false },
        { 2, { 2, 2, 2, 0 }, false },
        { 9, { 9, 9, 9, 9 }, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static const size_t none[N_OBJECT_KINDS];
        struct inventory *inv = inventory_create();
        char *before = numbered(cases[i].n, none);
        char *after = numbered(cases[i].n, cases[i].n_missing);
        long long int since;
        size_t total = 0, n_deleted, n_held;

        for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
            total += cases[i].n_missing[kind];
        }
        assert_int_equal(list_at(inv, before, 1, &n_deleted), 0);
        n_held = list_at(inv, after, 1, &n_deleted);
        if (n_held != (cases[i].held ? total : 0)
            || n_deleted != (cases[i].held ? 0 : total)
            || inventory_n_held(inv, &since) != n_held) {
            fail_msg("case %"PRIuSIZE": %"PRIuSIZE" held, %"PRIuSIZE
                     " deleted", i, n_held, n_deleted);
        }
        assert_int_equal(since, cases[i].held);
        assert_int_equal(inventory_count(inv, OBJECT_ENDPOINT),
                         cases[i].n - (cases[i].held ? 0
                                       : cases[i].n_missing[OBJECT_ENDPOINT]));
        free(before);
        free(after);
        inventory_destroy(inv);
    }
}

/* While deletions are held, additions and moves apply. */
static void
test_guard_lets_changes_through(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    size_t n_deleted;

    list_at(inv, "host h\nhost g\nsegment s 1\nendpoint a s h 1\n"
            "endpoint b s h 2\n", 1, &n_deleted);
    assert_int_equal(list_at(inv, "host h\nhost g\nsegment s 1\n"
                             "endpoint c s h 3\n", 2, &n_deleted), 2);
    check_standings(inv, "host g\nhost h\nsegment s served\n"
                    "endpoint a served\nendpoint b served\n"
                    "endpoint c served\n");
    inventory_destroy(inv);
}

#define TWO "host h\nsegment s 1\nendpoint a s h 1\nendpoint b s h 2\n"
#define NONE "host h\nsegment s 1\n"

/* Held deletions happen once every list has said so for long enough. */
static void
test_guard_hold(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    long long int since;
    size_t n_deleted;

    list_at(inv, TWO, 1, &n_deleted);
    assert_int_equal(list_at(inv, NONE, 100, &n_deleted), 2);
    assert_int_equal(list_at(inv, NONE, 1099, &n_deleted), 2);
    assert_int_equal(inventory_n_held(inv, &since), 2);
    assert_int_equal(since, 100);
    assert_int_equal(list_at(inv, NONE, 1100, &n_deleted), 0);
    assert_int_equal(n_deleted, 2);
    assert_int_equal(inventory_n_held(inv, &since), 0);
    assert_int_equal(since, 0);

    /* Said otherwise in between: the time begins again. */
    list_at(inv, TWO, 2000, &n_deleted);
    assert_int_equal(list_at(inv, NONE, 2100, &n_deleted), 2);
    assert_int_equal(list_at(inv, TWO, 2200, &n_deleted), 0);
    assert_int_equal(inventory_n_held(inv, &since), 0);
    assert_int_equal(list_at(inv, NONE, 3200, &n_deleted), 2);
    assert_int_equal(list_at(inv, NONE, 4199, &n_deleted), 2);
    assert_int_equal(list_at(inv, NONE, 4200, &n_deleted), 0);
    assert_int_equal(n_deleted, 2);
    inventory_destroy(inv);
}

/* A list that says something else begins the time again: nothing goes that
 * was not said for long enough. */
static void
test_guard_hold_of_others(void **state OVS_UNUSED)
{
    static const size_t none[N_OBJECT_KINDS];
    static const size_t some[N_OBJECT_KINDS] = { 0, 0, 0, 11 };
    static const size_t all[N_OBJECT_KINDS] = { 0, 0, 0, 40 };
    struct inventory *inv = inventory_create();
    char *everything = numbered(40, none);
    char *less = numbered(40, some);
    char *nothing = numbered(40, all);
    size_t n_deleted;

    list_at(inv, everything, 1, &n_deleted);
    assert_int_equal(list_at(inv, less, 100, &n_deleted), 11);
    assert_int_equal(list_at(inv, less, 1000, &n_deleted), 11);
    assert_int_equal(list_at(inv, nothing, 1050, &n_deleted), 40);
    assert_int_equal(list_at(inv, nothing, 1100, &n_deleted), 40);
    assert_int_equal(list_at(inv, nothing, 2049, &n_deleted), 40);
    assert_int_equal(list_at(inv, nothing, 2050, &n_deleted), 0);
    assert_int_equal(n_deleted, 40);
    free(everything);
    free(less);
    free(nothing);
    inventory_destroy(inv);
}

/* With hold 0 they are held until approved. */
static void
test_guard_hold_for_ever(void **state OVS_UNUSED)
{
    static const struct deletion_guard guard = { .max_percent = 20 };
    struct inventory *inv = inventory_create();
    struct list_result result;
    size_t n_deleted;

    list_at(inv, TWO, 1, &n_deleted);
    for (long long int now = 1; now < 1000000000; now *= 10) {
        inventory_list_begin(inv);
        inventory_add_text(inv, NONE);
        inventory_list_end(inv, true, &guard, now, &result);
        assert_int_equal(result.n_held, 2);
    }
    assert_int_equal(inventory_approve_deletions(inv, 1), 2);
    assert_int_equal(inventory_approve_deletions(inv, 1), 0);
    check_standings(inv, "host h\nsegment s served\n");
    inventory_destroy(inv);
}

/* Nothing is deleted by a list that must not, and nothing is approved then. */
static void
test_list_that_may_not_delete(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    struct list_result result;
    size_t n_deleted;

    list_at(inv, TWO, 1, &n_deleted);
    inventory_list_begin(inv);
    inventory_add_text(inv, "host h\nsegment s 1\nendpoint a s h 1\n");
    inventory_list_end(inv, false, &guard_20, 1, &result);
    assert_int_equal(result.n_deleted, 0);
    assert_int_equal(result.n_held, 1);
    assert_int_equal(inventory_approve_deletions(inv, 1), 0);
    check_standings(inv, "host h\nsegment s served\nendpoint a served\n"
                    "endpoint b served\n");
    inventory_destroy(inv);
}

/* What is approved is what the last whole list lacked: a list that is under
 * way or broke off changes nothing about it. */
static void
test_approve_between_lists(void **state OVS_UNUSED)
{
    for (int under_way = 0; under_way < 2; under_way++) {
        struct inventory *inv = inventory_create();
        size_t n_deleted;

        list_at(inv, TWO "endpoint c s h 3\n", 1, &n_deleted);
        assert_int_equal(list_at(inv, NONE, 2, &n_deleted), 3);
        assert_int_equal(n_deleted, 0);

        inventory_list_begin(inv);
        inventory_add_text(inv, NONE "endpoint b s h 2\n");
        if (!under_way) {
            inventory_list_abort(inv);
        }
        inventory_approve_deletions(inv, 1);

        /* The host and the segment were in both. */
        assert_int_equal(inventory_count(inv, OBJECT_HOST), 1);
        assert_int_equal(inventory_count(inv, OBJECT_SEGMENT), 1);
        assert_null(inventory_find_endpoint(inv, "a")->endpoint);
        assert_null(inventory_find_endpoint(inv, "c")->endpoint);
        if (under_way) {
            struct list_result result;

            inventory_list_end(inv, true, &guard_20, 3, &result);
            check_standings(inv, "host h\nsegment s served\n"
                            "endpoint b served\n");
        }
        inventory_destroy(inv);
    }
}

/* R62: time grows with the number of objects, also where they all share one
 * segment and host.  Not a measurement: what is quadratic takes minutes. */
static void
test_r62_many_objects(void **state OVS_UNUSED)
{
    enum { N = 100000 };
    struct inventory *inv = inventory_create();
    struct list_result result;

    for (int round = 0; round < 2; round++) {
        inventory_list_begin(inv);
        inventory_add_text(inv, "host h\nsegment s 1\n");
        for (int i = 0; i < N; i++) {
            char line[100];

            snprintf(line, sizeof line,
                     "endpoint e%d s h 1 10.%d.%d.%d fd00::1:%x:%x", i,
                     i >> 16,
                     i >> 8 & 255, i & 255, i >> 16, i & 0xffff);
            struct object *o = object_from_text(line);
            o->endpoint.mac.ea[2] = i >> 16;
            o->endpoint.mac.ea[3] = i >> 8;
            o->endpoint.mac.ea[4] = i;
            inventory_list_add(inv, o);
        }
        inventory_list_end(inv, true, &guard_20, 1, &result);
        assert_int_equal(result.n_added, round ? 0 : N + 2);
        assert_int_equal(result.n_changed, 0);
    }
    inventory_drain(inv, NULL);
    inventory_destroy(inv);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_1_vnis),
        cmocka_unit_test(test_rule_1_endpoints),
        cmocka_unit_test(test_rule_2_addresses),
        cmocka_unit_test(test_rule_3_macs),
        cmocka_unit_test(test_rule_3_only_served_ones),
        cmocka_unit_test(test_rule_4_addresses),
        cmocka_unit_test(test_rule_4_kinds),
        cmocka_unit_test(test_rule_4_within_an_endpoint),
        cmocka_unit_test(test_rule_5_shared),
        cmocka_unit_test(test_rule_6_routers),
        cmocka_unit_test(test_rule_7_router_owns),
        cmocka_unit_test(test_r61_late_references_healed),
        cmocka_unit_test(test_self_is_known),
        cmocka_unit_test(test_touched_is_closed),
        cmocka_unit_test(test_same_list_touches_nothing),
        cmocka_unit_test(test_each_member_is_a_change),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_ids_are_per_kind),
        cmocka_unit_test(test_list_lowers_revision),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_guard_limits),
        cmocka_unit_test(test_guard_lets_changes_through),
        cmocka_unit_test(test_guard_hold),
        cmocka_unit_test(test_guard_hold_of_others),
        cmocka_unit_test(test_guard_hold_for_ever),
        cmocka_unit_test(test_list_that_may_not_delete),
        cmocka_unit_test(test_approve_between_lists),
        cmocka_unit_test(test_r62_many_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
