/* SPDX-License-Identifier: Apache-2.0 */

#ifndef RANDOM_OBJECTS_H
#define RANDOM_OBJECTS_H 1

/* Few objects with few values, at random, so that they get in each other's
 * way: the same addresses, MACs, VNIs. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/objects.h"

enum {
    N_HOSTS = 4, N_SEGMENTS = 4, N_ROUTERS = 3, N_ENDPOINTS = 10,
    N_ROUTES = 3,               /* Of a router. */
};

/* Randomness with a seed, so that a failure can be seen again. */
void rnd_seed(uint64_t seed);
uint32_t rnd(uint32_t n);       /* 0 to n - 1. */
bool one_in(uint32_t n);

struct in6_addr random_ip4(uint32_t ip);
struct in6_addr random_ip6(uint32_t low);
struct eth_addr random_mac(uint8_t n);

/* The 'i'th of its kind.  Host 0 is "hv0", then "seg0", "vm0". */
struct object *make_host(uint32_t i);
struct object *make_segment(uint32_t i);
struct object *make_router(uint32_t i);
struct object *make_endpoint(uint32_t i);

/* A copy of one that was made so. */
struct object *clone_object(const struct object *);

#endif /* random-objects.h */
