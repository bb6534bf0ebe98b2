/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/inventory.h"
#include "core/inventory-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* Objects coming and going.
 *
 * A list is compared with what is known while it comes in: an object that is
 * known as it is costs no memory, one that differs is staged until the list is
 * whole. */

/* An object of the list under way that differs from what is known. */
struct staged {
    struct hmap_node node;      /* In inventory's 'staged'. */
    struct object *object;
};

static uint32_t
staged_hash(enum object_kind kind, const char *id)
{
    return hash_string(id, kind);
}

static struct staged *
staged_find(const struct inventory *inv, enum object_kind kind, const char *id)
{
    struct staged *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, staged_hash(kind, id), &inv->staged) {
        if (s->object->kind == kind && !strcmp(s->object->id, id)) {
            return s;
        }
    }
    return NULL;
}

/* Which others does an endpoint have an effect on?  Those that share its MAC,
 * and those that share an address with any of these, because whoever does not
 * get its MAC does not get its addresses either. */

static void
touch_claim_sharers(struct inventory *inv, const struct endpoint *e)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i], *other;

        if (c->plen != 128) {
            continue;
        }
        HMAP_FOR_EACH_WITH_HASH (other, node,
                                 inventory_claim_hash(e->segment, &c->ip),
                                 &inv->claims) {
            if (other->endpoint->segment == e->segment
                && ipv6_addr_equals(&other->ip, &c->ip)) {
                inventory_touch_endpoint(inv, other->endpoint->node);
            }
        }
    }
}

/* Touches all that have 'mac' as their own or in 'allowed_pairs'. */
static void
touch_mac_sharers(struct inventory *inv, const struct segment_node *segment,
                  const struct eth_addr mac)
{
    uint32_t hash = inventory_mac_hash(segment, mac);
    const struct endpoint *other;
    const struct pair_mac *pm;

    HMAP_FOR_EACH_WITH_HASH (other, mac_node, hash, &inv->macs) {
        if (other->segment == segment && eth_addr_equals(other->mac, mac)) {
            inventory_touch_endpoint(inv, other->node);
        }
    }
    HMAP_FOR_EACH_WITH_HASH (pm, node, hash, &inv->pair_macs) {
        if (pm->endpoint->segment == segment
            && eth_addr_equals(pm->mac, mac)) {
            inventory_touch_endpoint(inv, pm->endpoint->node);
        }
    }
}

/* Touches all that share an address or a MAC with 'e'. */
static void
touch_sharers(struct inventory *inv, const struct endpoint *e)
{
    touch_claim_sharers(inv, e);
    touch_mac_sharers(inv, e->segment, e->mac);
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        touch_mac_sharers(inv, e->segment, e->pair_macs[i].mac);
    }
}

static void
touch_endpoint_and_sharers(struct inventory *inv, const struct endpoint *e)
{
    const struct endpoint *rival;

    inventory_touch_endpoint(inv, e->node);
    touch_sharers(inv, e);
    HMAP_FOR_EACH_WITH_HASH (rival, mac_node,
                             inventory_mac_hash(e->segment, e->mac),
                             &inv->macs) {
        if (rival != e && rival->segment == e->segment
            && eth_addr_equals(rival->mac, e->mac)) {
            touch_sharers(inv, rival);
        }
    }
}

/* Endpoints. */

static struct endpoint_node *
ref_endpoint_node(struct inventory *inv, const char *id)
{
    struct endpoint_node *node = inventory_find_endpoint(inv, id);

    if (!node) {
        size_t len = strlen(id);

        node = xzalloc(sizeof *node + len + 1);
        memcpy(node->id, id, len + 1);
        hmap_insert(&inv->endpoints, &node->id_node, hash_string(id, 0));
    }
    return node;
}

