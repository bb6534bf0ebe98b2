/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/endpoint-services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* An inventory with a segment, "blue", of these subnets: each a prefix, its
 * length, a gateway or NULL, and whether it has dhcp. */
struct subnet_text {
    const char *prefix;
    uint8_t plen;
    const char *gateway;
    bool dhcp;
};

static struct inventory *
make_inventory(const struct subnet_text *subnets, size_t n)
{
    struct inventory *inv = inventory_create();
    struct object *o = object_from_text("segment blue 77");

    free(o->segment.subnets);
    o->segment.subnets = xcalloc(n, sizeof *o->segment.subnets);
    o->segment.n_subnets = n;
    for (size_t i = 0; i < n; i++) {
        struct subnet *subnet = &o->segment.subnets[i];

        subnet->cidr.addr = ip_from_text(subnets[i].prefix);
        subnet->cidr.plen = subnets[i].plen;
        subnet->dhcp = subnets[i].dhcp;
        if (subnets[i].gateway) {
            subnet->has_gateway = true;
            subnet->gateway = ip_from_text(subnets[i].gateway);
        }
    }
    inventory_set_self(inv, "hv1");
    inventory_put(inv, o, 0);
    return inv;
}

static const struct endpoint *
add(struct inventory *inv, const char *line, const char *id)
{
    inventory_put(inv, object_from_text(line), 0);
    return inventory_find_endpoint(inv, id)->endpoint;
}

/* The addresses that an endpoint is handed out, with their prefix lengths. */
static void
check_addresses(const struct inventory *inv, const struct endpoint *e,
                bool ipv6, size_t max, const char *expected)
{
    struct served_address a[4];
    struct ds s = DS_EMPTY_INITIALIZER;
    size_t n = endpoint_served_addresses(inv, e, ipv6, a, max);

    assert_true(n <= max);
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(&s, i ? " " : "");
        ipv6_format_mapped(&a[i].ip, &s);
        ds_put_format(&s, "/%d", a[i].subnet->cidr.plen - (ipv6 ? 0 : 96));
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}

static void
test_addresses(void **state OVS_UNUSED)
{
    static const struct subnet_text subnets[] = {
        { "10.0.0.0", 96 + 8, NULL, true },
        { "10.0.0.0", 96 + 24, "10.0.0.1", true },
        { "10.0.9.0", 96 + 24, NULL, false },
        { "fd00::", 64, NULL, true },
        { "fd00:1::", 64, NULL, false },
    };
    struct inventory *inv = make_inventory(subnets, ARRAY_SIZE(subnets));
    const struct endpoint *e = add(
        inv, "endpoint a blue hv1 2 10.0.9.2 192.168.0.1 10.0.0.2 10.1.0.2 "
        "fd00:1::2 fd00::2 fd00::22 pair=10.0.0.100", "a");

    /* By the longest prefix, in the order of 'ips'. */
    check_addresses(inv, e, false, 4, "10.0.0.2/24 10.1.0.2/8");
    check_addresses(inv, e, false, 1, "10.0.0.2/24");
    check_addresses(inv, e, true, 4, "fd00::2/64 fd00::22/64");
    assert_int_equal(endpoint_services(inv, e),
                     SERVICE_DHCP4 | SERVICE_IPV6 | GUARD_DHCP4 | GUARD_IPV6);

    /* Not what another has. */
    add(inv, "endpoint A blue hv1 3 10.0.0.2", "A");
    check_addresses(inv, e, false, 4, "10.1.0.2/8");
    inventory_destroy(inv);
}

static void
test_services(void **state OVS_UNUSED)
{
    static const struct subnet_text subnets[] = {
        { "10.0.0.0", 96 + 24, "10.0.0.1", true },
        { "10.1.0.0", 96 + 24, NULL, true },
        { "fd00::", 64, NULL, false },
    };
    static const struct {
        const char *line;
        uint8_t services;
    } cases[] = {
        { "endpoint a blue hv1 2 10.0.0.2 fd00::2",
          SERVICE_DHCP4 | GUARD_DHCP4 },
        { "endpoint a blue hv1 2 10.0.0.2 insecure", SERVICE_DHCP4 },
        { "endpoint a blue hv1 2 fd00::2", GUARD_DHCP4 },
        { "endpoint a blue hv1 2 fd00::2 insecure", 0 },
        { "endpoint a blue hv1 2 192.168.0.1", GUARD_DHCP4 },
        /* No gateway, or the endpoint itself is the gateway. */
        { "endpoint a blue hv1 2 10.1.0.2",
          SERVICE_DHCP4 | SERVICE_DHCP4_OWN_IP | GUARD_DHCP4 },
        { "endpoint a blue hv1 2 10.0.0.1",
          SERVICE_DHCP4 | SERVICE_DHCP4_OWN_IP | GUARD_DHCP4 },
    };
    struct inventory *inv = make_inventory(subnets, ARRAY_SIZE(subnets));

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct endpoint *e = add(inv, cases[i].line, "a");

        assert_int_equal(endpoint_services(inv, e), cases[i].services);
    }
    inventory_destroy(inv);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_services),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
