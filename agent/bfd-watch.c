/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/bfd-watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/facts.h"
#include "agent/local-address.h"
#include "core/port.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

struct bfd_watch {
    struct hmap sessions;       /* Contains struct bfd_session, by 'key'. */
    struct ovs_list news;       /* Contains those to be told of, some time. */
    long long int next_due;     /* Of none of them it is earlier. */
    size_t counts[N_BFD_STATES];
};

struct bfd_watch *
bfd_watch_create(void)
{
    struct bfd_watch *watch = xzalloc(sizeof *watch);

    hmap_init(&watch->sessions);
    ovs_list_init(&watch->news);
    watch->next_due = LLONG_MAX;
    return watch;
}

static void
session_destroy(struct bfd_watch *watch, struct bfd_session *s)
{
    watch->counts[s->status.state]--;
    hmap_remove(&watch->sessions, &s->node);
    ovs_list_remove(&s->news_node);
    free(s->name);
    free(s->peer);
    free(s);
}

void
bfd_watch_destroy(struct bfd_watch *watch)
{
    if (watch) {
        struct bfd_session *s;

        HMAP_FOR_EACH_SAFE (s, node, &watch->sessions) {
            session_destroy(watch, s);
        }
        hmap_destroy(&watch->sessions);
        free(watch);
    }
}

static struct bfd_session *
find(const struct bfd_watch *watch, const struct tunnel_key *key)
{
    struct bfd_session *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, tunnel_key_hash(key, 0),
                             &watch->sessions) {
        if (tunnel_key_equals(&s->key, key)) {
            return s;
        }
    }
    return NULL;
}

const struct bfd_session *
bfd_watch_find(const struct bfd_watch *watch, const struct tunnel_key *key)
{
    return find(watch, key);
}

size_t
bfd_watch_count(const struct bfd_watch *watch, enum bfd_state state)
{
    return watch->counts[state];
}

static bool
is_up(const struct bfd_session *s)
{
    return s->status.state == BFD_UP;
}

static void
set_due(struct bfd_watch *watch, struct bfd_session *s, long long int due)
{
    if (ovs_list_is_empty(&s->news_node)) {
        ovs_list_push_back(&watch->news, &s->news_node);
    }
    s->due = due;
    watch->next_due = MIN(watch->next_due, due);
}

static void
set_not_due(struct bfd_session *s)
{
    ovs_list_remove(&s->news_node);
    ovs_list_init(&s->news_node);
}

static struct bfd_session *
add(struct bfd_watch *watch, const struct tunnel_port *port,
    long long int now)
{
    struct bfd_session *s = xzalloc(sizeof *s);

    s->key = port->key;
    s->name = xstrdup(port->name);
    s->peer = xstrdup(port->peer);
    s->status = port->bfd;
    s->since = now;
    ovs_list_init(&s->news_node);
    hmap_insert(&watch->sessions, &s->node, tunnel_key_hash(&s->key, 0));
    watch->counts[s->status.state]++;
    if (is_up(s)) {
        s->told = true;
    } else {
        set_due(watch, s, now + BFD_COMING_UP);
    }
    return s;
}

static void
replace(char **textp, const char *new)
{
    if (strcmp(*textp, new)) {
        free(*textp);
        *textp = xstrdup(new);
    }
}

static void
went_up_or_down(struct bfd_watch *watch, struct bfd_session *s,
                long long int now)
{
    if (s->told) {
        s->n_changes++;
        set_due(watch, s, MAX(now, repair_limit_until(&s->limit)));
    } else if (is_up(s)) {
        s->told = true;
        set_not_due(s);
    }
    s->lasted = now - s->since;
    s->since = now;
}

static void
update(struct bfd_watch *watch, struct bfd_session *s,
       const struct tunnel_port *port, long long int now)
{
    bool was_up = is_up(s);

    replace(&s->name, port->name);
    replace(&s->peer, port->peer);
    watch->counts[s->status.state]--;
    s->status = port->bfd;
    watch->counts[s->status.state]++;
    if (is_up(s) != was_up) {
        went_up_or_down(watch, s, now);
    }
}

