/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/explain-trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/local-address.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

#define EXPERIMENTAL_ETHERTYPE 0x88b5

char *
trace_packet_format(const struct trace_packet *p)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "in_port=%"PRIu32",dl_src="ETH_ADDR_FMT
                  ",dl_dst="ETH_ADDR_FMT, p->in_port, ETH_ADDR_ARGS(p->src),
                  ETH_ADDR_ARGS(p->dst));
    if (p->vni) {
        ds_put_format(&s, ",tun_id=%"PRIu32, p->vni);
    }
    if (!p->has_ips) {
        ds_put_format(&s, ",dl_type=%#x", EXPERIMENTAL_ETHERTYPE);
    } else {
        char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

        local_address_format(&p->src_ip, src);
        local_address_format(&p->dst_ip, dst);
        ds_put_format(&s, IN6_IS_ADDR_V4MAPPED(&p->src_ip)
                      ? ",icmp,nw_ttl=64,nw_src=%s,nw_dst=%s,icmp_type=8"
                      : ",icmp6,nw_ttl=64,ipv6_src=%s,ipv6_dst=%s,"
                        "icmp_type=128",
                      src, dst);
    }
    return ds_steal_cstr(&s);
}

/* The text after 'label' up to the end of its line, for the caller to free, or
 * NULL. */
static char *
line_after(const char *trace, const char *label)
{
    const char *p = strstr(trace, label);

    if (!p) {
        return NULL;
    }
    p += strlen(label);
    return xmemdup0(p, strcspn(p, "\n"));
}

/* Every flow that the packet meets is told with its cookie: the last one
 * decides. */
static void
parse_cookies(struct trace_result *r, const char *trace)
{
    static const char label[] = "cookie 0x";

    for (const char *p = trace; (p = strstr(p, label)) != NULL; ) {
        unsigned long long int cookie;

        p += strlen(label);
        if (ovs_scan(p, "%llx", &cookie)) {
            uint64_t cause = cookie & ~FLOW_COOKIE_MASK;

            r->own_flow = (cookie & FLOW_COOKIE_MASK) == FLOW_COOKIE_BASE
                          && cause < N_DROP_CAUSES;
            r->cause = r->own_flow ? cause : NO_DROP;
        }
    }
}

void
trace_result_parse(struct trace_result *r, const char *trace)
{
    memset(r, 0, sizeof *r);
    r->actions = line_after(trace, "Datapath actions: ");
    r->understood = r->actions != NULL;
    r->forwarded = (r->understood && r->actions[0]
                    && strcmp(r->actions, "drop")
                    && !strstr(trace, "Translation failed"));
    r->unresolved = strstr(trace, "neighbor cache miss") != NULL;
    r->unrouted = strstr(trace, "native tunnel routing failed") != NULL;
    parse_cookies(r, trace);
}

void
trace_result_destroy(struct trace_result *r)
{
    free(r->actions);
}
