/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_H
#define VTEPD_INVENTORY_H 1

/* The inventory: every host, segment, router and endpoint that the cloud's API
 * has told us of, indexed by all that decisions are made from.
 *
 * It is fed whole lists (contract 3.2, 3.4) and answers what an object's
 * standing is among the others (contract 3.1).  Standing is computed from the
 * indexes when asked for and never stored, so it cannot depend on the order of
 * arrival.  Whatever a change may have an effect on is "touched": it stands in
 * one of three queues until overlay.h has looked at it again.
 *
 * Hosts and segments have a node as soon as anything refers to them, known or
 * not, so that an object which comes late heals its references (R61).
 *
 * Rules of precedence, all by the order of ids (strcmp):
 *   1. Of two segments whose VNIs could meet, the lower id is served.
 *   2. Of two hosts with one tunnel address, the lower id has it.
 *   3. Of two endpoints with one MAC in a segment, the lower id is served.
 *   4. Of two endpoints with one address in a segment, the lower id has it;
 *      an address in 'ips' goes before one that follows from a MAC, and that
 *      before one in 'allowed_pairs'.
 *   5. An address or MAC that several endpoints hold in 'allowed_pairs' alone
 *      is shared and belongs to none of them.
 *   6. Of two routers that name one segment, the lower id joins it.
 *   7. A router's MAC and addresses are its own in the segments that it joins:
 *      an endpoint with that MAC is not served, and the addresses are no
 *      endpoint's.
 * Only objects that are served at all take part in rules 3 to 7.
 *
 * No I/O, no clock, no log. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/objects.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct endpoint_record;
struct live_router;
struct live_segment;

/* One address of a host's tunnels. */
struct host_address {
    struct hmap_node node;      /* In inventory's 'addresses'. */
    struct host_node *host;
    struct host_tunnel tunnel;
};

struct host_node {
    struct hmap_node id_node;   /* In inventory's 'hosts'. */
    struct ovs_list endpoints;  /* Contains struct endpoints. */
    size_t n_endpoints;
    size_t n_refs;              /* Holders outside the inventory. */
    bool known;                 /* Is the host itself in the inventory? */
    bool self;                  /* Is it the one that we are? */
    bool touched;
    bool held;                  /* See inventory-private.h. */
    uint32_t list;              /* The same. */
    uint64_t revision;
    struct host_address *addresses; /* In order of preference. */
    size_t n_addresses;
    char id[];
};

struct segment_node {
    struct hmap_node id_node;   /* In inventory's 'segments'. */
    struct hmap_node vni_node;  /* In inventory's 'vnis' while known. */
    struct hmap endpoints;      /* Contains struct endpoints, by MAC. */
    struct ovs_list routers;    /* Contains struct router_joins. */
    size_t n_refs;
    bool known;
    bool touched;
    bool held;
    uint32_t list;
    uint64_t revision;
    struct segment_object object;   /* While known. */
    struct live_segment *live;  /* overlay.h's, NULL while not live. */
    char id[];
};

/* A router names a segment. */
struct router_join {
    struct ovs_list node;       /* In segment->routers. */
    struct router_node *router;
    struct segment_node *segment;   /* Held. */
};

/* An address to which a route of a router leads. */
struct router_via {
    struct hmap_node node;      /* In inventory's 'vias'. */
    struct router_node *router;
    struct in6_addr ip;
};

struct router_node {
    struct hmap_node id_node;   /* In inventory's 'routers'. */
    size_t n_refs;
    bool known;
    bool touched;
    bool held;
    uint32_t list;
    uint64_t revision;
    struct router_object object;    /* While known. */
    struct router_join *joins;  /* object.n_segments of them. */
    struct router_via *vias;    /* Each address once. */
    size_t n_vias;
    struct live_router *live;   /* overlay.h's, NULL while not live. */
    char id[];
};

