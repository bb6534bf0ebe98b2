/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OBJECTS_H
#define VTEPD_OBJECTS_H 1

/* The inventory's objects, as values.
 *
 * These are what an inventory source hands to the core: one object, checked,
 * with its own copies of everything.  They are short-lived; inventory.h keeps
 * its own packed records.  No I/O, no JSON and no OpenFlow here.
 *
 * Invariant: an object that exists is valid in itself (ranges, lengths,
 * character sets, address syntax).  Whether it fits with the *other* objects
 * is for inventory.h to say. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* Limits on what one object may carry.  Everything from outside is bounded. */
enum {
    OBJECT_ID_MAX = 255,            /* Bytes of an 'id'. */
    OBJECT_MAX_TUNNELS = 16,        /* Tunnels of a host. */
    OBJECT_MAX_IPS = 256,           /* Addresses of an endpoint. */
    OBJECT_MAX_PAIRS = 256,         /* Allowed pairs of an endpoint. */
    OBJECT_MAX_SUBNETS = 64,        /* Subnets of a segment. */
    OBJECT_MAX_DNS = 16,            /* DNS servers of a subnet. */
    OBJECT_MAX_ROUTER_SEGMENTS = 4096,
    OBJECT_MAX_ROUTES = 4096,
};

enum object_kind {
    OBJECT_HOST,
    OBJECT_SEGMENT,
    OBJECT_ROUTER,
    OBJECT_ENDPOINT,
};
#define N_OBJECT_KINDS 4

/* The wire encapsulations.  The codes are part of what stands in the switch
 * (in 'metadata' and 'reg0'): never renumber. */
enum encap {
    ENCAP_NONE = 0,             /* Not forced: negotiated per pair of hosts. */
    ENCAP_VXLAN = 1,            /* RFC 7348. */
    ENCAP_GRE = 2,              /* RFC 2784 with the key of RFC 2890. */
    ENCAP_GENEVE = 3,           /* RFC 8926. */
};
#define N_ENCAPS 4

enum policy {
    POLICY_DROP,
    POLICY_REPLICATE,
    POLICY_SNOOP,               /* 'multicast' only. */
};

/* IPv4 addresses are kept v4-mapped (::ffff:a.b.c.d), RFC 4291 2.5.5.2.  The
 * prefix length is that of the mapped form: 96 + n for an IPv4 prefix. */
struct ip_prefix {
    struct in6_addr addr;       /* Host bits are zero. */
    uint8_t plen;               /* 0..128; 128 is a single address. */
};

struct host_tunnel {
    enum encap type;            /* Never ENCAP_NONE. */
    struct in6_addr ip;         /* Unicast. */
    uint16_t port;              /* UDP, host byte order; 0: the default. */
};

struct host_object {
    struct host_tunnel *tunnels;    /* In order of preference. */
    size_t n_tunnels;
};

struct subnet {
    struct ip_prefix cidr;
    bool has_gateway;
    struct in6_addr gateway;
    struct in6_addr dns[OBJECT_MAX_DNS];
    size_t n_dns;
    bool dhcp;
    uint32_t lease;             /* Seconds. */
    char *domain;               /* NULL: none. */
};

struct segment_object {
    uint32_t vni;
    enum encap encap;           /* ENCAP_NONE: not forced. */
    enum policy broadcast;
    enum policy unknown_unicast;
    enum policy multicast;
    uint16_t mtu;               /* 0: not given. */
    struct subnet *subnets;
    size_t n_subnets;
};

struct route {
    struct ip_prefix cidr;
    struct in6_addr via;
};

struct router_object {
    struct eth_addr mac;
    char **segments;            /* Segment ids. */
    size_t n_segments;
    struct route *routes;
    size_t n_routes;
};

struct allowed_pair {
    struct eth_addr mac;        /* The endpoint's own where none was given. */
    struct ip_prefix ip;
};

struct endpoint_object {
    char *segment;              /* Segment id. */
    char *host;                 /* Host id. */
    struct eth_addr mac;        /* Unicast, not zero. */
    struct in6_addr *ips;
    size_t n_ips;
    bool port_security;
    char *hostname;             /* NULL: none. */
    struct allowed_pair *pairs;
    size_t n_pairs;
};

struct object {
    enum object_kind kind;
    char *id;
    uint64_t revision;
    union {
        struct host_object host;
        struct segment_object segment;
        struct router_object router;
        struct endpoint_object endpoint;
    };
};

/* Frees 'object' and all it holds.  NULL is allowed. */
void object_destroy(struct object *object);

/* "host", "segment", "router", "endpoint". */
const char *object_kind_to_string(enum object_kind);
bool object_kind_from_string(const char *, enum object_kind *);

/* 1 to 255 printable ASCII characters without spaces. */
bool object_id_is_valid(const char *id, size_t len);

/* "vxlan", "gre", "geneve"; "none" for ENCAP_NONE. */
const char *encap_to_string(enum encap);
bool encap_from_string(const char *, enum encap *);

/* The IANA port of a UDP encapsulation, 0 for GRE. */
uint16_t encap_default_port(enum encap);

const char *policy_to_string(enum policy);
bool policy_from_string(const char *, enum policy *);

#endif /* objects.h */
