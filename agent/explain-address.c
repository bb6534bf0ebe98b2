/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-path.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/local-address.h"
#include "packets.h"
#include "util.h"

/* By which addresses one endpoint may speak to the other. */

static bool
is_of_family(const struct claim *c, bool ipv6)
{
    return c->kind == CLAIM_IP && ipv6 == !IN6_IS_ADDR_V4MAPPED(&c->ip);
}

/* If it has several, one that is not another endpoint's. */
const struct claim *
explain_choose_address(const struct agent *agent, const struct endpoint *e,
                       bool ipv6)
{
    const struct claim *chosen = NULL;

    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;

        if (is_of_family(c, ipv6)) {
            if (inventory_claim_standing(agent->inventory, c, &by)
                == CLAIM_HELD) {
                return c;
            } else if (!chosen) {
                chosen = c;
            }
        }
    }
    return chosen;
}

bool
explain_choose_ips(const struct agent *agent, const struct endpoint *from,
                   const struct endpoint *to, struct trace_packet *p)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct claim *a = explain_choose_address(agent, from, ipv6);
        const struct claim *b = explain_choose_address(agent, to, ipv6);

        if (a && b) {
            p->src_ip = a->ip;
            p->dst_ip = b->ip;
            return true;
        }
    }
    return false;
}

static void
stop_at_taken(const struct agent *agent, const struct claim *c,
              const struct endpoint *by, struct explanation *x)
{
    bool held = inventory_endpoint_is_held(agent->inventory, by);
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&c->ip, ip);
    explanation_stop(x, "addresses", held ? "held-deletion" : "ip-taken",
                     held ? "\"vtepd/approve-deletions\" releases it"
                          : "Give one of the two another address",
                     "the address %s of endpoint \"%s\" belongs to endpoint "
                     "\"%s\" of the same segment%s: who asks for it is told "
                     "that one's MAC", ip, claim_endpoint(c)->node->id,
                     by->node->id,
                     held ? ", whose deletion is held" : "");
}

static void
stop_at_router(const struct agent *agent, const struct claim *c,
               struct explanation *x)
{
    const struct endpoint *e = claim_endpoint(c);
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&c->ip, ip);
    explanation_stop(x, "addresses", "ip-taken",
                     "Give one of the two another address",
                     "the address %s of endpoint \"%s\" is that of router "
                     "\"%s\" in segment \"%s\"", ip, e->node->id,
                     inventory_segment_router(agent->inventory,
                                              e->segment)->id,
                     e->segment->id);
}

bool
explain_address(const struct agent *agent, const struct claim *c,
                struct explanation *x)
{
    const struct endpoint *by;

    switch (inventory_claim_standing(agent->inventory, c, &by)) {
    case CLAIM_TAKEN:
        stop_at_taken(agent, c, by, x);
        return false;
    case CLAIM_IS_ROUTERS:
        stop_at_router(agent, c, x);
        return false;
    case CLAIM_HELD:
    case CLAIM_SHARED:
    case CLAIM_PREFIX:
    default:
        return true;
    }
}

bool
explain_addresses(const struct agent *agent, const struct endpoint *from,
                  const struct endpoint *to, struct explanation *x)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct claim *a = explain_choose_address(agent, from, ipv6);
        const struct claim *b = explain_choose_address(agent, to, ipv6);

        if (a && b) {
            explain_address(agent, b, x);
            explain_address(agent, a, x);
        }
    }
    return !x->concluded;
}
