/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DHCP6_MESSAGE_H
#define VTEPD_DHCP6_MESSAGE_H 1

/* The format of DHCP messages for IPv6 (RFC 8415 8, 21): what a client sent,
 * taken apart, and options, put one after the other.  What is said is for
 * dhcp6.h. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DHCP6_MSG_SOLICIT = 1,
    DHCP6_MSG_ADVERTISE = 2,
    DHCP6_MSG_REQUEST = 3,
    DHCP6_MSG_CONFIRM = 4,
    DHCP6_MSG_RENEW = 5,
    DHCP6_MSG_REBIND = 6,
    DHCP6_MSG_REPLY = 7,
    DHCP6_MSG_RELEASE = 8,
    DHCP6_MSG_DECLINE = 9,
    DHCP6_MSG_INFORMATION = 11,
};

enum {
    DHCP6_OPT_CLIENT_ID = 1,
    DHCP6_OPT_SERVER_ID = 2,
    DHCP6_OPT_IA_NA = 3,
    DHCP6_OPT_IA_TA = 4,
    DHCP6_OPT_IA_ADDRESS = 5,
    DHCP6_OPT_PREFERENCE = 7,
    DHCP6_OPT_STATUS = 13,
    DHCP6_OPT_RAPID_COMMIT = 14,
    DHCP6_OPT_DNS = 23,
    DHCP6_OPT_DOMAINS = 24,
    DHCP6_OPT_IA_PD = 25,
};

enum {
    DHCP6_SUCCESS = 0,
    DHCP6_NO_ADDRESSES = 2,
    DHCP6_NO_BINDING = 3,
    DHCP6_NOT_ON_LINK = 4,
    DHCP6_USE_MULTICAST = 5,
    DHCP6_NO_PREFIX = 6,
};

/* What a message may hold; a client that wants more is refused. */
enum {
    DHCP6_MAX_IAS = 4,
    DHCP6_MAX_IA_ADDRESSES = 16,    /* Of all together. */
    DHCP6_MAX_DUID = 130,           /* RFC 8415 11.1. */
};

/* An identity association. */
struct dhcp6_ia {
    uint16_t type;              /* DHCP6_OPT_IA_NA, _IA_TA, _IA_PD. */
    uint8_t id[4];
};

struct dhcp6_ia_address {
    struct in6_addr ip;
    size_t ia;                  /* Index of the identity association. */
};

struct dhcp6_message {
    uint8_t type;
    uint8_t transaction[3];
    const uint8_t *client_id;   /* Into the message; NULL: none. */
    const uint8_t *server_id;   /* The same. */
    uint16_t client_id_size;
    uint16_t server_id_size;
    bool rapid_commit;
    struct dhcp6_ia ias[DHCP6_MAX_IAS];
    size_t n_ias;
    struct dhcp6_ia_address addresses[DHCP6_MAX_IA_ADDRESSES];
    size_t n_addresses;         /* In IA_NAs. */
};

/* Takes apart the 'size' bytes of a UDP payload; '*m' points into it
 * afterwards.  Returns NULL, or why it cannot be used. */
const char *dhcp6_message_take(const uint8_t *payload, size_t size,
                               struct dhcp6_message *m);

/* A reply under construction.  It fits into the smallest packet that every
 * link carries (RFC 8200 5). */
struct dhcp6_writer {
    uint8_t data[1280 - 40 - 8];
    size_t size;
};

void dhcp6_writer_init(struct dhcp6_writer *, uint8_t type,
                       const struct dhcp6_message *request);

/* Appends an option.  Returns where it begins, or 0 if there is no room. */
size_t dhcp6_put(struct dhcp6_writer *, uint16_t code, const void *value,
                 size_t size);

/* What was put after the option that begins at 'option' is within it. */
void dhcp6_put_into(struct dhcp6_writer *, size_t option);

size_t dhcp6_put_status(struct dhcp6_writer *, uint16_t status,
                      const char *message);

#endif /* dhcp6-message.h */
