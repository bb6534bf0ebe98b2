/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OVERLAY_PRIVATE_H
#define VTEPD_OVERLAY_PRIVATE_H 1

/* What the parts of the overlay share: overlay.c (life, a run), -endpoints.c,
 * -records.c (packed), -holders.c (shared addresses), -segments.c, -routers.c,
 * -router-peers.c, -links.c, -tunnels.c, -choose.c
 * (encapsulation and addresses of a tunnel), -complete.c (has a change
 * arrived?), -find.c (by the numbers in packets), -report.c (conflicts). */

#include "core/attachments.h"
#include "core/conflicts.h"
#include "core/holders.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "openvswitch/list.h"
#include "sset.h"

struct id_pool;
struct router_record;

/* The highest number of a group that is given out. */
#define MAX_GROUP INT32_MAX

/* Copies of a packet to peers that a live segment may ask for.  Open vSwitch
 * gives up on a packet whose actions for the datapath take more than 64 kB,
 * which a copy to each of some 700 tunnels does (600 over IPv6). */
#define MAX_COPIES 600

/* How long a tunnel stays that was replaced by one of the same
 * encapsulation, in ms: long enough for the switch to have the group's new
 * port.  A tunnel of another encapsulation lingers, because the peer may not
 * have changed over yet.  So long the flows of a port stay, too, whose row is
 * gone: the switch takes a while to remove it. */
#define REPLACED_MS 2000

struct overlay {
    struct inventory *inventory;
    const struct overlay_sink *sink;
    struct attachments attachments;
    struct conflicts conflicts;
    struct svec served, unserved;   /* Ports, to be told of after the run. */
    struct sset dirty_ports;    /* Names, to be reported on again. */
    uint32_t reported_list;     /* inventory_last_list() at a report. */

    bool configured;
    struct overlay_settings settings;
    char *host;                 /* settings.host. */
    int underlay_mtu[2];        /* For IPv4, IPv6, in bytes; 0: not known. */
    long long int now;

    struct endpoint_node **waiting; /* Touched, without a record. */
    size_t n_waiting, allocated_waiting;
    struct hmap locals;         /* Contains struct locals. */
    uint64_t locals_seqno;      /* See overlay_locals_seqno(). */
    struct hmap record_classes; /* Contains struct record_classes. */
    struct hmap live_segments;  /* Contains struct live_segments. */
    struct hmap local_ports;    /* struct locals with 'port', by ofport. */
    struct hmap tunnel_ports;   /* struct tunnels, by record.ofport. */
    struct hmap metadata;       /* struct live_segments with a record. */
    struct ovs_list dirty_segments; /* Of them, by 'dirty_list'. */
    struct memberships *memberships;
    struct ovs_list dirty_groups;   /* struct live_groups, by 'dirty_list'. */
    struct hmap live_routers;   /* Contains struct live_routers. */
    struct ovs_list dirty_routers;  /* Of them, by 'dirty_list'. */

    struct holders holders;     /* Of shared addresses. */
    bool has_remembered;        /* Are there any from before a restart? */

    struct hmap links;          /* Contains struct links, by peer. */
    struct hmap tunnels;        /* Contains struct tunnels, by key. */
    struct ovs_list dirty_links;    /* By 'dirty_list'. */
    struct ovs_list dirty_tunnels;  /* By 'dirty_list'. */
    struct ovs_list idle_links; /* By 'idle_list'. */
    struct ovs_list idle_tunnels;   /* By 'idle_list'. */
    struct ovs_list numbered_tunnels;   /* By 'numbered_list'. */
    struct id_pool *groups;     /* Group numbers in use. */
    size_t n_pending_links;
    struct overlay_counts counts;
    bool static_flows;          /* Were the static flows told? */
    bool settled;               /* Did the last run leave nothing to do? */
    bool provisional;           /* See overlay_set_provisional(). */
};

/* A segment that is live, or has records still to be taken back. */
struct live_segment {
    struct hmap_node node;      /* In overlay's 'live_segments'. */
    struct hmap_node metadata_node; /* In 'metadata' while 'record'. */
    struct ovs_list dirty_list; /* In overlay's 'dirty_segments'. */
    struct segment_node *segment;   /* Held. */
    struct live_router *router; /* That joins it, or NULL. */
    struct ovs_list router_list;    /* In router->segments. */
    struct ovs_list plugged_list;   /* In router->plugged or empty. */
    struct hmap inbound;        /* Contains struct inbound_links. */
    bool is_live;               /* Is an endpoint plugged into it, or into one
                                 * that the router joins it to? */
    size_t n_plugged;           /* Plugged endpoints. */
    size_t n_loose;             /* Local VMs that may send from anything. */
    size_t n_records;           /* Endpoints with a record. */
    struct ovs_list locals;     /* struct locals, by 'local_list'. */
    struct hmap peers;          /* Contains struct segment_peers. */
    struct segment_record *record;  /* In the switch; NULL: none. */
    struct hmap groups;         /* Contains struct live_groups. */
};

