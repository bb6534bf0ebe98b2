/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_CURL_POLL_H
#define VTEPD_CURL_POLL_H 1

/* libcurl's multi interface on Open vSwitch's poll loop.
 *
 * Carries out any number of transfers that others have set up as easy handles.
 * Never blocks: libcurl says which sockets and which timer it waits for, and
 * is told when they are ready.  Knows nothing of what is transferred. */

#include <curl/curl.h>

struct curl_poll;

/* 'done' is called from curl_poll_run() only, when the transfer of 'easy' has
 * ended with 'code'; 'easy' has been removed by then. */
struct curl_poll *curl_poll_create(void (*done)(CURL *easy, CURLcode code));

/* All handles must have been removed. */
void curl_poll_destroy(struct curl_poll *);

/* Starts the transfer that 'easy' describes; abandons it. */
void curl_poll_add(struct curl_poll *, CURL *easy);
void curl_poll_remove(struct curl_poll *, CURL *easy);

void curl_poll_run(struct curl_poll *);
void curl_poll_wait(struct curl_poll *);

#endif /* curl-poll.h */
