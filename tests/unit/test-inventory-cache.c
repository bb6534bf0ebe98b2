/* SPDX-License-Identifier: Apache-2.0 */

/* The state file, on a real file system: what is written can be read, and what
 * could not have been written so is not believed.
 *
 * JSON stands here with ' for ", so that it can be read. */

#include <config.h>

#include "cloud/inventory-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloud/inventory-json.h"
#include "cloud/inventory-source.h"
#include "cloud/object-encode.h"
#include "cloud/state-file.h"
#include "core/inventory-objects.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#define URL "https://cloud.example/api"

/* Objects that between them have every member, and every value that is
 * written in a way of its own. */
static const char *const all[] = {
    "{'kind':'host','id':'hv1','revision':9223372036854775807,'tunnels':["
    "{'type':'vxlan','ip':'192.0.2.1'},{'type':'gre','ip':'2001:db8::1'},"
    "{'type':'geneve','ip':'192.0.2.1','port':16081}]}",
    "{'kind':'host','id':'none','tunnels':[]}",
    "{'kind':'segment','id':'blue','revision':3,'vni':16777215,"
    "'encap':'vxlan','broadcast':'replicate','unknown_unicast':'replicate',"
    "'multicast':'snoop','mtu':1450,'subnets':["
    "{'cidr':'10.0.0.0/24','gateway':'10.0.0.1',"
    "'dns':['10.0.0.53','2001:db8::53'],'dhcp':true,'lease':60,"
    "'domain':'blue.example'},{'cidr':'0.0.0.0/0','lease':86400},"
    "{'cidr':'fd00::/64','lease':4294967295},{'cidr':'::/0','lease':86400}]}",
    "{'kind':'segment','id':'red\\\"\\\\/<%','vni':4294967295,'encap':'gre',"
    "'multicast':'replicate'}",
    "{'kind':'router','id':'r1','revision':2,'mac':'02:00:5e:00:00:01',"
    "'segments':['blue','red\\\"\\\\/<%'],'routes':["
    "{'cidr':'0.0.0.0/0','via':'10.0.0.254'},"
    "{'cidr':'2001:db8:1::/48','via':'fd00::fe'}]}",
    "{'kind':'router','id':'r2','mac':'02:00:5e:00:00:02','segments':[]}",
    "{'kind':'endpoint','id':'6f2c','revision':9,'segment':'blue',"
    "'host':'hv1','mac':'02:00:00:00:00:02','ips':['10.0.0.2','fd00::2'],"
    "'port_security':false,'hostname':'web1','allowed_pairs':["
    "{'ip':'10.0.0.100/32','mac':'02:00:00:00:00:64'},"
    "{'ip':'10.1.0.0/16'},{'ip':'0.0.0.0/0'},{'ip':'0.0.0.0/32'},"
    "{'ip':'fd00::64/128'},{'ip':'::/0'}]}",
    "{'kind':'endpoint','id':'plain','segment':'blue','host':'nowhere',"
    "'mac':'02:00:00:00:00:03'}",
};

static char *dir;               /* Made anew for each test. */

/* Text. */

static char *
quoted(const char *s)
{
    char *copy = xstrdup(s);

    for (char *p = copy; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return copy;
}

static struct object *
decode(const char *s)
{
    char *json = quoted(s), *error = NULL;
    struct object *object = inventory_json_decode_object(json, strlen(json),
                                                         &error);

    if (!object) {
        fail_msg("%s", error);
    }
    free(json);
    return object;
}

static char *
encode(const struct object *object)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    object_encode(object, &s);
    return ds_steal_cstr(&s);
}

/* Files. */

static char *
path_for(const char *host)
{
    char *name = state_file_name(host);
    char *path = xasprintf("%s/%s", dir, name);

    free(name);
    return path;
}

static void
write_file(const char *path, const void *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

/* Writes 'text' and its checksum as hv1's file. */
static void
write_summed(const char *text)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];
    struct ds s = DS_EMPTY_INITIALIZER;
    char *json = quoted(text), *path = path_for("hv1");

    ds_put_cstr(&s, json);
    sha1_bytes(s.string, s.length, sha1);
    state_file_put_sum(&s, sha1);
    write_file(path, s.string, s.length);
    ds_destroy(&s);
    free(json);
    free(path);
}

static char *
read_file(const char *path)
{
    FILE *stream = fopen(path, "r");
    struct ds s = DS_EMPTY_INITIALIZER;
    int c;

    assert_non_null(stream);
    while ((c = getc(stream)) != EOF) {
        ds_put_char(&s, c);
    }
    fclose(stream);
    return ds_steal_cstr(&s);
}

/* Whether there is a file that a writer has not finished. */
static bool
is_new_left(void)
{
    char *path = path_for("hv1"), *new_path = xasprintf("%s.new", path);
    bool exists = !access(new_path, F_OK);

    free(path);
    free(new_path);
    return exists;
}

/* An agent, as far as it takes part. */

struct agent {
    struct inventory *inv;
    struct inventory_cache *cache;
    struct list_result result;  /* Of the last list. */
    unsigned int n_ended, n_aborted, n_invalid;
    unsigned int n_portions;    /* In which a list is taken over. */
};

static void
list_begin(void *agent_)
{
    struct agent *agent = agent_;

    inventory_list_begin(agent->inv);
}

static void
list_object(void *agent_, struct object *object)
{
    struct agent *agent = agent_;

    inventory_list_add(agent->inv, object);
}

static void
list_invalid(void *agent_, enum object_kind kind OVS_UNUSED,
             const char *id OVS_UNUSED)
{
    struct agent *agent = agent_;

    agent->n_invalid++;
}

