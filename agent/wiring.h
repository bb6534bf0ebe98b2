/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WIRING_H
#define VTEPD_WIRING_H 1

/* The callbacks by which the parts hand data to each other: from the inventory
 * source and the webhooks into the inventory, from the OVSDB client into the
 * overlay, from the overlay to the switch.  Nothing is decided here. */

#include "agent/agent.h"
#include "cloud/inventory-source.h"
#include "core/overlay.h"
#include "ovsdb-client/ovsdb-client.h"

struct inventory_event;

/* For the inventory source, and for the list from the state file, which comes
 * only where nothing is known yet. */
struct inventory_sink wiring_inventory_sink(struct agent *);
struct inventory_sink wiring_cache_sink(struct agent *);

struct ovsdb_client_callbacks wiring_ovsdb_callbacks(struct agent *);
struct overlay_sink wiring_overlay_sink(struct agent *);

/* Takes in an event that came by webhook or watch. */
void wiring_take_event(struct agent *, struct inventory_event *,
                       enum event_origin);

/* Applies some of a whole list, if there is one; all that is left of it. */
void wiring_run_list(struct agent *);
void wiring_finish_list(struct agent *);
void wiring_wait_list(const struct agent *);

/* Frees what is kept of a list that is being taken in or applied. */
void wiring_forget_list(struct agent *);

#endif /* wiring.h */
