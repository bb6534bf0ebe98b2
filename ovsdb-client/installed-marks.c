/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/installed-marks.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/repair-limit.h"
#include "ovsdb-client/row-diff.h"
#include "ovsdb-client/txn-notes.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "vswitch-idl.h"

VLOG_DEFINE_THIS_MODULE(installed_marks);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 30);

enum { REFUSED_HOLD = 5000 };   /* ms. */

/* A wanted mark, in one of the lists 'dirty', 'in_flight' and 'held' or, while
 * the row is as wanted, in none. */
struct mark {
    struct hmap_node node;      /* In 'marks', by 'name'. */
    struct ovs_list queue_node;
    enum { SETTLED, DIRTY, IN_FLIGHT, HELD } state;
    char *name;
    bool installed;
    struct uuid agreed;         /* The row that was as wanted, since it is
                                 * wanted so.  Zero: none yet. */
    struct repair_limit writes;
    long long int hold_until;   /* HELD: ms. */
};

struct installed_marks {
    const struct port_monitor *monitor;
    struct hmap marks;          /* Contains struct mark. */
    struct ovs_list dirty;
    struct ovs_list in_flight;
    struct ovs_list held;
};

struct installed_marks *
installed_marks_create(const struct port_monitor *monitor)
{
    struct installed_marks *marks = xmalloc(sizeof *marks);

    marks->monitor = monitor;
    hmap_init(&marks->marks);
    ovs_list_init(&marks->dirty);
    ovs_list_init(&marks->in_flight);
    ovs_list_init(&marks->held);
    return marks;
}

static void
mark_destroy(struct installed_marks *marks, struct mark *mark)
{
    hmap_remove(&marks->marks, &mark->node);
    ovs_list_remove(&mark->queue_node);
    free(mark->name);
    free(mark);
}

void
installed_marks_destroy(struct installed_marks *marks)
{
    if (marks) {
        struct mark *mark;

        HMAP_FOR_EACH_SAFE (mark, node, &marks->marks) {
            mark_destroy(marks, mark);
        }
        hmap_destroy(&marks->marks);
        free(marks);
    }
}

static struct mark *
mark_find(const struct installed_marks *marks, const char *name)
{
    struct mark *mark;

    HMAP_FOR_EACH_WITH_HASH (mark, node, hash_string(name, 0),
                             &marks->marks) {
        if (!strcmp(mark->name, name)) {
            return mark;
        }
    }
    return NULL;
}

static void
mark_set_dirty(struct installed_marks *marks, struct mark *mark)
{
    ovs_list_remove(&mark->queue_node);
    ovs_list_push_back(&marks->dirty, &mark->queue_node);
    mark->state = DIRTY;
}

static void
mark_hold(struct installed_marks *marks, struct mark *mark,
          long long int until)
{
    ovs_list_remove(&mark->queue_node);
    ovs_list_push_back(&marks->held, &mark->queue_node);
    mark->state = HELD;
    mark->hold_until = until;
}

void
installed_marks_set(struct installed_marks *marks, const char *name,
                    bool installed)
{
    struct mark *mark = mark_find(marks, name);

    if (!mark) {
        mark = xzalloc(sizeof *mark);
        mark->name = xstrdup(name);
        ovs_list_init(&mark->queue_node);
        hmap_insert(&marks->marks, &mark->node, hash_string(name, 0));
    } else if (mark->installed == installed) {
        return;
    }

    mark->installed = installed;
    mark->writes = (struct repair_limit) { .n = 0 };
    mark->agreed = UUID_ZERO;
    if (mark->state != IN_FLIGHT) {
        mark_set_dirty(marks, mark);
    }
}

void
installed_marks_row_changed(struct installed_marks *marks, const char *name)
{
    struct mark *mark = mark_find(marks, name);

    if (mark && mark->state == SETTLED) {
        mark_set_dirty(marks, mark);
    }
}

