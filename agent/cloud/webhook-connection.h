/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_CONNECTION_H
#define VTEPD_WEBHOOK_CONNECTION_H 1

/* The way of a request through the webhook server, as libmicrohttpd calls:
 *
 *    connection ──> request line ──> headers ──> body, in pieces ──> all there
 *    notify()       begins()         handle()    handle()            handle()
 *                                      |                               |
 *                                   refused                waits for switch
 *                                      |                               |
 *                                      └────> answered <───────────────┘
 *                                             completed()
 *
 * A request that is refused because of its headers is answered at once and its
 * connection closed, so that its body is not received at all. */

#include <microhttpd.h>
#include <stdbool.h>

#include "cloud/webhook-clients.h"
#include "cloud/webhook-handshake.h"
#include "cloud/webhook-linger.h"
#include "cloud/webhook-metrics.h"
#include "cloud/webhook-server.h"

struct webhook_intake;
struct webhook_tls;

/* All connections of a server. */
struct webhook_connections {
    struct webhook_sink sink;
    struct webhook_intake *intake;
    struct webhook_tls *tls;    /* NULL: none. */
    struct webhook_handshakes handshakes;
    struct webhook_clients clients;
    struct webhook_linger linger;
    struct webhook_metrics metrics;
    bool stopping;
    uint64_t n_calls;           /* Of the callbacks below, and what leads to
                                 * such: there is something to do. */

    struct ovs_list waiting;    /* For the switch. */
    size_t n_waiting;
    uint64_t last_ticket;

    struct webhook_status counts;       /* The numbers of answers. */
};

void webhook_connections_init(struct webhook_connections *,
                              const struct webhook_sink *,
                              struct webhook_intake *, struct webhook_tls *);

/* Takes in nothing more, and lets those that wait be answered that what they
 * sent was taken in, so that libmicrohttpd can be stopped. */
void webhook_connections_stop(struct webhook_connections *);
void webhook_connections_destroy(struct webhook_connections *);

void webhook_connections_run(struct webhook_connections *, long long int now);
void webhook_connections_wait(const struct webhook_connections *);

/* Answers those whose wait is over. */
void webhook_connections_answer(struct webhook_connections *,
                                long long int now);

/* Returns the certificate that the connection's handshake, which goes on from
 * there, is to use. */
struct webhook_tls *webhook_connection_begins_tls(struct MHD_Connection *);

/* libmicrohttpd's callbacks; its 'cls' is the struct webhook_connections. */
void webhook_connection_notify(void *cls, struct MHD_Connection *,
                               void **context,
                               enum MHD_ConnectionNotificationCode);
void *webhook_connection_begins(void *cls, const char *uri,
                                struct MHD_Connection *);
enum MHD_Result webhook_connection_handle(
    void *cls, struct MHD_Connection *, const char *url, const char *method,
    const char *version, const char *upload_data, size_t *upload_data_size,
    void **context);
void webhook_connection_completed(void *cls, struct MHD_Connection *,
                                  void **context,
                                  enum MHD_RequestTerminationCode);

#endif /* webhook-connection.h */
