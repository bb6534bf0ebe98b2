/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/punts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

/* Services that count, and say of each packet what they were told to. */
struct counter {
    unsigned int n;
    enum punt_outcome outcome;
};

static enum punt_outcome
count(const struct punted_packet *packet OVS_UNUSED, void *counter_)
{
    struct counter *counter = counter_;

    counter->n++;
    return counter->outcome;
}

static void
give(struct punts *p, enum punt_kind kind, uint32_t port)
{
    punts_take(p, &(struct punted_packet) {
        .kind = kind, .in_port = port, .data = "", .size = 1,
    });
}

static struct punt_counts
counts(const struct punts *p, enum punt_kind kind)
{
    struct punt_counts c;

    punts_get_counts(p, kind, &c);
    return c;
}

/* Each kind goes to its service. */
static void
test_dispatch(void **state OVS_UNUSED)
{
    struct punts *p = punts_create();
    struct counter ttl = { .outcome = PUNT_ACCEPTED };
    struct counter dhcp = { .outcome = PUNT_REFUSED };

    punts_set_service(p, PUNT_TTL, count, &ttl);
    punts_set_service(p, PUNT_DHCP4, count, &dhcp);
    for (int kind = PUNT_NONE + 1; kind < N_PUNT_KINDS; kind++) {
        give(p, kind, 5);
    }
    give(p, PUNT_TTL, 5);
    dhcp.outcome = PUNT_MALFORMED;
    give(p, PUNT_DHCP4, 5);
    assert_int_equal(ttl.n, 2);
    assert_int_equal(dhcp.n, 2);
    assert_int_equal(counts(p, PUNT_TTL).accepted, 2);
    assert_int_equal(counts(p, PUNT_TTL).refused, 0);
    assert_int_equal(counts(p, PUNT_DHCP4).refused, 1);
    assert_int_equal(counts(p, PUNT_DHCP4).malformed, 1);

    /* Nobody is there for these. */
    assert_int_equal(counts(p, PUNT_PEER_ANNOUNCE).refused, 1);

    punts_set_service(p, PUNT_TTL, NULL, NULL);
    give(p, PUNT_TTL, 5);
    assert_int_equal(ttl.n, 2);
    assert_int_equal(counts(p, PUNT_TTL).refused, 1);
    punts_destroy(p);
}

/* Who sends too much harms nobody else, and not for ever. */
static void
test_too_many(void **state OVS_UNUSED)
{
    const struct punt_limit limit = punt_meter_limit(punt_port_meter(5));
    struct counter ttl = { .outcome = PUNT_ACCEPTED };
    struct punts *p = punts_create();
    const unsigned int n = 50 * limit.burst;
    long long int start = time_msec();

    punts_set_service(p, PUNT_TTL, count, &ttl);
    for (unsigned int i = 0; i < n; i++) {
        give(p, PUNT_TTL, 5);
    }
    /* What the meter lets through all goes through here. */
    long long int ms = time_msec() - start;
    assert_in_range(ttl.n, 2 * limit.burst,
                    2 * limit.burst + 2 * limit.rate * (ms + 1) / 1000 + 1);
    assert_int_equal(counts(p, PUNT_TTL).limited, n - ttl.n);

    ttl.n = 0;
    for (unsigned int i = 0; i < limit.burst; i++) {
        give(p, PUNT_TTL, 6);
        give(p, PUNT_TTL, PUNT_PEERS_METER + 1);
    }
    assert_int_equal(ttl.n, 2 * limit.burst);

    /* A peer tells of many VMs. */
    ttl.n = 0;
    for (unsigned int i = 0; i < punt_meter_limit(PUNT_PEERS_METER).burst;
         i++) {
        give(p, PUNT_TTL, PUNT_PEERS_METER + 2);
    }
    assert_int_equal(ttl.n, punt_meter_limit(PUNT_PEERS_METER).burst);

    ttl.n = 0;
    while (!ttl.n) {
        give(p, PUNT_TTL, 5);
        assert_true(time_msec() - start < 20000);
    }
    punts_destroy(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dispatch),
        cmocka_unit_test(test_too_many),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
