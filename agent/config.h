/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_CONFIG_H
#define VTEPD_CONFIG_H 1

/* The settings: which there are, where each value comes from, what it is.
 *
 * A value comes from the command line, else from the Open_vSwitch row's
 * external_ids, else it is the default (contract 2).  One that is invalid is
 * refused, and the last good one stays.  Pure: logs nothing, reads nothing. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/objects.h"

struct smap;
struct svec;

enum setting {
    SETTING_HOST,
    SETTING_INVENTORY,
    SETTING_ENCAP_IP,
    SETTING_ENCAP_TYPE,
    SETTING_BRIDGE,
    SETTING_DATAPATH_TYPE,
    SETTING_TUNNEL_KEY,
    SETTING_LINGER,
    SETTING_POLL,
    SETTING_BFD,
    SETTING_MAX_DELETE,
    SETTING_HOLD,
    SETTING_WEBHOOK_LISTEN,
    SETTING_WEBHOOK_SECRET_FILE,
    SETTING_WEBHOOK_CERT,
    SETTING_WEBHOOK_KEY,
    SETTING_API_TOKEN_FILE,
    SETTING_API_CA,
    SETTING_API_CERT,
    SETTING_API_KEY,
    SETTING_API_INSECURE,
    SETTING_STATE_DIR,
    N_SETTINGS
};

/* What is known of a setting before it has a value. */
struct setting_info {
    const char *option;         /* "host": the option is --host. */
    const char *key;            /* In external_ids, or NULL. */
    const char *default_value;  /* NULL: none. */
    const char *argument;       /* In --help; NULL: a flag. */
    const char *help;           /* In --help, one line. */
    bool required;
};
extern const struct setting_info setting_infos[N_SETTINGS];

enum setting_origin {
    ORIGIN_NONE,                /* Not set. */
    ORIGIN_DEFAULT,
    ORIGIN_EXTERNAL_IDS,
    ORIGIN_SYSTEM_ID,           /* external_ids:system-id, for the host. */
    ORIGIN_COMMAND_LINE,
};

/* "default", "external_ids:vtepd-host", "command line"... */
const char *setting_origin_to_string(enum setting, enum setting_origin);

/* The values, parsed.  Strings are NULL where not set. */
struct config {
    char *text[N_SETTINGS];     /* As given. */
    enum setting_origin origin[N_SETTINGS];
    char *refused[N_SETTINGS];  /* A text that was refused, or NULL. */
    char *command_line[N_SETTINGS];

    bool has_encap_ip[2];       /* For IPv4 [0], IPv6 [1]. */
    struct in6_addr encap_ip[2];
    enum encap encap_types[3];
    size_t n_encap_types;
    bool segment_key;
    int linger;                 /* Seconds, like the next two. */
    int poll;
    int hold;
    int max_delete;             /* Percent. */
    bool bfd;
    bool api_insecure;
};

void config_init(struct config *);
void config_destroy(struct config *);

/* Sets a value from the command line; a file's name is taken to be relative to
 * the working directory of now.  Returns NULL or what is wrong with the value,
 * which the caller frees. */
char *config_set_option(struct config *, enum setting, const char *value);

/* Checks the values from the command line against each other.  Returns NULL or
 * what is wrong, which the caller frees. */
char *config_check_options(const struct config *);

/* Takes in 'external_ids'.  Appends a sentence to 'errors' for every value
 * that is newly refused.  Returns true if any value has changed. */
bool config_update(struct config *, const struct smap *external_ids,
                   struct svec *errors);

/* The first required setting without a value, or N_SETTINGS. */
enum setting config_missing(const struct config *);

/* Returns the text of a setting, for the caller to free, without what may be
 * secret in it: a URL may have been given with a password or a token, which is
 * then refused.  'text' may be NULL. */
char *config_shown_text(enum setting, const char *text);

#endif /* config.h */