static void
list_end(void *agent_, const char *version OVS_UNUSED)
{
    static const struct deletion_guard guard = { .max_percent = 100 };
    struct agent *agent = agent_;

    inventory_list_end(agent->inv, true, &guard, 1, &agent->result);
    agent->n_ended++;
}

static bool
list_run(void *agent_)
{
    struct agent *agent = agent_;

    return !agent->n_portions || !--agent->n_portions;
}

static void
deleted(void *agent_, const struct deleted_object *object)
{
    struct agent *agent = agent_;

    inventory_remember_deleted(agent->inv, object, 1);
}

static void
list_abort(void *agent_)
{
    struct agent *agent = agent_;

    inventory_list_abort(agent->inv);
    agent->n_aborted++;
}

static void
agent_init_as(struct agent *agent, const char *host, const char *url)
{
    struct inventory_sink sink = {
        .aux = agent,
        .list_begin = list_begin,
        .list_object = list_object,
        .list_invalid = list_invalid,
        .list_end = list_end,
        .list_abort = list_abort,
        .list_run = list_run,
        .deleted = deleted,
    };

    memset(agent, 0, sizeof *agent);
    agent->inv = inventory_create();
    agent->cache = inventory_cache_create(agent->inv, &sink);
    inventory_cache_configure(agent->cache, dir, host, url);
}

static void
agent_init(struct agent *agent)
{
    agent_init_as(agent, "hv1", URL);
}

static void
agent_destroy(struct agent *agent)
{
    inventory_cache_destroy(agent->cache);
    inventory_destroy(agent->inv);
}

/* Lists all of 'texts' as if they had come from the API. */
static void
agent_list(struct agent *agent, const char *const *texts, size_t n)
{
    list_begin(agent);
    for (size_t i = 0; i < n; i++) {
        list_object(agent, decode(texts[i]));
    }
    list_end(agent, "7");
    inventory_approve_deletions(agent->inv, 1);
    inventory_cache_confirmed(agent->cache, "7");
}

static void
agent_load(struct agent *agent)
{
    inventory_cache_load(agent->cache);
    while (inventory_cache_is_loading(agent->cache)) {
        inventory_cache_run(agent->cache);
    }
}

static struct inventory_cache_status
agent_status(const struct agent *agent)
{
    struct inventory_cache_status status;

    inventory_cache_get_status(agent->cache, &status);
    return status;
}

/* Writes all of 'all' to the file of 'host'. */
static void
save_all(const char *host, const char *url)
{
    struct agent agent;

    agent_init_as(&agent, host, url);
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);
    assert_null(agent_status(&agent).error);
    agent_destroy(&agent);
}

/* Starts an agent: it must find the file, and nothing wrong with it. */
static void
assert_loads(size_t n_objects)
{
    struct agent agent;
    size_t n = 0;

    agent_init(&agent);
    agent_load(&agent);
    assert_null(agent_status(&agent).error);
    assert_int_equal(agent.n_ended, 1);
    for (int i = 0; i < N_OBJECT_KINDS; i++) {
        n += inventory_count(agent.inv, i);
    }
    assert_int_equal(n, n_objects);
    agent_destroy(&agent);
}

/* Starts an agent: it must complain with 'words', and go on without. */
static void
assert_refused(const char *words)
{
    struct agent agent;

    agent_init(&agent);
    agent_load(&agent);

    struct inventory_cache_status status = agent_status(&agent);
    if (!status.error || !strstr(status.error, words)) {
        fail_msg("\"%s\" and not \"%s\"", status.error ? status.error : "-",
                 words);
    }
    assert_false(status.in_use);
    assert_int_equal(status.age, -1);
    assert_int_equal(agent.n_ended, 0);
    assert_int_equal(inventory_last_list(agent.inv), 0);

    /* The next list is kept again, if that is possible at all. */
    agent_list(&agent, all, 1);
    assert_false(agent_status(&agent).saved);
    agent_destroy(&agent);
}

static int
setup(void **state OVS_UNUSED)
{
    dir = xstrdup("/tmp/vtepd-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state OVS_UNUSED)
{
    char *command = xasprintf("rm -rf %s", dir);
    int status = system(command);

    free(command);
    free(dir);
    return status;
}

/* Objects as JSON. */

/* Byte for byte, except that what stands for its default is left out. */
static void
test_encoding(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct object *object = decode(all[i]);
        char *expected = quoted(all[i]), *text = encode(object);

        assert_string_equal(text, expected);
        object_destroy(object);
        free(expected);
        free(text);
    }
}

/* More than one pass takes. */
static size_t
list_many(struct agent *agent, size_t n)
{
    list_begin(agent);
    for (size_t i = 0; i < n; i++) {
        char *text = xasprintf("{'kind':'endpoint','id':'e%"PRIuSIZE"',"
                               "'segment':'blue','host':'hv%"PRIuSIZE"',"
                               "'mac':'02:00:00:%02"PRIxSIZE":%02"PRIxSIZE
                               ":%02"PRIxSIZE"'}", i, i % 100,
                               i >> 16, i >> 8 & 255, i & 255);

        list_object(agent, decode(text));
        free(text);
    }
    list_end(agent, "8");
    inventory_cache_confirmed(agent->cache, "8");
    return n;
}

/* The inventory gives back what was put into it. */
static void
test_walk(void **state OVS_UNUSED)
{
    struct svec before = SVEC_EMPTY_INITIALIZER;
    struct svec after = SVEC_EMPTY_INITIALIZER;
    struct agent agent;
    struct object *object;

    agent_init(&agent);
    agent_list(&agent, all, ARRAY_SIZE(all));
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        svec_add_nocopy(&before, quoted(all[i]));
    }
    struct inventory_walk *walk = inventory_walk_create(agent.inv);
    while ((object = inventory_walk_next(walk))) {
        svec_add_nocopy(&after, encode(object));
        object_destroy(object);
    }
    svec_sort(&before);
    svec_sort(&after);
    assert_int_equal(after.n, before.n);
    for (size_t i = 0; i < before.n; i++) {
        assert_string_equal(after.names[i], before.names[i]);
    }

    inventory_walk_destroy(walk);
    agent_destroy(&agent);
    svec_destroy(&before);
    svec_destroy(&after);
}

