/* SPDX-License-Identifier: Apache-2.0 */

/* Any random history of lists, port changes, settings and announcements,
 * applied incrementally, in portions, with batches that fail, ends where
 * computing from scratch ends.
 *
 * At the end of each history a fresh overlay over the same inventory, ports
 * and settings that remembers the same holders of shared addresses must want
 * the same switch (see model-switch.h). */

#include <config.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/holders.h"
#include "core/inventory.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "tests/unit/model-switch.h"
#include "tests/unit/random-objects.h"
#include "util.h"

#define N_HISTORIES 10000
#define N_STEPS 40

enum { N_PORTS = 5, N_MEMBERS = 12 };

/* The world: what both overlays look at. */

struct world {
    struct inventory *inventory;
    struct object *objects[N_OBJECT_KINDS][16];
    struct vm_port ports[N_PORTS];
    char port_names[N_PORTS][8], port_ids[N_PORTS][8];
    bool port_there[N_PORTS];
    struct overlay_settings settings;
    long long int now;

    /* Who listens: "vmN" or "hvN" in segment "segN" to a group. */
    struct world_member {
        bool joined;
        char segment[8], id[8];
        enum member_kind kind;
        struct in6_addr group;
    } members[N_MEMBERS];
};

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
        { OBJECT_ROUTER, N_ROUTERS, make_router },
        { OBJECT_ENDPOINT, N_ENDPOINTS, make_endpoint },
    };
    int k = one_in(4) ? 0 : one_in(4) ? 1 : one_in(4) ? 2 : 3;
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
change_port(struct world *w, struct model_switch *m)
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
        if (!w->port_ids[i][0] || one_in(2)) {
            snprintf(w->port_ids[i], sizeof w->port_ids[i], "vm%d",
                     (int) rnd(N_ENDPOINTS + 1));
        }
        w->ports[i] = (struct vm_port) {
            .name = w->port_names[i],
            .iface_id = w->port_ids[i],
            .ofport = one_in(6) ? 0 : 1 + i * 2 + rnd(2),
            .active = !one_in(6),
            .has_mac = one_in(3),
            .mac = random_mac(rnd(N_ENDPOINTS)),
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
    s->local[0] = random_ip4(0xc0000200 + (one_in(6) ? 99 : 1));
    s->has_local[1] = one_in(2);
    s->local[1] = random_ip6(1);
    s->types[0] = ENCAP_VXLAN;
    s->types[1] = ENCAP_GRE;
    s->n_types = 2;
    s->segment_key = one_in(2);
    s->bfd = one_in(2);
    s->linger = rnd(3) * 1000;
}

/* Members. */

static void
tell_member(const struct world *w, const struct overlay *ov,
            const struct world_member *wm)
{
    struct memberships *ms
        = overlay_memberships(CONST_CAST(struct overlay *, ov));
    struct member_id id = { wm->segment, wm->kind, wm->id };

    if (wm->joined) {
        memberships_join(ms, &id, &wm->group, 3, w->now);
    } else {
        memberships_leave(ms, &id, &wm->group);
    }
}

/* What real members do when they are asked. */
static void
tell_members(const struct world *w, const struct overlay *ov)
{
    for (int i = 0; i < N_MEMBERS; i++) {
        if (w->members[i].joined) {
            tell_member(w, ov, &w->members[i]);
        }
    }
}

/* Where an endpoint is, most of the time. */
static const char *
random_segment(const struct world *w, const struct world_member *wm, int n)
{
    static const char *const segments[] = { "seg0", "seg1", "seg2", "seg3" };
    const struct object *o = w->objects[OBJECT_ENDPOINT][n];

    return (wm->kind == MEMBER_ENDPOINT && o && !one_in(4)
            ? o->endpoint.segment : segments[rnd(N_SEGMENTS)]);
}

