/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp6.h"

#include <string.h>

#include "packets.h"
#include "services/dhcp6-message.h"
#include "services/domain-name.h"
#include "services/udp-packet.h"
#include "util.h"

enum { CLIENT_PORT = 546, SERVER_PORT = 547 };

/* A DUID from a link-layer address (RFC 8415 11.4). */
struct duid {
    uint8_t bytes[4 + ETH_ADDR_LEN];
};

static struct duid
server_duid(const struct dhcp6_config *c)
{
    struct duid duid = { { 0, 3, 0, 1 } };

    memcpy(&duid.bytes[4], &c->server_mac, sizeof c->server_mac);
    return duid;
}

/* What is asked, and whether it may be. */

static bool
is_for_us(const struct dhcp6_message *m, const struct dhcp6_config *c)
{
    struct duid duid = server_duid(c);

    return m->server_id_size == sizeof duid
           && !memcmp(m->server_id, &duid, sizeof duid);
}

/* What a message must have and must not have (RFC 8415 16). */
static const char *
check_identifiers(const struct dhcp6_message *m, const struct dhcp6_config *c)
{
    bool needs_server = false;

    switch (m->type) {
    case DHCP6_MSG_REQUEST:
    case DHCP6_MSG_RENEW:
    case DHCP6_MSG_DECLINE:
    case DHCP6_MSG_RELEASE:
        needs_server = true;
        break;
    case DHCP6_MSG_SOLICIT:
    case DHCP6_MSG_CONFIRM:
    case DHCP6_MSG_REBIND:
        break;
    case DHCP6_MSG_INFORMATION:
        return (m->n_ias ? "it asks for information only, but names addresses"
                : m->server_id && !is_for_us(m, c)
                ? "it is for another server" : NULL);
    default:
        return "it is no message of a client";
    }
    return (!m->client_id ? "it does not say who the client is"
            : needs_server && !m->server_id ? "it does not name the server"
            : !needs_server && m->server_id
            ? "it names a server where there must be none"
            : needs_server && !is_for_us(m, c) ? "it is for another server"
            : NULL);
}

/* The index of one of the addresses to give, or -1. */
static int
find_address(const struct dhcp6_config *c, const struct in6_addr *ip)
{
    for (size_t i = 0; i < c->n_addresses; i++) {
        if (ipv6_addr_equals(&c->addresses[i], ip)) {
            return i;
        }
    }
    return -1;
}

static uint32_t
all_addresses(const struct dhcp6_config *c)
{
    return (UINT32_C(1) << c->n_addresses) - 1;
}

/* Which of the addresses to give the message names; '*others': also some that
 * are not among them? */
static uint32_t
named_addresses(const struct dhcp6_message *m, const struct dhcp6_config *c,
                bool *others)
{
    uint32_t addresses = 0;

    *others = false;
    for (size_t i = 0; i < m->n_addresses; i++) {
        int index = find_address(c, &m->addresses[i].ip);

        if (index >= 0) {
            addresses |= UINT32_C(1) << index;
        } else {
            *others = true;
        }
    }
    return addresses;
}

static bool
has_ia_na(const struct dhcp6_message *m)
{
    for (size_t i = 0; i < m->n_ias; i++) {
        if (m->ias[i].type == DHCP6_OPT_IA_NA) {
            return true;
        }
    }
    return false;
}

static struct dhcp6_result
judge_confirm(const struct dhcp6_message *m, const struct dhcp6_config *c)
{
    struct dhcp6_result result = { .outcome = DHCP6_INFORMED };
    bool others;

    named_addresses(m, c, &others);
    if (!m->n_addresses) {
        result.outcome = DHCP6_IGNORED;     /* RFC 8415 18.3.3. */
        result.reason = "it names no address to confirm";
    } else if (others) {
        result.outcome = DHCP6_REFUSED;
        result.reason = "it named other addresses than the inventory's";
    }
    return result;
}

static struct dhcp6_result
judge(const struct dhcp6_message *m, const struct dhcp6_config *c)
{
    struct dhcp6_result result = { .outcome = DHCP6_ACKNOWLEDGED };
    bool others;

    switch (m->type) {
    case DHCP6_MSG_CONFIRM:
        return judge_confirm(m, c);
    case DHCP6_MSG_INFORMATION:
        result.outcome = DHCP6_INFORMED;
        return result;
    case DHCP6_MSG_DECLINE:
    case DHCP6_MSG_RELEASE:
        result.outcome = (m->type == DHCP6_MSG_DECLINE ? DHCP6_DECLINED
                          : DHCP6_RELEASED);
        result.addresses = named_addresses(m, c, &others);
        return result;
    }
    if (!has_ia_na(m)) {
        result.outcome = DHCP6_REFUSED;
        result.reason = "it asks for what there is none of";
        return result;
    }
    if (m->type == DHCP6_MSG_SOLICIT && !m->rapid_commit) {
        result.outcome = DHCP6_OFFERED;
    }
    result.addresses = all_addresses(c);
    return result;
}

