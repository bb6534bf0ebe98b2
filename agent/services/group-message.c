/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/group-message.h"

#include "packets.h"
#include "util.h"

void
group_message_init(struct group_message *m, unsigned int version)
{
    m->query = false;
    m->version = version;
    m->n_changes = 0;
}

bool
group_is_learned(const struct in6_addr *group)
{
    if (IN6_IS_ADDR_V4MAPPED(group)) {
        uint32_t ip = ntohl(in6_addr_get_mapped_ipv4(group));

        return ip >> 28 == 0xe && ip >> 8 != 0xe00000;
    }
    return (group->s6_addr[0] == 0xff && (group->s6_addr[1] & 0xf) > 1
            && group->s6_addr[1] != 0x02);
}

bool
group_message_add(struct group_message *m, const struct in6_addr *group,
                  enum group_change_kind kind)
{
    if (!group_is_learned(group)) {
        return true;
    }
    if (m->n_changes >= GROUP_MESSAGE_MAX) {
        return false;
    }
    m->changes[m->n_changes++] = (struct group_change) { *group, kind };
    return true;
}

bool
group_message_add_record(struct group_message *m, const struct in6_addr *group,
                         unsigned int type, unsigned int n_sources)
{
    switch (type) {
    case RECORD_IS_INCLUDE:
    case RECORD_TO_INCLUDE:
        return group_message_add(m, group,
                                 n_sources ? GROUP_JOINED : GROUP_LEFT);
    case RECORD_IS_EXCLUDE:
    case RECORD_TO_EXCLUDE:
        return group_message_add(m, group, GROUP_JOINED);
    case RECORD_ALLOW_SOURCES:
        return !n_sources || group_message_add(m, group, GROUP_JOINED);
    case RECORD_BLOCK_SOURCES:
        return !n_sources || group_message_add(m, group, GROUP_DOUBTED);
    default:
        return true;
    }
}

unsigned int
group_change_to_record(enum group_change_kind kind)
{
    return kind == GROUP_JOINED ? RECORD_TO_EXCLUDE : RECORD_TO_INCLUDE;
}

unsigned int
group_time_code(unsigned int time, unsigned int bits)
{
    unsigned int hidden = 1u << bits;   /* The mantissa's leading bit. */

    if (time < hidden << 3) {
        return time;            /* As it is: the code's top bit is 0. */
    }
    for (unsigned int exponent = 0; exponent < 8; exponent++) {
        unsigned int mantissa = time >> (exponent + 3);

        if (mantissa < hidden << 1) {
            return hidden << 3 | exponent << bits | (mantissa & (hidden - 1));
        }
    }
    return (hidden << 4) - 1;
}