/* What comes and goes during a walk does not hide or repeat the rest. */
static void
test_walk_through_changes(void **state OVS_UNUSED)
{
    enum { BEFORE = 1000, AFTER = 900 };
    bool seen[BEFORE] = { false };
    size_t n_seen = 0, n_staying = 0;
    struct object *object;
    struct agent agent;

    agent_init(&agent);
    list_many(&agent, BEFORE);
    struct inventory_walk *walk = inventory_walk_create(agent.inv);
    while ((object = inventory_walk_next(walk))) {
        size_t i = atoi(object->id + 1);

        assert_false(seen[i]);
        seen[i] = true;
        n_staying += i < AFTER;
        object_destroy(object);
        if (++n_seen % 100 == 0) {
            list_many(&agent, n_seen % 200 ? AFTER : BEFORE);
            inventory_approve_deletions(agent.inv, 0);
            assert_true(inventory_walk_is_valid(walk));
        }
    }
    assert_int_equal(n_staying, AFTER);
    inventory_walk_destroy(walk);

    /* It has to be begun again if the tables grow. */
    walk = inventory_walk_create(agent.inv);
    for (int i = 0; i < 10; i++) {
        object_destroy(inventory_walk_next(walk));
    }
    list_many(&agent, 10 * BEFORE);
    assert_false(inventory_walk_is_valid(walk));
    inventory_walk_destroy(walk);
    agent_destroy(&agent);
}

/* Good files. */

static void
test_round_trip(void **state OVS_UNUSED)
{
    struct agent agent;

    save_all("hv1", URL);
    agent_init(&agent);
    agent_load(&agent);
    assert_int_equal(agent.n_ended, 1);
    assert_int_equal(agent.n_invalid, 0);
    assert_int_equal(agent.result.n_added, ARRAY_SIZE(all));
    assert_true(inventory_last_list(agent.inv) != 0);

    struct inventory_cache_status status = agent_status(&agent);
    assert_null(status.error);
    assert_true(status.in_use && status.saved && !status.loading);
    assert_in_range(status.age, 0, 60 * 1000);

    /* The inventory itself says that the API's objects are the same. */
    agent_list(&agent, all, ARRAY_SIZE(all));
    assert_int_equal(agent.result.n_added, 0);
    assert_int_equal(agent.result.n_changed, 0);
    assert_int_equal(agent.result.n_deleted, 0);
    assert_false(inventory_cache_is_in_use(agent.cache));

    /* So there is nothing to write. */
    char *path = path_for("hv1");
    struct stat before, after;
    assert_return_code(stat(path, &before), errno);
    inventory_cache_run(agent.cache);
    inventory_cache_flush(agent.cache);
    assert_return_code(stat(path, &after), errno);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mode & 0777, 0600);
    free(path);
    agent_destroy(&agent);
}

/* Starts an agent: it must say that its inventory is the list with 'etag'. */
static void
assert_etag(const char *etag)
{
    struct agent agent;
    const char *version;

    agent_init(&agent);
    agent_load(&agent);
    assert_null(agent_status(&agent).error);

    const char *loaded = inventory_cache_etag(agent.cache, &version);
    if (etag) {
        assert_non_null(loaded);
        assert_string_equal(loaded, etag);
        assert_string_equal(version, "7");
    } else {
        assert_null(loaded);
    }
    agent_destroy(&agent);
}

static void
test_etag(void **state OVS_UNUSED)
{
    char long_etag[400];
    struct agent agent;
    const char *version;

    save_all("hv1", URL);
    assert_etag(NULL);

    /* Of a list that is known already it is written at the end. */
    agent_init(&agent);
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);
    inventory_cache_set_etag(agent.cache, "W/\"a \\ b\"");
    inventory_cache_run(agent.cache);
    assert_true(agent_status(&agent).saved);
    assert_etag(NULL);
    inventory_cache_flush(agent.cache);
    assert_etag("W/\"a \\ b\"");
    assert_null(inventory_cache_etag(agent.cache, &version));

    /* What changes the inventory leaves the file true until it is written. */
    inventory_delete(agent.inv, OBJECT_ENDPOINT, "plain", 0, 1);
    inventory_cache_set_etag(agent.cache, NULL);
    assert_etag("W/\"a \\ b\"");
    inventory_cache_flush(agent.cache);
    assert_etag(NULL);

    /* What cannot be kept is not. */
    memset(long_etag, 'a', sizeof long_etag - 1);
    long_etag[sizeof long_etag - 1] = '\0';
    inventory_cache_set_etag(agent.cache, long_etag);
    inventory_cache_flush(agent.cache);
    assert_etag(NULL);
    inventory_cache_set_etag(agent.cache, "\"\377\"");
    inventory_cache_flush(agent.cache);
    assert_etag(NULL);
    agent_destroy(&agent);
}

/* Whatever happens while the file is written, it does not say what it is
 * not. */
