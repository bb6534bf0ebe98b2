/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-routes.h"

#include <microhttpd.h>
#include <string.h>

#include "cloud/webhook-answer.h"
#include "cloud/webhook-server.h"
#include "util.h"

/* Requests a minute that senders are granted. */
#define ALLOWED_RATE "60000"

enum {
    ORIGIN_MAX = 255,
    RETRY_NOT_READY = 2,        /* Seconds. */
};

static bool
is_origin(const char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x21 || s[i] > 0x7e) {
            return false;
        }
    }
    return len && len <= ORIGIN_MAX;
}

/* The handshake of "HTTP 1.1 Web Hooks for Event Delivery" (CloudEvents): yes,
 * here are events wanted.  A callback that the client names is not called. */
static void
answer_handshake(const struct webhook_route *route,
                 const struct webhook_sink *sink OVS_UNUSED,
                 struct webhook_answer *answer)
{
    if (route->origin && !is_origin(route->origin)) {
        webhook_answer_set(answer, MHD_HTTP_BAD_REQUEST, "the header "
                           "WebHook-Request-Origin is not 1 to %d visible "
                           "ASCII characters", ORIGIN_MAX);
        return;
    }
    webhook_answer_set(answer, MHD_HTTP_OK, "%s", "");
    smap_replace(&answer->headers, "Allow", "POST, OPTIONS");
    if (route->origin) {
        smap_replace(&answer->headers, "WebHook-Allowed-Origin",
                     route->origin);
        smap_replace(&answer->headers, "WebHook-Allowed-Rate", ALLOWED_RATE);
    }
}

static void
answer_healthz(const struct webhook_route *route OVS_UNUSED,
               const struct webhook_sink *sink OVS_UNUSED,
               struct webhook_answer *answer)
{
    webhook_answer_set(answer, MHD_HTTP_OK, "ok");
}

static void
answer_readyz(const struct webhook_route *route OVS_UNUSED,
              const struct webhook_sink *sink, struct webhook_answer *answer)
{
    const char *why_not = sink->why_not_ready(sink->aux);

    if (why_not) {
        webhook_answer_set(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
                           why_not);
        webhook_answer_retry_after(answer, RETRY_NOT_READY);
    } else {
        webhook_answer_set(answer, MHD_HTTP_OK, "ok");
    }
}

static void
answer_metrics(const struct webhook_route *route OVS_UNUSED,
               const struct webhook_sink *sink OVS_UNUSED,
               struct webhook_answer *answer)
{
    webhook_answer_set(answer, MHD_HTTP_OK, "%s", "");
    answer->metrics = true;
}

typedef void answer_func(const struct webhook_route *,
                         const struct webhook_sink *,
                         struct webhook_answer *);

static const struct {
    const char *path, *method;
    const char *allow;          /* All methods of this path. */
    answer_func *answer;        /* NULL: events. */
} routes[] = {
    { "/v1/events", "POST", "POST, OPTIONS", NULL },
    { "/v1/events", "OPTIONS", "POST, OPTIONS", answer_handshake },
    { "/healthz", "GET", "GET, HEAD", answer_healthz },
    { "/healthz", "HEAD", "GET, HEAD", answer_healthz },
    { "/readyz", "GET", "GET, HEAD", answer_readyz },
    { "/readyz", "HEAD", "GET, HEAD", answer_readyz },
    { "/metrics", "GET", "GET, HEAD", answer_metrics },
    { "/metrics", "HEAD", "GET, HEAD", answer_metrics },
};

bool
webhook_route_is_events(const struct webhook_route *route,
                        const struct webhook_sink *sink,
                        struct webhook_answer *answer)
{
    const char *allow = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (strcmp(routes[i].path, route->path)) {
            continue;
        } else if (strcmp(routes[i].method, route->method)) {
            allow = routes[i].allow;
        } else if (!routes[i].answer) {
            return true;
        } else {
            routes[i].answer(route, sink, answer);
            return false;
        }
    }

    if (allow) {
        webhook_answer_set(answer, MHD_HTTP_METHOD_NOT_ALLOWED,
                           "the methods here are %s", allow);
        smap_replace(&answer->headers, "Allow", allow);
    } else {
        webhook_answer_set(answer, MHD_HTTP_NOT_FOUND,
                           "there are /v1/events, /healthz, /readyz and "
                           "/metrics");
    }
    return false;
}
