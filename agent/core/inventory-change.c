/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* What is known of one object changes: indexes, and touching all whose
 * standing that can have an effect on. */

/* Which others does an endpoint have an effect on?  Those that share its MAC,
 * and those that share an address with any of these, because whoever does not
 * get its MAC does not get its addresses either. */

void
inventory_touch_address(struct inventory *inv,
                        const struct segment_node *segment,
                        const struct in6_addr *ip)
{
    const struct claim *c;

    HMAP_FOR_EACH_WITH_HASH (c, node, inventory_claim_hash(segment, ip),
                             &inv->claims) {
        const struct endpoint *e = claim_endpoint(c);

        if (e->segment == segment && ipv6_addr_equals(&c->ip, ip)) {
            inventory_touch_endpoint(inv, e->node);
        }
    }
}

static void
touch_claim_sharers(struct inventory *inv, const struct endpoint *e)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].plen == 128) {
            inventory_touch_address(inv, e->segment, &e->claims[i].ip);
        }
    }
}

static void
touch_mac_sharers(struct inventory *inv, const struct segment_node *segment,
                  const struct eth_addr mac)
{
    const struct endpoint *other;
    const struct pair_mac *pm;

    HMAP_FOR_EACH_WITH_HASH (other, mac_node, inventory_mac_hash(mac),
                             &segment->endpoints) {
        if (eth_addr_equals(other->mac, mac)) {
            inventory_touch_endpoint(inv, other->node);
        }
    }
    HMAP_FOR_EACH_WITH_HASH (pm, node, inventory_pair_mac_hash(segment, mac),
                             &inv->pair_macs) {
        if (pm->endpoint->segment == segment
            && eth_addr_equals(pm->mac, mac)) {
            inventory_touch_endpoint(inv, pm->endpoint->node);
        }
    }
}

/* Touches all that share an address with 'e', or a MAC other than its own. */
static void
touch_sharers(struct inventory *inv, const struct endpoint *e)
{
    touch_claim_sharers(inv, e);
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        touch_mac_sharers(inv, e->segment, endpoint_pair_macs(e)[i].mac);
    }
}

void
inventory_touch_mac(struct inventory *inv, const struct segment_node *segment,
                    const struct eth_addr mac)
{
    const struct endpoint *e;

    touch_mac_sharers(inv, segment, mac);
    HMAP_FOR_EACH_WITH_HASH (e, mac_node, inventory_mac_hash(mac),
                             &segment->endpoints) {
        if (eth_addr_equals(e->mac, mac)) {
            touch_sharers(inv, e);
        }
    }
}

/* 'e', which must be in the indexes, is one of those that have its MAC. */
static void
touch_endpoint_and_sharers(struct inventory *inv, const struct endpoint *e)
{
    inventory_touch_mac(inv, e->segment, e->mac);
}

/* Endpoints. */

struct endpoint_node *
inventory_ref_endpoint_node(struct inventory *inv, const char *id)
{
    struct endpoint_node *node = inventory_find_endpoint(inv, id);

    if (!node) {
        size_t len = strlen(id);

        node = xzalloc(offsetof(struct endpoint_node, id) + len + 1);
        memcpy(node->id, id, len + 1);
        hmap_insert(&inv->endpoints, &node->id_node, hash_string(id, 0));
    }
    return node;
}

static bool
has_ipv6(const struct endpoint_object *o)
{
    for (size_t i = 0; i < o->n_ips; i++) {
        if (!IN6_IS_ADDR_V4MAPPED(&o->ips[i])) {
            return true;
        }
    }
    return false;
}

static bool
has_ip(const struct endpoint_object *o, const struct in6_addr *ip)
{
    for (size_t i = 0; i < o->n_ips; i++) {
        if (ipv6_addr_equals(&o->ips[i], ip)) {
            return true;
        }
    }
    return false;
}

/* The link-local address that an IPv6 endpoint has by itself is claimed like
 * one from 'ips', unless it is listed there anyway. */
static bool
claims_link_local(const struct endpoint_object *o, struct in6_addr *ip)
{
    in6_generate_lla(o->mac, ip);
    return has_ipv6(o) && !has_ip(o, ip);
}

/* Returns the number in 'macs', which has room for one more, of the MAC of
 * 'pair', added if it is not there. */
static uint16_t
find_pair_mac(const struct endpoint_object *o, const struct allowed_pair *pair,
              struct eth_addr *macs, size_t *n)
{
    size_t i;

    if (eth_addr_equals(pair->mac, o->mac)) {
        return OWN_MAC;
    }
    for (i = 0; i < *n && !eth_addr_equals(pair->mac, macs[i]); i++) {
        continue;
    }
    if (i == *n) {
        macs[(*n)++] = pair->mac;
    }
    return i;
}