enum claim_kind {
    CLAIM_IP,                   /* In 'ips'. */
    CLAIM_LINK_LOCAL,           /* Follows from the MAC (RFC 4291 app. A). */
    CLAIM_PAIR,                 /* In 'allowed_pairs'. */
};

/* An address that an endpoint says is its own. */
struct claim {
    struct hmap_node node;      /* In 'claims' if 'plen' is 128. */
    struct in6_addr ip;
    uint16_t index;             /* Its place in endpoint->claims[]. */
    uint16_t pair_mac;          /* One of the endpoint's or OWN_MAC. */
    uint8_t plen;
    uint8_t kind;               /* enum claim_kind. */
};
#define OWN_MAC UINT16_MAX

/* A MAC from 'allowed_pairs' other than the endpoint's own. */
struct pair_mac {
    struct hmap_node node;      /* In 'pair_macs'. */
    struct endpoint *endpoint;
    struct eth_addr mac;
};

/* What is known of an endpoint.  It never changes: an endpoint that becomes
 * another gets a new one.
 *
 * There may be a million of these, so all is in one block of memory: the
 * claims are followed by 'n_pair_macs' struct pair_macs and the hostname. */
struct endpoint {
    struct endpoint_node *node;
    struct hmap_node mac_node;  /* In segment->endpoints, or staged. */
    struct ovs_list host_list;  /* In host->endpoints. */
    struct segment_node *segment;
    struct host_node *host;
    uint64_t revision;
    uint32_t list;              /* See inventory-private.h. */
    uint16_t n_pair_macs;
    uint16_t n_claims;
    struct eth_addr mac;
    bool held;                  /* As 'list'. */
    bool port_security : 1;
    bool has_hostname : 1;
    struct claim claims[];
};

/* Stays while there is a reason to know of the endpoint, be it in the
 * inventory or not. */
struct endpoint_node {
    struct hmap_node id_node;   /* In inventory's 'endpoints'. */
    struct endpoint *endpoint;  /* NULL while not in the inventory. */
    struct installed *installed;    /* overlay.h's. */
    bool touched : 1;
    bool staged : 1;            /* There is a staged endpoint. */
    bool waiting : 1;           /* overlay.h's: in its own queue. */
    bool local : 1;             /* overlay.h's: has a struct local. */
    char id[];
};

static inline struct endpoint *
claim_endpoint(const struct claim *c)
{
    return CONTAINER_OF(c - c->index, struct endpoint, claims[0]);
}

/* MACs from 'allowed_pairs' other than the endpoint's own. */
static inline struct pair_mac *
endpoint_pair_macs(const struct endpoint *e)
{
    return (struct pair_mac *) (uintptr_t) &e->claims[e->n_claims];
}

static inline struct eth_addr
claim_mac(const struct claim *c)
{
    const struct endpoint *e = claim_endpoint(c);

    return c->pair_mac == OWN_MAC ? e->mac
                                  : endpoint_pair_macs(e)[c->pair_mac].mac;
}

/* NULL: none. */
static inline const char *
endpoint_hostname(const struct endpoint *e)
{
    return e->has_hostname
           ? (const char *) &endpoint_pair_macs(e)[e->n_pair_macs] : NULL;
}

struct inventory;

struct inventory *inventory_create(void);
void inventory_destroy(struct inventory *);

/* Lookups; NULL if there is none. */
struct host_node *inventory_find_host(const struct inventory *,
                                      const char *id);
struct segment_node *inventory_find_segment(const struct inventory *,
                                            const char *id);
struct router_node *inventory_find_router(const struct inventory *,
                                          const char *id);
struct endpoint_node *inventory_find_endpoint(const struct inventory *,
                                              const char *id);

/* All of them, sorted by id, in a new array that the caller frees. */
const struct host_node **inventory_sorted_hosts(const struct inventory *,
                                                size_t *n);
const struct segment_node **inventory_sorted_segments(
    const struct inventory *, size_t *n);
