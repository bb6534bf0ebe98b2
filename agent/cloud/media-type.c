/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/media-type.h"

#include <string.h>
#include <strings.h>

bool
media_type_is(const char *value, const char *type)
{
    size_t len = strlen(type);

    if (strncasecmp(value, type, len)) {
        return false;
    }
    value += len;
    value += strspn(value, " \t");
    return !*value || *value == ';';
}
