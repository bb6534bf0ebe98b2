/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_QUERY_H
#define VTEPD_SWITCH_QUERY_H 1

/* Asks the switch whether it really has certain flows and groups, how many it
 * has, and what its counters are, for whoever wants to know and not to change.
 *
 * Has a connection of its own, which ends with the query: the session that
 * programs the switch never notices.  One query is answered once.  Never
 * blocks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"

enum switch_answer {
    ANSWER_MISSING,             /* The switch has nothing of the kind... */
    ANSWER_DIFFERS,             /* ...has something else in that place... */
    ANSWER_THERE,               /* ...has it as it was asked for. */
};

struct asked_flow {
    struct flow_entry entry;    /* Owns its actions. */
    enum switch_answer answer;
    uint64_t n_packets;
    int idle;                   /* Seconds since the last packet, or -1. */
};

struct asked_group {
    uint32_t group;
    uint32_t ofport;            /* Where it should lead; 0: nowhere. */
    enum switch_answer answer;
};

struct asked_port {
    uint32_t ofport;
    bool known;                 /* Does the switch have such a port? */
    uint64_t n_received;        /* Packets. */
    uint64_t n_sent;
};

/* All flows with a cookie.  Open vSwitch finds them by it, without looking at
 * others. */
struct asked_cookie {
    uint64_t cookie;
    uint32_t n_flows;
    uint64_t n_packets, n_bytes;
};

/* What the whole switch has. */
struct asked_size {
    uint32_t n_flows[256];      /* By table. */
    uint32_t n_groups;
};

struct switch_query {
    struct asked_flow *flows;
    struct asked_group *groups;
    struct asked_port *ports;
    struct asked_cookie *cookies;
    struct asked_size *size;    /* NULL: is not asked for. */
    size_t n_flows, allocated_flows;
    size_t n_groups, allocated_groups;
    size_t n_ports, allocated_ports;
    size_t n_cookies, allocated_cookies;

    struct query_connection *connection;    /* NULL: not sent, or ended. */
    bool done;
    char *error;                /* If 'done': why there is no answer. */
};

void switch_query_init(struct switch_query *);
void switch_query_destroy(struct switch_query *);

/* What is to be asked.  A flow is copied. */
void switch_query_add_flow(struct switch_query *, const struct flow_entry *);
void switch_query_add_group(struct switch_query *, uint32_t group,
                            uint32_t ofport);
void switch_query_add_port(struct switch_query *, uint32_t ofport);
void switch_query_add_cookie(struct switch_query *, uint64_t cookie);
void switch_query_add_size(struct switch_query *);

/* Begins to ask the bridge at 'target'.  The answers are there once 'done' is
 * true, after 'timeout' ms at the latest. */
void switch_query_send(struct switch_query *, const char *target,
                       long long int timeout);
void switch_query_run(struct switch_query *);
void switch_query_wait(struct switch_query *);

/* The answer about the flow that was added for 'entry', or NULL. */
const struct asked_flow *switch_query_find(const struct switch_query *,
                                           const struct flow_entry *entry);

#endif /* switch-query.h */
