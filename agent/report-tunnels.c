/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/bfd-watch.h"
#include "agent/listing.h"
#include "agent/local-address.h"
#include "core/overlay.h"
#include "timeval.h"
#include "util.h"

/* The tunnels: those that are wanted, and those of ours that are there. */

static const struct listing_column columns[] = {
    { "PEER", "peer" },
    { "TYPE", "type" },
    { "LOCAL", "local_ip" },
    { "REMOTE", NULL },
    { NULL, "remote_ip" },
    { NULL, "udp_port" },
    { "PORT", "port" },
    { "OFPORT", "ofport" },
    { "GROUP", "group" },
    { "KEY", NULL },
    { NULL, "key" },
    { NULL, "vni" },
    { NULL, "segment" },
    { NULL, "users" },
    { NULL, "expires_in_seconds" },
    { "WHY", "why" },
    { "BFD", NULL },
    { NULL, "bfd" },
    { NULL, "bfd_remote" },
    { NULL, "bfd_diagnostic" },
    { NULL, "bfd_flaps" },
    { NULL, "bfd_since_seconds_ago" },
    { "ERROR", "error" },
};
enum { N_BFD_COLUMNS = 6 };

/* What overlay_for_each_tunnel() gives is valid for as long as the overlay
 * does not run, and so may be sorted. */
struct tunnels {
    struct overlay_tunnel *array;
    size_t n, allocated;
};

static void
collect(const struct overlay_tunnel *t, void *tunnels_)
{
    struct tunnels *tunnels = tunnels_;

    if (tunnels->n >= tunnels->allocated) {
        tunnels->array = x2nrealloc(tunnels->array, &tunnels->allocated,
                                    sizeof *tunnels->array);
    }
    tunnels->array[tunnels->n++] = *t;
}

static int
compare_numbers(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int
compare_keys(const struct tunnel_key *a, const struct tunnel_key *b)
{
    int cmp = compare_numbers(a->type, b->type);

    cmp = cmp ? cmp : memcmp(&a->remote_ip, &b->remote_ip,
                             sizeof a->remote_ip);
    cmp = cmp ? cmp : memcmp(&a->local_ip, &b->local_ip, sizeof a->local_ip);
    cmp = cmp ? cmp : compare_numbers(a->vni, b->vni);
    return cmp ? cmp : compare_numbers(a->dst_port, b->dst_port);
}

/* By peer, segment and key, which is unique. */
static int
compare(const void *a_, const void *b_)
{
    const struct overlay_tunnel *a = a_;
    const struct overlay_tunnel *b = b_;
    int cmp = strcmp(a->peer, b->peer);

    if (!cmp) {
        cmp = strcmp(a->segment ? a->segment : "",
                     b->segment ? b->segment : "");
    }
    return cmp ? cmp : compare_keys(&a->key, &b->key);
}

/* Does the tunnel outlive its last need for a while? */
static bool
is_lingering(const struct overlay_tunnel *t)
{
    return !t->n_users && t->expires && t->expires != LLONG_MAX;
}

/* Seconds until a lingering tunnel goes, rounded up. */
static unsigned long long int
seconds_left(const struct overlay_tunnel *t)
{
    long long int left = t->expires - time_msec();

    return left > 0 ? (left + 999) / 1000 : 0;
}

/* In words, for the caller to free. */
static char *
why(const struct overlay_tunnel *t)
{
    if (t->n_users) {
        return xasprintf("%"PRIuSIZE" endpoint%s%s%s", t->n_users,
                         t->n_users == 1 ? "" : "s",
                         t->segment ? " of segment " : "",
                         t->segment ? t->segment : "");
    } else if (is_lingering(t)) {
        return xasprintf("lingers, %llu s left", seconds_left(t));
    } else {
        return xstrdup(t->expires ? "being replaced or removed"
                                  : "found, not decided on yet");
    }
}

static void
put_addresses(struct listing *l, const struct tunnel_key *key)
{
    uint16_t port = key->dst_port ? key->dst_port
                                  : encap_default_port(key->type);
    char ip[INET6_ADDRSTRLEN];

    local_address_format(&key->local_ip, ip);
    listing_put_string(l, ip);
    local_address_format(&key->remote_ip, ip);
    if (!key->dst_port) {
        listing_put_string(l, ip);
    } else if (IN6_IS_ADDR_V4MAPPED(&key->remote_ip)) {
        listing_put_nocopy(l, xasprintf("%s:%d", ip, port));
    } else {
        listing_put_nocopy(l, xasprintf("[%s]:%d", ip, port));
    }
    listing_put_string(l, ip);
    listing_put_number_or_none(l, port);
}

/* NULL: it is off, or Open vSwitch has not said anything yet. */
static void
put_bfd(struct listing *l, const struct bfd_session *s)
{
    if (!s) {
        for (int i = 0; i < N_BFD_COLUMNS; i++) {
            listing_put_none(l);
        }
        return;
    }
    listing_put_nocopy(l, bfd_session_format(s, time_msec()));
    listing_put_string(l, bfd_state_to_string(s->status.state));
    listing_put_string(l, bfd_state_to_string(s->status.remote_state));
    listing_put_string(l, bfd_diagnostic_to_string(s->status.diagnostic));
    listing_put_number(l, s->status.n_flaps);
    listing_put_number(l, (time_msec() - s->since) / 1000);
}

static void
put_tunnel(struct listing *l, const struct agent *agent,
           const struct overlay_tunnel *t)
{
    uint32_t vni = t->key.vni;

    listing_put_string(l, t->peer[0] ? t->peer : NULL);
    listing_put_string(l, encap_to_string(t->key.type));
    put_addresses(l, &t->key);
    listing_put_string(l, t->name);
    listing_put_number_or_none(l, t->ofport);
    listing_put_number_or_none(l, t->group);
    listing_put_nocopy(l, vni ? xasprintf("%"PRIu32, vni) : xstrdup("flow"));
    listing_put_string(l, vni ? "segment" : "flow");
    listing_put_number_or_none(l, vni);
    listing_put_string(l, t->segment);
    listing_put_number(l, t->n_users);
    if (is_lingering(t)) {
        listing_put_number(l, seconds_left(t));
    } else {
        listing_put_none(l);
    }
    listing_put_nocopy(l, why(t));
    put_bfd(l, bfd_watch_find(agent->bfd, &t->key));
    listing_put_string(l, t->error);
}

void
report_tunnels(const struct agent *agent, bool json, struct ds *s)
{
    struct tunnels tunnels = { NULL, 0, 0 };
    struct listing *l = listing_create(columns, ARRAY_SIZE(columns), json);

    overlay_for_each_tunnel(agent->overlay, collect, &tunnels);
    if (tunnels.n) {
        qsort(tunnels.array, tunnels.n, sizeof *tunnels.array, compare);
    }
    for (size_t i = 0; i < tunnels.n; i++) {
        put_tunnel(l, agent, &tunnels.array[i]);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    free(tunnels.array);
}
