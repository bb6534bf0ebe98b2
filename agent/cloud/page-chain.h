/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_PAGE_CHAIN_H
#define VTEPD_PAGE_CHAIN_H 1

/* Decides what an answer of the API means for the list that is being read
 * page by page (contract 3.2).  Only decides: no I/O, no time.
 *
 * 1. A list is whole when a page without a cursor has arrived.
 * 2. All its pages carry one version; one that does not, and HTTP 410 for a
 *    cursor, mean that the list must be begun again.  That may happen
 *    RESTARTS_MAX times in a row.
 * 3. A cursor that was already used, too many pages and too many items are
 *    failures: such a list would never end.
 * 4. The ETag of a list's first page belongs to the list once it is whole, and
 *    is sent with the first request of the next.  Only that may be answered
 *    with 304. */

#include <stdbool.h>

#include "sset.h"

struct http_response;

struct page_chain {
    /* Of the last whole list, also one from before the start. */
    char *etag;                 /* NULL: ask unconditionally. */

    /* Of the list being read. */
    bool conditional;           /* Was asked for with 'etag'. */
    unsigned int n_restarts;    /* In a row. */
    unsigned int n_pages;       /* Before the one being read. */
    unsigned long long int n_items;
    char *new_etag;
    char *version;              /* NULL: no page yet. */
    char *cursor;               /* Of the page to ask for, NULL: the first. */
    struct sset cursors;        /* All that were used. */
};

/* What to do now. */
enum page_verdict {
    PAGE_CHAIN_DECODE,          /* The body is a page: decode it. */
    PAGE_CHAIN_NEXT,            /* Ask for the page at 'cursor'. */
    PAGE_CHAIN_WHOLE,           /* The list is whole, with 'version'. */
    PAGE_CHAIN_NOT_MODIFIED,    /* The last whole list still holds. */
    PAGE_CHAIN_RESTART,         /* Begin again, see '*errorp'. */
    PAGE_CHAIN_FAILED,          /* Give up for now, see '*errorp'. */
};

void page_chain_init(struct page_chain *);
void page_chain_destroy(struct page_chain *);

/* Begins a list.  'again': after PAGE_CHAIN_RESTART. */
void page_chain_begin(struct page_chain *, bool again);

/* Makes the next list be asked for unconditionally. */
void page_chain_forget(struct page_chain *);

/* Before the first list: what is known is a whole list that had 'etag'. */
void page_chain_assume(struct page_chain *, const char *etag);

/* An answer came.  Returns PAGE_CHAIN_DECODE, _NOT_MODIFIED, _RESTART or
 * _FAILED; for the last two says why in '*errorp', which the caller must
 * free. */
enum page_verdict page_chain_answered(struct page_chain *,
                                      const struct http_response *,
                                      char **errorp);

/* A page was decoded that had 'n_items', 'version' and perhaps 'cursor'.
 * Returns PAGE_CHAIN_NEXT, _WHOLE, _RESTART or _FAILED. */
enum page_verdict page_chain_decoded(struct page_chain *,
                                     unsigned int n_items,
                                     const char *version, const char *cursor,
                                     char **errorp);

#endif /* page-chain.h */
