/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/multicast-teller.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow-spec.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "hash.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "random.h"
#include "services/group-message.h"
#include "services/igmp.h"
#include "services/mld.h"
#include "util.h"

/* A VM is asked at once, with little time to answer, then after gaps that grow
 * from the first to the last of these, in ms (RFC 3376 8.2, 8.3). */
#define FIRST_QUERY_GAP 1000
#define LAST_QUERY_GAP 125000
#define FIRST_QUERY_RESPONSE 100
#define MAX_QUERY_RESPONSE 10000

/* The same for a peer, until it answers. */
#define FIRST_ASK_GAP 200
#define LAST_ASK_GAP 60000

/* Changes are said twice, the second time after the second of these; and
 * changes that come within the first are said together. */
#define NEWS_GAP 100
#define NEWS_AGAIN 1000
#define NEWS_TIMES 2

/* How often everything is said, give or take a tenth; and to one who asks, at
 * most. */
#define ALL_INTERVAL 60000
#define ANSWER_INTERVAL 1000

/* Outputs of one packet: see MAX_COPIES in core/overlay-private.h. */
#define MAX_OUTPUTS 500

/* What the agent sends comes from this MAC, "vtepd". */
static const struct eth_addr agent_mac = ETH_ADDR_C(02,76,74,65,70,64);

/* A port that a VM is asked through. */
struct asked_port {
    struct hmap_node node;      /* In teller's 'ports', by endpoint. */
    uint32_t ofport;
    bool stays;                 /* Only in multicast_teller_update(). */
    long long int due;
    int gap;                    /* After the next query. */
    char endpoint[];
};

struct asked_peer {
    struct hmap_node node;      /* In teller's 'peers', by host. */
    uint32_t group;             /* That leads there. */
    bool stays;                 /* Only in multicast_teller_update(). */
    long long int due;          /* When to ask; LLONG_MAX: it has answered. */
    int gap;
    long long int answer_due;   /* When to answer; LLONG_MAX: nobody asked. */
    long long int answered;     /* When that was last. */
    char host[];
};

struct group_news {
    struct hmap_node node;      /* In teller's 'news'. */
    struct in6_addr group;
    bool any;
    int times;                  /* To be said. */
};

void
multicast_teller_init(struct multicast_teller *t,
                      const struct segment_node *segment)
{
    t->segment = segment;
    hmap_init(&t->ports);
    hmap_init(&t->peers);
    hmap_init(&t->news);
    t->news_due = LLONG_MAX;
    t->said = LLONG_MIN / 2;
    t->all_due = 0;
}

void
multicast_teller_uninit(struct multicast_teller *t)
{
    struct asked_port *port;
    struct asked_peer *peer;
    struct group_news *news;

    HMAP_FOR_EACH_POP (port, node, &t->ports) {
        free(port);
    }
    HMAP_FOR_EACH_POP (peer, node, &t->peers) {
        free(peer);
    }
    HMAP_FOR_EACH_POP (news, node, &t->news) {
        free(news);
    }
    hmap_destroy(&t->ports);
    hmap_destroy(&t->peers);
    hmap_destroy(&t->news);
}

/* Whom there is to ask and to tell. */

static struct asked_port *
find_port(const struct multicast_teller *t, const char *endpoint)
{
    struct asked_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_string(endpoint, 0),
                             &t->ports) {
        if (!strcmp(port->endpoint, endpoint)) {
            return port;
        }
    }
    return NULL;
}

static struct asked_peer *
find_peer(const struct multicast_teller *t, const char *host)
{
    struct asked_peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_string(host, 0), &t->peers) {
        if (!strcmp(peer->host, host)) {
            return peer;
        }
    }
    return NULL;
}

static void
ask_port(struct asked_port *port)
{
    port->due = 0;
    port->gap = FIRST_QUERY_GAP;
}

