/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_SESSION_H
#define VTEPD_SWITCH_SESSION_H 1

/* The one seam to the bridge's flow and group tables, by OpenFlow.
 *
 *                 connected            both dumps whole
 *   DISCONNECTED ───────────> READING ─────────────────> READ
 *        ^                     ^                          │ sync_begin()
 *        │ connection lost     │ error, or resync()       v ... sync_end()
 *        └──(from any)         └───────────────────── SYNCED
 *
 *   DISCONNECTED  no connection; tried again within tens of milliseconds,
 *                 because after a restart of ovs-vswitchd a longer back-off is
 *                 most of the outage.
 *   READING       the installed flows and groups are being read.
 *   READ          they are known: the owner says what should be there, between
 *                 sync_begin() and sync_end(), and the difference is sent.
 *   SYNCED        changes are sent as they come.
 *
 * All changes up to a flush() go in one bundle, atomically: groups, then
 * deletions, then additions, then deletions of groups.  If the switch refuses
 * one, what is in it is sent message by message, so that all goes in but what
 * is refused, which is tried again from time to time (see bundle-queue.h).
 *
 * Every flow and group of the bridge is ours: what is not wanted is deleted.
 * What others change while SYNCED the switch tells (see flow-watch.h), and it
 * is put right (see flow-drift.h), by reading everything again only if it is
 * too much.  Never blocks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow-spec.h"
#include "core/punt.h"
#include "openflow/flow-drift.h"
#include "openflow/punt-meters.h"

struct dp_packet;
struct ofpbuf;
struct switch_session;

enum switch_state {
    SWITCH_DISCONNECTED,
    SWITCH_READING,
    SWITCH_READ,
    SWITCH_SYNCED,
};
const char *switch_state_to_string(enum switch_state);

struct switch_session *switch_session_create(void);
void switch_session_destroy(struct switch_session *);

/* Speaks to 'target' ("unix:RUNDIR/BRIDGE.mgmt") from now on; NULL: to
 * none. */
void switch_session_set_target(struct switch_session *, const char *target);

void switch_session_run(struct switch_session *);
void switch_session_wait(struct switch_session *);

enum switch_state switch_session_get_state(const struct switch_session *);

/* Reads everything again, from SYNCED. */
void switch_session_resync(struct switch_session *);

/* In READ: has the switch neither flows nor groups? */
bool switch_session_is_empty(const struct switch_session *);

/* In READ: says all that should be there.  sync_end() queues the difference.
 * With 'keep' what vtepd has put there and is not told of stays, as long as no
 * other VM is on its port: for an owner who does not know everything yet.  Once
 * there is one, which a flow of TABLE_CLASSIFY says, flush() reads everything
 * again instead of sending. */
void switch_session_sync_begin(struct switch_session *);
void switch_session_sync_flow(struct switch_session *,
                              const struct flow_entry *);
void switch_session_sync_group(struct switch_session *, uint32_t group,
                               uint32_t ofport);
struct sync_result {
    size_t n_flows_wanted, n_flows_added, n_flows_deleted;
    size_t n_groups_wanted, n_groups_changed, n_groups_deleted;
    size_t n_kept;              /* Flows and groups. */
};
void switch_session_sync_end(struct switch_session *, bool keep,
                             struct sync_result *);

/* In READ: queues the deletion of all that vtepd has ever put there and of
 * nothing else, for a bridge that is no longer ours. */
void switch_session_withdraw(struct switch_session *);

/* In SYNCED: queues a change. */
void switch_session_flow(struct switch_session *, const struct flow_entry *,
                         bool add);
void switch_session_group(struct switch_session *, uint32_t group,
                          uint32_t ofport);
void switch_session_group_deleted(struct switch_session *, uint32_t group);

/* In SYNCED: queues a change of a flow to what it is, which has the switch
 * look at all flows that it has cached.  Does not count as a change. */
void switch_session_touch(struct switch_session *, const struct flow_entry *);

/* Sends what is queued as one bundle.  Returns its number, or that of the last
 * one if nothing is queued. */
uint64_t switch_session_flush(struct switch_session *);

/* The number of the last bundle that the switch has applied. */
uint64_t switch_session_applied(const struct switch_session *);

/* In SYNCED: does the switch still refuse anything of what it was sent, though
 * it has applied the rest? */
bool switch_session_lacks_any(const struct switch_session *);

/* Does it refuse this flow, as far as can be told? */
bool switch_session_refuses(const struct switch_session *,
                            const struct flow_entry *);

/* Changes whenever it refuses something more; 0: it never has. */
uint64_t switch_session_n_refusals(const struct switch_session *);

/* Should the owner hold back further changes for now? */
bool switch_session_is_busy(const struct switch_session *);

/* In SYNCED: is it time to put right what others have changed, or to try again
 * what the switch refused?  Then the owner says all that should be there, as
 * it was sent (nothing may be queued), and end() sends what differs. */
bool switch_session_repair_begin(struct switch_session *);
void switch_session_repair_group(struct switch_session *, uint32_t group,
                                 uint32_t ofport);
void switch_session_repair_flow(struct switch_session *,
                                const struct flow_entry *);
void switch_session_repair_end(struct switch_session *);

/* Packets.  Those that flows hand to the agent go to 'cb', from within
 * run(), not more than a few hundred a time; the packet is valid during the
 * call.  Meters bound how many there are (see punt-meters.h). */
typedef void switch_punt_cb(const struct punted_packet *, void *aux);
void switch_session_set_punt_cb(struct switch_session *, switch_punt_cb *,
                                void *aux);

/* Sends a packet: applies 'actions' (struct ofpacts) to it, as if it had come
 * from port 'in_port' (or OFPP_CONTROLLER); or just puts it out of a port.
 * Returns false if the packet is dropped, because there is no connection or
 * too much is on its way already. */
bool switch_session_send_packet(struct switch_session *,
                                const struct dp_packet *, uint32_t in_port,
                                const struct ofpbuf *actions);
bool switch_session_send_to_port(struct switch_session *,
                                 const struct dp_packet *, uint32_t ofport);

/* For vtepd/status. */
struct switch_session_status {
    enum switch_state state;
    const char *target;         /* Or NULL. */
    const char *version;        /* Of OpenFlow, or NULL. */
    uint64_t n_bundles, n_flow_mods, n_group_mods, n_failed, n_connections;
    bool watched;               /* Does the switch tell what others change? */
    struct flow_drift_status drift;
    struct punt_meters_status meters;
    uint64_t n_meter_mods;
    uint64_t n_punts;           /* Packets from the switch... */
    uint64_t n_bad_punts;       /* ...of them, those that no flow of ours asks
                                 * for. */
    uint64_t n_packets_sent, n_packets_dropped;
};
void switch_session_get_status(const struct switch_session *,
                               struct switch_session_status *);

#endif /* switch-session.h */
