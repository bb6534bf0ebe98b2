/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_ADDRESS_WATCH_H
#define VTEPD_ADDRESS_WATCH_H 1

/* When to look again which addresses this host has: the kernel tells when one
 * comes or goes in this network namespace.  Which one it was does not matter
 * here, so what it says is not read. */

#include <stdbool.h>

struct nl_sock;

/* Members are for address-watch.c. */
struct address_watch {
    struct nl_sock *sock;       /* NULL: the kernel does not tell us. */
    long long int next;         /* When to look, in ms. */
};

/* The first look is due at once. */
void address_watch_init(struct address_watch *);
void address_watch_uninit(struct address_watch *);

/* Makes a look due at once. */
void address_watch_hurry(struct address_watch *);

/* Is it time to look?  If so, the caller does. */
bool address_watch_run(struct address_watch *, long long int now);
void address_watch_wait(const struct address_watch *);

#endif /* address-watch.h */
