/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud/listen-address.h"
#include "cloud/safe-text.h"
#include "cloud/webhook-clients.h"
#include "cloud/webhook-connection.h"
#include "cloud/webhook-intake.h"
#include "cloud/webhook-linger.h"
#include "cloud/webhook-secrets.h"
#include "cloud/webhook-tls.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(webhook_server);

enum {
    /* Connections that libmicrohttpd may have: more than we let live, since
     * those that were shut down are still counted for a moment. */
    CONNECTIONS_MAX = 512,

    /* Connections that the kernel may hold until they are taken in. */
    BACKLOG = 4096,

    /* Bytes for the headers of a request and of its answer. */
    HEADERS_MAX = 16 * 1024,

    LAST_RUNS = 3,              /* For the last answers. */
    RUN_MS = 5,                 /* What a run may take. */
    CHECK_MS = 60 * 1000,       /* Look at files this often unasked. */

    /* After so many runs of libmicrohttpd in a row that did nothing it is not
     * believed any more that it has something to do.  Runs only read a part
     * of what has come, so one or two are no proof. */
    IDLE_RUNS = 8,
    IDLE_MS = 50,               /* It is asked again then. */
};

struct webhook_server {
    char *listen;
    struct MHD_Daemon *daemon;
    struct webhook_secrets *secrets;    /* NULL: none. */
    struct webhook_tls *tls;            /* NULL: none. */
    struct webhook_intake *intake;
    struct webhook_connections connections;
    int idle_runs;              /* How many in a row did nothing. */
};

/* libmicrohttpd's messages can be caused, and quote what was sent, by
 * anyone. */
static void OVS_PRINTF_FORMAT(2, 0)
log_message(void *server OVS_UNUSED, const char *format, va_list args)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 3);

    if (!VLOG_DROP_DBG(&rl)) {
        struct ds s = DS_EMPTY_INITIALIZER;
        char *message = xvasprintf(format, args);

        safe_text_put_plain(&s, message, strcspn(message, "\n"));
        VLOG_DBG("libmicrohttpd: %s", ds_cstr(&s));
        ds_destroy(&s);
        free(message);
    }
}

/* Listening. */

/* Returns a socket, or -1 and a sentence in '*errorp'. */
static int
open_socket(const char *listen_, const struct listen_address *address,
            char **errorp)
{
    const struct sockaddr *sa = (const struct sockaddr *) &address->sockaddr;
    bool v6 = sa->sa_family == AF_INET6;
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    int on = 1, off = 0;

    if (fd >= 0
        && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)
        && !(v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off))
        && !bind(fd, sa, (v6 ? sizeof(struct sockaddr_in6)
                          : sizeof(struct sockaddr_in)))
        && !listen(fd, BACKLOG)) {
        return fd;
    }

    *errorp = xasprintf("%s cannot be listened on: %s%s", listen_,
                        ovs_strerror(errno),
                        (errno == EADDRINUSE
                         ? " (another process listens there)"
                         : errno == EADDRNOTAVAIL
                         ? " (it is not configured on this host)" : ""));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int
choose_certificate(gnutls_session_t session,
                   const struct gnutls_cert_retr_st *info OVS_UNUSED,
                   gnutls_pcert_st **certs, unsigned int *n_certs,
                   gnutls_ocsp_data_st **ocsp OVS_UNUSED,
                   unsigned int *n_ocsp, gnutls_privkey_t *key,
                   unsigned int *flags)
{
    struct MHD_Connection *c = gnutls_session_get_ptr(session);

    *n_ocsp = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return (webhook_tls_copy(webhook_connection_begins_tls(c), certs, n_certs,
                             key) ? -1 : 0);
}

static bool
start(struct webhook_server *server, int fd)
{
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME
                         | MHD_USE_ERROR_LOG | (server->tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, choose_certificate },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) WEBHOOK_TLS_PRIORITIES },
        { MHD_OPTION_END, 0, NULL },
    };
    struct webhook_connections *all = &server->connections;

    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, webhook_connection_handle, all,
        MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int) CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) HEADERS_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, webhook_connection_notify, all,
        MHD_OPTION_URI_LOG_CALLBACK, webhook_connection_begins, all,
        MHD_OPTION_NOTIFY_COMPLETED, webhook_connection_completed, all,
        MHD_OPTION_ARRAY, server->tls ? tls : &tls[ARRAY_SIZE(tls) - 1],
        MHD_OPTION_END);
    return server->daemon != NULL;
}

/* Opens the files that the settings name. */
static bool
open_files(struct webhook_server *server, const struct webhook_config *config,
           char **errorp)
{
    if (config->secret_file) {
        server->secrets = webhook_secrets_create(config->secret_file, errorp);
        if (!server->secrets) {
            return false;
        }
    }
    if (config->cert && config->key) {
        server->tls = webhook_tls_create(config->cert, config->key, errorp);
    } else if (config->cert || config->key) {
        *errorp = xstrdup("a certificate needs its key, and a key its "
                          "certificate");
    }
    return !config->cert || server->tls;
}

