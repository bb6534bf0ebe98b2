/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/batch.h"

#include "flow.h"
#include "openflow/openflow-1.1.h"
#include "openflow/openflow-1.4.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* A failed bundle leaves everything as it was, and nobody sees half of one. */
#define BUNDLE_FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

/* A batch's first chunk begins small, for the usual change is.  One that has
 * so many bytes is full. */
enum { FIRST_BYTES = 512, FULL_BYTES = 60 * 1024 };

void
batch_init(struct batch *batch)
{
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        ovs_list_init(&batch->chunks[i]);
    }
    batch->bundle_id = 1;
    batch->n_flow_mods = batch->n_group_mods = 0;
}

void
batch_clear(struct batch *batch)
{
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        ofpbuf_list_delete(&batch->chunks[i]);
    }
    batch->n_flow_mods = batch->n_group_mods = 0;
}

/* The chunk that the next message goes to. */
static struct ofpbuf *
get_chunk(struct ovs_list *chunks)
{
    bool first = ovs_list_is_empty(chunks);

    if (!first) {
        struct ofpbuf *last = ofpbuf_from_list(ovs_list_back(chunks));

        if (last->size < FULL_BYTES) {
            return last;
        }
    }

    struct ofpbuf *chunk = ofpbuf_new(first ? FIRST_BYTES : UINT16_MAX);
    ovs_list_push_back(chunks, &chunk->list_node);
    return chunk;
}

/* A message that is being put to the end of a chunk: one that adds another, in
 * it, to the bundle. */
struct addition {
    struct ofpbuf *chunk;
    size_t outer, inner;        /* Where either message begins. */
    ovs_be32 xid;               /* Of both. */
};

static struct addition
begin_addition(struct batch *batch, enum batch_order order, int ofp_version)
{
    struct addition a = {
        .chunk = get_chunk(&batch->chunks[order]),
        .xid = htonl(batch->bundle_id),
    };
    struct ofp14_bundle_ctrl_msg *add;

    a.outer = a.chunk->size;
    ofpraw_put_xid(OFPRAW_OFPT14_BUNDLE_ADD_MESSAGE, ofp_version, a.xid,
                   a.chunk);
    add = ofpbuf_put_zeros(a.chunk, sizeof *add);
    add->bundle_id = htonl(batch->bundle_id);
    add->flags = htons(BUNDLE_FLAGS);
    a.inner = a.chunk->size;
    return a;
}

static void
set_length(struct ofpbuf *chunk, size_t start)
{
    struct ofp_header *oh = ofpbuf_at_assert(chunk, start, sizeof *oh);

    oh->length = htons(chunk->size - start);
}

static void
end_addition(const struct addition *a)
{
    set_length(a->chunk, a->inner);
    set_length(a->chunk, a->outer);
}

/* What ofputil_encode_flow_mod() makes (test-batch.c compares), without
 * compressing the match, expanding it, and copying the message. */
static void
put_flow_mod(struct batch *batch, enum batch_order order,
             const struct flow_entry *e, uint8_t command, int ofp_version)
{
    struct addition a = begin_addition(batch, order, ofp_version);
    bool add = command == OFPFC_ADD;
    struct ofp11_flow_mod *ofm;

    ofpraw_put_xid(OFPRAW_OFPT11_FLOW_MOD, ofp_version, a.xid, a.chunk);
    ofm = ofpbuf_put_zeros(a.chunk, sizeof *ofm);
    ofm->cookie = add ? htonll(e->cookie) : 0;
    ofm->table_id = e->table;
    ofm->command = command;
    ofm->priority = htons(e->priority);
    ofm->buffer_id = htonl(UINT32_MAX);
    ofm->out_port = ofputil_port_to_ofp11(OFPP_ANY);
    ofm->out_group = htonl(OFPG_ANY);
    ofputil_put_ofp11_match(a.chunk, &e->match,
                            ofputil_protocol_from_ofp_version(ofp_version));
    if (command != OFPFC_DELETE_STRICT) {
        ofpacts_put_openflow_instructions(e->actions.data, e->actions.size,
                                          a.chunk, ofp_version);
    }
    end_addition(&a);
    batch->n_flow_mods++;
}