const struct router_node **inventory_sorted_routers(const struct inventory *,
                                                    size_t *n);
const struct endpoint_node **inventory_sorted_endpoints(
    const struct inventory *, size_t *n);

/* Contains struct endpoint_nodes, by 'id_node', also of endpoints that are no
 * longer in the inventory. */
const struct hmap *inventory_endpoint_nodes(const struct inventory *);

/* Number of objects of 'kind' in the inventory. */
size_t inventory_count(const struct inventory *, enum object_kind);

/* Says which host we are: it counts as known even where the inventory lacks
 * it, since the settings tell the rest. */
void inventory_set_self(struct inventory *, const char *id);

/* Finds or makes the node of host 'id', and holds it until it is given back.
 * The same for segments and routers. */
struct host_node *inventory_ref_host(struct inventory *, const char *id);
void inventory_unref_host(struct inventory *, struct host_node *);
struct segment_node *inventory_ref_segment(struct inventory *,
                                           const char *id);
void inventory_unref_segment(struct inventory *, struct segment_node *);
struct router_node *inventory_ref_router(struct inventory *, const char *id);
void inventory_unref_router(struct inventory *, struct router_node *);

/* Standing. */

/* Is this address of a known host its to use (rule 2)?  If not, '*by' is the
 * host that has it. */
bool inventory_address_is_served(const struct inventory *,
                                 const struct host_address *,
                                 const struct host_node **by);

enum segment_standing {
    SEGMENT_SERVED,
    SEGMENT_UNKNOWN,
    SEGMENT_VNI_TAKEN,          /* Rule 1. */
};
enum segment_standing inventory_segment_standing(
    const struct inventory *, const struct segment_node *,
    const struct segment_node **by);

enum endpoint_standing {
    ENDPOINT_SERVED,
    ENDPOINT_UNKNOWN_SEGMENT,
    ENDPOINT_SEGMENT_REFUSED,
    ENDPOINT_UNKNOWN_HOST,
    ENDPOINT_MAC_TAKEN,         /* Rule 3. */
    ENDPOINT_MAC_IS_ROUTERS,    /* Rule 7. */
};
enum endpoint_standing inventory_endpoint_standing(
    const struct inventory *, const struct endpoint *,
    const struct endpoint **by);

enum claim_standing {
    CLAIM_HELD,                 /* The address is the endpoint's. */
    CLAIM_TAKEN,                /* It is another's: '*by'. */
    CLAIM_IS_ROUTERS,           /* Rule 7. */
    CLAIM_SHARED,               /* Rule 5; '*by' has the claim that goes before
                                 * all others', NULL if it is this one. */
    CLAIM_PREFIX,               /* Not a single address. */
};
enum claim_standing inventory_claim_standing(const struct inventory *,
                                             const struct claim *,
                                             const struct endpoint **by);

/* The next claim of a served endpoint to a single address of a segment after
 * 'c', or the first one for NULL, in any order; NULL: there is no further
 * one. */
const struct claim *inventory_next_claim(const struct inventory *,
                                         const struct segment_node *,
                                         const struct in6_addr *ip,
                                         const struct claim *c);

/* Whose is a MAC from 'allowed_pairs' to receive on? */
enum pair_mac_standing {
    PAIR_MAC_HELD,              /* The endpoint's. */
    PAIR_MAC_TAKEN,             /* That of an endpoint, or router, whose own it
                                 * is. */
    PAIR_MAC_SHARED,            /* Rule 5. */
};
enum pair_mac_standing inventory_pair_mac_standing(const struct inventory *,
                                                   const struct pair_mac *);

/* Whose a shared address is (rule 5) the inventory does not know: from now on
 * 'cb' is asked, which returns a claim or NULL.  NULL: nobody is. */
typedef const struct claim *inventory_shared_cb(const struct segment_node *,
                                                const struct in6_addr *,
                                                void *aux);
