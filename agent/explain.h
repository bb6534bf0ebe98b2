/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLAIN_H
#define VTEPD_EXPLAIN_H 1

/* The command vtepd/explain: answers once the switch has been asked, which
 * takes some milliseconds, and goes on with everything else meanwhile.
 *
 * One question at a time; of more a few wait. */

#include <stdbool.h>

struct agent;
struct explainer;
struct unixctl_conn;

struct explainer *explainer_create(void);

/* Questions that are open are answered with an error. */
void explainer_destroy(struct explainer *);

/* Takes a question of an operator, who is answered by 'conn' later.  With a
 * NULL 'to', 'from' is a host. */
void explainer_ask(struct explainer *, const struct agent *,
                   struct unixctl_conn *conn, const char *from,
                   const char *to, bool json);

void explainer_run(struct explainer *, const struct agent *);
void explainer_wait(struct explainer *);

#endif /* explain.h */
