/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_AGENT_H
#define VTEPD_AGENT_H 1

/* The whole: owns every part, moves data from one to the next, once a pass.
 *
 *     OBSERVE                    DECIDE               ACT
 *     webhooks ─────────┐
 *     inventory source ─┤
 *                       ├─> inventory, overlay ─┬─> ovsdb client
 *     ovsdb client ─────┘                       └─> switch session
 *
 * Nothing is decided here. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/address-watch.h"
#include "agent/config.h"
#include "agent/latency.h"
#include "agent/pass-watch.h"
#include "agent/waits.h"
#include "core/overlay.h"
#include "openvswitch/shash.h"

struct advert_service;
struct announce_service;
struct bfd_watch;
struct dhcp_service;
struct explainer;
struct inventory_cache;
struct inventory_source;
struct leases;
struct learned_file;
struct multicast_service;
struct ovsdb_client;
struct punts;
struct settling;
struct switch_counters;
struct switch_session;
struct webhook_server;

/* How an event came, and what it led to. */
enum event_origin { EVENT_BY_WEBHOOK, EVENT_BY_WATCH, N_EVENT_ORIGINS };
enum event_result {
    EVENT_WAS_APPLIED,          /* As enum event_outcome. */
    EVENT_WAS_SAME,
    EVENT_WAS_STALE,
    EVENT_WAS_FULL,
    EVENT_WAS_THIN,             /* It leads to a list. */
    N_EVENT_RESULTS
};

/* Members are for agent.c, and for control.c to show. */
struct agent {
    struct config config;
    unsigned int settings_seqno;    /* Of the OVSDB settings taken in. */
    bool settings_seen;
    bool configured;            /* Is everything there that is required? */
    enum setting told_missing;  /* Last missing setting that was logged. */
    bool told_ready;            /* Was it logged that it is ready? */

    struct ovsdb_client *ovsdb;
    struct inventory_source *source;    /* NULL until configured. */
    char *source_error;         /* Why a new one cannot be made, or NULL. */
    long long int source_retry; /* When to try again, in ms; 0: no need. */
    struct inventory_cache *cache;
    long long int cache_patience;   /* See agent_has_inventory(). */
    struct learned_file *learned;
    struct multicast_service *multicast;
    uint64_t memberships_seqno; /* Of those that are in the file. */
    struct inventory *inventory;
    struct overlay *overlay;
    struct overlay_sink overlay_sink;
    struct switch_session *session;
    char *target;               /* Of the session. */
    long long int lost_at;      /* When the switch counts as gone, in ms; 0:
                                 * it is there; LLONG_MAX: it does. */
    struct punts *punts;        /* Packets that the session hands over. */
    struct leases *leases;
    struct dhcp_service *dhcp;
    struct advert_service *adverts;
    struct announce_service *announce;  /* Of shared addresses. */
    uint64_t holders_seqno;     /* Of their holders, as far as written. */
    struct switch_session *left_session;    /* To the bridge before. */
    long long int left_until;
    uint64_t left_bundle;       /* That takes back what is there. */

    bool unswept;               /* See switching_sweep(). */
    uint64_t synced_bundle;     /* After which the switch has all that was
                                 * known when it was compared last. */

    uint64_t refusals_seen;     /* By switching_mark_ports(). */

    /* Webhooks. */
    struct webhook_server *webhooks;    /* NULL while not listening. */
    char *webhooks_error;       /* Why not, though it should, or NULL. */
    long long int webhooks_retry;   /* When to try again, in ms; 0: no need. */
    struct waits waits;
    struct settling *settling;
    struct explainer *explainer;    /* Of vtepd/explain. */
    struct bfd_watch *bfd;      /* What OVSDB says of BFD on the tunnels. */

    /* Events, and how long they take. */
    uint64_t n_events[N_EVENT_ORIGINS][N_EVENT_RESULTS];
    struct latency latency;
    struct switch_counters *counters;   /* For the metrics. */

    /* Is what is known exactly what the last whole list said, but for what
     * inventory_source_changed() tells the source? */
    bool is_list;

    /* Where the list that is being taken in, or applied, stands. */
    char *list_version;         /* While it is applied, or NULL. */
    bool list_cached;           /* Is it from the state file? */
    bool list_first;            /* Was there none from the API before? */
    bool list_anonymous;        /* It has items that cannot be identified. */
    unsigned int n_invalid;     /* Items that were refused. */
    unsigned int n_duplicates;
    char *first_duplicate;

    struct shash served;        /* Contains struct served_ports, by name. */
    long long int started;      /* In ms. */
    long long int started_wall; /* The same in Unix time. */
    struct pass_watch pass_watch;
    struct address_watch addresses;
    bool address_missing[2];    /* encap-ip not configured on this host. */
    int underlay_mtu[2];        /* Where it is, in bytes; 0: not known. */
};

/* A port whose endpoint is served: the number of the bundle that its flows are
 * in, which the switch has to have applied before the port is marked as
 * installed. */
struct served_port {
    uint64_t bundle;
    bool told;                  /* Was it logged that it is installed? */
};
#define BUNDLE_NOT_SENT UINT64_MAX
#define BUNDLE_MARKED (UINT64_MAX - 1)  /* The port was marked. */

/* Begins to work with the local database at 'remote'.  Takes over the values
 * of 'config'. */
void agent_init(struct agent *, const struct config *config,
                const char *remote);
void agent_destroy(struct agent *);

/* One pass, and what to wait for until the next. */
void agent_run(struct agent *);
void agent_wait(struct agent *);

/* Does another vtepd serve the bridge?  Then this one is to leave. */
bool agent_is_second(const struct agent *);

/* Is there an inventory to work by? */
bool agent_has_inventory(const struct agent *);

/* Is it in the switch?  Returns NULL if it is, else what is missing, for a
 * message. */
const char *agent_why_not_ready(const struct agent *);

/* If the source is new and the inventory is the one from the state file, tells
 * the source so. */
void agent_assume_list(struct agent *);

/* Brings to the disk what is to be known at the next start.  Blocks: for the
 * end of the program. */
void agent_save(struct agent *);

/* Asks for the inventory and compares everything with the switch. */
void agent_resync(struct agent *);

/* Releases held deletions; returns how many objects were deleted. */
size_t agent_approve_deletions(struct agent *);

#endif /* agent.h */