static void
test_etag_of_what_changes(void **state OVS_UNUSED)
{
    for (int i = 0; i < 3; i++) {
        struct agent agent;

        agent_init(&agent);
        agent_list(&agent, all, ARRAY_SIZE(all));
        inventory_cache_set_etag(agent.cache, "\"e\"");
        inventory_cache_run(agent.cache);   /* Begins to write. */
        if (i == 1) {
            inventory_delete(agent.inv, OBJECT_ENDPOINT, "plain", 0, 1);
        } else if (i == 2) {
            inventory_cache_set_etag(agent.cache, "\"f\"");
        }
        for (int n = 0; n < 2; n++) {
            inventory_cache_run(agent.cache);
        }
        while (is_new_left()) {
            inventory_cache_run(agent.cache);
        }
        assert_etag(i ? NULL : "\"e\"");
        agent_destroy(&agent);
    }
}

/* An ETag is of no use to another version, nor if not all objects came in. */
static void
test_etag_of_less(void **state OVS_UNUSED)
{
    static const struct {
        const char *items, *list;
        const char *etag;
    } files[] = {
        { "", "'list':{'etag':'e','decoded_by':'"VTEPD_VERSION"'},\n", "e" },
        { "", "'list':{'etag':'e','decoded_by':'0.0.1'},\n", NULL },
        { "", "'list':{'etag':'e'},\n", NULL },
        { "", "'list':{'etag':'','decoded_by':'"VTEPD_VERSION"'},\n", NULL },
        { "", "'list':{'etag':'a\\n','decoded_by':'"VTEPD_VERSION"'},\n",
          NULL },
        { "", "'list':5,\n", NULL },
        { "{'kind':'acl','id':'a'}\n",
          "'list':{'etag':'e','decoded_by':'"VTEPD_VERSION"'},\n", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *text = xasprintf("{'vtepd':{'format':1,'host':'hv1',"
                               "'inventory':'"URL"'},\n'version':'7',\n"
                               "'items':[\n%s],\n%s",
                               files[i].items, files[i].list);

        write_summed(text);
        assert_etag(files[i].etag);
        free(text);
    }
}

/* Makes the file of hv1 as old as that. */
static void
set_age(int seconds)
{
    char *path = path_for("hv1");
    struct timespec times[2] = {
        { .tv_nsec = UTIME_OMIT }, { .tv_sec = time(NULL) - seconds },
    };

    assert_return_code(utimensat(AT_FDCWD, path, times, 0), errno);
    free(path);
}

/* Does a put of "plain" with that revision, 'age' seconds after the file was
 * written, still come too late? */
static void
assert_put(uint64_t revision, int age, enum event_outcome outcome)
{
    struct agent agent;
    struct object *object = decode(all[ARRAY_SIZE(all) - 1]);

    set_age(age);
    object->revision = revision;
    agent_init(&agent);
    agent_load(&agent);
    assert_int_equal(inventory_put(agent.inv, object, 1), outcome);
    agent_destroy(&agent);
}

/* A put that is captured does not come back to life by a restart. */
static void
test_deleted(void **state OVS_UNUSED)
{
    struct agent agent;
    const char *version;

    agent_init(&agent);
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_delete(agent.inv, OBJECT_ENDPOINT, "plain", 5, time_msec());
    inventory_delete(agent.inv, OBJECT_ROUTER, "\"\\", 1, time_msec());
    inventory_cache_set_etag(agent.cache, "\"e\"");
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);

    char *path = path_for("hv1"), *text = read_file(path);
    assert_non_null(strstr(text, "],\n\"deleted\":[{\"kind\":\"endpoint\","
                           "\"id\":\"plain\",\"revision\":5,\"seconds\":"));
    free(text);
    free(path);

    /* That is beside the list, and harms nothing. */
    assert_loads(ARRAY_SIZE(all) - 1);
    assert_etag("\"e\"");
    agent_init(&agent);
    agent_load(&agent);
    assert_non_null(inventory_cache_etag(agent.cache, &version));
    assert_true(agent_status(&agent).saved);
    agent_destroy(&agent);

    assert_put(5, 0, EVENT_STALE);
    assert_put(6, 0, EVENT_APPLIED);
    assert_put(5, TOMBSTONE_MS / 1000 - 60, EVENT_STALE);
    assert_put(5, TOMBSTONE_MS / 1000 + 1, EVENT_APPLIED);
    assert_put(5, -60, EVENT_STALE);    /* The clock was set back. */
}

/* The file stays small, whatever is deleted. */
static void
test_deleted_many(void **state OVS_UNUSED)
{
    static const char plain[] = "{'kind':'endpoint','id':'e%d','segment':'s',"
                                "'host':'h','mac':'02:00:00:00:00:03',"
                                "'revision':1}";
    struct agent agent;

    agent_init(&agent);
    for (int i = 0; i < STATE_FILE_DELETED_MAX + 2; i++) {
        char id[16];

        snprintf(id, sizeof id, "e%d", i);
        inventory_delete(agent.inv, OBJECT_ENDPOINT, id, 1, time_msec());
    }
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);

    agent_init(&agent);
    agent_load(&agent);
    for (int i = 0; i < 4; i++) {
        char *text = xasprintf(plain, i);

        assert_int_equal(inventory_put(agent.inv, decode(text), 1),
                         i < 2 ? EVENT_APPLIED : EVENT_STALE);
        free(text);
    }
    agent_destroy(&agent);
}

