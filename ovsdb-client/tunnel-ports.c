/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-ports.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/repair-limit.h"
#include "ovsdb-client/switch-rows.h"
#include "ovsdb-client/tunnel-row.h"
#include "ovsdb-client/tunnel-writer.h"
#include "ovsdb-client/txn-notes.h"
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

/* Where a tunnel stands.
 *
 *                  want or row changed             compose: to be written
 *       SETTLED ------------------------> DIRTY ---------------------------+
 *          ^                              | ^ ^                            v
 *          +------------------------------+ | +---- finish ---------- IN_FLIGHT
 *            compose: as wanted, or gone    |                              |
 *                                  due |    |                              |
 *                                      HELD <------------------------------+
 *                                            finish: refused; compose: fought
 *                                            over, no name left
 */
enum tunnel_state {
    TUNNEL_SETTLED,             /* Row and want agree. */
    TUNNEL_DIRTY,               /* They may differ. */
    TUNNEL_IN_FLIGHT,           /* What makes them agree was sent. */
    TUNNEL_HELD,                /* Not tried again before 'hold_until'. */
};

enum tunnel_want {
    WANT_UNKNOWN,               /* Nobody said: its rows are left alone. */
    WANT_GONE,
    WANT_THERE,
};

struct tunnel {
    struct hmap_node node;      /* In 'tunnels', by 'key'. */
    struct tunnel_key key;

    enum tunnel_state state;
    struct ovs_list queue_node; /* In 'dirty', 'in_flight' or 'held'. */
    long long int hold_until;   /* ms. */
    int backoff;                /* ms, 0: not refused lately. */
    struct repair_limit writes;
    unsigned int n_retries;     /* Of a port that failed, 0: it works. */
    bool retry;                 /* Held before the next one. */

    /* Want. */
    enum tunnel_want want;
    char *peer;
    char *segment;
    uint32_t group;
    bool bfd;

    /* Have. */
    struct ovs_list rows;       /* Contains struct owned_row. */

    char name[TUNNEL_NAME_SIZE];    /* Of the row written last. */
    unsigned int n_names_reported;  /* Foreign ports of our name logged. */
};

/* An owned row, in the list of its tunnel or, if its columns make no sense any
 * more, in 'broken'. */
struct owned_row {
    struct hmap_node node;      /* In 'rows', by 'name'. */
    struct ovs_list list_node;
    struct tunnel *tunnel;      /* NULL: broken. */
    char *name;
    bool has_former_key;        /* Broken: the tunnel it has to be. */
    struct tunnel_key former_key;
    long long int remove_at;    /* Broken: when nobody claimed it, ms. */
};

struct tunnel_ports {
    const struct switch_rows *rows;
    const struct port_monitor *monitor;
    char *owner;

    struct hmap tunnels;        /* Contains struct tunnel. */
    struct hmap owned_rows;     /* Contains struct owned_row. */
    struct ovs_list broken;     /* Contains struct owned_row. */
    struct ovs_list dirty;      /* Contain struct tunnel, by state. */
    struct ovs_list in_flight;
    struct ovs_list held;
    bool more;                  /* The last pass had to stop. */
};

struct tunnel_ports *
tunnel_ports_create(const struct switch_rows *rows,
                    const struct port_monitor *monitor)
{
    struct tunnel_ports *ports = xzalloc(sizeof *ports);

    ports->rows = rows;
    ports->monitor = monitor;
    hmap_init(&ports->tunnels);
    hmap_init(&ports->owned_rows);
    ovs_list_init(&ports->broken);
    ovs_list_init(&ports->dirty);
    ovs_list_init(&ports->in_flight);
    ovs_list_init(&ports->held);
    return ports;
}

static void
tunnel_destroy(struct tunnel_ports *ports, struct tunnel *tunnel)
{
    hmap_remove(&ports->tunnels, &tunnel->node);
    ovs_list_remove(&tunnel->queue_node);
    free(tunnel->peer);
    free(tunnel->segment);
    free(tunnel);
}

