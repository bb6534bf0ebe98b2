/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/conflicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Says the sentences, separated by "; ", of 'subject'. */
static void
say(struct conflicts *c, const char *subject, const char *sentences)
{
    char *copy = xstrdup(sentences), *save = NULL;

    conflicts_begin(c);
    for (char *s = strtok_r(copy, ";", &save); s;
         s = strtok_r(NULL, ";", &save)) {
        conflicts_add(c, "%s", s);
    }
    conflicts_end(c, "test", subject);
    free(copy);
}

static void
tell(const char *sentence, bool resolved, void *s)
{
    ds_put_format(s, "%c%s ", resolved ? '-' : '+', sentence);
}

static void
check_told(struct conflicts *c, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    conflicts_tell(c, tell, &s);
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}

static void
check_standing(const struct conflicts *c, const char *expected)
{
    struct svec all = SVEC_EMPTY_INITIALIZER;
    char *text;

    conflicts_get(c, &all);
    text = svec_join(&all, " ", "");
    assert_string_equal(text, expected);
    free(text);
    svec_destroy(&all);
}

static void
put_count(const char *kind, size_t n, void *s)
{
    ds_put_format(s, "%s %"PRIuSIZE" ", kind, n);
}

/* Each is told once, and once that it is over. */
static void
test_told_once(void **state OVS_UNUSED)
{
    struct conflicts c;

    conflicts_init(&c);
    check_told(&c, "");
    say(&c, "x", "b;a");
    check_told(&c, "+a +b ");
    for (int i = 0; i < 3; i++) {
        say(&c, "x", "b;a");
        say(&c, "y", "");
        check_told(&c, "");
    }
    check_standing(&c, "a b");
    say(&c, "x", "b;c");
    check_told(&c, "-a +c ");
    say(&c, "x", "");
    check_told(&c, "-b -c ");
    check_told(&c, "");
    check_standing(&c, "");
    assert_int_equal(c.n, 0);
    conflicts_destroy(&c);
}

/* What came and went since the last time is not told. */
static void
test_came_and_went(void **state OVS_UNUSED)
{
    struct conflicts c;

    conflicts_init(&c);
    say(&c, "x", "a");
    say(&c, "x", "");
    check_told(&c, "");
    say(&c, "x", "a");
    check_told(&c, "+a ");
    say(&c, "x", "");
    say(&c, "x", "a");
    check_told(&c, "");
    say(&c, "x", "b");
    say(&c, "x", "c");
    say(&c, "x", "a");
    check_told(&c, "");
    check_standing(&c, "a");
    conflicts_destroy(&c);
}

/* A sentence that two subjects have is over when neither has it. */
static void
test_shared_sentence(void **state OVS_UNUSED)
{
    struct conflicts c;

    conflicts_init(&c);
    say(&c, "x", "a");
    say(&c, "y", "a;a");
    check_told(&c, "+a ");
    say(&c, "x", "");
    check_told(&c, "");
    say(&c, "x", "b");
    say(&c, "y", "");
    check_told(&c, "-a +b ");
    conflicts_destroy(&c);
}

/* Objects of two kinds may have one id. */
static void
test_kinds(void **state OVS_UNUSED)
{
    struct conflicts c;

    conflicts_init(&c);
    say(&c, "x", "a");
    conflicts_begin(&c);
    conflicts_add(&c, "b");
    conflicts_end(&c, "other", "x");
    check_told(&c, "+a +b ");
    say(&c, "x", "");
    check_told(&c, "-a ");
    check_standing(&c, "b");

    struct ds counts = DS_EMPTY_INITIALIZER;
    conflicts_count(&c, put_count, &counts);
    assert_string_equal(ds_cstr(&counts), "other 1 ");
    ds_destroy(&counts);
    conflicts_destroy(&c);
}

/* A draft that was not ended is forgotten. */
static void
test_begin_forgets(void **state OVS_UNUSED)
{
    struct conflicts c;

    conflicts_init(&c);
    conflicts_begin(&c);
    conflicts_add(&c, "%s %d", "lost", 1);
    say(&c, "x", "a");
    check_standing(&c, "a");
    conflicts_destroy(&c);
}

/* Bounded; what has no room now has it when others are over. */
static void
test_bounded(void **state OVS_UNUSED)
{
    struct conflicts c;
    struct svec all = SVEC_EMPTY_INITIALIZER;
    char name[32];

    conflicts_init(&c);
    for (int i = 0; i < CONFLICTS_MAX + 50; i++) {
        snprintf(name, sizeof name, "s%d", i);
        say(&c, name, name);
    }
    conflicts_get(&c, &all);
    assert_int_equal(all.n, CONFLICTS_MAX);
    svec_destroy(&all);

    /* One that stands is not lost because the table is full. */
    say(&c, "s5", "s5b");
    say(&c, "s5", "s5c");
    assert_int_equal(c.n, CONFLICTS_MAX);
    for (int i = 0; i < CONFLICTS_MAX + 50; i++) {
        snprintf(name, sizeof name, "s%d", i);
        say(&c, name, "");
    }
    assert_int_equal(c.n, 0);
    check_told(&c, "");
    say(&c, "x", "a");
    check_told(&c, "+a ");
    conflicts_destroy(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_came_and_went),
        cmocka_unit_test(test_shared_sentence),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_begin_forgets),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
