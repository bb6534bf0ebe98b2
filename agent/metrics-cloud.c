/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/metrics-private.h"

#include "core/inventory.h"
#include "timeval.h"
#include "util.h"

/* The inventory and how it comes: lists, watches, webhooks. */

/* When what is known was last said to be so: by a list or, while a watch is
 * open, by its last line.  In ms; 0: never. */
static long long int
last_heard(const struct inventory_source_status *is)
{
    return (is->watch == WATCH_OPEN ? MAX(is->watch_heard, is->last_success)
            : is->last_success);
}

static void
put_objects(const struct scrape *s, struct exposition *x)
{
    static const enum object_kind kinds[] = {
        OBJECT_HOST, OBJECT_SEGMENT, OBJECT_ROUTER, OBJECT_ENDPOINT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        put_labeled(x, "kind", object_kind_to_string(kinds[i]),
                    inventory_count(s->agent->inventory, kinds[i]));
    }
}

/* Of what the state file said it is the file's age. */
static void
put_age(const struct scrape *s, struct exposition *x)
{
    long long int heard = last_heard(&s->source);

    if (heard) {
        exposition_seconds(x, s->now - heard);
    } else if (s->cache.in_use && s->cache.age >= 0) {
        exposition_seconds(x, s->cache.age);
    }
}

static void
put_last_list(const struct scrape *s, struct exposition *x)
{
    if (s->source.last_success) {
        exposition_seconds(x, time_wall_msec()
                           - (s->now - s->source.last_success));
    }
}

static void
put_lists(const struct scrape *s, struct exposition *x)
{
    put_labeled(x, "result", "whole", s->source.n_lists);
    put_labeled(x, "result", "not_modified", s->source.n_not_modified);
    put_labeled(x, "result", "failed", s->source.n_failures);
}

static void
put_failing(const struct scrape *s, struct exposition *x)
{
    exposition_seconds(x, (s->source.failing_since
                           ? s->now - s->source.failing_since : 0));
}

PUT_COUNT(put_refused_objects, s->source.n_refused_objects)
PUT_COUNT(put_received, s->source.n_bytes)
PUT_COUNT(put_from_state_file, s->cache.in_use)
PUT_COUNT(put_state_file_failing, s->cache.failing_since != 0)

static void
put_held(const struct scrape *s, struct exposition *x)
{
    long long int since;

    exposition_count(x, inventory_n_held(s->agent->inventory, &since));
}

static void
put_held_seconds(const struct scrape *s, struct exposition *x)
{
    long long int since;

    exposition_seconds(x, (inventory_n_held(s->agent->inventory, &since)
                           ? s->now - since : 0));
}

PUT_COUNT(put_watch_open, s->source.watch == WATCH_OPEN)
PUT_COUNT(put_watches_opened, s->source.n_watches)

static void
put_watches_ended(const struct scrape *s, struct exposition *x)
{
    static const char *const reasons[N_WATCH_ENDS] = {
        [WATCH_END_CLOSED] = "closed",
        [WATCH_END_GONE] = "gone",
        [WATCH_END_BROKEN] = "broken",
        [WATCH_END_REFUSED] = "refused",
        [WATCH_END_UNSUPPORTED] = "unsupported",
    };

    for (int i = 0; i < N_WATCH_ENDS; i++) {
        put_labeled(x, "reason", reasons[i], s->source.n_watch_ends[i]);
    }
}

static void
put_event(struct exposition *x, const char *origin, const char *result,
          uint64_t n)
{
    exposition_label(x, "origin", origin);
    put_labeled(x, "result", result, n);
}

/* What is refused of a webhook is so as a whole, and counted there. */
static void
put_events(const struct scrape *s, struct exposition *x)
{
    static const char *const origins[N_EVENT_ORIGINS] = {
        [EVENT_BY_WEBHOOK] = "webhook",
        [EVENT_BY_WATCH] = "watch",
    };
    static const char *const results[N_EVENT_RESULTS] = {
        [EVENT_WAS_APPLIED] = "applied",
        [EVENT_WAS_SAME] = "known",
        [EVENT_WAS_STALE] = "stale",
        [EVENT_WAS_FULL] = "full",
        [EVENT_WAS_THIN] = "thin",
    };

    for (int i = 0; i < N_EVENT_ORIGINS; i++) {
        for (int j = 0; j < N_EVENT_RESULTS; j++) {
            put_event(x, origins[i], results[j], s->agent->n_events[i][j]);
        }
    }
    put_event(x, origins[EVENT_BY_WATCH], "refused",
              s->source.n_watch_refused);
}

