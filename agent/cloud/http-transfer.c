/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/http-private.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cloud/api-token.h"
#include "cloud/curl-poll.h"
#include "cloud/inventory-url.h"
#include "cloud/safe-text.h"
#include "timeval.h"
#include "util.h"

enum {
    CONNECT_TIMEOUT = 10 * 1000,    /* Milliseconds; DNS and TLS included. */
    TOTAL_TIMEOUT = 120 * 1000,     /* Milliseconds. */
    CRAWL_SPEED = 100,              /* Bytes a second, ... */
    CRAWL_TIME = 30,                /* ...for so many seconds: given up. */
    BODY_MAX = 64 * 1024 * 1024,    /* Bytes, decompressed. */
    STREAM_MAX = 16 * 1024 * 1024,  /* Bytes of a stream not yet taken. */
    DROPPED_MAX = 64 * 1024,        /* Bytes of an error page. */
    HEADERS_MAX = 64 * 1024,        /* Bytes. */
    HEADER_LINES_MAX = 200,
    REDIRECTS_MAX = 4,
};

struct http_transfer {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    char *url;                  /* What was asked for first. */
    unsigned int n_redirects;
    char curl_error[CURL_ERROR_SIZE];

    size_t n_header_bytes;
    unsigned int n_header_lines;
    size_t n_dropped;           /* Bytes of a body that is not kept. */
    char *etag;
    char *retry_after;

    bool stream;
    bool paused;                /* A stream from which nothing is received. */
    bool head_complete;         /* All headers have arrived. */
    bool done;
    struct http_response response;
};

static int
transfer_status(const struct http_transfer *transfer)
{
    long int status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void
transfer_fail(struct http_transfer *transfer, char *error)
{
    if (transfer->response.error) {
        free(error);
    } else {
        transfer->response.error = error;
    }
}

/* If 'line' is the header 'name', replaces '*valuep' by its value. */
static void
parse_header(const char *line, size_t len, const char *name, char **valuep)
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n)) {
        return;
    }

    const char *p = line + n + 1;
    const char *end = line + len;
    while (p < end && isspace((unsigned char) *p)) {
        p++;
    }
    while (end > p && isspace((unsigned char) end[-1])) {
        end--;
    }
    free(*valuep);
    *valuep = end > p ? xmemdup0(p, end - p) : NULL;
}

/* Fills in the response from what libcurl has. */
static void
read_head(struct http_transfer *transfer)
{
    struct http_response *response = &transfer->response;
    char *type = NULL;

    response->status = transfer_status(transfer);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    free(response->content_type);
    response->content_type = nullable_xstrdup(type);
    free(response->etag);
    response->etag = nullable_xstrdup(transfer->etag);
    if (transfer->retry_after) {
        response->retry_after = http_parse_retry_after(transfer->retry_after,
                                                       time_wall());
    }
}

/* libcurl's CURLOPT_HEADERFUNCTION. */
static size_t
header_received(char *line, size_t size, size_t n, void *transfer_)
{
    struct http_transfer *transfer = transfer_;
    size_t len = size * n;

    transfer->n_header_bytes += len;
    transfer->n_header_lines++;
    if (transfer->n_header_bytes > HEADERS_MAX
        || transfer->n_header_lines > HEADER_LINES_MAX) {
        transfer_fail(transfer, xasprintf(
            "the answer's headers are larger than %d bytes or %d lines",
            HEADERS_MAX, HEADER_LINES_MAX));
        return 0;
    }

    /* Trailers, after the body, do not count. */
    if (!transfer->head_complete) {
        parse_header(line, len, "ETag", &transfer->etag);
        parse_header(line, len, "Retry-After", &transfer->retry_after);
        if (strspn(line, "\r\n") == len && transfer_status(transfer) >= 200) {
            transfer->head_complete = true;
            read_head(transfer);
        }
    }
    return len;
}

/* libcurl's CURLOPT_WRITEFUNCTION. */
static size_t
body_received(char *data, size_t size, size_t n, void *transfer_)
{
    struct http_transfer *transfer = transfer_;
    struct ds *body = &transfer->response.body;
    size_t len = size * n;

    transfer->client->n_received += len;
    if (transfer_status(transfer) != 200) {
        transfer->n_dropped += len;
        return transfer->n_dropped > DROPPED_MAX ? 0 : len;
    }

    size_t max = transfer->stream ? STREAM_MAX : BODY_MAX;
    if (len > max - body->length) {
        transfer_fail(transfer, xasprintf(
            transfer->stream
            ? "more than %"PRIuSIZE" MiB come at once when decompressed"
            : "the answer's body is larger than %"PRIuSIZE" MiB",
            max / 1024 / 1024));
        return 0;
    }
    ds_put_buffer(body, data, len);
    return len;
}

static void
add_header(struct http_transfer *transfer, const char *name,
           const char *value)
{
    char *header = xasprintf("%s: %s", name, value);
    struct curl_slist *headers = curl_slist_append(transfer->headers, header);
    if (!headers) {
        out_of_memory();
    }
    transfer->headers = headers;
    explicit_bzero(header, strlen(header));
    free(header);
}