/* A router of segments that are live, or were.  While any endpoint is plugged
 * into any of its segments, all of them are. */
struct live_router {
    struct hmap_node node;      /* In overlay's 'live_routers'. */
    struct ovs_list dirty_list; /* In overlay's 'dirty_routers' or empty. */
    struct router_node *router; /* Held. */
    struct ovs_list segments;   /* struct live_segments, by 'router_list'. */
    struct ovs_list plugged;    /* Of them those with plugged endpoints, by
                                 * 'plugged_list'. */
    struct hmap peers;          /* Contains struct router_peers. */
    struct router_record *record;   /* In the switch; NULL: none. */
};

/* A peer with endpoints in a live segment. */
struct segment_peer {
    struct hmap_node node;      /* In live_segment's 'peers', by link. */
    struct link *link;
    size_t n;                   /* Endpoints. */
};

/* What is installed for an endpoint: its record, packed by
 * overlay-records.c. */
struct installed {
    struct record_class *class;
    struct eth_addr mac;
    uint16_t n_addresses;
    uint16_t n_macs;
    uint8_t data[];
};

/* What many records have in common. */
struct record_class {
    struct hmap_node node;      /* In overlay's 'record_classes'. */
    size_t n;                   /* Records. */
    struct live_segment *segment;
    struct link *link;          /* NULL: not remote. */
    struct link *next;          /* Taken as soon as it has an ofport. */
    uint64_t metadata;          /* This and the rest as in the record. */
    uint32_t out;
    enum endpoint_place place;
    bool port_security;
    bool guard_garp;
    bool floods;
    bool snoops;
    bool routed;
    uint8_t services;
};

/* What the overlay keeps of an endpoint that is plugged in here. */
struct local {
    struct hmap_node node;      /* In overlay's 'locals', by endpoint. */
    struct hmap_node port_node; /* In 'local_ports' while 'port'. */
    const struct endpoint_node *endpoint;
    struct live_segment *plugged;   /* Where it counts as plugged, or NULL. */

    /* Of the record, if that is local. */
    char *port;                 /* Interface name, NULL: it is not. */
    uint32_t ofport;
    bool loose;                 /* Counts in segment->n_loose. */
    struct live_segment *segment;
    struct ovs_list local_list; /* In segment->locals. */
};

struct link {
    struct hmap_node node;      /* In overlay's 'links', by peer. */
    struct ovs_list dirty_list; /* In 'dirty_links' or empty. */
    struct ovs_list idle_list;  /* In 'idle_links' while not used. */
    struct ovs_list tunnel_list;    /* In tunnel->links. */
    struct ovs_list old_list;   /* In old->old_links. */
    struct host_node *peer;     /* Held. */
    enum encap forced;          /* ENCAP_NONE: negotiated. */
    struct segment_node *segment;   /* Held; NULL in flow mode. */
    uint32_t vni;               /* In segment mode. */
    uint64_t metadata;          /* In segment mode. */
    uint32_t group;
    uint32_t ofport;            /* Where the group leads; 0: nowhere. */
    size_t n_users;             /* Endpoints that use it or wait for it. */
    size_t n_waiting;           /* Of them, those that wait. */
    bool pending;               /* Used, but 'tunnel' has no ofport yet? */
    long long int expires;      /* While not used. */
    struct tunnel *tunnel;      /* Wanted; NULL: there is no way. */
    struct tunnel *old;         /* Used until 'tunnel' has an ofport. */
};

struct tunnel {
    struct hmap_node node;      /* In overlay's 'tunnels', by key. */
    struct hmap_node port_node; /* In 'tunnel_ports' while record.ofport. */
    struct ovs_list dirty_list; /* In 'dirty_tunnels' or empty. */
    struct ovs_list idle_list;  /* In 'idle_tunnels' while n_refs is 0. */
    struct ovs_list links;      /* Links that want it. */
    struct ovs_list old_links;  /* Links that use it as 'old'. */
    struct ovs_list numbered_list;  /* In 'numbered_tunnels' while it has a
                                     * number and no row. */
    struct tunnel_key key;
    size_t n_refs;              /* Links that want it or use it as old. */
    long long int expires;      /* While n_refs is 0; 0: not set yet. */

    /* The port, as OVSDB has it. */
    char *name;                 /* NULL: there is none. */
    char *peer;
    char *segment;
    uint32_t group;
    bool reserves;              /* Is 'group' kept for a link to come? */
    uint32_t ofport;
    uint32_t ofport_request;
    char *error;

