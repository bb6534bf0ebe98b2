/* SPDX-License-Identifier: Apache-2.0 */

/* Any random history of lists, port changes and settings, applied
 * incrementally, in portions, with batches that fail, ends where computing
 * from scratch ends.
 *
 * A model of the switch takes the overlay's output as the real one does: per
 * run all deletions of flows first, then all additions.  A model of OVSDB gives
 * wanted tunnel ports their ofports late and in random order.  At the end of
 * each history a fresh overlay over the same inventory, ports and settings
 * must want the same switch; only the numbers of groups may differ, which are
 * compared by where they lead. */

#include <config.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/flow-spec.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "sset.h"
#include "svec.h"
#include "util.h"

#define N_HISTORIES 10000
#define N_STEPS 40

enum { N_HOSTS = 4, N_SEGMENTS = 4, N_ENDPOINTS = 10, N_PORTS = 5 };

/* Randomness with a seed that is printed, so that a failure can be seen
 * again. */
static uint64_t random_state;

static uint32_t
rnd(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005)
                   + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

static bool
one_in(uint32_t n)
{
    return !rnd(n);
}

/* The model of the switch and of OVSDB. */

struct model {
    struct overlay *overlay;
    struct overlay_sink sink;
    struct shash flows;         /* "table,priority,match" -> actions. */
    uint32_t groups[256];       /* ofport; UINT32_MAX: no such group. */
    struct sset served;
    struct svec additions, deletions;   /* Of the run under way. */
    struct svec added_actions;
    struct shash tunnels;       /* Wanted: key as text -> struct want. */
    bool broken;                /* Lose what is told: a failed bundle. */
};

struct want {
    struct tunnel_key key;
    char *peer, *segment;
    uint32_t group, ofport;
};

static char *
flow_key(const struct flow_entry *e)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%d,%d,", e->table, e->priority);
    match_format(&e->match, NULL, &s, e->priority);
    return ds_steal_cstr(&s);
}

static char *
flow_actions(const struct flow_entry *e)
{
    struct ofpact_format_params fp = { .s = NULL };
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%#"PRIx64" ", e->cookie);
    fp.s = &s;
    ofpacts_format(e->actions.data, e->actions.size, &fp);
    return ds_steal_cstr(&s);
}

static void
model_flow(void *m_, const struct flow_entry *e, bool add)
{
    struct model *m = m_;

    if (add) {
        svec_add_nocopy(&m->additions, flow_key(e));
        svec_add_nocopy(&m->added_actions, flow_actions(e));
    } else {
        svec_add_nocopy(&m->deletions, flow_key(e));
    }
}

static void
model_group(void *m_, uint32_t group, uint32_t ofport)
{
    struct model *m = m_;

    assert_in_range(group, 1, ARRAY_SIZE(m->groups) - 1);
    m->groups[group] = ofport;
}

static void
model_group_deleted(void *m_, uint32_t group)
{
    struct model *m = m_;

    assert_true(m->groups[group] != UINT32_MAX);
    m->groups[group] = UINT32_MAX;
}

static char *
key_text(const struct tunnel_key *key)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s ", encap_to_string(key->type));
    ipv6_format_mapped(&key->local_ip, &s);
    ds_put_char(&s, ' ');
    ipv6_format_mapped(&key->remote_ip, &s);
    ds_put_format(&s, " %u %u", key->vni, key->dst_port);
    return ds_steal_cstr(&s);
}

static void
free_want(struct want *w)
{
    free(w->peer);
    free(w->segment);
    free(w);
}

static void
model_wanted(void *m_, const struct tunnel_spec *spec)
{
    struct model *m = m_;
    char *name = key_text(&spec->key);
    struct want *w = shash_find_data(&m->tunnels, name);

    if (!w) {
        w = xzalloc(sizeof *w);
        w->key = spec->key;
        shash_add(&m->tunnels, name, w);
    }
    free(w->peer);
    free(w->segment);
    w->peer = xstrdup(spec->peer);
    w->segment = nullable_xstrdup(spec->segment);
    w->group = spec->group;
    free(name);
}

static void
tell_tunnel_port(struct model *m, const struct want *w, bool gone)
{
    char name[TUNNEL_NAME_SIZE];
    struct tunnel_port port = {
        .key = w->key, .name = name, .peer = w->peer, .segment = w->segment,
        .group = w->group, .ofport = w->ofport,
    };

    tunnel_key_name(&w->key, 0, name);
    overlay_tunnel_port_changed(m->overlay, gone ? &port : NULL,
                                gone ? NULL : &port);
}

