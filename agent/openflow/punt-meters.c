/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/punt-meters.h"

#include <errno.h>
#include <stdlib.h>

#include "core/punt.h"
#include "hash.h"
#include "openflow/openflow-1.3.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Any drops, counted in packets. */
#define METER_FLAGS (OFPMF13_PKTPS | OFPMF13_BURST)

struct meter {
    struct hmap_node node;      /* In punt_meters' 'meters'. */
    uint32_t id;
    bool there;                 /* In the switch, or on its way... */
    bool exact;                 /* ...as it should be. */
    bool wanted;                /* A flow names it. */
    bool refused;               /* Not to be tried again for now. */
    uint64_t left, came;        /* 'round' in which its port did so. */
    uint64_t delete_after;      /* This bundle; UINT64_MAX: it stays. */
    bool suspect;               /* Flows that name it may do so in vain... */
    uint64_t suspect_until;     /* ...until this bundle; UINT64_MAX: until
                                 * all are told. */
};

void
punt_meters_init(struct punt_meters *m)
{
    *m = (struct punt_meters) { .supported = true, .round = 1 };
    hmap_init(&m->meters);
}

static void
free_meter(struct punt_meters *m, struct meter *meter)
{
    hmap_remove(&m->meters, &meter->node);
    free(meter);
}

void
punt_meters_clear(struct punt_meters *m)
{
    struct meter *meter;

    HMAP_FOR_EACH_SAFE (meter, node, &m->meters) {
        free_meter(m, meter);
    }
    m->pending = false;
}

void
punt_meters_destroy(struct punt_meters *m)
{
    punt_meters_clear(m);
    hmap_destroy(&m->meters);
}

static struct meter *
find_meter(const struct punt_meters *m, uint32_t id)
{
    struct meter *meter;

    HMAP_FOR_EACH_WITH_HASH (meter, node, hash_int(id, 0), &m->meters) {
        if (meter->id == id) {
            return meter;
        }
    }
    return NULL;
}

static struct meter *
get_meter(struct punt_meters *m, uint32_t id)
{
    struct meter *meter = find_meter(m, id);

    if (!meter) {
        meter = xzalloc(sizeof *meter);
        meter->id = id;
        meter->delete_after = UINT64_MAX;
        hmap_insert(&m->meters, &meter->node, hash_int(id, 0));
    }
    return meter;
}

/* Messages. */

static struct ofpbuf *
encode_mod(uint32_t id, uint16_t command, int ofp_version)
{
    struct punt_limit limit = punt_meter_limit(id);
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = limit.rate,
        .burst_size = limit.burst,
    };
    const struct ofputil_meter_mod mod = {
        .command = command,
        .meter = {
            .meter_id = id,
            .flags = METER_FLAGS,
            .n_bands = command == OFPMC13_DELETE ? 0 : 1,
            .bands = &band,
        },
    };

    return ofputil_encode_meter_mod(ofp_version, &mod);
}

static bool
is_exact(const struct ofputil_meter_config *c)
{
    struct punt_limit limit = punt_meter_limit(c->meter_id);

    return c->meter_id <= PUNT_PEERS_METER && c->flags == METER_FLAGS
           && c->n_bands == 1 && c->bands[0].type == OFPMBT13_DROP
           && c->bands[0].rate == limit.rate
           && c->bands[0].burst_size == limit.burst;
}

/* Reading. */

void
punt_meters_read_begin(struct punt_meters *m)
{
    struct meter *meter;

    HMAP_FOR_EACH_SAFE (meter, node, &m->meters) {
        if (meter->suspect) {
            meter->there = false;
            meter->delete_after = UINT64_MAX;
        } else {
            free_meter(m, meter);
        }
    }
}

void
punt_meters_read_features(struct punt_meters *m, const struct ofp_header *oh)
{
    struct ofputil_meter_features features;

    ofputil_decode_meter_features(oh, &features);
    m->supported = features.max_meters > 0;
}

/* Open vSwitch's own, for what it hands to itself and to controllers. */
static bool
is_virtual(uint32_t id)
{
    return id > OFPM13_MAX;
}

bool
punt_meters_read(struct punt_meters *m, struct ofpbuf *reply)
{
    struct ofpbuf bands;
    int error;

    ofpbuf_init(&bands, 64);
    for (;;) {
        struct ofputil_meter_config config;

        error = ofputil_decode_meter_config(reply, &config, &bands);
        if (error) {
            break;
        }
        if (!is_virtual(config.meter_id)) {
            struct meter *meter = get_meter(m, config.meter_id);

            meter->there = true;
            meter->exact = is_exact(&config);
        }
    }
    ofpbuf_uninit(&bands);
    return error == EOF;
}

/* What is wanted. */

uint32_t
punt_meters_of_flow(const struct flow_entry *e)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, e->actions.data, e->actions.size) {
        if (a->type == OFPACT_CONTROLLER) {
            uint32_t id = ofpact_get_CONTROLLER(a)->meter_id;

            return id <= PUNT_PEERS_METER ? id : 0;
        }
    }
    return 0;
}

