/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_GROUP_MESSAGE_H
#define VTEPD_GROUP_MESSAGE_H 1

/* What IGMP and MLD messages say, whatever their version.
 *
 * Source lists are not kept: who listens to a group from some sources counts
 * as listening to the group.  So a host that excludes sources, or includes
 * any, has joined; one that includes none has left.  A host that gives up
 * sources one by one (BLOCK_OLD_SOURCES) may have given up the last, or not:
 * it is in doubt until it says so again. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* Groups in one message: more than fit into a packet of 9000 bytes with IGMP.
 * A message that has more is refused. */
enum { GROUP_MESSAGE_MAX = 1200 };

enum group_change_kind {
    GROUP_JOINED,
    GROUP_LEFT,
    GROUP_DOUBTED,
};

struct group_change {
    struct in6_addr group;      /* v4-mapped for IPv4. */
    enum group_change_kind kind;
};

struct group_message {
    bool query;                 /* A query: there are no changes. */
    unsigned int version;       /* Of IGMP 1 to 3, of MLD 1 and 2. */
    size_t n_changes;
    struct group_change changes[GROUP_MESSAGE_MAX];
};

void group_message_init(struct group_message *, unsigned int version);

/* Is this a group that may be learned?  Not one that is never routed, nor
 * reported for the sake of anybody (224.0.0.0/24, ff02::/16: RFC 4541 2.1.2),
 * nor what no router may see (RFC 4291 2.7: scopes 0 and 1). */
bool group_is_learned(const struct in6_addr *group);

/* Takes note of a change, if that is of a group to be learned.  Returns false
 * if there are too many. */
bool group_message_add(struct group_message *, const struct in6_addr *group,
                       enum group_change_kind);

/* The records of IGMPv3 and MLDv2, which have the same codes (RFC 3376 4.2.12,
 * RFC 3810 5.2.12). */
enum group_record_type {
    RECORD_IS_INCLUDE = 1,
    RECORD_IS_EXCLUDE = 2,
    RECORD_TO_INCLUDE = 3,
    RECORD_TO_EXCLUDE = 4,
    RECORD_ALLOW_SOURCES = 5,
    RECORD_BLOCK_SOURCES = 6,
};

/* The same for a record of 'type' with 'n_sources' sources.  One of a type
 * that is not known says nothing. */
bool group_message_add_record(struct group_message *,
                              const struct in6_addr *group, unsigned int type,
                              unsigned int n_sources);

/* The record's type that says the change. */
unsigned int group_change_to_record(enum group_change_kind);

/* A time as IGMPv3 and MLDv2 code it with a mantissa of 'bits' bits and an
 * exponent of three (RFC 3376 4.1.1, RFC 3810 5.1.3), rounded down. */
unsigned int group_time_code(unsigned int time, unsigned int bits);

#endif /* group-message.h */
