/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/object-json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/address-text.h"
#include "cloud/inventory-json.h"
#include "cloud/json-node.h"
#include "packets.h"
#include "sset.h"
#include "util.h"

enum {
    VNI_MAX = (1 << 24) - 1,    /* RFC 7348, RFC 8926: 24 bits. */
    MTU_MIN = 68,               /* RFC 791. */
    LEASE_DEFAULT = 86400,      /* Seconds. */
    NAME_MAX_LEN = 253,         /* Of a domain name, as text. */
};

/* Getters for members of one kind of text.  As with node_get_*(), an
 * absent member leaves the value alone. */

/* Checks an id and stores a copy that the caller must free. */
static bool
get_id(const struct json_node *node, char **idp)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    if (s) {
        if (!object_id_is_valid(s, strlen(s))) {
            return node_refuse(node, "is not 1 to %d printable ASCII "
                               "characters without spaces",
                               OBJECT_ID_MAX);
        }
        *idp = xstrdup(s);
    }
    return true;
}

static bool
get_mac(const struct json_node *node, struct eth_addr *mac)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    const char *problem = s ? mac_from_text(s, mac) : NULL;
    return !problem || node_refuse(node, "%s", problem);
}

static bool
get_ip(const struct json_node *node, enum ip_use use, struct in6_addr *ip)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    const char *problem = s ? ip_from_text(s, use, ip) : NULL;
    return !problem || node_refuse(node, "%s", problem);
}

static bool
get_prefix(const struct json_node *node,
           const char *(*parse)(const char *, struct ip_prefix *),
           struct ip_prefix *prefix)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    const char *problem = s ? parse(s, prefix) : NULL;
    return !problem || node_refuse(node, "%s", problem);
}

/* Checks a host or domain name and stores a copy that the caller must free.
 * Names go into DHCP options, from where they reach shell scripts in the
 * guests: letters, digits, '-', '_' and '.' only. */
static bool
get_name(const struct json_node *node, char **namep)
{
    const char *s = NULL;
    if (!node_get_string(node, &s)) {
        return false;
    }
    if (!s || !s[0]) {
        return true;
    }
    if (strlen(s) > NAME_MAX_LEN) {
        return node_refuse(node, "is longer than %d characters",
                           NAME_MAX_LEN);
    }
    for (const char *p = s; *p; p++) {
        if (!isalnum((unsigned char) *p) && !strchr("-_.", *p)) {
            return node_refuse(node, "is not a host or domain name");
        }
    }
    *namep = xstrdup(s);
    return true;
}

static bool
get_encap(const struct json_node *node, enum encap *encap)
{
    const char *s = NULL;
    return (node_get_string(node, &s)
            && (!s || encap_from_string(s, encap)
                || node_refuse(node,
                               "is none of vxlan, gre and geneve")));
}

/* 'snoop' says whether POLICY_SNOOP is possible. */
static bool
get_policy(const struct json_node *node, bool snoop, enum policy *policyp)
{
    const char *s = NULL;
    enum policy policy;

    if (!node_get_string(node, &s)) {
        return false;
    }
    if (s) {
        if (!policy_from_string(s, &policy)
            || (policy == POLICY_SNOOP && !snoop)) {
            return node_refuse(node, "is none of %s",
                               (snoop ? "drop, snoop and replicate"
                                : "drop and replicate"));
        }
        *policyp = policy;
    }
    return true;
}

/* Adds 'ip' to the '*n' addresses in 'ips' if it is not among them. */
static void
add_ip(struct in6_addr *ips, size_t *n, const struct in6_addr *ip)
{
    for (size_t i = 0; i < *n; i++) {
        if (ipv6_addr_equals(&ips[i], ip)) {
            return;
        }
    }
    ips[(*n)++] = *ip;
}

static bool
prefix_equals(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->plen == b->plen && ipv6_addr_equals(&a->addr, &b->addr);
}

/* Hosts. */

static bool
decode_tunnel(const struct json_node *node, struct host_tunnel *tunnel)
{
    if (!node_is_object(node)) {
        return false;
    }

    struct json_node type = node_member(node, "type");
    struct json_node ip = node_member(node, "ip");
    struct json_node port_node = node_member(node, "port");
    uint64_t port = 0;
    if (!node_require(&type) || !get_encap(&type, &tunnel->type)
        || !node_require(&ip)
        || !get_ip(&ip, IP_OF_TUNNEL, &tunnel->ip)
        || !node_get_integer(&port_node, 1, UINT16_MAX, &port)) {
        return false;
    }

    uint16_t default_port = encap_default_port(tunnel->type);
    if (port && !default_port) {
        return node_refuse(&port_node, "%s does not have",
                           encap_to_string(tunnel->type));
    }
    tunnel->port = port == default_port ? 0 : port;
    return true;
}

