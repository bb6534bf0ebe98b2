/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-path.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/bfd-watch.h"
#include "agent/facts.h"
#include "core/overlay.h"
#include "flow.h"
#include "timeval.h"
#include "util.h"

/* What BFD says of a tunnel.  That it is down need not mean that packets do
 * not pass: the peer may run no BFD. */

/* The switch's idle times lag behind by about so much, in ms.  BFD needs longer
 * to notice that nothing comes any more. */
#define IDLE_LAG 2000

/* How long ago the last packet came in by the tunnel, in ms; -1: none ever.
 * BFD's own do not count. */
static long long int
last_received(const struct path_question *q, const struct overlay_way *way)
{
    for (size_t i = 0; i < q->query.n_flows; i++) {
        const struct asked_flow *f = &q->query.flows[i];
        const struct match *m = &f->entry.match;

        if (f->entry.table == TABLE_CLASSIFY && m->wc.masks.in_port.ofp_port
            && ofp_to_u16(m->flow.in_port.ofp_port) == way->tunnel.ofport) {
            return f->n_packets && f->idle >= 0 ? f->idle * 1000LL : -1;
        }
    }
    return -1;
}

/* Has anything come in since the session is down, for 'down' ms? */
static bool
is_received(long long int received, long long int down)
{
    return received >= 0 && (received < IDLE_LAG
                             || received + IDLE_LAG <= down);
}

/* The peer hears nothing of this host: a packet from here is lost. */
static void
explain_init(const struct path_question *q, const struct overlay_way *way,
             const char *peer, const char *duration, const char *underlay,
             struct explanation *x)
{
    if (!explain_is_here(q->from)) {
        explanation_note(x, "BFD", "init for %s: host \"%s\" is heard, but "
                         "does not hear this host", duration, peer);
        return;
    }
    explanation_stop(x, "BFD", "bfd-down",
                     "See what the underlay and that host's firewall do with "
                     "it in this direction",
                     "the BFD session on %s has been in state init for %s: "
                     "host \"%s\" is heard, but does not hear this host, so "
                     "%s does not arrive there", way->tunnel.name, duration,
                     peer, underlay);
}

static void
explain_down(const struct path_question *q, const struct overlay_way *way,
             const struct bfd_session *s, const char *peer,
             struct explanation *x)
{
    const char *reason = bfd_status_reason(&s->status);
    const char *state = bfd_state_to_string(s->status.state);
    long long int down = time_msec() - s->since;
    long long int received = last_received(q, way);
    char *underlay = explain_underlay(&way->tunnel.key);
    char *duration = facts_format_duration(down);

    if (s->status.state == BFD_INIT) {
        explain_init(q, way, peer, duration, underlay, x);
    } else if (is_received(received, down)) {
        explanation_note(x, "BFD", "%s for %s (%s), but packets come in by "
                         "the tunnel all the same, the last %lld s ago: see "
                         "whether BFD is on at host \"%s\" (vtepd-bfd)",
                         state, duration, reason, received / 1000, peer);
    } else if (s->status.n_flaps || s->status.diagnostic) {
        explanation_stop(x, "BFD", "bfd-down",
                         "See whether that host is up, and whether the "
                         "underlay lets it through",
                         "the BFD session on %s to host \"%s\" (%s) has been "
                         "%s for %s: %s, and nothing has come in by the "
                         "tunnel since", way->tunnel.name, peer, underlay,
                         state, duration, reason);
    } else {
        explanation_note(x, "BFD", "%s for %s: %s", state, duration, reason);
        explanation_conclude(
            x, VERDICT_UNKNOWN, "bfd-down", "It is not known whether a "
            "packet from \"%s\" to \"%s\" passes: BFD on %s has not come up "
            "in %s, nor has any packet come in by that tunnel since.  See "
            "whether host \"%s\" has BFD on too (vtepd-bfd), and whether the "
            "underlay lets %s through.", q->from->id, q->to->id,
            way->tunnel.name, duration, peer, underlay);
    }
    free(duration);
    free(underlay);
}

void
explain_bfd(const struct agent *agent, const struct path_question *q,
            const struct overlay_way *way, const char *peer,
            struct explanation *x)
{
    const struct bfd_session *s = bfd_watch_find(agent->bfd,
                                                 &way->tunnel.key);

    if (!s) {
        if (agent->config.bfd) {
            explanation_note(x, "BFD", "is on, but Open vSwitch has no "
                             "session on the tunnel yet");
        }
    } else if (s->status.state == BFD_UP) {
        char *text = bfd_session_format(s, time_msec());

        explanation_ok(x, "BFD", "%s", text);
        free(text);
    } else if (!s->told && !s->status.n_flaps) {
        explanation_note(x, "BFD", "is just coming up");
    } else {
        explain_down(q, way, s, peer, x);
    }
}
