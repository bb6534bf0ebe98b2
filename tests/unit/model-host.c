/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/model-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/attachments.h"
#include "core/conflicts.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "tests/unit/inventory-text.h"
#include "util.h"

/* The sink. */

/* "table=40, priority=100,... actions=..." in two. */
static char *
split_flow(const struct flow_entry *e, char **actions)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *text, *a;

    flow_entry_format(e, &s);
    text = ds_cstr(&s);
    a = strstr(text, " actions=");
    assert_non_null(a);
    *a = '\0';
    *actions = xasprintf("%s%s", a + strlen(" actions="),
                         e->actions.size ? "" : " because ");
    if (!e->actions.size) {
        char *why = xasprintf("%s%s", *actions, drop_cause_to_string(
                                  e->cookie & 0xff));

        free(*actions);
        *actions = why;
    }

    char *key = xstrdup(strstr(text, "table="));
    ds_destroy(&s);
    return key;
}

static void
model_flow(void *h_, const struct flow_entry *e, bool add)
{
    struct model_host *h = h_;
    char *actions, *key = split_flow(e, &actions);

    h->n_told++;
    assert_int_equal(e->cookie & ~UINT64_C(0xff), FLOW_COOKIE_BASE);
    if (add) {
        svec_add_nocopy(&h->additions, key);
        svec_add_nocopy(&h->addition_actions, actions);
    } else {
        svec_add_nocopy(&h->deletions, key);
        free(actions);
    }
}

static void
model_group(void *h_, uint32_t group, uint32_t ofport)
{
    struct model_host *h = h_;
    struct model_group *g;

    h->n_told++;
    assert_in_range(group, 1, MODEL_MAX_GROUPS - 1);
    g = &h->groups[group];
    if (g->exists && g->ofport && !ofport) {
        g->n_outages++;
    }
    g->exists = true;
    g->ofport = ofport;
}

static void
model_group_deleted(void *h_, uint32_t group)
{
    struct model_host *h = h_;

    h->n_told++;
    assert_in_range(group, 1, MODEL_MAX_GROUPS - 1);
    assert_true(h->groups[group].exists);
    h->groups[group].exists = false;
    h->groups[group].ofport = 0;
}

static char *
key_text(const struct tunnel_key *key)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s ", encap_to_string(key->type));
    ipv6_format_mapped(&key->local_ip, &s);
    ds_put_cstr(&s, "->");
    ipv6_format_mapped(&key->remote_ip, &s);
    if (key->vni) {
        ds_put_format(&s, " key=%"PRIu32, key->vni);
    }
    if (key->dst_port) {
        ds_put_format(&s, " port=%"PRIu16, key->dst_port);
    }
    return ds_steal_cstr(&s);
}

static void
model_tunnel_wanted(void *h_, const struct tunnel_spec *spec)
{
    struct model_host *h = h_;
    char *text = key_text(&spec->key);
    struct model_tunnel *t = shash_find_data(&h->tunnels, text);

    h->n_told++;
    assert_int_not_equal(spec->group, 0);
    assert_true(h->groups[spec->group].exists);
    assert_int_equal(!spec->key.vni, !spec->segment);
    if (!t) {
        t = xzalloc(sizeof *t);
        t->key = spec->key;
        shash_add(&h->tunnels, text, t);
    }
    free(text);
    free(t->peer);
    free(t->segment);
    t->wanted = true;
    t->peer = xstrdup(spec->peer);
    t->segment = nullable_xstrdup(spec->segment);
    t->group = spec->group;
    t->bfd = spec->bfd;
}

static void
model_tunnel_unwanted(void *h_, const struct tunnel_key *key)
{
    struct model_host *h = h_;
    char *text = key_text(key);
    struct model_tunnel *t = shash_find_data(&h->tunnels, text);

    h->n_told++;
    assert_non_null(t);
    assert_true(t->wanted || t->port);
    t->wanted = false;
    free(text);
}

static void
model_port_served(void *h_, const char *port, bool served)
{
    struct model_host *h = h_;

    if (served) {
        assert_true(shash_find_data(&h->ports, port) != NULL);
        sset_add(&h->served, port);
    } else {
        sset_find_and_delete(&h->served, port);
    }
}

