/* SPDX-License-Identifier: Apache-2.0 */

/* A packet whose TTL is used up, from the Ethernet header on.
 *
 * What is answered goes to its sender and quotes it, is no longer than it may
 * be, in order, and nothing that is answered in turn. */

#include <config.h>

#include <string.h>

#include "csum.h"
#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/icmp-error.h"
#include "util.h"

static void
check_sums(const uint8_t *ip, size_t size, bool v6)
{
    if (v6) {
        uint32_t sum = packet_csum_pseudoheader6((const void *) ip);

        fuzz_check(!csum_finish(csum_continue(sum, ip + IPV6_HEADER_LEN,
                                              size - IPV6_HEADER_LEN)));
    } else {
        fuzz_check(!csum(ip, IP_HEADER_LEN));
        fuzz_check(!csum(ip + IP_HEADER_LEN, size - IP_HEADER_LEN));
    }
}

static void
check_reply(const uint8_t *data, size_t size, const struct dp_packet *reply,
            const struct in6_addr *source, const struct in6_addr *from)
{
    const struct eth_header *asked = (const void *) data;
    const struct eth_header *eth = dp_packet_data(reply);
    const uint8_t *ip = (const uint8_t *) (eth + 1);
    bool v6 = eth->eth_type == htons(ETH_TYPE_IPV6);
    size_t limit = v6 ? 1280 : 576, quoted_at = v6 ? 48 : 28;
    size_t n = dp_packet_size(reply) - ETH_HEADER_LEN;
    struct in6_addr ip6;

    fuzz_check(v6 || eth->eth_type == htons(ETH_TYPE_IP));
    fuzz_check(eth->eth_type == asked->eth_type);
    fuzz_check(eth_addr_equals(eth->eth_dst, asked->eth_src));
    fuzz_check(eth_addr_equals(eth->eth_src, asked->eth_dst));
    fuzz_check(n > quoted_at && n <= limit);
    fuzz_check(n - quoted_at <= size - ETH_HEADER_LEN);
    fuzz_check(!memcmp(ip + quoted_at, asked + 1, n - quoted_at));
    fuzz_check(icmp_error_source(eth, dp_packet_size(reply), &ip6));
    fuzz_check(ipv6_addr_equals(&ip6, from));
    fuzz_check(!ipv6_addr_is_multicast(source));
    check_sums(ip, n, v6);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct in6_addr source, from[2];

    in6_addr_set_mapped_ipv4(&from[0], htonl(0x0a000001));
    fuzz_check(ipv6_parse("fd00::1", &from[1]));
    bool valid = icmp_error_source(data, size, &source);
    for (int v6 = 0; v6 < 2; v6++) {
        struct dp_packet reply, again;
        enum icmp_error_result result;

        dp_packet_init(&reply, 0);
        dp_packet_init(&again, 0);
        result = icmp_error_time_exceeded(data, size, &from[v6], &reply);
        fuzz_check(valid == (result != ICMP_ERROR_MALFORMED));
        if (result == ICMP_ERROR_MADE) {
            check_reply(data, size, &reply, &source, &from[v6]);
            fuzz_check(icmp_error_time_exceeded(
                dp_packet_data(&reply), dp_packet_size(&reply), &from[v6],
                &again) == ICMP_ERROR_NOT_DUE);
        } else {
            fuzz_check(!dp_packet_size(&reply));
        }
        dp_packet_uninit(&reply);
        dp_packet_uninit(&again);
    }
    return 0;
}
