/* SPDX-License-Identifier: Apache-2.0 */

/* Any random history of what a cloud tells ends with exactly what the cloud
 * has, in the inventory and in the switch.
 *
 * The cloud's objects come, change, go and come back, with growing revisions.
 * It tells each change by two sources: a watch, in order, which may break and
 * skip some or say some again, and webhooks, at any time and as often as they
 * like.  Lists show the cloud at a moment after they were asked for, in any
 * order, with older copies of what changed between two pages, and any of them
 * may break off.  The guard may hold what they lack, for a while or until
 * approved.
 *
 * In the end either every event has got through at least once, or some never
 * do, and lists lacked what they should have had, and a whole list makes up
 * for it.  Along with that list comes only what cannot mislead: events that
 * came before, the last one of each object, and whatever is said of objects
 * that there are.
 *
 * A cloud without revisions tells the same by the watch alone, each event once
 * and in order: nobody could make sense of anything else. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/inventory.h"
#include "core/overlay.h"
#include "tests/unit/model-switch.h"
#include "tests/unit/random-objects.h"
#include "util.h"

#define N_HISTORIES 10000
#define N_STEPS 80

/* The revision of an object that a list has in a form that cannot be used. */
#define NO_USE UINT64_MAX

enum { N_PORTS = 4, N_OF_KIND = 16 };

/* What the cloud told: 'object', or a deletion if that is NULL. */
struct event {
    enum object_kind kind;
    char *id;
    uint64_t revision;
    struct object *object;
    bool delivered;
};

struct cloud {
    bool has_revisions, has_watch;
    struct object *objects[N_OBJECT_KINDS][N_OF_KIND];
    uint64_t revisions[N_OBJECT_KINDS][N_OF_KIND];  /* Survive deletions. */
    struct event log[N_STEPS * N_ENDPOINTS];
    size_t n_log;
    size_t watched;             /* What the watch tells next. */
};

enum list_state { LIST_NONE, LIST_ASKED_FOR, LIST_COMING, LIST_WHOLE };

struct world {
    struct cloud cloud;
    struct inventory *inventory;
    struct model_switch model;
    long long int now;
    bool ends_with_list;

    enum list_state list;
    struct object *listed[256]; /* What has not come in yet. */
    size_t n_listed;
};

/* The cloud. */

static void
change_object(struct cloud *c, enum object_kind kind, int i, bool delete)
{
    static const struct {
        struct object *(*make)(uint32_t);
        const char *prefix;
    } kinds[N_OBJECT_KINDS] = {
        [OBJECT_HOST] = { make_host, "hv" },
        [OBJECT_SEGMENT] = { make_segment, "seg" },
        [OBJECT_ROUTER] = { make_router, "r" },
        [OBJECT_ENDPOINT] = { make_endpoint, "vm" },
    };
    struct object **o = &c->objects[kind][i];
    struct event *e = &c->log[c->n_log++];

    ovs_assert(c->n_log <= ARRAY_SIZE(c->log));
    object_destroy(*o);
    *o = delete ? NULL : kinds[kind].make(i);
    e->kind = kind;
    e->id = xasprintf("%s%d", kinds[kind].prefix, i);
    e->revision = c->has_revisions
                  ? c->revisions[kind][i] += 1 + rnd(2) : 0;
    if (*o) {
        (*o)->revision = e->revision;
        e->object = clone_object(*o);
    }
}

static void
change_cloud(struct cloud *c)
{
    static const int n[N_OBJECT_KINDS] = {
        N_HOSTS, N_SEGMENTS, N_ROUTERS, N_ENDPOINTS,
    };
    enum object_kind kind = one_in(4) ? OBJECT_HOST
                            : one_in(4) ? OBJECT_SEGMENT
                            : one_in(4) ? OBJECT_ROUTER : OBJECT_ENDPOINT;
    int i = rnd(n[kind]);

    change_object(c, kind, i, c->objects[kind][i] && one_in(3));
}