/* Returns false, with an error, if there should be a token but is none. */
static bool
add_headers(struct http_transfer *transfer, const struct http_request *request)
{
    add_header(transfer, "Accept", request->accept);
    if (request->if_none_match) {
        add_header(transfer, "If-None-Match", request->if_none_match);
    }

    struct api_token *token = transfer->client->token;
    if (token) {
        char *error;
        const char *bearer = api_token_get(token, &error);
        if (!bearer) {
            transfer_fail(transfer, error);
            return false;
        }
        char *value = xasprintf("Bearer %s", bearer);
        add_header(transfer, "Authorization", value);
        explicit_bzero(value, strlen(value));
        free(value);
    }
    return true;
}

static void
set_options(struct http_transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "vtepd/" VTEPD_VERSION);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    /* A proxy's headers are none of the answer's. */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Nothing to gain from HTTP/2 with a request or two at a time. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long) CURL_HTTP_VERSION_1_1);

    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_received);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_received);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Without this libcurl waits for a resolver thread when a transfer is
     * given up, which takes as long as the DNS servers do not answer. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) CONNECT_TIMEOUT);
    if (transfer->stream) {
        /* libcurl fills its buffer a hundred times in a pass if it can: that
         * is how far a stream runs ahead before it can be paused. */
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L);
    } else {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) TOTAL_TIMEOUT);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long) CRAWL_SPEED);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long) CRAWL_TIME);
    }
    http_client_set_tls(transfer->client, easy);
}

struct http_transfer *
http_transfer_create(struct http_client *client,
                     const struct http_request *request)
{
    struct http_transfer *transfer = xzalloc(sizeof *transfer);

    transfer->client = client;
    transfer->url = xstrdup(request->url);
    transfer->stream = request->stream;
    transfer->response.retry_after = -1;
    ds_init(&transfer->response.body);
    transfer->easy = curl_easy_init();
    if (!transfer->easy) {
        out_of_memory();
    }

    if (add_headers(transfer, request)) {
        set_options(transfer);
        curl_poll_add(client->curl, transfer->easy);
    } else {
        transfer->done = true;
    }
    return transfer;
}

void
http_transfer_destroy(struct http_transfer *transfer)
{
    if (!transfer) {
        return;
    }

    curl_poll_remove(transfer->client->curl, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    for (struct curl_slist *p = transfer->headers; p; p = p->next) {
        explicit_bzero(p->data, strlen(p->data));
    }
    curl_slist_free_all(transfer->headers);
    free(transfer->url);
    free(transfer->etag);
    free(transfer->retry_after);
    free(transfer->response.error);
    free(transfer->response.etag);
    free(transfer->response.content_type);
    ds_destroy(&transfer->response.body);
    free(transfer);
}

struct http_response *
http_transfer_response(struct http_transfer *transfer)
{
    return transfer->done ? &transfer->response : NULL;
}

bool
http_transfer_is_streaming(const struct http_transfer *transfer)
{
    return transfer->head_complete && transfer->response.status == 200;
}

const char *
http_transfer_content_type(const struct http_transfer *transfer)
{
    return transfer->response.content_type;
}

void
http_transfer_take(struct http_transfer *transfer, struct ds *to)
{
    struct ds *body = &transfer->response.body;

    /* What came at once may have been large: it is given back. */
    ds_put_buffer(to, ds_cstr(body), body->length);
    ds_destroy(body);
    ds_init(body);
}

void
http_transfer_pause(struct http_transfer *transfer, bool pause)
{
    if (pause != transfer->paused && !transfer->done) {
        transfer->paused = pause;
        curl_easy_pause(transfer->easy,
                        pause ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    }
}

/* Sends the request again, to where the server pointed.  Returns false, with
 * an error, if that is not possible. */
static bool
transfer_redirect(struct http_transfer *transfer)
{
    char *url = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &url);
    if (!url) {
        transfer_fail(transfer, xasprintf("HTTP %d without a Location",
                                          transfer_status(transfer)));
        return false;
    }
    if (!inventory_url_same_origin(url, transfer->url)) {
        char *shown = safe_text(url);
        transfer_fail(transfer, xasprintf(
            "redirected to another origin, %s, which is not followed", shown));
        free(shown);
        return false;
    }
    if (++transfer->n_redirects > REDIRECTS_MAX) {
        transfer_fail(transfer, xasprintf("redirected more than %d times",
                                          REDIRECTS_MAX));
        return false;
    }

    transfer->n_header_bytes = 0;
    transfer->n_header_lines = 0;
    transfer->n_dropped = 0;
    transfer->head_complete = false;
    free(transfer->etag);
    transfer->etag = NULL;
    free(transfer->retry_after);
    transfer->retry_after = NULL;
    transfer->response.retry_after = -1;
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_poll_add(transfer->client->curl, transfer->easy);
    return true;
}

void
http_transfer_completed(CURL *easy, CURLcode code)
{
    struct http_transfer *transfer;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);

    int status = transfer_status(transfer);
    bool is_redirect = (status == 301 || status == 302 || status == 303
                        || status == 307 || status == 308);

    /* What an error page says, and whether it ever ends, does not matter. */
    if (code == CURLE_WRITE_ERROR && transfer->n_dropped > DROPPED_MAX) {
        code = CURLE_OK;
    }
    if (code) {
        struct ds s = DS_EMPTY_INITIALIZER;
        const char *text = (transfer->curl_error[0] ? transfer->curl_error
                            : curl_easy_strerror(code));
        safe_text_put_plain(&s, text, strlen(text));
        transfer_fail(transfer, ds_steal_cstr(&s));
    } else if (is_redirect) {
        if (transfer_redirect(transfer)) {
            return;
        }
    } else {
        read_head(transfer);
    }
    transfer->done = true;
}
