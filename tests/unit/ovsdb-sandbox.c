/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "tests/unit/ovsdb-sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "socket-util.h"
#include "svec.h"
#include "util.h"

#define SCHEMA "/usr/share/openvswitch/vswitch.ovsschema"

enum { START_TIMEOUT = 20 };    /* Seconds. */

/* Starts the program 'argv', its output to the file LOG in 'dir'. */
static pid_t
start(const char *dir, char *const argv[], const char *log)
{
    char *log_path = xasprintf("%s/%s", dir, log);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
               "/sbin:/bin", 1);
        setenv("OVS_RUNDIR", dir, 1);
        setenv("OVS_LOGDIR", dir, 1);
        setenv("OVS_DBDIR", dir, 1);
        execvp(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    free(log_path);
    return pid;
}

/* Runs a program to its end, which must be a success. */
static void
run(const char *dir, char *const argv[])
{
    pid_t pid = start(dir, argv, "run.log");
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        char *tail = xasprintf("tail -n 3 '%s/run.log' >&2", dir);
        int error = system(tail);

        free(tail);
        fail_msg("%s failed%s", argv[0], error ? " without a word" : "");
    }
}

/* Stops 'pid', which may be stopped by a signal. */
static void
stop(pid_t *pid)
{
    if (*pid) {
        kill(*pid, SIGKILL);
        assert_int_equal(waitpid(*pid, NULL, 0), *pid);
        *pid = 0;
    }
}

/* Waits until 'pid' listens on the Unix socket 'path'. */
static void
wait_for_socket(const char *path, pid_t pid)
{
    const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
    time_t deadline = time(NULL) + START_TIMEOUT;
    int fd;

    while ((fd = make_unix_socket(SOCK_STREAM, true, NULL, path)) < 0) {
        if (waitpid(pid, NULL, WNOHANG) || time(NULL) >= deadline) {
            fail_msg("%s: nobody listens", path);
        }
        nanosleep(&pause, NULL);
    }
    close(fd);
}

void
ovsdb_sandbox_start_server(struct ovsdb_sandbox *sandbox)
{
    char *db = xasprintf("%s/conf.db", sandbox->dir);
    char *remote = xasprintf("--remote=p%s", sandbox->remote);
    char *unixctl = xasprintf("--unixctl=%s/ovsdb-server.ctl", sandbox->dir);
    char *argv[] = { "ovsdb-server", db, remote, unixctl, "-vconsole:warn",
                     NULL };

    assert_int_equal(sandbox->server, 0);
    sandbox->server = start(sandbox->dir, argv, "ovsdb-server.log");
    wait_for_socket(sandbox->remote + 5, sandbox->server);
    free(db);
    free(remote);
    free(unixctl);
}

void
ovsdb_sandbox_stop_server(struct ovsdb_sandbox *sandbox)
{
    stop(&sandbox->server);
}

void
ovsdb_sandbox_start_switch(struct ovsdb_sandbox *sandbox)
{
    char *ctl = xasprintf("%s/ovs-vswitchd.ctl", sandbox->dir);
    char *unixctl = xasprintf("--unixctl=%s", ctl);
    char *argv[] = { "ovs-vswitchd", sandbox->remote,
                     "--enable-dummy=system", "--disable-system", unixctl,
                     "-vconsole:warn", NULL };

    sandbox->switch_pid = start(sandbox->dir, argv, "ovs-vswitchd.log");
    wait_for_socket(ctl, sandbox->switch_pid);
    free(ctl);
    free(unixctl);
}

void
ovsdb_sandbox_stop_switch(struct ovsdb_sandbox *sandbox)
{
    stop(&sandbox->switch_pid);
}

