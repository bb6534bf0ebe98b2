/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/group-text.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "services/group-message.h"
#include "util.h"

uint8_t *
bytes_of(const char *hex, size_t *size)
{
    uint8_t *bytes = xmalloc(strlen(hex) / 2 + 1);

    *size = strlen(hex) / 2;
    for (size_t i = 0; i < *size; i++) {
        bool ok;

        bytes[i] = hexits_value(&hex[i * 2], 2, &ok);
        assert_true(ok);
    }
    return bytes;
}

char *
group_describe(group_decode_func *decode, const void *frame, size_t size)
{
    struct group_message *m = xmalloc(sizeof *m);
    const char *error = decode(frame, size, m);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (error) {
        free(m);
        return xstrdup(error);
    }
    ds_put_format(&s, "v%u%s", m->version, m->query ? " query" : "");
    for (size_t i = 0; i < m->n_changes; i++) {
        ds_put_format(&s, " %c", "+-?"[m->changes[i].kind]);
        ipv6_format_mapped(&m->changes[i].group, &s);
    }
    free(m);
    return ds_steal_cstr(&s);
}

void
group_check_bytes(group_decode_func *decode, const void *frame, size_t size,
                  const char *expected)
{
    char *got = group_describe(decode, frame, size);

    assert_string_equal(got, expected);
    free(got);
}

void
group_check(group_decode_func *decode, const char *frame, const char *expected)
{
    size_t size;
    uint8_t *bytes = bytes_of(frame, &size);

    group_check_bytes(decode, bytes, size, expected);
    free(bytes);
}

void
group_check_damage(group_decode_func *decode, const char *frame, size_t first)
{
    struct group_message *m = xmalloc(sizeof *m);
    size_t size;
    uint8_t *bytes = bytes_of(frame, &size);

    assert_null(decode(bytes, size, m));
    for (size_t i = first * 8; i < size * 8; i++) {
        bytes[i / 8] ^= 1 << (i % 8);
        if (!decode(bytes, size, m)) {
            fail_msg("bit %d of byte %d is not missed", (int) (i % 8),
                     (int) (i / 8));
        }
        bytes[i / 8] ^= 1 << (i % 8);
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t *shorter = xmemdup(bytes, i ? i : 1);

        assert_non_null(decode(shorter, i, m));
        free(shorter);
    }
    free(bytes);
    free(m);
}
