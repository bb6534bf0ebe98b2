/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/metrics-private.h"

#include "agent/leases.h"
#include "agent/punts.h"
#include "agent/report.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "svec.h"
#include "util.h"

/* The switch: flows and groups, what it drops and hands to the agent, and the
 * connections to it. */

/* Flows and groups. */

PUT_COUNT(put_flows_desired, s->counts.n_flows)
PUT_COUNT(put_groups_desired, s->counts.n_groups)

/* The name of a table, or its number in 'number'. */
static const char *
table_name(int table, char number[4])
{
    for (size_t i = 0; i < n_flow_table_names; i++) {
        if (flow_table_names[i].id == table) {
            return flow_table_names[i].name;
        }
    }
    snprintf(number, 4, "%d", table & 0xff);
    return number;
}

static bool
is_table_ours(int table)
{
    char number[4];

    return table_name(table, number) != number;
}

static void
put_flows_installed(const struct scrape *s, struct exposition *x)
{
    for (int i = 0; s->reading->read && i < 256; i++) {
        char number[4];

        if (s->reading->n_flows[i] || is_table_ours(i)) {
            put_labeled(x, "table", table_name(i, number),
                        s->reading->n_flows[i]);
        }
    }
}

static void
put_groups_installed(const struct scrape *s, struct exposition *x)
{
    if (s->reading->read) {
        exposition_count(x, s->reading->n_groups);
    }
}

static void
put_dropped_packets(const struct scrape *s, struct exposition *x)
{
    for (int i = NO_DROP + 1; s->reading->read && i < N_DROP_CAUSES; i++) {
        put_labeled(x, "cause", drop_cause_to_string(i),
                    s->reading->drops[i].packets.total);
    }
}

static void
put_dropped_bytes(const struct scrape *s, struct exposition *x)
{
    for (int i = NO_DROP + 1; s->reading->read && i < N_DROP_CAUSES; i++) {
        put_labeled(x, "cause", drop_cause_to_string(i),
                    s->reading->drops[i].bytes.total);
    }
}

static void
put_counters_age(const struct scrape *s, struct exposition *x)
{
    if (s->reading->read) {
        exposition_seconds(x, s->now - s->reading->read);
    }
}

static void
put_punt(struct exposition *x, enum punt_kind kind, const char *result,
         uint64_t n)
{
    exposition_label(x, "kind", punt_kind_to_string(kind));
    put_labeled(x, "result", result, n);
}

static void
put_punts(const struct scrape *s, struct exposition *x)
{
    for (int kind = PUNT_NONE + 1; kind < N_PUNT_KINDS; kind++) {
        struct punt_counts counts;

        punts_get_counts(s->agent->punts, kind, &counts);
        put_punt(x, kind, "accepted", counts.accepted);
        put_punt(x, kind, "refused", counts.refused);
        put_punt(x, kind, "malformed", counts.malformed);
        put_punt(x, kind, "limited", counts.limited);
    }
}

static void
put_leases(const struct scrape *s, struct exposition *x)
{
    size_t n_by_state[N_LEASE_STATES];

    report_count_leases(s->agent, n_by_state);
    for (int state = 0; state < N_LEASE_STATES; state++) {
        put_labeled(x, "state", lease_state_to_string(state),
                    n_by_state[state]);
    }
}

static void
put_memberships(const struct scrape *s, struct exposition *x)
{
    struct membership_counts counts;

    memberships_get_counts(overlay_memberships(s->agent->overlay), &counts);
    put_labeled(x, "member", "endpoint", counts.n[MEMBER_ENDPOINT]);
    put_labeled(x, "member", "peer", counts.n[MEMBER_PEER]);
}

static void
put_refused_joins(const struct scrape *s, struct exposition *x)
{
    struct membership_counts counts;

    memberships_get_counts(overlay_memberships(s->agent->overlay), &counts);
    exposition_count(x, counts.n_refused);
}

/* Connections and what goes over them. */

PUT_COUNT(put_ovsdb_connected, s->ovsdb.connected)
PUT_COUNT(put_ovsdb_connections, s->ovsdb.n_connections)

static void
put_transactions(const struct scrape *s, struct exposition *x)
{
    put_labeled(x, "result", "committed", s->ovsdb.n_committed);
    put_labeled(x, "result", "failed", s->ovsdb.n_failed);
}

PUT_COUNT(put_openflow_connected, s->session.state != SWITCH_DISCONNECTED)
PUT_COUNT(put_openflow_synced, s->session.state == SWITCH_SYNCED)
PUT_COUNT(put_openflow_connections, s->session.n_connections)
PUT_COUNT(put_bundles, s->session.n_bundles)
PUT_COUNT(put_failed_bundles, s->session.n_failed)

