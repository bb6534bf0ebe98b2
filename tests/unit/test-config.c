/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/safe-text.h"
#include "packets.h"
#include "smap.h"
#include "svec.h"
#include "util.h"

struct fixture {
    struct config config;
    struct smap ids;            /* Open_vSwitch external_ids. */
    struct svec errors;         /* Of the last update(). */
};

static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    config_init(&f->config);
    smap_init(&f->ids);
    svec_init(&f->errors);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    config_destroy(&f->config);
    smap_destroy(&f->ids);
    svec_destroy(&f->errors);
    free(f);
    return 0;
}

static bool
update(struct fixture *f)
{
    svec_clear(&f->errors);
    return config_update(&f->config, &f->ids, &f->errors);
}

/* Sets external_ids:'key', or removes it if 'value' is NULL, and updates. */
static bool
set(struct fixture *f, const char *key, const char *value)
{
    if (value) {
        smap_replace(&f->ids, key, value);
    } else {
        smap_remove(&f->ids, key);
    }
    return update(f);
}

static void
set_option(struct fixture *f, enum setting id, const char *value)
{
    char *error = config_set_option(&f->config, id, value);

    assert_null(error);
}

static void
assert_value(const struct fixture *f, enum setting id, const char *text,
             enum setting_origin origin)
{
    if (text) {
        assert_non_null(f->config.text[id]);
        assert_string_equal(f->config.text[id], text);
    } else {
        assert_null(f->config.text[id]);
    }
    assert_int_equal(f->config.origin[id], origin);
}

/* Contract 2, and that the table is whole. */
static void
test_defaults(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum setting id;
        const char *value;
    } defaults[] = {
        { SETTING_HOST, NULL }, { SETTING_INVENTORY, NULL },
        { SETTING_ENCAP_IP, NULL }, { SETTING_ENCAP_TYPE, "vxlan,gre" },
        { SETTING_BRIDGE, "br-int" }, { SETTING_DATAPATH_TYPE, NULL },
        { SETTING_TUNNEL_KEY, "flow" }, { SETTING_LINGER, "30" },
        { SETTING_POLL, "300" }, { SETTING_BFD, "false" },
        { SETTING_MAX_DELETE, "20" }, { SETTING_HOLD, "3600" },
        { SETTING_WEBHOOK_LISTEN, NULL },
        { SETTING_WEBHOOK_SECRET_FILE, NULL },
        { SETTING_WEBHOOK_CERT, NULL }, { SETTING_WEBHOOK_KEY, NULL },
        { SETTING_API_TOKEN_FILE, NULL }, { SETTING_API_CA, NULL },
        { SETTING_API_CERT, NULL }, { SETTING_API_KEY, NULL },
        { SETTING_API_INSECURE, "false" },
        { SETTING_STATE_DIR, "/var/lib/vtepd" },
    };

    assert_int_equal(ARRAY_SIZE(defaults), N_SETTINGS);
    assert_true(update(f));
    assert_int_equal(f->errors.n, 0);
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        assert_value(f, defaults[i].id, defaults[i].value,
                     defaults[i].value ? ORIGIN_DEFAULT : ORIGIN_NONE);
    }
    for (int i = 0; i < N_SETTINGS; i++) {
        const struct setting_info *info = &setting_infos[i];
        char *key = xasprintf("vtepd-%s", info->option);

        assert_non_null(info->help);
        if (info->key) {
            assert_string_equal(info->key, key);
        }
        free(key);
    }
    assert_int_equal(f->config.n_encap_types, 2);
    assert_int_equal(f->config.encap_types[0], ENCAP_VXLAN);
    assert_int_equal(f->config.encap_types[1], ENCAP_GRE);
    assert_false(f->config.segment_key);
    assert_int_equal(f->config.linger, 30);
    assert_int_equal(f->config.poll, 300);
    assert_int_equal(f->config.hold, 3600);
    assert_int_equal(f->config.max_delete, 20);
    assert_false(f->config.bfd);
    assert_false(f->config.api_insecure);
    assert_false(update(f));
}

