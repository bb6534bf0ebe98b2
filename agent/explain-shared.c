/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-shared.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/explanation.h"
#include "agent/facts.h"
#include "core/holders.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* Endpoints that are named. */
#define MAX_SHOWN 8

static bool
parse_ip(const char *name, struct in6_addr *ip)
{
    ovs_be32 ipv4;

    if (ip_parse(name, &ipv4)) {
        in6_addr_set_mapped_ipv4(ip, ipv4);
        return true;
    }
    return ipv6_parse(name, ip);
}

/* Those that may hold the address: "a", "b" and 3 more. */
static char *
format_sharers(const struct agent *agent, const struct shared_address *sa)
{
    struct svec ids = SVEC_EMPTY_INITIALIZER;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct claim *c = NULL;

    while ((c = inventory_next_claim(agent->inventory, sa->segment, &sa->ip,
                                     c))) {
        svec_add(&ids, claim_endpoint(c)->node->id);
    }
    svec_sort_unique(&ids);
    for (size_t i = 0; i < MIN(ids.n, MAX_SHOWN); i++) {
        ds_put_format(&s, "%s\"%s\"", i ? ", " : "", ids.names[i]);
    }
    if (ids.n > MAX_SHOWN) {
        ds_put_format(&s, " and %"PRIuSIZE" more", ids.n - MAX_SHOWN);
    }
    svec_destroy(&ids);
    return ds_steal_cstr(&s);
}

bool
explain_unannounced(const struct agent *agent, const char *name,
                    struct explanation *x)
{
    const struct shared_address *sa;
    struct in6_addr ip;

    if (!parse_ip(name, &ip)) {
        return false;
    }
    HMAP_FOR_EACH (sa, node, &overlay_holders(agent->overlay)->addresses) {
        if (!sa->holder && ipv6_addr_equals(&sa->ip, &ip)) {
            char *sharers = format_sharers(agent, sa);

            explanation_stop(x, "address", "address-not-announced",
                             "See whether one of them has the address, and "
                             "announces it: by gratuitous ARP or an "
                             "unsolicited neighbour advertisement, as "
                             "keepalived does",
                             "address %s in segment \"%s\" is shared by "
                             "endpoints %s (allowed_pairs), and none of them "
                             "has announced it", name, sa->segment->id,
                             sharers);
            free(sharers);
            return true;
        }
    }
    return false;
}

void
explain_holder(const struct agent *agent, const char *name,
               const struct endpoint_node *node, struct explanation *x)
{
    const struct shared_address *sa;
    struct in6_addr ip;

    if (!parse_ip(name, &ip)) {
        return;
    }
    sa = holders_find(overlay_holders(agent->overlay),
                      node->endpoint->segment, &ip);
    if (sa && sa->holder && !strcmp(sa->holder, node->id)) {
        long long int ms = MAX(0, time_wall_msec() - sa->since);
        char *sharers = format_sharers(agent, sa);
        char *since = facts_format_duration(ms);

        explanation_ok(x, "address", "%s is shared by endpoints %s "
                       "(allowed_pairs); \"%s\" has held it for %s, at "
                       ETH_ADDR_FMT, name, sharers, sa->holder, since,
                       ETH_ADDR_ARGS(sa->mac));
        free(sharers);
        free(since);
    }
}