static bool
host_has_tunnel(const struct host_object *host,
                const struct host_tunnel *tunnel)
{
    for (size_t i = 0; i < host->n_tunnels; i++) {
        const struct host_tunnel *t = &host->tunnels[i];
        if (t->type == tunnel->type && t->port == tunnel->port
            && ipv6_addr_equals(&t->ip, &tunnel->ip)) {
            return true;
        }
    }
    return false;
}

static bool
decode_host(const struct json_node *root, struct object *object)
{
    struct host_object *host = &object->host;
    struct json_node tunnels = node_member(root, "tunnels");
    size_t n;

    if (!node_require(&tunnels)
        || !node_get_array(&tunnels, OBJECT_MAX_TUNNELS, &n)) {
        return false;
    }

    host->tunnels = xcalloc(n, sizeof *host->tunnels);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(&tunnels, i);
        struct host_tunnel tunnel;
        if (!decode_tunnel(&item, &tunnel)) {
            return false;
        }
        if (!host_has_tunnel(host, &tunnel)) {
            host->tunnels[host->n_tunnels++] = tunnel;
        }
    }
    return true;
}

/* Segments. */

static bool
decode_dns(const struct json_node *node, struct subnet *subnet)
{
    size_t n;

    if (!node_get_array(node, OBJECT_MAX_DNS, &n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(node, i);
        struct in6_addr ip;
        if (!get_ip(&item, IP_OF_ENDPOINT, &ip)) {
            return false;
        }
        add_ip(subnet->dns, &subnet->n_dns, &ip);
    }
    return true;
}

static bool
decode_gateway(const struct json_node *node, struct subnet *subnet)
{
    if (!get_ip(node, IP_OF_ENDPOINT, &subnet->gateway)) {
        return false;
    }
    subnet->has_gateway = node->value != NULL;
    return (!subnet->has_gateway
            || ip_same_family(&subnet->gateway, &subnet->cidr.addr)
            || node_refuse(node, "is not of the address family of "
                           "\"cidr\""));
}

/* Fills in '*subnet', which must be all zeros. */
static bool
decode_subnet(const struct json_node *node, struct subnet *subnet)
{
    if (!node_is_object(node)) {
        return false;
    }

    struct json_node cidr = node_member(node, "cidr");
    struct json_node gateway = node_member(node, "gateway");
    struct json_node dns = node_member(node, "dns");
    struct json_node dhcp = node_member(node, "dhcp");
    struct json_node lease_node = node_member(node, "lease");
    struct json_node domain = node_member(node, "domain");
    uint64_t lease = LEASE_DEFAULT;
    if (!node_require(&cidr)
        || !get_prefix(&cidr, cidr_from_text, &subnet->cidr)
        || !decode_gateway(&gateway, subnet)
        || !decode_dns(&dns, subnet)
        || !node_get_bool(&dhcp, &subnet->dhcp)
        || !node_get_integer(&lease_node, 1, UINT32_MAX, &lease)
        || !get_name(&domain, &subnet->domain)) {
        return false;
    }
    subnet->lease = lease;
    return true;
}

static bool
decode_subnets(const struct json_node *node, struct segment_object *segment)
{
    size_t n;

    if (!node_get_array(node, OBJECT_MAX_SUBNETS, &n)) {
        return false;
    }
    segment->subnets = xcalloc(n, sizeof *segment->subnets);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(node, i);
        struct subnet *subnet = &segment->subnets[segment->n_subnets++];
        if (!decode_subnet(&item, subnet)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (prefix_equals(&segment->subnets[j].cidr, &subnet->cidr)) {
                struct json_node cidr = node_member(&item, "cidr");
                return node_refuse(&cidr, "stands there twice");
            }
        }
    }
    return true;
}

static bool
decode_segment(const struct json_node *root, struct object *object)
{
    struct segment_object *segment = &object->segment;
    struct json_node encap = node_member(root, "encap");
    struct json_node vni_node = node_member(root, "vni");
    struct json_node broadcast = node_member(root, "broadcast");
    struct json_node unicast = node_member(root, "unknown_unicast");
    struct json_node multicast = node_member(root, "multicast");
    struct json_node mtu_node = node_member(root, "mtu");
    struct json_node subnets = node_member(root, "subnets");
    uint64_t vni = 0;
    uint64_t mtu = 0;

    /* The encapsulation comes first: the range of the VNI depends on it. */
    if (!get_encap(&encap, &segment->encap)
        || !node_require(&vni_node)
        || !node_get_integer(&vni_node, 1,
                             (segment->encap == ENCAP_GRE
                              ? UINT32_MAX : VNI_MAX), &vni)
        || !get_policy(&broadcast, false, &segment->broadcast)
        || !get_policy(&unicast, false, &segment->unknown_unicast)
        || !get_policy(&multicast, true, &segment->multicast)
        || !node_get_integer(&mtu_node, MTU_MIN, UINT16_MAX, &mtu)
        || !decode_subnets(&subnets, segment)) {
        return false;
    }
    segment->vni = vni;
    segment->mtu = mtu;
    return true;
}

