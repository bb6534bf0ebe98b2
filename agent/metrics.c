/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "agent/metrics.h"
#include "agent/metrics-private.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "timeval.h"
#include "util.h"

/* The agent and its process. */

static void
put_build_info(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    exposition_label(x, "version", VTEPD_VERSION);
    exposition_label(x, "openvswitch", VERSION);
    exposition_count(x, 1);
}

static void
put_host_info(const struct scrape *s, struct exposition *x)
{
    const char *host = s->agent->config.text[SETTING_HOST];
    const char *bridge = s->agent->config.text[SETTING_BRIDGE];

    exposition_label(x, "host", host ? host : "");
    exposition_label(x, "bridge", bridge ? bridge : "");
    exposition_count(x, 1);
}

PUT_COUNT(put_ready, !agent_why_not_ready(s->agent))
PUT_COUNT(put_passes, s->agent->pass_watch.n_passes)
PUT_COUNT(put_slow_passes, s->agent->pass_watch.n_slow)

static void
put_longest_pass(const struct scrape *s, struct exposition *x)
{
    exposition_seconds(x, s->agent->pass_watch.longest);
}

static void
put_start_time(const struct scrape *s, struct exposition *x)
{
    exposition_seconds(x, s->agent->started_wall);
}

static void
put_cpu(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    struct rusage usage;

    if (!getrusage(RUSAGE_SELF, &usage)) {
        exposition_number(x, (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
                              + (usage.ru_utime.tv_usec
                                 + usage.ru_stime.tv_usec) / 1e6));
    }
}

/* The number of the word 'index' of /proc/self/statm, which are pages. */
static void
put_memory(struct exposition *x, int index)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long int pages[2];

    if (file) {
        if (fscanf(file, "%llu %llu", &pages[0], &pages[1]) == 2) {
            exposition_count(x, pages[index] * sysconf(_SC_PAGESIZE));
        }
        fclose(file);
    }
}

static void
put_virtual_memory(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    put_memory(x, 0);
}

static void
put_resident_memory(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    put_memory(x, 1);
}

static void
put_open_fds(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (dir) {
        const struct dirent *de;

        while ((de = readdir(dir)) != NULL) {
            n += de->d_name[0] != '.';
        }
        closedir(dir);
        exposition_count(x, n - 1);     /* Without the folder itself. */
    }
}

static void
put_max_fds(const struct scrape *s OVS_UNUSED, struct exposition *x)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        exposition_count(x, limit.rlim_cur);
    }
}

/* Names of the process are those that all exporters give. */
static const struct metric agent_metrics[] = {
    { "vtepd_build_info", METRIC_GAUGE,
      "Version of vtepd, and of the Open vSwitch it was built with; always "
      "1.", put_build_info },
    { "vtepd_host_info", METRIC_GAUGE,
      "Id of this host and name of its integration bridge; always 1.",
      put_host_info },
    { "vtepd_ready", METRIC_GAUGE,
      "1 once the first whole inventory is in the switch, as /readyz says.",
      put_ready },
    { "vtepd_passes_total", METRIC_COUNTER,
      "Passes of the main loop.", put_passes },
    { "vtepd_slow_passes_total", METRIC_COUNTER,
      "Passes of the main loop that took more than half a second; the log "
      "says what for.", put_slow_passes },
    { "vtepd_longest_pass_seconds", METRIC_GAUGE,
      "The longest pass of the main loop since the start.",
      put_longest_pass },
    { "process_start_time_seconds", METRIC_GAUGE,
      "When the process began, in Unix time.", put_start_time },
    { "process_cpu_seconds_total", METRIC_COUNTER,
      "Processor time used, by the user and the system.", put_cpu },
    { "process_resident_memory_bytes", METRIC_GAUGE,
      "Resident memory.", put_resident_memory },
    { "process_virtual_memory_bytes", METRIC_GAUGE,
      "Virtual memory.", put_virtual_memory },
    { "process_open_fds", METRIC_GAUGE,
      "Open file descriptors.", put_open_fds },
    { "process_max_fds", METRIC_GAUGE,
      "File descriptors that may be open.", put_max_fds },
};

/* All of them. */

static void
scrape_init(struct scrape *s, const struct agent *agent)
{
    memset(s, 0, sizeof *s);
    s->agent = agent;
    s->now = time_msec();
    if (agent->source) {
        inventory_source_get_status(agent->source, &s->source);
    }
    inventory_cache_get_status(agent->cache, &s->cache);
    if (agent->webhooks) {
        webhook_server_get_status(agent->webhooks, &s->webhooks);
    }
    ovsdb_client_get_status(agent->ovsdb, &s->ovsdb);
    switch_session_get_status(agent->session, &s->session);
    overlay_get_counts(agent->overlay, &s->counts);
    s->reading = switch_counters_get(agent->counters);
}

static void
put_metrics(const struct scrape *s, struct exposition *x,
            const struct metric *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        exposition_family(x, metrics[i].name, metrics[i].type,
                          metrics[i].help);
        metrics[i].put(s, x);
    }
}

void
metrics_format(struct agent *agent, struct ds *out)
{
    struct exposition x;
    struct scrape s;

    switch_counters_want(agent->counters);
    scrape_init(&s, agent);
    exposition_init(&x, out);
    put_metrics(&s, &x, agent_metrics, ARRAY_SIZE(agent_metrics));
    put_metrics(&s, &x, cloud_metrics, n_cloud_metrics);
    put_metrics(&s, &x, overlay_metrics, n_overlay_metrics);
    put_metrics(&s, &x, switch_metrics, n_switch_metrics);
    exposition_uninit(&x);
    inventory_source_status_destroy(&s.source);
}
