/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/ovsdb-client.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/bridge-lock.h"
#include "ovsdb-client/installed-marks.h"
#include "ovsdb-client/integration-bridge.h"
#include "ovsdb-client/listen-probe.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-ports.h"
#include "ovsdb-client/txn-notes.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovsdb_client);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 30);

enum {
    PROBE_INTERVAL = 5000,      /* ms without a word before an echo is asked
                                 * for, and again before giving up... */
    PROBE_AT_REST = 60000,      /* ...while nothing is due. */
    MAX_BUDGET = 1000,          /* Things changed in one transaction. */
    AGAIN_DELAY = 100,          /* ms, before one is made again. */
    MIN_BACKOFF = 1000,         /* ms, after a refused one; doubles up to... */
    MAX_BACKOFF = 60000,        /* ...this. */
};

/* Transactions.
 *
 *                  commit: something to write
 *        NONE ------------------------------------> IN FLIGHT
 *         ^                                             |
 *         +---------------------------------------------+
 *            run: committed, refused, or to be made again
 *
 * Whatever the end, those whose changes were in it compare again, so what was
 * not done is composed anew.  When the server refuses a transaction and it
 * cannot be told because of what, the next ones are made smaller, until what
 * is refused stands alone and is put off. */
struct ovsdb_client {
    char *remote;
    struct ovsdb_idl *idl;
    struct listen_probe *probe;
    struct bridge_lock *lock;
    struct ovsdb_client_callbacks callbacks;

    struct switch_rows rows;
    struct port_monitor *monitor;
    struct integration_bridge *bridge;
    struct tunnel_ports *tunnels;
    struct installed_marks *marks;
    bool configured;

    struct smap settings;       /* The Open_vSwitch row's external_ids. */
    unsigned int settings_seqno;
    unsigned int idl_seqno;     /* When they were compared last. */

    struct ovsdb_idl_txn *txn;  /* In flight, or NULL. */
    struct txn_notes notes;     /* What 'txn' does. */
    size_t n_changes;           /* Things that it changes. */
    size_t budget;              /* Things that the next may change. */
    long long int retry_at;     /* ms; none is made before. */
    int backoff;                /* ms; 0: the last was not refused. */

    bool connected;             /* When it was looked at last. */
    unsigned int n_connections;
    unsigned int n_committed;
    unsigned int n_failed;
    unsigned int n_repaired;
    char *last_error;
};

static void
row_changed(void *client_, const char *name, enum port_kind kind,
            const struct tunnel_key *key)
{
    struct ovsdb_client *client = client_;

    tunnel_ports_row_changed(client->tunnels, name, kind, key);
    installed_marks_row_changed(client->marks, name);
}

static void
vm_port_changed(void *client_, const struct vm_port *old,
                const struct vm_port *new)
{
    const struct ovsdb_client *client = client_;

    client->callbacks.vm_port_changed(client->callbacks.aux, old, new);
}

static void
tunnel_port_changed(void *client_, const struct tunnel_port *old,
                    const struct tunnel_port *new)
{
    const struct ovsdb_client *client = client_;

    client->callbacks.tunnel_port_changed(client->callbacks.aux, old, new);
}

static void
tunnel_number_chosen(void *client_, const struct tunnel_key *key,
                     uint32_t ofport_request)
{
    const struct ovsdb_client *client = client_;

    if (client->callbacks.tunnel_number_chosen) {
        client->callbacks.tunnel_number_chosen(client->callbacks.aux, key,
                                               ofport_request);
    }
}

struct ovsdb_client *
ovsdb_client_create(const char *remote,
                    const struct ovsdb_client_callbacks *callbacks)
{
    struct ovsdb_client *client = xzalloc(sizeof *client);
    const struct port_monitor_callbacks monitor_callbacks = {
        .aux = client,
        .vm_port_changed = vm_port_changed,
        .tunnel_port_changed = tunnel_port_changed,
        .row_changed = row_changed,
    };

    client->remote = xstrdup(remote);
    client->callbacks = *callbacks;
    client->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovsdb_idl_set_probe_interval(client->idl, PROBE_INTERVAL);
    ovsdb_idl_set_leader_only(client->idl, false);
    client->probe = listen_probe_create(remote);
    client->lock = bridge_lock_create(client->idl);

    switch_rows_init(&client->rows, client->idl);
    client->monitor = port_monitor_create(&client->rows, &monitor_callbacks);
    client->bridge = integration_bridge_create(&client->rows,
                                               client->monitor);
    client->tunnels = tunnel_ports_create(&client->rows, client->monitor,
                                          tunnel_number_chosen, client);
    client->marks = installed_marks_create(client->monitor);
    smap_init(&client->settings);
    txn_notes_init(&client->notes);
    client->budget = MAX_BUDGET;
    return client;
}

