/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-replay.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum {
    DIGEST_LEN = 16,

    /* What expires within the same SLOT_S seconds is swept together.  The
     * slots of N_BUCKETS are further than an expiry can be ahead. */
    SLOT_S = 16,
    N_BUCKETS = 64,

    SWEEP_MAX = 10000,          /* Entries looked at in a run. */
    ENTRIES_MIN = 64,
};

#define NONE UINT32_MAX

/* In an array, linked by indexes: 28 bytes an identifier. */
struct entry {
    uint8_t digest[DIGEST_LEN];
    uint32_t expiry;            /* In s since 1970. */
    uint32_t next_hash;         /* With the same hash; or the next free one. */
    uint32_t next_bucket;       /* Expires at about the same time. */
};

struct webhook_replay {
    struct entry *entries;
    uint32_t *heads;            /* By hash, as many as there are entries. */
    uint32_t n_allocated;       /* A power of 2. */
    uint32_t free;              /* First free entry. */
    size_t n, max;

    /* An entry is in the bucket of its expiry, or in that of an earlier one,
     * from where it is moved when that is swept. */
    uint32_t buckets[N_BUCKETS];
    uint32_t sweeping;          /* What is left of the one being swept. */
    long long int next_slot;    /* The slot to be swept next; 0: not known. */
};

static void
get_digest(const char *id, uint8_t digest[DIGEST_LEN])
{
    unsigned char sha256[EVP_MAX_MD_SIZE];

    if (!EVP_Digest(id, strlen(id), sha256, NULL, EVP_sha256(), NULL)) {
        out_of_memory();
    }
    memcpy(digest, sha256, DIGEST_LEN);
}

static uint32_t *
head_of(struct webhook_replay *replay, const uint8_t digest[DIGEST_LEN])
{
    uint32_t hash;

    memcpy(&hash, digest, sizeof hash);
    return &replay->heads[hash & (replay->n_allocated - 1)];
}

static uint32_t *
bucket_of(struct webhook_replay *replay, const struct entry *e)
{
    return &replay->buckets[e->expiry / SLOT_S % N_BUCKETS];
}

struct webhook_replay *
webhook_replay_create(size_t max)
{
    struct webhook_replay *replay = xzalloc(sizeof *replay);

    replay->max = max;
    replay->free = replay->sweeping = NONE;
    for (int i = 0; i < N_BUCKETS; i++) {
        replay->buckets[i] = NONE;
    }
    return replay;
}

void
webhook_replay_destroy(struct webhook_replay *replay)
{
    if (replay) {
        free(replay->entries);
        free(replay->heads);
        free(replay);
    }
}

static struct entry *
find(struct webhook_replay *replay, const uint8_t digest[DIGEST_LEN])
{
    if (!replay->n) {
        return NULL;
    }
    for (uint32_t i = *head_of(replay, digest); i != NONE;
         i = replay->entries[i].next_hash) {
        if (!memcmp(replay->entries[i].digest, digest, DIGEST_LEN)) {
            return &replay->entries[i];
        }
    }
    return NULL;
}

bool
webhook_replay_seen(struct webhook_replay *replay, const char *id,
                    long long int expiry)
{
    uint8_t digest[DIGEST_LEN];

    get_digest(id, digest);

    struct entry *e = find(replay, digest);
    if (!e) {
        return false;
    }
    if (expiry > e->expiry) {
        e->expiry = MIN(expiry, UINT32_MAX);
    }
    return true;
}

bool
webhook_replay_is_full(const struct webhook_replay *replay)
{
    return replay->n >= replay->max;
}

/* Doubles the arrays: all entries are in use. */
static void
grow(struct webhook_replay *replay)
{
    uint32_t n = replay->n_allocated;
    uint32_t n_new = MAX(2 * n, ENTRIES_MIN);

    replay->entries = xrealloc(replay->entries,
                               n_new * sizeof *replay->entries);
    replay->heads = xrealloc(replay->heads, n_new * sizeof *replay->heads);
    replay->n_allocated = n_new;
    memset(replay->heads, 0xff, n_new * sizeof *replay->heads);
    for (uint32_t i = 0; i < n; i++) {
        struct entry *e = &replay->entries[i];
        uint32_t *head = head_of(replay, e->digest);

        e->next_hash = *head;
        *head = i;
    }
    for (uint32_t i = n; i < n_new; i++) {
        replay->entries[i].next_hash = i + 1 < n_new ? i + 1 : NONE;
    }
    replay->free = n;
}

void
webhook_replay_add(struct webhook_replay *replay, const char *id,
                   long long int expiry)
{
    ovs_assert(!webhook_replay_is_full(replay));
    if (replay->free == NONE) {
        grow(replay);
    }

    uint32_t i = replay->free;
    struct entry *e = &replay->entries[i];
    replay->free = e->next_hash;
    replay->n++;

    get_digest(id, e->digest);
    e->expiry = MIN(MAX(expiry, 0), UINT32_MAX);

    uint32_t *head = head_of(replay, e->digest);
    e->next_hash = *head;
    *head = i;

    uint32_t *bucket = bucket_of(replay, e);
    e->next_bucket = *bucket;
    *bucket = i;
}

static void
delete_entry(struct webhook_replay *replay, uint32_t i)
{
    struct entry *e = &replay->entries[i];
    uint32_t *p = head_of(replay, e->digest);

    while (*p != i) {
        p = &replay->entries[*p].next_hash;
    }
    *p = e->next_hash;
    e->next_hash = replay->free;
    replay->free = i;
    replay->n--;
}

/* Deletes the entry, if it has expired, or else moves it to its bucket. */
static void
sweep_entry(struct webhook_replay *replay, uint32_t i, long long int slot)
{
    struct entry *e = &replay->entries[i];

    if (e->expiry / SLOT_S < slot) {
        delete_entry(replay, i);
    } else {
        uint32_t *bucket = bucket_of(replay, e);

        e->next_bucket = *bucket;
        *bucket = i;
    }
}

void
webhook_replay_run(struct webhook_replay *replay, long long int now)
{
    long long int slot = now / SLOT_S;

    /* After a jump of the clock, forwards or back, once around is enough: that
     * finds every entry, and moves those that have not expired. */
    if (replay->next_slot > slot || replay->next_slot < slot - N_BUCKETS) {
        replay->next_slot = slot - N_BUCKETS;
    }
    for (int i = 0; i < SWEEP_MAX; i++) {
        while (replay->sweeping == NONE) {
            if (replay->next_slot >= slot) {
                return;
            }

            uint32_t *bucket = &replay->buckets[replay->next_slot++
                                                % N_BUCKETS];
            replay->sweeping = *bucket;
            *bucket = NONE;
        }

        uint32_t entry = replay->sweeping;
        replay->sweeping = replay->entries[entry].next_bucket;
        sweep_entry(replay, entry, slot);
    }
}

size_t
webhook_replay_count(const struct webhook_replay *replay)
{
    return replay->n;
}
