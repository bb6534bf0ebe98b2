/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/memberships.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

/* Of one age all are believed for equally long, so that a list to the end of
 * which goes who was heard of last is in the order of time. */
enum age {
    AGE_OWN,
    AGE_PEER,
    AGE_DOUBT,
};
#define N_AGES 3

static const int age_ms[N_AGES] = {
    [AGE_OWN] = MEMBERSHIP_OWN_MS,
    [AGE_PEER] = MEMBERSHIP_PEER_MS,
    [AGE_DOUBT] = MEMBERSHIP_DOUBT_MS,
};

struct memberships {
    memberships_cb *changed;
    void *aux;
    struct hmap segments;       /* Contains struct group_segments. */
    struct ovs_list ages[N_AGES];
    size_t n;                   /* Memberships. */
    struct membership_counts counts;
    uint64_t seqno;
};

struct memberships *
memberships_create(memberships_cb *changed, void *aux)
{
    struct memberships *ms = xzalloc(sizeof *ms);

    ms->changed = changed;
    ms->aux = aux;
    hmap_init(&ms->segments);
    for (int i = 0; i < N_AGES; i++) {
        ovs_list_init(&ms->ages[i]);
    }
    return ms;
}

/* Looking. */

static uint32_t
group_hash(const struct in6_addr *group)
{
    return hash_bytes(group, sizeof *group, 0);
}

static struct group_segment *
find_segment(const struct memberships *ms, const char *id)
{
    struct group_segment *segment;

    HMAP_FOR_EACH_WITH_HASH (segment, node, hash_string(id, 0),
                             &ms->segments) {
        if (!strcmp(segment->id, id)) {
            return segment;
        }
    }
    return NULL;
}

static struct multicast_group *
find_group(const struct group_segment *segment, const struct in6_addr *addr)
{
    struct multicast_group *group;

    HMAP_FOR_EACH_WITH_HASH (group, node, group_hash(addr),
                             &segment->groups) {
        if (ipv6_addr_equals(&group->group, addr)) {
            return group;
        }
    }
    return NULL;
}

static struct group_member *
find_member(const struct group_segment *segment, const struct member_id *id)
{
    struct group_member *member;

    HMAP_FOR_EACH_WITH_HASH (member, node, hash_string(id->id, id->kind),
                             &segment->members) {
        if (member->kind == id->kind && !strcmp(member->id, id->id)) {
            return member;
        }
    }
    return NULL;
}

static struct membership *
find_membership(const struct group_member *member,
                const struct in6_addr *group)
{
    struct membership *m;

    HMAP_FOR_EACH_WITH_HASH (m, node, group_hash(group),
                             &member->memberships) {
        if (ipv6_addr_equals(&m->group->group, group)) {
            return m;
        }
    }
    return NULL;
}

static struct group_member *
find_member_of(const struct memberships *ms, const struct member_id *id)
{
    const struct group_segment *segment = find_segment(ms, id->segment);

    return segment ? find_member(segment, id) : NULL;
}

static struct membership *
find_membership_of(const struct memberships *ms, const struct member_id *id,
                   const struct in6_addr *group)
{
    const struct group_member *member = find_member_of(ms, id);

    return member ? find_membership(member, group) : NULL;
}

size_t
memberships_count(const struct memberships *ms)
{
    return ms->n;
}

void
memberships_get_counts(const struct memberships *ms,
                       struct membership_counts *counts)
{
    *counts = ms->counts;
}

uint64_t
memberships_seqno(const struct memberships *ms)
{
    return ms->seqno;
}

struct hmap *
memberships_segments(struct memberships *ms)
{
    return &ms->segments;
}

const struct group_segment *
memberships_find_segment(const struct memberships *ms, const char *id)
{
    return find_segment(ms, id);
}

const struct multicast_group *
memberships_find_group(const struct memberships *ms, const char *segment_id,
                       const struct in6_addr *group)
{
    const struct group_segment *segment = find_segment(ms, segment_id);

    return segment ? find_group(segment, group) : NULL;
}

const struct group_member *
memberships_find_member(const struct memberships *ms,
                        const struct member_id *id)
{
    return find_member_of(ms, id);
}

/* Joining. */

