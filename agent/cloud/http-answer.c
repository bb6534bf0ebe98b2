/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/http-answer.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static const struct {
    int status;
    const char *text;
} status_texts[] = {
    { 200, "OK" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 410, "Gone" },
    { 429, "Too Many Requests" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
};

const char *
http_status_text(int status)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "";
}

long long int
http_parse_retry_after(const char *s, time_t now)
{
    size_t n_digits = strspn(s, "0123456789");
    if (n_digits && !s[n_digits]) {
        /* A number with more digits only means "very long". */
        return n_digits > 9 ? 999999999 : atoll(s);
    }

    /* curl_getdate() also takes plain numbers and words for dates. */
    time_t when = isalpha((unsigned char) s[0]) ? curl_getdate(s, NULL) : -1;
    return when == -1 ? -1 : MAX(when - now, 0);
}
