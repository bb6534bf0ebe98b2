/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/endpoint-services.h"
#include "core/flow-builder.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "sset.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* As text: the flow as ovs-ofctl writes it, why it drops in place of the
 * cookie. */

static void
put_flow(const struct flow_entry *e, void *s_)
{
    struct ds *s = s_, line = DS_EMPTY_INITIALIZER;
    uint64_t cause = e->cookie ^ FLOW_COOKIE_BASE;

    assert_in_range(cause, 0, N_DROP_CAUSES - 1);
    assert_int_equal(!e->actions.size, cause != NO_DROP);
    flow_entry_format(e, &line);
    ds_put_cstr(s, strstr(ds_cstr(&line), "table="));
    if (cause) {
        ds_put_format(s, " because %s", drop_cause_to_string(cause));
    }
    ds_put_char(s, '\n');
    ds_destroy(&line);
}

static void
endpoint_flows(const void *record, flow_cb *cb, void *aux)
{
    endpoint_record_flows(record, cb, aux);
}

static void
segment_flows(const void *record, flow_cb *cb, void *aux)
{
    segment_record_flows(record, cb, aux);
}

static void
tunnel_flows(const void *record, flow_cb *cb, void *aux)
{
    tunnel_record_flows(record, cb, aux);
}

static void
always_flows(const void *record OVS_UNUSED, flow_cb *cb, void *aux)
{
    static_flows(cb, aux);
}

/* Table, priority and match of each flow, which must be of no other. */
static void
collect_key(const struct flow_entry *e, void *keys)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *actions;

    flow_entry_format(e, &s);
    actions = strstr(ds_cstr(&s), " actions=");
    *actions = '\0';
    if (!sset_add(keys, strstr(ds_cstr(&s), "table="))) {
        fail_msg("two flows: %s", ds_cstr(&s));
    }
    ds_destroy(&s);
}

static void
check_flows(flow_generator *generate, const void *record,
            const char *expected)
{
    struct sset keys = SSET_INITIALIZER(&keys);
    struct ds s = DS_EMPTY_INITIALIZER;

    generate(record, put_flow, &s);
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
    generate(record, collect_key, &keys);
    sset_destroy(&keys);
}

/* Endpoint 02:00:00:00:00:02 of segment 77. 'addresses' is a list of
 * "[A][S][H[L]]IP[/LENGTH][,MAC]": A for answered, S for source, H for shared,
 * L for leads; 'macs' of MACs. */
static struct endpoint_record *
make_endpoint(enum endpoint_place place, uint32_t out, const char *addresses,
              const char *macs)
{
    struct endpoint_record *r = endpoint_record_alloc(8, 8);
    char *copy = xstrdup(addresses), *save = NULL;

    r->metadata = segment_metadata(77, ENCAP_NONE);
    r->out = out;
    r->place = place;
    r->mac = mac_from_text("2");
    r->port_security = place == PLACE_LOCAL;
    r->n_addresses = r->n_macs = 0;
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save)) {
        struct endpoint_address *a = &r->addresses[r->n_addresses++];
        char *plen = strchr(w, '/'), *mac = strchr(w, ',');

        a->mac = r->mac;
        a->plen = 128;
        if (mac) {
            *mac++ = '\0';
            a->mac = mac_from_text(mac);
        }
        if (plen) {
            *plen++ = '\0';
            a->plen = atoi(plen) + (strchr(w, '.') ? 96 : 0);
        }
        a->answered = *w == 'A';
        w += a->answered;
        a->source = *w == 'S';
        w += a->source;
        a->shared = *w == 'H';
        w += a->shared;
        a->leads = *w == 'L';
        w += a->leads;
        a->ip = ip_from_text(w);
    }
    free(copy);

    copy = xstrdup(macs);
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save)) {
        r->macs[r->n_macs++] = mac_from_text(w);
    }
    free(copy);
    return r;
}

/* Addresses that several may hold.  Whoever may can announce one; the first of
 * them has the flows of the segment, and the holder is answered for. */
