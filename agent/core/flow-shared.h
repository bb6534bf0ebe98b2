/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_FLOW_SHARED_H
#define VTEPD_FLOW_SHARED_H 1

/* The flows by which it becomes known who holds a shared address (rule 5 of
 * inventory.h): what may announce it reaches the agent, and nothing else does.
 * Those that lead to the holder are flow-spec.c's, as for any address.
 *
 * Part of flow-spec.c; nobody else includes this. */

struct endpoint_address;
struct endpoint_record;
struct flow_builder;

/* Emits the flows of an address of 'r' that is 'shared'. */
void flow_shared_address(struct flow_builder *, const struct endpoint_record *,
                         const struct endpoint_address *);

#endif /* flow-shared.h */
