/* SPDX-License-Identifier: Apache-2.0 */

/* JSON and messages stand here with ' for ", so that they can be read. */

#include <config.h>

#include "cloud/inventory-json.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/inventory-page.h"
#include "cloud/json-node.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Returns 's' with ' replaced by ", which the caller must free. */
static char *
quoted(const char *s)
{
    char *copy = xstrdup(s);

    for (char *p = copy; *p; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }
    return copy;
}

static struct object *
decode(const char *s)
{
    char *json = quoted(s);
    char *error = NULL;
    struct object *object = inventory_json_decode_object(json, strlen(json),
                                                         &error);
    if (!object) {
        fail_msg("%s", error);
    }
    assert_null(error);
    free(json);
    return object;
}

static void
assert_ip(const struct in6_addr *ip, const char *expected)
{
    char s[INET6_ADDRSTRLEN];

    ipv6_string_mapped(s, ip);
    assert_string_equal(s, expected);
}

static void
assert_prefix(const struct ip_prefix *prefix, const char *addr, int plen)
{
    assert_ip(&prefix->addr, addr);
    assert_int_equal(prefix->plen, plen);
}

/* Good objects. */

static void
test_host(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'host','id':'hv2','revision':9223372036854775807,'tunnels':["
        "{'type':'vxlan','ip':'192.0.2.2'},"
        "{'type':'gre','ip':'2001:db8::2'},"
        "{'type':'vxlan','ip':'192.0.2.2','port':4789},"
        "{'type':'vxlan','ip':'192.0.2.2','port':8472},"
        "{'type':'geneve','ip':'192.0.2.2','port':null,'more':[1]}],"
        "'rack':{'row':3}}");

    assert_int_equal(o->kind, OBJECT_HOST);
    assert_string_equal(o->id, "hv2");
    assert_true(o->revision == INT64_MAX);

    /* The third is the first again, with the default port spelled out. */
    assert_int_equal(o->host.n_tunnels, 4);
    assert_int_equal(o->host.tunnels[0].type, ENCAP_VXLAN);
    assert_ip(&o->host.tunnels[0].ip, "192.0.2.2");
    assert_int_equal(o->host.tunnels[0].port, 0);
    assert_int_equal(o->host.tunnels[1].type, ENCAP_GRE);
    assert_ip(&o->host.tunnels[1].ip, "2001:db8::2");
    assert_int_equal(o->host.tunnels[2].port, 8472);
    assert_int_equal(o->host.tunnels[3].type, ENCAP_GENEVE);
    assert_int_equal(o->host.tunnels[3].port, 0);
    object_destroy(o);
}

static void
test_segment(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'segment','id':'blue','revision':3,'vni':16777215,"
        "'encap':'vxlan','broadcast':'replicate','unknown_unicast':'replicate'"
        ",'multicast':'snoop','mtu':1450,'subnets':["
        "{'cidr':'10.0.0.0/24','gateway':'10.0.0.1',"
        "'dns':['10.0.0.53','2001:db8::53','10.0.0.53'],'dhcp':true,"
        "'lease':3600,'domain':'blue.example'},{'cidr':'fd00::/64'}]}");
    const struct segment_object *s = &o->segment;

    assert_int_equal(o->revision, 3);
    assert_int_equal(s->vni, 16777215);
    assert_int_equal(s->encap, ENCAP_VXLAN);
    assert_int_equal(s->broadcast, POLICY_REPLICATE);
    assert_int_equal(s->unknown_unicast, POLICY_REPLICATE);
    assert_int_equal(s->multicast, POLICY_SNOOP);
    assert_int_equal(s->mtu, 1450);
    assert_int_equal(s->n_subnets, 2);
    assert_prefix(&s->subnets[0].cidr, "10.0.0.0", 120);
    assert_true(s->subnets[0].has_gateway);
    assert_ip(&s->subnets[0].gateway, "10.0.0.1");
    assert_int_equal(s->subnets[0].n_dns, 2);
    assert_ip(&s->subnets[0].dns[1], "2001:db8::53");
    assert_true(s->subnets[0].dhcp);
    assert_int_equal(s->subnets[0].lease, 3600);
    assert_string_equal(s->subnets[0].domain, "blue.example");
    assert_prefix(&s->subnets[1].cidr, "fd00::", 64);
    assert_false(s->subnets[1].has_gateway);
    assert_false(s->subnets[1].dhcp);
    assert_int_equal(s->subnets[1].lease, 86400);
    assert_null(s->subnets[1].domain);
    object_destroy(o);
}

/* What is not given, or null, has its default. */
static void
test_segment_defaults(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'segment','id':'b','vni':1,'encap':null,'broadcast':null,"
        "'mtu':null,'subnets':null,'revision':null}");

    assert_int_equal(o->revision, 0);
    assert_int_equal(o->segment.encap, ENCAP_NONE);
    assert_int_equal(o->segment.broadcast, POLICY_DROP);
    assert_int_equal(o->segment.unknown_unicast, POLICY_DROP);
    assert_int_equal(o->segment.multicast, POLICY_DROP);
    assert_int_equal(o->segment.mtu, 0);
    assert_int_equal(o->segment.n_subnets, 0);
    object_destroy(o);

    o = decode("{'kind':'segment','id':'b','vni':4294967295,'encap':'gre'}");
    assert_true(o->segment.vni == UINT32_MAX);
    object_destroy(o);
}

static void
test_router(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'router','id':'r1','mac':'02:00:5e:00:00:01',"
        "'segments':['blue','red','blue'],'routes':["
        "{'cidr':'0.0.0.0/0','via':'10.0.0.254'},"
        "{'cidr':'::/0','via':'fe80::1'}]}");
    const struct router_object *r = &o->router;

    assert_true(eth_addr_equals(r->mac, (struct eth_addr)
                                ETH_ADDR_C(02,00,5e,00,00,01)));
    assert_int_equal(r->n_segments, 2);
    assert_string_equal(r->segments[0], "blue");
    assert_string_equal(r->segments[1], "red");
    assert_int_equal(r->n_routes, 2);
    assert_prefix(&r->routes[0].cidr, "::ffff:0.0.0.0", 96);
    assert_ip(&r->routes[0].via, "10.0.0.254");
    assert_prefix(&r->routes[1].cidr, "::", 0);
    object_destroy(o);
}