void
ovsdb_client_destroy(struct ovsdb_client *client)
{
    if (client) {
        if (client->txn) {
            ovsdb_idl_txn_destroy(client->txn);
        }
        txn_notes_destroy(&client->notes);
        installed_marks_destroy(client->marks);
        tunnel_ports_destroy(client->tunnels);
        integration_bridge_destroy(client->bridge);
        port_monitor_destroy(client->monitor);
        bridge_lock_destroy(client->lock);
        listen_probe_destroy(client->probe);
        ovsdb_idl_destroy(client->idl);
        smap_destroy(&client->settings);
        free(client->last_error);
        free(client->remote);
        free(client);
    }
}

void
ovsdb_client_configure(struct ovsdb_client *client,
                       const struct ovsdb_client_config *config)
{
    client->configured = true;
    bridge_lock_configure(client->lock, config->bridge);
    port_monitor_configure(client->monitor, config->owner, config->bridge);
    integration_bridge_configure(client->bridge, config);
    tunnel_ports_configure(client->tunnels, config->owner);
}

/* Begins a new session, which connects without delay.  The replica stays. */
static void
reconnect_now(struct ovsdb_client *client)
{
    ovsdb_idl_set_remote(client->idl, NULL, true);
    ovsdb_idl_set_remote(client->idl, client->remote, true);
    ovsdb_idl_set_probe_interval(client->idl, PROBE_INTERVAL);
}

/* Compares the settings with what they were.  (The IDL does not track a new
 * row whose columns are all empty.) */
static void
run_settings(struct ovsdb_client *client)
{
    const struct ovsrec_open_vswitch *root
        = ovsrec_open_vswitch_first(client->idl);
    const unsigned int seqno = ovsdb_idl_get_seqno(client->idl);

    if (client->idl_seqno == seqno) {
        return;
    }
    client->idl_seqno = seqno;

    if (!root) {
        client->settings_seqno += !smap_is_empty(&client->settings);
        smap_clear(&client->settings);
    } else if (!smap_equal(&client->settings, &root->external_ids)) {
        client->settings_seqno++;
        smap_destroy(&client->settings);
        smap_clone(&client->settings, &root->external_ids);
    }
}

/* The server has refused the transaction because of 'error'.  'blamed': what
 * is to blame was found and put off. */
static void
transaction_refused(struct ovsdb_client *client, const char *error,
                    bool blamed)
{
    char *summary = txn_notes_summary(&client->notes);

    VLOG_WARN_RL(&rl, "%s: transaction refused: %s; it was %s",
                 client->remote, error, summary);
    free(summary);

    client->n_failed++;
    free(client->last_error);
    client->last_error = xstrdup(error);
    if (!blamed || client->n_changes == 1) {
        client->backoff = (client->backoff
                           ? MIN(client->backoff * 2, MAX_BACKOFF)
                           : MIN_BACKOFF);
        client->retry_at = time_msec() + client->backoff;
        client->budget = MAX(client->n_changes / 2, 1);
    }
}

/* Takes note of the transaction's end, if 'status' is one. */
static void
transaction_run(struct ovsdb_client *client, enum ovsdb_idl_txn_status status)
{
    if (status == TXN_INCOMPLETE) {
        return;
    }

    const bool committed = status == TXN_SUCCESS || status == TXN_UNCHANGED;
    const bool alone = client->n_changes == 1;
    const char *error = NULL;

    if (status == TXN_ERROR) {
        error = ovsdb_idl_txn_get_error(client->txn);
    }
    integration_bridge_finish(client->bridge, committed, error, alone);
    installed_marks_finish(client->marks, committed, error, alone);
    bool blamed = tunnel_ports_finish(client->tunnels, committed, error,
                                      alone);

    if (committed) {
        client->n_committed += status == TXN_SUCCESS;
        client->n_repaired += client->notes.n_repairs;
        client->backoff = 0;
        client->budget = MIN(client->budget * 2, MAX_BUDGET);
        txn_notes_log(&client->notes);
    } else if (error) {
        transaction_refused(client, error, blamed);
    }
    if (status != TXN_SUCCESS && !error) {
        client->retry_at = time_msec() + AGAIN_DELAY;
    }
    txn_notes_clear(&client->notes);
    ovsdb_idl_txn_destroy(client->txn);
    client->txn = NULL;
}

static void
run_connection(struct ovsdb_client *client)
{
    bool connected = ovsdb_idl_is_connected(client->idl);

    client->n_connections += connected && !client->connected;
    client->connected = connected;
}

void
ovsdb_client_run(struct ovsdb_client *client)
{
    if (listen_probe_run(client->probe, ovsdb_idl_is_connected(client->idl),
                         time_msec())) {
        reconnect_now(client);
    }
    ovsdb_idl_run(client->idl);
    run_connection(client);
    bridge_lock_run(client->lock, time_msec());

    run_settings(client);
    integration_bridge_run(client->bridge);
    port_monitor_run(client->monitor);
    ovsdb_idl_track_clear(client->idl);

    if (client->txn) {
        transaction_run(client, ovsdb_idl_txn_commit(client->txn));
    }
}