    /* What the sink was told. */
    bool leaving;               /* Not wanted; its port may be there yet. */
    bool wanted;
    struct tunnel_spec told;    /* Owns its strings. */
    struct tunnel_record record;    /* record.ofport 0: no flows. */
};

/* overlay.c */

/* Tells the sink the difference between the flows of two records. */
void overlay_tell_flows(struct overlay *, flow_generator *, const void *old,
                        const void *new);

/* overlay-endpoints.c */

/* What there should be for an endpoint. */
struct want {
    struct endpoint_record *record; /* NULL: nothing. */
    struct live_segment *segment;
    struct link *link;          /* One user counted, like for 'next'. */
    struct link *next;
    const char *port;
    bool loose;
};

/* The endpoint's local part, or NULL. */
struct local *overlay_find_local(const struct overlay *,
                                 const struct endpoint_node *);

/* Makes the endpoint's record what is wanted; takes over want->record and the
 * counts on want's links.  May free 'node'. */
void overlay_apply(struct overlay *, struct endpoint_node *node,
                   const struct want *);

/* Counts the endpoint as plugged in 'ls' (or nowhere).  The first one makes
 * the segment live, the last one ends that. */
void overlay_set_plugged(struct overlay *, struct endpoint_node *,
                         struct live_segment *ls);

/* Makes the endpoint's record what it should be.  May free 'node'. */
void overlay_evaluate(struct overlay *, struct endpoint_node *node);

/* overlay-records.c */

/* Packs want->record. */
struct installed *overlay_pack_record(struct overlay *, const struct want *);

/* Returns the record, which the caller must free. */
struct endpoint_record *overlay_unpack_record(const struct installed *);
void overlay_free_record(struct overlay *, struct installed *);

/* overlay-holders.c */

/* Does the endpoint hold the shared address that it claims? */
bool overlay_holds(const struct overlay *, const struct claim *);

/* Does a MAC that is shared lead to the endpoint? */
bool overlay_is_at_mac(const struct overlay *, const struct pair_mac *);

/* An inventory_shared_cb. */
const struct claim *overlay_find_shared(const struct segment_node *,
                                        const struct in6_addr *, void *ov);

/* The endpoint's record, 'have', is about to become want->record. */
void overlay_track_shared(struct overlay *, const struct endpoint_node *,
                          const struct endpoint_record *have,
                          const struct want *);

/* Forgets what was remembered and has turned out to be of no use. */
void overlay_check_remembered(struct overlay *);
void overlay_destroy_holders(struct overlay *);

/* overlay-segments.c */

struct live_segment *overlay_get_live_segment(struct overlay *,
                                              struct segment_node *);
void overlay_mark_segment_dirty(struct overlay *, struct live_segment *);

/* Brings up to date whether the segment is live. */
void overlay_update_live(struct overlay *, struct live_segment *);
void overlay_touch_endpoints_of(struct overlay *, struct segment_node *);

/* What fits through to the peer of 'link', NULL for all of them, has changed:
 * reports on the segments anew. */
void overlay_check_mtus(struct overlay *, const struct link *link);

/* Are there endpoints behind 'link'? */
bool overlay_has_peer(const struct live_segment *, const struct link *link);

/* As for qsort() of numbers of ports or groups. */
int overlay_compare_outs(const void *, const void *);

/* One endpoint more, or less, behind 'link'. */
void overlay_add_peer(struct overlay *, struct live_segment *, struct link *);
void overlay_remove_peer(struct overlay *, struct live_segment *,
                         const struct link *);
void overlay_run_segments(struct overlay *);

/* overlay-routers.c */

/* Brings up to date which router joins the segment, and thereby whether it is
 * live. */
void overlay_update_router(struct overlay *, struct segment_node *);

/* The first endpoint was plugged into the segment, or the last one has
 * gone. */
void overlay_segment_plugged(struct overlay *, struct live_segment *);
void overlay_router_touched(struct overlay *, struct router_node *);
void overlay_leave_router(struct overlay *, struct live_segment *);
void overlay_run_routers(struct overlay *);

/* overlay-router-peers.c */

/* Brings up to date which links the segment holds for what is routed to it. */
void overlay_update_inbound(struct overlay *, struct live_segment *);

/* A host has endpoints in one more segment of the router, or in one less. */
void overlay_add_router_peer(struct overlay *, struct live_router *,
                             struct host_node *);
void overlay_remove_router_peer(struct overlay *, struct live_router *,
                                const struct host_node *);

/* Does one of these links still wait for a port? */
bool overlay_inbound_is_pending(const struct live_segment *);

/* overlay-links.c */

/* The link to 'peer' for 'segment', or NULL. */
struct link *overlay_find_link(const struct overlay *,
                               const struct host_node *peer,
                               const struct segment_node *segment);

/* The same, made if there is none. */
struct link *overlay_ref_link(struct overlay *, struct host_node *peer,
                              struct segment_node *segment);
