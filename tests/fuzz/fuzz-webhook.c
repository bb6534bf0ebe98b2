/* SPDX-License-Identifier: Apache-2.0 */

/* What a webhook's head says (contract 4): route, signature, repetition,
 * content type, ce-* and Prefer.  The input is a request without what an HTTP
 * library takes care of:
 *
 *     POST /v1/events
 *     webhook-id: msg_1
 *     webhook-timestamp: 1700000000
 *     webhook-signature: v1,...
 *     content-type: application/json
 *
 *     {"type":"endpoint.put","data":{...}}
 *
 * Where the signature is to be right, it is "v1,SIGNED", and a timestamp of
 * "NOW" is now.
 *
 * Nothing is taken in that was not signed, and nothing twice. */

#include <config.h>
#include "ovs-json.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "cloud/webhook-answer.h"
#include "cloud/webhook-headers.h"
#include "cloud/webhook-intake.h"
#include "cloud/webhook-routes.h"
#include "cloud/webhook-secrets.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

#define KEY "0123456789abcdef01234567"
#define SECRET_LINE "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n"
#define SIGNED "v1,SIGNED"

enum {
    NOW = 1700000000,           /* Where the time is a parameter. */
    WAIT_MAX = 60,
};

/* What was taken in. */
struct sink {
    size_t n_calls, n_repeated;
};

static const char *
why_not(void *sink OVS_UNUSED)
{
    return NULL;
}

static void
take(void *sink_, struct inventory_event *events, size_t n,
     uint64_t ticket, bool revalidated OVS_UNUSED, bool repeated)
{
    struct sink *sink = sink_;

    for (size_t i = 0; i < n; i++) {
        fuzz_check(events[i].type <= INVENTORY_EVENT_UNKNOWN);
        if (events[i].object) {
            fuzz_check_object(events[i].object);
        }
    }
    fuzz_check(!repeated || ticket);
    sink->n_calls++;
    sink->n_repeated += repeated;
}

/* The request. */

struct input {
    char *method, *path;
    struct smap headers;        /* The last one of a name. */
    const uint8_t *body;
    size_t len;
};

static void
input_init(struct input *in, const uint8_t *data, size_t size)
{
    char *line = fuzz_take_line(&data, &size), *rest = line;

    in->method = xstrdup(strsep(&rest, " "));
    in->path = xstrdup(rest ? rest : "");
    free(line);
    smap_init(&in->headers);
    while (size) {
        line = fuzz_take_line(&data, &size);
        rest = line;
        char *name = strsep(&rest, ":");

        if (!*name) {
            free(line);
            break;
        }
        if (rest) {
            rest += strspn(rest, " \t");
            smap_replace(&in->headers, name, rest);
        }
        free(line);
    }
    in->body = data;
    in->len = size;
}

static void
input_uninit(struct input *in)
{
    free(in->method);
    free(in->path);
    smap_destroy(&in->headers);
}

static void
fill_in_time(struct input *in)
{
    if (!strcmp(smap_get_def(&in->headers, "webhook-timestamp", ""), "NOW")) {
        smap_remove(&in->headers, "webhook-timestamp");
        smap_add_format(&in->headers, "webhook-timestamp", "%lld",
                        (long long int) time_wall());
    }
}

/* Puts the right signature in the place of SIGNED. */
static void
fill_in_signature(struct input *in)
{
    const char *value = smap_get_def(&in->headers, "webhook-signature", "");
    const char *found = strstr(value, SIGNED);
    struct ds s = DS_EMPTY_INITIALIZER;
    unsigned char mac[32], base64[45];

    if (!found) {
        return;
    }
    ds_put_format(&s, "%s.%s.",
                  smap_get_def(&in->headers, "webhook-id", ""),
                  smap_get_def(&in->headers, "webhook-timestamp", ""));
    ds_put_buffer(&s, (const char *) in->body, in->len);
    HMAC(EVP_sha256(), KEY, strlen(KEY), (const unsigned char *) s.string,
         s.length, mac, NULL);
    EVP_EncodeBlock(base64, mac, sizeof mac);

    ds_clear(&s);
    ds_put_buffer(&s, value, found - value);
    ds_put_format(&s, "v1,%s%s", base64, found + strlen(SIGNED));
    smap_replace(&in->headers, "webhook-signature", ds_cstr(&s));
    ds_destroy(&s);
}

