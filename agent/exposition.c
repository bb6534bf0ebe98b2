/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/exposition.h"

#include <inttypes.h>
#include <math.h>

#include "agent/histogram.h"
#include "util.h"

void
exposition_init(struct exposition *x, struct ds *s)
{
    x->s = s;
    x->name = "";
    ds_init(&x->labels);
}

void
exposition_uninit(struct exposition *x)
{
    ds_destroy(&x->labels);
}

/* 'quoted': between quotation marks. */
static void
put_escaped(struct ds *s, const char *text, bool quoted)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\n') {
            ds_put_cstr(s, "\\n");
        } else {
            if (*p == '\\' || (quoted && *p == '"')) {
                ds_put_char(s, '\\');
            }
            ds_put_char(s, *p);
        }
    }
}

void
exposition_family(struct exposition *x, const char *name,
                  enum metric_type type, const char *help)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };

    x->name = name;
    ds_clear(&x->labels);
    ds_put_format(x->s, "# HELP %s ", name);
    put_escaped(x->s, help, false);
    ds_put_format(x->s, "\n# TYPE %s %s\n", name, types[type]);
}

void
exposition_label(struct exposition *x, const char *key, const char *value)
{
    ds_put_format(&x->labels, "%s%s=\"", x->labels.length ? "," : "", key);
    put_escaped(&x->labels, value, true);
    ds_put_char(&x->labels, '"');
}

static void
put_name(struct exposition *x, const char *suffix)
{
    ds_put_format(x->s, "%s%s", x->name, suffix);
    if (x->labels.length) {
        ds_put_format(x->s, "{%s}", ds_cstr(&x->labels));
        ds_clear(&x->labels);
    }
    ds_put_char(x->s, ' ');
}

static void
put_number(struct exposition *x, double value)
{
    if (isfinite(value)) {
        ds_put_format(x->s, "%.15g\n", value);
    } else {
        ds_put_cstr(x->s, isnan(value) ? "NaN\n" : value > 0 ? "+Inf\n"
                    : "-Inf\n");
    }
}

void
exposition_count(struct exposition *x, uint64_t value)
{
    put_name(x, "");
    ds_put_format(x->s, "%"PRIu64"\n", value);
}

void
exposition_number(struct exposition *x, double value)
{
    put_name(x, "");
    put_number(x, value);
}

void
exposition_seconds(struct exposition *x, long long int ms)
{
    exposition_number(x, ms / 1000.0);
}

void
exposition_histogram(struct exposition *x, const struct histogram *h)
{
    uint64_t n = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        char bound[32];

        n += h->buckets[i];
        snprintf(bound, sizeof bound, "%.15g", histogram_bounds[i] / 1e6);
        exposition_label(x, "le", bound);
        put_name(x, "_bucket");
        ds_put_format(x->s, "%"PRIu64"\n", n);
    }
    n += h->beyond;
    exposition_label(x, "le", "+Inf");
    put_name(x, "_bucket");
    ds_put_format(x->s, "%"PRIu64"\n", n);
    put_name(x, "_sum");
    put_number(x, h->sum / 1e6);
    put_name(x, "_count");
    ds_put_format(x->s, "%"PRIu64"\n", n);
}
