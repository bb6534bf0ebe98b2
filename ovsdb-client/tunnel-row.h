/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TUNNEL_ROW_H
#define VTEPD_TUNNEL_ROW_H 1

/* A tunnel port as it stands in the database (contract 5): the one place that
 * knows how struct tunnel_spec and the columns of the Interface and Port rows
 * translate into each other.
 *
 *     type, options                the key; ours entirely
 *     bfd:enable                   whether BFD runs
 *     external_ids:vtepd-owner     the host that owns the row
 *     external_ids:vtepd-peer      labels, on both rows
 *     external_ids:vtepd-segment
 *     external_ids:vtepd-group
 *     other_config:vtepd-retry     see tunnel_row_write()
 *
 * Other keys of bfd, external_ids and other_config are left as they are. */

#include <stdbool.h>

#include "core/tunnel-spec.h"

struct ovsrec_interface;
struct ovsrec_port;
struct port_location;
struct row_diff;

/* True if 'interface' in 'port' is a tunnel port of 'owner', or was one until
 * somebody changed its type or took its label: its name still says so. */
bool tunnel_row_is_owned(const struct ovsrec_interface *interface,
                         const struct ovsrec_port *port, const char *owner);

/* Sets '*key' to the tunnel that 'interface' is.  Returns false if it is none
 * that vtepd could have written.  A 'dst_port' that is the encapsulation's
 * default comes out as 0. */
bool tunnel_row_parse(const struct ovsrec_interface *interface,
                      struct tunnel_key *key);

/* Makes the rows of 'at' what 'spec' says, as a port of 'owner', within the
 * open transaction.  Writes only what differs, and adds it to 'diff'.
 *
 * ovs-vswitchd tries again to set up a port that failed when a column that it
 * reads changes (external_ids it does not), but not by itself when the reason
 * has gone.  'n_retries', which grows with each time that it has to, stands in
 * the row while it is not 0. */
void tunnel_row_write(const struct port_location *at,
                      const struct tunnel_spec *spec, const char *owner,
                      unsigned int n_retries, struct row_diff *diff);

/* The same for two rows that the open transaction has just inserted. */
void tunnel_row_write_new(const struct ovsrec_interface *interface,
                          const struct ovsrec_port *port,
                          const struct tunnel_spec *spec, const char *owner);

/* "tunnel vx-0123456789 to hv2 (vxlan, 192.0.2.2)". */
char *tunnel_row_describe(const char *name, const char *peer,
                          const struct tunnel_key *key);

#endif /* tunnel-row.h */
