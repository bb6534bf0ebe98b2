/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-index.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

void
tunnel_index_init(struct tunnel_index *index)
{
    hmap_init(&index->tunnels);
    hmap_init(&index->rows);
    ovs_list_init(&index->broken);
    ovs_list_init(&index->dirty);
    ovs_list_init(&index->in_flight);
    ovs_list_init(&index->held);
    index->next_due = LLONG_MAX;
}

static void
row_destroy(struct tunnel_index *index, struct owned_row *row)
{
    hmap_remove(&index->rows, &row->node);
    ovs_list_remove(&row->list_node);
    free(row->name);
    free(row);
}

void
tunnel_index_destroy(struct tunnel_index *index)
{
    struct owned_row *row;
    struct tunnel *tunnel;

    HMAP_FOR_EACH_SAFE (row, node, &index->rows) {
        row_destroy(index, row);
    }
    HMAP_FOR_EACH_SAFE (tunnel, node, &index->tunnels) {
        tunnel_index_remove(index, tunnel);
    }
    hmap_destroy(&index->rows);
    hmap_destroy(&index->tunnels);
}

struct tunnel *
tunnel_index_find(const struct tunnel_index *index,
                  const struct tunnel_key *key)
{
    struct tunnel *tunnel;

    HMAP_FOR_EACH_WITH_HASH (tunnel, node, tunnel_key_hash(key, 0),
                             &index->tunnels) {
        if (tunnel_key_equals(&tunnel->key, key)) {
            return tunnel;
        }
    }
    return NULL;
}

struct tunnel *
tunnel_index_find_or_add(struct tunnel_index *index,
                         const struct tunnel_key *key)
{
    struct tunnel *tunnel = tunnel_index_find(index, key);

    if (!tunnel) {
        tunnel = xzalloc(sizeof *tunnel);
        tunnel->key = *key;
        tunnel->state = TUNNEL_SETTLED;
        tunnel->want = WANT_UNKNOWN;
        ovs_list_init(&tunnel->queue_node);
        ovs_list_init(&tunnel->rows);
        hmap_insert(&index->tunnels, &tunnel->node, tunnel_key_hash(key, 0));
    }
    return tunnel;
}

void
tunnel_index_remove(struct tunnel_index *index, struct tunnel *tunnel)
{
    ovs_assert(ovs_list_is_empty(&tunnel->rows));
    hmap_remove(&index->tunnels, &tunnel->node);
    ovs_list_remove(&tunnel->queue_node);
    free(tunnel->peer);
    free(tunnel->segment);
    free(tunnel);
}

void
tunnel_index_set_state(struct tunnel_index *index, struct tunnel *tunnel,
                       enum tunnel_state state)
{
    struct ovs_list *queues[] = {
        [TUNNEL_DIRTY] = &index->dirty,
        [TUNNEL_IN_FLIGHT] = &index->in_flight,
        [TUNNEL_HELD] = &index->held,
    };

    ovs_list_remove(&tunnel->queue_node);
    tunnel->state = state;
    if (state == TUNNEL_SETTLED) {
        ovs_list_init(&tunnel->queue_node);
    } else {
        ovs_list_push_back(queues[state], &tunnel->queue_node);
    }
}

void
tunnel_index_hold(struct tunnel_index *index, struct tunnel *tunnel,
                  long long int until)
{
    tunnel->hold_until = until;
    index->next_due = MIN(index->next_due, until);
    tunnel_index_set_state(index, tunnel, TUNNEL_HELD);
}

void
tunnel_index_release_due(struct tunnel_index *index, long long int now)
{
    struct tunnel *tunnel;

    if (now < index->next_due) {
        return;
    }

    index->next_due = LLONG_MAX;
    LIST_FOR_EACH_SAFE (tunnel, queue_node, &index->held) {
        if (now >= tunnel->hold_until) {
            tunnel_index_set_state(index, tunnel, TUNNEL_DIRTY);
        } else {
            index->next_due = MIN(index->next_due, tunnel->hold_until);
        }
    }
}

/* A row of 'tunnel' changed.  While something is in flight or put off it is
 * looked at when that has ended; but a port that failed may work now. */
static void
tunnel_row_changed(struct tunnel_index *index, struct tunnel *tunnel)
{
    if (tunnel->state == TUNNEL_SETTLED
        || (tunnel->state == TUNNEL_HELD && tunnel->retry)) {
        tunnel->retry = false;
        tunnel_index_set_state(index, tunnel, TUNNEL_DIRTY);
    }
}

