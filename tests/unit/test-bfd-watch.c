/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/bfd-watch.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"
#include "packets.h"
#include "util.h"

/* A switch with some tunnels, to hosts "hv0" and so on. */
#define N_PORTS 3
struct fixture {
    struct bfd_watch *watch;
    struct tunnel_port ports[N_PORTS];
    bool there[N_PORTS];
    long long int now;
};

static int
setup(void **state)
{
    static const char *const names[] = { "vx-0", "vx-1", "vx-2" };
    static const char *const peers[] = { "hv0", "hv1", "hv2" };
    struct fixture *f = xzalloc(sizeof *f);

    f->watch = bfd_watch_create();
    f->now = 1000000;
    for (int i = 0; i < N_PORTS; i++) {
        struct tunnel_port *port = &f->ports[i];

        port->key.type = ENCAP_VXLAN;
        in6_addr_set_mapped_ipv4(&port->key.remote_ip,
                                 htonl(0xc0000200 + i));
        port->name = names[i];
        port->peer = peers[i];
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    bfd_watch_destroy(f->watch);
    free(f);
    return 0;
}

/* Open vSwitch says this of port 'i'. */
static void
set(struct fixture *f, int i, enum bfd_state bfd,
    enum bfd_diagnostic diagnostic)
{
    struct tunnel_port old = f->ports[i];

    f->ports[i].bfd.state = bfd;
    f->ports[i].bfd.diagnostic = diagnostic;
    f->ports[i].bfd.n_flaps += bfd != old.bfd.state;
    bfd_watch_port_changed(f->watch, f->there[i] ? &old : NULL, &f->ports[i],
                           f->now);
    f->there[i] = true;
}

static void
delete(struct fixture *f, int i)
{
    bfd_watch_port_changed(f->watch, &f->ports[i], NULL, f->now);
    f->there[i] = false;
    memset(&f->ports[i].bfd, 0, sizeof f->ports[i].bfd);
}

/* The next news is 'text', NULL being none. */
static void
assert_news(struct fixture *f, const char *text, bool is_trouble)
{
    bool trouble = !is_trouble;
    char *news = bfd_watch_take_news(f->watch, f->now, &trouble);

    if (text) {
        assert_non_null(news);
        assert_string_equal(news, text);
        assert_int_equal(trouble, is_trouble);
    } else {
        assert_null(news);
    }
    free(news);
}

/* How many news there are now. */
static int
count_news(struct fixture *f)
{
    bool is_trouble;
    char *news;
    int n = 0;

    while ((news = bfd_watch_take_news(f->watch, f->now, &is_trouble))) {
        free(news);
        n++;
    }
    return n;
}

static const struct bfd_session *
session(const struct fixture *f, int i)
{
    return bfd_watch_find(f->watch, &f->ports[i].key);
}

static void
test_off(void **state)
{
    struct fixture *f = *state;

    set(f, 0, BFD_OFF, BFD_DIAG_NONE);
    assert_null(session(f, 0));
    assert_int_equal(bfd_watch_next_time(f->watch), LLONG_MAX);
    assert_news(f, NULL, false);
}

/* Coming up and going away are no news. */
static void
test_life(void **state)
{
    struct fixture *f = *state;

    set(f, 0, BFD_DOWN, BFD_DIAG_NONE);
    assert_int_equal(bfd_watch_next_time(f->watch), f->now + BFD_COMING_UP);
    assert_int_equal(bfd_watch_count(f->watch, BFD_DOWN), 1);
    f->now += 900;
    set(f, 0, BFD_INIT, BFD_DIAG_NONE);
    assert_false(session(f, 0)->told);
    assert_int_equal(session(f, 0)->since, f->now - 900);
    f->now += 100;
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    assert_int_equal(session(f, 0)->since, f->now);
    assert_int_equal(bfd_watch_count(f->watch, BFD_DOWN), 0);
    assert_int_equal(bfd_watch_count(f->watch, BFD_UP), 1);
    f->now += BFD_COMING_UP;
    assert_news(f, NULL, false);

    set(f, 0, BFD_OFF, BFD_DIAG_NONE);
    assert_null(session(f, 0));
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    delete(f, 0);
    assert_null(session(f, 0));
    assert_int_equal(bfd_watch_count(f->watch, BFD_UP), 0);
    assert_news(f, NULL, false);
    assert_int_equal(bfd_watch_next_time(f->watch), LLONG_MAX);
}

static void
test_down_and_up(void **state)
{
    struct fixture *f = *state;

    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    set(f, 1, BFD_UP, BFD_DIAG_NONE);
    f->now += 5000;
    set(f, 0, BFD_DOWN, BFD_DIAG_EXPIRED);
    assert_news(f, "peer hv0: BFD on tunnel vx-0 (vxlan, 192.0.2.0) is down: "
                "the peer is no longer heard; packets are sent there all the "
                "same (1 of 2 tunnels with BFD is up)", true);
    assert_news(f, NULL, false);

    /* Another state that is not "up" is no news. */
    f->now += 2000;
    set(f, 0, BFD_INIT, BFD_DIAG_EXPIRED);
    assert_news(f, NULL, false);
    f->now += 10000;
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    assert_news(f, "peer hv0: BFD on tunnel vx-0 (vxlan, 192.0.2.0) is up, "
                "after 12 s (2 of 2 tunnels with BFD are up)", false);
    assert_news(f, NULL, false);
}

static void
test_does_not_come_up(void **state)
{
    struct fixture *f = *state;

    set(f, 0, BFD_DOWN, BFD_DIAG_NONE);
    f->now += BFD_COMING_UP - 1;
    assert_news(f, NULL, false);
    f->now++;
    assert_news(f, "peer hv0: BFD on tunnel vx-0 (vxlan, 192.0.2.0) has not "
                "come up in 10 s: the peer has never answered; packets are "
                "sent there all the same (0 of 1 tunnels with BFD are up)",
                true);
    assert_true(session(f, 0)->told);
    f->now += 1000000;
    assert_news(f, NULL, false);
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    assert_int_equal(count_news(f), 1);
}

/* Up and down 5 times a second for an hour. */
static void
test_flapping(void **state)
{
    struct fixture *f = *state;
    int n = 0;

    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    for (int i = 0; i < 5 * 3600; i++) {
        f->now += 200;
        set(f, 0, i % 2 ? BFD_UP : BFD_DOWN, BFD_DIAG_EXPIRED);
        n += count_news(f);
    }
    assert_in_range(n, 50, 75);

    /* How it ended is told. */
    set(f, 0, BFD_DOWN, BFD_DIAG_EXPIRED);
    assert_true(session(f, 0)->n_changes > 1);
    f->now = bfd_watch_next_time(f->watch);
    bool is_trouble;
    char *news = bfd_watch_take_news(f->watch, f->now, &is_trouble);
    assert_non_null(news);
    assert_non_null(strstr(news, "is down"));
    assert_non_null(strstr(news, "it went up or down "));
    free(news);
    assert_int_equal(bfd_watch_next_time(f->watch), f->now);
    assert_news(f, NULL, false);
    assert_int_equal(bfd_watch_next_time(f->watch), LLONG_MAX);

    /* After a quiet time it is told of at once again. */
    f->now += 2 * REPAIR_LIMIT_QUIET;
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    assert_int_equal(count_news(f), 1);
}

/* One that flaps does not hide another. */
static void
test_several(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < N_PORTS; i++) {
        set(f, i, BFD_UP, BFD_DIAG_NONE);
    }
    for (int i = 0; i < 100; i++) {
        set(f, 0, i % 2 ? BFD_UP : BFD_DOWN, BFD_DIAG_EXPIRED);
        count_news(f);
    }
    set(f, 1, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN);
    assert_news(f, "peer hv1: BFD on tunnel vx-1 (vxlan, 192.0.2.1) is down: "
                "the peer says that it does not hear this host; packets are "
                "sent there all the same (2 of 3 tunnels with BFD are up)",
                true);
    assert_news(f, NULL, false);
    delete(f, 0);
    f->now += 100000;
    assert_news(f, NULL, false);
    assert_int_equal(bfd_watch_count(f->watch, BFD_UP), 1);
    assert_int_equal(bfd_watch_count(f->watch, BFD_DOWN), 1);
}

