/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/overlay.h"
#include "core/overlay-private.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* What cannot be served as it stands, in sentences for the operator. */

/* "192.0.2.1" or "2001:db8::1"; 'buf' has INET6_ADDRSTRLEN bytes. */
static const char *
format_ip(const struct in6_addr *ip, char *buf)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(ip, &s);
    ovs_strlcpy(buf, ds_cstr(&s), INET6_ADDRSTRLEN);
    ds_destroy(&s);
    return buf;
}

/* Endpoints. */

static void
report_claims(struct overlay *ov, const struct endpoint *e)
{
    char ip[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < e->n_claims; i++) {
        const struct claim *c = &e->claims[i];
        const struct endpoint *by;
        enum claim_standing standing
            = inventory_claim_standing(ov->inventory, c, &by);

        if (standing == CLAIM_TAKEN && c->kind == CLAIM_IP) {
            conflicts_add(&ov->conflicts,
                          "endpoint \"%s\": address %s in segment \"%s\" "
                          "belongs to endpoint \"%s\" and is left out here",
                          e->node->id, format_ip(&c->ip, ip), e->segment->id,
                          by->node->id);
        } else if (standing == CLAIM_IS_ROUTERS && c->kind != CLAIM_PAIR) {
            conflicts_add(&ov->conflicts,
                          "endpoint \"%s\": address %s in segment \"%s\" is "
                          "that of router \"%s\" and is left out here",
                          e->node->id, format_ip(&c->ip, ip), e->segment->id,
                          inventory_segment_router(ov->inventory,
                                                   e->segment)->id);
        }
    }
}

static void
report_plug(struct overlay *ov, const struct endpoint *e)
{
    const char *id = e->node->id;
    size_t n_plugged;
    const struct vm_port *port = attachments_find(&ov->attachments, id,
                                                  &n_plugged);
    struct conflicts *c = &ov->conflicts;

    if (strcmp(e->host->id, ov->host)) {
        if (port) {
            conflicts_add(c, "endpoint \"%s\": plugged here as %s, but the "
                          "inventory places it on host \"%s\"; not served "
                          "here", id, port->name, e->host->id);
        }
        return;
    }
    if (!port) {
        conflicts_add(c, "endpoint \"%s\": placed on this host, but not "
                      "plugged: no active interface of the bridge has "
                      "external_ids:iface-id=%s and an ofport", id, id);
        return;
    }
    if (n_plugged > 1) {
        conflicts_add(c, "endpoint \"%s\": plugged %"PRIuSIZE" times; served "
                      "at %s only", id, n_plugged, port->name);
    }
    if (port->has_mac && !eth_addr_equals(port->mac, e->mac)) {
        conflicts_add(c, "endpoint \"%s\": interface %s has "
                      "external_ids:attached-mac="ETH_ADDR_FMT", but the "
                      "endpoint's MAC is "ETH_ADDR_FMT"; not served", id,
                      port->name, ETH_ADDR_ARGS(port->mac),
                      ETH_ADDR_ARGS(e->mac));
    }
}

/* The ports that carry the endpoint's id are to be reported on again. */
static void
mark_ports(struct overlay *ov, const char *id)
{
    const struct attachment *a;

    HMAP_FOR_EACH_WITH_HASH (a, id_node, hash_string(id, 0),
                             &ov->attachments.by_id) {
        if (!strcmp(a->port.iface_id, id)) {
            sset_add(&ov->dirty_ports, a->port.name);
        }
    }
}

