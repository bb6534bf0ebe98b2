/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-ports.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-index.h"
#include "ovsdb-client/tunnel-row.h"
#include "ovsdb-client/tunnel-writer.h"
#include "ovsdb-client/txn-notes.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tunnel_ports);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 30);

enum {
    MAX_NAMES = 16,             /* Names tried for one tunnel. */
    NO_NAME_HOLD = 60000,       /* ms, when all of them are taken. */
    MIN_BACKOFF = 1000,         /* ms, after a refusal; doubles up to... */
    MAX_BACKOFF = 60000,        /* ...this. */
    BROKEN_GRACE = 2000,        /* ms, for a want to claim a broken row. */
    MAX_COMPARED = 4000,        /* Tunnels looked at in one pass. */
};

struct tunnel_ports {
    const struct switch_rows *rows;
    const struct port_monitor *monitor;
    tunnel_number_cb *number_chosen;
    void *aux;
    char *owner;
    struct tunnel_index index;
    bool more;                  /* The last pass had to stop. */
};

struct tunnel_ports *
tunnel_ports_create(const struct switch_rows *rows,
                    const struct port_monitor *monitor,
                    tunnel_number_cb *number_chosen, void *aux)
{
    struct tunnel_ports *ports = xzalloc(sizeof *ports);

    ports->rows = rows;
    ports->monitor = monitor;
    ports->number_chosen = number_chosen;
    ports->aux = aux;
    tunnel_index_init(&ports->index);
    return ports;
}

void
tunnel_ports_destroy(struct tunnel_ports *ports)
{
    if (ports) {
        tunnel_index_destroy(&ports->index);
        free(ports->owner);
        free(ports);
    }
}

void
tunnel_ports_configure(struct tunnel_ports *ports, const char *owner)
{
    struct tunnel *tunnel;

    free(ports->owner);
    ports->owner = xstrdup(owner);
    HMAP_FOR_EACH (tunnel, node, &ports->index.tunnels) {
        tunnel_index_want_changed(&ports->index, tunnel);
    }
}

/* One tunnel has one key: the default port is 0, and GRE has none. */
static struct tunnel_key
normalize(const struct tunnel_key *key)
{
    struct tunnel_key normal = *key;

    if (normal.type == ENCAP_GRE
        || normal.dst_port == encap_default_port(normal.type)) {
        normal.dst_port = 0;
    }
    return normal;
}

/* For log lines.  The peer of a tunnel that was never wanted is not known. */
static const char *
tunnel_peer(const struct tunnel *tunnel)
{
    return tunnel->peer ? tunnel->peer : "an unknown peer";
}

static void
tunnel_hold(struct tunnel_ports *ports, struct tunnel *tunnel, int msec)
{
    tunnel_index_hold(&ports->index, tunnel, time_msec() + msec);
}

static void
tunnel_get_spec(const struct tunnel *tunnel, struct tunnel_spec *spec)
{
    *spec = (struct tunnel_spec) {
        .key = tunnel->key,
        .peer = tunnel->peer,
        .segment = tunnel->segment,
        .group = tunnel->group,
        .bfd = tunnel->bfd,
    };
}

void
tunnel_ports_want(struct tunnel_ports *ports, const struct tunnel_spec *spec)
{
    struct tunnel_key key = normalize(&spec->key);
    struct tunnel *tunnel = tunnel_index_find_or_add(&ports->index, &key);

    if (tunnel->want == WANT_THERE
        && tunnel->group == spec->group
        && tunnel->bfd == spec->bfd
        && !strcmp(tunnel->peer, spec->peer)
        && nullable_string_is_equal(tunnel->segment, spec->segment)) {
        return;
    }

    tunnel->want = WANT_THERE;
    tunnel->group = spec->group;
    tunnel->bfd = spec->bfd;
    free(tunnel->peer);
    tunnel->peer = xstrdup(spec->peer);
    free(tunnel->segment);
    tunnel->segment = nullable_xstrdup(spec->segment);
    tunnel_index_want_changed(&ports->index, tunnel);
}

void
tunnel_ports_unwant(struct tunnel_ports *ports, const struct tunnel_key *key_)
{
    struct tunnel_key key = normalize(key_);
    struct tunnel *tunnel = tunnel_index_find(&ports->index, &key);

    if (tunnel && tunnel->want != WANT_GONE) {
        tunnel->want = WANT_GONE;
        tunnel_index_want_changed(&ports->index, tunnel);
    }
}

