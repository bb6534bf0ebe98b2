/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_SPEC_H
#define VTEPD_FLOW_SPEC_H 1

/* The flows that stand for a record.
 *
 * A record says everything the flow table has to know about one endpoint, one
 * live segment or one tunnel port.  The functions here are pure: the same
 * record gives the same flows, in the same order, after every restart and on
 * every host.  So nobody keeps a copy of the flow table: what is installed for
 * a record are the flows of that record, and a change from one record to
 * another is the difference of their flows.
 *
 * Records are made by overlay.h; flows go to the OpenFlow side as values.
 *
 * Invariant: two different records never give a flow of the same table,
 * priority and match (overlay.h resolves all conflicts beforehand). */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/objects.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"

/* The pipeline.  Numbers and names are seen by operators (Flow_Table). */
enum flow_table_id {
    TABLE_CLASSIFY = 0,
    TABLE_TUNNEL_IN = 1,
    TABLE_PORT_SECURITY = 10,
    TABLE_ND_SECURITY = 11,
    TABLE_ARP_ND = 20,
    TABLE_ARP_REPLY = 21,
    TABLE_ND_REPLY = 22,
    TABLE_ND_REPLY_END = 23,
    TABLE_SERVICES = 25,
    TABLE_ROUTE = 30,
    TABLE_ROUTES = 31,
    TABLE_NEXT_HOP = 32,
    TABLE_FORWARD = 40,
    TABLE_REPLICATE = 50,
    TABLE_HEAD_END = 51,
    TABLE_DELIVER = 60,
    TABLE_DELIVER_ALL = 61,
    TABLE_NO_TUNNEL = 62,
};

struct flow_table_name {
    uint8_t id;
    const char *name;
};
extern const struct flow_table_name flow_table_names[];
extern const size_t n_flow_table_names;

/* Why a flow drops.  The cause is the low byte of the flow's cookie. */
enum drop_cause {
    NO_DROP = 0,
    DROP_UNKNOWN_PORT,          /* No endpoint is served on this port. */
    DROP_UNKNOWN_VNI,           /* From a tunnel, for no live segment. */
    DROP_VLAN,                  /* A VM sent a tagged frame. */
    DROP_SOURCE_MAC,            /* Source MAC is not the VM's. */
    DROP_SOURCE_IP,             /* IPv4 source is not the VM's. */
    DROP_SOURCE_IP6,            /* IPv6 source is not the VM's. */
    DROP_ARP_SENDER,            /* ARP sender (MAC or IP) is not the VM's. */
    DROP_ND_TARGET,             /* ND target or link-layer is not the VM's. */
    DROP_OWN_PROBE,             /* Probe for the VM's own address. */
    DROP_GRATUITOUS_ARP,
    DROP_ARP_UNKNOWN,           /* ARP request for an unknown address. */
    DROP_ARP_UNSOLICITED,       /* ARP reply that nobody asked for. */
    DROP_ND_UNKNOWN,            /* Solicitation for an unknown address. */
    DROP_CONTROL_FRAME,         /* 01:80:c2:00:00:0x (IEEE 802.1Q 8.6.3). */
    DROP_UNKNOWN_UNICAST,       /* Destination MAC has no owner. */
    DROP_NOT_PLUGGED,           /* Placed here, but not plugged. */
    DROP_BROADCAST,             /* The segment's 'broadcast' policy. */
    DROP_MULTICAST,             /* The segment's 'multicast' policy. */
    DROP_NOT_LOCAL,             /* From a tunnel, for no local endpoint. */
    DROP_NO_TUNNEL,             /* The peer's tunnel is not there (yet). */
    DROP_NO_ROUTE,              /* To be routed, to nowhere known. */
    DROP_UNKNOWN_ADDRESS,       /* Routed to an address that nobody has. */
    DROP_NOT_FOR_ROUTER,        /* To the router, which does not take it. */
    DROP_QUERY,                 /* A VM asks who listens to what. */
    DROP_NO_MEMBER,             /* Of a group without a member. */
    DROP_NOT_ANNOUNCED,         /* Request for a shared address: no holder. */
    DROP_NOT_HOLDER,            /* Announced by who may not hold it. */
    DROP_ROGUE_DHCP,            /* A VM sent what only a server may. */
    DROP_ROGUE_ROUTER,          /* A VM sent what only a router may. */
    N_DROP_CAUSES
};
const char *drop_cause_to_string(enum drop_cause);

/* All our flows' cookies: "vtep" in the upper half, the drop cause below. */
#define FLOW_COOKIE_BASE UINT64_C(0x7674657000000000)
#define FLOW_COOKIE_MASK UINT64_C(0xffffffff00000000)

/* One flow.  'actions' holds struct ofpacts; empty means drop. */
struct flow_entry {
    uint8_t table;
    uint16_t priority;
    uint64_t cookie;
    struct match match;
    struct ofpbuf actions;
};

/* Receives flows, which are valid during the call. */
typedef void flow_cb(const struct flow_entry *, void *aux);

