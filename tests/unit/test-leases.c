/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/leases.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packets.h"
#include "util.h"

static struct in6_addr
ip(uint32_t ip4)
{
    struct in6_addr a;

    in6_addr_set_mapped_ipv4(&a, htonl(ip4));
    return a;
}

static void
note(struct leases *leases, enum lease_state state, uint32_t lifetime,
     long long int now)
{
    struct in6_addr a = ip(1);

    leases_note(leases, "vm", &a, state, lifetime, now);
}

/* "bound since 5000, expires 9000", by now. */
static void
check(const struct leases *leases, long long int now, enum lease_state state,
      long long int since, long long int expires)
{
    struct in6_addr a = ip(1);
    const struct lease *lease = leases_find(leases, "vm", &a);

    assert_non_null(lease);
    assert_int_equal(lease_get_state(lease, now), state);
    assert_int_equal(lease->since, since);
    assert_int_equal(lease->expires, expires);
}

static bool
is_even(const struct lease *lease, void *aux OVS_UNUSED)
{
    return !(lease->ip.s6_addr[15] & 1);
}

static void
test_life(void **state OVS_UNUSED)
{
    struct leases *leases = leases_create(is_even, NULL);
    struct in6_addr a = ip(1), other = ip(2);

    assert_null(leases_find(leases, "vm", &a));
    note(leases, LEASE_OFFERED, 60, 1000);
    check(leases, 100000, LEASE_OFFERED, 1000, LLONG_MAX);
    note(leases, LEASE_BOUND, 60, 2000);
    check(leases, 2000, LEASE_BOUND, 2000, 62000);

    note(leases, LEASE_BOUND, 60, 30000);       /* Renewed. */
    check(leases, 30000, LEASE_BOUND, 2000, 90000);
    note(leases, LEASE_OFFERED, 60, 31000);     /* Takes nothing away. */
    note(leases, LEASE_ADVERTISED, 6000, 31000);
    check(leases, 31000, LEASE_BOUND, 2000, 90000);
    check(leases, 90000, LEASE_EXPIRED, 2000, 90000);

    note(leases, LEASE_BOUND, 60, 100000);      /* Anew. */
    check(leases, 100000, LEASE_BOUND, 100000, 160000);
    note(leases, LEASE_RELEASED, 60, 101000);
    check(leases, 999000, LEASE_RELEASED, 101000, LLONG_MAX);
    note(leases, LEASE_BOUND, LEASE_INFINITE, 102000);
    check(leases, LLONG_MAX - 1, LEASE_BOUND, 102000, LLONG_MAX);

    assert_null(leases_find(leases, "vm", &other));
    assert_null(leases_find(leases, "vn", &a));
    leases_destroy(leases);
}

/* However many come, no more are kept than twice those needed, and some. */
static void
test_bounded(void **state OVS_UNUSED)
{
    struct leases *leases = leases_create(is_even, NULL);

    for (uint32_t i = 0; i < 10000; i++) {
        struct in6_addr a = ip(i < 200 ? i : 2 * i + 1);

        leases_note(leases, "vm", &a, LEASE_OFFERED, 60, i);
        assert_true(leases_count(leases) <= 2 * 100 + 64);
    }
    for (uint32_t i = 0; i < 200; i += 2) {
        struct in6_addr a = ip(i);

        assert_non_null(leases_find(leases, "vm", &a));
    }
    leases_destroy(leases);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
