/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/explanation.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/listing.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

void
explanation_init(struct explanation *x)
{
    memset(x, 0, sizeof *x);
}

void
explanation_destroy(struct explanation *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->findings[i].text);
    }
    free(x->findings);
    json_destroy(x->subject);
    free(x->conclusion);
    explanation_init(x);
}

static struct finding *
add(struct explanation *x, const char *step, enum finding_kind kind,
    const char *format, va_list args)
{
    if (x->n >= x->allocated) {
        x->findings = x2nrealloc(x->findings, &x->allocated,
                                 sizeof *x->findings);
    }

    struct finding *f = &x->findings[x->n++];
    f->step = step;
    f->kind = kind;
    f->text = xvasprintf(format, args);
    return f;
}

void
explanation_ok(struct explanation *x, const char *step, const char *format,
               ...)
{
    va_list args;

    va_start(args, format);
    add(x, step, FINDING_OK, format, args);
    va_end(args);
}

void
explanation_note(struct explanation *x, const char *step, const char *format,
                 ...)
{
    va_list args;

    va_start(args, format);
    add(x, step, FINDING_NOTE, format, args);
    va_end(args);
}

void
explanation_stop(struct explanation *x, const char *step, const char *cause,
                 const char *remedy, const char *format, ...)
{
    const struct finding *f;
    va_list args;

    va_start(args, format);
    f = add(x, step, FINDING_STOP, format, args);
    va_end(args);
    if (!x->concluded) {
        x->concluded = true;
        x->verdict = VERDICT_STOPS;
        x->cause = cause;
        x->conclusion = xasprintf("It stops at step \"%s\": %s.  %s.", step,
                                  f->text, remedy);
    }
}

void
explanation_conclude(struct explanation *x, enum verdict verdict,
                     const char *cause, const char *format, ...)
{
    if (!x->concluded) {
        va_list args;

        va_start(args, format);
        x->concluded = true;
        x->verdict = verdict;
        x->cause = cause;
        x->conclusion = xvasprintf(format, args);
        va_end(args);
    }
}

static const char *
kind_to_string(enum finding_kind kind)
{
    switch (kind) {
    case FINDING_OK: return "ok";
    case FINDING_NOTE: return "note";
    case FINDING_STOP: return "stop";
    default: OVS_NOT_REACHED();
    }
}

static const char *
verdict_to_string(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_PASSES: return "passes";
    case VERDICT_STOPS: return "stops";
    case VERDICT_UNKNOWN: return "unknown";
    default: OVS_NOT_REACHED();
    }
}

static struct json *
to_json(const struct explanation *x)
{
    struct json *root = x->subject ? json_deep_clone(x->subject)
                                   : json_object_create();
    struct json *steps = json_array_create_empty();

    for (size_t i = 0; i < x->n; i++) {
        const struct finding *f = &x->findings[i];
        struct json *step = json_object_create();

        json_object_put_string(step, "step", f->step);
        json_object_put_string(step, "finding", kind_to_string(f->kind));
        json_object_put(step, "text", listing_string_to_json(f->text));
        json_array_add(steps, step);
    }
    json_object_put(root, "steps", steps);
    json_object_put_string(root, "verdict", verdict_to_string(x->verdict));
    json_object_put(root, "cause", x->cause ? json_string_create(x->cause)
                                            : json_null_create());
    json_object_put(root, "conclusion",
                    listing_string_to_json(x->conclusion));
    return root;
}

static const struct listing_column columns[] = {
    { "STEP", NULL },
    { "", NULL },
    { "FINDING", NULL },
};

static void
put_text(const struct explanation *x, struct ds *s)
{
    struct listing *l = listing_create(columns, ARRAY_SIZE(columns), false);

    for (size_t i = 0; i < x->n; i++) {
        const struct finding *f = &x->findings[i];

        listing_put_string(l, f->step);
        listing_put_string(l, f->kind == FINDING_STOP
                           ? "STOP" : kind_to_string(f->kind));
        listing_put_string(l, f->text);
    }
    listing_format(l, 0, s);
    listing_destroy(l);
    ds_put_char(s, '\n');
    listing_escape(x->conclusion, s);
    ds_put_char(s, '\n');
}

void
explanation_format(const struct explanation *x, bool json, struct ds *s)
{
    ovs_assert(x->concluded);
    if (json) {
        struct json *root = to_json(x);

        json_to_ds(root, JSSF_PRETTY | JSSF_SORT, s);
        ds_put_char(s, '\n');
        json_destroy(root);
    } else {
        put_text(x, s);
    }
}
