/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_INTAKE_H
#define VTEPD_WEBHOOK_INTAKE_H 1

/* What becomes of a POST to /v1/events (contract 4): who may send events, how
 * often, which bodies are understood, what was seen before.
 *
 * Knows nothing of connections: headers and body are parameters, the outcome
 * is an answer.  Nothing reaches the sink that was not signed with one of the
 * secrets, if there are secrets. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/webhook-server.h"
#include "cloud/webhook-signature.h"

struct webhook_answer;
struct webhook_secrets;

/* Header fields of a request, NULL where missing. */
struct webhook_post {
    struct webhook_signed sign;
    const char *content_type;
    const char *content_encoding;
    const char *ce_specversion, *ce_id, *ce_source, *ce_type;
    bool revalidated;           /* Preferred. */
};

struct webhook_intake;

/* The intake does not own the secrets, which may be NULL: then everything is
 * accepted. */
struct webhook_intake *webhook_intake_create(const struct webhook_sink *,
                                             struct webhook_secrets *);
void webhook_intake_destroy(struct webhook_intake *);

void webhook_intake_run(struct webhook_intake *);

/* Can the headers alone tell that the request will be refused?  If so, returns
 * false and sets '*answer'. */
bool webhook_intake_check_headers(struct webhook_intake *,
                                  const struct webhook_post *,
                                  struct webhook_answer *answer);

/* Takes in the request, whose headers have been checked, with the 'len' bytes
 * of 'body', and sets '*answer'.  Returns true if it was authenticated.  With
 * a 'ticket' other than 0, the sink can be asked for that, as 'post' prefers,
 * if, and only if, the answer is 202. */
bool webhook_intake_take(struct webhook_intake *, const struct webhook_post *,
                         const char *body, size_t len, uint64_t ticket,
                         struct webhook_answer *answer);

/* Adds what it has counted. */
void webhook_intake_add_status(const struct webhook_intake *,
                               struct webhook_status *);

#endif /* webhook-intake.h */
