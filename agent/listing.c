/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/listing.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

/* Text has to know all cells before it knows how wide a column is. */
struct cell {
    size_t end;                 /* Where it ends in 'buffer'. */
    uint16_t width;             /* In characters. */
};

/* A column in text. */
struct text_column {
    uint16_t width;             /* In characters. */
    bool right;                 /* Right-aligned? */
};

struct listing {
    const struct listing_column *columns;
    size_t n_columns;
    bool json;
    size_t column;              /* The one to put next. */
    struct ds buffer;           /* The cells' text, or JSON so far. */

    /* Text only. */
    struct cell *cells;
    size_t n_cells, allocated_cells;
    struct text_column *text_columns;

    /* JSON only. */
    bool any_row;
    bool any_member;            /* In the current row. */
};

/* Strings. */

/* Decodes the character of UTF-8 (RFC 3629) at 's'.  Returns its length in
 * bytes and sets '*uc', or returns 0 if there is none. */
static size_t
decode_utf8(const unsigned char *s, uint32_t *uc)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = (s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2
                : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0);

    if (n < 2) {
        *uc = s[0];
        return n;
    }
    *uc = s[0] & (0x7f >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        *uc = *uc << 6 | (s[i] & 0x3f);
    }
    return *uc >= least[n] && *uc <= 0x10ffff
           && (*uc < 0xd800 || *uc > 0xdfff) ? n : 0;
}

/* Controls, and what breaks lines or changes the direction of writing. */
static bool
is_control(uint32_t uc)
{
    return uc < 0x20 || (uc >= 0x7f && uc < 0xa0)
           || uc == 0x061c || uc == 0x200e || uc == 0x200f
           || (uc >= 0x2028 && uc <= 0x202e)
           || (uc >= 0x2066 && uc <= 0x2069);
}

/* Appends 'string', cut and as UTF-8; where 'terminal' is true also without
 * controls. */
static void
put_clean(const char *string, bool terminal, struct ds *s)
{
    const unsigned char *p = (const unsigned char *) string;
    const unsigned char *end = p + LISTING_STRING_MAX;

    while (*p) {
        uint32_t uc;
        size_t n = decode_utf8(p, &uc);

        if (p + MAX(n, 1) > end) {
            ds_put_cstr(s, "...");
            return;
        }
        if (!n) {
            ds_put_format(s, "\\x%02x", *p);
        } else if (!terminal || !is_control(uc)) {
            ds_put_buffer(s, (const char *) p, n);
        } else if (uc == '\n') {
            ds_put_cstr(s, "\\n");
        } else if (uc == '\t') {
            ds_put_cstr(s, "\\t");
        } else {
            ds_put_format(s, uc < 0x80 ? "\\x%02x" : "\\u%04x", uc);
        }
        p += MAX(n, 1);
    }
}

void
listing_escape(const char *string, struct ds *s)
{
    put_clean(string, true, s);
}

struct json *
listing_string_to_json(const char *string)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    put_clean(string, false, &s);
    return json_string_create_nocopy(ds_steal_cstr(&s));
}

/* Cells. */

struct listing *
listing_create(const struct listing_column *columns, size_t n_columns,
               bool json)
{
    struct listing *l = xzalloc(sizeof *l);

    l->columns = columns;
    l->n_columns = n_columns;
    l->json = json;
    l->text_columns = xcalloc(n_columns, sizeof *l->text_columns);
    for (size_t i = 0; i < n_columns; i++) {
        if (columns[i].heading) {
            l->text_columns[i].width = strlen(columns[i].heading);
        }
    }
    ds_init(&l->buffer);
    return l;
}

void
listing_destroy(struct listing *l)
{
    if (l) {
        ds_destroy(&l->buffer);
        free(l->cells);
        free(l->text_columns);
        free(l);
    }
}

/* Is the column that is put next in the listing's format? */
static bool
is_shown(const struct listing *l)
{
    const struct listing_column *c = &l->columns[l->column];

    return l->json ? c->key != NULL : c->heading != NULL;
}

static void
end_cell(struct listing *l)
{
    if (++l->column == l->n_columns) {
        l->column = 0;
        if (l->json) {
            ds_put_char(&l->buffer, '}');
            l->any_row = true;
            l->any_member = false;
        }
    }
}

/* The cell's text was appended to the buffer, from byte 'start' on. */
static void
end_text_cell(struct listing *l, size_t start, bool right)
{
    struct text_column *c = &l->text_columns[l->column];
    size_t n = 0;

    for (size_t i = start; i < l->buffer.length; i++) {
        n += (l->buffer.string[i] & 0xc0) != 0x80;
    }
    if (n > c->width && n <= LISTING_WIDTH_MAX) {
        c->width = n;
    }
    c->right |= right;
    if (l->n_cells >= l->allocated_cells) {
        l->cells = x2nrealloc(l->cells, &l->allocated_cells,
                              sizeof *l->cells);
    }
    l->cells[l->n_cells++] = (struct cell) {
        .end = l->buffer.length, .width = MIN(n, UINT16_MAX),
    };
    end_cell(l);
}

