/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-clients.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"

/* The limits, as the module's own. */
enum {
    N_MAX = 256,
    REQUEST = 10 * 1000,
    IDLE = 30 * 1000,
    MIB = 1024 * 1024,
};

/* Clients with sockets of their own. */
enum { N = N_MAX + 50 };

static struct webhook_clients clients;
static struct webhook_client client[N];
static int peer[N];

static void
add(int i, long long int now)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    peer[i] = pair[1];
    webhook_client_add(&clients, &client[i], pair[0], now);
}

static void
take_away(int i)
{
    webhook_client_remove(&clients, &client[i]);
    close(client[i].fd);
    close(peer[i]);
}

static bool
is_closed(int i)
{
    char c;
    bool closed = !recv(peer[i], &c, 1, MSG_DONTWAIT);

    assert_int_equal(closed, client[i].closing);
    return closed;
}

/* From the connection to the end of the request, however it comes in. */
static void
test_request_deadline(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    assert_true(webhook_clients_next(&clients) == LLONG_MAX);
    add(0, 1000);
    assert_int_equal(webhook_clients_next(&clients), 1000 + REQUEST);
    webhook_client_begins_request(&client[0], 9000);
    webhook_clients_run(&clients, 1000 + REQUEST - 1);
    assert_false(is_closed(0));
    webhook_clients_run(&clients, 1000 + REQUEST);
    assert_true(is_closed(0));
    assert_int_equal(clients.n_evicted, 1);
    assert_int_equal(clients.n, 0);
    assert_true(webhook_clients_next(&clients) == LLONG_MAX);
    webhook_clients_run(&clients, LLONG_MAX);
    assert_int_equal(clients.n_evicted, 1);
    take_away(0);
    assert_int_equal(clients.n, 0);
}

/* Between requests there is more time; each has its own. */
static void
test_idle_deadline(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    add(0, 0);
    webhook_client_begins_request(&client[0], 1);
    webhook_client_was_answered(&client[0], 5000);
    webhook_clients_run(&clients, 5000 + IDLE - 1);
    assert_false(is_closed(0));

    webhook_client_begins_request(&client[0], 5000 + IDLE - 1);
    webhook_clients_run(&clients, 5000 + IDLE + REQUEST - 2);
    assert_false(is_closed(0));
    webhook_clients_run(&clients, 5000 + IDLE + REQUEST - 1);
    assert_true(is_closed(0));
    take_away(0);
}

static void
test_waiting(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    add(0, 0);
    webhook_client_waits(&client[0]);
    webhook_clients_run(&clients, 1000000);
    for (int i = 1; i < N; i++) {
        add(i, 1000000);
    }
    assert_false(is_closed(0));
    webhook_client_may_receive_answer(&client[0], 1000000);
    webhook_clients_run(&clients, 1000000 + REQUEST);
    assert_true(is_closed(0));
    for (int i = 0; i < N; i++) {
        take_away(i);
    }
}

/* The oldest goes, strangers first. */
static void
test_room(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    for (int i = 0; i < N_MAX; i++) {
        add(i, i);
        client[i].trusted = i < 10;
    }

    /* 10 to 19 were answered lately. */
    for (int i = 10; i < 20; i++) {
        webhook_client_was_answered(&client[i], 1000);
    }
    for (int i = 0; i < N_MAX; i++) {
        assert_false(is_closed(i));
    }
    for (int i = N_MAX; i < N; i++) {
        add(i, 2000);
        assert_int_equal(clients.n, N_MAX);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(is_closed(i), i >= 20 && i < 20 + N - N_MAX);
    }
    assert_int_equal(clients.n_evicted, N - N_MAX);
    for (int i = 0; i < N; i++) {
        take_away(i);
    }
    assert_int_equal(clients.n, 0);
    assert_true(ovs_list_is_empty(&clients.clients));
}

/* Returns how many bodies were dropped so that that of client 'i' could grow,
 * or -1 if it was that. */
static int
grow(int i, size_t len)
{
    static char data[MIB];
    struct webhook_client *victim;
    int n = 0;

    while ((victim = webhook_client_make_room(&clients, &client[i], len))) {
        assert_true(victim->body_dropped);
        assert_null(victim->body);
        if (victim == &client[i]) {
            return -1;
        }
        n++;
    }
    webhook_client_add_body(&clients, &client[i], data, len);
    assert_true(clients.body_allocated <= 16 * MIB);
    return n;
}

static void
test_body(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    add(0, 0);
    for (int i = 0; i < 3000; i++) {
        assert_null(webhook_client_make_room(&clients, &client[0], 5));
        webhook_client_add_body(&clients, &client[0], "hello", 5);
    }
    assert_int_equal(client[0].body_len, 15000);
    assert_memory_equal(client[0].body + 14990, "hellohello", 10);
    assert_in_range(clients.body_allocated, 15000, 30000);
    webhook_client_free_body(&clients, &client[0]);
    assert_int_equal(clients.body_allocated, 0);
    take_away(0);
}

/* All bodies together are bounded; among strangers the one that is taking the
 * longest goes, so a quick one gets through. */
static void
test_bodies(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    for (int i = 0; i < 256; i++) {
        add(i, 0);
    }
    for (int i = 255; i > 0; i--) {
        assert_int_equal(grow(i, 64 * 1024), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(grow(0, 64 * 1024) >= 0);
    }
    assert_int_equal(client[0].body_len, 256 * 1024);
    assert_int_equal(clients.n_evicted, 3);
    for (int i = 1; i < 256; i++) {
        assert_int_equal(client[i].body_dropped, i > 252);
    }
    assert_false(is_closed(255));

    /* Whose is the longest does not get more. */
    assert_int_equal(grow(252, 64 * 1024), -1);
    for (int i = 0; i < 256; i++) {
        take_away(i);
    }
    assert_int_equal(clients.body_allocated, 0);
}

/* Strangers take no memory from those who are known, who get theirs. */
static void
test_trusted_bodies(void **state OVS_UNUSED)
{
    webhook_clients_init(&clients);
    for (int i = 0; i < 64; i++) {
        add(i, 0);
        client[i].trusted = i < 17;
    }
    for (int i = 32; i < 64; i++) {
        assert_int_equal(grow(i, MIB / 2), 0);
    }
    for (int i = 0; i < 16; i++) {
        assert_int_equal(grow(i, i == 7 ? MIB : MIB / 2), i == 7 ? 2 : 1);
    }
    for (int i = 0; i < 17; i++) {
        assert_false(client[i].body_dropped);
    }
    for (int i = 0; i < 64; i++) {
        take_away(i);
    }

    /* If it is only they, the largest goes. */
    for (int i = 0; i < 18; i++) {
        add(i, 0);
        client[i].trusted = i < 17;
    }
    for (int i = 0; i < 15; i++) {
        assert_int_equal(grow(i, MIB), 0);
    }
    assert_int_equal(grow(7, 1), 0);
    assert_int_equal(grow(17, MIB), -1);
    for (int i = 0; i < 17; i++) {
        assert_false(client[i].body_dropped);
    }
    assert_int_equal(grow(16, MIB), 1);
    assert_true(client[7].body_dropped);
    for (int i = 0; i < 18; i++) {
        take_away(i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_deadline),
        cmocka_unit_test(test_idle_deadline),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_trusted_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