static void
add_claim(struct endpoint *e, enum claim_kind kind, const struct in6_addr *ip,
          uint8_t plen, uint16_t pair_mac)
{
    struct claim *c = &e->claims[e->n_claims];

    c->index = e->n_claims++;
    c->kind = kind;
    c->ip = *ip;
    c->plen = plen;
    c->pair_mac = pair_mac;
}

struct endpoint *
inventory_make_endpoint(struct inventory *inv, const struct object *object)
{
    const struct endpoint_object *o = &object->endpoint;
    struct in6_addr lla;
    bool link_local = claims_link_local(o, &lla);
    size_t n_claims = o->n_ips + link_local + o->n_pairs;
    size_t hostname_size = o->hostname ? strlen(o->hostname) + 1 : 0;

    struct eth_addr macs[OBJECT_MAX_PAIRS];
    uint16_t pair_macs[OBJECT_MAX_PAIRS];
    size_t n_macs = 0;
    for (size_t i = 0; i < o->n_pairs; i++) {
        pair_macs[i] = find_pair_mac(o, &o->pairs[i], macs, &n_macs);
    }

    struct endpoint *e = xzalloc(sizeof *e + n_claims * sizeof e->claims[0]
                                 + n_macs * sizeof(struct pair_mac)
                                 + hostname_size);
    e->node = inventory_ref_endpoint_node(inv, object->id);
    e->segment = inventory_ref_segment(inv, o->segment);
    e->host = inventory_ref_host(inv, o->host);
    e->revision = object->revision;
    e->mac = o->mac;
    e->port_security = o->port_security;
    for (size_t i = 0; i < o->n_ips; i++) {
        add_claim(e, CLAIM_IP, &o->ips[i], 128, OWN_MAC);
    }
    if (link_local) {
        add_claim(e, CLAIM_LINK_LOCAL, &lla, 128, OWN_MAC);
    }
    for (size_t i = 0; i < o->n_pairs; i++) {
        const struct ip_prefix *ip = &o->pairs[i].ip;

        add_claim(e, CLAIM_PAIR, &ip->addr, ip->plen, pair_macs[i]);
    }
    e->n_pair_macs = n_macs;
    for (size_t i = 0; i < n_macs; i++) {
        struct pair_mac *pm = &endpoint_pair_macs(e)[i];

        pm->endpoint = e;
        pm->mac = macs[i];
    }
    if (o->hostname) {
        e->has_hostname = true;
        memcpy((char *) endpoint_hostname(e), o->hostname, hostname_size);
    }
    return e;
}

static void
endpoint_index(struct inventory *inv, struct endpoint *e)
{
    hmap_insert(&e->segment->endpoints, &e->mac_node,
                inventory_mac_hash(e->mac));
    ovs_list_push_back(&e->host->endpoints, &e->host_list);
    e->host->n_endpoints++;
    for (size_t i = 0; i < e->n_claims; i++) {
        struct claim *c = &e->claims[i];

        if (c->plen == 128) {
            hmap_insert(&inv->claims, &c->node,
                        inventory_claim_hash(e->segment, &c->ip));
        }
    }
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        struct pair_mac *pm = &endpoint_pair_macs(e)[i];

        hmap_insert(&inv->pair_macs, &pm->node,
                    inventory_pair_mac_hash(e->segment, pm->mac));
    }
    inv->n_known[OBJECT_ENDPOINT]++;
}

static void
endpoint_unindex(struct inventory *inv, struct endpoint *e)
{
    hmap_remove(&e->segment->endpoints, &e->mac_node);
    ovs_list_remove(&e->host_list);
    e->host->n_endpoints--;
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].plen == 128) {
            hmap_remove(&inv->claims, &e->claims[i].node);
        }
    }
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        hmap_remove(&inv->pair_macs, &endpoint_pair_macs(e)[i].node);
    }
    inv->n_known[OBJECT_ENDPOINT]--;
}

void
inventory_free_endpoint(struct inventory *inv, struct endpoint *e)
{
    inventory_unref_segment(inv, e->segment);
    inventory_unref_host(inv, e->host);
    free(e);
}

static bool
host_is_known(const struct host_node *host)
{
    return host->known || host->self;
}

