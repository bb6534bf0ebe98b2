/* SPDX-License-Identifier: Apache-2.0 */

/* IGMP from guests and peers.  What is understood is the same once it was
 * encoded and decoded again. */

#include <config.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/group-message.h"
#include "services/igmp.h"
#include "util.h"

/* Makes the checksums right, which no fuzzer would hit upon. */
static void
fix_checksums(uint8_t *frame, size_t size)
{
    uint8_t *ip = frame + ETH_HEADER_LEN;
    ovs_be16 sum;

    if (size < ETH_HEADER_LEN + IP_HEADER_LEN) {
        return;
    }

    size_t header = (ip[0] & 0xf) * 4;
    size_t total = ip[2] << 8 | ip[3];
    if (header < IP_HEADER_LEN || total < header + 4
        || total > size - ETH_HEADER_LEN) {
        return;
    }
    memset(&ip[10], 0, 2);
    sum = csum(ip, header);
    memcpy(&ip[10], &sum, 2);
    memset(&ip[header + 2], 0, 2);
    sum = csum(ip + header, total - header);
    memcpy(&ip[header + 2], &sum, 2);
}

static void
check_again(const struct group_message *m)
{
    struct group_message *again = xmalloc(sizeof *again);
    struct dp_packet packet;

    dp_packet_init(&packet, 0);
    for (size_t i = 0; i < m->n_changes; i += IGMP_REPORT_MAX) {
        size_t n = MIN(m->n_changes - i, IGMP_REPORT_MAX);

        dp_packet_clear(&packet);
        igmp_put_report(&packet, eth_addr_zero, 0, &m->changes[i], n);
        fuzz_check(!igmp_decode(dp_packet_data(&packet),
                                dp_packet_size(&packet), again));
        fuzz_check(again->n_changes == n && again->version == 3);
        for (size_t j = 0; j < n; j++) {
            const struct group_change *c = &m->changes[i + j];

            fuzz_check(ipv6_addr_equals(&again->changes[j].group, &c->group));
            fuzz_check((again->changes[j].kind == GROUP_JOINED)
                       == (c->kind == GROUP_JOINED));
        }
    }
    dp_packet_uninit(&packet);
    free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct group_message *m = xmalloc(sizeof *m);
    uint8_t *frame = xmemdup(data, MAX(size, 1));
    const char *error;

    if (fuzz_hash(data, size) % 8) {
        fix_checksums(frame, size);
    }
    error = igmp_decode(frame, size, m);
    if (error) {
        fuzz_check_sentence(error);
    } else {
        fuzz_check(m->version >= 1 && m->version <= 3);
        fuzz_check(m->n_changes <= GROUP_MESSAGE_MAX);
        fuzz_check(!m->query || !m->n_changes);
        for (size_t i = 0; i < m->n_changes; i++) {
            fuzz_check(IN6_IS_ADDR_V4MAPPED(&m->changes[i].group));
            fuzz_check(group_is_learned(&m->changes[i].group));
        }
        check_again(m);
    }
    free(frame);
    free(m);
    return 0;
}