void
tunnel_ports_row_changed(struct tunnel_ports *ports, const char *name,
                         enum port_kind kind, const struct tunnel_key *key)
{
    if (kind == PORT_TUNNEL || kind == PORT_BROKEN_TUNNEL) {
        tunnel_index_set_row(&ports->index, name, key,
                             time_msec() + BROKEN_GRACE);
    } else {
        tunnel_index_remove_row(&ports->index, name);
    }
}

/* The row's OpenFlow port number, UINT64_MAX if it does not work. */
static uint64_t
row_ofport(const struct tunnel_ports *ports, const struct owned_row *row)
{
    const struct ovsrec_interface *interface
        = port_monitor_interface(ports->monitor, row->name);

    return interface && interface->n_ofport ? *interface->ofport : -1;
}

static bool
row_has_usual_name(const struct tunnel *tunnel, const struct owned_row *row)
{
    char usual[TUNNEL_NAME_SIZE];

    tunnel_key_name(&tunnel->key, 0, usual);
    return !strcmp(row->name, usual);
}

/* Where several rows have one key, the one that works is kept, then the one
 * with the usual name (the other may have been another tunnel's until somebody
 * changed it), then the one with the lowest port number, then the first by
 * name. */
static bool
row_is_better(const struct tunnel_ports *ports, const struct tunnel *tunnel,
              const struct owned_row *a, const struct owned_row *b)
{
    uint64_t na = row_ofport(ports, a);
    uint64_t nb = row_ofport(ports, b);
    bool usual_a = row_has_usual_name(tunnel, a);

    if ((na == UINT64_MAX) != (nb == UINT64_MAX)) {
        return na < nb;
    } else if (usual_a != row_has_usual_name(tunnel, b)) {
        return usual_a;
    }
    return na != nb ? na < nb : strcmp(a->name, b->name) < 0;
}

static struct owned_row *
tunnel_best_row(const struct tunnel_ports *ports, const struct tunnel *tunnel)
{
    struct owned_row *best = NULL;
    struct owned_row *row;

    LIST_FOR_EACH (row, list_node, &tunnel->rows) {
        if (!best || row_is_better(ports, tunnel, row, best)) {
            best = row;
        }
    }
    return best;
}

/* Removes the rows of 'tunnel', but for 'keep' if that is not NULL.  Returns
 * true if there were any. */
static bool
tunnel_remove_rows(struct tunnel_writer *writer, const struct tunnel *tunnel,
                   const struct owned_row *keep)
{
    const struct owned_row *row;
    bool changed = false;

    LIST_FOR_EACH (row, list_node, &tunnel->rows) {
        if (row != keep) {
            changed |= tunnel_writer_remove(writer, row->name, &tunnel->key);
        }
    }
    return changed;
}

/* Reports a foreign port that has our name once. */
static void
report_foreign_name(struct tunnel *tunnel, unsigned int salt,
                    const char *name)
{
    if (salt >= tunnel->n_names_reported) {
        char *what = tunnel_row_describe(name, tunnel->peer, &tunnel->key);

        VLOG_WARN_RL(&rl, "%s: a port of that name exists that is not ours; "
                     "it is left alone and another name taken", what);
        free(what);
        tunnel->n_names_reported = salt + 1;
    }
}

/* Is there a wanted tunnel that has, or can have, no better row than 'row'? */
static bool
row_is_needed(const struct tunnel_ports *ports, const struct owned_row *row)
{
    const struct tunnel *claim = tunnel_index_find_claim(&ports->index, row);

    return claim && (row->tunnel != claim
                     || tunnel_best_row(ports, claim) == row);
}

/* Finds a name for the port of 'tunnel', which has no row.  Returns NAME_FREE
 * if the port must be made, NAME_OURS if there is a port of ours to make it
 * of: one whose columns somebody changed.  NAME_FOREIGN: all are taken. */
static enum name_use
tunnel_choose_name(struct tunnel_writer *writer, struct tunnel_ports *ports,
                   struct tunnel *tunnel, char name[TUNNEL_NAME_SIZE])
{
    for (unsigned int salt = 0; salt < MAX_NAMES; salt++) {
        tunnel_key_name(&tunnel->key, salt, name);

        enum name_use use = tunnel_writer_name_use(writer, name);
        if (use == NAME_FREE) {
            return use;
        } else if (use == NAME_OURS) {
            const struct owned_row *row
                = tunnel_index_find_row(&ports->index, name);

            if (!row || !row_is_needed(ports, row)) {
                return use;
            }
        } else {
            report_foreign_name(tunnel, salt, name);
        }
    }
    return NAME_FOREIGN;
}

/* Composes a port for 'tunnel', which has no row.  Returns false if it has to
 * do without. */
