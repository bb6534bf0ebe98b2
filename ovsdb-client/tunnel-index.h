/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TUNNEL_INDEX_H
#define VTEPD_TUNNEL_INDEX_H 1

/* What tunnel-ports.h knows: each tunnel by its key, with its want, its owned
 * rows and where it stands, and each owned row by its name.  No database and
 * no decisions here but one: to which tunnel a row belongs. */

#include <limits.h>
#include <stdbool.h>

#include "core/tunnel-spec.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovsdb-client/repair-limit.h"

/* Where a tunnel stands.
 *
 *                  want or row changed           compose: to be written
 *       SETTLED ------------------------> DIRTY -------------------------+
 *          ^                              | ^ ^                          v
 *          +------------------------------+ | +------------------ IN_FLIGHT
 *             compose: as wanted            |       finish               |
 *                                 due, or   |                            |
 *                              want changed |                            |
 *                                         HELD <-------------------------+
 *                                             finish: refused
 *                                             compose: fought over, no name
 *                                             left, the port failed
 *
 * A tunnel that nobody wants and that has no rows is destroyed when it is
 * composed. */
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
    struct hmap_node node;      /* In struct tunnel_index's 'tunnels'. */
    struct tunnel_key key;

    enum tunnel_state state;
    struct ovs_list queue_node; /* In 'dirty', 'in_flight' or 'held'. */
    long long int hold_until;   /* ms. */
    int backoff;                /* ms, 0: not refused lately. */
    struct repair_limit writes;
    bool has_agreed;            /* Row and want have, since want changed. */
    unsigned int n_retries;     /* Of a port that failed; 0: it works. */
    bool retry;                 /* Held before the next of them. */
    bool is_retry;              /* What was written last is one. */

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

/* An owned row, in the list of its tunnel or, if its columns are not that of
 * the tunnel it has to be, in 'broken'. */
struct owned_row {
    struct hmap_node node;      /* In struct tunnel_index's 'rows'. */
    struct ovs_list list_node;
    char *name;
    struct tunnel *tunnel;      /* NULL: broken. */
    bool has_former_key;        /* Broken: the tunnel it has to be. */
    struct tunnel_key former_key;
    long long int remove_at;    /* Broken: when nobody claimed it, ms. */
};

struct tunnel_index {
    struct hmap tunnels;        /* Contains struct tunnel, by 'key'. */
    struct hmap rows;           /* Contains struct owned_row, by 'name'. */
    struct ovs_list broken;     /* Contains struct owned_row. */
    struct ovs_list dirty;      /* Contain struct tunnel, by 'state'. */
    struct ovs_list in_flight;
    struct ovs_list held;
    long long int next_due;     /* No tunnel is held for shorter, ms. */
};

void tunnel_index_init(struct tunnel_index *);
void tunnel_index_destroy(struct tunnel_index *);

/* tunnel_index_find() returns NULL if there is none. */
struct tunnel *tunnel_index_find(const struct tunnel_index *,
                                 const struct tunnel_key *);
struct tunnel *tunnel_index_find_or_add(struct tunnel_index *,
                                        const struct tunnel_key *);

/* Destroys 'tunnel', which must have no rows. */
void tunnel_index_remove(struct tunnel_index *, struct tunnel *);

void tunnel_index_set_state(struct tunnel_index *, struct tunnel *,
                            enum tunnel_state);

/* Puts 'tunnel' off until 'until', in ms. */
void tunnel_index_hold(struct tunnel_index *, struct tunnel *,
                       long long int until);

/* Takes up what was put off until 'now', in ms. */
void tunnel_index_release_due(struct tunnel_index *, long long int now);

/* The want of 'tunnel' changed.  That is another thing than what was refused
 * or fought over, so it is tried at once. */
void tunnel_index_want_changed(struct tunnel_index *, struct tunnel *);

/* Returns NULL if there is no owned row of that name. */
struct owned_row *tunnel_index_find_row(const struct tunnel_index *,
                                        const char *name);

/* The columns of the owned row 'name' are those of a tunnel with 'key' or, if
 * that is NULL, of none.  If it stays broken nobody needs it from 'remove_at'
 * on, in ms. */
void tunnel_index_set_row(struct tunnel_index *, const char *name,
                          const struct tunnel_key *key,
                          long long int remove_at);

/* There is no owned row 'name' any more. */
void tunnel_index_remove_row(struct tunnel_index *, const char *name);

/* Has 'row' be regarded as one that has to become 'tunnel'. */
void tunnel_index_claim_row(struct tunnel_index *, struct owned_row *row,
                            const struct tunnel *tunnel,
                            long long int remove_at);

/* Returns the wanted tunnel that 'row' is, or that 'row' has to become because
 * it has no other, or NULL. */
struct tunnel *tunnel_index_find_claim(const struct tunnel_index *,
                                       const struct owned_row *row);

/* Returns a broken row that has to become 'tunnel', or NULL. */
struct owned_row *tunnel_index_find_claimed_row(const struct tunnel_index *,
                                                const struct tunnel *);

#endif /* tunnel-index.h */
