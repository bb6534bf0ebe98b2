/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_CLIENTS_H
#define VTEPD_WEBHOOK_CLIENTS_H 1

/* The connections of the webhook server, and what keeps a client from using up
 * what others need: how many there are, how long each may take, how much of
 * their requests is in memory.
 *
 * A connection is closed by shutting its socket down; the HTTP library notices
 * and takes it away.  Where there is no room for another, the one goes that
 * has gone without an answered request for the longest, and those that have
 * never sent anything signed go first.  A client that waits for the switch is
 * never in the way.
 *
 * Knows nothing of HTTP; time is a parameter, time_msec(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/list.h"

/* A connection.  Part of the server's own struct for it. */
struct webhook_client {
    struct ovs_list node;       /* In struct webhook_clients. */
    int fd;
    long long int since;        /* When it came, or was last answered. */
    long long int deadline;     /* When it is closed; LLONG_MAX: never. */
    bool trusted;               /* Has sent something signed. */
    bool waiting;               /* For the switch. */
    bool answered;              /* At least one request. */
    bool closing;               /* Was shut down. */

    char *body;                 /* Of the request that is being received. */
    size_t body_len, body_allocated;
    uint64_t body_number;       /* Bodies that began earlier have less. */
    bool body_dropped;          /* To make room. */
};

struct webhook_clients {
    struct ovs_list clients;
    size_t n;                   /* Those that are not closing. */
    size_t body_allocated;      /* Bytes, of all of them. */
    uint64_t n_bodies;          /* That have begun until now. */
    unsigned long long int n_evicted;
};

void webhook_clients_init(struct webhook_clients *);

/* A connection has come, has gone.  The newcomer may cost another its
 * place. */
void webhook_client_add(struct webhook_clients *, struct webhook_client *,
                        int fd, long long int now);
void webhook_client_remove(struct webhook_clients *, struct webhook_client *);

/* What the client is about. */
void webhook_client_begins_request(struct webhook_client *, long long int now);
void webhook_client_waits(struct webhook_client *);
void webhook_client_may_receive_answer(struct webhook_client *,
                                       long long int now);
void webhook_client_was_answered(struct webhook_client *, long long int now);

/* Returns NULL if there is room for 'len' more bytes of the body of 'client',
 * or else drops a body to make room, and returns the client whose it was, which
 * may be 'client': then there is nothing to be added any more.  To be repeated
 * until it returns one of the two.
 *
 * Of those that have never sent anything signed, the body that is taking the
 * longest goes; so one that comes quickly gets through among any number of
 * slow ones.  They take no room from those that have; of those, if it is only
 * they, the largest body goes. */
struct webhook_client *webhook_client_make_room(struct webhook_clients *,
                                                struct webhook_client *client,
                                                size_t len);

/* Appends to the body of the client's request, for which there is room. */
void webhook_client_add_body(struct webhook_clients *, struct webhook_client *,
                             const void *data, size_t len);
void webhook_client_free_body(struct webhook_clients *,
                              struct webhook_client *);

/* Closes what has taken too long. */
void webhook_clients_run(struct webhook_clients *, long long int now);

/* When webhook_clients_run() is next needed; LLONG_MAX: never. */
long long int webhook_clients_next(const struct webhook_clients *);

#endif /* webhook-clients.h */