/* What trips the guard. */
static void
delete_all_endpoints(struct cloud *c)
{
    for (int i = 0; i < N_ENDPOINTS; i++) {
        if (c->objects[OBJECT_ENDPOINT][i]) {
            change_object(c, OBJECT_ENDPOINT, i, true);
        }
    }
}

static void
cloud_destroy(struct cloud *c)
{
    for (size_t i = 0; i < c->n_log; i++) {
        free(c->log[i].id);
        object_destroy(c->log[i].object);
    }
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        for (int i = 0; i < N_OF_KIND; i++) {
            object_destroy(c->objects[kind][i]);
        }
    }
}

/* Events. */

static void
deliver(struct world *w, struct event *e)
{
    e->delivered = true;
    if (e->object) {
        inventory_put(w->inventory, clone_object(e->object), w->now);
    } else {
        inventory_delete(w->inventory, e->kind, e->id, e->revision, w->now);
    }
}

static void
deliver_by_watch(struct world *w)
{
    struct cloud *c = &w->cloud;

    if (!c->has_watch) {
        return;
    }
    if (c->has_revisions && one_in(10)) {
        c->watched = rnd(c->n_log + 1);
    }
    for (int n = rnd(4); n >= 0 && c->watched < c->n_log; n--) {
        deliver(w, &c->log[c->watched++]);
    }
}

/* Most of what webhooks tell is new, in any order; some is not. */
static void
deliver_by_webhook(struct world *w)
{
    struct cloud *c = &w->cloud;

    if (!c->has_revisions || !c->n_log) {
        return;
    }
    size_t start = rnd(c->n_log);
    for (size_t i = 0; i < c->n_log; i++) {
        struct event *e = &c->log[(start + i) % c->n_log];

        if (!e->delivered || one_in(4)) {
            deliver(w, e);
            return;
        }
    }
}

/* Lists. */

static void
list_abort(struct world *w)
{
    while (w->n_listed) {
        object_destroy(w->listed[--w->n_listed]);
    }
    inventory_list_abort(w->inventory);
    w->list = LIST_NONE;
}

static void
list_end(struct world *w)
{
    struct deletion_guard guard = {
        .max_percent = one_in(2) ? 20 : 100,
        .hold = one_in(2) ? 0 : 5000,
    };

    inventory_list_whole(w->inventory, !one_in(10), &guard);
    w->list = LIST_WHOLE;
}

/* Some of a whole list is applied. */
static void
list_apply(struct world *w)
{
    struct list_result result;

    if (inventory_list_run(w->inventory, rnd(4), w->now, &result)) {
        w->list = LIST_NONE;
    }
}

/* An older copy of 'o', if the log has one at a random place. */
static void
list_older(struct world *w, const struct object *o)
{
    const struct event *e = &w->cloud.log[rnd(w->cloud.n_log)];

    if (e->object && e->kind == o->kind && !strcmp(e->id, o->id)) {
        w->listed[w->n_listed++] = clone_object(e->object);
    }
}

/* The moment that the list shows.  A list may have some objects in a form that
 * is of no use and, where another one makes up for it, may lack some. */
static void
list_look(struct world *w, bool flawed)
{
    struct cloud *c = &w->cloud;
    bool lacks_some = flawed && w->ends_with_list && one_in(3);
    bool lacks_endpoints = lacks_some && one_in(2);

    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        for (int i = 0; i < N_OF_KIND; i++) {
            const struct object *o = c->objects[kind][i];

            if (!o || (lacks_some && one_in(8))
                || (lacks_endpoints && kind == OBJECT_ENDPOINT)) {
                continue;
            }
            w->listed[w->n_listed++] = clone_object(o);
            if (flawed && one_in(20)) {
                w->listed[w->n_listed - 1]->revision = NO_USE;
            } else if (c->has_revisions) {
                list_older(w, o);
            }
        }
    }
    w->list = LIST_COMING;
}

