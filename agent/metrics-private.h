/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_METRICS_PRIVATE_H
#define VTEPD_METRICS_PRIVATE_H 1

/* For the tables of metrics: see metrics.h. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"
#include "agent/exposition.h"
#include "agent/switch-counters.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "cloud/webhook-server.h"
#include "core/overlay.h"
#include "openflow/switch-session.h"
#include "ovsdb-client/ovsdb-client.h"

/* What all metrics are taken from, at one moment. */
struct scrape {
    const struct agent *agent;
    long long int now;          /* In ms. */
    struct inventory_source_status source;  /* All zero: there is none. */
    struct inventory_cache_status cache;
    struct webhook_status webhooks;         /* The same. */
    struct ovsdb_client_status ovsdb;
    struct switch_session_status session;
    struct overlay_counts counts;
    const struct switch_reading *reading;
};

/* Writes the samples. */
typedef void put_metric(const struct scrape *, struct exposition *);

struct metric {
    const char *name;
    enum metric_type type;
    const char *help;
    put_metric *put;
};

extern const struct metric cloud_metrics[];
extern const size_t n_cloud_metrics;
extern const struct metric overlay_metrics[];
extern const size_t n_overlay_metrics;
extern const struct metric switch_metrics[];
extern const size_t n_switch_metrics;

/* Defines a put_metric() for a single sample without labels. */
#define PUT_COUNT(NAME, COUNT)                                          \
    static void                                                         \
    NAME(const struct scrape *s, struct exposition *x)                  \
    {                                                                   \
        exposition_count(x, COUNT);                                     \
    }

/* Writes a sample with one label. */
static inline void
put_labeled(struct exposition *x, const char *key, const char *value,
            uint64_t count)
{
    exposition_label(x, key, value);
    exposition_count(x, count);
}

#endif /* metrics-private.h */
