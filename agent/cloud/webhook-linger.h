/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_WEBHOOK_LINGER_H
#define VTEPD_WEBHOOK_LINGER_H 1

/* Sockets of clients that were refused before they had sent everything.
 *
 * A socket that is closed with bytes in it unread is reset, and the reset can
 * overtake the answer: the client would never learn why it was refused.  So
 * the socket stays open for a moment, and what still comes is thrown away.
 * What is kept is bounded in number and time; the oldest makes room. */

#include <stddef.h>

enum { WEBHOOK_LINGER_MAX = 64 };

struct webhook_linger {
    struct {
        int fd;
        long long int until;    /* time_msec() */
    } sockets[WEBHOOK_LINGER_MAX];
    size_t n;                   /* Oldest first. */
};

void webhook_linger_init(struct webhook_linger *);
void webhook_linger_destroy(struct webhook_linger *);

/* Keeps the socket 'fd' open, which the caller goes on to close. */
void webhook_linger_add(struct webhook_linger *, int fd, long long int now);

void webhook_linger_run(struct webhook_linger *, long long int now);
void webhook_linger_wait(const struct webhook_linger *);

#endif /* webhook-linger.h */
