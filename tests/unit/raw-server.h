/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_RAW_SERVER_H
#define VTEPD_RAW_SERVER_H 1

/* An HTTP server on loopback that knows no HTTP: it runs in the test's own
 * poll loop, collects requests, and sends what the test says. */

#include <stdbool.h>
#include <stddef.h>

/* Listens; returns the URL, valid until raw_server_stop(). */
const char *raw_server_start(void);
void raw_server_stop(void);

void raw_server_run(void);
void raw_server_wait(void);

struct raw_connection;

/* Returns the oldest connection with a whole request that holds 'text' and has
 * not been returned yet, or NULL. */
struct raw_connection *raw_server_next(const char *text);

/* The request's head.  Valid as long as the connection. */
const char *raw_request(const struct raw_connection *);

/* Sends all of it, blocking. */
void raw_send(struct raw_connection *, const char *data);
void raw_send_buffer(struct raw_connection *, const char *data, size_t len);

/* Sends what can be sent now; returns how many bytes. */
size_t raw_send_some(struct raw_connection *, const char *data, size_t len);

/* Bytes that were sent and that the client, which is of this process, has not
 * received yet. */
size_t raw_in_sockets(const struct raw_connection *);

/* Has the client closed the connection? */
bool raw_is_closed(const struct raw_connection *);

/* Closes the connection and frees it. */
void raw_close(struct raw_connection *);

#endif /* raw-server.h */