static void
test_shared_addresses(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(
        PLACE_LOCAL, 5, "H10.0.0.9,9 Hfd00::9", "");

    r->port_security = false;
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=20, priority=210,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:09,arp_spa=0.0.0.0,"
                  "arp_tpa=10.0.0.9,arp_op=1 actions=drop because "
                  "own-probe\n"
                "table=20, priority=220,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:09,arp_spa=10.0.0.9,"
                  "arp_tpa=10.0.0.9,arp_op=1,arp_sha=02:00:00:00:00:09 "
                  "actions=controller(userdata=07,meter_id=5)\n"
                "table=20, priority=220,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:09,arp_spa=10.0.0.9,arp_op=2,"
                  "arp_sha=02:00:00:00:00:09 "
                  "actions=controller(userdata=07,meter_id=5)\n"
                "table=20, priority=210,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=135,"
                  "icmp_code=0,nd_target=fd00::9 actions=drop because "
                  "own-probe\n"
                "table=20, priority=220,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=136,icmp_code=0,"
                  "nd_target=fd00::9,nd_tll=02:00:00:00:00:02 "
                  "actions=controller(userdata=07,meter_id=5)\n"
                "table=0, priority=100,in_port=5 "
                  "actions=set_field:0x4d->metadata,set_field:0x4d->tun_id,"
                  "goto_table:10\n"
                "table=10, priority=300,in_port=5 actions=goto_table:20\n");
    free(r);

    r = make_endpoint(PLACE_REMOTE, 5, "AHL10.0.0.9 HLfd00::9", "");
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=group:5\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.9,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=90,arp,metadata=0x4d,arp_tpa=10.0.0.9,"
                  "arp_op=1 actions=drop because not-announced\n"
                "table=60, priority=120,arp,metadata=0x4d,arp_tpa=10.0.0.9 "
                  "actions=controller(userdata=0a,meter_id=32768)\n"
                "table=20, priority=90,icmp6,metadata=0x4d,icmp_type=135,"
                  "icmp_code=0,nd_target=fd00::9 actions=drop because "
                  "not-announced\n"
                "table=60, priority=120,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=135,icmp_code=0,nd_target=fd00::9 "
                  "actions=controller(userdata=0a,meter_id=32768)\n"
                "table=20, priority=90,icmp6,metadata=0x4d,icmp_type=136,"
                  "icmp_code=0,nd_target=fd00::9 actions=drop because "
                  "not-holder\n"
                "table=60, priority=120,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=136,icmp_code=0,nd_target=fd00::9 "
                  "actions=controller(userdata=0a,meter_id=32768)\n");
    free(r);

    r = make_endpoint(PLACE_ABSENT, 0, "H10.0.0.9 Hfd00::9", "");
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=drop because not-plugged\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=drop because "
                  "not-plugged\n");
    free(r);
}

/* Without port security a VM may send anything; it is answered all the
 * same. */
static void
test_local_without_port_security(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(PLACE_LOCAL, 5,
                                              "A10.0.0.2 Afd00::2", "");

    r->port_security = false;
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=200,arp,in_port=5,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=drop because own-probe\n"
                "table=20, priority=100,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=135,icmp_code=0,nd_target=fd00::2 "
                  "actions=set_field:0x20000000002->xreg1,goto_table:22\n"
                "table=20, priority=200,icmp6,in_port=5,icmp_type=135,"
                  "icmp_code=0,nd_target=fd00::2 actions=drop because "
                  "own-probe\n"
                "table=0, priority=100,in_port=5 actions=set_field:0x4d->"
                  "metadata,set_field:0x4d->tun_id,goto_table:10\n"
                "table=10, priority=300,in_port=5 actions=goto_table:20\n");
    free(r);
}

static void
test_local_with_port_security(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(PLACE_LOCAL, 5,
                                              "AS10.0.0.2 ASfd00::2", "");

    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=200,arp,in_port=5,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=drop because own-probe\n"
                "table=20, priority=100,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=135,icmp_code=0,nd_target=fd00::2 "
                  "actions=set_field:0x20000000002->xreg1,goto_table:22\n"
                "table=20, priority=200,icmp6,in_port=5,icmp_type=135,"
                  "icmp_code=0,nd_target=fd00::2 actions=drop because "
                  "own-probe\n"
                "table=0, priority=100,in_port=5 actions=set_field:0x4d->"
                  "metadata,set_field:0x4d->tun_id,goto_table:10\n"
                "table=10, priority=40,in_port=5 actions=drop because "
                  "source-mac\n"
                "table=10, priority=60,ip,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=drop because source-ip\n"
                "table=10, priority=60,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:02 "
                  "actions=drop because source-ip6\n"
                "table=10, priority=60,arp,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=60,rarp,in_port=5,"
                  "dl_src=02:00:00:00:00:02 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=50,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=135,icmp_code=0,"
                  "nd_sll=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=135,icmp_code=0,"
                  "nd_sll=00:00:00:00:00:00 actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,arp_spa=0.0.0.0,arp_op=1,"
                  "arp_sha=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=10, priority=100,udp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,nw_src=0.0.0.0,"
                  "nw_dst=255.255.255.255,tp_src=68,tp_dst=67 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=133 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=135 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=131 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=143 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,ip,in_port=5,"
                  "dl_src=02:00:00:00:00:02,nw_src=10.0.0.2 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,arp_spa=10.0.0.2,"
                  "arp_sha=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=10, priority=100,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=fd00::2 "
                  "actions=goto_table:11\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=136,icmp_code=0,"
                  "nd_target=fd00::2,nd_tll=02:00:00:00:00:02 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=136,icmp_code=0,"
                  "nd_target=fd00::2,nd_tll=00:00:00:00:00:00 "
                  "actions=goto_table:20\n");
    free(r);
}

/* Flows of a record that one without services does not have. */
static void
check_services(uint8_t services, bool port_security, const char *expected)
{
    struct endpoint_record *without = make_endpoint(PLACE_LOCAL, 5, "", "");
    struct endpoint_record *with = make_endpoint(PLACE_LOCAL, 5, "", "");
    struct ds s = DS_EMPTY_INITIALIZER;

    without->port_security = with->port_security = port_security;
    with->services = services;
    assert_int_equal(endpoint_record_equals(without, with), !services);
    flow_diff(endpoint_flows, without, with, put_flow, put_flow, &s);
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
    free(without);
    free(with);
}

