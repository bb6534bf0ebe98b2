/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/port-numbers.h"

#include <stdlib.h>

#include "bitmap.h"
#include "vswitch-idl.h"

enum { N_NUMBERS = PORT_NUMBERS_MAX - PORT_NUMBERS_MIN + 1 };

void
port_numbers_destroy(struct port_numbers *numbers)
{
    free(numbers->taken);
}

static void
take(struct port_numbers *numbers, int64_t number)
{
    if (number >= PORT_NUMBERS_MIN && number <= PORT_NUMBERS_MAX) {
        bitmap_set1(numbers->taken, number - PORT_NUMBERS_MIN);
    }
}

static void
scan(struct port_numbers *numbers, const struct ovsrec_bridge *bridge)
{
    numbers->taken = bitmap_allocate(N_NUMBERS);
    numbers->next = 0;
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];

        for (size_t j = 0; j < port->n_interfaces; j++) {
            const struct ovsrec_interface *interface = port->interfaces[j];

            take(numbers, interface->n_ofport ? *interface->ofport : 0);
            take(numbers, (interface->n_ofport_request
                           ? *interface->ofport_request : 0));
        }
    }
}

uint16_t
port_numbers_take(struct port_numbers *numbers,
                  const struct ovsrec_bridge *bridge)
{
    if (!numbers->taken) {
        scan(numbers, bridge);
    }

    size_t index = bitmap_scan(numbers->taken, false, numbers->next,
                               N_NUMBERS);
    if (index >= N_NUMBERS) {
        return 0;
    }
    bitmap_set1(numbers->taken, index);
    numbers->next = index + 1;
    return PORT_NUMBERS_MIN + index;
}
