/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "openflow/switch-session-private.h"

#include "dp-packet.h"
#include "openflow/flow-drift.h"
#include "openflow/switch-link.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(switch_punts);

/* Packets to and from the agent, and the meters that bound them. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
static struct vlog_rate_limit meter_rl = VLOG_RATE_LIMIT_INIT(1, 5);

/* Bytes to be sent beyond which packets are dropped. */
#define PACKETS_MAX_BYTES (1024 * 1024)

/* Packets. */

void
switch_request_punts(struct switch_session *s)
{
    switch_send(s, ofputil_encode_set_packet_in_format(
        s->version, OFPUTIL_PACKET_IN_NXT2));
}

void
switch_session_set_punt_cb(struct switch_session *s, switch_punt_cb *cb,
                           void *aux)
{
    s->punt_cb = cb;
    s->punt_aux = aux;
}

/* What the session does not understand it does not hand on: it is none of the
 * packets that our flows ask for. */
static bool
decode_punt(const struct ofp_header *oh, struct punted_packet *p)
{
    struct ofputil_packet_in pin;
    size_t total_len;

    if (ofputil_decode_packet_in(oh, true, NULL, NULL, &pin, &total_len, NULL,
                                 NULL)
        || pin.userdata_len != 1 || total_len != pin.packet_len
        || pin.userdata[0] == PUNT_NONE || pin.userdata[0] >= N_PUNT_KINDS) {
        return false;
    }
    *p = (struct punted_packet) {
        .kind = pin.userdata[0],
        .in_port = ofp_to_u16(pin.flow_metadata.flow.in_port.ofp_port),
        .metadata = ntohll(pin.flow_metadata.flow.metadata),
        .data = pin.packet,
        .size = pin.packet_len,
    };
    return true;
}

void
switch_received_packet(struct switch_session *s, const struct ofp_header *oh)
{
    struct punted_packet packet;

    s->n_punts++;
    if (!decode_punt(oh, &packet)) {
        s->n_bad_punts++;
        VLOG_INFO_RL(&rl, "%s: the switch sent a packet that no flow of ours "
                     "asks for; ignored", switch_target(s));
    } else if (s->punt_cb) {
        s->punt_cb(&packet, s->punt_aux);
    }
}

bool
switch_session_send_packet(struct switch_session *s,
                           const struct dp_packet *packet, uint32_t in_port,
                           const struct ofpbuf *actions)
{
    struct ofputil_packet_out po = {
        .packet = dp_packet_data(packet),
        .packet_len = dp_packet_size(packet),
        .buffer_id = UINT32_MAX,
        .ofpacts = actions->data,
        .ofpacts_len = actions->size,
    };

    if (s->state == SWITCH_DISCONNECTED
        || switch_link_unsent(s->link) > PACKETS_MAX_BYTES) {
        s->n_packets_dropped++;
        return false;
    }
    match_init_catchall(&po.flow_metadata);
    match_set_in_port(&po.flow_metadata, u16_to_ofp(in_port));
    s->n_packets_sent++;
    switch_send(s, ofputil_encode_packet_out(
        &po, ofputil_protocol_from_ofp_version(s->version)));
    return true;
}

bool
switch_session_send_to_port(struct switch_session *s,
                            const struct dp_packet *packet, uint32_t ofport)
{
    uint64_t stub[64 / 8];
    struct ofpbuf actions = OFPBUF_STUB_INITIALIZER(stub);
    bool sent;

    ofpact_put_OUTPUT(&actions)->port = u16_to_ofp(ofport);
    sent = switch_session_send_packet(s, packet, ofp_to_u16(OFPP_CONTROLLER),
                                      &actions);
    ofpbuf_uninit(&actions);
    return sent;
}

/* Meters. */

void
switch_request_meters(struct switch_session *s)
{
    punt_meters_read_begin(&s->meters);
    s->meters_read = false;
    switch_send(s, ofputil_encode_meter_request(s->version,
                                                OFPUTIL_METER_FEATURES, 0));
    s->meters_xid = switch_send(s, ofputil_encode_meter_request(
        s->version, OFPUTIL_METER_CONFIG, OFPM13_ALL));
}

void
switch_received_meters(struct switch_session *s, struct ofpbuf *message)
{
    bool more = ofpmp_more(message->data);

    if (!punt_meters_read(&s->meters, message)) {
        VLOG_WARN_RL(&rl, "%s: cannot decode the meters that the switch "
                     "reports; reading them again", switch_target(s));
        switch_schedule_reading(s);
        return;
    }
    s->meters_read = !more;
}

bool
switch_want_meter(struct switch_session *s, const struct flow_entry *e)
{
    uint32_t id = punt_meters_of_flow(e);
    struct ofpbuf *message;

    if (!id) {
        return false;
    }
    message = punt_meters_want(&s->meters, id, s->version);
    if (message) {
        s->n_meter_mods++;
        switch_send(s, message);
    }
    return punt_meters_is_suspect(&s->meters, id);
}

void
switch_delete_meters(struct switch_session *s)
{
    struct ofpbuf *message;

    while (s->state == SWITCH_SYNCED
           && (message = punt_meters_applied(&s->meters, s->queue.applied,
                                             s->version)) != NULL) {
        s->n_meter_mods++;
        switch_send(s, message);
    }
}

void
switch_withdraw_meters(struct switch_session *s)
{
    struct ofpbuf *message;

    while ((message = punt_meters_withdraw(&s->meters, s->version)) != NULL) {
        switch_send(s, message);
    }
}

/* Somebody else's request, of groups or meters. */
void
switch_received_request(struct switch_session *s, const struct ofp_header *oh)
{
    struct ofputil_requestforward rf;

    if (ofputil_decode_requestforward(oh, &rf)) {
        flow_drift_missed(s->drift, time_msec());
        return;
    }
    if (rf.reason == OFPRFR_GROUP_MOD) {
        flow_drift_groups_changed(s->drift, time_msec());
    } else if (punt_meters_changed(&s->meters, rf.meter_mod)) {
        VLOG_WARN_RL(&meter_rl, "%s: somebody changed meters; comparing "
                     "everything", switch_target(s));
        flow_drift_missed(s->drift, time_msec());
    }
    ofputil_destroy_requestforward(&rf);
}

bool
switch_punt_refused(struct switch_session *s, enum ofperr error,
                    const struct ofpbuf *payload)
{
    const struct ofp_header *oh = payload->data;
    enum ofptype type;

    if (payload->size < sizeof *oh || ofptype_decode(&type, oh)) {
        return false;
    } else if (type == OFPTYPE_PACKET_OUT) {
        s->n_packets_dropped++;
        VLOG_WARN_RL(&rl, "%s: the switch refused a packet (%s)",
                     switch_target(s), ofperr_to_string(error));
        return true;
    } else if (type != OFPTYPE_METER_MOD
               || payload->size < ntohs(oh->length)) {
        return false;
    }

    struct ofputil_meter_mod mod;
    struct ofpbuf bands;
    ofpbuf_init(&bands, 64);
    if (!ofputil_decode_meter_mod(oh, &mod, &bands)) {
        punt_meters_refused(&s->meters, &mod);
        VLOG_WARN_RL(&meter_rl, "%s: the switch refused meter %"PRIu32" (%s): "
                     "what it would limit is limited by the agent alone",
                     switch_target(s), mod.meter.meter_id,
                     ofperr_to_string(error));
    }
    ofpbuf_uninit(&bands);
    return true;
}