static void
model_unwanted(void *m_, const struct tunnel_key *key)
{
    struct model *m = m_;
    char *name = key_text(key);
    struct want *w = shash_find_and_delete(&m->tunnels, name);

    assert_non_null(w);
    if (w->ofport) {
        tell_tunnel_port(m, w, true);
    }
    free_want(w);
    free(name);
}

static void
model_served(void *m_, const char *port, bool served)
{
    struct model *m = m_;

    if (served) {
        sset_add(&m->served, port);
    } else {
        assert_true(sset_find_and_delete(&m->served, port));
    }
}

static void
apply_batch(struct model *m)
{
    for (size_t i = 0; i < m->deletions.n; i++) {
        char *actions = shash_find_and_delete(&m->flows,
                                              m->deletions.names[i]);

        if (!actions && !m->broken) {
            fail_msg("deletes a flow that is not there: %s",
                     m->deletions.names[i]);
        }
        free(actions);
    }
    for (size_t i = 0; i < m->additions.n; i++) {
        free(shash_replace(&m->flows, m->additions.names[i],
                           xstrdup(m->added_actions.names[i])));
    }
    svec_clear(&m->deletions);
    svec_clear(&m->additions);
    svec_clear(&m->added_actions);
}

static void
collect_flow(const struct flow_entry *e, void *flows_)
{
    struct shash *flows = flows_;
    char *key = flow_key(e);

    if (!shash_add_once(flows, key, flow_actions(e))) {
        fail_msg("two records give one flow: %s", key);
    }
    free(key);
}

static void
collect_group(uint32_t group, uint32_t ofport, void *m_)
{
    struct model *m = m_;

    m->groups[group] = ofport;
}

/* What the agent does after a failed bundle: all that should be there. */
static void
resync(struct model *m)
{
    shash_clear_free_data(&m->flows);
    overlay_for_each_flow(m->overlay, collect_flow, &m->flows);
    memset(m->groups, 0xff, sizeof m->groups);
    overlay_for_each_group(m->overlay, collect_group, m);
}

static bool
run(struct model *m, long long int now, size_t max_work)
{
    bool done = overlay_run(m->overlay, now, max_work);

    if (!m->broken) {
        apply_batch(m);
    } else {
        svec_clear(&m->deletions);
        svec_clear(&m->additions);
        svec_clear(&m->added_actions);
    }
    if (done && m->broken) {
        resync(m);
        m->broken = false;
    }
    return done;
}

static void
model_init(struct model *m, struct inventory *inv)
{
    m->sink = (struct overlay_sink) {
        .aux = m,
        .flow = model_flow,
        .group = model_group,
        .group_deleted = model_group_deleted,
        .tunnel_wanted = model_wanted,
        .tunnel_unwanted = model_unwanted,
        .port_served = model_served,
    };
    shash_init(&m->flows);
    memset(m->groups, 0xff, sizeof m->groups);
    sset_init(&m->served);
    svec_init(&m->additions);
    svec_init(&m->added_actions);
    svec_init(&m->deletions);
    shash_init(&m->tunnels);
    m->broken = false;
    m->overlay = overlay_create(inv, &m->sink);
}

static void
model_destroy(struct model *m)
{
    struct shash_node *node;

    overlay_destroy(m->overlay);
    shash_destroy_free_data(&m->flows);
    sset_destroy(&m->served);
    svec_destroy(&m->additions);
    svec_destroy(&m->added_actions);
    svec_destroy(&m->deletions);
    SHASH_FOR_EACH (node, &m->tunnels) {
        free_want(node->data);
    }
    shash_destroy(&m->tunnels);
}

/* The world: what both overlays look at. */

struct world {
    struct inventory *inventory;
    struct object *objects[N_OBJECT_KINDS][16];
    struct vm_port ports[N_PORTS];
    char port_names[N_PORTS][8], port_ids[N_PORTS][8];
    bool port_there[N_PORTS];
    struct overlay_settings settings;
    long long int now;
};

static struct in6_addr
ip4(uint32_t ip)
{
    struct in6_addr a;

    in6_addr_set_mapped_ipv4(&a, htonl(ip));
    return a;
}

static struct in6_addr
ip6(uint32_t low)
{
    struct in6_addr a;

    assert_true(ipv6_parse("fd00::", &a));
    a.s6_addr[14] = low >> 8;
    a.s6_addr[15] = low;
    return a;
}