static struct group_segment *
get_segment(struct memberships *ms, const char *id)
{
    struct group_segment *segment = find_segment(ms, id);

    if (!segment) {
        size_t size = strlen(id) + 1;

        segment = xzalloc(sizeof *segment + size);
        memcpy(segment->id, id, size);
        hmap_init(&segment->groups);
        hmap_init(&segment->members);
        hmap_insert(&ms->segments, &segment->node, hash_string(id, 0));
    }
    return segment;
}

static struct multicast_group *
get_group(struct group_segment *segment, const struct in6_addr *addr)
{
    struct multicast_group *group = find_group(segment, addr);

    if (!group) {
        group = xzalloc(sizeof *group);
        group->segment = segment;
        group->group = *addr;
        ovs_list_init(&group->memberships);
        hmap_insert(&segment->groups, &group->node, group_hash(addr));
    }
    return group;
}

static struct group_member *
get_member(struct group_segment *segment, const struct member_id *id)
{
    struct group_member *member = find_member(segment, id);

    if (!member) {
        size_t size = strlen(id->id) + 1;

        member = xzalloc(sizeof *member + size);
        memcpy(member->id, id->id, size);
        member->segment = segment;
        member->kind = id->kind;
        member->came = true;
        hmap_init(&member->memberships);
        hmap_insert(&segment->members, &member->node,
                    hash_string(id->id, id->kind));
    }
    return member;
}

/* JOIN_NEW if there is room for one more. */
static enum join_outcome
check_limits(const struct memberships *ms, const struct member_id *id,
             const struct in6_addr *group)
{
    const struct group_segment *segment = find_segment(ms, id->segment);
    const struct group_member *member = find_member_of(ms, id);

    if (member && id->kind == MEMBER_ENDPOINT
        && hmap_count(&member->memberships) >= MEMBERSHIPS_MAX_OWN) {
        return JOIN_MEMBER_FULL;
    } else if (segment && hmap_count(&segment->groups)
               >= MEMBERSHIPS_MAX_GROUPS && !find_group(segment, group)) {
        return JOIN_SEGMENT_FULL;
    }
    return ms->n >= MEMBERSHIPS_MAX ? JOIN_FULL : JOIN_NEW;
}

static void
set_age(struct memberships *ms, struct membership *m, enum age age,
        long long int now)
{
    m->expires = now + age_ms[age];
    ovs_list_push_back(&ms->ages[age], &m->age_list);
}

static enum age
usual_age(enum member_kind kind)
{
    return kind == MEMBER_ENDPOINT ? AGE_OWN : AGE_PEER;
}

enum join_outcome
memberships_join(struct memberships *ms, const struct member_id *id,
                 const struct in6_addr *addr, unsigned int version,
                 long long int now)
{
    struct membership *m = find_membership_of(ms, id, addr);

    if (m) {
        ovs_list_remove(&m->age_list);
        set_age(ms, m, usual_age(id->kind), now);
        m->version = version;
        return JOIN_KNOWN;
    }

    enum join_outcome outcome = check_limits(ms, id, addr);
    if (outcome != JOIN_NEW) {
        struct group_segment *full = find_segment(ms, id->segment);

        ms->counts.n_refused++;
        if (full) {
            full->n_refused++;
        }
        return outcome;
    }

    struct group_segment *segment = get_segment(ms, id->segment);
    m = xzalloc(sizeof *m);
    m->group = get_group(segment, addr);
    m->member = get_member(segment, id);
    m->version = version;
    hmap_insert(&m->member->memberships, &m->node, group_hash(addr));
    ovs_list_push_back(&m->group->memberships, &m->group_list);
    m->group->n[id->kind]++;
    set_age(ms, m, usual_age(id->kind), now);
    ms->n++;
    ms->counts.n[id->kind]++;
    ms->seqno++;
    ms->changed(m->group, ms->aux);
    return JOIN_NEW;
}

void
memberships_restore(struct memberships *ms, const struct member_id *id,
                    const struct in6_addr *group, unsigned int version,
                    long long int now)
{
    if (memberships_join(ms, id, group, version, now) == JOIN_NEW) {
        find_member_of(ms, id)->came = false;
    }
}

/* Leaving. */

static void
drop_segment(struct memberships *ms, struct group_segment *segment)
{
    if (hmap_is_empty(&segment->groups)) {
        hmap_remove(&ms->segments, &segment->node);
        hmap_destroy(&segment->groups);
        hmap_destroy(&segment->members);
        free(segment);
    }
}

