/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/subnets.h"

#include <stddef.h>

#include "packets.h"
#include "util.h"

static bool
has_address(const struct subnet *subnet, const struct in6_addr *ip)
{
    struct in6_addr mask = ipv6_create_mask(subnet->cidr.plen);
    struct in6_addr network = ipv6_addr_bitand(ip, &mask);

    return ipv6_addr_equals(&network, &subnet->cidr.addr);
}

/* How good a gateway is: more than 128 by rule 1, 0 not at all. */
static int
rank(const struct subnet *subnet, const struct in6_addr *ip)
{
    if (!subnet->has_gateway
        || (!IN6_IS_ADDR_V4MAPPED(&subnet->gateway)
            != !IN6_IS_ADDR_V4MAPPED(ip))) {
        return 0;
    } else if (has_address(subnet, ip)) {
        return 129 + subnet->cidr.plen;
    }
    return IN6_IS_ADDR_LINKLOCAL(&subnet->gateway) ? 1 : 2;
}

const struct in6_addr *
segment_gateway_for(const struct segment_object *segment,
                    const struct in6_addr *ip)
{
    const struct in6_addr *best = NULL;
    int best_rank = 0;

    for (size_t i = 0; i < segment->n_subnets; i++) {
        int r = rank(&segment->subnets[i], ip);

        if (r > best_rank) {
            best_rank = r;
            best = &segment->subnets[i].gateway;
        }
    }
    return best;
}