static void
test_endpoint(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'endpoint','id':'6f2c','revision':9,'segment':'blue',"
        "'host':'hv2','mac':'02:00:00:00:00:0A',"
        "'ips':['10.0.0.2','fd00::2','10.0.0.2','FD00:0::2'],"
        "'port_security':false,'hostname':'web1','allowed_pairs':["
        "{'ip':'10.0.0.100'},"
        "{'mac':'02:00:00:00:00:0a','ip':'10.0.0.100'},"
        "{'mac':'00:00:5e:00:01:01','ip':'10.1.2.3/16'},"
        "{'ip':'fd00::1/64'},{'ip':'0.0.0.0/0'}]}");
    const struct endpoint_object *e = &o->endpoint;

    assert_string_equal(e->segment, "blue");
    assert_string_equal(e->host, "hv2");
    assert_int_equal(e->mac.ea[5], 10);
    assert_int_equal(e->n_ips, 2);
    assert_ip(&e->ips[0], "10.0.0.2");
    assert_ip(&e->ips[1], "fd00::2");
    assert_false(e->port_security);
    assert_string_equal(e->hostname, "web1");

    /* The first two are the same. */
    assert_int_equal(e->n_pairs, 4);
    assert_true(eth_addr_equals(e->pairs[0].mac, e->mac));
    assert_prefix(&e->pairs[0].ip, "10.0.0.100", 128);
    assert_int_equal(e->pairs[1].mac.ea[2], 0x5e);
    assert_prefix(&e->pairs[1].ip, "10.1.0.0", 112);
    assert_prefix(&e->pairs[2].ip, "fd00::", 64);
    assert_prefix(&e->pairs[3].ip, "::ffff:0.0.0.0", 96);
    object_destroy(o);
}

static void
test_endpoint_defaults(void **state OVS_UNUSED)
{
    struct object *o = decode(
        "{'kind':'endpoint','id':'a','segment':'b','host':'h',"
        "'mac':'02:00:00:00:00:01','hostname':''}");

    assert_int_equal(o->endpoint.n_ips, 0);
    assert_int_equal(o->endpoint.n_pairs, 0);
    assert_true(o->endpoint.port_security);
    assert_null(o->endpoint.hostname);
    object_destroy(o);
}

/* Refused objects. */

struct refusal {
    const char *json;
    const char *error;
};

#define HOST(MORE) "{'kind':'host','id':'hv'," MORE "}"
#define TUNNEL(MORE) HOST("'tunnels':[{" MORE "}]")
#define SEGMENT(MORE) "{'kind':'segment','id':'blue'," MORE "}"
#define SUBNET(MORE) SEGMENT("'vni':7,'subnets':[{" MORE "}]")
#define ROUTER(MORE) "{'kind':'router','id':'r'," MORE "}"
#define ROUTER_OK "'mac':'02:00:00:00:00:01','segments':[]"
#define ENDPOINT(MORE) "{'kind':'endpoint','id':'vm1'," MORE "}"
#define PLACED "'segment':'blue','host':'hv'"
#define ENDPOINT_OK PLACED ",'mac':'02:00:00:00:00:01'"
#define IPS(MORE) ENDPOINT(ENDPOINT_OK ",'ips':[" MORE "]")
#define PAIR(MORE) ENDPOINT(ENDPOINT_OK ",'allowed_pairs':[{" MORE "}]")

#define NO_ID "which is not 1 to 255 printable ASCII characters without spaces"
#define NO_MAC "which is not a MAC address (xx:xx:xx:xx:xx:xx)"
#define NO_IP "which is not an IPv4 or IPv6 address"
#define NO_PREFIX "which is not an IPv4 or IPv6 prefix"
#define NO_VNI "which is not within 1 to 16777215"
#define FAMILY "which is not of the address family of 'cidr'"

