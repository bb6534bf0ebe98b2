/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_SIGNATURE_H
#define VTEPD_WEBHOOK_SIGNATURE_H 1

/* Signatures of webhooks (Standard Webhooks 1.0, symmetric).
 *
 * The sender signs "ID.TIMESTAMP.BODY" with HMAC-SHA256 and a secret that both
 * know, and says so in "webhook-signature": "v1," and the result in base64,
 * several of them separated by spaces while secrets are exchanged; versions
 * other than v1 are passed over.  Whoever lacks the secret can neither make
 * one up nor, for more than a few minutes, use one again.
 *
 * Pure: headers, secrets, body and time are parameters. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Bytes of a secret's key, by the specification. */
    WEBHOOK_KEY_MIN = 24,
    WEBHOOK_KEY_MAX = 64,

    /* How far a timestamp may be from now, in s, either way. */
    WEBHOOK_TOLERANCE = 300,
};

struct webhook_secret {
    uint8_t key[WEBHOOK_KEY_MAX];
    size_t len;
};

/* The headers of a request, NULL where missing. */
struct webhook_signed {
    const char *id;             /* webhook-id */
    const char *timestamp;      /* webhook-timestamp */
    const char *signature;      /* webhook-signature */
};

/* Parses an integer number of seconds since 1970.  Returns -1 if 's' is NULL
 * or anything else. */
long long int webhook_timestamp_parse(const char *s);

/* Is 'id' fit to identify a request: 1 to 255 visible ASCII characters? */
bool webhook_id_is_valid(const char *id);

/* Could this be signed, as far as the headers alone can tell?  'now' is in s.
 * Returns NULL, or a sentence that says why not, which the caller frees; it
 * quotes nothing. */
char *webhook_signature_check_headers(const struct webhook_signed *,
                                      long long int now);

/* Was the body signed with one of the 'n' secrets?  The headers have been
 * checked.  How long it takes does not depend on how nearly a signature is
 * right. */
bool webhook_signature_matches(const struct webhook_signed *,
                               const struct webhook_secret *secrets, size_t n,
                               const void *body, size_t len);

#endif /* webhook-signature.h */
