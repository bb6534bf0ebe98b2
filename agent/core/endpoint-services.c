/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/endpoint-services.h"

#include <string.h>

#include "packets.h"
#include "util.h"

static bool
is_ipv6(const struct in6_addr *ip)
{
    return !IN6_IS_ADDR_V4MAPPED(ip);
}

static bool
subnet_contains(const struct subnet *subnet, const struct in6_addr *ip)
{
    struct in6_addr mask = ipv6_create_mask(subnet->cidr.plen);
    struct in6_addr masked = ipv6_addr_bitand(ip, &mask);

    return is_ipv6(ip) == is_ipv6(&subnet->cidr.addr)
           && ipv6_addr_equals(&masked, &subnet->cidr.addr);
}

/* The subnet that the address is of, or NULL. */
static const struct subnet *
find_subnet(const struct segment_object *o, const struct in6_addr *ip)
{
    const struct subnet *best = NULL;

    for (size_t i = 0; i < o->n_subnets; i++) {
        const struct subnet *subnet = &o->subnets[i];

        if (subnet_contains(subnet, ip)
            && (!best || subnet->cidr.plen > best->cidr.plen)) {
            best = subnet;
        }
    }
    return best;
}

size_t
endpoint_served_addresses(const struct inventory *inv,
                          const struct endpoint *e, bool ipv6,
                          struct served_address *addresses, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n_claims && n < max; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;
        const struct subnet *subnet;

        if (c->kind != CLAIM_IP || is_ipv6(&c->ip) != ipv6) {
            continue;
        }
        subnet = find_subnet(&e->segment->object, &c->ip);
        if (subnet && subnet->dhcp
            && inventory_claim_standing(inv, c, &by) == CLAIM_HELD) {
            addresses[n++] = (struct served_address) { c->ip, subnet };
        }
    }
    return n;
}

bool
served_address_has_gateway(const struct served_address *a)
{
    return a->subnet->has_gateway
           && !ipv6_addr_equals(&a->subnet->gateway, &a->ip);
}

static void
add_dns(struct served_names *names, const struct in6_addr *ip)
{
    for (size_t i = 0; i < names->n_dns; i++) {
        if (ipv6_addr_equals(&names->dns[i], ip)) {
            return;
        }
    }
    if (names->n_dns < ARRAY_SIZE(names->dns)) {
        names->dns[names->n_dns++] = *ip;
    }
}

static void
add_domain(struct served_names *names, const char *domain)
{
    for (size_t i = 0; i < names->n_domains; i++) {
        if (!strcmp(names->domains[i], domain)) {
            return;
        }
    }
    if (names->n_domains < ARRAY_SIZE(names->domains)) {
        names->domains[names->n_domains++] = domain;
    }
}

void
served_addresses_names(const struct served_address *addresses, size_t n,
                       bool ipv6, struct served_names *names)
{
    names->n_dns = names->n_domains = 0;
    for (size_t i = 0; i < n; i++) {
        const struct subnet *subnet = addresses[i].subnet;

        for (size_t j = 0; j < subnet->n_dns; j++) {
            if (is_ipv6(&subnet->dns[j]) == ipv6) {
                add_dns(names, &subnet->dns[j]);
            }
        }
        if (subnet->domain) {
            add_domain(names, subnet->domain);
        }
    }
}

/* What the segment is served, whoever of it. */
static uint8_t
guards_of(const struct segment_object *o)
{
    uint8_t guards = 0;

    for (size_t i = 0; i < o->n_subnets; i++) {
        if (o->subnets[i].dhcp) {
            guards |= (is_ipv6(&o->subnets[i].cidr.addr) ? GUARD_IPV6
                       : GUARD_DHCP4);
        }
    }
    return guards;
}

uint8_t
endpoint_services(const struct inventory *inv, const struct endpoint *e)
{
    uint8_t services = e->port_security ? guards_of(&e->segment->object) : 0;
    struct served_address address;

    if (endpoint_served_addresses(inv, e, false, &address, 1)) {
        services |= SERVICE_DHCP4;
        if (!served_address_has_gateway(&address)) {
            services |= SERVICE_DHCP4_OWN_IP;
        }
    }
    if (endpoint_served_addresses(inv, e, true, &address, 1)) {
        services |= SERVICE_IPV6;
    }
    return services;
}
