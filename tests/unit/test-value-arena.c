/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/value-arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

/* Builds with AddressSanitizer have no block: there, all of this shows that
 * nothing is lost or freed twice. */
static bool
has_block(void)
{
    return VALUE_ARENA_SIZE > 0;
}

/* Allocates 'size' bytes and fills them with 'c'. */
static char *
filled(size_t size, char c)
{
    char *p = value_arena_alloc(size);

    assert_non_null(p);
    assert_int_equal((uintptr_t) p % 16, 0);
    memset(p, c, size);
    return p;
}

static void
assert_filled(const char *p, size_t size, char c)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(p[i], c);
    }
}

static void
test_blocks_do_not_overlap(void **state OVS_UNUSED)
{
    char *blocks[100];

    value_arena_begin();
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        blocks[i] = filled(i + 1, i);
    }
    value_arena_end();
    assert_int_equal(value_arena_has_spilled(), !has_block());
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        assert_filled(blocks[i], i + 1, i);
        value_arena_free(blocks[i]);
    }
    value_arena_release();
}

/* What is freed at once, as a buffer that grows is, takes no room. */
static void
test_last_is_given_back(void **state OVS_UNUSED)
{
    value_arena_begin();
    for (int i = 0; i < 100; i++) {
        value_arena_free(filled(VALUE_ARENA_SIZE / 2 + 1, 'x'));
    }
    assert_int_equal(value_arena_has_spilled(), !has_block());
    value_arena_end();
    value_arena_release();
}

/* What does not fit comes from elsewhere, and what is small still fits. */
static void
test_spills(void **state OVS_UNUSED)
{
    value_arena_begin();
    char *small = filled(16, 'a');
    char *large = filled(VALUE_ARENA_SIZE + 1, 'b');
    char *second = filled(16, 'c');
    assert_true(value_arena_has_spilled());
    if (has_block()) {
        assert_ptr_equal(second, small + 16);
    }
    value_arena_end();
    assert_filled(small, 16, 'a');
    assert_filled(large, VALUE_ARENA_SIZE + 1, 'b');
    assert_filled(second, 16, 'c');
    value_arena_free(large);
    value_arena_free(small);
    value_arena_free(second);
    value_arena_release();

    value_arena_begin();
    assert_false(value_arena_has_spilled());
    value_arena_end();
    value_arena_release();
}

/* As long as any value lives nothing of the block is used anew, in whichever
 * order they go. */
static void
test_values_overlap(void **state OVS_UNUSED)
{
    enum { SIZE = 40 };
    char *old = NULL;

    for (int i = 0; i < 10000; i++) {
        value_arena_begin();
        char *new = filled(SIZE, i);
        value_arena_end();
        if (old) {
            assert_filled(old, SIZE, i - 1);
            value_arena_free(old);
            value_arena_release();
        }
        old = new;
    }
    assert_true(value_arena_has_spilled());
    value_arena_free(old);
    value_arena_release();

    /* Now it is all free. */
    value_arena_begin();
    value_arena_free(filled(MAX(VALUE_ARENA_SIZE, 1), 'x'));
    assert_int_equal(value_arena_has_spilled(), !has_block());
    value_arena_end();
    value_arena_release();
}

/* Whoever else allocates has nothing to do with the block. */
static void
test_not_reading(void **state OVS_UNUSED)
{
    value_arena_begin();
    char *inside = filled(16, 'a');
    value_arena_end();
    char *outside = filled(16, 'b');
    value_arena_free(inside);
    value_arena_release();

    value_arena_begin();
    char *anew = filled(VALUE_ARENA_SIZE, 'c');
    value_arena_end();
    assert_filled(outside, 16, 'b');
    value_arena_free(anew);
    value_arena_release();
    value_arena_free(outside);
}

/* Nothing is something that can be freed, also where there is no room. */
static void
test_nothing(void **state OVS_UNUSED)
{
    value_arena_begin();
    char *all = filled(MAX(VALUE_ARENA_SIZE, 1), 'a');
    void *nothing = value_arena_alloc(0);
    value_arena_end();
    value_arena_free(nothing);
    value_arena_free(all);
    value_arena_release();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_do_not_overlap),
        cmocka_unit_test(test_last_is_given_back),
        cmocka_unit_test(test_spills),
        cmocka_unit_test(test_values_overlap),
        cmocka_unit_test(test_not_reading),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
