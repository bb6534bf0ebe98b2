/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cloud/inventory-source-provider.h"
#include "cloud/safe-text.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inventory_source);

/* Items handed over in a pass. */
enum { ITEMS_PER_PASS = 200 };

/* Messages remembered so that they are logged once. */
enum { REMEMBERED_MAX = 1000 };

static struct vlog_rate_limit new_failure_rl = VLOG_RATE_LIMIT_INIT(20, 20);
static struct vlog_rate_limit old_failure_rl = VLOG_RATE_LIMIT_INIT(1, 1);
static struct vlog_rate_limit refusal_rl = VLOG_RATE_LIMIT_INIT(60, 60);
static struct vlog_rate_limit list_rl = VLOG_RATE_LIMIT_INIT(20, 20);

static const struct inventory_source_class *const classes[] = {
    &http_inventory_class,
    &https_inventory_class,
    &file_inventory_class,
};

/* The interface for users of sources. */

static const struct inventory_source_class *
find_class(const char *url)
{
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        const char *scheme = classes[i]->scheme;
        if (!strncasecmp(url, scheme, strlen(scheme))) {
            return classes[i];
        }
    }
    return NULL;
}

struct inventory_source *
inventory_source_create(const struct inventory_source_config *config,
                        const struct inventory_sink *sink, char **errorp)
{
    *errorp = NULL;

    const struct inventory_source_class *class = find_class(config->url);
    if (!class) {
        *errorp = xstrdup("the inventory's URL does not begin with http:, "
                          "https: or file:");
        return NULL;
    }

    struct inventory_source *source = class->create(config, errorp);
    if (source) {
        source->class = class;
        source->sink = *sink;
    }
    return source;
}

void
inventory_source_destroy(struct inventory_source *source)
{
    if (source) {
        source->class->destroy(source);
    }
}

void
inventory_source_run(struct inventory_source *source)
{
    source->class->run(source);
}

void
inventory_source_wait(struct inventory_source *source)
{
    source->class->wait(source);
}

void
inventory_source_list_now(struct inventory_source *source)
{
    source->class->list_now(source);
}

void
inventory_source_list_soon(struct inventory_source *source)
{
    source->class->list_soon(source);
}

void
inventory_source_changed(struct inventory_source *source)
{
    source->class->changed(source);
}

void
inventory_source_assume(struct inventory_source *source, const char *version,
                        const char *etag)
{
    if (source->class->assume) {
        free(source->status.version);
        source->status.version = xstrdup(version);
        source->class->assume(source, etag);
    }
}

const char *
inventory_source_etag(const struct inventory_source *source)
{
    return source->class->etag ? source->class->etag(source) : NULL;
}

void
inventory_source_get_status(const struct inventory_source *source,
                            struct inventory_source_status *status)
{
    *status = source->status;
    status->version = nullable_xstrdup(status->version);
    status->error = nullable_xstrdup(status->error);
    status->watch_version = nullable_xstrdup(status->watch_version);
    status->watch_error = nullable_xstrdup(status->watch_error);
}

void
inventory_source_status_destroy(struct inventory_source_status *status)
{
    free(status->version);
    free(status->error);
    free(status->watch_version);
    free(status->watch_error);
}

/* The interface for kinds of sources. */

void
source_init(struct inventory_source *source, const char *name)
{
    *source = (struct inventory_source) {
        .name = xstrdup(name),
    };
    sset_init(&source->refusals);
    sset_init(&source->new_refusals);
    sset_init(&source->unknown_kinds);
}

void
source_uninit(struct inventory_source *source)
{
    source_list_abort(source);
    inventory_source_status_destroy(&source->status);
    sset_destroy(&source->refusals);
    sset_destroy(&source->new_refusals);
    sset_destroy(&source->unknown_kinds);
    free(source->name);
}

void
source_list_begin(struct inventory_source *source)
{
    source->listing = true;
    source->n_objects = 0;
    source->n_refused = 0;
    source->n_skipped = 0;
    sset_clear(&source->new_refusals);
    source->sink.list_begin(source->sink.aux);
}

bool
source_is_news(struct sset *set, const char *s)
{
    return sset_count(set) < REMEMBERED_MAX && sset_add(set, s);
}

static void
item_refused(struct inventory_source *source,
             const struct inventory_item *item)
{
    source->n_refused++;
    if (source_is_news(&source->new_refusals, item->error)
        && !sset_contains(&source->refusals, item->error)) {
        VLOG_WARN_RL(&refusal_rl, "%s: %s; left out", source->name,
                     item->error);
    }
    source->sink.list_invalid(source->sink.aux, item->kind, item->id);
}

