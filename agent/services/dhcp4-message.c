/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp4-message.h"

#include <string.h>

#include "packets.h"
#include "util.h"

/* The headers of IP and UDP, which count in a message's size. */
#define HEADERS (IP_HEADER_LEN + UDP_HEADER_LEN)

/* BOOTP relays and clients expect as much at least (RFC 1542 2.1). */
#define PAYLOAD_MIN 300

/* Where options are, in the order they are to be read in (RFC 2131 4.1). */
enum { OPTIONS, FILE_FIELD, SNAME_FIELD, N_FIELDS };

/* Option 52 says which of the fields hold options too. */
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

struct parser {
    struct dhcp4_message *m;
    uint8_t overload;
    bool seen[256];             /* By code, of those that come once only. */
};

static const char *
take_be32(const uint8_t *value, uint8_t size, ovs_be32 *to)
{
    if (size != sizeof *to) {
        return "an option that is an address does not have 4 bytes";
    }
    memcpy(to, value, sizeof *to);
    return NULL;
}

static const char *
take_byte(const uint8_t *value, uint8_t size, uint8_t *to)
{
    if (size != sizeof *to) {
        return "an option that is one byte does not have one";
    }
    *to = *value;
    return NULL;
}

static const char *
take_max_size(const uint8_t *value, uint8_t size, struct dhcp4_message *m)
{
    if (size != 2) {
        return "option 57 does not have 2 bytes";
    }

    int max = value[0] << 8 | value[1];
    m->max_size = MAX(DHCP4_SIZE_MIN, MIN(max, DHCP4_SIZE_MAX));
    return NULL;
}

/* Takes the value of an option into the message. */
static const char *
take_option(struct parser *p, uint8_t code, const uint8_t *value,
            uint8_t size)
{
    struct dhcp4_message *m = p->m;

    switch (code) {
    case DHCP_OPT_MSG_TYPE:
        return take_byte(value, size, &m->type);
    case DHCP_OPT_REQ_IP:
        return take_be32(value, size, &m->requested_ip);
    case DHCP4_OPT_SERVER:
        return take_be32(value, size, &m->server);
    case DHCP4_OPT_OVERLOAD:
        return take_byte(value, size, &p->overload);
    case DHCP4_OPT_MAX_SIZE:
        return take_max_size(value, size, m);
    case DHCP4_OPT_REQUESTED:
        m->requested = value;
        m->n_requested = size;
        return NULL;
    case DHCP4_OPT_CLIENT_ID:
        if (size < 2) {         /* RFC 2132 9.14. */
            return "option 61 is too short";
        }
        m->client_id = value;
        m->client_id_size = size;
        return NULL;
    default:
        return NULL;            /* Of no interest. */
    }
}

/* Is it one of those that take_option() takes?  Two of them would contradict
 * each other, or be parts of one that is too long to make sense (RFC 3396). */
static bool
comes_once(uint8_t code)
{
    return code == DHCP_OPT_MSG_TYPE || code == DHCP_OPT_REQ_IP
           || code == DHCP4_OPT_SERVER || code == DHCP4_OPT_OVERLOAD
           || code == DHCP4_OPT_MAX_SIZE || code == DHCP4_OPT_REQUESTED
           || code == DHCP4_OPT_CLIENT_ID;
}

/* Takes the options of one field.  It ends with the end option, or else with
 * its last byte. */
static const char *
take_options(struct parser *p, const uint8_t *data, size_t size)
{
    size_t i = 0;

    while (i < size && data[i] != DHCP_OPT_END) {
        uint8_t code = data[i++];

        if (code == DHCP_OPT_PAD) {
            continue;
        }
        if (i >= size || data[i] > size - i - 1) {
            return "an option is cut off";
        }

        uint8_t len = data[i++];
        if (comes_once(code) && p->seen[code]) {
            return "an option comes twice";
        }
        p->seen[code] = true;

        const char *error = take_option(p, code, data + i, len);
        if (error) {
            return error;
        }
        i += len;
    }
    return NULL;
}

