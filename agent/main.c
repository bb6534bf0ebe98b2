/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/control.h"
#include "agent/memory-trim.h"
#include "agent/notify.h"
#include "agent/report.h"
#include "command-line.h"
#include "daemon.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "random.h"
#include "simap.h"
#include "socket-util.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(main);

enum {
    OPT_SETTING = UCHAR_MAX + 1,        /* Plus enum setting. */
    OPT_UNIXCTL = OPT_SETTING + N_SETTINGS,
    OPT_BOOTSTRAP_CA_CERT,
    OPT_PEER_CA_CERT,
    VLOG_OPTION_ENUMS,
    DAEMON_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
};

/* Where else a value may come from, and whether one has to. */
static void
usage_of_value(const struct setting_info *info)
{
    /* A flag that can only be given here is off by default. */
    bool has_default = info->default_value && (info->key || info->argument);

    if (info->key || has_default) {
        printf("  %-27s   %s%s%s%s%s\n", "", info->key ? info->key : "",
               info->required ? ", required" : "",
               info->key && has_default ? ", " : "",
               has_default ? "default " : "",
               has_default ? info->default_value : "");
    }
}

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: VXLAN, GRE and Geneve tunnels and forwarding for this "
           "hypervisor\n"
           "usage: %s [OPTION]... [OVSDB]\n"
           "where OVSDB is the local database (default: unix:%s/db.sock).\n"
           "\nSettings (also external_ids of the Open_vSwitch row, where a "
           "key is given):\n", program_name, program_name, ovs_rundir());
    for (int i = 0; i < N_SETTINGS; i++) {
        const struct setting_info *info = &setting_infos[i];
        char *option = xasprintf("--%s%s%s", info->option,
                                 info->argument ? "=" : "",
                                 info->argument ? info->argument : "");

        printf("  %-27s %s\n", option, info->help);
        free(option);
        usage_of_value(info);
    }
    stream_usage("OVSDB", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET            control socket (ovs-appctl -t)\n"
           "  -h, --help                  display this help message\n"
           "  -V, --version               display version information\n"
           "\nRuns until SIGTERM or \"ovs-appctl -t vtepd exit\", which leave "
           "everything in the\nswitch as it is.  Exit status: 0 after that, "
           "1 after an error at start.\n");
    exit(EXIT_SUCCESS);
}

static void
set_option(struct config *config, enum setting id, const char *value)
{
    char *error = config_set_option(config, id, value ? value : "true");

    if (error) {
        ovs_fatal(0, "%s; see --help", error);
    }
}

/* The options: one for each setting, then those of every OVS daemon. */
static struct option *
build_options(void)
{
    static const struct option common[] = {
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        { "bootstrap-ca-cert", required_argument, NULL,
          OPT_BOOTSTRAP_CA_CERT },
        { "peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT },
        { NULL, 0, NULL, 0 },
    };
    struct option *options = xcalloc(N_SETTINGS + ARRAY_SIZE(common),
                                     sizeof *options);

    for (int i = 0; i < N_SETTINGS; i++) {
        options[i] = (struct option) {
            .name = setting_infos[i].option,
            .has_arg = setting_infos[i].argument ? required_argument
                                                 : no_argument,
            .val = OPT_SETTING + i,
        };
    }
    memcpy(&options[N_SETTINGS], common, sizeof common);
    return options;
}

/* Returns the database to work with, which the caller frees. */
static char *
parse_options(int argc, char *argv[], struct config *config,
              char **unixctl_pathp)
{
    struct option *options = build_options();
    char *short_options = ovs_cmdl_long_options_to_short_options(options);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, options, NULL);

        if (c == -1) {
            break;
        }
        if (c >= OPT_SETTING && c < OPT_SETTING + N_SETTINGS) {
            set_option(config, c - OPT_SETTING, optarg);
            continue;
        }
        switch (c) {
        case OPT_UNIXCTL:
            *unixctl_pathp = optarg;
            break;
        case 'h':
            usage();
        case 'V':
            printf("%s %s (Open vSwitch %s)\n", program_name, VTEPD_VERSION,
                   VERSION);
            exit(EXIT_SUCCESS);
        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS
        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;
        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;
        case '?':
            exit(EXIT_FAILURE);
        default:
            abort();
        }
    }
    free(short_options);
    free(options);

    char *error = config_check_options(config);
    if (error) {
        ovs_fatal(0, "%s; see --help", error);
    }
    if (argc - optind > 1) {
        ovs_fatal(0, "\"%s\": at most one OVSDB may be given; see --help",
                  argv[optind + 1]);
    }
    if (argc > optind && stream_verify_name(argv[optind])) {
        ovs_fatal(0, "\"%s\" is not an OVSDB (unix:FILE, tcp:IP:PORT or "
                  "ssl:IP:PORT); see --help", argv[optind]);
    }
    return argc > optind ? xstrdup(argv[optind])
                         : xasprintf("unix:%s/db.sock", ovs_rundir());
}

