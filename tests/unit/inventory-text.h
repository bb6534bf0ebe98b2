/* SPDX-License-Identifier: Apache-2.0 */

#ifndef INVENTORY_TEXT_H
#define INVENTORY_TEXT_H 1

/* Inventories as text, for tests: an object a line.
 *
 *     host ID [TYPE=IP[@PORT]]...
 *     segment ID VNI [vxlan|gre|geneve] [broadcast] [unknown] [multicast]
 *         [snoop] [dhcp] [mtu=BYTES] [PREFIX/LENGTH[,GATEWAY]]...
 *     router ID MAC [SEGMENT]... [PREFIX/LENGTH>VIA]...
 *     endpoint ID SEGMENT HOST MAC [IP]... [pair=IP[/LENGTH][,MAC]]...
 *         [insecure]
 *
 * A MAC is one or two hex digits, the last byte of 02:00:00:00:00:XX.  Any
 * line may have rev=N.  What cannot be read aborts. */

#include <stdbool.h>
#include <stddef.h>

#include "core/inventory.h"
#include "openvswitch/types.h"

struct svec;

struct eth_addr mac_from_text(const char *);
struct in6_addr ip_from_text(const char *);

struct object *object_from_text(const char *line);

/* Adds the objects of 'text' to the list that is under way. */
void inventory_add_text(struct inventory *, const char *text);

/* Takes 'text' in as a whole list, with nothing held back. */
void inventory_list_text(struct inventory *, const char *text);

/* Appends a line for each host, segment, router and endpoint that says what
 * its standing is and, for an endpoint, that of its addresses and MACs. */
void inventory_standings(const struct inventory *, struct svec *);

/* Empties the queues of what was touched; what was in them is appended to
 * 'touched', if it is not NULL, as "KIND ID". */
void inventory_drain(struct inventory *, struct svec *touched);

#endif /* inventory-text.h */
