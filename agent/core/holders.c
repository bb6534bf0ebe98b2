/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/holders.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

static uint32_t
address_hash(const struct segment_node *segment, const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, hash_pointer(segment, 0));
}

static uint32_t
mac_hash(const struct segment_node *segment, const struct eth_addr mac)
{
    return hash_mac(mac, 0, hash_pointer(segment, 0));
}

void
holders_init(struct holders *h)
{
    hmap_init(&h->addresses);
    hmap_init(&h->by_mac);
    ovs_list_init(&h->changed);
    h->order = 0;
    h->seqno = 0;
}

void
holders_destroy(struct holders *h)
{
    ovs_assert(hmap_is_empty(&h->addresses) && hmap_is_empty(&h->by_mac));
    hmap_destroy(&h->addresses);
    hmap_destroy(&h->by_mac);
}

struct shared_address *
holders_find(const struct holders *h, const struct segment_node *segment,
             const struct in6_addr *ip)
{
    struct shared_address *sa;

    HMAP_FOR_EACH_WITH_HASH (sa, node, address_hash(segment, ip),
                             &h->addresses) {
        if (sa->segment == segment && ipv6_addr_equals(&sa->ip, ip)) {
            return sa;
        }
    }
    return NULL;
}

struct shared_address *
holders_add(struct holders *h, struct segment_node *segment,
            const struct in6_addr *ip)
{
    struct shared_address *sa = xzalloc(sizeof *sa);

    sa->segment = segment;
    sa->ip = *ip;
    ovs_list_init(&sa->changed_list);
    hmap_insert(&h->addresses, &sa->node, address_hash(segment, ip));
    holders_push_changed(h, sa);
    return sa;
}

void
holders_remove(struct holders *h, struct shared_address *sa)
{
    holders_clear(h, sa);
    ovs_list_remove(&sa->changed_list);
    hmap_remove(&h->addresses, &sa->node);
    free(sa);
}

void
holders_set(struct holders *h, struct shared_address *sa, const char *endpoint,
            const struct eth_addr mac, long long int wall_now)
{
    if (!sa->holder || strcmp(sa->holder, endpoint)
        || !eth_addr_equals(sa->mac, mac)) {
        holders_clear(h, sa);
        sa->holder = xstrdup(endpoint);
        sa->mac = mac;
        sa->since = wall_now;
        hmap_insert(&h->by_mac, &sa->mac_node, mac_hash(sa->segment, mac));
        holders_push_changed(h, sa);
        h->seqno++;
    }
    sa->order = ++h->order;
}

void
holders_clear(struct holders *h, struct shared_address *sa)
{
    if (sa->holder) {
        hmap_remove(&h->by_mac, &sa->mac_node);
        free(sa->holder);
        sa->holder = NULL;
        holders_push_changed(h, sa);
        h->seqno++;
    }
}

const struct shared_address *
holders_next_at_mac(const struct holders *h,
                    const struct segment_node *segment,
                    const struct eth_addr mac,
                    const struct shared_address *sa)
{
    uint32_t hash = mac_hash(segment, mac);
    struct hmap_node *node = sa ? hmap_next_with_hash(&sa->mac_node)
                                : hmap_first_with_hash(&h->by_mac, hash);

    for (; node; node = hmap_next_with_hash(node)) {
        sa = CONTAINER_OF(node, struct shared_address, mac_node);
        if (sa->segment == segment && eth_addr_equals(sa->mac, mac)) {
            return sa;
        }
    }
    return NULL;
}

const struct shared_address *
holders_at_mac(const struct holders *h, const struct segment_node *segment,
               const struct eth_addr mac)
{
    const struct shared_address *sa = NULL, *last = NULL;

    while ((sa = holders_next_at_mac(h, segment, mac, sa))) {
        if (!last || sa->order > last->order) {
            last = sa;
        }
    }
    return last;
}

static int
compare_orders(const void *a_, const void *b_)
{
    const struct shared_address *const *a = a_;
    const struct shared_address *const *b = b_;

    return (*a)->order < (*b)->order ? -1 : (*a)->order > (*b)->order;
}

const struct shared_address **
holders_in_order(const struct holders *h, size_t *n)
{
    const struct shared_address **all
        = xmalloc((hmap_count(&h->by_mac) + 1) * sizeof *all);
    const struct shared_address *sa;

    *n = 0;
    HMAP_FOR_EACH (sa, mac_node, &h->by_mac) {
        all[(*n)++] = sa;
    }
    qsort(all, *n, sizeof *all, compare_orders);
    return all;
}

struct shared_address *
holders_pop_changed(struct holders *h)
{
    struct shared_address *sa;

    if (ovs_list_is_empty(&h->changed)) {
        return NULL;
    }
    sa = CONTAINER_OF(ovs_list_pop_front(&h->changed), struct shared_address,
                      changed_list);
    ovs_list_init(&sa->changed_list);
    return sa;
}

void
holders_push_changed(struct holders *h, struct shared_address *sa)
{
    if (ovs_list_is_empty(&sa->changed_list)) {
        ovs_list_push_back(&h->changed, &sa->changed_list);
    }
}
