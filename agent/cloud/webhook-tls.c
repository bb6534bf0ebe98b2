/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/watched-file.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(webhook_tls);

enum {
    FILE_MAX = 256 * 1024,      /* Bytes of a file. */
    CHECK_MS = 1000,            /* How often to look at them. */
    CHAIN_MAX = 16,             /* Certificates in a chain. */
};

/* The contents of a file. */
struct pem {
    struct watched_file file;
    gnutls_datum_t data;
};

struct webhook_tls {
    struct pem cert, key;       /* As read last, not necessarily of use. */
    gnutls_datum_t used_cert, used_key;
    char *error;
    long long int next_check;
};

static void
free_datum(gnutls_datum_t *d)
{
    watched_file_free((char *) d->data, d->size);
    *d = (gnutls_datum_t) { .data = NULL };
}

static void
copy_datum(gnutls_datum_t *dst, const gnutls_datum_t *src)
{
    free_datum(dst);
    dst->data = xmemdup(src->data, src->size);
    dst->size = src->size;
}

/* Returns NULL, or what is wrong with the file, to be freed by the caller. */
static char *
read_pem(struct pem *pem, bool *changed)
{
    char *contents;
    size_t len;
    const char *problem = watched_file_read(&pem->file, &contents, &len);

    if (problem) {
        *changed = true;
        return xasprintf("%s cannot be used: %s", pem->file.path, problem);
    } else if (contents) {
        *changed = true;
        free_datum(&pem->data);
        pem->data.data = (unsigned char *) contents;
        pem->data.size = len;
    }
    return NULL;
}

/* Do the certificate and the key belong together, and are they of use? */
static char *
check_pair(const struct webhook_tls *tls)
{
    gnutls_certificate_credentials_t credentials;
    int code = gnutls_certificate_allocate_credentials(&credentials);

    if (code >= 0) {
        code = gnutls_certificate_set_x509_key_mem(
            credentials, &tls->cert.data, &tls->key.data, GNUTLS_X509_FMT_PEM);
        gnutls_certificate_free_credentials(credentials);
    }
    return (code >= 0 ? NULL
            : xasprintf("the certificate in %s and the key in %s cannot be "
                        "used: %s", tls->cert.file.path, tls->key.file.path,
                        gnutls_strerror(code)));
}

/* Reads the files, if they have changed.  Returns NULL, or what is wrong with
 * them, to be freed by the caller. */
static char *
read_files(struct webhook_tls *tls, bool *changed)
{
    char *error;

    *changed = false;
    error = read_pem(&tls->cert, changed);
    if (!error) {
        error = read_pem(&tls->key, changed);
    }
    if (!error && *changed) {
        error = check_pair(tls);
        if (!error) {
            copy_datum(&tls->used_cert, &tls->cert.data);
            copy_datum(&tls->used_key, &tls->key.data);
        }
    }
    return error;
}

struct webhook_tls *
webhook_tls_create(const char *cert, const char *key, char **errorp)
{
    struct webhook_tls *tls = xzalloc(sizeof *tls);
    bool changed;

    gnutls_global_init();
    watched_file_init(&tls->cert.file, cert, FILE_MAX, false);
    watched_file_init(&tls->key.file, key, FILE_MAX, true);
    *errorp = read_files(tls, &changed);
    if (*errorp) {
        webhook_tls_destroy(tls);
        return NULL;
    }
    return tls;
}

void
webhook_tls_destroy(struct webhook_tls *tls)
{
    if (tls) {
        watched_file_uninit(&tls->cert.file);
        watched_file_uninit(&tls->key.file);
        free_datum(&tls->cert.data);
        free_datum(&tls->key.data);
        free_datum(&tls->used_cert);
        free_datum(&tls->used_key);
        free(tls->error);
        free(tls);
        gnutls_global_deinit();
    }
}

void
webhook_tls_run(struct webhook_tls *tls, long long int now)
{
    bool changed;

    if (now < tls->next_check) {
        return;
    }
    tls->next_check = now + CHECK_MS;

    char *error = read_files(tls, &changed);
    if (!changed) {
        return;
    }
    if (error && !nullable_string_is_equal(error, tls->error)) {
        VLOG_WARN("%s; the certificate in use stays", error);
    } else if (!error) {
        VLOG_INFO("the certificate in %s is in use now", tls->cert.file.path);
    }
    free(tls->error);
    tls->error = error;
}

const char *
webhook_tls_error(const struct webhook_tls *tls)
{
    return tls->error;
}

int
webhook_tls_copy(const struct webhook_tls *tls, gnutls_pcert_st **chain,
                 unsigned int *n, gnutls_privkey_t *key)
{
    gnutls_pcert_st certs[CHAIN_MAX];
    int code;

    *n = CHAIN_MAX;
    code = gnutls_pcert_list_import_x509_raw(certs, n, &tls->used_cert,
                                             GNUTLS_X509_FMT_PEM, 0);
    if (code < 0) {
        return code;
    }

    gnutls_privkey_init(key);
    code = gnutls_privkey_import_x509_raw(*key, &tls->used_key,
                                          GNUTLS_X509_FMT_PEM, NULL, 0);
    *chain = code < 0 ? NULL : gnutls_malloc(*n * sizeof **chain);
    if (!*chain) {
        gnutls_privkey_deinit(*key);
        for (unsigned int i = 0; i < *n; i++) {
            gnutls_pcert_deinit(&certs[i]);
        }
        return code < 0 ? code : GNUTLS_E_MEMORY_ERROR;
    }
    memcpy(*chain, certs, *n * sizeof **chain);
    return GNUTLS_E_SUCCESS;
}
