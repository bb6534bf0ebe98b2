/* SPDX-License-Identifier: Apache-2.0 */

/* MLD from guests and peers.  What is understood is the same once it was
 * encoded and decoded again. */

#include <config.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/group-message.h"
#include "services/mld.h"
#include "util.h"

/* Makes the checksum right, which no fuzzer would hit upon. */
static void
fix_checksum(uint8_t *frame, size_t size)
{
    uint8_t *ip = frame + ETH_HEADER_LEN;
    uint8_t *header = ip + IPV6_HEADER_LEN;
    ovs_be16 sum;

    if (size < ETH_HEADER_LEN + IPV6_HEADER_LEN + 8) {
        return;
    }

    size_t len = (header[1] + 1) * 8;
    size_t payload = ip[4] << 8 | ip[5];
    if (payload < len + 4
        || payload > size - ETH_HEADER_LEN - IPV6_HEADER_LEN) {
        return;
    }
    memset(&header[len + 2], 0, 2);
    sum = packet_csum_upperlayer6((struct ovs_16aligned_ip6_hdr *) ip,
                                  header + len, IPPROTO_ICMPV6, payload - len);
    memcpy(&header[len + 2], &sum, 2);
}

static void
check_again(const struct group_message *m)
{
    struct group_message *again = xmalloc(sizeof *again);
    struct dp_packet packet;

    dp_packet_init(&packet, 0);
    for (size_t i = 0; i < m->n_changes; i += MLD_REPORT_MAX) {
        size_t n = MIN(m->n_changes - i, MLD_REPORT_MAX);

        dp_packet_clear(&packet);
        mld_put_report(&packet, eth_addr_zero, &m->changes[i], n);
        fuzz_check(!mld_decode(dp_packet_data(&packet),
                                dp_packet_size(&packet), again));
        fuzz_check(again->n_changes == n && again->version == 2);
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
        fix_checksum(frame, size);
    }
    error = mld_decode(frame, size, m);
    if (error) {
        fuzz_check_sentence(error);
    } else {
        fuzz_check(m->version >= 1 && m->version <= 2);
        fuzz_check(m->n_changes <= GROUP_MESSAGE_MAX);
        fuzz_check(!m->query || !m->n_changes);
        for (size_t i = 0; i < m->n_changes; i++) {
            fuzz_check(!IN6_IS_ADDR_V4MAPPED(&m->changes[i].group));
            fuzz_check(group_is_learned(&m->changes[i].group));
        }
        check_again(m);
    }
    free(frame);
    free(m);
    return 0;
}
