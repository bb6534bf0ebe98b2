/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MEMBERSHIPS_H
#define VTEPD_MEMBERSHIPS_H 1

/* Who listens to which multicast group, as far as it was learned.
 *
 * A member is an endpoint of this host, by its id, or a peer, for all that
 * listen there.  Each has joined a group of a segment until it leaves, or has
 * not been heard of for too long.  Whether a member is of use (is the endpoint
 * plugged in here, has the peer anything in the segment, is that to be snooped
 * on at all?) is for overlay.h to say: here nothing is known but ids, so what
 * was learned before a restart can be taken back before anything else is
 * there.
 *
 * Bounded: MEMBERSHIPS_MAX_GROUPS in a segment, MEMBERSHIPS_MAX_OWN of one
 * endpoint, MEMBERSHIPS_MAX in all.  At a limit what is new is refused and
 * what is known stays, so that nobody can push out others.
 *
 * No I/O, no clock, no log.  Times are in ms, from any monotonic origin. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

enum {
    MEMBERSHIPS_MAX_GROUPS = 1000,
    MEMBERSHIPS_MAX_OWN = 100,
    MEMBERSHIPS_MAX = 50000,

    /* How long a member is believed that is not heard of, in ms: an endpoint,
     * which is asked every 125 s (RFC 3376 8.4), a peer, which tells every
     * minute, and one that is in doubt and is asked at once. */
    MEMBERSHIP_OWN_MS = 260 * 1000,
    MEMBERSHIP_PEER_MS = 200 * 1000,
    MEMBERSHIP_DOUBT_MS = 10 * 1000,
};

enum member_kind {
    MEMBER_ENDPOINT,
    MEMBER_PEER,
};
#define N_MEMBER_KINDS 2

/* The members of the structs are for reading only. */

struct group_segment {
    struct hmap_node node;      /* In memberships' 'segments'. */
    struct hmap groups;         /* Contains struct multicast_groups. */
    struct hmap members;        /* Contains struct group_members. */
    uint64_t n_refused;         /* Joins, at any limit. */
    char id[];
};

struct multicast_group {
    struct hmap_node node;      /* In segment's 'groups', by group. */
    struct group_segment *segment;
    struct in6_addr group;      /* v4-mapped for IPv4. */
    struct ovs_list memberships;    /* By 'group_list'. */
    size_t n[N_MEMBER_KINDS];   /* Of them. */
};

struct group_member {
    struct hmap_node node;      /* In segment's 'members', by kind and id. */
    struct group_segment *segment;
    enum member_kind kind;
    bool came;                  /* Has it, since it was restored? */
    struct hmap memberships;    /* By group. */
    char id[];
};

struct membership {
    struct hmap_node node;      /* In member's 'memberships'. */
    struct ovs_list group_list; /* In group's 'memberships'. */
    struct ovs_list age_list;   /* In one of memberships' 'ages'. */
    struct multicast_group *group;
    struct group_member *member;
    long long int expires;
    uint8_t version;            /* Of IGMP or MLD that was heard last. */
};

/* A member's name. */
struct member_id {
    const char *segment;
    enum member_kind kind;
    const char *id;             /* Of an endpoint, or of a host. */
};

/* Is called whenever a group's members have become others.  A group without
 * members is about to go. */
typedef void memberships_cb(const struct multicast_group *, void *aux);

struct memberships *memberships_create(memberships_cb *changed, void *aux);
void memberships_destroy(struct memberships *);

enum join_outcome {
    JOIN_NEW,
    JOIN_KNOWN,
    JOIN_SEGMENT_FULL,          /* Refused: at MEMBERSHIPS_MAX_GROUPS... */
    JOIN_MEMBER_FULL,           /* ...at MEMBERSHIPS_MAX_OWN... */
    JOIN_FULL,                  /* ...at MEMBERSHIPS_MAX. */
};
enum join_outcome memberships_join(struct memberships *,
                                   const struct member_id *,
                                   const struct in6_addr *group,
                                   unsigned int version, long long int now);

/* The same, of what was learned before a restart. */
void memberships_restore(struct memberships *, const struct member_id *,
                         const struct in6_addr *group, unsigned int version,
                         long long int now);

/* Returns false if it was no member. */
bool memberships_leave(struct memberships *, const struct member_id *,
                       const struct in6_addr *group);

/* The member may have left: it is one no longer unless it joins again within
 * MEMBERSHIP_DOUBT_MS.  Returns false if it is none. */
bool memberships_doubt(struct memberships *, const struct member_id *,
                       const struct in6_addr *group, long long int now);

/* The endpoint is plugged in: if it was before, all that it had joined is in
 * doubt.  The first time after a restart of ours says nothing. */
void memberships_member_came(struct memberships *, const struct member_id *,
                             long long int now);

/* All of a member, or of a segment, goes. */
void memberships_forget_member(struct memberships *, const struct member_id *);
void memberships_forget_segment(struct memberships *, const char *segment);

/* Lets go of who was not heard of for too long. */
void memberships_run(struct memberships *, long long int now);

/* When to do so next, or LLONG_MAX. */
long long int memberships_next_time(const struct memberships *);

/* Looking. */

size_t memberships_count(const struct memberships *);

/* Memberships by kind, and joins that were ever refused. */
struct membership_counts {
    size_t n[N_MEMBER_KINDS];
    uint64_t n_refused;
};
void memberships_get_counts(const struct memberships *,
                            struct membership_counts *);

/* Grows whenever a group's members become others. */
uint64_t memberships_seqno(const struct memberships *);
struct hmap *memberships_segments(struct memberships *);
const struct group_segment *memberships_find_segment(
    const struct memberships *, const char *id);

/* NULL if it has no members. */
const struct multicast_group *memberships_find_group(
    const struct memberships *, const char *segment,
    const struct in6_addr *group);

/* NULL if it has joined nothing. */
const struct group_member *memberships_find_member(
    const struct memberships *, const struct member_id *);

#endif /* memberships.h */
