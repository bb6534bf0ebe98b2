/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/metrics-private.h"

#include <stdlib.h>
#include <string.h>

#include "agent/bfd-watch.h"
#include "core/attachments.h"
#include "core/conflicts.h"
#include "core/inventory.h"
#include "util.h"

/* What is made of the inventory: endpoints and tunnels. */

/* Series with the name of a peer.  A host with so many has other worries, and
 * those that are up are left out first. */
#define MAX_PEERS 2000

/* Endpoints. */

/* An endpoint that is placed here and plugged in should be served. */
static size_t
count_desired(const struct agent *agent)
{
    const struct attachments *all = overlay_attachments(agent->overlay);
    const struct attachment *a;
    size_t n = 0;

    HMAP_FOR_EACH (a, name_node, &all->by_name) {
        const struct endpoint_node *node = inventory_find_endpoint(
            agent->inventory, a->port.iface_id);
        size_t n_plugged;

        n += (node && node->endpoint && node->endpoint->host->self
              && attachments_find(all, a->port.iface_id, &n_plugged)
                 == &a->port);
    }
    return n;
}

static size_t
count_installed(const struct agent *agent)
{
    const struct shash_node *node;
    size_t n = 0;

    SHASH_FOR_EACH (node, &agent->served) {
        const struct served_port *sp = node->data;

        n += sp->bundle == BUNDLE_MARKED;
    }
    return n;
}

static size_t
count_placed(const struct agent *agent)
{
    const char *host = agent->config.text[SETTING_HOST];
    const struct host_node *self = (host ? inventory_find_host(
                                        agent->inventory, host) : NULL);

    return self ? self->n_endpoints : 0;
}

PUT_COUNT(put_endpoints_placed, count_placed(s->agent))
PUT_COUNT(put_endpoints_desired, count_desired(s->agent))
PUT_COUNT(put_endpoints_installed, count_installed(s->agent))
PUT_COUNT(put_endpoints_remote, s->counts.n_installed - s->counts.n_local)
PUT_COUNT(put_live_segments, s->counts.n_live_segments)

/* Conflicts. */

struct conflict_kind {
    const char *kind;
    size_t n;
};

struct conflict_kinds {
    struct conflict_kind kinds[16];
    size_t n;
};

static void
count_conflicts(const char *kind, size_t n, void *kinds_)
{
    struct conflict_kinds *kinds = kinds_;
    size_t i = 0;

    while (i < kinds->n && strcmp(kinds->kinds[i].kind, kind)) {
        i++;
    }
    if (i < ARRAY_SIZE(kinds->kinds)) {
        kinds->kinds[i].kind = kind;
        kinds->kinds[i].n += n;
        kinds->n = MAX(kinds->n, i + 1);
    }
}

/* Kinds that there are none of are told too. */
static void
put_conflicts(const struct scrape *s, struct exposition *x)
{
    static const char *const usual[] = {
        "endpoint", "port", "segment", "router", "host", "link", "self",
    };
    struct conflict_kinds kinds = { .n = 0 };

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        count_conflicts(usual[i], 0, &kinds);
    }
    conflicts_count(overlay_conflicts(s->agent->overlay), count_conflicts,
                    &kinds);
    for (size_t i = 0; i < kinds.n; i++) {
        put_labeled(x, "kind", kinds.kinds[i].kind, kinds.kinds[i].n);
    }
}

static void
put_encap_ips_missing(const struct scrape *s, struct exposition *x)
{
    exposition_count(x, (s->agent->address_missing[0]
                         + s->agent->address_missing[1]));
}

/* Tunnels. */

enum tunnel_condition {
    CONDITION_UP,
    CONDITION_BFD_DOWN,         /* The peer does not answer. */
    CONDITION_NO_PORT,          /* There is no OpenFlow port (yet). */
    CONDITION_ERROR,            /* Open vSwitch says what is wrong. */
    N_CONDITIONS
};

static enum tunnel_condition
tunnel_condition(const struct agent *agent, const struct overlay_tunnel *t)
{
    const struct bfd_session *bfd = bfd_watch_find(agent->bfd, &t->key);

    return (t->error ? CONDITION_ERROR
            : !t->ofport ? CONDITION_NO_PORT
            : bfd && bfd->status.state != BFD_UP ? CONDITION_BFD_DOWN
            : CONDITION_UP);
}

struct tunnel_counts {
    const struct agent *agent;
    size_t n[N_ENCAPS][N_CONDITIONS];
    size_t n_unneeded;
};

static void
count_tunnel(const struct overlay_tunnel *t, void *counts_)
{
    struct tunnel_counts *counts = counts_;

    counts->n[t->key.type][tunnel_condition(counts->agent, t)]++;
    counts->n_unneeded += !t->n_users;
}

static void
put_tunnels(const struct scrape *s, struct exposition *x)
{
    static const char *const states[N_CONDITIONS] = {
        [CONDITION_UP] = "up",
        [CONDITION_BFD_DOWN] = "bfd_down",
        [CONDITION_NO_PORT] = "no_port",
        [CONDITION_ERROR] = "error",
    };
    struct tunnel_counts counts = { .agent = s->agent };

    overlay_for_each_tunnel(s->agent->overlay, count_tunnel, &counts);
    for (int type = ENCAP_NONE + 1; type < N_ENCAPS; type++) {
        for (int state = 0; state < N_CONDITIONS; state++) {
            exposition_label(x, "type", encap_to_string(type));
            put_labeled(x, "state", states[state], counts.n[type][state]);
        }
    }
}

