/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/advert-service.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/leases.h"
#include "agent/punts.h"
#include "core/endpoint-services.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "hash.h"
#include "openflow/switch-session.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "random.h"
#include "services/router-advert.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(advert);

/* RFC 4861 6.2.1 and 10, in ms: the first few of something new follow each
 * other sooner than those after them. */
#define INITIAL_INTERVAL 16000
#define N_INITIAL 3
#define MIN_INTERVAL 600000
#define MAX_INTERVAL 1800000
#define MIN_DELAY 3000          /* Between two that are not asked for. */
#define MAX_JITTER 500

/* As long as may be (RFC 4861 6.2.1), in seconds. */
#define ROUTER_LIFETIME 9000

/* In a time when much changes, how often to look what that means for VMs, in
 * ms; and how much is sent in a pass. */
#define LOOK_INTERVAL 1000
#define MAX_SENT 64

/* What a port has been told. */
struct advert {
    struct hmap_node node;      /* In advert_service's 'adverts', by ofport. */
    uint32_t ofport;
    uint32_t content;           /* A hash of what it should be told. */
    struct eth_addr told_mac;   /* Who has spoken last; zero: nobody yet. */
    unsigned int n_sent;        /* Of this content. */
    long long int last;         /* When, in ms; LLONG_MIN: never. */
    long long int next;
    bool needed;                /* While looking through all of them. */
};

struct advert_service {
    struct agent *agent;
    struct leases *leases;
    struct hmap adverts;        /* Contains struct adverts. */
    uint64_t inventory_seqno;   /* Looked at. */
    uint64_t locals_seqno;
    long long int look_after;   /* In ms. */
    long long int next;         /* The first of the adverts' 'next'. */
};

/* What to tell. */

/* The addresses of 'e' are from prefixes of its segment, which may have a
 * router. */
static void
fill_advert(const struct agent *agent, const struct endpoint *e,
            const struct served_address *addresses, size_t n,
            struct router_advert *r)
{
    const struct router_node *router
        = inventory_segment_router(agent->inventory, e->segment);
    struct served_names names;

    served_addresses_names(addresses, n, true, &names);
    *r = (struct router_advert) {
        .mac = dhcp_server_mac, .lifetime = UINT32_MAX,
        .mtu = overlay_segment_mtu(agent->overlay, e->segment),
        .n_dns = names.n_dns, .n_domains = names.n_domains,
    };
    if (router && inventory_has_router_link_local(e->segment)) {
        r->mac = router->object.mac;
        r->router_lifetime = ROUTER_LIFETIME;
    }
    memcpy(r->dns, names.dns, sizeof names.dns);
    memcpy(r->domains, names.domains, sizeof names.domains);
    for (size_t i = 0; i < n; i++) {
        r->lifetime = MIN(r->lifetime, MAX(addresses[i].subnet->lease,
                                           ROUTER_LIFETIME));
    }
}

BUILD_ASSERT_DECL((int) SERVED_IPV6_MAX == (int) ROUTER_ADVERT_MAX_PREFIXES);
BUILD_ASSERT_DECL(sizeof ((struct served_names *) 0)->dns
                  == sizeof ((struct router_advert *) 0)->dns);
BUILD_ASSERT_DECL(sizeof ((struct served_names *) 0)->domains
                  == sizeof ((struct router_advert *) 0)->domains);

static void
add_prefix(struct router_advert *r, const struct endpoint *e,
           const struct served_address *a)
{
    const struct ip_prefix *cidr = &a->subnet->cidr;
    bool autonomous = router_advert_makes(e->mac, &a->ip, cidr->plen);

    for (size_t i = 0; i < r->n_prefixes; i++) {
        struct router_advert_prefix *p = &r->prefixes[i];

        if (p->plen == cidr->plen && ipv6_addr_equals(&p->ip, &cidr->addr)) {
            p->autonomous |= autonomous;
            return;
        }
    }
    r->prefixes[r->n_prefixes++] = (struct router_advert_prefix) {
        .ip = cidr->addr, .plen = cidr->plen, .autonomous = autonomous,
    };
}

/* What to tell 'e', and the addresses that this is about.  Returns how many
 * these are: 0 if there is nothing to tell. */
