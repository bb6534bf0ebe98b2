/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/installed-flows.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "flow.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

/* OpenFlow 1.5 alone tells when a flow had its last packet, and has requests
 * for a single group. */
#define QUERY_VERSION OFP15_VERSION

/* Messages taken in per run. */
#define MAX_RECV 100

/* Requests that are sent for struct asked_size. */
#define N_SIZE_REQUESTS 2

struct query_connection {
    struct vconn *vconn;
    long long int deadline;     /* In ms. */
    struct ofpbuf **requests;   /* In the order of the questions. */
    ovs_be32 *xids;
    size_t n_requests;
    size_t n_sent;
    size_t n_answered;
};

void
switch_query_init(struct switch_query *q)
{
    memset(q, 0, sizeof *q);
}

static void
disconnect(struct switch_query *q)
{
    struct query_connection *c = q->connection;

    if (c) {
        for (size_t i = c->n_sent; i < c->n_requests; i++) {
            ofpbuf_delete(c->requests[i]);
        }
        vconn_close(c->vconn);
        free(c->requests);
        free(c->xids);
        free(c);
        q->connection = NULL;
    }
}

void
switch_query_destroy(struct switch_query *q)
{
    disconnect(q);
    for (size_t i = 0; i < q->n_flows; i++) {
        ofpbuf_uninit(&q->flows[i].entry.actions);
    }
    free(q->flows);
    free(q->groups);
    free(q->ports);
    free(q->cookies);
    free(q->size);
    free(q->error);
    switch_query_init(q);
}

/* What is to be asked. */

void
switch_query_add_flow(struct switch_query *q, const struct flow_entry *e)
{
    if (q->n_flows >= q->allocated_flows) {
        q->flows = x2nrealloc(q->flows, &q->allocated_flows,
                              sizeof *q->flows);
    }

    struct asked_flow *f = &q->flows[q->n_flows++];
    f->entry = *e;
    ofpbuf_init(&f->entry.actions, e->actions.size);
    ofpbuf_put(&f->entry.actions, e->actions.data, e->actions.size);
    f->answer = ANSWER_MISSING;
    f->n_packets = 0;
    f->idle = -1;
}

void
switch_query_add_group(struct switch_query *q, uint32_t group, uint32_t ofport)
{
    if (q->n_groups >= q->allocated_groups) {
        q->groups = x2nrealloc(q->groups, &q->allocated_groups,
                               sizeof *q->groups);
    }
    q->groups[q->n_groups++] = (struct asked_group) {
        .group = group, .ofport = ofport, .answer = ANSWER_MISSING,
    };
}

void
switch_query_add_port(struct switch_query *q, uint32_t ofport)
{
    if (q->n_ports >= q->allocated_ports) {
        q->ports = x2nrealloc(q->ports, &q->allocated_ports,
                              sizeof *q->ports);
    }
    q->ports[q->n_ports++] = (struct asked_port) { .ofport = ofport };
}

void
switch_query_add_cookie(struct switch_query *q, uint64_t cookie)
{
    if (q->n_cookies >= q->allocated_cookies) {
        q->cookies = x2nrealloc(q->cookies, &q->allocated_cookies,
                                sizeof *q->cookies);
    }
    q->cookies[q->n_cookies++] = (struct asked_cookie) { .cookie = cookie };
}

void
switch_query_add_size(struct switch_query *q)
{
    if (!q->size) {
        q->size = xzalloc(sizeof *q->size);
    }
}

/* Asking. */

static struct ofpbuf *
flow_request(const struct flow_entry *e)
{
    struct ofputil_flow_stats_request fsr = {
        .match = e->match,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = e->table,
    };

    return ofputil_encode_flow_stats_request(
        &fsr, ofputil_protocol_from_ofp_version(QUERY_VERSION));
}

static struct ofpbuf *
cookie_request(uint64_t cookie)
{
    struct ofputil_flow_stats_request fsr = {
        .aggregate = true,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .cookie = htonll(cookie),
        .cookie_mask = OVS_BE64_MAX,
        .table_id = OFPTT_ALL,
    };

    match_init_catchall(&fsr.match);
    return ofputil_encode_flow_stats_request(
        &fsr, ofputil_protocol_from_ofp_version(QUERY_VERSION));
}

static void
finish(struct switch_query *q, char *error)
{
    disconnect(q);
    q->done = true;
    q->error = error;
}

