/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-clients.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

enum {
    CLIENTS_MAX = 256,

    REQUEST_MS = 10 * 1000,     /* For a whole request, and its answer. */
    IDLE_MS = 30 * 1000,        /* Between two. */

    BODIES_MAX = 16 * 1024 * 1024,      /* Bytes of all bodies. */
    BODY_MIN = 4096,            /* Bytes to begin with. */
};

void
webhook_clients_init(struct webhook_clients *clients)
{
    *clients = (struct webhook_clients) { .n = 0 };
    ovs_list_init(&clients->clients);
}

static void
evict(struct webhook_clients *clients, struct webhook_client *client)
{
    shutdown(client->fd, SHUT_RDWR);
    client->closing = true;
    clients->n--;
    clients->n_evicted++;
}

/* Is 'a' rather to be closed than 'b'? */
static bool
is_worse(const struct webhook_client *a, const struct webhook_client *b)
{
    return (a->trusted != b->trusted ? !a->trusted : a->since < b->since);
}

static void
make_room(struct webhook_clients *clients)
{
    struct webhook_client *client, *worst = NULL;

    LIST_FOR_EACH (client, node, &clients->clients) {
        if (!client->closing && !client->waiting
            && (!worst || is_worse(client, worst))) {
            worst = client;
        }
    }
    if (worst) {
        evict(clients, worst);
    }
}

void
webhook_client_add(struct webhook_clients *clients,
                   struct webhook_client *client, int fd, long long int now)
{
    *client = (struct webhook_client) {
        .fd = fd,
        .since = now,
        .deadline = now + REQUEST_MS,
    };
    if (clients->n >= CLIENTS_MAX) {
        make_room(clients);
    }
    clients->n++;
    ovs_list_push_back(&clients->clients, &client->node);
}

void
webhook_client_remove(struct webhook_clients *clients,
                      struct webhook_client *client)
{
    webhook_client_free_body(clients, client);
    ovs_list_remove(&client->node);
    if (!client->closing) {
        clients->n--;
    }
}

void
webhook_client_begins_request(struct webhook_client *client, long long int now)
{
    /* The first request has to be there in time from the beginning on. */
    if (client->answered) {
        client->deadline = now + REQUEST_MS;
    }
}

void
webhook_client_waits(struct webhook_client *client)
{
    client->waiting = true;
    client->deadline = LLONG_MAX;
}

void
webhook_client_may_receive_answer(struct webhook_client *client,
                                  long long int now)
{
    client->waiting = false;
    client->deadline = now + REQUEST_MS;
}

void
webhook_client_was_answered(struct webhook_client *client, long long int now)
{
    client->answered = true;
    client->since = now;
    client->deadline = now + IDLE_MS;
}

/* Bodies. */

/* Is the body of 'a' rather to be dropped than that of 'b'? */
static bool
is_worse_body(const struct webhook_client *a, const struct webhook_client *b)
{
    return (a->trusted != b->trusted ? !a->trusted
            : a->trusted ? a->body_allocated > b->body_allocated
            : a->body_number < b->body_number);
}

/* Whose body is dropped so that that of 'client' can grow? */
static struct webhook_client *
find_worst_body(struct webhook_clients *clients, struct webhook_client *client)
{
    struct webhook_client *other, *worst = client;

    LIST_FOR_EACH (other, node, &clients->clients) {
        if (other->body_allocated && is_worse_body(other, worst)) {
            worst = other;
        }
    }
    return worst;
}

static void
drop_body(struct webhook_clients *clients, struct webhook_client *client)
{
    webhook_client_free_body(clients, client);
    client->body_dropped = true;
    clients->n_evicted++;
}

/* What has to be allocated for a body with 'len' bytes more. */
static size_t
get_allocation(const struct webhook_client *client, size_t len)
{
    size_t allocated = MAX(client->body_allocated, BODY_MIN);

    while (allocated < client->body_len + len) {
        allocated *= 2;
    }
    return allocated;
}

struct webhook_client *
webhook_client_make_room(struct webhook_clients *clients,
                         struct webhook_client *client, size_t len)
{
    size_t more = get_allocation(client, len) - client->body_allocated;

    if (!client->body_number) {
        client->body_number = ++clients->n_bodies;
    }
    if (clients->body_allocated + more <= BODIES_MAX) {
        return NULL;
    }

    struct webhook_client *worst = find_worst_body(clients, client);
    drop_body(clients, worst);
    return worst;
}

void
webhook_client_add_body(struct webhook_clients *clients,
                        struct webhook_client *client, const void *data,
                        size_t len)
{
    size_t allocated = get_allocation(client, len);

    if (allocated > client->body_allocated) {
        client->body = xrealloc(client->body, allocated);
        clients->body_allocated += allocated - client->body_allocated;
        client->body_allocated = allocated;
    }
    memcpy(client->body + client->body_len, data, len);
    client->body_len += len;
}

void
webhook_client_free_body(struct webhook_clients *clients,
                         struct webhook_client *client)
{
    clients->body_allocated -= client->body_allocated;
    free(client->body);
    client->body = NULL;
    client->body_len = client->body_allocated = 0;
    client->body_number = 0;
}

void
webhook_clients_run(struct webhook_clients *clients, long long int now)
{
    struct webhook_client *client;

    LIST_FOR_EACH (client, node, &clients->clients) {
        if (!client->closing && now >= client->deadline) {
            evict(clients, client);
        }
    }
}

long long int
webhook_clients_next(const struct webhook_clients *clients)
{
    const struct webhook_client *client;
    long long int next = LLONG_MAX;

    LIST_FOR_EACH (client, node, &clients->clients) {
        if (!client->closing) {
            next = MIN(next, client->deadline);
        }
    }
    return next;
}
