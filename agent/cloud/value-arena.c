/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/value-arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "util.h"

static struct {
    size_t used;                /* Bytes at the start of 'block'. */
    void *last;                 /* What was allocated last, or NULL. */
    unsigned int n_values;      /* That live or are being read. */
    bool spilled;               /* See value_arena_has_spilled(). */
} arena;

/* Where there is no block, an array must still have a size. */
static char block[MAX(VALUE_ARENA_SIZE, 16)] __attribute__((aligned(16)));
static const size_t block_size = VALUE_ARENA_SIZE;

/* Of each thread its own: is it reading a value? */
static __thread bool reading;

static bool
is_inside(const void *p)
{
    /* As numbers: pointers into different objects have no order. */
    return (uintptr_t) p - (uintptr_t) block < block_size;
}

void *
value_arena_alloc(size_t size)
{
    if (!reading || !size) {
        /* No bytes would have no place inside. */
        return malloc(size);
    }
    if (size > block_size - arena.used) {
        arena.spilled = true;
        return malloc(size);
    }
    arena.last = &block[arena.used];
    /* The size of the block is a multiple of this too. */
    arena.used += ROUND_UP(size, 16);
    return arena.last;
}

void
value_arena_free(void *p)
{
    if (!is_inside(p)) {
        free(p);
    } else if (p == arena.last) {
        arena.used = (char *) p - block;
        arena.last = NULL;
    }
}

void
value_arena_begin(void)
{
    ovs_assert(!reading);
    reading = true;
    arena.n_values++;
}

void
value_arena_end(void)
{
    ovs_assert(reading);
    reading = false;
}

bool
value_arena_has_spilled(void)
{
    return arena.spilled;
}

void
value_arena_release(void)
{
    ovs_assert(arena.n_values);
    if (!--arena.n_values) {
        arena.used = 0;
        arena.last = NULL;
        arena.spilled = false;
    }
}
