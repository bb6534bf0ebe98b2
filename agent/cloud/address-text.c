/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "cloud/address-text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

const char *
mac_from_text(const char *s, struct eth_addr *mac)
{
    for (int i = 0; i < ETH_ADDR_LEN; i++, s += 3) {
        int high = hexit_value(s[0]);
        int low = high >= 0 ? hexit_value(s[1]) : -1;

        if (low < 0 || s[2] != (i < ETH_ADDR_LEN - 1 ? ':' : '\0')) {
            return "is not a MAC address (xx:xx:xx:xx:xx:xx)";
        }
        mac->ea[i] = high << 4 | low;
    }
    return (eth_addr_is_zero(*mac) ? "is the zero MAC address"
            : eth_addr_is_multicast(*mac)
            ? "is a multicast or broadcast MAC address"
            : NULL);
}

/* Parses any IPv4 or IPv6 literal. */
static const char *
literal_from_text(const char *s, struct in6_addr *ip)
{
    ovs_be32 ip4;

    if (ip_parse(s, &ip4)) {
        *ip = in6_addr_mapped_ipv4(ip4);
        return NULL;
    }
    if (!ipv6_parse(s, ip)) {
        return "is not an IPv4 or IPv6 address";
    }
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        return "is an IPv4-mapped IPv6 address; write it as IPv4";
    }
    return NULL;
}

/* Refuses what no interface can have as its own address. */
static const char *
check_unicast(const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        uint32_t ip4 = ntohl(in6_addr_get_mapped_ipv4(ip));

        return (ip4 >> 24 == 0 ? "is an unspecified address"
                : ip4 >> 24 == 127 ? "is a loopback address"
                : ip4 == UINT32_MAX ? "is the broadcast address"
                : ip4 >> 28 == 14 ? "is a multicast address"
                : NULL);
    }
    return (IN6_IS_ADDR_UNSPECIFIED(ip) ? "is an unspecified address"
            : IN6_IS_ADDR_LOOPBACK(ip) ? "is a loopback address"
            : IN6_IS_ADDR_MULTICAST(ip) ? "is a multicast address"
            : NULL);
}

const char *
ip_from_text(const char *s, enum ip_use use, struct in6_addr *ip)
{
    const char *error = literal_from_text(s, ip);
    if (!error) {
        error = check_unicast(ip);
    }
    if (!error && use == IP_OF_TUNNEL && IN6_IS_ADDR_LINKLOCAL(ip)) {
        error = "is a link-local address, which other hosts cannot reach";
    }
    return error;
}

/* Parses the decimal digits of a prefix length of at most 'max'. */
static bool
length_from_text(const char *s, int max, int *len)
{
    size_t n_digits = strspn(s, "0123456789");

    if (!n_digits || n_digits > 3 || s[n_digits]
        || (s[0] == '0' && n_digits > 1)) {
        return false;
    }
    *len = atoi(s);
    return *len <= max;
}

/* Parses "ADDRESS/LENGTH", clearing the host bits; '*had_host_bits' says
 * whether there were any. */
static const char *
parse_prefix(const char *s, struct ip_prefix *prefix, bool *had_host_bits)
{
    static const char bad[] = "is not an IPv4 or IPv6 prefix";
    const char *slash = strchr(s, '/');
    if (!slash || slash - s >= INET6_ADDRSTRLEN) {
        return bad;
    }

    char address[INET6_ADDRSTRLEN];
    ovs_strlcpy(address, s, slash - s + 1);

    struct in6_addr ip;
    const char *error = literal_from_text(address, &ip);
    if (error) {
        return strchr(error, ';') ? error : bad;
    }

    bool v4 = IN6_IS_ADDR_V4MAPPED(&ip);
    int len;
    if (!length_from_text(slash + 1, v4 ? 32 : 128, &len)) {
        return bad;
    }
    prefix->plen = v4 ? 96 + len : len;

    struct in6_addr mask = ipv6_create_mask(prefix->plen);
    prefix->addr = ipv6_addr_bitand(&ip, &mask);
    *had_host_bits = !ipv6_addr_equals(&prefix->addr, &ip);
    return NULL;
}

static bool
is_multicast(const struct in6_addr *ip)
{
    return (IN6_IS_ADDR_V4MAPPED(ip)
            ? ip_is_multicast(in6_addr_get_mapped_ipv4(ip))
            : ipv6_addr_is_multicast(ip));
}

const char *
cidr_from_text(const char *s, struct ip_prefix *prefix)
{
    bool had_host_bits;
    const char *error = parse_prefix(s, prefix, &had_host_bits);
    if (!error && had_host_bits) {
        error = "is a prefix with host bits set";
    }
    if (!error && is_multicast(&prefix->addr)) {
        error = "is a multicast prefix";
    }
    return error;
}

const char *
prefix_from_text(const char *s, struct ip_prefix *prefix)
{
    if (!strchr(s, '/')) {
        prefix->plen = 128;
        return ip_from_text(s, IP_OF_ENDPOINT, &prefix->addr);
    }

    bool had_host_bits;
    const char *error = parse_prefix(s, prefix, &had_host_bits);
    if (!error && is_multicast(&prefix->addr)) {
        error = "is a multicast prefix";
    }
    return error;
}

bool
ip_same_family(const struct in6_addr *a, const struct in6_addr *b)
{
    return !IN6_IS_ADDR_V4MAPPED(a) == !IN6_IS_ADDR_V4MAPPED(b);
}
