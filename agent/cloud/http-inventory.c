/* SPDX-License-Identifier: Apache-2.0 */

/* The inventory over HTTP (contract 3.2).
 *
 *               begin_list()            answered(): a page
 *     WAITING ----------------> ASKING --------------------> DECODING
 *        ^                      | ^  ^                          |
 *        |  end_try(): 304,     | |  '--------------------------'
 *        |  error               | |    decoded(): a page follows
 *        |<---------------------' |
 *        |                        '- begin_list(): begun again, from
 *        |                           ASKING or DECODING
 *        |                                                      |
 *        '------------------------------------------------------'
 *           end_try(): whole, error
 *
 * WAITING:  nothing is under way; the schedule says when to ask next.  It is
 *           what tells a pause from a back-off.
 * ASKING:   a request for a page is under way.
 * DECODING: a page has arrived and goes to the sink, some items in a pass.
 *
 * What an answer means is decided in page-chain.c, when to ask again in
 * list-schedule.c.  Independently of all that, http-watch.c follows what
 * changes between the lists; all that it can want is one more list. */

#include <config.h>

#include <stdlib.h>
#include <strings.h>

#include "cloud/http-transfer.h"
#include "cloud/http-watch.h"
#include "cloud/inventory-source-provider.h"
#include "cloud/inventory-url.h"
#include "cloud/list-schedule.h"
#include "cloud/page-chain.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(http_inventory);

static struct vlog_rate_limit restart_rl = VLOG_RATE_LIMIT_INIT(6, 6);

/* Items that a page is asked to have. */
enum { PAGE_LIMIT = 1000 };

enum http_inventory_state {
    WAITING,
    ASKING,
    DECODING,
};

struct http_inventory {
    struct inventory_source up;
    char *base_url;
    char *host;

    struct http_client *client;
    struct list_schedule schedule;
    struct page_chain chain;
    struct http_watch watch;

    enum http_inventory_state state;
    struct http_transfer *transfer;     /* While ASKING. */

    /* What happened while not WAITING, for when the list has ended. */
    bool list_again;            /* List at once. */
    bool list_again_soon;
    bool changed;               /* Its ETag is worthless. */
};

static struct http_inventory *
http_inventory_cast(struct inventory_source *source)
{
    return CONTAINER_OF(source, struct http_inventory, up);
}

static struct inventory_source *
http_inventory_create(const struct inventory_source_config *config,
                      char **errorp)
{
    *errorp = inventory_url_check(config->url);
    if (*errorp) {
        return NULL;
    }

    struct http_client_config client_config = {
        .token_file = config->api_token_file,
        .ca = config->api_ca,
        .cert = config->api_cert,
        .key = config->api_key,
        .insecure = config->api_insecure,
    };
    struct http_client *client = http_client_create(&client_config, errorp);
    if (!client) {
        return NULL;
    }
    if (config->api_token_file && !strncasecmp(config->url, "http:", 5)) {
        VLOG_WARN("%s: the API token is sent without encryption, because the "
                  "URL is not https:", config->url);
    }

    struct http_inventory *inventory = xzalloc(sizeof *inventory);
    source_init(&inventory->up, config->url);
    inventory->base_url = xstrdup(config->url);
    inventory->host = xstrdup(config->host);
    inventory->client = client;
    list_schedule_init(&inventory->schedule, config->poll, time_msec());
    inventory->up.status.next_try = inventory->schedule.next_try;
    page_chain_init(&inventory->chain);
    http_watch_init(&inventory->watch, &inventory->up, client,
                    inventory->base_url, inventory->host, config->poll);
    return &inventory->up;
}

static void
http_inventory_destroy(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    source_uninit(source);
    http_watch_destroy(&inventory->watch);
    http_transfer_destroy(inventory->transfer);
    http_client_destroy(inventory->client);
    page_chain_destroy(&inventory->chain);
    free(inventory->base_url);
    free(inventory->host);
    free(inventory);
}

/* Asks for the page that the chain points to. */
static void
ask(struct http_inventory *inventory)
{
    const struct page_chain *chain = &inventory->chain;
    char *url = inventory_url_list(inventory->base_url, inventory->host,
                                   PAGE_LIMIT, chain->cursor);
    struct http_request request = {
        .url = url,
        .accept = "application/json",
        .if_none_match = chain->cursor ? NULL : chain->etag,
    };

    inventory->transfer = http_transfer_create(inventory->client, &request);
    inventory->state = ASKING;
    free(url);
}