static void
row_destroy(struct tunnel_ports *ports, struct owned_row *row)
{
    hmap_remove(&ports->owned_rows, &row->node);
    ovs_list_remove(&row->list_node);
    free(row->name);
    free(row);
}

void
tunnel_ports_destroy(struct tunnel_ports *ports)
{
    if (ports) {
        struct owned_row *row;
        struct tunnel *tunnel;

        HMAP_FOR_EACH_SAFE (row, node, &ports->owned_rows) {
            row_destroy(ports, row);
        }
        HMAP_FOR_EACH_SAFE (tunnel, node, &ports->tunnels) {
            tunnel_destroy(ports, tunnel);
        }
        hmap_destroy(&ports->owned_rows);
        hmap_destroy(&ports->tunnels);
        free(ports->owner);
        free(ports);
    }
}

static void
tunnel_set_state(struct tunnel_ports *ports, struct tunnel *tunnel,
                 enum tunnel_state state)
{
    struct ovs_list *queues[] = {
        [TUNNEL_DIRTY] = &ports->dirty,
        [TUNNEL_IN_FLIGHT] = &ports->in_flight,
        [TUNNEL_HELD] = &ports->held,
    };

    ovs_list_remove(&tunnel->queue_node);
    tunnel->state = state;
    if (state == TUNNEL_SETTLED) {
        ovs_list_init(&tunnel->queue_node);
    } else {
        ovs_list_push_back(queues[state], &tunnel->queue_node);
    }
}

static void
tunnel_hold(struct tunnel_ports *ports, struct tunnel *tunnel, int msec)
{
    tunnel->hold_until = time_msec() + msec;
    tunnel_set_state(ports, tunnel, TUNNEL_HELD);
}

/* Rows that change while something is in flight or put off are looked at when
 * that has ended. */
static void
tunnel_set_dirty(struct tunnel_ports *ports, struct tunnel *tunnel)
{
    if (tunnel->state == TUNNEL_SETTLED) {
        tunnel_set_state(ports, tunnel, TUNNEL_DIRTY);
    }
}

/* What is wanted now is another thing than what was refused or fought over,
 * so it is tried at once. */
static void
tunnel_want_changed(struct tunnel_ports *ports, struct tunnel *tunnel)
{
    tunnel->backoff = 0;
    tunnel->writes.n = 0;
    tunnel->n_retries = 0;
    tunnel->retry = false;
    if (tunnel->state == TUNNEL_HELD) {
        tunnel_set_state(ports, tunnel, TUNNEL_DIRTY);
    }
    tunnel_set_dirty(ports, tunnel);
}

void
tunnel_ports_configure(struct tunnel_ports *ports, const char *owner)
{
    struct tunnel *tunnel;

    free(ports->owner);
    ports->owner = xstrdup(owner);
    HMAP_FOR_EACH (tunnel, node, &ports->tunnels) {
        tunnel_want_changed(ports, tunnel);
    }
}

static struct tunnel *
tunnel_find(const struct tunnel_ports *ports, const struct tunnel_key *key)
{
    struct tunnel *tunnel;

    HMAP_FOR_EACH_WITH_HASH (tunnel, node, tunnel_key_hash(key, 0),
                             &ports->tunnels) {
        if (tunnel_key_equals(&tunnel->key, key)) {
            return tunnel;
        }
    }
    return NULL;
}

static struct tunnel *
tunnel_find_or_add(struct tunnel_ports *ports, const struct tunnel_key *key)
{
    struct tunnel *tunnel = tunnel_find(ports, key);

    if (!tunnel) {
        tunnel = xzalloc(sizeof *tunnel);
        tunnel->key = *key;
        tunnel->state = TUNNEL_SETTLED;
        ovs_list_init(&tunnel->queue_node);
        ovs_list_init(&tunnel->rows);
        hmap_insert(&ports->tunnels, &tunnel->node, tunnel_key_hash(key, 0));
    }
    return tunnel;
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
    struct tunnel *tunnel = tunnel_find_or_add(ports, &key);

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
    tunnel_want_changed(ports, tunnel);
}

