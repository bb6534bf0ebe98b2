/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/dhcp4.h"

#include <string.h>

#include "packets.h"
#include "services/dhcp4-message.h"
#include "services/udp-packet.h"
#include "util.h"

/* RFC 2131 4.3.2: which field has the address that the client asks for depends
 * on what it knows already.  One that has chosen a server, or was started
 * again, names it in an option; one that uses it, in 'ciaddr'. */
static enum dhcp4_outcome
judge_request(const struct dhcp4_message *m, const struct dhcp4_config *c,
              const char **reason)
{
    ovs_be32 wanted = m->server || !m->ciaddr ? m->requested_ip : m->ciaddr;

    if (m->server && m->server != c->server) {
        *reason = "the client has chosen another server";
        return DHCP4_IGNORED;
    }
    if (!wanted) {
        *reason = "the request names no address";
        return DHCP4_IGNORED;
    }
    if (wanted != c->address) {
        *reason = "it asked for another address than the inventory's";
        return DHCP4_REFUSED;
    }
    return DHCP4_ACKNOWLEDGED;
}

static enum dhcp4_outcome
judge_farewell(const struct dhcp4_message *m, const struct dhcp4_config *c,
               const char **reason)
{
    bool declined = m->type == DHCP4_MSG_DECLINE;
    ovs_be32 which = declined ? m->requested_ip : m->ciaddr;

    if (m->server != c->server || which != c->address) {
        *reason = "it gives up what it does not have from here";
        return DHCP4_IGNORED;
    }
    return declined ? DHCP4_DECLINED : DHCP4_RELEASED;
}

static enum dhcp4_outcome
judge(const struct dhcp4_message *m, const struct dhcp4_config *c,
      const char **reason)
{
    if (!eth_addr_equals(m->chaddr, c->client_mac)) {
        *reason = "it is for another MAC than the endpoint's";
        return DHCP4_IGNORED;
    }
    switch (m->type) {
    case DHCP_MSG_DISCOVER:
        return DHCP4_OFFERED;
    case DHCP_MSG_REQUEST:
        return judge_request(m, c, reason);
    case DHCP4_MSG_DECLINE:
    case DHCP4_MSG_RELEASE:
        return judge_farewell(m, c, reason);
    case DHCP4_MSG_INFORM:
        if (!m->ciaddr) {
            *reason = "it asks for more without having an address";
            return DHCP4_IGNORED;
        }
        return DHCP4_INFORMED;
    case 0:
        *reason = "it is BOOTP without DHCP";
        return DHCP4_IGNORED;
    default:
        *reason = "it is no message of a client";
        return DHCP4_IGNORED;
    }
}

/* Options. */

static bool
put_mask(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    return dhcp4_put_be32(w, DHCP4_OPT_MASK, be32_prefix_mask(c->plen));
}

static bool
put_router(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    return !c->router || dhcp4_put_be32(w, DHCP4_OPT_ROUTER, c->router);
}

/* A destination has as many bytes as its prefix needs (RFC 3442). */
static bool
put_routes(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    uint8_t value[DHCP4_MAX_ROUTES * 9];
    size_t n = 0;

    for (size_t i = 0; i < c->n_routes; i++) {
        const struct dhcp4_route *r = &c->routes[i];
        size_t size = DIV_ROUND_UP(r->plen, 8);

        value[n++] = r->plen;
        memcpy(value + n, &r->dst, size);
        memcpy(value + n + size, &r->via, sizeof r->via);
        n += size + sizeof r->via;
    }
    return !n || dhcp4_put(w, DHCP4_OPT_ROUTES, value, n);
}

static bool
put_mtu(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    ovs_be16 mtu = htons(c->mtu);

    return !c->mtu || dhcp4_put(w, DHCP4_OPT_MTU, &mtu, sizeof mtu);
}

static bool
put_dns(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    return !c->n_dns || dhcp4_put(w, DHCP4_OPT_DNS, c->dns,
                                  c->n_dns * sizeof c->dns[0]);
}

static bool
put_text(struct dhcp4_writer *w, uint8_t code, const char *text)
{
    return !text || dhcp4_put(w, code, text, strlen(text));
}

static bool
put_hostname(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    return put_text(w, DHCP4_OPT_HOSTNAME, c->hostname);
}

static bool
put_domain(struct dhcp4_writer *w, const struct dhcp4_config *c)
{
    return put_text(w, DHCP4_OPT_DOMAIN, c->domain);
}

/* What a client should know, the most important first.  All of it is told
 * whether asked for or not (an MTU that is not heard of breaks connections,
 * and many clients do not ask), but what was asked for goes first: a message
 * for a client that takes only short ones may not hold everything. */
static const struct parameter {
    uint8_t code;
    bool (*put)(struct dhcp4_writer *, const struct dhcp4_config *);
} parameters[] = {
    { DHCP4_OPT_MASK, put_mask },   /* Before the router: RFC 2132 3.3. */
    { DHCP4_OPT_ROUTER, put_router },
    { DHCP4_OPT_ROUTES, put_routes },
    { DHCP4_OPT_MTU, put_mtu },
    { DHCP4_OPT_DNS, put_dns },
    { DHCP4_OPT_HOSTNAME, put_hostname },
    { DHCP4_OPT_DOMAIN, put_domain },
};

