/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp6-message.h"

#include <string.h>

#include "packets.h"
#include "util.h"

/* The fixed part of a message, and of the options that hold others. */
#define MESSAGE_HEADER 4
#define OPTION_HEADER 4
#define IA_SIZE 12              /* Its id and two times; an IA_TA has none. */
#define IA_TA_SIZE 4
#define IA_ADDRESS_SIZE 24      /* The address and two lifetimes. */

struct option {
    uint16_t code;
    const uint8_t *value;
    uint16_t size;
};

static uint16_t
get_u16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Takes the first option off the 'size' bytes at '*data'.  Returns NULL, or
 * why there is none. */
static const char *
next_option(const uint8_t **data, size_t *size, struct option *o)
{
    if (*size < OPTION_HEADER || get_u16(*data + 2) > *size - OPTION_HEADER) {
        return "an option is cut off";
    }
    o->code = get_u16(*data);
    o->size = get_u16(*data + 2);
    o->value = *data + OPTION_HEADER;
    *data += OPTION_HEADER + o->size;
    *size -= OPTION_HEADER + o->size;
    return NULL;
}

static const char *
take_ia_address(struct dhcp6_message *m, const struct option *o)
{
    struct dhcp6_ia_address *a = &m->addresses[m->n_addresses];

    if (o->size < IA_ADDRESS_SIZE) {
        return "an address in an IA_NA is cut off";
    }
    if (m->n_addresses >= ARRAY_SIZE(m->addresses)) {
        return "there are more addresses in it than are read";
    }
    memcpy(&a->ip, o->value, sizeof a->ip);
    a->ia = m->n_ias - 1;
    m->n_addresses++;
    return NULL;
}

/* The options within an identity association. */
static const char *
take_ia_options(struct dhcp6_message *m, const uint8_t *data, size_t size,
                bool addresses)
{
    while (size) {
        struct option o;
        const char *error = next_option(&data, &size, &o);

        if (!error && addresses && o.code == DHCP6_OPT_IA_ADDRESS) {
            error = take_ia_address(m, &o);
        }
        if (error) {
            return error;
        }
    }
    return NULL;
}

static const char *
take_ia(struct dhcp6_message *m, const struct option *o)
{
    size_t fixed = o->code == DHCP6_OPT_IA_TA ? IA_TA_SIZE : IA_SIZE;
    struct dhcp6_ia *ia = &m->ias[m->n_ias];

    if (o->size < fixed) {
        return "an identity association is cut off";
    }
    if (m->n_ias >= ARRAY_SIZE(m->ias)) {
        return "there are more identity associations in it than are read";
    }
    ia->type = o->code;
    memcpy(ia->id, o->value, sizeof ia->id);
    m->n_ias++;
    return take_ia_options(m, o->value + fixed, o->size - fixed,
                           o->code == DHCP6_OPT_IA_NA);
}

static const char *
take_duid(const struct option *o, const uint8_t **duid, uint16_t *size)
{
    if (*duid) {
        return "an identifier comes twice";
    }
    if (o->size < 3 || o->size > DHCP6_MAX_DUID) {
        return "an identifier is too short or too long";
    }
    *duid = o->value;
    *size = o->size;
    return NULL;
}

static const char *
take_option(struct dhcp6_message *m, const struct option *o)
{
    switch (o->code) {
    case DHCP6_OPT_CLIENT_ID:
        return take_duid(o, &m->client_id, &m->client_id_size);
    case DHCP6_OPT_SERVER_ID:
        return take_duid(o, &m->server_id, &m->server_id_size);
    case DHCP6_OPT_IA_NA:
    case DHCP6_OPT_IA_TA:
    case DHCP6_OPT_IA_PD:
        return take_ia(m, o);
    case DHCP6_OPT_RAPID_COMMIT:
        m->rapid_commit = true;
        return NULL;
    default:
        return NULL;            /* Of no interest. */
    }
}

const char *
dhcp6_message_take(const uint8_t *payload, size_t size,
                   struct dhcp6_message *m)
{
    memset(m, 0, sizeof *m);
    if (size < MESSAGE_HEADER) {
        return "the message is cut off";
    }
    m->type = payload[0];
    memcpy(m->transaction, payload + 1, sizeof m->transaction);
    payload += MESSAGE_HEADER;
    size -= MESSAGE_HEADER;
    while (size) {
        struct option o;
        const char *error = next_option(&payload, &size, &o);

        if (!error) {
            error = take_option(m, &o);
        }
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* Writing. */

static void
put_u16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

void
dhcp6_writer_init(struct dhcp6_writer *w, uint8_t type,
                  const struct dhcp6_message *request)
{
    w->data[0] = type;
    memcpy(&w->data[1], request->transaction, sizeof request->transaction);
    w->size = MESSAGE_HEADER;
}

size_t
dhcp6_put(struct dhcp6_writer *w, uint16_t code, const void *value,
          size_t size)
{
    size_t option = w->size;
    uint8_t *p = w->data + option;

    if (sizeof w->data - option < OPTION_HEADER + size) {
        return 0;
    }
    put_u16(p, code);
    put_u16(p + 2, size);
    if (size) {
        memcpy(p + OPTION_HEADER, value, size);
    }
    w->size += OPTION_HEADER + size;
    return option;
}

void
dhcp6_put_into(struct dhcp6_writer *w, size_t option)
{
    put_u16(&w->data[option + 2], w->size - option - OPTION_HEADER);
}

size_t
dhcp6_put_status(struct dhcp6_writer *w, uint16_t status,
                 const char *message)
{
    uint8_t value[2 + 128];
    size_t len = strlen(message);

    ovs_assert(len <= sizeof value - 2);
    put_u16(value, status);
    memcpy(value + 2, message, len);
    return dhcp6_put(w, DHCP6_OPT_STATUS, value, 2 + len);
}