static void
item_skipped(struct inventory_source *source, const char *kind)
{
    char *shown = safe_text(kind);

    source->n_skipped++;
    if (source_is_news(&source->unknown_kinds, shown)) {
        VLOG_INFO_RL(&refusal_rl, "%s: objects of kind %s are not known here "
                     "and left out", source->name, shown);
    }
    free(shown);
}

void
source_page_begin(struct inventory_source *source, char *body, size_t len)
{
    source_page_end(source);
    source->body = body;
    source->page = inventory_page_create(body, len);
    source->n_page_items = 0;
}

enum inventory_page_event
source_page_run(struct inventory_source *source)
{
    for (int i = 0; i < ITEMS_PER_PASS; i++) {
        struct inventory_item item;
        enum inventory_page_event event = inventory_page_next(source->page,
                                                              &item);
        if (event != INVENTORY_PAGE_ITEM) {
            return event;
        }

        source->n_page_items++;
        if (item.object) {
            source->n_objects++;
            source->sink.list_object(source->sink.aux, item.object);
            item.object = NULL;
        } else if (item.error) {
            item_refused(source, &item);
        } else {
            item_skipped(source, item.unknown_kind);
        }
        inventory_item_uninit(&item);
    }
    return INVENTORY_PAGE_ITEM;
}

void
source_page_end(struct inventory_source *source)
{
    inventory_page_destroy(source->page);
    source->page = NULL;
    free(source->body);
    source->body = NULL;
}

/* The source works. */
static void
source_recovered(struct inventory_source *source, long long int now)
{
    struct inventory_source_status *status = &source->status;

    if (status->failing_since) {
        VLOG_INFO_RL(&list_rl, "%s: answers again after %.1f s", source->name,
                     (now - status->failing_since) / 1000.0);
        status->failing_since = 0;
    }
    free(status->error);
    status->error = NULL;
    status->last_success = now;
}

void
source_list_end(struct inventory_source *source, const char *version,
                long long int now)
{
    struct inventory_source_status *status = &source->status;
    bool is_news = !status->version || strcmp(status->version, version);

    source_recovered(source, now);
    if (is_news) {
        /* What it changes is logged by whoever takes it in. */
        VLOG_DBG("%s: version %s: %u objects, %u refused, %u of unknown kinds",
                 source->name, version, source->n_objects, source->n_refused,
                 source->n_skipped);
        free(status->version);
        status->version = xstrdup(version);
    }
    status->whole = true;
    status->n_lists++;
    status->n_refused_objects = source->n_refused;
    sset_swap(&source->refusals, &source->new_refusals);

    source->listing = false;
    source->sink.list_end(source->sink.aux, status->version);
}

void
source_list_abort(struct inventory_source *source)
{
    source_page_end(source);
    if (source->listing) {
        source->listing = false;
        source->sink.list_abort(source->sink.aux);
    }
}

void
source_not_modified(struct inventory_source *source, long long int now)
{
    struct inventory_source_status *status = &source->status;

    source_recovered(source, now);
    status->n_not_modified++;
    if (!status->whole) {
        VLOG_INFO_RL(&list_rl, "%s: version %s is known already",
                     source->name, status->version);
        status->whole = true;
        source->sink.assumed(source->sink.aux, status->version);
    }
}

void
source_failed(struct inventory_source *source, const char *error,
              long long int now, long long int next_try)
{
    struct inventory_source_status *status = &source->status;
    bool is_news = !status->error || strcmp(status->error, error);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s; %s; ", error,
                  (status->whole ? "keeping the last inventory"
                   : "there is no inventory yet"));
    if (next_try == LLONG_MAX) {
        ds_put_cstr(&s, "waiting for a change");
    } else {
        ds_put_format(&s, "trying again in %.1f s", (next_try - now) / 1000.0);
    }
    if (status->failing_since) {
        ds_put_format(&s, " (failing for %.1f s)",
                      (now - status->failing_since) / 1000.0);
    } else {
        status->failing_since = now;
    }
    VLOG_RL(is_news ? &new_failure_rl : &old_failure_rl, VLL_WARN, "%s: %s",
            source->name, ds_cstr(&s));
    ds_destroy(&s);

    status->n_failures++;
    free(status->error);
    status->error = xstrdup(error);
}
