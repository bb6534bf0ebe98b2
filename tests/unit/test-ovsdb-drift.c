/* SPDX-License-Identifier: Apache-2.0 */

/* What somebody else changes in rows of ours, against a real ovsdb-server:
 * found, put right, counted, and said in the log.  "Somebody else" is ovs-vsctl
 * or a second client with the same owner. */

#include <config.h>

#include "ovsdb-client/ovsdb-client.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "svec.h"
#include "tests/unit/ovsdb-sandbox.h"
#include "timeval.h"
#include "util.h"

enum {
    TIMEOUT = 30000,            /* ms, within which a condition comes true. */
    MAX_CLIENTS = 2,
    MAX_LINE = 1000,            /* Bytes of a log line, at most. */
};

/* One vtepd.  It wants the tunnel 'spec' and, where its group is not 0, that of
 * 'also', and no other. */
struct host {
    struct ovsdb_client *client;
    struct tunnel_spec spec;
    struct tunnel_spec also;
};

struct fixture {
    struct ovsdb_sandbox sandbox;
    struct host hosts[MAX_CLIENTS];
    size_t n_hosts;
    char *log;
    char name[TUNNEL_NAME_SIZE];    /* Of the tunnel's port. */
};

static void
on_vm_port(void *host OVS_UNUSED, const struct vm_port *old OVS_UNUSED,
           const struct vm_port *new OVS_UNUSED)
{
}

static void
on_tunnel_port(void *host_, const struct tunnel_port *old OVS_UNUSED,
               const struct tunnel_port *new)
{
    struct host *host = host_;

    if (new && !tunnel_key_equals(&new->key, &host->spec.key)
        && !(host->also.group
             && tunnel_key_equals(&new->key, &host->also.key))) {
        ovsdb_client_unwant_tunnel(host->client, &new->key);
    }
}

static const struct ovsdb_table_name table_names[] = {
    { 0, "classify" },
    { 1, "tunnel_in" },
};

/* Starts one more vtepd, with the same host id. */
static struct host *
add_host(struct fixture *f, const char *bridge)
{
    struct host *host = &f->hosts[f->n_hosts++];
    const struct ovsdb_client_callbacks callbacks = {
        .aux = host,
        .vm_port_changed = on_vm_port,
        .tunnel_port_changed = on_tunnel_port,
    };
    const struct ovsdb_client_config config = {
        .owner = "hv1",
        .bridge = bridge,
    };

    host->spec = (struct tunnel_spec) {
        .key = { .type = ENCAP_VXLAN },
        .peer = "hv2",
        .group = 7,
    };
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &host->spec.key.local_ip);
    inet_pton(AF_INET6, "::ffff:192.0.2.2", &host->spec.key.remote_ip);
    host->client = ovsdb_client_create(f->sandbox.remote, &callbacks);
    ovsdb_client_configure(host->client, &config);
    ovsdb_client_set_table_names(host->client, table_names,
                                 ARRAY_SIZE(table_names));
    ovsdb_client_want_tunnel(host->client, &host->spec);
    return host;
}

static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    ovsdb_sandbox_init(&f->sandbox);
    f->log = xasprintf("%s/vtepd.log", f->sandbox.dir);
    vlog_set_log_file(f->log);
    add_host(f, "br-int");
    tunnel_key_name(&f->hosts[0].spec.key, 0, f->name);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < f->n_hosts; i++) {
        ovsdb_client_destroy(f->hosts[i].client);
    }
    ovsdb_sandbox_destroy(&f->sandbox);
    free(f->log);
    free(f);
    return 0;
}

static void
pass(struct fixture *f)
{
    for (size_t i = 0; i < f->n_hosts; i++) {
        ovsdb_client_run(f->hosts[i].client);
        ovsdb_client_commit(f->hosts[i].client);
    }
}

static void
block(struct fixture *f, long long int deadline)
{
    for (size_t i = 0; i < f->n_hosts; i++) {
        ovsdb_client_wait(f->hosts[i].client);
    }
    poll_timer_wait_until(deadline);
    poll_block();
}

static struct ovsdb_client_status
get_status(const struct host *host)
{
    struct ovsdb_client_status status;

    ovsdb_client_get_status(host->client, &status);
    return status;
}

static unsigned int
n_repaired(const struct fixture *f)
{
    return get_status(&f->hosts[0]).n_repaired;
}

/* Writes a setting as somebody else and waits until the first host has seen
 * it, and with it all that was written before. */