void
overlay_report_endpoint(struct overlay *ov, const struct endpoint_node *node)
{
    const struct endpoint *e = node->endpoint, *by;
    struct conflicts *c = &ov->conflicts;

    conflicts_begin(c);
    if (e) {
        switch (inventory_endpoint_standing(ov->inventory, e, &by)) {
        case ENDPOINT_UNKNOWN_SEGMENT:
            conflicts_add(c, "endpoint \"%s\": its segment \"%s\" is not in "
                          "the inventory; not served", node->id,
                          e->segment->id);
            break;
        case ENDPOINT_UNKNOWN_HOST:
            conflicts_add(c, "endpoint \"%s\": its host \"%s\" is not in the "
                          "inventory; not served", node->id, e->host->id);
            break;
        case ENDPOINT_MAC_TAKEN:
            conflicts_add(c, "endpoint \"%s\": its MAC "ETH_ADDR_FMT" in "
                          "segment \"%s\" belongs to endpoint \"%s\", whose "
                          "id is lower; not served", node->id,
                          ETH_ADDR_ARGS(e->mac), e->segment->id,
                          by->node->id);
            break;
        case ENDPOINT_MAC_IS_ROUTERS:
            conflicts_add(c, "endpoint \"%s\": its MAC "ETH_ADDR_FMT" in "
                          "segment \"%s\" is that of router \"%s\"; not "
                          "served", node->id, ETH_ADDR_ARGS(e->mac),
                          e->segment->id,
                          inventory_segment_router(ov->inventory,
                                                   e->segment)->id);
            break;
        case ENDPOINT_SEGMENT_REFUSED:
            break;              /* Reported with the segment. */
        case ENDPOINT_SERVED:
            report_claims(ov, e);
            report_plug(ov, e);
            break;
        default:
            OVS_NOT_REACHED();
        }
    }
    conflicts_end(&ov->conflicts, "endpoint", node->id);
    mark_ports(ov, node->id);
}

void
overlay_report_port(struct overlay *ov, const char *name)
{
    const struct vm_port *port = attachments_find_port(&ov->attachments, name);

    conflicts_begin(&ov->conflicts);
    if (port && port->ofport && port->active) {
        const struct endpoint_node *node
            = inventory_find_endpoint(ov->inventory, port->iface_id);

        if (!node || !node->endpoint) {
            conflicts_add(&ov->conflicts, "interface %s: its iface-id \"%s\" "
                          "is no endpoint of the inventory; not served", name,
                          port->iface_id);
        }
    }
    conflicts_end(&ov->conflicts, "port", name);
}

/* Segments. */

static void
report_copies(struct overlay *ov, const struct segment_node *segment)
{
    struct live_segment_info info;

    if (overlay_segment_info(segment, &info) && info.n_peers > MAX_COPIES
        && (segment->object.broadcast == POLICY_REPLICATE
            || segment->object.unknown_unicast == POLICY_REPLICATE
            || segment->object.multicast == POLICY_REPLICATE)) {
        conflicts_add(&ov->conflicts, "segment \"%s\": of %"PRIuSIZE" peers "
                      "only %d get a copy of what is replicated; Open "
                      "vSwitch does no more with one packet", segment->id,
                      info.n_peers, MAX_COPIES);
    }
}

/* Tells whether packets of the segment's MTU fit through the tunnels that it
 * uses (R76): those that do not vanish there without a word. */
static void
report_mtu(struct overlay *ov, const struct segment_node *segment)
{
    int room = segment->object.mtu;
    bool used[N_ENCAPS][2] = { { false } };
    const struct segment_peer *peer;
    enum encap worst = ENCAP_NONE;
    bool ipv6 = false;

    if (!segment->live || !room) {
        return;
    }
    HMAP_FOR_EACH (peer, node, &segment->live->peers) {
        const struct tunnel *t = peer->link->tunnel;

        if (t) {
            used[t->key.type][tunnel_key_is_ipv6(&t->key)] = true;
        }
    }
    for (enum encap type = ENCAP_NONE; type < N_ENCAPS; type++) {
        for (int i = 0; i < 2; i++) {
            int mtu = ov->underlay_mtu[i];

            if (used[type][i] && mtu
                && mtu - tunnel_overhead(type, i) < room) {
                room = mtu - tunnel_overhead(type, i);
                worst = type;
                ipv6 = i;
            }
        }
    }
    if (worst != ENCAP_NONE) {
        conflicts_add(&ov->conflicts, "segment \"%s\": larger packets than "
                      "%d bytes get lost, though its MTU is %d: %s over %s "
                      "takes %d bytes, and the underlay of this host carries "
                      "%d; lower the one or raise the other", segment->id,
                      room, segment->object.mtu, encap_to_string(worst),
                      ipv6 ? "IPv6" : "IPv4", tunnel_overhead(worst, ipv6),
                      ov->underlay_mtu[ipv6]);
    }
}

