/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/local-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
can_bind(int family, const void *address, socklen_t len)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok;

    if (fd < 0) {
        return true;            /* Cannot tell: no false alarm. */
    }
    ok = !bind(fd, address, len) || errno != EADDRNOTAVAIL;
    close(fd);
    return ok;
}

bool
local_address_exists(const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        struct sockaddr_in sin = { .sin_family = AF_INET };

        memcpy(&sin.sin_addr, &ip->s6_addr[12], sizeof sin.sin_addr);
        return can_bind(AF_INET, &sin, sizeof sin);
    } else {
        struct sockaddr_in6 sin6 = {
            .sin6_family = AF_INET6,
            .sin6_addr = *ip,
        };

        /* A link-local address needs a scope, which a tunnel has not. */
        return IN6_IS_ADDR_LINKLOCAL(ip)
               || can_bind(AF_INET6, &sin6, sizeof sin6);
    }
}

void
local_address_format(const struct in6_addr *ip, char text[INET6_ADDRSTRLEN])
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        inet_ntop(AF_INET, &ip->s6_addr[12], text, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN);
    }
}
