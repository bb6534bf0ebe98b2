/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/wiring.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/bfd-watch.h"
#include "agent/multicast-service.h"
#include "agent/switching.h"
#include "cloud/inventory-cache.h"
#include "cloud/inventory-event.h"
#include "core/inventory.h"
#include "openflow/switch-session.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(wiring);

/* From the inventory source into the inventory. */

static void
list_begin(void *agent_)
{
    struct agent *agent = agent_;

    wiring_finish_list(agent);      /* The one before. */
    inventory_list_begin(agent->inventory);
    agent->list_anonymous = false;
    agent->n_invalid = 0;
    agent->n_duplicates = 0;
}

static void
list_object(void *agent_, struct object *object)
{
    struct agent *agent = agent_;
    enum object_kind kind = object->kind;
    char id[OBJECT_ID_MAX + 1];

    ovs_strlcpy(id, object->id, sizeof id);
    if (inventory_list_add(agent->inventory, object) == LIST_DUPLICATE
        && !agent->n_duplicates++) {
        agent->first_duplicate = xasprintf(
            "%s \"%s\"", object_kind_to_string(kind), id);
    }
}

static void
list_invalid(void *agent_, enum object_kind kind, const char *id)
{
    struct agent *agent = agent_;

    agent->n_invalid++;
    if (id) {
        inventory_list_keep(agent->inventory, kind, id);
    } else {
        agent->list_anonymous = true;
    }
}

void
wiring_forget_list(struct agent *agent)
{
    free(agent->first_duplicate);
    agent->first_duplicate = NULL;
    free(agent->list_version);
    agent->list_version = NULL;
}

/* Of a list that is applied, objects per pass. */
#define LIST_WORK 2000

static void
list_end(void *agent_, const char *version)
{
    struct agent *agent = agent_;
    struct deletion_guard guard = {
        .max_percent = agent->config.max_delete,
        .hold = agent->config.hold * 1000LL,
    };

    agent->list_version = xstrdup(version);
    agent->list_cached = false;
    agent->list_first = (!inventory_last_list(agent->inventory)
                         || inventory_cache_is_in_use(agent->cache));
    inventory_list_whole(agent->inventory, !agent->list_anonymous, &guard);
    agent->is_list = false;
    if (agent->n_duplicates) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "inventory: version \"%s\" has %u objects more "
                     "than once, the first is %s; the highest revision of "
                     "each is used", version, agent->n_duplicates,
                     agent->first_duplicate);
    }
}

static void
list_applied(struct agent *agent, const struct list_result *result)
{
    const char *version = agent->list_version;

    if (agent->list_cached) {
        wiring_forget_list(agent);
        return;
    }
    if (result->n_held) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "inventory: version \"%s\" lacks %"PRIuSIZE" "
                     "objects; %s", version, result->n_held,
                     agent->list_anonymous
                     ? "nothing is deleted because it has items that cannot "
                       "be identified"
                     : "too many to delete at once, so all are kept "
                       "(ovs-appctl -t vtepd vtepd/approve-deletions "
                       "releases them)");
    }
    if (agent->list_first || result->n_added || result->n_changed
        || result->n_deleted) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(20, 20);

        VLOG_INFO_RL(&rl, "inventory: version \"%s\": %"PRIuSIZE" added, "
                     "%"PRIuSIZE" changed, %"PRIuSIZE" deleted", version,
                     result->n_added, result->n_changed, result->n_deleted);
    }
    agent->is_list = (!agent->n_invalid && !agent->n_duplicates
                      && !result->n_held);
    inventory_cache_confirmed(agent->cache, version);
    wiring_forget_list(agent);
}

static void
apply_list(struct agent *agent, size_t max_work)
{
    struct list_result result;

    if (agent->list_version
        && inventory_list_run(agent->inventory, max_work, time_msec(),
                              &result)) {
        list_applied(agent, &result);
    }
}

void
wiring_finish_list(struct agent *agent)
{
    apply_list(agent, SIZE_MAX);
}

void
wiring_run_list(struct agent *agent)
{
    /* What is loaded is taken over by cached_list_run(). */
    if (!inventory_cache_is_loading(agent->cache)) {
        apply_list(agent, LIST_WORK);
    }
}

void
wiring_wait_list(const struct agent *agent)
{
    if (agent->list_version) {
        poll_immediate_wake();
    }
}

