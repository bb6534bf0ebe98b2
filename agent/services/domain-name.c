/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "services/domain-name.h"

#include <string.h>

/* RFC 1035 2.3.4. */
#define LABEL_MAX 63

size_t
domain_name_encode(const char *name, uint8_t to[DOMAIN_NAME_MAX])
{
    size_t n = 0;

    while (*name) {
        size_t len = strcspn(name, ".");

        if (!len || len > LABEL_MAX || n + 1 + len + 1 > DOMAIN_NAME_MAX) {
            return 0;
        }
        to[n++] = len;
        memcpy(to + n, name, len);
        n += len;
        name += len + (name[len] == '.');
    }
    if (n) {
        to[n++] = 0;
    }
    return n;
}
