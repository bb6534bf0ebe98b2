/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OVERLAY_H
#define VTEPD_OVERLAY_H 1

/* The decision: given this inventory and these ports, which tunnels, groups
 * and flows must exist?
 *
 * Works incrementally: overlay_run() looks again at whatever was touched since
 * the last time and tells a sink the difference.  One diff path serves every
 * kind of change: what an object's record should be is computed from scratch
 * and compared with the record it has.  So any history of changes ends where
 * computing from nothing ends.
 *
 * Words:
 *   link    the way to a peer: an OpenFlow group of type indirect, which the
 *           flows of the endpoints there name.  In flow mode a link serves
 *           all segments with the same forced encapsulation (or none), in
 *           segment mode one segment.
 *   tunnel  the port that a link's group leads to.  A link that changes its
 *           tunnel keeps the old one until the new one has an ofport.
 *
 * No I/O, no clock, no log.  Time is in ms, from any monotonic origin. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "core/inventory.h"
#include "core/port.h"
#include "core/tunnel-spec.h"

struct attachments;
struct memberships;
struct conflicts;
struct holders;
struct shared_address;

struct overlay_settings {
    const char *host;           /* This host's id. */
    bool has_local[2];          /* Is there an address for... */
    struct in6_addr local[2];   /* ...IPv4 [0], IPv6 [1]. */
    enum encap types[3];        /* Where the inventory lacks this host. */
    size_t n_types;
    bool segment_key;           /* tunnel-key=segment? */
    bool bfd;
    long long int linger;       /* In ms. */
};

/* Receives what is to change.  Values are valid during the call. */
struct overlay_sink {
    void *aux;

    /* A flow to add (or replace), or to delete. */
    void (*flow)(void *aux, const struct flow_entry *, bool add);

    /* Group 'group' must lead to 'ofport' (0: nowhere, drop). */
    void (*group)(void *aux, uint32_t group, uint32_t ofport);
    void (*group_deleted)(void *aux, uint32_t group);

    void (*tunnel_wanted)(void *aux, const struct tunnel_spec *);
    void (*tunnel_unwanted)(void *aux, const struct tunnel_key *);

    /* The flows of the endpoint plugged into interface 'port' were handed to
     * flow() just now; or there are none any more. */
    void (*port_served)(void *aux, const char *port, bool served);

    /* Snooped multicast; either may be NULL.  A segment is to be snooped on,
     * and has other local endpoints or peers than before; or it is not any
     * more.  The first local endpoint listens to a group, or none does any
     * more. */
    void (*snooped)(void *aux, struct segment_node *, bool snooped);
    void (*listeners)(void *aux, const struct segment_node *,
                      const struct in6_addr *group, bool any);
};

struct overlay;

/* 'inventory' and 'sink' must outlive the overlay. */
struct overlay *overlay_create(struct inventory *inventory,
                               const struct overlay_sink *sink);
void overlay_destroy(struct overlay *);

/* Sets or changes the settings (copied). */
void overlay_configure(struct overlay *, const struct overlay_settings *);

/* The largest packet that the underlay carries from the local address of IPv4
 * [0] and IPv6 [1], in bytes; 0: not known.  Only for reports. */
void overlay_set_underlay_mtu(struct overlay *, const int mtu[2]);

/* Is the inventory only what was known at some time, as from a file?  Then
 * tunnels that are there and that nobody is known to need stay. */
void overlay_set_provisional(struct overlay *, bool provisional);

/* A change of a port: 'old' NULL: new, 'new' NULL: gone. */
void overlay_vm_port_changed(struct overlay *, const struct vm_port *old,
                             const struct vm_port *new);
void overlay_tunnel_port_changed(struct overlay *,
                                 const struct tunnel_port *old,
                                 const struct tunnel_port *new);

/* The tunnel's port is about to be made, and this is the OpenFlow port number
 * that it will ask for. */
void overlay_tunnel_number_chosen(struct overlay *, const struct tunnel_key *,
                                  uint32_t ofport_request);

/* Looks at what was touched and tells the sink; of endpoints for which nothing
 * is installed at most 'max_work', those touched last first.  Returns true if
 * nothing is left to do.
 *
 * Within one run no record changes twice, so a sink that sends all deletions
 * of flows first, then all additions, ends with what is wanted.  It must not
 * mix two runs. */