static size_t
get_advert(const struct agent *agent, const struct endpoint *e,
           struct served_address addresses[SERVED_IPV6_MAX],
           struct router_advert *r)
{
    size_t n = endpoint_served_addresses(agent->inventory, e, true, addresses,
                                         SERVED_IPV6_MAX);

    if (n) {
        fill_advert(agent, e, addresses, n, r);
        for (size_t i = 0; i < n; i++) {
            add_prefix(r, e, &addresses[i]);
        }
    }
    return n;
}

/* Telling. */

static bool
send_advert(const struct agent *agent, const struct router_advert *r,
            uint32_t ofport)
{
    struct dp_packet b;
    bool sent;

    dp_packet_init(&b, 0);
    router_advert_compose(&b, r);
    sent = switch_session_send_to_port(agent->session, &b, ofport);
    dp_packet_uninit(&b);
    return sent;
}

/* Who has been told of a router that is no more need not wait for it. */
static void
send_farewell(const struct agent *agent, const struct advert *advert,
              const struct router_advert *r)
{
    struct router_advert farewell = { .mac = advert->told_mac };

    if (!eth_addr_is_zero(advert->told_mac)
        && !eth_addr_equals(advert->told_mac, r->mac)) {
        send_advert(agent, &farewell, advert->ofport);
    }
}

static void
note_addresses(struct advert_service *service, const struct endpoint *e,
               const struct served_address *addresses, size_t n,
               uint32_t lifetime)
{
    for (size_t i = 0; i < n; i++) {
        const struct served_address *a = &addresses[i];

        if (router_advert_makes(e->mac, &a->ip, a->subnet->cidr.plen)) {
            leases_note(service->leases, e->node->id, &a->ip,
                        LEASE_ADVERTISED, lifetime, time_msec());
        }
    }
}

/* Tells the VM behind a port what there is to tell by now. */
static bool
tell(struct advert_service *service, const struct endpoint *e,
     struct advert *advert)
{
    struct served_address addresses[SERVED_IPV6_MAX];
    struct router_advert r;
    size_t n = get_advert(service->agent, e, addresses, &r);

    if (!n) {
        return false;
    }
    send_farewell(service->agent, advert, &r);
    if (!send_advert(service->agent, &r, advert->ofport)) {
        return false;
    }
    advert->told_mac = r.mac;
    note_addresses(service, e, addresses, n, r.lifetime);
    return true;
}

/* When. */

static long long int
interval_after(unsigned int n_sent)
{
    return (n_sent < N_INITIAL
            ? INITIAL_INTERVAL - random_range(INITIAL_INTERVAL / 4)
            : MIN_INTERVAL + random_range(MAX_INTERVAL - MIN_INTERVAL));
}

static void
schedule(struct advert_service *service, struct advert *advert,
         long long int when)
{
    advert->next = when;
    service->next = MIN(service->next, when);
}

static struct advert *
find(const struct advert_service *service, uint32_t ofport)
{
    struct advert *advert;

    HMAP_FOR_EACH_WITH_HASH (advert, node, hash_int(ofport, 0),
                             &service->adverts) {
        if (advert->ofport == ofport) {
            return advert;
        }
    }
    return NULL;
}

/* Of what is told, and to whom. */
static uint32_t
hash_content(const struct endpoint *e, const struct router_advert *r)
{
    struct dp_packet b;
    uint32_t hash;

    dp_packet_init(&b, 0);
    router_advert_compose(&b, r);
    hash = hash_bytes(dp_packet_data(&b), dp_packet_size(&b),
                      hash_string(e->node->id, 0));
    dp_packet_uninit(&b);
    return hash;
}

static void
look_at_port(const struct endpoint_node *node, uint32_t ofport,
             void *service_)
{
    struct advert_service *service = service_;
    struct advert *advert = find(service, ofport);
    struct served_address addresses[SERVED_IPV6_MAX];
    struct router_advert r;
    uint32_t content;

    if (!node->endpoint
        || !get_advert(service->agent, node->endpoint, addresses, &r)) {
        return;
    }
    content = hash_content(node->endpoint, &r);
    if (!advert) {
        advert = xzalloc(sizeof *advert);
        advert->ofport = ofport;
        advert->content = ~content;
        advert->last = LLONG_MIN;
        hmap_insert(&service->adverts, &advert->node, hash_int(ofport, 0));
    }
    advert->needed = true;
    if (advert->content != content) {
        long long int soon = time_msec() + random_range(MAX_JITTER);

        advert->content = content;
        advert->n_sent = 0;
        schedule(service, advert, (advert->last == LLONG_MIN ? soon
                                   : MAX(advert->last + MIN_DELAY, soon)));
    }
}

