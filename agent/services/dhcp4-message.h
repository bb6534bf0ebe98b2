/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DHCP4_MESSAGE_H
#define VTEPD_DHCP4_MESSAGE_H 1

/* The format of DHCP messages for IPv4 (RFC 2131 2, RFC 2132): what a client
 * sent, taken apart, and options, put one after the other.  What is said is
 * for dhcp4.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dhcp.h"
#include "openvswitch/types.h"

/* Beyond those of Open vSwitch's dhcp.h. */
enum {
    DHCP4_MSG_DECLINE = 4,
    DHCP4_MSG_RELEASE = 7,
    DHCP4_MSG_INFORM = 8,
};

enum {
    DHCP4_OPT_MASK = 1,
    DHCP4_OPT_ROUTER = 3,
    DHCP4_OPT_DNS = 6,
    DHCP4_OPT_HOSTNAME = 12,
    DHCP4_OPT_DOMAIN = 15,
    DHCP4_OPT_MTU = 26,
    DHCP4_OPT_LEASE = 51,
    DHCP4_OPT_OVERLOAD = 52,
    DHCP4_OPT_SERVER = 54,
    DHCP4_OPT_REQUESTED = 55,
    DHCP4_OPT_MESSAGE = 56,
    DHCP4_OPT_MAX_SIZE = 57,
    DHCP4_OPT_RENEWAL = 58,
    DHCP4_OPT_REBINDING = 59,
    DHCP4_OPT_CLIENT_ID = 61,
    DHCP4_OPT_ROUTES = 121,
};

/* The largest message that every client takes, with the headers of IP and UDP
 * (RFC 2131 2), and the largest that it is asked for here. */
enum {
    DHCP4_SIZE_MIN = 576,
    DHCP4_SIZE_MAX = 1200,
};

struct dhcp4_message {
    uint8_t type;               /* DHCP_MSG_*, DHCP4_MSG_*. */
    ovs_be32 xid;
    ovs_be16 flags;
    ovs_be32 ciaddr;
    struct eth_addr chaddr;
    ovs_be32 requested_ip;      /* 0: none, like 'server'. */
    ovs_be32 server;
    uint16_t max_size;          /* DHCP4_SIZE_MIN...DHCP4_SIZE_MAX. */
    const uint8_t *client_id;   /* Into the message; NULL: none. */
    uint8_t client_id_size;
    const uint8_t *requested;   /* Into the message; option codes. */
    uint8_t n_requested;
};

/* The broadcast flag (RFC 2131 2). */
#define DHCP4_BROADCAST 0x8000

/* Takes apart the 'size' bytes of a UDP payload; '*m' points into it
 * afterwards.  Returns NULL, or why it cannot be used. */
const char *dhcp4_message_take(const uint8_t *payload, size_t size,
                               struct dhcp4_message *m);

/* A reply under construction, from the header to the last option. */
struct dhcp4_writer {
    uint8_t data[DHCP4_SIZE_MAX];
    size_t size;
    size_t max;                 /* Room for options but the end is left. */
};

/* Begins a reply to '*m', of no more than m->max_size bytes. */
void dhcp4_writer_init(struct dhcp4_writer *, const struct dhcp4_message *m,
                       ovs_be32 ciaddr, ovs_be32 yiaddr);

/* Appends an option.  Returns false if there is no room for it. */
bool dhcp4_put(struct dhcp4_writer *, uint8_t code, const void *value,
               size_t size);
bool dhcp4_put_u8(struct dhcp4_writer *, uint8_t code, uint8_t);
bool dhcp4_put_be32(struct dhcp4_writer *, uint8_t code, ovs_be32);

/* Ends the message. */
void dhcp4_writer_finish(struct dhcp4_writer *);

#endif /* dhcp4-message.h */
