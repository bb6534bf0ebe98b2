/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/http-private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/api-token.h"
#include "cloud/curl-poll.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(http_client);

/* Returns an error if 'file' cannot be read, or if it is 'secret' and others
 * can read it too. */
static char *
check_file(const char *file, bool secret)
{
    struct stat s;

    if (!file) {
        return NULL;
    }
    if (stat(file, &s) || access(file, R_OK)) {
        return xasprintf("%s: %s", file, ovs_strerror(errno));
    }
    if (secret && s.st_mode & (S_IROTH | S_IWOTH)) {
        return xasprintf("%s: everyone can read or write this secret "
                         "(chmod o-rw)", file);
    }
    return NULL;
}

static char *
check_config(const struct http_client_config *config)
{
    if (!config->cert != !config->key) {
        return xstrdup("a client certificate needs its key and the other way "
                       "round (--api-cert, --api-key)");
    }

    char *error = check_file(config->ca, false);
    if (!error) {
        error = check_file(config->cert, false);
    }
    if (!error) {
        error = check_file(config->key, true);
    }
    return error;
}

struct http_client *
http_client_create(const struct http_client_config *config, char **errorp)
{
    *errorp = check_config(config);
    if (*errorp) {
        return NULL;
    }

    struct http_client *client = xzalloc(sizeof *client);
    client->curl = curl_poll_create(http_transfer_completed);
    client->ca = nullable_xstrdup(config->ca);
    client->cert = nullable_xstrdup(config->cert);
    client->key = nullable_xstrdup(config->key);
    client->insecure = config->insecure;

    if (config->token_file) {
        client->token = api_token_create(config->token_file);
        if (!api_token_get(client->token, errorp)) {
            http_client_destroy(client);
            return NULL;
        }
    }
    if (client->insecure) {
        VLOG_WARN("the API's certificate is not verified (--api-insecure): "
                  "anyone on the way can change the inventory");
    }
    return client;
}

void
http_client_destroy(struct http_client *client)
{
    if (!client) {
        return;
    }

    curl_poll_destroy(client->curl);
    api_token_destroy(client->token);
    free(client->ca);
    free(client->cert);
    free(client->key);
    free(client);
}

void
http_client_run(struct http_client *client)
{
    curl_poll_run(client->curl);
}

void
http_client_wait(struct http_client *client)
{
    curl_poll_wait(client->curl);
}

uint64_t
http_client_n_received(const struct http_client *client)
{
    return client->n_received;
}

void
http_client_set_tls(const struct http_client *client, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, client->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, client->insecure ? 0L : 2L);
    if (client->ca) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (client->cert) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, client->cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, client->key);
    }
}