/* Replies. */

static void
put_ids(struct dhcp6_writer *w, const struct dhcp6_message *m,
        const struct dhcp6_config *c)
{
    struct duid duid = server_duid(c);

    dhcp6_put(w, DHCP6_OPT_SERVER_ID, &duid, sizeof duid);
    if (m->client_id) {
        dhcp6_put(w, DHCP6_OPT_CLIENT_ID, m->client_id, m->client_id_size);
    }
}

static void
put_address(struct dhcp6_writer *w, const struct in6_addr *ip,
            uint32_t lifetime)
{
    struct {
        struct in6_addr ip;
        ovs_be32 preferred, valid;
    } value = { *ip, htonl(lifetime), htonl(lifetime) };

    dhcp6_put(w, DHCP6_OPT_IA_ADDRESS, &value, sizeof value);
}

/* Half and four fifths of a time (RFC 8415 21.4); for ever stays so. */
static ovs_be32
part_of(uint32_t lease, int tenths)
{
    return htonl(lease == UINT32_MAX ? lease
                 : (uint64_t) lease * tenths / 10);
}

/* The head of an identity association.  Returns where it begins, or 0. */
static size_t
put_ia_head(struct dhcp6_writer *w, const struct dhcp6_ia *ia,
            const struct dhcp6_config *c, bool gives)
{
    struct {
        uint8_t id[4];
        ovs_be32 t1, t2;
    } head = { .t1 = 0 };

    memcpy(head.id, ia->id, sizeof head.id);
    if (gives) {
        head.t1 = part_of(c->lease, 5);
        head.t2 = part_of(c->lease, 8);
    }
    return dhcp6_put(w, ia->type, &head, (ia->type == DHCP6_OPT_IA_TA
                                          ? sizeof head.id : sizeof head));
}

/* What the client believes to have in an identity association, and has not
 * (any more), ends at once. */
static void
put_ended(struct dhcp6_writer *w, const struct dhcp6_message *m,
          const struct dhcp6_config *c, size_t index, bool gives)
{
    if (m->type != DHCP6_MSG_RENEW && m->type != DHCP6_MSG_REBIND) {
        return;
    }
    for (size_t i = 0; i < m->n_addresses; i++) {
        const struct dhcp6_ia_address *a = &m->addresses[i];

        if (a->ia == index && (!gives || find_address(c, &a->ip) < 0)) {
            put_address(w, &a->ip, 0);
        }
    }
}

/* The 'index'th identity association; 'gives': are the addresses for it? */
static void
put_ia(struct dhcp6_writer *w, const struct dhcp6_message *m,
       const struct dhcp6_config *c, size_t index, bool gives)
{
    const struct dhcp6_ia *ia = &m->ias[index];
    size_t option = put_ia_head(w, ia, c, gives);

    if (!option) {
        return;
    }
    for (size_t i = 0; gives && i < c->n_addresses; i++) {
        put_address(w, &c->addresses[i], c->lease);
    }
    if (ia->type == DHCP6_OPT_IA_PD) {
        dhcp6_put_status(w, DHCP6_NO_PREFIX, "no prefixes are delegated");
    } else if (!gives) {
        dhcp6_put_status(w, DHCP6_NO_ADDRESSES, "the inventory has no more");
    }
    put_ended(w, m, c, index, gives);
    dhcp6_put_into(w, option);
}

static void
put_ias(struct dhcp6_writer *w, const struct dhcp6_message *m,
        const struct dhcp6_config *c)
{
    bool given = false;

    for (size_t i = 0; i < m->n_ias; i++) {
        bool gives = !given && m->ias[i].type == DHCP6_OPT_IA_NA;

        put_ia(w, m, c, i, gives);
        given |= gives;
    }
}

