/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PUNT_METERS_H
#define VTEPD_PUNT_METERS_H 1

/* The meters that flows with punts name (see core/punt.h): which of them the
 * switch has, and which it must get or lose.
 *
 * What is wanted is learned from the flows: a meter that a flow names.  It is
 * added before the bundle with that flow, for meters are in no bundle, and goes
 * after the bundle that took the flows of its port.  Meters of the bridge that
 * no flow names are not ours to keep, except for the two that Open vSwitch
 * itself uses, which an operator may have made.
 *
 * The switch takes a flow that names a meter that is not there, and never puts
 * the two together later; nor does it when a meter is deleted and made again.
 * So flows that name such a meter are sent again, though they are as they
 * should be, until a bundle with them has been applied.
 *
 * Sends nothing: returns the messages that are to be sent, at once. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "openvswitch/hmap.h"

struct ofp_header;
struct ofpbuf;
struct ofputil_meter_mod;

struct punt_meters {
    struct hmap meters;         /* Contains struct meters, by number. */
    bool supported;             /* Has the datapath meters at all? */
    uint64_t round;             /* Of punt_meters_sent(). */
    bool syncing;               /* All flows are being told. */
    bool pending;               /* Does any wait for a bundle? */
};

void punt_meters_init(struct punt_meters *);
void punt_meters_destroy(struct punt_meters *);

/* Forgets everything: it is another switch. */
void punt_meters_clear(struct punt_meters *);

/* What the switch says that it has: features, then all meters, in parts.
 * punt_meters_read() returns false if it cannot decode one. */
void punt_meters_read_begin(struct punt_meters *);
void punt_meters_read_features(struct punt_meters *,
                               const struct ofp_header *);
bool punt_meters_read(struct punt_meters *, struct ofpbuf *reply);

/* The meter that a flow names, 0: none. */
uint32_t punt_meters_of_flow(const struct flow_entry *);

/* A flow that is wanted names 'meter'.  Returns the message to send before
 * that flow, which the caller owns, or NULL. */
struct ofpbuf *punt_meters_want(struct punt_meters *, uint32_t meter,
                                int ofp_version);

/* Must flows that name the meter be sent though they are there? */
bool punt_meters_is_suspect(const struct punt_meters *, uint32_t meter);

/* A port is there, or not any more. */
void punt_meters_port_changed(struct punt_meters *, uint32_t ofport,
                              bool there);

/* All flows that are wanted are going to be told; they were.  With 'keep' the
 * meters that flows which are not known may name stay. */
void punt_meters_sync_begin(struct punt_meters *);
void punt_meters_sync_end(struct punt_meters *, bool keep);

/* All flows that were told are in bundles up to 'number'. */
void punt_meters_sent(struct punt_meters *, uint64_t number);

/* Bundles up to 'number' were applied.  Returns a message to send, which the
 * caller owns, or NULL; to be called until then. */
struct ofpbuf *punt_meters_applied(struct punt_meters *, uint64_t number,
                                   int ofp_version);

/* Returns a message that deletes a meter of ours, whether it is wanted or not,
 * or NULL if there is none left. */
struct ofpbuf *punt_meters_withdraw(struct punt_meters *, int ofp_version);

/* Somebody else changed meters; all should be read again.  Returns false if it
 * is none of our business. */
bool punt_meters_changed(struct punt_meters *,
                         const struct ofputil_meter_mod *);

/* The switch refused a message of ours. */
void punt_meters_refused(struct punt_meters *,
                         const struct ofputil_meter_mod *);

struct punt_meters_status {
    bool supported;
    size_t n_wanted;
    size_t n_lacking;           /* Wanted and not there. */
};
void punt_meters_get_status(const struct punt_meters *,
                            struct punt_meters_status *);

#endif /* punt-meters.h */
