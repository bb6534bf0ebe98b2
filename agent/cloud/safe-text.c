/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/safe-text.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

void
safe_text_put_plain(struct ds *ds, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '"') {
            ds_put_char(ds, '"');
        } else {
            ds_put_printable(ds, &s[i], 1);
        }
    }
}

void
safe_text_put(struct ds *ds, const char *s, size_t len)
{
    ds_put_char(ds, '"');
    for (size_t i = 0; i < MIN(len, SAFE_TEXT_MAX); i++) {
        if (s[i] == '"') {
            ds_put_char(ds, '\\');
        }
        safe_text_put_plain(ds, &s[i], 1);
    }
    ds_put_cstr(ds, len > SAFE_TEXT_MAX ? "...\"" : "\"");
}

char *
safe_text(const char *s)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    safe_text_put(&ds, s, strlen(s));
    return ds_steal_cstr(&ds);
}
