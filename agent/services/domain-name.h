/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_DOMAIN_NAME_H
#define VTEPD_DOMAIN_NAME_H 1

/* Domain names as DNS has them on the wire (RFC 1035 3.1). */

#include <stddef.h>
#include <stdint.h>

/* As long as one can be (RFC 1035 2.3.4). */
#define DOMAIN_NAME_MAX 255

/* Writes "blue.example", with or without a dot at its end, to 'to'.  Returns
 * how many bytes that took, 0 if it is no domain name. */
size_t domain_name_encode(const char *name, uint8_t to[DOMAIN_NAME_MAX]);

#endif /* domain-name.h */
