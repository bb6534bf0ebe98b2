/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloud/object-encode.h"
#include "core/objects.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

/* Bytes of a sentence: a few values, each cut, and the words around. */
enum { SENTENCE_MAX = 2000 };

void
fuzz_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, condition);
    abort();
}

void
fuzz_quiet(void)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
}

void
fuzz_check_printable(const char *s, size_t max)
{
    fuzz_check(s);
    fuzz_check(s[0]);
    fuzz_check(strlen(s) <= max);
    for (; *s; s++) {
        fuzz_check(*s >= 0x20 && *s <= 0x7e);
    }
}

void
fuzz_check_sentence(const char *s)
{
    fuzz_check_printable(s, SENTENCE_MAX);
}

/* Objects. */

static void
check_mac(struct eth_addr mac)
{
    fuzz_check(!eth_addr_is_zero(mac));
    fuzz_check(!eth_addr_is_multicast(mac));
}

static void
check_ip(const struct in6_addr *ip)
{
    fuzz_check(!ipv6_addr_is_multicast(ip));
    fuzz_check(!ipv6_is_zero(ip));
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        fuzz_check(!ip_is_multicast(in6_addr_get_mapped_ipv4(ip)));
        fuzz_check(in6_addr_get_mapped_ipv4(ip));
    }
}

static void
check_prefix(const struct ip_prefix *prefix)
{
    fuzz_check(prefix->plen <= 128);
    fuzz_check(!IN6_IS_ADDR_V4MAPPED(&prefix->addr) || prefix->plen >= 96);

    struct in6_addr mask = ipv6_create_mask(prefix->plen);
    struct in6_addr masked = ipv6_addr_bitand(&prefix->addr, &mask);
    fuzz_check(ipv6_addr_equals(&masked, &prefix->addr));
}

/* A host or domain name. */
static void
check_name(const char *name)
{
    if (name) {
        fuzz_check(name[0] && strlen(name) <= 253);
        fuzz_check(strspn(name, "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
                   == strlen(name));
    }
}

static void
check_id(const char *id)
{
    fuzz_check(id && object_id_is_valid(id, strlen(id)));
}

static void
check_host(const struct host_object *host)
{
    fuzz_check(host->n_tunnels <= OBJECT_MAX_TUNNELS);
    for (size_t i = 0; i < host->n_tunnels; i++) {
        const struct host_tunnel *t = &host->tunnels[i];

        fuzz_check(t->type > ENCAP_NONE && t->type < N_ENCAPS);
        fuzz_check(!t->port || t->port != encap_default_port(t->type));
        fuzz_check(!t->port || encap_default_port(t->type));
        check_ip(&t->ip);
    }
}

static void
check_segment(const struct segment_object *segment)
{
    fuzz_check(segment->encap < N_ENCAPS);
    fuzz_check(segment->vni);
    fuzz_check(segment->encap == ENCAP_GRE || segment->vni < 1 << 24);
    fuzz_check(segment->broadcast <= POLICY_REPLICATE);
    fuzz_check(segment->unknown_unicast <= POLICY_REPLICATE);
    fuzz_check(segment->multicast <= POLICY_SNOOP);
    fuzz_check(!segment->mtu || segment->mtu >= 68);
    fuzz_check(segment->n_subnets <= OBJECT_MAX_SUBNETS);
    for (size_t i = 0; i < segment->n_subnets; i++) {
        const struct subnet *subnet = &segment->subnets[i];

        check_prefix(&subnet->cidr);
        if (subnet->has_gateway) {
            check_ip(&subnet->gateway);
        }
        fuzz_check(subnet->n_dns <= OBJECT_MAX_DNS);
        for (size_t j = 0; j < subnet->n_dns; j++) {
            check_ip(&subnet->dns[j]);
        }
        fuzz_check(subnet->lease);
        check_name(subnet->domain);
    }
}

static void
check_router(const struct router_object *router)
{
    check_mac(router->mac);
    fuzz_check(router->n_segments <= OBJECT_MAX_ROUTER_SEGMENTS);
    for (size_t i = 0; i < router->n_segments; i++) {
        check_id(router->segments[i]);
    }
    fuzz_check(router->n_routes <= OBJECT_MAX_ROUTES);
    for (size_t i = 0; i < router->n_routes; i++) {
        check_prefix(&router->routes[i].cidr);
        check_ip(&router->routes[i].via);
    }
}

static void
check_endpoint(const struct endpoint_object *endpoint)
{
    check_id(endpoint->segment);
    check_id(endpoint->host);
    check_mac(endpoint->mac);
    fuzz_check(endpoint->n_ips <= OBJECT_MAX_IPS);
    for (size_t i = 0; i < endpoint->n_ips; i++) {
        check_ip(&endpoint->ips[i]);
    }
    check_name(endpoint->hostname);
    fuzz_check(endpoint->n_pairs <= OBJECT_MAX_PAIRS);
    for (size_t i = 0; i < endpoint->n_pairs; i++) {
        check_mac(endpoint->pairs[i].mac);
        check_prefix(&endpoint->pairs[i].ip);
    }
}

void
fuzz_check_object(const struct object *object)
{
    check_id(object->id);
    fuzz_check(object->revision <= INT64_MAX);
    switch (object->kind) {
    case OBJECT_HOST:
        check_host(&object->host);
        break;

    case OBJECT_SEGMENT:
        check_segment(&object->segment);
        break;

    case OBJECT_ROUTER:
        check_router(&object->router);
        break;

    case OBJECT_ENDPOINT:
        check_endpoint(&object->endpoint);
        break;

    default:
        fuzz_check(false);
    }
}

char *
fuzz_encode(const struct object *object)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    object_encode(object, &s);
    return ds_steal_cstr(&s);
}

void
fuzz_check_same(const struct object *object, const char *encoded)
{
    fuzz_check(object);

    char *text = fuzz_encode(object);
    fuzz_check(!strcmp(text, encoded));
    free(text);
}

/* Input. */

uint32_t
fuzz_hash(const uint8_t *data, size_t size)
{
    return hash_bytes(data, size, 0);
}

char *
fuzz_take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
    size_t len = end ? (size_t) (end - *data) : *size;
    char *line = xmemdup0((const char *) *data, len);

    *data += len + (end != NULL);
    *size -= len + (end != NULL);
    return line;
}

/* Files. */

static char folder[256];

static int
remove_it(const char *path, const struct stat *s OVS_UNUSED,
          int type OVS_UNUSED, struct FTW *ftw OVS_UNUSED)
{
    return remove(path);
}

static void
remove_folder(void)
{
    nftw(folder, remove_it, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_folder(void)
{
    if (!folder[0]) {
        const char *where = getenv("TMPDIR");

        snprintf(folder, sizeof folder, "%s/vtepd-fuzz-XXXXXX",
                 where ? where : "/tmp");
        if (!mkdtemp(folder)) {
            ovs_fatal(errno, "cannot make %s", folder);
        }
        atexit(remove_folder);
    }
    return folder;
}

void
fuzz_write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t) size) {
        ovs_fatal(errno, "cannot write %s", path);
    }
    close(fd);
}
