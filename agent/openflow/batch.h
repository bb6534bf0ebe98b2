/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BATCH_H
#define VTEPD_BATCH_H 1

/* Changes of flows and groups on their way to becoming one bundle.
 *
 * Encodes each change at once, ready for the wire, and keeps the messages in
 * the order in which a bundle must have them, end to end in large chunks.  A
 * chunk is an ofpbuf that holds whole OpenFlow messages.  Does not send. */

#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "openvswitch/list.h"

enum batch_order {
    BATCH_GROUPS,               /* Flows refer to them. */
    BATCH_DELETIONS,            /* What one record gives up... */
    BATCH_ADDITIONS,            /* ...another may take. */
    BATCH_GROUP_DELETIONS,
    N_BATCH_ORDERS
};

struct batch {
    struct ovs_list chunks[N_BATCH_ORDERS];     /* Contains ofpbufs. */
    uint32_t bundle_id;         /* Of the bundle that this becomes. */
    size_t n_flow_mods;
    size_t n_group_mods;
};

void batch_init(struct batch *);

/* Frees what is in the batch, which stays usable. */
void batch_clear(struct batch *);

void batch_flow(struct batch *, const struct flow_entry *, bool add,
                int ofp_version);

/* Changes a flow to what it is, if it is there. */
void batch_flow_touched(struct batch *, const struct flow_entry *,
                        int ofp_version);
void batch_group(struct batch *, uint32_t group, uint32_t ofport,
                 int ofp_version);
void batch_group_deleted(struct batch *, uint32_t group, int ofp_version);

/* Moves the batch to the end of 'out' as the chunks of one bundle: open, the
 * changes, commit.  Returns the commit message's xid (network byte order), or
 * 0 if the batch is empty. */
uint32_t batch_take_bundle(struct batch *, int ofp_version,
                           struct ovs_list *out);

#endif /* batch.h */