void overlay_unref_link(struct overlay *, struct link *);
void overlay_host_touched(struct overlay *, struct host_node *);
void overlay_touch_all_links(struct overlay *);
void overlay_run_links(struct overlay *);
void overlay_run_expiry(struct overlay *);
void overlay_destroy_links(struct overlay *);

/* overlay-multicast.c */

memberships_cb overlay_members_changed;

/* The endpoint's port in the segment is another: it may have none any more,
 * or 'came': had none until now. */
void overlay_local_changed(struct overlay *, struct live_segment *,
                           const struct endpoint_node *, bool came);

/* The segment has other links to the peer, or none. */
void overlay_peer_changed(struct overlay *, struct live_segment *,
                          const struct host_node *peer);

/* The segment is, or was, to be snooped on, and has another record.  'other':
 * that makes a difference to all groups. */
void overlay_snooped_changed(struct overlay *, struct live_segment *,
                             bool other);

/* Lets go of members that were not heard of, and looks at groups again. */
void overlay_run_multicast(struct overlay *);
void overlay_group_flows(const struct live_segment *, flow_cb *, void *aux);
void overlay_destroy_groups(struct overlay *, struct live_segment *);

/* overlay-tunnels.c */

struct tunnel *overlay_find_tunnel(const struct overlay *,
                                   const struct tunnel_key *);

/* The tunnel with 'key', made if there is none. */
struct tunnel *overlay_get_tunnel(struct overlay *, const struct tunnel_key *);

/* The tunnel has no row, and its number is of no use any more. */
void overlay_drop_number(struct overlay *, struct tunnel *);

/* Numbers without a row, of ports that could not be made or are gone, may be
 * given again to others, VMs' ports too.  Then they are those'. */
void overlay_take_number(struct overlay *, uint32_t ofport);
void overlay_ref_tunnel(struct overlay *, struct tunnel *);

/* 'keep' is how long the tunnel stays if nobody else holds it, in ms. */
void overlay_unref_tunnel(struct overlay *, struct tunnel *,
                          long long int keep);
void overlay_destroy_tunnel(struct overlay *, struct tunnel *);
void overlay_mark_tunnel_dirty(struct overlay *, struct tunnel *);

/* The link whose labels the tunnel's port carries, or NULL. */
const struct link *overlay_label_link(const struct tunnel *);

/* Tells the sink how the tunnel's port should be, if that has changed; the
 * flows that classify what comes in; that it is not wanted any more. */
void overlay_tell_tunnel(struct overlay *, struct tunnel *);
void overlay_tell_tunnel_flows(struct overlay *, struct tunnel *);
void overlay_tunnel_forget_told(struct tunnel *);
void overlay_describe_tunnel(const struct tunnel *, struct overlay_tunnel *);

/* overlay-complete.c */

/* Brings up to date whether the link waits for a port. */
void overlay_update_pending(struct overlay *, struct link *);

/* Has Open vSwitch refused the link's port? */
bool overlay_link_has_failed(const struct link *);

/* overlay-choose.c */

/* Why there is no way to a peer. */
enum no_tunnel {
    TUNNEL_OK,
    NO_PEER_ADDRESS,            /* The peer offers nothing that is its own. */
    NO_OWN_ADDRESS,             /* Nor does this host. */
    NO_COMMON_TYPE,
    NO_COMMON_FAMILY,           /* A common type, but IPv4 here, IPv6 there. */
};
enum no_tunnel overlay_choose_tunnel(const struct overlay *,
                                     const struct host_node *peer,
                                     enum encap forced, uint32_t vni,
                                     struct tunnel_key *);

/* In words, for a reason other than TUNNEL_OK. */
const char *overlay_no_tunnel_to_string(enum no_tunnel);

/* overlay-find.c */

/* From when a port leads to an endpoint, a tunnel has its flows, a segment its
 * record, until then. */
void overlay_index_local(struct overlay *, struct local *);
void overlay_unindex_local(struct overlay *, struct local *);
void overlay_index_tunnel(struct overlay *, struct tunnel *);
void overlay_unindex_tunnel(struct overlay *, struct tunnel *);
void overlay_index_segment(struct overlay *, struct live_segment *);
void overlay_unindex_segment(struct overlay *, struct live_segment *);

/* overlay-report.c */
void overlay_report_endpoint(struct overlay *, const struct endpoint_node *);
void overlay_report_segment(struct overlay *, const struct segment_node *);
void overlay_report_host(struct overlay *, const struct host_node *);
void overlay_report_link(struct overlay *, const struct link *, bool gone);
void overlay_report_port(struct overlay *, const char *name);
void overlay_report_own_host(struct overlay *);
void overlay_report_router(struct overlay *, const struct router_node *);

#endif /* overlay-private.h */
