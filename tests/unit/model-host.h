/* SPDX-License-Identifier: Apache-2.0 */

#ifndef MODEL_HOST_H
#define MODEL_HOST_H 1

/* A host for tests of the overlay: an overlay with its inventory, on a model
 * of the switch (flows, groups) and of OVSDB (tunnel ports).
 *
 * The model takes what a run tells as the switch does: first all deletions of
 * flows, then all additions.  After each run it checks
 *   - that only flows, groups and tunnels are deleted that are there,
 *   - that it has just the flows and groups that the overlay says stand,
 *   - that every group that a flow names is there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/overlay.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "svec.h"

#define MODEL_MAX_GROUPS 1024

struct model_group {
    bool exists;
    uint32_t ofport;
    unsigned int n_outages;     /* How often it led somewhere, then to 0. */
};

/* A tunnel port.  What is wanted of it and what is there differ until
 * model_give_ports(). */
struct model_tunnel {
    struct tunnel_key key;
    bool wanted;
    bool bfd;
    char *peer, *segment;
    uint32_t group;
    uint32_t ofport;            /* 0: there is none yet. */
    bool port;                  /* Is there a row? */
};

struct model_host {
    struct inventory *inventory;
    struct overlay *overlay;
    struct overlay_sink sink;
    struct overlay_settings settings;
    long long int now;

    struct shash flows;         /* "table=.. match" -> actions. */
    struct svec additions, addition_actions, deletions; /* Of this run. */
    struct model_group groups[MODEL_MAX_GROUPS];
    struct shash tunnels;       /* Key as text -> struct model_tunnel. */
    struct shash ports;         /* VM ports: name -> struct vm_port. */
    struct sset served;         /* Names of VM ports. */
    struct svec conflicts;      /* Those that were told and stand. */
    uint32_t next_ofport;
    size_t n_told;              /* Flows, groups and tunnels told of. */
};

/* A host 'id' that has addresses 'ip' and 'ip6' (either may be NULL) and the
 * encapsulations VXLAN, GRE where the inventory says nothing. */
struct model_host *model_host_create(const char *id, const char *ip,
                                     const char *ip6);
void model_host_destroy(struct model_host *);

/* Tells the overlay model_host's 'settings', which the caller has changed. */
void model_configure(struct model_host *);

/* Takes in a whole list (see inventory-text.h) and runs. */
void model_list(struct model_host *, const char *text);

/* Plugs endpoint 'id' into interface 'name', or changes that, and runs. */
void model_plug(struct model_host *, const char *name, const char *id,
                uint32_t ofport);
void model_unplug(struct model_host *, const char *name);
void model_set_port(struct model_host *, const struct vm_port *);

/* Runs until nothing is left to do. */
void model_run(struct model_host *);

/* Makes OVSDB what is wanted: ports get their ofport or go.  Then runs. */
void model_give_ports(struct model_host *);

/* Runs until nothing changes any more and every tunnel has its port. */
void model_settle(struct model_host *);

/* Lets time pass, in ms, and settles. */
void model_wait(struct model_host *, long long int ms);

/* Where a frame to 'mac' (see inventory-text.h) of a segment goes, from a
 * local VM: "port 5", "vxlan 192.0.2.1->192.0.2.2" with " key=77" and
 * " port=4790" where these are not the default, "nowhere" for a group without
 * a port, "drop" or "unknown".  The caller frees. */
char *model_way(const struct model_host *, uint64_t metadata, const char *mac);

/* Asserts that model_way() is 'expected'. */
void model_check_way(const struct model_host *, uint64_t metadata,
                     const char *mac, const char *expected);

/* Actions of the flow whose table, priority and match are 'key', as
 * flow_entry_format() writes them; NULL if there is none. */
const char *model_actions(const struct model_host *, const char *key);

/* Asserts that the wanted tunnels are 'expected': "KEY peer=P[ segment=S]",
 * sorted, joined by commas. */
void model_check_tunnels(const struct model_host *, const char *expected);

/* Asserts that the conflicts that stand are those that contain the words of
 * 'expected', in the order in which they are sorted; a NULL ends them. */
void model_check_conflicts(struct model_host *, ...);

/* How often any group led somewhere and then nowhere. */
unsigned int model_n_outages(const struct model_host *);

size_t model_n_groups(const struct model_host *);

#endif /* model-host.h */
