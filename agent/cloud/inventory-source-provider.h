/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_SOURCE_PROVIDER_H
#define VTEPD_INVENTORY_SOURCE_PROVIDER_H 1

/* What a kind of inventory source consists of, and what all kinds share:
 * feeding pages to the sink, the status, and what is logged about both.
 *
 * A source calls source_list_begin(), for each page source_page_begin() and
 * source_page_run() until it is decoded, and then one of source_list_end() and
 * source_list_abort().  Whatever the outcome of a try, it says so with one of
 * source_list_end(), source_not_modified() and source_failed().
 *
 * A source that can be watched calls source_watch_asked(), then
 * source_watch_opened() and source_watch_event(), and one of
 * source_watch_ended() and source_watch_unsupported().
 *
 * To add a kind: write a class, and a line in inventory-source.c. */

#include "cloud/inventory-page.h"
#include "cloud/inventory-source.h"
#include "sset.h"

struct inventory_source_class {
    const char *scheme;         /* "http:". */

    struct inventory_source *(*create)(
        const struct inventory_source_config *, char **errorp);
    void (*destroy)(struct inventory_source *);
    void (*run)(struct inventory_source *);
    void (*wait)(struct inventory_source *);
    void (*list_now)(struct inventory_source *);
    void (*list_soon)(struct inventory_source *);
    void (*changed)(struct inventory_source *);

    /* NULL if the kind has no ETags.  assume() need not set the status. */
    void (*assume)(struct inventory_source *, const char *etag);
    const char *(*etag)(const struct inventory_source *);
};

/* Embedded in the struct of each kind. */
struct inventory_source {
    const struct inventory_source_class *class;
    struct inventory_sink sink;
    struct inventory_source_status status;
    char *name;                 /* For log messages: the URL. */

    /* The list in progress. */
    bool listing;
    unsigned int n_objects;
    unsigned int n_refused;
    unsigned int n_skipped;     /* Of kinds that are not known. */

    /* The page in progress, NULL between pages. */
    struct inventory_page *page;
    char *body;                 /* Its text. */
    unsigned int n_page_items;

    /* What was logged already: refusals of the last list and of this one,
     * and kinds that are not known. */
    struct sset refusals;
    struct sset new_refusals;
    struct sset unknown_kinds;

    /* The watch stream. */
    uint64_t n_events;          /* Of the one that is open. */
    bool told_unsupported;      /* That the server has no watch. */
};

extern const struct inventory_source_class http_inventory_class;
extern const struct inventory_source_class https_inventory_class;
extern const struct inventory_source_class file_inventory_class;

/* Initializes the common part; 'class' and 'sink' are set by the caller of the
 * class's create(). */
void source_init(struct inventory_source *, const char *name);
void source_uninit(struct inventory_source *);

void source_list_begin(struct inventory_source *);

/* Starts to decode the 'len' bytes at 'body', of which it takes ownership. */
void source_page_begin(struct inventory_source *, char *body, size_t len);

/* Hands some items of the page to the sink.  Returns INVENTORY_PAGE_ITEM if
 * there is more to do: call it again in the next pass. */
enum inventory_page_event source_page_run(struct inventory_source *);
void source_page_end(struct inventory_source *);

void source_list_end(struct inventory_source *, const char *version,
                     long long int now);

/* Ends the list in progress, if there is one, without effect. */
void source_list_abort(struct inventory_source *);

/* What was listed last still holds. */
void source_not_modified(struct inventory_source *, long long int now);

/* A try failed because of 'error' (owned by the caller); the next is at
 * 'next_try', or when something changes if that is LLONG_MAX. */
void source_failed(struct inventory_source *, const char *error,
                   long long int now, long long int next_try);

/* Remembers 's' in 'set', one of those of what was logged already.  Returns
 * true if it was not there. */
bool source_is_news(struct sset *set, const char *s);

/* The watch stream. */

void source_watch_asked(struct inventory_source *);

/* It is open, from version 'since' on. */
void source_watch_opened(struct inventory_source *, const char *since,
                         long long int now);

/* Hands an event to the sink, or does what else it is good for, and frees it.
 * Returns true if an object was refused that was not refused before, so that
 * only a list can tell what is true. */
bool source_watch_event(struct inventory_source *, struct inventory_event *);

/* The stream is over because of 'why', which is a fault or to be expected; it
 * is not asked for again before 'next_try'. */
void source_watch_ended(struct inventory_source *, const char *why,
                        bool is_fault, long long int now,
                        long long int next_try);

/* The server has no watch: 'why'. */
void source_watch_unsupported(struct inventory_source *, const char *why);

#endif /* inventory-source-provider.h */