/* The same for the list from the state file, which comes only where nothing is
 * known yet. */
static void
cached_list_end(void *agent_, const char *version)
{
    struct agent *agent = agent_;
    struct deletion_guard guard = { .max_percent = 100 };

    agent->list_version = xstrdup(version);
    agent->list_cached = true;
    inventory_list_whole(agent->inventory, false, &guard);
}

static bool
cached_list_run(void *agent_)
{
    struct agent *agent = agent_;

    apply_list(agent, LIST_WORK);
    return !agent->list_version;
}

static void
cached_deleted(void *agent_, const struct deleted_object *deleted)
{
    struct agent *agent = agent_;

    inventory_remember_deleted(agent->inventory, deleted, time_msec());
}

static void
list_abort(void *agent_)
{
    struct agent *agent = agent_;

    if (!agent->list_version) {     /* Else it is whole. */
        inventory_list_abort(agent->inventory);
        wiring_forget_list(agent);
    }
}

/* What came from the state file is the list of now. */
static void
list_assumed(void *agent_, const char *version)
{
    struct agent *agent = agent_;

    inventory_cache_confirmed(agent->cache, version);
}

/* The inventory is no longer what the last list said. */
static void
event_taken(struct agent *agent, const char *what, enum object_kind kind,
            const char *id, uint64_t revision, enum event_outcome outcome,
            enum event_origin origin)
{
    static const char *const outcomes[] = {
        [EVENT_APPLIED] = "taken in",
        [EVENT_SAME] = "known already",
        [EVENT_STALE] = "older than what is known, ignored",
        [EVENT_FULL] = "ignored",
    };
    static const enum event_result results[] = {
        [EVENT_APPLIED] = EVENT_WAS_APPLIED,
        [EVENT_SAME] = EVENT_WAS_SAME,
        [EVENT_STALE] = EVENT_WAS_STALE,
        [EVENT_FULL] = EVENT_WAS_FULL,
    };
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

    if (outcome == EVENT_FULL) {
        VLOG_WARN_RL(&rl, "inventory: %s \"%s\" of an event is not taken in: "
                     "there are %d objects, which is as many as may be",
                     object_kind_to_string(kind), id, INVENTORY_MAX_OBJECTS);
    }
    VLOG_DBG("inventory: %s %s \"%s\" revision %"PRIu64": %s", what,
             object_kind_to_string(kind), id, revision, outcomes[outcome]);
    agent->n_events[origin][results[outcome]]++;
    if (outcome == EVENT_APPLIED) {
        latency_arrived(&agent->latency, time_usec());
        if (agent->source) {
            inventory_source_changed(agent->source);
        }
    }
}

static void
take_put(struct agent *agent, struct inventory_event *event,
         enum event_origin origin)
{
    enum object_kind kind = event->object->kind;
    uint64_t revision = event->object->revision;
    char id[OBJECT_ID_MAX + 1];

    ovs_strlcpy(id, event->object->id, sizeof id);
    event_taken(agent, "put", kind, id, revision,
                inventory_put(agent->inventory, event->object, time_msec()),
                origin);
    event->object = NULL;
}

void
wiring_take_event(struct agent *agent, struct inventory_event *event,
                  enum event_origin origin)
{
    switch (event->type) {
    case INVENTORY_EVENT_PUT:
        take_put(agent, event, origin);
        break;
    case INVENTORY_EVENT_DELETE:
        event_taken(agent, "delete", event->kind, event->id, event->revision,
                    inventory_delete(agent->inventory, event->kind, event->id,
                                     event->revision, time_msec()), origin);
        break;
    case INVENTORY_EVENT_THIN:
        agent->n_events[origin][EVENT_WAS_THIN]++;
        if (agent->source) {
            /* "Not modified" would not say that the change is known. */
            inventory_source_changed(agent->source);
            inventory_source_list_soon(agent->source);
        }
        break;
    case INVENTORY_EVENT_UNKNOWN:
    case INVENTORY_EVENT_VERSION:
    case INVENTORY_EVENT_GONE:
    case INVENTORY_EVENT_REFUSED:
        break;
    }
}

static void
source_event(void *agent_, struct inventory_event *event)
{
    wiring_take_event(agent_, event, EVENT_BY_WATCH);
}

