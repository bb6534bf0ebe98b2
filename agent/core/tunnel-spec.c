/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/tunnel-spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

int
tunnel_overhead(enum encap type, bool ipv6)
{
    static const int headers[N_ENCAPS] = {
        [ENCAP_VXLAN] = UDP_HEADER_LEN + 8,
        [ENCAP_GRE] = 8,
        [ENCAP_GENEVE] = UDP_HEADER_LEN + 8,
    };

    return ETH_HEADER_LEN + headers[type] + (ipv6 ? IPV6_HEADER_LEN
                                             : IP_HEADER_LEN);
}

/* Returns a hash of 'key', for use within this process only. */
uint32_t
tunnel_key_hash(const struct tunnel_key *key, uint32_t basis)
{
    uint32_t hash = hash_bytes(&key->local_ip, sizeof key->local_ip, basis);

    hash = hash_bytes(&key->remote_ip, sizeof key->remote_ip, hash);
    return hash_3words(hash, key->vni,
                       (uint32_t) key->type << 16 | key->dst_port);
}

bool
tunnel_key_equals(const struct tunnel_key *a, const struct tunnel_key *b)
{
    return (a->type == b->type
            && a->vni == b->vni
            && a->dst_port == b->dst_port
            && !memcmp(&a->remote_ip, &b->remote_ip, sizeof a->remote_ip)
            && !memcmp(&a->local_ip, &b->local_ip, sizeof a->local_ip));
}

/* FNV-1a.  The names that come out of it stand in databases that outlive this
 * program, and OVS's own hash functions differ between CPUs. */
static uint64_t
fnv1a(uint64_t hash, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t
fnv1a_u32(uint64_t hash, uint32_t value)
{
    uint8_t bytes[4] = { value >> 24, value >> 16, value >> 8, value };

    return fnv1a(hash, bytes, sizeof bytes);
}

void
tunnel_key_name(const struct tunnel_key *key, unsigned int salt,
                char name[TUNNEL_NAME_SIZE])
{
    static const char prefixes[N_ENCAPS][3] = {
        [ENCAP_NONE] = "tn",
        [ENCAP_VXLAN] = "vx",
        [ENCAP_GRE] = "gr",
        [ENCAP_GENEVE] = "ge",
    };
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    hash = fnv1a(hash, &key->local_ip, sizeof key->local_ip);
    hash = fnv1a(hash, &key->remote_ip, sizeof key->remote_ip);
    hash = fnv1a_u32(hash, key->type);
    hash = fnv1a_u32(hash, key->vni);
    hash = fnv1a_u32(hash, key->dst_port);
    hash = fnv1a_u32(hash, salt);

    /* All 64 bits count in the 40 that the name has room for. */
    hash = (hash ^ hash >> 40) & UINT64_C(0xffffffffff);
    snprintf(name, TUNNEL_NAME_SIZE, "%s-%010"PRIx64,
             prefixes[key->type], hash);
}
