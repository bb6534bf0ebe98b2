/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_TLS_H
#define VTEPD_WEBHOOK_TLS_H 1

/* The certificate of the webhook server and its private key, in PEM files that
 * are read again when they change, so that a renewed certificate is in use
 * from the next connection on.  Files that have become unusable, or do not
 * belong together, are reported and change nothing. */

#include <gnutls/abstract.h>

struct webhook_tls;

/* TLS 1.2 and 1.3, by GnuTLS's own choice of ciphers. */
/* Without key exchanges that cost the server much more than an elliptic
 * curve. */
#define WEBHOOK_TLS_PRIORITIES \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA"

/* Returns NULL and sets '*errorp' (to be freed by the caller) if the files
 * cannot be used. */
struct webhook_tls *webhook_tls_create(const char *cert, const char *key,
                                       char **errorp);
void webhook_tls_destroy(struct webhook_tls *);

/* Looks at the files, now and then; 'now' is time_msec(). */
void webhook_tls_run(struct webhook_tls *, long long int now);

/* What is wrong with the files now, a sentence, or NULL. */
const char *webhook_tls_error(const struct webhook_tls *);

/* Makes copies of the chain of '*n' certificates and of the key, to be freed
 * with gnutls_free(), after gnutls_pcert_deinit() of each, and
 * gnutls_privkey_deinit().  Returns a GnuTLS error code. */
int webhook_tls_copy(const struct webhook_tls *, gnutls_pcert_st **chain,
                     unsigned int *n, gnutls_privkey_t *key);

#endif /* webhook-tls.h */
