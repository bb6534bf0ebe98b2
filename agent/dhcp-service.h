/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DHCP_SERVICE_H
#define VTEPD_DHCP_SERVICE_H 1

/* Answers DHCP requests of the VMs on this host (contract 6).
 *
 * Who asks is known by the port that the request came in on, what he is told
 * is the inventory's to say: the one from the state file too, while the API
 * is away.  The codecs are services/dhcp4.h and services/dhcp6.h.
 *
 * The overlay's flows see to it that a request comes here and gets nowhere
 * else, and that nobody but us answers (core/flow-services.c). */

#include <stdbool.h>

struct agent;
struct dhcp_service;
struct lease;
struct leases;

/* Takes DHCP requests from agent->punts, which must be there.  'leases' is
 * told what becomes of them.  Both must outlive the service. */
struct dhcp_service *dhcp_service_create(struct agent *, struct leases *);
void dhcp_service_destroy(struct dhcp_service *);

/* For leases_create(): is the address still one of an endpoint here? */
bool dhcp_lease_is_needed(const struct lease *, void *agent);

#endif /* dhcp-service.h */
