/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_HANDSHAKE_H
#define VTEPD_WEBHOOK_HANDSHAKE_H 1

/* What TLS handshakes may cost: a signature each, for anyone who asks.  They
 * get a part of the time; a ClientHello for which there is none now is left in
 * its socket. */

#include <gnutls/gnutls.h>
#include <stdbool.h>

/* Those of a server. */
struct webhook_handshakes {
    long long int first;        /* When this run's first began; 0: none has. */
    long long int next;         /* None before then.  In us, time_usec(). */
    bool held;                  /* One has to wait. */
};

/* That of a connection, for as long as the session lives. */
struct webhook_handshake {
    struct webhook_handshakes *all;
    int fd;
    bool paid;                  /* The certificate was asked for. */
};

/* Around all that may lead to handshakes. */
void webhook_handshakes_begin(struct webhook_handshakes *);
void webhook_handshakes_end(struct webhook_handshakes *);
void webhook_handshakes_wait(const struct webhook_handshakes *);

/* Has the session, which has not read anything yet, read by way of 'hs'. */
void webhook_handshake_init(struct webhook_handshake *hs,
                            struct webhook_handshakes *, gnutls_session_t,
                            int fd);

#endif /* webhook-handshake.h */