/* Life. */

struct model_host *
model_host_create(const char *id, const char *ip, const char *ip6)
{
    struct model_host *h = xzalloc(sizeof *h);
    const char *ips[] = { ip, ip6 };

    h->inventory = inventory_create();
    h->sink = (struct overlay_sink) {
        .aux = h,
        .flow = model_flow,
        .group = model_group,
        .group_deleted = model_group_deleted,
        .tunnel_wanted = model_tunnel_wanted,
        .tunnel_unwanted = model_tunnel_unwanted,
        .port_served = model_port_served,
    };
    shash_init(&h->flows);
    shash_init(&h->tunnels);
    shash_init(&h->ports);
    sset_init(&h->served);
    svec_init(&h->additions);
    svec_init(&h->addition_actions);
    svec_init(&h->deletions);
    svec_init(&h->conflicts);
    h->next_ofport = 32768;
    h->now = 1000;
    h->overlay = overlay_create(h->inventory, &h->sink);
    h->settings = (struct overlay_settings) {
        .host = id,
        .types = { ENCAP_VXLAN, ENCAP_GRE },
        .n_types = 2,
        .linger = 30000,
    };
    for (int i = 0; i < 2; i++) {
        if (ips[i]) {
            h->settings.has_local[i] = true;
            h->settings.local[i] = ip_from_text(ips[i]);
        }
    }
    model_configure(h);
    return h;
}

static void
free_vm_port(struct vm_port *port)
{
    free(CONST_CAST(char *, port->name));
    free(CONST_CAST(char *, port->iface_id));
    free(port);
}

void
model_host_destroy(struct model_host *h)
{
    struct shash_node *node;

    overlay_destroy(h->overlay);
    inventory_destroy(h->inventory);
    shash_destroy_free_data(&h->flows);
    SHASH_FOR_EACH (node, &h->tunnels) {
        struct model_tunnel *t = node->data;

        free(t->peer);
        free(t->segment);
    }
    shash_destroy_free_data(&h->tunnels);
    SHASH_FOR_EACH (node, &h->ports) {
        free_vm_port(node->data);
    }
    shash_destroy(&h->ports);
    sset_destroy(&h->served);
    svec_destroy(&h->additions);
    svec_destroy(&h->addition_actions);
    svec_destroy(&h->deletions);
    svec_destroy(&h->conflicts);
    free(h);
}

/* Running. */

static void
count_flow(const struct flow_entry *e, void *stands)
{
    char *actions, *key = split_flow(e, &actions);

    if (!shash_add_once(stands, key, actions)) {
        fail_msg("two flows \"%s\"", key);
    }
    free(key);
}

static void
check_group(uint32_t group, uint32_t ofport, void *h_)
{
    struct model_host *h = h_;

    assert_true(h->groups[group].exists);
    assert_int_equal(h->groups[group].ofport, ofport);
    h->groups[group].ofport = ofport;
}

/* Every group that the actions name is there. */
static void
check_groups_of(const struct model_host *h, const char *actions)
{
    for (const char *p = actions; (p = strstr(p, "group:")); p++) {
        uint32_t group = atoi(p + strlen("group:"));

        assert_in_range(group, 1, MODEL_MAX_GROUPS - 1);
        if (!h->groups[group].exists) {
            fail_msg("\"%s\": there is no such group", actions);
        }
    }
}

static void
check_model(struct model_host *h)
{
    struct shash stands = SHASH_INITIALIZER(&stands);
    struct overlay_counts counts;
    struct shash_node *node;

    overlay_for_each_flow(h->overlay, count_flow, &stands);
    SHASH_FOR_EACH (node, &stands) {
        const char *actions = shash_find_data(&h->flows, node->name);

        if (!actions || strcmp(actions, node->data)) {
            fail_msg("flow \"%s\": is \"%s\", but \"%s\" is wanted",
                     node->name, actions ? actions : "not there",
                     (char *) node->data);
        }
        check_groups_of(h, actions);
    }
    SHASH_FOR_EACH (node, &h->flows) {
        if (!shash_find(&stands, node->name)) {
            fail_msg("flow \"%s\" is there, but not wanted", node->name);
        }
    }
    overlay_get_counts(h->overlay, &counts);
    assert_int_equal(counts.n_flows, shash_count(&stands));
    shash_destroy_free_data(&stands);

    overlay_for_each_group(h->overlay, check_group, h);
    assert_int_equal(counts.n_groups, model_n_groups(h));
    assert_int_equal(counts.n_local, sset_count(&h->served));
}

