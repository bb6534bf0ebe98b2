/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MLD_H
#define VTEPD_MLD_H 1

/* MLD, versions 1 and 2 (RFC 2710, 3810), in Ethernet frames.  Bytes in,
 * meaning out, and the other way round: nothing is kept or sent. */

#include <stddef.h>

#include "openvswitch/types.h"

struct dp_packet;
struct group_change;
struct group_message;

/* What the frame says.  Returns NULL if it is a whole and correct MLD message,
 * else why it is not, in a few words. */
const char *mld_decode(const void *frame, size_t size,
                       struct group_message *);

/* Groups that fit into a report of 1280 bytes, which any tunnel carries. */
enum { MLD_REPORT_MAX = 61 };

/* Appends to 'packet', which is empty, an MLDv2 report of 'n' changes, no more
 * than MLD_REPORT_MAX of them and all of IPv6 groups.  It comes from the
 * link-local address that follows from the MAC 'source'. */
void mld_put_report(struct dp_packet *packet, const struct eth_addr source,
                    const struct group_change *changes, size_t n);

/* The same for a general MLDv2 query, to be answered within 'response' ms. */
void mld_put_query(struct dp_packet *packet, const struct eth_addr source,
                   unsigned int response);

#endif /* mld.h */