/* A port of another name has taken over the tunnel before the first goes. */
static void
test_two_ports_of_one_key(void **state)
{
    struct fixture *f = *state;

    f->ports[1].key = f->ports[0].key;
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    set(f, 1, BFD_UP, BFD_DIAG_NONE);
    delete(f, 0);
    assert_non_null(session(f, 1));
    assert_string_equal(session(f, 1)->name, "vx-1");
    delete(f, 1);
    assert_null(session(f, 1));
}

static void
test_words(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < N_BFD_STATES; i++) {
        if (i != BFD_OFF) {
            assert_int_equal(bfd_state_from_string(bfd_state_to_string(i)),
                             i);
        }
    }
    for (int i = 0; i < N_BFD_DIAGNOSTICS; i++) {
        assert_int_equal(
            bfd_diagnostic_from_string(bfd_diagnostic_to_string(i)), i);
    }
    assert_int_equal(bfd_state_from_string(NULL), BFD_OFF);
    assert_int_equal(bfd_state_from_string("sideways"), BFD_DOWN);
    assert_int_equal(bfd_diagnostic_from_string(NULL), BFD_DIAG_NONE);
    assert_int_equal(bfd_diagnostic_from_string("odd"), BFD_DIAG_OTHER);

    set(f, 0, BFD_INIT, BFD_DIAG_NONE);
    char *text = bfd_session_format(session(f, 0), f->now + 61000);
    assert_string_equal(text, "init for 1 min 1 s: the peer is heard, but "
                        "does not hear this host");
    free(text);
    set(f, 0, BFD_UP, BFD_DIAG_NONE);
    text = bfd_session_format(session(f, 0), f->now);
    assert_string_equal(text, "up for 0 s");
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_down_and_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_does_not_come_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_flapping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_ports_of_one_key, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_words, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
