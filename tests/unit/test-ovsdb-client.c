/* SPDX-License-Identifier: Apache-2.0 */

/* ovsdb-client against a real ovsdb-server.
 *
 * Each test has a server of its own (ovsdb-sandbox.h).  "Somebody else" is
 * ovs-vsctl; what the database holds is seen through an IDL of the test's own,
 * not through the client's. */

#include <config.h>

#include "ovsdb-client/ovsdb-client.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "tests/unit/ovsdb-sandbox.h"
#include "timeval.h"
#include "util.h"
#include "vswitch-idl.h"

enum { TIMEOUT = 20000 };       /* ms, within which a condition comes true. */

/* Reported ports, as the receiver of the callbacks sees them. */
enum { MAX_PORTS = 4096 };
struct seen_port {
    char name[32];
    char id[OBJECT_ID_MAX + 1]; /* iface-id, or peer. */
    char error[256];
    struct tunnel_key key;
    uint32_t group;
    uint32_t ofport;
    bool active;
    bool has_mac;
    struct eth_addr mac;
};

struct fixture {
    struct tunnel_key chosen_key;   /* The last one that... */
    uint32_t chosen_number;         /* ...was to get this number. */
    struct ovsdb_sandbox sandbox;
    struct ovsdb_client *client;
    struct ovsdb_idl *observer;

    struct seen_port vms[MAX_PORTS];
    size_t n_vms;
    struct seen_port tunnels[MAX_PORTS];
    size_t n_tunnels;
    unsigned int n_callbacks;

    /* If not NULL: whether the receiver wants a tunnel that it is told of.
     * What it does not want it unwants. */
    bool (*wants)(const struct fixture *, const struct tunnel_port *);
    struct wanted_tunnel *wanted;
};

static struct seen_port *
seen_find(struct seen_port *ports, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(ports[i].name, name)) {
            return &ports[i];
        }
    }
    return NULL;
}

/* Returns where to write the new state of a port.  'old' and 'new' tell
 * whether those were given; they must fit with what was told before. */
static struct seen_port *
seen_update(struct seen_port *ports, size_t *n, const char *name, bool old,
            bool new)
{
    struct seen_port *port = seen_find(ports, *n, name);

    assert_int_equal(port != NULL, old);
    if (!new) {
        *port = ports[--*n];
        return NULL;
    } else if (!port) {
        assert_true(*n < MAX_PORTS);
        port = &ports[(*n)++];
    }
    memset(port, 0, sizeof *port);
    ovs_strlcpy(port->name, name, sizeof port->name);
    return port;
}

static void
on_vm_port(void *fixture_, const struct vm_port *old,
           const struct vm_port *new)
{
    struct fixture *f = fixture_;
    struct seen_port *seen = seen_update(f->vms, &f->n_vms,
                                         old ? old->name : new->name,
                                         old, new);

    f->n_callbacks++;
    if (new) {
        ovs_strlcpy(seen->id, new->iface_id, sizeof seen->id);
        seen->ofport = new->ofport;
        seen->active = new->active;
        seen->has_mac = new->has_mac;
        seen->mac = new->mac;
    }
}

static void
on_number_chosen(void *f_, const struct tunnel_key *key,
                 uint32_t ofport_request)
{
    struct fixture *f = f_;

    f->chosen_key = *key;
    f->chosen_number = ofport_request;
}

static void
on_tunnel_port(void *fixture_, const struct tunnel_port *old,
               const struct tunnel_port *new)
{
    struct fixture *f = fixture_;
    struct seen_port *seen = seen_update(f->tunnels, &f->n_tunnels,
                                         old ? old->name : new->name,
                                         old, new);

    f->n_callbacks++;
    if (new) {
        ovs_strlcpy(seen->id, new->peer, sizeof seen->id);
        ovs_strlcpy(seen->error, new->error ? new->error : "",
                    sizeof seen->error);
        seen->key = new->key;
        if (f->wants && !f->wants(f, new)) {
            ovsdb_client_unwant_tunnel(f->client, &new->key);
        }
        seen->group = new->group;
        seen->ofport = new->ofport;
    }
}

static void
create_client(struct fixture *f)
{
    const struct ovsdb_client_callbacks callbacks = {
        .aux = f,
        .vm_port_changed = on_vm_port,
        .tunnel_port_changed = on_tunnel_port,
        .tunnel_number_chosen = on_number_chosen,
    };

    f->client = ovsdb_client_create(f->sandbox.remote, &callbacks);
}

static void
create_observer(struct fixture *f)
{
    f->observer = ovsdb_idl_create(f->sandbox.remote, &ovsrec_idl_class,
                                   true, true);
}

/* Starts the server again.  The observer starts from nothing, because an IDL
 * alone is slow to find it. */
static void
start_server_again(struct fixture *f)
{
    ovsdb_idl_destroy(f->observer);
    ovsdb_sandbox_start_server(&f->sandbox);
    create_observer(f);
}

static void
configure(struct fixture *f, const char *bridge)
{
    const struct ovsdb_client_config config = {
        .owner = "hv1",
        .bridge = bridge,
    };

    ovsdb_client_configure(f->client, &config);
}

static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    ovsdb_sandbox_init(&f->sandbox);
    create_observer(f);
    create_client(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    ovsdb_client_destroy(f->client);
    ovsdb_idl_destroy(f->observer);
    ovsdb_sandbox_destroy(&f->sandbox);
    free(f);
    return 0;
}

/* One pass of a program's main loop... */
static void
pass(struct fixture *f)
{
    ovsdb_client_run(f->client);
    ovsdb_client_commit(f->client);
    ovsdb_idl_run(f->observer);
}

/* ...and its end. */
static void
block(struct fixture *f, long long int deadline)
{
    ovsdb_client_wait(f->client);
    ovsdb_idl_wait(f->observer);
    poll_timer_wait_until(deadline);
    poll_block();
}

static struct ovsdb_client_status
get_status(const struct fixture *f)
{
    struct ovsdb_client_status status;

    ovsdb_client_get_status(f->client, &status);
    return status;
}

