/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/config.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-url.h"
#include "cloud/listen-address.h"
#include "cloud/safe-text.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "svec.h"
#include "util.h"

const struct setting_info setting_infos[N_SETTINGS] = {
    [SETTING_HOST] = {
        "host", "vtepd-host", NULL, "ID",
        "id of this host in the inventory (default: system-id)", true },
    [SETTING_INVENTORY] = {
        "inventory", "vtepd-inventory", NULL, "URL",
        "inventory: http:, https: or file:", true },
    [SETTING_ENCAP_IP] = {
        "encap-ip", "vtepd-encap-ip", NULL, "IP[,IP]",
        "this host's tunnel address, one per address family", true },
    [SETTING_ENCAP_TYPE] = {
        "encap-type", "vtepd-encap-type", "vxlan,gre", "LIST",
        "vxlan, gre, geneve, where the inventory lacks this host", false },
    [SETTING_BRIDGE] = {
        "bridge", "vtepd-bridge", "br-int", "NAME",
        "integration bridge", false },
    [SETTING_DATAPATH_TYPE] = {
        "datapath-type", "vtepd-datapath-type", NULL, "TYPE",
        "datapath type of the bridge (default: what it has)", false },
    [SETTING_TUNNEL_KEY] = {
        "tunnel-key", "vtepd-tunnel-key", "flow", "flow|segment",
        "one tunnel port per peer, or per peer and segment", false },
    [SETTING_LINGER] = {
        "linger", "vtepd-linger", "30", "SECONDS",
        "how long a tunnel outlives its last need", false },
    [SETTING_POLL] = {
        "poll", "vtepd-poll", "300", "SECONDS",
        "time between whole lists, +-10 %", false },
    [SETTING_BFD] = {
        "bfd", "vtepd-bfd", "false", NULL,
        "run BFD on the tunnels", false },
    [SETTING_MAX_DELETE] = {
        "max-delete", "vtepd-max-delete", "20", "PERCENT",
        "hold deletions beyond this share of the inventory", false },
    [SETTING_HOLD] = {
        "hold", "vtepd-hold", "3600", "SECONDS",
        "for how long; 0: until approved", false },
    [SETTING_WEBHOOK_LISTEN] = {
        "webhook-listen", "vtepd-webhook-listen", NULL, "ADDR:PORT",
        "listen for the orchestrator's webhooks (default: off)", false },
    [SETTING_WEBHOOK_SECRET_FILE] = {
        "webhook-secret-file", NULL, NULL, "FILE",
        "secrets that webhooks are signed with, one a line", false },
    [SETTING_WEBHOOK_CERT] = {
        "webhook-cert", NULL, NULL, "FILE",
        "certificate of the listener: TLS", false },
    [SETTING_WEBHOOK_KEY] = {
        "webhook-key", NULL, NULL, "FILE",
        "its private key", false },
    [SETTING_API_TOKEN_FILE] = {
        "api-token-file", NULL, NULL, "FILE",
        "bearer token for the API", false },
    [SETTING_API_CA] = {
        "api-ca", NULL, NULL, "FILE",
        "CA certificates that the API is verified with", false },
    [SETTING_API_CERT] = {
        "api-cert", NULL, NULL, "FILE",
        "client certificate towards the API", false },
    [SETTING_API_KEY] = {
        "api-key", NULL, NULL, "FILE",
        "its private key", false },
    [SETTING_API_INSECURE] = {
        "api-insecure", NULL, "false", NULL,
        "do not verify the API's certificate", false },
    [SETTING_STATE_DIR] = {
        "state-dir", NULL, "/var/lib/vtepd", "DIR",
        "where the last known inventory is kept", false },
};

const char *
setting_origin_to_string(enum setting id, enum setting_origin origin)
{
    static char key[64];

    switch (origin) {
    case ORIGIN_NONE: return "not set";
    case ORIGIN_DEFAULT: return "default";
    case ORIGIN_SYSTEM_ID: return "external_ids:system-id";
    case ORIGIN_COMMAND_LINE: return "command line";
    case ORIGIN_EXTERNAL_IDS:
        snprintf(key, sizeof key, "external_ids:%s", setting_infos[id].key);
        return key;
    default: OVS_NOT_REACHED();
    }
}

void
config_init(struct config *c)
{
    memset(c, 0, sizeof *c);
}

void
config_destroy(struct config *c)
{
    for (int i = 0; i < N_SETTINGS; i++) {
        free(c->text[i]);
        free(c->refused[i]);
        free(c->command_line[i]);
    }
}