/* What the agent answers gets no farther. */
static void
test_services(void **state OVS_UNUSED)
{
    check_services(0, true, "");
    check_services(SERVICE_DHCP4, true,
                   "table=25, priority=100,udp,in_port=5,tp_src=68,tp_dst=67 "
                     "actions=controller(userdata=01,"
                     "meter_id=5)\n"
                   "table=10, priority=100,udp,in_port=5,"
                     "dl_src=02:00:00:00:00:02,tp_src=68,tp_dst=67 "
                     "actions=goto_table:25\n");
    check_services(SERVICE_DHCP4 | SERVICE_DHCP4_OWN_IP, false,
                   "table=25, priority=100,udp,in_port=5,tp_src=68,tp_dst=67 "
                     "actions=controller(userdata=01,"
                     "meter_id=5)\n"
                   "table=20, priority=100,arp,in_port=5,arp_tpa=169.254.0.67,"
                     "arp_op=1 actions=set_field:0x27674657064->xreg1,"
                     "goto_table:21\n");
    check_services(SERVICE_IPV6, true,
                   "table=25, priority=100,udp6,in_port=5,tp_src=546,"
                     "tp_dst=547 actions=controller("
                     "userdata=02,meter_id=5)\n"
                   "table=25, priority=100,icmp6,in_port=5,icmp_type=133 "
                     "actions=controller(userdata=03,"
                     "meter_id=5)\n");
}

/* What a VM may not say where the agent says it. */
static void
test_guards(void **state OVS_UNUSED)
{
    check_services(GUARD_DHCP4, true,
                   "table=25, priority=90,udp,in_port=5,tp_dst=68 "
                     "actions=drop because rogue-dhcp\n");
    check_services(GUARD_IPV6, true,
                   "table=25, priority=90,udp6,in_port=5,tp_dst=546 "
                     "actions=drop because rogue-dhcp\n"
                   "table=25, priority=90,icmp6,in_port=5,icmp_type=134 "
                     "actions=drop because rogue-router\n"
                   "table=25, priority=90,icmp6,in_port=5,icmp_type=137 "
                     "actions=drop because rogue-router\n");
}

/* Prefixes and others' MACs from 'allowed_pairs'. */
static void
test_pairs(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(
        PLACE_LOCAL, 5, "S10.0.0.0/24 S0.0.0.0/0 Sfd00::/64,9 S::/0,9 "
        "AS10.0.0.9,9 S10.0.0.8,8", "9");

    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=output:5\n"
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:09 actions=output:5\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:09 actions=output:5\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.9,"
                  "arp_op=1 actions=set_field:0x20000000009->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=200,arp,in_port=5,arp_tpa=10.0.0.9,"
                  "arp_op=1 actions=drop because own-probe\n"
                "table=0, priority=100,in_port=5 actions=set_field:0x4d->"
                  "metadata,set_field:0x4d->tun_id,goto_table:10\n"
                "table=10, priority=40,in_port=5 actions=drop because "
                  "source-mac\n"
                "table=10, priority=60,ip,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=drop because source-ip\n"
                "table=10, priority=60,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:02 "
                  "actions=drop because source-ip6\n"
                "table=10, priority=60,arp,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=60,rarp,in_port=5,"
                  "dl_src=02:00:00:00:00:02 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=50,in_port=5,dl_src=02:00:00:00:00:02 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=135,icmp_code=0,"
                  "nd_sll=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,icmp_type=135,icmp_code=0,"
                  "nd_sll=00:00:00:00:00:00 actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,arp_spa=0.0.0.0,arp_op=1,"
                  "arp_sha=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=10, priority=100,udp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,nw_src=0.0.0.0,"
                  "nw_dst=255.255.255.255,tp_src=68,tp_dst=67 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=133 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=135 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=131 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:02,ipv6_src=::,icmp_type=143 "
                  "actions=goto_table:11\n"
                "table=10, priority=100,ip,in_port=5,"
                  "dl_src=02:00:00:00:00:02,nw_src=10.0.0.0/24 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,arp_spa=10.0.0.0/24,"
                  "arp_sha=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=10, priority=100,ip,in_port=5,"
                  "dl_src=02:00:00:00:00:02 actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:02,arp_sha=02:00:00:00:00:02 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,ipv6_src=fd00::/64 "
                  "actions=goto_table:11\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=136,icmp_code=0,"
                  "nd_target=fd00::/64,nd_tll=02:00:00:00:00:09 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=136,icmp_code=0,"
                  "nd_target=fd00::/64,nd_tll=00:00:00:00:00:00 "
                  "actions=goto_table:20\n"
                "table=10, priority=60,ip,in_port=5,dl_src=02:00:00:00:00:09 "
                  "actions=drop because source-ip\n"
                "table=10, priority=60,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:09 "
                  "actions=drop because source-ip6\n"
                "table=10, priority=60,arp,in_port=5,dl_src=02:00:00:00:00:09 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=60,rarp,in_port=5,"
                  "dl_src=02:00:00:00:00:09 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=50,in_port=5,dl_src=02:00:00:00:00:09 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=135,icmp_code=0,"
                  "nd_sll=02:00:00:00:00:09 actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=135,icmp_code=0,"
                  "nd_sll=00:00:00:00:00:00 actions=goto_table:20\n"
                "table=10, priority=100,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:09 actions=goto_table:11\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=136,icmp_code=0,"
                  "nd_tll=02:00:00:00:00:09 actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:09,icmp_type=136,icmp_code=0,"
                  "nd_tll=00:00:00:00:00:00 actions=goto_table:20\n"
                "table=10, priority=100,ip,in_port=5,"
                  "dl_src=02:00:00:00:00:09,nw_src=10.0.0.9 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:09,arp_spa=10.0.0.9,"
                  "arp_sha=02:00:00:00:00:09 actions=goto_table:20\n"
                "table=10, priority=100,ip,in_port=5,"
                  "dl_src=02:00:00:00:00:08,nw_src=10.0.0.8 "
                  "actions=goto_table:20\n"
                "table=10, priority=100,arp,in_port=5,"
                  "dl_src=02:00:00:00:00:08,arp_spa=10.0.0.8,"
                  "arp_sha=02:00:00:00:00:08 actions=goto_table:20\n"
                "table=10, priority=60,ip,in_port=5,dl_src=02:00:00:00:00:08 "
                  "actions=drop because source-ip\n"
                "table=10, priority=60,ipv6,in_port=5,"
                  "dl_src=02:00:00:00:00:08 "
                  "actions=drop because source-ip6\n"
                "table=10, priority=60,arp,in_port=5,dl_src=02:00:00:00:00:08 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=60,rarp,in_port=5,"
                  "dl_src=02:00:00:00:00:08 "
                  "actions=drop because arp-sender\n"
                "table=10, priority=50,in_port=5,dl_src=02:00:00:00:00:08 "
                  "actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:08,icmp_type=135,icmp_code=0,"
                  "nd_sll=02:00:00:00:00:08 actions=goto_table:20\n"
                "table=11, priority=100,icmp6,in_port=5,"
                  "dl_src=02:00:00:00:00:08,icmp_type=135,icmp_code=0,"
                  "nd_sll=00:00:00:00:00:00 actions=goto_table:20\n");
    free(r);
}

