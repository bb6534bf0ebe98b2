/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/inventory-url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Parses 'url' and stores it in '*up', to be freed with curl_url_cleanup(). */
static CURLUcode
parse(const char *url, CURLU **up)
{
    *up = curl_url();
    if (!*up) {
        out_of_memory();
    }
    return curl_url_set(*up, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
}

static bool
has_part(CURLU *u, CURLUPart what)
{
    char *part = NULL;
    bool has = !curl_url_get(u, what, &part, 0);

    curl_free(part);
    return has;
}

static const char *
check(const char *url)
{
    CURLU *u;
    CURLUcode code = parse(url, &u);
    const char *error = NULL;

    if (strncasecmp(url, "http://", 7) && strncasecmp(url, "https://", 8)) {
        error = "it does not begin with http:// or https://";
    } else if (code) {
        error = curl_url_strerror(code);
    } else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)
               || has_part(u, CURLUPART_OPTIONS)) {
        error = "it holds a user name or password, which would be for all to "
                "see (use --api-token-file)";
    } else if (strpbrk(url, "?#")) {
        error = "it has a query or a fragment";
    }
    curl_url_cleanup(u);
    return error;
}

char *
inventory_url_check(const char *url)
{
    const char *error = check(url);

    return (error ? xasprintf("the inventory's URL cannot be used: %s", error)
            : NULL);
}

static void
put_escaped(struct ds *s, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);
    if (!escaped) {
        out_of_memory();
    }
    ds_put_format(s, "%s=%s", name, value[0] ? escaped : "");
    curl_free(escaped);
}

/* "BASE/v1/inventory?host=HOST". */
static void
put_inventory(struct ds *s, const char *base, const char *host)
{
    ds_put_cstr(s, base);
    ds_chomp(s, '/');
    ds_put_cstr(s, "/v1/inventory?");
    put_escaped(s, "host", host);
}

char *
inventory_url_list(const char *base, const char *host, int limit,
                   const char *cursor)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    put_inventory(&s, base, host);
    ds_put_format(&s, "&limit=%d", limit);
    if (cursor) {
        ds_put_char(&s, '&');
        put_escaped(&s, "cursor", cursor);
    }
    return ds_steal_cstr(&s);
}

char *
inventory_url_watch(const char *base, const char *host, const char *since)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    put_inventory(&s, base, host);
    ds_put_cstr(&s, "&watch=1&");
    put_escaped(&s, "since", since);
    return ds_steal_cstr(&s);
}

/* Compares a part of two URLs, without regard to case. */
static bool
same_part(CURLU *a, CURLU *b, CURLUPart what, unsigned int flags)
{
    char *pa = NULL;
    char *pb = NULL;
    bool same = (!curl_url_get(a, what, &pa, flags)
                 && !curl_url_get(b, what, &pb, flags)
                 && !strcasecmp(pa, pb));

    curl_free(pa);
    curl_free(pb);
    return same;
}

bool
inventory_url_same_origin(const char *a, const char *b)
{
    CURLU *ua;
    CURLU *ub;
    CURLUcode code_a = parse(a, &ua);
    CURLUcode code_b = parse(b, &ub);
    bool same = (!code_a && !code_b
                 && same_part(ua, ub, CURLUPART_SCHEME, 0)
                 && same_part(ua, ub, CURLUPART_HOST, 0)
                 && same_part(ua, ub, CURLUPART_PORT, CURLU_DEFAULT_PORT));

    curl_url_cleanup(ua);
    curl_url_cleanup(ub);
    return same;
}

char *
inventory_url_to_path(const char *url, char **errorp)
{
    const char *s = url + strlen("file:");
    if (!strncmp(s, "//localhost/", 12)) {
        s += 11;
    } else if (!strncmp(s, "//", 2)) {
        s += 2;
    }
    if (*s != '/') {
        /* A daemon has no working directory to speak of. */
        *errorp = xstrdup("file: needs an absolute path on this host");
        return NULL;
    }

    int len;
    char *decoded = curl_easy_unescape(NULL, s, 0, &len);
    if (!decoded) {
        out_of_memory();
    }
    char *path = xmemdup0(decoded, len);
    if (strlen(path) != (size_t) len) {
        *errorp = xstrdup("the path of the file: URL holds a NUL character");
        free(path);
        path = NULL;
    }
    curl_free(decoded);
    return path;
}
