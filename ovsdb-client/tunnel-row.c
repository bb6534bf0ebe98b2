/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/tunnel-row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "ovsdb-client/port-monitor.h"
#include "ovsdb-client/row-diff.h"
#include "ovsdb-client/switch-rows.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

static bool
name_is_ours(const char *name)
{
    return (strlen(name) == 13
            && (!strncmp(name, "vx-", 3) || !strncmp(name, "gr-", 3)
                || !strncmp(name, "ge-", 3))
            && strspn(name + 3, "0123456789abcdef") == 10);
}

bool
tunnel_row_is_owned(const struct ovsrec_interface *interface,
                    const struct ovsrec_port *port, const char *owner)
{
    enum encap encap;

    if (switch_rows_owned_by(&interface->external_ids, owner)) {
        return (encap_from_string(interface->type, &encap)
                || name_is_ours(interface->name));
    }
    return (name_is_ours(interface->name)
            && switch_rows_owned_by(&port->external_ids, owner));
}

/* Parses a number as Open vSwitch does, in decimal or as 0x..., from 'min' to
 * 'max'. */
static bool
parse_number(const char *s, unsigned long int min, unsigned long int max,
             unsigned long int *value)
{
    char *tail;

    if (*s < '0' || *s > '9') {
        return false;
    }
    errno = 0;
    *value = strtoul(s, &tail, 0);
    return !errno && !*tail && *value >= min && *value <= max;
}

static bool
parse_ip(const struct smap *options, const char *name, struct in6_addr *ip)
{
    const char *s = smap_get(options, name);
    struct in_addr ip4;

    if (!s) {
        return false;
    } else if (inet_pton(AF_INET, s, &ip4) == 1) {
        in6_addr_set_mapped_ipv4(ip, ip4.s_addr);
        return true;
    } else {
        return inet_pton(AF_INET6, s, ip) == 1;
    }
}

bool
tunnel_row_parse(const struct ovsrec_interface *interface,
                 struct tunnel_key *key)
{
    const struct smap *options = &interface->options;
    const char *vni = smap_get(options, "key");
    const char *port = smap_get(options, "dst_port");
    unsigned long int number;

    memset(key, 0, sizeof *key);
    if (!encap_from_string(interface->type, &key->type)
        || !parse_ip(options, "local_ip", &key->local_ip)
        || !parse_ip(options, "remote_ip", &key->remote_ip)
        || !vni) {
        return false;
    }

    if (strcmp(vni, "flow")) {
        if (!parse_number(vni, 1, key->type == ENCAP_GRE ? UINT32_MAX
                                                         : 0xffffff,
                          &number)) {
            return false;
        }
        key->vni = number;
    }

    if (port && key->type != ENCAP_GRE) {
        if (!parse_number(port, 1, UINT16_MAX, &number)) {
            return false;
        }
        key->dst_port = number == encap_default_port(key->type) ? 0 : number;
    }
    return true;
}

static void
add_ip(struct smap *options, const char *name, const struct in6_addr *ip)
{
    char text[INET6_ADDRSTRLEN];

    ipv6_string_mapped(text, ip);
    smap_add(options, name, text);
}

static void
compose_options(struct smap *options, const struct tunnel_key *key)
{
    smap_init(options);
    add_ip(options, "local_ip", &key->local_ip);
    add_ip(options, "remote_ip", &key->remote_ip);
    if (key->vni) {
        smap_add_format(options, "key", "%"PRIu32, key->vni);
    } else {
        smap_add(options, "key", "flow");
    }
    if (key->dst_port) {
        smap_add_format(options, "dst_port", "%"PRIu16, key->dst_port);
    }
}

/* The labels, by key.  A NULL value is a key that must not be there. */
enum { N_LABELS = 4 };
struct label {
    const char *key;
    const char *value;
};
struct labels {
    struct label labels[N_LABELS];
    char group[11];
};

static void
compose_labels(struct labels *labels, const struct tunnel_spec *spec,
               const char *owner)
{
    snprintf(labels->group, sizeof labels->group, "%"PRIu32, spec->group);
    labels->labels[0] = (struct label) { "vtepd-owner", owner };
    labels->labels[1] = (struct label) { "vtepd-peer", spec->peer };
    labels->labels[2] = (struct label) { "vtepd-segment", spec->segment };
    labels->labels[3] = (struct label) { "vtepd-group", labels->group };
}

/* Tells how 'label' in 'have', which is 'column', must change: -1 deleted, 0
 * not, 1 set.  Adds the difference to 'diff'. */
static int
compare_label(const struct smap *have, const struct label *label,
              const char *column, struct row_diff *diff)
{
    const char *value = smap_get(have, label->key);

    if (nullable_string_is_equal(value, label->value)) {
        return 0;
    }
    row_diff_add(diff, column, label->key, value, label->value);
    return label->value ? 1 : -1;
}

static void
write_interface_labels(const struct ovsrec_interface *interface,
                       const struct labels *labels, struct row_diff *diff)
{
    for (size_t i = 0; i < N_LABELS; i++) {
        const struct label *label = &labels->labels[i];
        int change = compare_label(&interface->external_ids, label,
                                   "external_ids", diff);

        if (change > 0) {
            ovsrec_interface_update_external_ids_setkey(
                interface, label->key, label->value);
        } else if (change < 0) {
            ovsrec_interface_update_external_ids_delkey(interface,
                                                        label->key);
        }
    }
}