static void
list_some(struct world *w)
{
    for (int n = rnd(8); n >= 0 && w->n_listed; n--) {
        size_t i = rnd(w->n_listed);
        struct object *o = w->listed[i];

        w->listed[i] = w->listed[--w->n_listed];
        if (o->revision == NO_USE) {
            inventory_list_keep(w->inventory, o->kind, o->id);
            object_destroy(o);
        } else {
            inventory_list_add(w->inventory, o);
        }
    }
}

static void
list_step(struct world *w)
{
    if (w->list == LIST_NONE) {
        inventory_list_begin(w->inventory);
        w->list = LIST_ASKED_FOR;
    } else if (w->list == LIST_WHOLE) {
        list_apply(w);
    } else if (one_in(12)) {
        list_abort(w);
    } else if (w->list == LIST_ASKED_FOR) {
        list_look(w, true);
    } else if (w->n_listed) {
        list_some(w);
    } else {
        list_end(w);
    }
}

/* The history. */

static void
plug(struct model_switch *m)
{
    for (int i = 0; i < N_PORTS; i++) {
        char name[8], id[8];
        struct vm_port port = { .name = name, .iface_id = id,
                                .ofport = i + 1, .active = true };

        snprintf(name, sizeof name, "tap%d", i);
        snprintf(id, sizeof id, "vm%d", i);
        overlay_vm_port_changed(m->overlay, NULL, &port);
    }
}

static void
configure(struct model_switch *m, bool segment_key)
{
    struct overlay_settings settings = {
        .host = "hv0",
        .has_local = { true, true },
        .local = { random_ip4(0xc0000201), random_ip6(1) },
        .types = { ENCAP_VXLAN, ENCAP_GRE },
        .n_types = 2,
        .segment_key = segment_key,
        .linger = 1000,
    };

    overlay_configure(m->overlay, &settings);
    plug(m);
}

/* What is held is released, but for what a list under way has had. */
static void
approve(struct world *w)
{
    long long int since;
    size_t n_held = inventory_n_held(w->inventory, &since);
    size_t n = inventory_approve_deletions(w->inventory, w->now);

    assert_true(w->list != LIST_NONE ? n <= n_held : n == n_held);
}

static void
step(struct world *w)
{
    switch (rnd(12)) {
    case 0:
    case 1:
        for (int n = rnd(3); n >= 0; n--) {
            change_cloud(&w->cloud);
        }
        if (one_in(10)) {
            delete_all_endpoints(&w->cloud);
        }
        break;
    case 2:
    case 3:
        deliver_by_watch(w);
        break;
    case 4:
    case 5:
        deliver_by_webhook(w);
        break;
    case 6:
    case 7:
    case 8:
        list_step(w);
        break;
    case 9:
        w->now += rnd(5000);
        approve(w);
        break;
    case 10:
        model_switch_give_ofports(&w->model, false);
        w->model.broken = w->model.broken || one_in(10);
        break;
    case 11:
        model_switch_run(&w->model, w->now, rnd(4));
        break;
    }
}

/* How a history ends: every event has got through... */

static bool
deliver_rest(struct world *w)
{
    struct cloud *c = &w->cloud;

    if (!c->has_revisions) {
        deliver_by_watch(w);
        return c->watched < c->n_log;
    }
    deliver_by_webhook(w);
    for (size_t i = 0; i < c->n_log; i++) {
        if (!c->log[i].delivered) {
            return true;
        }
    }
    return false;
}

static void
end_with_events(struct world *w)
{
    while (deliver_rest(w)) {
        if (one_in(3)) {
            list_step(w);
        }
    }
    while (w->list != LIST_NONE) {
        list_step(w);
    }
}

/* ...or a list has made up for it. */