static void
suspect(struct meter *meter)
{
    meter->suspect = true;
    meter->suspect_until = UINT64_MAX;
}

struct ofpbuf *
punt_meters_want(struct punt_meters *m, uint32_t id, int ofp_version)
{
    struct meter *meter = get_meter(m, id);
    bool there = meter->there;

    meter->wanted = true;
    meter->left = 0;
    meter->delete_after = UINT64_MAX;
    if (!m->supported || meter->refused || (there && meter->exact)) {
        return NULL;
    }
    if (!there && m->syncing) {
        suspect(meter);
    }
    meter->there = meter->exact = true;
    return encode_mod(id, there ? OFPMC13_MODIFY : OFPMC13_ADD, ofp_version);
}

bool
punt_meters_is_suspect(const struct punt_meters *m, uint32_t id)
{
    const struct meter *meter = find_meter(m, id);

    return meter && meter->suspect;
}

/* Both may be told for one port, in any order: then another VM is on it.
 * Tunnels have no meter of their own, though the number of the one that they
 * share is also that of a port. */
void
punt_meters_port_changed(struct punt_meters *m, uint32_t ofport, bool there)
{
    struct meter *meter = (ofport < PUNT_PEERS_METER
                           ? find_meter(m, punt_port_meter(ofport)) : NULL);

    if (meter && there) {
        meter->came = m->round;
    } else if (meter) {
        meter->left = m->round;
        m->pending = true;
    }
}

void
punt_meters_sync_begin(struct punt_meters *m)
{
    struct meter *meter;

    HMAP_FOR_EACH (meter, node, &m->meters) {
        meter->wanted = meter->refused = false;
        meter->delete_after = UINT64_MAX;
    }
    m->round++;
    m->syncing = true;
}

void
punt_meters_sync_end(struct punt_meters *m, bool keep)
{
    struct meter *meter;

    HMAP_FOR_EACH (meter, node, &m->meters) {
        if (!meter->wanted && !(keep && meter->exact)) {
            meter->left = m->round;
        }
    }
    m->pending = true;
}

void
punt_meters_sent(struct punt_meters *m, uint64_t number)
{
    struct meter *meter;

    if (m->pending) {
        HMAP_FOR_EACH (meter, node, &m->meters) {
            if (meter->left == m->round && meter->came != m->round) {
                meter->wanted = false;
                meter->delete_after = number;
            }
            if (m->syncing && meter->suspect) {
                meter->suspect_until = number;
            }
        }
    }
    m->syncing = false;
    m->round++;
}

struct ofpbuf *
punt_meters_applied(struct punt_meters *m, uint64_t number, int ofp_version)
{
    bool pending = false;
    struct meter *meter;

    if (!m->pending) {
        return NULL;
    }
    HMAP_FOR_EACH_SAFE (meter, node, &m->meters) {
        meter->suspect = meter->suspect && meter->suspect_until > number;
        if (meter->delete_after <= number) {
            struct ofpbuf *message
                = meter->there ? encode_mod(meter->id, OFPMC13_DELETE,
                                            ofp_version)
                               : NULL;

            free_meter(m, meter);
            if (message) {
                return message;
            }
        } else {
            pending |= (meter->suspect || meter->delete_after != UINT64_MAX
                        || meter->left == m->round);
        }
    }
    m->pending = pending;
    return NULL;
}

struct ofpbuf *
punt_meters_withdraw(struct punt_meters *m, int ofp_version)
{
    struct meter *meter;

    HMAP_FOR_EACH_SAFE (meter, node, &m->meters) {
        if (meter->there && meter->exact) {
            uint32_t id = meter->id;

            free_meter(m, meter);
            return encode_mod(id, OFPMC13_DELETE, ofp_version);
        }
    }
    return NULL;
}

/* What is not as it should be. */

static void
was_changed(struct meter *meter, bool deleted)
{
    meter->exact = false;
    if (deleted) {
        meter->there = false;
        suspect(meter);
    }
}

bool
punt_meters_changed(struct punt_meters *m,
                    const struct ofputil_meter_mod *mod)
{
    bool deleted = mod->command == OFPMC13_DELETE;
    uint32_t id = mod->meter.meter_id;
    struct meter *meter;

    if (deleted && id == OFPM13_ALL) {
        HMAP_FOR_EACH (meter, node, &m->meters) {
            was_changed(meter, true);
        }
        return true;
    }
    meter = find_meter(m, id);
    if (meter) {
        was_changed(meter, deleted);
    }
    return !is_virtual(id);
}

void
punt_meters_refused(struct punt_meters *m,
                    const struct ofputil_meter_mod *mod)
{
    struct meter *meter = find_meter(m, mod->meter.meter_id);

    if (meter) {
        meter->there = false;
        meter->refused = true;
    }
}

void
punt_meters_get_status(const struct punt_meters *m,
                       struct punt_meters_status *status)
{
    const struct meter *meter;

    *status = (struct punt_meters_status) { .supported = m->supported };
    HMAP_FOR_EACH (meter, node, &m->meters) {
        status->n_wanted += meter->wanted;
        status->n_lacking += meter->wanted && !meter->there;
    }
}
