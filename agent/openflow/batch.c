/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/batch.h"

#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* A failed bundle leaves everything as it was, and nobody sees half of one. */
#define BUNDLE_FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

void
batch_init(struct batch *batch)
{
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        ovs_list_init(&batch->messages[i]);
    }
    batch->n_flow_mods = batch->n_group_mods = 0;
}

void
batch_clear(struct batch *batch)
{
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        ofpbuf_list_delete(&batch->messages[i]);
    }
    batch->n_flow_mods = batch->n_group_mods = 0;
}

static void
put(struct batch *batch, enum batch_order order, struct ofpbuf *message)
{
    ovs_list_push_back(&batch->messages[order], &message->list_node);
}

void
batch_flow(struct batch *batch, const struct flow_entry *e, bool add,
           int ofp_version)
{
    struct ofputil_flow_mod fm = {
        .priority = e->priority,
        .new_cookie = add ? htonll(e->cookie) : 0,
        .table_id = e->table,
        .command = add ? OFPFC_ADD : OFPFC_DELETE_STRICT,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .ofpacts = add ? e->actions.data : NULL,
        .ofpacts_len = add ? e->actions.size : 0,
    };

    minimatch_init(&fm.match, &e->match);
    put(batch, add ? BATCH_ADDITIONS : BATCH_DELETIONS,
        ofputil_encode_flow_mod(
            &fm, ofputil_protocol_from_ofp_version(ofp_version)));
    minimatch_destroy(&fm.match);
    batch->n_flow_mods++;
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

    put(batch, BATCH_GROUPS,
        ofputil_encode_group_mod(ofp_version, &gm, NULL, -1));
    ofputil_uninit_group_mod(&gm);
    batch->n_group_mods++;
}

void
batch_group_deleted(struct batch *batch, uint32_t group, int ofp_version)
{
    struct ofputil_group_mod gm;

    init_group_mod(&gm, OFPGC11_DELETE, group);
    put(batch, BATCH_GROUP_DELETIONS,
        ofputil_encode_group_mod(ofp_version, &gm, NULL, -1));
    ofputil_uninit_group_mod(&gm);
    batch->n_group_mods++;
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

    ovs_list_push_back(out, &message->list_node);
    return ((const struct ofp_header *) message->data)->xid;
}

uint32_t
batch_take_bundle(struct batch *batch, uint32_t bundle_id, int ofp_version,
                  struct ovs_list *out)
{
    if (!batch->n_flow_mods && !batch->n_group_mods) {
        return 0;
    }

    put_control(out, bundle_id, OFPBCT_OPEN_REQUEST, ofp_version);
    for (int i = 0; i < N_BATCH_ORDERS; i++) {
        struct ofpbuf *message;

        LIST_FOR_EACH_POP (message, list_node, &batch->messages[i]) {
            struct ofputil_bundle_add_msg add = {
                .bundle_id = bundle_id,
                .flags = BUNDLE_FLAGS,
                .msg = message->data,
            };
            struct ofpbuf *wrapped = ofputil_encode_bundle_add(ofp_version,
                                                               &add);

            ovs_list_push_back(out, &wrapped->list_node);
            ofpbuf_delete(message);
        }
    }
    batch->n_flow_mods = batch->n_group_mods = 0;
    return (OVS_FORCE uint32_t) put_control(out, bundle_id,
                                            OFPBCT_COMMIT_REQUEST,
                                            ofp_version);
}
