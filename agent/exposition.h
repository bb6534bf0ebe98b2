/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPOSITION_H
#define VTEPD_EXPOSITION_H 1

/* Writes metrics in Prometheus' text format, version 0.0.4.
 *
 * A family is begun with its name, type and help, then follow its samples:
 * their labels, if any, then the value, which ends the sample.  Names and
 * keys of labels are constants and fit the format; values of labels may be
 * any text, and are escaped. */

#include <stdint.h>

#include "openvswitch/dynamic-string.h"

struct histogram;

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

struct exposition {
    struct ds *s;               /* Is appended to. */
    const char *name;           /* Of the family. */
    struct ds labels;           /* Of the next sample, as text. */
};

void exposition_init(struct exposition *, struct ds *);
void exposition_uninit(struct exposition *);

void exposition_family(struct exposition *, const char *name,
                       enum metric_type, const char *help);
void exposition_label(struct exposition *, const char *key,
                      const char *value);
void exposition_count(struct exposition *, uint64_t value);
void exposition_number(struct exposition *, double value);

/* 'ms' as seconds. */
void exposition_seconds(struct exposition *, long long int ms);

/* All samples of a family of that type. */
void exposition_histogram(struct exposition *, const struct histogram *);

#endif /* exposition.h */