static void
put_latency(const struct scrape *s, struct exposition *x)
{
    exposition_histogram(x, &s->agent->latency.histogram);
}

static void
put_webhook_requests(const struct scrape *s, struct exposition *x)
{
    for (size_t i = 0; i < N_WEBHOOK_ANSWERS; i++) {
        char code[16];

        snprintf(code, sizeof code, "%u", webhook_answers[i].status);
        exposition_label(x, "code", code);
        put_labeled(x, "result", webhook_answers[i].result,
                    s->webhooks.n_answered[i]);
    }
}

PUT_COUNT(put_repeated, s->webhooks.n_repeated)
PUT_COUNT(put_connections, s->webhooks.n_connections)
PUT_COUNT(put_waiting, s->webhooks.n_waiting)
PUT_COUNT(put_evicted, s->webhooks.n_evicted)
PUT_COUNT(put_file_failing, s->webhooks.error != NULL)
PUT_COUNT(put_scrapes, s->webhooks.n_scrapes)

const struct metric cloud_metrics[] = {
    { "vtepd_inventory_objects", METRIC_GAUGE,
      "Objects in the inventory, by kind.", put_objects },
    { "vtepd_inventory_age_seconds", METRIC_GAUGE,
      "How long ago the API last confirmed what is known: by a list, or by a "
      "line of an open watch.  Of an inventory from the state file, how long "
      "ago that was written.", put_age },
    { "vtepd_inventory_last_list_timestamp_seconds", METRIC_GAUGE,
      "When the last whole list came, or \"not modified\", in Unix time.",
      put_last_list },
    { "vtepd_inventory_lists_total", METRIC_COUNTER,
      "Lists, by result.", put_lists },
    { "vtepd_inventory_failing_seconds", METRIC_GAUGE,
      "For how long lists have failed; 0: they do not.", put_failing },
    { "vtepd_inventory_refused_objects", METRIC_GAUGE,
      "Invalid objects in the last whole list.", put_refused_objects },
    { "vtepd_inventory_received_bytes_total", METRIC_COUNTER,
      "Bytes of lists and watches, decompressed.", put_received },
    { "vtepd_inventory_from_state_file", METRIC_GAUGE,
      "1 while the inventory is the last known one, from the state file.",
      put_from_state_file },
    { "vtepd_inventory_held_deletions", METRIC_GAUGE,
      "Deletions that are held because there are too many at once.",
      put_held },
    { "vtepd_inventory_held_seconds", METRIC_GAUGE,
      "For how long deletions have been held; 0: none are.",
      put_held_seconds },
    { "vtepd_state_file_failing", METRIC_GAUGE,
      "1 while the state file cannot be written or used.",
      put_state_file_failing },
    { "vtepd_watch_open", METRIC_GAUGE,
      "1 while a watch is open.", put_watch_open },
    { "vtepd_watches_opened_total", METRIC_COUNTER,
      "Watches that were opened.", put_watches_opened },
    { "vtepd_watches_ended_total", METRIC_COUNTER,
      "Watches that ended, or were not to be had, by reason.",
      put_watches_ended },
    { "vtepd_events_total", METRIC_COUNTER,
      "Events, by the way they came and what became of them.", put_events },
    { "vtepd_event_installed_seconds", METRIC_HISTOGRAM,
      "From when an event is taken in until the switch has applied what it "
      "leads to, without the time to make a port for a new tunnel.  Events "
      "that lead to nothing do not count.",
      put_latency },
    { "vtepd_webhook_requests_total", METRIC_COUNTER,
      "POST requests to /v1/events, by HTTP status and result.",
      put_webhook_requests },
    { "vtepd_webhook_repeated_total", METRIC_COUNTER,
      "Requests among them whose webhook-id had been seen before.",
      put_repeated },
    { "vtepd_webhook_connections", METRIC_GAUGE,
      "Open connections to the webhook listener.", put_connections },
    { "vtepd_webhook_waiting", METRIC_GAUGE,
      "Requests that wait for the switch (Prefer: wait).", put_waiting },
    { "vtepd_webhook_evicted_total", METRIC_COUNTER,
      "Connections closed to make room, or because they took too long.",
      put_evicted },
    { "vtepd_webhook_file_failing", METRIC_GAUGE,
      "1 while the file of the webhooks' secrets, certificate or key cannot "
      "be used.", put_file_failing },
    { "vtepd_scrapes_total", METRIC_COUNTER,
      "GET requests to /metrics.", put_scrapes },
};
const size_t n_cloud_metrics = ARRAY_SIZE(cloud_metrics);
