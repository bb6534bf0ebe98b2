/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/random-objects.h"

#include <stdlib.h>

#include "packets.h"
#include "util.h"

static uint64_t random_state;

void
rnd_seed(uint64_t seed)
{
    random_state = seed;
}

uint32_t
rnd(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005)
                   + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

bool
one_in(uint32_t n)
{
    return !rnd(n);
}

struct in6_addr
random_ip4(uint32_t ip)
{
    struct in6_addr a;

    in6_addr_set_mapped_ipv4(&a, htonl(ip));
    return a;
}

struct in6_addr
random_ip6(uint32_t low)
{
    struct in6_addr a = {
        .s6_addr = { [0] = 0xfd, [14] = low >> 8, [15] = low },
    };

    return a;
}

struct eth_addr
random_mac(uint8_t n)
{
    struct eth_addr a = ETH_ADDR_C(02,00,00,00,00,00);

    a.ea[5] = n;
    return a;
}

struct object *
make_host(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct host_object *h = &o->host;

    o->kind = OBJECT_HOST;
    o->id = xasprintf("hv%"PRIu32, i);
    h->tunnels = xcalloc(4, sizeof *h->tunnels);
    h->n_tunnels = rnd(4);
    for (size_t j = 0; j < h->n_tunnels; j++) {
        bool v6 = one_in(4);
        uint32_t last = one_in(6) ? rnd(N_HOSTS) + 1 : i + 1;

        h->tunnels[j].type = rnd(3) + 1;
        h->tunnels[j].ip = v6 ? random_ip6(last)
                              : random_ip4(0xc0000200 + last);
        h->tunnels[j].port = one_in(5) ? 4790 : 0;
    }
    return o;
}

struct object *
make_segment(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct segment_object *s = &o->segment;

    o->kind = OBJECT_SEGMENT;
    o->id = xasprintf("seg%"PRIu32, i);
    s->vni = 77 + rnd(3);
    s->encap = one_in(2) ? ENCAP_NONE : rnd(3) + 1;
    s->broadcast = one_in(2) ? POLICY_DROP : POLICY_REPLICATE;
    s->unknown_unicast = one_in(2) ? POLICY_DROP : POLICY_REPLICATE;
    s->multicast = rnd(3);
    s->subnets = xcalloc(3, sizeof *s->subnets);
    s->n_subnets = rnd(4);
    for (size_t j = 0; j < s->n_subnets; j++) {
        struct subnet *subnet = &s->subnets[j];
        bool v6 = one_in(3);

        subnet->cidr.addr = v6 ? random_ip6(0) : random_ip4(0x0a000000);
        subnet->cidr.plen = (v6 ? 64 : 96 + 16) + rnd(2) * 8;
        subnet->dhcp = one_in(2);
        subnet->has_gateway = !one_in(4);
        subnet->gateway = v6 ? random_ip6(200 + rnd(2))
                             : random_ip4(0x0a000001 + (one_in(3) ? rnd(4)
                                                        : 200));
    }
    return o;
}

struct object *
make_router(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct router_object *r = &o->router;
    uint32_t first = rnd(N_SEGMENTS);

    o->kind = OBJECT_ROUTER;
    o->id = xasprintf("r%"PRIu32, i);
    r->mac = random_mac(one_in(3) ? rnd(N_ENDPOINTS) : 200 + i);
    r->segments = xcalloc(N_SEGMENTS, sizeof *r->segments);
    r->n_segments = rnd(N_SEGMENTS);
    for (size_t j = 0; j < r->n_segments; j++) {
        r->segments[j] = xasprintf("seg%"PRIu32,
                                   (uint32_t) (first + j) % N_SEGMENTS);
    }
    r->routes = xcalloc(N_ROUTES, sizeof *r->routes);
    r->n_routes = rnd(N_ROUTES + 1);
    for (size_t j = 0; j < r->n_routes; j++) {
        bool v6 = one_in(3);

        r->routes[j].cidr.addr = v6 ? in6addr_any : random_ip4(0);
        r->routes[j].cidr.plen = (v6 ? 0 : 96) + rnd(3);
        r->routes[j].via = v6 ? random_ip6(1 + rnd(N_ENDPOINTS))
                           : one_in(4) ? random_ip4(0x0a000064 + rnd(2))
                           : random_ip4(0x0a000001 + rnd(N_ENDPOINTS));
    }
    return o;
}

struct object *
make_endpoint(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct endpoint_object *e = &o->endpoint;

    o->kind = OBJECT_ENDPOINT;
    o->id = xasprintf("vm%"PRIu32, i);
    e->segment = xasprintf("seg%"PRIu32, rnd(N_SEGMENTS));
    e->host = xasprintf("hv%"PRIu32, rnd(N_HOSTS));
    e->mac = random_mac(one_in(4) ? rnd(N_ENDPOINTS) : i);
    e->port_security = !one_in(5);
    e->ips = xcalloc(2, sizeof *e->ips);
    e->n_ips = rnd(3);
    for (size_t j = 0; j < e->n_ips; j++) {
        uint32_t last = one_in(4) ? rnd(N_ENDPOINTS) : i;

        e->ips[j] = j ? random_ip6(last + 1) : random_ip4(0x0a000001 + last);
    }
    e->pairs = xcalloc(2, sizeof *e->pairs);
    e->n_pairs = one_in(3) ? rnd(3) : 0;
    for (size_t j = 0; j < e->n_pairs; j++) {
        e->pairs[j].mac = one_in(2) ? e->mac : random_mac(100 + rnd(2));
        e->pairs[j].ip.addr = random_ip4(0x0a000000 + (j ? 0 : 100 + rnd(2)));
        e->pairs[j].ip.plen = j ? 120 : 128;
    }
    return o;
}

struct object *
clone_object(const struct object *o)
{
    struct object *c = xmemdup(o, sizeof *o);

    c->id = xstrdup(o->id);
    switch (o->kind) {
    case OBJECT_HOST:
        c->host.tunnels = xmemdup(o->host.tunnels,
                                  4 * sizeof *o->host.tunnels);
        break;
    case OBJECT_ENDPOINT:
        c->endpoint.segment = xstrdup(o->endpoint.segment);
        c->endpoint.host = xstrdup(o->endpoint.host);
        c->endpoint.ips = xmemdup(o->endpoint.ips,
                                  2 * sizeof *o->endpoint.ips);
        c->endpoint.pairs = xmemdup(o->endpoint.pairs,
                                    2 * sizeof *o->endpoint.pairs);
        break;
    case OBJECT_SEGMENT:
        c->segment.subnets = xmemdup(o->segment.subnets,
                                     3 * sizeof *o->segment.subnets);
        break;
    case OBJECT_ROUTER:
        c->router.segments = xcalloc(N_SEGMENTS, sizeof *c->router.segments);
        for (size_t i = 0; i < o->router.n_segments; i++) {
            c->router.segments[i] = xstrdup(o->router.segments[i]);
        }
        c->router.routes = xmemdup(o->router.routes,
                                   N_ROUTES * sizeof *o->router.routes);
        break;
    }
    return c;
}
