/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INSTALLED_FLOWS_H
#define VTEPD_INSTALLED_FLOWS_H 1

/* What the switch said that it has: flows and groups as they were dumped.
 *
 * Lives from a dump to the comparison that follows it.  Whatever is wanted is
 * taken out of it; what is left over is to be deleted. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "openvswitch/hmap.h"

struct installed_flow {
    struct hmap_node node;
    uint8_t table;
    uint16_t priority;
    uint64_t cookie;
    uint32_t actions_hash;
    size_t actions_len;
    bool temporary;             /* It goes by itself after some time. */
    struct minimatch match;     /* Matches Ethernet frames only... */
    bool any_packet_type;       /* ...though the switch did not say so. */
};

struct installed_group {
    struct hmap_node node;
    uint32_t group;
    bool ours;                  /* Of our kind: indirect, one bucket. */
    uint32_t ofport;            /* Where it leads; 0: nowhere. */
};

struct installed_flows {
    struct hmap flows;          /* Contains struct installed_flows. */
    struct hmap groups;         /* Contains struct installed_groups. */
};

void installed_flows_init(struct installed_flows *);
void installed_flows_clear(struct installed_flows *);
void installed_flows_destroy(struct installed_flows *);

struct ofpbuf;

/* Takes in one part of a reply; false if it cannot be decoded. */
bool installed_flows_read_flows(struct installed_flows *, struct ofpbuf *);
bool installed_flows_read_groups(struct installed_flows *, struct ofpbuf *,
                                 int ofp_version);

/* Takes the flow (or group) out.  Returns true if it is there exactly as
 * wanted. */
bool installed_flows_take_flow(struct installed_flows *,
                               const struct flow_entry *);
bool installed_flows_take_group(struct installed_flows *, uint32_t group,
                                uint32_t ofport);

/* One flow.  init() reads what the switch says of it; the match's copy is
 * freed by uninit(). */
struct ofpact;
struct reported_flow {
    const struct match *match;
    uint64_t cookie;
    const struct ofpact *actions;
    size_t actions_len;
    uint16_t priority, idle_timeout, hard_timeout;
    uint8_t table;
};
void installed_flow_init(struct installed_flow *,
                         const struct reported_flow *);
void installed_flow_uninit(struct installed_flow *);

/* As for a hash table of flows: table, priority and match. */
uint32_t installed_flow_hash(const struct installed_flow *);

/* The one with the same table, priority and match among 'flows', or NULL. */
struct installed_flow *installed_flow_find(const struct hmap *flows,
                                           const struct installed_flow *);
struct installed_flow *installed_flow_find_entry(const struct hmap *flows,
                                                 const struct flow_entry *);

/* Has 'f' the cookie and actions of 'e', and does it stay? */
bool installed_flow_is(const struct installed_flow *f,
                       const struct flow_entry *e);

/* Makes of 'f' an entry without actions; the caller frees nothing. */
void installed_flow_get(const struct installed_flow *f, struct flow_entry *);

#endif /* installed-flows.h */