static bool
claims_are_equal(const struct endpoint *old, const struct endpoint *new)
{
    if (old->segment != new->segment || !eth_addr_equals(old->mac, new->mac)
        || old->n_claims != new->n_claims) {
        return false;
    }
    for (size_t i = 0; i < old->n_claims; i++) {
        const struct claim *a = &old->claims[i], *b = &new->claims[i];

        if (a->kind != b->kind || a->plen != b->plen
            || !ipv6_addr_equals(&a->ip, &b->ip)
            || !eth_addr_equals(claim_mac(a), claim_mac(b))) {
            return false;
        }
    }
    return true;
}

bool
inventory_endpoints_are_equal(const struct endpoint *a,
                              const struct endpoint *b)
{
    return a->host == b->host && a->port_security == b->port_security
           && claims_are_equal(a, b)
           && nullable_string_is_equal(endpoint_hostname(a),
                                       endpoint_hostname(b));
}

/* Is 'new' the same as 'old' to all others: does it lay claim to the same
 * addresses and MACs, with the same right? */
static bool
claims_are_same(const struct endpoint *old, const struct endpoint *new)
{
    return host_is_known(old->host) == host_is_known(new->host)
           && claims_are_equal(old, new);
}

void
inventory_change_endpoint(struct inventory *inv, struct endpoint_node *node,
                          struct endpoint *new)
{
    struct endpoint *old = node->endpoint;
    bool others = !old || !new || !claims_are_same(old, new);

    inv->seqno++;
    inventory_touch_endpoint(inv, node);
    if (old) {
        if (others) {
            touch_endpoint_and_sharers(inv, old);
        }
        endpoint_unindex(inv, old);
    }
    node->endpoint = new;
    if (new) {
        endpoint_index(inv, new);
        if (others) {
            touch_endpoint_and_sharers(inv, new);
        }
    }
    if (old) {
        inventory_free_endpoint(inv, old);
    }
}

bool
inventory_endpoint_equals(const struct endpoint *e,
                          const struct endpoint_object *o)
{
    struct in6_addr lla;
    bool link_local = claims_link_local(o, &lla);

    if (strcmp(e->segment->id, o->segment) || strcmp(e->host->id, o->host)
        || !eth_addr_equals(e->mac, o->mac)
        || e->port_security != o->port_security
        || !nullable_string_is_equal(endpoint_hostname(e), o->hostname)
        || e->n_claims != o->n_ips + link_local + o->n_pairs) {
        return false;
    }

    const struct claim *c = e->claims;
    for (size_t i = 0; i < o->n_ips; i++, c++) {
        if (c->kind != CLAIM_IP || !ipv6_addr_equals(&c->ip, &o->ips[i])) {
            return false;
        }
    }
    if (link_local && c++->kind != CLAIM_LINK_LOCAL) {
        return false;
    }
    for (size_t i = 0; i < o->n_pairs; i++, c++) {
        const struct allowed_pair *p = &o->pairs[i];

        if (c->kind != CLAIM_PAIR || c->plen != p->ip.plen
            || !ipv6_addr_equals(&c->ip, &p->ip.addr)
            || !eth_addr_equals(claim_mac(c), p->mac)) {
            return false;
        }
    }
    return true;
}

/* Hosts. */

static void
touch_address_sharers(struct inventory *inv, const struct host_node *host)
{
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct in6_addr *ip = &host->addresses[i].tunnel.ip;
        const struct host_address *other;

        HMAP_FOR_EACH_WITH_HASH (other, node, inventory_address_hash(ip),
                                 &inv->addresses) {
            if (ipv6_addr_equals(&other->tunnel.ip, ip)) {
                inventory_touch_host(inv, other->host);
            }
        }
    }
}

static void
forget_addresses(struct inventory *inv, struct host_node *host)
{
    touch_address_sharers(inv, host);
    for (size_t i = 0; i < host->n_addresses; i++) {
        hmap_remove(&inv->addresses, &host->addresses[i].node);
    }
    free(host->addresses);
    host->addresses = NULL;
    host->n_addresses = 0;
}

static void
learn_addresses(struct inventory *inv, struct host_node *host,
                const struct host_object *o)
{
    host->addresses = xcalloc(o->n_tunnels, sizeof *host->addresses);
    host->n_addresses = o->n_tunnels;
    for (size_t i = 0; i < o->n_tunnels; i++) {
        struct host_address *a = &host->addresses[i];

        a->host = host;
        a->tunnel = o->tunnels[i];
        hmap_insert(&inv->addresses, &a->node,
                    inventory_address_hash(&a->tunnel.ip));
    }
    touch_address_sharers(inv, host);
}