static void
note_mark(const struct mark *mark, const char *have, const char *want,
          bool is_drift, struct txn_notes *notes)
{
    struct row_diff diff;

    txn_notes_add(notes, (is_drift ? NOTE_REPAIR
                          : want ? NOTE_MARK : NOTE_UNMARK),
                  "interface %s", mark->name);
    if (is_drift) {
        row_diff_init(&diff, true);
        row_diff_add(&diff, "external_ids", "vtepd-installed", have, want);
        txn_notes_explain(notes, "somebody had changed %s",
                          row_diff_text(&diff));
        row_diff_destroy(&diff);
    }
}

/* Returns true if 'mark' had to be written. */
static bool
mark_write(struct mark *mark, const struct ovsrec_interface *interface,
           struct txn_notes *notes)
{
    const struct uuid *uuid = &interface->header_.uuid;
    const char *have = smap_get(&interface->external_ids, "vtepd-installed");
    const char *want = mark->installed ? "true" : NULL;

    if (nullable_string_is_equal(have, want)) {
        mark->agreed = *uuid;
        return false;
    }
    if (want) {
        ovsrec_interface_update_external_ids_setkey(
            interface, "vtepd-installed", want);
    } else {
        ovsrec_interface_update_external_ids_delkey(interface,
                                                    "vtepd-installed");
    }
    note_mark(mark, have, want, uuid_equals(&mark->agreed, uuid), notes);
    return true;
}

/* Composes the first dirty mark, which leaves that list.  Returns true if
 * there was anything to write. */
static bool
compose_first(struct installed_marks *marks, struct txn_notes *notes)
{
    struct mark *mark = CONTAINER_OF(ovs_list_front(&marks->dirty),
                                     struct mark, queue_node);
    const struct ovsrec_interface *interface
        = port_monitor_interface(marks->monitor, mark->name);

    if (!interface) {
        mark_destroy(marks, mark);
        return false;
    }
    if (time_msec() < repair_limit_until(&mark->writes)) {
        mark_hold(marks, mark, repair_limit_until(&mark->writes));
        return false;
    }

    ovs_list_remove(&mark->queue_node);
    if (mark_write(mark, interface, notes)) {
        ovs_list_push_back(&marks->in_flight, &mark->queue_node);
        mark->state = IN_FLIGHT;
        return true;
    }
    ovs_list_init(&mark->queue_node);
    mark->state = SETTLED;
    return false;
}

size_t
installed_marks_compose(struct installed_marks *marks, size_t budget,
                        struct txn_notes *notes)
{
    const long long int now = time_msec();
    struct mark *mark;
    size_t n = 0;

    LIST_FOR_EACH_SAFE (mark, queue_node, &marks->held) {
        if (now >= mark->hold_until) {
            mark_set_dirty(marks, mark);
        }
    }
    while (n < budget && !ovs_list_is_empty(&marks->dirty)) {
        n += compose_first(marks, notes);
    }
    return n;
}

void
installed_marks_finish(struct installed_marks *marks, bool committed,
                       const char *error, bool alone)
{
    while (!ovs_list_is_empty(&marks->in_flight)) {
        struct mark *mark = CONTAINER_OF(ovs_list_front(&marks->in_flight),
                                         struct mark, queue_node);

        if (committed && repair_limit_count(&mark->writes, time_msec())) {
            VLOG_WARN_RL(&rl, "interface %s: somebody else changes "
                         "external_ids:vtepd-installed again and again; it "
                         "is repaired less and less often, down to once in "
                         "%d seconds", mark->name, REPAIR_LIMIT_MAX / 1000);
        }
        if (error && alone) {
            mark_hold(marks, mark, time_msec() + REFUSED_HOLD);
        } else {
            mark_set_dirty(marks, mark);
        }
    }
}

void
installed_marks_get_fights(const struct installed_marks *marks,
                           struct svec *fights)
{
    const long long int now = time_msec();
    const struct mark *mark;

    HMAP_FOR_EACH (mark, node, &marks->marks) {
        if (repair_limit_is_fight(&mark->writes, now)) {
            svec_add_nocopy(fights, xasprintf("interface %s", mark->name));
        }
    }
}

void
installed_marks_wait(const struct installed_marks *marks)
{
    const struct mark *mark;

    LIST_FOR_EACH (mark, queue_node, &marks->held) {
        poll_timer_wait_until(mark->hold_until);
    }
}
