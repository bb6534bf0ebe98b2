/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_TTL_SERVICE_H
#define VTEPD_TTL_SERVICE_H 1

/* Tells VMs that the TTL of what they sent was used up at their router
 * (contract 6).  The switch itself does all else that routers do. */

struct agent;

/* Takes such packets from agent->punts, which must be there. */
void ttl_service_start(struct agent *);

#endif /* ttl-service.h */