static void
apply_run(struct model_host *h)
{
    for (size_t i = 0; i < h->deletions.n; i++) {
        char *actions = shash_find_and_delete(&h->flows,
                                              h->deletions.names[i]);

        if (!actions) {
            fail_msg("deletes \"%s\", which is not there",
                     h->deletions.names[i]);
        }
        free(actions);
    }
    for (size_t i = 0; i < h->additions.n; i++) {
        free(shash_replace(&h->flows, h->additions.names[i],
                           xstrdup(h->addition_actions.names[i])));
    }
    svec_clear(&h->deletions);
    svec_clear(&h->additions);
    svec_clear(&h->addition_actions);
}

static void
tell_conflict(const char *sentence, bool resolved, void *h_)
{
    struct model_host *h = h_;

    svec_sort(&h->conflicts);
    assert_int_equal(svec_contains(&h->conflicts, sentence), resolved);
    if (resolved) {
        svec_del(&h->conflicts, sentence);
    } else {
        svec_add(&h->conflicts, sentence);
    }
}

void
model_run(struct model_host *h)
{
    bool done;
    int n = 0;

    do {
        done = overlay_run(h->overlay, h->now, 3);
        apply_run(h);
        check_model(h);
        assert_true(n++ < 10000);
    } while (!done);
    conflicts_tell(overlay_conflicts(h->overlay), tell_conflict, h);

    struct svec standing = SVEC_EMPTY_INITIALIZER;
    conflicts_get(overlay_conflicts(h->overlay), &standing);
    svec_sort(&h->conflicts);
    svec_unique(&standing);
    assert_true(svec_equal(&standing, &h->conflicts));
    svec_destroy(&standing);
}

void
model_configure(struct model_host *h)
{
    overlay_configure(h->overlay, &h->settings);
    model_run(h);
}

void
model_list(struct model_host *h, const char *text)
{
    inventory_list_text(h->inventory, text);
    model_run(h);
}

/* Ports. */

void
model_set_port(struct model_host *h, const struct vm_port *port)
{
    struct vm_port *old = shash_find_data(&h->ports, port->name);
    struct vm_port *new = xmemdup(port, sizeof *port);

    new->name = xstrdup(port->name);
    new->iface_id = xstrdup(port->iface_id);
    overlay_vm_port_changed(h->overlay, old, new);
    shash_replace(&h->ports, port->name, new);
    if (old) {
        free_vm_port(old);
    }
    model_run(h);
}

void
model_plug(struct model_host *h, const char *name, const char *id,
           uint32_t ofport)
{
    model_set_port(h, &(struct vm_port) { .name = name, .iface_id = id,
                                          .ofport = ofport, .active = true });
}

void
model_unplug(struct model_host *h, const char *name)
{
    struct vm_port *old = shash_find_and_delete(&h->ports, name);

    assert_non_null(old);
    overlay_vm_port_changed(h->overlay, old, NULL);
    free_vm_port(old);
    model_run(h);
}

/* Returns true if something changed. */
static bool
give_port(struct model_host *h, const char *text, struct model_tunnel *t)
{
    struct tunnel_port port = {
        .key = t->key,
        .name = text,           /* As unique as a name. */
        .peer = t->peer,
        .segment = t->segment,
        .group = t->group,
        .ofport = t->ofport,
    };

    if (t->wanted && !t->ofport) {
        port.ofport = t->ofport = h->next_ofport++;
        overlay_tunnel_port_changed(h->overlay, NULL, &port);
        t->port = true;
        return true;
    } else if (!t->wanted && t->port) {
        overlay_tunnel_port_changed(h->overlay, &port, NULL);
        t->port = false;
        t->ofport = 0;
        return true;
    }
    return false;
}

