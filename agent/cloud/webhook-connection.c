/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-connection.h"

#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cloud/webhook-answer.h"
#include "cloud/webhook-headers.h"
#include "cloud/webhook-intake.h"
#include "cloud/webhook-routes.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(webhook_connection);

enum {
    BODY_MAX = 1024 * 1024,     /* Bytes. */

    /* Requests that wait at once; fewer than connections, so that there is
     * always one that can make room. */
    WAITING_MAX = 128,
    WAIT_MAX = 60,              /* Seconds. */

    RETRY_NO_MEMORY = 1,        /* Seconds. */
};

/* A request.  All zero: between two. */
struct request {
    bool begun;                 /* Its headers are there. */
    bool is_events;
    struct webhook_post post;
    int wait;                   /* Seconds that the client wants to wait; -1:
                                 * it does not say. */
    size_t received;            /* Bytes of its body. */
    struct webhook_answer answer;
};

struct connection {
    struct webhook_client client;
    struct webhook_connections *all;
    struct webhook_handshake handshake;
    struct MHD_Connection *mhd;
    struct request request;
    bool linger;                /* Was answered before all was received. */

    /* While client.waiting. */
    struct ovs_list waiting_node;       /* In 'all->waiting'. */
    uint64_t ticket;
    long long int wait_until;
};

/* Asking libmicrohttpd. */

static struct connection *
connection_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(
        c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

struct webhook_tls *
webhook_connection_begins_tls(struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);

    c->handshake.paid = true;
    return c->all->tls;
}

static const char *
get_header(const struct connection *c, const char *name)
{
    return MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name);
}

/* Logging. */

