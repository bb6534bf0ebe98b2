/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ADVERT_SERVICE_H
#define VTEPD_ADVERT_SERVICE_H 1

/* Advertises routers and prefixes to the VMs on this host that are handed out
 * IPv6 addresses (contract 6): when they ask, when there is something new to
 * say, and from time to time.
 *
 * What is advertised counts for so long that a VM notices nothing of an agent
 * that is away for two hours; without a router in the segment, for as long as
 * its lease.  The codec is services/router-advert.h. */

struct advert_service;
struct agent;
struct leases;

/* Takes router solicitations from agent->punts, which must be there.  'leases'
 * is told of addresses that VMs make themselves.  Both must outlive the
 * service. */
struct advert_service *advert_service_create(struct agent *, struct leases *);
void advert_service_destroy(struct advert_service *);

/* To be called once the overlay is up to date. */
void advert_service_run(struct advert_service *);
void advert_service_wait(const struct advert_service *);

#endif /* advert-service.h */