/* On other hosts' endpoints only answers and the way there. */
static void
test_remote(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(
        PLACE_REMOTE, 42, "A10.0.0.2 Afd00::2 A10.0.0.9,9", "9");

    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=group:42\n"
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:09 actions=group:42\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=100,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=135,icmp_code=0,nd_target=fd00::2 "
                  "actions=set_field:0x20000000002->xreg1,goto_table:22\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.9,"
                  "arp_op=1 actions=set_field:0x20000000009->xreg1,"
                  "goto_table:21\n");

    r->metadata = segment_metadata(UINT32_MAX, ENCAP_GRE);
    r->n_addresses = r->n_macs = 0;
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x2ffffffff,"
                  "dl_dst=02:00:00:00:00:02 actions=group:42\n");
    free(r);
}

/* Where unknown unicast is replicated, a peer may do so with what is for an
 * endpoint that is known here to be elsewhere: not for all ports here. */
static void
test_remote_of_flooding_segment(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(PLACE_REMOTE, 42, "", "");

    r->floods = true;
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=group:42\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=drop because not-local\n");
    free(r);
}

static void
test_absent(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(PLACE_ABSENT, 0,
                                              "A10.0.0.2", "9");

    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=drop because "
                  "not-plugged\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=drop because "
                  "not-plugged\n"
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:09 actions=drop because "
                  "not-plugged\n"
                "table=60, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:09 actions=drop because "
                  "not-plugged\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n");
    free(r);
}

/* A guard for each address that is answered for over ARP. */
static void
test_guard_garp(void **state OVS_UNUSED)
{
    struct endpoint_record *r = make_endpoint(PLACE_REMOTE, 42,
                                              "A10.0.0.2 Afd00::2", "");

    r->guard_garp = true;
    check_flows(endpoint_flows, r,
                "table=40, priority=100,metadata=0x4d,"
                  "dl_dst=02:00:00:00:00:02 actions=group:42\n"
                "table=20, priority=100,arp,metadata=0x4d,arp_tpa=10.0.0.2,"
                  "arp_op=1 actions=set_field:0x20000000002->xreg1,"
                  "goto_table:21\n"
                "table=20, priority=150,arp,metadata=0x4d,arp_spa=10.0.0.2,"
                  "arp_tpa=10.0.0.2,arp_op=1 actions=drop because "
                  "gratuitous-arp\n"
                "table=20, priority=100,icmp6,metadata=0x4d,nw_ttl=255,"
                  "icmp_type=135,icmp_code=0,nd_target=fd00::2 "
                  "actions=set_field:0x20000000002->xreg1,goto_table:22\n");
    free(r);
}

static struct segment_record *
make_segment(bool broadcast, bool unknown, bool multicast)
{
    bool any = broadcast || unknown || multicast;
    struct segment_record *r = segment_record_alloc(any ? 2 : 0, any ? 2 : 0);

    r->vni = 77;
    r->metadata = segment_metadata(77, ENCAP_NONE);
    r->broadcast = broadcast;
    r->unknown_unicast = unknown;
    r->multicast = multicast;
    if (any) {
        const uint32_t outs[] = { 5, 6, 41, 42 };
        memcpy(r->outs, outs, sizeof outs);
    }
    return r;
}

/* Every combination of a segment's policies: broadcast, unknown unicast,
 * multicast. */