void inventory_set_shared_cb(struct inventory *, inventory_shared_cb *cb,
                             void *aux);

/* The claim of the endpoint whose address that is in the segment, or NULL. */
const struct claim *inventory_find_holder(const struct inventory *,
                                          const struct segment_node *,
                                          const struct in6_addr *);

/* The router that joins the segment (rule 6), or NULL: none does, or the
 * segment is not served. */
struct router_node *inventory_segment_router(const struct inventory *,
                                             const struct segment_node *);

/* Is that one of the addresses that the segment's router has in it: a gateway
 * of a subnet or, where one of them is IPv6, the link-local address that
 * follows from its MAC (RFC 4291 app. A)? */
bool inventory_address_is_routers(const struct inventory *,
                                  const struct segment_node *,
                                  const struct in6_addr *);
bool inventory_has_router_link_local(const struct segment_node *);

/* Whole lists.
 *
 * inventory_list_begin() starts to take a list in, inventory_list_add() takes
 * one object (and its ownership), inventory_list_keep() says that the list has
 * an object, but in a form that cannot be used.  Nothing of it is seen until
 * inventory_list_end(); inventory_list_abort() forgets it. */
void inventory_list_begin(struct inventory *);

enum list_add {
    LIST_ADDED,
    LIST_DUPLICATE,     /* The list has it already: higher revision wins. */
};
enum list_add inventory_list_add(struct inventory *, struct object *);
void inventory_list_keep(struct inventory *, enum object_kind, const char *id);

/* Limits on what a whole list may delete (contract 3.4). */
struct deletion_guard {
    unsigned int max_percent;   /* 'max-delete'. */
    long long int hold;         /* 'hold', in ms; 0: until approved. */
};

struct list_result {
    size_t n_added, n_changed, n_deleted;
    size_t n_held;              /* Deletions held by the guard. */
};

/* The list is whole.  What it lacks is deleted, unless 'may_delete' is false
 * or the guard holds the deletions.  'now' is time in ms.
 *
 * inventory_list_whole() only says so; inventory_list_run(), with about
 * 'max_work' objects each time, applies it and returns true once all is done.
 * Between two portions it looks as if events had come, and events may come.
 * Hosts and segments are before endpoints, deletions are last.  The next list
 * may begin when inventory_list_is_busy() is false.
 *
 * inventory_list_end() does all of it at once. */
void inventory_list_whole(struct inventory *, bool may_delete,
                          const struct deletion_guard *);
bool inventory_list_run(struct inventory *, size_t max_work,
                        long long int now, struct list_result *);
bool inventory_list_is_busy(const struct inventory *);
void inventory_list_end(struct inventory *, bool may_delete,
                        const struct deletion_guard *, long long int now,
                        struct list_result *);

/* Not after inventory_list_whole(). */
void inventory_list_abort(struct inventory *);

/* Events (contract 3.4): what one object has become, told as it happens.
 *
 *   1. An event older than what is known is ignored, a deletion too.
 *   2. The revision of a deleted object is remembered for TOMBSTONE_MS,
 *      whether an event or a list deleted it or it was never known, so that a
 *      late event cannot revive it.  A revision of 0 says nothing about
 *      order: it holds nothing back.  No more than MAX_TOMBSTONES are
 *      remembered, the youngest.
 *   3. What an event has changed while a list is taken in, that is after the
 *      list was asked for, that list leaves as it is, unless it has a higher
 *      revision of the object: then the event came late.
 *   4. An event says nothing new if it repeats the revision and the content
 *      that are known.  Revisions of 0 are the exception: there, what comes
 *      last is the newest.
 *   5. The guard is not asked.  What it holds is held no longer once an event
 *      has put or deleted it.
 *
 * Bounded: where there are INVENTORY_MAX_OBJECTS already no event adds another
 * (a list has its own limit); beyond MAX_TOMBSTONES the oldest goes.
 *
 * 'now' is time in ms.  inventory_put() takes ownership of 'object'. */
