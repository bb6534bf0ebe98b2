/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/listing.h"
#include "agent/multicast-service.h"
#include "core/inventory.h"
#include "core/memberships.h"
#include "core/overlay.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* Snooped multicast: the segments, and who listens to what in them. */

static const struct listing_column segment_columns[] = {
    { "SEGMENT", "id" },
    { "QUERIER", "querier" },
    { "VMS", "vms" },
    { "PEERS", "peers" },
    { "SILENT", "silent_peers" },
    { "GROUPS", "groups" },
    { "REFUSED", "refused" },
};

static const struct listing_column group_columns[] = {
    { "SEGMENT", "segment" },
    { "GROUP", "group" },
    { "ENDPOINTS (SECONDS LEFT)", NULL },
    { "PEERS (SECONDS LEFT)", NULL },
    { NULL, "members" },
};

static void
put_segment(const struct agent *agent, const struct segment_node *segment,
            const struct multicast_status *status, struct listing *l)
{
    const struct group_segment *known = memberships_find_segment(
        overlay_memberships(agent->overlay), segment->id);

    listing_put_string(l, segment->id);
    if (status->querier) {
        listing_put_nocopy(l, xasprintf(IP_FMT, IP_ARGS(status->querier)));
    } else {
        listing_put_none(l);
    }
    listing_put_number(l, status->n_ports);
    listing_put_number(l, status->n_peers);
    listing_put_number(l, status->n_silent);
    listing_put_number(l, known ? hmap_count(&known->groups) : 0);
    listing_put_number(l, known ? known->n_refused : 0);
}

static long long int
seconds_left(const struct membership *m, long long int now)
{
    return MAX(m->expires - now + 999, 0) / 1000;
}

static void
put_members(const struct multicast_group *group, enum member_kind kind,
            long long int now, struct listing *l)
{
    struct svec members = SVEC_EMPTY_INITIALIZER;
    const struct membership *m;

    LIST_FOR_EACH (m, group_list, &group->memberships) {
        if (m->member->kind == kind) {
            svec_add_nocopy(&members, xasprintf("%s (%lld)", m->member->id,
                                                seconds_left(m, now)));
        }
    }
    svec_sort(&members);
    listing_put_strings(l, &members);
    svec_destroy(&members);
}

static int
compare_members(const void *a_, const void *b_)
{
    const struct membership *const *a = a_;
    const struct membership *const *b = b_;
    int kind = (int) (*a)->member->kind - (int) (*b)->member->kind;

    return kind ? kind : strcmp((*a)->member->id, (*b)->member->id);
}

/* Version 0 is what was learned before a restart and not heard of since. */
static struct json *
members_to_json(const struct multicast_group *group, long long int now)
{
    size_t n = ovs_list_size(&group->memberships);
    const struct membership **sorted = xmalloc(n * sizeof *sorted);
    struct json *array = json_array_create_empty();
    const struct membership *m;
    size_t i = 0;

    LIST_FOR_EACH (m, group_list, &group->memberships) {
        sorted[i++] = m;
    }
    qsort(sorted, n, sizeof *sorted, compare_members);
    for (i = 0; i < n; i++) {
        struct json *object = json_object_create();

        m = sorted[i];
        json_object_put(object, (m->member->kind == MEMBER_ENDPOINT
                                 ? "endpoint" : "peer"),
                        listing_string_to_json(m->member->id));
        json_object_put(object, "version", json_integer_create(m->version));
        json_object_put(object, "seconds_left",
                        json_integer_create(seconds_left(m, now)));
        json_array_add(array, object);
    }
    free(sorted);
    return array;
}

static int
compare_groups(const void *a_, const void *b_)
{
    const struct multicast_group *const *a = a_;
    const struct multicast_group *const *b = b_;

    return memcmp(&(*a)->group, &(*b)->group, sizeof (*a)->group);
}

static void
put_groups(const struct agent *agent, const struct segment_node *segment,
           struct listing *l)
{
    const struct group_segment *known = memberships_find_segment(
        overlay_memberships(agent->overlay), segment->id);
    long long int now = time_msec();

    if (!known) {
        return;
    }

    size_t n = 0;
    const struct multicast_group *group;
    const struct multicast_group **sorted
        = xmalloc(hmap_count(&known->groups) * sizeof *sorted);
    HMAP_FOR_EACH (group, node, &known->groups) {
        sorted[n++] = group;
    }
    qsort(sorted, n, sizeof *sorted, compare_groups);
    for (size_t i = 0; i < n; i++) {
        char text[INET6_ADDRSTRLEN];

        group = sorted[i];
        ipv6_string_mapped(text, &group->group);
        listing_put_string(l, segment->id);
        listing_put_string(l, text);
        put_members(group, MEMBER_ENDPOINT, now, l);
        put_members(group, MEMBER_PEER, now, l);
        listing_put_json(l, members_to_json(group, now));
    }
    free(sorted);
}

static void
put_segments(const struct agent *agent, const char *only,
             struct listing *segments, struct listing *groups)
{
    size_t n;
    const struct segment_node **nodes
        = inventory_sorted_segments(agent->inventory, &n);

    for (size_t i = 0; i < n; i++) {
        struct multicast_status status;

        if ((!only || !strcmp(only, nodes[i]->id))
            && multicast_service_get_status(agent->multicast, nodes[i],
                                            &status)) {
            put_segment(agent, nodes[i], &status, segments);
            put_groups(agent, nodes[i], groups);
        }
    }
    free(nodes);
}

bool
report_multicast(const struct agent *agent, const char *only, bool json,
                 struct ds *s)
{
    struct listing *segments = listing_create(
        segment_columns, ARRAY_SIZE(segment_columns), json);
    struct listing *groups = listing_create(
        group_columns, ARRAY_SIZE(group_columns), json);

    if (only && !inventory_find_segment(agent->inventory, only)) {
        listing_destroy(segments);
        listing_destroy(groups);
        return false;
    }
    put_segments(agent, only, segments, groups);
    ds_put_cstr(s, json ? "{\"segments\":" : "");
    listing_format(segments, 0, s);
    ds_put_cstr(s, json ? ",\"groups\":" : "\n");
    listing_format(groups, 0, s);
    ds_put_cstr(s, json ? "}\n" : "");
    listing_destroy(segments);
    listing_destroy(groups);
    return true;
}
