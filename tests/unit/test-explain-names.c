/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/holders.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

static const char inventory[] =
    "host h\n"
    "segment blue 1\n"
    "segment red 2\n"
    "segment x 3\n"
    "segment y 4\n"
    "router r 9 x y\n"
    "endpoint a blue h 1 10.0.0.1 fd00::1\n"
    "endpoint b blue h 2 10.0.0.2\n"
    "endpoint c red h 2 10.0.0.2\n"
    "endpoint d red h 3 10.0.0.3\n"
    "endpoint 10.0.0.1 red h 4 10.0.0.4\n"
    "endpoint k red h 5 10.0.0.5\n"
    "endpoint l x h 5 10.0.0.5\n"
    "endpoint m y h 6 10.0.0.6\n";

/* Says which two are meant. */
static char *
pair(const struct inventory *inv, const char *from_name, const char *to_name)
{
    const struct endpoint_node *from, *to;
    struct shared_address *sa;
    struct holders holders;
    struct in6_addr ip = ip_from_text("10.0.0.77");
    char *error;

    holders_init(&holders);
    sa = holders_add(&holders, NULL, &ip);
    holders_set(&holders, sa, "b", mac_from_text("2"), 0);
    error = explain_find_pair(inv, &holders, from_name, to_name, &from, &to);
    holders_remove(&holders, sa);
    holders_destroy(&holders);

    return error ? error : xasprintf("%s %s", from ? from->id : "-",
                                     to ? to->id : "-");
}

static void
test_names(void **state OVS_UNUSED)
{
    static const char *const cases[][3] = {
        { "a", "b", "a b" },
        { "02:00:00:00:00:01", "fd00::1", "a a" },
        { "a", "10.0.0.2", "a b" },
        { "02:00:00:00:00:02", "d", "c d" },
        { "d", "02:00:00:00:00:02", "d c" },
        { "m", "10.0.0.5", "m l" },         /* They share a router. */
        { "c", "10.0.0.5", "c k" },
        { "10.0.0.1", "b", "10.0.0.1 b" },      /* An id comes first. */
        { "a", "10.0.0.9", "a -" },
        { "a", "10.0.0.77", "a b" },            /* A shared one. */
        { "nobody", "not-an-address/24", "- -" },
        { "a", "239.1.2.3", "239.1.2.3 is a multicast group: vtepd/multicast "
          "blue shows who listens to it, where the segment's \"multicast\" is "
          "\"snoop\"" },
        { "nobody", "ff15::1", "ff15::1 is a multicast group: vtepd/multicast "
          "shows who listens to it, where the segment's \"multicast\" is "
          "\"snoop\"" },
        { "nobody", "10.0.0.2", "10.0.0.2 is ambiguous, name the endpoint by "
          "its id: b (segment blue), c (segment red)" },
        { "10.0.0.2", "02:00:00:00:00:02", "10.0.0.2 is ambiguous, name the "
          "endpoint by its id: b (segment blue), c (segment red)" },
    };
    struct inventory *inv = inventory_create();

    inventory_list_text(inv, inventory);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *found = pair(inv, cases[i][0], cases[i][1]);

        assert_string_equal(found, cases[i][2]);
        free(found);
    }
    inventory_drain(inv, NULL);
    inventory_destroy(inv);
}

/* So many with one address that not all are looked at, let alone named. */
static void
test_many(void **state OVS_UNUSED)
{
    struct inventory *inv = inventory_create();
    char *found;

    inventory_list_begin(inv);
    inventory_add_text(inv, "host h\n");
    for (int i = 0; i < 1100; i++) {
        char *text = xasprintf("segment s%04d %d\n"
                               "endpoint e%04d s%04d h 1 10.0.0.1\n", i,
                               i + 1, i, i);

        inventory_add_text(inv, text);
        free(text);
    }

    struct deletion_guard guard = { .max_percent = 100 };
    struct list_result result;
    inventory_list_end(inv, true, &guard, 1, &result);
    found = pair(inv, "10.0.0.1", "10.0.0.1");
    assert_non_null(strstr(found, "and 992 more"));
    free(found);
    inventory_drain(inv, NULL);
    inventory_destroy(inv);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
