/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-headers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "util.h"

/* Optional white space. */
#define OWS " \t"

/* Returns the end of the preference that begins at 's': its comma or the end
 * of the string.  A comma within quotes does not count. */
static const char *
end_of_preference(const char *s)
{
    bool quoted = false;

    for (; *s && (quoted || *s != ','); s++) {
        if (*s == '"') {
            quoted = !quoted;
        } else if (*s == '\\' && quoted && s[1]) {
            s++;
        }
    }
    return s;
}

/* Parses what follows "wait": "=N" or "=\"N\"", up to 'end' or a ';'. */
static int
parse_wait(const char *s, const char *end, int max)
{
    s += strspn(s, OWS);
    if (*s++ != '=') {
        return -1;
    }
    s += strspn(s, OWS);

    bool quoted = *s == '"';
    int n = 0;

    s += quoted;
    if (!isdigit((unsigned char) *s)) {
        return -1;
    }
    for (; isdigit((unsigned char) *s); s++) {
        n = MIN(n * 10 + (*s - '0'), max);
    }
    if (quoted && *s++ != '"') {
        return -1;
    }
    s += strspn(s, OWS);
    return s >= end || *s == ';' ? n : -1;
}

/* Returns what follows the first preference with the name 'name', up to
 * '*endp', or NULL if there is none. */
static const char *
find_preference(const char *value, const char *name, const char **endp)
{
    for (const char *s = value; *s; s = *endp) {
        s += strspn(s, OWS ",");
        *endp = end_of_preference(s);

        size_t len = strcspn(s, OWS "=;,");
        if (len == strlen(name) && !strncasecmp(s, name, len)) {
            return s + len;
        }
    }
    return NULL;
}

int
header_prefer_wait(const char *value, int max)
{
    const char *end;
    const char *s = find_preference(value, "wait", &end);

    return s ? parse_wait(s, end, max) : -1;
}

bool
header_prefers(const char *value, const char *name)
{
    const char *end;
    const char *s = find_preference(value, name, &end);

    if (!s) {
        return false;
    }
    s += strspn(s, OWS);
    if (*s == '=') {
        s++;
        s += strspn(s, OWS);
        if (s[0] == '"' && s[1] == '"') {
            s += 2;
            s += strspn(s, OWS);
        }
    }
    return s >= end || *s == ';';
}