/* The key that stands for a segment in 'metadata': the VNI in the low 32 bits
 * and above it the code of the encapsulation that it is forced to. */
uint64_t segment_metadata(uint32_t vni, enum encap forced);

/* A source or an answered address of an endpoint. */
struct endpoint_address {
    struct in6_addr ip;         /* v4-mapped for IPv4. */
    struct eth_addr mac;
    uint8_t plen;               /* 128: a single address. */
    bool answered;              /* ARP/ND requests for it are answered. */
    bool source;                /* The VM may send from it. */
    bool shared;                /* It may announce it, and so may others. */
    bool leads;                 /* First of those: has the segment's flows. */
};

enum endpoint_place {
    PLACE_LOCAL,                /* Plugged here: 'out' is its ofport. */
    PLACE_REMOTE,               /* Behind a tunnel: 'out' is a group. */
    PLACE_ABSENT,               /* Placed here but not plugged: drop. */
};

struct endpoint_record {
    uint64_t metadata;
    uint32_t out;
    enum endpoint_place place;
    struct eth_addr mac;
    bool port_security;
    bool guard_garp;            /* Some local VM may send anything. */
    bool floods;                /* The segment replicates unknown unicast. */
    bool snoops;                /* Local: it is heard what the VM joins. */
    bool routed;                /* A router joins the segment. */
    uint8_t services;           /* Of a local one: endpoint-services.h. */
    uint16_t n_addresses;
    uint16_t n_macs;            /* Further MACs that lead to it. */
    struct eth_addr *macs;
    struct endpoint_address addresses[];
};

struct endpoint_record *endpoint_record_alloc(size_t n_addresses,
                                              size_t n_macs);
bool endpoint_record_equals(const struct endpoint_record *,
                            const struct endpoint_record *);
void endpoint_record_flows(const struct endpoint_record *, flow_cb *,
                           void *aux);

/* A live segment. */
struct segment_record {
    uint64_t metadata;
    uint32_t vni;
    enum encap forced;
    bool broadcast;             /* Replicate? */
    bool unknown_unicast;
    bool multicast;
    bool snoop;                 /* Multicast goes where it is listened to. */
    size_t n_ports;             /* Local endpoints' ofports, ascending. */
    size_t n_groups;            /* Peers' groups, ascending. */
    uint32_t outs[];            /* n_ports ofports, then n_groups groups. */
};

struct segment_record *segment_record_alloc(size_t n_ports, size_t n_groups);
bool segment_record_equals(const struct segment_record *,
                           const struct segment_record *);
void segment_record_flows(const struct segment_record *, flow_cb *, void *aux);

/* A router that joins live segments. */

/* One of its addresses in one of the segments: a gateway, a link-local one. */
struct router_address {
    struct in6_addr ip;
    uint64_t metadata;
    bool first;                 /* No other before it is the same. */
};

/* A prefix behind it: that of a subnet, or of a route. */
struct router_prefix {
    struct ip_prefix cidr;      /* Each once. */
    uint64_t metadata;          /* The segment where it leads. */
    struct eth_addr via;        /* The next hop there; zero: the
                                 * destination itself. */
};

struct router_record {
    uint64_t key;               /* Unlike any other router's; not 0. */
    struct eth_addr mac;
    uint64_t *segments;         /* Their 'metadata'. */
    size_t n_segments;
    struct router_address *addresses;
    size_t n_addresses;
    struct router_prefix *prefixes;
    size_t n_prefixes;
};

/* All zeros but the numbers. */
struct router_record *router_record_alloc(size_t n_segments,
                                          size_t n_addresses,
                                          size_t n_prefixes);
void router_record_destroy(struct router_record *);
bool router_record_equals(const struct router_record *,
                          const struct router_record *);
void router_record_flows(const struct router_record *, flow_cb *, void *aux);

/* A tunnel port. */
struct tunnel_record {
    uint32_t ofport;
    enum encap type;
    uint64_t metadata;          /* In segment mode, else 0. */
};

void tunnel_record_flows(const struct tunnel_record *, flow_cb *, void *aux);

/* The flows that are always there. */
void static_flows(flow_cb *, void *aux);

/* Calls 'del' for each flow of 'old' whose table, priority and match 'new'
 * lacks, then 'add' for each flow of 'new' that 'old' does not have with the
 * same actions and cookie.  Either generator may be NULL: no flows.  Returns
 * how many flows more 'new' has than 'old'. */
typedef void flow_generator(const void *record, flow_cb *, void *aux);
long int flow_diff(flow_generator *, const void *old, const void *new,
                   flow_cb *add, flow_cb *del, void *aux);

/* As for a hash table of flows: table, priority and match. */
uint32_t flow_entry_hash(const struct flow_entry *);

/* Appends 'entry' to 's' as ovs-ofctl would write it. */
struct ds;
void flow_entry_format(const struct flow_entry *, struct ds *s);

#endif /* flow-spec.h */