static const struct refusal refusals[] = {
    /* No object at all. */
    { "[]", "the object is an array, which is not an object" },
    { "17", "the object is 17, which is not an object" },
    { "'host'", "the object is 'host', which is not an object" },
    { "null", "the object is null, which is not an object" },

    /* Any object. */
    { "{}", "'kind' is missing" },
    { "{'kind':null}", "'kind' is missing" },
    { "{'kind':5}", "'kind' is 5, which is not a string" },
    { "{'kind':'acl','id':'a'}", "'kind' is 'acl', which is not known" },
    { "{'kind':'Host','id':'a'}", "'kind' is 'Host', which is not known" },
    { "{'kind':'host'}", "host: 'id' is missing" },
    { "{'kind':'host','id':7}", "host: 'id' is 7, which is not a string" },
    { "{'kind':'host','id':''}", "host: 'id' is '', " NO_ID },
    { "{'kind':'host','id':'a b'}", "host: 'id' is 'a b', " NO_ID },
    { "{'kind':'host','id':'a\\n2024|ERR|x'}",
      "host: 'id' is 'a\\0122024|ERR|x', " NO_ID },
    { "{'kind':'host','id':'\\u00e4'}",
      "host: 'id' is '\\303\\244', " NO_ID },
    { "{'kind':'host','id':'a\\u0000b'}",
      "host: 'id' is 'a\\000b', which holds a NUL character" },
    { HOST("'revision':-1"),
      "host 'hv': 'revision' is -1, which is not within 0 to "
      "9223372036854775807" },
    { HOST("'revision':'7'"),
      "host 'hv': 'revision' is '7', which is not an integer" },
    { HOST("'revision':7.5"),
      "host 'hv': 'revision' is 7.5, which is not an integer" },
    { HOST("'revision':true"),
      "host 'hv': 'revision' is true, which is not an integer" },

    /* Hosts. */
    { HOST("'x':1"), "host 'hv': 'tunnels' is missing" },
    { HOST("'tunnels':{}"),
      "host 'hv': 'tunnels' is an object, which is not an array" },
    { HOST("'tunnels':['vxlan']"),
      "host 'hv': 'tunnels[0]' is 'vxlan', which is not an object" },
    { HOST("'tunnels':[null]"),
      "host 'hv': 'tunnels[0]' is null, which is not an object" },
    { TUNNEL("'ip':'192.0.2.1'"), "host 'hv': 'tunnels[0].type' is missing" },
    { TUNNEL("'type':'stt','ip':'192.0.2.1'"),
      "host 'hv': 'tunnels[0].type' is 'stt', which is none of vxlan, gre and "
      "geneve" },
    { TUNNEL("'type':'none','ip':'192.0.2.1'"),
      "host 'hv': 'tunnels[0].type' is 'none', which is none of vxlan, gre "
      "and geneve" },
    { TUNNEL("'type':'gre'"), "host 'hv': 'tunnels[0].ip' is missing" },
    { TUNNEL("'type':'gre','ip':3232235521"),
      "host 'hv': 'tunnels[0].ip' is 3232235521, which is not a string" },
    { TUNNEL("'type':'gre','ip':'hv2.example'"),      /* R21 */
      "host 'hv': 'tunnels[0].ip' is 'hv2.example', " NO_IP },
    { TUNNEL("'type':'gre','ip':'localhost'"),
      "host 'hv': 'tunnels[0].ip' is 'localhost', " NO_IP },
    { TUNNEL("'type':'gre','ip':'192.0.2.1/24'"),
      "host 'hv': 'tunnels[0].ip' is '192.0.2.1/24', " NO_IP },
    { TUNNEL("'type':'gre','ip':'192.0.2.1:4789'"),
      "host 'hv': 'tunnels[0].ip' is '192.0.2.1:4789', " NO_IP },
    { TUNNEL("'type':'gre','ip':'127.0.0.1'"),
      "host 'hv': 'tunnels[0].ip' is '127.0.0.1', which is a loopback "
      "address" },
    { TUNNEL("'type':'gre','ip':'0.0.0.0'"),
      "host 'hv': 'tunnels[0].ip' is '0.0.0.0', which is an unspecified "
      "address" },
    { TUNNEL("'type':'gre','ip':'255.255.255.255'"),
      "host 'hv': 'tunnels[0].ip' is '255.255.255.255', which is the "
      "broadcast address" },
    { TUNNEL("'type':'gre','ip':'239.1.1.1'"),
      "host 'hv': 'tunnels[0].ip' is '239.1.1.1', which is a multicast "
      "address" },
    { TUNNEL("'type':'gre','ip':'::'"),
      "host 'hv': 'tunnels[0].ip' is '::', which is an unspecified address" },
    { TUNNEL("'type':'gre','ip':'::1'"),
      "host 'hv': 'tunnels[0].ip' is '::1', which is a loopback address" },
    { TUNNEL("'type':'gre','ip':'ff02::1'"),
      "host 'hv': 'tunnels[0].ip' is 'ff02::1', which is a multicast "
      "address" },
    { TUNNEL("'type':'gre','ip':'fe80::1'"),
      "host 'hv': 'tunnels[0].ip' is 'fe80::1', which is a link-local address,"
      " which other hosts cannot reach" },
    { TUNNEL("'type':'gre','ip':'fe80::1%eth0'"),
      "host 'hv': 'tunnels[0].ip' is 'fe80::1%eth0', " NO_IP },
    { TUNNEL("'type':'gre','ip':'::ffff:192.0.2.1'"),
      "host 'hv': 'tunnels[0].ip' is '::ffff:192.0.2.1', which is an "
      "IPv4-mapped IPv6 address; write it as IPv4" },
    { TUNNEL("'type':'vxlan','ip':'192.0.2.1','port':0"),
      "host 'hv': 'tunnels[0].port' is 0, which is not within 1 to 65535" },
    { TUNNEL("'type':'vxlan','ip':'192.0.2.1','port':65536"),
      "host 'hv': 'tunnels[0].port' is 65536, which is not within 1 to "
      "65535" },
    { TUNNEL("'type':'vxlan','ip':'192.0.2.1','port':'4789'"),
      "host 'hv': 'tunnels[0].port' is '4789', which is not an integer" },
    { TUNNEL("'type':'gre','ip':'192.0.2.1','port':4789"),
      "host 'hv': 'tunnels[0].port' is 4789, which gre does not have" },

    /* Segments. */
    { SEGMENT("'x':1"), "segment 'blue': 'vni' is missing" },
    { SEGMENT("'vni':0"), "segment 'blue': 'vni' is 0, " NO_VNI },
    { SEGMENT("'vni':-1"), "segment 'blue': 'vni' is -1, " NO_VNI },
    { SEGMENT("'vni':16777216"),
      "segment 'blue': 'vni' is 16777216, " NO_VNI },
    { SEGMENT("'vni':16777216,'encap':'geneve'"),
      "segment 'blue': 'vni' is 16777216, " NO_VNI },
    { SEGMENT("'vni':4294967296,'encap':'gre'"),
      "segment 'blue': 'vni' is 4294967296, which is not within 1 to "
      "4294967295" },
    { SEGMENT("'vni':'77'"),
      "segment 'blue': 'vni' is '77', which is not an integer" },
    { SEGMENT("'vni':77.5"),
      "segment 'blue': 'vni' is 77.5, which is not an integer" },
    { SEGMENT("'vni':18446744073709551616"),
      "segment 'blue': 'vni' is 1.84467e+19, which is not an integer" },
    { SEGMENT("'vni':7,'revision':-9223372036854775809"),
      "segment 'blue': 'revision' is -9.22337e+18, which is not an "
      "integer" },
    { SEGMENT("'vni':7,'encap':'ipip'"),
      "segment 'blue': 'encap' is 'ipip', which is none of vxlan, gre and "
      "geneve" },
    { SEGMENT("'vni':7,'encap':['gre']"),
      "segment 'blue': 'encap' is an array, which is not a string" },
    { SEGMENT("'vni':7,'broadcast':'flood'"),
      "segment 'blue': 'broadcast' is 'flood', which is none of drop and "
      "replicate" },
    { SEGMENT("'vni':7,'broadcast':'snoop'"),
      "segment 'blue': 'broadcast' is 'snoop', which is none of drop and "
      "replicate" },
    { SEGMENT("'vni':7,'unknown_unicast':false"),
      "segment 'blue': 'unknown_unicast' is false, which is not a string" },
    { SEGMENT("'vni':7,'multicast':''"),
      "segment 'blue': 'multicast' is '', which is none of drop, snoop and "
      "replicate" },
    { SEGMENT("'vni':7,'mtu':67"),
      "segment 'blue': 'mtu' is 67, which is not within 68 to 65535" },
    { SEGMENT("'vni':7,'mtu':65536"),
      "segment 'blue': 'mtu' is 65536, which is not within 68 to 65535" },
    { SEGMENT("'vni':7,'subnets':'10.0.0.0/24'"),
      "segment 'blue': 'subnets' is '10.0.0.0/24', which is not an array" },
    { SUBNET(""), "segment 'blue': 'subnets[0].cidr' is missing" },
    { SUBNET("'cidr':'10.0.0.0'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0', " NO_PREFIX },
    { SUBNET("'cidr':'10.0.0.1/24'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.1/24', which is a prefix "
      "with host bits set" },
    { SUBNET("'cidr':'10.0.0.0/33'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0/33', " NO_PREFIX },
    { SUBNET("'cidr':'10.0.0.0/-1'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0/-1', " NO_PREFIX },
    { SUBNET("'cidr':'10.0.0.0/'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0/', " NO_PREFIX },
    { SUBNET("'cidr':'10.0.0.0/024'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0/024', " NO_PREFIX },
    { SUBNET("'cidr':'10.0.0.0/255.0.0.0'"),
      "segment 'blue': 'subnets[0].cidr' is '10.0.0.0/255.0.0.0', "
      NO_PREFIX },
    { SUBNET("'cidr':'fd00::/129'"),
      "segment 'blue': 'subnets[0].cidr' is 'fd00::/129', " NO_PREFIX },
    { SUBNET("'cidr':'224.0.0.0/4'"),
      "segment 'blue': 'subnets[0].cidr' is '224.0.0.0/4', which is a "
      "multicast prefix" },
    { SUBNET("'cidr':'::ffff:10.0.0.0/104'"),
      "segment 'blue': 'subnets[0].cidr' is '::ffff:10.0.0.0/104', which is "
      "an IPv4-mapped IPv6 address; write it as IPv4" },
    { SEGMENT("'vni':7,'subnets':[{'cidr':'10.0.0.0/8'},"
              "{'cidr':'10.0.0.0/8'}]"),
      "segment 'blue': 'subnets[1].cidr' is '10.0.0.0/8', which stands there "
      "twice" },
    { SUBNET("'cidr':'10.0.0.0/8','gateway':'fd00::1'"),
      "segment 'blue': 'subnets[0].gateway' is 'fd00::1', " FAMILY },
    { SUBNET("'cidr':'10.0.0.0/8','gateway':'gw'"),
      "segment 'blue': 'subnets[0].gateway' is 'gw', " NO_IP },
    { SUBNET("'cidr':'10.0.0.0/8','dns':'10.0.0.53'"),
      "segment 'blue': 'subnets[0].dns' is '10.0.0.53', which is not an "
      "array" },
    { SUBNET("'cidr':'10.0.0.0/8','dns':['10.0.0.53','dns1']"),
      "segment 'blue': 'subnets[0].dns[1]' is 'dns1', " NO_IP },
    { SUBNET("'cidr':'10.0.0.0/8','dhcp':1"),
      "segment 'blue': 'subnets[0].dhcp' is 1, which is neither true nor "
      "false" },
    { SUBNET("'cidr':'10.0.0.0/8','lease':0"),
      "segment 'blue': 'subnets[0].lease' is 0, which is not within 1 to "
      "4294967295" },
    { SUBNET("'cidr':'10.0.0.0/8','lease':4294967296"),
      "segment 'blue': 'subnets[0].lease' is 4294967296, which is not within "
      "1 to 4294967295" },
    { SUBNET("'cidr':'10.0.0.0/8','domain':'$(reboot)'"),
      "segment 'blue': 'subnets[0].domain' is '$(reboot)', which is not a "
      "host or domain name" },

    /* Routers. */
    { ROUTER("'segments':[]"), "router 'r': 'mac' is missing" },
    { ROUTER("'mac':'02:00:00:00:00:01'"),
      "router 'r': 'segments' is missing" },
    { ROUTER("'mac':'02:00:00:00:00:01','segments':['a',7]"),
      "router 'r': 'segments[1]' is 7, which is not a string" },
    { ROUTER("'mac':'02:00:00:00:00:01','segments':['a b']"),
      "router 'r': 'segments[0]' is 'a b', " NO_ID },
    { ROUTER(ROUTER_OK ",'routes':{}"),
      "router 'r': 'routes' is an object, which is not an array" },
    { ROUTER(ROUTER_OK ",'routes':[0]"),
      "router 'r': 'routes[0]' is 0, which is not an object" },
    { ROUTER(ROUTER_OK ",'routes':[{'via':'10.0.0.1'}]"),
      "router 'r': 'routes[0].cidr' is missing" },
    { ROUTER(ROUTER_OK ",'routes':[{'cidr':'0.0.0.0/0'}]"),
      "router 'r': 'routes[0].via' is missing" },
    { ROUTER(ROUTER_OK ",'routes':[{'cidr':'default','via':'10.0.0.1'}]"),
      "router 'r': 'routes[0].cidr' is 'default', " NO_PREFIX },
    { ROUTER(ROUTER_OK ",'routes':[{'cidr':'0.0.0.0/0','via':'::2'}]"),
      "router 'r': 'routes[0].via' is '::2', " FAMILY },
    { ROUTER(ROUTER_OK ",'routes':[{'cidr':'10.0.0.0/8','via':'10.0.0.1'},"
             "{'cidr':'10.0.0.0/8','via':'10.0.0.2'}]"),
      "router 'r': 'routes[1].cidr' is '10.0.0.0/8', which stands there "
      "twice" },

    /* Endpoints. */
    { ENDPOINT("'host':'hv'"), "endpoint 'vm1': 'segment' is missing" },
    { ENDPOINT("'segment':'blue'"), "endpoint 'vm1': 'host' is missing" },
    { ENDPOINT("'segment':'blue','host':null"),
      "endpoint 'vm1': 'host' is missing" },
    { ENDPOINT("'segment':'','host':'hv'"),
      "endpoint 'vm1': 'segment' is '', " NO_ID },
    { ENDPOINT("'segment':'blue','host':['hv']"),
      "endpoint 'vm1': 'host' is an array, which is not a string" },
    { ENDPOINT(PLACED), "endpoint 'vm1': 'mac' is missing" },
    { ENDPOINT(PLACED ",'mac':1"),
      "endpoint 'vm1': 'mac' is 1, which is not a string" },
    { ENDPOINT(PLACED ",'mac':''"), "endpoint 'vm1': 'mac' is '', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'02:00:00:00:00'"),
      "endpoint 'vm1': 'mac' is '02:00:00:00:00', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'02:00:00:00:00:01:02'"),
      "endpoint 'vm1': 'mac' is '02:00:00:00:00:01:02', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'2:0:0:0:0:1'"),
      "endpoint 'vm1': 'mac' is '2:0:0:0:0:1', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'02-00-00-00-00-01'"),
      "endpoint 'vm1': 'mac' is '02-00-00-00-00-01', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'0g:00:00:00:00:01'"),
      "endpoint 'vm1': 'mac' is '0g:00:00:00:00:01', " NO_MAC },
    { ENDPOINT(PLACED ",'mac':'00:00:00:00:00:00'"),
      "endpoint 'vm1': 'mac' is '00:00:00:00:00:00', which is the zero MAC "
      "address" },
    { ENDPOINT(PLACED ",'mac':'ff:ff:ff:ff:ff:ff'"),
      "endpoint 'vm1': 'mac' is 'ff:ff:ff:ff:ff:ff', which is a multicast or "
      "broadcast MAC address" },
    { ENDPOINT(PLACED ",'mac':'01:00:5e:00:00:01'"),
      "endpoint 'vm1': 'mac' is '01:00:5e:00:00:01', which is a multicast or "
      "broadcast MAC address" },
    { ENDPOINT(ENDPOINT_OK ",'ips':'10.0.0.2'"),
      "endpoint 'vm1': 'ips' is '10.0.0.2', which is not an array" },
    { IPS("'10.0.0.2','10.0.0.256'"),
      "endpoint 'vm1': 'ips[1]' is '10.0.0.256', " NO_IP },
    { IPS("'10.0.0'"), "endpoint 'vm1': 'ips[0]' is '10.0.0', " NO_IP },
    { IPS("'010.0.0.1'"), "endpoint 'vm1': 'ips[0]' is '010.0.0.1', " NO_IP },
    { IPS("' 10.0.0.1'"), "endpoint 'vm1': 'ips[0]' is ' 10.0.0.1', " NO_IP },
    { IPS("'10.0.0.1/32'"),
      "endpoint 'vm1': 'ips[0]' is '10.0.0.1/32', " NO_IP },
    { IPS("'fd00:::1'"), "endpoint 'vm1': 'ips[0]' is 'fd00:::1', " NO_IP },
    { IPS("'0.0.0.0'"),
      "endpoint 'vm1': 'ips[0]' is '0.0.0.0', which is an unspecified "
      "address" },
    { IPS("'224.0.0.1'"),
      "endpoint 'vm1': 'ips[0]' is '224.0.0.1', which is a multicast "
      "address" },
    { IPS("null"), "endpoint 'vm1': 'ips[0]' is null, which is not a string" },
    { IPS("{}"),
      "endpoint 'vm1': 'ips[0]' is an object, which is not a string" },
    { IPS("'10.0.0.1\\u0000'"),
      "endpoint 'vm1': 'ips[0]' is '10.0.0.1\\000', which holds a NUL "
      "character" },
    { ENDPOINT(ENDPOINT_OK ",'port_security':'false'"),
      "endpoint 'vm1': 'port_security' is 'false', which is neither true nor "
      "false" },
    { ENDPOINT(ENDPOINT_OK ",'hostname':'() { :;}; x'"),
      "endpoint 'vm1': 'hostname' is '() { :;}; x', which is not a host or "
      "domain name" },
    { ENDPOINT(ENDPOINT_OK ",'hostname':1e3"),
      "endpoint 'vm1': 'hostname' is 1000, which is not a string" },
    { ENDPOINT(ENDPOINT_OK ",'allowed_pairs':[[]]"),
      "endpoint 'vm1': 'allowed_pairs[0]' is an array, which is not an "
      "object" },
    { PAIR("'mac':'02:00:00:00:00:01'"),
      "endpoint 'vm1': 'allowed_pairs[0].ip' is missing" },
    { PAIR("'ip':'10.0.0.1','mac':'x'"),
      "endpoint 'vm1': 'allowed_pairs[0].mac' is 'x', " NO_MAC },
    { PAIR("'ip':'10.0.0.1/99'"),
      "endpoint 'vm1': 'allowed_pairs[0].ip' is '10.0.0.1/99', " NO_PREFIX },
    { PAIR("'ip':'any'"),
      "endpoint 'vm1': 'allowed_pairs[0].ip' is 'any', " NO_IP },
    { PAIR("'ip':'224.0.0.0/8'"),
      "endpoint 'vm1': 'allowed_pairs[0].ip' is '224.0.0.0/8', which is a "
      "multicast prefix" },
};

/* Returns true, and shows the difference, if 'error' is not 'expected'. */
static bool
check_message(const char *json, const char *error, const char *expected)
{
    bool wrong = strcmp(error, expected);

    if (wrong) {
        print_error("%s:\nsays: %s\nnot:  %s\n", json, error, expected);
    }
    return wrong;
}

static void
test_refusals(void **state OVS_UNUSED)
{
    int n_wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        char *json = quoted(refusals[i].json);
        char *expected = quoted(refusals[i].error);
        char *error = NULL;
        struct object *object = inventory_json_decode_object(
            json, strlen(json), &error);

        if (object) {
            object_destroy(object);
            error = xstrdup("nothing");
        }
        n_wrong += check_message(json, error, expected);
        free(error);
        free(expected);
        free(json);
    }
    assert_int_equal(n_wrong, 0);
}

