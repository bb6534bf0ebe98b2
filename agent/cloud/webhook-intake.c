/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-intake.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>

#include "cloud/inventory-event.h"
#include "cloud/media-type.h"
#include "cloud/webhook-answer.h"
#include "cloud/webhook-replay.h"
#include "cloud/webhook-secrets.h"
#include "openvswitch/token-bucket.h"
#include "timeval.h"
#include "util.h"

enum {
    /* Authenticated requests: in a millisecond, and at once. */
    RATE = 1,
    BURST = 2000,

    /* Identifiers remembered: what comes in at that rate before it expires
     * fits, if clocks agree to about 200 s. */
    IDS_MAX = 512 * 1024,

    /* Answered as Retry-After, in s. */
    RETRY_TOO_FAST = 1,
    RETRY_FULL = 30,
    RETRY_UNAVAILABLE = 2,
};

struct webhook_intake {
    struct webhook_sink sink;
    struct webhook_secrets *secrets;
    struct webhook_replay *replay;

    /* Who has overheard requests can repeat them, but not use up what those
     * who know the secret need. */
    struct token_bucket rate, repeated_rate;

    uint64_t n_taken, n_repeated;
    long long int last_taken;
};

struct webhook_intake *
webhook_intake_create(const struct webhook_sink *sink,
                      struct webhook_secrets *secrets)
{
    struct webhook_intake *intake = xzalloc(sizeof *intake);

    intake->sink = *sink;
    intake->secrets = secrets;
    intake->replay = webhook_replay_create(IDS_MAX);
    token_bucket_init(&intake->rate, RATE, BURST);
    token_bucket_init(&intake->repeated_rate, RATE, BURST);
    return intake;
}

void
webhook_intake_destroy(struct webhook_intake *intake)
{
    if (intake) {
        webhook_replay_destroy(intake->replay);
        free(intake);
    }
}

void
webhook_intake_run(struct webhook_intake *intake)
{
    webhook_replay_run(intake->replay, time_wall());
}

/* Finds out what the body is.  Returns false if it is nothing known. */
static bool
get_body_type(const struct webhook_post *post, enum event_body *type)
{
    const char *value = post->content_type;

    if (post->content_encoding
        && strcasecmp(post->content_encoding, "identity")) {
        return false;
    } else if (!value) {
        return false;
    } else if (media_type_is(value, "application/cloudevents+json")) {
        *type = EVENT_BODY_CLOUDEVENT;
    } else if (media_type_is(value, "application/cloudevents-batch+json")) {
        *type = EVENT_BODY_BATCH;
    } else if (!media_type_is(value, "application/json")) {
        return false;
    } else if (post->ce_specversion || post->ce_id || post->ce_source
               || post->ce_type) {
        *type = EVENT_BODY_DATA;
    } else {
        *type = EVENT_BODY_STANDARD;
    }
    return true;
}

static void
answer_unauthorized(struct webhook_answer *answer, const char *why)
{
    webhook_answer_set(answer, MHD_HTTP_UNAUTHORIZED, "%s", why);
    smap_replace(&answer->headers, "WWW-Authenticate", "Standard-Webhooks");
    answer->close = true;
}

static bool
check_identity(const struct webhook_intake *intake,
               const struct webhook_post *post, struct webhook_answer *answer)
{
    if (intake->secrets) {
        char *why = webhook_signature_check_headers(&post->sign, time_wall());

        if (why) {
            answer_unauthorized(answer, why);
            free(why);
            return false;
        }
    } else if (post->sign.id && !webhook_id_is_valid(post->sign.id)) {
        webhook_answer_set(answer, MHD_HTTP_BAD_REQUEST, "the header "
                           "webhook-id is not 1 to 255 visible ASCII "
                           "characters");
        return false;
    }
    return true;
}

bool
webhook_intake_check_headers(struct webhook_intake *intake,
                             const struct webhook_post *post,
                             struct webhook_answer *answer)
{
    enum event_body type;

    if (!check_identity(intake, post, answer)) {
        return false;
    } else if (!get_body_type(post, &type)) {
        webhook_answer_set(answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                           "the body must be application/cloudevents+json, "
                           "application/cloudevents-batch+json or "
                           "application/json, not compressed");
        smap_replace(&answer->headers, "Accept",
                     "application/cloudevents+json, "
                     "application/cloudevents-batch+json, application/json");
        return false;
    }
    return true;
}

static bool
is_signed(struct webhook_intake *intake, const struct webhook_post *post,
          const char *body, size_t len)
{
    size_t n;

    if (!intake->secrets) {
        return true;
    }
    webhook_secrets_run(intake->secrets, time_msec());

    const struct webhook_secret *secrets = webhook_secrets_get(
        intake->secrets, &n);
    return webhook_signature_matches(&post->sign, secrets, n, body, len);
}

/* Until when could the request be sent again?  In s. */
static long long int
get_expiry(const struct webhook_intake *intake,
           const struct webhook_post *post)
{
    return (intake->secrets ? webhook_timestamp_parse(post->sign.timestamp)
            : time_wall()) + WEBHOOK_TOLERANCE;
}

/* May an authenticated request be taken in now? */
static bool
is_possible(struct webhook_intake *intake, bool repeated,
            struct webhook_answer *answer)
{
    const char *why_not;