static const char *
take_all_options(struct dhcp4_message *m, const struct dhcp_header *h,
                 const uint8_t *options, size_t size)
{
    struct parser p = { .m = m };
    const char *error = take_options(&p, options, size);
    uint8_t overload = p.overload;

    if (overload & ~(OVERLOAD_FILE | OVERLOAD_SNAME)) {
        return "option 52 is out of range";
    }
    /* These fields are where the message is, not where its copy 'h' is. */
    const uint8_t *start = options - sizeof(ovs_be32) - sizeof *h;
    if (!error && overload & OVERLOAD_FILE) {
        error = take_options(&p, start + offsetof(struct dhcp_header, file),
                             sizeof h->file);
    }
    if (!error && overload & OVERLOAD_SNAME) {
        error = take_options(&p, start + offsetof(struct dhcp_header, sname),
                             sizeof h->sname);
    }
    return error;
}

const char *
dhcp4_message_take(const uint8_t *payload, size_t size,
                   struct dhcp4_message *m)
{
    const ovs_be32 cookie = htonl(DHCP_MAGIC_COOKIE);
    struct dhcp_header h;

    memset(m, 0, sizeof *m);
    m->max_size = DHCP4_SIZE_MIN;
    if (size < sizeof h + sizeof cookie) {
        return "the message is cut off";
    }
    memcpy(&h, payload, sizeof h);
    if (h.op != DHCP_OP_REQUEST) {
        return "it is no request";
    }
    if (h.htype != ARP_HRD_ETHERNET || h.hlen != ETH_ADDR_LEN) {
        return "it is not from an Ethernet";
    }
    if (memcmp(payload + sizeof h, &cookie, sizeof cookie)) {
        return "it is BOOTP without DHCP";
    }
    if (h.giaddr) {
        return "it came through a relay";
    }
    m->xid = h.xid;
    m->flags = h.flags;
    m->ciaddr = h.ciaddr;
    memcpy(&m->chaddr, h.chaddr, sizeof m->chaddr);
    return take_all_options(m, &h, payload + sizeof h + sizeof cookie,
                            size - sizeof h - sizeof cookie);
}

/* Writing. */

void
dhcp4_writer_init(struct dhcp4_writer *w, const struct dhcp4_message *m,
                  ovs_be32 ciaddr, ovs_be32 yiaddr)
{
    const ovs_be32 cookie = htonl(DHCP_MAGIC_COOKIE);
    struct dhcp_header h = {
        .op = DHCP_OP_REPLY, .htype = ARP_HRD_ETHERNET, .hlen = ETH_ADDR_LEN,
        .xid = m->xid, .flags = m->flags, .ciaddr = ciaddr, .yiaddr = yiaddr,
    };

    memcpy(h.chaddr, &m->chaddr, sizeof m->chaddr);
    memset(w->data, 0, sizeof w->data);
    memcpy(w->data, &h, sizeof h);
    memcpy(w->data + sizeof h, &cookie, sizeof cookie);
    w->size = sizeof h + sizeof cookie;
    w->max = m->max_size - HEADERS - 1;
}

bool
dhcp4_put(struct dhcp4_writer *w, uint8_t code, const void *value,
          size_t size)
{
    if (size > UINT8_MAX || w->max - w->size < 2 + size) {
        return false;
    }
    w->data[w->size++] = code;
    w->data[w->size++] = size;
    memcpy(w->data + w->size, value, size);
    w->size += size;
    return true;
}

bool
dhcp4_put_u8(struct dhcp4_writer *w, uint8_t code, uint8_t value)
{
    return dhcp4_put(w, code, &value, sizeof value);
}

bool
dhcp4_put_be32(struct dhcp4_writer *w, uint8_t code, ovs_be32 value)
{
    return dhcp4_put(w, code, &value, sizeof value);
}

void
dhcp4_writer_finish(struct dhcp4_writer *w)
{
    w->data[w->size++] = DHCP_OPT_END;
    w->size = MAX(w->size, PAYLOAD_MIN);
}
