/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "agent/holders-json.h"

#include <stdlib.h>
#include <string.h>

#include "core/holders.h"
#include "core/inventory.h"
#include "core/overlay.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "util.h"

static struct json *
holder_to_json(const struct shared_address *sa)
{
    struct json *object = json_object_create();
    struct ds s = DS_EMPTY_INITIALIZER;

    json_object_put_string(object, "segment", sa->segment->id);
    ipv6_format_mapped(&sa->ip, &s);
    json_object_put_string(object, "ip", ds_cstr(&s));
    ds_clear(&s);
    json_object_put_string(object, "endpoint", sa->holder);
    ds_put_format(&s, ETH_ADDR_FMT, ETH_ADDR_ARGS(sa->mac));
    json_object_put_string(object, "mac", ds_cstr(&s));
    json_object_put(object, "since", json_integer_create(sa->since));
    ds_destroy(&s);
    return object;
}

struct json *
holders_to_json(const struct overlay *overlay)
{
    struct json *array = json_array_create_empty();
    const struct shared_address **held;
    size_t n;

    held = holders_in_order(overlay_holders(overlay), &n);
    for (size_t i = 0; i < n; i++) {
        json_array_add(array, holder_to_json(held[i]));
    }
    free(held);
    return array;
}

/* A member that is a string, or NULL. */
static const char *
get_string(const struct shash *members, const char *name)
{
    const struct json *value = shash_find_data(members, name);

    return value && value->type == JSON_STRING ? json_string(value) : NULL;
}

static const char *
get_id(const struct shash *members, const char *name)
{
    const char *id = get_string(members, name);

    return id && object_id_is_valid(id, strlen(id)) ? id : NULL;
}

static bool
get_ip(const struct shash *members, struct in6_addr *ip)
{
    const char *text = get_string(members, "ip");
    ovs_be32 ipv4;

    if (text && ip_parse(text, &ipv4)) {
        in6_addr_set_mapped_ipv4(ip, ipv4);
        return true;
    }
    return text && ipv6_parse(text, ip);
}

static bool
get_mac(const struct shash *members, struct eth_addr *mac)
{
    const char *text = get_string(members, "mac");

    return text && eth_addr_from_string(text, mac)
           && !eth_addr_is_multicast(*mac) && !eth_addr_is_zero(*mac);
}

static void
remember(const struct shash *members, struct overlay *overlay)
{
    const struct json *since = shash_find_data(members, "since");
    const char *segment = get_id(members, "segment");
    const char *endpoint = get_id(members, "endpoint");
    struct eth_addr mac;
    struct in6_addr ip;

    if (segment && endpoint && get_ip(members, &ip)
        && get_mac(members, &mac)
        && since && since->type == JSON_INTEGER) {
        overlay_remember_holder(overlay, segment, &ip, endpoint, mac,
                                json_integer(since));
    }
}

void
holders_from_json(const struct json *json, struct overlay *overlay)
{
    if (json->type != JSON_ARRAY) {
        return;
    }
    for (size_t i = 0; i < json->array.n && i < MAX_REMEMBERED_HOLDERS; i++) {
        const struct json *element = json->array.elems[i];

        if (element->type == JSON_OBJECT) {
            remember(json_object(element), overlay);
        }
    }
}