    if (!token_bucket_withdraw(repeated ? &intake->repeated_rate
                               : &intake->rate, 1)) {
        webhook_answer_set(answer, MHD_HTTP_TOO_MANY_REQUESTS,
                           "more than %d requests a second", RATE * 1000);
        webhook_answer_retry_after(answer, RETRY_TOO_FAST);
        return false;
    }
    why_not = intake->sink.why_not(intake->sink.aux);
    if (why_not) {
        webhook_answer_set(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
                           why_not);
        webhook_answer_retry_after(answer, RETRY_UNAVAILABLE);
        return false;
    }
    return true;
}

/* In binary mode the attributes of an event are header fields. */
static bool
check_attributes(const struct webhook_post *post,
                 struct webhook_answer *answer)
{
    const struct {
        const char *name, *value;
    } attributes[] = {
        { "ce-specversion", post->ce_specversion },
        { "ce-id", post->ce_id },
        { "ce-source", post->ce_source },
        { "ce-type", post->ce_type },
    };

    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        if (!attributes[i].value || !attributes[i].value[0]) {
            webhook_answer_set(answer, MHD_HTTP_UNPROCESSABLE_CONTENT,
                               "the header %s is missing",
                               attributes[i].name);
            return false;
        }
    }
    if (strcmp(post->ce_specversion, "1.0")) {
        webhook_answer_set(answer, MHD_HTTP_UNPROCESSABLE_CONTENT,
                           "the header ce-specversion is not 1.0");
        return false;
    }
    return true;
}

static void
answer_undecodable(struct webhook_answer *answer,
                   enum event_body_result result,
                   struct event_body_error *error)
{
    webhook_answer_set(answer, (result == EVENT_BODY_NOT_JSON
                                ? MHD_HTTP_BAD_REQUEST
                                : MHD_HTTP_UNPROCESSABLE_CONTENT),
                       "%s", error->detail);
    answer->pointer = error->pointer;
    error->pointer = NULL;
    event_body_error_uninit(error);
}

static bool
decode(const struct webhook_post *post, const char *body, size_t len,
       struct inventory_event_batch *batch, struct webhook_answer *answer)
{
    struct event_body_error error;
    enum event_body_result result;
    enum event_body type;

    if (!get_body_type(post, &type)) {
        OVS_NOT_REACHED();
    } else if (type == EVENT_BODY_DATA && !check_attributes(post, answer)) {
        return false;
    }
    result = inventory_event_decode_body(type, (type == EVENT_BODY_DATA
                                                ? post->ce_type : NULL),
                                         body, len, batch, &error);
    if (result != EVENT_BODY_OK) {
        answer_undecodable(answer, result, &error);
        return false;
    }
    return true;
}

/* Decodes the events and hands them over. */
static void
take_events(struct webhook_intake *intake, const struct webhook_post *post,
            const char *body, size_t len, uint64_t ticket,
            struct webhook_answer *answer)
{
    struct inventory_event_batch batch;

    if (webhook_replay_is_full(intake->replay)) {
        webhook_answer_set(answer, MHD_HTTP_TOO_MANY_REQUESTS, "more requests "
                           "in a few minutes than can be told apart");
        webhook_answer_retry_after(answer, RETRY_FULL);
    } else if (decode(post, body, len, &batch, answer)) {
        intake->sink.events(intake->sink.aux, batch.events, batch.n, ticket,
                            post->revalidated, false);
        inventory_event_batch_uninit(&batch);
        if (post->sign.id) {
            webhook_replay_add(intake->replay, post->sign.id,
                               get_expiry(intake, post));
        }
        intake->n_taken++;
        intake->last_taken = time_msec();
        webhook_answer_set(answer, MHD_HTTP_ACCEPTED, "%s", "");
    }
}

/* Changes nothing, but there may be something to wait for. */
static void
take_repetition(struct webhook_intake *intake,
                const struct webhook_post *post, const char *body, size_t len,
                uint64_t ticket, struct webhook_answer *answer)
{
    struct inventory_event_batch batch;

    intake->n_repeated++;
    if (ticket) {
        if (!decode(post, body, len, &batch, answer)) {
            return;
        }
        intake->sink.events(intake->sink.aux, batch.events, batch.n, ticket,
                            post->revalidated, true);
        inventory_event_batch_uninit(&batch);
    }
    webhook_answer_set(answer, MHD_HTTP_ACCEPTED, "%s", "");
}

bool
webhook_intake_take(struct webhook_intake *intake,
                    const struct webhook_post *post, const char *body,
                    size_t len, uint64_t ticket,
                    struct webhook_answer *answer)
{
    if (!is_signed(intake, post, body, len)) {
        answer_unauthorized(answer, "webhook-signature has no signature that "
                            "was made with the secret");
        return false;
    }

    bool repeated = (post->sign.id
                     && webhook_replay_seen(intake->replay, post->sign.id,
                                            get_expiry(intake, post)));
    if (!is_possible(intake, repeated, answer)) {
        return true;
    } else if (repeated) {
        take_repetition(intake, post, body, len, ticket, answer);
    } else {
        take_events(intake, post, body, len, ticket, answer);
    }
    return true;
}

void
webhook_intake_add_status(const struct webhook_intake *intake,
                          struct webhook_status *status)
{
    status->n_taken += intake->n_taken;
    status->n_repeated += intake->n_repeated;
    status->last_taken = intake->last_taken;
}
