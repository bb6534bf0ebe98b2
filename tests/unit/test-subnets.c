/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/subnets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "packets.h"
#include "util.h"

static struct in6_addr
address(const char *text)
{
    struct in6_addr ip;
    ovs_be32 ip4;

    if (ip_parse(text, &ip4)) {
        in6_addr_set_mapped_ipv4(&ip, ip4);
    } else {
        assert_true(ipv6_parse(text, &ip));
    }
    return ip;
}

static struct subnet
subnet(const char *network, int plen, const char *gateway)
{
    struct subnet s = { .cidr = { .addr = address(network) } };

    s.cidr.plen = strchr(network, ':') ? plen : plen + 96;
    if (gateway) {
        s.has_gateway = true;
        s.gateway = address(gateway);
    }
    return s;
}

static void
check_gateway(const struct subnet *subnets, size_t n, const char *ip_,
              const char *expected_)
{
    struct segment_object segment = {
        .subnets = CONST_CAST(struct subnet *, subnets), .n_subnets = n,
    };
    const struct in6_addr ip = address(ip_);
    const struct in6_addr *gateway = segment_gateway_for(&segment, &ip);

    if (expected_) {
        struct in6_addr expected = address(expected_);

        assert_non_null(gateway);
        assert_true(ipv6_addr_equals(gateway, &expected));
    } else {
        assert_null(gateway);
    }
}

static void
test_gateway(void **state OVS_UNUSED)
{
    const struct subnet subnets[] = {
        subnet("fd00::", 64, "fe80::1"),
        subnet("10.0.0.0", 8, "10.0.0.1"),
        subnet("10.0.1.0", 24, "10.0.1.1"),
        subnet("10.0.2.0", 24, NULL),
        subnet("192.0.2.0", 24, "192.0.2.1"),
        subnet("fd02::", 64, "fd02::1"),
    };
    const size_t n = ARRAY_SIZE(subnets);

    /* Rule 1. */
    check_gateway(subnets, n, "10.0.1.7", "10.0.1.1");
    check_gateway(subnets, n, "10.0.0.7", "10.0.0.1");
    check_gateway(subnets, n, "10.0.2.7", "10.0.0.1");
    check_gateway(subnets, n, "192.0.2.7", "192.0.2.1");
    check_gateway(subnets, n, "fd02::7", "fd02::1");
    check_gateway(subnets, n, "fd00::7", "fe80::1");

    /* Rule 2. */
    check_gateway(subnets, n, "198.51.100.7", "10.0.0.1");
    check_gateway(subnets, n, "fd09::7", "fd02::1");

    /* Rule 3. */
    check_gateway(subnets, 1, "fd09::7", "fe80::1");

    /* None of the family, or none at all. */
    check_gateway(subnets, 1, "10.0.0.7", NULL);
    check_gateway(subnets + 1, 4, "fd00::7", NULL);
    check_gateway(subnets + 3, 1, "10.0.2.7", NULL);
    check_gateway(subnets, 0, "10.0.2.7", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
