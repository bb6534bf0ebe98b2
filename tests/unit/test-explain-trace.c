/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packets.h"
#include "util.h"

static struct in6_addr
ip(const char *text)
{
    struct in6_addr addr;
    ovs_be32 ip4;

    if (ip_parse(text, &ip4)) {
        in6_addr_set_mapped_ipv4(&addr, ip4);
    } else {
        assert_true(ipv6_parse(text, &addr));
    }
    return addr;
}

static void
assert_packet(const struct trace_packet *p, const char *expected)
{
    char *text = trace_packet_format(p);

    assert_string_equal(text, expected);
    free(text);
}

static void
test_packets(void **state OVS_UNUSED)
{
    struct trace_packet p = {
        .in_port = 5,
        .src = ETH_ADDR_C(02,00,00,00,00,01),
        .dst = ETH_ADDR_C(02,00,00,00,00,02),
    };

    assert_packet(&p, "in_port=5,dl_src=02:00:00:00:00:01,"
                  "dl_dst=02:00:00:00:00:02,dl_type=0x88b5");
    p.vni = 77;
    p.has_ips = true;
    p.src_ip = ip("10.0.0.1");
    p.dst_ip = ip("10.0.0.2");
    assert_packet(&p, "in_port=5,dl_src=02:00:00:00:00:01,"
                  "dl_dst=02:00:00:00:00:02,tun_id=77,icmp,nw_ttl=64,"
                  "nw_src=10.0.0.1,nw_dst=10.0.0.2,icmp_type=8");
    p.vni = 0;
    p.src_ip = ip("fd00::1");
    p.dst_ip = ip("fd00::2");
    assert_packet(&p, "in_port=5,dl_src=02:00:00:00:00:01,"
                  "dl_dst=02:00:00:00:00:02,icmp6,nw_ttl=64,"
                  "ipv6_src=fd00::1,ipv6_dst=fd00::2,icmp_type=128");
}

/* The last flow decides, whoever's it is. */
static void
test_verdicts(void **state OVS_UNUSED)
{
    static const struct {
        const char *trace;
        bool understood, forwarded, own_flow;
        enum drop_cause cause;
        bool unresolved, unrouted;
    } cases[] = {
        { "", false, false, false, NO_DROP, false, false },
        { "Bridge unknown", false, false, false, NO_DROP, false, false },
        { " 0. in_port=1, priority 100, cookie 0x7674657000000000\n"
          "40. priority 0, cookie 0x767465700000000f\n    drop\n"
          "Datapath actions: drop\n",
          true, false, true, DROP_UNKNOWN_UNICAST, false, false },
        { " 0. in_port=1, priority 100, cookie 0x7674657000000000\n"
          "Datapath actions: tnl_push(tnl_port(5)),1\n",
          true, true, true, NO_DROP, false, false },
        { " 0. in_port=1, priority 100, cookie 0x7674657000000000\n"
          "40. priority 65535, cookie 0x1\n    drop\n"
          "Datapath actions: drop\n",
          true, false, false, NO_DROP, false, false },
        { " 0. in_port=1, priority 1, cookie 0x76746570ffffffff\n"
          "Datapath actions: drop\n",
          true, false, false, NO_DROP, false, false },
        { "Datapath actions: 1\nTranslation failed (Recursion too deep), "
          "packet is dropped.\n",
          true, false, false, NO_DROP, false, false },
        { " -> neighbor cache miss for 192.0.2.2 on bridge br-phy, sending "
          "ARP request\nDatapath actions: drop\n",
          true, false, false, NO_DROP, true, false },
        { " >> native tunnel routing failed\nDatapath actions: drop\n",
          true, false, false, NO_DROP, false, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct trace_result r;

        trace_result_parse(&r, cases[i].trace);
        assert_int_equal(r.understood, cases[i].understood);
        assert_int_equal(r.forwarded, cases[i].forwarded);
        assert_int_equal(r.own_flow, cases[i].own_flow);
        assert_int_equal(r.cause, cases[i].cause);
        assert_int_equal(r.unresolved, cases[i].unresolved);
        assert_int_equal(r.unrouted, cases[i].unrouted);
        trace_result_destroy(&r);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
