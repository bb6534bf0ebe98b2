/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/multicast-service.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/multicast-teller.h"
#include "core/inventory.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "hash.h"
#include "heap.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "services/group-message.h"
#include "services/igmp.h"
#include "services/mld.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(multicast);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 20);

struct multicast_service {
    struct hmap segments;       /* Contains struct snooped_segments. */
    struct heap times;          /* Of them, by when something is due. */
    struct multicast_sender sender;
};

struct snooped_segment {
    struct hmap_node node;      /* In service's 'segments'. */
    struct heap_node time_node; /* In service's 'times'. */
    struct segment_node *segment;
    struct multicast_teller teller;
};

struct multicast_service *
multicast_service_create(multicast_send_cb *send, void *aux)
{
    struct multicast_service *s = xzalloc(sizeof *s);

    hmap_init(&s->segments);
    heap_init(&s->times);
    s->sender.send = send;
    s->sender.aux = aux;
    return s;
}

static struct snooped_segment *
find_segment(const struct multicast_service *s,
             const struct segment_node *segment)
{
    struct snooped_segment *ss;

    HMAP_FOR_EACH_WITH_HASH (ss, node, hash_pointer(segment, 0),
                             &s->segments) {
        if (ss->segment == segment) {
            return ss;
        }
    }
    return NULL;
}

/* The heap's first is that of highest priority. */
static uint64_t
time_priority(long long int time)
{
    return UINT64_MAX - time;
}

static void
update_time(struct multicast_service *s, struct snooped_segment *ss)
{
    heap_change(&s->times, &ss->time_node,
                time_priority(multicast_teller_next_time(&ss->teller)));
}

static void
remove_segment(struct multicast_service *s, struct snooped_segment *ss)
{
    multicast_teller_uninit(&ss->teller);
    heap_remove(&s->times, &ss->time_node);
    hmap_remove(&s->segments, &ss->node);
    free(ss);
}

void
multicast_service_destroy(struct multicast_service *s)
{
    if (s) {
        struct snooped_segment *ss;

        HMAP_FOR_EACH_SAFE (ss, node, &s->segments) {
            remove_segment(s, ss);
        }
        hmap_destroy(&s->segments);
        heap_destroy(&s->times);
        free(s);
    }
}

/* From the overlay. */

void
multicast_service_snooped(struct multicast_service *s,
                          struct segment_node *segment, bool snooped)
{
    struct snooped_segment *ss = find_segment(s, segment);

    if (!snooped) {
        if (ss) {
            remove_segment(s, ss);
        }
        return;
    }
    if (!ss) {
        ss = xzalloc(sizeof *ss);
        ss->segment = segment;
        multicast_teller_init(&ss->teller, segment);
        hmap_insert(&s->segments, &ss->node, hash_pointer(segment, 0));
        heap_insert(&s->times, &ss->time_node, 0);
    }
    multicast_teller_update(&ss->teller);
    update_time(s, ss);
}

void
multicast_service_listeners(struct multicast_service *s,
                            const struct segment_node *segment,
                            const struct in6_addr *group, bool any)
{
    struct snooped_segment *ss = find_segment(s, segment);

    if (ss) {
        multicast_teller_changed(&ss->teller, group, any);
        update_time(s, ss);
    }
}

/* Packets. */

static const char *
decode(const struct punted_packet *packet, struct group_message *m)
{
    bool igmp = packet->kind == PUNT_IGMP || packet->kind == PUNT_PEER_IGMP;

    return (igmp ? igmp_decode : mld_decode)(packet->data, packet->size, m);
}

/* 'n' groups of one message were refused, the last of them 'group'. */
static void
log_refused(const struct member_id *id, const struct in6_addr *group, size_t n,
            enum join_outcome outcome)
{
    char text[INET6_ADDRSTRLEN];

    ipv6_string_mapped(text, group);
    VLOG_WARN_RL(&rl, "segment \"%s\": %s \"%s\" cannot join %s (%"PRIuSIZE
                 " refused at once): %s has %d %s, which is the limit",
                 id->segment,
                 id->kind == MEMBER_ENDPOINT ? "endpoint" : "peer", id->id,
                 text, n,
                 outcome == JOIN_MEMBER_FULL ? "it" :
                 outcome == JOIN_SEGMENT_FULL ? "the segment" : "this host",
                 outcome == JOIN_MEMBER_FULL ? MEMBERSHIPS_MAX_OWN :
                 outcome == JOIN_SEGMENT_FULL ? MEMBERSHIPS_MAX_GROUPS
                 : MEMBERSHIPS_MAX,
                 outcome == JOIN_FULL ? "memberships" : "groups");
}

