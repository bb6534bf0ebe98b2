/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/announce-service.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/announce-pace.h"
#include "core/holders.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "services/announcement.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(announce);

static struct vlog_rate_limit refused_rl = VLOG_RATE_LIMIT_INIT(1, 5);
static struct vlog_rate_limit holder_rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* Who asks, locally administered: "vtepd" in ASCII. */
static const struct eth_addr asker = ETH_ADDR_C(02,76,74,65,70,64);

/* Outputs of one packet. */
#define MAX_OUTPUTS 500

/* Addresses that are due and looked at in a run. */
#define MAX_DUE 100

struct announce_service {
    struct overlay *overlay;
    struct announce_io io;
    struct announce_pace pace;
};

struct announce_service *
announce_service_create(struct overlay *overlay, const struct announce_io *io)
{
    struct announce_service *s = xzalloc(sizeof *s);

    s->overlay = overlay;
    s->io = *io;
    announce_pace_init(&s->pace);
    return s;
}

void
announce_service_destroy(struct announce_service *s)
{
    if (s) {
        announce_pace_destroy(&s->pace);
        free(s);
    }
}

/* Sending. */

/* One packet, to be sent to many. */
struct sending {
    struct announce_service *service;
    const struct segment_node *segment;
    struct dp_packet packet;
    struct ofpbuf actions;
    size_t n_outputs;
    const struct host_node *only_peer;      /* NULL: all of them. */
    const struct endpoint_node *but;        /* Not to this one, or NULL. */
};

static void
sending_init(struct sending *sending, struct announce_service *s,
             const struct shared_address *sa, enum announcement_kind kind)
{
    struct announcement a = {
        .kind = kind, .ip = sa->ip,
        .mac = kind == ANNOUNCEMENT_TELLS ? sa->mac : asker,
    };

    *sending = (struct sending) { .service = s, .segment = sa->segment };
    dp_packet_init(&sending->packet, 0);
    announcement_encode(&a, &sending->packet);
    ofpbuf_init(&sending->actions, 0);
}

static void
sending_flush(struct sending *sending)
{
    struct announce_service *s = sending->service;

    if (sending->n_outputs) {
        s->io.send(s->io.aux, &sending->packet, &sending->actions);
    }
    ofpbuf_clear(&sending->actions);
    sending->n_outputs = 0;
}

static void
sending_finish(struct sending *sending)
{
    sending_flush(sending);
    dp_packet_uninit(&sending->packet);
    ofpbuf_uninit(&sending->actions);
}

static void
count_output(struct sending *sending)
{
    if (++sending->n_outputs == MAX_OUTPUTS) {
        sending_flush(sending);
    }
}

static void
put_peer(const struct host_node *peer, uint32_t group, void *sending_)
{
    struct sending *sending = sending_;

    if (sending->only_peer && peer != sending->only_peer) {
        return;
    }
    if (!sending->n_outputs) {
        union mf_value key = {
            .be64 = htonll(sending->segment->object.vni),
        };

        ofpact_put_set_field(&sending->actions, mf_from_id(MFF_TUN_ID), &key,
                             NULL);
    }
    ofpact_put_GROUP(&sending->actions)->group_id = group;
    count_output(sending);
}

static void
put_local(const struct endpoint_node *endpoint, uint32_t ofport,
          void *sending_)
{
    struct sending *sending = sending_;

    if (endpoint != sending->but) {
        ofpact_put_OUTPUT(&sending->actions)->port = u16_to_ofp(ofport);
        count_output(sending);
    }
}

/* 'peer' NULL: all peers of the segment. */
static void
send_to_peers(struct announce_service *s, const struct shared_address *sa,
              enum announcement_kind kind, const struct host_node *peer)
{
    struct sending sending;

    sending_init(&sending, s, sa, kind);
    sending.only_peer = peer;
    overlay_for_each_peer(sa->segment, put_peer, &sending);
    sending_finish(&sending);
}

/* Tells the VMs here but the holder. */
static void
tell_local(struct announce_service *s, const struct shared_address *sa,
           const struct endpoint_node *holder)
{
    struct sending sending;

    sending_init(&sending, s, sa, ANNOUNCEMENT_TELLS);
    sending.but = holder;
    overlay_for_each_local(sa->segment, put_local, &sending);
    sending_finish(&sending);
}

