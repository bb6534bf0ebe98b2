/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/bundle-queue.h"

#include <stdlib.h>

#include "openflow/openflow-1.4.h"
#include "openflow/openflow-common.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Where a message lies in the one that adds it to a bundle. */
#define ADDED_OFS (sizeof(struct ofp_header) \
                   + sizeof(struct ofp14_bundle_ctrl_msg))

/* In OpenFlow 1.4 and 1.5 (7.3.9.6). */
#define BUNDLE_ADD_MESSAGE 34

/* Open vSwitch's library counts up from 1 for all other messages. */
#define XID_BASE 0x80000000u

/* A message in the chunks of a bundle. */
struct position {
    const struct ofpbuf *chunk; /* NULL: behind the last one. */
    size_t offset;
    size_t index;               /* 0 is what opens the bundle. */
};

struct bundle {
    struct ovs_list list_node;  /* In bundle_queue's 'bundles'. */
    uint64_t number;
    struct ovs_list chunks;     /* Contains ofpbufs of whole messages. */
    size_t n_messages, n_bytes;
    bool unbundled;
    uint32_t first_xid;         /* Of message 0. */
    struct position next;       /* To send. */
    struct position found;      /* By bundle_queue_find(), last. */
};

void
bundle_queue_init(struct bundle_queue *q)
{
    *q = (struct bundle_queue) { .next_xid = XID_BASE };
    ovs_list_init(&q->bundles);
}

static void
free_bundle(struct bundle *b)
{
    ofpbuf_list_delete(&b->chunks);
    free(b);
}

void
bundle_queue_clear(struct bundle_queue *q)
{
    struct bundle *b;

    LIST_FOR_EACH_POP (b, list_node, &q->bundles) {
        free_bundle(b);
    }
    q->n_unsent = 0;
}

static struct position
first_position(const struct bundle *b)
{
    return (struct position) {
        .chunk = ofpbuf_from_list(ovs_list_front(&b->chunks)),
    };
}

static const struct ofp_header *
message_at(const struct position *p)
{
    return ofpbuf_at_assert(p->chunk, p->offset, sizeof(struct ofp_header));
}

static void
advance(const struct bundle *b, struct position *p)
{
    p->offset += ntohs(message_at(p)->length);
    p->index++;
    if (p->offset >= p->chunk->size) {
        const struct ovs_list *next = p->chunk->list_node.next;

        p->chunk = next == &b->chunks ? NULL : ofpbuf_from_list(next);
        p->offset = 0;
    }
}

/* Has it sent from the beginning, with xids that no message had before: an
 * error that is on its way already must not be taken for one of them. */
static void
begin_sending(struct bundle_queue *q, struct bundle *b)
{
    b->next = b->found = first_position(b);
    b->first_xid = q->next_xid;
    q->next_xid = (q->next_xid + b->n_messages) | XID_BASE;
}

uint64_t
bundle_queue_put(struct bundle_queue *q, struct ovs_list *chunks,
                 bool unbundled)
{
    struct bundle *b = xzalloc(sizeof *b);
    struct position p;

    b->number = ++q->last;
    b->unbundled = unbundled;
    ovs_list_init(&b->chunks);
    ovs_list_push_back_all(&b->chunks, chunks);
    for (p = first_position(b); p.chunk; advance(b, &p)) {
        b->n_bytes += ntohs(message_at(&p)->length);
    }
    b->n_messages = p.index;
    begin_sending(q, b);
    ovs_list_push_back(&q->bundles, &b->list_node);
    q->n_unsent += b->n_bytes;
    return b->number;
}

static ovs_be32
xid_of(const struct bundle *b, size_t index)
{
    return htonl((b->first_xid + index) | XID_BASE);
}

static struct ofpbuf *
copy_bundled(const struct ofp_header *oh, ovs_be32 xid)
{
    size_t length = ntohs(oh->length);
    struct ofpbuf *copy = ofpbuf_clone_data(oh, length);
    struct ofp_header *outer = copy->data;

    outer->xid = xid;
    if (oh->type == BUNDLE_ADD_MESSAGE) {
        struct ofp_header *inner = ofpbuf_at_assert(copy, ADDED_OFS,
                                                    sizeof *inner);
        inner->xid = xid;
    }
    return copy;
}

