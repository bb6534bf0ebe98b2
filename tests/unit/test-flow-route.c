/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/flow-builder.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "sset.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* Flows as text: as ovs-ofctl writes them, with the cause of a drop. */

static void
put_flow(const struct flow_entry *e, void *s_)
{
    struct ds *s = s_, line = DS_EMPTY_INITIALIZER;
    uint64_t cause = e->cookie ^ FLOW_COOKIE_BASE;

    flow_entry_format(e, &line);
    ds_put_cstr(s, strstr(ds_cstr(&line), "table="));
    if (cause) {
        ds_put_format(s, " because %s", drop_cause_to_string(cause));
    }
    ds_put_char(s, '\n');
    ds_destroy(&line);
}

static void
check_text(struct ds *s, const char *expected)
{
    assert_string_equal(ds_cstr(s), expected);
    ds_destroy(s);
    ds_init(s);
}

/* A router with a gateway of each family in segments 77 and GRE 88, a subnet
 * in each and a default route to the second. */
static struct router_record *
make_router(void)
{
    static const struct {
        const char *ip;
        uint8_t plen;
    } prefixes[] = { { "10.0.1.0", 24 }, { "fd02::", 64 }, { "0.0.0.0", 0 } };
    uint64_t gre = segment_metadata(88, ENCAP_GRE);
    struct router_record *r = router_record_alloc(2, 3, 3);

    r->key = 77;
    r->mac = mac_from_text("1");
    r->segments[0] = 77;
    r->segments[1] = gre;
    for (size_t i = 0; i < 3; i++) {
        bool v4 = strchr(prefixes[i].ip, '.') != NULL;

        r->prefixes[i].cidr.addr = ip_from_text(prefixes[i].ip);
        r->prefixes[i].cidr.plen = prefixes[i].plen + (v4 ? 96 : 0);
        r->prefixes[i].metadata = i ? gre : 77;
    }
    r->prefixes[2].via = mac_from_text("fe");
    r->addresses[0].ip = ip_from_text("10.0.1.1");
    r->addresses[1].ip = ip_from_text("fe80::1");
    r->addresses[2].ip = ip_from_text("fe80::1");
    for (size_t i = 0; i < 3; i++) {
        r->addresses[i].metadata = i < 2 ? 77 : gre;
        r->addresses[i].first = i < 2;
    }
    return r;
}