void
inventory_change_host(struct inventory *inv, struct host_node *node,
                      const struct object *object)
{
    bool known = object != NULL;

    inv->seqno++;
    inventory_touch_host(inv, node);
    forget_addresses(inv, node);
    if (object) {
        learn_addresses(inv, node, &object->host);
        node->revision = object->revision;
    }
    if (node->known != known) {
        struct endpoint *e;

        node->known = known;
        inv->n_known[OBJECT_HOST] += known ? 1 : -1;
        LIST_FOR_EACH (e, host_list, &node->endpoints) {
            touch_endpoint_and_sharers(inv, e);
        }
    }
}

void
inventory_set_self(struct inventory *inv, const char *id)
{
    struct host_node *old = inv->self, *new = inventory_ref_host(inv, id);
    struct endpoint *e;

    inv->self = new;
    new->self = true;
    if (old && old != new) {
        old->self = false;
        LIST_FOR_EACH (e, host_list, &old->endpoints) {
            touch_endpoint_and_sharers(inv, e);
        }
    }
    LIST_FOR_EACH (e, host_list, &new->endpoints) {
        touch_endpoint_and_sharers(inv, e);
    }
    if (old) {
        inventory_unref_host(inv, old);
    }
}

bool
inventory_host_equals(const struct host_node *node,
                      const struct host_object *o)
{
    if (!node->known || node->n_addresses != o->n_tunnels) {
        return false;
    }
    for (size_t i = 0; i < o->n_tunnels; i++) {
        const struct host_tunnel *a = &node->addresses[i].tunnel;
        const struct host_tunnel *b = &o->tunnels[i];

        if (a->type != b->type || a->port != b->port
            || !ipv6_addr_equals(&a->ip, &b->ip)) {
            return false;
        }
    }
    return true;
}

/* Segments. */

void
inventory_touch_segment_and_endpoints(struct inventory *inv,
                                      struct segment_node *node)
{
    struct endpoint *e;

    inventory_touch_segment(inv, node);
    HMAP_FOR_EACH (e, mac_node, &node->endpoints) {
        inventory_touch_endpoint(inv, e->node);
    }
}

static void
touch_vni_sharers(struct inventory *inv, struct segment_node *node)
{
    struct segment_node *other;

    HMAP_FOR_EACH_WITH_HASH (other, vni_node, hash_int(node->object.vni, 0),
                             &inv->vnis) {
        if (other->object.vni == node->object.vni) {
            inventory_touch_segment_and_endpoints(inv, other);
        }
    }
}

static void
free_subnets(struct segment_object *o)
{
    for (size_t i = 0; i < o->n_subnets; i++) {
        free(o->subnets[i].domain);
    }
    free(o->subnets);
}

/* Takes over what 'object' holds. */
void
inventory_change_segment(struct inventory *inv, struct segment_node *node,
                         struct object *object)
{
    inv->seqno++;
    if (node->known) {
        touch_vni_sharers(inv, node);
        hmap_remove(&inv->vnis, &node->vni_node);
        free_subnets(&node->object);
        inv->n_known[OBJECT_SEGMENT]--;
    }
    memset(&node->object, 0, sizeof node->object);
    node->known = object != NULL;
    if (object) {
        node->object = object->segment;
        node->revision = object->revision;
        memset(&object->segment, 0, sizeof object->segment);
        hmap_insert(&inv->vnis, &node->vni_node,
                    hash_int(node->object.vni, 0));
        inv->n_known[OBJECT_SEGMENT]++;
        touch_vni_sharers(inv, node);
    }
    inventory_touch_segment_and_endpoints(inv, node);
}

static bool
subnet_equals(const struct subnet *a, const struct subnet *b)
{
    return ipv6_addr_equals(&a->cidr.addr, &b->cidr.addr)
           && a->cidr.plen == b->cidr.plen
           && a->has_gateway == b->has_gateway
           && ipv6_addr_equals(&a->gateway, &b->gateway)
           && a->n_dns == b->n_dns
           && !memcmp(a->dns, b->dns, a->n_dns * sizeof a->dns[0])
           && a->dhcp == b->dhcp
           && a->lease == b->lease
           && nullable_string_is_equal(a->domain, b->domain);
}

bool
inventory_segment_equals(const struct segment_node *node,
                         const struct segment_object *o)
{
    const struct segment_object *k = &node->object;

    if (!node->known || k->vni != o->vni || k->encap != o->encap
        || k->broadcast != o->broadcast
        || k->unknown_unicast != o->unknown_unicast
        || k->multicast != o->multicast
        || k->mtu != o->mtu
        || k->n_subnets != o->n_subnets) {
        return false;
    }
    for (size_t i = 0; i < o->n_subnets; i++) {
        if (!subnet_equals(&k->subnets[i], &o->subnets[i])) {
            return false;
        }
    }
    return true;
}