static const struct ovsrec_interface *
interface_row(const struct fixture *f, const char *name)
{
    const struct ovsrec_interface *row;

    OVSREC_INTERFACE_FOR_EACH (row, f->observer) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static const struct ovsrec_port *
port_row(const struct fixture *f, const char *name)
{
    const struct ovsrec_port *row;

    OVSREC_PORT_FOR_EACH (row, f->observer) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static const struct ovsrec_bridge *
bridge_row(const struct fixture *f, const char *name)
{
    const struct ovsrec_bridge *row;

    OVSREC_BRIDGE_FOR_EACH (row, f->observer) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

/* The name of the bridge that port 'name' is on, or "". */
static const char *
bridge_of(const struct fixture *f, const char *name)
{
    const struct ovsrec_bridge *row;

    OVSREC_BRIDGE_FOR_EACH (row, f->observer) {
        for (size_t i = 0; i < row->n_ports; i++) {
            if (!strcmp(row->ports[i]->name, name)) {
                return row->name;
            }
        }
    }
    return "";
}

/* Value of a key in the interface's 'column', or "". */
#define VALUE(F, NAME, COLUMN, KEY) \
    (interface_row(F, NAME) \
     ? smap_get_def(&interface_row(F, NAME)->COLUMN, KEY, "") : "")

static size_t
n_interfaces(const struct fixture *f)
{
    const struct ovsrec_interface *row;
    size_t n = 0;

    OVSREC_INTERFACE_FOR_EACH (row, f->observer) {
        n++;
    }
    return n;
}

/* True if nothing is left to do, as far as the client knows. */
static bool
is_idle(struct fixture *f)
{
    return get_status(f).connected && !get_status(f).in_flight;
}

/* Writes a setting as somebody else and waits until everybody has seen it, and
 * with it all that was written before. */
static void
synchronize(struct fixture *f)
{
    static unsigned int n;
    char value[16];
    unsigned int seqno;

    snprintf(value, sizeof value, "%u", ++n);
    ovsdb_sandbox_vsctl(&f->sandbox, "set open . external_ids:test=%s", value);
    UNTIL(f, ovsdb_client_settings(f->client, &seqno)
             && !strcmp(smap_get_def(ovsdb_client_settings(f->client, &seqno),
                                     "test", ""), value));
    UNTIL(f, ovsrec_open_vswitch_first(f->observer)
             && !strcmp(smap_get_def(&ovsrec_open_vswitch_first(
                                         f->observer)->external_ids,
                                     "test", ""), value));
    UNTIL(f, is_idle(f));
}

/* Lets the client answer all that happened so far, and the observer see what
 * it did. */
static void
settle(struct fixture *f)
{
    synchronize(f);
    synchronize(f);
}

static struct tunnel_spec
make_spec(const char *remote, enum encap type, uint32_t vni, const char *peer)
{
    struct tunnel_spec spec = {
        .key = { .type = type, .vni = vni },
        .peer = peer,
        .segment = vni ? "blue" : NULL,
        .group = 7,
    };
    bool v6 = strchr(remote, ':');
    char *mapped = v6 ? xstrdup(remote) : xasprintf("::ffff:%s", remote);

    assert_int_equal(inet_pton(AF_INET6, mapped, &spec.key.remote_ip), 1);
    assert_int_equal(inet_pton(AF_INET6, v6 ? "2001:db8::1"
                               : "::ffff:192.0.2.1", &spec.key.local_ip), 1);
    free(mapped);
    return spec;
}

/* Wants a VXLAN tunnel to 192.0.2.'last' and waits until it is reported.
 * Returns its name, to be freed. */
static char *
add_tunnel(struct fixture *f, int last, const char *peer)
{
    char remote[32], name[TUNNEL_NAME_SIZE];
    struct tunnel_spec spec;

    snprintf(remote, sizeof remote, "192.0.2.%d", last);
    spec = make_spec(remote, ENCAP_VXLAN, 0, peer);
    tunnel_key_name(&spec.key, 0, name);
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, seen_find(f->tunnels, f->n_tunnels, name)
             && interface_row(f, name));
    return xstrdup(name);
}

/* Contract 5, the bridge. */
static void
test_bridge_is_made(void **state)
{
    struct fixture *f = *state;

    configure(f, "br-int");
    UNTIL(f, bridge_row(f, "br-int"));

    const struct ovsrec_bridge *row = bridge_row(f, "br-int");
    assert_string_equal(row->fail_mode, "secure");
    assert_true(smap_get_bool(&row->other_config, "disable-in-band", false));
    assert_string_equal(smap_get(&row->external_ids, "vtepd-owner"), "hv1");
    assert_int_equal(row->n_ports, 1);
    assert_string_equal(row->ports[0]->name, "br-int");
    assert_string_equal(interface_row(f, "br-int")->type, "internal");
    UNTIL(f, get_status(f).bridge_exists && !get_status(f).in_flight);

    ovsdb_sandbox_vsctl(&f->sandbox, "set-fail-mode br-int standalone "
                        "-- clear bridge br-int other_config");
    UNTIL(f, get_status(f).n_committed == 2);
    settle(f);
    row = bridge_row(f, "br-int");
    assert_string_equal(row->fail_mode, "secure");
    assert_true(smap_get_bool(&row->other_config, "disable-in-band", false));

    /* R32 */
    ovsdb_sandbox_vsctl(&f->sandbox, "del-br br-int");
    UNTIL(f, get_status(f).n_committed == 3);
    settle(f);
    assert_non_null(bridge_row(f, "br-int"));
}

static void
test_datapath_type(void **state)
{
    struct fixture *f = *state;
    struct ovsdb_client_config config = {
        .owner = "hv1", .bridge = "br-int", .datapath_type = "netdev",
    };

    ovsdb_client_configure(f->client, &config);
    UNTIL(f, bridge_row(f, "br-int"));
    assert_string_equal(bridge_row(f, "br-int")->datapath_type, "netdev");

    config.datapath_type = "system";
    ovsdb_client_configure(f->client, &config);
    UNTIL(f, !strcmp(bridge_row(f, "br-int")->datapath_type, "system"));
}

static void
test_foreign_bridge_is_used_as_it_is(void **state)
{
    struct fixture *f = *state;
    char *name;

    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br-int");
    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");

    const struct ovsrec_bridge *row = bridge_row(f, "br-int");
    assert_null(row->fail_mode);
    assert_true(smap_is_empty(&row->other_config));
    assert_true(smap_is_empty(&row->external_ids));
    assert_int_equal(row->n_ports, 2);
    free(name);
}

/* Contract 5, the tunnel ports. */
static void
test_tunnel_columns(void **state)
{
    struct fixture *f = *state;
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");

    const struct ovsrec_interface *row = interface_row(f, name);
    const struct ovsrec_port *port = port_row(f, name);
    assert_string_equal(row->type, "vxlan");
    assert_int_equal(smap_count(&row->options), 3);
    assert_string_equal(smap_get(&row->options, "local_ip"), "192.0.2.1");
    assert_string_equal(smap_get(&row->options, "remote_ip"), "192.0.2.2");
    assert_string_equal(smap_get(&row->options, "key"), "flow");
    assert_int_equal(smap_count(&row->external_ids), 3);
    assert_string_equal(smap_get(&row->external_ids, "vtepd-owner"), "hv1");
    assert_string_equal(smap_get(&row->external_ids, "vtepd-peer"), "hv2");
    assert_string_equal(smap_get(&row->external_ids, "vtepd-group"), "7");
    assert_true(smap_equal(&row->external_ids, &port->external_ids));
    assert_true(smap_is_empty(&row->bfd));
    assert_int_equal(row->n_ofport_request, 1);
    assert_int_equal(*row->ofport_request, 32768);
    assert_string_equal(bridge_of(f, name), "br-int");
    assert_true(ovsdb_sandbox_file_contains(
                    &f->sandbox, "vtepd: adding tunnel vx-ce53440a74 to hv2 "
                    "(vxlan, 192.0.2.2)"));
    free(name);
}

static void
test_tunnel_columns_in_segment_mode(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("2001:db8::2", ENCAP_GENEVE, 77,
                                        "hv2");
    char name[TUNNEL_NAME_SIZE];

    spec.key.dst_port = 6082;
    spec.bfd = true;
    tunnel_key_name(&spec.key, 0, name);
    configure(f, "br-int");
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, interface_row(f, name));

    const struct ovsrec_interface *row = interface_row(f, name);
    assert_string_equal(row->type, "geneve");
    assert_int_equal(smap_count(&row->options), 4);
    assert_string_equal(smap_get(&row->options, "local_ip"), "2001:db8::1");
    assert_string_equal(smap_get(&row->options, "remote_ip"), "2001:db8::2");
    assert_string_equal(smap_get(&row->options, "key"), "77");
    assert_string_equal(smap_get(&row->options, "dst_port"), "6082");
    assert_string_equal(smap_get(&row->external_ids, "vtepd-segment"),
                        "blue");
    assert_string_equal(smap_get(&row->bfd, "enable"), "true");
    assert_true(smap_equal(&row->external_ids,
                           &port_row(f, name)->external_ids));

    spec.bfd = false;
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, smap_is_empty(&interface_row(f, name)->bfd));
    UNTIL(f, f->n_tunnels == 1);
    assert_true(tunnel_key_equals(&f->tunnels[0].key, &spec.key));
}