/* What another version may have written is left out. */
static void
test_deleted_strange(void **state OVS_UNUSED)
{
    static const char *const strange[] = {
        "5", "{}", "[5]", "[{}]", "[{'kind':'moon','id':'plain','revision':9,"
        "'seconds':9}]", "[{'kind':'endpoint','revision':9,'seconds':9}]",
        "[{'kind':'endpoint','id':'','revision':9,'seconds':9}]",
        "[{'kind':'endpoint','id':'plain','revision':-9,'seconds':9}]",
        "[{'kind':'endpoint','id':'plain','revision':9,'seconds':601}]",
        "[{'kind':'endpoint','id':'plain','revision':9}]",
    };

    for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
        char *text = xasprintf("{'vtepd':{'format':1,'host':'hv1',"
                               "'inventory':'"URL"'},\n'version':'7',\n"
                               "'items':[\n],\n'deleted':%s,\n",
                               strange[i]);

        write_summed(text);
        assert_loads(0);
        assert_put(9, 0, EVENT_APPLIED);
        free(text);
    }
    write_summed("{'vtepd':{'format':1,'host':'hv1','inventory':'"URL"'},\n"
                 "'version':'7',\n'items':[\n],\n'deleted':[5,{'kind':"
                 "'endpoint','id':'plain','revision':9,'seconds':600}],\n");
    assert_put(9, 0, EVENT_STALE);
}

/* The file of the release before, which knew neither "deleted" nor "list". */
static void
test_upgrade(void **state OVS_UNUSED)
{
    struct agent agent;

    write_summed("{'vtepd':{'format':1,'host':'hv1','inventory':'"URL"'},\n"
                 "'version':'7',\n"
                 "'items':[\n"
                 "{'kind':'host','id':'hv1','tunnels':[]},\n"
                 "{'kind':'segment','id':'blue','vni':77}\n"
                 "],\n");
    assert_loads(2);
    assert_etag(NULL);

    /* It is replaced in the course of time. */
    agent_init(&agent);
    agent_load(&agent);
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);
    assert_loads(ARRAY_SIZE(all));
}

/* A long list is taken over in many passes. */
static void
test_taken_over_in_portions(void **state OVS_UNUSED)
{
    struct agent agent;
    int n = 0;

    save_all("hv1", URL);
    agent_init(&agent);
    agent.n_portions = 5;
    inventory_cache_load(agent.cache);
    while (inventory_cache_is_loading(agent.cache)) {
        inventory_cache_run(agent.cache);
        n += agent.n_ended;
        assert_int_equal(inventory_cache_is_in_use(agent.cache), n == 5);
    }
    assert_int_equal(n, 5);
    assert_true(agent_status(&agent).saved);
    agent_destroy(&agent);

    /* It is whole: nothing is aborted. */
    agent_init(&agent);
    agent.n_portions = 5;
    inventory_cache_load(agent.cache);
    while (!agent.n_ended) {
        inventory_cache_run(agent.cache);
    }
    assert_true(inventory_cache_is_loading(agent.cache));
    inventory_cache_configure(agent.cache, dir, "hv1", URL);
    assert_int_equal(agent.n_aborted, 0);
    agent_destroy(&agent);
}

/* Line by line. */
static void
test_format(void **state OVS_UNUSED)
{
    struct agent agent;
    char *path = path_for("hv1");

    agent_init(&agent);
    agent_list(&agent, &all[1], 2);
    inventory_cache_flush(agent.cache);

    char *text = read_file(path);
    char *head = quoted("{'vtepd':{'format':1,'host':'hv1',"
                        "'inventory':'https://cloud.example/api'},\n"
                        "'version':'7',\n"
                        "'items':[\n"
                        "{'kind':'host','id':'none','tunnels':[]},\n"
                        "{'kind':'segment','id':'blue',");
    char *tail = quoted("\n],\n'sha1':'");
    assert_memory_equal(text, head, strlen(head));
    assert_non_null(strstr(text, tail));
    assert_string_equal(&text[strlen(text) - 3], "\"}\n");

    free(head);
    free(tail);
    free(text);
    free(path);
    agent_destroy(&agent);
}

static void
test_empty_inventory(void **state OVS_UNUSED)
{
    struct agent agent;

    agent_init(&agent);
    agent_list(&agent, all, 0);
    inventory_cache_flush(agent.cache);
    assert_true(agent_status(&agent).saved);
    agent_destroy(&agent);
    assert_loads(0);
}

static void
test_many_passes(void **state OVS_UNUSED)
{
    struct agent agent;
    unsigned int n_passes = 0;

    agent_init(&agent);
    list_many(&agent, 9000);
    while (!agent_status(&agent).saved) {
        inventory_cache_run(agent.cache);
        n_passes++;
    }
    assert_true(n_passes >= 6);
    assert_false(is_new_left());
    agent_destroy(&agent);
    assert_loads(9000);
}

/* Bad files. */

static void
test_torn(void **state OVS_UNUSED)
{
    char *path = path_for("hv1");

    save_all("hv1", URL);

    char *text = read_file(path);
    size_t len = strlen(text);
    assert_true(len > 1500);
    assert_loads(ARRAY_SIZE(all));
    for (size_t n = 0; n < len; n++) {
        write_file(path, text, n);
        assert_refused(n ? path : "is empty");
    }

    /* As some file systems leave it after a crash: the length is right. */
    for (size_t n = 0; n < len; n++) {
        char *copy = xzalloc(len);

        memcpy(copy, text, n);
        write_file(path, copy, len);
        assert_refused(path);
        free(copy);
    }
    write_file(path, text, len);
    assert_loads(ARRAY_SIZE(all));
    free(text);
    free(path);
}

static void
test_corrupted(void **state OVS_UNUSED)
{
    char *path = path_for("hv1");

    save_all("hv1", URL);

    char *text = read_file(path);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 1 << i % 8;
        write_file(path, text, len);
        assert_refused(path);
        text[i] ^= 1 << i % 8;
    }

    /* Something added. */
    char *more = xasprintf("%s\n", text);
    write_file(path, more, len + 1);
    assert_refused("does not end with the checksum");
    free(more);
    free(text);
    free(path);
}