static bool
tunnel_make_port(struct tunnel_writer *writer, struct tunnel_ports *ports,
                 struct tunnel *tunnel)
{
    struct owned_row *row = tunnel_index_find_claimed_row(&ports->index,
                                                          tunnel);
    char name[TUNNEL_NAME_SIZE];
    struct tunnel_spec spec;

    tunnel_get_spec(tunnel, &spec);
    if (row) {
        return tunnel_writer_update(writer, row->name, &spec, 0,
                                    tunnel->has_agreed);
    }

    switch (tunnel_choose_name(writer, ports, tunnel, name)) {
    case NAME_FREE:
        tunnel_writer_create(writer, name, &spec, tunnel->has_agreed);
        ovs_strlcpy(tunnel->name, name, sizeof tunnel->name);
        return true;

    case NAME_OURS:
        /* From now on it is not the tunnel's that somebody made of it. */
        row = tunnel_index_find_row(&ports->index, name);
        if (row) {
            tunnel_index_claim_row(&ports->index, row, tunnel,
                                   time_msec() + BROKEN_GRACE);
        }
        ovs_strlcpy(tunnel->name, name, sizeof tunnel->name);
        return tunnel_writer_update(writer, name, &spec, 0,
                                    tunnel->has_agreed);

    case NAME_FOREIGN:
        VLOG_WARN_RL(&rl, "tunnel to %s: none of %d names for its port is "
                     "free", tunnel->peer, MAX_NAMES);
        return false;
    }
    OVS_NOT_REACHED();
}

/* Composes the port of 'tunnel', 'row', as it has to be and removes its
 * duplicates.  One that Open vSwitch could not set up is tried again from time
 * to time.  Moves 'tunnel' on to its next state and returns true if there was
 * anything to do. */
static bool
tunnel_update_port(struct tunnel_writer *writer, struct tunnel_ports *ports,
                   struct tunnel *tunnel, const struct owned_row *row)
{
    const bool failed = tunnel_writer_has_failed(writer, row->name);
    const unsigned int n_retries
        = failed ? tunnel->n_retries + tunnel->retry : 0;
    struct tunnel_spec spec;
    bool changed;

    tunnel->is_retry = n_retries != tunnel->n_retries;
    tunnel->n_retries = n_retries;
    tunnel->retry = false;
    ovs_strlcpy(tunnel->name, row->name, sizeof tunnel->name);

    tunnel_get_spec(tunnel, &spec);
    changed = tunnel_writer_update(writer, row->name, &spec, n_retries,
                                   tunnel->has_agreed && !tunnel->is_retry);
    changed |= tunnel_remove_rows(writer, tunnel, row);
    tunnel->has_agreed |= !changed;
    if (failed && !changed) {
        tunnel->retry = true;
        tunnel_hold(ports, tunnel,
                    MIN(MIN_BACKOFF << MIN(tunnel->n_retries, 10),
                        MAX_BACKOFF));
    } else {
        tunnel_index_set_state(&ports->index, tunnel,
                         changed ? TUNNEL_IN_FLIGHT : TUNNEL_SETTLED);
    }
    return changed;
}

/* Adds to the transaction what 'tunnel', which is dirty, lacks and moves it on
 * to its next state.  Returns true if that is something. */
static bool
tunnel_compose(struct tunnel_writer *writer, struct tunnel_ports *ports,
               struct tunnel *tunnel)
{
    const struct owned_row *row = tunnel_best_row(ports, tunnel);

    if (tunnel->want != WANT_THERE && !row) {
        tunnel_index_remove(&ports->index, tunnel);
        return false;
    } else if (tunnel->want == WANT_UNKNOWN) {
        tunnel_index_set_state(&ports->index, tunnel, TUNNEL_SETTLED);
        return false;
    } else if (time_msec() < repair_limit_until(&tunnel->writes)) {
        tunnel_index_hold(&ports->index, tunnel,
                          repair_limit_until(&tunnel->writes));
        return false;
    } else if (tunnel->want == WANT_GONE) {
        bool changed = tunnel_remove_rows(writer, tunnel, NULL);

        tunnel_index_set_state(&ports->index, tunnel,
                         changed ? TUNNEL_IN_FLIGHT : TUNNEL_SETTLED);
        return changed;
    } else if (row) {
        return tunnel_update_port(writer, ports, tunnel, row);
    } else if (tunnel_make_port(writer, ports, tunnel)) {
        tunnel_index_set_state(&ports->index, tunnel, TUNNEL_IN_FLIGHT);
        return true;
    } else {
        tunnel_hold(ports, tunnel, NO_NAME_HOLD);
        return false;
    }
}