/* A port given as what is the default anyway is no other tunnel. */
static void
test_default_port(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");

    configure(f, "br-int");
    ovsdb_client_want_tunnel(f->client, &spec);
    spec.key.dst_port = 4789;
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, f->n_tunnels == 1);
    settle(f);
    assert_int_equal(n_interfaces(f), 2);
    assert_int_equal(f->tunnels[0].key.dst_port, 0);
}

/* R02: another peer at the same address gets the same port. */
static void
test_R02_relabelled(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv3");
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    struct uuid uuid = interface_row(f, name)->header_.uuid;

    spec.group = 8;
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, !strcmp(VALUE(f, name, external_ids, "vtepd-peer"), "hv3"));
    assert_string_equal(VALUE(f, name, external_ids, "vtepd-group"), "8");
    assert_string_equal(smap_get(&port_row(f, name)->external_ids,
                                 "vtepd-peer"), "hv3");
    assert_true(uuid_equals(&uuid, &interface_row(f, name)->header_.uuid));
    UNTIL(f, !strcmp(f->tunnels[0].id, "hv3"));
    assert_int_equal(f->n_tunnels, 1);
    assert_int_equal(f->tunnels[0].group, 8);
    free(name);
}

/* An owned port from before is used again, whatever its name is. */
static void
test_adopted(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int old "
        "-- set interface old type=vxlan options:local_ip=192.0.2.1 "
        "options:remote_ip=192.0.2.2 options:key=flow "
        "external_ids:vtepd-owner=hv1 external_ids:mine=kept ofport=5");
    configure(f, "br-int");
    UNTIL(f, f->n_tunnels == 1 && interface_row(f, "old"));
    assert_int_equal(f->tunnels[0].ofport, 5);
    assert_string_equal(f->tunnels[0].id, "");

    struct uuid uuid = interface_row(f, "old")->header_.uuid;
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, !strcmp(VALUE(f, "old", external_ids, "vtepd-peer"), "hv2"));
    settle(f);
    assert_int_equal(n_interfaces(f), 2);
    assert_true(uuid_equals(&uuid, &interface_row(f, "old")->header_.uuid));
    assert_string_equal(VALUE(f, "old", external_ids, "mine"), "kept");

    /* It stays the tunnel's when somebody makes something else of it. */
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface old "
                        "options:remote_ip=192.0.2.9");
    settle(f);
    assert_int_equal(n_interfaces(f), 2);
    assert_string_equal(VALUE(f, "old", options, "remote_ip"), "192.0.2.2");
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface old type=gre "
                        "options:remote_ip=rubbish");
    settle(f);
    assert_int_equal(n_interfaces(f), 2);
    assert_string_equal(VALUE(f, "old", options, "remote_ip"), "192.0.2.2");
    assert_true(uuid_equals(&uuid, &interface_row(f, "old")->header_.uuid));

    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, !interface_row(f, "old"));
}

/* Of two ports that are one tunnel the working one stays. */
static void
test_duplicates(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    const char *names[] = { "a", "b", "c" };
    const int ofports[] = { -1, 9, 5 };

    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br-int");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ovsdb_sandbox_vsctl(
            &f->sandbox, "add-port br-int %s -- set interface %s type=vxlan "
            "options:local_ip=192.0.2.1 options:remote_ip=192.0.2.2 "
            "options:key=flow external_ids:vtepd-owner=hv1 ofport=%d",
            names[i], names[i], ofports[i]);
    }
    configure(f, "br-int");
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, interface_row(f, "c") && n_interfaces(f) == 2);
    UNTIL(f, f->n_tunnels == 1);
}

/* R10: a port of the wanted name that is not ours. */
static void
test_R10_name_is_taken(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    char names[4][TUNNEL_NAME_SIZE];

    for (int i = 0; i < 4; i++) {
        tunnel_key_name(&spec.key, i, names[i]);
    }
    /* One as a port, one as a bond of others' interfaces, one as a bridge. */
    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br0 -- add-port br0 %s "
        "-- add-bond br0 %s i1 i2 -- --id=@b create bridge name=%s "
        "-- add open . bridges @b", names[0], names[1], names[2]);
    configure(f, "br-int");
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, interface_row(f, names[3]));
    settle(f);
    assert_string_equal(bridge_of(f, names[0]), "br0");
    assert_string_equal(bridge_of(f, names[1]), "br0");
    assert_string_equal(interface_row(f, names[0])->type, "");
    assert_true(smap_is_empty(&interface_row(f, names[0])->external_ids));
    assert_true(smap_is_empty(&port_row(f, names[1])->external_ids));
}

/* R12: another owner's ports are nobody's business, on whichever bridge. */
static void
test_R12_other_owner(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    char *name;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br0 -- add-port br0 other "
        "-- set interface other type=vxlan options:local_ip=192.0.2.1 "
        "options:remote_ip=192.0.2.2 options:key=flow "
        "external_ids:vtepd-owner=hv9 ofport=5");
    configure(f, "br-int");
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    settle(f);
    assert_int_equal(f->n_tunnels, 0);
    name = add_tunnel(f, 2, "hv2");
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, !interface_row(f, name));
    assert_string_equal(bridge_of(f, "other"), "br0");
    assert_int_equal(smap_count(&interface_row(f, "other")->external_ids), 1);
    free(name);
}

static void
test_unwanted(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    struct tunnel_spec old = make_spec("192.0.2.9", ENCAP_GRE, 5, "hv2");
    char *name;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int old "
        "-- set interface old type=gre options:local_ip=192.0.2.1 "
        "options:remote_ip=192.0.2.9 options:key=5 "
        "external_ids:vtepd-owner=hv1");
    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");

    /* Nobody said anything about the old one so far. */
    settle(f);
    assert_int_equal(n_interfaces(f), 3);

    ovsdb_client_unwant_tunnel(f->client, &old.key);
    UNTIL(f, !interface_row(f, "old"));
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, !interface_row(f, name) && !port_row(f, name));
    UNTIL(f, !f->n_tunnels);
    free(name);
    name = add_tunnel(f, 2, "hv2");
    free(name);
}