static void
claim_init(struct claim *c, struct endpoint *e, enum claim_kind kind,
           const struct in6_addr *ip, uint8_t plen, const struct eth_addr mac)
{
    c->endpoint = e;
    c->kind = kind;
    c->ip = *ip;
    c->plen = plen;
    c->mac = mac;
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

static struct endpoint *
endpoint_create(struct inventory *inv, const struct object *object)
{
    const struct endpoint_object *o = &object->endpoint;
    struct in6_addr lla;
    bool link_local = claims_link_local(o, &lla);
    size_t n_claims = o->n_ips + link_local + o->n_pairs;
    struct endpoint *e = xzalloc(sizeof *e + n_claims * sizeof e->claims[0]);

    e->segment = inventory_ref_segment(inv, o->segment);
    e->host = inventory_ref_host(inv, o->host);
    e->revision = object->revision;
    e->hostname = nullable_xstrdup(o->hostname);
    e->mac = o->mac;
    e->port_security = o->port_security;

    struct claim *c = e->claims;
    for (size_t i = 0; i < o->n_ips; i++) {
        claim_init(c++, e, CLAIM_IP, &o->ips[i], 128, o->mac);
    }
    if (link_local) {
        claim_init(c++, e, CLAIM_LINK_LOCAL, &lla, 128, o->mac);
    }
    for (size_t i = 0; i < o->n_pairs; i++) {
        const struct allowed_pair *p = &o->pairs[i];
        bool known = eth_addr_equals(p->mac, o->mac);

        claim_init(c++, e, CLAIM_PAIR, &p->ip.addr, p->ip.plen, p->mac);
        for (size_t j = 0; j < e->n_pair_macs && !known; j++) {
            known = eth_addr_equals(p->mac, e->pair_macs[j].mac);
        }
        if (!known) {
            if (!e->pair_macs) {
                e->pair_macs = xcalloc(o->n_pairs, sizeof *e->pair_macs);
            }
            e->pair_macs[e->n_pair_macs].mac = p->mac;
            e->pair_macs[e->n_pair_macs++].endpoint = e;
        }
    }
    e->n_claims = n_claims;
    return e;
}

static void
endpoint_index(struct inventory *inv, struct endpoint *e)
{
    ovs_list_push_back(&e->segment->endpoints, &e->segment_list);
    e->segment->n_endpoints++;
    ovs_list_push_back(&e->host->endpoints, &e->host_list);
    e->host->n_endpoints++;
    hmap_insert(&inv->macs, &e->mac_node,
                inventory_mac_hash(e->segment, e->mac));
    for (size_t i = 0; i < e->n_claims; i++) {
        struct claim *c = &e->claims[i];

        if (c->plen == 128) {
            hmap_insert(&inv->claims, &c->node,
                        inventory_claim_hash(e->segment, &c->ip));
        }
    }
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        struct pair_mac *pm = &e->pair_macs[i];

        hmap_insert(&inv->pair_macs, &pm->node,
                    inventory_mac_hash(e->segment, pm->mac));
    }
    inv->n_known[OBJECT_ENDPOINT]++;
}

static void
endpoint_unindex(struct inventory *inv, struct endpoint *e)
{
    ovs_list_remove(&e->segment_list);
    e->segment->n_endpoints--;
    ovs_list_remove(&e->host_list);
    e->host->n_endpoints--;
    hmap_remove(&inv->macs, &e->mac_node);
    for (size_t i = 0; i < e->n_claims; i++) {
        if (e->claims[i].plen == 128) {
            hmap_remove(&inv->claims, &e->claims[i].node);
        }
    }
    for (size_t i = 0; i < e->n_pair_macs; i++) {
        hmap_remove(&inv->pair_macs, &e->pair_macs[i].node);
    }
    inv->n_known[OBJECT_ENDPOINT]--;
}

static void
endpoint_free(struct inventory *inv, struct endpoint *e)
{
    inventory_unref_segment(inv, e->segment);
    inventory_unref_host(inv, e->host);
    free(e->hostname);
    free(e->pair_macs);
    free(e);
}

/* Replaces what is known of an endpoint: 'object' NULL deletes it. */
static void
change_endpoint(struct inventory *inv, struct endpoint_node *node,
                const struct object *object)
{
    struct endpoint *old = node->endpoint;

    inv->seqno++;
    if (old) {
        touch_endpoint_and_sharers(inv, old);
        endpoint_unindex(inv, old);
    }
    node->endpoint = NULL;
    if (object) {
        struct endpoint *new = endpoint_create(inv, object);

        new->node = node;
        node->endpoint = new;
        endpoint_index(inv, new);
        touch_endpoint_and_sharers(inv, new);
    }
    if (old) {
        endpoint_free(inv, old);
    }
}