/* Takes ownership of 'value'. */
static void
put_member(struct listing *l, struct json *value)
{
    struct ds *s = &l->buffer;

    if (!l->any_member) {
        ds_put_cstr(s, l->any_row ? ",\n{" : "{");
        l->any_member = true;
    } else {
        ds_put_char(s, ',');
    }
    json_string_escape(l->columns[l->column].key, s);
    ds_put_char(s, ':');
    json_to_ds(value, JSSF_SORT, s);
    json_destroy(value);
    end_cell(l);
}

void
listing_put_string(struct listing *l, const char *string)
{
    size_t start = l->buffer.length;

    if (!string) {
        listing_put_none(l);
    } else if (!is_shown(l)) {
        end_cell(l);
    } else if (l->json) {
        put_member(l, listing_string_to_json(string));
    } else {
        listing_escape(string, &l->buffer);
        end_text_cell(l, start, false);
    }
}

void
listing_put_nocopy(struct listing *l, char *string)
{
    listing_put_string(l, string);
    free(string);
}

void
listing_put_number(struct listing *l, unsigned long long int n)
{
    size_t start = l->buffer.length;

    if (!is_shown(l)) {
        end_cell(l);
    } else if (l->json) {
        put_member(l, json_integer_create(MIN(n, LLONG_MAX)));
    } else {
        ds_put_format(&l->buffer, "%llu", n);
        end_text_cell(l, start, true);
    }
}

void
listing_put_number_or_none(struct listing *l, unsigned long long int n)
{
    if (n) {
        listing_put_number(l, n);
    } else {
        listing_put_none(l);
    }
}

void
listing_put_flag(struct listing *l, bool flag)
{
    if (l->json && is_shown(l)) {
        put_member(l, json_boolean_create(flag));
    } else {
        listing_put_string(l, flag ? "yes" : "-");
    }
}

void
listing_put_none(struct listing *l)
{
    if (l->json && is_shown(l)) {
        put_member(l, json_null_create());
    } else {
        listing_put_string(l, "-");
    }
}

void
listing_put_strings(struct listing *l, const struct svec *strings)
{
    size_t start = l->buffer.length;

    if (!is_shown(l)) {
        end_cell(l);
    } else if (l->json) {
        struct json *array = json_array_create_empty();

        for (size_t i = 0; i < strings->n; i++) {
            json_array_add(array, listing_string_to_json(strings->names[i]));
        }
        put_member(l, array);
    } else if (!strings->n) {
        listing_put_none(l);
    } else {
        size_t n = MIN(strings->n, LISTING_ITEMS_MAX);

        for (size_t i = 0; i < n; i++) {
            ds_put_cstr(&l->buffer, i ? ", " : "");
            listing_escape(strings->names[i], &l->buffer);
        }
        if (n < strings->n) {
            ds_put_format(&l->buffer, " and %"PRIuSIZE" more",
                          strings->n - n);
        }
        end_text_cell(l, start, false);
    }
}

void
listing_put_json(struct listing *l, struct json *value)
{
    if (l->json && is_shown(l)) {
        put_member(l, value);
    } else {
        ovs_assert(!is_shown(l));
        json_destroy(value);
        end_cell(l);
    }
}

/* Output. */

/* Blanks that would end a line are left out. */
static void
chomp_blanks(struct ds *s)
{
    while (ds_chomp(s, ' ')) {
        continue;
    }
    ds_put_char(s, '\n');
}

/* 'width' is that of 'text' in characters. */
static void
format_cell(const struct text_column *c, const char *text, size_t len,
            uint16_t width, struct ds *s)
{
    size_t pad = c->width - MIN(c->width, width);

    ds_put_char_multiple(s, ' ', c->right ? pad : 0);
    ds_put_buffer(s, text, len);
    ds_put_char_multiple(s, ' ', (c->right ? 0 : pad) + 2);
}

static void
format_headings(const struct listing *l, size_t indent, struct ds *s)
{
    ds_put_char_multiple(s, ' ', indent);
    for (size_t i = 0; i < l->n_columns; i++) {
        const char *heading = l->columns[i].heading;

        if (heading) {
            size_t len = strlen(heading);

            format_cell(&l->text_columns[i], heading, len, len, s);
        }
    }
    chomp_blanks(s);
}

static void
format_text(const struct listing *l, size_t indent, struct ds *s)
{
    size_t start = 0, next = 0;

    format_headings(l, indent, s);
    while (next < l->n_cells) {
        ds_put_char_multiple(s, ' ', indent);
        for (size_t i = 0; i < l->n_columns; i++) {
            if (l->columns[i].heading) {
                const struct cell *cell = &l->cells[next++];

                format_cell(&l->text_columns[i], &l->buffer.string[start],
                            cell->end - start, cell->width, s);
                start = cell->end;
            }
        }
        chomp_blanks(s);
    }
}

void
listing_format(const struct listing *l, size_t indent, struct ds *s)
{
    ovs_assert(!l->column);
    if (l->json) {
        ds_put_char(s, '[');
        ds_put_buffer(s, l->buffer.string ? l->buffer.string : "",
                      l->buffer.length);
        ds_put_cstr(s, "]\n");
    } else {
        format_text(l, indent, s);
    }
}