static struct eth_addr
mac(uint8_t n)
{
    struct eth_addr a = ETH_ADDR_C(02,00,00,00,00,00);

    a.ea[5] = n;
    return a;
}

static struct object *
make_host(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct host_object *h = &o->host;

    o->kind = OBJECT_HOST;
    o->id = xasprintf("hv%"PRIu32, i);
    h->tunnels = xcalloc(4, sizeof *h->tunnels);
    h->n_tunnels = rnd(4);
    for (size_t j = 0; j < h->n_tunnels; j++) {
        bool v6 = one_in(4);
        uint32_t last = one_in(6) ? rnd(N_HOSTS) + 1 : i + 1;

        h->tunnels[j].type = rnd(3) + 1;
        h->tunnels[j].ip = v6 ? ip6(last) : ip4(0xc0000200 + last);
        h->tunnels[j].port = one_in(5) ? 4790 : 0;
    }
    return o;
}

static struct object *
make_segment(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct segment_object *s = &o->segment;

    o->kind = OBJECT_SEGMENT;
    o->id = xasprintf("seg%"PRIu32, i);
    s->vni = 77 + rnd(3);
    s->encap = one_in(2) ? ENCAP_NONE : rnd(3) + 1;
    s->broadcast = one_in(2) ? POLICY_DROP : POLICY_REPLICATE;
    s->unknown_unicast = one_in(2) ? POLICY_DROP : POLICY_REPLICATE;
    s->multicast = rnd(3);
    return o;
}

static struct object *
make_endpoint(uint32_t i)
{
    struct object *o = xzalloc(sizeof *o);
    struct endpoint_object *e = &o->endpoint;

    o->kind = OBJECT_ENDPOINT;
    o->id = xasprintf("vm%"PRIu32, i);
    e->segment = xasprintf("seg%"PRIu32, rnd(N_SEGMENTS));
    e->host = xasprintf("hv%"PRIu32, rnd(N_HOSTS));
    e->mac = mac(one_in(4) ? rnd(N_ENDPOINTS) : i);
    e->port_security = !one_in(5);
    e->ips = xcalloc(2, sizeof *e->ips);
    e->n_ips = rnd(3);
    for (size_t j = 0; j < e->n_ips; j++) {
        uint32_t last = one_in(4) ? rnd(N_ENDPOINTS) : i;

        e->ips[j] = j ? ip6(last + 1) : ip4(0x0a000001 + last);
    }
    e->pairs = xcalloc(2, sizeof *e->pairs);
    e->n_pairs = one_in(3) ? rnd(3) : 0;
    for (size_t j = 0; j < e->n_pairs; j++) {
        e->pairs[j].mac = one_in(2) ? e->mac : mac(100 + rnd(2));
        e->pairs[j].ip.addr = ip4(0x0a000000 + (j ? 0 : 100 + rnd(2)));
        e->pairs[j].ip.plen = j ? 120 : 128;
    }
    return o;
}

static struct object *
clone_object(const struct object *o)
{
    struct object *c = xmemdup(o, sizeof *o);

    c->id = xstrdup(o->id);
    switch (o->kind) {
    case OBJECT_HOST:
        c->host.tunnels = xmemdup(o->host.tunnels,
                                  4 * sizeof *o->host.tunnels);
        break;
    case OBJECT_ENDPOINT:
        c->endpoint.segment = xstrdup(o->endpoint.segment);
        c->endpoint.host = xstrdup(o->endpoint.host);
        c->endpoint.ips = xmemdup(o->endpoint.ips,
                                  2 * sizeof *o->endpoint.ips);
        c->endpoint.pairs = xmemdup(o->endpoint.pairs,
                                    2 * sizeof *o->endpoint.pairs);
        break;
    case OBJECT_SEGMENT:
    case OBJECT_ROUTER:
        break;
    }
    return c;
}

static void
change_object(struct world *w)
{
    static const struct {
        enum object_kind kind;
        int n;
        struct object *(*make)(uint32_t);
    } kinds[] = {
        { OBJECT_HOST, N_HOSTS, make_host },
        { OBJECT_SEGMENT, N_SEGMENTS, make_segment },
        { OBJECT_ENDPOINT, N_ENDPOINTS, make_endpoint },
    };
    int k = one_in(4) ? 0 : one_in(4) ? 1 : 2;
    int i = rnd(kinds[k].n);
    struct object **o = &w->objects[kinds[k].kind][i];

    object_destroy(*o);
    *o = one_in(4) ? NULL : kinds[k].make(i);
}