static void
test_segment_policies(void **state OVS_UNUSED)
{
    static const char *const expected[8] = {
        /* none */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n",

        /* multicast */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=drop because broadcast\n"
        "table=50, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=drop because broadcast\n"
        "table=60, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* unknown */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=40, priority=10,metadata=0x4d actions=goto_table:51\n"
        "table=60, priority=10,metadata=0x4d,"
          "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* unknown, multicast */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=drop because broadcast\n"
        "table=50, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=drop because broadcast\n"
        "table=50, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=drop because broadcast\n"
        "table=60, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=drop because broadcast\n"
        "table=60, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=40, priority=10,metadata=0x4d actions=goto_table:51\n"
        "table=60, priority=10,metadata=0x4d,"
          "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* broadcast */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:51\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=goto_table:51\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=goto_table:51\n"
        "table=50, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:61\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=goto_table:61\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=goto_table:61\n"
        "table=60, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* broadcast, multicast */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:51\n"
        "table=50, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:61\n"
        "table=60, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* broadcast, unknown */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:51\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=goto_table:51\n"
        "table=50, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=goto_table:51\n"
        "table=50, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:61\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=255.255.255.255 "
          "actions=goto_table:61\n"
        "table=60, priority=70,ip,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,nw_dst=224.0.0.0/24 "
          "actions=goto_table:61\n"
        "table=60, priority=70,ipv6,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_dst=ff02::/16 "
          "actions=goto_table:61\n"
        "table=40, priority=10,metadata=0x4d actions=goto_table:51\n"
        "table=60, priority=10,metadata=0x4d,"
          "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",

        /* broadcast, unknown, multicast */
        "table=1, priority=100,tun_id=0x4d actions=set_field:0x4d->metadata,"
          "goto_table:60\n"
        "table=50, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:51\n"
        "table=50, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:51\n"
        "table=60, priority=80,metadata=0x4d,dl_dst=ff:ff:ff:ff:ff:ff "
          "actions=goto_table:61\n"
        "table=60, priority=60,metadata=0x4d,"
          "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=40, priority=10,metadata=0x4d actions=goto_table:51\n"
        "table=60, priority=10,metadata=0x4d,"
          "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:61\n"
        "table=61, priority=100,metadata=0x4d actions=output:5,output:6\n"
        "table=51, priority=100,metadata=0x4d actions=output:5,output:6,"
          "group:41,group:42\n",
    };

    for (int i = 0; i < 8; i++) {
        struct segment_record *r = make_segment(i & 4, i & 2, i & 1);

        check_flows(segment_flows, r, expected[i]);
        free(r);
    }
}

/* GRE 77 and VXLAN 77 differ. */
static void
test_segment_forced(void **state OVS_UNUSED)
{
    struct segment_record *r = make_segment(false, false, false);

    r->forced = ENCAP_GRE;
    r->metadata = segment_metadata(77, ENCAP_GRE);
    check_flows(segment_flows, r,
                "table=1, priority=100,reg0=0x2,tun_id=0x4d "
                "actions=set_field:0x20000004d->metadata,goto_table:60\n");
    free(r);
}

/* In both key modes. */
static void
test_tunnels(void **state OVS_UNUSED)
{
    struct tunnel_record r = { 32768, ENCAP_GENEVE, 0 };

    check_flows(tunnel_flows, &r, "table=0, priority=100,in_port=32768 "
                "actions=set_field:0x3->reg0,goto_table:1\n");
    r.metadata = segment_metadata(77, ENCAP_GRE);
    check_flows(tunnel_flows, &r, "table=0, priority=100,in_port=32768 "
                "actions=set_field:0x20000004d->metadata,goto_table:60\n");
}

