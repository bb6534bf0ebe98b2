/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ANNOUNCE_SERVICE_H
#define VTEPD_ANNOUNCE_SERVICE_H 1

/* Who holds the addresses that several endpoints may hold, told around.
 *
 *     VM ── announces ──> take() ──> overlay: it is the holder
 *                            │
 *                            ├── tells the peers of the segment,
 *                            └── and the other VMs here: they may know the
 *                                address at the MAC of the last holder.
 *
 *     peer ── tells ────> take() ──> overlay: the peer's endpoint is, if the
 *                            │       inventory places it there and lets it
 *                            └── tells the VMs here.
 *     peer ── asks ─────> take() ──> tells him, if the holder is here.
 *
 * Whoever does not know a holder, or only from before a restart, asks the
 * peers, and the VMs here that may be it: the one that has the address says so
 * itself.  What is remembered and nobody contradicts is so.  The host of the holder tells again now and then, so that nobody
 * stays wrong for long whom a packet has not reached.
 *
 * Two that announce an address at the same moment may be taken in different
 * orders by different hosts.  So whose VM loses an address that it announced
 * just now asks that VM again: only the one that has it still says so.  If both
 * go on, the change is let through less and less often.
 *
 * Time is in ms. */

#include <stdbool.h>

#include "agent/punts.h"

struct dp_packet;
struct ofpbuf;
struct overlay;

struct announce_io {
    void *aux;

    /* Has the switch apply 'actions' (struct ofpacts) to a packet. */
    void (*send)(void *aux, const struct dp_packet *,
                 const struct ofpbuf *actions);
};

struct announce_service;

/* 'overlay' must outlive the service. */
struct announce_service *announce_service_create(struct overlay *overlay,
                                                 const struct announce_io *);
void announce_service_destroy(struct announce_service *);

/* Takes a packet of PUNT_ANNOUNCE or PUNT_PEER_ANNOUNCE.  'wall_now' is in ms
 * since the epoch. */
enum punt_outcome announce_service_take(struct announce_service *,
                                        const struct punted_packet *,
                                        long long int now,
                                        long long int wall_now);

/* Asks and tells what is due; to be called after overlay_run(). */
void announce_service_run(struct announce_service *, long long int now);

/* When to call announce_service_run() again, or LLONG_MAX. */
long long int announce_service_next_time(const struct announce_service *);

#endif /* announce-service.h */