static void
update_port(const struct endpoint_node *endpoint, uint32_t ofport, void *t_)
{
    struct multicast_teller *t = t_;
    struct asked_port *port = find_port(t, endpoint->id);

    if (!port) {
        size_t size = strlen(endpoint->id) + 1;

        port = xzalloc(sizeof *port + size);
        memcpy(port->endpoint, endpoint->id, size);
        hmap_insert(&t->ports, &port->node, hash_string(port->endpoint, 0));
    }
    if (port->ofport != ofport) {
        port->ofport = ofport;
        ask_port(port);
    }
    port->stays = true;
}

/* A host that two links lead to for a moment is told over the first. */
static void
update_peer(const struct host_node *host, uint32_t group, void *t_)
{
    struct multicast_teller *t = t_;
    struct asked_peer *peer = find_peer(t, host->id);

    if (!peer) {
        size_t size = strlen(host->id) + 1;

        peer = xzalloc(sizeof *peer + size);
        memcpy(peer->host, host->id, size);
        peer->gap = FIRST_ASK_GAP;
        peer->answer_due = LLONG_MAX;
        peer->answered = LLONG_MIN / 2;
        hmap_insert(&t->peers, &peer->node, hash_string(peer->host, 0));
    }
    peer->group = peer->stays ? MIN(peer->group, group) : group;
    peer->stays = true;
}

void
multicast_teller_update(struct multicast_teller *t)
{
    struct asked_port *port;
    struct asked_peer *peer;

    HMAP_FOR_EACH (port, node, &t->ports) {
        port->stays = false;
    }
    HMAP_FOR_EACH (peer, node, &t->peers) {
        peer->stays = false;
    }
    overlay_for_each_local(t->segment, update_port, t);
    overlay_for_each_peer(t->segment, update_peer, t);
    HMAP_FOR_EACH_SAFE (port, node, &t->ports) {
        if (!port->stays) {
            hmap_remove(&t->ports, &port->node);
            free(port);
        }
    }
    HMAP_FOR_EACH_SAFE (peer, node, &t->peers) {
        if (!peer->stays) {
            hmap_remove(&t->peers, &peer->node);
            free(peer);
        }
    }
}

void
multicast_teller_ask_port(struct multicast_teller *t, const char *endpoint)
{
    struct asked_port *port = find_port(t, endpoint);

    if (port) {
        ask_port(port);
    }
}

bool
multicast_teller_has_peer(const struct multicast_teller *t, const char *host)
{
    return find_peer(t, host) != NULL;
}

void
multicast_teller_asked(struct multicast_teller *t, const char *host,
                       long long int now)
{
    struct asked_peer *peer = find_peer(t, host);

    if (peer) {
        peer->answer_due = MAX(now, peer->answered + ANSWER_INTERVAL);
    }
}

void
multicast_teller_answered(struct multicast_teller *t, const char *host)
{
    struct asked_peer *peer = find_peer(t, host);

    if (peer) {
        peer->due = LLONG_MAX;
    }
}

void
multicast_teller_changed(struct multicast_teller *t,
                         const struct in6_addr *group, bool any)
{
    uint32_t hash = hash_bytes(group, sizeof *group, 0);
    struct group_news *news;

    HMAP_FOR_EACH_WITH_HASH (news, node, hash, &t->news) {
        if (ipv6_addr_equals(&news->group, group)) {
            goto found;
        }
    }
    news = xzalloc(sizeof *news);
    news->group = *group;
    hmap_insert(&t->news, &news->node, hash);
found:
    news->any = any;
    news->times = NEWS_TIMES;
    t->news_due = t->said + NEWS_GAP;
}

/* Packets. */

static void
send_and_clear(const struct multicast_sender *sender, struct dp_packet *packet,
               const struct ofpbuf *actions)
{
    sender->send(packet, actions, sender->aux);
    dp_packet_clear(packet);
}

static uint64_t
get_metadata(const struct multicast_teller *t)
{
    return segment_metadata(t->segment->object.vni, t->segment->object.encap);
}

static void
put_tun_id(const struct multicast_teller *t, struct ofpbuf *actions)
{
    union mf_value value;

    memset(&value, 0, sizeof value);
    value.be64 = htonll(get_metadata(t) & UINT32_MAX);
    ofpact_put_set_field(actions, mf_from_id(MFF_TUN_ID), &value, NULL);
}