/* Parsers.  Each returns NULL or what is wrong, for the caller to free, and
 * changes the configuration only in the former case. */

static char *
parse_int(const char *text, int min, int max, int *value)
{
    int n;

    if (!str_to_int(text, 10, &n) || n < min || n > max) {
        return xasprintf("must be a whole number from %d to %d", min, max);
    }
    *value = n;
    return NULL;
}

static char *
parse_bool(const char *text, bool *value)
{
    if (!strcmp(text, "true")) {
        *value = true;
    } else if (!strcmp(text, "false")) {
        *value = false;
    } else {
        return xstrdup("must be \"true\" or \"false\"");
    }
    return NULL;
}

/* 'fault' is that of 'part' of 'text', which is named if it is not all. */
static char *
describe_part(const char *text, const char *part, const char *fault)
{
    if (!strcmp(part, text)) {
        return xstrdup(fault);
    }

    char *shown = safe_text(part);
    char *error = xasprintf("has %s, which %s", shown, fault);
    free(shown);
    return error;
}

static bool
is_unicast_ipv4(ovs_be32 ip)
{
    return ip && ip != htonl(UINT32_MAX) && !ip_is_multicast(ip);
}

/* Addresses separated by commas, IPv4 or IPv6, one per family. */
static char *
parse_encap_ip(struct config *c, const char *text)
{
    bool has[2] = { false, false };
    struct in6_addr ips[2];
    char *copy = xstrdup(text), *save = NULL, *error = NULL;

    for (char *s = strtok_r(copy, ",", &save); s && !error;
         s = strtok_r(NULL, ",", &save)) {
        struct in6_addr ip;
        int family;

        if (!ipv6_parse(s, &ip)) {
            ovs_be32 ip4;

            if (!ip_parse(s, &ip4)) {
                error = describe_part(text, s, "is not an IPv4 or IPv6 "
                                      "address");
                break;
            }
            in6_addr_set_mapped_ipv4(&ip, ip4);
        }
        family = IN6_IS_ADDR_V4MAPPED(&ip) ? 0 : 1;
        if (ipv6_is_zero(&ip) || ipv6_addr_is_multicast(&ip)
            || (!family && !is_unicast_ipv4(in6_addr_get_mapped_ipv4(&ip)))) {
            error = describe_part(text, s, "is not a unicast address");
        } else if (has[family]) {
            error = xasprintf("has more than one %s address",
                              family ? "IPv6" : "IPv4");
        }
        has[family] = true;
        ips[family] = ip;
    }
    free(copy);
    if (!error && !has[0] && !has[1]) {
        error = xstrdup("has no address");
    }
    if (!error) {
        memcpy(c->has_encap_ip, has, sizeof has);
        memcpy(c->encap_ip, ips, sizeof ips);
    }
    return error;
}

static char *
parse_encap_types(struct config *c, const char *text)
{
    enum encap types[3];
    size_t n = 0;
    char *copy = xstrdup(text), *save = NULL, *error = NULL;

    for (char *s = strtok_r(copy, ",", &save); s && !error;
         s = strtok_r(NULL, ",", &save)) {
        enum encap type;

        if (!encap_from_string(s, &type) || type == ENCAP_NONE) {
            error = describe_part(text, s, "is not one of vxlan, gre, "
                                  "geneve");
            break;
        }
        for (size_t i = 0; i < n; i++) {
            if (types[i] == type) {
                error = xasprintf("has \"%s\" twice", s);
            }
        }
        if (!error) {
            types[n++] = type;
        }
    }
    free(copy);
    if (!error && !n) {
        error = xstrdup("has no encapsulation");
    }
    if (!error) {
        memcpy(c->encap_types, types, n * sizeof types[0]);
        c->n_encap_types = n;
    }
    return error;
}

static char *
parse_tunnel_key(struct config *c, const char *text)
{
    if (strcmp(text, "flow") && strcmp(text, "segment")) {
        return xstrdup("must be \"flow\" or \"segment\"");
    }
    c->segment_key = text[0] == 's';
    return NULL;
}

static char *
check_inventory(const char *text)
{
    if (!strncmp(text, "file:", 5)) {
        char *error = NULL;

        free(inventory_url_to_path(text, &error));
        return error;
    } else if (!strncmp(text, "http://", 7)
               || !strncmp(text, "https://", 8)) {
        return inventory_url_check(text);
    }
    return xstrdup("the inventory's URL must begin with http://, https:// or "
                   "file:");
}

