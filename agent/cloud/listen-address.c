/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/listen-address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool
parse_port(const char *text, in_port_t *port)
{
    int n;

    if (!str_to_int(text, 10, &n) || n < 1 || n > UINT16_MAX) {
        return false;
    }
    *port = htons(n);
    return true;
}

static bool
parse_ipv4(const char *host, in_port_t port, struct listen_address *a)
{
    struct sockaddr_in *sin = ALIGNED_CAST(struct sockaddr_in *, &a->sockaddr);

    sin->sin_family = AF_INET;
    sin->sin_port = port;
    if (inet_pton(AF_INET, host, &sin->sin_addr) != 1) {
        return false;
    }
    a->loopback = ntohl(sin->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return true;
}

static bool
parse_ipv6(const char *host, in_port_t port, struct listen_address *a)
{
    struct sockaddr_in6 *sin6 = ALIGNED_CAST(struct sockaddr_in6 *,
                                             &a->sockaddr);

    sin6->sin6_family = AF_INET6;
    sin6->sin6_port = port;
    if (inet_pton(AF_INET6, host, &sin6->sin6_addr) != 1) {
        return false;
    }
    a->loopback = IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
    return true;
}

char *
listen_address_parse(const char *text, struct listen_address *address)
{
    struct listen_address a = { .loopback = false };
    const char *colon = strrchr(text, ':');
    in_port_t port;

    if (!colon || !parse_port(colon + 1, &port)) {
        return xstrdup("is not ADDR:PORT with a port from 1 to 65535");
    }

    size_t len = colon - text;
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    char *host = (brackets ? xmemdup0(text + 1, len - 2)
                  : xmemdup0(text, len));
    bool ok = (brackets ? parse_ipv6(host, port, &a)
               : parse_ipv4(host, port, &a));
    free(host);
    if (!ok) {
        return xstrdup("is not ADDR:PORT with an IPv4 address, or an IPv6 "
                       "address in brackets");
    }
    if (address) {
        *address = a;
    }
    return NULL;
}