bool overlay_run(struct overlay *, long long int now, size_t max_work);

/* When to call overlay_run() again though nothing was touched, or
 * LLONG_MAX. */
long long int overlay_next_time(const struct overlay *);

/* All that the sink was told and that stands: every flow, every group. */
void overlay_for_each_flow(const struct overlay *, flow_cb *, void *aux);
typedef void overlay_group_cb(uint32_t group, uint32_t ofport, void *aux);
void overlay_for_each_group(const struct overlay *, overlay_group_cb *,
                            void *aux);

/* Is all that (kind, id) leads to what it should be, tunnels included: has the
 * sink been told of it, and do the groups concerned lead to a port?  Means
 * something only after overlay_run() has returned true.
 *
 * The groups concerned are, for an endpoint elsewhere, that of its host; for
 * one that is plugged here and for a segment, those of all peers with an
 * endpoint in the segment; for a router, those of its segments; for a host, all that lead there, and all there are
 * if it is this host.  A tunnel that is kept while another one comes up does
 * not count, the new one does.
 *
 * True too for what is not known or of no use here.  Not for an endpoint that
 * would be of use and is not served, nor for one with no way to its host (both
 * are reported); but one such peer, or one whose port Open vSwitch refuses,
 * does not hold up what concerns all peers. */
bool overlay_is_complete(const struct overlay *, enum object_kind,
                         const char *id);

/* Who listens to which multicast group, for whoever learns it.  A member
 * counts as long as it is of use: see overlay-multicast.c. */
struct memberships *overlay_memberships(struct overlay *);

/* The groups of a segment that a local endpoint listens to. */
typedef void overlay_listened_cb(const struct in6_addr *group, void *aux);
void overlay_for_each_listened(const struct segment_node *,
                               overlay_listened_cb *, void *aux);

/* The endpoints of a segment that are served here, and their ports. */
typedef void overlay_local_cb(const struct endpoint_node *, uint32_t ofport,
                              void *aux);
void overlay_for_each_local(const struct segment_node *, overlay_local_cb *,
                            void *aux);

/* Shared addresses: those that several endpoints have in 'allowed_pairs' (rule
 * 5 of inventory.h).  One is answered for, and leads, to the endpoint that
 * announced it last, its holder; holders.h. */

/* Who announces: an endpoint that is plugged in here, or whoever is at the
 * other end of a tunnel. */
struct announcer {
    const struct endpoint_node *endpoint;
    const struct host_node *host;   /* If 'endpoint' is NULL. */
};

enum announce_result {
    ANNOUNCE_REFUSED,           /* It may not hold the address at this MAC. */
    ANNOUNCE_SAME,              /* It is the holder already. */
    ANNOUNCE_NEW,               /* It has become the holder. */
};

/* 'by' has announced that 'ip' is at 'mac' in the segment.  The next run tells
 * the sink.  'wall_now' is in ms since the epoch. */
enum announce_result overlay_announce(struct overlay *,
                                      const struct segment_node *,
                                      const struct in6_addr *ip,
                                      const struct eth_addr mac,
                                      const struct announcer *by,
                                      long long int wall_now);

/* All there are in live segments, with their holders. */
const struct holders *overlay_holders(const struct overlay *);

/* May the endpoint hold the address? */
bool overlay_may_hold(const struct overlay *, const struct endpoint_node *,
                      const struct shared_address *);

/* The host where the inventory places the address's holder, or NULL. */
const struct host_node *overlay_holder_host(const struct overlay *,
                                            const struct shared_address *);

/* Is the holder plugged in here? */
bool overlay_holder_is_local(const struct overlay *,
                             const struct shared_address *);

/* The holder that was remembered is the holder: nobody said otherwise. */
void overlay_confirm_holder(struct overlay *, const struct shared_address *);

/* The next one that is new, or whose holder has changed or moved, or NULL. */
const struct shared_address *overlay_next_changed_address(struct overlay *);

/* Somebody held the address before a restart.  He does still if the inventory
 * has nothing against it, until another one announces it.  To be called before
 * the first run; an address again and again: the first time counts. */
void overlay_remember_holder(struct overlay *, const char *segment,
                             const struct in6_addr *ip, const char *endpoint,
                             const struct eth_addr mac, long long int since);

/* For reports. */