static bool
wants_nothing(const struct fixture *f OVS_UNUSED,
              const struct tunnel_port *port OVS_UNUSED)
{
    return false;
}

/* R46: whoever is told of a port may say in the same moment that it has to
 * go. */
static void
test_R46_unwanted_at_first_sight(void **state)
{
    struct fixture *f = *state;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int old "
        "-- set interface old type=gre options:local_ip=192.0.2.1 "
        "options:remote_ip=192.0.2.9 options:key=5 "
        "external_ids:vtepd-owner=hv1");
    f->wants = wants_nothing;
    configure(f, "br-int");
    UNTIL(f, bridge_row(f, "br-int") && n_interfaces(f) == 1);
    UNTIL(f, !f->n_tunnels);
}

/* A port from which somebody took the label is not forgotten. */
static void
test_unlabelled_and_unwanted(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    ovsdb_sandbox_vsctl(&f->sandbox, "clear interface %s external_ids", name);
    ovsdb_client_run(f->client);
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, !interface_row(f, name));
    free(name);
}

static bool
is_named_for_its_key(const struct fixture *f OVS_UNUSED,
                     const struct tunnel_port *port)
{
    char name[TUNNEL_NAME_SIZE];

    tunnel_key_name(&port->key, 0, name);
    return !strcmp(name, port->name);
}

/* Whatever somebody else does to a wanted port is put right, on the same row
 * where there is one, although what it was made to be is not wanted. */
static void
test_drift_is_repaired(void **state)
{
    static const char *const edits[] = {
        "set interface %s options:remote_ip=rubbish",
        "set interface %s options:remote_ip=192.0.2.99",
        "remove interface %s options key",
        "set interface %s options:key=99999999999",
        "set interface %s options:dst_port=1",
        "set interface %s options:dst_port=4789",
        "set interface %s options:csum=false",
        "clear interface %s options",
        "set interface %s type=gre",
        "set interface %s type=internal",
        "set interface %s external_ids:vtepd-peer=evil",
        "set interface %s external_ids:vtepd-segment=evil",
        "set interface %s bfd:enable=true",
        "remove interface %s external_ids vtepd-group",
        "remove interface %s external_ids vtepd-owner",
        "clear port %s external_ids",
        "clear interface %s external_ids",
    };

    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        struct fixture *f = *state;
        struct smap options, external_ids;
        struct uuid uuid;
        char *name;
        unsigned int n;

        f->wants = is_named_for_its_key;
        configure(f, "br-int");
        name = add_tunnel(f, 2 + i, "hv2");
        settle(f);
        smap_clone(&options, &interface_row(f, name)->options);
        smap_clone(&external_ids, &interface_row(f, name)->external_ids);
        uuid = interface_row(f, name)->header_.uuid;

        n = get_status(f).n_committed;
        ovsdb_sandbox_vsctl(&f->sandbox, edits[i], name);
        UNTIL(f, get_status(f).n_committed > n);
        settle(f);
        if (!interface_row(f, name)
            || !uuid_equals(&uuid, &interface_row(f, name)->header_.uuid)
            || strcmp(interface_row(f, name)->type, "vxlan")
            || !smap_equal(&options, &interface_row(f, name)->options)
            || !smap_equal(&external_ids,
                           &interface_row(f, name)->external_ids)
            || !smap_equal(&external_ids, &port_row(f, name)->external_ids)
            || !smap_is_empty(&interface_row(f, name)->bfd)) {
            fail_msg("not repaired after: %s", edits[i]);
        }
        UNTIL(f, f->n_tunnels == i + 1);
        smap_destroy(&options);
        smap_destroy(&external_ids);
        free(name);
    }
}

static void
test_deleted_port_comes_back(void **state)
{
    struct fixture *f = *state;
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    struct uuid uuid = interface_row(f, name)->header_.uuid;
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port %s", name);
    UNTIL(f, interface_row(f, name)
             && !uuid_equals(&uuid, &interface_row(f, name)->header_.uuid));
    UNTIL(f, f->n_tunnels == 1);
    free(name);
}

/* An owned row that is no tunnel any more, and that no wanted tunnel can
 * claim, goes away.  A VM's port goes nowhere, whatever its labels. */
static void
test_broken_rows(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    char name[TUNNEL_NAME_SIZE];

    tunnel_key_name(&spec.key, 0, name);
    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int vx-0000000000 "
        "-- set interface vx-0000000000 type=vxlan "
        "options:remote_ip=flow external_ids:vtepd-owner=hv1 "
        "-- add-port br-int %s -- set interface %s "
        "external_ids:vtepd-owner=hv1 "
        "-- add-port br-int tap1 -- set interface tap1 "
        "external_ids:vtepd-owner=hv1 external_ids:iface-id=e1",
        name, name);
    configure(f, "br-int");
    ovsdb_client_want_tunnel(f->client, &spec);
    settle(f);
    struct uuid uuid = interface_row(f, name)->header_.uuid;
    UNTIL(f, !interface_row(f, "vx-0000000000"));
    assert_true(uuid_equals(&uuid, &interface_row(f, name)->header_.uuid));
    assert_string_equal(interface_row(f, name)->type, "vxlan");
    assert_non_null(interface_row(f, "tap1"));
    assert_non_null(seen_find(f->vms, f->n_vms, "tap1"));
}

/* Who puts a row back each time is not fought with for ever. */
static void
test_no_endless_fight(void **state)
{
    struct fixture *f = *state;
    char *name;
    int i;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    for (i = 0; i < 20; i++) {
        ovsdb_sandbox_vsctl(&f->sandbox, "set interface %s "
                            "options:remote_ip=192.0.2.9", name);
        settle(f);
        if (strcmp(VALUE(f, name, options, "remote_ip"), "192.0.2.2")) {
            break;
        }
    }
    assert_int_equal(i, 5);

    /* Others are not held up, and a new want is tried at once. */
    free(add_tunnel(f, 3, "hv3"));
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv4");
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, !strcmp(VALUE(f, name, options, "remote_ip"), "192.0.2.2"));
    free(name);
}

/* R13: the integration bridge is another one now. */
static void
test_R13_bridge_is_renamed(void **state)
{
    struct fixture *f = *state;
    struct uuid uuid;
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    uuid = interface_row(f, name)->header_.uuid;
    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int tap1 -- set interface "
                        "tap1 external_ids:iface-id=e1");
    UNTIL(f, f->n_vms == 1);

    configure(f, "br2");
    UNTIL(f, !strcmp(bridge_of(f, name), "br2"));
    UNTIL(f, !f->n_vms);
    assert_true(uuid_equals(&uuid, &interface_row(f, name)->header_.uuid));
    settle(f);
    assert_int_equal(f->n_tunnels, 1);

    /* The old bridge was ours, but somebody has a port on it. */
    assert_non_null(bridge_row(f, "br-int"));
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1");
    UNTIL(f, !bridge_row(f, "br-int"));
    assert_non_null(bridge_row(f, "br2"));
    free(name);
}