/* Objects with more of something than an object may have. */

/* Appends 'n' items, separated by commas, each made from 'item' by putting in
 * its number, in hexadecimal. */
static void
put_items(struct ds *s, unsigned int n, const char *before,
          const char *after)
{
    for (unsigned int i = 0; i < n; i++) {
        ds_put_format(s, "%s%s%x%s", i ? "," : "", before, i + 1, after);
    }
}

static char *
try_items(const char *start, unsigned int n, const char *before,
          const char *after, const char *end)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, start);
    put_items(&s, n, before, after);
    ds_put_cstr(&s, end);

    char *json = quoted(ds_cstr(&s));
    char *error = NULL;
    object_destroy(inventory_json_decode_object(json, strlen(json), &error));
    free(json);
    ds_destroy(&s);
    return error;
}

static void
test_limits(void **state OVS_UNUSED)
{
    static const struct {
        const char *start, *before, *after, *end;
        unsigned int max;
        const char *error;
    } cases[] = {
        { "{'kind':'host','id':'hv','tunnels':[",
          "{'type':'gre','ip':'2001:db8::", "'}", "]}", OBJECT_MAX_TUNNELS,
          "'tunnels' is an array, which has 17 items, more than 16" },
        { "{'kind':'segment','id':'b','vni':7,'subnets':[",
          "{'cidr':'fd00:", "::/32'}", "]}", OBJECT_MAX_SUBNETS,
          "'subnets' is an array, which has 65 items, more than 64" },
        { "{'kind':'segment','id':'b','vni':7,'subnets':[{'cidr':'fd00::/8',"
          "'dns':[", "'fd00::", "'", "]}]}", OBJECT_MAX_DNS,
          "'subnets[0].dns' is an array, which has 17 items, more than 16" },
        { "{'kind':'router','id':'r','mac':'02:00:00:00:00:01','segments':[",
          "'s", "'", "]}", OBJECT_MAX_ROUTER_SEGMENTS,
          "'segments' is an array, which has 4097 items, more than 4096" },
        { "{'kind':'router','id':'r','mac':'02:00:00:00:00:01','segments':[],"
          "'routes':[", "{'via':'fd00::1','cidr':'fd00:", "::/32'}", "]}",
          OBJECT_MAX_ROUTES,
          "'routes' is an array, which has 4097 items, more than 4096" },
        { "{'kind':'endpoint','id':'vm1'," ENDPOINT_OK ",'ips':[", "'fd00::",
          "'", "]}", OBJECT_MAX_IPS,
          "'ips' is an array, which has 257 items, more than 256" },
        { "{'kind':'endpoint','id':'vm1'," ENDPOINT_OK ",'allowed_pairs':[",
          "{'ip':'fd00::", "'}", "]}", OBJECT_MAX_PAIRS,
          "'allowed_pairs' is an array, which has 257 items, more than 256" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = try_items(cases[i].start, cases[i].max, cases[i].before,
                                cases[i].after, cases[i].end);
        assert_null(error);

        char *expected = quoted(cases[i].error);
        error = try_items(cases[i].start, cases[i].max + 1, cases[i].before,
                          cases[i].after, cases[i].end);
        assert_non_null(error);
        if (!strstr(error, expected)) {
            fail_msg("says: %s\nnot:  %s", error, expected);
        }
        free(error);
        free(expected);
    }
}

/* A long id is cut in the message. */
static void
test_long_text_is_cut(void **state OVS_UNUSED)
{
    char id[OBJECT_ID_MAX + 2];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';

    char *json = xasprintf("{\"kind\":\"host\",\"id\":\"%s\"}", id);
    char *error = NULL;
    assert_null(inventory_json_decode_object(json, strlen(json), &error));

    id[100] = '\0';
    char *expected = xasprintf("host: \"id\" is \"%s...\", " NO_ID, id);
    assert_string_equal(error, expected);
    free(expected);
    free(error);
    free(json);
}

/* Pages. */

/* Decodes the page and returns its error, NULL if it is good.  '*n_items', if
 * nonnull, becomes the number of items that came out of it. */
static char *
decode_page(const char *text, size_t len, int *n_items)
{
    /* A copy of exactly that size, so that the sanitizers notice a read
     * beyond it. */
    char *copy = xmemdup(text, len);
    struct inventory_page *page = inventory_page_create(copy, len);
    struct inventory_item item;
    enum inventory_page_event event;
    int n = 0;
    while ((event = inventory_page_next(page, &item)) == INVENTORY_PAGE_ITEM) {
        inventory_item_uninit(&item);
        n++;
    }
    assert_int_equal(inventory_page_next(page, &item), event);
    assert_int_equal(event == INVENTORY_PAGE_ERROR,
                     inventory_page_error(page) != NULL);

    char *error = nullable_xstrdup(inventory_page_error(page));
    inventory_page_destroy(page);
    free(copy);
    if (n_items) {
        *n_items = n;
    }
    return error;
}

static void
test_page(void **state OVS_UNUSED)
{
    char *json = quoted(
        " {'extra':{'items':[1,[2]]}, 'next' : 'C2','items': ["
        "{'kind':'host','id':'hv1','tunnels':[]} ,\n"
        "{'kind':'acl','id':'x'},"
        "{'kind':'endpoint','id':'vm1'},"
        "{'kind':'endpoint','id':'v m'},"
        "7],'version':'1234'}\r\n");
    struct inventory_page *page = inventory_page_create(json, strlen(json));
    struct inventory_item item;

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_string_equal(item.object->id, "hv1");
    assert_null(item.error);
    inventory_item_uninit(&item);

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_null(item.object);
    assert_null(item.error);
    assert_string_equal(item.unknown_kind, "acl");
    inventory_item_uninit(&item);

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_null(item.object);
    assert_string_equal(item.error,
                        "endpoint \"vm1\": \"segment\" is missing");
    assert_int_equal(item.kind, OBJECT_ENDPOINT);
    assert_string_equal(item.id, "vm1");
    inventory_item_uninit(&item);

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_string_equal(item.error, "item 3: endpoint: \"id\" is \"v m\", "
                        NO_ID);
    assert_null(item.id);
    inventory_item_uninit(&item);

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_string_equal(item.error,
                        "item 4: the object is 7, which is not an object");
    inventory_item_uninit(&item);

    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_END);
    assert_string_equal(inventory_page_version(page), "1234");
    assert_string_equal(inventory_page_cursor(page), "C2");
    inventory_page_destroy(page);
    free(json);
}

