/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/installed-flows.h"

#include <stdlib.h>

#include "flow.h"
#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

void
installed_flows_init(struct installed_flows *in)
{
    hmap_init(&in->flows);
    hmap_init(&in->groups);
}

static void
free_flow(struct installed_flows *in, struct installed_flow *f)
{
    hmap_remove(&in->flows, &f->node);
    installed_flow_uninit(f);
    free(f);
}

void
installed_flows_clear(struct installed_flows *in)
{
    struct installed_flow *f;
    HMAP_FOR_EACH_SAFE (f, node, &in->flows) {
        free_flow(in, f);
    }
    hmap_shrink(&in->flows);
    struct installed_group *g;
    HMAP_FOR_EACH_POP (g, node, &in->groups) {
        free(g);
    }
}

void
installed_flows_destroy(struct installed_flows *in)
{
    installed_flows_clear(in);
    hmap_destroy(&in->flows);
    hmap_destroy(&in->groups);
}

/* All that the actions mean: neither from which OpenFlow form they were
 * decoded nor what is in the padding. */
static uint32_t
hash_actions(const struct ofpact *actions, size_t len)
{
    const struct ofpact *a;
    uint32_t hash = 0;

    OFPACT_FOR_EACH (a, actions, len) {
        hash = hash_2words(hash, a->type);
        if (a->type == OFPACT_SET_FIELD) {
            const struct ofpact_set_field *sf = ofpact_get_SET_FIELD(a);
            size_t n = sf->field->n_bytes;

            hash = hash_2words(hash, sf->field->id);
            hash = hash_bytes(sf->value, n, hash);
            hash = hash_bytes(ofpact_set_field_mask(sf), n, hash);
        } else {
            hash = hash_bytes(a + 1, a->len - sizeof *a, hash);
        }
    }
    return hash;
}

/* Decoding adds to some matches that the packet is an Ethernet frame, which
 * all of ours are: to compare, add it to all.  Compressed, because hashing and
 * comparing then takes in only what is matched. */
static void
normalize(struct minimatch *dst, const struct match *src)
{
    struct match m = *src;

    match_set_default_packet_type(&m);
    minimatch_init(dst, &m);
}

static uint32_t
hash_flow(uint8_t table, uint16_t priority, const struct minimatch *match)
{
    return minimatch_hash(match, table << 16 | priority);
}

uint32_t
installed_flow_hash(const struct installed_flow *f)
{
    return hash_flow(f->table, f->priority, &f->match);
}

void
installed_flow_init(struct installed_flow *f, const struct reported_flow *r)
{
    f->table = r->table;
    f->priority = r->priority;
    f->cookie = r->cookie;
    f->actions_hash = hash_actions(r->actions, r->actions_len);
    f->actions_len = r->actions_len;
    f->temporary = r->idle_timeout || r->hard_timeout;
    f->any_packet_type = !r->match->wc.masks.packet_type;
    normalize(&f->match, r->match);
}

void
installed_flow_uninit(struct installed_flow *f)
{
    minimatch_destroy(&f->match);
}

bool
installed_flows_read_flows(struct installed_flows *in, struct ofpbuf *reply)
{
    struct ofpbuf actions;
    int error;

    ofpbuf_init(&actions, 0);
    for (;;) {
        struct ofputil_flow_stats fs;

        error = ofputil_decode_flow_stats_reply(&fs, reply, false, &actions);
        if (error) {
            break;
        }

        struct installed_flow *f = xmalloc(sizeof *f);
        installed_flow_init(f, &(struct reported_flow) {
            .match = &fs.match,
            .cookie = ntohll(fs.cookie),
            .actions = fs.ofpacts,
            .actions_len = fs.ofpacts_len,
            .priority = fs.priority,
            .idle_timeout = fs.idle_timeout,
            .hard_timeout = fs.hard_timeout,
            .table = fs.table_id,
        });
        hmap_insert(&in->flows, &f->node, installed_flow_hash(f));
    }
    ofpbuf_uninit(&actions);
    return error == EOF;
}

