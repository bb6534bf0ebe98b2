/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* Records as they are kept.
 *
 * Nearly all endpoints are elsewhere, and what is installed for one differs
 * from that for its neighbours on the same host by a MAC and an address or
 * two.  So the rest is kept once for all of them, and the addresses are packed
 * one after the other:
 *
 *     flags, [prefix length], [MAC], address in 4 or 16 bytes
 *
 * followed by the further MACs. */

enum {
    ADDRESS_IPV4 = 1 << 0,      /* The last 4 bytes of a v4-mapped one. */
    ADDRESS_PREFIX = 1 << 1,    /* There is a prefix length; else it is 128. */
    ADDRESS_MAC = 1 << 2,       /* There is a MAC; else it is the record's. */
    ADDRESS_ANSWERED = 1 << 3,
    ADDRESS_SOURCE = 1 << 4,
    ADDRESS_SHARED = 1 << 5,
    ADDRESS_LEADS = 1 << 6,
};

/* What records have in common. */

static uint32_t
class_hash(const struct record_class *c)
{
    uint32_t hash = hash_pointer(c->link, c->out);

    hash = hash_2words(hash_pointer(c->segment, hash), c->place);
    return hash_uint64_basis(c->metadata, hash);
}

static bool
class_equals(const struct record_class *a, const struct record_class *b)
{
    return a->segment == b->segment
           && a->link == b->link
           && a->next == b->next
           && a->metadata == b->metadata
           && a->out == b->out
           && a->place == b->place
           && a->port_security == b->port_security
           && a->guard_garp == b->guard_garp
           && a->floods == b->floods
           && a->snoops == b->snoops
           && a->routed == b->routed
           && a->services == b->services;
}

static struct record_class *
ref_class(struct overlay *ov, const struct want *want)
{
    const struct endpoint_record *r = want->record;
    struct record_class key = {
        .segment = want->segment, .link = want->link, .next = want->next,
        .metadata = r->metadata, .out = r->out, .place = r->place,
        .port_security = r->port_security, .guard_garp = r->guard_garp,
        .floods = r->floods, .snoops = r->snoops, .routed = r->routed,
        .services = r->services,
    };
    uint32_t hash = class_hash(&key);
    struct record_class *c;

    HMAP_FOR_EACH_WITH_HASH (c, node, hash, &ov->record_classes) {
        if (class_equals(c, &key)) {
            c->n++;
            return c;
        }
    }
    c = xmemdup(&key, sizeof key);
    c->n = 1;
    hmap_insert(&ov->record_classes, &c->node, hash);
    return c;
}

static void
unref_class(struct overlay *ov, struct record_class *c)
{
    if (!--c->n) {
        hmap_remove(&ov->record_classes, &c->node);
        free(c);
    }
}

/* Packing. */

static uint8_t
address_flags(const struct endpoint_record *r,
              const struct endpoint_address *a)
{
    return (IN6_IS_ADDR_V4MAPPED(&a->ip) ? ADDRESS_IPV4 : 0)
           | (a->plen != 128 ? ADDRESS_PREFIX : 0)
           | (!eth_addr_equals(a->mac, r->mac) ? ADDRESS_MAC : 0)
           | (a->answered ? ADDRESS_ANSWERED : 0)
           | (a->source ? ADDRESS_SOURCE : 0)
           | (a->shared ? ADDRESS_SHARED : 0)
           | (a->leads ? ADDRESS_LEADS : 0);
}

static size_t
address_ip_offset(uint8_t flags)
{
    return flags & ADDRESS_IPV4 ? 12 : 0;
}

static size_t
address_size(uint8_t flags)
{
    return sizeof flags + (flags & ADDRESS_PREFIX ? 1 : 0)
           + (flags & ADDRESS_MAC ? ETH_ADDR_LEN : 0)
           + sizeof(struct in6_addr) - address_ip_offset(flags);
}

static uint8_t *
put_bytes(uint8_t *p, const void *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}

static uint8_t *
put_address(uint8_t *p, const struct endpoint_record *r,
            const struct endpoint_address *a)
{
    uint8_t flags = address_flags(r, a);
    size_t skip = address_ip_offset(flags);

    *p++ = flags;
    if (flags & ADDRESS_PREFIX) {
        *p++ = a->plen;
    }
    if (flags & ADDRESS_MAC) {
        p = put_bytes(p, &a->mac, sizeof a->mac);
    }
    return put_bytes(p, a->ip.s6_addr + skip, sizeof a->ip - skip);
}

static const uint8_t *
get_bytes(const uint8_t *p, void *bytes, size_t n)
{
    memcpy(bytes, p, n);
    return p + n;
}

static const uint8_t *
get_address(const uint8_t *p, const struct installed *in,
            struct endpoint_address *a)
{
    uint8_t flags = *p++;
    size_t skip = address_ip_offset(flags);

    a->answered = flags & ADDRESS_ANSWERED;
    a->source = flags & ADDRESS_SOURCE;
    a->shared = flags & ADDRESS_SHARED;
    a->leads = flags & ADDRESS_LEADS;
    a->plen = flags & ADDRESS_PREFIX ? *p++ : 128;
    a->mac = in->mac;
    if (flags & ADDRESS_MAC) {
        p = get_bytes(p, &a->mac, sizeof a->mac);
    }
    if (flags & ADDRESS_IPV4) {
        in6_addr_set_mapped_ipv4(&a->ip, 0);
    }
    return get_bytes(p, a->ip.s6_addr + skip, sizeof a->ip - skip);
}

struct installed *
overlay_pack_record(struct overlay *ov, const struct want *want)
{
    const struct endpoint_record *r = want->record;
    size_t size = offsetof(struct installed, data)
                  + r->n_macs * sizeof r->macs[0];

    for (size_t i = 0; i < r->n_addresses; i++) {
        size += address_size(address_flags(r, &r->addresses[i]));
    }

    struct installed *in = xmalloc(size);
    uint8_t *p = in->data;
    in->class = ref_class(ov, want);
    in->mac = r->mac;
    in->n_addresses = r->n_addresses;
    in->n_macs = r->n_macs;
    for (size_t i = 0; i < r->n_addresses; i++) {
        p = put_address(p, r, &r->addresses[i]);
    }
    put_bytes(p, r->macs, r->n_macs * sizeof r->macs[0]);
    return in;
}

struct endpoint_record *
overlay_unpack_record(const struct installed *in)
{
    const struct record_class *c = in->class;
    struct endpoint_record *r = endpoint_record_alloc(in->n_addresses,
                                                      in->n_macs);
    const uint8_t *p = in->data;

    r->metadata = c->metadata;
    r->out = c->out;
    r->place = c->place;
    r->mac = in->mac;
    r->port_security = c->port_security;
    r->guard_garp = c->guard_garp;
    r->floods = c->floods;
    r->snoops = c->snoops;
    r->routed = c->routed;
    r->services = c->services;
    for (size_t i = 0; i < in->n_addresses; i++) {
        p = get_address(p, in, &r->addresses[i]);
    }
    get_bytes(p, r->macs, in->n_macs * sizeof r->macs[0]);
    return r;
}

void
overlay_free_record(struct overlay *ov, struct installed *in)
{
    if (in) {
        unref_class(ov, in->class);
        free(in);
    }
}