void
switch_query_send(struct switch_query *q, const char *target,
                  long long int timeout)
{
    struct query_connection *c = xzalloc(sizeof *c);
    size_t n = 0;

    c->n_requests = q->n_flows + q->n_groups + q->n_ports + q->n_cookies
                    + (q->size ? N_SIZE_REQUESTS : 0);
    c->requests = xmalloc(c->n_requests * sizeof *c->requests);
    c->xids = xmalloc(c->n_requests * sizeof *c->xids);
    c->deadline = time_msec() + timeout;
    for (size_t i = 0; i < q->n_flows; i++) {
        c->requests[n++] = flow_request(&q->flows[i].entry);
    }
    for (size_t i = 0; i < q->n_groups; i++) {
        c->requests[n++] = ofputil_encode_group_desc_request(
            QUERY_VERSION, q->groups[i].group);
    }
    for (size_t i = 0; i < q->n_ports; i++) {
        c->requests[n++] = ofputil_encode_dump_ports_request(
            QUERY_VERSION, u16_to_ofp(q->ports[i].ofport));
    }
    for (size_t i = 0; i < q->n_cookies; i++) {
        c->requests[n++] = cookie_request(q->cookies[i].cookie);
    }
    if (q->size) {
        c->requests[n++] = ofpraw_alloc(OFPRAW_OFPST_TABLE_REQUEST,
                                        QUERY_VERSION, 0);
        c->requests[n++] = ofputil_encode_group_desc_request(QUERY_VERSION,
                                                             OFPG_ALL);
    }
    for (size_t i = 0; i < n; i++) {
        const struct ofp_header *oh = c->requests[i]->data;

        c->xids[i] = oh->xid;
    }
    q->connection = c;

    int error = vconn_open(target, 1u << QUERY_VERSION, DSCP_DEFAULT, &c->vconn);
    if (error) {
        finish(q, xasprintf("%s: %s", target, ovs_strerror(error)));
    }
}

/* Answers. */

/* Of what a question brings, which may be flows with narrower matches too, the
 * one with the same match and priority counts. */
static bool
take_flows(struct asked_flow *f, struct ofpbuf *reply)
{
    struct match match = f->entry.match;
    struct ofpbuf actions;
    int error;

    match_set_default_packet_type(&match);
    ofpbuf_init(&actions, 0);
    for (;;) {
        struct ofputil_flow_stats fs;

        error = ofputil_decode_flow_stats_reply(&fs, reply, true, &actions);
        if (error) {
            break;
        }
        match_set_default_packet_type(&fs.match);
        if (fs.priority == f->entry.priority
            && match_equal(&fs.match, &match)) {
            bool same = ntohll(fs.cookie) == f->entry.cookie
                        && ofpacts_equal_stringwise(
                            f->entry.actions.data, f->entry.actions.size,
                            fs.ofpacts, fs.ofpacts_len);

            f->answer = same ? ANSWER_THERE : ANSWER_DIFFERS;
            f->n_packets = fs.packet_count;
            f->idle = fs.idle_age;
        }
    }
    ofpbuf_uninit(&actions);
    return error == EOF;
}

static bool
take_group(struct asked_group *g, struct ofpbuf *reply)
{
    struct installed_flows installed;
    bool ok;

    installed_flows_init(&installed);
    ok = installed_flows_read_groups(&installed, reply, QUERY_VERSION);
    if (ok && !hmap_is_empty(&installed.groups)) {
        g->answer = installed_flows_take_group(&installed, g->group,
                                               g->ofport)
                    ? ANSWER_THERE : ANSWER_DIFFERS;
    }
    installed_flows_destroy(&installed);
    return ok;
}

static bool
take_ports(struct asked_port *p, struct ofpbuf *reply)
{
    for (;;) {
        struct ofputil_port_stats ps;
        int error = ofputil_decode_port_stats(&ps, reply);

        if (error) {
            return error == EOF;
        }
        netdev_free_custom_stats_counters(&ps.custom_stats);
        if (ofp_to_u16(ps.port_no) == p->ofport) {
            p->known = true;
            p->n_received = ps.stats.rx_packets;
            p->n_sent = ps.stats.tx_packets;
        }
    }
}

static bool
take_cookie(struct asked_cookie *c, const struct ofpbuf *reply)
{
    struct ofputil_aggregate_stats as;

    if (ofputil_decode_aggregate_stats_reply(&as, reply->data)) {
        return false;
    }
    c->n_flows = as.flow_count;
    c->n_packets = as.packet_count;
    c->n_bytes = as.byte_count;
    return true;
}

static bool
take_tables(struct asked_size *size, struct ofpbuf *reply)
{
    for (;;) {
        struct ofputil_table_stats ts;
        struct ofputil_table_features tf;
        int error = ofputil_decode_table_stats_reply(reply, &ts, &tf);

        if (error) {
            return error == EOF;
        }
        size->n_flows[ts.table_id] = ts.active_count;
    }
}

