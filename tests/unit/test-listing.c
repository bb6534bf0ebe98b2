/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

static const struct listing_column columns[] = {
    { "NAME", "name" },
    { "N", "n" },
    { "UP", "is_up" },
    { "TEXT ONLY", NULL },
    { NULL, "json_only" },
    { "LIST", "list" },
};

static struct listing *
create(bool json)
{
    return listing_create(columns, ARRAY_SIZE(columns), json);
}

static void
put_row(struct listing *l, const char *name, unsigned long long int n,
        const char *list)
{
    struct svec strings = SVEC_EMPTY_INITIALIZER;

    svec_parse_words(&strings, list);
    listing_put_string(l, name);
    listing_put_number_or_none(l, n);
    listing_put_flag(l, n % 2);
    listing_put_nocopy(l, xasprintf("<%llu>", n));
    listing_put_json(l, json_array_create_1(json_integer_create(n)));
    listing_put_strings(l, &strings);
    svec_destroy(&strings);
}

/* Formats and destroys 'l'; the caller frees the result. */
static char *
format_and_destroy(struct listing *l, size_t indent)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    listing_format(l, indent, &s);
    listing_destroy(l);
    return ds_steal_cstr(&s);
}

static void
assert_formatted(struct listing *l, size_t indent, const char *expected)
{
    char *s = format_and_destroy(l, indent);

    assert_string_equal(s, expected);
    free(s);
}

static void
test_text(void **state OVS_UNUSED)
{
    struct listing *l = create(false);

    put_row(l, "a", 1, "x y");
    put_row(l, "longer", 65536, "");
    put_row(l, NULL, 0, "z");
    assert_formatted(l, 0,
                     "NAME        N  UP   TEXT ONLY  LIST\n"
                     "a           1  yes  <1>        x, y\n"
                     "longer  65536  -    <65536>    -\n"
                     "-           -  -    <0>        z\n");
}

static void
test_indent(void **state OVS_UNUSED)
{
    struct listing *l = create(false);

    put_row(l, "a", 3, "");
    assert_formatted(l, 2,
                     "  NAME  N  UP   TEXT ONLY  LIST\n"
                     "  a     3  yes  <3>        -\n");
}

static void
test_json(void **state OVS_UNUSED)
{
    struct listing *l = create(true);

    put_row(l, "a", 1, "x y");
    put_row(l, NULL, 0, "");
    assert_formatted(l, 0,
                     "[{\"name\":\"a\",\"n\":1,\"is_up\":true,"
                     "\"json_only\":[1],\"list\":[\"x\",\"y\"]},\n"
                     "{\"name\":null,\"n\":null,\"is_up\":false,"
                     "\"json_only\":[0],\"list\":[]}]\n");
}

static void
test_empty(void **state OVS_UNUSED)
{
    assert_formatted(create(false), 0, "NAME  N  UP  TEXT ONLY  LIST\n");
    assert_formatted(create(true), 0, "[]\n");
}

/* Numbers stay numbers, as far as JSON's integers go. */
static void
test_numbers(void **state OVS_UNUSED)
{
    static const struct listing_column one[] = { { "N", "n" } };
    struct listing *l = listing_create(one, 1, true);

    listing_put_number(l, 0);
    listing_put_number(l, UINT32_MAX);
    listing_put_number(l, ULLONG_MAX);
    assert_formatted(l, 0, "[{\"n\":0},\n{\"n\":4294967295},\n"
                     "{\"n\":9223372036854775807}]\n");

    l = listing_create(one, 1, false);
    listing_put_number(l, ULLONG_MAX);
    assert_formatted(l, 0, "                   N\n18446744073709551615\n");
}

