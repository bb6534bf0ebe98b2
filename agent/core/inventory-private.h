/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_PRIVATE_H
#define VTEPD_INVENTORY_PRIVATE_H 1

/* What inventory.c (lookups, queues), inventory-standing.c, inventory-change.c
 * and inventory-routers.c (one object), inventory-known.c (one of any kind), inventory-list.c (whole
 * lists) and inventory-event.c share.  Nobody else includes this.
 *
 * Lists have even numbers, in the order of their beginnings.  Every object
 * has a number in 'list': that of the last list that had it or, if that was
 * later, the odd number of an event that put it after that list had begun.  So
 * neither a list that broke off nor an event of before has any effect on the
 * next list, and what a list lacks is what has a lower number.  How many
 * objects have a number that is not lower is counted as it happens, so nobody
 * has to look through all of them at the end of a list.
 *
 * While deletions are held, those objects are held that have a lower number
 * than the list that lacked them.  A later list gives those that it has its
 * own number, but may break off, so then 'held' remembers it; that means
 * nothing where the number is not higher than that of the list that lacked
 * them. */

#include "core/inventory.h"
#include "openvswitch/list.h"

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
    size_t max_objects;         /* Of all kinds; events add no more. */
    uint64_t seqno;             /* See inventory_seqno(). */
    struct host_node *self;     /* Held, or NULL. */

    struct hmap addresses;      /* Known hosts' struct host_addresses. */
    struct hmap vnis;           /* Known segments, by VNI. */
    struct hmap claims;         /* struct claims, by segment and address. */
    struct hmap pair_macs;      /* struct pair_macs, by segment and MAC. */
    inventory_shared_cb *shared_cb; /* Or NULL. */
    void *shared_aux;
    struct hmap vias;           /* struct router_vias, by router and IP. */

    struct touched touched_hosts;
    struct touched touched_segments;
    struct touched touched_routers;
    struct touched touched_endpoints;
    struct touched round;       /* Of touched endpoints, being taken. */

    /* Lists. */
    bool listing;               /* From list_begin() until it is applied. */
    uint32_t list;              /* Number of the list that was begun last. */
    uint32_t last_list;         /* Number of the last whole list. */
    struct hmap staged[N_OBJECT_KINDS]; /* Objects of 'list' that differ. */
    struct whole_list *whole;   /* That is being applied, or NULL. */
    uint32_t known_digest;      /* Sum of the digests of all objects. */
    size_t n_listed[N_OBJECT_KINDS];    /* Whose number is not below 'list'. */
    uint32_t listed_digest;     /* Sum of their digests. */

    /* Deletions held by the guard. */
    uint32_t held_list;         /* What this one lacked; 0: none are held. */
    size_t n_held;
    long long int held_since;
    uint32_t held_digest;       /* Sum of their digests. */

    struct hmap tombstones;     /* Contains struct tombstones. */
    struct ovs_list tombstones_by_age;  /* The oldest first. */
};

/* The number with which an event marks what it changes. */
static inline uint32_t
inventory_event_mark(const struct inventory *inv)
{
    return inv->list + 1;
}

uint32_t inventory_mac_hash(const struct eth_addr);
uint32_t inventory_pair_mac_hash(const struct segment_node *,
                                 const struct eth_addr);
uint32_t inventory_claim_hash(const struct segment_node *,
                              const struct in6_addr *);
uint32_t inventory_address_hash(const struct in6_addr *);
uint32_t inventory_via_hash(const struct router_node *,
                            const struct in6_addr *);

/* inventory-change.c, inventory-routers.c */

/* Makes 'object' what is known of 'node'; NULL: nothing is known any more.
 * Those of segments and routers take over what 'object' holds, that of
 * endpoints the endpoint itself. */
void inventory_change_host(struct inventory *, struct host_node *,
                           const struct object *object);
void inventory_change_segment(struct inventory *, struct segment_node *,
                              struct object *object);
void inventory_change_router(struct inventory *, struct router_node *,
                             struct object *object);
void inventory_change_endpoint(struct inventory *, struct endpoint_node *,
                               struct endpoint *);

/* Returns an endpoint that nobody sees yet; frees such a one. */
struct endpoint *inventory_make_endpoint(struct inventory *,
                                         const struct object *);
void inventory_free_endpoint(struct inventory *, struct endpoint *);

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
bool inventory_endpoints_are_equal(const struct endpoint *,
                                   const struct endpoint *);

/* Touches those on whom it has an effect who has the MAC, or the address, in
 * the segment; the segment with all endpoints in it. */
void inventory_touch_mac(struct inventory *, const struct segment_node *,
                         const struct eth_addr);
void inventory_touch_address(struct inventory *, const struct segment_node *,
                             const struct in6_addr *);
void inventory_touch_segment_and_endpoints(struct inventory *,
                                           struct segment_node *);

/* inventory-known.c */

/* An object that is in the inventory, of any kind. */
struct known {
    enum object_kind kind;
    const char *id;
    void *node;
    uint32_t *list;
    uint64_t *revision;
    bool *held;
    uint32_t digest;            /* Of kind and id. */
};

uint32_t inventory_object_hash(enum object_kind, const char *id);
bool inventory_find_known(const struct inventory *, enum object_kind,
                          const char *id, struct known *);
bool inventory_known_equals(const struct known *, const struct object *);

/* Calls 'cb' for every object that is in the inventory: endpoints, routers,
 * segments, hosts.  'cb' may delete it. */
typedef void inventory_known_cb(struct inventory *, const struct known *,
                                void *aux);
void inventory_for_each_known(struct inventory *, inventory_known_cb *,
                              void *aux);

/* Gives it the number 'list', which is not below that of the last list. */
void inventory_mark(struct inventory *, const struct known *, uint32_t list);

/* Calls 'cb' for the objects of 'kind' that are in one bucket of
 * inventory_objects().  'cb' may delete its object. */
const struct hmap *inventory_objects(const struct inventory *,
                                     enum object_kind);
void inventory_for_each_in_bucket(struct inventory *, enum object_kind,
                                  size_t bucket, inventory_known_cb *,
                                  void *aux);

/* Makes 'object', whose ownership it takes, what is known of it, as part of
 * list number 'list' or with the mark of an event. */
void inventory_put_known(struct inventory *, struct object *object,
                         uint32_t list);
void inventory_put_endpoint(struct inventory *, struct endpoint *,
                            uint32_t list);
void inventory_delete_known(struct inventory *, const struct known *);

/* inventory-event.c */

/* Remembers the revision of an object that is deleted, unless a higher one
 * is.  'mark' is inventory_event_mark() if an event says so, 0 if a list
 * does. */
void inventory_bury(struct inventory *, enum object_kind, const char *id,
                    uint64_t revision, uint32_t mark, long long int now);

/* Forgets it. */
void inventory_unbury(struct inventory *, enum object_kind, const char *id);
void inventory_unbury_all(struct inventory *);
void inventory_expire_tombstones(struct inventory *, long long int now);

/* Has an event said, after the list under way had begun, what is not older
 * than this object of the list?  'known' is what is known of it or NULL. */
bool inventory_event_prevails(const struct inventory *,
                              const struct known *known,
                              enum object_kind, const char *id,
                              uint64_t revision);

/* inventory-list.c */

/* An event is about to put or delete 'known': it is held no longer. */
void inventory_unhold(struct inventory *, const struct known *);
void inventory_free_lists(struct inventory *);

#endif /* inventory-private.h */
