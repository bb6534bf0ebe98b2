/* SPDX-License-Identifier: Apache-2.0 */

/* DHCPv6 requests of a VM: a whole Ethernet frame.
 *
 * What is answered is well-formed, from the server to the one who asked, and
 * gives no address but the endpoint's a lifetime. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/dhcp6.h"
#include "services/udp-packet.h"
#include "util.h"

static const struct dhcp6_config config = {
    .addresses = { { .s6_addr = { 0xfd, [15] = 2 } },
                   { .s6_addr = { 0xfd, [15] = 3 } } },
    .n_addresses = 2, .lease = 3600,
    .dns = { { .s6_addr = { 0xfd, [15] = 53 } } }, .n_dns = 1,
    .domains = { "blue.example" }, .n_domains = 1,
    .server_mac = ETH_ADDR_C(02,76,74,65,70,64),
};

static void
check_address(const uint8_t *value)
{
    static const uint8_t ended[8];
    bool ours = (!memcmp(value, &config.addresses[0], 16)
                 || !memcmp(value, &config.addresses[1], 16));

    fuzz_check(ours || !memcmp(value + 16, ended, sizeof ended));
}

static void
check_options(const uint8_t *data, size_t size, int depth)
{
    fuzz_check(depth < 3);
    while (size) {
        fuzz_check(size >= 4);

        unsigned int code = data[0] << 8 | data[1];
        size_t len = data[2] << 8 | data[3];
        size_t fixed = code == 3 || code == 25 ? 12 : code == 4 ? 4
                       : code == 5 ? 24 : len;

        fuzz_check(len <= size - 4 && fixed <= len);
        if (code == 5) {
            check_address(data + 4);
        }
        check_options(data + 4 + fixed, len - fixed, depth + 1);
        data += 4 + len;
        size -= 4 + len;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dhcp6_result result;
    struct dp_packet reply;
    struct udp_packet u;

    dp_packet_init(&reply, 0);
    result = dhcp6_answer(data, size, &config, &reply);
    fuzz_check(!dp_packet_size(&reply) == (result.outcome <= DHCP6_IGNORED));
    fuzz_check(result.addresses < 4);
    fuzz_check(!result.reason == (result.outcome > DHCP6_IGNORED
                                  && result.outcome != DHCP6_REFUSED));
    if (result.reason) {
        fuzz_check_sentence(result.reason);
    }
    if (dp_packet_size(&reply)) {
        struct in6_addr server;

        in6_generate_lla(config.server_mac, &server);
        fuzz_check(!udp_packet_take(dp_packet_data(&reply),
                                    dp_packet_size(&reply), &u));
        fuzz_check(dp_packet_size(&reply) <= ETH_HEADER_LEN + 1280);
        fuzz_check(u.src_port == 547 && u.dst_port == 546);
        fuzz_check(ipv6_addr_equals(&u.src, &server));
        fuzz_check(IN6_IS_ADDR_LINKLOCAL(&u.dst));
        fuzz_check(u.size >= 4 && (u.payload[0] == 2 || u.payload[0] == 7));
        check_options(u.payload + 4, u.size - 4, 0);
    }
    dp_packet_uninit(&reply);
    return 0;
}
