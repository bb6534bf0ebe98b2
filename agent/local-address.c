/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/local-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

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

static bool
has_address(const struct ifaddrs *ifa, const struct in6_addr *ip)
{
    const struct sockaddr *sa = ifa->ifa_addr;

    if (!sa) {
        return false;
    } else if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *sin = ALIGNED_CAST(void *, sa);

        return IN6_IS_ADDR_V4MAPPED(ip)
               && !memcmp(&sin->sin_addr, &ip->s6_addr[12],
                          sizeof sin->sin_addr);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = ALIGNED_CAST(void *, sa);

        return !memcmp(&sin6->sin6_addr, ip, sizeof *ip);
    }
    return false;
}

static int
interface_mtu(const char *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq ifr;
    int mtu = 0;

    if (fd >= 0) {
        memset(&ifr, 0, sizeof ifr);
        ovs_strlcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
        if (!ioctl(fd, SIOCGIFMTU, &ifr)) {
            mtu = ifr.ifr_mtu;
        }
        close(fd);
    }
    return mtu;
}

int
local_address_mtu(const struct in6_addr *ip)
{
    struct ifaddrs *all;
    int mtu = 0;

    if (getifaddrs(&all)) {
        return 0;
    }
    for (const struct ifaddrs *ifa = all; ifa && !mtu; ifa = ifa->ifa_next) {
        if (!(ifa->ifa_flags & IFF_LOOPBACK) && has_address(ifa, ip)) {
            mtu = interface_mtu(ifa->ifa_name);
        }
    }
    freeifaddrs(all);
    return mtu;
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
