/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PORT_NUMBERS_H
#define VTEPD_PORT_NUMBERS_H 1

/* OpenFlow port numbers for new tunnel ports.
 *
 * They are requested from 32768 up.  Open vSwitch itself assigns from 1 up, so
 * no number is stolen from a port that had it before, and its search for a
 * free one, slow on a bridge with many ports, is not needed. */

#include <stdint.h>

enum {
    PORT_NUMBERS_MIN = 32768,
    PORT_NUMBERS_MAX = 65279,   /* OpenFlow 1.0 reserves those above. */
};

struct ovsrec_bridge;

/* The numbers taken on one bridge.  All zero: nothing is known. */
struct port_numbers {
    unsigned long int *taken;   /* NULL until they are needed. */
    uint16_t next;              /* Those below are all taken. */
};

void port_numbers_destroy(struct port_numbers *);

/* Takes and returns the lowest number that no interface on 'bridge' has or
 * asks for, 0 if there is none. */
uint16_t port_numbers_take(struct port_numbers *,
                           const struct ovsrec_bridge *bridge);

#endif /* port-numbers.h */
