/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/explain-names.h"
#include "agent/explain-path.h"
#include "agent/vswitchd-control.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "unixctl.h"
#include "util.h"

#define MAX_QUESTIONS 16        /* Open at a time. */
#define ANSWER_MS 3000          /* What the switch may take to answer. */

enum question_step {
    QUESTION_WAITING,           /* For the one before. */
    QUESTION_FLOWS,             /* The switch is being asked for flows. */
    QUESTION_TRACE,             /* It is being asked for a trace. */
};

struct question {
    struct ovs_list node;       /* In explainer's 'questions'. */
    struct unixctl_conn *conn;
    char *from, *to;
    bool json;
    enum question_step step;
    struct switch_query query;
    struct trace_packet packet;
};

struct explainer {
    struct ovs_list questions;  /* The first is being answered. */
    size_t n;
    struct vswitchd_control *control;
};

struct explainer *
explainer_create(void)
{
    struct explainer *e = xzalloc(sizeof *e);

    ovs_list_init(&e->questions);
    e->control = vswitchd_control_create();
    return e;
}

static void
free_question(struct explainer *e, struct question *q)
{
    ovs_list_remove(&q->node);
    e->n--;
    switch_query_destroy(&q->query);
    free(q->from);
    free(q->to);
    free(q);
}

void
explainer_destroy(struct explainer *e)
{
    struct question *q;

    if (!e) {
        return;
    }
    LIST_FOR_EACH_SAFE (q, node, &e->questions) {
        unixctl_command_reply_error(q->conn, "vtepd is ending");
        free_question(e, q);
    }
    vswitchd_control_destroy(e->control);
    free(e);
}

static void
reply(struct unixctl_conn *conn, const struct explanation *x, bool json)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    explanation_format(x, json, &s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

void
explainer_ask(struct explainer *e, const struct agent *agent,
              struct unixctl_conn *conn, const char *from, const char *to,
              bool json)
{
    struct question *q;

    if (!to) {
        struct explanation x;

        explanation_init(&x);
        explain_host(agent, from, &x);
        reply(conn, &x, json);
        explanation_destroy(&x);
        return;
    }
    if (e->n >= MAX_QUESTIONS) {
        unixctl_command_reply_error(conn, "too many questions at a time; try "
                                    "again");
        return;
    }
    q = xzalloc(sizeof *q);
    q->conn = conn;
    q->from = xstrdup(from);
    q->to = xstrdup(to);
    q->json = json;
    switch_query_init(&q->query);
    ovs_list_push_back(&e->questions, &q->node);
    e->n++;
    poll_immediate_wake();
}

/* Finds the endpoints, as they are now.  On an error replies with it and
 * returns false. */
static bool
find_endpoints(const struct question *q, const struct agent *agent,
               struct path_question *path)
{
    char *error = explain_find_pair(agent->inventory,
                                    overlay_holders(agent->overlay),
                                    q->from, q->to,
                                    &path->from, &path->to);

    path->from_name = q->from;
    path->to_name = q->to;
    if (error) {
        unixctl_command_reply_error(q->conn, error);
        free(error);
        return false;
    }
    return true;
}

/* Everything has been asked. */
static void
finish(struct explainer *e, const struct agent *agent, struct question *q,
       bool asked, const char *trace_error, const char *trace)
{
    struct path_question path = { .asked = asked, .packet = q->packet };

    if (find_endpoints(q, agent, &path)) {
        struct explanation x;

        path.query = q->query;
        path.trace_error = trace_error;
        trace_result_parse(&path.trace, trace ? trace : "");
        explanation_init(&x);
        explain_path(agent, &path, &x);
        reply(q->conn, &x, q->json);
        explanation_destroy(&x);
        trace_result_destroy(&path.trace);
    }
    free_question(e, q);
}

/* Begins with a question; most of what can be wrong needs no asking. */
static void
begin(struct explainer *e, const struct agent *agent, struct question *q)
{
    struct path_question path = { .asked = false };

    if (!find_endpoints(q, agent, &path)) {
        free_question(e, q);
        return;
    }
    switch_query_init(&path.query);
    if (explain_path_prepare(agent, &path) && agent->target) {
        q->query = path.query;
        q->packet = path.packet;
        q->step = QUESTION_FLOWS;
        switch_query_send(&q->query, agent->target, ANSWER_MS);
    } else {
        switch_query_destroy(&path.query);
        finish(e, agent, q, false, "there is nothing to ask yet", NULL);
    }
}

static void
begin_trace(struct explainer *e, const struct agent *agent, struct question *q)
{
    char *flow = trace_packet_format(&q->packet);
    const char *args[] = { agent->config.text[SETTING_BRIDGE], flow };

    vswitchd_control_request(e->control, "ofproto/trace", args,
                             ARRAY_SIZE(args), ANSWER_MS);
    q->step = QUESTION_TRACE;
    free(flow);
}

/* Returns whether there was anything to do. */
static bool
run_question(struct explainer *e, const struct agent *agent,
             struct question *q)
{
    char *text;
    bool ok;

    switch (q->step) {
    case QUESTION_WAITING:
        begin(e, agent, q);
        return true;

    case QUESTION_FLOWS:
        switch_query_run(&q->query);
        if (!q->query.done) {
            return false;
        }
        begin_trace(e, agent, q);
        return true;

    case QUESTION_TRACE:
        if (!vswitchd_control_take_reply(e->control, &ok, &text)) {
            return false;
        }
        finish(e, agent, q, true, ok ? NULL : text, ok ? text : NULL);
        free(text);
        return true;

    default:
        OVS_NOT_REACHED();
    }
}

void
explainer_run(struct explainer *e, const struct agent *agent)
{
    vswitchd_control_run(e->control);
    while (!ovs_list_is_empty(&e->questions)
           && run_question(e, agent,
                           CONTAINER_OF(ovs_list_front(&e->questions),
                                        struct question, node))) {
        continue;
    }
}

void
explainer_wait(struct explainer *e)
{
    vswitchd_control_wait(e->control);
    if (!ovs_list_is_empty(&e->questions)) {
        struct question *q = CONTAINER_OF(ovs_list_front(&e->questions),
                                          struct question, node);

        if (q->step == QUESTION_FLOWS) {
            switch_query_wait(&q->query);
        }
    }
}
