/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_BFD_WATCH_H
#define VTEPD_BFD_WATCH_H 1

/* The BFD sessions on the tunnels: what each is, since when, and what of it is
 * news for the log.
 *
 * News is that a session that was up no longer is, that it is up again, and
 * that a new one does not come up within BFD_COMING_UP.  A session that goes up
 * and down all the time is told of less and less often, down to once a minute
 * (repair-limit.h), and how often it did so meanwhile; the last thing told of
 * it is in the end what is so.
 *
 * Fed with what OVSDB says.  Decides only, has no clock.  All times in ms. */

#include <stdbool.h>
#include <stddef.h>

#include "core/bfd.h"
#include "core/tunnel-spec.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovsdb-client/repair-limit.h"

struct tunnel_port;

enum { BFD_COMING_UP = 10 * 1000 };

struct bfd_session {
    struct tunnel_key key;
    char *name;                 /* Of the port. */
    char *peer;                 /* Host id, "" if not known. */
    struct bfd_status status;   /* Never BFD_OFF. */

    /* When it went up or, if it is not up, stopped to be or was first seen. */
    long long int since;
    long long int lasted;       /* For how long it was not so before. */

    /* Was it up ever, or has it been told of?  Else it is just coming up. */
    bool told;

    /* For bfd-watch.c. */
    struct hmap_node node;      /* By 'key'. */
    struct ovs_list news_node;  /* In the watch's 'news', or empty. */
    long long int due;          /* In 'news': when to tell. */
    unsigned int n_changes;     /* Up or down since then. */
    struct repair_limit limit;  /* Of what is told. */
};

struct bfd_watch;

struct bfd_watch *bfd_watch_create(void);
void bfd_watch_destroy(struct bfd_watch *);

/* A change of a tunnel's port, as in struct ovsdb_client_callbacks. */
void bfd_watch_port_changed(struct bfd_watch *, const struct tunnel_port *old,
                            const struct tunnel_port *new, long long int now);

/* Returns something to log, for the caller to free, or NULL if there is
 * nothing more for now.  Sets '*is_trouble' if the session is not up. */
char *bfd_watch_take_news(struct bfd_watch *, long long int now,
                          bool *is_trouble);

/* When there may be news though nothing changes, or LLONG_MAX. */
long long int bfd_watch_next_time(const struct bfd_watch *);

/* Returns the session of a tunnel, or NULL: then it has none. */
const struct bfd_session *bfd_watch_find(const struct bfd_watch *,
                                         const struct tunnel_key *);

/* "up for 3 min 20 s", "down for 4 s: the peer is no longer heard"; for the
 * caller to free. */
char *bfd_session_format(const struct bfd_session *, long long int now);

/* How many sessions are in 'state'.  Takes no time. */
size_t bfd_watch_count(const struct bfd_watch *, enum bfd_state);

#endif /* bfd-watch.h */