static void
test_always(void **state OVS_UNUSED)
{
    check_flows(always_flows, NULL,
                "table=0, priority=0 actions=drop because unknown-port\n"
                "table=1, priority=0 actions=drop because unknown-vni\n"
                "table=10, priority=250,vlan_tci=0x1000/0x1000 actions=drop "
                  "because vlan\n"
                "table=10, priority=0 actions=drop because source-mac\n"
                "table=11, priority=50,icmp6,icmp_type=135 actions=drop "
                  "because nd-target\n"
                "table=11, priority=50,icmp6,icmp_type=136 actions=drop "
                  "because nd-target\n"
                "table=11, priority=50,icmp6,nw_frag=first,icmp_type=0 "
                  "actions=drop because nd-target\n"
                "table=11, priority=0 actions=goto_table:20\n"
                "table=20, priority=10,arp,arp_op=1 actions=drop because "
                  "arp-unknown\n"
                "table=20, priority=5,arp actions=drop because "
                  "arp-unsolicited\n"
                "table=20, priority=10,icmp6,icmp_type=135 actions=drop "
                  "because nd-unknown\n"
                "table=20, priority=0 actions=goto_table:25\n"
                "table=21, priority=100,arp,arp_op=1 "
                  "actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
                  "move:OXM_OF_PKT_REG1[0..47]->NXM_OF_ETH_SRC[],"
                  "set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->"
                  "NXM_NX_ARP_THA[],move:OXM_OF_PKT_REG1[0..47]->"
                  "NXM_NX_ARP_SHA[],move:NXM_OF_ARP_TPA[]->NXM_NX_REG4[],"
                  "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],"
                  "move:NXM_NX_REG4[]->NXM_OF_ARP_SPA[],IN_PORT\n"
                "table=22, priority=100,icmp6,icmp_type=135,icmp_code=0 "
                  "actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
                  "move:OXM_OF_PKT_REG1[0..47]->NXM_OF_ETH_SRC[],"
                  "move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],"
                  "move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],set_field:2->"
                  "nd_options_type,set_field:136->icmpv6_type,"
                  "set_field:0x60000000->reg4,goto_table:23\n"
                "table=22, priority=110,icmp6,ipv6_src=::,icmp_type=135,"
                  "icmp_code=0 actions=set_field:33:33:00:00:00:01->eth_dst,"
                  "move:OXM_OF_PKT_REG1[0..47]->NXM_OF_ETH_SRC[],"
                  "set_field:ff02::1->ipv6_dst,move:NXM_NX_ND_TARGET[]->"
                  "NXM_NX_IPV6_SRC[],set_field:2->nd_options_type,"
                  "set_field:136->icmpv6_type,set_field:0x20000000->reg4,"
                  "goto_table:23\n"
                "table=23, priority=100,icmp6,icmp_type=136,icmp_code=0 "
                  "actions=move:NXM_NX_REG4[]->"
                  "ERICOXM_OF_ICMPV6_ND_RESERVED[],move:NXM_OF_ETH_SRC[]->"
                  "NXM_NX_ND_TLL[],IN_PORT\n"
                "table=25, priority=0 actions=goto_table:30\n"
                "table=30, priority=0 actions=goto_table:40\n"
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
                "table=31, priority=350,ipv6,ipv6_dst=fe80::/10 "
                  "actions=drop because not-for-router\n"
                "table=31, priority=350,ipv6,ipv6_src=fe80::/10 "
                  "actions=drop because not-for-router\n"
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
                "table=32, priority=0 actions=drop because unknown-address\n"
                "table=1, priority=110,tun_id=0,dl_dst=00:23:20:00:00:01 "
                  "actions=drop because control-frame\n"
                "table=60, priority=110,dl_dst=00:23:20:00:00:01 "
                  "actions=drop because control-frame\n"
                "table=40, priority=110,dl_dst=00:23:20:00:00:01 "
                  "actions=drop because control-frame\n"
                "table=40, priority=60,"
                  "dl_dst=01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0 actions=drop "
                  "because control-frame\n"
                "table=40, priority=50,"
                  "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 "
                  "actions=goto_table:50\n"
                "table=40, priority=0 actions=drop because unknown-unicast\n"
                "table=50, priority=5,dl_dst=ff:ff:ff:ff:ff:ff actions=drop "
                  "because broadcast\n"
                "table=50, priority=0 actions=drop because multicast\n"
                "table=60, priority=0 actions=drop because not-local\n"
                "table=62, priority=0 actions=drop because no-tunnel\n");
}

/* A punt is written as the switch tells it back: the same bytes after a
 * journey over the wire. */
static void
test_punt(void **state OVS_UNUSED)
{
    uint64_t stub[64], wire_stub[64];
    struct ofpbuf wire = OFPBUF_STUB_INITIALIZER(wire_stub);
    struct ofpbuf back = OFPBUF_STUB_INITIALIZER(stub);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct flow_builder b;

    flow_builder_init(&b, NULL, NULL);
    flow_begin(&b, TABLE_SERVICES, 100);
    flow_put_punt(&b, PUNT_DHCP4, punt_port_meter(5));
    flow_put_output(&b, 7);
    b.entry.cookie = FLOW_COOKIE_BASE;
    flow_entry_format(&b.entry, &s);
    assert_non_null(strstr(ds_cstr(&s), "actions=controller(userdata=01,"
                           "meter_id=5),output:7"));

    ofpacts_put_openflow_actions(b.entry.actions.data, b.entry.actions.size,
                                 &wire, OFP15_VERSION);
    assert_int_equal(ofpacts_pull_openflow_actions(
        &wire, wire.size, OFP15_VERSION, NULL, NULL, &back), 0);
    assert_int_equal(back.size, b.entry.actions.size);
    assert_true(ofpacts_equal(back.data, back.size, b.entry.actions.data,
                              b.entry.actions.size)
                || ofpacts_equal_stringwise(back.data, back.size,
                                            b.entry.actions.data,
                                            b.entry.actions.size));
    ds_destroy(&s);
    ofpbuf_uninit(&wire);
    ofpbuf_uninit(&back);
    flow_builder_uninit(&b);
}

/* No flow of one record is one of another: records as overlay.h makes them
 * for one segment, another one, two tunnels, and what is always there. */
static void
test_no_flow_twice(void **state OVS_UNUSED)
{
    struct sset keys = SSET_INITIALIZER(&keys);
    struct endpoint_record *endpoints[] = {
        make_endpoint(PLACE_LOCAL, 5, "AS10.0.0.2 Sfe80::2 S10.0.0.0/24 "
                      "S10.0.0.9,9 S0.0.0.0 S::", "9"),
        make_endpoint(PLACE_LOCAL, 6, "AS10.0.0.3 ASfd00::3 S10.0.0.9,9", ""),
        make_endpoint(PLACE_REMOTE, 5, "A10.0.0.4 Afd00::4", "a"),
        make_endpoint(PLACE_ABSENT, 0, "A10.0.0.5 Afd00::5", "b"),
        make_endpoint(PLACE_LOCAL, 7, "AS10.0.0.2 Sfe80::2", "9"),
        make_endpoint(PLACE_REMOTE, 6, "A10.0.0.3", ""),
    };

    static_flows(collect_key, &keys);
    for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
        struct endpoint_record *r = endpoints[i];

        r->mac.ea[5] = i + 1;
        r->guard_garp = true;
        r->metadata = i < 4 ? 77 : segment_metadata(77, ENCAP_GRE);
        endpoint_record_flows(r, collect_key, &keys);
        free(r);
    }
    for (int i = 0; i < 2; i++) {
        struct segment_record *r = make_segment(true, true, !i);

        r->metadata = segment_metadata(77, i ? ENCAP_GRE : ENCAP_VXLAN);
        r->forced = i ? ENCAP_GRE : ENCAP_VXLAN;
        segment_record_flows(r, collect_key, &keys);
        free(r);

        struct tunnel_record t = { 32768 + i, ENCAP_VXLAN, i };
        tunnel_record_flows(&t, collect_key, &keys);
    }
    sset_destroy(&keys);
}