void
bfd_watch_port_changed(struct bfd_watch *watch, const struct tunnel_port *old,
                       const struct tunnel_port *new, long long int now)
{
    const struct tunnel_port *port = new ? new : old;
    struct bfd_session *s = find(watch, &port->key);

    if (new && new->bfd.state != BFD_OFF) {
        if (s) {
            update(watch, s, new, now);
        } else {
            add(watch, new, now);
        }
    } else if (s && !strcmp(s->name, port->name)) {
        /* Else another port with the same key has taken its place. */
        session_destroy(watch, s);
    }
}

char *
bfd_session_format(const struct bfd_session *s, long long int now)
{
    char *duration = facts_format_duration(now - s->since);
    char *text = (is_up(s) ? xasprintf("up for %s", duration)
                  : xasprintf("%s for %s: %s",
                              bfd_state_to_string(s->status.state), duration,
                              bfd_status_reason(&s->status)));

    free(duration);
    return text;
}

/* The news. */

static struct bfd_session *
find_due(struct bfd_watch *watch, long long int now)
{
    struct bfd_session *s;

    if (now < watch->next_due) {
        return NULL;
    }
    watch->next_due = LLONG_MAX;
    LIST_FOR_EACH (s, news_node, &watch->news) {
        if (now >= s->due) {
            watch->next_due = now;      /* There may be more. */
            return s;
        }
        watch->next_due = MIN(watch->next_due, s->due);
    }
    return NULL;
}

/* How many others are not up tells whether it is about a peer or about this
 * host. */
static void
put_total(const struct bfd_watch *watch, struct ds *s)
{
    size_t n = hmap_count(&watch->sessions);

    ds_put_format(s, " (%"PRIuSIZE" of %"PRIuSIZE" tunnels with BFD %s up)",
                  watch->counts[BFD_UP], n,
                  watch->counts[BFD_UP] == 1 ? "is" : "are");
}

static char *
describe(const struct bfd_watch *watch, const struct bfd_session *session,
         long long int now)
{
    char *duration = facts_format_duration(is_up(session) ? session->lasted
                                           : now - session->since);
    char ip[INET6_ADDRSTRLEN];
    struct ds s = DS_EMPTY_INITIALIZER;

    local_address_format(&session->key.remote_ip, ip);
    ds_put_format(&s, "peer %s: BFD on tunnel %s (%s, %s) ",
                  session->peer[0] ? session->peer : "unknown", session->name,
                  encap_to_string(session->key.type), ip);
    if (is_up(session)) {
        ds_put_format(&s, "is up, after %s", duration);
    } else if (!session->told) {
        ds_put_format(&s, "has not come up in %s: %s; packets are sent there "
                      "all the same", duration,
                      bfd_status_reason(&session->status));
    } else {
        ds_put_format(&s, "is down: %s; packets are sent there all the same",
                      bfd_status_reason(&session->status));
    }
    if (session->n_changes > 1) {
        ds_put_format(&s, "; it went up or down %u times since the last such "
                      "message", session->n_changes);
    }
    put_total(watch, &s);
    free(duration);
    return ds_steal_cstr(&s);
}

char *
bfd_watch_take_news(struct bfd_watch *watch, long long int now,
                    bool *is_trouble)
{
    struct bfd_session *s = find_due(watch, now);

    if (!s) {
        return NULL;
    }

    char *text = describe(watch, s, now);
    *is_trouble = !is_up(s);
    set_not_due(s);
    s->told = true;
    s->n_changes = 0;
    repair_limit_count(&s->limit, now);
    return text;
}

long long int
bfd_watch_next_time(const struct bfd_watch *watch)
{
    return watch->next_due;
}
