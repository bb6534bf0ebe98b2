/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_EXPLAIN_PATH_H
#define VTEPD_EXPLAIN_PATH_H 1

/* Whether a packet gets from one endpoint to another, as this host knows it:
 * what has to be asked of the switch for that, and what the answers mean.
 *
 * Causes are looked at before their consequences: what the inventory says,
 * where the endpoints are plugged in, the tunnel, the flows, the packets. */

#include "agent/explain-trace.h"
#include "agent/explanation.h"
#include "core/inventory.h"
#include "openflow/switch-query.h"

struct agent;
struct overlay_way;
struct tunnel_key;

/* How a packet gets from one segment to another. */
struct routed_way {
    const struct router_node *router;   /* NULL: it need not be routed. */
    const struct segment_node *segment; /* In which it goes on. */
    const struct endpoint_node *hop;    /* To whom it goes there. */
    struct in6_addr src_ip, dst_ip;
};

/* What one wants to know, and what was found out. */
struct path_question {
    const char *from_name, *to_name;    /* As given. */
    const struct endpoint_node *from, *to;  /* NULL: nothing of the name. */
    struct routed_way routed;   /* Then 'to' is 'routed.hop'. */

    /* Answers. */
    bool asked;                 /* Was the switch asked? */
    struct switch_query query;
    struct trace_packet packet;
    const char *trace_error;    /* Why there is no trace, or NULL. */
    struct trace_result trace;
};

/* Puts into the question what is to be asked, if the switch can be of any
 * help.  Returns whether it can. */
bool explain_path_prepare(const struct agent *, struct path_question *);

void explain_path(const struct agent *, const struct path_question *,
                  struct explanation *);

/* Why there is a tunnel to 'host', or none. */
void explain_host(const struct agent *, const char *host,
                  struct explanation *);

/* Shared by the parts of an explanation. */

/* Is vtepd able to work, and how fresh is what it knows? */
void explain_agent(const struct agent *, struct explanation *);

/* The way to 'host' for a segment: true if there is one. */
bool explain_way(const struct agent *, const struct host_node *,
                 const struct segment_node *, struct explanation *,
                 struct overlay_way *);

/* What the underlay has to let through: "UDP port 4789 between 192.0.2.1 and
 * 192.0.2.2"; for the caller to free. */
char *explain_underlay(const struct tunnel_key *);

/* What BFD says of the tunnel to 'peer', if it runs: in the way, as far as that
 * can be told, or only worth knowing. */
void explain_bfd(const struct agent *, const struct path_question *,
                 const struct overlay_way *, const char *peer,
                 struct explanation *);

/* All flows that the switch needs for the two endpoints. */
void explain_for_each_flow(const struct agent *, const struct path_question *,
                           const struct overlay_way *, flow_cb *, void *aux);

/* Does the switch do what it should?  True if nothing is in the way. */
bool explain_switch(const struct agent *, const struct path_question *,
                    const struct overlay_way *, struct explanation *);

/* Does the inventory place the endpoint here? */
static inline bool
explain_is_here(const struct endpoint_node *node)
{
    return node->endpoint->host->self;
}

/* Chooses addresses by which 'from' may speak to 'to'.  Returns false if they
 * have none of one family. */
bool explain_choose_ips(const struct agent *, const struct endpoint *from,
                        const struct endpoint *to, struct trace_packet *);

/* An address of one family, or NULL. */
const struct claim *explain_choose_address(const struct agent *,
                                           const struct endpoint *, bool ipv6);

/* Is the address its? */
bool explain_address(const struct agent *, const struct claim *,
                     struct explanation *);

/* Are their addresses theirs? */
bool explain_addresses(const struct agent *, const struct endpoint *from,
                       const struct endpoint *to, struct explanation *);

/* Where the packet goes on, if it has to be routed: true if anywhere. */
bool explain_route(const struct agent *, const struct endpoint_node *from,
                   const struct endpoint_node *to, struct explanation *,
                   struct routed_way *);

/* Is the endpoint, which the inventory places here, plugged in as it should
 * be? */
bool explain_plug(const struct agent *, const struct endpoint_node *,
                  struct explanation *);

#endif /* explain-path.h */
