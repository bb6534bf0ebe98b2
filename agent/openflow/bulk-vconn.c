/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/bulk-vconn.h"

#include <errno.h>
#include <stdlib.h>

#include "openvswitch/ofpbuf.h"
#include "openvswitch/vconn.h"
#include "util.h"
#include "vconn-provider.h"

/* With so many bytes a piece is large enough to be handed on. */
#define BULK_BYTES (64 * 1024)

/* All but sending is left to 'inner'.  Its class alone is used: it is 'vconn'
 * that goes through the states of a connection. */
struct bulk_vconn {
    struct vconn vconn;
    struct vconn *inner;
    struct ofpbuf *gathered;    /* NULL: nothing. */
    int error;                  /* Of sending; positive errno value. */
};

static struct bulk_vconn *
bulk_vconn_cast(struct vconn *vconn)
{
    return CONTAINER_OF(vconn, struct bulk_vconn, vconn);
}

static void
bulk_vconn_close(struct vconn *vconn)
{
    struct bulk_vconn *b = bulk_vconn_cast(vconn);

    vconn_close(b->inner);
    ofpbuf_delete(b->gathered);
    free(b);
}

static int
bulk_vconn_connect(struct vconn *vconn)
{
    struct vconn *inner = bulk_vconn_cast(vconn)->inner;

    return inner->vclass->connect(inner);
}

static int
bulk_vconn_recv(struct vconn *vconn, struct ofpbuf **messagep)
{
    struct vconn *inner = bulk_vconn_cast(vconn)->inner;

    return inner->vclass->recv(inner, messagep);
}

/* Hands on what was gathered, if 'inner' is free. */
static void
hand_on(struct bulk_vconn *b)
{
    if (b->gathered && !b->error) {
        int error = b->inner->vclass->send(b->inner, b->gathered);

        if (!error) {
            b->gathered = NULL;
        } else if (error != EAGAIN) {
            b->error = error;
        }
    }
}

static int
bulk_vconn_send(struct vconn *vconn, struct ofpbuf *message)
{
    struct bulk_vconn *b = bulk_vconn_cast(vconn);

    if (b->gathered && b->gathered->size >= BULK_BYTES) {
        hand_on(b);
    }
    if (b->error) {
        return b->error;
    } else if (!b->gathered) {
        b->gathered = message;
        return 0;
    } else if (b->gathered->size >= BULK_BYTES) {
        return EAGAIN;
    }
    ofpbuf_put(b->gathered, message->data, message->size);
    ofpbuf_delete(message);
    return 0;
}

static void
bulk_vconn_run(struct vconn *vconn)
{
    struct bulk_vconn *b = bulk_vconn_cast(vconn);

    b->inner->vclass->run(b->inner);
    hand_on(b);
}

static void
bulk_vconn_run_wait(struct vconn *vconn)
{
    struct bulk_vconn *b = bulk_vconn_cast(vconn);

    b->inner->vclass->run_wait(b->inner);
    if (b->gathered && !b->error) {
        b->inner->vclass->wait(b->inner, WAIT_SEND);
    }
}

static void
bulk_vconn_wait(struct vconn *vconn, enum vconn_wait_type type)
{
    struct vconn *inner = bulk_vconn_cast(vconn)->inner;

    inner->vclass->wait(inner, type);
}

static const struct vconn_class bulk_vconn_class = {
    .name = "bulk",
    .close = bulk_vconn_close,
    .connect = bulk_vconn_connect,
    .recv = bulk_vconn_recv,
    .send = bulk_vconn_send,
    .run = bulk_vconn_run,
    .run_wait = bulk_vconn_run_wait,
    .wait = bulk_vconn_wait,
};

int
bulk_vconn_open(const char *name, uint32_t allowed_versions, uint8_t dscp,
                struct vconn **vconnp)
{
    struct vconn *inner;
    int error = vconn_open(name, allowed_versions, dscp, &inner);

    if (error) {
        *vconnp = NULL;
        return error;
    }

    struct bulk_vconn *b = xzalloc(sizeof *b);
    b->inner = inner;
    vconn_init(&b->vconn, &bulk_vconn_class, EAGAIN, name, allowed_versions);
    *vconnp = &b->vconn;
    return 0;
}