/* 1. command line, 2. external_ids, 3. default. */
static void
test_precedence(void **state)
{
    struct fixture *f = *state;

    assert_true(update(f));
    assert_value(f, SETTING_LINGER, "30", ORIGIN_DEFAULT);
    assert_true(set(f, "vtepd-linger", "5"));
    assert_value(f, SETTING_LINGER, "5", ORIGIN_EXTERNAL_IDS);
    assert_int_equal(f->config.linger, 5);

    set_option(f, SETTING_LINGER, "7");
    assert_true(update(f));
    assert_value(f, SETTING_LINGER, "7", ORIGIN_COMMAND_LINE);
    assert_int_equal(f->config.linger, 7);

    /* Then external_ids do not matter, nor whether they are valid. */
    assert_false(set(f, "vtepd-linger", "6"));
    assert_false(set(f, "vtepd-linger", "soon"));
    assert_int_equal(f->errors.n, 0);
    assert_value(f, SETTING_LINGER, "7", ORIGIN_COMMAND_LINE);
    assert_int_equal(f->config.linger, 7);
}

/* The last option of several counts. */
static void
test_option_twice(void **state)
{
    struct fixture *f = *state;

    set_option(f, SETTING_BRIDGE, "br-a");
    set_option(f, SETTING_BRIDGE, "br-b");
    update(f);
    assert_value(f, SETTING_BRIDGE, "br-b", ORIGIN_COMMAND_LINE);
}

/* 1. --host, 2. vtepd-host, 3. system-id. */
static void
test_host(void **state)
{
    struct fixture *f = *state;

    assert_true(set(f, "system-id", "uuid"));
    assert_value(f, SETTING_HOST, "uuid", ORIGIN_SYSTEM_ID);
    assert_true(set(f, "vtepd-host", "hv1"));
    assert_value(f, SETTING_HOST, "hv1", ORIGIN_EXTERNAL_IDS);
    assert_false(set(f, "system-id", "other"));
    assert_true(set(f, "vtepd-host", NULL));
    assert_value(f, SETTING_HOST, "other", ORIGIN_SYSTEM_ID);
    set_option(f, SETTING_HOST, "hv9");
    assert_true(update(f));
    assert_value(f, SETTING_HOST, "hv9", ORIGIN_COMMAND_LINE);
}

/* The same value from elsewhere is no change, but where it is from is. */
static void
test_origin_alone_changes(void **state)
{
    struct fixture *f = *state;

    update(f);
    assert_false(set(f, "vtepd-bridge", "br-int"));
    assert_value(f, SETTING_BRIDGE, "br-int", ORIGIN_EXTERNAL_IDS);
    assert_false(set(f, "vtepd-bridge", NULL));
    assert_value(f, SETTING_BRIDGE, "br-int", ORIGIN_DEFAULT);
}

static void
test_removal_falls_back(void **state)
{
    struct fixture *f = *state;

    set(f, "vtepd-poll", "1");
    set(f, "vtepd-tunnel-key", "segment");
    set(f, "vtepd-bfd", "true");
    set(f, "vtepd-encap-type", "geneve");
    assert_true(f->config.segment_key);
    assert_true(f->config.bfd);
    assert_int_equal(f->config.n_encap_types, 1);

    assert_true(set(f, "vtepd-poll", NULL));
    assert_true(set(f, "vtepd-tunnel-key", NULL));
    assert_true(set(f, "vtepd-bfd", NULL));
    assert_true(set(f, "vtepd-encap-type", NULL));
    assert_value(f, SETTING_POLL, "300", ORIGIN_DEFAULT);
    assert_int_equal(f->config.poll, 300);
    assert_false(f->config.segment_key);
    assert_false(f->config.bfd);
    assert_int_equal(f->config.n_encap_types, 2);
}

/* Without a default there is no value any more. */
static void
test_removal_without_default(void **state)
{
    struct fixture *f = *state;

    set(f, "vtepd-encap-ip", "192.0.2.1,fd00::1");
    assert_true(f->config.has_encap_ip[0] && f->config.has_encap_ip[1]);
    assert_true(set(f, "vtepd-encap-ip", NULL));
    assert_value(f, SETTING_ENCAP_IP, NULL, ORIGIN_NONE);
    assert_false(f->config.has_encap_ip[0] || f->config.has_encap_ip[1]);
    assert_false(update(f));
}

