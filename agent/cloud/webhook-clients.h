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
    bool body_dropped;          /* To make room. */
};

struct webhook_clients {
    struct ovs_list clients;
    size_t n;                   /* Those that are not closing. */
    size_t body_allocated;      /* Bytes, of all of them. */
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

/* Appends to the body of the client's request.  Returns false if there is no
 * memory left for it.  The largest body of all is dropped to make room; if it
 * is another's, sets '*victim' to that client. */
bool webhook_client_add_body(struct webhook_clients *, struct webhook_client *,
                             const void *data, size_t len,
                             struct webhook_client **victim);
void webhook_client_free_body(struct webhook_clients *,
                              struct webhook_client *);

/* Closes what has taken too long. */
void webhook_clients_run(struct webhook_clients *, long long int now);

/* When webhook_clients_run() is next needed; LLONG_MAX: never. */
long long int webhook_clients_next(const struct webhook_clients *);

#endif /* webhook-clients.h */