void
tunnel_index_want_changed(struct tunnel_index *index, struct tunnel *tunnel)
{
    tunnel->backoff = 0;
    tunnel->writes = (struct repair_limit) { .n = 0 };
    tunnel->has_agreed = false;
    tunnel->n_retries = 0;
    tunnel->retry = false;
    if (tunnel->state == TUNNEL_SETTLED || tunnel->state == TUNNEL_HELD) {
        tunnel_index_set_state(index, tunnel, TUNNEL_DIRTY);
    }
}

struct owned_row *
tunnel_index_find_row(const struct tunnel_index *index, const char *name)
{
    struct owned_row *row;

    HMAP_FOR_EACH_WITH_HASH (row, node, hash_string(name, 0), &index->rows) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static struct owned_row *
row_find_or_add(struct tunnel_index *index, const char *name)
{
    struct owned_row *row = tunnel_index_find_row(index, name);

    if (!row) {
        row = xzalloc(sizeof *row);
        row->name = xstrdup(name);
        ovs_list_init(&row->list_node);
        hmap_insert(&index->rows, &row->node, hash_string(name, 0));
    }
    return row;
}

/* Puts 'row' into the list of 'tunnel' or, if that is NULL, of broken rows. */
static void
row_set_tunnel(struct tunnel_index *index, struct owned_row *row,
               struct tunnel *tunnel)
{
    if (row->tunnel) {
        tunnel_row_changed(index, row->tunnel);
    }
    ovs_list_remove(&row->list_node);
    ovs_list_push_back(tunnel ? &tunnel->rows : &index->broken,
                       &row->list_node);
    row->tunnel = tunnel;
    if (tunnel) {
        row->has_former_key = false;
        row->remove_at = 0;
        tunnel_row_changed(index, tunnel);
    }
}

static void
row_set_broken(struct tunnel_index *index, struct owned_row *row,
               long long int remove_at)
{
    if (!row->remove_at) {
        row->remove_at = remove_at;
    }
    row_set_tunnel(index, row, NULL);
}

void
tunnel_index_claim_row(struct tunnel_index *index, struct owned_row *row,
                       const struct tunnel *tunnel, long long int remove_at)
{
    row->has_former_key = true;
    row->former_key = tunnel->key;
    row_set_broken(index, row, remove_at);
}

struct tunnel *
tunnel_index_find_claim(const struct tunnel_index *index,
                        const struct owned_row *row)
{
    struct tunnel *tunnel = row->tunnel;

    if (row->has_former_key) {
        tunnel = tunnel_index_find(index, &row->former_key);
        if (tunnel && !ovs_list_is_empty(&tunnel->rows)) {
            return NULL;
        }
    }
    return tunnel && tunnel->want == WANT_THERE ? tunnel : NULL;
}

/* Where somebody changed the port of a wanted tunnel to another tunnel that
 * nobody wants, or to none, it is still the former's, which will put it right.
 * Such a port does not become the other tunnel's when the former is not wanted
 * any more either. */
void
tunnel_index_set_row(struct tunnel_index *index, const char *name,
                     const struct tunnel_key *key, long long int remove_at)
{
    struct owned_row *row = row_find_or_add(index, name);
    struct tunnel *claim = tunnel_index_find_claim(index, row);
    struct tunnel *tunnel = key ? tunnel_index_find(index, key) : NULL;
    bool wanted = tunnel && tunnel->want == WANT_THERE;

    if (claim && claim != tunnel && !wanted) {
        tunnel_index_claim_row(index, row, claim, remove_at);
        tunnel_row_changed(index, claim);
    } else if (key && (wanted || !row->has_former_key)) {
        row_set_tunnel(index, row, tunnel_index_find_or_add(index, key));
    } else {
        row_set_broken(index, row, remove_at);
    }
}

void
tunnel_index_remove_row(struct tunnel_index *index, const char *name)
{
    struct owned_row *row = tunnel_index_find_row(index, name);

    if (row) {
        struct tunnel *claim = tunnel_index_find_claim(index, row);

        if (row->tunnel) {
            tunnel_row_changed(index, row->tunnel);
        } else if (claim) {
            tunnel_row_changed(index, claim);
        }
        row_destroy(index, row);
    }
}

struct owned_row *
tunnel_index_find_claimed_row(const struct tunnel_index *index,
                              const struct tunnel *tunnel)
{
    struct owned_row *row;

    LIST_FOR_EACH (row, list_node, &index->broken) {
        if (row->has_former_key
            && tunnel_key_equals(&row->former_key, &tunnel->key)) {
            return row;
        }
    }
    return NULL;
}