static void
test_good_pages(void **state OVS_UNUSED)
{
    static const char *const pages[] = {
        "{'version':'1','items':[]}",
        "{'items':[],'version':'1'}",
        "{'version':'1','items':[],'next':null}",
        "\t{\r\n'version' : '~' , 'items' : [ ] }\n\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        char *json = quoted(pages[i]);
        char *error = decode_page(json, strlen(json), NULL);
        assert_null(error);
        free(json);
    }
}

#define BAD "bad JSON at line 1 column "

static const struct refusal bad_pages[] = {
    { "", "the body is empty" },
    { " \n\t ", "the body is empty" },
    { "null", BAD "1: `{` expected, but found 'null'" },
    { "[]", BAD "1: `{` expected, but found '[]'" },
    { "<html><body>Welcome!</body>",
      BAD "1: `{` expected, but found '<html><body>Welcome!'" },
    { "\xef\xbb\xbf{}",
      BAD "1: `{` expected, but found '\\357\\273\\277{}'" },
    { "{", BAD "1: a member`s name expected, but the text ends" },
    { "{}", "'items' is missing" },
    { "{'version':'1'}", "'items' is missing" },
    { "{'items':[]}", "'version' is missing" },
    { "{'items':[],'version':null}", "'version' is missing" },
    { "{'version':7,'items':[]}", "'version' is 7, which is not a string" },
    { "{'version':'','items':[]}",
      "'version' is '', which is not of 1 to 255 bytes" },
    { "{'version':'a\\u0007','items':[]}",
      "'version' is 'a\\007', which is not printable ASCII" },
    { "{'version':'a\\u0000','items':[]}",
      "'version' is 'a\\000', which holds a NUL character" },
    { "{'version':'1','version':'2','items':[]}",
      "'version' is '2', which stands there twice" },
    { "{'version':'1','items':{}}",
      "'items' is an object, which is not an array" },
    { "{'version':'1','items':null}",
      "'items' is null, which is not an array" },
    { "{'version':'1','items':[],'items':[]}",
      "'items' stands there twice" },
    { "{'version':'1','items':[],'next':7}",
      "'next' is 7, which is not a string" },
    { "{'version':'1','items':[],'next':''}",
      "'next' is '', which is not of 1 to 1024 bytes" },
    { "{'version':'1','items':[],'next':'a b\\n'}",
      "'next' is 'a b\\012', which is not printable ASCII" },
    { "{'version':'1','items':[],'next':null,'next':'a'}",
      "'next' is 'a', which stands there twice" },
    { "{'version':'1','items':[]} x",
      BAD "28: nothing more expected, but found 'x'" },
    { "{'version':'1','items':[]}{}",
      BAD "27: nothing more expected, but found '{}'" },
    { "{'version':'1','items':[]", BAD "25: `,` or `}` expected, but the text "
      "ends" },
    { "{'version':'1','items':[",
      BAD "24: a value expected, but the text ends" },
    { "{'version':'1','items':[7",
      BAD "25: `,` or `]` expected, but the text ends" },
    { "{'version':'1','items':[7,",
      BAD "26: a value expected, but the text ends" },
    { "{'version':'1','items':[7,]}", BAD "27: unexpected token near `]`" },
    { "{'version':'1','items':[7 7]}",
      BAD "27: `,` or `]` expected, but found '7]}'" },
    { "{'version':'1','items':[{'kind':'ho",
      BAD "35: premature end of input near `'ho`" },
    { "{'version':'1',}",
      BAD "16: a member`s name expected, but found '}'" },
    { "{'version' '1'}", BAD "12: `:` expected, but found '\\'1\\'}'" },
    { "{version:'1'}",
      BAD "2: a member`s name expected, but found 'version:\\'1\\'}'" },
    { "{'version':'1','items':[{'id':'a','id':'b'}]}",
      BAD "38: duplicate object key near `'id'`" },
    { "{'version':'1','items':[1e999]}",
      BAD "29: real number overflow near `1e999`" },
    { "{'version':'1','items':[NaN]}", BAD "27: invalid token near `NaN`" },
    { "{'version':'1','items':[01]}", BAD "25: invalid token near `0`" },
    { "{'version':'1','items':['\xff']}",
      BAD "25: unable to decode byte 0xff near `'`" },
    { "{'version':'1','items':['\xc0\x80']}",
      BAD "25: unable to decode byte 0xc0 near `'`" },
    { "{'version':'1','items':['\xed\xa0\x80']}",
      BAD "25: unable to decode byte 0xed near `'`" },
    { "{'version':'1','items':['\\ud800']}",
      BAD "32: invalid Unicode `\\134uD800` near `'\\134ud800'`" },
    { "{'version':'1','items':['a\nb']}",
      BAD "26: unexpected newline near `'a`" },
    { "{'version':'1','items':['a\x1b']}",
      BAD "26: control character 0x1b near `'a`" },
    { "{'version':'1','items':[// x\n]}", BAD "25: invalid token near `/`" },
    { "{'version':'1',\n'items':\n[tru]}",
      "bad JSON at line 3 column 4: invalid token near `tru`" },
};