static void
list(struct world *w, bool abort_it)
{
    static const struct deletion_guard guard = { .max_percent = 100 };
    struct list_result result;

    inventory_list_begin(w->inventory);
    for (int i = 0; i < 16; i++) {
        for (int kind = N_OBJECT_KINDS - 1; kind >= 0; kind--) {
            if (w->objects[kind][i]) {
                inventory_list_add(w->inventory,
                                   clone_object(w->objects[kind][i]));
            }
        }
    }
    if (abort_it) {
        inventory_list_abort(w->inventory);
    } else {
        inventory_list_end(w->inventory, true, &guard, w->now, &result);
        inventory_approve_deletions(w->inventory, w->now);
    }
}

static void
change_port(struct world *w, struct model *m)
{
    int i = rnd(N_PORTS);
    struct vm_port old = w->ports[i];
    bool was_there = w->port_there[i];
    char old_id[8];

    ovs_strlcpy(old_id, w->port_ids[i], sizeof old_id);
    old.iface_id = old_id;
    w->port_there[i] = !one_in(3);
    if (w->port_there[i]) {
        snprintf(w->port_names[i], sizeof w->port_names[i], "tap%d", i);
        snprintf(w->port_ids[i], sizeof w->port_ids[i], "vm%d",
                 (int) rnd(N_ENDPOINTS + 1));
        w->ports[i] = (struct vm_port) {
            .name = w->port_names[i],
            .iface_id = w->port_ids[i],
            .ofport = one_in(6) ? 0 : 1 + i * 2 + rnd(2),
            .active = !one_in(6),
            .has_mac = one_in(3),
            .mac = mac(rnd(N_ENDPOINTS)),
        };
    }
    if (was_there || w->port_there[i]) {
        overlay_vm_port_changed(m->overlay, was_there ? &old : NULL,
                                w->port_there[i] ? &w->ports[i] : NULL);
    }
}

static void
change_settings(struct world *w)
{
    struct overlay_settings *s = &w->settings;

    s->host = "hv0";
    s->has_local[0] = true;
    s->local[0] = ip4(0xc0000200 + (one_in(6) ? 99 : 1));
    s->has_local[1] = one_in(2);
    s->local[1] = ip6(1);
    s->types[0] = ENCAP_VXLAN;
    s->types[1] = ENCAP_GRE;
    s->n_types = 2;
    s->segment_key = one_in(2);
    s->bfd = one_in(2);
    s->linger = rnd(3) * 1000;
}

/* Gives some wanted tunnel their ofport, or all. */
static void
give_ofports(struct model *m, bool all)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &m->tunnels) {
        struct want *w = node->data;

        if (!w->ofport && (all || one_in(2))) {
            /* A function of the key, so that two models agree. */
            w->ofport = 32768 + hash_string(node->name, 0) % 30000;
            tell_tunnel_port(m, w, false);
        }
    }
}

static void
step(struct world *w, struct model *m)
{
    switch (rnd(8)) {
    case 0:
    case 1:
    case 2:
        for (int n = rnd(4); n >= 0; n--) {
            change_object(w);
        }
        list(w, one_in(10));
        break;
    case 3:
    case 4:
        change_port(w, m);
        break;
    case 5:
        give_ofports(m, false);
        break;
    case 6:
        w->now += rnd(3000);
        break;
    case 7:
        if (one_in(4)) {
            change_settings(w);
            overlay_configure(m->overlay, &w->settings);
        }
        m->broken = m->broken || one_in(5);
        break;
    }
    if (!one_in(3)) {
        run(m, w->now, rnd(4));
    }
}

/* Lets everything come to rest, past every linger. */
static void
settle(struct world *w, struct model *m)
{
    for (int i = 0; i < 100; i++) {
        bool done = run(m, w->now, 5);

        give_ofports(m, true);
        if (done) {
            w->now += 10000;
        }
    }
    assert_true(run(m, w->now, 5));
    assert_true(m->additions.n == 0);
}

/* A model as text, group numbers replaced by what they stand for. */
static char *
group_meaning(const struct model *m, uint32_t group)
{
    struct shash_node *node;

    if (m->groups[group] == UINT32_MAX) {
        fail_msg("a flow leads to group %u, which there is not", group);
    }
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct want *w = node->data;

        if (w->ofport && w->ofport == m->groups[group]) {
            return xasprintf("<%s>", node->name);
        }
    }
    assert_int_equal(m->groups[group], 0);
    return xstrdup("<nowhere>");
}