/* Frees with the last membership its group, its member and its segment. */
static void
drop(struct memberships *ms, struct membership *m)
{
    struct multicast_group *group = m->group;
    struct group_member *member = m->member;
    struct group_segment *segment = group->segment;

    hmap_remove(&member->memberships, &m->node);
    ovs_list_remove(&m->group_list);
    ovs_list_remove(&m->age_list);
    group->n[member->kind]--;
    ms->n--;
    ms->counts.n[member->kind]--;
    ms->seqno++;
    free(m);

    ms->changed(group, ms->aux);
    if (ovs_list_is_empty(&group->memberships)) {
        hmap_remove(&segment->groups, &group->node);
        free(group);
    }
    if (hmap_is_empty(&member->memberships)) {
        hmap_remove(&segment->members, &member->node);
        hmap_destroy(&member->memberships);
        free(member);
    }
    drop_segment(ms, segment);
}

bool
memberships_leave(struct memberships *ms, const struct member_id *id,
                  const struct in6_addr *group)
{
    struct membership *m = find_membership_of(ms, id, group);

    if (m) {
        drop(ms, m);
    }
    return m != NULL;
}

/* Who is in doubt already gets no more time for that. */
static void
doubt(struct memberships *ms, struct membership *m, long long int now)
{
    if (m->expires > now + MEMBERSHIP_DOUBT_MS) {
        ovs_list_remove(&m->age_list);
        set_age(ms, m, AGE_DOUBT, now);
    }
}

bool
memberships_doubt(struct memberships *ms, const struct member_id *id,
                  const struct in6_addr *group, long long int now)
{
    struct membership *m = find_membership_of(ms, id, group);

    if (m) {
        doubt(ms, m, now);
    }
    return m != NULL;
}

void
memberships_member_came(struct memberships *ms, const struct member_id *id,
                        long long int now)
{
    struct group_member *member = find_member_of(ms, id);

    if (member && member->came) {
        struct membership *m;

        HMAP_FOR_EACH (m, node, &member->memberships) {
            doubt(ms, m, now);
        }
    } else if (member) {
        member->came = true;
    }
}

void
memberships_forget_member(struct memberships *ms, const struct member_id *id)
{
    const struct group_member *member = find_member_of(ms, id);

    /* The member goes with its last membership. */
    for (size_t n = member ? hmap_count(&member->memberships) : 0; n; n--) {
        drop(ms, CONTAINER_OF(hmap_first(&member->memberships),
                              struct membership, node));
    }
}

void
memberships_forget_segment(struct memberships *ms, const char *id)
{
    const struct group_segment *segment = find_segment(ms, id);

    for (size_t n = segment ? hmap_count(&segment->members) : 0; n; n--) {
        const struct group_member *member = CONTAINER_OF(
            hmap_first(&segment->members), struct group_member, node);

        memberships_forget_member(ms, &(struct member_id) {
            id, member->kind, member->id });
    }
}

void
memberships_run(struct memberships *ms, long long int now)
{
    for (int i = 0; i < N_AGES; i++) {
        struct membership *m;

        LIST_FOR_EACH_SAFE (m, age_list, &ms->ages[i]) {
            if (m->expires > now) {
                break;
            }
            drop(ms, m);
        }
    }
}

long long int
memberships_next_time(const struct memberships *ms)
{
    long long int next = LLONG_MAX;

    for (int i = 0; i < N_AGES; i++) {
        if (!ovs_list_is_empty(&ms->ages[i])) {
            const struct membership *m = CONTAINER_OF(
                ovs_list_front(&ms->ages[i]), struct membership, age_list);

            next = MIN(next, m->expires);
        }
    }
    return next;
}

static void
ignore_change(const struct multicast_group *group OVS_UNUSED,
              void *aux OVS_UNUSED)
{
}

void
memberships_destroy(struct memberships *ms)
{
    if (ms) {
        struct group_segment *segment;

        ms->changed = ignore_change;
        HMAP_FOR_EACH_SAFE (segment, node, &ms->segments) {
            memberships_forget_segment(ms, segment->id);
        }
        hmap_destroy(&ms->segments);
        free(ms);
    }
}
