/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/multicast-file.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/memberships.h"
#include "core/objects.h"
#include "packets.h"
#include "services/group-message.h"
#include "util.h"

static const char *const kind_names[N_MEMBER_KINDS] = {
    [MEMBER_ENDPOINT] = "endpoint",
    [MEMBER_PEER] = "peer",
};

static struct json *
member_to_json(const struct group_member *member)
{
    struct json *json = json_object_create();
    struct json *groups = json_array_create_empty();
    const struct membership *m;

    HMAP_FOR_EACH (m, node, &member->memberships) {
        char text[INET6_ADDRSTRLEN];

        ipv6_string_mapped(text, &m->group->group);
        json_array_add(groups, json_string_create(text));
    }
    json_object_put_string(json, "segment", member->segment->id);
    json_object_put_string(json, kind_names[member->kind], member->id);
    json_object_put(json, "groups", groups);
    return json;
}

struct json *
multicast_file_to_json(struct memberships *memberships)
{
    struct json *json = json_array_create_empty();
    const struct group_segment *segment;

    HMAP_FOR_EACH (segment, node, memberships_segments(memberships)) {
        const struct group_member *member;

        HMAP_FOR_EACH (member, node, &segment->members) {
            json_array_add(json, member_to_json(member));
        }
    }
    return json;
}

/* The id that 'json' has as 'name', or NULL. */
static const char *
get_id(const struct json *json, const char *name)
{
    const struct json *member = shash_find_data(json_object(json), name);

    if (member && member->type == JSON_STRING) {
        const char *id = json_string(member);

        return object_id_is_valid(id, strlen(id)) ? id : NULL;
    }
    return NULL;
}

static bool
parse_group(const struct json *json, struct in6_addr *group)
{
    struct in_addr ip;

    if (json->type != JSON_STRING) {
        return false;
    }
    if (inet_pton(AF_INET, json_string(json), &ip) == 1) {
        *group = in6_addr_mapped_ipv4(ip.s_addr);
    } else if (inet_pton(AF_INET6, json_string(json), group) != 1) {
        return false;
    }
    return group_is_learned(group);
}

static void
take_member(const struct json *json, struct memberships *memberships,
            long long int now)
{
    const struct json *groups;
    struct member_id id;

    if (json->type != JSON_OBJECT) {
        return;
    }
    groups = shash_find_data(json_object(json), "groups");
    id.segment = get_id(json, "segment");
    id.kind = MEMBER_ENDPOINT;
    id.id = get_id(json, kind_names[MEMBER_ENDPOINT]);
    if (!id.id) {
        id.kind = MEMBER_PEER;
        id.id = get_id(json, kind_names[MEMBER_PEER]);
    }
    if (!id.segment || !id.id || !groups || groups->type != JSON_ARRAY) {
        return;
    }
    for (size_t i = 0; i < json_array(groups)->n; i++) {
        struct in6_addr group;

        if (parse_group(json_array(groups)->elems[i], &group)) {
            memberships_restore(memberships, &id, &group, 0, now);
        }
    }
}

void
multicast_file_from_json(const struct json *json,
                         struct memberships *memberships, long long int now)
{
    if (json->type == JSON_ARRAY) {
        for (size_t i = 0; i < json_array(json)->n; i++) {
            take_member(json_array(json)->elems[i], memberships, now);
        }
    }
}