static void
get_post(const struct input *in, struct webhook_post *post)
{
    const struct smap *headers = &in->headers;
    const char *prefer = smap_get(headers, "prefer");

    *post = (struct webhook_post) {
        .sign = {
            .id = smap_get(headers, "webhook-id"),
            .timestamp = smap_get(headers, "webhook-timestamp"),
            .signature = smap_get(headers, "webhook-signature"),
        },
        .content_type = smap_get(headers, "content-type"),
        .content_encoding = smap_get(headers, "content-encoding"),
        .ce_specversion = smap_get(headers, "ce-specversion"),
        .ce_id = smap_get(headers, "ce-id"),
        .ce_source = smap_get(headers, "ce-source"),
        .ce_type = smap_get(headers, "ce-type"),
    };
    if (prefer) {
        int wait = header_prefer_wait(prefer, WAIT_MAX);

        fuzz_check(wait >= -1 && wait <= WAIT_MAX);
        post->revalidated = header_prefers(prefer, "revalidated");
    }
}

/* Answers. */

static void
check_answer(const struct webhook_answer *answer)
{
    struct smap_node *node;

    fuzz_check(answer->status >= 200 && answer->status < 600);
    SMAP_FOR_EACH (node, &answer->headers) {
        fuzz_check_printable(node->key, 100);
        fuzz_check_printable(node->value, 1000);
    }

    char *body = webhook_answer_body(answer);
    if (answer->status >= 400) {
        struct json *json = json_from_string(body);

        fuzz_check_sentence(answer->detail);
        fuzz_check(json->type == JSON_OBJECT);
        json_destroy(json);
    }
    free(body);
    free(webhook_answer_text(answer));
}

static bool
take_route(const struct input *in, const struct webhook_sink *sink)
{
    const struct webhook_route route = {
        .path = in->path,
        .method = in->method,
        .origin = smap_get(&in->headers, "webhook-request-origin"),
    };
    struct webhook_answer answer;

    webhook_answer_init(&answer);
    bool is_events = webhook_route_is_events(&route, sink, &answer);
    fuzz_check(is_events == !answer.status);
    if (!is_events) {
        check_answer(&answer);
    }
    webhook_answer_uninit(&answer);
    return is_events;
}

/* Hands the request in.  Returns the status that it was answered with. */
static unsigned int
post_it(struct webhook_intake *intake, const struct webhook_post *post,
        const struct input *in, uint64_t ticket)
{
    struct webhook_answer answer;

    webhook_answer_init(&answer);
    if (webhook_intake_check_headers(intake, post, &answer)) {
        fuzz_check(!answer.status);
        webhook_intake_take(intake, post, (const char *) in->body, in->len,
                            ticket, &answer);
    }
    check_answer(&answer);

    unsigned int status = answer.status;
    webhook_answer_uninit(&answer);
    return status;
}

static void
take_events(const struct input *in, struct webhook_secrets *secrets,
            bool may_be_taken)
{
    struct sink taken = { .n_calls = 0 };
    const struct webhook_sink sink = {
        .aux = &taken,
        .why_not = why_not,
        .why_not_ready = why_not,
        .events = take,
    };

    if (!take_route(in, &sink)) {
        return;
    }

    struct webhook_intake *intake = webhook_intake_create(&sink, secrets);
    struct webhook_post post;
    get_post(in, &post);
    unsigned int status = post_it(intake, &post, in, 0);
    fuzz_check((status == 202) == (taken.n_calls == 1));
    fuzz_check(may_be_taken || status >= 400);

    if (status == 202 && post.sign.id) {
        fuzz_check(post_it(intake, &post, in, 0) == 202);
        fuzz_check(taken.n_calls == 1);
        fuzz_check(post_it(intake, &post, in, 1) == 202);
        fuzz_check(taken.n_calls == 2 && taken.n_repeated == 1);
    }
    webhook_intake_destroy(intake);
}

/* As if it were NOW. */
static void
check_signature(const struct input *in)
{
    struct webhook_secret secret = { .len = strlen(KEY) };
    struct webhook_post post;

    memcpy(secret.key, KEY, strlen(KEY));
    get_post(in, &post);
    char *why = webhook_signature_check_headers(&post.sign, NOW);
    if (why) {
        fuzz_check_sentence(why);
        free(why);
    } else {
        webhook_signature_matches(&post.sign, &secret, 1, in->body, in->len);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct webhook_secrets *secrets;
    struct input in;

    if (!secrets) {
        char *path = xasprintf("%s/secrets", fuzz_folder()), *error;

        fuzz_quiet();
        fuzz_write_file(path, SECRET_LINE, strlen(SECRET_LINE));
        secrets = webhook_secrets_create(path, &error);
        fuzz_check(secrets);
        free(path);
    }

    input_init(&in, data, size);
    bool is_signed = strstr(smap_get_def(&in.headers, "webhook-signature",
                                         ""), SIGNED) != NULL;
    fill_in_signature(&in);
    check_signature(&in);
    input_uninit(&in);

    input_init(&in, data, size);
    fill_in_time(&in);
    fill_in_signature(&in);
    take_events(&in, NULL, true);
    take_events(&in, secrets, is_signed);
    input_uninit(&in);
    return 0;
}
