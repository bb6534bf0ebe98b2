/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/vswitchd-control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

enum control_state {
    CONTROL_IDLE,               /* No command. */
    CONTROL_REQUESTED,          /* Given, not replied to yet. */
    CONTROL_REPLIED,            /* 'ok' and 'text' are the reply. */
};

struct vswitchd_control {
    enum control_state state;
    struct jsonrpc *rpc;        /* NULL: not connected. */
    struct json *id;            /* While CONTROL_REQUESTED. */
    long long int deadline;     /* While CONTROL_REQUESTED, in ms. */
    bool ok;
    char *text;
};

struct vswitchd_control *
vswitchd_control_create(void)
{
    return xzalloc(sizeof(struct vswitchd_control));
}

static void
disconnect(struct vswitchd_control *c)
{
    jsonrpc_close(c->rpc);
    c->rpc = NULL;
}

static void
forget_command(struct vswitchd_control *c)
{
    json_destroy(c->id);
    c->id = NULL;
    free(c->text);
    c->text = NULL;
    c->state = CONTROL_IDLE;
}

void
vswitchd_control_destroy(struct vswitchd_control *c)
{
    if (c) {
        forget_command(c);
        disconnect(c);
        free(c);
    }
}

static void
replied(struct vswitchd_control *c, bool ok, char *text)
{
    forget_command(c);
    c->state = CONTROL_REPLIED;
    c->ok = ok;
    c->text = text;
}

/* Whatever comes later on this connection cannot be told apart. */
static void
failed(struct vswitchd_control *c, char *why)
{
    disconnect(c);
    if (c->state == CONTROL_REQUESTED) {
        replied(c, false, why);
    } else {
        free(why);
    }
}

/* Returns the PID or, with '*whyp' (to be freed by the caller), 0. */
static int
read_pid(char **whyp)
{
    char *path = xasprintf("%s/ovs-vswitchd.pid", ovs_rundir());
    FILE *file = fopen(path, "re");
    char line[32] = "";
    int pid = 0;

    if (!file) {
        *whyp = xasprintf("%s: %s", path, ovs_strerror(errno));
    } else {
        if (!fgets(line, sizeof line, file)
            || !str_to_int((line[strcspn(line, "\n")] = '\0', line), 10, &pid)
            || pid <= 0) {
            *whyp = xasprintf("%s: does not contain a process ID", path);
            pid = 0;
        }
        fclose(file);
    }
    free(path);
    return pid;
}

/* Returns NULL, or why not. */
static char *
connect_to_daemon(struct vswitchd_control *c)
{
    struct stream *stream;
    char *why = NULL;
    int pid = read_pid(&why);

    if (!pid) {
        return why;
    }

    char *name = xasprintf("unix:%s/ovs-vswitchd.%d.ctl", ovs_rundir(), pid);
    int error = stream_open(name, &stream, DSCP_DEFAULT);
    if (error) {
        why = xasprintf("%s: %s", name, ovs_strerror(error));
    } else {
        c->rpc = jsonrpc_open(stream);
    }
    free(name);
    return why;
}

static void
take_message(struct vswitchd_control *c, const struct jsonrpc_msg *msg)
{
    const struct json *body = (msg->type == JSONRPC_REPLY ? msg->result
                               : msg->type == JSONRPC_ERROR ? msg->error
                               : NULL);

    if (c->state != CONTROL_REQUESTED || !body || body->type != JSON_STRING
        || !msg->id || !json_equal(msg->id, c->id)) {
        failed(c, xstrdup("ovs-vswitchd's control socket: it said what was "
                          "not asked for"));
    } else {
        replied(c, msg->type == JSONRPC_REPLY, xstrdup(json_string(body)));
    }
}

void
vswitchd_control_run(struct vswitchd_control *c)
{
    struct jsonrpc_msg *msg;
    int error;

    if (!c->rpc) {
        return;
    }
    jsonrpc_run(c->rpc);
    error = jsonrpc_recv(c->rpc, &msg);
    if (!error) {
        take_message(c, msg);
        jsonrpc_msg_destroy(msg);
    } else if (error != EAGAIN) {
        failed(c, xasprintf("ovs-vswitchd's control socket: %s",
                            ovs_retval_to_string(error)));
    }
    if (c->state == CONTROL_REQUESTED && time_msec() >= c->deadline) {
        failed(c, xstrdup("ovs-vswitchd's control socket: no reply in "
                          "time"));
    }
}

void
vswitchd_control_wait(struct vswitchd_control *c)
{
    if (c->rpc) {
        jsonrpc_wait(c->rpc);
        jsonrpc_recv_wait(c->rpc);
    }
    if (c->state == CONTROL_REQUESTED) {
        poll_timer_wait_until(c->deadline);
    } else if (c->state == CONTROL_REPLIED) {
        poll_immediate_wake();
    }
}

void
vswitchd_control_request(struct vswitchd_control *c, const char *command,
                         const char *const args[], size_t n,
                         long long int timeout)
{
    struct json *params = json_array_create_empty();
    struct jsonrpc_msg *request;
    char *why = c->rpc ? NULL : connect_to_daemon(c);

    ovs_assert(c->state == CONTROL_IDLE);
    for (size_t i = 0; i < n; i++) {
        json_array_add(params, json_string_create(args[i]));
    }
    request = jsonrpc_create_request(command, params, &c->id);
    c->state = CONTROL_REQUESTED;
    c->deadline = time_msec() + timeout;
    if (why) {
        jsonrpc_msg_destroy(request);
        failed(c, why);
    } else {
        /* An error means that the connection is gone, which run() will
         * see. */
        jsonrpc_send(c->rpc, request);
    }
}

bool
vswitchd_control_take_reply(struct vswitchd_control *c, bool *ok, char **text)
{
    if (c->state != CONTROL_REPLIED) {
        return false;
    }
    *ok = c->ok;
    *text = c->text;
    c->text = NULL;
    forget_command(c);
    return true;
}

void
vswitchd_control_cancel(struct vswitchd_control *c)
{
    if (c->state == CONTROL_REQUESTED) {
        disconnect(c);
    }
    forget_command(c);
}