void
model_give_ports(struct model_host *h)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &h->tunnels) {
        give_port(h, node->name, node->data);
    }
    model_run(h);
}

void
model_settle(struct model_host *h)
{
    size_t before;

    model_run(h);
    do {
        before = h->n_told;
        model_give_ports(h);
    } while (before != h->n_told);

    /* A run without a change says nothing. */
    model_run(h);
    assert_int_equal(h->n_told, before);
}

void
model_wait(struct model_host *h, long long int ms)
{
    long long int end = h->now + ms;

    for (;;) {
        long long int next = overlay_next_time(h->overlay);

        assert_true(next > h->now);
        if (next > end) {
            break;
        }
        h->now = next;
        model_settle(h);
    }
    h->now = end;
    model_settle(h);
}

/* Looking. */

const char *
model_actions(const struct model_host *h, const char *key)
{
    return shash_find_data(&h->flows, key);
}

static char *
group_way(const struct model_host *h, uint32_t group)
{
    const struct shash_node *node;

    if (!h->groups[group].ofport) {
        return xstrdup("nowhere");
    }
    SHASH_FOR_EACH (node, &h->tunnels) {
        const struct model_tunnel *t = node->data;

        if (t->ofport == h->groups[group].ofport) {
            return xstrdup(node->name);
        }
    }
    return xasprintf("lost at %"PRIu32, h->groups[group].ofport);
}

char *
model_way(const struct model_host *h, uint64_t metadata, const char *mac)
{
    char *key = xasprintf("table=40, priority=100,metadata=%#"PRIx64
                          ",dl_dst="ETH_ADDR_FMT, metadata,
                          ETH_ADDR_ARGS(mac_from_text(mac)));
    const char *actions = model_actions(h, key);
    uint32_t n;

    free(key);
    if (!actions) {
        return xstrdup("unknown");
    } else if (ovs_scan(actions, "group:%"SCNu32, &n)) {
        return group_way(h, n);
    } else if (ovs_scan(actions, "output:%"SCNu32, &n)) {
        return xasprintf("port %"PRIu32, n);
    }
    assert_string_equal(actions, "drop because not-plugged");
    return xstrdup("drop");
}

void
model_check_way(const struct model_host *h, uint64_t metadata,
                const char *mac, const char *expected)
{
    char *way = model_way(h, metadata, mac);

    assert_string_equal(way, expected);
    free(way);
}

void
model_check_tunnels(const struct model_host *h, const char *expected)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    const struct shash_node *node;
    char *text;

    SHASH_FOR_EACH (node, &h->tunnels) {
        const struct model_tunnel *t = node->data;

        if (t->wanted) {
            svec_add_nocopy(&lines, xasprintf("%s peer=%s%s%s", node->name,
                                              t->peer,
                                              t->segment ? " segment=" : "",
                                              t->segment ? t->segment : ""));
        }
    }
    svec_sort(&lines);
    text = svec_join(&lines, ", ", "");
    assert_string_equal(text, expected);
    free(text);
    svec_destroy(&lines);
}

void
model_check_conflicts(struct model_host *h, ...)
{
    const char *expected;
    va_list args;
    size_t n = 0;

    va_start(args, h);
    while ((expected = va_arg(args, const char *))) {
        if (n >= h->conflicts.n) {
            fail_msg("\"%s\" was not told", expected);
        }
        if (!strstr(h->conflicts.names[n], expected)) {
            fail_msg("\"%s\" does not contain \"%s\"",
                     h->conflicts.names[n], expected);
        }
        n++;
    }
    va_end(args);
    if (n < h->conflicts.n) {
        fail_msg("not expected: \"%s\"", h->conflicts.names[n]);
    }
}

unsigned int
model_n_outages(const struct model_host *h)
{
    unsigned int n = 0;

    for (size_t i = 0; i < MODEL_MAX_GROUPS; i++) {
        n += h->groups[i].n_outages;
    }
    return n;
}

size_t
model_n_groups(const struct model_host *h)
{
    size_t n = 0;

    for (size_t i = 0; i < MODEL_MAX_GROUPS; i++) {
        n += h->groups[i].exists;
    }
    return n;
}
