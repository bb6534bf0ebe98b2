/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_PRIVATE_H
#define VTEPD_INVENTORY_PRIVATE_H 1

/* What inventory.c (lookups, queues), inventory-standing.c, inventory-change.c
 * (one object) and inventory-list.c (whole lists) share.  Nobody else includes
 * this. */

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
    uint32_t held_digest;       /* Of which they are. */
};

uint32_t inventory_mac_hash(const struct segment_node *,
                            const struct eth_addr);
uint32_t inventory_claim_hash(const struct segment_node *,
                              const struct in6_addr *);
uint32_t inventory_address_hash(const struct in6_addr *);
struct router_node *inventory_find_router(const struct inventory *,
                                          const char *id);

/* inventory-change.c */

/* Makes 'object' what is known of 'node'; NULL: nothing is known any more.
 * Those of segments and routers take over what 'object' holds. */
void inventory_change_host(struct inventory *, struct host_node *,
                           const struct object *object);
void inventory_change_segment(struct inventory *, struct segment_node *,
                              struct object *object);
void inventory_change_router(struct inventory *, struct router_node *,
                             struct object *object);
void inventory_change_endpoint(struct inventory *, struct endpoint_node *,
                               const struct object *object);

struct router_node *inventory_router_create(struct inventory *,
                                            const char *id);
void inventory_router_delete(struct inventory *, struct router_node *);
struct endpoint_node *inventory_ref_endpoint_node(struct inventory *,
                                                  const char *id);

/* Is that what is known? */
bool inventory_host_equals(const struct host_node *,
                           const struct host_object *);
bool inventory_segment_equals(const struct segment_node *,
                              const struct segment_object *);
bool inventory_router_equals(const struct router_node *,
                             const struct router_object *);
bool inventory_endpoint_equals(const struct endpoint *,
                               const struct endpoint_object *);

/* inventory-list.c */
void inventory_remove_everything(struct inventory *);

#endif /* inventory-private.h */
