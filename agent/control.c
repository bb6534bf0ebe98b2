/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/control.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/explain.h"
#include "agent/listing.h"
#include "agent/metrics.h"
#include "agent/report.h"
#include "openvswitch/dynamic-string.h"
#include "unixctl.h"
#include "util.h"

/* Answers into 'answer', or returns why it cannot, for the caller to free.
 * 'argument' is NULL where none was given. */
typedef char *command_func(struct agent *, const char *argument, bool json,
                           struct ds *answer);
typedef void report_func(const struct agent *, bool json, struct ds *answer);

struct command {
    const char *name;
    const char *usage;
    int n_arguments;            /* Takes up to as many... */
    bool json;                  /* ...and "json" after them? */
    report_func *report;        /* Shows this, if not NULL... */
    command_func *run;          /* ...else does this, if not NULL... */
                                /* ...else explains, and answers later. */
};

static command_func run_endpoints, run_multicast, run_resync,
    run_approve_deletions, run_metrics;

static const struct command commands[] = {
    { "vtepd/status", "[json]", 0, true, report_status, NULL },
    { "vtepd/hosts", "[json]", 0, true, report_hosts, NULL },
    { "vtepd/segments", "[json]", 0, true, report_segments, NULL },
    { "vtepd/endpoints", "[SEGMENT] [json]", 1, true, NULL,
      run_endpoints },
    { "vtepd/multicast", "[SEGMENT] [json]", 1, true, NULL,
      run_multicast },
    { "vtepd/routers", "[json]", 0, true, report_routers, NULL },
    { "vtepd/tunnels", "[json]", 0, true, report_tunnels, NULL },
    { "vtepd/leases", "[json]", 0, true, report_leases, NULL },
    { "vtepd/explain", "FROM TO [json] | HOST [json]", 2, true, NULL, NULL },
    { "vtepd/metrics", "", 0, false, NULL, run_metrics },
    { "vtepd/resync", "", 0, false, NULL, run_resync },
    { "vtepd/approve-deletions", "", 0, false, NULL,
      run_approve_deletions },
};

/* An argument, fit for an error message. */
static char *
escape(const char *argument)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    listing_escape(argument, &s);
    return ds_steal_cstr(&s);
}

static char *
no_segment(const char *segment)
{
    char *escaped = escape(segment);
    char *error = xasprintf("there is no segment \"%s\" in the inventory; "
                            "vtepd/segments shows those that there are",
                            escaped);

    free(escaped);
    return error;
}

static char *
run_endpoints(struct agent *agent, const char *segment, bool json,
              struct ds *answer)
{
    return (report_endpoints(agent, segment, json, answer) ? NULL
            : no_segment(segment));
}

static char *
run_multicast(struct agent *agent, const char *segment, bool json,
              struct ds *answer)
{
    return (report_multicast(agent, segment, json, answer) ? NULL
            : no_segment(segment));
}

static char *
run_resync(struct agent *agent, const char *argument OVS_UNUSED,
           bool json OVS_UNUSED, struct ds *answer)
{
    if (!agent->source) {
        return xstrdup("there is no inventory to list yet; vtepd/status says "
                       "what is missing");
    }
    agent_resync(agent);
    ds_put_cstr(answer, "listing again and comparing everything with the "
                "switch; vtepd/status and the log tell the outcome\n");
    return NULL;
}

static char *
run_approve_deletions(struct agent *agent, const char *argument OVS_UNUSED,
                      bool json OVS_UNUSED, struct ds *answer)
{
    size_t n = agent_approve_deletions(agent);

    if (n) {
        ds_put_format(answer, "%"PRIuSIZE" held deletion%s released\n", n,
                      n == 1 ? "" : "s");
    } else {
        ds_put_cstr(answer, "no deletions are held\n");
    }
    return NULL;
}

static char *
run_metrics(struct agent *agent, const char *argument OVS_UNUSED,
            bool json OVS_UNUSED, struct ds *answer)
{
    metrics_format(agent, answer);
    return NULL;
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    OVS_NOT_REACHED();
}

static void
explain(struct agent *agent, struct unixctl_conn *conn,
        const struct command *c, int n, const char *argv[], bool json)
{
    if (!n) {
        char *error = xasprintf("which endpoints? usage: %s %s", c->name,
                                c->usage);

        unixctl_command_reply_error(conn, error);
        free(error);
    } else {
        explainer_ask(agent->explainer, agent, conn, argv[1],
                      n > 1 ? argv[2] : NULL, json);
    }
}

/* A word "json" in the last place always asks for JSON. */
static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *agent)
{
    const struct command *c = find_command(argv[0]);
    bool json = c->json && argc > 1 && !strcmp(argv[argc - 1], "json");
    int n_arguments = argc - 1 - json;
    struct ds answer = DS_EMPTY_INITIALIZER;
    char *error;

    if (n_arguments > c->n_arguments) {
        char *escaped = escape(argv[c->n_arguments + 1]);

        error = xasprintf("unknown argument \"%s\"; usage: %s %s", escaped,
                          c->name, c->usage);
        free(escaped);
    } else if (!c->report && !c->run) {
        explain(agent, conn, c, n_arguments, argv, json);
        return;
    } else if (c->report) {
        c->report(agent, json, &answer);
        error = NULL;
    } else {
        error = c->run(agent, n_arguments ? argv[1] : NULL, json, &answer);
    }
    if (error) {
        unixctl_command_reply_error(conn, error);
    } else {
        unixctl_command_reply(conn, ds_cstr(&answer));
    }
    free(error);
    ds_destroy(&answer);
}

void
control_register(struct agent *agent)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        /* run_command() says more about an argument too many. */
        unixctl_command_register(c->name, c->usage, 0, INT_MAX, run_command,
                                 agent);
    }
}