struct asking {
    struct sending *sending;
    const struct overlay *overlay;
    const struct shared_address *address;
};

static void
put_candidate(const struct endpoint_node *endpoint, uint32_t ofport,
              void *asking_)
{
    struct asking *asking = asking_;

    if (overlay_may_hold(asking->overlay, endpoint, asking->address)) {
        put_local(endpoint, ofport, asking->sending);
    }
}

/* Asks the VMs here that may hold the address. */
static void
ask_local(struct announce_service *s, const struct shared_address *sa)
{
    struct sending sending;
    struct asking asking = { &sending, s->overlay, sa };

    sending_init(&sending, s, sa, ANNOUNCEMENT_ASKS);
    overlay_for_each_local(sa->segment, put_candidate, &asking);
    sending_finish(&sending);
}

/* Logging. */

static const char *
format_ip(const struct in6_addr *ip, char buf[INET6_ADDRSTRLEN])
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(ip, &s);
    ovs_strlcpy(buf, ds_cstr(&s), INET6_ADDRSTRLEN);
    ds_destroy(&s);
    return buf;
}

static void
log_holder(const struct shared_address *sa, const char *before)
{
    char ip[INET6_ADDRSTRLEN];

    VLOG_INFO_RL(&holder_rl, "segment \"%s\": address %s is held by endpoint "
                 "\"%s\" at "ETH_ADDR_FMT" now%s%s%s", sa->segment->id,
                 format_ip(&sa->ip, ip), sa->holder, ETH_ADDR_ARGS(sa->mac),
                 before ? ", before by \"" : "", before ? before : "",
                 before ? "\"" : "");
}

static void
log_refused(const struct segment_node *segment, const struct announcement *a,
            const struct overlay_port_owner *owner)
{
    char ip[INET6_ADDRSTRLEN];

    if (owner->peer) {
        VLOG_WARN_RL(&refused_rl, "segment \"%s\": host \"%s\" says that "
                     "address %s is at "ETH_ADDR_FMT", but no endpoint there "
                     "may hold it at that MAC; not believed", segment->id,
                     owner->peer->id, format_ip(&a->ip, ip),
                     ETH_ADDR_ARGS(a->mac));
    } else {
        VLOG_WARN_RL(&refused_rl, "segment \"%s\": endpoint \"%s\" announced "
                     "address %s at "ETH_ADDR_FMT", which it may not hold; "
                     "ignored", segment->id, owner->endpoint->id,
                     format_ip(&a->ip, ip), ETH_ADDR_ARGS(a->mac));
    }
}

static void
log_fight(const struct shared_address *sa,
          const struct overlay_port_owner *owner)
{
    char ip[INET6_ADDRSTRLEN];

    VLOG_WARN_RL(&refused_rl, "segment \"%s\": address %s is announced again "
                 "and again by different VMs, now by %s \"%s\"; it stays with "
                 "\"%s\" for a moment.  Is there more than one master?",
                 sa->segment->id, format_ip(&sa->ip, ip),
                 owner->peer ? "one on host" : "endpoint",
                 owner->peer ? owner->peer->id : owner->endpoint->id,
                 sa->holder);
}

/* Taking in. */

/* Is the announcement one that changes nothing? */
static bool
is_repetition(const struct announce_service *s,
              const struct shared_address *sa, const struct announcement *a,
              const struct overlay_port_owner *owner)
{
    return sa->holder && eth_addr_equals(sa->mac, a->mac)
           && (owner->endpoint
               ? !strcmp(sa->holder, owner->endpoint->id)
               : overlay_holder_host(s->overlay, sa) == owner->peer);
}

/* Tells all who do not know yet. */
static void
spread(struct announce_service *s, const struct shared_address *sa,
       const struct overlay_port_owner *owner)
{
    if (owner->endpoint) {
        send_to_peers(s, sa, ANNOUNCEMENT_TELLS, NULL);
    }
    tell_local(s, sa, owner->endpoint);
}

