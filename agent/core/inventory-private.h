/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_PRIVATE_H
#define VTEPD_INVENTORY_PRIVATE_H 1

/* What inventory.c (lookups, standing) and inventory-list.c (objects coming
 * and going) share.  Nobody else includes this. */

#include "core/inventory.h"

/* A queue without order. */
struct touched {
    void **items;
    size_t n, allocated;
};

struct inventory {
    struct hmap hosts;          /* Contains struct host_nodes. */
    struct hmap segments;       /* Contains struct segment_nodes. */
    struct hmap routers;        /* Contains struct router_nodes. */
    struct hmap endpoints;      /* Contains struct endpoint_nodes. */
    size_t n_known[N_OBJECT_KINDS];
    uint64_t seqno;             /* See inventory_seqno(). */
    struct host_node *self;     /* Held, or NULL. */

    struct hmap addresses;      /* Known hosts' struct host_addresses. */
    struct hmap vnis;           /* Known segments, by VNI. */
    struct hmap macs;           /* struct endpoints, by segment and MAC. */
    struct hmap claims;         /* struct claims, by segment and address. */
    struct hmap pair_macs;      /* struct pair_macs, by segment and MAC. */

    struct touched touched_hosts;
    struct touched touched_segments;
    struct touched touched_endpoints;
    struct touched round;       /* Of touched endpoints, being taken. */

    /* Lists. */
    bool listing;               /* Between list_begin() and list_end(). */
    uint32_t list;              /* Number of the list that is taken in. */
    uint32_t last_list;         /* Number of the last whole list. */
    struct hmap staged;         /* Objects of 'list' that differ. */
    size_t n_held;              /* Deletions held by the guard... */
    long long int held_since;   /* ...since then. */
};

uint32_t inventory_mac_hash(const struct segment_node *,
                            const struct eth_addr);
uint32_t inventory_claim_hash(const struct segment_node *,
                              const struct in6_addr *);
uint32_t inventory_address_hash(const struct in6_addr *);
struct router_node *inventory_find_router(const struct inventory *,
                                          const char *id);
void inventory_remove_everything(struct inventory *);

#endif /* inventory-private.h */
