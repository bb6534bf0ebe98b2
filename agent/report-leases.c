/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/facts.h"
#include "agent/leases.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "core/endpoint-services.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

/* The addresses that are handed out on this host: what became of each since
 * vtepd began.  People see how long ago and how long still, programs when. */

static const struct listing_column columns[] = {
    { "ENDPOINT", "endpoint" },
    { NULL, "segment" },
    { "ADDRESS", "address" },
    { "MAC", "mac" },
    { "STATE", "state" },
    { "SINCE", NULL },
    { NULL, "since" },
    { "EXPIRES", NULL },
    { NULL, "expires" },
    { "HOSTNAME", "hostname" },
};

struct nodes {
    const struct endpoint_node **array;
    size_t n, allocated;
};

static void
collect(const struct endpoint_node *node, uint32_t ofport OVS_UNUSED,
        void *nodes_)
{
    struct nodes *nodes = nodes_;

    if (nodes->n >= nodes->allocated) {
        nodes->array = x2nrealloc(nodes->array, &nodes->allocated,
                                  sizeof *nodes->array);
    }
    nodes->array[nodes->n++] = node;
}

static int
compare(const void *a_, const void *b_)
{
    const struct endpoint_node *const *a = a_;
    const struct endpoint_node *const *b = b_;

    return strcmp((*a)->id, (*b)->id);
}

/* 'when' is monotonic. */
static void
put_time(struct listing *l, long long int when, long long int now,
         const char *format)
{
    if (when == LLONG_MAX) {
        listing_put_none(l);
        listing_put_none(l);
    } else {
        char *duration = facts_format_duration(llabs(when - now));

        listing_put_nocopy(l, xasprintf(format, duration));
        listing_put_nocopy(l, xastrftime_msec("%Y-%m-%dT%H:%M:%SZ",
                                              time_wall_msec() + when - now,
                                              true));
        free(duration);
    }
}

static enum lease_state
get_state(const struct lease *lease, long long int now)
{
    return lease ? lease_get_state(lease, now) : LEASE_UNKNOWN;
}

static void
put_lease(struct listing *l, const struct lease *lease)
{
    long long int now = time_msec();
    enum lease_state state = get_state(lease, now);
    bool expired = state == LEASE_EXPIRED;

    listing_put_string(l, lease_state_to_string(state));
    put_time(l, !lease ? LLONG_MAX : expired ? lease->expires : lease->since,
             now, "%s ago");
    put_time(l, !lease || expired ? LLONG_MAX : lease->expires, now, "in %s");
}

/* The addresses that 'e' is handed out: one of IPv4, then those of IPv6. */
static size_t
get_addresses(const struct agent *agent, const struct endpoint *e,
              struct served_address addresses[1 + SERVED_IPV6_MAX])
{
    size_t n = 0;

    if (e) {
        n = endpoint_served_addresses(agent->inventory, e, false, addresses,
                                      1);
        n += endpoint_served_addresses(agent->inventory, e, true,
                                       addresses + n, SERVED_IPV6_MAX);
    }
    return n;
}

static const struct lease *
find_lease(const struct agent *agent, const struct endpoint *e,
           const struct served_address *a)
{
    return leases_find(agent->leases, e->node->id, &a->ip);
}

static void
put_endpoint(struct listing *l, const struct agent *agent,
             const struct endpoint *e)
{
    struct served_address addresses[1 + SERVED_IPV6_MAX];
    size_t n = get_addresses(agent, e, addresses);

    for (size_t i = 0; i < n; i++) {
        char ip[INET6_ADDRSTRLEN];

        local_address_format(&addresses[i].ip, ip);
        listing_put_string(l, e->node->id);
        listing_put_string(l, e->segment->id);
        listing_put_string(l, ip);
        listing_put_nocopy(l, xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac)));
        put_lease(l, find_lease(agent, e, &addresses[i]));
        listing_put_string(l, endpoint_hostname(e));
    }
}

void
report_leases(const struct agent *agent, bool json, struct ds *s)
{
    struct nodes nodes = { NULL, 0, 0 };
    struct listing *l = listing_create(columns, ARRAY_SIZE(columns), json);

    overlay_for_each_served(agent->overlay, collect, &nodes);
    if (nodes.n) {
        qsort(nodes.array, nodes.n, sizeof *nodes.array, compare);
    }
    for (size_t i = 0; i < nodes.n; i++) {
        put_endpoint(l, agent, nodes.array[i]->endpoint);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    free(nodes.array);
}

/* Counting. */

struct lease_count {
    const struct agent *agent;
    size_t *n_by_state;
    long long int now;
};

static void
count_endpoint(const struct endpoint_node *node, uint32_t ofport OVS_UNUSED,
               void *count_)
{
    struct lease_count *count = count_;
    struct served_address addresses[1 + SERVED_IPV6_MAX];
    size_t n = get_addresses(count->agent, node->endpoint, addresses);

    for (size_t i = 0; i < n; i++) {
        count->n_by_state[get_state(find_lease(count->agent, node->endpoint,
                                               &addresses[i]),
                                    count->now)]++;
    }
}

void
report_count_leases(const struct agent *agent, size_t n_by_state[])
{
    struct lease_count count = { agent, n_by_state, time_msec() };

    memset(n_by_state, 0, N_LEASE_STATES * sizeof n_by_state[0]);
    overlay_for_each_served(agent->overlay, count_endpoint, &count);
}