/* Equality of records is that of their flows, member by member. */
static void
test_records_equal(void **state OVS_UNUSED)
{
    struct endpoint_record *a = make_endpoint(
        PLACE_LOCAL, 5, "AS10.0.0.2 S10.0.0.0/24,9", "9 8");

    for (int i = 0; i < 19; i++) {
        struct endpoint_record *b = make_endpoint(
            PLACE_LOCAL, 5, "AS10.0.0.2 S10.0.0.0/24,9", "9 8");

        switch (i) {
        case 0: break;
        case 1: b->metadata++; break;
        case 2: b->out++; break;
        case 3: b->place = PLACE_REMOTE; break;
        case 4: b->mac.ea[5]++; break;
        case 5: b->port_security = false; break;
        case 6: b->guard_garp = true; break;
        case 7: b->n_addresses--; break;
        case 8: b->n_macs--; break;
        case 9: b->macs[1].ea[5]++; break;
        case 10: b->addresses[1].ip.s6_addr[15]++; break;
        case 11: b->addresses[1].mac.ea[5]++; break;
        case 12: b->addresses[1].plen++; break;
        case 13: b->addresses[1].answered = true; break;
        case 14: b->addresses[1].source = false; break;
        case 15: b->floods = true; break;
        case 16: b->routed = true; break;
        case 17: b->addresses[1].shared = true; break;
        case 18: b->addresses[1].leads = true; break;
        default: OVS_NOT_REACHED();
        }
        assert_int_equal(endpoint_record_equals(a, b), !i);
        free(b);
    }
    free(a);

    struct segment_record *c = make_segment(true, true, true);
    for (int i = 0; i < 10; i++) {
        struct segment_record *d = make_segment(true, true, true);

        switch (i) {
        case 0: break;
        case 1: d->metadata++; break;
        case 2: d->vni++; break;
        case 3: d->forced = ENCAP_GRE; break;
        case 4: d->broadcast = false; break;
        case 5: d->unknown_unicast = false; break;
        case 6: d->multicast = false; break;
        case 7: d->n_ports--; break;
        case 8: d->n_groups--; break;
        case 9: d->outs[3]++; break;
        default: OVS_NOT_REACHED();
        }
        assert_int_equal(segment_record_equals(c, d), !i);
        free(d);
    }
    free(c);
}

/* Differences. */

struct told {
    struct ds text;
    size_t n_adds;
};

static void
tell_add(const struct flow_entry *e, void *told_)
{
    struct told *told = told_;

    ds_put_cstr(&told->text, "+");
    put_flow(e, &told->text);
    told->n_adds++;
}

static void
tell_del(const struct flow_entry *e, void *told_)
{
    struct told *told = told_;

    assert_int_equal(told->n_adds, 0);
    ds_put_cstr(&told->text, "-");
    put_flow(e, &told->text);
}

static void
check_diff(flow_generator *generate, const void *old, const void *new,
           const char *expected)
{
    struct told told = { DS_EMPTY_INITIALIZER, 0 };

    flow_diff(generate, old, new, tell_add, tell_del, &told);
    assert_string_equal(ds_cstr(&told.text), expected);
    ds_destroy(&told.text);
}

static void
test_diff(void **state OVS_UNUSED)
{
    struct endpoint_record *here = make_endpoint(PLACE_LOCAL, 5, "", "");
    struct endpoint_record *there = make_endpoint(PLACE_REMOTE, 42, "", "");
    struct endpoint_record *gone = make_endpoint(PLACE_ABSENT, 0, "", "");

#define WAY "table=40, priority=100,metadata=0x4d,dl_dst=02:00:00:00:00:02 "
    check_diff(endpoint_flows, NULL, NULL, "");
    check_diff(endpoint_flows, NULL, there, "+" WAY "actions=group:42\n");
    check_diff(endpoint_flows, there, NULL, "-" WAY "actions=group:42\n");
    check_diff(endpoint_flows, there, there, "");

    /* The same key with other actions is replaced, not deleted. */
    check_diff(endpoint_flows, there, gone,
               "+" WAY "actions=drop because not-plugged\n"
               "+table=60, priority=100,metadata=0x4d,"
               "dl_dst=02:00:00:00:00:02 actions=drop because "
               "not-plugged\n");
    here->port_security = false;
    check_diff(endpoint_flows, here, there,
               "-table=0, priority=100,in_port=5 actions=set_field:0x4d->"
               "metadata,set_field:0x4d->tun_id,goto_table:10\n"
               "-table=10, priority=300,in_port=5 actions=goto_table:20\n"
               "-table=60, priority=100,metadata=0x4d,"
               "dl_dst=02:00:00:00:00:02 actions=output:5\n"
               "+" WAY "actions=group:42\n");

    /* So is the same key with another cause of the drop. */
    struct segment_record *a = make_segment(true, false, false);
    struct segment_record *b = make_segment(true, false, false);
    b->n_groups = 1;
    check_diff(segment_flows, a, b,
               "+table=51, priority=100,metadata=0x4d "
               "actions=output:5,output:6,group:41\n");
    b->n_groups = 2;
    check_diff(segment_flows, a, b, "");
    free(a);
    free(b);
    free(here);
    free(there);
    free(gone);
}

