/* SPDX-License-Identifier: Apache-2.0 */

/* What sources that can be watched share: events on their way to the sink, the
 * status, and what is logged about both. */

#include <config.h>
#include "cloud/inventory-source-provider.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "cloud/safe-text.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(source_watch);

static struct vlog_rate_limit opened_rl = VLOG_RATE_LIMIT_INIT(6, 6);
static struct vlog_rate_limit new_end_rl = VLOG_RATE_LIMIT_INIT(20, 20);
static struct vlog_rate_limit old_end_rl = VLOG_RATE_LIMIT_INIT(1, 1);
static struct vlog_rate_limit refusal_rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* Frees the string '*sp' and replaces it by 'new', of which it takes
 * ownership. */
static void
replace(char **sp, char *new)
{
    free(*sp);
    *sp = new;
}

void
source_watch_asked(struct inventory_source *source)
{
    source->status.watch = WATCH_OPENING;
}

void
source_watch_opened(struct inventory_source *source, const char *since,
                    long long int now)
{
    struct inventory_source_status *status = &source->status;
    char *shown = safe_text(since);

    VLOG_INFO_RL(&opened_rl, "%s: watching from version %s on", source->name,
                 shown);
    free(shown);
    status->watch = WATCH_OPEN;
    status->watch_since = now;
    status->n_watches++;
    source->told_unsupported = false;
    source->n_events = 0;
}

static bool
event_refused(struct inventory_source *source, const char *error)
{
    if (sset_contains(&source->new_refusals, error)
        || !source_is_news(&source->refusals, error)) {
        return false;
    }
    VLOG_WARN_RL(&refusal_rl, "%s: watch: %s; left as it is known",
                 source->name, error);
    return true;
}

bool
source_watch_event(struct inventory_source *source,
                   struct inventory_event *event)
{
    struct inventory_source_status *status = &source->status;
    bool refused = false;

    switch (event->type) {
    case INVENTORY_EVENT_PUT:
    case INVENTORY_EVENT_DELETE:
    case INVENTORY_EVENT_THIN:
        status->n_watch_events++;
        source->n_events++;
        source->sink.event(source->sink.aux, event);
        break;

    case INVENTORY_EVENT_VERSION:
        replace(&status->watch_version, event->version);
        event->version = NULL;
        break;

    case INVENTORY_EVENT_REFUSED:
        status->n_watch_events++;
        status->n_watch_refused++;
        source->n_events++;
        refused = event_refused(source, event->error);
        break;

    case INVENTORY_EVENT_UNKNOWN:
        if (source_is_news(&source->unknown_kinds, event->unknown)) {
            VLOG_INFO_RL(&refusal_rl, "%s: watch: %s is not known here, such "
                         "events are left out", source->name, event->unknown);
        }
        break;

    case INVENTORY_EVENT_GONE:
        OVS_NOT_REACHED();
    }
    inventory_event_uninit(event);
    return refused;
}

void
source_watch_ended(struct inventory_source *source, const char *why,
                   bool is_fault, long long int now, long long int next_try)
{
    struct inventory_source_status *status = &source->status;
    bool is_news = (!status->watch_error
                    || strcmp(status->watch_error, why));
    struct ds s = DS_EMPTY_INITIALIZER;

    if (status->watch == WATCH_OPEN) {
        ds_put_format(&s, "watch ended after %.1f s and %"PRIu64" events",
                      (now - status->watch_since) / 1000.0, source->n_events);
    } else {
        ds_put_cstr(&s, "watch failed");
    }
    VLOG_RL(is_news ? &new_end_rl : &old_end_rl, is_fault ? VLL_WARN
            : VLL_INFO, "%s: %s: %s; listing in %.1f s to watch again",
            source->name, ds_cstr(&s), why, (next_try - now) / 1000.0);
    ds_destroy(&s);

    status->watch = WATCH_CLOSED;
    replace(&status->watch_error, xstrdup(why));
}

void
source_watch_unsupported(struct inventory_source *source, const char *why)
{
    struct inventory_source_status *status = &source->status;

    if (!source->told_unsupported) {
        VLOG_INFO("%s: the server has no watch (%s): changes come with the "
                  "next list", source->name, why);
        source->told_unsupported = true;
    }
    status->watch = WATCH_UNSUPPORTED;
    replace(&status->watch_error, xstrdup(why));
}