void
tunnel_ports_unwant(struct tunnel_ports *ports, const struct tunnel_key *key_)
{
    struct tunnel_key key = normalize(key_);
    struct tunnel *tunnel = tunnel_find(ports, &key);

    if (tunnel && tunnel->want != WANT_GONE) {
        tunnel->want = WANT_GONE;
        tunnel_want_changed(ports, tunnel);
    }
}

static struct owned_row *
row_find(const struct tunnel_ports *ports, const char *name)
{
    struct owned_row *row;

    HMAP_FOR_EACH_WITH_HASH (row, node, hash_string(name, 0),
                             &ports->owned_rows) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static struct owned_row *
row_find_or_add(struct tunnel_ports *ports, const char *name)
{
    struct owned_row *row = row_find(ports, name);

    if (!row) {
        row = xzalloc(sizeof *row);
        row->name = xstrdup(name);
        row->remove_at = LLONG_MAX;
        ovs_list_init(&row->list_node);
        hmap_insert(&ports->owned_rows, &row->node, hash_string(name, 0));
    }
    return row;
}

/* Puts 'row', which makes no sense any more, or not the one it must, into the
 * list of broken rows.  'former', if not NULL, is the tunnel that has a claim
 * to it. */
static void
row_set_broken(struct tunnel_ports *ports, struct owned_row *row,
               const struct tunnel *former)
{
    if (row->remove_at == LLONG_MAX) {
        row->remove_at = time_msec() + BROKEN_GRACE;
    }
    if (former) {
        row->has_former_key = true;
        row->former_key = former->key;
    }
    if (row->tunnel) {
        tunnel_set_dirty(ports, row->tunnel);
        row->tunnel = NULL;
    }
    ovs_list_remove(&row->list_node);
    ovs_list_push_back(&ports->broken, &row->list_node);
}

/* Puts 'row' into the list of 'tunnel'. */
static void
row_set_tunnel(struct tunnel_ports *ports, struct owned_row *row,
               struct tunnel *tunnel)
{
    if (row->tunnel != tunnel) {
        if (row->tunnel) {
            tunnel_set_dirty(ports, row->tunnel);
        }
        ovs_list_remove(&row->list_node);
        ovs_list_push_back(&tunnel->rows, &row->list_node);
        row->tunnel = tunnel;
        row->has_former_key = false;
        row->remove_at = LLONG_MAX;
    }
    tunnel_set_dirty(ports, tunnel);
}

/* Returns the wanted tunnel that 'row' is or, if it is broken, was, or NULL. */
static struct tunnel *
row_find_claim(const struct tunnel_ports *ports, const struct owned_row *row)
{
    struct tunnel *tunnel = (row->has_former_key
                             ? tunnel_find(ports, &row->former_key)
                             : row->tunnel);

    return tunnel && tunnel->want == WANT_THERE ? tunnel : NULL;
}

/* The columns of 'row' are those of a tunnel with 'key', or of none if 'key'
 * is NULL.  Where somebody changed the port of a wanted tunnel to another one
 * that nobody wants, it is still the former's, which will put it right. */
static void
row_set_key(struct tunnel_ports *ports, struct owned_row *row,
            const struct tunnel_key *key)
{
    struct tunnel *claim = row_find_claim(ports, row);
    struct tunnel *tunnel = key ? tunnel_find(ports, key) : NULL;

    if (!key || (claim && claim != tunnel
                 && (!tunnel || tunnel->want != WANT_THERE))) {
        row_set_broken(ports, row, claim);
        if (claim) {
            tunnel_set_dirty(ports, claim);
        }
    } else {
        row_set_tunnel(ports, row, tunnel_find_or_add(ports, key));
    }
}

void
tunnel_ports_row_changed(struct tunnel_ports *ports, const char *name,
                         enum port_kind kind, const struct tunnel_key *key)
{
    struct owned_row *row;

    if (kind == PORT_TUNNEL || kind == PORT_BROKEN_TUNNEL) {
        row_set_key(ports, row_find_or_add(ports, name), key);
    } else {
        row = row_find(ports, name);
        if (row) {
            if (row->tunnel) {
                tunnel_set_dirty(ports, row->tunnel);
            }
            row_destroy(ports, row);
        }
    }
}

/* Where several rows have one key, the one that works is kept, then the one
 * with the lowest port number, then the first by name. */
static bool
row_is_better(const struct tunnel_ports *ports, const struct owned_row *a,
              const struct owned_row *b)
{
    const struct ovsrec_interface *ia
        = switch_rows_interface(ports->rows, a->name);
    const struct ovsrec_interface *ib
        = switch_rows_interface(ports->rows, b->name);
    uint64_t na = ia && ia->n_ofport ? *ia->ofport : -1;
    uint64_t nb = ib && ib->n_ofport ? *ib->ofport : -1;

    return na != nb ? na < nb : strcmp(a->name, b->name) < 0;
}

static struct owned_row *
tunnel_best_row(const struct tunnel_ports *ports, const struct tunnel *tunnel)
{
    struct owned_row *best = NULL;
    struct owned_row *row;

    LIST_FOR_EACH (row, list_node, &tunnel->rows) {
        if (!best || row_is_better(ports, row, best)) {
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

/* Returns a broken row that was this tunnel's. */
static const struct owned_row *
tunnel_find_broken_row(const struct tunnel_ports *ports,
                       const struct tunnel *tunnel)
{
    const struct owned_row *row;

    LIST_FOR_EACH (row, list_node, &ports->broken) {
        if (row->has_former_key
            && tunnel_key_equals(&row->former_key, &tunnel->key)) {
            return row;
        }
    }
    return NULL;
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
            const struct owned_row *row = row_find(ports, name);

            if (!row || !row->tunnel || row->tunnel->want != WANT_THERE) {
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
    const struct owned_row *broken = tunnel_find_broken_row(ports, tunnel);
    char name[TUNNEL_NAME_SIZE];
    struct tunnel_spec spec;

    tunnel_get_spec(tunnel, &spec);
    if (broken) {
        return tunnel_writer_update(writer, broken->name, &spec, 0);
    }

    switch (tunnel_choose_name(writer, ports, tunnel, name)) {
    case NAME_FREE:
        tunnel_writer_create(writer, name, &spec);
        ovs_strlcpy(tunnel->name, name, sizeof tunnel->name);
        return true;

    case NAME_OURS:
        /* From now on it is not the tunnel's that somebody made of it. */
        if (row_find(ports, name)) {
            row_set_broken(ports, row_find(ports, name), tunnel);
        }
        ovs_strlcpy(tunnel->name, name, sizeof tunnel->name);
        return tunnel_writer_update(writer, name, &spec, 0);

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
    struct tunnel_spec spec;
    bool changed;

    tunnel->n_retries = failed ? tunnel->n_retries + tunnel->retry : 0;
    tunnel->retry = false;
    ovs_strlcpy(tunnel->name, row->name, sizeof tunnel->name);

    tunnel_get_spec(tunnel, &spec);
    changed = tunnel_writer_update(writer, row->name, &spec,
                                   tunnel->n_retries);
    changed |= tunnel_remove_rows(writer, tunnel, row);
    if (failed && !changed) {
        tunnel->retry = true;
        tunnel_hold(ports, tunnel,
                    MIN(MIN_BACKOFF << MIN(tunnel->n_retries, 10),
                        MAX_BACKOFF));
    } else {
        tunnel_set_state(ports, tunnel,
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
        tunnel_destroy(ports, tunnel);
        return false;
    } else if (tunnel->want == WANT_UNKNOWN) {
        tunnel_set_state(ports, tunnel, TUNNEL_SETTLED);
        return false;
    } else if (repair_limit_is_reached(&tunnel->writes, time_msec())) {
        VLOG_WARN_RL(&rl, "tunnel %s to %s: somebody else changes the port "
                     "again and again; left alone for %d seconds",
                     tunnel->name, tunnel->peer, REPAIR_LIMIT_HOLD / 1000);
        tunnel_hold(ports, tunnel, REPAIR_LIMIT_HOLD);
        return false;
    } else if (tunnel->want == WANT_GONE) {
        bool changed = tunnel_remove_rows(writer, tunnel, NULL);

        tunnel_set_state(ports, tunnel,
                         changed ? TUNNEL_IN_FLIGHT : TUNNEL_SETTLED);
        return changed;
    } else if (row) {
        return tunnel_update_port(writer, ports, tunnel, row);
    } else if (tunnel_make_port(writer, ports, tunnel)) {
        tunnel_set_state(ports, tunnel, TUNNEL_IN_FLIGHT);
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

    LIST_FOR_EACH (row, list_node, &ports->broken) {
        if (n < budget && now >= row->remove_at) {
            if (!row_find_claim(ports, row)) {
                n += tunnel_writer_remove(writer, row->name, NULL);
            }
            row->remove_at = now + BROKEN_GRACE;
        }
    }
    return n;
}

/* Takes up again what was put off until now. */
static void
release_held(struct tunnel_ports *ports)
{
    const long long int now = time_msec();
    struct tunnel *tunnel;

    LIST_FOR_EACH_SAFE (tunnel, queue_node, &ports->held) {
        if (now >= tunnel->hold_until) {
            tunnel_set_state(ports, tunnel, TUNNEL_DIRTY);
        }
    }
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
        .txn = txn,
        .bridge = bridge,
        .notes = notes,
    };
    size_t n = 0;

    release_held(ports);
    for (int i = 0; i < MAX_COMPARED && n < budget
                    && !ovs_list_is_empty(&ports->dirty); i++) {
        n += tunnel_compose(&writer, ports,
                            CONTAINER_OF(ovs_list_front(&ports->dirty),
                                         struct tunnel, queue_node));
    }
    n += compose_broken(&writer, ports, budget - n);
    port_numbers_destroy(&writer.numbers);
    ports->more = !n && !ovs_list_is_empty(&ports->dirty);
    return n;
}

/* True if 'error', from the server, is about 'tunnel'. */
static bool
tunnel_is_blamed(const struct tunnel *tunnel, const char *error, bool alone)
{
    return error && (alone || (*tunnel->name
                               && strstr(error, tunnel->name)));
}

bool
tunnel_ports_finish(struct tunnel_ports *ports, bool committed,
                    const char *error, bool alone)
{
    bool any_blamed = false;

    while (!ovs_list_is_empty(&ports->in_flight)) {
        struct tunnel *tunnel
            = CONTAINER_OF(ovs_list_front(&ports->in_flight),
                           struct tunnel, queue_node);

        if (committed) {
            repair_limit_count(&tunnel->writes, time_msec());
            tunnel->backoff = 0;
        }
        if (tunnel_is_blamed(tunnel, error, alone)) {
            tunnel->backoff = (tunnel->backoff
                               ? MIN(tunnel->backoff * 2, MAX_BACKOFF)
                               : MIN_BACKOFF);
            VLOG_WARN_RL(&rl, "tunnel %s to %s: refused; tried again in %d "
                         "seconds", tunnel->name,
                         tunnel->peer ? tunnel->peer : "an unknown peer",
                         tunnel->backoff / 1000);
            tunnel_hold(ports, tunnel, tunnel->backoff);
            any_blamed = true;
        } else {
            tunnel_set_state(ports, tunnel, TUNNEL_DIRTY);
        }
    }
    return any_blamed;
}

void
tunnel_ports_wait(const struct tunnel_ports *ports)
{
    const struct tunnel *tunnel;
    const struct owned_row *row;

    if (ports->more) {
        poll_immediate_wake();
    }
    LIST_FOR_EACH (tunnel, queue_node, &ports->held) {
        poll_timer_wait_until(tunnel->hold_until);
    }
    LIST_FOR_EACH (row, list_node, &ports->broken) {
        poll_timer_wait_until(row->remove_at);
    }
}
