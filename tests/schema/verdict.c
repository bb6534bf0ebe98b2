/* SPDX-License-Identifier: Apache-2.0 */

/* Says what vtepd's own decoders make of JSON, for the tests that compare them
 * with the schemas.
 *
 * Reads, any number of times, a line "FORM TYPE LENGTH" and LENGTH bytes of
 * text.  FORM is one of the forms below; TYPE is the event's type where it is
 * not in the text, else "-".  Answers each with a line: "accept", or "refuse",
 * the JSON Pointer if there is one (else "-") and why, separated by tabs. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-event.h"
#include "cloud/inventory-page.h"
#include "util.h"

static void
say(const char *pointer, const char *error)
{
    if (error) {
        printf("refuse\t%s\t%s\n", pointer ? pointer : "-", error);
    } else {
        puts("accept");
    }
}

/* A page counts as accepted if each of its items is. */
static void
judge_page(const char *text, size_t len)
{
    struct inventory_page *page = inventory_page_create(text, len);
    enum inventory_page_event event;
    struct inventory_item item;
    char *error = NULL;

    while ((event = inventory_page_next(page, &item))
           == INVENTORY_PAGE_ITEM) {
        if (item.error && !error) {
            error = xstrdup(item.error);
        }
        inventory_item_uninit(&item);
    }
    say(NULL, event == INVENTORY_PAGE_ERROR ? inventory_page_error(page)
        : error);
    free(error);
    inventory_page_destroy(page);
}

static void
judge_line(const char *text, size_t len)
{
    struct inventory_event event;
    char *error = NULL;

    inventory_event_decode_line(text, len, &event, &error);
    say(NULL, error ? error : event.error);
    free(error);
    inventory_event_uninit(&event);
}

static void
judge_body(enum event_body form, const char *type, const char *text,
           size_t len)
{
    struct inventory_event_batch batch;
    struct event_body_error error;

    inventory_event_decode_body(form, type, text, len, &batch, &error);
    say(error.pointer, error.detail);
    inventory_event_batch_uninit(&batch);
    event_body_error_uninit(&error);
}

static bool
judge(const char *form, const char *type, const char *text, size_t len)
{
    static const char *const bodies[] = {
        [EVENT_BODY_CLOUDEVENT] = "cloudevent",
        [EVENT_BODY_BATCH] = "batch",
        [EVENT_BODY_DATA] = "data",
        [EVENT_BODY_STANDARD] = "standard",
    };

    if (!strcmp(form, "list")) {
        judge_page(text, len);
        return true;
    } else if (!strcmp(form, "watch")) {
        judge_line(text, len);
        return true;
    }
    for (enum event_body i = 0; i < ARRAY_SIZE(bodies); i++) {
        if (!strcmp(form, bodies[i])) {
            judge_body(i, type, text, len);
            return true;
        }
    }
    return false;
}

int
main(void)
{
    char form[16];
    char type[128];
    size_t len;

    while (scanf("%15s %127s %zu", form, type, &len) == 3) {
        char *text = xmalloc(len + 1);
        if (getchar() != '\n' || fread(text, 1, len, stdin) != len
            || !judge(form, type, text, len)) {
            ovs_fatal(0, "unexpected input after form %s", form);
        }
        free(text);
        fflush(stdout);
    }
    return 0;
}
