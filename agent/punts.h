/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PUNTS_H
#define VTEPD_PUNTS_H 1

/* Hands each packet that the switch gives the agent (see core/punt.h) to the
 * service for its kind, and counts what became of it.
 *
 * The switch's meters bound how many packets come from a port.  Here they are
 * bounded once more, at twice that, so that it makes no difference where the
 * switch does its part; where it has no meters, one VM cannot keep the agent
 * from the packets of others. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/punt.h"

struct punts;

struct punts *punts_create(void);
void punts_destroy(struct punts *);

/* What a service made of a packet. */
enum punt_outcome {
    PUNT_ACCEPTED,
    PUNT_REFUSED,               /* It is in order, but not from him, not now,
                                 * or not for us. */
    PUNT_MALFORMED,
};
typedef enum punt_outcome punt_service(const struct punted_packet *,
                                       void *aux);

/* From now on 'service' gets the packets of 'kind'; NULL: nobody does. */
void punts_set_service(struct punts *, enum punt_kind, punt_service *service,
                       void *aux);

void punts_take(struct punts *, const struct punted_packet *);

struct punt_counts {
    uint64_t accepted, refused, malformed;
    uint64_t limited;           /* Too many from that port: not looked at. */
};
void punts_get_counts(const struct punts *, enum punt_kind,
                      struct punt_counts *);

#endif /* punts.h */
