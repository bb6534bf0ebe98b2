/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_METRICS_H
#define VTEPD_WEBHOOK_METRICS_H 1

/* What GET /metrics is answered with.
 *
 * Anyone may ask, as often as they like: the answer is made once a second at
 * most, and all who ask meanwhile share it, so that neither time nor memory
 * grow with their number. */

struct MHD_Response;
struct webhook_sink;

/* All zero: there is none yet. */
struct webhook_metrics {
    struct MHD_Response *response;
    long long int made;         /* In ms. */
};

void webhook_metrics_uninit(struct webhook_metrics *);

/* Returns the answer for libmicrohttpd to send; it stays ours. */
struct MHD_Response *webhook_metrics_get(struct webhook_metrics *,
                                         const struct webhook_sink *,
                                         long long int now);

#endif /* webhook-metrics.h */
