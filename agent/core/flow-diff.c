/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/flow-spec.h"

#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-actions.h"
#include "util.h"

/* Flows as values: comparing and printing them. */

struct diff_flow {
    struct hmap_node node;
    struct flow_entry entry;
    bool kept;
};

struct diff {
    struct hmap old;            /* Contains struct diff_flows. */
    flow_cb *add, *del;
    void *aux;
    long int n_new, n_old;
};

uint32_t
flow_entry_hash(const struct flow_entry *e)
{
    return match_hash(&e->match, e->table << 16 | e->priority);
}

static void
diff_collect(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;
    struct diff_flow *f = xmalloc(sizeof *f);

    f->entry = *e;
    ofpbuf_init(&f->entry.actions, e->actions.size);
    ofpbuf_put(&f->entry.actions, e->actions.data, e->actions.size);
    f->kept = false;
    hmap_insert(&diff->old, &f->node, flow_entry_hash(e));
    diff->n_old++;
}

static struct diff_flow *
diff_find(const struct diff *diff, const struct flow_entry *e)
{
    struct diff_flow *f;

    HMAP_FOR_EACH_WITH_HASH (f, node, flow_entry_hash(e), &diff->old) {
        if (f->entry.table == e->table && f->entry.priority == e->priority
            && match_equal(&f->entry.match, &e->match)) {
            return f;
        }
    }
    return NULL;
}

static void
diff_mark(const struct flow_entry *e, void *diff_)
{
    struct diff_flow *f = diff_find(diff_, e);

    if (f) {
        f->kept = true;
    }
}

static void
diff_add(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;
    struct diff_flow *f = diff_find(diff, e);

    diff->n_new++;
    if (!f || f->entry.cookie != e->cookie
        || !ofpacts_equal(f->entry.actions.data, f->entry.actions.size,
                          e->actions.data, e->actions.size)) {
        diff->add(e, diff->aux);
    }
}

/* Without anything to compare with. */
static void
diff_add_all(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;

    diff->n_new++;
    diff->add(e, diff->aux);
}

static void
diff_delete_all(const struct flow_entry *e, void *diff_)
{
    struct diff *diff = diff_;

    diff->n_old++;
    diff->del(e, diff->aux);
}

long int
flow_diff(flow_generator *generate, const void *old, const void *new,
          flow_cb *add, flow_cb *del, void *aux)
{
    struct diff diff = { HMAP_INITIALIZER(&diff.old), add, del, aux, 0, 0 };
    struct diff_flow *f;

    if (!old) {
        if (new) {
            generate(new, diff_add_all, &diff);
        }
        return diff.n_new;
    }
    if (!new) {
        generate(old, diff_delete_all, &diff);
        return -diff.n_old;
    }

    generate(old, diff_collect, &diff);
    generate(new, diff_mark, &diff);
    HMAP_FOR_EACH (f, node, &diff.old) {
        if (!f->kept) {
            del(&f->entry, aux);
        }
    }
    generate(new, diff_add, &diff);

    HMAP_FOR_EACH_POP (f, node, &diff.old) {
        ofpbuf_uninit(&f->entry.actions);
        free(f);
    }
    hmap_destroy(&diff.old);
    return diff.n_new - diff.n_old;
}

void
flow_entry_format(const struct flow_entry *e, struct ds *s)
{
    struct ofpact_format_params fp = { .s = s };

    ds_put_format(s, "cookie=%#"PRIx64", table=%d, ", e->cookie, e->table);
    match_format(&e->match, NULL, s, e->priority);
    ds_put_cstr(s, " actions=");
    if (e->actions.size) {
        ofpacts_format(e->actions.data, e->actions.size, &fp);
    } else {
        ds_put_cstr(s, "drop");
    }
}