static bool
take_all_groups(struct asked_size *size, struct ofpbuf *reply)
{
    for (;;) {
        struct ofputil_group_desc gd;
        int error = ofputil_decode_group_desc_reply(&gd, reply,
                                                    QUERY_VERSION);

        if (error) {
            return error == EOF;
        }
        ofputil_uninit_group_desc(&gd);
        size->n_groups++;
    }
}

/* Takes the reply to question 'i'.  An error means that there is no such group
 * or port. */
static bool
take_answer(struct switch_query *q, size_t i, enum ofptype type,
            struct ofpbuf *reply)
{
    if (i < q->n_flows) {
        return type == OFPTYPE_FLOW_STATS_REPLY
               && take_flows(&q->flows[i], reply);
    }
    i -= q->n_flows;
    if (i < q->n_groups) {
        return type == OFPTYPE_ERROR
               || (type == OFPTYPE_GROUP_DESC_STATS_REPLY
                   && take_group(&q->groups[i], reply));
    }
    i -= q->n_groups;
    if (i < q->n_ports) {
        return type == OFPTYPE_ERROR
               || (type == OFPTYPE_PORT_STATS_REPLY
                   && take_ports(&q->ports[i], reply));
    }
    i -= q->n_ports;
    if (i < q->n_cookies) {
        return type == OFPTYPE_AGGREGATE_STATS_REPLY
               && take_cookie(&q->cookies[i], reply);
    }
    i -= q->n_cookies;
    return (i ? (type == OFPTYPE_GROUP_DESC_STATS_REPLY
                 && take_all_groups(q->size, reply))
            : (type == OFPTYPE_TABLE_STATS_REPLY
               && take_tables(q->size, reply)));
}

/* Returns NULL, or what is wrong with the message. */
static char *
take_message(struct switch_query *q, struct ofpbuf *msg)
{
    struct query_connection *c = q->connection;
    const struct ofp_header *oh = msg->data;
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return xstrdup("the switch sent what is no OpenFlow 1.5");
    }
    for (size_t i = 0; i < c->n_requests; i++) {
        if (c->xids[i] == oh->xid) {
            bool more = type != OFPTYPE_ERROR && ofpmp_more(oh);

            if (!take_answer(q, i, type, msg)) {
                return xasprintf("the switch answered with %s",
                                 ofptype_get_name(type));
            }
            c->n_answered += !more;
            return NULL;
        }
    }
    return NULL;                /* Of its own accord. */
}

static int
send_requests(struct query_connection *c)
{
    while (c->n_sent < c->n_requests) {
        int error = vconn_send(c->vconn, c->requests[c->n_sent]);

        if (error) {
            return error;
        }
        c->n_sent++;
    }
    return 0;
}

/* Returns 0, or a positive errno value. */
static int
exchange(struct switch_query *q, char **why)
{
    struct query_connection *c = q->connection;
    int error = vconn_connect(c->vconn);

    if (!error) {
        error = send_requests(c);
    }
    for (int i = 0; (!error || error == EAGAIN) && i < MAX_RECV
         && c->n_answered < c->n_requests; i++) {
        struct ofpbuf *msg;

        error = vconn_recv(c->vconn, &msg);
        if (error) {
            break;
        }
        *why = take_message(q, msg);
        ofpbuf_delete(msg);
        if (*why) {
            return EPROTO;
        }
    }
    return error;
}

void
switch_query_run(struct switch_query *q)
{
    struct query_connection *c = q->connection;
    char *why = NULL;

    if (!c) {
        return;
    }
    vconn_run(c->vconn);

    int error = exchange(q, &why);
    if (c->n_answered == c->n_requests) {
        finish(q, NULL);
    } else if (error && error != EAGAIN) {
        finish(q, why ? why : xstrdup(ovs_retval_to_string(error)));
    } else if (time_msec() >= c->deadline) {
        finish(q, xstrdup("no answer in time"));
    }
}

void
switch_query_wait(struct switch_query *q)
{
    struct query_connection *c = q->connection;

    if (!c) {
        return;
    }
    vconn_run_wait(c->vconn);
    if (vconn_get_version(c->vconn) >= 0) {     /* Connected. */
        vconn_recv_wait(c->vconn);
        if (c->n_sent < c->n_requests) {
            vconn_send_wait(c->vconn);
        }
    }
    poll_timer_wait_until(c->deadline);
}

const struct asked_flow *
switch_query_find(const struct switch_query *q, const struct flow_entry *e)
{
    for (size_t i = 0; i < q->n_flows; i++) {
        const struct flow_entry *f = &q->flows[i].entry;

        if (f->table == e->table && f->priority == e->priority
            && match_equal(&f->match, &e->match)) {
            return &q->flows[i];
        }
    }
    return NULL;
}