static void
test_vm_ports(void **state)
{
    struct fixture *f = *state;
    struct seen_port *vm;

    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br-int -- add-br br0 "
                        "-- add-port br0 elsewhere -- set interface "
                        "elsewhere external_ids:iface-id=e9 ofport=9");
    configure(f, "br-int");
    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int tap1 -- set interface "
                        "tap1 external_ids:iface-id=e1");
    UNTIL(f, f->n_vms == 1);
    vm = &f->vms[0];
    assert_string_equal(vm->name, "tap1");
    assert_string_equal(vm->id, "e1");
    assert_int_equal(vm->ofport, 0);
    assert_true(vm->active);
    assert_false(vm->has_mac);

    /* R29, R30: the ofport comes later and may change. */
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 ofport=5");
    UNTIL(f, vm->ofport == 5);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 ofport=6");
    UNTIL(f, vm->ofport == 6);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 ofport=-1");
    UNTIL(f, vm->ofport == 0);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 ofport=70000");
    settle(f);
    assert_int_equal(vm->ofport, 0);

    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:attached-mac=\"02:00:00:00:00:01\"");
    UNTIL(f, vm->has_mac);
    assert_int_equal(vm->mac.ea[5], 1);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:attached-mac=rubbish");
    UNTIL(f, !vm->has_mac);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:iface-status=inactive");
    UNTIL(f, !vm->active);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:iface-status=active");
    UNTIL(f, vm->active);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:iface-id=e2");
    UNTIL(f, !strcmp(vm->id, "e2"));

    /* Deleted and made again in one transaction. */
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1 -- add-port br-int tap1 "
                        "-- set interface tap1 external_ids:iface-id=e3 "
                        "ofport=8");
    UNTIL(f, vm->ofport == 8 && !strcmp(vm->id, "e3"));

    /* To another bridge and back. */
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1 -- add-port br0 tap1 "
                        "-- set interface tap1 external_ids:iface-id=e3");
    UNTIL(f, !f->n_vms);
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1 -- add-port br-int tap1 "
                        "-- set interface tap1 external_ids:iface-id=e3");
    UNTIL(f, f->n_vms == 1);
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1");
    UNTIL(f, !f->n_vms);
}

static void
test_bad_iface_ids(void **state)
{
    struct fixture *f = *state;
    char *longest = xmalloc(257);

    memset(longest, 'x', 256);
    longest[256] = '\0';
    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br-int -- add-port br-int tap1");
    configure(f, "br-int");
    ovsdb_sandbox_vsctl(&f->sandbox,
                        "set interface tap1 external_ids:iface-id=%s",
                        longest);
    settle(f);
    assert_int_equal(f->n_vms, 0);
    ovsdb_sandbox_vsctl(&f->sandbox,
                        "set interface tap1 external_ids:iface-id=%s",
                        longest + 1);
    UNTIL(f, f->n_vms == 1);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:iface-id=\"\"");
    UNTIL(f, !f->n_vms);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface tap1 "
                        "external_ids:iface-id=\"\\u001b[1m\"");
    settle(f);
    assert_int_equal(f->n_vms, 0);
    free(longest);
}

static void
test_installed_marks(void **state)
{
    struct fixture *f = *state;

    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br-int -- add-port br-int tap1 "
                        "-- set interface tap1 external_ids:iface-id=e1 "
                        "external_ids:mine=kept");
    configure(f, "br-int");
    UNTIL(f, f->n_vms == 1);
    ovsdb_client_set_installed(f->client, "tap1", true);
    ovsdb_client_set_installed(f->client, "nowhere", true);
    UNTIL(f, !strcmp(VALUE(f, "tap1", external_ids, "vtepd-installed"),
                     "true"));
    settle(f);
    ovsdb_sandbox_vsctl(&f->sandbox, "remove interface tap1 external_ids "
                        "vtepd-installed");
    settle(f);
    UNTIL(f, !strcmp(VALUE(f, "tap1", external_ids, "vtepd-installed"),
                     "true"));
    ovsdb_client_set_installed(f->client, "tap1", false);
    UNTIL(f, !*VALUE(f, "tap1", external_ids, "vtepd-installed"));
    assert_string_equal(VALUE(f, "tap1", external_ids, "mine"), "kept");

    /* A want ends with its interface. */
    ovsdb_client_set_installed(f->client, "tap1", true);
    UNTIL(f, *VALUE(f, "tap1", external_ids, "vtepd-installed"));
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port tap1");
    UNTIL(f, !f->n_vms);
    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int tap1");
    settle(f);
    assert_string_equal(VALUE(f, "tap1", external_ids, "vtepd-installed"),
                        "");
}

/* The name of table 'id' of a bridge, or "". */
static const char *
table_name_on(const struct fixture *f, const char *bridge, int64_t id)
{
    const struct ovsrec_bridge *row = bridge_row(f, bridge);

    for (size_t i = 0; row && i < row->n_flow_tables; i++) {
        if (row->key_flow_tables[i] == id) {
            return (row->value_flow_tables[i]->name
                    ? row->value_flow_tables[i]->name : "");
        }
    }
    return "";
}

static const char *
table_name(const struct fixture *f, int64_t id)
{
    return table_name_on(f, "br-int", id);
}

/* On a bridge that stays: somebody else's, or one with somebody's port. */
static void
test_table_names_leave_a_bridge_that_is_left(void **state)
{
    static const struct ovsdb_table_name names[] = {
        { 0, "classify" }, { 10, "port_security" },
    };
    struct fixture *f = *state;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- --id=@t create flow_table name=theirs "
        "-- set bridge br-int flow_tables:10=@t");
    configure(f, "br-int");
    ovsdb_client_set_table_names(f->client, names, ARRAY_SIZE(names));
    UNTIL(f, !strcmp(table_name(f, 0), "classify"));
    configure(f, "br2");
    UNTIL(f, !strcmp(table_name_on(f, "br2", 10), "port_security"));
    UNTIL(f, !strcmp(table_name(f, 0), ""));
    assert_string_equal(table_name(f, 10), "theirs");

    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br2 tap1");
    configure(f, "br-int");
    UNTIL(f, !strcmp(table_name(f, 0), "classify"));
    UNTIL(f, !strcmp(table_name_on(f, "br2", 10), ""));
    settle(f);
    assert_non_null(bridge_row(f, "br2"));
    assert_string_equal(table_name_on(f, "br2", 0), "");
    assert_string_equal(table_name(f, 10), "theirs");
}

