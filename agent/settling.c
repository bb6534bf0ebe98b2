/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/settling.h"

#include <stdlib.h>

#include "agent/vswitchd-control.h"
#include "agent/waits.h"
#include "core/flow-spec.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(settling);

#define COMMAND_MS 30000        /* What a command may take. */
#define RETRY_MS 200            /* After a failure. */

enum settling_step {
    SETTLING_IDLE,
    SETTLING_COMMAND,           /* Any command. */
    SETTLING_TOUCH,
    SETTLING_FIRST_ROUND,
    SETTLING_SECOND_ROUND,
};

struct settling {
    struct vswitchd_control *control;
    enum settling_step step;
    uint64_t bundle;            /* While SETTLING_TOUCH. */
    long long int retry_at;     /* In ms; 0: no need to wait. */
};

struct settling *
settling_create(void)
{
    struct settling *s = xzalloc(sizeof *s);

    s->control = vswitchd_control_create();
    return s;
}

void
settling_destroy(struct settling *s)
{
    if (s) {
        vswitchd_control_destroy(s->control);
        free(s);
    }
}

/* The flow that is touched: one that is always there. */
static void
touch_flow(const struct flow_entry *e, void *session)
{
    if (e->table == TABLE_NO_TUNNEL) {
        switch_session_touch(session, e);
    }
}

static uint64_t
touch(struct switch_session *session)
{
    static_flows(touch_flow, session);
    return switch_session_flush(session);
}

static void
give_up(struct settling *s, struct waits *waits)
{
    vswitchd_control_cancel(s->control);
    waits_unsettled(waits);
    s->step = SETTLING_IDLE;
}

static void
begin_command(struct settling *s)
{
    vswitchd_control_request(s->control, "version", NULL, 0, COMMAND_MS);
    s->step = SETTLING_COMMAND;
}

static void
begin_touch(struct settling *s, struct switch_session *session)
{
    s->bundle = touch(session);
    s->step = SETTLING_TOUCH;
}

static void
begin_round(struct settling *s, struct switch_session *session,
            enum settling_step step)
{
    vswitchd_control_request(s->control, "revalidator/wait", NULL, 0,
                             COMMAND_MS);
    touch(session);
    s->step = step;
}

/* Was the command carried out? */
static bool
take_reply(struct settling *s, struct waits *waits)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 3);
    char *text;
    bool ok;

    if (!vswitchd_control_take_reply(s->control, &ok, &text)) {
        return false;
    }
    if (!ok) {
        VLOG_WARN_RL(&rl, "webhooks that ask for \"revalidated\" wait in "
                     "vain, for ovs-vswitchd cannot be asked whether its "
                     "revalidators are done: %s; trying again", text);
        give_up(s, waits);
        s->retry_at = time_msec() + RETRY_MS;
    }
    free(text);
    return ok;
}

/* Returns whether there was something to do. */
static bool
run_step(struct settling *s, struct switch_session *session,
         struct waits *waits)
{
    uint64_t applied = switch_session_applied(session);

    switch (s->step) {
    case SETTLING_IDLE:
        if (time_msec() < s->retry_at || !waits_settle(waits, applied)) {
            return false;
        }
        begin_command(s);
        return true;

    case SETTLING_COMMAND:
        if (!take_reply(s, waits)) {
            return false;
        }
        begin_touch(s, session);
        return true;

    case SETTLING_TOUCH:
        if (applied < s->bundle) {
            return false;
        }
        begin_round(s, session, SETTLING_FIRST_ROUND);
        return true;

    case SETTLING_FIRST_ROUND:
        if (!take_reply(s, waits)) {
            return false;
        }
        begin_round(s, session, SETTLING_SECOND_ROUND);
        return true;

    case SETTLING_SECOND_ROUND:
        if (!take_reply(s, waits)) {
            return false;
        }
        waits_settled(waits);
        s->step = SETTLING_IDLE;
        return true;

    default:
        OVS_NOT_REACHED();
    }
}

void
settling_run(struct settling *s, struct switch_session *session,
             struct waits *waits)
{
    vswitchd_control_run(s->control);
    if (switch_session_get_state(session) != SWITCH_SYNCED) {
        give_up(s, waits);
        return;
    }
    while (run_step(s, session, waits)) {
        continue;
    }
}

void
settling_wait(struct settling *s)
{
    vswitchd_control_wait(s->control);
    if (s->step == SETTLING_IDLE && time_msec() < s->retry_at) {
        poll_timer_wait_until(s->retry_at);
    }
}