/* Takes over what 'id' says.  Returns true if it has cast a doubt. */
static bool
apply(struct memberships *memberships, const struct member_id *id,
      const struct group_message *m, long long int now)
{
    enum join_outcome why = JOIN_NEW;
    const struct in6_addr *refused = NULL;
    size_t n_refused = 0;
    bool doubted = false;

    for (size_t i = 0; i < m->n_changes; i++) {
        const struct group_change *c = &m->changes[i];

        if (c->kind == GROUP_JOINED) {
            enum join_outcome outcome = memberships_join(
                memberships, id, &c->group, m->version, now);

            if (outcome != JOIN_NEW && outcome != JOIN_KNOWN) {
                why = outcome;
                refused = &c->group;
                n_refused++;
            }
        } else if (c->kind == GROUP_LEFT) {
            memberships_leave(memberships, id, &c->group);
        } else {
            doubted |= memberships_doubt(memberships, id, &c->group, now);
        }
    }
    if (refused) {
        log_refused(id, refused, n_refused, why);
    }
    return doubted;
}

static enum punt_outcome
take_own(struct multicast_service *s, struct overlay *ov,
         const struct endpoint_node *node, const struct group_message *m,
         long long int now)
{
    const struct segment_node *segment = node->endpoint->segment;
    struct snooped_segment *ss = find_segment(s, segment);
    struct member_id id = { segment->id, MEMBER_ENDPOINT, node->id };

    if (!ss || m->query) {
        return PUNT_REFUSED;
    }
    if (apply(overlay_memberships(ov), &id, m, now)) {
        multicast_teller_ask_port(&ss->teller, node->id);
        update_time(s, ss);
    }
    return PUNT_ACCEPTED;
}

static enum punt_outcome
take_peers(struct multicast_service *s, struct overlay *ov,
           const struct host_node *peer, uint64_t metadata,
           const struct group_message *m, bool igmp, long long int now)
{
    const struct segment_node *segment = overlay_find_metadata(ov, metadata);
    struct snooped_segment *ss = segment ? find_segment(s, segment) : NULL;

    if (!ss || !multicast_teller_has_peer(&ss->teller, peer->id)) {
        return PUNT_REFUSED;
    }
    if (m->query) {
        multicast_teller_asked(&ss->teller, peer->id, now);
    } else {
        struct member_id id = { segment->id, MEMBER_PEER, peer->id };

        apply(overlay_memberships(ov), &id, m, now);
        if (igmp) {
            multicast_teller_answered(&ss->teller, peer->id);
        }
    }
    update_time(s, ss);
    return PUNT_ACCEPTED;
}

enum punt_outcome
multicast_service_take(struct multicast_service *s, struct overlay *ov,
                       const struct punted_packet *packet, long long int now)
{
    bool igmp = packet->kind == PUNT_IGMP || packet->kind == PUNT_PEER_IGMP;
    struct overlay_port_owner owner;
    struct group_message m;

    if (!overlay_find_port(ov, packet->in_port, &owner)) {
        return PUNT_REFUSED;
    }

    const char *error = decode(packet, &m);
    if (error) {
        VLOG_INFO_RL(&rl, "%s \"%s\" sent %s that is left alone: %s",
                     owner.endpoint ? "endpoint" : "peer",
                     owner.endpoint ? owner.endpoint->id : owner.peer->id,
                     igmp ? "IGMP" : "MLD", error);
        return PUNT_MALFORMED;
    }
    return (owner.endpoint ? take_own(s, ov, owner.endpoint, &m, now)
            : take_peers(s, ov, owner.peer, packet->metadata, &m, igmp, now));
}

/* Time. */

void
multicast_service_run(struct multicast_service *s, long long int now)
{
    while (!heap_is_empty(&s->times)
           && heap_max(&s->times)->priority >= time_priority(now)) {
        struct snooped_segment *ss = CONTAINER_OF(
            heap_max(&s->times), struct snooped_segment, time_node);

        multicast_teller_run(&ss->teller, &s->sender, now);
        update_time(s, ss);
    }
}

long long int
multicast_service_next_time(const struct multicast_service *s)
{
    return (heap_is_empty(&s->times) ? LLONG_MAX
            : (long long int) (UINT64_MAX - heap_max(&s->times)->priority));
}

bool
multicast_service_get_status(const struct multicast_service *s,
                             const struct segment_node *segment,
                             struct multicast_status *status)
{
    const struct snooped_segment *ss = find_segment(s, segment);

    if (ss) {
        multicast_teller_get_status(&ss->teller, status);
    }
    return ss != NULL;
}