static bool
is_requested(const struct dhcp4_message *m, uint8_t code)
{
    return code == DHCP4_OPT_MASK
           || (m->n_requested && memchr(m->requested, code, m->n_requested));
}

static void
put_parameters(struct dhcp4_writer *w, const struct dhcp4_message *m,
               const struct dhcp4_config *c)
{
    for (int requested = 1; requested >= 0; requested--) {
        for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
            if (is_requested(m, parameters[i].code) == requested) {
                parameters[i].put(w, c);    /* Or there is no room. */
            }
        }
    }
}

/* RFC 2131 4.4.5. */
static void
put_times(struct dhcp4_writer *w, uint32_t lease)
{
    bool for_ever = lease == UINT32_MAX;
    uint32_t renewal = for_ever ? lease : lease / 2;
    uint32_t rebinding = for_ever ? lease : (uint64_t) lease * 7 / 8;

    dhcp4_put_be32(w, DHCP4_OPT_LEASE, htonl(lease));
    dhcp4_put_be32(w, DHCP4_OPT_RENEWAL, htonl(renewal));
    dhcp4_put_be32(w, DHCP4_OPT_REBINDING, htonl(rebinding));
}

/* Replies. */

static uint8_t
reply_type(enum dhcp4_outcome outcome)
{
    return (outcome == DHCP4_OFFERED ? DHCP_MSG_OFFER
            : outcome == DHCP4_REFUSED ? DHCP_MSG_NAK : DHCP_MSG_ACK);
}

static void
write_reply(struct dhcp4_writer *w, const struct dhcp4_message *m,
            const struct dhcp4_config *c, enum dhcp4_outcome outcome,
            const char *reason)
{
    bool gives = outcome == DHCP4_OFFERED || outcome == DHCP4_ACKNOWLEDGED;
    bool keeps = outcome == DHCP4_ACKNOWLEDGED || outcome == DHCP4_INFORMED;

    dhcp4_writer_init(w, m, keeps ? m->ciaddr : 0, gives ? c->address : 0);
    dhcp4_put_u8(w, DHCP_OPT_MSG_TYPE, reply_type(outcome));
    dhcp4_put_be32(w, DHCP4_OPT_SERVER, c->server);
    if (m->client_id) {
        dhcp4_put(w, DHCP4_OPT_CLIENT_ID, m->client_id, m->client_id_size);
    }
    if (gives) {
        put_times(w, c->lease);
    }
    if (outcome == DHCP4_REFUSED) {
        dhcp4_put(w, DHCP4_OPT_MESSAGE, reason, strlen(reason));
    } else {
        put_parameters(w, m, c);
    }
    dhcp4_writer_finish(w);
}

/* Where a reply goes (RFC 2131 4.1). */
static ovs_be32
reply_address(const struct dhcp4_message *m, const struct dhcp4_config *c,
              enum dhcp4_outcome outcome)
{
    if (outcome == DHCP4_REFUSED) {
        return htonl(INADDR_BROADCAST);
    }
    if (m->ciaddr && outcome != DHCP4_OFFERED) {
        return m->ciaddr;
    }
    return (m->flags & htons(DHCP4_BROADCAST) ? htonl(INADDR_BROADCAST)
            : c->address);
}

static void
compose(struct dp_packet *reply, const struct dhcp4_message *m,
        const struct dhcp4_config *c, enum dhcp4_outcome outcome,
        const char *reason)
{
    ovs_be32 address = reply_address(m, c, outcome);
    struct dhcp4_writer w;

    write_reply(&w, m, c, outcome, reason);

    struct udp_packet u = {
        .eth_src = c->server_mac,
        .eth_dst = (address == htonl(INADDR_BROADCAST) ? eth_addr_broadcast
                    : c->client_mac),
        .src_port = DHCP_SERVER_PORT, .dst_port = DHCP_CLIENT_PORT,
        .payload = w.data, .size = w.size,
    };
    in6_addr_set_mapped_ipv4(&u.src, c->server);
    in6_addr_set_mapped_ipv4(&u.dst, address);
    udp_packet_compose(reply, &u);
}

static bool
is_answered(enum dhcp4_outcome outcome)
{
    return outcome == DHCP4_OFFERED || outcome == DHCP4_ACKNOWLEDGED
           || outcome == DHCP4_REFUSED || outcome == DHCP4_INFORMED;
}

enum dhcp4_outcome
dhcp4_answer(const void *request, size_t size, const struct dhcp4_config *c,
             struct dp_packet *reply, const char **reason)
{
    enum dhcp4_outcome outcome;
    struct dhcp4_message m;
    struct udp_packet u;

    *reason = udp_packet_take(request, size, &u);
    if (!*reason && (u.dst_port != DHCP_SERVER_PORT
                     || !IN6_IS_ADDR_V4MAPPED(&u.src))) {
        *reason = "it is not for a DHCP server";
    }
    if (!*reason) {
        *reason = dhcp4_message_take(u.payload, u.size, &m);
    }
    if (*reason) {
        return DHCP4_MALFORMED;
    }
    outcome = judge(&m, c, reason);
    if (is_answered(outcome)) {
        compose(reply, &m, c, outcome, *reason);
    }
    return outcome;
}
