/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/outbox.h"

#include "openflow/openflow-common.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

void
outbox_init(struct outbox *outbox)
{
    ovs_list_init(&outbox->chunks);
    outbox->n_bytes = 0;
}

void
outbox_clear(struct outbox *outbox)
{
    ofpbuf_list_delete(&outbox->chunks);
    outbox->n_bytes = 0;
}

void
outbox_put(struct outbox *outbox, struct ovs_list *chunks)
{
    const struct ofpbuf *chunk;

    LIST_FOR_EACH (chunk, list_node, chunks) {
        outbox->n_bytes += chunk->size;
    }
    ovs_list_push_back_all(&outbox->chunks, chunks);
}

struct ofpbuf *
outbox_take(struct outbox *outbox)
{
    if (ovs_list_is_empty(&outbox->chunks)) {
        return NULL;
    }

    struct ofpbuf *chunk = ofpbuf_from_list(ovs_list_front(&outbox->chunks));
    const struct ofp_header *oh = chunk->data;
    size_t length = ntohs(oh->length);
    struct ofpbuf *message = ofpbuf_clone_data(oh, length);

    ofpbuf_pull(chunk, length);
    outbox->n_bytes -= length;
    if (!chunk->size) {
        ovs_list_remove(&chunk->list_node);
        ofpbuf_delete(chunk);
    }
    return message;
}
