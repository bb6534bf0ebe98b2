/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LEASES_H
#define VTEPD_LEASES_H 1

/* What became of the addresses that the agent hands out, for operators to look
 * at.  Nothing is decided by it: who may have which address is the inventory's
 * to say, so nothing is lost when it begins empty after a restart.
 *
 * Time is in ms, from any monotonic origin. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"

enum lease_state {
    LEASE_UNKNOWN,              /* Nobody has asked since the agent began. */
    LEASE_ADVERTISED,           /* Its prefix was, which makes it valid. */
    LEASE_OFFERED,
    LEASE_BOUND,
    LEASE_EXPIRED,              /* Bound or advertised, but not any more. */
    LEASE_RELEASED,
    LEASE_DECLINED,             /* The client has seen it with another. */
    LEASE_REFUSED,              /* The client asked for another address. */
    N_LEASE_STATES
};
const char *lease_state_to_string(enum lease_state);

/* For ever. */
#define LEASE_INFINITE UINT32_MAX

struct lease {
    struct hmap_node node;
    struct in6_addr ip;         /* v4-mapped for IPv4. */
    enum lease_state state;     /* As it was noted: see lease_get_state(). */
    long long int since;        /* When that began. */
    long long int expires;      /* LLONG_MAX: never, or there is no lease. */
    char endpoint[];            /* Id. */
};

/* The state by now. */
enum lease_state lease_get_state(const struct lease *, long long int now);

struct leases;

/* From time to time those are forgotten of which 'is_needed' says that nobody
 * needs them any more: so there are no more than twice those needed, and
 * some. */
typedef bool lease_is_needed(const struct lease *, void *aux);
struct leases *leases_create(lease_is_needed *, void *aux);
void leases_destroy(struct leases *);

/* Notes what became of an address, which counts for 'lifetime' seconds where
 * it was bound or advertised.  What does not take anything from a client does
 * not change that it has the address. */
void leases_note(struct leases *, const char *endpoint,
                 const struct in6_addr *, enum lease_state,
                 uint32_t lifetime, long long int now);

/* NULL: nothing is known. */
const struct lease *leases_find(const struct leases *, const char *endpoint,
                                const struct in6_addr *);

/* All that are kept. */
size_t leases_count(const struct leases *);

#endif /* leases.h */
