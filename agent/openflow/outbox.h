/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_OUTBOX_H
#define VTEPD_OUTBOX_H 1

/* OpenFlow messages that wait until the connection takes more.
 *
 * They lie end to end in chunks (see batch.h): a queue of single messages, as
 * an rconn keeps it, takes about half as much memory again. */

#include <stddef.h>

#include "openvswitch/list.h"

struct ofpbuf;

struct outbox {
    struct ovs_list chunks;     /* Contains ofpbufs of whole messages. */
    size_t n_bytes;
};

void outbox_init(struct outbox *);

/* Frees what is in the outbox, which stays usable. */
void outbox_clear(struct outbox *);

/* Moves 'chunks' to the end of the outbox. */
void outbox_put(struct outbox *, struct ovs_list *chunks);

/* The oldest message, which the caller owns; NULL if there is none. */
struct ofpbuf *outbox_take(struct outbox *);

#endif /* outbox.h */
