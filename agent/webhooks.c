/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/webhooks.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/metrics.h"
#include "agent/wiring.h"
#include "cloud/inventory-event.h"
#include "cloud/webhook-server.h"
#include "core/inventory.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(webhooks);

/* After how long it is tried again to listen, in ms. */
#define LISTEN_RETRY_MS 5000

/* From the listener. */

static const char *
why_not(void *agent_)
{
    const struct agent *agent = agent_;

    return (inventory_last_list(agent->inventory) ? NULL
            : "there is no inventory yet that an event could change");
}

static const char *
why_not_ready(void *agent)
{
    return agent_why_not_ready(agent);
}

static void
wait_for_event(struct wait *wait, const struct inventory_event *event,
               const struct inventory *inv)
{
    if (event->type == INVENTORY_EVENT_PUT) {
        wait_for_object(wait, event->object->kind, event->object->id);
    } else if (event->type == INVENTORY_EVENT_DELETE
               || event->type == INVENTORY_EVENT_THIN) {
        wait_for_object(wait, event->kind, event->id);
    }
    if (event->type == INVENTORY_EVENT_THIN) {
        wait_for_list(wait, inventory_next_list(inv));
    }
}

/* A repetition changes nothing.  But a thin event may have to be waited for,
 * until a list that nobody else might ask for. */
static void
take_events(void *agent_, struct inventory_event *events, size_t n,
            uint64_t ticket, bool revalidated, bool repeated)
{
    struct agent *agent = agent_;
    struct wait *wait = ticket ? waits_add(&agent->waits, ticket) : NULL;

    if (wait && revalidated) {
        wait_for_revalidation(wait);
    }
    for (size_t i = 0; i < n; i++) {
        if (wait) {
            wait_for_event(wait, &events[i], agent->inventory);
        }
        if (!repeated || events[i].type == INVENTORY_EVENT_THIN) {
            wiring_take_event(agent, &events[i], EVENT_BY_WEBHOOK);
        }
    }
}

static bool
is_installed(void *agent_, uint64_t ticket)
{
    const struct agent *agent = agent_;

    return (switch_session_get_state(agent->session) == SWITCH_SYNCED
            && waits_is_over(&agent->waits, ticket,
                             switch_session_applied(agent->session))
            && !switch_session_lacks_any(agent->session));
}

static void
put_metrics(void *agent_, struct ds *s)
{
    metrics_format(agent_, s);
}

static void
forget(void *agent_, uint64_t ticket)
{
    struct agent *agent = agent_;

    waits_forget(&agent->waits, ticket);
}

/* The listener. */

static void
listen_again(struct agent *agent)
{
    const struct config *c = &agent->config;
    struct webhook_config wc = {
        .listen = c->text[SETTING_WEBHOOK_LISTEN],
        .secret_file = c->text[SETTING_WEBHOOK_SECRET_FILE],
        .cert = c->text[SETTING_WEBHOOK_CERT],
        .key = c->text[SETTING_WEBHOOK_KEY],
    };
    struct webhook_sink sink = {
        .aux = agent,
        .why_not = why_not,
        .why_not_ready = why_not_ready,
        .events = take_events,
        .is_installed = is_installed,
        .forget = forget,
        .metrics = put_metrics,
    };
    char *error = NULL;

    agent->webhooks = webhook_server_create(&wc, &sink, &error);
    agent->webhooks_retry = 0;
    if (!agent->webhooks) {
        agent->webhooks_retry = time_msec() + LISTEN_RETRY_MS;
        if (!nullable_string_is_equal(error, agent->webhooks_error)) {
            VLOG_ERR("webhooks: %s; trying again every %d s", error,
                     LISTEN_RETRY_MS / 1000);
        }
    }
    free(agent->webhooks_error);
    agent->webhooks_error = error;
}

void
webhooks_close(struct agent *agent)
{
    webhook_server_destroy(agent->webhooks);
    agent->webhooks = NULL;
    free(agent->webhooks_error);
    agent->webhooks_error = NULL;
    agent->webhooks_retry = 0;
}

void
webhooks_configure(struct agent *agent)
{
    webhooks_close(agent);
    if (agent->config.text[SETTING_WEBHOOK_LISTEN]) {
        listen_again(agent);
    }
}

void
webhooks_run(struct agent *agent)
{
    if (agent->webhooks_retry && time_msec() >= agent->webhooks_retry) {
        listen_again(agent);
    }
    if (agent->webhooks) {
        webhook_server_run(agent->webhooks);
    }
}

void
webhooks_answer(struct agent *agent)
{
    if (agent->webhooks) {
        webhook_server_answer(agent->webhooks);
    }
}

void
webhooks_wait(struct agent *agent)
{
    if (agent->webhooks_retry) {
        poll_timer_wait_until(agent->webhooks_retry);
    }
    if (agent->webhooks) {
        webhook_server_wait(agent->webhooks);
    }
}