struct inventory_sink
wiring_inventory_sink(struct agent *agent)
{
    return (struct inventory_sink) {
        .aux = agent,
        .list_begin = list_begin,
        .list_object = list_object,
        .list_invalid = list_invalid,
        .list_end = list_end,
        .list_abort = list_abort,
        .assumed = list_assumed,
        .event = source_event,
    };
}

struct inventory_sink
wiring_cache_sink(struct agent *agent)
{
    struct inventory_sink sink = wiring_inventory_sink(agent);

    sink.list_end = cached_list_end;
    sink.list_run = cached_list_run;
    sink.deleted = cached_deleted;
    return sink;
}

/* From the OVSDB client into the overlay. */

static void
vm_port_changed(void *agent_, const struct vm_port *old,
                const struct vm_port *new)
{
    struct agent *agent = agent_;

    overlay_vm_port_changed(agent->overlay, old, new);
}

static void
tunnel_port_changed(void *agent_, const struct tunnel_port *old,
                    const struct tunnel_port *new)
{
    struct agent *agent = agent_;

    overlay_tunnel_port_changed(agent->overlay, old, new);
    bfd_watch_port_changed(agent->bfd, old, new, time_msec());
}

/* What belongs to the number is sent at once: the switch needs a while to make
 * the port. */
static void
tunnel_number_chosen(void *agent_, const struct tunnel_key *key,
                     uint32_t ofport_request)
{
    struct agent *agent = agent_;

    overlay_tunnel_number_chosen(agent->overlay, key, ofport_request);
    poll_immediate_wake();
}

/* From the overlay to the switch. */

static void
tell_flow(void *agent_, const struct flow_entry *e, bool add)
{
    struct agent *agent = agent_;

    switch_session_flow(agent->session, e, add);
}

static void
tell_group(void *agent_, uint32_t group, uint32_t ofport)
{
    struct agent *agent = agent_;

    switch_session_group(agent->session, group, ofport);
}

static void
tell_group_deleted(void *agent_, uint32_t group)
{
    struct agent *agent = agent_;

    switch_session_group_deleted(agent->session, group);
}

static void
tell_tunnel_wanted(void *agent_, const struct tunnel_spec *spec)
{
    struct agent *agent = agent_;

    ovsdb_client_want_tunnel(agent->ovsdb, spec);
}

static void
tell_tunnel_unwanted(void *agent_, const struct tunnel_key *key)
{
    struct agent *agent = agent_;

    ovsdb_client_unwant_tunnel(agent->ovsdb, key);
}

static void
tell_port_served(void *agent_, const char *port, bool served)
{
    struct agent *agent = agent_;
    struct served_port *sp = shash_find_data(&agent->served, port);

    if (served) {
        if (!sp) {
            sp = xzalloc(sizeof *sp);
            shash_add(&agent->served, port, sp);
        }
        sp->bundle = BUNDLE_NOT_SENT;
    } else if (sp) {
        if (sp->told) {
            switching_log_port(agent, port, false);
        }
        shash_find_and_delete(&agent->served, port);
        free(sp);
        ovsdb_client_set_installed(agent->ovsdb, port, false);
    }
}

static void
tell_snooped(void *agent_, struct segment_node *segment, bool snooped)
{
    struct agent *agent = agent_;

    multicast_service_snooped(agent->multicast, segment, snooped);
}

static void
tell_listeners(void *agent_, const struct segment_node *segment,
               const struct in6_addr *group, bool any)
{
    struct agent *agent = agent_;

    multicast_service_listeners(agent->multicast, segment, group, any);
}

struct ovsdb_client_callbacks
wiring_ovsdb_callbacks(struct agent *agent)
{
    return (struct ovsdb_client_callbacks) {
        .aux = agent,
        .vm_port_changed = vm_port_changed,
        .tunnel_port_changed = tunnel_port_changed,
        .tunnel_number_chosen = tunnel_number_chosen,
    };
}

struct overlay_sink
wiring_overlay_sink(struct agent *agent)
{
    return (struct overlay_sink) {
        .aux = agent,
        .flow = tell_flow,
        .group = tell_group,
        .group_deleted = tell_group_deleted,
        .tunnel_wanted = tell_tunnel_wanted,
        .tunnel_unwanted = tell_tunnel_unwanted,
        .port_served = tell_port_served,
        .snooped = tell_snooped,
        .listeners = tell_listeners,
    };
}