void
overlay_report_segment(struct overlay *ov, const struct segment_node *segment)
{
    struct conflicts *c = &ov->conflicts;
    const struct segment_node *by;

    conflicts_begin(c);
    switch (inventory_segment_standing(ov->inventory, segment, &by)) {
    case SEGMENT_VNI_TAKEN:
        conflicts_add(c, "segment \"%s\": its VNI %"PRIu32" belongs to "
                      "segment \"%s\", whose id is lower; not served",
                      segment->id, segment->object.vni, by->id);
        break;
    case SEGMENT_SERVED:
        report_copies(ov, segment);
        report_mtu(ov, segment);
        break;
    case SEGMENT_UNKNOWN:
        break;
    default:
        OVS_NOT_REACHED();
    }
    conflicts_end(&ov->conflicts, "segment", segment->id);
}

/* Hosts. */

/* A host may offer several encapsulations at one address: that is one thing to
 * report. */
static bool
is_first_with_address(const struct host_node *host, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (ipv6_addr_equals(&host->addresses[j].tunnel.ip,
                             &host->addresses[i].tunnel.ip)) {
            return false;
        }
    }
    return true;
}

void
overlay_report_host(struct overlay *ov, const struct host_node *host)
{
    char ip[INET6_ADDRSTRLEN];

    conflicts_begin(&ov->conflicts);
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *a = &host->addresses[i];
        const struct host_node *by;

        if (is_first_with_address(host, i)
            && !inventory_address_is_served(ov->inventory, a, &by)) {
            conflicts_add(&ov->conflicts, "host \"%s\": its tunnel address "
                          "%s belongs to host \"%s\", whose id is lower; not "
                          "used", host->id, format_ip(&a->tunnel.ip, ip),
                          by->id);
        }
    }
    conflicts_end(&ov->conflicts, "host", host->id);
    if (ov->host && !strcmp(host->id, ov->host)) {
        overlay_report_own_host(ov);
    }
}

/* Where the inventory and the settings disagree about this host, the peers go
 * by the inventory. */
static void
report_own_address(struct overlay *ov, const struct host_tunnel *t)
{
    int family = IN6_IS_ADDR_V4MAPPED(&t->ip) ? 0 : 1;
    char theirs[INET6_ADDRSTRLEN], ours[INET6_ADDRSTRLEN];

    if (ov->settings.has_local[family]
        && !ipv6_addr_equals(&ov->settings.local[family], &t->ip)) {
        conflicts_add(&ov->conflicts, "this host \"%s\": the inventory gives "
                      "its %s address as %s, where peers send to, but "
                      "vtepd-encap-ip is %s", ov->host,
                      encap_to_string(t->type), format_ip(&t->ip, theirs),
                      format_ip(&ov->settings.local[family], ours));
    }
}

void
overlay_report_own_host(struct overlay *ov)
{
    const struct host_node *self = inventory_find_host(ov->inventory,
                                                       ov->host);

    conflicts_begin(&ov->conflicts);
    if (!self || !self->known) {
        if (inventory_last_list(ov->inventory)) {
            conflicts_add(&ov->conflicts, "this host \"%s\" is not in the "
                          "inventory: what vtepd-encap-type and "
                          "vtepd-encap-ip say is used, but peers may not "
                          "know it", ov->host);
        }
    } else {
        for (size_t i = 0; i < self->n_addresses; i++) {
            report_own_address(ov, &self->addresses[i].tunnel);
        }
    }
    conflicts_end(&ov->conflicts, "self", "");
}

/* Links. */

void
overlay_report_link(struct overlay *ov, const struct link *link, bool gone)
{
    struct tunnel_key key;
    enum no_tunnel reason;

    conflicts_begin(&ov->conflicts);
    if (!gone && link->n_users && !link->tunnel) {
        reason = overlay_choose_tunnel(ov, link->peer, link->forced,
                                       link->vni, &key);
        if (link->forced != ENCAP_NONE) {
            conflicts_add(&ov->conflicts, "host \"%s\": no tunnel for "
                          "segments forced to %s: %s", link->peer->id,
                          encap_to_string(link->forced),
                          overlay_no_tunnel_to_string(reason));
        } else {
            conflicts_add(&ov->conflicts, "host \"%s\": no tunnel: %s",
                          link->peer->id,
                          overlay_no_tunnel_to_string(reason));
        }
    }

    char subject[16];

    snprintf(subject, sizeof subject, "%"PRIu32, link->group);
    conflicts_end(&ov->conflicts, "link", subject);
}