struct attachments *overlay_attachments(struct overlay *);
struct conflicts *overlay_conflicts(struct overlay *);

/* Returns the record that is installed for an endpoint, which the caller must
 * free, or NULL. */
struct endpoint_record *overlay_endpoint_record(const struct endpoint_node *);

/* A live segment's local endpoints and peers. */
struct live_segment_info {
    size_t n_plugged;           /* Endpoints plugged here. */
    size_t n_local;             /* Of them, served here. */
    size_t n_peers;             /* Peers with an endpoint in it. */
};
bool overlay_segment_info(const struct segment_node *,
                          struct live_segment_info *);

/* Do any flows of the router stand? */
bool overlay_router_is_live(const struct router_node *);

struct overlay_tunnel {
    struct tunnel_key key;
    const char *peer;           /* Host id, "" if not known. */
    const char *segment;        /* In segment mode, else NULL. */
    uint32_t group;             /* 0: none. */
    const char *name;           /* Port's name, NULL while there is none. */
    uint32_t ofport;            /* 0: none. */
    const char *error;          /* Interface.error or NULL. */
    size_t n_users;             /* Endpoints and segments that need it. */
    long long int expires;      /* When it goes; LLONG_MAX: needed. */
};
typedef void overlay_tunnel_cb(const struct overlay_tunnel *, void *aux);
void overlay_for_each_tunnel(const struct overlay *, overlay_tunnel_cb *,
                             void *aux);

/* The way from here to a peer for one segment. */
struct overlay_way {
    const char *why_none;       /* Why there cannot be a tunnel, or NULL. */
    uint32_t group;             /* 0: nobody needs the way. */
    uint32_t ofport;            /* Where the group leads; 0: nowhere. */
    bool has_tunnel;
    struct overlay_tunnel tunnel;   /* Wanted, if 'has_tunnel'. */
};
void overlay_get_way(const struct overlay *, const struct host_node *peer,
                     const struct segment_node *, struct overlay_way *);

/* Where packets come from, and where to send some, for services. */

/* Whose an OpenFlow port is: either that of an endpoint that is served here,
 * or the tunnel to a peer. */
struct overlay_port_owner {
    const struct endpoint_node *endpoint;   /* Or NULL. */
    const struct host_node *peer;           /* Or NULL. */
    struct tunnel_key key;                  /* With 'peer'. */
};
bool overlay_find_port(const struct overlay *, uint32_t ofport,
                       struct overlay_port_owner *);

/* The endpoint that is served on a port, or NULL. */
const struct endpoint *overlay_find_client(const struct overlay *,
                                           uint32_t ofport);

/* The live segment that 'metadata' stands for, or NULL. */
const struct segment_node *overlay_find_metadata(const struct overlay *,
                                                 uint64_t metadata);

/* The peers with an endpoint in a segment: each with the group that leads
 * there.  None if the segment is not live. */
typedef void overlay_peer_cb(const struct host_node *peer, uint32_t group,
                             void *aux);
void overlay_for_each_peer(const struct segment_node *, overlay_peer_cb *,
                           void *aux);

/* The endpoints that are served here, with their ports, in no order. */
void overlay_for_each_served(const struct overlay *, overlay_local_cb *,
                             void *aux);

/* Grows whenever one comes, goes or changes its port. */
uint64_t overlay_locals_seqno(const struct overlay *);

/* What VMs in a segment may send, in bytes: its MTU; if it has none, what fits
 * through any tunnel that may leave from here; 0 if that is not known. */
uint16_t overlay_segment_mtu(const struct overlay *,
                             const struct segment_node *);

/* The flows that the sink was told of for a segment, for a router, and for
 * what comes in from a tunnel. */
void overlay_segment_flows(const struct segment_node *, flow_cb *, void *aux);
void overlay_router_flows(const struct router_node *, flow_cb *, void *aux);
void overlay_tunnel_flows(const struct overlay *, const struct tunnel_key *,
                          flow_cb *, void *aux);

/* Number of endpoints with flows in the switch, of flows, of their groups, and
 * of tunnels wanted. */
struct overlay_counts {
    size_t n_installed, n_local, n_live_segments, n_flows, n_groups, n_tunnels;
};
void overlay_get_counts(const struct overlay *, struct overlay_counts *);

#endif /* overlay.h */