#define INVENTORY_MAX_OBJECTS (10 * 1000 * 1000)
#define TOMBSTONE_MS (10 * 60 * 1000)
#define MAX_TOMBSTONES 100000

enum event_outcome {
    EVENT_APPLIED,              /* Something has changed. */
    EVENT_SAME,                 /* It was known already, perhaps with a lower
                                 * revision. */
    EVENT_STALE,                /* Ignored, by rule 1 or 2. */
    EVENT_FULL,                 /* Ignored: there are too many objects. */
};

/* For tests: another limit than INVENTORY_MAX_OBJECTS. */
void inventory_set_max_objects(struct inventory *, size_t);

enum event_outcome inventory_put(struct inventory *, struct object *object,
                                 long long int now);
enum event_outcome inventory_delete(struct inventory *, enum object_kind,
                                    const char *id, uint64_t revision,
                                    long long int now);

/* What is remembered by rule 2 of a deleted object, so that it can outlive the
 * program. */
struct deleted_object {
    enum object_kind kind;
    const char *id;
    uint64_t revision;          /* Not 0. */
    long long int left;         /* For how much longer, in ms. */
};

/* Calls 'cb' for the 'max' youngest of them, the oldest first. */
void inventory_for_each_deleted(const struct inventory *, size_t max,
                                long long int now,
                                void (*cb)(const struct deleted_object *,
                                           void *aux), void *aux);

/* Takes back what was told so, in the same order, before there was any event.
 * What is in the inventory is left alone. */
void inventory_remember_deleted(struct inventory *,
                                const struct deleted_object *,
                                long long int now);

/* The number of the last whole list, 0 before the first, and that which a list
 * begun now would get. */
uint32_t inventory_last_list(const struct inventory *);
uint32_t inventory_next_list(const struct inventory *);

/* A number that grows whenever an object comes, goes or becomes another.  It
 * does not grow with a revision alone. */
uint64_t inventory_seqno(const struct inventory *);

/* Held deletions: how many, since when (0: none are held). */
size_t inventory_n_held(const struct inventory *, long long int *since);

/* Is the deletion of this endpoint held? */
bool inventory_endpoint_is_held(const struct inventory *,
                                const struct endpoint *);

/* Releases held deletions; returns how many objects were deleted.  'now' is
 * time in ms. */
size_t inventory_approve_deletions(struct inventory *, long long int now);

/* The queues of what was touched: the next one, or NULL, which is then no
 * longer queued.  A returned host, segment or router is held for the caller, who gives
 * it back with inventory_unref_*().  An endpoint's node that is of no use any
 * more is given back with inventory_release_endpoint(). */
struct host_node *inventory_next_touched_host(struct inventory *);
struct segment_node *inventory_next_touched_segment(struct inventory *);
struct router_node *inventory_next_touched_router(struct inventory *);
struct endpoint_node *inventory_next_touched_endpoint(struct inventory *);
bool inventory_has_touched(const struct inventory *);

/* Makes what is touched until now a round of its own: only from that does
 * inventory_next_touched_endpoint() take, so that no endpoint comes twice in
 * one round. */
void inventory_begin_touched_endpoints(struct inventory *);
void inventory_touch_host(struct inventory *, struct host_node *);

/* With the routers that name it. */
void inventory_touch_segment(struct inventory *, struct segment_node *);
void inventory_touch_router(struct inventory *, struct router_node *);

/* With the routers whose routes lead to its addresses. */
void inventory_touch_endpoint(struct inventory *, struct endpoint_node *);
void inventory_touch_all(struct inventory *);

/* Frees 'node' if it has neither endpoint nor installed state and is not
 * queued anywhere. */
void inventory_release_endpoint(struct inventory *, struct endpoint_node *);

#endif /* inventory.h */
