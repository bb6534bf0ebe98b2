/* SPDX-License-Identifier: Apache-2.0 */

/* Settings (contract 2), a line each: "--OPTION=VALUE" from the command line,
 * "KEY=VALUE" from external_ids.
 *
 * What is in effect is always within bounds, does not depend on what was
 * refused, and what is refused is reported once, fit for a log.  An inventory
 * URL that is taken leads to its own server and nowhere else. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-url.h"
#include "cloud/listen-address.h"
#include "config.h"
#include "fuzz.h"
#include "packets.h"
#include "smap.h"
#include "svec.h"
#include "util.h"

/* An option of the command line, NULL if the line is none. */
static const struct setting_info *
find_option(const char *line, const char **value)
{
    if (strncmp(line, "--", 2)) {
        return NULL;
    }
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting_info *info = &setting_infos[i];
        size_t len = strlen(info->option);

        if (!strncmp(line + 2, info->option, len) && line[2 + len] == '=') {
            *value = line + 3 + len;
            return info;
        }
    }
    return NULL;
}

static void
take_line(const char *line, struct config *c, struct smap *external_ids)
{
    const char *value;
    const struct setting_info *option = find_option(line, &value);
    const char *equals = strchr(line, '=');

    if (option) {
        char *error = config_set_option(c, option - setting_infos, value);

        if (error) {
            fuzz_check_sentence(error);
            free(error);
        }
    } else if (equals) {
        char *key = xmemdup0(line, equals - line);
        smap_replace(external_ids, key, equals + 1);
        free(key);
    }
}

static void
check_encap(const struct config *c)
{
    fuzz_check(c->n_encap_types <= ARRAY_SIZE(c->encap_types));
    for (size_t i = 0; i < c->n_encap_types; i++) {
        fuzz_check(c->encap_types[i] > ENCAP_NONE
                   && c->encap_types[i] < N_ENCAPS);
        for (size_t j = 0; j < i; j++) {
            fuzz_check(c->encap_types[i] != c->encap_types[j]);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (c->has_encap_ip[i]) {
            const struct in6_addr *ip = &c->encap_ip[i];

            fuzz_check((i == 0) == (IN6_IS_ADDR_V4MAPPED(ip) != 0));
            fuzz_check(!ipv6_is_zero(ip) && !ipv6_addr_is_multicast(ip));
        }
    }
}

static void
check_url(const char *url, const char *host)
{
    char *error = NULL;

    if (!strncmp(url, "file:", 5)) {
        char *path = inventory_url_to_path(url, &error);

        fuzz_check(path && path[0] == '/');
        free(path);
        return;
    }

    char *list = inventory_url_list(url, host, 1000, "a&b c/../#?");
    char *watch = inventory_url_watch(url, host, "1234");
    fuzz_check(inventory_url_same_origin(url, list));
    fuzz_check(inventory_url_same_origin(url, watch));
    fuzz_check(strstr(list, "/v1/inventory?host="));
    fuzz_check(strchr(list, '?') == strrchr(list, '?'));
    fuzz_check(!strchr(list, '#'));
    free(list);
    free(watch);
}

static void
check_values(const struct config *c)
{
    const char *host = c->text[SETTING_HOST];
    const char *url = c->text[SETTING_INVENTORY];
    const char *listen = c->text[SETTING_WEBHOOK_LISTEN];

    fuzz_check(!host || object_id_is_valid(host, strlen(host)));
    if (url) {
        check_url(url, host ? host : "h");
    }
    if (listen) {
        struct listen_address a;

        fuzz_check(!listen_address_parse(listen, &a));
        fuzz_check(a.loopback || c->command_line[SETTING_WEBHOOK_SECRET_FILE]
                   || c->command_line[SETTING_WEBHOOK_LISTEN]);
    }
    check_encap(c);
    fuzz_check(c->linger >= 0 && c->linger <= 86400);
    fuzz_check(c->poll >= 1 && c->poll <= 86400);
    fuzz_check(c->hold >= 0 && c->hold <= 30 * 86400);
    fuzz_check(c->max_delete >= 0 && c->max_delete <= 100);
    for (int i = 0; i < N_SETTINGS; i++) {
        free(config_shown_text(i, c->text[i]));
        free(config_shown_text(i, c->refused[i]));
        fuzz_check(!c->text[i] == (c->origin[i] == ORIGIN_NONE));
    }
}

/* Settings that are in effect, given as external_ids, are the same. */
static void
check_again(const struct config *c)
{
    struct smap external_ids = SMAP_INITIALIZER(&external_ids);
    struct svec errors = SVEC_EMPTY_INITIALIZER;
    struct config again;

    config_init(&again);
    for (int i = 0; i < N_SETTINGS; i++) {
        again.command_line[i] = nullable_xstrdup(c->command_line[i]);
        if (c->text[i] && setting_infos[i].key) {
            smap_replace(&external_ids, setting_infos[i].key, c->text[i]);
        }
    }
    config_update(&again, &external_ids, &errors);
    fuzz_check(!errors.n);
    for (int i = 0; i < N_SETTINGS; i++) {
        fuzz_check(nullable_string_is_equal(again.text[i], c->text[i]));
    }
    fuzz_check(!memcmp(again.has_encap_ip, c->has_encap_ip,
                       sizeof c->has_encap_ip));
    fuzz_check(again.n_encap_types == c->n_encap_types);
    fuzz_check(again.segment_key == c->segment_key);
    fuzz_check(again.linger == c->linger && again.poll == c->poll
               && again.hold == c->hold && again.bfd == c->bfd
               && again.max_delete == c->max_delete);
    svec_destroy(&errors);
    smap_destroy(&external_ids);
    config_destroy(&again);
}

static void
update(struct config *c, const struct smap *external_ids, bool first)
{
    struct svec errors = SVEC_EMPTY_INITIALIZER;
    bool changed = config_update(c, external_ids, &errors);

    fuzz_check(first || (!changed && !errors.n));
    for (size_t i = 0; i < errors.n; i++) {
        fuzz_check_sentence(errors.names[i]);
    }
    svec_destroy(&errors);
    check_values(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smap external_ids = SMAP_INITIALIZER(&external_ids);
    struct config c;

    config_init(&c);
    while (size) {
        char *line = fuzz_take_line(&data, &size);

        take_line(line, &c, &external_ids);
        free(line);
    }

    char *error = config_check_options(&c);
    if (error) {
        fuzz_check_sentence(error);
        free(error);
    } else {
        update(&c, &external_ids, true);
        update(&c, &external_ids, false);
        check_again(&c);
    }
    config_destroy(&c);
    smap_destroy(&external_ids);
    return 0;
}
