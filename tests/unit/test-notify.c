/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/notify.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "util.h"

#define NOW 1000000LL

/* The service manager's end. */
struct manager {
    char *folder;
    char *path;
    int fd;
};

static void
bind_socket(struct manager *m, const char *name, bool abstract)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + strlen(name);

    ovs_strlcpy(un.sun_path, name, sizeof un.sun_path);
    if (abstract) {
        un.sun_path[0] = '\0';
    } else {
        len++;
    }
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_return_code(m->fd, 0);
    assert_return_code(bind(m->fd, (struct sockaddr *) &un, len), 0);
}

static int
setup(void **state)
{
    struct manager *m = xzalloc(sizeof *m);

    m->folder = xstrdup("/tmp/vtepd-notify-XXXXXX");
    assert_non_null(mkdtemp(m->folder));
    m->path = xasprintf("%s/notify", m->folder);
    bind_socket(m, m->path, false);
    setenv("NOTIFY_SOCKET", m->path, true);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    *state = m;
    return 0;
}

static int
teardown(void **state)
{
    struct manager *m = *state;

    close(m->fd);
    unlink(m->path);
    rmdir(m->folder);
    free(m->path);
    free(m->folder);
    free(m);
    return 0;
}

/* The manager has got 'message', or nothing if it is NULL. */
static void
check_received(const struct manager *m, const char *message)
{
    char got[512];
    ssize_t n = recv(m->fd, got, sizeof got - 1, 0);

    if (message) {
        assert_return_code(n, 0);
        got[n] = '\0';
        assert_string_equal(got, message);
    } else {
        assert_true(n < 0);
    }
}

static void
test_no_manager(void **state OVS_UNUSED)
{
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000000", true);
    struct notify *n = notify_create(NOW);

    assert_null(n);
    assert_null(getenv("WATCHDOG_USEC"));
    assert_false(notify_wants_status(n, NOW));
    notify_run(n, true, NOW);
    notify_wait(n);
    notify_status(n, "nobody reads this", NOW);
    notify_stopping(n);
    notify_destroy(n);
}

/* Programs that vtepd starts must not speak in its name. */
static void
test_environment_is_taken(void **state OVS_UNUSED)
{
    setenv("WATCHDOG_USEC", "1000000", true);
    setenv("WATCHDOG_PID", "1", true);
    struct notify *n = notify_create(NOW);

    assert_non_null(n);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_destroy(n);
}

static void
test_bad_socket(void **state OVS_UNUSED)
{
    char *too_long = xmalloc(200);
    const char *names[] = { "", "/", "relative", "vsock:2:1234", too_long };

    memset(too_long, 'x', 199);
    too_long[0] = '/';
    too_long[199] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], true);
        assert_null(notify_create(NOW));
    }
    free(too_long);
}

/* READY=1 once, as soon as it is so. */
static void
test_ready(void **state)
{
    struct manager *m = *state;
    struct notify *n = notify_create(NOW);

    notify_run(n, false, NOW);
    check_received(m, NULL);
    notify_run(n, true, NOW + 1);
    check_received(m, "READY=1");
    notify_run(n, false, NOW + 2);
    notify_run(n, true, NOW + 3);
    check_received(m, NULL);
    notify_stopping(n);
    check_received(m, "STOPPING=1\nSTATUS=stopping; the switch stays as it "
                   "is");
    notify_destroy(n);
}

/* What could not be said is said a second later, not in every pass. */
static void
test_manager_is_away(void **state)
{
    struct manager *m = *state;
    struct notify *n = notify_create(NOW);

    close(m->fd);
    unlink(m->path);
    notify_run(n, true, NOW);
    notify_status(n, "lost", NOW);
    bind_socket(m, m->path, false);
    notify_run(n, true, NOW + 999);
    assert_false(notify_wants_status(n, NOW + 999));
    check_received(m, NULL);
    notify_run(n, true, NOW + 1000);
    check_received(m, "READY=1");
    assert_true(notify_wants_status(n, NOW + 1000));
    notify_status(n, "lost", NOW + 1000);
    check_received(m, "STATUS=lost");
    notify_destroy(n);
}

static void
test_abstract_socket(void **state)
{
    struct manager m;
    char *name = xasprintf("@vtepd-notify-%ld", (long int) getpid());
    struct notify *n;

    bind_socket(&m, name, true);
    setenv("NOTIFY_SOCKET", name, true);
    n = notify_create(NOW);
    assert_non_null(n);
    notify_run(n, true, NOW);
    check_received(&m, "READY=1");
    check_received(*state, NULL);
    notify_destroy(n);
    close(m.fd);
    free(name);
}

/* Twice in the time that the manager gives, ready or not. */
static void
test_watchdog(void **state)
{
    struct manager *m = *state;
    char *pid = xasprintf("%ld", (long int) getpid());

    setenv("WATCHDOG_USEC", "3000000", true);
    setenv("WATCHDOG_PID", pid, true);
    struct notify *n = notify_create(NOW);
    for (int i = 0; i < 3; i++) {
        notify_run(n, false, NOW + i * 1500);
        check_received(m, "WATCHDOG=1");
        notify_run(n, false, NOW + i * 1500 + 1499);
        check_received(m, NULL);
    }
    notify_destroy(n);
    free(pid);
}

/* A watchdog that is not this process's, or makes no sense. */
static void
test_no_watchdog(void **state)
{
    static const char *const cases[][2] = {
        { "3000000", "1" },
        { "3000000", "" },
        { "3000000", "x" },
        { "0", NULL },
        { "-1", NULL },
        { "", NULL },
        { "soon", NULL },
        { "99999999999999999999999", NULL },
    };
    struct manager *m = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        setenv("NOTIFY_SOCKET", m->path, true);
        setenv("WATCHDOG_USEC", cases[i][0], true);
        if (cases[i][1]) {
            setenv("WATCHDOG_PID", cases[i][1], true);
        }
        struct notify *n = notify_create(NOW);
        assert_non_null(n);
        notify_run(n, false, NOW + 3600000);
        check_received(m, NULL);
        notify_destroy(n);
    }
}

/* At most once a second, and only when it has changed. */
static void
test_status(void **state)
{
    struct manager *m = *state;
    struct notify *n = notify_create(NOW);

    assert_true(notify_wants_status(n, NOW));
    notify_status(n, "waiting", NOW);
    check_received(m, "STATUS=waiting");
    assert_false(notify_wants_status(n, NOW + 999));
    assert_true(notify_wants_status(n, NOW + 1000));
    notify_status(n, "waiting", NOW + 1000);
    check_received(m, NULL);
    assert_false(notify_wants_status(n, NOW + 1999));
    assert_true(notify_wants_status(n, NOW + 2000));
    notify_status(n, "serving", NOW + 2000);
    check_received(m, "STATUS=serving");
    notify_destroy(n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_manager, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment_is_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bad_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_manager_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_abstract_socket, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_watchdog, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_watchdog, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