/* In messages of this table ` stands for '. */
static void
test_bad_pages(void **state OVS_UNUSED)
{
    int n_wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(bad_pages); i++) {
        char *json = quoted(bad_pages[i].json);
        char *expected = quoted(bad_pages[i].error);
        for (char *p = expected; *p; p++) {
            *p = *p == '`' ? '\'' : *p;
        }

        char *error = decode_page(json, strlen(json), NULL);
        n_wrong += check_message(json, error ? error : "nothing", expected);
        free(error);
        free(expected);
        free(json);
    }
    assert_int_equal(n_wrong, 0);
}

/* A page that ends anywhere but at its end is refused. */
static void
test_truncated_anywhere(void **state OVS_UNUSED)
{
    char *json = quoted("{'version':'1','items':[{'kind':'host','id':'hv1',"
                        "'tunnels':[{'type':'gre','ip':'192.0.2.1'}]},"
                        "{'kind':'segment','id':'s','vni':77}],'next':'a'}");

    for (size_t len = 0; len < strlen(json); len++) {
        char *error = decode_page(json, len, NULL);
        assert_non_null(error);
        free(error);
    }
    char *error = decode_page(json, strlen(json), NULL);
    assert_null(error);
    free(json);
}

/* Any byte replaced by any other: nothing crashes, and what is refused says
 * why. */
