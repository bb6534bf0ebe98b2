/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SWITCH_LINK_H
#define VTEPD_SWITCH_LINK_H 1

/* The OpenFlow connection to a bridge, made again whenever it is lost.
 *
 * It is tried again within tens of milliseconds: after a restart of
 * ovs-vswitchd a longer back-off is most of the outage.  Never blocks. */

#include <stdbool.h>
#include <stddef.h>

struct ofpbuf;
struct switch_link;

struct switch_link *switch_link_create(void);
void switch_link_destroy(struct switch_link *);

/* Connects to 'target' from now on; NULL: to none.  Returns false if that is
 * what it does already. */
bool switch_link_set_target(struct switch_link *, const char *target);
const char *switch_link_target(const struct switch_link *);

/* What run() found. */
enum switch_link_state {
    SWITCH_LINK_DOWN,           /* There is no connection. */
    SWITCH_LINK_BUSY,           /* It is being made. */
    SWITCH_LINK_UP,
};

/* Returns the state, and in '*lost' whether the connection that there was at
 * the last run is gone, though another may be up. */
enum switch_link_state switch_link_run(struct switch_link *, bool *lost);

/* 'answer_due': does the switch owe an answer?  The socket tells when it is
 * gone, but not that it hangs. */
void switch_link_wait(struct switch_link *, bool answer_due);

/* Of OpenFlow, negotiated; when up. */
int switch_link_version(const struct switch_link *);

/* Takes the message over.  An error is seen by the next run. */
void switch_link_send(struct switch_link *, struct ofpbuf *);

/* Has what was sent be on its way. */
void switch_link_push(struct switch_link *);
struct ofpbuf *switch_link_recv(struct switch_link *);

/* Bytes given to send() that the socket has not taken yet. */
size_t switch_link_unsent(const struct switch_link *);

#endif /* switch-link.h */
