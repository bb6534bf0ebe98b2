/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SUBNETS_H
#define VTEPD_SUBNETS_H 1

/* What the subnets of a segment say about an address. */

#include "core/objects.h"

/* The address with which the segment's router speaks to 'ip', or NULL if it
 * has none of that family:
 *
 *   1. the gateway of the longest subnet that has 'ip' in it;
 *   2. else, as for what comes through a VM that forwards, the first gateway
 *      that is not link-local;
 *   3. else the first one. */
const struct in6_addr *segment_gateway_for(const struct segment_object *,
                                           const struct in6_addr *ip);

#endif /* subnets.h */