static bool
endpoint_equals(const struct endpoint *e, const struct endpoint_object *o)
{
    struct in6_addr lla;
    bool link_local = claims_link_local(o, &lla);

    if (strcmp(e->segment->id, o->segment) || strcmp(e->host->id, o->host)
        || !eth_addr_equals(e->mac, o->mac)
        || e->port_security != o->port_security
        || !nullable_string_is_equal(e->hostname, o->hostname)
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
            || !eth_addr_equals(c->mac, p->mac)) {
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

static void
change_host(struct inventory *inv, struct host_node *node,
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

static bool
host_equals(const struct host_node *node, const struct host_object *o)
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

static void
touch_segment_and_endpoints(struct inventory *inv, struct segment_node *node)
{
    struct endpoint *e;

    inventory_touch_segment(inv, node);
    LIST_FOR_EACH (e, segment_list, &node->endpoints) {
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
            touch_segment_and_endpoints(inv, other);
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
static void
change_segment(struct inventory *inv, struct segment_node *node,
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
    touch_segment_and_endpoints(inv, node);
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

static bool
segment_equals(const struct segment_node *node, const struct segment_object *o)
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

/* Routers: kept, not served yet. */

static void
free_router(struct router_object *o)
{
    for (size_t i = 0; i < o->n_segments; i++) {
        free(o->segments[i]);
    }
    free(o->segments);
    free(o->routes);
}

static struct router_node *
router_create(struct inventory *inv, const char *id)
{
    size_t len = strlen(id);
    struct router_node *node = xzalloc(sizeof *node + len + 1);

    memcpy(node->id, id, len + 1);
    hmap_insert(&inv->routers, &node->id_node, hash_string(id, 0));
    inv->n_known[OBJECT_ROUTER]++;
    return node;
}

static void
router_delete(struct inventory *inv, struct router_node *node)
{
    hmap_remove(&inv->routers, &node->id_node);
    free_router(&node->object);
    free(node);
    inv->n_known[OBJECT_ROUTER]--;
    inv->seqno++;
}

static void
change_router(struct inventory *inv, struct router_node *node,
              struct object *object)
{
    inv->seqno++;
    free_router(&node->object);
    node->object = object->router;
    node->revision = object->revision;
    memset(&object->router, 0, sizeof object->router);
}

static bool
router_equals(const struct router_node *node, const struct router_object *o)
{
    const struct router_object *k = &node->object;

    if (!eth_addr_equals(k->mac, o->mac) || k->n_segments != o->n_segments
        || k->n_routes != o->n_routes) {
        return false;
    }
    for (size_t i = 0; i < o->n_segments; i++) {
        if (strcmp(k->segments[i], o->segments[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < o->n_routes; i++) {
        const struct route *a = &k->routes[i], *b = &o->routes[i];

        if (!ipv6_addr_equals(&a->cidr.addr, &b->cidr.addr)
            || a->cidr.plen != b->cidr.plen
            || !ipv6_addr_equals(&a->via, &b->via)) {
            return false;
        }
    }
    return true;
}

/* Any kind. */

/* What is known of the object (kind, id): where its list number and revision
 * stand, or NULLs. */
struct known {
    void *node;
    uint32_t *list;
    uint64_t *revision;
};

static bool
find_known(const struct inventory *inv, enum object_kind kind, const char *id,
           struct known *k)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (kind) {
    case OBJECT_HOST:
        host = inventory_find_host(inv, id);
        if (host && host->known) {
            *k = (struct known) { host, &host->list, &host->revision };
            return true;
        }
        break;
    case OBJECT_SEGMENT:
        segment = inventory_find_segment(inv, id);
        if (segment && segment->known) {
            *k = (struct known) { segment, &segment->list,
                                  &segment->revision };
            return true;
        }
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, id);
        if (router) {
            *k = (struct known) { router, &router->list, &router->revision };
            return true;
        }
        break;
    case OBJECT_ENDPOINT:
        endpoint = inventory_find_endpoint(inv, id);
        if (endpoint && endpoint->endpoint) {
            *k = (struct known) { endpoint, &endpoint->list,
                                  &endpoint->endpoint->revision };
            return true;
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
    return false;
}

static bool
known_equals(const struct known *k, const struct object *o)
{
    switch (o->kind) {
    case OBJECT_HOST:
        return host_equals(k->node, &o->host);
    case OBJECT_SEGMENT:
        return segment_equals(k->node, &o->segment);
    case OBJECT_ROUTER:
        return router_equals(k->node, &o->router);
    case OBJECT_ENDPOINT:
        return endpoint_equals(
            ((const struct endpoint_node *) k->node)->endpoint, &o->endpoint);
    default:
        OVS_NOT_REACHED();
    }
}

/* Makes 'object' what is known of it, as part of list 'inv->list'. */
static void
put_object(struct inventory *inv, struct object *object)
{
    struct host_node *host;
    struct segment_node *segment;
    struct router_node *router;
    struct endpoint_node *endpoint;

    switch (object->kind) {
    case OBJECT_HOST:
        host = inventory_ref_host(inv, object->id);
        host->list = inv->list;
        change_host(inv, host, object);
        inventory_unref_host(inv, host);
        break;
    case OBJECT_SEGMENT:
        segment = inventory_ref_segment(inv, object->id);
        segment->list = inv->list;
        change_segment(inv, segment, object);
        inventory_unref_segment(inv, segment);
        break;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, object->id);
        if (!router) {
            router = router_create(inv, object->id);
        }
        router->list = inv->list;
        change_router(inv, router, object);
        break;
    case OBJECT_ENDPOINT:
        endpoint = ref_endpoint_node(inv, object->id);
        endpoint->list = inv->list;
        change_endpoint(inv, endpoint, object);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* Deletes what list number 'list' did not have, nor a later one, which may be
 * under way or have broken off.  Endpoints go first, so that nothing dangles on
 * the way. */
static size_t
sweep(struct inventory *inv, uint32_t list)
{
    size_t n = 0;

    struct endpoint_node *endpoint;
    HMAP_FOR_EACH_SAFE (endpoint, id_node, &inv->endpoints) {
        if (endpoint->endpoint && endpoint->list < list) {
            change_endpoint(inv, endpoint, NULL);
            n++;
        }
    }
    struct router_node *router;
    HMAP_FOR_EACH_SAFE (router, id_node, &inv->routers) {
        if (router->list < list) {
            router_delete(inv, router);
            n++;
        }
    }
    struct segment_node *segment;
    HMAP_FOR_EACH_SAFE (segment, id_node, &inv->segments) {
        if (segment->known && segment->list < list) {
            change_segment(inv, segment, NULL);
            n++;
        }
    }
    struct host_node *host;
    HMAP_FOR_EACH_SAFE (host, id_node, &inv->hosts) {
        if (host->known && host->list < list) {
            change_host(inv, host, NULL);
            n++;
        }
    }
    return n;
}

void
inventory_remove_everything(struct inventory *inv)
{
    sweep(inv, ++inv->list);
}

/* Lists. */

void
inventory_list_begin(struct inventory *inv)
{
    ovs_assert(!inv->listing);
    inv->listing = true;
    inv->list++;
}

enum list_add
inventory_list_add(struct inventory *inv, struct object *object)
{
    struct staged *s = staged_find(inv, object->kind, object->id);
    struct known k;
    bool known = find_known(inv, object->kind, object->id, &k);
    bool listed = known && *k.list == inv->list;

    ovs_assert(inv->listing);
    if (s) {
        if (object->revision > s->object->revision) {
            object_destroy(s->object);
            s->object = object;
        } else {
            object_destroy(object);
        }
        return LIST_DUPLICATE;
    }
    if (listed && object->revision <= *k.revision) {
        object_destroy(object);
        return LIST_DUPLICATE;
    }
    if (known && known_equals(&k, object)) {
        *k.list = inv->list;
        *k.revision = object->revision;
        object_destroy(object);
    } else {
        s = xmalloc(sizeof *s);
        s->object = object;
        hmap_insert(&inv->staged, &s->node,
                    staged_hash(object->kind, object->id));
    }
    return listed ? LIST_DUPLICATE : LIST_ADDED;
}

void
inventory_list_keep(struct inventory *inv, enum object_kind kind,
                    const char *id)
{
    struct known k;

    ovs_assert(inv->listing);
    if (find_known(inv, kind, id, &k)) {
        *k.list = inv->list;
    }
}

static void
apply_staged(struct inventory *inv, struct list_result *result)
{
    static const enum object_kind order[] = {
        OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ROUTER, OBJECT_ENDPOINT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        struct staged *s;

        HMAP_FOR_EACH_SAFE (s, node, &inv->staged) {
            struct known k;

            if (s->object->kind == order[i]) {
                if (find_known(inv, s->object->kind, s->object->id, &k)) {
                    result->n_changed++;
                } else {
                    result->n_added++;
                }
                put_object(inv, s->object);
                object_destroy(s->object);
                hmap_remove(&inv->staged, &s->node);
                free(s);
            }
        }
    }
}

/* How many objects of each kind are known that list 'list' did not have. */
static void
count_missing(const struct inventory *inv, uint32_t list,
              size_t n_missing[N_OBJECT_KINDS])
{
    memset(n_missing, 0, N_OBJECT_KINDS * sizeof *n_missing);

    const struct host_node *host;
    HMAP_FOR_EACH (host, id_node, &inv->hosts) {
        n_missing[OBJECT_HOST] += host->known && host->list != list;
    }
    const struct segment_node *segment;
    HMAP_FOR_EACH (segment, id_node, &inv->segments) {
        n_missing[OBJECT_SEGMENT] += segment->known && segment->list != list;
    }
    const struct router_node *router;
    HMAP_FOR_EACH (router, id_node, &inv->routers) {
        n_missing[OBJECT_ROUTER] += router->list != list;
    }
    const struct endpoint_node *endpoint;
    HMAP_FOR_EACH (endpoint, id_node, &inv->endpoints) {
        n_missing[OBJECT_ENDPOINT] += endpoint->endpoint
                                      && endpoint->list != list;
    }
}

/* Is this more than one list should be believed to delete?  'n_known' is what
 * was known before the list. */
static bool
guard_trips(const struct deletion_guard *guard,
            const size_t n_missing[N_OBJECT_KINDS],
            const size_t n_known[N_OBJECT_KINDS])
{
    static const enum object_kind kinds[] = {
        OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ENDPOINT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t missing = n_missing[kinds[i]], known = n_known[kinds[i]];

        if (missing > 10 && missing * 100 > known * guard->max_percent) {
            return true;
        }
    }
    return n_known[OBJECT_ENDPOINT] >= 2
           && n_missing[OBJECT_ENDPOINT] == n_known[OBJECT_ENDPOINT];
}

/* What the list does not have, counting only objects known before it. */
static size_t
count_deletions(const struct inventory *inv, size_t missing[N_OBJECT_KINDS])
{
    size_t n = 0;

    count_missing(inv, inv->list, missing);
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        n += missing[i];
    }
    return n;
}

void
inventory_list_end(struct inventory *inv, bool may_delete,
                   const struct deletion_guard *guard, long long int now,
                   struct list_result *result)
{
    size_t n_known[N_OBJECT_KINDS], missing[N_OBJECT_KINDS];

    ovs_assert(inv->listing);
    memset(result, 0, sizeof *result);
    memcpy(n_known, inv->n_known, sizeof n_known);
    apply_staged(inv, result);
    inv->listing = false;
    inv->last_list = inv->list;

    size_t n = count_deletions(inv, missing);
    bool held = n && guard_trips(guard, missing, n_known)
                && !(guard->hold && inv->held_since
                     && now - inv->held_since >= guard->hold);
    if (held || (n && !may_delete)) {
        result->n_held = n;
        if (held) {
            inv->n_held = n;
            inv->held_since = inv->held_since ? inv->held_since : now;
        }
        return;
    }
    result->n_deleted = n ? sweep(inv, inv->list) : 0;
    inv->n_held = 0;
    inv->held_since = 0;
}

void
inventory_list_abort(struct inventory *inv)
{
    struct staged *s;

    HMAP_FOR_EACH_POP (s, node, &inv->staged) {
        object_destroy(s->object);
        free(s);
    }
    inv->listing = false;
}

size_t
inventory_n_held(const struct inventory *inv, long long int *since)
{
    *since = inv->held_since;
    return inv->n_held;
}

size_t
inventory_approve_deletions(struct inventory *inv)
{
    size_t n = inv->n_held ? sweep(inv, inv->last_list) : 0;

    inv->n_held = 0;
    inv->held_since = 0;
    return n;
}