static void
test_corrupted_anywhere(void **state OVS_UNUSED)
{
    char *json = quoted("{'version':'1','items':[{'kind':'host','id':'h',"
                        "'tunnels':[{'type':'gre','ip':'192.0.2.1'}]}]}");
    size_t len = strlen(json);

    for (size_t i = 0; i < len; i++) {
        char original = json[i];
        for (int c = 0; c < 256; c++) {
            json[i] = c;
            free(decode_page(json, len, NULL));
        }
        json[i] = original;
    }
    free(json);
}

static void
test_nul_bytes(void **state OVS_UNUSED)
{
    static const char page[] = "{\"version\":\"1\",\0\"items\":[]}";
    char *error = decode_page(page, sizeof page - 1, NULL);
    assert_string_equal(error, BAD "16: a member's name expected, but found "
                        "\"\\000\\\"items\\\":[]}\"");
    free(error);

    static const char zeros[64];
    error = decode_page(zeros, sizeof zeros, NULL);
    assert_non_null(error);
    free(error);
}

/* Returns "{"version":"1","items":[", 'n' times 'unit', and 'end'. */
static void
put_repeated(struct ds *s, const char *unit, size_t n, const char *end)
{
    ds_put_cstr(s, "{\"version\":\"1\",\"items\":[");
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(s, unit);
    }
    ds_put_cstr(s, end);
}