/* Routers. */

static bool
decode_router_segments(const struct json_node *node,
                       struct router_object *router)
{
    size_t n;

    if (!node_require(node)
        || !node_get_array(node, OBJECT_MAX_ROUTER_SEGMENTS, &n)) {
        return false;
    }

    struct sset seen = SSET_INITIALIZER(&seen);
    bool ok = true;
    router->segments = xcalloc(n, sizeof *router->segments);
    for (size_t i = 0; ok && i < n; i++) {
        struct json_node item = node_item(node, i);
        char *id = NULL;
        ok = get_id(&item, &id);
        if (ok && sset_add(&seen, id)) {
            router->segments[router->n_segments++] = id;
        } else {
            free(id);
        }
    }
    sset_destroy(&seen);
    return ok;
}

static bool
decode_route(const struct json_node *node, struct route *route)
{
    if (!node_is_object(node)) {
        return false;
    }

    struct json_node cidr = node_member(node, "cidr");
    struct json_node via = node_member(node, "via");
    return (node_require(&cidr)
            && get_prefix(&cidr, cidr_from_text, &route->cidr)
            && node_require(&via)
            && get_ip(&via, IP_OF_ENDPOINT, &route->via)
            && (ip_same_family(&route->via, &route->cidr.addr)
                || node_refuse(&via, "is not of the address family of "
                               "\"cidr\"")));
}

/* One prefix with two next hops could not be obeyed, so it is refused, which
 * covers a route that simply stands there twice. */
static bool
decode_routes(const struct json_node *node, struct router_object *router)
{
    size_t n;

    if (!node_get_array(node, OBJECT_MAX_ROUTES, &n)) {
        return false;
    }

    struct sset seen = SSET_INITIALIZER(&seen);
    bool ok = true;
    router->routes = xcalloc(n, sizeof *router->routes);
    for (size_t i = 0; ok && i < n; i++) {
        struct json_node item = node_item(node, i);
        struct route *route = &router->routes[router->n_routes];
        ok = decode_route(&item, route);
        if (ok) {
            char address[INET6_ADDRSTRLEN];
            ipv6_string_mapped(address, &route->cidr.addr);
            char *key = xasprintf("%s/%d", address, route->cidr.plen);
            struct json_node cidr = node_member(&item, "cidr");
            ok = (sset_add(&seen, key)
                  || node_refuse(&cidr, "stands there twice"));
            free(key);
            router->n_routes += ok;
        }
    }
    sset_destroy(&seen);
    return ok;
}

static bool
decode_router(const struct json_node *root, struct object *object)
{
    struct router_object *router = &object->router;
    struct json_node mac = node_member(root, "mac");
    struct json_node segments = node_member(root, "segments");
    struct json_node routes = node_member(root, "routes");

    return (node_require(&mac) && get_mac(&mac, &router->mac)
            && decode_router_segments(&segments, router)
            && decode_routes(&routes, router));
}

/* Endpoints. */

static bool
decode_ips(const struct json_node *node, struct endpoint_object *endpoint)
{
    size_t n;

    if (!node_get_array(node, OBJECT_MAX_IPS, &n)) {
        return false;
    }
    endpoint->ips = xcalloc(n, sizeof *endpoint->ips);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(node, i);
        struct in6_addr ip;
        if (!get_ip(&item, IP_OF_ENDPOINT, &ip)) {
            return false;
        }
        add_ip(endpoint->ips, &endpoint->n_ips, &ip);
    }
    return true;
}

static bool
endpoint_has_pair(const struct endpoint_object *endpoint,
                  const struct allowed_pair *pair)
{
    for (size_t i = 0; i < endpoint->n_pairs; i++) {
        const struct allowed_pair *p = &endpoint->pairs[i];
        if (eth_addr_equals(p->mac, pair->mac)
            && prefix_equals(&p->ip, &pair->ip)) {
            return true;
        }
    }
    return false;
}

