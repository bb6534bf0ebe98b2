/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/model-switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/flow-spec.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "tests/unit/random-objects.h"
#include "util.h"

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
    struct model_switch *m = m_;

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
    struct model_switch *m = m_;

    assert_in_range(group, 1, ARRAY_SIZE(m->groups) - 1);
    m->groups[group] = ofport;
}

static void
model_group_deleted(void *m_, uint32_t group)
{
    struct model_switch *m = m_;

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
    struct model_switch *m = m_;
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
tell_tunnel_port(struct model_switch *m, const struct want *w, bool gone)
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
    struct model_switch *m = m_;
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
    struct model_switch *m = m_;

    if (served) {
        sset_add(&m->served, port);
    } else {
        assert_true(sset_find_and_delete(&m->served, port));
    }
}

static void
apply_batch(struct model_switch *m)
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
    struct model_switch *m = m_;

    m->groups[group] = ofport;
}

/* What the agent does after a failed bundle: all that should be there. */
static void
resync(struct model_switch *m)
{
    shash_clear_free_data(&m->flows);
    overlay_for_each_flow(m->overlay, collect_flow, &m->flows);
    memset(m->groups, 0xff, sizeof m->groups);
    overlay_for_each_group(m->overlay, collect_group, m);
}

bool
model_switch_run(struct model_switch *m, long long int now, size_t max_work)
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

void
model_switch_init(struct model_switch *m, struct inventory *inv)
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

void
model_switch_destroy(struct model_switch *m)
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

void
model_switch_give_ofports(struct model_switch *m, bool all)
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

static char *
group_meaning(const struct model_switch *m, uint32_t group)
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
add_actions(const struct model_switch *m, struct ds *s, const char *actions)
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

/* OpenFlow ports of VMs in histories are less, and the VNIs of segments
 * these. */
enum { VM_PORTS = 16, FIRST_VNI = 77, LAST_VNI = 79 };

/* What overlay_find_port() says. */
static void
add_owner(const struct model_switch *m, uint32_t ofport, struct svec *lines)
{
    struct overlay_port_owner owner;

    if (overlay_find_port(m->overlay, ofport, &owner)) {
        svec_add_nocopy(lines, xasprintf(
            "port %"PRIu32" is %s %s", ofport,
            owner.endpoint ? "endpoint" : "peer",
            owner.endpoint ? owner.endpoint->id : owner.peer->id));
    }
}

static void
add_peer(const struct host_node *peer, uint32_t group OVS_UNUSED, void *peers)
{
    svec_add(peers, peer->id);
}

/* What overlay_find_metadata() says, and overlay_for_each_peer(). */
static void
add_segment(const struct model_switch *m, uint64_t metadata,
            struct svec *lines)
{
    const struct segment_node *s = overlay_find_metadata(m->overlay, metadata);
    struct svec peers = SVEC_EMPTY_INITIALIZER;
    char *text;

    if (s) {
        overlay_for_each_peer(s, add_peer, &peers);
        svec_sort(&peers);
        text = svec_join(&peers, ",", "");
        svec_add_nocopy(lines, xasprintf("metadata %"PRIx64" is %s, with %s",
                                         metadata, s->id, text));
        free(text);
    }
    svec_destroy(&peers);
}

char *
model_switch_text(const struct model_switch *m)
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
    for (uint32_t ofport = 1; ofport < VM_PORTS; ofport++) {
        add_owner(m, ofport, &lines);
    }
    SHASH_FOR_EACH (node, &m->tunnels) {
        add_owner(m, ((const struct want *) node->data)->ofport, &lines);
    }
    for (uint32_t vni = FIRST_VNI; vni <= LAST_VNI; vni++) {
        for (int encap = 0; encap < N_ENCAPS; encap++) {
            add_segment(m, segment_metadata(vni, encap), &lines);
        }
    }
    svec_sort(&lines);
    char *text = svec_join(&lines, "\n", "\n");
    svec_destroy(&lines);
    return text;
}

/* Prints the lines of 'a' that 'b' lacks. */
void
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
