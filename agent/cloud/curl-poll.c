/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/curl-poll.h"

#include <poll.h>
#include <stdlib.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* A file descriptor that libcurl waits for. */
struct curl_socket {
    struct hmap_node node;      /* In curl_poll's 'sockets'. */
    int fd;
    short int events;           /* POLLIN, POLLOUT. */
};

struct curl_poll {
    CURLM *multi;
    void (*done)(CURL *, CURLcode);
    struct hmap sockets;        /* Of struct curl_socket, by fd. */
    long long int timer;        /* When libcurl wants to run; LLONG_MAX. */
};

static struct curl_socket *
find_socket(struct curl_poll *curl, int fd)
{
    struct curl_socket *socket;

    HMAP_FOR_EACH_WITH_HASH (socket, node, hash_int(fd, 0),
                             &curl->sockets) {
        if (socket->fd == fd) {
            return socket;
        }
    }
    return NULL;
}

/* libcurl's CURLMOPT_SOCKETFUNCTION. */
static int
socket_changed(CURL *easy OVS_UNUSED, curl_socket_t fd, int what,
               void *curl_, void *socket_ OVS_UNUSED)
{
    struct curl_poll *curl = curl_;
    struct curl_socket *socket = find_socket(curl, fd);

    if (what == CURL_POLL_REMOVE) {
        if (socket) {
            hmap_remove(&curl->sockets, &socket->node);
            free(socket);
        }
        return 0;
    }

    if (!socket) {
        socket = xmalloc(sizeof *socket);
        socket->fd = fd;
        hmap_insert(&curl->sockets, &socket->node, hash_int(fd, 0));
    }
    socket->events = ((what & CURL_POLL_IN ? POLLIN : 0)
                      | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

/* libcurl's CURLMOPT_TIMERFUNCTION. */
static int
timer_changed(CURLM *multi OVS_UNUSED, long int timeout_ms, void *curl_)
{
    struct curl_poll *curl = curl_;

    curl->timer = timeout_ms < 0 ? LLONG_MAX : time_msec() + timeout_ms;
    return 0;
}

struct curl_poll *
curl_poll_create(void (*done)(CURL *, CURLcode))
{
    struct curl_poll *curl = xzalloc(sizeof *curl);

    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        ovs_fatal(0, "libcurl cannot be initialized");
    }
    curl->multi = curl_multi_init();
    if (!curl->multi) {
        out_of_memory();
    }
    curl->done = done;
    hmap_init(&curl->sockets);
    curl->timer = LLONG_MAX;
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    return curl;
}

void
curl_poll_destroy(struct curl_poll *curl)
{
    if (!curl) {
        return;
    }

    curl_multi_cleanup(curl->multi);
    curl_global_cleanup();

    struct curl_socket *socket;
    HMAP_FOR_EACH_POP (socket, node, &curl->sockets) {
        free(socket);
    }
    hmap_destroy(&curl->sockets);
    free(curl);
}

void
curl_poll_add(struct curl_poll *curl, CURL *easy)
{
    curl_multi_add_handle(curl->multi, easy);
}

void
curl_poll_remove(struct curl_poll *curl, CURL *easy)
{
    curl_multi_remove_handle(curl->multi, easy);
}

/* Tells libcurl which of its sockets are ready. */
static void
run_sockets(struct curl_poll *curl)
{
    size_t n = 0;
    struct pollfd *fds = xcalloc(hmap_count(&curl->sockets), sizeof *fds);
    struct curl_socket *socket;
    HMAP_FOR_EACH (socket, node, &curl->sockets) {
        fds[n++] = (struct pollfd) {
            .fd = socket->fd,
            .events = socket->events
        };
    }

    if (n && poll(fds, n, 0) > 0) {
        for (size_t i = 0; i < n; i++) {
            short int r = fds[i].revents;
            int ready = ((r & POLLIN ? CURL_CSELECT_IN : 0)
                         | (r & POLLOUT ? CURL_CSELECT_OUT : 0)
                         | (r & ~(POLLIN | POLLOUT) ? CURL_CSELECT_ERR : 0));
            int n_running;

            if (ready) {
                curl_multi_socket_action(curl->multi, fds[i].fd, ready,
                                         &n_running);
            }
        }
    }
    free(fds);
}

void
curl_poll_run(struct curl_poll *curl)
{
    run_sockets(curl);
    if (time_msec() >= curl->timer) {
        int n_running;

        curl->timer = LLONG_MAX;
        curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0,
                                 &n_running);
    }

    CURLMsg *msg;
    int n_left;
    while ((msg = curl_multi_info_read(curl->multi, &n_left))) {
        if (msg->msg == CURLMSG_DONE) {
            /* Removing the handle invalidates 'msg'. */
            CURL *easy = msg->easy_handle;
            CURLcode code = msg->data.result;

            curl_multi_remove_handle(curl->multi, easy);
            curl->done(easy, code);
        }
    }
}

void
curl_poll_wait(struct curl_poll *curl)
{
    struct curl_socket *socket;

    HMAP_FOR_EACH (socket, node, &curl->sockets) {
        poll_fd_wait(socket->fd, socket->events);
    }
    if (curl->timer != LLONG_MAX) {
        poll_timer_wait_until(curl->timer);
    }
}
