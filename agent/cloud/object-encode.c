/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "cloud/object-encode.h"

#include <arpa/inet.h>
#include <inttypes.h>

#include "core/objects.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Writing with Open vSwitch's dynamic strings takes a fraction of the time of
 * building a tree first. */

static void
put_key(struct ds *s, const char *key)
{
    ds_put_format(s, ",\"%s\":", key);
}

static void
put_string(struct ds *s, const char *key, const char *value)
{
    put_key(s, key);
    json_string_escape(value, s);
}

/* 0 stands for a number that is not given. */
static void
put_number(struct ds *s, const char *key, uint64_t value)
{
    if (value) {
        put_key(s, key);
        ds_put_format(s, "%"PRIu64, value);
    }
}

static void
put_policy(struct ds *s, const char *key, enum policy policy)
{
    if (policy != POLICY_DROP) {
        put_string(s, key, policy_to_string(policy));
    }
}

static void
put_mac(struct ds *s, const struct eth_addr mac)
{
    ds_put_format(s, "\""ETH_ADDR_FMT"\"", ETH_ADDR_ARGS(mac));
}

/* Appends an address without quotes.  ipv6_string_mapped() is of no use for
 * 0.0.0.0. */
static void
put_bare_ip(struct ds *s, const struct in6_addr *ip)
{
    char text[INET6_ADDRSTRLEN];

    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        inet_ntop(AF_INET, &ip->s6_addr[12], text, sizeof text);
    } else {
        inet_ntop(AF_INET6, ip, text, sizeof text);
    }
    ds_put_cstr(s, text);
}

static void
put_ip(struct ds *s, const struct in6_addr *ip)
{
    ds_put_char(s, '"');
    put_bare_ip(s, ip);
    ds_put_char(s, '"');
}

static void
put_prefix(struct ds *s, const struct ip_prefix *prefix)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&prefix->addr);

    ds_put_char(s, '"');
    put_bare_ip(s, &prefix->addr);
    ds_put_format(s, "/%d\"", v4 ? prefix->plen - 96 : prefix->plen);
}

static void
put_ips(struct ds *s, const char *key, const struct in6_addr *ips, size_t n)
{
    if (!n) {
        return;
    }
    put_key(s, key);
    for (size_t i = 0; i < n; i++) {
        ds_put_char(s, i ? ',' : '[');
        put_ip(s, &ips[i]);
    }
    ds_put_char(s, ']');
}

/* The kinds. */

static void
encode_host(const struct host_object *o, struct ds *s)
{
    put_key(s, "tunnels");
    ds_put_char(s, '[');
    for (size_t i = 0; i < o->n_tunnels; i++) {
        const struct host_tunnel *t = &o->tunnels[i];

        ds_put_format(s, "%s{\"type\":\"%s\"", i ? "," : "",
                      encap_to_string(t->type));
        put_key(s, "ip");
        put_ip(s, &t->ip);
        put_number(s, "port", t->port);
        ds_put_char(s, '}');
    }
    ds_put_char(s, ']');
}

static void
encode_subnet(const struct subnet *subnet, struct ds *s)
{
    ds_put_cstr(s, "{\"cidr\":");
    put_prefix(s, &subnet->cidr);
    if (subnet->has_gateway) {
        put_key(s, "gateway");
        put_ip(s, &subnet->gateway);
    }
    put_ips(s, "dns", subnet->dns, subnet->n_dns);
    if (subnet->dhcp) {
        put_key(s, "dhcp");
        ds_put_cstr(s, "true");
    }
    put_number(s, "lease", subnet->lease);
    if (subnet->domain) {
        put_string(s, "domain", subnet->domain);
    }
    ds_put_char(s, '}');
}

static void
encode_segment(const struct segment_object *o, struct ds *s)
{
    put_number(s, "vni", o->vni);
    if (o->encap != ENCAP_NONE) {
        put_string(s, "encap", encap_to_string(o->encap));
    }
    put_policy(s, "broadcast", o->broadcast);
    put_policy(s, "unknown_unicast", o->unknown_unicast);
    put_policy(s, "multicast", o->multicast);
    put_number(s, "mtu", o->mtu);
    if (o->n_subnets) {
        put_key(s, "subnets");
        for (size_t i = 0; i < o->n_subnets; i++) {
            ds_put_char(s, i ? ',' : '[');
            encode_subnet(&o->subnets[i], s);
        }
        ds_put_char(s, ']');
    }
}

static void
encode_router(const struct router_object *o, struct ds *s)
{
    put_key(s, "mac");
    put_mac(s, o->mac);
    put_key(s, "segments");
    ds_put_char(s, '[');
    for (size_t i = 0; i < o->n_segments; i++) {
        ds_put_cstr(s, i ? "," : "");
        json_string_escape(o->segments[i], s);
    }
    ds_put_char(s, ']');
    if (o->n_routes) {
        put_key(s, "routes");
        for (size_t i = 0; i < o->n_routes; i++) {
            ds_put_cstr(s, i ? ",{\"cidr\":" : "[{\"cidr\":");
            put_prefix(s, &o->routes[i].cidr);
            put_key(s, "via");
            put_ip(s, &o->routes[i].via);
            ds_put_char(s, '}');
        }
        ds_put_char(s, ']');
    }
}

static void
encode_pair(const struct allowed_pair *pair, const struct eth_addr own,
            struct ds *s)
{
    /* With its length also where that is a single address: the decoder lets
     * some pass as a prefix only. */
    ds_put_cstr(s, "{\"ip\":");
    put_prefix(s, &pair->ip);
    if (!eth_addr_equals(pair->mac, own)) {
        put_key(s, "mac");
        put_mac(s, pair->mac);
    }
    ds_put_char(s, '}');
}

static void
encode_endpoint(const struct endpoint_object *o, struct ds *s)
{
    put_string(s, "segment", o->segment);
    put_string(s, "host", o->host);
    put_key(s, "mac");
    put_mac(s, o->mac);
    put_ips(s, "ips", o->ips, o->n_ips);
    if (!o->port_security) {
        put_key(s, "port_security");
        ds_put_cstr(s, "false");
    }
    if (o->hostname) {
        put_string(s, "hostname", o->hostname);
    }
    if (o->n_pairs) {
        put_key(s, "allowed_pairs");
        for (size_t i = 0; i < o->n_pairs; i++) {
            ds_put_char(s, i ? ',' : '[');
            encode_pair(&o->pairs[i], o->mac, s);
        }
        ds_put_char(s, ']');
    }
}

void
object_encode(const struct object *object, struct ds *s)
{
    ds_put_format(s, "{\"kind\":\"%s\"", object_kind_to_string(object->kind));
    put_string(s, "id", object->id);
    put_number(s, "revision", object->revision);
    switch (object->kind) {
    case OBJECT_HOST:
        encode_host(&object->host, s);
        break;

    case OBJECT_SEGMENT:
        encode_segment(&object->segment, s);
        break;

    case OBJECT_ROUTER:
        encode_router(&object->router, s);
        break;

    case OBJECT_ENDPOINT:
        encode_endpoint(&object->endpoint, s);
        break;
    }
    ds_put_char(s, '}');
}