static void
put_mods(const struct scrape *s, struct exposition *x)
{
    put_labeled(x, "object", "flow", s->session.n_flow_mods);
    put_labeled(x, "object", "group", s->session.n_group_mods);
}

PUT_COUNT(put_refusals, s->session.drift.n_refusals)
PUT_COUNT(put_refused, s->session.drift.n_refused)

static void
put_repairs(const struct scrape *s, struct exposition *x)
{
    put_labeled(x, "object", "row", s->ovsdb.n_repaired);
    put_labeled(x, "object", "flow", s->session.drift.n_flow_repairs);
    put_labeled(x, "object", "group", s->session.drift.n_group_repairs);
}

static void
put_fights(const struct scrape *s, struct exposition *x)
{
    struct svec rows = SVEC_EMPTY_INITIALIZER;

    ovsdb_client_get_fights(s->agent->ovsdb, &rows);
    put_labeled(x, "object", "row", rows.n);
    put_labeled(x, "object", "flow", s->session.drift.n_fights);
    svec_destroy(&rows);
}

const struct metric switch_metrics[] = {
    { "vtepd_flows_desired", METRIC_GAUGE,
      "Flows that should be in the switch.", put_flows_desired },
    { "vtepd_flows_installed", METRIC_GAUGE,
      "Flows that are in the switch, by table, as it says.",
      put_flows_installed },
    { "vtepd_groups_desired", METRIC_GAUGE,
      "Groups that should be in the switch.", put_groups_desired },
    { "vtepd_groups_installed", METRIC_GAUGE,
      "Groups that are in the switch, as it says.", put_groups_installed },
    { "vtepd_dropped_packets_total", METRIC_COUNTER,
      "Packets that the switch dropped, by cause.", put_dropped_packets },
    { "vtepd_dropped_bytes_total", METRIC_COUNTER,
      "Bytes of packets that the switch dropped, by cause.",
      put_dropped_bytes },
    { "vtepd_punts_total", METRIC_COUNTER,
      "Packets that the switch handed to the agent, by kind and what became "
      "of them.  limited: too many from one port, not looked at.",
      put_punts },
    { "vtepd_leases", METRIC_GAUGE,
      "Addresses of endpoints on this host that are handed out, by what became "
      "of them since the process began; vtepd/leases tells each.",
      put_leases },
    { "vtepd_multicast_memberships", METRIC_GAUGE,
      "Multicast groups that were joined in segments that are snooped on, by "
      "endpoints on this host and by peers; vtepd/multicast tells each.",
      put_memberships },
    { "vtepd_multicast_refused_joins_total", METRIC_COUNTER,
      "Times that a group could not be joined because of a limit.",
      put_refused_joins },
    { "vtepd_switch_counters_age_seconds", METRIC_GAUGE,
      "How long ago the switch was asked for its flows, groups and drops; "
      "every ten seconds at most.", put_counters_age },
    { "vtepd_ovsdb_connected", METRIC_GAUGE,
      "1 while there is a connection to the database.", put_ovsdb_connected },
    { "vtepd_ovsdb_connections_total", METRIC_COUNTER,
      "Connections made to the database.", put_ovsdb_connections },
    { "vtepd_ovsdb_transactions_total", METRIC_COUNTER,
      "Transactions, by result.", put_transactions },
    { "vtepd_openflow_connected", METRIC_GAUGE,
      "1 while there is a connection to the switch.",
      put_openflow_connected },
    { "vtepd_openflow_synced", METRIC_GAUGE,
      "1 while the flow table is as far as was worked out.",
      put_openflow_synced },
    { "vtepd_openflow_connections_total", METRIC_COUNTER,
      "Connections made to the switch.", put_openflow_connections },
    { "vtepd_openflow_bundles_total", METRIC_COUNTER,
      "Bundles sent to the switch.", put_bundles },
    { "vtepd_openflow_failed_bundles_total", METRIC_COUNTER,
      "Bundles and requests that the switch refused.", put_failed_bundles },
    { "vtepd_openflow_mods_total", METRIC_COUNTER,
      "Changes sent to the switch, by object.", put_mods },
    { "vtepd_openflow_refusals_total", METRIC_COUNTER,
      "Flows and groups that the switch refused.", put_refusals },
    { "vtepd_openflow_refused", METRIC_GAUGE,
      "Flows and groups that the switch still refuses.", put_refused },
    { "vtepd_drift_repairs_total", METRIC_COUNTER,
      "Rows, flows and groups that somebody else changed and that were put "
      "right.", put_repairs },
    { "vtepd_drift_fights", METRIC_GAUGE,
      "Rows and flows that somebody else changes again and again.",
      put_fights },
};
const size_t n_switch_metrics = ARRAY_SIZE(switch_metrics);
