/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

/* Every name comes back as the value it was made from. */
static void
test_names_round_trip(void **state OVS_UNUSED)
{
    for (int i = 0; i < N_OBJECT_KINDS; i++) {
        enum object_kind kind = N_OBJECT_KINDS;
        assert_true(object_kind_from_string(object_kind_to_string(i), &kind));
        assert_int_equal(kind, i);
    }
    for (int i = ENCAP_NONE + 1; i < N_ENCAPS; i++) {
        enum encap encap = ENCAP_NONE;
        assert_true(encap_from_string(encap_to_string(i), &encap));
        assert_int_equal(encap, i);
    }
    for (int i = POLICY_DROP; i <= POLICY_SNOOP; i++) {
        enum policy policy = POLICY_SNOOP + 1;
        assert_true(policy_from_string(policy_to_string(i), &policy));
        assert_int_equal(policy, i);
    }
}

static void
test_unknown_names(void **state OVS_UNUSED)
{
    enum object_kind kind = OBJECT_ROUTER;
    enum encap encap = ENCAP_GRE;
    enum policy policy = POLICY_SNOOP;

    assert_false(object_kind_from_string("Host", &kind));
    assert_false(object_kind_from_string("", &kind));
    assert_false(encap_from_string("none", &encap));
    assert_false(encap_from_string("stt", &encap));
    assert_false(policy_from_string("flood", &policy));

    /* Nothing was stored. */
    assert_int_equal(kind, OBJECT_ROUTER);
    assert_int_equal(encap, ENCAP_GRE);
    assert_int_equal(policy, POLICY_SNOOP);
}

/* What stands in switches must not change. */
static void
test_encap_codes(void **state OVS_UNUSED)
{
    assert_int_equal(ENCAP_NONE, 0);
    assert_int_equal(ENCAP_VXLAN, 1);
    assert_int_equal(ENCAP_GRE, 2);
    assert_int_equal(ENCAP_GENEVE, 3);
    assert_string_equal(encap_to_string(ENCAP_NONE), "none");
}

static void
test_default_ports(void **state OVS_UNUSED)
{
    assert_int_equal(encap_default_port(ENCAP_VXLAN), 4789);
    assert_int_equal(encap_default_port(ENCAP_GENEVE), 6081);
    assert_int_equal(encap_default_port(ENCAP_GRE), 0);
}

static void
test_ids(void **state OVS_UNUSED)
{
    char id[OBJECT_ID_MAX + 1];
    memset(id, '~', sizeof id);

    assert_true(object_id_is_valid("a", 1));
    assert_true(object_id_is_valid("!\"\\/~", 5));
    assert_true(object_id_is_valid(id, OBJECT_ID_MAX));

    assert_false(object_id_is_valid("", 0));
    assert_false(object_id_is_valid(id, OBJECT_ID_MAX + 1));
    assert_false(object_id_is_valid("a b", 3));
    assert_false(object_id_is_valid("a\tb", 3));
    assert_false(object_id_is_valid("a\0b", 3));
    assert_false(object_id_is_valid("a\x7f", 2));
    assert_false(object_id_is_valid("\xc3\xa4", 2));
}

/* The sanitizers tell if anything is left behind. */
static void
test_destroy(void **state OVS_UNUSED)
{
    object_destroy(NULL);

    struct object *segment = xzalloc(sizeof *segment);
    segment->kind = OBJECT_SEGMENT;
    segment->id = xstrdup("blue");
    segment->segment.subnets = xcalloc(2, sizeof *segment->segment.subnets);
    segment->segment.n_subnets = 2;
    segment->segment.subnets[1].domain = xstrdup("blue.example");
    object_destroy(segment);

    struct object *router = xzalloc(sizeof *router);
    router->kind = OBJECT_ROUTER;
    router->id = xstrdup("r1");
    router->router.segments = xcalloc(1, sizeof *router->router.segments);
    router->router.segments[0] = xstrdup("blue");
    router->router.n_segments = 1;
    router->router.routes = xcalloc(1, sizeof *router->router.routes);
    router->router.n_routes = 1;
    object_destroy(router);

    struct object *endpoint = xzalloc(sizeof *endpoint);
    endpoint->kind = OBJECT_ENDPOINT;
    endpoint->id = xstrdup("vm1");
    endpoint->endpoint.segment = xstrdup("blue");
    endpoint->endpoint.host = xstrdup("hv1");
    endpoint->endpoint.hostname = xstrdup("web1");
    endpoint->endpoint.ips = xcalloc(1, sizeof *endpoint->endpoint.ips);
    endpoint->endpoint.pairs = xcalloc(1, sizeof *endpoint->endpoint.pairs);
    object_destroy(endpoint);

    struct object *host = xzalloc(sizeof *host);
    host->kind = OBJECT_HOST;
    host->id = xstrdup("hv1");
    host->host.tunnels = xcalloc(1, sizeof *host->host.tunnels);
    object_destroy(host);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_round_trip),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_encap_codes),
        cmocka_unit_test(test_default_ports),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_destroy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