static void
synchronize(struct fixture *f)
{
    static unsigned int n;
    const struct ovsdb_client *client = f->hosts[0].client;
    char value[16];
    unsigned int seqno;

    snprintf(value, sizeof value, "%u", ++n);
    ovsdb_sandbox_vsctl(&f->sandbox, "set open . external_ids:test=%s", value);
    UNTIL(f, ovsdb_client_settings(client, &seqno)
             && !strcmp(smap_get_def(ovsdb_client_settings(client, &seqno),
                                     "test", ""), value));
    UNTIL(f, !get_status(&f->hosts[0]).in_flight);
}

/* Lets the first host answer all that happened so far.  That may take several
 * transactions. */
static void
settle(struct fixture *f)
{
    unsigned int n;

    do {
        n = get_status(&f->hosts[0]).n_committed;
        synchronize(f);
        synchronize(f);
    } while (n != get_status(&f->hosts[0]).n_committed);
}

/* Occurrences of 's' in the log. */
static unsigned int
n_logged(const struct fixture *f, const char *s)
{
    FILE *stream = fopen(f->log, "r");
    char line[10 * MAX_LINE];
    unsigned int n = 0;

    assert_non_null(stream);
    while (fgets(line, sizeof line, stream)) {
        assert_true(strlen(line) < MAX_LINE);
        n += strstr(line, s) != NULL;
    }
    fclose(stream);
    return n;
}

/* Forgets what was logged. */
static void
truncate_log(const struct fixture *f)
{
    assert_int_equal(truncate(f->log, 0), 0);
}

/* "ovs-vsctl EDIT", where '@' stands for the tunnel's port and '%' for '@'. */
static void
edit(const struct fixture *f, const char *edit_)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (const char *p = edit_; *p; p++) {
        if (*p == '@') {
            ds_put_cstr(&s, f->name);
        } else {
            ds_put_char(&s, *p == '%' ? '@' : *p);
        }
    }
    ovsdb_sandbox_vsctl(&f->sandbox, "%s", ds_cstr(&s));
    ds_destroy(&s);
}

struct drift {
    const char *edit;
    const char *said;
};

/* Each is repaired, counted once and said once; and what is seen by whoever
 * looks is the same as before. */
static void
check_drift(struct fixture *f, const struct drift *drift, const char *object)
{
    const unsigned int before = n_repaired(f);
    char *said = xasprintf("repaired %s: somebody had %s", object,
                           drift->said);

    edit(f, drift->edit);
    UNTIL(f, n_repaired(f) > before);
    settle(f);
    if (n_repaired(f) != before + 1 || n_logged(f, said) != 1) {
        fail_msg("after \"%s\": %u repairs, \"%s\" said %u times",
                 drift->edit, n_repaired(f) - before, said,
                 n_logged(f, said));
    }
    free(said);
}

/* Has the database forget who fought over what: a new want. */
static void
want_anew(struct fixture *f)
{
    struct host *host = &f->hosts[0];

    host->spec.group++;
    ovsdb_client_want_tunnel(host->client, &host->spec);
    settle(f);
}

static char *
tunnel_object(const struct fixture *f)
{
    return xasprintf("tunnel %s to hv2 (vxlan, 192.0.2.2)", f->name);
}

static void
test_tunnels(void **state)
{
    static const struct drift drifts[] = {
        { "set interface @ options:remote_ip=rubbish",
          "changed options:remote_ip from \"192.0.2.2\" to \"rubbish\"" },
        { "remove interface @ options key",
          "changed options:key from \"flow\" to nothing" },
        { "set interface @ options:csum=false",
          "changed options:csum from nothing to \"false\"" },
        { "set interface @ type=gre",
          "changed type from \"vxlan\" to \"gre\"" },
        { "remove interface @ external_ids vtepd-owner",
          "changed external_ids:vtepd-owner from \"hv1\" to nothing" },
        { "set port @ external_ids:vtepd-peer=evil",
          "changed the port's external_ids:vtepd-peer from \"hv2\" to "
          "\"evil\"" },
        { "set interface @ bfd:enable=true",
          "changed bfd:enable from nothing to \"true\"" },
        { "--if-exists del-port @", "deleted it" },
    };
    struct fixture *f = *state;
    char *object = tunnel_object(f);

    settle(f);
    for (size_t i = 0; i < ARRAY_SIZE(drifts); i++) {
        check_drift(f, &drifts[i], object);
        want_anew(f);
    }
    assert_int_equal(n_repaired(f), ARRAY_SIZE(drifts));
    free(object);
}

/* Somebody makes of one wanted tunnel's port another wanted tunnel: it becomes
 * what it was, and nobody gets another name, whichever of the two ports has
 * the lower number. */
