/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-signature.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "util.h"

enum {
    HMAC_LEN = 32,              /* Bytes of a signature, */
    SIGNATURE_LEN = 44,         /* and of its base64. */

    /* Signatures in a header that are looked at. */
    SIGNATURES_MAX = 16,

    ID_MAX = 255,
    TIMESTAMP_DIGITS_MAX = 12,
};

long long int
webhook_timestamp_parse(const char *s)
{
    size_t len = s ? strspn(s, "0123456789") : 0;
    long long int t;

    return (len && len <= TIMESTAMP_DIGITS_MAX && !s[len]
            && str_to_llong(s, 10, &t) ? t : -1);
}

bool
webhook_id_is_valid(const char *id)
{
    size_t len = strlen(id);

    for (size_t i = 0; i < len; i++) {
        if (id[i] < 0x21 || id[i] > 0x7e) {
            return false;
        }
    }
    return len && len <= ID_MAX;
}

/* Finds the next version 1 signature in the header's value from '*p' on, and
 * moves '*p' behind it.  Returns NULL if there is none. */
static const char *
next_signature(const char **p)
{
    for (;;) {
        *p += strspn(*p, " ");

        size_t len = strcspn(*p, " ");
        const char *start = *p;
        if (!len) {
            return NULL;
        }
        *p += len;
        if (len == 3 + SIGNATURE_LEN && !strncmp(start, "v1,", 3)) {
            return start + 3;
        }
    }
}

char *
webhook_signature_check_headers(const struct webhook_signed *s,
                                long long int now)
{
    if (!s->id || !s->timestamp || !s->signature) {
        return xasprintf("the request is not signed: the header webhook-%s is "
                         "missing", (!s->id ? "id" : !s->timestamp
                                     ? "timestamp" : "signature"));
    } else if (!webhook_id_is_valid(s->id)) {
        return xstrdup("the header webhook-id is not 1 to 255 visible ASCII "
                       "characters");
    }

    long long int t = webhook_timestamp_parse(s->timestamp);
    if (t < 0) {
        return xstrdup("the header webhook-timestamp is not a number of "
                       "seconds since 1970");
    } else if (llabs(now - t) > WEBHOOK_TOLERANCE) {
        return xasprintf("the header webhook-timestamp is %lld s %s this "
                         "host's clock; %d s are allowed", llabs(now - t),
                         t < now ? "behind" : "ahead of", WEBHOOK_TOLERANCE);
    }

    const char *p = s->signature;
    if (!next_signature(&p)) {
        return xstrdup("the header webhook-signature has no signature \"v1,\" "
                       "and 44 characters of base64");
    }
    return NULL;
}

static bool
hmac(EVP_MAC *mac, const struct webhook_signed *s,
     const struct webhook_secret *secret, const void *body, size_t body_len,
     uint8_t result[HMAC_LEN])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t len;
    bool ok = (ctx && EVP_MAC_init(ctx, secret->key, secret->len, params)
               && EVP_MAC_update(ctx, (const void *) s->id, strlen(s->id))
               && EVP_MAC_update(ctx, (const void *) ".", 1)
               && EVP_MAC_update(ctx, (const void *) s->timestamp,
                                 strlen(s->timestamp))
               && EVP_MAC_update(ctx, (const void *) ".", 1)
               && EVP_MAC_update(ctx, body, body_len)
               && EVP_MAC_final(ctx, result, &len, HMAC_LEN));

    EVP_MAC_CTX_free(ctx);
    return ok;
}

/* Looks for the signature 'wanted' in the header. */
static bool
is_among(const char *header, const unsigned char *wanted)
{
    const char *p = header, *candidate;
    bool found = false;

    for (int i = 0; i < SIGNATURES_MAX && (candidate = next_signature(&p));
         i++) {
        found |= !CRYPTO_memcmp(candidate, wanted, SIGNATURE_LEN);
    }
    return found;
}

bool
webhook_signature_matches(const struct webhook_signed *s,
                          const struct webhook_secret *secrets, size_t n,
                          const void *body, size_t len)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool found = false;

    if (!mac) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t result[HMAC_LEN];
        unsigned char text[SIGNATURE_LEN + 1];

        if (hmac(mac, s, &secrets[i], body, len, result)) {
            EVP_EncodeBlock(text, result, HMAC_LEN);
            found |= is_among(s->signature, text);
        }
    }
    EVP_MAC_free(mac);
    return found;
}