static void
put_client(struct ds *s, const struct connection *c)
{
    const struct sockaddr *sa = MHD_get_connection_info(
        c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    struct sockaddr_storage ss = { .ss_family = sa->sa_family };

    memcpy(&ss, sa, (sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                     : sizeof(struct sockaddr_in)));
    ss_format_address(&ss, s);
}

static void
log_refusal(const struct connection *c, const struct webhook_answer *answer)
{
    /* Strangers cannot use up the lines that tell what senders do wrong. */
    static struct vlog_rate_limit strangers = VLOG_RATE_LIMIT_INIT(6, 3);
    static struct vlog_rate_limit senders = VLOG_RATE_LIMIT_INIT(12, 6);
    struct vlog_rate_limit *rl = (c->client.trusted ? &senders : &strangers);

    /* What a sender says and is not taken in is missing here. */
    enum vlog_level level = c->client.trusted ? VLL_WARN : VLL_INFO;

    if (answer->status >= 400 && !vlog_should_drop(&this_module, level, rl)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        put_client(&s, c);
        VLOG(level, "webhook from %s answered with %u: %s", ds_cstr(&s),
             answer->status, answer->detail);
        ds_destroy(&s);
    }
}

/* Answering. */

const struct webhook_answer_kind webhook_answers[N_WEBHOOK_ANSWERS] = {
    { MHD_HTTP_ACCEPTED, "taken" },
    { MHD_HTTP_NO_CONTENT, "taken" },
    { MHD_HTTP_BAD_REQUEST, "refused" },
    { MHD_HTTP_UNAUTHORIZED, "unauthorized" },
    { MHD_HTTP_CONTENT_TOO_LARGE, "refused" },
    { MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "refused" },
    { MHD_HTTP_UNPROCESSABLE_CONTENT, "refused" },
    { MHD_HTTP_TOO_MANY_REQUESTS, "too_fast" },
    { MHD_HTTP_SERVICE_UNAVAILABLE, "not_ready" },
};

static void
count(struct webhook_status *counts, unsigned int status)
{
    counts->n_requests++;
    for (size_t i = 0; i < N_WEBHOOK_ANSWERS; i++) {
        counts->n_answered[i] += webhook_answers[i].status == status;
    }
}

uint64_t
webhook_status_count(const struct webhook_status *status, const char *result)
{
    uint64_t n = 0;

    for (size_t i = 0; i < N_WEBHOOK_ANSWERS; i++) {
        if (!strcmp(webhook_answers[i].result, result)) {
            n += status->n_answered[i];
        }
    }
    return n;
}

static void
account(struct connection *c)
{
    if (c->request.is_events) {
        count(&c->all->counts, c->request.answer.status);
        log_refusal(c, &c->request.answer);
    }
}

/* Hands the answer over to libmicrohttpd. */
static enum MHD_Result
answer(struct connection *c)
{
    const struct webhook_answer *a = &c->request.answer;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (a->metrics) {
        response = webhook_metrics_get(&c->all->metrics, &c->all->sink,
                                       time_msec());
        c->all->counts.n_scrapes++;
        return MHD_queue_response(c->mhd, a->status, response);
    }
    response = webhook_answer_response(a);
    result = MHD_queue_response(c->mhd, a->status, response);
    MHD_destroy_response(response);
    account(c);
    return result;
}

/* In the middle of a body libmicrohttpd takes no answer.  So it is written
 * past it, as far as the socket takes it at once, and that is all that the
 * connection is good for. */
static void
answer_in_body(struct connection *c)
{
    char *text = webhook_answer_text(&c->request.answer);
    size_t len = strlen(text);

    if (c->all->tls) {
        gnutls_record_send(MHD_get_connection_info(
            c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session,
                           text, len);
    } else {
        ssize_t n = send(c->client.fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        ignore(n);
    }
    free(text);
    c->linger = true;
    account(c);
}

/* Receiving. */

/* Of several that say how long the first counts (RFC 7240, 2). */
static enum MHD_Result
look_for_preferences(void *request, enum MHD_ValueKind kind OVS_UNUSED,
                     const char *name, const char *value)
{
    struct request *r = request;

    if (value && !strcasecmp(name, "Prefer")) {
        if (r->wait < 0) {
            r->wait = header_prefer_wait(value, WAIT_MAX);
        }
        r->post.revalidated |= header_prefers(value, "revalidated");
    }
    return MHD_YES;
}

static void
get_post(struct connection *c)
{
    struct request *r = &c->request;

    r->post = (struct webhook_post) {
        .sign = {
            .id = get_header(c, "webhook-id"),
            .timestamp = get_header(c, "webhook-timestamp"),
            .signature = get_header(c, "webhook-signature"),
        },
        .content_type = get_header(c, "Content-Type"),
        .content_encoding = get_header(c, "Content-Encoding"),
        .ce_specversion = get_header(c, "ce-specversion"),
        .ce_id = get_header(c, "ce-id"),
        .ce_source = get_header(c, "ce-source"),
        .ce_type = get_header(c, "ce-type"),
    };
    r->wait = -1;
    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, look_for_preferences,
                              r);
}

static void
answer_too_large(struct connection *c)
{
    webhook_answer_set(&c->request.answer, MHD_HTTP_CONTENT_TOO_LARGE,
                       "the body is larger than %d bytes", BODY_MAX);
    c->request.answer.close = true;
}

/* The headers are there. */
static enum MHD_Result
take_headers(struct connection *c, const char *url, const char *method)
{
    struct request *r = &c->request;
    const char *length = get_header(c, "Content-Length");
    bool has_body = ((length && strcmp(length, "0"))
                     || get_header(c, "Transfer-Encoding"));
    struct webhook_route route = {
        .path = url,
        .method = method,
        .origin = get_header(c, "WebHook-Request-Origin"),
    };
    unsigned long long int n;

    r->begun = true;
    webhook_answer_init(&r->answer);
    r->is_events = webhook_route_is_events(&route, &c->all->sink, &r->answer);
    if (r->is_events) {
        get_post(c);
        if (webhook_intake_check_headers(c->all->intake, &r->post, &r->answer)
            && length && (!str_to_ullong(length, 10, &n) || n > BODY_MAX)) {
            answer_too_large(c);
        }
    }
    if (r->answer.status && has_body) {
        c->linger = true;
        return answer(c);
    }
    return MHD_YES;
}

static void
answer_no_memory(struct connection *c)
{
    webhook_answer_set(&c->request.answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "more is being received than can be kept");
    webhook_answer_retry_after(&c->request.answer, RETRY_NO_MEMORY);
    answer_in_body(c);
}

/* Some of the body is there.  Returns MHD_NO to have the connection closed. */
static enum MHD_Result
take_body(struct connection *c, const char *data, size_t len)
{
    struct request *r = &c->request;
    struct webhook_client *victim;

    if (c->client.body_dropped) {
        return MHD_NO;
    }
    r->received += len;
    if (r->received > BODY_MAX) {
        answer_too_large(c);
        answer_in_body(c);
        return MHD_NO;
    }

    while ((victim = webhook_client_make_room(&c->all->clients, &c->client,
                                              len))) {
        answer_no_memory(CONTAINER_OF(victim, struct connection, client));
        if (victim == &c->client) {
            return MHD_NO;
        }
    }
    webhook_client_add_body(&c->all->clients, &c->client, data, len);
    return MHD_YES;
}

/* Waiting for the switch. */

static void
begin_wait(struct connection *c, uint64_t ticket)
{
    c->ticket = ticket;
    c->wait_until = time_msec() + c->request.wait * 1000LL;
    ovs_list_push_back(&c->all->waiting, &c->waiting_node);
    c->all->n_waiting++;
    webhook_client_waits(&c->client);
    MHD_suspend_connection(c->mhd);
}

/* The connection goes on in handle(), unless it is gone. */
static void
end_wait(struct connection *c)
{
    c->all->sink.forget(c->all->sink.aux, c->ticket);
    ovs_list_remove(&c->waiting_node);
    c->all->n_waiting--;
    webhook_client_may_receive_answer(&c->client, time_msec());
}

void
webhook_connections_answer(struct webhook_connections *all, long long int now)
{
    struct connection *c;

    LIST_FOR_EACH_SAFE (c, waiting_node, &all->waiting) {
        bool installed = all->sink.is_installed(all->sink.aux, c->ticket);

        if (installed || now >= c->wait_until) {
            if (installed) {
                webhook_answer_set(&c->request.answer, MHD_HTTP_NO_CONTENT,
                                   "%s", "");
            }
            smap_add_format(&c->request.answer.headers, "Preference-Applied",
                            "wait=%d%s", c->request.wait,
                            (installed && c->request.post.revalidated
                             ? ", revalidated" : ""));
            end_wait(c);
            MHD_resume_connection(c->mhd);
            all->n_calls++;

            /* MHD_get_timeout() does not know of it. */
            poll_immediate_wake();
        }
    }
}

/* All of the request is there, and it was not answered yet. */
static bool
take_events(struct connection *c)
{
    struct webhook_connections *all = c->all;
    struct request *r = &c->request;
    bool wait = r->wait > 0 && all->n_waiting < WAITING_MAX;
    uint64_t ticket = wait ? ++all->last_ticket : 0;

    if (webhook_intake_take(all->intake, &r->post,
                            c->client.body ? c->client.body : "",
                            c->client.body_len, ticket, &r->answer)) {
        c->client.trusted = true;
    }
    webhook_client_free_body(&all->clients, &c->client);
    if (!ticket || r->answer.status != MHD_HTTP_ACCEPTED) {
        return false;
    }
    begin_wait(c, ticket);
    return true;
}

/* All of the request is there, or it need not wait any longer. */
static enum MHD_Result
take_request(struct connection *c)
{
    if (c->client.body_dropped) {
        return MHD_NO;
    }
    return (!c->request.answer.status && take_events(c) ? MHD_YES
            : answer(c));
}

/* libmicrohttpd's callbacks. */

void
webhook_connection_notify(void *all_, struct MHD_Connection *mhd,
                          void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct webhook_connections *all = all_;
    struct connection *c = *context;

    all->n_calls++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(
            mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

        c = xzalloc(sizeof *c);
        c->all = all;
        c->mhd = mhd;
        webhook_client_add(&all->clients, &c->client, fd, time_msec());
        if (all->tls) {
            webhook_handshake_init(
                &c->handshake, &all->handshakes, MHD_get_connection_info(
                    mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session, fd);
        }
        *context = c;
    } else if (c) {
        if (c->linger && !all->stopping) {
            webhook_linger_add(&all->linger, c->client.fd, time_msec());
        }
        webhook_client_remove(&all->clients, &c->client);
        free(c);
        *context = NULL;
    }
}

void *
webhook_connection_begins(void *all OVS_UNUSED, const char *uri OVS_UNUSED,
                          struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);

    c->all->n_calls++;
    webhook_client_begins_request(&c->client, time_msec());
    return NULL;
}

enum MHD_Result
webhook_connection_handle(void *all OVS_UNUSED, struct MHD_Connection *mhd,
                          const char *url, const char *method,
                          const char *version OVS_UNUSED, const char *data,
                          size_t *len, void **context OVS_UNUSED)
{
    struct connection *c = connection_of(mhd);

    c->all->n_calls++;
    if (c->all->stopping && (!c->request.begun || !c->request.answer.status)) {
        return MHD_NO;
    } else if (!c->request.begun) {
        return take_headers(c, url, method);
    } else if (*len) {
        size_t n = *len;

        *len = 0;
        return take_body(c, data, n);
    } else {
        return take_request(c);
    }
}

void
webhook_connection_completed(void *all OVS_UNUSED, struct MHD_Connection *mhd,
                             void **context OVS_UNUSED,
                             enum MHD_RequestTerminationCode code OVS_UNUSED)
{
    struct connection *c = connection_of(mhd);

    c->all->n_calls++;
    if (c->client.waiting) {
        end_wait(c);
    }
    webhook_client_free_body(&c->all->clients, &c->client);
    if (c->request.begun) {
        webhook_answer_uninit(&c->request.answer);
        memset(&c->request, 0, sizeof c->request);
    }
    webhook_client_was_answered(&c->client, time_msec());
}

/* All of them. */

void
webhook_connections_init(struct webhook_connections *all,
                         const struct webhook_sink *sink,
                         struct webhook_intake *intake,
                         struct webhook_tls *tls)
{
    *all = (struct webhook_connections) {
        .sink = *sink,
        .intake = intake,
        .tls = tls,
    };
    webhook_clients_init(&all->clients);
    webhook_linger_init(&all->linger);
    ovs_list_init(&all->waiting);
}

void
webhook_connections_stop(struct webhook_connections *all)
{
    struct connection *c;

    all->stopping = true;
    LIST_FOR_EACH_SAFE (c, waiting_node, &all->waiting) {
        end_wait(c);
        MHD_resume_connection(c->mhd);
    }
}

void
webhook_connections_destroy(struct webhook_connections *all)
{
    ovs_assert(ovs_list_is_empty(&all->clients.clients));
    webhook_linger_destroy(&all->linger);
    webhook_metrics_uninit(&all->metrics);
}

void
webhook_connections_run(struct webhook_connections *all, long long int now)
{
    webhook_clients_run(&all->clients, now);
    webhook_linger_run(&all->linger, now);
}

void
webhook_connections_wait(const struct webhook_connections *all)
{
    const struct connection *c;
    long long int next = webhook_clients_next(&all->clients);

    LIST_FOR_EACH (c, waiting_node, &all->waiting) {
        next = MIN(next, c->wait_until);
    }
    if (next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
    webhook_handshakes_wait(&all->handshakes);
    webhook_linger_wait(&all->linger);
}
