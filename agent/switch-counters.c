/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/switch-counters.h"

#include <stdlib.h>
#include <string.h>

#include "openflow/switch-query.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_counters);

/* How long the switch may take to answer, in ms. */
#define ANSWER_MS 5000

struct switch_counters {
    struct switch_query query;
    bool possible;              /* Is there a switch to be asked? */
    bool asking;
    long long int wanted_until; /* In ms; 0: nobody wants to know. */
    long long int next;         /* No sooner is it read again, in ms. */
    struct switch_reading reading;
};

struct switch_counters *
switch_counters_create(void)
{
    return xzalloc(sizeof(struct switch_counters));
}

static void
stop(struct switch_counters *c)
{
    if (c->asking) {
        switch_query_destroy(&c->query);
        c->asking = false;
    }
}

void
switch_counters_destroy(struct switch_counters *c)
{
    if (c) {
        stop(c);
        free(c);
    }
}

void
switch_counters_want(struct switch_counters *c)
{
    c->wanted_until = time_msec() + COUNTERS_WANTED_MS;
    poll_immediate_wake();
}

static void
ask(struct switch_counters *c, const char *target)
{
    switch_query_init(&c->query);
    for (int cause = NO_DROP + 1; cause < N_DROP_CAUSES; cause++) {
        switch_query_add_cookie(&c->query, FLOW_COOKIE_BASE | cause);
    }
    switch_query_add_size(&c->query);
    switch_query_send(&c->query, target, ANSWER_MS);
    c->asking = true;
    c->next = time_msec() + COUNTERS_APART_MS;
}

static void
take_answer(struct switch_counters *c)
{
    const struct switch_query *q = &c->query;
    struct switch_reading *r = &c->reading;

    for (size_t i = 0; i < q->n_cookies; i++) {
        struct drop_total *drop = &r->drops[NO_DROP + 1 + i];

        running_total_read(&drop->packets, q->cookies[i].n_packets);
        running_total_read(&drop->bytes, q->cookies[i].n_bytes);
    }
    memcpy(r->n_flows, q->size->n_flows, sizeof r->n_flows);
    r->n_groups = q->size->n_groups;
    r->read = time_msec();
}

void
switch_counters_run(struct switch_counters *c, const char *target)
{
    c->possible = target != NULL;
    if (!target) {
        stop(c);
        return;
    }
    if (!c->asking && time_msec() < c->wanted_until
        && time_msec() >= c->next) {
        ask(c, target);
    }
    if (c->asking) {
        switch_query_run(&c->query);
    }
    if (c->asking && c->query.done) {
        if (c->query.error) {
            VLOG_DBG("%s: counters cannot be read: %s", target,
                     c->query.error);
        } else {
            take_answer(c);
        }
        stop(c);
    }
}

void
switch_counters_wait(struct switch_counters *c)
{
    if (c->asking) {
        switch_query_wait(&c->query);
    } else if (c->possible && time_msec() < c->wanted_until) {
        poll_timer_wait_until(c->next);
    }
}

const struct switch_reading *
switch_counters_get(const struct switch_counters *c)
{
    return &c->reading;
}
