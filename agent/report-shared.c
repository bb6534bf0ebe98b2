/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report-shared.h"

#include <stdlib.h>
#include <string.h>

#include "agent/local-address.h"
#include "core/holders.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "packets.h"
#include "svec.h"
#include "util.h"

static int
compare_segments(const struct segment_node *a, const struct segment_node *b)
{
    return (uintptr_t) a < (uintptr_t) b ? -1 : (uintptr_t) a > (uintptr_t) b;
}

static int
compare_addresses(const void *a_, const void *b_)
{
    const struct shared_address *const *a = a_;
    const struct shared_address *const *b = b_;
    int cmp = compare_segments((*a)->segment, (*b)->segment);

    return cmp ? cmp : memcmp(&(*a)->ip, &(*b)->ip, sizeof (*a)->ip);
}

void
shared_index_init(struct shared_index *index, const struct overlay *overlay)
{
    const struct hmap *all = &overlay_holders(overlay)->addresses;
    const struct shared_address *sa;

    index->n = 0;
    index->addresses = xmalloc((hmap_count(all) + 1)
                               * sizeof *index->addresses);
    HMAP_FOR_EACH (sa, node, all) {
        index->addresses[index->n++] = sa;
    }
    qsort(index->addresses, index->n, sizeof *index->addresses,
          compare_addresses);
}

void
shared_index_destroy(struct shared_index *index)
{
    free(index->addresses);
}

/* The first one of 'segment', or where it would be. */
static size_t
find_first(const struct shared_index *index,
           const struct segment_node *segment)
{
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_segments(index->addresses[middle]->segment, segment) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct json *
address_to_json(const struct shared_address *sa)
{
    struct json *object = json_object_create();
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&sa->ip, ip);
    json_object_put_string(object, "ip", ip);
    if (sa->holder) {
        char mac[ETH_ADDR_STRLEN + 1];

        snprintf(mac, sizeof mac, ETH_ADDR_FMT, ETH_ADDR_ARGS(sa->mac));
        json_object_put_string(object, "holder", sa->holder);
        json_object_put_string(object, "mac", mac);
        json_object_put(object, "since", json_integer_create(sa->since));
    } else {
        json_object_put(object, "holder", json_null_create());
        json_object_put(object, "mac", json_null_create());
        json_object_put(object, "since", json_null_create());
    }
    return object;
}

struct json *
shared_index_to_json(const struct shared_index *index,
                     const struct segment_node *segment)
{
    struct json *array = json_array_create_empty();

    for (size_t i = find_first(index, segment);
         i < index->n && index->addresses[i]->segment == segment; i++) {
        json_array_add(array, address_to_json(index->addresses[i]));
    }
    return array;
}

void
report_held_addresses(const struct overlay *overlay, const struct endpoint *e,
                      struct svec *ips)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct shared_address *sa
            = (c->kind == CLAIM_PAIR && c->plen == 128
               ? holders_find(overlay_holders(overlay), e->segment, &c->ip)
               : NULL);

        if (sa && sa->holder && !strcmp(sa->holder, e->node->id)
            && eth_addr_equals(sa->mac, claim_mac(c))) {
            char ip[INET6_ADDRSTRLEN];

            local_address_format(&c->ip, ip);
            svec_add(ips, ip);
        }
    }
}
