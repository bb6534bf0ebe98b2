/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_CACHE_H
#define VTEPD_INVENTORY_CACHE_H 1

/* The last known inventory, kept in a file (contract 3.4).
 *
 * Hands the file's objects to a sink at start, as a list, and from then on, or
 * from the first whole list of the API on, writes the file anew some time
 * after the inventory has changed.  Both take many passes, none of them long.
 * The file's form is state-file.h's.
 *
 * The file is always one that was whole: a new one is written beside it, is
 * brought to the disk, and then takes its name.  It is 0600; one that is not
 * ours alone to write is not read.
 *
 * Nothing here can fail for the caller: trouble with the file is logged once,
 * shown in the status, and the inventory is done without the file. */

#include <stdbool.h>

struct inventory;
struct inventory_cache;
struct inventory_sink;

/* 'inv' is what is written, 'sink' who gets what is read; both must outlive
 * the cache, which makes a copy of '*sink'. */
struct inventory_cache *inventory_cache_create(
    const struct inventory *inv, const struct inventory_sink *sink);

/* Does not write what is not written yet: see inventory_cache_flush(). */
void inventory_cache_destroy(struct inventory_cache *);

/* From now on it is the inventory of 'url' for 'host', kept in folder 'dir',
 * which is made if it is missing and its parent is there.  What was under way
 * is given up, a list to the sink is aborted. */
void inventory_cache_configure(struct inventory_cache *, const char *dir,
                               const char *host, const char *url);

/* Starts to read the file: list_begin() and the rest follow from
 * inventory_cache_run(), or nothing if there is no usable file.  No other list
 * may come between while inventory_cache_is_loading(). */
void inventory_cache_load(struct inventory_cache *);
bool inventory_cache_is_loading(const struct inventory_cache *);

/* Does the inventory come from the file, and nothing newer has arrived? */
bool inventory_cache_is_in_use(const struct inventory_cache *);

/* A whole list with 'version' has arrived.  Before that only what began with
 * the file is written. */
void inventory_cache_confirmed(struct inventory_cache *, const char *version);

/* If the inventory as it is now is exactly what the last whole list said,
 * 'etag' is that list's ETag, else NULL.  To be called before each run and
 * flush.  A file that differs in nothing else is written only by a flush. */
void inventory_cache_set_etag(struct inventory_cache *, const char *etag);

/* If the file is in use and the inventory is still exactly what is in it, and
 * that is exactly a whole list of the API: returns that list's ETag and stores
 * its version in '*version'.  Else returns NULL.  Valid until the cache
 * changes. */
const char *inventory_cache_etag(const struct inventory_cache *,
                                 const char **version);

void inventory_cache_run(struct inventory_cache *);
void inventory_cache_wait(struct inventory_cache *);

/* Writes what is not written yet, at once.  Blocks: for the end of the
 * program. */
void inventory_cache_flush(struct inventory_cache *);

/* For vtepd/status.  Valid until the cache changes. */
struct inventory_cache_status {
    const char *path;           /* NULL before it is configured. */
    bool loading;
    bool in_use;                /* See inventory_cache_is_in_use(). */
    bool saved;                 /* Does the file hold what is known now? */
    long long int age;          /* Of the file in ms, -1: not known. */
    const char *error;          /* What is wrong with it and what follows from
                                 * that, or NULL. */
    long long int failing_since;    /* As of time_msec(), if 'error'. */
};
void inventory_cache_get_status(const struct inventory_cache *,
                                struct inventory_cache_status *);

#endif /* inventory-cache.h */