static void
test_missing(void **state)
{
    struct fixture *f = *state;

    update(f);
    assert_int_equal(config_missing(&f->config), SETTING_HOST);
    set(f, "system-id", "uuid");
    assert_int_equal(config_missing(&f->config), SETTING_INVENTORY);
    set(f, "vtepd-inventory", "ftp://api");
    assert_int_equal(config_missing(&f->config), SETTING_INVENTORY);
    set(f, "vtepd-inventory", "https://api");
    assert_int_equal(config_missing(&f->config), SETTING_ENCAP_IP);
    set(f, "vtepd-encap-ip", "192.0.2.1");
    assert_int_equal(config_missing(&f->config), N_SETTINGS);
    set(f, "vtepd-inventory", NULL);
    assert_int_equal(config_missing(&f->config), SETTING_INVENTORY);
}

static void
test_refused_value_keeps_last_good(void **state)
{
    struct fixture *f = *state;

    set(f, "vtepd-linger", "5");
    assert_false(set(f, "vtepd-linger", "soon"));
    assert_value(f, SETTING_LINGER, "5", ORIGIN_EXTERNAL_IDS);
    assert_int_equal(f->config.linger, 5);
    assert_string_equal(f->config.refused[SETTING_LINGER], "soon");

    /* The sentence names the setting, both values and what is allowed. */
    assert_int_equal(f->errors.n, 1);
    assert_non_null(strstr(f->errors.names[0], "external_ids:vtepd-linger"));
    assert_non_null(strstr(f->errors.names[0], "\"soon\""));
    assert_non_null(strstr(f->errors.names[0], "\"5\""));
    assert_non_null(strstr(f->errors.names[0], "86400"));

    /* It is said once, and again for another value. */
    assert_false(update(f));
    assert_int_equal(f->errors.n, 0);
    assert_string_equal(f->config.refused[SETTING_LINGER], "soon");
    assert_false(set(f, "vtepd-linger", "later"));
    assert_int_equal(f->errors.n, 1);
    assert_string_equal(f->config.refused[SETTING_LINGER], "later");

    /* The old value, a new one or none: nothing is refused any more. */
    assert_false(set(f, "vtepd-linger", "5"));
    assert_null(f->config.refused[SETTING_LINGER]);
    set(f, "vtepd-linger", "soon");
    assert_int_equal(f->errors.n, 1);
    assert_true(set(f, "vtepd-linger", "6"));
    assert_null(f->config.refused[SETTING_LINGER]);
    set(f, "vtepd-linger", "soon");
    assert_true(set(f, "vtepd-linger", NULL));
    assert_null(f->config.refused[SETTING_LINGER]);
    assert_value(f, SETTING_LINGER, "30", ORIGIN_DEFAULT);
    assert_int_equal(f->config.linger, 30);
}

/* One bad value does not stop the others. */
static void
test_refused_value_among_others(void **state)
{
    struct fixture *f = *state;

    smap_add(&f->ids, "vtepd-encap-type", "vxlan,stt");
    smap_add(&f->ids, "vtepd-poll", "0");
    smap_add(&f->ids, "vtepd-hold", "0");
    assert_true(update(f));
    assert_int_equal(f->errors.n, 2);
    assert_int_equal(f->config.hold, 0);
    assert_value(f, SETTING_HOLD, "0", ORIGIN_EXTERNAL_IDS);
}

/* What was refused from the start leaves the default in place. */
static void
test_refused_at_start_is_default(void **state)
{
    struct fixture *f = *state;

    assert_true(set(f, "vtepd-poll", "0"));
    assert_int_equal(f->errors.n, 1);
    assert_string_equal(f->config.refused[SETTING_POLL], "0");
    assert_value(f, SETTING_POLL, "300", ORIGIN_DEFAULT);
    assert_int_equal(f->config.poll, 300);
    assert_false(update(f));
    assert_int_equal(f->errors.n, 0);
    assert_string_equal(f->config.refused[SETTING_POLL], "0");
}

#define ID_51 "hypervisor-of-the-fifty-one-characters-long-kind-01"
#define ID_255 ID_51 ID_51 ID_51 ID_51 ID_51

