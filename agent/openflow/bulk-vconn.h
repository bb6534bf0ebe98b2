/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BULK_VCONN_H
#define VTEPD_BULK_VCONN_H 1

/* An OpenFlow connection (vconn) that sends in bulk.
 *
 * Open vSwitch's own makes a system call a message, which with bundles of
 * thousands of small messages is a quarter of the whole effort.  This one
 * gathers what it is given and hands it on in large pieces, when it has enough
 * or when it is run (rconn_run()), whichever comes first.  So whoever wants a
 * message to be on its way runs the connection after sending it. */

#include <stdint.h>

struct vconn;

/* Like vconn_open(). */
int bulk_vconn_open(const char *name, uint32_t allowed_versions, uint8_t dscp,
                    struct vconn **);

#endif /* bulk-vconn.h */
