/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/page-chain.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/http-answer.h"
#include "cloud/media-type.h"
#include "cloud/safe-text.h"
#include "util.h"

enum {
    RESTARTS_MAX = 3,
    PAGES_MAX = 10000,
    ITEMS_MAX = 10 * 1000 * 1000,
};

void
page_chain_init(struct page_chain *chain)
{
    *chain = (struct page_chain) { .etag = NULL };
    sset_init(&chain->cursors);
}

void
page_chain_destroy(struct page_chain *chain)
{
    free(chain->etag);
    free(chain->new_etag);
    free(chain->version);
    free(chain->cursor);
    sset_destroy(&chain->cursors);
}

/* Frees the string '*sp' and replaces it by 'new', of which it takes
 * ownership. */
static void
replace(char **sp, char *new)
{
    free(*sp);
    *sp = new;
}

void
page_chain_begin(struct page_chain *chain, bool again)
{
    chain->conditional = chain->etag != NULL;
    chain->n_restarts = again ? chain->n_restarts + 1 : 0;
    chain->n_pages = 0;
    chain->n_items = 0;
    replace(&chain->new_etag, NULL);
    replace(&chain->version, NULL);
    replace(&chain->cursor, NULL);
    sset_clear(&chain->cursors);
}

void
page_chain_forget(struct page_chain *chain)
{
    replace(&chain->etag, NULL);
}

void
page_chain_assume(struct page_chain *chain, const char *etag)
{
    replace(&chain->etag, xstrdup(etag));
}

static enum page_verdict
restart(struct page_chain *chain, char *error, char **errorp)
{
    *errorp = error;
    return (chain->n_restarts < RESTARTS_MAX ? PAGE_CHAIN_RESTART
            : PAGE_CHAIN_FAILED);
}

/* What an operator may want to know about a status. */
static const char *
explain_status(int status)
{
    switch (status) {
    case 401:
        return ": the API wants a valid token (--api-token-file)";
    case 403:
        return ": the API does not let this host read the inventory";
    case 404:
        return ": there is no inventory at this URL";
    default:
        return "";
    }
}

static enum page_verdict
judge_status(struct page_chain *chain, const struct http_response *response,
             char **errorp)
{
    int status = response->status;
    const char *text = http_status_text(status);
    char *error = xasprintf("HTTP %d%s%s%s", status, text[0] ? " " : "", text,
                            explain_status(status));

    if (status == 410 && chain->cursor) {
        return restart(chain, error, errorp);
    }
    *errorp = error;
    return PAGE_CHAIN_FAILED;
}

enum page_verdict
page_chain_answered(struct page_chain *chain,
                    const struct http_response *response, char **errorp)
{
    if (response->error) {
        *errorp = xstrdup(response->error);
        return PAGE_CHAIN_FAILED;
    }
    if (response->status == 304 && chain->conditional && !chain->cursor) {
        return PAGE_CHAIN_NOT_MODIFIED;
    }
    if (response->status != 200) {
        return judge_status(chain, response, errorp);
    }
    if (!response->content_type
        || !media_type_is(response->content_type, "application/json")) {
        char *type = (response->content_type
                      ? safe_text(response->content_type)
                      : xstrdup("missing"));
        *errorp = xasprintf("the content type is %s, not \"application/json\"",
                            type);
        free(type);
        return PAGE_CHAIN_FAILED;
    }
    if (!chain->cursor) {
        replace(&chain->new_etag, nullable_xstrdup(response->etag));
    }
    return PAGE_CHAIN_DECODE;
}

enum page_verdict
page_chain_decoded(struct page_chain *chain, unsigned int n_items,
                   const char *version, const char *cursor, char **errorp)
{
    chain->n_items += n_items;
    if (!chain->version) {
        chain->version = xstrdup(version);
    } else if (strcmp(chain->version, version)) {
        return restart(chain, xasprintf(
            "the inventory changed while it was listed (version %s, then %s)",
            chain->version, version), errorp);
    }

    if (!cursor) {
        replace(&chain->etag, chain->new_etag);
        chain->new_etag = NULL;
        return PAGE_CHAIN_WHOLE;
    }

    if (!sset_add(&chain->cursors, cursor)) {
        *errorp = xstrdup("\"next\" leads back to an earlier page");
        return PAGE_CHAIN_FAILED;
    }
    if (chain->n_pages + 1 >= PAGES_MAX || chain->n_items >= ITEMS_MAX) {
        *errorp = xasprintf("the list does not end (%u pages, %llu items)",
                            chain->n_pages + 1, chain->n_items);
        return PAGE_CHAIN_FAILED;
    }
    chain->n_pages++;
    replace(&chain->cursor, xstrdup(cursor));
    return PAGE_CHAIN_NEXT;
}