static void
test_type_of_another_tunnel(void **state)
{
    static const int numbers[][2] = { { 0, 0 }, { 1, 2 }, { 2, 1 } };
    static const struct drift drift = {
        "set interface @ type=geneve",
        "changed type from \"vxlan\" to \"geneve\""
    };
    struct fixture *f = *state;
    struct host *host = &f->hosts[0];
    char *object = tunnel_object(f);
    char other[TUNNEL_NAME_SIZE];

    host->also = host->spec;
    host->also.key.type = ENCAP_GENEVE;
    host->also.group++;
    tunnel_key_name(&host->also.key, 0, other);
    ovsdb_client_want_tunnel(host->client, &host->also);
    settle(f);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (numbers[i][0]) {
            ovsdb_sandbox_vsctl(&f->sandbox, "set interface %s ofport=%d -- "
                                "set interface %s ofport=%d", f->name,
                                numbers[i][0], other, numbers[i][1]);
            settle(f);
        }
        truncate_log(f);
        check_drift(f, &drift, object);
        edit(f, "get interface @ name");
        ovsdb_sandbox_vsctl(&f->sandbox, "get interface %s name", other);
        assert_int_equal(n_logged(f, "added tunnel"), 0);
        assert_int_equal(n_logged(f, "removed tunnel"), 0);
        want_anew(f);
    }
    free(object);
}

static void
test_port_is_moved(void **state)
{
    static const struct drift drift = {
        "-- --id=%p get port @ -- remove bridge br-int ports %p "
        "-- add bridge br1 ports %p", "moved it to bridge br1",
    };
    struct fixture *f = *state;
    char *object = tunnel_object(f);

    settle(f);
    edit(f, "add-br br1");
    check_drift(f, &drift, object);
    free(object);
}

static void
test_bridge(void **state)
{
    static const struct drift drifts[] = {
        { "set-fail-mode br-int standalone",
          "changed fail_mode from \"secure\" to \"standalone\"" },
        { "clear bridge br-int other_config",
          "changed other_config:disable-in-band from \"true\" to nothing" },
    };
    static const struct drift names[] = {
        { "clear bridge br-int flow_tables",
          "changed flow_tables:0 from \"classify\" to nothing, flow_tables:1 "
          "from \"tunnel_in\" to nothing" },
        { "set flow_table classify name=x",
          "changed flow_tables:0 from \"classify\" to \"x\"" },
    };
    struct fixture *f = *state;

    settle(f);
    for (size_t i = 0; i < ARRAY_SIZE(drifts); i++) {
        check_drift(f, &drifts[i], "bridge br-int");
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check_drift(f, &names[i], "the OpenFlow tables of bridge br-int");
    }
}

/* R32: the bridge and the tunnel's port are two repairs. */
static void
test_bridge_is_deleted(void **state)
{
    struct fixture *f = *state;

    settle(f);
    edit(f, "del-br br-int");
    UNTIL(f, n_repaired(f) == 2);
    settle(f);
    assert_int_equal(n_repaired(f), 2);
    assert_int_equal(n_logged(f, "repaired bridge br-int: somebody had "
                                 "deleted it"), 1);
}

static void
test_marks(void **state)
{
    static const struct drift drifts[] = {
        { "remove interface vm0 external_ids vtepd-installed",
          "changed external_ids:vtepd-installed from \"true\" to nothing" },
        { "set interface vm0 external_ids:vtepd-installed=no",
          "changed external_ids:vtepd-installed from \"true\" to \"no\"" },
    };
    struct fixture *f = *state;

    settle(f);
    edit(f, "add-port br-int vm0 -- set interface vm0 "
         "external_ids:iface-id=vm0");
    settle(f);
    ovsdb_client_set_installed(f->hosts[0].client, "vm0", true);
    settle(f);
    for (size_t i = 0; i < ARRAY_SIZE(drifts); i++) {
        check_drift(f, &drifts[i], "interface vm0");
    }

    /* Plugged out and in again it is another one. */
    edit(f, "del-port vm0 -- add-port br-int vm0 -- set interface vm0 "
         "external_ids:iface-id=vm0");
    settle(f);
    assert_int_equal(n_repaired(f), ARRAY_SIZE(drifts));
}

