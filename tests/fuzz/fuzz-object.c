/* SPDX-License-Identifier: Apache-2.0 */

/* Objects of the inventory (contract 3.1).  What is decoded keeps all that is
 * promised of objects, is the same once it was encoded and decoded again, and
 * is the same whichever way it comes in. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "cloud/inventory-json.h"
#include "cloud/inventory-page.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* The object's text within other text. */
static struct ds
wrap(const char *before, const uint8_t *data, size_t size, const char *after)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, before);
    ds_put_buffer(&s, (const char *) data, size);
    ds_put_cstr(&s, after);
    return s;
}

static void
check_recoded(const char *encoded)
{
    char *error = NULL;
    struct object *again = inventory_json_decode_object(
        encoded, strlen(encoded), &error);

    fuzz_check(!error);
    fuzz_check_same(again, encoded);
    object_destroy(again);
}

static void
check_page(const uint8_t *data, size_t size, const char *encoded)
{
    struct ds s = wrap("{\"items\":[", data, size, "],\"version\":\"1\"}");
    struct inventory_page *page = inventory_page_create(s.string, s.length);
    struct inventory_item item;

    fuzz_check(inventory_page_next(page, &item) == INVENTORY_PAGE_ITEM);
    fuzz_check_same(item.object, encoded);
    inventory_item_uninit(&item);
    fuzz_check(inventory_page_next(page, &item) == INVENTORY_PAGE_END);
    inventory_page_destroy(page);
    ds_destroy(&s);
}

/* Unlike a put, a delete of an object with all its members, with a revision or
 * without, says only which it is. */
static void
check_line(const struct object *object, const uint8_t *data, size_t size,
           const char *encoded)
{
    static const struct {
        const char *before;
        enum inventory_event_type type;
    } verbs[] = {
        { "{\"type\":\"put\",\"object\":", INVENTORY_EVENT_PUT },
        { "{\"type\":\"delete\",\"object\":", INVENTORY_EVENT_DELETE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        struct ds s = wrap(verbs[i].before, data, size, "}");
        struct inventory_event event;
        char *error;

        fuzz_check(inventory_event_decode_line(s.string, s.length, &event,
                                               &error));
        if (verbs[i].type == INVENTORY_EVENT_PUT) {
            fuzz_check(event.type == INVENTORY_EVENT_PUT);
            fuzz_check_same(event.object, encoded);
        } else if (object->revision) {
            fuzz_check(event.type == INVENTORY_EVENT_DELETE);
            fuzz_check(event.kind == object->kind);
            fuzz_check(!strcmp(event.id, object->id));
            fuzz_check(event.revision == object->revision);
        }
        inventory_event_uninit(&event);
        ds_destroy(&s);
    }
}

static void
check_body(const struct object *object, const uint8_t *data, size_t size,
           const char *encoded)
{
    char *type = xasprintf("a.%s.put", object_kind_to_string(object->kind));
    struct inventory_event_batch batch;
    struct event_body_error error;

    fuzz_check(inventory_event_decode_body(EVENT_BODY_DATA, type,
                                           (const char *) data, size, &batch,
                                           &error) == EVENT_BODY_OK);
    fuzz_check(batch.n == 1);
    fuzz_check(batch.events[0].type == INVENTORY_EVENT_PUT);
    fuzz_check_same(batch.events[0].object, encoded);
    inventory_event_batch_uninit(&batch);
    free(type);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *error = NULL;
    struct object *object = inventory_json_decode_object(
        (const char *) data, size, &error);

    if (!object) {
        fuzz_check_sentence(error);
        free(error);
        return 0;
    }
    fuzz_check_object(object);

    char *encoded = fuzz_encode(object);
    check_recoded(encoded);
    check_page(data, size, encoded);
    check_line(object, data, size, encoded);
    check_body(object, data, size, encoded);
    free(encoded);
    object_destroy(object);
    return 0;
}
