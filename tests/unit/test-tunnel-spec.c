/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/tunnel-spec.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

static struct tunnel_key
make_key(const char *remote, enum encap type, uint32_t vni, uint16_t port)
{
    struct tunnel_key key = { .type = type, .vni = vni, .dst_port = port };

    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &key.local_ip),
                     1);
    assert_int_equal(inet_pton(AF_INET6, remote, &key.remote_ip), 1);
    return key;
}

/* Every member is part of what a tunnel is. */
static void
test_each_member_counts(void **state OVS_UNUSED)
{
    struct tunnel_key a = make_key("::ffff:192.0.2.2", ENCAP_VXLAN, 0, 0);
    struct tunnel_key others[] = {
        make_key("::ffff:192.0.2.3", ENCAP_VXLAN, 0, 0),
        make_key("::ffff:192.0.2.2", ENCAP_GENEVE, 0, 0),
        make_key("::ffff:192.0.2.2", ENCAP_VXLAN, 77, 0),
        make_key("::ffff:192.0.2.2", ENCAP_VXLAN, 0, 4790),
        a,
    };
    char name[TUNNEL_NAME_SIZE];

    others[4].local_ip.s6_addr[15] = 9;
    tunnel_key_name(&a, 0, name);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        char other_name[TUNNEL_NAME_SIZE];

        tunnel_key_name(&others[i], 0, other_name);
        assert_false(tunnel_key_equals(&a, &others[i]));
        assert_int_not_equal(tunnel_key_hash(&a, 0),
                             tunnel_key_hash(&others[i], 0));
        assert_string_not_equal(name, other_name);
    }
}

/* Padding must not count: two keys that are equal hash alike. */
static void
test_padding_does_not_count(void **state OVS_UNUSED)
{
    struct tunnel_key a, b;
    struct tunnel_key key = make_key("2001:db8::2", ENCAP_GRE, 5, 0);

    memset(&a, 0x55, sizeof a);
    memset(&b, 0xaa, sizeof b);
    a.local_ip = b.local_ip = key.local_ip;
    a.remote_ip = b.remote_ip = key.remote_ip;
    a.type = b.type = key.type;
    a.vni = b.vni = key.vni;
    a.dst_port = b.dst_port = key.dst_port;

    assert_true(tunnel_key_equals(&a, &b));
    assert_int_equal(tunnel_key_hash(&a, 7), tunnel_key_hash(&b, 7));
}

/* R15: names fit into the 15 characters of a network device's name. */
static void
test_r15_names(void **state OVS_UNUSED)
{
    static const struct {
        enum encap type;
        const char *prefix;
    } types[] = {
        { ENCAP_VXLAN, "vx-" }, { ENCAP_GRE, "gr-" }, { ENCAP_GENEVE, "ge-" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct tunnel_key key = make_key("2001:db8:aaaa:bbbb:cccc:dddd:eee:f",
                                         types[i].type, UINT32_MAX, 65535);
        char name[TUNNEL_NAME_SIZE], again[TUNNEL_NAME_SIZE];

        tunnel_key_name(&key, 0, name);
        tunnel_key_name(&key, 0, again);
        assert_string_equal(name, again);
        assert_int_equal(strlen(name), 13);
        assert_memory_equal(name, types[i].prefix, 3);
        assert_int_equal(strspn(name + 3, "0123456789abcdef"), 10);

        tunnel_key_name(&key, 1, again);
        assert_string_not_equal(name, again);
    }
}

/* The names stand in databases: they are the same in every version. */
static void
test_r15_names_are_stable(void **state OVS_UNUSED)
{
    struct tunnel_key key = make_key("::ffff:192.0.2.2", ENCAP_VXLAN, 0, 0);
    char name[TUNNEL_NAME_SIZE];

    tunnel_key_name(&key, 0, name);
    assert_string_equal(name, "vx-ce53440a74");
    tunnel_key_name(&key, 1, name);
    assert_string_equal(name, "vx-ce53440bc6");
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* 65,536 neighbours in one underlay network have different names. */
static void
test_r15_names_spread(void **state OVS_UNUSED)
{
    enum { N = 65536 };
    char (*names)[TUNNEL_NAME_SIZE] = xcalloc(N, TUNNEL_NAME_SIZE);
    struct tunnel_key key = make_key("::ffff:10.0.0.0", ENCAP_VXLAN, 0, 0);

    for (size_t i = 0; i < N; i++) {
        key.remote_ip.s6_addr[14] = i >> 8;
        key.remote_ip.s6_addr[15] = i;
        tunnel_key_name(&key, 0, names[i]);
    }
    qsort(names, N, sizeof names[0], compare_names);
    for (size_t i = 1; i < N; i++) {
        assert_string_not_equal(names[i - 1], names[i]);
    }
    free(names);
}

static void
test_r76_overhead(void **state OVS_UNUSED)
{
    assert_int_equal(tunnel_overhead(ENCAP_VXLAN, false), 50);
    assert_int_equal(tunnel_overhead(ENCAP_VXLAN, true), 70);
    assert_int_equal(tunnel_overhead(ENCAP_GENEVE, false), 50);
    assert_int_equal(tunnel_overhead(ENCAP_GENEVE, true), 70);
    assert_int_equal(tunnel_overhead(ENCAP_GRE, false), 42);
    assert_int_equal(tunnel_overhead(ENCAP_GRE, true), 62);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_r76_overhead),
        cmocka_unit_test(test_each_member_counts),
        cmocka_unit_test(test_padding_does_not_count),
        cmocka_unit_test(test_r15_names),
        cmocka_unit_test(test_r15_names_are_stable),
        cmocka_unit_test(test_r15_names_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
