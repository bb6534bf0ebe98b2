/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INVENTORY_EVENT_H
#define VTEPD_INVENTORY_EVENT_H 1

/* Decodes events: what one object of the inventory has become, told by a line
 * of the watch stream (contract 3.3) or by a webhook (contract 4).
 *
 * One decoder serves lists, watch lines and webhooks: the object inside an
 * event is decoded as in inventory-json.h, just as strictly.  Knows nothing of
 * HTTP, signatures or time; logs nothing. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/objects.h"

enum inventory_event_type {
    INVENTORY_EVENT_PUT,        /* 'object' is what the object is now. */
    INVENTORY_EVENT_DELETE,     /* 'kind', 'id' and 'revision'. */

    /* Something about the object has changed, and a list has to tell what:
     * the event has only 'kind' and 'id' (a thin event), or it is a delete
     * without a revision. */
    INVENTORY_EVENT_THIN,

    /* Nothing for this version: an object of a kind that it does not know
     * or, in a watch stream, an event of another type. */
    INVENTORY_EVENT_UNKNOWN,

    /* In a watch stream only. */
    INVENTORY_EVENT_VERSION,    /* 'version': everything up to there was
                                 * sent. */
    INVENTORY_EVENT_GONE,       /* List again. */
    INVENTORY_EVENT_REFUSED,    /* An object that is refused: 'error', and
                                 * which it is, as far as can be told. */
};

struct inventory_event {
    enum inventory_event_type type;
    struct object *object;      /* PUT. */
    enum object_kind kind;      /* DELETE, THIN; REFUSED beside an 'id'. */
    char *id;                   /* DELETE, THIN; REFUSED: or NULL. */
    uint64_t revision;          /* DELETE. */
    char *version;              /* VERSION. */
    char *error;                /* REFUSED: a sentence fit for a log. */
    char *unknown;              /* UNKNOWN: "kind "gadget"" or "type "hint"",
                                 * fit for a log. */
};

/* Frees what 'event' holds.  A caller that keeps the object or a string takes
 * it out, leaving NULL. */
void inventory_event_uninit(struct inventory_event *event);

/* Decodes the 'len' bytes at 'line', a line of a watch stream without its line
 * end.  Returns false, with a sentence in '*errorp' (to be freed by the
 * caller), if it is no event at all: no JSON, or not an object with a
 * "type". */
bool inventory_event_decode_line(const char *line, size_t len,
                                 struct inventory_event *event,
                                 char **errorp);

/* Webhooks. */

enum event_body {
    EVENT_BODY_CLOUDEVENT,      /* application/cloudevents+json */
    EVENT_BODY_BATCH,           /* application/cloudevents-batch+json */
    EVENT_BODY_DATA,            /* Binary mode: the body is the data. */
    EVENT_BODY_STANDARD,        /* Standard Webhooks. */
};

enum {
    EVENT_BATCH_MAX = 10000,    /* Events in a batch. */
};

/* What a body consists of: PUT, DELETE and THIN only. */
struct inventory_event_batch {
    struct inventory_event *events;
    size_t n;
};
void inventory_event_batch_uninit(struct inventory_event_batch *);

enum event_body_result {
    EVENT_BODY_OK,
    EVENT_BODY_NOT_JSON,        /* 400 */
    EVENT_BODY_INVALID,         /* 422: not an event, not a valid object. */
};

struct event_body_error {
    char *detail;               /* A sentence that names the object and the
                                 * member; fit for a log. */
    char *pointer;              /* The member at fault as a JSON Pointer (RFC
                                 * 6901) into the body, or NULL. */
};
void event_body_error_uninit(struct event_body_error *);

/* Decodes the 'len' bytes at 'text', all of them or none: on failure the
 * batch is empty and '*error' says why, for the caller to free.  'type' is the
 * event's type where it is not in the body (EVENT_BODY_DATA), else NULL.
 *
 * A type must end in ".KIND.put" or ".KIND.delete" (Standard Webhooks: or be
 * just "KIND.put").  It names the object's kind; a "kind" in the object may be
 * left out, but not disagree.  "data_base64" is refused.  Of a CloudEvent's
 * other attributes and extensions nothing is looked at. */
enum event_body_result inventory_event_decode_body(
    enum event_body, const char *type, const char *text, size_t len,
    struct inventory_event_batch *batch, struct event_body_error *error);

#endif /* inventory-event.h */