static bool
is_last_of_object(const struct cloud *c, const struct event *e)
{
    for (const struct event *f = e + 1; f < &c->log[c->n_log]; f++) {
        if (f->kind == e->kind && !strcmp(f->id, e->id)) {
            return false;
        }
    }
    return true;
}

static bool
cloud_has(const struct cloud *c, const struct event *e)
{
    for (int i = 0; i < N_OF_KIND; i++) {
        const struct object *o = c->objects[e->kind][i];

        if (o && !strcmp(o->id, e->id)) {
            return true;
        }
    }
    return false;
}

static void
deliver_harmless(struct world *w)
{
    struct cloud *c = &w->cloud;

    for (int n = rnd(6); n >= 0 && c->n_log && c->has_revisions; n--) {
        struct event *e = &c->log[rnd(c->n_log)];

        if (e->delivered || is_last_of_object(c, e) || cloud_has(c, e)) {
            deliver(w, e);
        }
    }
}

static void
end_with_list(struct world *w)
{
    static const struct deletion_guard guard = { .max_percent = 20 };
    struct list_result result;

    while (w->list == LIST_WHOLE) {
        list_apply(w);
    }
    if (w->list != LIST_NONE) {
        list_abort(w);
    }
    inventory_list_begin(w->inventory);
    deliver_harmless(w);
    list_look(w, false);
    while (w->n_listed) {
        list_some(w);
        deliver_harmless(w);
        if (one_in(4)) {
            inventory_approve_deletions(w->inventory, w->now);
        }
    }
    inventory_list_end(w->inventory, true, &guard, w->now, &result);
    deliver_harmless(w);
    inventory_approve_deletions(w->inventory, w->now);
    deliver_harmless(w);
}

/* Lets the switch come to rest, past every linger. */
static void
settle(struct model_switch *m, long long int now)
{
    for (int i = 0; i < 20; i++) {
        bool done = model_switch_run(m, now, 10);

        model_switch_give_ofports(m, true);
        if (done) {
            now += 10000;
        }
    }
    assert_true(model_switch_run(m, now, 10));
    assert_true(m->additions.n == 0);
}

/* What must be. */

static bool
find_revision(const struct inventory *inv, const struct object *o,
              uint64_t *revision)
{
    const struct host_node *host;
    const struct segment_node *segment;
    const struct router_node *router;
    const struct endpoint_node *endpoint;

    switch (o->kind) {
    case OBJECT_HOST:
        host = inventory_find_host(inv, o->id);
        *revision = host ? host->revision : 0;
        return host && host->known;
    case OBJECT_SEGMENT:
        segment = inventory_find_segment(inv, o->id);
        *revision = segment ? segment->revision : 0;
        return segment && segment->known;
    case OBJECT_ENDPOINT:
        endpoint = inventory_find_endpoint(inv, o->id);
        *revision = endpoint && endpoint->endpoint
                    ? endpoint->endpoint->revision : 0;
        return endpoint && endpoint->endpoint;
    case OBJECT_ROUTER:
        router = inventory_find_router(inv, o->id);
        *revision = router ? router->revision : 0;
        return router && router->known;
    default:
        OVS_NOT_REACHED();
    }
}

static void
check_inventory(struct world *w, uint64_t seed)
{
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        size_t n = 0;

        for (int i = 0; i < N_OF_KIND; i++) {
            const struct object *o = w->cloud.objects[kind][i];
            uint64_t revision;

            if (!o) {
                continue;
            }
            n++;
            if (!find_revision(w->inventory, o, &revision)) {
                fail_msg("%s is missing; SEED=%"PRIu64, o->id, seed);
            }
            if (revision != o->revision) {
                fail_msg("%s has revision %"PRIu64", not %"PRIu64"; "
                         "SEED=%"PRIu64, o->id, revision, o->revision, seed);
            }
            if (inventory_put(w->inventory, clone_object(o), w->now)
                != EVENT_SAME) {
                fail_msg("%s is not the cloud's; SEED=%"PRIu64, o->id, seed);
            }
        }
        if (inventory_count(w->inventory, kind) != n) {
            fail_msg("%"PRIuSIZE" of kind %d, not %"PRIuSIZE
                     "; SEED=%"PRIu64, inventory_count(w->inventory, kind),
                     kind, n, seed);
        }
    }
}