static void
put_tunnels_unneeded(const struct scrape *s, struct exposition *x)
{
    struct tunnel_counts counts = { .agent = s->agent };

    overlay_for_each_tunnel(s->agent->overlay, count_tunnel, &counts);
    exposition_count(x, counts.n_unneeded);
}

static void
put_bfd_sessions(const struct scrape *s, struct exposition *x)
{
    for (int state = BFD_OFF + 1; state < N_BFD_STATES; state++) {
        put_labeled(x, "state", bfd_state_to_string(state),
                    bfd_watch_count(s->agent->bfd, state));
    }
}

PUT_COUNT(put_tunnels_desired, s->counts.n_tunnels)

/* All tunnels of a type to a peer: up if every one of them is. */
struct peer {
    const char *id;
    enum encap type;
    bool up;
};

struct peers {
    const struct agent *agent;
    struct peer *array;
    size_t n, allocated;
};

static void
collect_peer(const struct overlay_tunnel *t, void *peers_)
{
    struct peers *peers = peers_;

    if (!t->n_users || !t->peer[0]) {
        return;
    }
    if (peers->n >= peers->allocated) {
        peers->array = x2nrealloc(peers->array, &peers->allocated,
                                  sizeof *peers->array);
    }
    peers->array[peers->n++] = (struct peer) {
        .id = t->peer,
        .type = t->key.type,
        .up = tunnel_condition(peers->agent, t) == CONDITION_UP,
    };
}

static int
compare_peers(const void *a_, const void *b_)
{
    const struct peer *a = a_;
    const struct peer *b = b_;
    int cmp = strcmp(a->id, b->id);

    return cmp ? cmp : (int) a->type - (int) b->type;
}

/* Makes one of all with the same id and type. */
static void
merge_peers(struct peers *peers)
{
    size_t n = 0;

    if (peers->n) {
        qsort(peers->array, peers->n, sizeof *peers->array, compare_peers);
    }
    for (size_t i = 0; i < peers->n; i++) {
        if (n && !compare_peers(&peers->array[n - 1], &peers->array[i])) {
            peers->array[n - 1].up &= peers->array[i].up;
        } else {
            peers->array[n++] = peers->array[i];
        }
    }
    peers->n = n;
}

static void
put_peers(const struct scrape *s, struct exposition *x)
{
    struct peers peers = { .agent = s->agent };
    size_t left = MAX_PEERS;

    overlay_for_each_tunnel(s->agent->overlay, collect_peer, &peers);
    merge_peers(&peers);
    for (int up = 0; up < 2; up++) {
        for (size_t i = 0; i < peers.n && left; i++) {
            const struct peer *p = &peers.array[i];

            if (p->up == up) {
                exposition_label(x, "peer", p->id);
                put_labeled(x, "type", encap_to_string(p->type), up);
                left--;
            }
        }
    }
    free(peers.array);
}

const struct metric overlay_metrics[] = {
    { "vtepd_endpoints_placed", METRIC_GAUGE,
      "Endpoints that the inventory places on this host.",
      put_endpoints_placed },
    { "vtepd_endpoints_desired", METRIC_GAUGE,
      "Of them, those that are plugged in, and so should be installed.",
      put_endpoints_desired },
    { "vtepd_endpoints_installed", METRIC_GAUGE,
      "Endpoints of this host whose flows are in the switch.",
      put_endpoints_installed },
    { "vtepd_endpoints_remote", METRIC_GAUGE,
      "Endpoints of other hosts that have flows here.",
      put_endpoints_remote },
    { "vtepd_live_segments", METRIC_GAUGE,
      "Segments with an endpoint plugged in here.", put_live_segments },
    { "vtepd_conflicts", METRIC_GAUGE,
      "What cannot be served as it stands, by the kind of object; "
      "vtepd/status tells each.", put_conflicts },
    { "vtepd_encap_ips_missing", METRIC_GAUGE,
      "Tunnel addresses that are not configured on this host.",
      put_encap_ips_missing },
    { "vtepd_tunnels_desired", METRIC_GAUGE,
      "Tunnels that should be there.", put_tunnels_desired },
    { "vtepd_tunnels", METRIC_GAUGE,
      "Tunnels, by encapsulation and state.  error: Open vSwitch refuses the "
      "port; no_port: it has no OpenFlow port; bfd_down: the peer does not "
      "answer.", put_tunnels },
    { "vtepd_bfd_sessions", METRIC_GAUGE,
      "BFD sessions on tunnels, by state.", put_bfd_sessions },
    { "vtepd_tunnels_unneeded", METRIC_GAUGE,
      "Tunnels among them that nobody needs any more and that linger.",
      put_tunnels_unneeded },
    { "vtepd_peer_tunnel_up", METRIC_GAUGE,
      "1 if all tunnels of that encapsulation to that host are up.  Of more "
      "than 2000, those that are up are left out first.", put_peers },
};
const size_t n_overlay_metrics = ARRAY_SIZE(overlay_metrics);