static void
write_port_labels(const struct ovsrec_port *port, const struct labels *labels,
                  struct row_diff *diff)
{
    for (size_t i = 0; i < N_LABELS; i++) {
        const struct label *label = &labels->labels[i];
        int change = compare_label(&port->external_ids, label,
                                   "the port's external_ids", diff);

        if (change > 0) {
            ovsrec_port_update_external_ids_setkey(port, label->key,
                                                   label->value);
        } else if (change < 0) {
            ovsrec_port_update_external_ids_delkey(port, label->key);
        }
    }
}

/* What there should be in the 'bfd' column, others' keys left alone.  Open
 * vSwitch would take any packet that looks like BFD and comes in on the tunnel
 * for the peer's own, also a guest's (R72).  The peer's own have key 0, where
 * the port has none of its own, and otherwise a destination MAC that no guest
 * can send to. */
static void
compose_bfd(struct label labels[3], const struct tunnel_spec *spec)
{
    bool flow_key = !spec->key.vni;

    labels[0] = (struct label) { "enable", spec->bfd ? "true" : NULL };
    labels[1] = (struct label) {
        "check_tnl_key", spec->bfd && flow_key ? "true" : NULL };
    labels[2] = (struct label) {
        "bfd_remote_dst_mac",
        spec->bfd && !flow_key ? "00:23:20:00:00:01" : NULL };
}

static void
write_bfd(const struct ovsrec_interface *interface,
          const struct tunnel_spec *spec, struct row_diff *diff)
{
    struct label labels[3];

    compose_bfd(labels, spec);
    for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
        int change = compare_label(&interface->bfd, &labels[i], "bfd", diff);

        if (change > 0) {
            ovsrec_interface_update_bfd_setkey(interface, labels[i].key,
                                               labels[i].value);
        } else if (change < 0) {
            ovsrec_interface_update_bfd_delkey(interface, labels[i].key);
        }
    }
}

static void
write_retry(const struct ovsrec_interface *interface, unsigned int n_retries,
            struct row_diff *diff)
{
    char value[11];
    const struct label label = { "vtepd-retry", n_retries ? value : NULL };

    snprintf(value, sizeof value, "%u", n_retries);
    switch (compare_label(&interface->other_config, &label, "other_config",
                          diff)) {
    case 1:
        ovsrec_interface_update_other_config_setkey(interface, label.key,
                                                    label.value);
        break;

    case -1:
        ovsrec_interface_update_other_config_delkey(interface, label.key);
        break;
    }
}

/* The tunnel's key. */
static void
write_key(const struct ovsrec_interface *interface,
          const struct tunnel_key *key, struct row_diff *diff)
{
    const char *type = encap_to_string(key->type);
    struct smap options;

    if (strcmp(interface->type, type)) {
        row_diff_add(diff, "type", NULL, interface->type, type);
        ovsrec_interface_set_type(interface, type);
    }
    compose_options(&options, key);
    if (!smap_equal(&interface->options, &options)) {
        row_diff_add_maps(diff, "options", &interface->options, &options);
        ovsrec_interface_set_options(interface, &options);
    }
    smap_destroy(&options);
}

void
tunnel_row_write(const struct port_location *at,
                 const struct tunnel_spec *spec, const char *owner,
                 unsigned int n_retries, struct row_diff *diff)
{
    struct labels labels;

    write_key(at->interface, &spec->key, diff);
    compose_labels(&labels, spec, owner);
    write_interface_labels(at->interface, &labels, diff);
    write_port_labels(at->port, &labels, diff);
    write_bfd(at->interface, spec, diff);
    write_retry(at->interface, n_retries, diff);
}

void
tunnel_row_write_new(const struct ovsrec_interface *interface,
                     const struct ovsrec_port *port,
                     const struct tunnel_spec *spec, const char *owner)
{
    struct smap external_ids = SMAP_INITIALIZER(&external_ids);
    struct labels labels;
    struct smap options;

    ovsrec_interface_set_type(interface, encap_to_string(spec->key.type));

    compose_options(&options, &spec->key);
    ovsrec_interface_set_options(interface, &options);
    smap_destroy(&options);

    compose_labels(&labels, spec, owner);
    for (size_t i = 0; i < N_LABELS; i++) {
        if (labels.labels[i].value) {
            smap_add(&external_ids, labels.labels[i].key,
                     labels.labels[i].value);
        }
    }
    ovsrec_interface_set_external_ids(interface, &external_ids);
    ovsrec_port_set_external_ids(port, &external_ids);
    smap_destroy(&external_ids);

    struct label bfd_labels[3];
    struct smap bfd = SMAP_INITIALIZER(&bfd);

    compose_bfd(bfd_labels, spec);
    for (size_t i = 0; i < ARRAY_SIZE(bfd_labels); i++) {
        if (bfd_labels[i].value) {
            smap_add(&bfd, bfd_labels[i].key, bfd_labels[i].value);
        }
    }
    ovsrec_interface_set_bfd(interface, &bfd);
    smap_destroy(&bfd);
}

char *
tunnel_row_describe(const char *name, const char *peer,
                    const struct tunnel_key *key)
{
    char ip[INET6_ADDRSTRLEN];

    ipv6_string_mapped(ip, &key->remote_ip);
    return xasprintf("tunnel %s to %s (%s, %s)", name,
                     peer && *peer ? peer : "an unknown peer",
                     encap_to_string(key->type), ip);
}
