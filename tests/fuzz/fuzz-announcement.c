/* SPDX-License-Identifier: Apache-2.0 */

/* ARP and neighbour discovery from guests and peers.  What is understood is
 * sane, and the same once it was encoded and decoded again. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/announcement.h"
#include "util.h"

/* Makes the checksum right, which no fuzzer would hit upon. */
static void
fix_checksum(uint8_t *frame, size_t size)
{
    struct ovs_16aligned_ip6_hdr ip;
    uint8_t *message = frame + ETH_HEADER_LEN + IPV6_HEADER_LEN;
    ovs_be16 sum;

    if (size < ETH_HEADER_LEN + IPV6_HEADER_LEN + 4) {
        return;
    }
    memcpy(&ip, frame + ETH_HEADER_LEN, sizeof ip);

    size_t len = ntohs(ip.ip6_ctlun.ip6_un1.ip6_un1_plen);
    if (len >= 4 && len <= size - ETH_HEADER_LEN - IPV6_HEADER_LEN) {
        memset(message + 2, 0, 2);
        sum = csum_finish(csum_continue(packet_csum_pseudoheader6(&ip),
                                        message, len));
        memcpy(message + 2, &sum, 2);
    }
}

static void
check(const uint8_t *frame, size_t size)
{
    struct announcement a, again;
    struct dp_packet packet;

    if (!announcement_decode(frame, size, &a)) {
        return;
    }
    fuzz_check(!eth_addr_is_multicast(a.mac) && !eth_addr_is_zero(a.mac));
    fuzz_check(ipv6_addr_is_set(&a.ip) && !ipv6_addr_is_multicast(&a.ip));

    dp_packet_init(&packet, 0);
    announcement_encode(&a, &packet);
    fuzz_check(announcement_decode(dp_packet_data(&packet),
                                   dp_packet_size(&packet), &again));
    fuzz_check(a.kind == again.kind && ipv6_addr_equals(&a.ip, &again.ip)
               && eth_addr_equals(a.mac, again.mac));
    dp_packet_uninit(&packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *frame = xmemdup(data, size);

    check(frame, size);
    fix_checksum(frame, size);
    check(frame, size);
    free(frame);
    return 0;
}