/* Accepted and refused values of every setting. */
static void
test_values(void **state OVS_UNUSED)
{
    static const struct {
        enum setting id;
        const char *good[8];
        const char *bad[16];
    } cases[] = {
        { SETTING_HOST,
          { "hv1", "~", ID_255 },
          { "", "a b", "a\tb", "\xc3\xa4", "a\n", ID_255 "x" } },
        { SETTING_INVENTORY,
          { "http://api", "https://api/x", "file:/a", "file:///a" },
          { "", "api", "ftp://api", "http:", "http:/api", "HTTP", "/a",
            "http://", "http://me:secret@api", "http://api/?t=secret",
            "http://api:99999", "file:a" } },
        { SETTING_ENCAP_IP,
          { "192.0.2.1", "fd00::1", "192.0.2.1,fd00::1",
            "fd00::1,192.0.2.1", "::ffff:192.0.2.1" },
          { "", ",", "hv1.example", "192.0.2", "192.0.2.1/24", "0.0.0.0",
            "::", "224.0.0.1", "ff02::1", "192.0.2.1,192.0.2.2",
            "fd00::1,fd00::2", "192.0.2.1,x", "192.0.2.1 fd00::1",
            "fd00::1%eth0" } },
        { SETTING_ENCAP_TYPE,
          { "vxlan", "gre", "geneve", "geneve,gre,vxlan" },
          { "", ",", "none", "stt", "VXLAN", "vxlan,vxlan", "vxlan, gre",
            "vxlan,gre,geneve,vxlan" } },
        { SETTING_BRIDGE,
          { "br-int", "b", "fifteen-bytes-x" },
          { "", "sixteen-bytes-xx", "a/b", "a b", "a\n", ".", ".." } },
        { SETTING_DATAPATH_TYPE, { "netdev", "system" }, { "" } },
        { SETTING_TUNNEL_KEY,
          { "flow", "segment" }, { "", "seg", "Flow", "segments" } },
        { SETTING_LINGER,
          { "0", "30", "86400" },
          { "", "-1", "86401", "1.5", "30s", "0x10", "99999999999", " " } },
        { SETTING_POLL, { "1", "86400" }, { "0", "86401", "x" } },
        { SETTING_BFD,
          { "true", "false" }, { "", "1", "yes", "True", "true " } },
        { SETTING_MAX_DELETE,
          { "0", "20", "100" }, { "", "-1", "101", "20%" } },
        { SETTING_HOLD, { "0", "2592000" }, { "", "-1", "2592001" } },
        { SETTING_WEBHOOK_LISTEN,
          { "127.0.0.1:8080", "0.0.0.0:1", "[::1]:65535", "[::]:8080" },
          { "", ":", "8080", ":8080", "127.0.0.1", "127.0.0.1:0",
            "127.0.0.1:65536", "127.0.0.1:", "localhost:8080", "::1:8080",
            "[127.0.0.1]:8080", "[::1]", "[]:8080", "127.0.0.1:80 " } },
        { SETTING_WEBHOOK_SECRET_FILE, { "/etc/secrets" }, { "" } },
        { SETTING_WEBHOOK_CERT, { "/etc/hook.pem" }, { "" } },
        { SETTING_WEBHOOK_KEY, { "/etc/hook-key.pem" }, { "" } },
        { SETTING_API_TOKEN_FILE, { "/etc/token" }, { "" } },
        { SETTING_API_CA, { "/etc/ca.pem" }, { "" } },
        { SETTING_API_CERT, { "/etc/cert.pem" }, { "" } },
        { SETTING_API_KEY, { "/etc/key.pem" }, { "" } },
        { SETTING_API_INSECURE, { "true", "false" }, { "", "yes" } },
        { SETTING_STATE_DIR, { "/var/lib/other" }, { "" } },
    };

    assert_int_equal(ARRAY_SIZE(cases), N_SETTINGS);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config config;

        config_init(&config);
        for (const char *const *v = cases[i].good; *v; v++) {
            char *error = config_set_option(&config, cases[i].id, *v);

            if (error) {
                fail_msg("%s", error);
            }
            assert_string_equal(config.command_line[cases[i].id], *v);
        }
        for (const char *const *v = cases[i].bad; *v; v++) {
            char *error = config_set_option(&config, cases[i].id, *v);

            if (!error) {
                fail_msg("--%s=\"%s\" was accepted",
                         setting_infos[cases[i].id].option, *v);
            }
            assert_non_null(strstr(error, setting_infos[cases[i].id].option));
            if (cases[i].id == SETTING_INVENTORY) {
                assert_null(strstr(error, "secret"));
            } else {
                char *shown = safe_text(*v);

                assert_non_null(strstr(error, shown));
                free(shown);
            }
            free(error);
        }
        config_destroy(&config);
    }
}

