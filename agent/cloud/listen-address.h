/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LISTEN_ADDRESS_H
#define VTEPD_LISTEN_ADDRESS_H 1

/* An address to listen on, "ADDR:PORT" or "[IPV6]:PORT". */

#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
    struct sockaddr_storage sockaddr;
    bool loopback;              /* In 127.0.0.0/8, or ::1. */
};

/* Returns NULL, or the rest of a sentence that begins with 'text' and says
 * what is wrong with it, which the caller frees.  'address' may be NULL. */
char *listen_address_parse(const char *text, struct listen_address *address);

#endif /* listen-address.h */
