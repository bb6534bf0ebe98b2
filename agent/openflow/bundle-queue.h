/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BUNDLE_QUEUE_H
#define VTEPD_BUNDLE_QUEUE_H 1

/* Bundles from when they are made until the switch has answered them.
 *
 * Their messages lie end to end in chunks (see batch.h) and stay there until
 * the answer, for two reasons.  An error names the message that the switch
 * refuses by its xid: each has its own, which it gets when it is sent.  And
 * one message that is refused blocks its whole bundle: then all that is not
 * answered is sent once more, one message after the other without bundles, in
 * the same order, so that all goes in but what is refused.  Whatever of it had
 * been applied already, it ends the same: each message says what is to be, not
 * what is to change.
 *
 * Of a bundle that was sent in part only the switch takes leave by itself after
 * some seconds; the error with which it says so is for an old xid.
 *
 * Bundles are numbered from 1.  The switch answers them in order. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "openvswitch/types.h"

struct ofp_header;
struct ofpbuf;

struct bundle_queue {
    struct ovs_list bundles;    /* Contains struct bundles, oldest first. */
    size_t n_unsent;            /* Bytes. */
    uint32_t next_xid;
    uint64_t last;              /* Number of the last bundle... */
    uint64_t applied;           /* ...and of the last that was applied. */
};

void bundle_queue_init(struct bundle_queue *);

/* Frees what is in the queue, which stays usable. */
void bundle_queue_clear(struct bundle_queue *);

/* Puts a bundle at the end: takes over 'chunks' as batch_take_bundle() makes
 * them.  'unbundled': its messages are to be sent one by one.  Returns its
 * number. */
uint64_t bundle_queue_put(struct bundle_queue *, struct ovs_list *chunks,
                          bool unbundled);

/* The next message to send, which the caller owns; NULL if there is none. */
struct ofpbuf *bundle_queue_next(struct bundle_queue *);

/* The switch has answered the message 'xid' as it should: is that the end of a
 * bundle?  Then it is applied and forgotten. */
bool bundle_queue_answered(struct bundle_queue *, ovs_be32 xid);

/* Of what is the message with an error? */
enum bundle_part {
    BUNDLE_NONE,                /* Of no bundle that waits for an answer. */
    BUNDLE_MESSAGE,             /* One of its messages... */
    BUNDLE_END,                 /* ...or what ends it: it was not applied. */
};
enum bundle_part bundle_queue_find(struct bundle_queue *, ovs_be32 xid,
                                   const struct ofp_header **message);

/* The oldest bundle was not applied: sends all that is not answered once more,
 * without bundles.  Returns false if that one was sent so before. */
bool bundle_queue_unbundle(struct bundle_queue *);

/* Was 'xid' given to a message by this queue, now or before? */
bool bundle_queue_is_own_xid(ovs_be32 xid);

#endif /* bundle-queue.h */