static void
put_peer(const struct asked_peer *peer, struct ofpbuf *actions)
{
    ofpact_put_GROUP(actions)->group_id = peer->group;
}

/* Towards peers IGMP has no address to come from (RFC 4541 2.1.1). */
static void
ask_peer(const struct multicast_teller *t, const struct asked_peer *peer,
         const struct multicast_sender *sender)
{
    struct ofpbuf actions;
    struct dp_packet packet;

    ofpbuf_init(&actions, 64);
    dp_packet_init(&packet, 64);
    put_tun_id(t, &actions);
    put_peer(peer, &actions);
    igmp_put_query(&packet, agent_mac, 0, FIRST_QUERY_RESPONSE);
    send_and_clear(sender, &packet, &actions);
    dp_packet_uninit(&packet);
    ofpbuf_uninit(&actions);
}

/* The gateway of the segment's first subnet that has one, or none. */
static ovs_be32
get_querier(const struct multicast_teller *t)
{
    const struct segment_object *o = &t->segment->object;

    for (size_t i = 0; i < o->n_subnets; i++) {
        const struct subnet *subnet = &o->subnets[i];

        if (subnet->has_gateway && IN6_IS_ADDR_V4MAPPED(&subnet->gateway)) {
            return in6_addr_get_mapped_ipv4(&subnet->gateway);
        }
    }
    return htonl(0);
}

static void
query_port(const struct multicast_teller *t, const struct asked_port *port,
           const struct multicast_sender *sender)
{
    unsigned int response = (port->gap == FIRST_QUERY_GAP
                             ? FIRST_QUERY_RESPONSE
                             : MIN(port->gap / 2, MAX_QUERY_RESPONSE));
    struct ofpbuf actions;
    struct dp_packet packet;

    ofpbuf_init(&actions, 64);
    dp_packet_init(&packet, 128);
    ofpact_put_OUTPUT(&actions)->port = u16_to_ofp(port->ofport);
    igmp_put_query(&packet, agent_mac, get_querier(t), response);
    send_and_clear(sender, &packet, &actions);
    mld_put_query(&packet, agent_mac, response);
    send_and_clear(sender, &packet, &actions);
    dp_packet_uninit(&packet);
    ofpbuf_uninit(&actions);
}

/* Reports. */

/* Changes to be said, of both families. */
struct report {
    struct group_change *changes[2];    /* Of IPv4, IPv6. */
    size_t n[2], allocated[2];
};

static void
report_add(struct report *r, const struct in6_addr *group, bool any)
{
    int i = !IN6_IS_ADDR_V4MAPPED(group);

    if (r->n[i] >= r->allocated[i]) {
        r->changes[i] = x2nrealloc(r->changes[i], &r->allocated[i],
                                   sizeof *r->changes[i]);
    }
    r->changes[i][r->n[i]++] = (struct group_change) {
        *group, any ? GROUP_JOINED : GROUP_LEFT };
}

static void
report_free(struct report *r)
{
    free(r->changes[0]);
    free(r->changes[1]);
}

/* Sends the report.  'answer': though there be nothing in it. */
static void
report_send(const struct report *r, const struct multicast_sender *sender,
            const struct ofpbuf *actions, bool answer)
{
    struct dp_packet packet;

    dp_packet_init(&packet, 1500);
    for (size_t i = 0; i < r->n[0] || (answer && !i); i += IGMP_REPORT_MAX) {
        igmp_put_report(&packet, agent_mac, 0, &r->changes[0][i],
                        MIN(r->n[0] - i, IGMP_REPORT_MAX));
        send_and_clear(sender, &packet, actions);
    }
    for (size_t i = 0; i < r->n[1]; i += MLD_REPORT_MAX) {
        mld_put_report(&packet, agent_mac, &r->changes[1][i],
                       MIN(r->n[1] - i, MLD_REPORT_MAX));
        send_and_clear(sender, &packet, actions);
    }
    dp_packet_uninit(&packet);
}

static void
add_listened(const struct in6_addr *group, void *report)
{
    report_add(report, group, true);
}