void
ovsdb_sandbox_init(struct ovsdb_sandbox *sandbox)
{
    const char *tmp = getenv("TMPDIR");
    char *db;

    *sandbox = (struct ovsdb_sandbox) { .server = 0 };
    sandbox->dir = xasprintf("%s/vtepd-ovsdb-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(sandbox->dir));
    sandbox->remote = xasprintf("unix:%s/db.sock", sandbox->dir);

    db = xasprintf("%s/conf.db", sandbox->dir);
    char *argv[] = { "ovsdb-tool", "create", db, SCHEMA, NULL };
    run(sandbox->dir, argv);
    free(db);

    ovsdb_sandbox_start_server(sandbox);
    ovsdb_sandbox_vsctl(sandbox, "init");
}

static void
remove_directory(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        unlinkat(dirfd(d), entry->d_name, 0);
    }
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

void
ovsdb_sandbox_destroy(struct ovsdb_sandbox *sandbox)
{
    stop(&sandbox->switch_pid);
    stop(&sandbox->server);
    remove_directory(sandbox->dir);
    free(sandbox->dir);
    free(sandbox->remote);
}

/* Adds the words of 'args', which it frees. */
static void
run_words(const struct ovsdb_sandbox *sandbox, struct svec *argv, char *args)
{
    char *save = NULL;

    for (char *word = strtok_r(args, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        svec_add(argv, word);
    }
    svec_terminate(argv);
    run(sandbox->dir, argv->names);
    svec_destroy(argv);
    free(args);
}

void
ovsdb_sandbox_vsctl(const struct ovsdb_sandbox *sandbox,
                    const char *format, ...)
{
    struct svec argv = SVEC_EMPTY_INITIALIZER;
    va_list va;

    svec_add(&argv, "ovs-vsctl");
    svec_add_nocopy(&argv, xasprintf("--db=%s", sandbox->remote));
    svec_add(&argv, "--no-wait");
    svec_add(&argv, "--no-syslog");
    va_start(va, format);
    run_words(sandbox, &argv, xvasprintf(format, va));
    va_end(va);
}

void
ovsdb_sandbox_ofctl(const struct ovsdb_sandbox *sandbox, const char *format,
                    ...)
{
    struct svec argv = SVEC_EMPTY_INITIALIZER;
    va_list va;

    svec_add(&argv, "ovs-ofctl");
    svec_add(&argv, "--protocols=OpenFlow15");
    va_start(va, format);
    run_words(sandbox, &argv, xvasprintf(format, va));
    va_end(va);
}

void
ovsdb_sandbox_receive(const struct ovsdb_sandbox *sandbox, const char *port,
                      const char *packet, int n)
{
    struct svec argv = SVEC_EMPTY_INITIALIZER;

    svec_add(&argv, "ovs-appctl");
    svec_add_nocopy(&argv, xasprintf("--target=%s/ovs-vswitchd.ctl",
                                     sandbox->dir));
    svec_add(&argv, "netdev-dummy/receive");
    svec_add(&argv, port);
    while (n-- > 0) {
        svec_add(&argv, packet);
    }
    svec_terminate(&argv);
    run(sandbox->dir, argv.names);
    svec_destroy(&argv);
}

void
ovsdb_sandbox_edit_file(const struct ovsdb_sandbox *sandbox,
                        const char *operations)
{
    char *db = xasprintf("%s/conf.db", sandbox->dir);
    char *transaction = xasprintf("[\"Open_vSwitch\",%s]", operations);
    char *argv[] = { "ovsdb-tool", "transact", db, transaction, NULL };

    run(sandbox->dir, argv);
    free(db);
    free(transaction);
}

bool
ovsdb_sandbox_file_contains(const struct ovsdb_sandbox *sandbox,
                            const char *s)
{
    char *path = xasprintf("%s/conf.db", sandbox->dir);
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t allocated = 0;
    bool found = false;

    assert_non_null(file);
    while (!found && getline(&line, &allocated, file) >= 0) {
        found = strstr(line, s) != NULL;
    }
    free(line);
    fclose(file);
    free(path);
    return found;
}