static enum punt_outcome
take_telling(struct announce_service *s, const struct shared_address *sa,
             const struct announcement *a,
             const struct overlay_port_owner *owner, long long int now,
             long long int wall_now)
{
    struct announcer by = { .endpoint = owner->endpoint, .host = owner->peer };
    struct paced_address *pa = announce_pace_get(&s->pace, sa, now);
    bool same = is_repetition(s, sa, a, owner);
    bool was_local = overlay_holder_is_local(s->overlay, sa);

    if (!same && sa->holder
        && !announce_pace_may_change(&s->pace, pa, now)) {
        log_fight(sa, owner);
        return PUNT_REFUSED;
    }

    char *before = nullable_xstrdup(sa->holder);
    switch (overlay_announce(s->overlay, sa->segment, &a->ip, a->mac, &by,
                             wall_now)) {
    case ANNOUNCE_REFUSED:
        log_refused(sa->segment, a, owner);
        free(before);
        return PUNT_REFUSED;
    case ANNOUNCE_NEW:
        spread(s, sa, owner);
        log_holder(sa, before);
        break;
    case ANNOUNCE_SAME:
        if (announce_pace_may_tell(pa, now)) {
            spread(s, sa, owner);
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
    announce_pace_announced(&s->pace, pa, owner->endpoint != NULL,
                            was_local && !same, now);
    free(before);
    return PUNT_ACCEPTED;
}

static enum punt_outcome
take_asking(struct announce_service *s, const struct shared_address *sa,
            const struct overlay_port_owner *owner, long long int now)
{
    if (!owner->peer || sa->remembered
        || !overlay_holder_is_local(s->overlay, sa)
        || !announce_pace_may_tell(announce_pace_get(&s->pace, sa, now),
                                   now)) {
        return PUNT_REFUSED;
    }
    send_to_peers(s, sa, ANNOUNCEMENT_TELLS, owner->peer);
    return PUNT_ACCEPTED;
}

enum punt_outcome
announce_service_take(struct announce_service *s,
                      const struct punted_packet *packet, long long int now,
                      long long int wall_now)
{
    const struct segment_node *segment
        = overlay_find_metadata(s->overlay, packet->metadata);
    const struct shared_address *sa;
    struct overlay_port_owner owner;
    struct announcement a;

    if (!announcement_decode(packet->data, packet->size, &a)) {
        return PUNT_MALFORMED;
    }
    if (!segment || !overlay_find_port(s->overlay, packet->in_port, &owner)
        || (packet->kind == PUNT_PEER_ANNOUNCE) != (owner.peer != NULL)) {
        return PUNT_REFUSED;
    }
    sa = holders_find(overlay_holders(s->overlay), segment, &a.ip);
    if (!sa) {
        return PUNT_REFUSED;
    }
    return a.kind == ANNOUNCEMENT_TELLS
           ? take_telling(s, sa, &a, &owner, now, wall_now)
           : take_asking(s, sa, &owner, now);
}

/* What is due. */

static void
run_address(struct announce_service *s, struct paced_address *pa,
            long long int now)
{
    const struct shared_address *sa = holders_find(
        overlay_holders(s->overlay), pa->segment, &pa->ip);

    if (!sa) {
        announce_pace_remove(&s->pace, pa);
        return;
    }
    if (sa->remembered && announce_pace_is_unopposed(pa)) {
        overlay_confirm_holder(s->overlay, sa);
    }
    if (!sa->holder || sa->remembered || pa->recheck) {
        if (announce_pace_may_ask(pa)) {
            send_to_peers(s, sa, ANNOUNCEMENT_ASKS, NULL);
            ask_local(s, sa);
        }
        announce_pace_asked(&s->pace, pa, now);
    } else {
        if (overlay_holder_is_local(s->overlay, sa)) {
            send_to_peers(s, sa, ANNOUNCEMENT_TELLS, NULL);
        }
        announce_pace_told(&s->pace, pa, now);
    }
}

void
announce_service_run(struct announce_service *s, long long int now)
{
    const struct shared_address *sa;
    struct paced_address *pa;

    while ((sa = overlay_next_changed_address(s->overlay))) {
        announce_pace_changed(&s->pace, sa, now);
    }
    for (int i = 0; i < MAX_DUE; i++) {
        pa = announce_pace_next(&s->pace, now);
        if (!pa) {
            break;
        }
        run_address(s, pa, now);
    }
}

long long int
announce_service_next_time(const struct announce_service *s)
{
    return announce_pace_next_time(&s->pace);
}
