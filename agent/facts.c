/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/facts.h"

#include <stdarg.h>
#include <stdlib.h>

#include "agent/listing.h"
#include "util.h"

void
facts_section(struct facts *f, const char *heading, const char *key)
{
    ds_put_format(&f->text, "\n%s\n", heading);
    f->section = json_object_create();
    json_object_put(f->root, key, f->section);
}

void
facts_member(struct facts *f, const char *key, struct json *value)
{
    if (key) {
        json_object_put(f->section, key, value);
    } else {
        json_destroy(value);
    }
}

void
facts_text(struct facts *f, const char *label, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *s = xvasprintf(format, args);
    va_end(args);
    ds_put_format(&f->text, "  %-18s ", label);
    listing_escape(s, &f->text);
    ds_put_char(&f->text, '\n');
    free(s);
}

struct json *
facts_string_or_null(const char *s)
{
    return s ? listing_string_to_json(s) : json_null_create();
}

void
facts_string(struct facts *f, const char *label, const char *key,
             const char *value)
{
    if (label) {
        facts_text(f, label, "%s", value ? value : "-");
    }
    facts_member(f, key, facts_string_or_null(value));
}

void
facts_number(struct facts *f, const char *label, const char *key,
             unsigned long long int value)
{
    if (label) {
        facts_text(f, label, "%llu", value);
    }
    facts_member(f, key, json_integer_create(value));
}

void
facts_flag(struct facts *f, const char *key, bool value)
{
    facts_member(f, key, json_boolean_create(value));
}

char *
facts_format_duration(long long int ms)
{
    long long int s = MAX(ms, 0) / 1000;

    return (s < 60 ? xasprintf("%lld s", s)
            : s < 3600 ? xasprintf("%lld min %lld s", s / 60, s % 60)
            : s < 86400 ? xasprintf("%lld h %lld min", s / 3600,
                                    s / 60 % 60)
            : xasprintf("%lld d %lld h", s / 86400, s / 3600 % 24));
}

void
facts_duration(struct facts *f, const char *label, const char *key,
               long long int ms, const char *suffix)
{
    char *duration = facts_format_duration(ms);

    if (label && ms >= 0) {
        facts_text(f, label, "%s%s", duration, suffix);
    } else if (label) {
        facts_text(f, label, "-");
    }
    facts_member(f, key, ms >= 0 ? json_integer_create(ms / 1000)
                 : json_null_create());
    free(duration);
}

long long int
facts_ago(const struct facts *f, long long int when)
{
    return when ? MAX(f->now - when, 0) : -1;
}
