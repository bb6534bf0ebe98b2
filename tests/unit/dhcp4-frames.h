/* SPDX-License-Identifier: Apache-2.0 */

#ifndef DHCP4_FRAMES_H
#define DHCP4_FRAMES_H 1

/* DHCP requests for tests, as clients send them, and replies read back. */

#include <stddef.h>
#include <stdint.h>

#include "dhcp.h"
#include "openvswitch/types.h"

struct dp_packet;

/* A request.  What is zero is not there. */
struct dhcp4_request {
    uint8_t type;
    ovs_be32 src, dst;          /* Of the IP packet. */
    ovs_be32 ciaddr, giaddr;
    ovs_be16 flags;
    struct eth_addr chaddr;
    const char *options;        /* In hex, after the type. */
    const char *file;           /* The same, in this field. */
    const char *sname;
};

/* Makes 'b' the frame. */
void dhcp4_request_compose(const struct dhcp4_request *, struct dp_packet *b);

/* Makes 'b' the bytes that 'hex' stands for, blanks aside. */
void frame_from_hex(const char *hex, struct dp_packet *b);

/* A reply, which must be well-formed in every respect. */
struct dhcp4_reply {
    struct eth_addr eth_src, eth_dst;
    ovs_be32 src, dst;
    struct dhcp_header header;
    const uint8_t *options[256];    /* Of each code the value, or NULL. */
    uint8_t sizes[256];
    uint8_t order[256];         /* Codes, as they come. */
    size_t n;
    size_t size;                /* Of the IP packet. */
};
void dhcp4_reply_take(const struct dp_packet *, struct dhcp4_reply *);

/* The option is there and has these bytes. */
void dhcp4_assert_option(const struct dhcp4_reply *, uint8_t code,
                         const char *hex);

#endif /* dhcp4-frames.h */
