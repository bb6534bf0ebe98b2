/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LISTING_H
#define VTEPD_LISTING_H 1

/* Rows and columns, as aligned text for people or as a JSON array of objects.
 *
 * Cells are put one after the other, in the order of the columns; a row ends
 * by itself with its last column.  A column may be in only one of the formats:
 * what is put into it is ignored in the other.
 *
 * Whatever is put may come from outside.  It is cut where it is longer than
 * LISTING_STRING_MAX bytes, and what would drive a terminal or is not UTF-8 is
 * escaped.  Memory and time grow with the size of the output. */

#include <stdbool.h>
#include <stddef.h>

struct ds;
struct json;
struct svec;

enum {
    LISTING_STRING_MAX = 1024,  /* Bytes of a string that are shown. */
    LISTING_WIDTH_MAX = 40,     /* Wider cells do not widen their column. */
    LISTING_ITEMS_MAX = 8,      /* Strings of one cell in text. */
};

struct listing_column {
    const char *heading;        /* NULL: not in text. */
    const char *key;            /* In snake_case; NULL: not in JSON. */
};

struct listing;

/* 'columns' must outlive the listing. */
struct listing *listing_create(const struct listing_column *columns,
                               size_t n_columns, bool json);
void listing_destroy(struct listing *);

/* Puts a string, NULL being the same as listing_put_none(). */
void listing_put_string(struct listing *, const char *);

/* The same; takes ownership of the string. */
void listing_put_nocopy(struct listing *, char *);

/* Right-aligned in text.  Of the second, 0 stands for none. */
void listing_put_number(struct listing *, unsigned long long int);
void listing_put_number_or_none(struct listing *, unsigned long long int);

/* "yes" or "-" in text. */
void listing_put_flag(struct listing *, bool);

/* "-" in text, null in JSON. */
void listing_put_none(struct listing *);

/* Separated by commas in text, where only the first LISTING_ITEMS_MAX are
 * shown; an array in JSON. */
void listing_put_strings(struct listing *, const struct svec *);

/* Puts any JSON into a column that is not in text.  Takes ownership. */
void listing_put_json(struct listing *, struct json *);

/* Appends the listing, with a new-line character last, to 's'; text without
 * rows is empty but for the headings.  Each line of text is indented by
 * 'indent' spaces.  Every row must be whole. */
void listing_format(const struct listing *, size_t indent, struct ds *s);

/* Appends 'string' to 's' as the listing shows it in text: cut, and fit for a
 * terminal. */
void listing_escape(const char *string, struct ds *s);

/* Returns 'string', cut and made UTF-8, as JSON. */
struct json *listing_string_to_json(const char *string);

#endif /* listing.h */
