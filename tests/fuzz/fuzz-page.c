/* SPDX-License-Identifier: Apache-2.0 */

/* Pages of the list (contract 3.2).  A page that is well is the same once it
 * was encoded and decoded again, and is none if anything is cut off. */

#include <config.h>
#include "ovs-json.h"

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-page.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

static void
check_item(const struct inventory_item *item)
{
    fuzz_check(!item->object + !item->error + !item->unknown_kind == 2);
    if (item->object) {
        fuzz_check_object(item->object);
        fuzz_check(!item->id);
    } else if (item->error) {
        fuzz_check_sentence(item->error);
    }
    if (item->id) {
        fuzz_check(object_id_is_valid(item->id, strlen(item->id)));
        fuzz_check(item->kind < N_OBJECT_KINDS);
    }
}

/* Decodes the text, and puts the page with the objects in it, as it might
 * have been written, into 's'.  Returns false if it is none. */
static bool
recode(const char *text, size_t size, struct ds *s)
{
    struct inventory_page *page = inventory_page_create(text, size);
    enum inventory_page_event event;
    struct inventory_item item;
    const char *separator = "";

    ds_put_cstr(s, "{\"items\":[");
    while ((event = inventory_page_next(page, &item))
           == INVENTORY_PAGE_ITEM) {
        check_item(&item);
        if (item.object) {
            char *encoded = fuzz_encode(item.object);

            ds_put_format(s, "%s%s", separator, encoded);
            separator = ",";
            free(encoded);
        }
        inventory_item_uninit(&item);
    }
    ds_put_cstr(s, "]");
    fuzz_check(inventory_page_next(page, &item) == event);

    if (event == INVENTORY_PAGE_END) {
        const char *version = inventory_page_version(page);
        const char *cursor = inventory_page_cursor(page);

        fuzz_check_printable(version, INVENTORY_VERSION_MAX);
        ds_put_cstr(s, ",\"version\":");
        json_string_escape(version, s);
        if (cursor) {
            fuzz_check_printable(cursor, INVENTORY_CURSOR_MAX);
            ds_put_cstr(s, ",\"next\":");
            json_string_escape(cursor, s);
        }
        ds_put_cstr(s, "}");
    } else {
        fuzz_check_sentence(inventory_page_error(page));
    }
    inventory_page_destroy(page);
    return event == INVENTORY_PAGE_END;
}

/* Cut off anywhere, it is none. */
static void
check_cut(const uint8_t *data, size_t size)
{
    size_t end = size;
    struct ds s = DS_EMPTY_INITIALIZER;

    while (data[end - 1] != '}') {
        end--;
    }
    /* A copy, so that what is read beyond it is found. */
    size_t len = fuzz_hash(data, size) % end;
    char *cut = xmemdup(data, len + !len);
    fuzz_check(!recode(cut, len, &s));
    free(cut);
    ds_destroy(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ds once = DS_EMPTY_INITIALIZER, twice = DS_EMPTY_INITIALIZER;

    if (recode((const char *) data, size, &once)) {
        fuzz_check(recode(once.string, once.length, &twice));
        fuzz_check(!strcmp(ds_cstr(&once), ds_cstr(&twice)));
        check_cut(data, size);
    }
    ds_destroy(&once);
    ds_destroy(&twice);
    return 0;
}
