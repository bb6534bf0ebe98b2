/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FACTS_H
#define VTEPD_FACTS_H 1

/* Facts for people and for programs: each is put once, into a text and into a
 * JSON object.  One with a NULL 'label' is not in the text, one with a NULL
 * 'key' not in the JSON. */

#include <stdbool.h>

#include "openvswitch/compiler.h"
#include "openvswitch/dynamic-string.h"

struct json;

struct facts {
    long long int now;          /* In ms. */
    struct ds text;
    struct json *root;
    struct json *section;       /* In 'root'. */
};

void facts_section(struct facts *, const char *heading, const char *key);

/* Takes ownership of 'value'. */
void facts_member(struct facts *, const char *key, struct json *value);
void facts_text(struct facts *, const char *label, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);
void facts_string(struct facts *, const char *label, const char *key,
                  const char *value);
void facts_number(struct facts *, const char *label, const char *key,
                  unsigned long long int value);
void facts_flag(struct facts *, const char *key, bool value);

/* A duration in ms, -1: none.  In JSON whole seconds, and in text "3 min 20 s"
 * and 'suffix'. */
void facts_duration(struct facts *, const char *label, const char *key,
                    long long int ms, const char *suffix);

/* How long ago 'when' was in ms, -1 if 'when' is 0: never. */
long long int facts_ago(const struct facts *, long long int when);

/* "3 min 20 s", of a duration in ms; for the caller to free. */
char *facts_format_duration(long long int ms);
struct json *facts_string_or_null(const char *);

#endif /* facts.h */
