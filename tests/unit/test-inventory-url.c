/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/inventory-url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

static void
test_check(void **state OVS_UNUSED)
{
    static const char *const good[] = {
        "http://api", "https://api.example:8443/cloud/", "HTTPS://[::1]:1/x",
        "http://192.0.2.1/",
    };
    static const struct {
        const char *url;
        const char *says;
    } bad[] = {
        { "", "http://" },
        { "ftp://api/", "http://" },
        { "http:api", "http://" },
        { "http://", "host" },
        { "http://api:99999/", "ort" },
        { "http://user@api/", "--api-token-file" },
        { "http://user:secret@api/", "--api-token-file" },
        { "http://api/?a=b", "query" },
        { "http://api/#x", "fragment" },
        { "http://a b/", "" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_null(inventory_url_check(good[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *error = inventory_url_check(bad[i].url);
        if (!error || !strstr(error, bad[i].says)) {
            fail_msg("\"%s\": %s", bad[i].url, error ? error : "accepted");
        }
        assert_null(strstr(error, "secret"));
        free(error);
    }
}

static void
check_list(const char *base, const char *host, const char *cursor,
           const char *expected)
{
    char *url = inventory_url_list(base, host, 1000, cursor);
    assert_string_equal(url, expected);
    free(url);
}

static void
test_list(void **state OVS_UNUSED)
{
    check_list("http://api", "hv1", NULL,
               "http://api/v1/inventory?host=hv1&limit=1000");
    check_list("http://api/x/", "hv1", "C2",
               "http://api/x/v1/inventory?host=hv1&limit=1000&cursor=C2");
    check_list("http://api", "a&b=c#d/e?", "x y&limit=1%+",
               "http://api/v1/inventory?host=a%26b%3Dc%23d%2Fe%3F&limit=1000"
               "&cursor=x%20y%26limit%3D1%25%2B");
}

static void
test_watch(void **state OVS_UNUSED)
{
    char *url = inventory_url_watch("http://api/x/", "hv1", "1234");
    assert_string_equal(url, "http://api/x/v1/inventory?host=hv1&watch=1&"
                        "since=1234");
    free(url);

    url = inventory_url_watch("http://api", "a&b", "x y&host=c");
    assert_string_equal(url, "http://api/v1/inventory?host=a%26b&watch=1&"
                        "since=x%20y%26host%3Dc");
    free(url);
}

static void
test_same_origin(void **state OVS_UNUSED)
{
    assert_true(inventory_url_same_origin("http://api/a", "http://api/b?c"));
    assert_true(inventory_url_same_origin("http://api", "HTTP://API:80/b"));
    assert_true(inventory_url_same_origin("https://api:443/", "https://api"));

    assert_false(inventory_url_same_origin("http://api/", "https://api/"));
    assert_false(inventory_url_same_origin("http://api/", "http://api:81/"));
    assert_false(inventory_url_same_origin("http://api/", "http://api.x/"));
    assert_false(inventory_url_same_origin("http://api/", "file:///api"));
    assert_false(inventory_url_same_origin("http://api/", "nonsense"));
}

static void
test_to_path(void **state OVS_UNUSED)
{
    static const struct {
        const char *url;
        const char *path;
    } cases[] = {
        { "file:/etc/inventory.json", "/etc/inventory.json" },
        { "file:///etc/inventory.json", "/etc/inventory.json" },
        { "file://localhost/etc/x", "/etc/x" },
        { "file:/with%20space", "/with space" },
        { "file:inventory.json", NULL },
        { "file:", NULL },
        { "file://elsewhere/etc/x", NULL },
        { "file:/a%00b", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = NULL;
        char *path = inventory_url_to_path(cases[i].url, &error);
        if (cases[i].path) {
            assert_string_equal(path, cases[i].path);
            assert_null(error);
        } else {
            assert_null(path);
            assert_non_null(error);
        }
        free(path);
        free(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_to_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
