/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_SERVER_H
#define VTEPD_WEBHOOK_SERVER_H 1

/* The listener for webhooks (contract 4), on libmicrohttpd, driven by the poll
 * loop.
 *
 * Routes: POST and OPTIONS /v1/events, GET /healthz, /readyz and /metrics.
 * Who sends events must have signed them with one of the secrets
 * (webhook-signature.h), if there is a secret; nothing unsigned changes
 * anything.
 *
 * Everything from a client is hostile until checked, and everything a client
 * can make us keep is bounded: connections (the one that has been idle for the
 * longest makes room), bytes of headers and bodies, time per request,
 * requests per second, requests waiting, identifiers remembered.
 *
 * Does not know what events mean: hands them to a sink. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct inventory_event;

struct webhook_sink {
    void *aux;

    /* Can events be taken in?  Returns NULL, or a sentence that says why
     * not (answered with 503). */
    const char *(*why_not)(void *aux);

    /* Is everything that is known in the switch?  Returns NULL, or a
     * sentence that says why not. */
    const char *(*why_not_ready)(void *aux);

    /* Takes in 'n' events at once; the sink may take objects and strings out
     * of them.  If 'ticket' is not 0, the server will ask by that number
     * whether the switch has what the events lead to; with 'revalidated',
     * whether it goes by nothing else any more, cached flows included.  'n'
     * may be 0: then the question is whether it has everything that was taken
     * in until now.
     *
     * If 'repeated', the events are from a request that may be an old one sent
     * again: they change nothing any more, and there is always a 'ticket'. */
    void (*events)(void *aux, struct inventory_event *events, size_t n,
                   uint64_t ticket, bool revalidated, bool repeated);

    /* Does the switch have it?  Asked in webhook_server_answer(). */
    bool (*is_installed)(void *aux, uint64_t ticket);

    /* The server will not ask any more. */
    void (*forget)(void *aux, uint64_t ticket);

    /* Appends the metrics, as Prometheus' text format 0.0.4. */
    void (*metrics)(void *aux, struct ds *);
};

/* What a POST to /v1/events may be answered with. */
enum { N_WEBHOOK_ANSWERS = 9 };
struct webhook_answer_kind {
    unsigned int status;        /* HTTP's. */
    const char *result;         /* What that means, in a word. */
};
extern const struct webhook_answer_kind webhook_answers[N_WEBHOOK_ANSWERS];

/* Strings may be NULL where not set.  Files are read again when they
 * change. */
struct webhook_config {
    const char *listen;         /* As in listen-address.h.  "[::]:PORT" takes
                                 * IPv4 in too. */
    const char *secret_file;    /* A "whsec_..." a line. */
    const char *cert;           /* PEM; TLS if set. */
    const char *key;            /* Its private key, PEM. */
};

struct webhook_server;

/* Begins to listen.  Returns NULL and sets '*errorp' (to be freed by the
 * caller) if that cannot be done: the address cannot be bound, a file cannot
 * be used, or the address is not loopback and there is no secret. */
struct webhook_server *webhook_server_create(const struct webhook_config *,
                                             const struct webhook_sink *,
                                             char **errorp);
void webhook_server_destroy(struct webhook_server *);

/* Takes in requests. */
void webhook_server_run(struct webhook_server *);

/* Answers requests that wait for the switch: to be called once what was sent
 * to the switch and what it answered is known. */
void webhook_server_answer(struct webhook_server *);

void webhook_server_wait(struct webhook_server *);

/* For vtepd/status. */
struct webhook_status {
    const char *listen;
    bool tls;
    size_t n_secrets;
    const char *error;          /* What is wrong with a file now, or NULL. */
    size_t n_connections, n_waiting;
    uint64_t n_answered[N_WEBHOOK_ANSWERS];     /* By webhook_answers. */
    uint64_t n_requests;        /* POST /v1/events, all that were answered. */
    uint64_t n_taken;           /* 202 and 204, without repetitions. */
    uint64_t n_repeated;        /* webhook-id seen before. */
    uint64_t n_scrapes;         /* GET /metrics. */
    uint64_t n_evicted;         /* Connections closed to make room, or because
                                 * they took too long. */
    long long int last_taken;   /* time_msec(), 0: never. */
};
void webhook_server_get_status(const struct webhook_server *,
                               struct webhook_status *);

/* How many POST requests to /v1/events had that result. */
uint64_t webhook_status_count(const struct webhook_status *,
                              const char *result);

#endif /* webhook-server.h */
