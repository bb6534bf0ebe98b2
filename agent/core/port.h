/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PORT_H
#define VTEPD_PORT_H 1

/* A port of the integration bridge, as a value: what the OVSDB monitor saw of
 * an Interface row that concerns us.  It is either one that carries an
 * endpoint's id (a VM's) or a tunnel port that this host owns. */

#include <stdbool.h>
#include <stdint.h>

#include "core/bfd.h"
#include "core/objects.h"
#include "core/tunnel-spec.h"
#include "openvswitch/types.h"

/* A VM's interface.  It counts as plugged when 'ofport' is not 0 and
 * 'active'. */
struct vm_port {
    const char *name;           /* Interface name: unique on the switch. */
    const char *iface_id;       /* external_ids:iface-id: an endpoint's id. */
    uint32_t ofport;            /* OpenFlow port number; 0: none (yet). */
    bool active;                /* external_ids:iface-status != inactive. */
    bool has_mac;               /* external_ids:attached-mac is there. */
    struct eth_addr mac;        /* external_ids:attached-mac. */
};

/* A tunnel port whose row this host owns. */
struct tunnel_port {
    struct tunnel_key key;
    const char *name;           /* Interface name. */
    const char *peer;           /* external_ids:vtepd-peer, may be "". */
    const char *segment;        /* external_ids:vtepd-segment, or NULL. */
    uint32_t group;             /* external_ids:vtepd-group; 0: none. */
    uint32_t ofport;            /* OpenFlow port number; 0: none (yet). */
    uint32_t ofport_request;    /* The number that was asked for; 0: none. */
    const char *error;          /* Interface.error, or NULL. */
    struct bfd_status bfd;      /* bfd_status. */
};

#endif /* port.h */