static void
test_table_names(void **state)
{
    static const struct ovsdb_table_name names[] = {
        { 0, "classify" }, { 10, "port_security" }, { 40, "forward" },
    };
    struct fixture *f = *state;
    unsigned int n_committed;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- --id=@t create flow_table name=theirs "
        "flow_limit=7 -- set bridge br-int flow_tables:10=@t "
        "-- --id=@u create flow_table name=stale "
        "external_ids:vtepd-owner=hv1 -- set bridge br-int flow_tables:99=@u");
    configure(f, "br-int");
    ovsdb_client_set_table_names(f->client, names, ARRAY_SIZE(names));
    UNTIL(f, !strcmp(table_name(f, 40), "forward"));
    assert_string_equal(table_name(f, 0), "classify");
    assert_string_equal(table_name(f, 10), "theirs");
    assert_string_equal(table_name(f, 99), "");
    settle(f);

    n_committed = get_status(f).n_committed;
    ovsdb_sandbox_vsctl(&f->sandbox, "clear bridge br-int flow_tables");
    UNTIL(f, get_status(f).n_committed > n_committed);
    settle(f);
    assert_string_equal(table_name(f, 0), "classify");
    assert_string_equal(table_name(f, 10), "port_security");
    assert_string_equal(table_name(f, 40), "forward");
    assert_int_equal(get_status(f).n_committed, n_committed + 1);
}

static void
test_settings(void **state)
{
    struct fixture *f = *state;
    unsigned int before, after;

    assert_null(ovsdb_client_settings(f->client, &before));
    assert_false(ovsdb_client_is_ready(f->client));
    UNTIL(f, ovsdb_client_is_ready(f->client));
    ovsdb_client_settings(f->client, &before);
    ovsdb_sandbox_vsctl(&f->sandbox, "set open . external_ids:vtepd-host=x");
    UNTIL(f, (ovsdb_client_settings(f->client, &after), after != before));
    assert_string_equal(smap_get(ovsdb_client_settings(f->client, &after),
                                 "vtepd-host"), "x");
    assert_false(get_status(f).bridge_exists);
    assert_int_equal(get_status(f).n_committed, 0);
}

/* R41: a server that comes back with the same database is no news, and it is
 * found at once. */
static void
test_reconnect_is_no_news(void **state)
{
    struct fixture *f = *state;
    unsigned int n_callbacks, n_committed;
    long long int start;
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int tap1 -- set interface "
                        "tap1 external_ids:iface-id=e1 ofport=3");
    UNTIL(f, f->n_vms == 1 && f->vms[0].ofport == 3);
    ovsdb_client_set_installed(f->client, "tap1", true);
    settle(f);
    n_callbacks = f->n_callbacks;
    n_committed = get_status(f).n_committed;

    for (int i = 0; i < 3; i++) {
        ovsdb_sandbox_stop_server(&f->sandbox);
        UNTIL(f, !get_status(f).connected);
        assert_true(ovsdb_client_is_ready(f->client));
        start_server_again(f);
        start = time_msec();
        UNTIL(f, get_status(f).connected);
        assert_true(time_msec() - start < 900);
        settle(f);
    }
    assert_int_equal(f->n_callbacks, n_callbacks);
    assert_int_equal(get_status(f).n_committed, n_committed);
    free(name);
}

/* What happened in between is told, and nothing else. */
static void
test_reconnect_tells_differences(void **state)
{
    struct fixture *f = *state;
    unsigned int n_callbacks;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int tap1 "
        "-- add-port br-int tap2 -- add-port br-int tap3 "
        "-- set interface tap1 external_ids:iface-id=e1 ofport=1 "
        "-- set interface tap2 external_ids:iface-id=e2 ofport=2 "
        "-- set interface tap3 external_ids:iface-id=e3 ofport=3");
    configure(f, "br-int");
    UNTIL(f, f->n_vms == 3);
    settle(f);
    n_callbacks = f->n_callbacks;

    ovsdb_sandbox_stop_server(&f->sandbox);
    UNTIL(f, !get_status(f).connected);
    ovsdb_sandbox_edit_file(
        &f->sandbox,
        "{\"op\":\"update\",\"table\":\"Interface\","
        "\"where\":[[\"name\",\"==\",\"tap1\"]],\"row\":{\"ofport\":7}},"
        "{\"op\":\"delete\",\"table\":\"Port\","
        "\"where\":[[\"name\",\"==\",\"tap2\"]]},"
        "{\"op\":\"update\",\"table\":\"Bridge\",\"where\":[],"
        "\"row\":{\"ports\":[\"set\",[]]}}");
    start_server_again(f);
    UNTIL(f, !f->n_vms);
    assert_int_equal(f->n_callbacks, n_callbacks + 3);

    /* An empty database in its place. */
    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int tap1 "
                        "-- set interface tap1 external_ids:iface-id=e1");
    UNTIL(f, f->n_vms == 1);
    ovsdb_sandbox_stop_server(&f->sandbox);
    ovsdb_sandbox_edit_file(&f->sandbox, "{\"op\":\"delete\",\"table\":"
                            "\"Open_vSwitch\",\"where\":[]}");
    start_server_again(f);
    UNTIL(f, !f->n_vms);
    ovsdb_sandbox_vsctl(&f->sandbox, "init");
    UNTIL(f, bridge_row(f, "br-int"));
}

/* What is wanted while there is no connection is done later. */
static void
test_wanted_while_disconnected(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.3", ENCAP_GRE, 0, "hv3");
    char *name;

    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    ovsdb_sandbox_stop_server(&f->sandbox);
    UNTIL(f, !get_status(f).connected);
    ovsdb_client_want_tunnel(f->client, &spec);
    spec.key = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2").key;
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    pass(f);
    start_server_again(f);
    UNTIL(f, !interface_row(f, name) && n_interfaces(f) == 2);
    free(name);
}

/* A transaction that was sent but not answered is made again. */
static void
test_connection_lost_in_flight(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.3", ENCAP_GRE, 0, "hv3");

    configure(f, "br-int");
    free(add_tunnel(f, 2, "hv2"));
    settle(f);
    kill(f->sandbox.server, SIGSTOP);
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, get_status(f).in_flight);
    ovsdb_sandbox_stop_server(&f->sandbox);
    UNTIL(f, !get_status(f).connected);
    start_server_again(f);
    UNTIL(f, f->n_tunnels == 2);
    assert_int_equal(get_status(f).n_failed, 0);
}

/* R39: a server that does not answer a transaction is noticed soon. */
static void
test_R39_hung_server(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.3", ENCAP_GRE, 0, "hv3");

    configure(f, "br-int");
    free(add_tunnel(f, 2, "hv2"));
    settle(f);
    kill(f->sandbox.server, SIGSTOP);
    ovsdb_client_want_tunnel(f->client, &spec);
    UNTIL(f, !get_status(f).connected);
    kill(f->sandbox.server, SIGCONT);
    UNTIL(f, get_status(f).connected);
    UNTIL(f, f->n_tunnels == 2);
    settle(f);
}

/* A refused transaction: somebody takes the name of a port while the client
 * is not looking.  It is reported, and made again without that name. */
