/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovsdb-client/listen-probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "compiler.h"
#include "socket-util.h"
#include "util.h"

/* A time at which it has long been running. */
enum { START = 1000000 };

/* How often it says "now" from 'from' to before 'to', asked each millisecond
 * without a connection. */
static int
n_tries(struct listen_probe *probe, int from, int to)
{
    int n = 0;

    for (int ms = from; ms < to; ms++) {
        n += listen_probe_run(probe, false, START + ms);
    }
    return n;
}

/* A remote server: three tries, each with time to succeed. */
static void
test_remote(void **state OVS_UNUSED)
{
    struct listen_probe *probe = listen_probe_create("tcp:192.0.2.1:6640");

    for (int i = 0; i < 2; i++) {
        assert_false(listen_probe_run(probe, true, START - 1));
        assert_int_equal(n_tries(probe, 0, 200), 0);
        assert_int_equal(n_tries(probe, 200, 201), 1);
        assert_int_equal(n_tries(probe, 201, 600), 0);
        assert_int_equal(n_tries(probe, 600, 601), 1);
        assert_int_equal(n_tries(probe, 601, 1400), 0);
        assert_int_equal(n_tries(probe, 1400, 1401), 1);
        assert_int_equal(n_tries(probe, 1401, 100000), 0);
    }
    listen_probe_destroy(probe);
}

static void
test_list_of_remotes(void **state OVS_UNUSED)
{
    struct listen_probe *probe
        = listen_probe_create("tcp:192.0.2.1:6640,tcp:192.0.2.2:6640");

    assert_int_equal(n_tries(probe, 0, 10000), 0);
    listen_probe_destroy(probe);
}

/* A socket on this host: not before somebody listens, then within 50 ms, with
 * a full backlog too. */
static void
test_local(void **state OVS_UNUSED)
{
    char dir[] = "/tmp/test-listen-probe-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = xasprintf("%s/sock", dir);
    char *remote = xasprintf("unix:%s", path);
    struct listen_probe *probe = listen_probe_create(remote);

    assert_int_equal(n_tries(probe, 0, 300), 0);

    int fd = make_unix_socket(SOCK_STREAM, true, path, NULL);
    assert_true(fd >= 0);
    assert_int_equal(n_tries(probe, 300, 400), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(n_tries(probe, 400, 450), 1);
    assert_int_equal(n_tries(probe, 450, 1400), 0);

    int client = make_unix_socket(SOCK_STREAM, true, NULL, path);
    assert_int_equal(n_tries(probe, 1400, 1500), 1);
    if (client >= 0) {
        close(client);
    }
    close(fd);
    unlink(path);
    rmdir(dir);
    listen_probe_destroy(probe);
    free(remote);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remote),
        cmocka_unit_test(test_list_of_remotes),
        cmocka_unit_test(test_local),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