static void
one_drop(const void *cause, flow_cb *cb, void *aux)
{
    struct flow_entry e = { .table = 1, .priority = 2 };

    e.cookie = FLOW_COOKIE_BASE | *(const int *) cause;
    match_init_catchall(&e.match);
    ofpbuf_init(&e.actions, 0);
    cb(&e, aux);
    ofpbuf_uninit(&e.actions);
}

/* The cookie says why a flow drops: it counts like actions do. */
static void
test_diff_of_cookies(void **state OVS_UNUSED)
{
    const int vlan = DROP_VLAN, broadcast = DROP_BROADCAST;

    check_diff(one_drop, &vlan, &vlan, "");
    check_diff(one_drop, &vlan, &broadcast,
               "+table=1, priority=2 actions=drop because broadcast\n");
}

/* The diff applied to the flows of one record gives those of the other, for
 * all pairs of many records. */
static void
take(const struct flow_entry *e, void *flows)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    put_flow(e, &s);
    sset_add(flows, ds_cstr(&s));
    ds_destroy(&s);
}

static bool
same_key(const char *a, const char *b)
{
    size_t n = strstr(a, " actions=") - a;

    return (size_t) (strstr(b, " actions=") - b) == n && !memcmp(a, b, n);
}

static void
drop_key(const struct flow_entry *e, void *flows_)
{
    struct sset *flows = flows_;
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *flow, *next;

    put_flow(e, &s);
    SSET_FOR_EACH_SAFE (flow, next, flows) {
        if (same_key(flow, ds_cstr(&s))) {
            sset_delete(flows, SSET_NODE_FROM_NAME(flow));
        }
    }
    ds_destroy(&s);
}

static void
replace(const struct flow_entry *e, void *flows)
{
    drop_key(e, flows);
    take(e, flows);
}

static void
test_diff_leads_there(void **state OVS_UNUSED)
{
    struct endpoint_record *records[] = {
        make_endpoint(PLACE_LOCAL, 5, "AS10.0.0.2 ASfd00::2", ""),
        make_endpoint(PLACE_LOCAL, 6, "AS10.0.0.2 ASfd00::2", "9"),
        make_endpoint(PLACE_LOCAL, 5, "AS10.0.0.2,9 S10.0.0.0/24", "9"),
        make_endpoint(PLACE_LOCAL, 5, "A10.0.0.2", ""),
        make_endpoint(PLACE_REMOTE, 42, "A10.0.0.2", "9"),
        make_endpoint(PLACE_REMOTE, 43, "A10.0.0.2,9 Afd00::2", ""),
        make_endpoint(PLACE_ABSENT, 0, "A10.0.0.2", ""),
        NULL,
    };

    records[3]->port_security = false;
    records[4]->guard_garp = true;
    records[5]->metadata = 78;
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(records); j++) {
            struct sset flows = SSET_INITIALIZER(&flows);
            struct sset expected = SSET_INITIALIZER(&expected);

            if (records[i]) {
                endpoint_record_flows(records[i], take, &flows);
            }
            if (records[j]) {
                endpoint_record_flows(records[j], take, &expected);
            }
            flow_diff(endpoint_flows, records[i], records[j], replace,
                      drop_key, &flows);
            assert_true(sset_equals(&flows, &expected));
            sset_destroy(&flows);
            sset_destroy(&expected);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        free(records[i]);
    }
}

/* Names are there for every table and every cause, once each. */
static void
test_names(void **state OVS_UNUSED)
{
    struct sset names = SSET_INITIALIZER(&names);

    for (size_t i = 0; i < n_flow_table_names; i++) {
        assert_true(sset_add(&names, flow_table_names[i].name));
        assert_true(!i
                    || flow_table_names[i - 1].id < flow_table_names[i].id);
    }
    sset_clear(&names);
    for (int i = 0; i < N_DROP_CAUSES; i++) {
        assert_non_null(drop_cause_to_string(i));
        assert_true(sset_add(&names, drop_cause_to_string(i)));
    }
    assert_string_equal(drop_cause_to_string(N_DROP_CAUSES), "unknown");
    sset_destroy(&names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_without_port_security),
        cmocka_unit_test(test_local_with_port_security),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_guards),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_shared_addresses),
        cmocka_unit_test(test_remote),
        cmocka_unit_test(test_remote_of_flooding_segment),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_guard_garp),
        cmocka_unit_test(test_segment_policies),
        cmocka_unit_test(test_segment_forced),
        cmocka_unit_test(test_tunnels),
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_punt),
        cmocka_unit_test(test_no_flow_twice),
        cmocka_unit_test(test_records_equal),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_of_cookies),
        cmocka_unit_test(test_diff_leads_there),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