static void
change_member(struct world *w, const struct overlay *ov)
{
    struct world_member *wm = &w->members[rnd(N_MEMBERS)];

    wm->joined = false;
    if (wm->id[0]) {
        tell_member(w, ov, wm);
    }
    if (!one_in(3)) {
        bool peer = one_in(2);
        int n = rnd(peer ? N_HOSTS : N_ENDPOINTS);

        wm->joined = true;
        wm->kind = peer ? MEMBER_PEER : MEMBER_ENDPOINT;
        snprintf(wm->id, sizeof wm->id, "%s%d", peer ? "hv" : "vm", n);
        ovs_strlcpy(wm->segment, random_segment(w, wm, n),
                    sizeof wm->segment);
        wm->group = (one_in(2) ? random_ip4(0xef000001 + rnd(2))
                     : random_ip6(1));
        if (!IN6_IS_ADDR_V4MAPPED(&wm->group)) {
            wm->group.s6_addr[0] = 0xff;
            wm->group.s6_addr[1] = 0x15;
        }
        tell_member(w, ov, wm);
    }
}

/* Some endpoint announces an address that it may hold, or may not. */
static void
announce(struct world *w, struct model_switch *m)
{
    int i = rnd(N_ENDPOINTS);
    char *id = xasprintf("vm%d", i);
    const struct endpoint_node *node = inventory_find_endpoint(w->inventory,
                                                               id);
    struct in6_addr ip = random_ip4(0x0a000000 + 100 + rnd(2));

    if (node && node->endpoint) {
        struct announcer by = { .endpoint = node };

        if (one_in(2)) {
            by = (struct announcer) { .host = node->endpoint->host };
        }
        overlay_announce(m->overlay, node->endpoint->segment, &ip,
                         one_in(2) ? node->endpoint->mac
                                   : random_mac(100 + rnd(2)),
                         &by, w->now);
    }
    free(id);
}

static void
step(struct world *w, struct model_switch *m)
{
    for (int n = rnd(4); n > 0; n--) {
        announce(w, m);
    }
    switch (rnd(9)) {
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
        model_switch_give_ofports(m, false);
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
    case 8:
        change_member(w, m->overlay);
        break;
    }
    if (!one_in(3)) {
        model_switch_run(m, w->now, rnd(4));
    }
}

/* Lets everything come to rest, past every linger. */
static void
settle(struct world *w, struct model_switch *m)
{
    for (int i = 0; i < 100; i++) {
        tell_members(w, m->overlay);

        bool done = model_switch_run(m, w->now, 5);

        model_switch_give_ofports(m, true);
        if (done) {
            w->now += 10000;
        }
    }
    assert_true(model_switch_run(m, w->now, 5));
    assert_true(m->additions.n == 0);
}

/* A link that leads nowhere keeps its flows but has no tunnel, so unreachable
 * peers are the same in both models. */
static char *
compute_from_scratch(struct world *w, const struct holders *holders)
{
    struct inventory *old = w->inventory;
    const struct shared_address **held;
    size_t n_held;
    struct model_switch m;

    w->inventory = inventory_create();
    model_switch_init(&m, w->inventory);
    overlay_configure(m.overlay, &w->settings);
    held = holders_in_order(holders, &n_held);
    for (size_t i = 0; i < n_held; i++) {
        overlay_remember_holder(m.overlay, held[i]->segment->id, &held[i]->ip,
                                held[i]->holder, held[i]->mac, w->now);
    }
    free(held);
    list(w, false);
    for (int i = 0; i < N_PORTS; i++) {
        if (w->port_there[i]) {
            overlay_vm_port_changed(m.overlay, NULL, &w->ports[i]);
        }
    }
    settle(w, &m);
    char *text = model_switch_text(&m);
    model_switch_destroy(&m);
    inventory_destroy(w->inventory);
    w->inventory = old;
    return text;
}

static void
check_history(uint64_t seed)
{
    struct world w;
    struct model_switch m;

    rnd_seed(seed);
    memset(&w, 0, sizeof w);
    w.now = 1000;
    w.inventory = inventory_create();
    model_switch_init(&m, w.inventory);
    change_settings(&w);
    overlay_configure(m.overlay, &w.settings);
    for (int i = 0; i < N_STEPS; i++) {
        step(&w, &m);
    }
    list(&w, false);
    settle(&w, &m);

    char *incremental = model_switch_text(&m);
    char *scratch = compute_from_scratch(&w, overlay_holders(m.overlay));
    if (strcmp(incremental, scratch)) {
        print_difference("incremental only: ", incremental, scratch);
        print_difference("from scratch only: ", scratch, incremental);
        fail_msg("they differ; SEED=%"PRIu64" runs this history alone", seed);
    }
    free(incremental);
    free(scratch);

    model_switch_destroy(&m);
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
