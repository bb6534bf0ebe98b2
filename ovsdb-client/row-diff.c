/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/row-diff.h"

#include <string.h>

#include "smap.h"
#include "util.h"

enum {
    MAX_SPELLED = 6,            /* Differences that are spelled out. */
    MAX_VALUE = 64,             /* Bytes of a key or value that are shown. */
};

void
row_diff_init(struct row_diff *diff, bool is_drift)
{
    *diff = (struct row_diff) {
        .text = DS_EMPTY_INITIALIZER,
        .is_drift = is_drift,
    };
}

void
row_diff_destroy(struct row_diff *diff)
{
    ds_destroy(&diff->text);
}

static void
put_text(struct ds *s, const char *text)
{
    const size_t n = strnlen(text, MAX_VALUE);

    for (size_t i = 0; i < n; i++) {
        const char c = text[i];

        ds_put_char(s, c < 0x20 || c >= 0x7f || c == '"' ? '?' : c);
    }
    ds_put_cstr(s, text[n] ? "..." : "");
}

static void
put_value(struct ds *s, const char *value)
{
    if (value) {
        ds_put_char(s, '"');
        put_text(s, value);
        ds_put_char(s, '"');
    } else {
        ds_put_cstr(s, "nothing");
    }
}

void
row_diff_add(struct row_diff *diff, const char *column, const char *key,
             const char *have, const char *want)
{
    struct ds *s = &diff->text;

    if (diff->n++ >= MAX_SPELLED) {
        return;
    }
    ds_put_format(s, "%s%s", s->length ? ", " : "", column);
    if (key) {
        ds_put_char(s, ':');
        put_text(s, key);
    }
    ds_put_cstr(s, " from ");
    put_value(s, diff->is_drift ? want : have);
    ds_put_cstr(s, " to ");
    put_value(s, diff->is_drift ? have : want);
}

void
row_diff_add_maps(struct row_diff *diff, const char *column,
                  const struct smap *have, const struct smap *want)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, want) {
        const char *value = smap_get(have, node->key);

        if (!value || strcmp(value, node->value)) {
            row_diff_add(diff, column, node->key, value, node->value);
        }
    }
    SMAP_FOR_EACH (node, have) {
        if (!smap_get(want, node->key)) {
            row_diff_add(diff, column, node->key, node->value, NULL);
        }
    }
}

const char *
row_diff_text(struct row_diff *diff)
{
    if (diff->n > MAX_SPELLED) {
        ds_put_format(&diff->text, " and %u more", diff->n - MAX_SPELLED);
        diff->n = MAX_SPELLED;
    }
    return ds_cstr(&diff->text);
}