/* Sends the report and frees it. */
static void
send_to_all(const struct multicast_teller *t, struct report *r,
            const struct multicast_sender *sender)
{
    const struct asked_peer *peer;
    struct ofpbuf actions;
    size_t n = 0;

    ofpbuf_init(&actions, 64);
    HMAP_FOR_EACH (peer, node, &t->peers) {
        if (n++ % MAX_OUTPUTS == 0) {
            if (actions.size) {
                report_send(r, sender, &actions, false);
            }
            ofpbuf_clear(&actions);
            put_tun_id(t, &actions);
        }
        put_peer(peer, &actions);
    }
    if (n) {
        report_send(r, sender, &actions, false);
    }
    ofpbuf_uninit(&actions);
    report_free(r);
}

static void
say_news(struct multicast_teller *t, const struct multicast_sender *sender,
         long long int now)
{
    struct report report = { .n = { 0 } };
    struct group_news *news;

    HMAP_FOR_EACH_SAFE (news, node, &t->news) {
        report_add(&report, &news->group, news->any);
        if (!--news->times) {
            hmap_remove(&t->news, &news->node);
            free(news);
        }
    }
    send_to_all(t, &report, sender);
    t->said = now;
    t->news_due = hmap_is_empty(&t->news) ? LLONG_MAX : now + NEWS_AGAIN;
}

static void
say_all(struct multicast_teller *t, const struct multicast_sender *sender,
        long long int now)
{
    struct report report = { .n = { 0 } };

    if (t->all_due) {
        overlay_for_each_listened(t->segment, add_listened, &report);
        send_to_all(t, &report, sender);
    }
    t->all_due = (now + ALL_INTERVAL * 9 / 10
                  + random_range(ALL_INTERVAL / 5));
}

static void
answer(struct multicast_teller *t, struct asked_peer *peer,
       const struct multicast_sender *sender, long long int now)
{
    struct report report = { .n = { 0 } };
    struct ofpbuf actions;

    ofpbuf_init(&actions, 64);
    put_tun_id(t, &actions);
    put_peer(peer, &actions);
    overlay_for_each_listened(t->segment, add_listened, &report);
    report_send(&report, sender, &actions, true);
    report_free(&report);
    ofpbuf_uninit(&actions);
    peer->answered = now;
    peer->answer_due = LLONG_MAX;
}

/* Time. */

void
multicast_teller_run(struct multicast_teller *t,
                     const struct multicast_sender *sender, long long int now)
{
    struct asked_port *port;
    struct asked_peer *peer;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (now >= port->due) {
            query_port(t, port, sender);
            port->due = now + port->gap;
            port->gap = MIN(port->gap * 2, LAST_QUERY_GAP);
        }
    }
    if (now >= t->news_due) {
        say_news(t, sender, now);
    }
    if (now >= t->all_due) {
        say_all(t, sender, now);
    }
    HMAP_FOR_EACH (peer, node, &t->peers) {
        if (now >= peer->due) {
            ask_peer(t, peer, sender);
            peer->due = now + peer->gap;
            peer->gap = MIN(peer->gap * 2, LAST_ASK_GAP);
        }
        if (now >= peer->answer_due) {
            answer(t, peer, sender, now);
        }
    }
}

long long int
multicast_teller_next_time(const struct multicast_teller *t)
{
    long long int next = MIN(t->news_due, t->all_due);
    const struct asked_port *port;
    const struct asked_peer *peer;

    HMAP_FOR_EACH (port, node, &t->ports) {
        next = MIN(next, port->due);
    }
    HMAP_FOR_EACH (peer, node, &t->peers) {
        next = MIN(next, MIN(peer->due, peer->answer_due));
    }
    return MAX(next, 0);
}

void
multicast_teller_get_status(const struct multicast_teller *t,
                            struct multicast_status *status)
{
    const struct asked_peer *peer;

    status->querier = get_querier(t);
    status->n_ports = hmap_count(&t->ports);
    status->n_peers = hmap_count(&t->peers);
    status->n_silent = 0;
    HMAP_FOR_EACH (peer, node, &t->peers) {
        status->n_silent += peer->due != LLONG_MAX;
    }
}