#define HEAD "{'vtepd':{'format':1,'host':'hv1','inventory':'"URL"'},\n"
#define TAIL "\n],\n"

/* Files with the right checksum. */
static void
test_not_ours(void **state OVS_UNUSED)
{
    static const struct {
        const char *text;
        const char *error;
    } files[] = {
        { "{'vtepd':{'format':1,'host':'hv2','inventory':'"URL"'},\n"
          "'version':'1','items':[\n"TAIL,
          "\"vtepd.host\" is \"hv2\", which is not \"hv1\"" },
        { "{'vtepd':{'format':1,'host':'hv1','inventory':'http://x'},\n"
          "'version':'1','items':[\n"TAIL,
          "\"vtepd.inventory\" is \"http://x\", which is not \""URL"\"" },
        { "{'vtepd':{'format':2,'host':'hv1','inventory':'"URL"'},\n"
          "'version':'1','items':[\n"TAIL,
          "\"vtepd.format\" is 2, which this version of vtepd does not know "
          "(it knows 1)" },
        { "{'vtepd':{'format':0,'host':'hv1','inventory':'"URL"'},\n"
          "'version':'1','items':[\n"TAIL, "\"vtepd.format\" is 0" },
        { "{'vtepd':{'format':2}}", "\"vtepd.format\" is 2" },
        { "{'vtepd':{'format':'1'},", "is not an integer" },
        { "{'vtepd':{'host':'hv1'},", "\"vtepd.format\" is missing" },
        { "{'vtepd':{'format':1},", "\"vtepd.host\" is missing" },
        { "{'vtepd':{'format':1,'host':1},", "is not a string" },
        { "{'vtepd':null,", "\"vtepd\" is null, which is not an object" },
        { "{'vtepd':[],", "\"vtepd\" is an array, which is not an object" },
        { "{'vtepd':}", "is damaged: bad JSON" },
        { "{'version':'1','items':[]}", "does not begin as a state file" },
        { "<html>", "does not begin as a state file" },
        { HEAD "'items':[\n"TAIL, "\"version\" is missing" },
        { HEAD "'version':'1',", "\"items\" is missing" },
        { HEAD "'version':'1','items':[\n{'kind':'host'"TAIL, "bad JSON" },
        { HEAD "'version':'1','items':[\n{},"TAIL, "bad JSON" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        write_summed(files[i].text);
        assert_refused(files[i].error);
    }
    write_summed(HEAD "'version':'1','items':[\n"TAIL);
    assert_loads(0);
}

/* One object that is refused is left out, as if it came from the API.  The
 * file is written again without it. */
static void
test_bad_object(void **state OVS_UNUSED)
{
    struct agent agent;

    write_summed(HEAD "'version':'1',\n'items':[\n"
                 "{'kind':'host','id':'hv1','tunnels':[]},\n"
                 "{'kind':'host','id':'hv2','tunnels':1},\n"
                 "{'kind':'moon','id':'m'},\n"
                 "{'kind':'host','id':'hv3','tunnels':[]}"TAIL);
    agent_init(&agent);
    agent_load(&agent);
    assert_int_equal(agent.n_ended, 1);
    assert_int_equal(agent.n_invalid, 1);
    assert_int_equal(inventory_count(agent.inv, OBJECT_HOST), 2);
    assert_true(agent_status(&agent).in_use);
    assert_non_null(strstr(agent_status(&agent).error,
                           "has 1 objects that are refused, the first "
                           "because: host \"hv2\": \"tunnels\" is 1"));
    inventory_cache_confirmed(agent.cache, "2");
    inventory_cache_flush(agent.cache);
    assert_null(agent_status(&agent).error);
    agent_destroy(&agent);
    assert_loads(2);
}

static void
test_wrong_kind_of_file(void **state OVS_UNUSED)
{
    char *path = path_for("hv1"), *other = path_for("hv9");

    assert_return_code(mkdir(path, 0700), errno);
    assert_refused("is not a regular file");
    rmdir(path);

    assert_return_code(mkfifo(path, 0600), errno);
    assert_refused("is not a regular file");
    unlink(path);

    save_all("hv1", URL);
    assert_return_code(rename(path, other), errno);
    assert_return_code(symlink(other, path), errno);
    assert_refused("cannot be read");
    unlink(path);

    assert_return_code(rename(other, path), errno);
    assert_loads(ARRAY_SIZE(all));
    chmod(path, 0602);
    assert_refused("can be written by others than its owner (mode 602)");
    chmod(path, 0620);
    assert_refused("can be written by others than its owner (mode 620)");
    chmod(path, 0644);
    assert_loads(ARRAY_SIZE(all));
    assert_return_code(truncate(path, 256 * 1024 * 1024 + 1), errno);
    assert_refused("is larger than 256 MiB");
    if (!geteuid()) {
        unlink(path);
        save_all("hv1", URL);
        assert_return_code(chown(path, 65534, 0), errno);
        assert_refused("belongs to user 65534 and not to user 0");
    }
    free(path);
    free(other);
}

static void
test_no_file(void **state OVS_UNUSED)
{
    struct agent agent;

    agent_init(&agent);
    agent_load(&agent);
    assert_int_equal(agent.n_ended + agent.n_aborted, 0);
    assert_null(agent_status(&agent).error);
    assert_int_equal(agent_status(&agent).age, -1);
    agent_destroy(&agent);
}

/* Settings that change in the middle of it. */
static void
test_reconfigured(void **state OVS_UNUSED)
{
    struct agent agent;

    agent_init(&agent);
    list_many(&agent, 5000);
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);

    agent_init(&agent);
    inventory_cache_load(agent.cache);
    inventory_cache_run(agent.cache);
    inventory_cache_run(agent.cache);
    assert_true(inventory_cache_is_loading(agent.cache));
    inventory_cache_configure(agent.cache, dir, "hv2", URL);
    assert_false(inventory_cache_is_loading(agent.cache));
    assert_int_equal(agent.n_aborted, 1);

    /* What is known came from another URL: it is written to the file of this
     * one only when this one has said the same. */
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);
    inventory_cache_configure(agent.cache, dir, "hv1", "http://other");
    inventory_cache_run(agent.cache);
    inventory_cache_flush(agent.cache);
    assert_loads(5000);
    agent_list(&agent, all, ARRAY_SIZE(all));
    assert_int_equal(agent.result.n_changed, 0);
    inventory_cache_flush(agent.cache);
    assert_refused("\"vtepd.inventory\" is \"http://other\"");
    agent_destroy(&agent);
}

