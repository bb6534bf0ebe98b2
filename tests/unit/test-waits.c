/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/overlay.h"
#include "openvswitch/util.h"

/* Objects that the overlay says are complete: "KIND ID," each. */
static char complete[256];
static unsigned int n_asked;

bool
overlay_is_complete(const struct overlay *overlay OVS_UNUSED,
                    enum object_kind kind, const char *id)
{
    char name[64];

    n_asked++;
    snprintf(name, sizeof name, "%d %s,", kind, id);
    return strstr(complete, name) != NULL;
}

static int
set_up(void **state)
{
    static struct waits waits;

    waits_init(&waits);
    complete[0] = '\0';
    n_asked = 0;
    *state = &waits;
    return 0;
}

static int
tear_down(void **state)
{
    waits_destroy(*state);
    return 0;
}

/* Nothing to wait for but the bundle that was sent last. */
static void
test_bundle(void **state)
{
    struct waits *waits = *state;

    waits_add(waits, 1);
    assert_false(waits_is_over(waits, 1, 100));
    waits_sent(waits, NULL, 1, 5);
    assert_false(waits_is_over(waits, 1, 4));
    assert_true(waits_is_over(waits, 1, 5));

    /* A later bundle has nothing to do with it. */
    waits_sent(waits, NULL, 1, 6);
    assert_true(waits_is_over(waits, 1, 5));
}

static void
test_objects(void **state)
{
    struct waits *waits = *state;
    struct wait *w = waits_add(waits, 1);

    wait_for_object(w, OBJECT_HOST, "a");
    wait_for_object(w, OBJECT_ENDPOINT, "b");
    strcpy(complete, "3 b,");
    waits_sent(waits, NULL, 1, 5);
    assert_false(waits_is_over(waits, 1, 5));
    strcpy(complete, "0 a,3 b,");
    waits_sent(waits, NULL, 1, 6);
    assert_false(waits_is_over(waits, 1, 5));
    assert_true(waits_is_over(waits, 1, 6));
}

/* What was seen to be complete is not asked for again, so that a large batch
 * that waits for one tunnel costs next to nothing. */
static void
test_cost(void **state)
{
    struct waits *waits = *state;
    struct wait *w = waits_add(waits, 1);

    strcpy(complete, "3 here,");
    for (int i = 0; i < 100; i++) {
        wait_for_object(w, OBJECT_ENDPOINT, "here");
    }
    wait_for_object(w, OBJECT_ENDPOINT, "not");
    waits_sent(waits, NULL, 1, 5);
    assert_int_equal(n_asked, 101);
    waits_sent(waits, NULL, 1, 5);
    assert_int_equal(n_asked, 102);
}

static void
test_list(void **state)
{
    struct waits *waits = *state;
    struct wait *w = waits_add(waits, 1);

    wait_for_list(w, 7);
    wait_for_list(w, 6);
    waits_sent(waits, NULL, 6, 5);
    assert_false(waits_is_over(waits, 1, 5));
    waits_sent(waits, NULL, 7, 6);
    assert_true(waits_is_over(waits, 1, 6));
}

/* The connection was lost before the bundle was answered. */
static void
test_unsent(void **state)
{
    struct waits *waits = *state;

    waits_add(waits, 1);
    waits_sent(waits, NULL, 1, 5);
    waits_unsent(waits);
    assert_false(waits_is_over(waits, 1, 5));
    waits_sent(waits, NULL, 1, 6);
    assert_false(waits_is_over(waits, 1, 5));
    assert_true(waits_is_over(waits, 1, 6));
}

/* The cached flows follow what was applied, not what was sent. */
static void
test_revalidation(void **state)
{
    struct waits *waits = *state;

    wait_for_revalidation(waits_add(waits, 1));
    waits_add(waits, 2);
    assert_false(waits_settle(waits, 100));
    waits_sent(waits, NULL, 1, 5);
    assert_false(waits_settle(waits, 4));
    assert_false(waits_is_over(waits, 1, 5));
    assert_true(waits_is_over(waits, 2, 5));

    assert_true(waits_settle(waits, 5));
    assert_false(waits_settle(waits, 5));
    assert_false(waits_is_over(waits, 1, 5));
    waits_settled(waits);
    assert_true(waits_is_over(waits, 1, 5));
    assert_false(waits_settle(waits, 5));
}

/* Who comes while others are at it has the next one. */
static void
test_revalidation_in_turn(void **state)
{
    struct waits *waits = *state;

    wait_for_revalidation(waits_add(waits, 1));
    wait_for_revalidation(waits_add(waits, 2));
    waits_sent(waits, NULL, 1, 5);
    assert_true(waits_settle(waits, 5));
    wait_for_revalidation(waits_add(waits, 3));
    waits_sent(waits, NULL, 1, 5);
    waits_settled(waits);
    assert_true(waits_is_over(waits, 1, 5));
    assert_true(waits_is_over(waits, 2, 5));
    assert_false(waits_is_over(waits, 3, 5));
    assert_true(waits_settle(waits, 5));
    waits_settled(waits);
    assert_true(waits_is_over(waits, 3, 5));
}

/* It failed, or was about what may not have arrived. */
static void
test_revalidation_again(void **state)
{
    struct waits *waits = *state;

    wait_for_revalidation(waits_add(waits, 1));
    waits_sent(waits, NULL, 1, 5);
    assert_true(waits_settle(waits, 5));
    waits_unsettled(waits);
    assert_false(waits_is_over(waits, 1, 5));

    assert_true(waits_settle(waits, 5));
    waits_unsent(waits);
    waits_settled(waits);
    waits_sent(waits, NULL, 1, 6);
    assert_false(waits_is_over(waits, 1, 6));
    assert_true(waits_settle(waits, 6));
    waits_settled(waits);
    assert_true(waits_is_over(waits, 1, 6));

    waits_unsent(waits);
    waits_sent(waits, NULL, 1, 7);
    assert_false(waits_is_over(waits, 1, 7));
}

static void
test_each_on_its_own(void **state)
{
    struct waits *waits = *state;

    waits_add(waits, 1);
    wait_for_object(waits_add(waits, 2), OBJECT_ENDPOINT, "a");
    waits_sent(waits, NULL, 1, 5);
    assert_true(waits_is_over(waits, 1, 5));
    assert_false(waits_is_over(waits, 2, 5));

    waits_forget(waits, 2);
    waits_forget(waits, 2);
    assert_true(waits_is_over(waits, 2, 0));
    assert_int_equal(hmap_count(&waits->by_ticket), 1);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bundle),
        TEST(test_objects),
        TEST(test_cost),
        TEST(test_list),
        TEST(test_unsent),
        TEST(test_revalidation),
        TEST(test_revalidation_in_turn),
        TEST(test_revalidation_again),
        TEST(test_each_on_its_own),
    };

    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