/* The message without the one around it; a barrier for the end; NULL for the
 * beginning. */
static struct ofpbuf *
copy_unbundled(const struct bundle *b, const struct position *p, ovs_be32 xid)
{
    const struct ofp_header *oh = message_at(p);

    if (oh->type != BUNDLE_ADD_MESSAGE) {
        return p->index + 1 < b->n_messages
               ? NULL
               : ofpraw_alloc_xid(OFPRAW_OFPT11_BARRIER_REQUEST, oh->version,
                                  xid, 0);
    }

    struct ofpbuf *copy = ofpbuf_clone_data((const char *) oh + ADDED_OFS,
                                            ntohs(oh->length) - ADDED_OFS);
    struct ofp_header *inner = copy->data;
    inner->xid = xid;
    return copy;
}

static struct bundle *
first_unsent(const struct bundle_queue *q)
{
    struct bundle *b;

    LIST_FOR_EACH (b, list_node, &q->bundles) {
        if (b->next.chunk) {
            return b;
        }
    }
    return NULL;
}

struct ofpbuf *
bundle_queue_next(struct bundle_queue *q)
{
    struct ofpbuf *message = NULL;

    while (!message && q->n_unsent) {
        struct bundle *b = first_unsent(q);
        const struct ofp_header *oh = message_at(&b->next);
        ovs_be32 xid = xid_of(b, b->next.index);

        message = (b->unbundled ? copy_unbundled(b, &b->next, xid)
                   : copy_bundled(oh, xid));
        q->n_unsent -= ntohs(oh->length);
        advance(b, &b->next);
    }
    return message;
}

static size_t
index_of(const struct bundle *b, ovs_be32 xid)
{
    return (ntohl(xid) - b->first_xid) & ~XID_BASE;
}

bool
bundle_queue_answered(struct bundle_queue *q, ovs_be32 xid)
{
    if (ovs_list_is_empty(&q->bundles) || !bundle_queue_is_own_xid(xid)) {
        return false;
    }

    struct bundle *b = CONTAINER_OF(ovs_list_front(&q->bundles),
                                    struct bundle, list_node);
    if (b->next.chunk || index_of(b, xid) != b->n_messages - 1) {
        return false;
    }
    q->applied = b->number;
    ovs_list_remove(&b->list_node);
    free_bundle(b);
    return true;
}

/* Errors come in the order of the messages, so it goes on where it was. */
static const struct ofp_header *
find_message(struct bundle *b, size_t index)
{
    struct position *p = &b->found;
    const struct ofp_header *oh;

    if (index < p->index) {
        *p = first_position(b);
    }
    while (p->index < index) {
        advance(b, p);
    }
    oh = message_at(p);
    return (oh->type == BUNDLE_ADD_MESSAGE
            ? ofpbuf_at_assert(p->chunk, p->offset + ADDED_OFS, sizeof *oh)
            : oh);
}

enum bundle_part
bundle_queue_find(struct bundle_queue *q, ovs_be32 xid,
                  const struct ofp_header **message)
{
    struct bundle *b;

    if (!bundle_queue_is_own_xid(xid)) {
        return BUNDLE_NONE;
    }
    LIST_FOR_EACH (b, list_node, &q->bundles) {
        size_t index = index_of(b, xid);

        if (index < b->n_messages) {
            if (index == b->n_messages - 1) {
                return BUNDLE_END;
            }
            *message = find_message(b, index);
            return BUNDLE_MESSAGE;
        }
    }
    return BUNDLE_NONE;
}

bool
bundle_queue_unbundle(struct bundle_queue *q)
{
    struct bundle *b;

    if (ovs_list_is_empty(&q->bundles)
        || CONTAINER_OF(ovs_list_front(&q->bundles), struct bundle,
                        list_node)->unbundled) {
        return false;
    }
    q->n_unsent = 0;
    LIST_FOR_EACH (b, list_node, &q->bundles) {
        b->unbundled = true;
        begin_sending(q, b);
        q->n_unsent += b->n_bytes;
    }
    return true;
}

bool
bundle_queue_is_own_xid(ovs_be32 xid)
{
    return (ntohl(xid) & XID_BASE) != 0;
}
