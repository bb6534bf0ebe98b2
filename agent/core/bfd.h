/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BFD_H
#define VTEPD_BFD_H 1

/* What Open vSwitch says of the BFD session on a tunnel (RFC 5880, RFC 5881),
 * as a value.  vtepd only has it switched on and tells of it: a host has one
 * way to a peer and no other to take instead, so whatever BFD says, flows and
 * groups stay as they are.  A session that is down because the peer runs no
 * BFD must not cost a packet, either. */

#include <stdbool.h>
#include <stdint.h>

/* RFC 5880 4.1, but for BFD_OFF. */
enum bfd_state {
    BFD_OFF,                    /* There is no session. */
    BFD_ADMIN_DOWN,
    BFD_DOWN,                   /* The peer is not heard. */
    BFD_INIT,                   /* The peer is heard, and does not say that it
                                 * hears this host. */
    BFD_UP,
    N_BFD_STATES
};

/* Why the session was last down: the codes of RFC 5880 4.1. */
enum bfd_diagnostic {
    BFD_DIAG_NONE,
    BFD_DIAG_EXPIRED,           /* Nothing came for the detection time. */
    BFD_DIAG_ECHO_FAILED,
    BFD_DIAG_NEIGHBOR_DOWN,     /* The peer said that its session is down. */
    BFD_DIAG_FORWARDING_RESET,
    BFD_DIAG_PATH_DOWN,
    BFD_DIAG_CONCATENATED_DOWN,
    BFD_DIAG_ADMIN_DOWN,
    BFD_DIAG_REVERSE_DOWN,
    BFD_DIAG_OTHER,             /* One that is not known here. */
    N_BFD_DIAGNOSTICS
};

/* All zero: there is no session. */
struct bfd_status {
    enum bfd_state state;
    enum bfd_state remote_state;    /* As the peer says. */
    enum bfd_diagnostic diagnostic;
    uint64_t n_flaps;           /* How often it went up or down. */
};

bool bfd_status_equals(const struct bfd_status *, const struct bfd_status *);

/* As in the column bfd_status of Open vSwitch's Interface table.  NULL is
 * BFD_OFF; a state that is not known is BFD_DOWN. */
enum bfd_state bfd_state_from_string(const char *);
const char *bfd_state_to_string(enum bfd_state);    /* "off" for BFD_OFF. */

/* NULL is BFD_DIAG_NONE. */
enum bfd_diagnostic bfd_diagnostic_from_string(const char *);
const char *bfd_diagnostic_to_string(enum bfd_diagnostic);

/* What a session that is not up means, as part of a sentence. */
const char *bfd_status_reason(const struct bfd_status *);

#endif /* bfd.h */