static bool
decode_pairs(const struct json_node *node, struct endpoint_object *endpoint)
{
    size_t n;

    if (!node_get_array(node, OBJECT_MAX_PAIRS, &n)) {
        return false;
    }
    if (!n) {
        return true;            /* As nearly all have it. */
    }
    endpoint->pairs = xcalloc(n, sizeof *endpoint->pairs);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(node, i);
        if (!node_is_object(&item)) {
            return false;
        }

        struct json_node mac = node_member(&item, "mac");
        struct json_node ip = node_member(&item, "ip");
        struct allowed_pair pair = { .mac = endpoint->mac };
        if (!get_mac(&mac, &pair.mac)
            || !node_require(&ip)
            || !get_prefix(&ip, prefix_from_text, &pair.ip)) {
            return false;
        }
        if (!endpoint_has_pair(endpoint, &pair)) {
            endpoint->pairs[endpoint->n_pairs++] = pair;
        }
    }
    return true;
}

enum endpoint_member {
    ENDPOINT_SEGMENT,
    ENDPOINT_HOST,
    ENDPOINT_MAC,
    ENDPOINT_IPS,
    ENDPOINT_PORT_SECURITY,
    ENDPOINT_HOSTNAME,
    ENDPOINT_ALLOWED_PAIRS,
    N_ENDPOINT_MEMBERS
};
static const char *const endpoint_members[N_ENDPOINT_MEMBERS] = {
    [ENDPOINT_SEGMENT] = "segment",
    [ENDPOINT_HOST] = "host",
    [ENDPOINT_MAC] = "mac",
    [ENDPOINT_IPS] = "ips",
    [ENDPOINT_PORT_SECURITY] = "port_security",
    [ENDPOINT_HOSTNAME] = "hostname",
    [ENDPOINT_ALLOWED_PAIRS] = "allowed_pairs",
};

static bool
decode_endpoint(const struct json_node *root, struct object *object)
{
    struct endpoint_object *endpoint = &object->endpoint;
    struct json_node m[N_ENDPOINT_MEMBERS];

    node_members(root, endpoint_members, N_ENDPOINT_MEMBERS, m);
    endpoint->port_security = true;
    return (node_require(&m[ENDPOINT_SEGMENT])
            && get_id(&m[ENDPOINT_SEGMENT], &endpoint->segment)
            && node_require(&m[ENDPOINT_HOST])
            && get_id(&m[ENDPOINT_HOST], &endpoint->host)
            && node_require(&m[ENDPOINT_MAC])
            && get_mac(&m[ENDPOINT_MAC], &endpoint->mac)
            && decode_ips(&m[ENDPOINT_IPS], endpoint)
            && node_get_bool(&m[ENDPOINT_PORT_SECURITY],
                             &endpoint->port_security)
            && get_name(&m[ENDPOINT_HOSTNAME], &endpoint->hostname)
            && decode_pairs(&m[ENDPOINT_ALLOWED_PAIRS], endpoint));
}

/* Any object. */

static bool (*const decoders[N_OBJECT_KINDS])(const struct json_node *,
                                              struct object *) = {
    [OBJECT_HOST] = decode_host,
    [OBJECT_SEGMENT] = decode_segment,
    [OBJECT_ROUTER] = decode_router,
    [OBJECT_ENDPOINT] = decode_endpoint,
};

/* Finds out of which kind 'root' is.  Returns false if that cannot be told, or
 * if it is none that this version knows. */
static bool
decode_kind(const struct json_node *root, const enum object_kind *named,
            struct inventory_item *item)
{
    struct json_node kind = node_member(root, "kind");
    const char *s = named ? object_kind_to_string(*named) : NULL;

    if ((!named && !node_require(&kind)) || !node_get_string(&kind, &s)) {
        return false;
    }
    if (named && strcmp(s, object_kind_to_string(*named))) {
        return node_refuse(&kind, "is not the %s that \"type\" names",
                           object_kind_to_string(*named));
    }
    if (!object_kind_from_string(s, &item->kind)) {
        item->unknown_kind = xstrdup(s);
        return false;
    }
    root->decoder->kind = object_kind_to_string(item->kind);
    return true;
}

bool
object_json_identify(const struct json_node *root,
                     const enum object_kind *named,
                     struct inventory_item *item)
{
    struct json_node id = node_member(root, "id");

    *item = (struct inventory_item) { .object = NULL };
    if (node_is_object(root)
        && decode_kind(root, named, item)
        && node_require(&id)
        && get_id(&id, &item->id)) {
        root->decoder->id = item->id;
        return true;
    }
    return false;
}

bool
object_json_get_revision(const struct json_node *root, uint64_t *revision)
{
    struct json_node node = node_member(root, "revision");

    return node_get_integer(&node, 0, INT64_MAX, revision);
}

struct object *
object_json_decode(const struct json_node *root, enum object_kind kind,
                   char **idp)
{
    struct object *object = xzalloc(sizeof *object);
    object->kind = kind;

    if (!object_json_get_revision(root, &object->revision)
        || !decoders[kind](root, object)) {
        object_destroy(object);
        return NULL;
    }
    object->id = *idp;
    *idp = NULL;
    return object;
}
