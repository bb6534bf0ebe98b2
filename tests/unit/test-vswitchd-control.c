/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/vswitchd-control.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "openvswitch/poll-loop.h"
#include "unixctl.h"
#include "util.h"

/* Longest that a command may take, in ms. */
enum { PATIENCE = 20 * 1000 };

/* The daemon: libopenvswitch's own server, in this process. */

static char *folder;
static struct unixctl_server *server;
static struct unixctl_conn *unanswered;

static void
command_echo(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    char *text = xasprintf("%d %s", argc - 1, argc > 1 ? argv[1] : "");

    unixctl_command_reply(conn, text);
    free(text);
}

static void
command_refuse(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unixctl_command_reply_error(conn, "not today");
}

static void
command_keep(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    unanswered = conn;
}

static void
write_pidfile(const char *text)
{
    char *path = xasprintf("%s/ovs-vswitchd.pid", folder);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static void
start_daemon(int pid)
{
    char *path = xasprintf("%s/ovs-vswitchd.%d.ctl", folder, pid);
    char *line = xasprintf("%d\n", pid);

    assert_int_equal(unixctl_server_create(path, &server), 0);
    write_pidfile(line);
    free(line);
    free(path);
}

static void
stop_daemon(void)
{
    unixctl_server_destroy(server);
    server = NULL;
}

/* What is tested. */

static struct vswitchd_control *control;

static int
set_up(void **state OVS_UNUSED)
{
    unanswered = NULL;
    control = vswitchd_control_create();
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    char *path = xasprintf("%s/ovs-vswitchd.pid", folder);

    vswitchd_control_destroy(control);
    stop_daemon();
    unlink(path);
    free(path);
    return 0;
}

static void
pass(void)
{
    vswitchd_control_wait(control);
    unixctl_server_wait(server);
    poll_block();
    unixctl_server_run(server);
    vswitchd_control_run(control);
}

static void
expect(bool ok, const char *part)
{
    bool got_ok;
    char *text;

    while (!vswitchd_control_take_reply(control, &got_ok, &text)) {
        pass();
    }
    if (got_ok != ok || !strstr(text, part)) {
        fail_msg("%s \"%s\"", got_ok ? "reply" : "error", text);
    }
    free(text);
}

static void
request(const char *command)
{
    vswitchd_control_request(control, command, NULL, 0, PATIENCE);
}

static void
test_replies(void **state OVS_UNUSED)
{
    const char *const args[] = { "one \"two\"", "three" };

    start_daemon(7);
    for (int i = 0; i < 3; i++) {
        vswitchd_control_request(control, "echo", args, 2, PATIENCE);
        expect(true, "2 one \"two\"");
        request("refuse");
        expect(false, "not today");
        request("unheard-of");
        expect(false, "not a valid command");
    }
}

static void
test_not_there(void **state OVS_UNUSED)
{
    request("echo");
    expect(false, "ovs-vswitchd.pid: No such file");
    write_pidfile("");
    request("echo");
    expect(false, "process ID");
    write_pidfile("-1\n");
    request("echo");
    expect(false, "process ID");
    write_pidfile("12\n");
    request("echo");
    expect(false, "ovs-vswitchd.12.ctl: No such file");
    start_daemon(12);
    request("echo");
    expect(true, "0 ");
}

/* The daemon goes while it has a command, and while it has none. */
static void
test_restarted(void **state OVS_UNUSED)
{
    start_daemon(7);
    request("keep");
    while (!unanswered) {
        pass();
    }
    stop_daemon();
    expect(false, "control socket");

    start_daemon(8);
    request("echo");
    expect(true, "0 ");
    stop_daemon();
    start_daemon(9);
    vswitchd_control_run(control);
    request("echo");
    expect(true, "0 ");
}

/* Nothing of what was given up is taken for the reply to what came later. */
static void
test_given_up(void **state OVS_UNUSED)
{
    start_daemon(7);
    vswitchd_control_request(control, "keep", NULL, 0, 1);
    expect(false, "in time");
    request("echo");
    expect(true, "0 ");

    unanswered = NULL;
    request("keep");
    while (!unanswered) {
        pass();
    }
    vswitchd_control_cancel(control);
    request("echo");
    unixctl_command_reply(unanswered, "too late");
    expect(true, "0 ");

    vswitchd_control_cancel(control);
    request("echo");
    expect(true, "0 ");
}

static int
make_folder(void **state OVS_UNUSED)
{
    static char template[] = "/tmp/vtepd-control.XXXXXX";

    folder = mkdtemp(template);
    if (!folder || setenv("OVS_RUNDIR", folder, 1)
        || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return -1;
    }
    unixctl_command_register("echo", "", 0, 9, command_echo, NULL);
    unixctl_command_register("refuse", "", 0, 0, command_refuse, NULL);
    unixctl_command_register("keep", "", 0, 0, command_keep, NULL);
    return 0;
}

static int
remove_folder(void **state OVS_UNUSED)
{
    return rmdir(folder);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replies),
        TEST(test_not_there),
        TEST(test_restarted),
        TEST(test_given_up),
    };

    return cmocka_run_group_tests_name("vswitchd-control", tests, make_folder,
                                       remove_folder);
}