/* What vtepd changes itself is no drift. */
static void
test_own_changes(void **state)
{
    struct fixture *f = *state;
    struct ovsdb_client *client = f->hosts[0].client;
    const struct ovsdb_client_config config = {
        .owner = "hv1",
        .bridge = "br1",
        .datapath_type = "netdev",
    };

    settle(f);
    want_anew(f);
    ovsdb_client_unwant_tunnel(client, &f->hosts[0].spec.key);
    settle(f);
    ovsdb_client_want_tunnel(client, &f->hosts[0].spec);
    settle(f);
    ovsdb_client_set_table_names(client, table_names, 1);
    settle(f);
    ovsdb_client_configure(client, &config);
    settle(f);
    assert_int_equal(n_repaired(f), 0);
    assert_int_equal(n_logged(f, "somebody"), 0);
}

/* What others write can neither be long in our log nor forge a line of it. */
static void
test_hostile_values(void **state)
{
    struct fixture *f = *state;
    char value[1001];

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    settle(f);
    ovsdb_sandbox_vsctl(&f->sandbox, "set interface %s external_ids:"
                        "vtepd-peer=a\nb\"c -- set interface %s "
                        "options:key=%s", f->name, f->name, value);
    UNTIL(f, n_repaired(f) == 1);
    assert_int_equal(n_logged(f, "options:key from \"flow\" to \"xxx"), 1);
    assert_int_equal(n_logged(f, "xxx...\""), 1);
    assert_int_equal(n_logged(f, "from \"hv2\" to \"a?b?c\""), 1);
}

/* How many rows are named as being fought over. */
static size_t
n_fights(const struct host *host)
{
    struct svec fights = SVEC_EMPTY_INITIALIZER;

    ovsdb_client_get_fights(host->client, &fights);
    size_t n = fights.n;
    svec_destroy(&fights);
    return n;
}

/* Who insists is given way to, but not for long. */
static void
test_fight(void **state)
{
    struct fixture *f = *state;
    unsigned int n = 0;

    settle(f);
    while (!n_fights(&f->hosts[0])) {
        edit(f, "set interface @ options:remote_ip=192.0.2.9");
        UNTIL(f, n_repaired(f) == n + 1);
        n++;
    }
    assert_in_range(n, 3, 6);
    assert_int_equal(n_logged(f, "again and again"), 1);

    edit(f, "set interface @ options:remote_ip=192.0.2.9");
    settle(f);
    assert_int_equal(n_repaired(f), n);
    UNTIL(f, n_repaired(f) == n + 1);
    assert_int_equal(n_logged(f, "again and again"), 1);
    assert_int_equal(n_fights(&f->hosts[0]), 1);
}

static unsigned int
n_both_committed(const struct fixture *f)
{
    return (get_status(&f->hosts[0]).n_committed
            + get_status(&f->hosts[1]).n_committed);
}

/* Two vtepd with the same host id that want the same port on different
 * bridges.  (On one bridge the second would leave.) */
static void
test_two_of_us(void **state)
{
    struct fixture *f = *state;
    struct host *other = add_host(f, "br-x");

    UNTIL(f, n_fights(&f->hosts[0]) && n_fights(other));

    /* Of two rows each may be written six times at once, then after 1 s and
     * after 2 s more; without an end to it there would be hundreds. */
    const long long int end = time_msec() + 3000;
    while (n_both_committed(f) <= 50 && time_msec() < end) {
        pass(f);
        block(f, end);
    }
    assert_in_range(n_both_committed(f), 12, 50);
}

/* A port may have our name though no interface has, and a port that another
 * host's id stands on is foreign, on our bridge too. */
static void
test_foreign_rows(void **state)
{
    struct fixture *f = *state;

    ovsdb_sandbox_vsctl(&f->sandbox, "add-br br1 -- add-bond br1 %s e0 e1",
                        f->name);
    UNTIL(f, n_logged(f, "a port of that name exists that is not ours") == 1);
    settle(f);
    edit(f, "set port @ external_ids:vtepd-owner=hv3 "
         "-- set interface e0 external_ids:vtepd-owner=hv3 type=gre");
    settle(f);
    edit(f, "get interface e0 name -- get interface e1 name -- get port @ "
         "name");
    assert_int_equal(n_repaired(f), 0);
    assert_int_equal(get_status(&f->hosts[0]).n_failed, 0);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tunnels),
        TEST(test_type_of_another_tunnel),
        TEST(test_port_is_moved),
        TEST(test_bridge),
        TEST(test_bridge_is_deleted),
        TEST(test_marks),
        TEST(test_own_changes),
        TEST(test_hostile_values),
        TEST(test_fight),
        TEST(test_two_of_us),
        TEST(test_foreign_rows),
    };

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    vlog_set_levels(NULL, VLF_FILE, VLL_INFO);
    if (getenv("TEST")) {
        cmocka_set_test_filter(getenv("TEST"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
