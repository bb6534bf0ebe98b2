/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MULTICAST_TELLER_H
#define VTEPD_MULTICAST_TELLER_H 1

/* What this host asks and says about multicast in one segment, and when: see
 * multicast-service.h, to which this belongs.
 *
 * Times are in ms, from any monotonic origin. */

#include <stdbool.h>

#include "agent/multicast-service.h"
#include "openvswitch/hmap.h"

struct multicast_sender {
    multicast_send_cb *send;
    void *aux;
};

/* Members are for multicast-teller.c. */
struct multicast_teller {
    const struct segment_node *segment;
    struct hmap ports;          /* Contains struct asked_ports. */
    struct hmap peers;          /* Contains struct asked_peers. */
    struct hmap news;           /* Contains struct group_news. */
    long long int news_due;     /* When to say them; LLONG_MAX: there are
                                 * none. */
    long long int said;         /* When some were said last. */
    long long int all_due;      /* When to say everything. */
};

void multicast_teller_init(struct multicast_teller *,
                           const struct segment_node *);
void multicast_teller_uninit(struct multicast_teller *);

/* There are other local endpoints or peers. */
void multicast_teller_update(struct multicast_teller *);

/* Some local endpoint listens to 'group', or none does any more. */
void multicast_teller_changed(struct multicast_teller *,
                              const struct in6_addr *group, bool any);

/* Asks the endpoint as if it had just been plugged in. */
void multicast_teller_ask_port(struct multicast_teller *,
                               const char *endpoint);

/* Is the host a peer with an endpoint in the segment?  It has asked, it has
 * said something. */
bool multicast_teller_has_peer(const struct multicast_teller *,
                               const char *host);
void multicast_teller_asked(struct multicast_teller *, const char *host,
                            long long int now);
void multicast_teller_answered(struct multicast_teller *, const char *host);

/* Says and asks what is due. */
void multicast_teller_run(struct multicast_teller *,
                          const struct multicast_sender *, long long int now);
long long int multicast_teller_next_time(const struct multicast_teller *);

void multicast_teller_get_status(const struct multicast_teller *,
                                 struct multicast_status *);

#endif /* multicast-teller.h */