/* A bridge is a network device: 15 bytes, no '/' and no space. */
static char *
check_bridge(const char *text)
{
    if (!text[0] || strlen(text) > 15 || strpbrk(text, "/ \t\n")
        || !strcmp(text, ".") || !strcmp(text, "..")) {
        return xstrdup("is not the name of a bridge (1 to 15 bytes, no '/' "
                       "and no space)");
    }
    return NULL;
}

static char *
parse(struct config *c, enum setting id, const char *text)
{
    switch (id) {
    case SETTING_HOST:
        return object_id_is_valid(text, strlen(text)) ? NULL
               : xstrdup("must be 1 to 255 printable ASCII characters "
                         "without spaces");
    case SETTING_INVENTORY:
        return check_inventory(text);
    case SETTING_ENCAP_IP:
        return parse_encap_ip(c, text);
    case SETTING_ENCAP_TYPE:
        return parse_encap_types(c, text);
    case SETTING_BRIDGE:
        return check_bridge(text);
    case SETTING_TUNNEL_KEY:
        return parse_tunnel_key(c, text);
    case SETTING_LINGER:
        return parse_int(text, 0, 86400, &c->linger);
    case SETTING_POLL:
        return parse_int(text, 1, 86400, &c->poll);
    case SETTING_BFD:
        return parse_bool(text, &c->bfd);
    case SETTING_MAX_DELETE:
        return parse_int(text, 0, 100, &c->max_delete);
    case SETTING_HOLD:
        return parse_int(text, 0, 30 * 86400, &c->hold);
    case SETTING_API_INSECURE:
        return parse_bool(text, &c->api_insecure);
    case SETTING_WEBHOOK_LISTEN:
        return listen_address_parse(text, NULL);
    case SETTING_DATAPATH_TYPE:
    case SETTING_WEBHOOK_SECRET_FILE:
    case SETTING_WEBHOOK_CERT:
    case SETTING_WEBHOOK_KEY:
    case SETTING_API_TOKEN_FILE:
    case SETTING_API_CA:
    case SETTING_API_CERT:
    case SETTING_API_KEY:
    case SETTING_STATE_DIR:
        return text[0] ? NULL : xstrdup("is empty");
    case N_SETTINGS:
    default:
        OVS_NOT_REACHED();
    }
}

/* Does the setting name a file or folder? */
static bool
is_file(enum setting id)
{
    switch (id) {
    case SETTING_WEBHOOK_SECRET_FILE:
    case SETTING_WEBHOOK_CERT:
    case SETTING_WEBHOOK_KEY:
    case SETTING_API_TOKEN_FILE:
    case SETTING_API_CA:
    case SETTING_API_CERT:
    case SETTING_API_KEY:
    case SETTING_STATE_DIR:
        return true;
    default:
        return false;
    }
}

/* Returns "VALUE ERROR", and frees 'error'.  The value is shown as it may stand
 * in a log, whatever it holds; URLs' are not repeated: they may hold a
 * password. */
static char *
describe_value(enum setting id, const char *value, char *error)
{
    if (id == SETTING_INVENTORY) {
        return error;
    }

    char *shown = safe_text(value);
    char *full = xasprintf("%s %s", shown, error);
    free(shown);
    free(error);
    return full;
}

char *
config_set_option(struct config *c, enum setting id, const char *value)
{
    char *error = parse(c, id, value);

    if (error) {
        char *described = describe_value(id, value, error);
        char *full = xasprintf("--%s: %s", setting_infos[id].option,
                               described);

        free(described);
        return full;
    }
    free(c->command_line[id]);
    /* A daemon leaves the folder that it was started in. */
    c->command_line[id] = (is_file(id) ? abs_file_name(NULL, value)
                           : xstrdup(value));
    return NULL;
}

/* Whoever reaches the listener can change the inventory, so others than this
 * host's own processes have to prove who they are. */
static char *
check_listen_secret(const struct config *c, const char *listen)
{
    struct listen_address a;
    char *error = listen_address_parse(listen, &a);

    if (error) {
        return error;
    }
    return a.loopback || c->command_line[SETTING_WEBHOOK_SECRET_FILE] ? NULL
           : xstrdup("is not a loopback address, which needs "
                     "--webhook-secret-file");
}

char *
config_check_options(const struct config *c)
{
    const char *listen = c->command_line[SETTING_WEBHOOK_LISTEN];
    char *error = listen ? check_listen_secret(c, listen) : NULL;

    if (error) {
        char *described = describe_value(SETTING_WEBHOOK_LISTEN, listen,
                                         error);
        char *full = xasprintf("--webhook-listen: %s", described);

        free(described);
        return full;
    }
    if (!c->command_line[SETTING_WEBHOOK_CERT]
        != !c->command_line[SETTING_WEBHOOK_KEY]) {
        return xstrdup("--webhook-cert needs --webhook-key and the other way "
                       "round");
    }
    return NULL;
}