/* A daemon changes to the root folder. */
static void
test_files_are_found_from_where_vtepd_was_started(void **state)
{
    static const enum setting ids[] = {
        SETTING_API_TOKEN_FILE, SETTING_API_CA, SETTING_API_CERT,
        SETTING_API_KEY, SETTING_STATE_DIR,
    };
    struct fixture *f = *state;
    char *expected = abs_file_name(NULL, "some/file");

    assert_int_equal(expected[0], '/');
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        set_option(f, ids[i], "some/file");
        update(f);
        assert_value(f, ids[i], expected, ORIGIN_COMMAND_LINE);
    }
    free(expected);

    set_option(f, SETTING_BRIDGE, "br");
    set_option(f, SETTING_DATAPATH_TYPE, "netdev");
    update(f);
    assert_value(f, SETTING_BRIDGE, "br", ORIGIN_COMMAND_LINE);
    assert_value(f, SETTING_DATAPATH_TYPE, "netdev", ORIGIN_COMMAND_LINE);
}

/* The part at fault is named, nothing is said twice, and what a value holds
 * cannot make it look like another line of the log. */
static void
test_refusals_name_the_part(void **state)
{
    static const struct {
        enum setting id;
        const char *value;
        const char *error;
    } cases[] = {
        { SETTING_ENCAP_TYPE, "foo",
          "--encap-type: \"foo\" is not one of vxlan, gre, geneve" },
        { SETTING_ENCAP_TYPE, "gre,foo",
          "--encap-type: \"gre,foo\" has \"foo\", which is not one of "
          "vxlan, gre, geneve" },
        { SETTING_ENCAP_IP, "hv1",
          "--encap-ip: \"hv1\" is not an IPv4 or IPv6 address" },
        { SETTING_ENCAP_IP, "192.0.2.1,::",
          "--encap-ip: \"192.0.2.1,::\" has \"::\", which is not a unicast "
          "address" },
        { SETTING_TUNNEL_KEY, "x\n2030 \x1b[2J",
          "--tunnel-key: \"x\\0122030 \\033[2J\" must be \"flow\" or "
          "\"segment\"" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = config_set_option(&f->config, cases[i].id,
                                        cases[i].value);

        assert_non_null(error);
        assert_string_equal(error, cases[i].error);
        free(error);
    }
}

static void
test_encap_ips(void **state)
{
    struct fixture *f = *state;
    struct in6_addr v4, v6;

    in6_addr_set_mapped_ipv4(&v4, htonl(0xc0000201));
    assert_true(ipv6_parse("fd00::1", &v6));

    set(f, "vtepd-encap-ip", "fd00::1,192.0.2.1");
    assert_true(f->config.has_encap_ip[0] && f->config.has_encap_ip[1]);
    assert_true(ipv6_addr_equals(&f->config.encap_ip[0], &v4));
    assert_true(ipv6_addr_equals(&f->config.encap_ip[1], &v6));

    /* Refused: both stay. */
    set(f, "vtepd-encap-ip", "192.0.2.9,hv1");
    assert_true(f->config.has_encap_ip[0] && f->config.has_encap_ip[1]);
    assert_true(ipv6_addr_equals(&f->config.encap_ip[0], &v4));

    set(f, "vtepd-encap-ip", "192.0.2.1");
    assert_true(f->config.has_encap_ip[0]);
    assert_false(f->config.has_encap_ip[1]);
}

/* In order of preference. */
static void
test_encap_types(void **state)
{
    struct fixture *f = *state;

    set(f, "vtepd-encap-type", "geneve,vxlan,gre");
    assert_int_equal(f->config.n_encap_types, 3);
    assert_int_equal(f->config.encap_types[0], ENCAP_GENEVE);
    assert_int_equal(f->config.encap_types[1], ENCAP_VXLAN);
    assert_int_equal(f->config.encap_types[2], ENCAP_GRE);

    set(f, "vtepd-encap-type", "gre,gre");
    assert_int_equal(f->config.n_encap_types, 3);
    assert_int_equal(f->config.encap_types[0], ENCAP_GENEVE);
}

/* Secrets' files are no business of the database. */
static void
test_no_secrets_in_external_ids(void **state)
{
    struct fixture *f = *state;

    for (int i = SETTING_API_TOKEN_FILE; i <= SETTING_API_INSECURE; i++) {
        char *key = xasprintf("vtepd-%s", setting_infos[i].option);

        assert_null(setting_infos[i].key);
        smap_add(&f->ids, key, "true");
        free(key);
    }
    update(f);
    assert_value(f, SETTING_API_TOKEN_FILE, NULL, ORIGIN_NONE);
    assert_false(f->config.api_insecure);
}

static void
test_origin_names(void **state OVS_UNUSED)
{
    static const struct {
        enum setting_origin origin;
        const char *name;
    } cases[] = {
        { ORIGIN_NONE, "not set" },
        { ORIGIN_DEFAULT, "default" },
        { ORIGIN_EXTERNAL_IDS, "external_ids:vtepd-host" },
        { ORIGIN_SYSTEM_ID, "external_ids:system-id" },
        { ORIGIN_COMMAND_LINE, "command line" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(setting_origin_to_string(SETTING_HOST,
                                                     cases[i].origin),
                            cases[i].name);
    }
}

#define TEST(FUNCTION) \
    cmocka_unit_test_setup_teardown(FUNCTION, setup, teardown)

/* Whoever can reach the listener from elsewhere has to sign. */
static void
test_foreign_listener_needs_secret(void **state)
{
    struct fixture *f = *state;
    static const char *const foreign[] = {
        "0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080", "[fd00::1]:8080",
    };

    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        set(f, "vtepd-webhook-listen", foreign[i]);
        assert_int_equal(f->errors.n, 1);
        assert_non_null(strstr(f->errors.names[0], "--webhook-secret-file"));
        assert_value(f, SETTING_WEBHOOK_LISTEN, NULL, ORIGIN_NONE);
    }
    set(f, "vtepd-webhook-listen", "127.255.0.1:8080");
    assert_value(f, SETTING_WEBHOOK_LISTEN, "127.255.0.1:8080",
                 ORIGIN_EXTERNAL_IDS);
    set_option(f, SETTING_WEBHOOK_SECRET_FILE, "/etc/secrets");
    set(f, "vtepd-webhook-listen", foreign[0]);
    assert_int_equal(f->errors.n, 0);
    assert_value(f, SETTING_WEBHOOK_LISTEN, foreign[0], ORIGIN_EXTERNAL_IDS);
}

static void
assert_options(struct fixture *f, const char *complaint)
{
    char *error = config_check_options(&f->config);

    if (!complaint) {
        assert_null(error);
    } else {
        assert_non_null(error);
        assert_non_null(strstr(error, complaint));
    }
    free(error);
}

static void
test_options_that_belong_together(void **state)
{
    struct fixture *f = *state;

    assert_options(f, NULL);
    set_option(f, SETTING_WEBHOOK_LISTEN, "0.0.0.0:8080");
    assert_options(f, "--webhook-secret-file");
    set_option(f, SETTING_WEBHOOK_SECRET_FILE, "/etc/secrets");
    assert_options(f, NULL);
    set_option(f, SETTING_WEBHOOK_CERT, "/etc/hook.pem");
    assert_options(f, "--webhook-key");
    set_option(f, SETTING_WEBHOOK_KEY, "/etc/hook-key.pem");
    assert_options(f, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_precedence),
        TEST(test_option_twice),
        TEST(test_host),
        TEST(test_origin_alone_changes),
        TEST(test_removal_falls_back),
        TEST(test_removal_without_default),
        TEST(test_missing),
        TEST(test_refused_value_keeps_last_good),
        TEST(test_refused_value_among_others),
        TEST(test_refused_at_start_is_default),
        cmocka_unit_test(test_values),
        TEST(test_files_are_found_from_where_vtepd_was_started),
        TEST(test_refusals_name_the_part),
        TEST(test_encap_ips),
        TEST(test_encap_types),
        TEST(test_no_secrets_in_external_ids),
        cmocka_unit_test(test_origin_names),
        TEST(test_foreign_listener_needs_secret),
        TEST(test_options_that_belong_together),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