/* Removes broken rows that no want has claimed.  Returns their number. */
static size_t
compose_broken(struct tunnel_writer *writer, struct tunnel_ports *ports,
               size_t budget)
{
    const long long int now = time_msec();
    struct owned_row *row;
    size_t n = 0;

    LIST_FOR_EACH (row, list_node, &ports->index.broken) {
        if (n < budget && now >= row->remove_at) {
            if (!tunnel_index_find_claim(&ports->index, row)) {
                n += tunnel_writer_remove(writer, row->name, NULL);
            }
            row->remove_at = now + BROKEN_GRACE;
        }
    }
    return n;
}

size_t
tunnel_ports_compose(struct tunnel_ports *ports, struct ovsdb_idl_txn *txn,
                     const struct ovsrec_bridge *bridge, size_t budget,
                     struct txn_notes *notes)
{
    struct tunnel_writer writer = {
        .rows = ports->rows,
        .monitor = ports->monitor,
        .owner = ports->owner,
        .number_chosen = ports->number_chosen,
        .aux = ports->aux,
        .txn = txn,
        .bridge = bridge,
        .notes = notes,
    };
    size_t n = 0;

    tunnel_writer_init(&writer);
    tunnel_index_release_due(&ports->index, time_msec());
    for (int i = 0; i < MAX_COMPARED && n < budget
                    && !ovs_list_is_empty(&ports->index.dirty); i++) {
        n += tunnel_compose(&writer, ports,
                            CONTAINER_OF(ovs_list_front(&ports->index.dirty),
                                         struct tunnel, queue_node));
    }
    n += compose_broken(&writer, ports, budget - n);
    tunnel_writer_destroy(&writer);
    ports->more = !n && !ovs_list_is_empty(&ports->index.dirty);
    return n;
}

/* True if 'error', from the server, is about 'tunnel'. */
static bool
tunnel_is_blamed(const struct tunnel *tunnel, const char *error, bool alone)
{
    return error && (alone || (*tunnel->name
                               && strstr(error, tunnel->name)));
}

/* What was in flight for 'tunnel' is in the database. */
static void
tunnel_committed(struct tunnel *tunnel)
{
    tunnel->backoff = 0;
    if (!tunnel->is_retry
        && repair_limit_count(&tunnel->writes, time_msec())) {
        VLOG_WARN_RL(&rl, "tunnel %s to %s: somebody else changes the port "
                     "again and again; it is repaired less and less often, "
                     "down to once in %d seconds", tunnel->name,
                     tunnel_peer(tunnel), REPAIR_LIMIT_MAX / 1000);
    }
    tunnel->is_retry = false;
}

bool
tunnel_ports_finish(struct tunnel_ports *ports, bool committed,
                    const char *error, bool alone)
{
    bool any_blamed = false;

    while (!ovs_list_is_empty(&ports->index.in_flight)) {
        struct tunnel *tunnel
            = CONTAINER_OF(ovs_list_front(&ports->index.in_flight),
                           struct tunnel, queue_node);

        if (committed) {
            tunnel_committed(tunnel);
        }
        if (tunnel_is_blamed(tunnel, error, alone)) {
            tunnel->backoff = (tunnel->backoff
                               ? MIN(tunnel->backoff * 2, MAX_BACKOFF)
                               : MIN_BACKOFF);
            VLOG_WARN_RL(&rl, "tunnel %s to %s: refused; tried again in %d "
                         "seconds", tunnel->name, tunnel_peer(tunnel),
                         tunnel->backoff / 1000);
            tunnel_hold(ports, tunnel, tunnel->backoff);
            any_blamed = true;
        } else {
            tunnel_index_set_state(&ports->index, tunnel, TUNNEL_DIRTY);
        }
    }
    return any_blamed;
}

void
tunnel_ports_get_fights(const struct tunnel_ports *ports, struct svec *fights)
{
    const long long int now = time_msec();
    const struct tunnel *tunnel;

    HMAP_FOR_EACH (tunnel, node, &ports->index.tunnels) {
        if (repair_limit_is_fight(&tunnel->writes, now)) {
            svec_add_nocopy(fights, tunnel_row_describe(
                tunnel->name, tunnel->peer, &tunnel->key));
        }
    }
}

void
tunnel_ports_wait(const struct tunnel_ports *ports)
{
    const struct owned_row *row;

    if (ports->more) {
        poll_immediate_wake();
    }
    if (ports->index.next_due != LLONG_MAX) {
        poll_timer_wait_until(ports->index.next_due);
    }
    LIST_FOR_EACH (row, list_node, &ports->index.broken) {
        poll_timer_wait_until(row->remove_at);
    }
}