/* Where a value would come from now, NULL if there is none. */
static const char *
find_text(const struct config *c, const struct smap *external_ids,
          enum setting id, enum setting_origin *origin)
{
    const struct setting_info *info = &setting_infos[id];
    const char *text;

    if (c->command_line[id]) {
        *origin = ORIGIN_COMMAND_LINE;
        return c->command_line[id];
    }
    text = info->key ? smap_get(external_ids, info->key) : NULL;
    if (text) {
        *origin = ORIGIN_EXTERNAL_IDS;
        return text;
    }
    text = id == SETTING_HOST ? smap_get(external_ids, "system-id") : NULL;
    if (text) {
        *origin = ORIGIN_SYSTEM_ID;
        return text;
    }
    *origin = info->default_value ? ORIGIN_DEFAULT : ORIGIN_NONE;
    return info->default_value;
}

static void
replace(char **text, const char *value)
{
    char *copy = nullable_xstrdup(value);

    free(*text);
    *text = copy;
}

static void
forget_value(struct config *c, enum setting id)
{
    if (id == SETTING_ENCAP_IP) {
        c->has_encap_ip[0] = c->has_encap_ip[1] = false;
    }
}

/* Where the first value of all is refused, the default is the last good
 * one. */
static void
use_default(struct config *c, enum setting id)
{
    char *error = parse(c, id, setting_infos[id].default_value);

    ovs_assert(!error);
    replace(&c->text[id], setting_infos[id].default_value);
    c->origin[id] = ORIGIN_DEFAULT;
}

/* Frees 'error'. */
static char *
describe_refusal(const struct config *c, enum setting id,
                 enum setting_origin origin, const char *text, char *error)
{
    const char *from = setting_origin_to_string(id, origin);
    char *described = describe_value(id, text, error);
    char *kept = c->text[id] ? safe_text(c->text[id]) : NULL;
    char *full = xasprintf("%s: %s; %s%s", from, described,
                           kept ? "keeping " : "there is no value yet",
                           (!kept ? ""
                            : id == SETTING_INVENTORY ? "the last good one"
                            : kept));

    free(described);
    free(kept);
    return full;
}

static bool
update_setting(struct config *c, const struct smap *external_ids,
               enum setting id, struct svec *errors)
{
    enum setting_origin origin;
    const char *text = find_text(c, external_ids, id, &origin);

    if (nullable_string_is_equal(text, c->text[id])) {
        c->origin[id] = origin;
        replace(&c->refused[id], NULL);
        return false;
    }
    if (!text) {
        forget_value(c, id);
    } else if (nullable_string_is_equal(text, c->refused[id])) {
        return false;
    } else {
        char *error = parse(c, id, text);

        if (!error && id == SETTING_WEBHOOK_LISTEN) {
            error = check_listen_secret(c, text);
        }
        if (error) {
            bool fall_back = !c->text[id] && setting_infos[id].default_value;

            if (fall_back) {
                use_default(c, id);
            }
            svec_add_nocopy(errors, describe_refusal(c, id, origin, text,
                                                     error));
            replace(&c->refused[id], text);
            return fall_back;
        }
    }
    replace(&c->refused[id], NULL);
    replace(&c->text[id], text);
    c->origin[id] = origin;
    return true;
}

bool
config_update(struct config *c, const struct smap *external_ids,
              struct svec *errors)
{
    bool changed = false;

    for (int id = 0; id < N_SETTINGS; id++) {
        changed |= update_setting(c, external_ids, id, errors);
    }
    return changed;
}

enum setting
config_missing(const struct config *c)
{
    for (int id = 0; id < N_SETTINGS; id++) {
        if (setting_infos[id].required && !c->text[id]) {
            return id;
        }
    }
    return N_SETTINGS;
}

char *
config_shown_text(enum setting id, const char *text)
{
    const char *authority = text ? strstr(text, "//") : NULL;
    const char *at = authority ? strrchr(authority, '@') : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (id != SETTING_INVENTORY || !text) {
        return nullable_xstrdup(text);
    }
    if (at) {
        ds_put_buffer(&s, text, authority + 2 - text);
        ds_put_cstr(&s, "***");
        text = at;
    }
    size_t len = strcspn(text, "?#");
    ds_put_buffer(&s, text, len);
    if (text[len]) {
        ds_put_format(&s, "%c***", text[len]);
    }
    return ds_steal_cstr(&s);
}
