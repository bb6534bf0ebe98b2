/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_ANSWER_H
#define VTEPD_WEBHOOK_ANSWER_H 1

/* What a client is answered.  An error becomes application/problem+json (RFC
 * 9457). */

#include <stdarg.h>
#include <stdbool.h>

#include "compiler.h"
#include "smap.h"

struct MHD_Response;

struct webhook_answer {
    unsigned int status;        /* HTTP's; 0: there is none yet. */

    /* A sentence, fit for a log and for the client, and in an error the
     * member at fault as a JSON Pointer (RFC 6901).  May be NULL. */
    char *detail;
    char *pointer;

    struct smap headers;        /* More header fields. */
    bool close;                 /* The connection is closed with it. */
    bool metrics;               /* Its body are the metrics. */
};

void webhook_answer_init(struct webhook_answer *);
void webhook_answer_uninit(struct webhook_answer *);

/* Sets status and detail, instead of what there may have been. */
void webhook_answer_set(struct webhook_answer *, unsigned int status,
                        const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* Adds "Retry-After: SECONDS". */
void webhook_answer_retry_after(struct webhook_answer *, int seconds);

/* Returns its body, to be freed by the caller: empty, text or JSON. */
char *webhook_answer_body(const struct webhook_answer *);

/* Returns it for libmicrohttpd to send, or as the text of a whole HTTP/1.1
 * response, after which the connection has to be closed. */
struct MHD_Response *webhook_answer_response(const struct webhook_answer *);
char *webhook_answer_text(const struct webhook_answer *);

#endif /* webhook-answer.h */
