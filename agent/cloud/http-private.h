/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HTTP_PRIVATE_H
#define VTEPD_HTTP_PRIVATE_H 1

/* What http-client.c and http-transfer.c share. */

#include <curl/curl.h>

#include "cloud/http-transfer.h"

struct curl_poll;
struct api_token;

struct http_client {
    struct curl_poll *curl;
    struct api_token *token;    /* NULL: none. */
    char *ca, *cert, *key;      /* NULL: not set. */
    bool insecure;
    uint64_t n_received;        /* Bytes of bodies, decompressed. */
};

/* Sets what 'client' has been told about TLS. */
void http_client_set_tls(const struct http_client *client, CURL *easy);

/* libcurl is done with the transfer that 'easy' belongs to. */
void http_transfer_completed(CURL *easy, CURLcode code);

#endif /* http-private.h */