/* Brings the adverts in line with the endpoints that are here. */
static void
look(struct advert_service *service)
{
    struct advert *advert;

    HMAP_FOR_EACH (advert, node, &service->adverts) {
        advert->needed = false;
    }
    overlay_for_each_served(service->agent->overlay, look_at_port, service);
    HMAP_FOR_EACH_SAFE (advert, node, &service->adverts) {
        if (!advert->needed) {
            hmap_remove(&service->adverts, &advert->node);
            free(advert);
        }
    }
}

/* The time has come for an advertisement. */
static void
run_advert(struct advert_service *service, struct advert *advert,
           long long int now)
{
    const struct endpoint *e = overlay_find_client(service->agent->overlay,
                                                   advert->ofport);

    if (e && tell(service, e, advert)) {
        advert->n_sent++;
        advert->last = now;
        schedule(service, advert, now + interval_after(advert->n_sent));
    } else {
        schedule(service, advert, now + LOOK_INTERVAL);
    }
}

static void
run_due(struct advert_service *service, long long int now)
{
    struct advert *advert;
    size_t n_sent = 0;

    service->next = LLONG_MAX;
    HMAP_FOR_EACH (advert, node, &service->adverts) {
        if (advert->next <= now && n_sent++ < MAX_SENT) {
            run_advert(service, advert, now);
        } else {
            service->next = MIN(service->next, advert->next);
        }
    }
}

static bool
is_changed(const struct advert_service *service)
{
    const struct agent *agent = service->agent;

    return service->inventory_seqno != inventory_seqno(agent->inventory)
           || service->locals_seqno != overlay_locals_seqno(agent->overlay);
}

void
advert_service_run(struct advert_service *service)
{
    long long int now = time_msec();

    if (now >= service->look_after && is_changed(service)) {
        const struct agent *agent = service->agent;

        service->inventory_seqno = inventory_seqno(agent->inventory);
        service->locals_seqno = overlay_locals_seqno(agent->overlay);
        service->look_after = now + LOOK_INTERVAL;
        look(service);
    }
    if (now >= service->next) {
        run_due(service, now);
    }
}

void
advert_service_wait(const struct advert_service *service)
{
    if (is_changed(service)) {
        poll_timer_wait_until(service->look_after);
    }
    if (service->next != LLONG_MAX) {
        poll_timer_wait_until(service->next);
    }
}

/* Solicitations. */

static enum punt_outcome
take_solicit(const struct punted_packet *packet, void *service_)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
    struct advert_service *service = service_;
    const struct endpoint *e = overlay_find_client(service->agent->overlay,
                                                   packet->in_port);
    struct advert *advert = find(service, packet->in_port);
    const char *reason = router_solicit_check(packet->data, packet->size);
    struct advert unknown = { .ofport = packet->in_port };

    if (!e) {
        return PUNT_REFUSED;
    }
    if (reason) {
        VLOG_DBG_RL(&rl, "endpoint \"%s\": a router solicitation is not "
                    "answered: %s", e->node->id, reason);
        return PUNT_MALFORMED;
    }
    return (tell(service, e, advert ? advert : &unknown) ? PUNT_ACCEPTED
            : PUNT_REFUSED);
}

/* Life. */

struct advert_service *
advert_service_create(struct agent *agent, struct leases *leases)
{
    struct advert_service *service = xzalloc(sizeof *service);

    service->agent = agent;
    service->leases = leases;
    service->next = LLONG_MAX;
    hmap_init(&service->adverts);
    punts_set_service(agent->punts, PUNT_ROUTER_SOLICIT, take_solicit,
                      service);
    return service;
}

void
advert_service_destroy(struct advert_service *service)
{
    if (service) {
        struct advert *advert;

        punts_set_service(service->agent->punts, PUNT_ROUTER_SOLICIT, NULL,
                          NULL);
        HMAP_FOR_EACH_SAFE (advert, node, &service->adverts) {
            hmap_remove(&service->adverts, &advert->node);
            free(advert);
        }
        hmap_destroy(&service->adverts);
        free(service);
    }
}
