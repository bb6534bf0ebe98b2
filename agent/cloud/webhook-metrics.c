/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-metrics.h"

#include <microhttpd.h>

#include "cloud/webhook-server.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* For how long an answer is good, in ms. */
#define METRICS_MS 1000

void
webhook_metrics_uninit(struct webhook_metrics *m)
{
    if (m->response) {
        MHD_destroy_response(m->response);
        m->response = NULL;
    }
}

/* libmicrohttpd keeps what it still has to send. */
struct MHD_Response *
webhook_metrics_get(struct webhook_metrics *m,
                    const struct webhook_sink *sink, long long int now)
{
    if (!m->response || now - m->made >= METRICS_MS) {
        struct ds s = DS_EMPTY_INITIALIZER;

        webhook_metrics_uninit(m);
        sink->metrics(sink->aux, &s);
        m->response = MHD_create_response_from_buffer(
            s.length, ds_cstr(&s), MHD_RESPMEM_MUST_FREE);
        if (!m->response) {
            out_of_memory();
        }
        MHD_add_response_header(m->response, "Content-Type",
                                "text/plain; version=0.0.4; charset=utf-8");
        m->made = now;
    }
    return m->response;
}
