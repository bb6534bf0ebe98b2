/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_INSTALLED_MARKS_H
#define VTEPD_INSTALLED_MARKS_H 1

/* Keeps external_ids:vtepd-installed on the Interface rows of VMs, so that an
 * orchestrator can wait for it before it starts a VM.  A want lasts as long as
 * the interface is there. */

#include <stdbool.h>
#include <stddef.h>

struct ovsdb_idl_txn;
struct port_monitor;
struct svec;
struct txn_notes;

struct installed_marks;

/* 'monitor' must outlive the object. */
struct installed_marks *installed_marks_create(
    const struct port_monitor *monitor);
void installed_marks_destroy(struct installed_marks *);

/* Wants the mark on, or absent from, the interface 'name'. */
void installed_marks_set(struct installed_marks *, const char *name,
                         bool installed);

/* The row of interface 'name' was looked at. */
void installed_marks_row_changed(struct installed_marks *, const char *name);

/* These are as in tunnel-ports.h. */
size_t installed_marks_compose(struct installed_marks *, size_t budget,
                               struct txn_notes *notes);
void installed_marks_finish(struct installed_marks *, bool committed,
                            const char *error, bool alone);
void installed_marks_get_fights(const struct installed_marks *,
                                struct svec *fights);
void installed_marks_wait(const struct installed_marks *);

#endif /* installed-marks.h */
