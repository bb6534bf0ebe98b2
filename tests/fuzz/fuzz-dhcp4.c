/* SPDX-License-Identifier: Apache-2.0 */

/* DHCP requests of a VM: a whole Ethernet frame.
 *
 * What is answered is well-formed and for the VM, gives no address but the
 * endpoint's, and is no longer than asked for. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "dhcp.h"
#include "dp-packet.h"
#include "fuzz.h"
#include "packets.h"
#include "services/dhcp4.h"
#include "services/udp-packet.h"
#include "util.h"

static const struct dhcp4_config config = {
    .client_mac = ETH_ADDR_C(02,00,00,00,00,02),
    .server_mac = ETH_ADDR_C(02,76,74,65,70,64),
    .plen = 24, .dns = { 1, 2 }, .n_dns = 2,
    .routes = { { .plen = 17 } }, .n_routes = 1,
    .hostname = "web1", .domain = "blue.example", .mtu = 1450, .lease = 60,
};

/* Options are one after the other, each once, to the end. */
static void
check_options(const uint8_t *options, size_t size)
{
    bool seen[256] = { false };
    size_t i = 0;

    while (options[i] != DHCP_OPT_END) {
        fuzz_check(!seen[options[i]]);
        seen[options[i]] = true;
        fuzz_check(i + 2 < size);
        i += 2 + options[i + 1];
        fuzz_check(i < size);
    }
    fuzz_check(seen[DHCP_OPT_MSG_TYPE]);
}

static void
check_reply(const struct dp_packet *reply, const struct dhcp4_config *c,
            enum dhcp4_outcome outcome)
{
    struct dhcp_header h;
    struct udp_packet u;

    fuzz_check(!udp_packet_take(dp_packet_data(reply), dp_packet_size(reply),
                                &u));
    fuzz_check(u.src_port == 67 && u.dst_port == 68);
    fuzz_check(eth_addr_equals(u.eth_dst, c->client_mac)
               || eth_addr_is_broadcast(u.eth_dst));
    fuzz_check(u.size >= 300 && u.size + 28 <= 1200);
    memcpy(&h, u.payload, sizeof h);
    fuzz_check(h.op == DHCP_OP_REPLY && !h.giaddr);
    fuzz_check(!memcmp(h.chaddr, &c->client_mac, sizeof c->client_mac));
    fuzz_check(h.yiaddr == (outcome == DHCP4_OFFERED
                            || outcome == DHCP4_ACKNOWLEDGED
                            ? c->address : 0));
    check_options(u.payload + sizeof h + 4, u.size - sizeof h - 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dhcp4_config c = config;
    enum dhcp4_outcome outcome;
    struct dp_packet reply;
    const char *reason;

    c.address = htonl(0x0a000002);
    c.server = c.router = htonl(0x0a000001);
    dp_packet_init(&reply, 0);
    outcome = dhcp4_answer(data, size, &c, &reply, &reason);
    if (reason) {
        fuzz_check_sentence(reason);
    }
    if (dp_packet_size(&reply)) {
        fuzz_check(outcome > DHCP4_IGNORED);
        check_reply(&reply, &c, outcome);
    } else {
        fuzz_check(outcome <= DHCP4_IGNORED || outcome == DHCP4_DECLINED
                   || outcome == DHCP4_RELEASED);
    }
    fuzz_check(!reason == (outcome > DHCP4_IGNORED
                           && outcome != DHCP4_REFUSED));
    dp_packet_uninit(&reply);
    return 0;
}