static void
add_actions(const struct model *m, struct ds *s, const char *actions)
{
    struct svec groups = SVEC_EMPTY_INITIALIZER;
    char *copy = xstrdup(actions), *save = NULL;

    for (char *a = strtok_r(copy, ",", &save); a;
         a = strtok_r(NULL, ",", &save)) {
        uint32_t group;

        if (ovs_scan(a, "group:%"SCNu32, &group)) {
            svec_add_nocopy(&groups, group_meaning(m, group));
        } else if (ovs_scan(strrchr(a, ' ') ? strrchr(a, ' ') + 1 : a,
                            "group:%"SCNu32, &group)) {
            ds_put_buffer(s, a, strrchr(a, ' ') - a);
            svec_add_nocopy(&groups, group_meaning(m, group));
        } else {
            ds_put_format(s, "%s,", a);
        }
    }
    svec_sort(&groups);
    for (size_t i = 0; i < groups.n; i++) {
        ds_put_format(s, "%s,", groups.names[i]);
    }
    svec_destroy(&groups);
    free(copy);
}

static char *
model_text(const struct model *m)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    struct shash_node *node;
    const char *port;

    SHASH_FOR_EACH (node, &m->flows) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_format(&s, "flow %s ", node->name);
        add_actions(m, &s, node->data);
        svec_add_nocopy(&lines, ds_steal_cstr(&s));
    }
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct want *w = node->data;

        svec_add_nocopy(&lines, xasprintf("tunnel %s to %s for %s",
                                          node->name, w->peer,
                                          w->segment ? w->segment : "all"));
    }
    SSET_FOR_EACH (port, &m->served) {
        svec_add_nocopy(&lines, xasprintf("served %s", port));
    }
    svec_sort(&lines);
    char *text = svec_join(&lines, "\n", "\n");
    svec_destroy(&lines);
    return text;
}

/* A link that leads nowhere keeps its flows but has no tunnel, so unreachable
 * peers are the same in both models. */
static char *
compute_from_scratch(struct world *w)
{
    struct inventory *old = w->inventory;
    struct model m;

    w->inventory = inventory_create();
    model_init(&m, w->inventory);
    overlay_configure(m.overlay, &w->settings);
    list(w, false);
    for (int i = 0; i < N_PORTS; i++) {
        if (w->port_there[i]) {
            overlay_vm_port_changed(m.overlay, NULL, &w->ports[i]);
        }
    }
    settle(w, &m);
    char *text = model_text(&m);
    model_destroy(&m);
    inventory_destroy(w->inventory);
    w->inventory = old;
    return text;
}

/* Prints the lines of 'a' that 'b' lacks. */
static void
print_difference(const char *title, const char *a, const char *b)
{
    char *copy = xstrdup(a), *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (!strstr(b, line)) {
            fprintf(stderr, "%s%s\n", title, line);
        }
    }
    free(copy);
}

static void
check_history(uint64_t seed)
{
    struct world w;
    struct model m;

    random_state = seed;
    memset(&w, 0, sizeof w);
    w.now = 1000;
    w.inventory = inventory_create();
    model_init(&m, w.inventory);
    change_settings(&w);
    overlay_configure(m.overlay, &w.settings);
    for (int i = 0; i < N_STEPS; i++) {
        step(&w, &m);
    }
    list(&w, false);
    settle(&w, &m);

    char *incremental = model_text(&m);
    char *scratch = compute_from_scratch(&w);
    if (strcmp(incremental, scratch)) {
        print_difference("incremental only: ", incremental, scratch);
        print_difference("from scratch only: ", scratch, incremental);
        fail_msg("they differ; SEED=%"PRIu64" runs this history alone", seed);
    }
    free(incremental);
    free(scratch);

    model_destroy(&m);
    inventory_destroy(w.inventory);
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        for (int i = 0; i < 16; i++) {
            object_destroy(w.objects[kind][i]);
        }
    }
}

static void
test_incremental_is_from_scratch(void **state OVS_UNUSED)
{
    const char *one = getenv("SEED");

    if (one) {
        check_history(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= N_HISTORIES; seed++) {
        check_history(seed);
    }
    print_message("%d histories of %d steps\n", N_HISTORIES, N_STEPS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_incremental_is_from_scratch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
