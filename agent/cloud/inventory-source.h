/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_SOURCE_H
#define VTEPD_INVENTORY_SOURCE_H 1

/* Where the inventory comes from.
 *
 * A source asks for lists (contract 3.2), on its own schedule and when told
 * to, and hands every object over to a sink as a value.  It knows how to talk
 * to one kind of server or file, when to try again, and what went wrong; it
 * does not know what the objects mean and keeps none of them.
 *
 * For each list it calls, in this order: list_begin(), then list_object() and
 * list_invalid() any number of times, then exactly one of list_end() (the list
 * is whole) and list_abort() (it is not: nothing may change because of it).
 * list_begin() comes before the list is asked for.  If the server says that
 * the list has not changed, that is list_abort() too.
 *
 * Where the server can, the source also follows a watch stream (contract 3.3)
 * from the last whole list on. */

#include <stdbool.h>

#include "core/objects.h"

struct deleted_object;
struct inventory_event;

struct inventory_sink {
    void *aux;
    void (*list_begin)(void *aux);

    /* Takes ownership of 'object'. */
    void (*list_object)(void *aux, struct object *object);

    /* An item of the list was refused (and logged).  'kind' and 'id' say
     * which object it was where that can be told, else 'id' is NULL: the sink
     * keeps what it knows of that object, or, when it cannot know which,
     * deletes nothing because of this list. */
    void (*list_invalid)(void *aux, enum object_kind kind, const char *id);

    void (*list_end)(void *aux, const char *version);
    void (*list_abort)(void *aux);

    /* State files only: takes over some more of the list that has ended.
     * Returns true once that is done.  NULL: list_end() has done it. */
    bool (*list_run)(void *aux);

    /* State files only, after the list, or NULL: an object that was deleted
     * before. */
    void (*deleted)(void *aux, const struct deleted_object *);

    /* The list of 'version' that inventory_source_assume() told of is what the
     * server has: it takes the place of the first whole list. */
    void (*assumed)(void *aux, const char *version);

    /* A PUT, DELETE or THIN event of the watch stream; the sink may take the
     * object and strings out of it.  Comes at any time, also within a
     * list. */
    void (*event)(void *aux, struct inventory_event *event);
};

/* All settings of a source.  Strings may be NULL where not set. */
struct inventory_source_config {
    const char *url;            /* "http:", "https:" or "file:". */
    const char *host;           /* This host's id, for the query. */
    int poll;                   /* Seconds between lists, before jitter. */
    const char *api_token_file;
    const char *api_ca;
    const char *api_cert;
    const char *api_key;
    bool api_insecure;
};

enum watch_state {
    WATCH_NONE,                 /* This kind of source has none. */
    WATCH_CLOSED,               /* Until the next whole list. */
    WATCH_OPENING,              /* Asked for. */
    WATCH_OPEN,                 /* Events come as they happen. */
    WATCH_UNSUPPORTED,          /* The server has none: it is polled. */
};

/* How a watch stream ended. */
enum watch_end {
    WATCH_END_CLOSED,           /* By the server, or the connection broke. */
    WATCH_END_GONE,             /* What was asked for was too old. */
    WATCH_END_BROKEN,           /* It was not what a stream has to be. */
    WATCH_END_REFUSED,          /* There was another answer, or none. */
    WATCH_END_UNSUPPORTED,      /* The server has no watch. */
    N_WATCH_ENDS
};

/* For vtepd/status.  All times are time_msec(); 0: never. */
struct inventory_source_status {
    bool whole;                 /* Has a whole list ever arrived, or been said
                                 * not to have changed? */
    char *version;              /* Of the last whole list, or NULL. */
    char *error;                /* Why the last try failed, or NULL. */
    long long int last_success; /* Last whole list or "not modified". */
    long long int failing_since;    /* 0: not failing. */
    long long int next_try;     /* When the next list is asked for. */
    long long int asked;        /* When the list under way was, 0: none is. */
    unsigned int n_lists;       /* Whole lists. */
    unsigned int n_not_modified;    /* 304, or an unchanged file. */
    unsigned int n_failures;
    unsigned int n_refused_objects; /* In the last whole list. */
    uint64_t n_bytes;           /* Received, when decompressed. */

    /* The watch stream. */
    enum watch_state watch;
    long long int watch_since;  /* When it was opened. */
    long long int watch_heard;  /* When its last line came. */
    char *watch_version;        /* Of its last bookmark, or NULL. */
    char *watch_error;          /* Why the last one ended, or NULL. */
    uint64_t n_watch_events;
    uint64_t n_watch_refused;   /* Of them, those with invalid objects. */
    unsigned int n_watches;     /* Opened. */
    unsigned int n_watch_ends[N_WATCH_ENDS];    /* Also of those that were not
                                                 * opened. */
};

struct inventory_source;

/* Creates the source for 'config->url', calling 'sink' from
 * inventory_source_run() only.  Returns NULL and sets '*errorp' (to be freed
 * by the caller) if the configuration cannot work: a scheme that is not known,
 * a file that cannot be used. */
struct inventory_source *inventory_source_create(
    const struct inventory_source_config *config,
    const struct inventory_sink *sink, char **errorp);
void inventory_source_destroy(struct inventory_source *);

void inventory_source_run(struct inventory_source *);
void inventory_source_wait(struct inventory_source *);

/* Asks for a list as soon as possible, unconditionally (no If-None-Match). */
void inventory_source_list_now(struct inventory_source *);

/* Asks for a list soon, unconditionally, because something has changed that
 * only a list can tell.  Any number of calls within a second lead to one list
 * or two. */
void inventory_source_list_soon(struct inventory_source *);

/* What is known is no longer what the last list said: the next list is asked
 * for unconditionally. */
void inventory_source_changed(struct inventory_source *);

/* Tells a source that has not been run yet that what is known is exactly the
 * whole list that had 'version' and 'etag', so that the first list may turn
 * out not to have changed.  A kind of source that has no ETags ignores it; all
 * others call assumed() if so. */
void inventory_source_assume(struct inventory_source *, const char *version,
                             const char *etag);

/* Returns the ETag of the last whole list; NULL if there is none, and after
 * inventory_source_changed(), until the next whole list.  Valid until
 * something happens to the source. */
const char *inventory_source_etag(const struct inventory_source *);

/* Fills 'status'; free it with inventory_source_status_destroy(). */
void inventory_source_get_status(const struct inventory_source *,
                                 struct inventory_source_status *status);
void inventory_source_status_destroy(struct inventory_source_status *);

#endif /* inventory-source.h */