/* When it is written. */

static void
test_only_after_a_whole_list(void **state OVS_UNUSED)
{
    char *path = path_for("hv1");
    struct agent agent;

    agent_init(&agent);
    inventory_cache_run(agent.cache);
    inventory_cache_flush(agent.cache);
    assert_int_equal(access(path, F_OK), -1);

    agent_list(&agent, all, 2);
    inventory_cache_flush(agent.cache);
    assert_loads(2);

    list_begin(&agent);
    list_object(&agent, decode(all[2]));
    list_abort(&agent);
    assert_true(agent_status(&agent).saved);
    inventory_cache_flush(agent.cache);
    assert_loads(2);
    agent_destroy(&agent);
    free(path);
}

/* The inventory changes while it is written: that file is given up, and the
 * one before stays. */
static void
test_changed_while_written(void **state OVS_UNUSED)
{
    struct agent agent;

    agent_init(&agent);
    agent_list(&agent, all, 3);
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);

    agent_init(&agent);
    list_many(&agent, 5000);
    inventory_cache_run(agent.cache);
    inventory_cache_run(agent.cache);
    assert_true(is_new_left());
    list_many(&agent, 50000);
    inventory_cache_run(agent.cache);
    assert_false(is_new_left());
    assert_false(agent_status(&agent).saved);
    assert_loads(3);

    /* It is not tried again at once. */
    for (int i = 0; i < 10; i++) {
        inventory_cache_run(agent.cache);
        assert_false(is_new_left());
    }
    inventory_cache_flush(agent.cache);
    assert_loads(50000);

    /* Nor is the next change written at once. */
    list_many(&agent, 50001);
    for (int i = 0; i < 10; i++) {
        inventory_cache_run(agent.cache);
        assert_false(is_new_left());
    }
    agent_destroy(&agent);
    assert_loads(50000);
}

/* A change that comes while the file is written does not stop that, and is
 * written later. */
static void
test_small_change_while_written(void **state OVS_UNUSED)
{
    struct agent agent;

    agent_init(&agent);
    list_many(&agent, 5000);
    inventory_cache_run(agent.cache);
    inventory_cache_run(agent.cache);
    list_many(&agent, 5001);
    for (int i = 0; i < 1000 && is_new_left(); i++) {
        inventory_cache_run(agent.cache);
        inventory_cache_wait(agent.cache);
        poll_block();
    }
    assert_false(is_new_left());
    assert_false(agent_status(&agent).saved);
    inventory_cache_flush(agent.cache);
    assert_loads(5001);
    agent_destroy(&agent);
}

/* What events change is kept, also while there is only the state file. */
static void
test_events_before_the_first_list(void **state OVS_UNUSED)
{
    static const char late[] = "{'kind':'segment','id':'late','vni':99}";
    struct agent agent;

    save_all("hv1", URL);
    agent_init(&agent);
    agent_load(&agent);
    assert_int_equal(inventory_put(agent.inv, decode(late), 0),
                     EVENT_APPLIED);
    inventory_cache_flush(agent.cache);
    assert_true(agent_status(&agent).in_use);
    assert_true(agent_status(&agent).saved);
    agent_destroy(&agent);
    assert_loads(ARRAY_SIZE(all) + 1);
}

/* A vtepd that was killed leaves an unfinished file. */
static void
test_left_over(void **state OVS_UNUSED)
{
    char *path = path_for("hv1"), *new_path = xasprintf("%s.new", path);

    write_file(new_path, "{", 1);
    save_all("hv1", URL);
    assert_false(is_new_left());
    assert_loads(ARRAY_SIZE(all));

    /* Nor does it write to where a link leads. */
    assert_return_code(symlink("/dev/null", new_path), errno);
    save_all("hv1", URL);
    assert_loads(ARRAY_SIZE(all));

    /* Nor does one that ends in the middle. */
    struct agent agent;
    agent_init(&agent);
    list_many(&agent, 5000);
    inventory_cache_run(agent.cache);
    inventory_cache_run(agent.cache);
    assert_true(is_new_left());
    agent_destroy(&agent);
    assert_false(is_new_left());
    assert_loads(ARRAY_SIZE(all));
    free(path);
    free(new_path);
}

/* Of two vtepds with one host id, each writes a whole file. */
static void
test_two_writers(void **state OVS_UNUSED)
{
    char *path = path_for("hv1"), *new_path = xasprintf("%s.new", path);
    struct agent first, second;

    agent_init(&first);
    list_many(&first, 5000);
    inventory_cache_run(first.cache);
    inventory_cache_run(first.cache);
    assert_true(is_new_left());

    agent_init(&second);
    agent_list(&second, all, ARRAY_SIZE(all));
    inventory_cache_flush(second.cache);
    assert_non_null(agent_status(&second).error);
    assert_non_null(strstr(agent_status(&second).error, "another vtepd"));
    agent_destroy(&second);
    assert_true(is_new_left());

    /* One that took the file away all the same: what it has written so far is
     * not what the first one has. */
    assert_return_code(unlink(new_path), errno);
    write_file(new_path, "{", 1);
    inventory_cache_flush(first.cache);
    agent_destroy(&first);
    assert_false(is_new_left());
    assert_loads(5000);
    free(path);
    free(new_path);
}

