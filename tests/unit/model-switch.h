/* SPDX-License-Identifier: Apache-2.0 */

#ifndef MODEL_SWITCH_H
#define MODEL_SWITCH_H 1

/* A model of the switch and of OVSDB for histories.
 *
 * It takes the overlay's output as the real one does: per run all deletions of
 * flows first, then all additions.  Wanted tunnel ports get their ofports
 * late and in random order.  Two models can be compared; only the numbers of
 * groups may differ, which are compared by where they lead. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/inventory.h"
#include "core/overlay.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "svec.h"

struct model_switch {
    struct overlay *overlay;
    struct overlay_sink sink;
    struct shash flows;         /* "table,priority,match" -> actions. */
    uint32_t groups[256];       /* ofport; UINT32_MAX: no such group. */
    struct sset served;
    struct svec additions, deletions;   /* Of the run under way. */
    struct svec added_actions;
    struct shash tunnels;       /* Wanted: key as text -> what. */
    bool broken;                /* Lose what is told: a failed bundle. */
};

/* Makes an overlay over 'inv' whose sink is the model. */
void model_switch_init(struct model_switch *, struct inventory *inv);
void model_switch_destroy(struct model_switch *);

/* One overlay_run().  After runs whose bundles have failed, the last one puts
 * all right. */
bool model_switch_run(struct model_switch *, long long int now,
                      size_t max_work);

/* Gives some wanted tunnels their ofport, or all. */
void model_switch_give_ofports(struct model_switch *, bool all);

/* All that stands, as text, group numbers replaced by what they stand for;
 * the caller frees. */
char *model_switch_text(const struct model_switch *);

/* Prints the lines of 'a' that 'b' lacks. */
void print_difference(const char *title, const char *a, const char *b);

#endif /* model-switch.h */