static void
test_router(void **state OVS_UNUSED)
{
    struct router_record *r = make_router();
    struct ds s = DS_EMPTY_INITIALIZER;

    router_record_flows(r, put_flow, &s);
    check_text(&s,
               "table=30, priority=100,ip,metadata=0x4d,"
                 "dl_dst=02:00:00:00:00:01 actions=set_field:0x4d->xreg3,"
                 "goto_table:31\n"
               "table=30, priority=100,ipv6,metadata=0x4d,"
                 "dl_dst=02:00:00:00:00:01 actions=set_field:0x4d->xreg3,"
                 "goto_table:31\n"
               "table=30, priority=90,metadata=0x4d,"
                 "dl_dst=02:00:00:00:00:01 actions=drop because "
                 "not-for-router\n"
               "table=30, priority=100,ip,metadata=0x200000058,"
                 "dl_dst=02:00:00:00:00:01 actions=set_field:0x4d->xreg3,"
                 "goto_table:31\n"
               "table=30, priority=100,ipv6,metadata=0x200000058,"
                 "dl_dst=02:00:00:00:00:01 actions=set_field:0x4d->xreg3,"
                 "goto_table:31\n"
               "table=30, priority=90,metadata=0x200000058,"
                 "dl_dst=02:00:00:00:00:01 actions=drop because "
                 "not-for-router\n"
               "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.1.1,"
                 "arp_op=1 actions=set_field:0x20000000001->xreg1,"
                 "goto_table:21\n"
               "table=20, priority=150,arp,metadata=0x4d,arp_spa=10.0.1.1,"
                 "arp_tpa=10.0.1.1,arp_op=1 actions=drop because "
                 "gratuitous-arp\n"
               "table=31, priority=400,icmp,reg6=0,reg7=0x4d,"
                 "nw_dst=10.0.1.1,nw_frag=no,icmp_type=8,icmp_code=0 "
                 "actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
                 "set_field:02:00:00:00:00:01->eth_src,"
                 "move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],"
                 "set_field:10.0.1.1->ip_src,set_field:0->icmp_type,"
                 "set_field:64->nw_ttl,IN_PORT\n"
               "table=31, priority=390,ip,reg6=0,reg7=0x4d,nw_dst=10.0.1.1 "
                 "actions=drop because not-for-router\n"
               "table=20, priority=100,icmp6,metadata=0x4d,nw_ttl=255,"
                 "icmp_type=135,icmp_code=0,nd_target=fe80::1 "
                 "actions=set_field:0x20000000001->xreg1,goto_table:22\n"
               "table=20, priority=150,icmp6,metadata=0x4d,"
                 "icmp_type=136,icmp_code=0,nd_target=fe80::1 actions=drop "
                 "because nd-target\n"
               "table=31, priority=400,icmp6,reg6=0,reg7=0x4d,"
                 "ipv6_dst=fe80::1,nw_frag=no,icmp_type=128,icmp_code=0 "
                 "actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
                 "set_field:02:00:00:00:00:01->eth_src,"
                 "move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],"
                 "set_field:fe80::1->ipv6_src,set_field:129->icmpv6_type,"
                 "set_field:64->nw_ttl,IN_PORT\n"
               "table=31, priority=390,ipv6,reg6=0,reg7=0x4d,"
                 "ipv6_dst=fe80::1 actions=drop because not-for-router\n"
               "table=20, priority=100,icmp6,metadata=0x200000058,"
                 "nw_ttl=255,icmp_type=135,icmp_code=0,nd_target=fe80::1 "
                 "actions=set_field:0x20000000001->xreg1,goto_table:22\n"
               "table=20, priority=150,icmp6,metadata=0x200000058,"
                 "icmp_type=136,icmp_code=0,nd_target=fe80::1 actions=drop "
                 "because nd-target\n"
               "table=31, priority=124,ip,reg6=0,reg7=0x4d,"
                 "nw_dst=10.0.1.0/24 actions=set_field:0x4d->metadata,"
                 "set_field:0x4d->tun_id,"
                 "set_field:02:00:00:00:00:01->eth_src,goto_table:32\n"
               "table=31, priority=164,ipv6,reg6=0,reg7=0x4d,"
                 "ipv6_dst=fd02::/64 "
                 "actions=set_field:0x200000058->metadata,"
                 "set_field:0x58->tun_id,"
                 "set_field:02:00:00:00:00:01->eth_src,goto_table:32\n"
               "table=31, priority=100,ip,reg6=0,reg7=0x4d "
                 "actions=set_field:0x200000058->metadata,"
                 "set_field:0x58->tun_id,"
                 "set_field:02:00:00:00:00:01->eth_src,"
                 "set_field:02:00:00:00:00:fe->eth_dst,dec_ttl,"
                 "goto_table:40\n");
    router_record_destroy(r);
}

static void
build_routing(flow_cb *cb, void *aux)
{
    struct flow_builder b;

    flow_builder_init(&b, cb, aux);
    flow_build_routing(&b);
    flow_builder_uninit(&b);
}

static void
test_always(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    build_routing(put_flow, &s);
    check_text(&s,
               "table=31, priority=350,ip,nw_dst=0.0.0.0/8 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ip,nw_src=0.0.0.0/8 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ip,nw_dst=127.0.0.0/8 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ip,nw_src=127.0.0.0/8 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ip,nw_dst=169.254.0.0/16 "
                 "actions=drop because not-for-router\n"
               "table=31, priority=350,ip,nw_src=169.254.0.0/16 "
                 "actions=drop because not-for-router\n"
               "table=31, priority=350,ip,nw_dst=224.0.0.0/4 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ip,nw_dst=255.255.255.255 "
                 "actions=drop because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_dst=:: actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_src=:: actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_dst=::1 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_src=::1 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_dst=fe80::/10 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_src=fe80::/10 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=350,ipv6,ipv6_dst=ff00::/8 actions=drop "
                 "because not-for-router\n"
               "table=31, priority=300,ip,nw_ttl=0 actions=drop because "
                 "not-for-router\n"
               "table=31, priority=300,ip,nw_ttl=1 actions=drop because "
                 "not-for-router\n"
               "table=31, priority=300,ipv6,nw_ttl=0 actions=drop because "
                 "not-for-router\n"
               "table=31, priority=300,ipv6,nw_ttl=1 actions=drop because "
                 "not-for-router\n"
               "table=31, priority=0 actions=drop because no-route\n"
               "table=32, priority=0 actions=drop because unknown-address\n");
}

/* An endpoint in a segment with a router: one flow an address, apart from
 * link-local ones; two more where it is plugged. */
