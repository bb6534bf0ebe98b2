/* SPDX-License-Identifier: Apache-2.0 */

/* Events: lines of the watch stream (contract 3.3) and bodies of webhooks
 * (contract 4).  The first line of the input says which: "watch",
 * "cloudevent", "batch", "standard" or "data TYPE".
 *
 * What an event says is the same when it comes in any other of these forms,
 * and bodies are taken as a whole or not at all. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "describe-event.h"
#include "fuzz.h"
#include "util.h"

static const char *const forms[] = {
    [EVENT_BODY_CLOUDEVENT] = "cloudevent",
    [EVENT_BODY_BATCH] = "batch",
    [EVENT_BODY_DATA] = "data",
    [EVENT_BODY_STANDARD] = "standard",
};

static enum object_kind
kind_of(const struct inventory_event *event)
{
    return event->object ? event->object->kind : event->kind;
}

/* The event's type as webhooks have it. */
static char *
type_of(const struct inventory_event *event)
{
    return xasprintf("%s.%s", object_kind_to_string(kind_of(event)),
                     (event->type == INVENTORY_EVENT_DELETE ? "delete"
                      : "put"));
}

/* Checks that the body brings what 'wanted' describes. */
static void
check_body(enum event_body form, const char *type, const char *text,
           const char *wanted)
{
    struct inventory_event_batch batch;
    struct event_body_error error;

    fuzz_check(inventory_event_decode_body(form, type, text, strlen(text),
                                           &batch, &error) == EVENT_BODY_OK);
    fuzz_check(batch.n == 1);

    char *found = fuzz_describe_event(&batch.events[0]);
    fuzz_check(!strcmp(found, wanted));
    free(found);
    inventory_event_batch_uninit(&batch);
}

static void
check_line(const char *text, const char *wanted)
{
    struct inventory_event event;
    char *error;

    fuzz_check(inventory_event_decode_line(text, strlen(text), &event,
                                           &error));
    char *found = fuzz_describe_event(&event);
    fuzz_check(!strcmp(found, wanted));
    free(found);
    inventory_event_uninit(&event);
}

/* Tells the event, a put, a delete or a thin event, in every form. */
static void
check_alike(const struct inventory_event *event, const char *wanted)
{
    const char *object = strchr(wanted, '{');
    const char *verb = (event->type == INVENTORY_EVENT_DELETE ? "delete"
                        : "put");
    char *type = type_of(event);
    char *dotted = xasprintf("com.example.%s", type);
    char *line = xasprintf("{\"type\":\"%s\",\"object\":%s}", verb, object);
    char *standard = xasprintf("{\"data\":%s,\"type\":\"%s\"}", object, type);
    char *cloudevent = xasprintf(
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/\","
        "\"type\":\"%s\",\"data\":%s}", dotted, object);
    char *batch = xasprintf("[%s]", cloudevent);

    check_line(line, wanted);
    check_body(EVENT_BODY_STANDARD, NULL, standard, wanted);
    check_body(EVENT_BODY_CLOUDEVENT, NULL, cloudevent, wanted);
    check_body(EVENT_BODY_BATCH, NULL, batch, wanted);
    check_body(EVENT_BODY_DATA, dotted, object, wanted);
    free(type);
    free(dotted);
    free(line);
    free(standard);
    free(cloudevent);
    free(batch);
}

static void
check_event(const struct inventory_event *event)
{
    char *wanted = fuzz_describe_event(event);

    if (event->type == INVENTORY_EVENT_PUT
        || event->type == INVENTORY_EVENT_DELETE
        || event->type == INVENTORY_EVENT_THIN) {
        check_alike(event, wanted);
    }
    free(wanted);
}

static void
take_line(const uint8_t *data, size_t size)
{
    struct inventory_event event;
    char *error;

    if (inventory_event_decode_line((const char *) data, size, &event,
                                    &error)) {
        check_event(&event);
    } else {
        fuzz_check_sentence(error);
        free(error);
    }
    inventory_event_uninit(&event);
}

static void
check_pointer(const char *pointer)
{
    fuzz_check(!pointer[0] || pointer[0] == '/');
    for (; *pointer; pointer++) {
        fuzz_check(*pointer > 0x20 && *pointer <= 0x7e);
    }
}

static void
take_body(enum event_body form, const char *type, const uint8_t *data,
          size_t size)
{
    struct inventory_event_batch batch;
    struct event_body_error error;

    if (inventory_event_decode_body(form, type, (const char *) data, size,
                                    &batch, &error) == EVENT_BODY_OK) {
        fuzz_check(batch.n <= EVENT_BATCH_MAX);
        fuzz_check(batch.n == 1 || form == EVENT_BODY_BATCH);
        fuzz_check(!error.detail && !error.pointer);
        for (size_t i = 0; i < batch.n; i++) {
            check_event(&batch.events[i]);
        }
    } else {
        fuzz_check(!batch.n && !batch.events);
        fuzz_check_sentence(error.detail);
        if (error.pointer) {
            check_pointer(error.pointer);
        }
    }
    inventory_event_batch_uninit(&batch);
    event_body_error_uninit(&error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *type = fuzz_take_line(&data, &size);
    char *form = strsep(&type, " ");

    if (!strcmp(form, "watch")) {
        take_line(data, size);
    }
    for (enum event_body i = 0; i < ARRAY_SIZE(forms); i++) {
        if (!strcmp(form, forms[i])) {
            take_body(i, i == EVENT_BODY_DATA ? type : NULL, data, size);
        }
    }
    free(form);
    return 0;
}