/* What is to be done before the end. */
struct ending {
    struct agent *agent;
    struct notify *notify;
};

/* Signals end the program from poll_block(), between two passes. */
static void
end_at_signal(void *ending_)
{
    struct ending *ending = ending_;

    notify_stopping(ending->notify);
    agent_save(ending->agent);
}

static void
run_notify(struct notify *notify, const struct agent *agent)
{
    long long int now = time_msec();

    notify_run(notify, !agent_why_not_ready(agent), now);
    if (notify_wants_status(notify, now)) {
        char *headline = report_headline(agent);

        notify_status(notify, headline, now);
        free(headline);
    }
}

static void
exit_command(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *exiting_)
{
    bool *exiting = exiting_;

    *exiting = true;
    unixctl_command_reply(conn, NULL);
}

/* Exits if somebody answers on the control socket 'path', which would take it
 * away from him.  One that nobody listens on was left behind by a process that
 * was killed. */
static void
check_control_socket(const char *path)
{
    if (!path || !strcmp(path, "none")) {
        return;                 /* Its name has our process id. */
    }

    char *file = abs_file_name(ovs_rundir(), path);
    int fd = make_unix_socket(SOCK_STREAM, true, NULL, file);

    if (fd >= 0 || fd == -EPROTO) {     /* Or its backlog is full. */
        ovs_fatal(0, "%s: another process listens on this control socket; "
                  "is vtepd running already?", file);
    }
    free(file);
}

/* Resident memory in bytes, 0 if that cannot be told. */
static size_t
resident_size(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    size_t pages = 0;

    if (file) {
        if (fscanf(file, "%*s %"PRIuSIZE, &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static void
run_memory_trim(struct memory_trim *trim)
{
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    if (memory_trim_run(trim, time_msec(), timespec_to_msec(&cpu))) {
        struct mallinfo2 mi = mallinfo2();

        if (memory_trim_is_worth_it(resident_size(),
                                    mi.uordblks + mi.hblkhd)) {
            malloc_trim(0);
        }
    }
}

static void
wait_memory_trim(const struct memory_trim *trim)
{
    long long int next = memory_trim_next(trim);

    if (next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    char *unixctl_path = NULL;
    struct memory_trim trim;
    struct config config;
    struct agent agent;
    struct ending ending = { .agent = &agent };
    bool exiting = false;

    /* Small pieces of memory are put together as soon as they are free, rather
     * than a million of them at once in some pass. */
    mallopt(M_MXFAST, 0);

    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], VTEPD_VERSION);
    service_start(&argc, &argv);
    config_init(&config);
    char *remote = parse_options(argc, argv, &config, &unixctl_path);

    fatal_ignore_sigpipe();
    daemonize_start(false);
    ending.notify = notify_create(time_msec());
    check_control_socket(unixctl_path);
    if (unixctl_server_create(unixctl_path, &unixctl)) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "", 0, 0, exit_command, &exiting);
    random_init();
    memory_trim_init(&trim);
    agent_init(&agent, &config, remote);
    control_register(&agent);
    fatal_signal_add_hook(end_at_signal, NULL, &ending, false);
    free(remote);
    daemonize_complete();
    VLOG_INFO("vtepd %s started", VTEPD_VERSION);

    while (!exiting) {
        agent_run(&agent);
        if (agent_is_second(&agent)) {
            VLOG_FATAL("another vtepd serves bridge %s already; leaving",
                       agent.config.text[SETTING_BRIDGE]);
        }
        unixctl_server_run(unixctl);
        run_memory_trim(&trim);
        run_notify(ending.notify, &agent);
        agent_wait(&agent);
        notify_wait(ending.notify);
        wait_memory_trim(&trim);
        unixctl_server_wait(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }
    VLOG_INFO("exiting; the switch stays as it is");
    end_at_signal(&ending);
    agent_destroy(&agent);
    notify_destroy(ending.notify);
    unixctl_server_destroy(unixctl);
    return 0;
}