static struct endpoint_record *
make_endpoint(enum endpoint_place place)
{
    static const char *const ips[] = { "10.0.1.2", "fd01::2", "fe80::2",
                                       "10.0.1.9" };
    struct endpoint_record *r = endpoint_record_alloc(ARRAY_SIZE(ips), 0);

    r->metadata = 77;
    r->place = place;
    r->out = 5;
    r->mac = mac_from_text("2");
    r->routed = true;
    for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
        struct endpoint_address *a = &r->addresses[i];

        a->ip = ip_from_text(ips[i]);
        a->mac = r->mac;
        a->plen = 128;
        a->answered = i < 3;
        a->source = place == PLACE_LOCAL;
    }
    return r;
}

static void
put_routed(const struct flow_entry *e, void *s)
{
    if (e->table == TABLE_ROUTES || e->table == TABLE_NEXT_HOP) {
        put_flow(e, s);
    }
}

#define ADDRESSES \
    "table=32, priority=100,ip,metadata=0x4d,nw_dst=10.0.1.2 " \
      "actions=set_field:02:00:00:00:00:02->eth_dst,dec_ttl,goto_table:40\n" \
    "table=32, priority=100,ipv6,metadata=0x4d,ipv6_dst=fd01::2 " \
      "actions=set_field:02:00:00:00:00:02->eth_dst,dec_ttl,goto_table:40\n"

static void
test_endpoint(void **state OVS_UNUSED)
{
    for (enum endpoint_place place = PLACE_LOCAL; place <= PLACE_ABSENT;
         place++) {
        struct endpoint_record *r = make_endpoint(place);
        struct ds s = DS_EMPTY_INITIALIZER;

        endpoint_record_flows(r, put_routed, &s);
        check_text(&s, place != PLACE_LOCAL ? ADDRESSES : ADDRESSES
                   "table=31, priority=320,ip,in_port=5,nw_ttl=1 "
                     "actions=controller(userdata=04,meter_id=5)\n"
                   "table=31, priority=320,ipv6,in_port=5,nw_ttl=1 "
                     "actions=controller(userdata=04,meter_id=5)\n");
        r->routed = false;
        endpoint_record_flows(r, put_routed, &s);
        check_text(&s, "");
        free(r);
    }
}

/* No two flows have one table, priority and match. */
static void
collect_key(const struct flow_entry *e, void *keys)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    flow_entry_format(e, &s);
    *strstr(ds_cstr(&s), " actions=") = '\0';
    if (!sset_add(keys, strstr(ds_cstr(&s), "table="))) {
        fail_msg("two flows: %s", ds_cstr(&s));
    }
    ds_destroy(&s);
}

static void
test_no_flow_twice(void **state OVS_UNUSED)
{
    struct sset keys = SSET_INITIALIZER(&keys);
    struct router_record *r = make_router();
    struct endpoint_record *e = make_endpoint(PLACE_LOCAL);

    static_flows(collect_key, &keys);
    router_record_flows(r, collect_key, &keys);
    endpoint_record_flows(e, collect_key, &keys);

    /* The address spaces of another router are its own. */
    r->key = r->segments[0] = 79;
    r->segments[1] = 80;
    for (size_t i = 0; i < r->n_addresses; i++) {
        r->addresses[i].metadata = r->segments[i / 2];
    }
    router_record_flows(r, collect_key, &keys);
    router_record_destroy(r);
    free(e);
    sset_destroy(&keys);
}

static void
test_records_equal(void **state OVS_UNUSED)
{
    struct router_record *a = make_router();

    for (int i = 0; i < 14; i++) {
        struct router_record *b = make_router();

        switch (i) {
        case 0: break;
        case 1: b->key++; break;
        case 2: b->mac.ea[5]++; break;
        case 3: b->n_segments--; break;
        case 4: b->segments[1]++; break;
        case 5: b->n_addresses--; break;
        case 6: b->addresses[1].ip.s6_addr[15]++; break;
        case 7: b->addresses[1].metadata++; break;
        case 8: b->addresses[1].first = false; break;
        case 9: b->n_prefixes--; break;
        case 10: b->prefixes[1].cidr.addr.s6_addr[1]++; break;
        case 11: b->prefixes[1].cidr.plen++; break;
        case 12: b->prefixes[1].metadata++; break;
        case 13: b->prefixes[2].via.ea[5]++; break;
        default: OVS_NOT_REACHED();
        }
        assert_int_equal(router_record_equals(a, b), !i);
        router_record_destroy(b);
    }
    router_record_destroy(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router),
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_no_flow_twice),
        cmocka_unit_test(test_records_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
