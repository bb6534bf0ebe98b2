/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "cloud/webhook-answer.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

void
webhook_answer_init(struct webhook_answer *answer)
{
    *answer = (struct webhook_answer) { .status = 0 };
    smap_init(&answer->headers);
}

void
webhook_answer_uninit(struct webhook_answer *answer)
{
    free(answer->detail);
    free(answer->pointer);
    smap_destroy(&answer->headers);
}

void
webhook_answer_set(struct webhook_answer *answer, unsigned int status,
                   const char *format, ...)
{
    va_list args;

    answer->status = status;
    free(answer->detail);
    va_start(args, format);
    answer->detail = xvasprintf(format, args);
    va_end(args);
    free(answer->pointer);
    answer->pointer = NULL;
}

void
webhook_answer_retry_after(struct webhook_answer *answer, int seconds)
{
    smap_remove(&answer->headers, "Retry-After");
    smap_add_format(&answer->headers, "Retry-After", "%d", seconds);
}

static bool
is_error(const struct webhook_answer *answer)
{
    return answer->status >= 400;
}

/* Appends a JSON Pointer as the fragment of a URI (RFC 6901, 6), as RFC 9457
 * has it. */
static void
put_pointer(struct ds *s, const char *pointer)
{
    ds_put_cstr(s, ",\"pointer\":\"#");
    for (const char *p = pointer; *p; p++) {
        if (strchr("/~-._", *p) || (*p >= '0' && *p <= '9')
            || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) {
            ds_put_char(s, *p);
        } else {
            ds_put_format(s, "%%%02X", (unsigned char) *p);
        }
    }
    ds_put_char(s, '"');
}

static void
put_problem(struct ds *s, const struct webhook_answer *answer)
{
    ds_put_cstr(s, "{\"type\":\"about:blank\",\"title\":");
    json_string_escape(MHD_get_reason_phrase_for(answer->status), s);
    ds_put_format(s, ",\"status\":%u", answer->status);
    if (answer->detail) {
        ds_put_cstr(s, ",\"detail\":");
        json_string_escape(answer->detail, s);
        if (answer->pointer) {
            ds_put_cstr(s, ",\"errors\":[{\"detail\":");
            json_string_escape(answer->detail, s);
            put_pointer(s, answer->pointer);
            ds_put_cstr(s, "}]");
        }
    }
    ds_put_cstr(s, "}\n");
}

char *
webhook_answer_body(const struct webhook_answer *answer)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (is_error(answer)) {
        put_problem(&s, answer);
    } else if (answer->detail && answer->detail[0]) {
        ds_put_format(&s, "%s\n", answer->detail);
    }
    return ds_steal_cstr(&s);
}

static const char *
content_type(const struct webhook_answer *answer)
{
    return (is_error(answer) ? "application/problem+json"
            : "text/plain;charset=utf-8");
}

struct MHD_Response *
webhook_answer_response(const struct webhook_answer *answer)
{
    char *body = webhook_answer_body(answer);
    size_t len = strlen(body);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        len, body, MHD_RESPMEM_MUST_COPY);

    free(body);
    if (!response) {
        out_of_memory();
    }
    if (len) {
        MHD_add_response_header(response, "Content-Type",
                                content_type(answer));
    }

    struct smap_node *node;
    SMAP_FOR_EACH (node, &answer->headers) {
        MHD_add_response_header(response, node->key, node->value);
    }
    if (answer->close) {
        MHD_add_response_header(response, "Connection", "close");
    }
    return response;
}

char *
webhook_answer_text(const struct webhook_answer *answer)
{
    char *body = webhook_answer_body(answer);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "HTTP/1.1 %u %s\r\nConnection: close\r\n"
                  "Content-Type: %s\r\nContent-Length: %"PRIuSIZE"\r\n",
                  answer->status, MHD_get_reason_phrase_for(answer->status),
                  content_type(answer), strlen(body));

    struct smap_node *node;
    SMAP_FOR_EACH (node, &answer->headers) {
        ds_put_format(&s, "%s: %s\r\n", node->key, node->value);
    }
    ds_put_format(&s, "\r\n%s", body);
    free(body);
    return ds_steal_cstr(&s);
}
