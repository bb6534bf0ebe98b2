/* SPDX-License-Identifier: Apache-2.0 */

/* The state file (contract 3.4).  The input is a file, or all of one but the
 * last line: the checksum is put right, or nothing else would ever be looked
 * at.
 *
 * A file that is taken, written and read again is the same inventory, and
 * written once more the same file. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/inventory-cache.h"
#include "cloud/inventory-source.h"
#include "cloud/state-file.h"
#include "core/inventory-objects.h"
#include "core/inventory.h"
#include "fuzz.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

#define HOST "hv1"
#define URL "https://cloud.example/api"

/* What takes in a list. */
struct agent {
    struct inventory *inv;
    bool listing;
    size_t n_refused;
    char *version;              /* Of the list, NULL: none was whole. */
};

static void
list_begin(void *agent_)
{
    struct agent *agent = agent_;

    fuzz_check(!agent->listing);
    agent->listing = true;
    inventory_list_begin(agent->inv);
}

static void
list_object(void *agent_, struct object *object)
{
    struct agent *agent = agent_;

    fuzz_check(agent->listing);
    fuzz_check_object(object);
    inventory_list_add(agent->inv, object);
}

static void
list_invalid(void *agent_, enum object_kind kind, const char *id)
{
    struct agent *agent = agent_;

    fuzz_check(agent->listing);
    agent->n_refused++;
    if (id) {
        fuzz_check(object_id_is_valid(id, strlen(id)));
        inventory_list_keep(agent->inv, kind, id);
    }
}

static void
list_end(void *agent_, const char *version)
{
    static const struct deletion_guard guard = { .max_percent = 100 };
    struct agent *agent = agent_;
    struct list_result result;

    fuzz_check(agent->listing);
    agent->listing = false;
    fuzz_check_printable(version, 255);
    agent->version = xstrdup(version);
    inventory_list_end(agent->inv, true, &guard, 1, &result);
}

static void
list_abort(void *agent_)
{
    struct agent *agent = agent_;

    fuzz_check(agent->listing);
    agent->listing = false;
    inventory_list_abort(agent->inv);
}

static struct inventory_cache *
create_cache(struct agent *agent)
{
    struct inventory_sink sink = {
        .aux = agent,
        .list_begin = list_begin,
        .list_object = list_object,
        .list_invalid = list_invalid,
        .list_end = list_end,
        .list_abort = list_abort,
    };
    struct inventory_cache *cache = inventory_cache_create(agent->inv, &sink);

    inventory_cache_configure(cache, fuzz_folder(), HOST, URL);
    return cache;
}

/* Starts an agent with the file that is there. */
static void
agent_start(struct agent *agent)
{
    *agent = (struct agent) { .inv = inventory_create() };

    struct inventory_cache *cache = create_cache(agent);
    inventory_cache_load(cache);
    while (inventory_cache_is_loading(cache)) {
        inventory_cache_run(cache);
    }
    fuzz_check(!agent->listing);

    struct inventory_cache_status status;
    inventory_cache_get_status(cache, &status);
    fuzz_check(status.in_use == (agent->version != NULL));
    fuzz_check(!status.error == (agent->version && !agent->n_refused));
    if (status.error) {
        fuzz_check_sentence(status.error);
    }
    inventory_cache_destroy(cache);
}

static void
agent_destroy(struct agent *agent)
{
    inventory_destroy(agent->inv);
    free(agent->version);
}

/* Writes the agent's inventory, as if it came from the API. */
static void
write_file(struct agent *agent)
{
    struct inventory_cache *cache = create_cache(agent);
    struct inventory_cache_status status;

    inventory_cache_confirmed(cache, agent->version);
    inventory_cache_flush(cache);
    inventory_cache_get_status(cache, &status);
    fuzz_check(status.saved && !status.error);
    inventory_cache_destroy(cache);
}

static void
get_objects(const struct inventory *inv, struct svec *objects)
{
    struct inventory_walk *walk = inventory_walk_create(inv);
    struct object *object;

    svec_init(objects);
    while ((object = inventory_walk_next(walk))) {
        svec_add_nocopy(objects, fuzz_encode(object));
        object_destroy(object);
    }
    inventory_walk_destroy(walk);
    svec_sort(objects);
}

/* Writes the inventory and starts another agent with that. */
static void
check_restart(struct agent *agent)
{
    struct svec before, after;
    struct agent again;

    write_file(agent);
    agent_start(&again);
    fuzz_check(again.version && !again.n_refused);
    fuzz_check(!strcmp(again.version, agent->version));

    get_objects(agent->inv, &before);
    get_objects(again.inv, &after);
    fuzz_check(svec_equal(&before, &after));
    svec_destroy(&before);
    svec_destroy(&after);
    agent_destroy(&again);
}

static void
take_file(const char *path, const void *text, size_t size)
{
    struct agent agent;

    fuzz_write_file(path, text, size);
    agent_start(&agent);
    if (agent.version) {
        check_restart(&agent);
    }
    agent_destroy(&agent);
}

/* Puts a checksum that is right in the place of the last line, if that looks
 * like one, else after it. */
static void
put_right_sum(const uint8_t *data, size_t size, struct ds *s)
{
    uint8_t sha1[SHA1_DIGEST_SIZE];

    if (size >= STATE_FILE_SUM_LEN
        && !memcmp(data + size - STATE_FILE_SUM_LEN, "\"sha1\"", 6)) {
        size -= STATE_FILE_SUM_LEN;
    }
    ds_put_buffer(s, (const char *) data, size);
    sha1_bytes(data, size, sha1);
    state_file_put_sum(s, sha1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *path;

    if (!path) {
        char *name = state_file_name(HOST);

        fuzz_quiet();
        path = xasprintf("%s/%s", fuzz_folder(), name);
        free(name);
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    put_right_sum(data, size, &s);
    if (s.length != size || memcmp(s.string, data, size)) {
        /* Nothing of a file with a wrong checksum is believed. */
        struct agent agent;

        fuzz_write_file(path, data, size);
        agent_start(&agent);
        fuzz_check(!agent.version && !agent.n_refused);
        agent_destroy(&agent);
    }
    take_file(path, s.string, s.length);
    ds_destroy(&s);
    return 0;
}