void
batch_flow(struct batch *batch, const struct flow_entry *e, bool add,
           int ofp_version)
{
    if (add) {
        put_flow_mod(batch, BATCH_ADDITIONS, e, OFPFC_ADD, ofp_version);
    } else {
        put_flow_mod(batch, BATCH_DELETIONS, e, OFPFC_DELETE_STRICT,
                     ofp_version);
    }
}

void
batch_flow_touched(struct batch *batch, const struct flow_entry *e,
                   int ofp_version)
{
    put_flow_mod(batch, BATCH_ADDITIONS, e, OFPFC_MODIFY_STRICT, ofp_version);
}

static void
init_group_mod(struct ofputil_group_mod *gm, uint16_t command, uint32_t group)
{
    *gm = (struct ofputil_group_mod) {
        .command = command,
        .type = OFPGT11_INDIRECT,
        .group_id = group,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };
    ovs_list_init(&gm->buckets);
}

static void
put_group_mod(struct batch *batch, enum batch_order order,
              const struct ofputil_group_mod *gm, int ofp_version)
{
    struct ofpbuf *message = ofputil_encode_group_mod(ofp_version, gm, NULL,
                                                      -1);
    struct addition a = begin_addition(batch, order, ofp_version);
    struct ofp_header *oh = message->data;

    oh->xid = a.xid;
    ofpbuf_put(a.chunk, message->data, message->size);
    end_addition(&a);
    ofpbuf_delete(message);
    batch->n_group_mods++;
}

/* A group of type indirect has exactly one bucket.  Where there is no port yet
 * it leads to a table whose flow drops and counts. */
void
batch_group(struct batch *batch, uint32_t group, uint32_t ofport,
            int ofp_version)
{
    struct ofputil_group_mod gm;
    struct ofputil_bucket *bucket = xzalloc(sizeof *bucket);
    struct ofpbuf actions;

    init_group_mod(&gm, OFPGC11_ADD_OR_MOD, group);
    ofpbuf_init(&actions, 64);
    if (ofport) {
        ofpact_put_OUTPUT(&actions)->port = u16_to_ofp(ofport);
    } else {
        struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&actions);

        resubmit->in_port = OFPP_IN_PORT;
        resubmit->table_id = TABLE_NO_TUNNEL;
    }
    bucket->bucket_id = 0;
    bucket->watch_port = OFPP_ANY;
    bucket->watch_group = OFPG_ANY;
    bucket->ofpacts_len = actions.size;
    bucket->ofpacts = ofpbuf_steal_data(&actions);
    ovs_list_push_back(&gm.buckets, &bucket->list_node);

    put_group_mod(batch, BATCH_GROUPS, &gm, ofp_version);
    ofputil_uninit_group_mod(&gm);
}

void
batch_group_deleted(struct batch *batch, uint32_t group, int ofp_version)
{
    struct ofputil_group_mod gm;

    init_group_mod(&gm, OFPGC11_DELETE, group);
    put_group_mod(batch, BATCH_GROUP_DELETIONS, &gm, ofp_version);
    ofputil_uninit_group_mod(&gm);
}

static ovs_be32
put_control(struct ovs_list *out, uint32_t bundle_id, uint16_t type,
            int ofp_version)
{
    struct ofputil_bundle_ctrl_msg control = {
        .bundle_id = bundle_id,
        .type = type,
        .flags = BUNDLE_FLAGS,
    };
    struct ofpbuf *message = ofputil_encode_bundle_ctrl_request(ofp_version,
                                                                &control);

    ofpmsg_update_length(message);
    ovs_list_push_back(out, &message->list_node);
    return ((const struct ofp_header *) message->data)->xid;
}

uint32_t
batch_take_bundle(struct batch *batch, int ofp_version, struct ovs_list *out)
{
    if (!batch->n_flow_mods && !batch->n_group_mods) {
        return 0;
    }

    uint32_t bundle_id = batch->bundle_id++;
    put_control(out, bundle_id, OFPBCT_OPEN_REQUEST, ofp_version);
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        ovs_list_push_back_all(out, &batch->chunks[i]);
    }
    batch->n_flow_mods = batch->n_group_mods = 0;
    return (OVS_FORCE uint32_t) put_control(out, bundle_id,
                                            OFPBCT_COMMIT_REQUEST,
                                            ofp_version);
}
