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

/* An address of the endpoint: if it has several, one that is not another
 * endpoint's.  NULL: it has none of the family. */
static const struct claim *
choose(const struct agent *agent, const struct endpoint *e, bool ipv6,
       const struct endpoint **taken_by)
{
    const struct claim *chosen = NULL;

    *taken_by = NULL;
    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;

        if (is_of_family(c, ipv6)) {
            enum claim_standing standing
                = inventory_claim_standing(agent->inventory, c, &by);

            if (standing == CLAIM_HELD) {
                *taken_by = NULL;
                return c;
            } else if (!chosen) {
                chosen = c;
                *taken_by = standing == CLAIM_TAKEN ? by : NULL;
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
        const struct endpoint *by;
        const struct claim *a = choose(agent, from, ipv6, &by);
        const struct claim *b = choose(agent, to, ipv6, &by);

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

bool
explain_addresses(const struct agent *agent, const struct endpoint *from,
                  const struct endpoint *to, struct explanation *x)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct endpoint *a_by, *b_by;
        const struct claim *a = choose(agent, from, ipv6, &a_by);
        const struct claim *b = choose(agent, to, ipv6, &b_by);

        if (a && b && b_by) {
            stop_at_taken(agent, b, b_by, x);
        }
        if (a && b && a_by) {
            stop_at_taken(agent, a, a_by, x);
        }
    }
    return !x->concluded;
}
