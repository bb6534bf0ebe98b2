/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SYMBOLS_OVS_H
#define SYMBOLS_OVS_H 1

/* Open vSwitch's JSON for test-symbols.c, which cannot itself include both
 * this and jansson: the types and functions have the same names. */

#include <stdbool.h>

/* Parses 'text' and writes it again, with members sorted.  The caller frees
 * the result. */
char *ovs_json_rewrite(const char *text);

/* Builds {"name":STRING,"number":INTEGER,"list":[REAL,INTEGER]}.  The caller
 * frees the result. */
char *ovs_json_build(const char *string, long long int integer, double real);

/* Do both texts hold the same value? */
bool ovs_json_texts_equal(const char *, const char *);

/* Sends 'text', a JSON array, as the parameters of a JSON-RPC request through
 * libopenvswitch's own encoder and parser (RFC 7047 4).  Returns the
 * parameters that came back; the caller frees them. */
char *ovs_jsonrpc_round_trip(const char *text);

#endif /* symbols-ovs.h */