static void
test_refused(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec a = make_spec("192.0.2.3", ENCAP_VXLAN, 0, "hv3");
    struct tunnel_spec b = make_spec("192.0.2.4", ENCAP_VXLAN, 0, "hv4");
    char name_a[TUNNEL_NAME_SIZE], name_b[TUNNEL_NAME_SIZE];

    tunnel_key_name(&a.key, 0, name_a);
    tunnel_key_name(&b.key, 0, name_b);
    configure(f, "br-int");
    free(add_tunnel(f, 2, "hv2"));
    settle(f);

    ovsdb_sandbox_vsctl(&f->sandbox, "add-port br-int %s", name_a);
    ovsdb_client_want_tunnel(f->client, &a);
    ovsdb_client_want_tunnel(f->client, &b);
    ovsdb_client_commit(f->client);
    UNTIL(f, get_status(f).n_failed == 1);
    assert_non_null(strstr(get_status(f).last_error, name_a));

    UNTIL(f, f->n_tunnels == 3);
    assert_int_equal(get_status(f).n_failed, 1);
    assert_non_null(seen_find(f->tunnels, f->n_tunnels, name_b));
    settle(f);
    assert_string_equal(interface_row(f, name_a)->type, "");
}

/* Numbers are not taken from anybody. */
static void
test_port_numbers(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.2", ENCAP_VXLAN, 0, "hv2");
    char *name;

    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-br br-int -- add-port br-int a "
        "-- add-port br-int b -- set interface a ofport_request=32768 "
        "-- set interface b ofport=32770");
    configure(f, "br-int");
    name = add_tunnel(f, 2, "hv2");
    assert_int_equal(*interface_row(f, name)->ofport_request, 32769);
    assert_int_equal(f->chosen_number, 32769);
    assert_true(tunnel_key_equals(&f->chosen_key, &spec.key));
    free(name);
    name = add_tunnel(f, 3, "hv3");
    assert_int_equal(*interface_row(f, name)->ofport_request, 32771);
    free(name);
    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, f->n_tunnels == 1);
    name = add_tunnel(f, 4, "hv4");
    assert_int_equal(*interface_row(f, name)->ofport_request, 32769);
    free(name);
}

/* Many tunnels are few transactions, and coming and going leaves nothing. */
static void
test_many(void **state)
{
    enum { N = 2500 };
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("10.0.0.0", ENCAP_VXLAN, 0, "hv");
    unsigned int n_committed;

    configure(f, "br-int");
    UNTIL(f, get_status(f).bridge_exists && is_idle(f));
    n_committed = get_status(f).n_committed;

    for (int cycle = 0; cycle < 2; cycle++) {
        for (int i = 0; i < N; i++) {
            spec.key.remote_ip.s6_addr[14] = i >> 8;
            spec.key.remote_ip.s6_addr[15] = i;
            ovsdb_client_want_tunnel(f->client, &spec);
        }
        UNTIL(f, f->n_tunnels == N);
        UNTIL(f, is_idle(f));
        for (int i = 0; i < N; i++) {
            spec.key.remote_ip.s6_addr[14] = i >> 8;
            spec.key.remote_ip.s6_addr[15] = i;
            ovsdb_client_unwant_tunnel(f->client, &spec.key);
        }
        UNTIL(f, !f->n_tunnels);
        UNTIL(f, is_idle(f));
    }
    settle(f);
    assert_int_equal(get_status(f).n_committed - n_committed, 12);
    assert_int_equal(n_interfaces(f), 1);
}

/* R34: rows that nobody changes are not looked at. */
static void
test_R34_dead_rows(void **state)
{
    enum { N = 1000, PASSES = 20000 };
    struct fixture *f = *state;
    struct ds args = DS_EMPTY_INITIALIZER;
    long long int start;

    ds_put_cstr(&args, "add-br br-int");
    for (int i = 0; i < N; i++) {
        ds_put_format(&args, " -- add-port br-int dead%d -- set interface "
                      "dead%d external_ids:iface-id=e%d ofport=-1", i, i, i);
    }
    ovsdb_sandbox_vsctl(&f->sandbox, "%s", ds_cstr(&args));
    ds_destroy(&args);
    configure(f, "br-int");
    UNTIL(f, f->n_vms == N);
    settle(f);

    f->n_callbacks = 0;
    start = time_msec();
    for (int i = 0; i < PASSES; i++) {
        ovsdb_client_run(f->client);
        ovsdb_client_commit(f->client);
    }
    print_message("%d passes over %d dead rows: %lld ms\n", PASSES, N,
                  time_msec() - start);
    assert_true(time_msec() - start < 10000);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface dead7 ofport=7");
    UNTIL(f, f->n_callbacks);
    settle(f);
    assert_int_equal(f->n_callbacks, 1);
}

/* With a real ovs-vswitchd: port numbers as asked for, and its errors. */
static void
test_with_switch(void **state)
{
    struct fixture *f = *state;
    struct tunnel_spec spec = make_spec("192.0.2.3", ENCAP_VXLAN, 0, "hv3");
    struct ovsdb_client_config config = {
        .owner = "hv1", .bridge = "br-int", .datapath_type = "dummy",
    };
    char *name;

    ovsdb_sandbox_start_switch(&f->sandbox);
    ovsdb_client_configure(f->client, &config);
    name = add_tunnel(f, 2, "hv2");
    UNTIL(f, f->tunnels[0].ofport == 32768);

    /* R08: somebody else has a tunnel to that peer already. */
    ovsdb_sandbox_vsctl(
        &f->sandbox, "add-port br-int theirs -- set interface theirs "
        "type=vxlan options:local_ip=192.0.2.1 options:remote_ip=192.0.2.3 "
        "options:key=flow");
    UNTIL(f, interface_row(f, "theirs") && interface_row(f, "theirs")->ofport
             && *interface_row(f, "theirs")->ofport > 0);
    free(name);
    name = add_tunnel(f, 3, "hv3");
    UNTIL(f, seen_find(f->tunnels, f->n_tunnels, name)->error[0]);
    assert_int_equal(seen_find(f->tunnels, f->n_tunnels, name)->ofport, 0);
    settle(f);

    /* It is tried again, but not all the time, and works once it can. */
    unsigned int n_committed = get_status(f).n_committed;
    UNTIL(f, !strcmp(VALUE(f, name, other_config, "vtepd-retry"), "1"));
    ovsdb_sandbox_vsctl(&f->sandbox, "del-port theirs");
    UNTIL(f, seen_find(f->tunnels, f->n_tunnels, name)->ofport == 32769);
    assert_string_equal(seen_find(f->tunnels, f->n_tunnels, name)->error, "");
    UNTIL(f, !*VALUE(f, name, other_config, "vtepd-retry"));
    assert_in_range(get_status(f).n_committed, n_committed + 2,
                    n_committed + 6);

    ovsdb_client_unwant_tunnel(f->client, &spec.key);
    UNTIL(f, f->n_tunnels == 1);
    free(name);
}

/* Any history of wants, of edits by somebody else and of lost connections ends
 * with exactly the ports that are wanted. */
enum { N_WANTED = 12 };
struct wanted_tunnel {
    struct tunnel_spec spec;
    char peer[16];
    bool wanted;
};