static void
begin_list(struct http_inventory *inventory, bool again)
{
    page_chain_begin(&inventory->chain, again);
    list_schedule_begun(&inventory->schedule, time_msec());
    if (!again) {
        inventory->up.status.asked = time_msec();
    }
    source_list_begin(&inventory->up);
    ask(inventory);
}

/* Makes sure that a list is asked for when the watch wants it. */
static void
heed_watch(struct http_inventory *inventory)
{
    list_schedule_wish(&inventory->schedule,
                       http_watch_list_at(&inventory->watch));
    inventory->up.status.next_try = inventory->schedule.next_try;
}

/* The try is over and the schedule knows how it went. */
static void
end_try(struct http_inventory *inventory, long long int now)
{
    struct list_schedule *schedule = &inventory->schedule;

    inventory->state = WAITING;
    inventory->up.status.asked = 0;
    if (inventory->list_again || inventory->list_again_soon
        || inventory->changed) {
        page_chain_forget(&inventory->chain);
    }
    if (inventory->list_again) {
        list_schedule_hurry(schedule, now);
    }
    if (inventory->list_again_soon) {
        list_schedule_soon(schedule, now, random_uint32());
    }
    inventory->list_again = false;
    inventory->list_again_soon = false;
    inventory->changed = false;
    heed_watch(inventory);
}

static void
try_succeeded(struct http_inventory *inventory, long long int now)
{
    list_schedule_succeeded(&inventory->schedule, now, random_uint32());
    http_watch_listed(&inventory->watch, inventory->up.status.version, now);
    end_try(inventory, now);
}

/* 'retry_after' is what the server said, in seconds, or -1. */
static void
try_failed(struct http_inventory *inventory, const char *error,
           long long int retry_after)
{
    long long int now = time_msec();
    unsigned int page = inventory->chain.n_pages + 1;
    char *where = (page > 1 ? xasprintf("page %u: %s", page, error)
                   : xstrdup(error));

    source_list_abort(&inventory->up);
    list_schedule_failed(&inventory->schedule, now, retry_after,
                         random_uint32());
    end_try(inventory, now);
    source_failed(&inventory->up, where, now, inventory->schedule.next_try);
    free(where);
}

static void
restart(struct http_inventory *inventory, const char *why)
{
    VLOG_INFO_RL(&restart_rl, "%s: %s; listing again", inventory->up.name,
                 why);
    source_list_abort(&inventory->up);
    begin_list(inventory, true);
}

static void
run_waiting(struct http_inventory *inventory)
{
    if (time_msec() >= inventory->schedule.next_try) {
        begin_list(inventory, false);
    }
}

static void
answered(struct http_inventory *inventory, struct http_response *response)
{
    char *error = NULL;

    switch (page_chain_answered(&inventory->chain, response, &error)) {
    case PAGE_CHAIN_DECODE: {
        size_t len = response->body.length;
        source_page_begin(&inventory->up, ds_steal_cstr(&response->body), len);
        inventory->state = DECODING;
        break;
    }

    case PAGE_CHAIN_NOT_MODIFIED:
        source_list_abort(&inventory->up);
        source_not_modified(&inventory->up, time_msec());
        try_succeeded(inventory, time_msec());
        break;

    case PAGE_CHAIN_RESTART:
        restart(inventory, error);
        break;

    case PAGE_CHAIN_FAILED:
        try_failed(inventory, error, response->retry_after);
        break;

    case PAGE_CHAIN_NEXT:
    case PAGE_CHAIN_WHOLE:
        OVS_NOT_REACHED();
    }
    free(error);
}

static void
run_asking(struct http_inventory *inventory)
{
    struct http_transfer *transfer = inventory->transfer;
    struct http_response *response = http_transfer_response(transfer);

    if (response) {
        /* Whatever comes of it may begin another transfer. */
        inventory->transfer = NULL;
        answered(inventory, response);
        http_transfer_destroy(transfer);
    }
}