static bool
begin_to_listen(struct webhook_server *server, char **errorp)
{
    struct listen_address address;
    char *problem = listen_address_parse(server->listen, &address);

    if (problem) {
        *errorp = xasprintf("%s %s", server->listen, problem);
        free(problem);
        return false;
    } else if (!address.loopback && !server->secrets) {
        *errorp = xasprintf("%s is not a loopback address, and there is no "
                            "secret: anyone could send events (set "
                            "--webhook-secret-file)", server->listen);
        return false;
    }

    int fd = open_socket(server->listen, &address, errorp);
    if (fd < 0) {
        return false;
    } else if (!start(server, fd)) {
        *errorp = xasprintf("%s cannot be served: libmicrohttpd does not "
                            "start", server->listen);
        close(fd);
        return false;
    }
    return true;
}

struct webhook_server *
webhook_server_create(const struct webhook_config *config,
                      const struct webhook_sink *sink, char **errorp)
{
    struct webhook_server *server = xzalloc(sizeof *server);

    *errorp = NULL;
    server->listen = xstrdup(config->listen);
    if (open_files(server, config, errorp)) {
        server->intake = webhook_intake_create(sink, server->secrets);
        webhook_connections_init(&server->connections, sink, server->intake,
                                 server->tls);
        if (begin_to_listen(server, errorp)) {
            VLOG_INFO("listening for webhooks on %s", server->listen);
            return server;
        }
    }
    webhook_server_destroy(server);
    return NULL;
}

void
webhook_server_destroy(struct webhook_server *server)
{
    if (!server) {
        return;
    }
    if (server->daemon) {
        webhook_connections_stop(&server->connections);
        for (int i = 0; i < LAST_RUNS; i++) {
            MHD_run(server->daemon);
        }
        MHD_stop_daemon(server->daemon);
        webhook_connections_destroy(&server->connections);
    }
    webhook_intake_destroy(server->intake);
    webhook_secrets_destroy(server->secrets);
    webhook_tls_destroy(server->tls);
    free(server->listen);
    free(server);
}

/* Running. */

static int
get_epoll_fd(const struct webhook_server *server)
{
    return MHD_get_daemon_info(server->daemon,
                               MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static bool
has_news(const struct webhook_server *server)
{
    struct pollfd pfd = { .fd = get_epoll_fd(server), .events = POLLIN };

    return poll(&pfd, 1, 0) > 0;
}

/* When libmicrohttpd wants to run again without anything happening; in ms from
 * now, INT_MAX: never.
 *
 * It always wants to while a TLS handshake is incomplete, even if there is
 * nothing to read.  What comes shows on its epoll file descriptor, so no
 * client has to wait longer for that. */
static int
get_timeout(const struct webhook_server *server)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(server->daemon, &ms) != MHD_YES) {
        return INT_MAX;
    }
    return (!ms && server->idle_runs >= IDLE_RUNS ? IDLE_MS
            : MIN(ms, INT_MAX));
}

static void
run_daemon(struct webhook_server *server)
{
    uint64_t n_calls = server->connections.n_calls;
    bool news = has_news(server);

    MHD_run(server->daemon);
    server->idle_runs = (news || server->connections.n_calls != n_calls ? 0
                         : MIN(server->idle_runs + 1, IDLE_RUNS));
}

void
webhook_server_run(struct webhook_server *server)
{
    long long int now = time_msec();
    long long int until = now + RUN_MS;

    if (server->secrets) {
        webhook_secrets_run(server->secrets, now);
    }
    if (server->tls) {
        webhook_tls_run(server->tls, now);
    }
    webhook_intake_run(server->intake);
    webhook_connections_run(&server->connections, now);
    webhook_handshakes_begin(&server->connections.handshakes);
    do {
        run_daemon(server);
    } while ((!get_timeout(server) || has_news(server))
             && time_msec() < until);
    webhook_handshakes_end(&server->connections.handshakes);
}

void
webhook_server_answer(struct webhook_server *server)
{
    webhook_connections_answer(&server->connections, time_msec());
}

void
webhook_server_wait(struct webhook_server *server)
{
    int timeout = get_timeout(server);

    poll_fd_wait(get_epoll_fd(server), POLLIN);
    poll_timer_wait(MIN(timeout, CHECK_MS));
    webhook_connections_wait(&server->connections);
}

void
webhook_server_get_status(const struct webhook_server *server,
                          struct webhook_status *status)
{
    *status = server->connections.counts;
    status->listen = server->listen;
    status->tls = server->tls != NULL;
    if (server->secrets) {
        webhook_secrets_get(server->secrets, &status->n_secrets);
        status->error = webhook_secrets_error(server->secrets);
    }
    if (!status->error && server->tls) {
        status->error = webhook_tls_error(server->tls);
    }
    status->n_connections = server->connections.clients.n;
    status->n_waiting = server->connections.n_waiting;
    status->n_evicted = server->connections.clients.n_evicted;
    webhook_intake_add_status(server->intake, status);
}
