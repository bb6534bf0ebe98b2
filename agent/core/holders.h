/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HOLDERS_H
#define VTEPD_HOLDERS_H 1

/* Who holds the addresses that several endpoints may hold (rule 5 of
 * inventory.h): the endpoint that announced one last.
 *
 * The inventory says who may hold an address; this says who does, and at which
 * MAC.  What was announced later goes before what was announced earlier, by
 * the time of arrival here.  A MAC that several endpoints may have (that of a
 * VRRP router, RFC 5798 7.3) is at the endpoint that announced any address
 * with it last.
 *
 * Nothing is checked here: overlay-holders.c knows who is allowed to.
 *
 * Invariant: an address that has a holder is in both indexes. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"

struct segment_node;

struct shared_address {
    struct hmap_node node;      /* In 'addresses', by segment and address. */
    struct hmap_node mac_node;  /* In 'by_mac' while it is held. */
    struct ovs_list changed_list;   /* In 'changed' or empty. */
    struct segment_node *segment;   /* Its owner's to hold. */
    struct in6_addr ip;         /* v4-mapped for IPv4. */
    size_t n_claims;            /* Of installed endpoints that may hold it. */

    char *holder;               /* The endpoint's id; NULL: nobody. */
    struct eth_addr mac;        /* Where it is. */
    uint64_t order;             /* Grows with every announcement. */
    bool remembered;            /* From before a restart, not announced since:
                                 * it may be another one's by now. */
    long long int since;        /* When the holder became that, in ms since
                                 * the epoch; only for reports. */
};

struct holders {
    struct hmap addresses;      /* Contains struct shared_addresses. */
    struct hmap by_mac;         /* The same, by segment and MAC. */
    struct ovs_list changed;    /* Those whose holder changed, or came anew. */
    uint64_t order;             /* Of the last announcement. */
    uint64_t seqno;             /* Grows whenever a holder changes. */
};

void holders_init(struct holders *);

/* All addresses were removed before. */
void holders_destroy(struct holders *);

/* NULL if there is none. */
struct shared_address *holders_find(const struct holders *,
                                    const struct segment_node *,
                                    const struct in6_addr *ip);

/* Adds an address that is not there, and which nobody holds. */
struct shared_address *holders_add(struct holders *, struct segment_node *,
                                   const struct in6_addr *ip);
void holders_remove(struct holders *, struct shared_address *);

/* 'endpoint' has announced the address at 'mac'. */
void holders_set(struct holders *, struct shared_address *,
                 const char *endpoint, const struct eth_addr mac,
                 long long int wall_now);

/* Nobody holds the address until it is announced again. */
void holders_clear(struct holders *, struct shared_address *);

/* Of the addresses of a segment that are held at 'mac', the one that was
 * announced last; NULL if there is none. */
const struct shared_address *holders_at_mac(const struct holders *,
                                            const struct segment_node *,
                                            const struct eth_addr mac);

/* The next address of a segment that is held at 'mac' after 'sa', or the first
 * one for NULL, in any order; NULL: there is no further one. */
const struct shared_address *holders_next_at_mac(
    const struct holders *, const struct segment_node *,
    const struct eth_addr mac, const struct shared_address *sa);

/* All that are held, in the order in which they were announced, in a new array
 * that the caller frees. */
const struct shared_address **holders_in_order(const struct holders *,
                                               size_t *n);

/* Takes one off the list of those that have changed, or returns NULL. */
struct shared_address *holders_pop_changed(struct holders *);
void holders_push_changed(struct holders *, struct shared_address *);

#endif /* holders.h */
