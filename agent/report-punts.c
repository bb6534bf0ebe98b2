/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include "agent/agent.h"
#include "agent/facts.h"
#include "agent/listing.h"
#include "agent/punts.h"
#include "openflow/switch-session.h"
#include "util.h"

/* Packets to and from the agent. */

static const struct listing_column punt_columns[] = {
    { "PACKETS", NULL },
    { "ACCEPTED", NULL },
    { "REFUSED", NULL },
    { "MALFORMED", NULL },
    { "TOO MANY", NULL },
};

static void
put_punt_counts(struct listing *l, struct json *object,
                const struct punt_counts *c)
{
    static const char *const keys[]
        = { "accepted", "refused", "malformed", "limited" };
    const uint64_t values[]
        = { c->accepted, c->refused, c->malformed, c->limited };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        listing_put_nocopy(l, xasprintf("%"PRIu64, values[i]));
        json_object_put(object, keys[i], json_integer_create(values[i]));
    }
}

static void
put_meters(struct facts *f, const struct punt_meters_status *m)
{
    if (!m->supported) {
        facts_text(f, "meters", "none in this datapath: what VMs send to the "
                   "agent is limited by the agent alone");
    } else {
        facts_text(f, "meters", "%"PRIuSIZE"%s", m->n_wanted - m->n_lacking,
                   m->n_lacking ? ", others are refused" : "");
    }
    facts_flag(f, "meters_supported", m->supported);
    facts_number(f, NULL, "meters", m->n_wanted - m->n_lacking);
    facts_number(f, NULL, "meters_refused", m->supported ? m->n_lacking : 0);
}

void
report_punts(const struct agent *agent, struct facts *f)
{
    struct listing *l = listing_create(punt_columns, ARRAY_SIZE(punt_columns),
                                       false);
    struct switch_session_status ss;
    struct json *kinds = json_object_create();

    switch_session_get_status(agent->session, &ss);
    facts_section(f, "Packets handed to the agent", "punts");
    put_meters(f, &ss.meters);
    facts_text(f, "sent", "%"PRIu64" packets, %"PRIu64" dropped",
               ss.n_packets_sent, ss.n_packets_dropped);
    facts_number(f, NULL, "sent", ss.n_packets_sent);
    facts_number(f, NULL, "dropped", ss.n_packets_dropped);
    facts_number(f, NULL, "received", ss.n_punts);
    facts_number(f, ss.n_bad_punts ? "not ours" : NULL, "not_ours",
                 ss.n_bad_punts);
    for (int kind = PUNT_NONE + 1; kind < N_PUNT_KINDS; kind++) {
        const char *name = punt_kind_to_string(kind);
        struct json *object = json_object_create();
        struct punt_counts counts;

        punts_get_counts(agent->punts, kind, &counts);
        listing_put_string(l, name);
        put_punt_counts(l, object, &counts);
        json_object_put(kinds, name, object);
    }
    facts_member(f, "kinds", kinds);
    listing_format(l, 2, &f->text);
    listing_destroy(l);
}