/* True if a transaction could be made. */
static bool
may_compose(const struct ovsdb_client *client)
{
    return (client->configured && !client->txn
            && ovsdb_client_is_ready(client)
            && ovsdb_idl_is_connected(client->idl)
            && bridge_lock_is_held(client->lock));
}

/* Adds to the transaction what differs, within the budget. */
static size_t
compose(struct ovsdb_client *client)
{
    const struct ovsrec_bridge *bridge
        = integration_bridge_row(client->bridge);
    size_t budget = client->budget;
    size_t n;

    n = integration_bridge_compose(client->bridge, client->txn,
                                   &client->notes);
    if (bridge && n < budget) {
        n += tunnel_ports_compose(client->tunnels, client->txn, bridge,
                                  budget - n, &client->notes);
    }
    if (n < budget) {
        n += installed_marks_compose(client->marks, budget - n,
                                     &client->notes);
    }
    return n;
}

void
ovsdb_client_commit(struct ovsdb_client *client)
{
    if (!may_compose(client) || time_msec() < client->retry_at) {
        return;
    }

    client->txn = ovsdb_idl_txn_create(client->idl);
    client->n_changes = compose(client);
    if (client->n_changes) {
        char *summary = txn_notes_summary(&client->notes);

        ovsdb_idl_txn_add_comment(client->txn, "vtepd: %s", summary);
        free(summary);
        transaction_run(client, ovsdb_idl_txn_commit(client->txn));
    } else {
        ovsdb_idl_txn_abort(client->txn);
        ovsdb_idl_txn_destroy(client->txn);
        client->txn = NULL;
    }
}

/* A Unix domain socket tells when the other end is gone.  Only one that hangs
 * it does not, which can wait until it has something to do. */
static int
choose_probe_interval(const struct ovsdb_client *client)
{
    bool at_rest = !client->txn && ovsdb_idl_is_connected(client->idl);

    return (at_rest && !stream_or_pstream_needs_probes(client->remote)
            ? PROBE_AT_REST : PROBE_INTERVAL);
}

void
ovsdb_client_wait(struct ovsdb_client *client)
{
    ovsdb_idl_set_probe_interval(client->idl, choose_probe_interval(client));
    ovsdb_idl_wait(client->idl);
    bridge_lock_wait(client->lock);
    listen_probe_wait(client->probe);
    port_monitor_wait(client->monitor);
    if (client->txn) {
        ovsdb_idl_txn_wait(client->txn);
    } else if (time_msec() < client->retry_at) {
        poll_timer_wait_until(client->retry_at);
    } else if (may_compose(client)) {
        integration_bridge_wait(client->bridge);
        installed_marks_wait(client->marks);
        if (integration_bridge_row(client->bridge)) {
            tunnel_ports_wait(client->tunnels);
        }
    }
}

bool
ovsdb_client_is_ready(const struct ovsdb_client *client)
{
    return ovsdb_idl_has_ever_connected(client->idl);
}

bool
ovsdb_client_may_serve(const struct ovsdb_client *client)
{
    return bridge_lock_was_held(client->lock);
}

bool
ovsdb_client_is_denied(const struct ovsdb_client *client)
{
    return bridge_lock_is_denied(client->lock);
}

const struct smap *
ovsdb_client_settings(const struct ovsdb_client *client,
                      unsigned int *seqnop)
{
    *seqnop = client->settings_seqno;
    return ovsdb_client_is_ready(client) ? &client->settings : NULL;
}

void
ovsdb_client_want_tunnel(struct ovsdb_client *client,
                         const struct tunnel_spec *spec)
{
    tunnel_ports_want(client->tunnels, spec);
}

void
ovsdb_client_unwant_tunnel(struct ovsdb_client *client,
                           const struct tunnel_key *key)
{
    tunnel_ports_unwant(client->tunnels, key);
}

void
ovsdb_client_set_installed(struct ovsdb_client *client, const char *name,
                           bool installed)
{
    installed_marks_set(client->marks, name, installed);
}

void
ovsdb_client_set_table_names(struct ovsdb_client *client,
                             const struct ovsdb_table_name *names, size_t n)
{
    integration_bridge_set_table_names(client->bridge, names, n);
}

void
ovsdb_client_get_status(const struct ovsdb_client *client,
                        struct ovsdb_client_status *status)
{
    *status = (struct ovsdb_client_status) {
        .remote = client->remote,
        .connected = ovsdb_idl_is_connected(client->idl),
        .bridge_exists = integration_bridge_row(client->bridge) != NULL,
        .in_flight = client->txn != NULL,
        .n_connections = client->n_connections,
        .n_committed = client->n_committed,
        .n_failed = client->n_failed,
        .last_error = client->last_error,
        .n_repaired = client->n_repaired,
    };
}

void
ovsdb_client_get_fights(const struct ovsdb_client *client,
                        struct svec *fights)
{
    integration_bridge_get_fights(client->bridge, fights);
    tunnel_ports_get_fights(client->tunnels, fights);
    installed_marks_get_fights(client->marks, fights);
}
