/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_SESSION_PRIVATE_H
#define VTEPD_SWITCH_SESSION_PRIVATE_H 1

/* For the parts of the switch session: switch-session.c, which runs it,
 * switch-reading.c (READING), switch-changes.c (READ and SYNCED) and
 * switch-punts.c (packets and their meters). */

#include "openflow/switch-session.h"

#include "openflow/batch.h"
#include "openflow/bundle-queue.h"
#include "openflow/installed-flows.h"
#include "openflow/punt-meters.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/types.h"

struct ofpbuf;
struct switch_link;

#define REREAD_MIN 100          /* Back-off after a failure, in ms. */
#define REREAD_MAX 10000

struct switch_session {
    enum switch_state state;
    struct switch_link *link;
    int version;                /* Of OpenFlow, negotiated. */

    /* READING; groups also for a repair. */
    struct installed_flows installed;
    bool flows_read, groups_read, meters_read;
    ovs_be32 flows_xid, groups_xid, meters_xid;     /* 0: not asked for. */
    long long int reread_at;    /* 0: not waiting to read again. */
    int reread_backoff;
    bool read_late;             /* Groups, while changes were not told. */
    bool read_for_drift;        /* Because somebody changed too much. */

    /* READ and SYNCED. */
    struct batch batch;
    size_t n_touched;           /* Flows in it that are only touched. */
    struct sync_result sync;
    unsigned long int *ports;   /* Bitmap, while flows are told in READ: those
                                 * that a flow of TABLE_CLASSIFY is for. */
    struct bundle_queue queue;
    bool keeps_too_much;        /* Of what was kept, a port's that is about to
                                 * be another VM's. */

    /* What others change. */
    struct flow_drift *drift;
    ovs_be32 watch_xids[2];     /* Of the requests to be told of it. */
    bool watched;
    struct batch repairs;
    bool repair_due;            /* Waits for repair_begin(). */
    uint64_t group_mods_read;   /* 'n_group_mods' when groups were read. */

    /* Packets. */
    switch_punt_cb *punt_cb;    /* NULL: nobody wants them. */
    void *punt_aux;
    struct punt_meters meters;

    uint64_t n_bundles, n_flow_mods, n_group_mods, n_failed, n_connections;
    uint64_t n_punts, n_bad_punts, n_packets_sent, n_packets_dropped;
    uint64_t n_meter_mods;
};

/* switch-session.c */

/* Names the switch in the log. */
const char *switch_target(const struct switch_session *);

/* Takes the message over; returns its xid. */
ovs_be32 switch_send(struct switch_session *, struct ofpbuf *message);

/* Gives the connection as much of what waits as it should have. */
void switch_feed(struct switch_session *);

/* Gives up what is not answered: whoever reads the switch again finds what of
 * it is missing. */
void switch_discard(struct switch_session *);

/* switch-reading.c */

/* Reads everything: at once, or after a back-off because something did not go
 * as it should. */
void switch_start_reading(struct switch_session *);
void switch_schedule_reading(struct switch_session *);
void switch_continue_reading(struct switch_session *);

/* Reads the groups alone. */
void switch_request_groups(struct switch_session *);

/* Forgets what was read. */
void switch_stop_reading(struct switch_session *);

void switch_received_flows(struct switch_session *, struct ofpbuf *message);
void switch_received_groups(struct switch_session *, struct ofpbuf *message);

/* switch-punts.c */

/* Has packets come in the form that says what their flow says of them. */
void switch_request_punts(struct switch_session *);
void switch_received_packet(struct switch_session *,
                            const struct ofp_header *);

/* Reads the meters. */
void switch_request_meters(struct switch_session *);
void switch_received_meters(struct switch_session *, struct ofpbuf *message);

/* The flow is wanted: sends the meter that it names, if that is not there.
 * Returns true if the flow must be sent, too, though it may be there. */
bool switch_want_meter(struct switch_session *, const struct flow_entry *);

/* Deletes the meters that no flow names any more; all of ours. */
void switch_delete_meters(struct switch_session *);
void switch_withdraw_meters(struct switch_session *);

void switch_received_request(struct switch_session *,
                             const struct ofp_header *);

/* Takes in that the switch refuses a message, if it is one for packets or
 * meters; else returns false. */
bool switch_punt_refused(struct switch_session *, enum ofperr,
                         const struct ofpbuf *payload);

#endif /* switch-session-private.h */
