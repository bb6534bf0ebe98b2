/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/punts.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/token-bucket.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(punts);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* One packet, in what token_bucket counts: thousandths. */
#define ONE_PACKET 1000

struct port_limit {
    struct hmap_node node;      /* In punts' 'ports'. */
    uint32_t port;
    struct token_bucket bucket;
    uint64_t n_limited;
};

struct punts {
    struct {
        punt_service *handle;   /* NULL: nobody. */
        void *aux;
        struct punt_counts counts;
    } services[N_PUNT_KINDS];
    struct hmap ports;          /* Contains struct port_limits, by port: of
                                 * these there are 65,536. */
};

struct punts *
punts_create(void)
{
    struct punts *p = xzalloc(sizeof *p);

    hmap_init(&p->ports);
    return p;
}

void
punts_destroy(struct punts *p)
{
    struct port_limit *l;

    if (p) {
        HMAP_FOR_EACH_POP (l, node, &p->ports) {
            free(l);
        }
        hmap_destroy(&p->ports);
        free(p);
    }
}

void
punts_set_service(struct punts *p, enum punt_kind kind, punt_service *handle,
                  void *aux)
{
    p->services[kind].handle = handle;
    p->services[kind].aux = aux;
}

/* The port that a packet came from.  All tunnels share a meter; each has a
 * bucket of its own here. */
static struct port_limit *
get_port(struct punts *p, uint32_t port)
{
    uint32_t meter = port < PUNT_PEERS_METER ? punt_port_meter(port)
                                             : PUNT_PEERS_METER;
    struct punt_limit limit = punt_meter_limit(meter);
    struct port_limit *l;

    HMAP_FOR_EACH_WITH_HASH (l, node, hash_int(port, 0), &p->ports) {
        if (l->port == port) {
            return l;
        }
    }
    l = xzalloc(sizeof *l);
    l->port = port;
    token_bucket_init(&l->bucket, 2 * limit.rate,
                      2 * limit.burst * ONE_PACKET);
    hmap_insert(&p->ports, &l->node, hash_int(port, 0));
    return l;
}

static bool
may_pass(struct punts *p, const struct punted_packet *packet)
{
    struct port_limit *l = get_port(p, packet->in_port);

    if (token_bucket_withdraw(&l->bucket, ONE_PACKET)) {
        return true;
    }
    l->n_limited++;
    VLOG_INFO_RL(&rl, "port %"PRIu32": too many packets for the agent, the "
                 "last is %s; %"PRIu64" dropped so far", packet->in_port,
                 punt_kind_to_string(packet->kind), l->n_limited);
    return false;
}

void
punts_take(struct punts *p, const struct punted_packet *packet)
{
    struct punt_counts *counts = &p->services[packet->kind].counts;
    punt_service *handle = p->services[packet->kind].handle;

    if (!may_pass(p, packet)) {
        counts->limited++;
        return;
    }
    switch (handle ? handle(packet, p->services[packet->kind].aux)
            : PUNT_REFUSED) {
    case PUNT_ACCEPTED: counts->accepted++; break;
    case PUNT_REFUSED: counts->refused++; break;
    case PUNT_MALFORMED: counts->malformed++; break;
    default: OVS_NOT_REACHED();
    }
}

void
punts_get_counts(const struct punts *p, enum punt_kind kind,
                 struct punt_counts *counts)
{
    *counts = p->services[kind].counts;
}
