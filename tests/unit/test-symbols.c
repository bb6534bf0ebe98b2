/* SPDX-License-Identifier: Apache-2.0 */

/* jansson and libopenvswitch export six functions of the same names.  Here
 * both work in one program, alternately, because libopenvswitch's were renamed
 * when it was built.  Without that these tests crash or fail: one of the two
 * would get the other's functions. */

#include <config.h>

#include "symbols-ovs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define ENDPOINT "{\"id\":\"6f2c\",\"ips\":[\"10.0.0.2\",\"fd00::2\"]," \
                 "\"revision\":9,\"weight\":0.5}"

static void
test_jansson_reads(void **state)
{
    json_t *root = json_loads(ENDPOINT, JSON_REJECT_DUPLICATES, NULL);
    (void) state;

    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "id")),
                        "6f2c");
    assert_int_equal(json_integer_value(json_object_get(root, "revision")), 9);
    assert_int_equal(json_array_size(json_object_get(root, "ips")), 2);
    json_decref(root);
}

/* The six names themselves: in jansson all but json_equal() construct. */
static void
test_jansson_constructs(void **state)
{
    json_t *root = json_object();
    json_t *ips = json_array();
    json_t *expected;
    (void) state;

    assert_int_equal(json_array_append_new(ips, json_string("10.0.0.2")), 0);
    assert_int_equal(json_array_append_new(ips, json_string("fd00::2")), 0);
    assert_int_equal(json_object_set_new(root, "id", json_string("6f2c")), 0);
    assert_int_equal(json_object_set_new(root, "ips", ips), 0);
    assert_int_equal(json_object_set_new(root, "revision", json_integer(9)),
                     0);
    assert_int_equal(json_object_set_new(root, "weight", json_real(0.5)), 0);

    expected = json_loads(ENDPOINT, 0, NULL);
    assert_true(json_equal(root, expected));
    json_decref(expected);
    json_decref(root);
}

static void
test_ovs_constructs_and_reads(void **state)
{
    char *built = ovs_json_build("6f2c", 9, 0.5);
    (void) state;

    assert_string_equal(
        built, "{\"list\":[0.5,9],\"name\":\"6f2c\",\"number\":9}");
    assert_true(ovs_json_texts_equal("{\"a\":1,\"b\":[2]}",
                                     "{\"b\":[2],\"a\":1}"));
    assert_false(ovs_json_texts_equal("[1]", "[2]"));
    free(built);
}

static void
test_ovs_jsonrpc(void **state)
{
    char *params = ovs_jsonrpc_round_trip(
        "[\"Open_vSwitch\",{\"op\":\"comment\",\"comment\":\"why\"},2]");
    (void) state;

    assert_string_equal(
        params,
        "[\"Open_vSwitch\",{\"comment\":\"why\",\"op\":\"comment\"},2]");
    free(params);
}

/* What one library writes the other reads, while values of both are alive. */
static void
test_alternately(void **state)
{
    json_t *ours = json_loads(ENDPOINT, 0, NULL);
    (void) state;

    for (int i = 0; i < 100; i++) {
        char *text = json_dumps(ours, JSON_COMPACT);
        char *rewritten = ovs_json_rewrite(text);
        json_t *back = json_loads(rewritten, 0, NULL);

        assert_non_null(back);
        assert_true(json_equal(ours, back));
        json_decref(ours);
        ours = back;
        free(rewritten);
        free(text);
    }
    json_decref(ours);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jansson_reads),
        cmocka_unit_test(test_jansson_constructs),
        cmocka_unit_test(test_ovs_constructs_and_reads),
        cmocka_unit_test(test_ovs_jsonrpc),
        cmocka_unit_test(test_alternately),
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
