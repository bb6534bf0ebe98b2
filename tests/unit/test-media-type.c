/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/media-type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "util.h"

static void
test_media_type(void **state OVS_UNUSED)
{
    static const char type[] = "application/json";

    assert_true(media_type_is("application/json", type));
    assert_true(media_type_is("Application/JSON", type));
    assert_true(media_type_is("application/json;charset=utf-8", type));
    assert_true(media_type_is("application/json ; a=\"b;c\"", type));
    assert_false(media_type_is("application/json5", type));
    assert_false(media_type_is("application/json, text/x", type));
    assert_false(media_type_is("application/json text/x", type));
    assert_false(media_type_is("application/jso", type));
    assert_false(media_type_is("", type));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
