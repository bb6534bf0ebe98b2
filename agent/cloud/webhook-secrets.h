/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_SECRETS_H
#define VTEPD_WEBHOOK_SECRETS_H 1

/* The secrets that webhooks may be signed with: a file with one a line,
 * "whsec_" and its key in base64.  Empty lines, and lines that begin with '#',
 * are passed over.  To exchange a secret, add the new one, tell the senders,
 * take the old one out.
 *
 * A file that has become unusable is reported and changes nothing: the secrets
 * stay what they were.  No secret ever appears in a message, and none stays in
 * memory once it is no longer used. */

#include <stddef.h>

struct webhook_secret;
struct webhook_secrets;

/* Secrets in a file at most. */
enum { WEBHOOK_SECRETS_MAX = 16 };

/* Returns NULL and sets '*errorp' (to be freed by the caller) if the file
 * cannot be used. */
struct webhook_secrets *webhook_secrets_create(const char *path,
                                               char **errorp);
void webhook_secrets_destroy(struct webhook_secrets *);

/* Reads the file again, if it has changed.  'now' is time_msec(): looks at the
 * file a few times a second at most. */
void webhook_secrets_run(struct webhook_secrets *, long long int now);

/* The secrets, '*n' of them, valid until webhook_secrets_run(). */
const struct webhook_secret *webhook_secrets_get(
    const struct webhook_secrets *, size_t *n);

/* What is wrong with the file now, a sentence, or NULL. */
const char *webhook_secrets_error(const struct webhook_secrets *);

#endif /* webhook-secrets.h */
