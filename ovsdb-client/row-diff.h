/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ROW_DIFF_H
#define VTEPD_ROW_DIFF_H 1

/* In words, what makes a row different from what it should be, for the log:
 * 'type from "vxlan" to "gre", options:key from "flow" to nothing'.  Of bounded
 * length, and with nothing in it that could forge a log line. */

#include <stdbool.h>

#include "openvswitch/dynamic-string.h"

struct smap;

struct row_diff {
    struct ds text;
    unsigned int n;             /* Differences. */
    bool is_drift;              /* From want to have: somebody changed it.
                                 * Else from have to want: we do. */
};

void row_diff_init(struct row_diff *, bool is_drift);
void row_diff_destroy(struct row_diff *);

/* Adds that 'column', or the value of 'key' in it if 'key' is not NULL, is
 * 'have' but should be 'want'.  NULL stands for nothing. */
void row_diff_add(struct row_diff *, const char *column, const char *key,
                  const char *have, const char *want);

/* Adds each key in which the maps differ. */
void row_diff_add_maps(struct row_diff *, const char *column,
                       const struct smap *have, const struct smap *want);

/* Valid until the next call. */
const char *row_diff_text(struct row_diff *);

#endif /* row-diff.h */
