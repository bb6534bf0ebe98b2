/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-path.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "core/attachments.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Is an endpoint that the inventory places here plugged in as it should be? */

/* Ports that are named where none is the endpoint's. */
#define MAX_SUSPECTS 3

static bool
is_endpoint(const struct agent *agent, const char *id)
{
    const struct endpoint_node *node
        = inventory_find_endpoint(agent->inventory, id);

    return node && node->endpoint;
}

/* A port whose iface-id is nobody's may have been meant for this endpoint; one
 * with its MAC surely was. */
static char *
suspects(const struct agent *agent, const struct endpoint *e)
{
    const struct attachments *as = overlay_attachments(agent->overlay);
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct attachment *a;
    size_t n = 0;

    HMAP_FOR_EACH (a, name_node, &as->by_name) {
        const struct vm_port *p = &a->port;

        if (!is_endpoint(agent, p->iface_id) && n++ < MAX_SUSPECTS) {
            bool same = p->has_mac && eth_addr_equals(p->mac, e->mac);

            ds_put_format(&s, "; interface %s has iface-id \"%s\", which is "
                          "no endpoint's%s", p->name, p->iface_id,
                          same ? ", and this endpoint's MAC" : "");
        }
    }
    if (n > MAX_SUSPECTS) {
        ds_put_format(&s, "; so have %"PRIuSIZE" other interfaces",
                      n - MAX_SUSPECTS);
    }
    return ds_steal_cstr(&s);
}

/* A port with the endpoint's id, of which none is plugged, or NULL. */
static const struct vm_port *
find_port(const struct agent *agent, const char *id)
{
    const struct attachments *as = overlay_attachments(agent->overlay);
    const struct attachment *a;

    HMAP_FOR_EACH_WITH_HASH (a, id_node, hash_string(id, 0), &as->by_id) {
        if (!strcmp(a->port.iface_id, id)) {
            return &a->port;
        }
    }
    return NULL;
}

static void
explain_unplugged(const struct agent *agent, const struct endpoint_node *node,
                  struct explanation *x)
{
    const char *bridge = agent->config.text[SETTING_BRIDGE];
    const struct vm_port *port = find_port(agent, node->id);

    if (!port) {
        char *others = suspects(agent, node->endpoint);

        explanation_stop(x, "plugged", "not-plugged",
                         "Start the VM here, or have external_ids:iface-id of "
                         "its interface set to the endpoint's id",
                         "no interface of bridge %s has external_ids:iface-id"
                         "=%s%s", bridge, node->id, others);
        free(others);
    } else if (!port->active) {
        explanation_stop(x, "plugged", "inactive",
                         "Whoever plugs the VM in sets it to active when the "
                         "VM runs here",
                         "interface %s of endpoint \"%s\" has "
                         "external_ids:iface-status=inactive", port->name,
                         node->id);
    } else {
        explanation_stop(x, "plugged", "no-ofport",
                         "See \"ovs-vsctl list interface\" for its error",
                         "interface %s of endpoint \"%s\" has no OpenFlow "
                         "port number: Open vSwitch could not open it",
                         port->name, node->id);
    }
}

bool
explain_plug(const struct agent *agent, const struct endpoint_node *node,
             struct explanation *x)
{
    const struct endpoint *e = node->endpoint;
    size_t n;
    const struct vm_port *port = attachments_find(
        overlay_attachments(agent->overlay), node->id, &n);

    if (!port) {
        explain_unplugged(agent, node, x);
        return false;
    }
    if (port->has_mac && !eth_addr_equals(port->mac, e->mac)) {
        explanation_stop(x, "plugged", "attached-mac",
                         "Correct either the inventory or the interface",
                         "interface %s has external_ids:attached-mac="
                         ETH_ADDR_FMT", but the MAC of endpoint \"%s\" is "
                         ETH_ADDR_FMT, port->name, ETH_ADDR_ARGS(port->mac),
                         node->id, ETH_ADDR_ARGS(e->mac));
        return false;
    }
    explanation_ok(x, "plugged", "endpoint \"%s\" is interface %s, OpenFlow "
                   "port %"PRIu32, node->id, port->name, port->ofport);
    if (n > 1) {
        explanation_note(x, "plugged", "endpoint \"%s\" is plugged in %"
                         PRIuSIZE" times; only %s is served", node->id, n,
                         port->name);
    }
    return true;
}
