/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_IGMP_H
#define VTEPD_IGMP_H 1

/* IGMP, versions 1 to 3 (RFC 1112, 2236, 3376), in Ethernet frames.  Bytes in,
 * meaning out, and the other way round: nothing is kept or sent. */

#include <stddef.h>

#include "openvswitch/types.h"

struct dp_packet;
struct group_change;
struct group_message;

/* What the frame says.  Returns NULL if it is a whole and correct IGMP
 * message, else why it is not, in a few words. */
const char *igmp_decode(const void *frame, size_t size,
                        struct group_message *);

/* Groups that fit into a report of 1280 bytes, which any tunnel carries. */
enum { IGMP_REPORT_MAX = 156 };

/* Appends to 'packet', which is empty, an IGMPv3 report of 'n' changes, no
 * more than IGMP_REPORT_MAX of them and all of IPv4 groups. */
void igmp_put_report(struct dp_packet *packet, const struct eth_addr source,
                     ovs_be32 ip, const struct group_change *changes,
                     size_t n);

/* The same for a general IGMPv3 query, to be answered within 'response' ms. */
void igmp_put_query(struct dp_packet *packet, const struct eth_addr source,
                    ovs_be32 ip, unsigned int response);

#endif /* igmp.h */