/* Trouble with the disk. */

/* Lists and writes: it must complain with 'words', and nothing else. */
static void
assert_not_written(const char *words)
{
    struct agent agent;

    agent_init(&agent);
    agent_list(&agent, all, ARRAY_SIZE(all));
    inventory_cache_flush(agent.cache);

    struct inventory_cache_status status = agent_status(&agent);
    if (!status.error || !strstr(status.error, words)) {
        fail_msg("\"%s\" and not \"%s\"", status.error ? status.error : "-",
                 words);
    }
    assert_false(status.saved);
    assert_int_equal(inventory_count(agent.inv, OBJECT_HOST), 2);
    agent_destroy(&agent);
}

static void
test_folder(void **state OVS_UNUSED)
{
    char *parent = dir;
    struct stat s;

    /* Made, but not its parents too. */
    dir = xasprintf("%s/state", parent);
    save_all("hv1", URL);
    assert_loads(ARRAY_SIZE(all));
    assert_return_code(stat(dir, &s), errno);
    assert_int_equal(s.st_mode & 07777, 0700);
    free(dir);

    dir = xasprintf("%s/none/state", parent);
    assert_not_written("its folder cannot be made (No such file or");
    free(dir);

    /* A file in its place. */
    dir = xasprintf("%s/file", parent);
    write_file(dir, "", 0);
    assert_not_written("cannot be written (Not a directory)");
    assert_refused("cannot be read (Not a directory)");
    free(dir);

    /* Not ours to write to. */
    dir = xasprintf("%s/closed", parent);
    assert_return_code(mkdir(dir, 0555), errno);
    chmod(parent, 0755);
    bool root = !geteuid();
    if (root) {
        assert_return_code(seteuid(65534), errno);
    }
    assert_not_written("cannot be written (Permission denied)");
    if (root) {
        assert_return_code(seteuid(0), errno);
    }
    free(dir);
    dir = parent;
}

/* As good as a full disk, and without one: a limit on the size of files. */
static void
test_full_disk(void **state OVS_UNUSED)
{
    struct rlimit before, small;
    struct agent agent;

    agent_init(&agent);
    agent_list(&agent, all, 2);
    inventory_cache_flush(agent.cache);
    agent_destroy(&agent);

    signal(SIGXFSZ, SIG_IGN);
    assert_return_code(getrlimit(RLIMIT_FSIZE, &before), errno);
    for (size_t limit = 0; limit < 1500; limit += 50) {
        small = before;
        small.rlim_cur = limit;
        assert_return_code(setrlimit(RLIMIT_FSIZE, &small), errno);
        assert_not_written("cannot be written (File too large)");
        assert_return_code(setrlimit(RLIMIT_FSIZE, &before), errno);
        assert_false(is_new_left());
        assert_loads(2);
    }
    save_all("hv1", URL);
    assert_loads(ARRAY_SIZE(all));
}

/* Names. */

static void
assert_name(const char *host, const char *expected)
{
    char *name = state_file_name(host);

    assert_string_equal(name, expected);
    free(name);
}

static void
test_names(void **state OVS_UNUSED)
{
    assert_name("hv1", "inventory-hv1.json");
    assert_name("hv-1_a.example", "inventory-hv-1_a.example.json");
    assert_name("..", "inventory-...json");
    assert_name("../../etc/x", "inventory-..%2f..%2fetc%2fx.json");
    assert_name("a%2fb", "inventory-a%252fb.json");
    assert_name("*?'\"$`\\|;", "inventory-%2a%3f%27%22%24%60%5c%7c%3b.json");

    /* The longest ids there are differ in the last character. */
    char a[256], b[256];
    memset(a, '/', 255);
    a[255] = '\0';
    memcpy(b, a, 256);
    b[254] = 'b';
    char *name_a = state_file_name(a), *name_b = state_file_name(b);
    assert_string_not_equal(name_a, name_b);
    assert_in_range(strlen(name_a), 100, 250);
    save_all(a, URL);
    save_all(b, URL);

    struct agent agent;
    agent_init_as(&agent, a, URL);
    agent_load(&agent);
    assert_int_equal(agent.n_ended, 1);
    agent_destroy(&agent);
    free(name_a);
    free(name_b);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding),
        TEST(test_walk),
        TEST(test_walk_through_changes),
        TEST(test_round_trip),
        TEST(test_etag),
        TEST(test_etag_of_what_changes),
        TEST(test_etag_of_less),
        TEST(test_deleted),
        TEST(test_deleted_many),
        TEST(test_deleted_strange),
        TEST(test_upgrade),
        TEST(test_taken_over_in_portions),
        TEST(test_format),
        TEST(test_empty_inventory),
        TEST(test_many_passes),
        TEST(test_torn),
        TEST(test_corrupted),
        TEST(test_not_ours),
        TEST(test_bad_object),
        TEST(test_wrong_kind_of_file),
        TEST(test_no_file),
        TEST(test_reconfigured),
        TEST(test_only_after_a_whole_list),
        TEST(test_changed_while_written),
        TEST(test_small_change_while_written),
        TEST(test_events_before_the_first_list),
        TEST(test_left_over),
        TEST(test_two_writers),
        TEST(test_folder),
        TEST(test_full_disk),
        TEST(test_names),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
