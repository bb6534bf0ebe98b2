/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_HTTP_ANSWER_H
#define VTEPD_HTTP_ANSWER_H 1

/* What came of an HTTP request, as a value.  No I/O. */

#include <time.h>

#include "openvswitch/dynamic-string.h"

struct http_response {
    /* Why there is no answer, or NULL.  Fit for a log. */
    char *error;

    /* Of the answer, if there is no error. */
    int status;                 /* RFC 9110 section 15. */
    char *etag;                 /* NULL: none. */
    char *content_type;         /* NULL: none. */
    long long int retry_after;  /* Seconds from now; -1: none. */
    struct ds body;             /* Kept only with status 200. */
};

/* Parses the value of a Retry-After header (RFC 9110 section 10.2.3): seconds
 * or a date, to be compared with 'now'.  Returns seconds, never negative, or
 * -1 if 's' is neither. */
long long int http_parse_retry_after(const char *s, time_t now);

/* "Not Found" for 404; "" for a status that is not known. */
const char *http_status_text(int status);

#endif /* http-answer.h */