static void
test_bombs(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    int n;

    /* A million nested arrays, and objects. */
    put_repeated(&s, "[", 1000000, "");
    char *error = decode_page(s.string, s.length, NULL);
    assert_non_null(strstr(error, "maximum parsing depth reached"));
    free(error);
    ds_clear(&s);
    put_repeated(&s, "{\"a\":", 1000000, "");
    error = decode_page(s.string, s.length, NULL);
    assert_non_null(strstr(error, "maximum parsing depth reached"));
    free(error);

    /* One large value. */
    ds_clear(&s);
    put_repeated(&s, "[", 1, "");
    for (int i = 0; i < 1000000; i++) {
        ds_put_cstr(&s, "[],");
    }
    ds_put_cstr(&s, "[]]]}");
    error = decode_page(s.string, s.length, NULL);
    assert_non_null(strstr(error, "a value of more than 2097152 bytes"));
    free(error);

    /* One endless string. */
    ds_clear(&s);
    put_repeated(&s, "\"", 1, "");
    ds_put_char_multiple(&s, 'x', 3 * 1024 * 1024);
    error = decode_page(s.string, s.length, NULL);
    assert_non_null(strstr(error, "a value of more than 2097152 bytes"));
    free(error);

    /* Many small values are fine, if useless. */
    ds_clear(&s);
    put_repeated(&s, "[],", 99999, "[]]}");
    error = decode_page(s.string, s.length, &n);
    assert_null(error);
    assert_int_equal(n, 100000);
    ds_destroy(&s);
}

/* The largest router there can be passes the bound for one value. */
static void
test_largest_object(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char id[OBJECT_ID_MAX + 1];
    memset(id, 'x', sizeof id);

    put_repeated(&s, "", 0, "{\"kind\":\"router\",\"id\":\"r\",\"mac\":"
                 "\"02:00:00:00:00:01\",\"segments\":[");
    for (int i = 0; i < OBJECT_MAX_ROUTER_SEGMENTS; i++) {
        snprintf(id + OBJECT_ID_MAX - 4, 5, "%04x", i);
        ds_put_format(&s, "%s\"%s\"", i ? "," : "", id);
    }
    ds_put_cstr(&s, "],\"routes\":[");
    for (int i = 0; i < OBJECT_MAX_ROUTES; i++) {
        ds_put_format(&s, "%s{\"cidr\":\"2001:0db8:%04x:0000:0000:0000:0000:"
                      "0000/128\",\"via\":\"2001:0db8:ffff:ffff:ffff:ffff:"
                      "ffff:ffff\"}", i ? "," : "", i);
    }
    ds_put_cstr(&s, "]}]}");

    struct inventory_page *page = inventory_page_create(s.string, s.length);
    struct inventory_item item;
    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_ITEM);
    assert_null(item.error);
    assert_int_equal(item.object->router.n_segments,
                     OBJECT_MAX_ROUTER_SEGMENTS);
    assert_int_equal(item.object->router.n_routes, OBJECT_MAX_ROUTES);
    inventory_item_uninit(&item);
    assert_int_equal(inventory_page_next(page, &item), INVENTORY_PAGE_END);
    inventory_page_destroy(page);
    ds_destroy(&s);
}

/* Text after a single object is refused. */
static void
test_object_and_more(void **state OVS_UNUSED)
{
    static const char text[] =
        "{\"kind\":\"host\",\"id\":\"h\",\"tunnels\":[]}\n{}";
    char *error = NULL;

    assert_null(inventory_json_decode_object(text, sizeof text - 1, &error));
    assert_string_equal(error, "bad JSON at line 2 column 1: nothing more "
                        "expected, but found \"{}\"");
    free(error);
}

static struct json_t *
read_value(const char *s)
{
    struct json_text text = { .text = s, .len = strlen(s) };
    char *error = NULL;
    struct json_t *value = text_read_only_value(&text, &error);

    if (!value) {
        fail_msg("%s", error);
    }
    return value;
}

/* 'value' is an array of 'n' strings 's'. */
static void
assert_strings(struct json_t *value, size_t n, const char *s)
{
    struct json_decoder decoder = { .error = NULL };
    struct json_node array = { .decoder = &decoder, .value = value };
    size_t found;

    assert_true(node_get_array(&array, n, &found));
    assert_int_equal(found, n);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(&array, i);
        const char *string = NULL;

        assert_true(node_get_string(&item, &string));
        assert_string_equal(string, s);
    }
}

/* Values may be read while others live, be freed in any order, and be larger
 * than the memory that is set aside for them; one that cannot be read leaves
 * the others alone. */
static void
test_values_overlap(void **state OVS_UNUSED)
{
    enum { N = 20000 };
    struct ds many = DS_EMPTY_INITIALIZER;
    for (int i = 0; i < N; i++) {
        ds_put_cstr(&many, i ? ",\"many\"" : "[\"many\"");
    }
    ds_put_char(&many, ']');

    struct json_text bad = { .text = "[\"bad\",[1,2,", .len = 12 };
    char *error = NULL;
    struct json_t *first = read_value("[\"first\"]");
    struct json_t *large = read_value(ds_cstr(&many));
    assert_null(text_read_value(&bad, &error));
    free(error);
    struct json_t *third = read_value("[\"third\",\"third\"]");
    assert_strings(first, 1, "first");
    node_value_free(first);
    struct json_t *fourth = read_value("[\"fourth\"]");
    assert_strings(large, N, "many");
    assert_strings(third, 2, "third");
    node_value_free(large);
    assert_strings(fourth, 1, "fourth");
    assert_strings(third, 2, "third");
    node_value_free(third);
    node_value_free(fourth);
    ds_destroy(&many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_segment_defaults),
        cmocka_unit_test(test_router),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_endpoint_defaults),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_good_pages),
        cmocka_unit_test(test_bad_pages),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_corrupted_anywhere),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_largest_object),
        cmocka_unit_test(test_object_and_more),
        cmocka_unit_test(test_values_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