static void
test_escapes(void **state OVS_UNUSED)
{
    static const struct {
        const char *string, *text, *json;
    } cases[] = {
        { "plain", "plain", "\"plain\"" },
        { "", "", "\"\"" },
        { "\\ \"", "\\ \"", "\"\\\\ \\\"\"" },
        { "a\nb\tc\r", "a\\nb\\tc\\x0d", "\"a\\nb\\tc\\r\"" },
        { "\033[31m", "\\x1b[31m", "\"\\u001b[31m\"" },
        { "\x7f", "\\x7f", "\"\x7f\"" },
        { "\xc2\x9b", "\\u009b", "\"\xc2\x9b\"" },      /* C1: CSI. */
        { "\xe2\x80\xae", "\\u202e", "\"\xe2\x80\xae\"" },  /* RLO. */
        { "\xe2\x80\xa8", "\\u2028", "\"\xe2\x80\xa8\"" },  /* LS. */
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },

        /* Not UTF-8: lone, cut short, overlong, surrogate, too large. */
        { "\x80", "\\x80", "\"\\\\x80\"" },
        { "\xff" "a", "\\xffa", "\"\\\\xffa\"" },
        { "\xe2\x82", "\\xe2\\x82", "\"\\\\xe2\\\\x82\"" },
        { "\xc0\xaf", "\\xc0\\xaf", "\"\\\\xc0\\\\xaf\"" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\\\\xed\\\\xa0\\\\x80\"" },
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
          "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct json *json = listing_string_to_json(cases[i].string);
        struct ds s = DS_EMPTY_INITIALIZER;

        listing_escape(cases[i].string, &s);
        assert_string_equal(ds_cstr(&s), cases[i].text);
        ds_clear(&s);
        json_to_ds(json, 0, &s);
        assert_string_equal(ds_cstr(&s), cases[i].json);
        json_destroy(json);
        ds_destroy(&s);
    }
}

/* Columns are aligned by characters, not by bytes. */
static void
test_aligns_characters(void **state OVS_UNUSED)
{
    struct listing *l = create(false);

    put_row(l, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f" "e", 1, "");
    put_row(l, "plain", 2, "");
    assert_formatted(l, 0,
                     "NAME   N  UP   TEXT ONLY  LIST\n"
                     "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"
                     "e  1  yes  <1>        -\n"
                     "plain  2  -    <2>        -\n");
}

static void
test_cuts_long_strings(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER, whole = DS_EMPTY_INITIALIZER;

    ds_put_char_multiple(&whole, 'a', LISTING_STRING_MAX);
    listing_escape(ds_cstr(&whole), &s);
    assert_string_equal(ds_cstr(&s), ds_cstr(&whole));

    /* Not in the middle of a character. */
    ds_truncate(&whole, LISTING_STRING_MAX - 1);
    ds_put_cstr(&whole, "\xc3\xa4");
    ds_clear(&s);
    listing_escape(ds_cstr(&whole), &s);
    assert_int_equal(s.length, LISTING_STRING_MAX - 1 + 3);
    assert_string_equal(ds_cstr(&s) + LISTING_STRING_MAX - 2, "a...");

    struct json *json = listing_string_to_json(ds_cstr(&whole));
    assert_string_equal(json_string(json), ds_cstr(&s));
    json_destroy(json);
    ds_destroy(&whole);
    ds_destroy(&s);
}

/* One very long cell does not push all others to the right. */
static void
test_long_cell_widens_nothing(void **state OVS_UNUSED)
{
    char name[LISTING_WIDTH_MAX + 2];
    struct listing *l = create(false);

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    put_row(l, name, 1, "");
    put_row(l, "b", 2, "");
    char *s = format_and_destroy(l, 0);
    assert_non_null(strstr(s, "\nb     2  -    <2>        -\n"));
    assert_non_null(strstr(s, name));
    free(s);
}

/* Text shows the first few of a long list and says how many there are. */
static void
test_long_list(void **state OVS_UNUSED)
{
    const char *list = "a b c d e f g h i j";
    struct listing *l = create(false);

    put_row(l, "x", 1, list);
    char *s = format_and_destroy(l, 0);
    assert_non_null(strstr(s, "a, b, c, d, e, f, g, h and 2 more\n"));
    free(s);

    l = create(true);
    put_row(l, "x", 1, list);
    s = format_and_destroy(l, 0);
    assert_non_null(strstr(s, "\"h\",\"i\",\"j\"]}]"));
    free(s);
}

/* What a JSON parser makes of it is what was put in. */
static void
test_json_is_json(void **state OVS_UNUSED)
{
    struct listing *l = create(true);
    enum { N = 1000 };

    for (int i = 0; i < N; i++) {
        put_row(l, "\"\\\n\xff\033\xc3\xa4", i, "a b]},");
    }
    char *s = format_and_destroy(l, 0);
    struct json *json = json_from_string(s);
    assert_int_equal(json->type, JSON_ARRAY);
    assert_int_equal(json_array(json)->n, N);
    for (int i = 0; i < N; i++) {
        const struct shash *row = json_object(json_array(json)->elems[i]);

        assert_int_equal(shash_count(row), 5);
        assert_string_equal(json_string(shash_find_data(row, "name")),
                            "\"\\\n\\xff\033\xc3\xa4");
    }
    json_destroy(json);
    free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_indent),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_aligns_characters),
        cmocka_unit_test(test_cuts_long_strings),
        cmocka_unit_test(test_long_cell_widens_nothing),
        cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_json_is_json),
    };

    return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