/* The whole page has gone to the sink. */
static void
decoded(struct http_inventory *inventory)
{
    struct inventory_source *source = &inventory->up;
    struct page_chain *chain = &inventory->chain;
    char *error = NULL;
    enum page_verdict verdict = page_chain_decoded(
        chain, source->n_page_items, inventory_page_version(source->page),
        inventory_page_cursor(source->page), &error);

    source_page_end(source);
    switch (verdict) {
    case PAGE_CHAIN_NEXT:
        ask(inventory);
        break;

    case PAGE_CHAIN_WHOLE:
        source_list_end(source, chain->version, time_msec());
        try_succeeded(inventory, time_msec());
        break;

    case PAGE_CHAIN_RESTART:
        restart(inventory, error);
        break;

    case PAGE_CHAIN_FAILED:
        try_failed(inventory, error, -1);
        break;

    case PAGE_CHAIN_DECODE:
    case PAGE_CHAIN_NOT_MODIFIED:
        OVS_NOT_REACHED();
    }
    free(error);
}

static void
run_decoding(struct http_inventory *inventory)
{
    switch (source_page_run(&inventory->up)) {
    case INVENTORY_PAGE_ITEM:
        break;

    case INVENTORY_PAGE_END:
        decoded(inventory);
        break;

    case INVENTORY_PAGE_ERROR: {
        char *error = xstrdup(inventory_page_error(inventory->up.page));
        try_failed(inventory, error, -1);
        free(error);
        break;
    }
    }
}

static void
http_inventory_run(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    http_client_run(inventory->client);
    source->status.n_bytes = http_client_n_received(inventory->client);
    http_watch_run(&inventory->watch, time_msec());
    if (inventory->state == WAITING) {
        heed_watch(inventory);
    }
    switch (inventory->state) {
    case WAITING:
        run_waiting(inventory);
        break;

    case ASKING:
        run_asking(inventory);
        break;

    case DECODING:
        run_decoding(inventory);
        break;
    }
}

static void
http_inventory_wait(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    http_client_wait(inventory->client);
    http_watch_wait(&inventory->watch);
    switch (inventory->state) {
    case WAITING:
        poll_timer_wait_until(inventory->schedule.next_try);
        break;

    case ASKING:
        if (http_transfer_response(inventory->transfer)) {
            poll_immediate_wake();
        }
        break;

    case DECODING:
        poll_immediate_wake();
        break;
    }
}

static void
http_inventory_list_now(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    if (inventory->state == WAITING) {
        page_chain_forget(&inventory->chain);
        list_schedule_hurry(&inventory->schedule, time_msec());
        source->status.next_try = inventory->schedule.next_try;
    } else {
        /* The list under way may be older than what happened. */
        inventory->list_again = true;
    }
}

static void
http_inventory_list_soon(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    if (inventory->state == WAITING) {
        page_chain_forget(&inventory->chain);
        list_schedule_soon(&inventory->schedule, time_msec(),
                           random_uint32());
        source->status.next_try = inventory->schedule.next_try;
    } else {
        inventory->list_again_soon = true;
    }
}

static void
http_inventory_changed(struct inventory_source *source)
{
    struct http_inventory *inventory = http_inventory_cast(source);

    page_chain_forget(&inventory->chain);
    inventory->changed = inventory->state != WAITING;
}

static void
http_inventory_assume(struct inventory_source *source, const char *etag)
{
    page_chain_assume(&http_inventory_cast(source)->chain, etag);
}

static const char *
http_inventory_etag(const struct inventory_source *source)
{
    return CONTAINER_OF(source, struct http_inventory, up)->chain.etag;
}

#define HTTP_INVENTORY_CLASS(SCHEME)            \
    {                                           \
        .scheme = SCHEME,                       \
        .create = http_inventory_create,        \
        .destroy = http_inventory_destroy,      \
        .run = http_inventory_run,              \
        .wait = http_inventory_wait,            \
        .list_now = http_inventory_list_now,    \
        .list_soon = http_inventory_list_soon,  \
        .changed = http_inventory_changed,      \
        .assume = http_inventory_assume,        \
        .etag = http_inventory_etag,            \
    }

const struct inventory_source_class http_inventory_class =
    HTTP_INVENTORY_CLASS("http:");
const struct inventory_source_class https_inventory_class =
    HTTP_INVENTORY_CLASS("https:");