/* Is the group one that leads to a single port, or to where there is none? */
static bool
decode_bucket(const struct ofputil_group_desc *gd, uint32_t *ofport)
{
    if (gd->type != OFPGT11_INDIRECT || ovs_list_size(&gd->buckets) != 1) {
        return false;
    }

    const struct ofputil_bucket *b = ofputil_bucket_list_front(&gd->buckets);
    const struct ofpact *a = b->ofpacts;
    if (!b->ofpacts_len
        || ofpact_next(a) != ofpact_end(a, b->ofpacts_len)) {
        return false;
    }
    if (a->type == OFPACT_OUTPUT) {
        *ofport = ofp_to_u16(ofpact_get_OUTPUT(a)->port);
        return *ofport != 0;
    }
    *ofport = 0;
    return a->type == OFPACT_RESUBMIT
           && ofpact_get_RESUBMIT(a)->table_id == TABLE_NO_TUNNEL;
}

bool
installed_flows_read_groups(struct installed_flows *in, struct ofpbuf *reply,
                            int ofp_version)
{
    for (;;) {
        struct ofputil_group_desc gd;
        int error = ofputil_decode_group_desc_reply(&gd, reply, ofp_version);

        if (error) {
            return error == EOF;
        }

        struct installed_group *g = xzalloc(sizeof *g);
        g->group = gd.group_id;
        g->ours = decode_bucket(&gd, &g->ofport);
        hmap_insert(&in->groups, &g->node, hash_int(g->group, 0));
        ofputil_uninit_group_desc(&gd);
    }
}

static struct installed_flow *
find_flow(const struct hmap *flows, uint8_t table, uint16_t priority,
          const struct minimatch *match)
{
    struct installed_flow *f;

    HMAP_FOR_EACH_WITH_HASH (f, node, hash_flow(table, priority, match),
                             flows) {
        if (f->table == table && f->priority == priority
            && minimatch_equal(&f->match, match)) {
            return f;
        }
    }
    return NULL;
}

struct installed_flow *
installed_flow_find(const struct hmap *flows, const struct installed_flow *f)
{
    return find_flow(flows, f->table, f->priority, &f->match);
}

struct installed_flow *
installed_flow_find_entry(const struct hmap *flows, const struct flow_entry *e)
{
    struct installed_flow *f;
    struct minimatch match;

    if (hmap_is_empty(flows)) {
        return NULL;
    }
    normalize(&match, &e->match);
    f = find_flow(flows, e->table, e->priority, &match);
    minimatch_destroy(&match);
    return f;
}

bool
installed_flow_is(const struct installed_flow *f, const struct flow_entry *e)
{
    return f->cookie == e->cookie && !f->temporary
           && f->actions_len == e->actions.size
           && f->actions_hash == hash_actions(e->actions.data,
                                              e->actions.size);
}

bool
installed_flows_take_flow(struct installed_flows *in,
                          const struct flow_entry *e)
{
    struct installed_flow *f = installed_flow_find_entry(&in->flows, e);

    if (!f) {
        return false;
    }
    bool same = installed_flow_is(f, e);
    free_flow(in, f);
    return same;
}

bool
installed_flows_take_group(struct installed_flows *in, uint32_t group,
                           uint32_t ofport)
{
    struct installed_group *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, hash_int(group, 0), &in->groups) {
        if (g->group == group) {
            bool same = g->ours && g->ofport == ofport;

            hmap_remove(&in->groups, &g->node);
            free(g);
            return same;
        }
    }
    return false;
}

void
installed_flow_get(const struct installed_flow *f, struct flow_entry *e)
{
    e->table = f->table;
    e->priority = f->priority;
    e->cookie = f->cookie;
    minimatch_expand(&f->match, &e->match);
    if (f->any_packet_type) {
        /* To delete a flow its match must be as it was. */
        e->match.flow.packet_type = e->match.wc.masks.packet_type = 0;
    }
    ofpbuf_use_const(&e->actions, NULL, 0);
}
