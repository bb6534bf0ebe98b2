/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_ROUTES_H
#define VTEPD_WEBHOOK_ROUTES_H 1

/* What the webhook server has where: answers all requests but those that bring
 * events.  None of the answers changes anything. */

#include <stdbool.h>

struct webhook_answer;
struct webhook_sink;

struct webhook_route {
    const char *path, *method;

    /* Header fields, NULL where missing. */
    const char *origin;         /* WebHook-Request-Origin */
};

/* Is it a POST of events?  If not, sets '*answer' and returns false. */
bool webhook_route_is_events(const struct webhook_route *,
                             const struct webhook_sink *,
                             struct webhook_answer *answer);

#endif /* webhook-routes.h */
