/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/bfd.h"

#include <string.h>

#include "util.h"

static const char *const states[N_BFD_STATES] = {
    [BFD_OFF] = "off",
    [BFD_ADMIN_DOWN] = "admin_down",
    [BFD_DOWN] = "down",
    [BFD_INIT] = "init",
    [BFD_UP] = "up",
};

static const char *const diagnostics[N_BFD_DIAGNOSTICS] = {
    [BFD_DIAG_NONE] = "No Diagnostic",
    [BFD_DIAG_EXPIRED] = "Control Detection Time Expired",
    [BFD_DIAG_ECHO_FAILED] = "Echo Function Failed",
    [BFD_DIAG_NEIGHBOR_DOWN] = "Neighbor Signaled Session Down",
    [BFD_DIAG_FORWARDING_RESET] = "Forwarding Plane Reset",
    [BFD_DIAG_PATH_DOWN] = "Path Down",
    [BFD_DIAG_CONCATENATED_DOWN] = "Concatenated Path Down",
    [BFD_DIAG_ADMIN_DOWN] = "Administratively Down",
    [BFD_DIAG_REVERSE_DOWN] = "Reverse Concatenated Path Down",
    [BFD_DIAG_OTHER] = "unknown",
};

bool
bfd_status_equals(const struct bfd_status *a, const struct bfd_status *b)
{
    return (a->state == b->state && a->remote_state == b->remote_state
            && a->diagnostic == b->diagnostic && a->n_flaps == b->n_flaps);
}

enum bfd_state
bfd_state_from_string(const char *s)
{
    if (!s) {
        return BFD_OFF;
    }
    for (enum bfd_state state = BFD_ADMIN_DOWN; state < N_BFD_STATES;
         state++) {
        if (!strcmp(s, states[state])) {
            return state;
        }
    }
    return BFD_DOWN;
}

const char *
bfd_state_to_string(enum bfd_state state)
{
    return states[state];
}

enum bfd_diagnostic
bfd_diagnostic_from_string(const char *s)
{
    if (!s) {
        return BFD_DIAG_NONE;
    }
    for (enum bfd_diagnostic i = 0; i < BFD_DIAG_OTHER; i++) {
        if (!strcmp(s, diagnostics[i])) {
            return i;
        }
    }
    return BFD_DIAG_OTHER;
}

const char *
bfd_diagnostic_to_string(enum bfd_diagnostic diagnostic)
{
    return diagnostics[diagnostic];
}

const char *
bfd_status_reason(const struct bfd_status *status)
{
    switch (status->state) {
    case BFD_INIT:
        return "the peer is heard, but does not hear this host";
    case BFD_ADMIN_DOWN:
        return "somebody has it administratively down";
    case BFD_OFF:
    case BFD_DOWN:
    case BFD_UP:
    default:
        break;
    }
    switch (status->diagnostic) {
    case BFD_DIAG_NONE:
        return "the peer has never answered";
    case BFD_DIAG_EXPIRED:
        return "the peer is no longer heard";
    case BFD_DIAG_NEIGHBOR_DOWN:
        return "the peer says that it does not hear this host";
    default:
        return bfd_diagnostic_to_string(status->diagnostic);
    }
}