/* Is the endpoint one that is not served, or that there is no way to? */
static bool
is_unreachable(const struct world *w, const struct event *e)
{
    const struct endpoint_node *node = (
        e->kind == OBJECT_ENDPOINT
        ? inventory_find_endpoint(w->inventory, e->id) : NULL);
    const struct endpoint *by;

    if (!node || !node->endpoint) {
        return false;
    } else if (inventory_endpoint_standing(w->inventory, node->endpoint, &by)
               != ENDPOINT_SERVED) {
        return true;
    }

    struct endpoint_record *r = overlay_endpoint_record(node);
    bool unreachable = r && r->place == PLACE_REMOTE
                       && !w->model.groups[r->out];
    free(r);
    return unreachable;
}

static void
check_complete(const struct world *w, uint64_t seed)
{
    for (size_t i = 0; i < w->cloud.n_log; i++) {
        const struct event *e = &w->cloud.log[i];

        if (!overlay_is_complete(w->model.overlay, e->kind, e->id)
            && !is_unreachable(w, e)) {
            fail_msg("%s waits for ever; SEED=%"PRIu64, e->id, seed);
        }
    }
}

/* What the switch of one that has just started has. */
static char *
compute_from_scratch(const struct world *w, bool segment_key)
{
    static const struct deletion_guard guard = { .max_percent = 100 };
    struct inventory *inv = inventory_create();
    struct list_result result;
    struct model_switch m;

    model_switch_init(&m, inv);
    configure(&m, segment_key);
    inventory_list_begin(inv);
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        for (int i = 0; i < N_OF_KIND; i++) {
            if (w->cloud.objects[kind][i]) {
                inventory_list_add(inv,
                                   clone_object(w->cloud.objects[kind][i]));
            }
        }
    }
    inventory_list_end(inv, true, &guard, w->now, &result);
    settle(&m, w->now);
    char *text = model_switch_text(&m);
    model_switch_destroy(&m);
    inventory_destroy(inv);
    return text;
}

static void
check_switch(struct world *w, bool segment_key, uint64_t seed)
{
    char *incremental = model_switch_text(&w->model);
    char *scratch = compute_from_scratch(w, segment_key);

    if (strcmp(incremental, scratch)) {
        print_difference("incremental only: ", incremental, scratch);
        print_difference("from scratch only: ", scratch, incremental);
        fail_msg("they differ; SEED=%"PRIu64" runs this history alone", seed);
    }
    free(incremental);
    free(scratch);
}

static void
check_history(uint64_t seed)
{
    struct world w = { .now = 1000 };

    rnd_seed(seed);
    bool segment_key = one_in(2);
    w.cloud.has_revisions = !one_in(5);
    w.cloud.has_watch = !w.cloud.has_revisions || one_in(2);
    w.ends_with_list = one_in(2);
    w.inventory = inventory_create();
    model_switch_init(&w.model, w.inventory);
    configure(&w.model, segment_key);
    for (int i = 0; i < N_STEPS; i++) {
        step(&w);
    }
    if (w.ends_with_list) {
        end_with_list(&w);
    } else {
        end_with_events(&w);
    }
    check_inventory(&w, seed);
    settle(&w.model, w.now);
    check_complete(&w, seed);
    check_switch(&w, segment_key, seed);

    model_switch_destroy(&w.model);
    inventory_destroy(w.inventory);
    cloud_destroy(&w.cloud);
}

static void
test_all_that_the_cloud_has(void **state OVS_UNUSED)
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
        cmocka_unit_test(test_all_that_the_cloud_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
