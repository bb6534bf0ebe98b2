/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_VALUE_ARENA_H
#define VTEPD_VALUE_ARENA_H 1

/* Memory for JSON values that are read, looked at and freed within moments.
 *
 * A value of the inventory is some forty allocations.  Here these are cut from
 * one small block, from the front to the back, and the block is all free again
 * once no value is left.  What does not fit comes from malloc(), so neither
 * the number of values that live at a time nor their size or order is limited,
 * and the block is all that is ever kept.
 *
 * Invariants: the block is used only between value_arena_begin() and
 * value_arena_end(), by the thread that called them, so whoever else uses the
 * JSON library in this process has malloc() as ever; and it is not used anew
 * before value_arena_release() was called for every value that was begun.
 *
 * There is no block in builds with AddressSanitizer, which thus sees every
 * single allocation and finds what is used too late, or never freed. */

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the block, enough for any object but a large router. */
#if defined(__SANITIZE_ADDRESS__)
#define VALUE_ARENA_SIZE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VALUE_ARENA_SIZE 0
#endif
#endif
#ifndef VALUE_ARENA_SIZE
#define VALUE_ARENA_SIZE (64 * 1024)
#endif

/* What the JSON library is to use in place of malloc() and free(). */
void *value_arena_alloc(size_t);
void value_arena_free(void *);

/* A value is going to be read; the reading is over.  One value is read at a
 * time, but other values may live meanwhile. */
void value_arena_begin(void);
void value_arena_end(void);

/* Does memory of any value that lives come from malloc()?  If not, a value
 * that is released need not be taken to pieces before. */
bool value_arena_has_spilled(void);

/* A value that was begun is gone, or was never finished. */
void value_arena_release(void);

#endif /* value-arena.h */
