/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/leases.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* As many may be there that nobody needs. */
#define SOME 64

struct leases {
    struct hmap map;            /* Contains struct leases. */
    size_t tidy_at;             /* Count at which to look through them. */
    lease_is_needed *is_needed;
    void *aux;
};

static const char *const state_names[N_LEASE_STATES] = {
    [LEASE_UNKNOWN] = "unknown",
    [LEASE_ADVERTISED] = "advertised",
    [LEASE_OFFERED] = "offered",
    [LEASE_BOUND] = "bound",
    [LEASE_EXPIRED] = "expired",
    [LEASE_RELEASED] = "released",
    [LEASE_DECLINED] = "declined",
    [LEASE_REFUSED] = "refused",
};

const char *
lease_state_to_string(enum lease_state state)
{
    return state_names[state];
}

enum lease_state
lease_get_state(const struct lease *lease, long long int now)
{
    return now >= lease->expires ? LEASE_EXPIRED : lease->state;
}

struct leases *
leases_create(lease_is_needed *is_needed, void *aux)
{
    struct leases *leases = xmalloc(sizeof *leases);

    hmap_init(&leases->map);
    leases->tidy_at = SOME;
    leases->is_needed = is_needed;
    leases->aux = aux;
    return leases;
}

static void
forget(struct leases *leases, struct lease *lease)
{
    hmap_remove(&leases->map, &lease->node);
    free(lease);
}

void
leases_destroy(struct leases *leases)
{
    if (leases) {
        struct lease *lease;

        HMAP_FOR_EACH_SAFE (lease, node, &leases->map) {
            forget(leases, lease);
        }
        hmap_destroy(&leases->map);
        free(leases);
    }
}

static uint32_t
lease_hash(const char *endpoint, const struct in6_addr *ip)
{
    return hash_string(endpoint, hash_bytes(ip, sizeof *ip, 0));
}

static struct lease *
find(const struct leases *leases, const char *endpoint,
     const struct in6_addr *ip)
{
    struct lease *lease;

    HMAP_FOR_EACH_WITH_HASH (lease, node, lease_hash(endpoint, ip),
                             &leases->map) {
        if (!strcmp(lease->endpoint, endpoint)
            && ipv6_addr_equals(&lease->ip, ip)) {
            return lease;
        }
    }
    return NULL;
}

const struct lease *
leases_find(const struct leases *leases, const char *endpoint,
            const struct in6_addr *ip)
{
    return find(leases, endpoint, ip);
}

/* Makes room for one more. */
static void
tidy(struct leases *leases)
{
    struct lease *lease;

    if (hmap_count(&leases->map) < leases->tidy_at) {
        return;
    }
    HMAP_FOR_EACH_SAFE (lease, node, &leases->map) {
        if (!leases->is_needed(lease, leases->aux)) {
            forget(leases, lease);
        }
    }
    leases->tidy_at = 2 * hmap_count(&leases->map) + SOME;
}

static struct lease *
find_or_add(struct leases *leases, const char *endpoint,
            const struct in6_addr *ip)
{
    struct lease *lease = find(leases, endpoint, ip);

    if (!lease) {
        size_t size = strlen(endpoint) + 1;

        tidy(leases);
        lease = xzalloc(sizeof *lease + size);
        memcpy(lease->endpoint, endpoint, size);
        lease->ip = *ip;
        lease->expires = LLONG_MAX;
        hmap_insert(&leases->map, &lease->node, lease_hash(endpoint, ip));
    }
    return lease;
}

static bool
has_address(enum lease_state state)
{
    return state == LEASE_BOUND || state == LEASE_ADVERTISED;
}

void
leases_note(struct leases *leases, const char *endpoint,
            const struct in6_addr *ip, enum lease_state state,
            uint32_t lifetime, long long int now)
{
    struct lease *lease = find_or_add(leases, endpoint, ip);
    enum lease_state old = lease_get_state(lease, now);

    if ((state == LEASE_OFFERED && has_address(old))
        || (state == LEASE_ADVERTISED && old == LEASE_BOUND)) {
        return;
    }
    if (state != old) {
        lease->state = state;
        lease->since = now;
    }
    lease->expires = (!has_address(state) || lifetime == LEASE_INFINITE
                      ? LLONG_MAX : now + lifetime * 1000LL);
}

size_t
leases_count(const struct leases *leases)
{
    return hmap_count(&leases->map);
}