static bool
is_in_model(const struct fixture *f, const struct tunnel_port *port)
{
    for (size_t i = 0; i < N_WANTED; i++) {
        if (f->wanted[i].wanted
            && tunnel_key_equals(&f->wanted[i].spec.key, &port->key)) {
            return true;
        }
    }
    return false;
}

static void
want_in_model(struct fixture *f, struct wanted_tunnel *w, bool wanted)
{
    w->wanted = wanted;
    if (wanted) {
        snprintf(w->peer, sizeof w->peer, "hv%d", rand() % 3);
        w->spec.peer = w->peer;
        w->spec.group++;
        w->spec.bfd = rand() % 2;
        ovsdb_client_want_tunnel(f->client, &w->spec);
    } else {
        ovsdb_client_unwant_tunnel(f->client, &w->spec.key);
    }
}

static void
edit_at_random(struct fixture *f)
{
    static const char *const edits[] = {
        "--if-exists del-port %s",
        "--if-exists set interface %s options:remote_ip=rubbish",
        "--if-exists set interface %s options:remote_ip=192.0.2.10",
        "--if-exists set interface %s options:key=13",
        "--if-exists set interface %s type=gre",
        "--if-exists clear interface %s external_ids",
        "--if-exists set interface %s external_ids:vtepd-peer=evil",
        "--if-exists remove port %s external_ids vtepd-peer",
        "--if-exists del-br br-int",
        "--may-exist add-br br-int",
    };
    char name[TUNNEL_NAME_SIZE];

    tunnel_key_name(&f->wanted[rand() % N_WANTED].spec.key, 0, name);
    ovsdb_sandbox_vsctl(&f->sandbox, edits[rand() % ARRAY_SIZE(edits)],
                        name);
}

static void
step_at_random(struct fixture *f)
{
    switch (rand() % 8) {
    case 0:
        edit_at_random(f);
        break;

    case 1:
        configure(f, rand() % 2 ? "br-int" : "br2");
        break;

    case 2:
        if (rand() % 4 == 0) {
            ovsdb_sandbox_stop_server(&f->sandbox);
            want_in_model(f, &f->wanted[rand() % N_WANTED], rand() % 2);
            pass(f);
            start_server_again(f);
        }
        break;

    default:
        want_in_model(f, &f->wanted[rand() % N_WANTED], rand() % 3);
        break;
    }
}

/* True if the interfaces are the wanted tunnels, the local port of 'bridge'
 * and those of somebody else. */
static bool
ports_are_as_wanted(const struct fixture *f, const char *bridge)
{
    const struct ovsrec_interface *row;
    size_t n = 0;

    for (size_t i = 0; i < N_WANTED; i++) {
        n += f->wanted[i].wanted;
    }
    if (n_interfaces(f) != n + 3 || f->n_tunnels != n) {
        return false;
    }

    OVSREC_INTERFACE_FOR_EACH (row, f->observer) {
        const struct wanted_tunnel *w = f->wanted;
        const struct seen_port *seen = seen_find(
            CONST_CAST(struct seen_port *, f->tunnels), f->n_tunnels,
            row->name);

        if (!strcmp(row->name, bridge) || !strcmp(row->name, "br0")
            || !strcmp(row->name, "foreign")) {
            continue;
        }
        while (seen && w < &f->wanted[N_WANTED]
               && !(w->wanted
                    && tunnel_key_equals(&w->spec.key, &seen->key))) {
            w++;
        }
        if (!seen || w == &f->wanted[N_WANTED]
            || strcmp(bridge_of(f, row->name), bridge)
            || strcmp(smap_get_def(&row->external_ids, "vtepd-peer", ""),
                      w->peer)
            || (smap_get_uint(&row->external_ids, "vtepd-group", 0)
                != w->spec.group)
            || smap_get_bool(&row->bfd, "enable", false) != w->spec.bfd) {
            return false;
        }
    }
    return true;
}

static void
test_random_history(void **state)
{
    struct fixture *f = *state;
    struct wanted_tunnel wanted[N_WANTED];
    unsigned int seed = getenv("SEED") ? atoi(getenv("SEED")) : time_msec();

    print_message("SEED=%u\n", seed);
    srand(seed);
    for (int i = 0; i < N_WANTED; i++) {
        char ip[32];

        snprintf(ip, sizeof ip, "192.0.2.%d", 10 + i / 2);
        wanted[i] = (struct wanted_tunnel) {
            .spec = make_spec(ip, ENCAP_VXLAN + i % 3, i % 2 ? i : 0, ""),
        };
    }
    f->wanted = wanted;
    f->wants = is_in_model;
    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br0 -- add-port br0 "
                        "foreign -- set interface foreign type=vxlan "
                        "options:remote_ip=192.0.2.10 options:key=flow");
    configure(f, "br-int");
    for (int i = 0; i < 150; i++) {
        step_at_random(f);
        for (int n = rand() % 4; n > 0; n--) {
            pass(f);
        }
    }

    /* A change of the want ends what was put off. */
    configure(f, "br2");
    for (size_t i = 0; i < N_WANTED; i++) {
        want_in_model(f, &wanted[i], wanted[i].wanted);
    }
    ovsdb_sandbox_vsctl(&f->sandbox, "--if-exists del-br br-int");
    UNTIL(f, ports_are_as_wanted(f, "br2"));
    settle(f);
    assert_true(ports_are_as_wanted(f, "br2"));
    f->wants = NULL;
}

int
main(int argc OVS_UNUSED, char *argv[])
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bridge_is_made),
        TEST(test_datapath_type),
        TEST(test_foreign_bridge_is_used_as_it_is),
        TEST(test_tunnel_columns),
        TEST(test_tunnel_columns_in_segment_mode),
        TEST(test_default_port),
        TEST(test_R02_relabelled),
        TEST(test_adopted),
        TEST(test_duplicates),
        TEST(test_R10_name_is_taken),
        TEST(test_R12_other_owner),
        TEST(test_unwanted),
        TEST(test_R46_unwanted_at_first_sight),
        TEST(test_unlabelled_and_unwanted),
        TEST(test_drift_is_repaired),
        TEST(test_deleted_port_comes_back),
        TEST(test_broken_rows),
        TEST(test_no_endless_fight),
        TEST(test_R13_bridge_is_renamed),
        TEST(test_vm_ports),
        TEST(test_bad_iface_ids),
        TEST(test_installed_marks),
        TEST(test_table_names),
        TEST(test_table_names_leave_a_bridge_that_is_left),
        TEST(test_settings),
        TEST(test_reconnect_is_no_news),
        TEST(test_reconnect_tells_differences),
        TEST(test_wanted_while_disconnected),
        TEST(test_connection_lost_in_flight),
        TEST(test_R39_hung_server),
        TEST(test_refused),
        TEST(test_port_numbers),
        TEST(test_many),
        TEST(test_R34_dead_rows),
        TEST(test_with_switch),
        TEST(test_random_history),
    };

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    if (getenv("VERBOSE")) {
        vlog_set_levels(NULL, VLF_CONSOLE, VLL_INFO);
    }
    if (getenv("TEST")) {
        cmocka_set_test_filter(getenv("TEST"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
