/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "core/objects.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static const char *const kind_names[N_OBJECT_KINDS] = {
    [OBJECT_HOST] = "host",
    [OBJECT_SEGMENT] = "segment",
    [OBJECT_ROUTER] = "router",
    [OBJECT_ENDPOINT] = "endpoint",
};

static const struct {
    const char *name;
    uint16_t port;              /* As assigned by IANA, 0: not over UDP. */
} encaps[N_ENCAPS] = {
    [ENCAP_NONE] = { "none", 0 },
    [ENCAP_VXLAN] = { "vxlan", 4789 },
    [ENCAP_GRE] = { "gre", 0 },
    [ENCAP_GENEVE] = { "geneve", 6081 },
};

static const char *const policy_names[] = {
    [POLICY_DROP] = "drop",
    [POLICY_REPLICATE] = "replicate",
    [POLICY_SNOOP] = "snoop",
};

static void
segment_object_uninit(struct segment_object *segment)
{
    for (size_t i = 0; i < segment->n_subnets; i++) {
        free(segment->subnets[i].domain);
    }
    free(segment->subnets);
}

static void
router_object_uninit(struct router_object *router)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        free(router->segments[i]);
    }
    free(router->segments);
    free(router->routes);
}

static void
endpoint_object_uninit(struct endpoint_object *endpoint)
{
    free(endpoint->segment);
    free(endpoint->host);
    free(endpoint->ips);
    free(endpoint->hostname);
    free(endpoint->pairs);
}

void
object_destroy(struct object *object)
{
    if (!object) {
        return;
    }

    switch (object->kind) {
    case OBJECT_HOST:
        free(object->host.tunnels);
        break;

    case OBJECT_SEGMENT:
        segment_object_uninit(&object->segment);
        break;

    case OBJECT_ROUTER:
        router_object_uninit(&object->router);
        break;

    case OBJECT_ENDPOINT:
        endpoint_object_uninit(&object->endpoint);
        break;
    }
    free(object->id);
    free(object);
}

const char *
object_kind_to_string(enum object_kind kind)
{
    return kind_names[kind];
}

bool
object_kind_from_string(const char *s, enum object_kind *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (!strcmp(s, kind_names[i])) {
            *kind = i;
            return true;
        }
    }
    return false;
}

bool
object_id_is_valid(const char *id, size_t len)
{
    if (!len || len > OBJECT_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (id[i] <= 0x20 || id[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

const char *
encap_to_string(enum encap encap)
{
    return encaps[encap].name;
}

/* "none" is no encapsulation that anyone could ask for. */
bool
encap_from_string(const char *s, enum encap *encap)
{
    for (size_t i = ENCAP_NONE + 1; i < ARRAY_SIZE(encaps); i++) {
        if (!strcmp(s, encaps[i].name)) {
            *encap = i;
            return true;
        }
    }
    return false;
}

uint16_t
encap_default_port(enum encap encap)
{
    return encaps[encap].port;
}

const char *
policy_to_string(enum policy policy)
{
    return policy_names[policy];
}

bool
policy_from_string(const char *s, enum policy *policy)
{
    for (size_t i = 0; i < ARRAY_SIZE(policy_names); i++) {
        if (!strcmp(s, policy_names[i])) {
            *policy = i;
            return true;
        }
    }
    return false;
}