/* RFC 3646.  Asked for or not: who does not want it does not look at it. */
static void
put_names(struct dhcp6_writer *w, const struct dhcp6_config *c)
{
    uint8_t domains[DHCP6_MAX_DOMAINS * DOMAIN_NAME_MAX];
    size_t n = 0;

    if (c->n_dns) {
        dhcp6_put(w, DHCP6_OPT_DNS, c->dns, c->n_dns * sizeof c->dns[0]);
    }
    for (size_t i = 0; i < c->n_domains; i++) {
        n += domain_name_encode(c->domains[i], domains + n);
    }
    if (n) {
        dhcp6_put(w, DHCP6_OPT_DOMAINS, domains, n);
    }
}

static void
write_reply(struct dhcp6_writer *w, const struct dhcp6_message *m,
            const struct dhcp6_config *c)
{
    const uint8_t best = 255;   /* There is no other server to wait for. */
    bool others;

    switch (m->type) {
    case DHCP6_MSG_SOLICIT:
        if (m->rapid_commit) {
            dhcp6_put(w, DHCP6_OPT_RAPID_COMMIT, NULL, 0);
        } else {
            dhcp6_put(w, DHCP6_OPT_PREFERENCE, &best, sizeof best);
        }
        /* Fall through. */
    case DHCP6_MSG_REQUEST:
    case DHCP6_MSG_RENEW:
    case DHCP6_MSG_REBIND:
        put_ias(w, m, c);
        put_names(w, c);
        break;
    case DHCP6_MSG_INFORMATION:
        put_names(w, c);
        break;
    case DHCP6_MSG_CONFIRM:
        named_addresses(m, c, &others);
        if (others) {
            dhcp6_put_status(w, DHCP6_NOT_ON_LINK, "not the inventory's");
            break;
        }
        /* Fall through. */
    default:
        dhcp6_put_status(w, DHCP6_SUCCESS, "");
        break;
    }
}

static void
send_reply(struct dp_packet *reply, const struct udp_packet *request,
           const struct dhcp6_config *c, const struct dhcp6_writer *w)
{
    struct udp_packet u = {
        .eth_src = c->server_mac, .eth_dst = request->eth_src,
        .dst = request->src, .src_port = SERVER_PORT, .dst_port = CLIENT_PORT,
        .payload = w->data, .size = w->size,
    };

    in6_generate_lla(c->server_mac, &u.src);
    udp_packet_compose(reply, &u);
}

static bool
is_advertise(const struct dhcp6_message *m)
{
    return m->type == DHCP6_MSG_SOLICIT && !m->rapid_commit;
}

/* RFC 8415 18.4. */
static struct dhcp6_result
refuse_unicast(const struct dhcp6_message *m, const struct dhcp6_config *c,
               struct dhcp6_writer *w)
{
    struct dhcp6_result result = {
        .outcome = DHCP6_IGNORED, .reason = "it was not sent to all servers",
    };

    if (m->server_id) {
        result.outcome = DHCP6_REFUSED;
        dhcp6_writer_init(w, DHCP6_MSG_REPLY, m);
        put_ids(w, m, c);
        dhcp6_put_status(w, DHCP6_USE_MULTICAST, "use multicast");
    }
    return result;
}

static struct dhcp6_result
answer(const struct dhcp6_message *m, const struct dhcp6_config *c,
       struct dhcp6_writer *w)
{
    struct dhcp6_result result = judge(m, c);

    dhcp6_writer_init(w, (is_advertise(m) ? DHCP6_MSG_ADVERTISE
                          : DHCP6_MSG_REPLY), m);
    put_ids(w, m, c);
    write_reply(w, m, c);
    return result;
}

struct dhcp6_result
dhcp6_answer(const void *request, size_t size, const struct dhcp6_config *c,
             struct dp_packet *reply)
{
    struct dhcp6_result result = { .outcome = DHCP6_MALFORMED };
    struct dhcp6_message m;
    struct dhcp6_writer w;
    struct udp_packet u;

    result.reason = udp_packet_take(request, size, &u);
    if (!result.reason && (u.dst_port != SERVER_PORT
                           || !IN6_IS_ADDR_LINKLOCAL(&u.src))) {
        result.reason = "it is not from a client to a server";
    }
    if (!result.reason) {
        result.reason = dhcp6_message_take(u.payload, u.size, &m);
    }
    if (result.reason) {
        return result;
    }
    result.reason = check_identifiers(&m, c);
    if (result.reason) {
        result.outcome = DHCP6_IGNORED;
        return result;
    }

    result = (ipv6_addr_is_multicast(&u.dst) ? answer(&m, c, &w)
              : refuse_unicast(&m, c, &w));
    if (result.outcome != DHCP6_IGNORED) {
        send_reply(reply, &u, c, &w);
    }
    return result;
}
