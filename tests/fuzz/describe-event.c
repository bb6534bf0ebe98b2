/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "describe-event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "cloud/inventory-page.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"

char *
fuzz_describe_event(const struct inventory_event *event)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    switch (event->type) {
    case INVENTORY_EVENT_PUT: {
        char *encoded = fuzz_encode(event->object);

        fuzz_check_object(event->object);
        ds_put_format(&s, "put %s", encoded);
        free(encoded);
        break;
    }

    case INVENTORY_EVENT_DELETE:
    case INVENTORY_EVENT_THIN:
        fuzz_check(event->id);
        fuzz_check(event->kind < N_OBJECT_KINDS);
        fuzz_check(object_id_is_valid(event->id, strlen(event->id)));
        fuzz_check(!event->object);
        ds_put_format(&s, "%s {\"kind\":\"%s\",\"id\":",
                      (event->type == INVENTORY_EVENT_DELETE ? "delete"
                       : "thin"), object_kind_to_string(event->kind));
        json_string_escape(event->id, &s);
        if (event->type == INVENTORY_EVENT_DELETE) {
            fuzz_check(event->revision <= INT64_MAX);
            ds_put_format(&s, ",\"revision\":%"PRIu64, event->revision);
        }
        ds_put_char(&s, '}');
        break;

    case INVENTORY_EVENT_VERSION:
        fuzz_check_printable(event->version, INVENTORY_VERSION_MAX);
        ds_put_cstr(&s, "version ");
        json_string_escape(event->version, &s);
        break;

    case INVENTORY_EVENT_GONE:
        ds_put_cstr(&s, "gone");
        break;

    case INVENTORY_EVENT_UNKNOWN:
        fuzz_check_sentence(event->unknown);
        ds_put_cstr(&s, "unknown");
        break;

    case INVENTORY_EVENT_REFUSED:
        fuzz_check_sentence(event->error);
        fuzz_check(!event->id || object_id_is_valid(event->id,
                                                    strlen(event->id)));
        ds_put_cstr(&s, "refused");
        break;
    }
    return ds_steal_cstr(&s);
}
