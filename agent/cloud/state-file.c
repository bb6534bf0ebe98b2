/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-json.h"

#include "cloud/state-file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud/json-node.h"
#include "cloud/object-encode.h"
#include "cloud/safe-text.h"
#include "core/inventory.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define HEAD_START "{\"vtepd\":"
#define DELETED_START "\"deleted\":"
#define LIST_START "\"list\":"
#define SUM_START "\"sha1\":\""
#define SUM_END "\"}\n"

/* Bytes of an escaped id that stand in a file's name.  A name has at most 255
 * bytes, and a temporary file's is longer by a suffix. */
enum { NAME_ID_MAX = 160 };

/* Bytes of an ETag: a longer one is not kept. */
enum { ETAG_MAX = 255 };

BUILD_ASSERT_DECL(sizeof SUM_START - 1 == 8 && sizeof SUM_END - 1 == 3);

char *
state_file_distrust(const struct stat *s, int max)
{
    return (!S_ISREG(s->st_mode) ? xstrdup("is not a regular file")
            : s->st_uid != geteuid()
            ? xasprintf("belongs to user %u and not to user %u, as whom vtepd "
                        "runs", s->st_uid, geteuid())
            : s->st_mode & (S_IWGRP | S_IWOTH)
            ? xasprintf("can be written by others than its owner (mode %03o)",
                        s->st_mode & 0777)
            : s->st_size > max
            ? xasprintf("is larger than %d MiB", max / 1024 / 1024)
            : NULL);
}

/* The name of a file. */

/* After "%" two hexadecimal digits follow, so "%-" makes a shortened id differ
 * from every id that is not. */
char *
state_file_name(const char *host)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "inventory-");
    size_t start = s.length;
    for (const char *p = host; *p; p++) {
        if (isalnum((unsigned char) *p) || strchr("-_.", *p)) {
            ds_put_char(&s, *p);
        } else {
            ds_put_format(&s, "%%%02x", (unsigned char) *p);
        }
    }
    if (s.length - start > NAME_ID_MAX) {
        uint8_t sha1[SHA1_DIGEST_SIZE];

        sha1_bytes(host, strlen(host), sha1);
        ds_truncate(&s, start + NAME_ID_MAX - SHA1_HEX_DIGEST_LEN - 2);
        ds_put_format(&s, "%%-"SHA1_FMT, SHA1_ARGS(sha1));
    }
    ds_put_cstr(&s, ".json");
    return ds_steal_cstr(&s);
}

/* Writing. */

void
state_file_put_head(struct ds *s, const struct state_file_owner *owner,
                    const char *version)
{
    ds_put_format(s, HEAD_START"{\"format\":%d,\"host\":", STATE_FILE_FORMAT);
    json_string_escape(owner->host, s);
    ds_put_cstr(s, ",\"inventory\":");
    json_string_escape(owner->url, s);
    ds_put_cstr(s, "},\n\"version\":");
    json_string_escape(version, s);
    ds_put_cstr(s, ",\n\"items\":[\n");
}

void
state_file_put_object(struct ds *s, const struct object *object, bool first)
{
    ds_put_cstr(s, first ? "" : ",\n");
    object_encode(object, s);
}

/* Of what a server may say, that which can be kept in JSON. */
static bool
is_plain_etag(const char *etag)
{
    size_t len = strlen(etag);

    for (size_t i = 0; i < len; i++) {
        if (etag[i] < 0x20 || etag[i] > 0x7e) {
            return false;
        }
    }
    return len && len <= ETAG_MAX;
}

void
state_file_put_deleted(struct ds *deleted, const struct deleted_object *d)
{
    ds_put_cstr(deleted, deleted->length ? ",{\"kind\":\"" : "{\"kind\":\"");
    ds_put_cstr(deleted, object_kind_to_string(d->kind));
    ds_put_cstr(deleted, "\",\"id\":");
    json_string_escape(d->id, deleted);
    ds_put_format(deleted, ",\"revision\":%"PRIu64",\"seconds\":%lld}",
                  d->revision, d->left / 1000);
}

void
state_file_put_tail(struct ds *s, const struct ds *deleted, const char *etag)
{
    ds_put_cstr(s, "\n],\n");
    if (deleted->length) {
        ds_put_cstr(s, DELETED_START"[");
        ds_put_buffer(s, deleted->string, deleted->length);
        ds_put_cstr(s, "],\n");
    }
    if (etag && is_plain_etag(etag)) {
        ds_put_cstr(s, LIST_START"{\"etag\":");
        json_string_escape(etag, s);
        ds_put_cstr(s, ",\"decoded_by\":");
        json_string_escape(VTEPD_VERSION, s);
        ds_put_cstr(s, "},\n");
    }
}

void
state_file_put_sum(struct ds *s, const uint8_t sha1[SHA1_DIGEST_SIZE])
{
    ds_put_format(s, SUM_START SHA1_FMT SUM_END, SHA1_ARGS(sha1));
}

/* Reading. */

/* Refuses 'node' unless it is the string 'wanted'. */
static bool
check_string(const struct json_node *node, const char *wanted)
{
    const char *s = NULL;

    if (!node_require(node) || !node_get_string(node, &s)) {
        return false;
    }
    if (strcmp(s, wanted)) {
        char *shown = safe_text(wanted);

        node_refuse(node, "is not %s", shown);
        free(shown);
        return false;
    }
    return true;
}

static bool
check_owner(const struct json_node *head, const struct state_file_owner *owner)
{
    struct json_node format_node = node_member(head, "format");
    struct json_node host = node_member(head, "host");
    struct json_node url = node_member(head, "inventory");
    uint64_t format;

    if (!node_require(&format_node)
        || !node_get_integer(&format_node, 0, INT64_MAX, &format)) {
        return false;
    }
    if (format != STATE_FILE_FORMAT) {
        return node_refuse(&format_node, "this version of vtepd does not know "
                           "(it knows %d)", STATE_FILE_FORMAT);
    }
    return check_string(&host, owner->host) && check_string(&url, owner->url);
}

/* Does the file say that it is of 'owner', in a format that is known?  That
 * comes first: a file of another format may have its checksum elsewhere. */
static char *
check_head(const char *text, size_t len, const struct state_file_owner *owner)
{
    size_t start = strlen(HEAD_START);
    struct json_text head = { .text = text, .len = len, .pos = start };
    char *error = NULL;

    if (len < start || memcmp(text, HEAD_START, start)) {
        return xstrdup("does not begin as a state file of vtepd does");
    }

    struct json_t *value = text_read_value(&head, &error);
    if (!value) {
        char *damaged = xasprintf("is damaged: %s", error);

        free(error);
        return damaged;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder };
    struct json_node node = node_of_value(&root, "vtepd", value);
    if (node_is_object(&node)) {
        check_owner(&node, owner);
    }
    node_value_free(value);
    if (decoder.error) {
        error = xasprintf("is of no use here: %s", decoder.error);
        free(decoder.error);
    }
    return error;
}

static bool
sum_is_right(const char *text, size_t len,
             const uint8_t sha1[SHA1_DIGEST_SIZE])
{
    struct ds sum = DS_EMPTY_INITIALIZER;

    state_file_put_sum(&sum, sha1);
    ovs_assert(sum.length == STATE_FILE_SUM_LEN);
    bool right = len >= sum.length && !memcmp(&text[len - sum.length],
                                              sum.string, sum.length);
    ds_destroy(&sum);
    return right;
}

char *
state_file_check(const char *text, size_t len,
                 const uint8_t sha1[SHA1_DIGEST_SIZE],
                 const struct state_file_owner *owner)
{
    if (!len) {
        return xstrdup("is empty");
    }

    char *error = check_head(text, len, owner);
    if (!error && !sum_is_right(text, len, sha1)) {
        error = xstrdup("is damaged or cut off: it does not end with the "
                        "checksum of what stands before");
    }
    return error;
}

/* The value of that line of the tail which begins with 'start', NULL if there
 * is none.  Besides the checksum there are up to two. */
static struct json_t *
read_tail_line(const char *text, size_t len, const char *start)
{
    size_t end = len - STATE_FILE_SUM_LEN, start_len = strlen(start);

    for (int i = 0; i < 2 && end; i++) {
        const char *before = memrchr(text, '\n', end - 1);
        size_t pos = before ? before + 1 - text : 0;

        if (end - pos > start_len && !memcmp(&text[pos], start, start_len)) {
            struct json_text line = {
                .text = text, .len = end, .pos = pos + start_len,
            };
            char *error = NULL;
            struct json_t *value = text_read_value(&line, &error);

            free(error);
            return value;
        }
        end = pos;
    }
    return NULL;
}

char *
state_file_etag(const char *text, size_t len)
{
    struct json_t *value = read_tail_line(text, len, LIST_START);
    if (!value) {
        return NULL;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder };
    struct json_node node = node_of_value(&root, "list", value);
    char *etag = NULL;
    if (node_is_object(&node)) {
        struct json_node by = node_member(&node, "decoded_by");
        struct json_node member = node_member(&node, "etag");

        if (check_string(&by, VTEPD_VERSION)) {
            node_copy_printable(&member, ETAG_MAX, &etag);
        }
    }
    node_value_free(value);
    free(decoder.error);
    return etag;
}

static bool
decode_deleted(const struct json_node *item, struct deleted_object *deleted)
{
    struct json_node kind = node_member(item, "kind");
    struct json_node id = node_member(item, "id");
    struct json_node revision = node_member(item, "revision");
    struct json_node seconds = node_member(item, "seconds");
    const char *kind_text = "";
    uint64_t left = 0;

    *deleted = (struct deleted_object) { .id = "" };
    if (!node_get_string(&kind, &kind_text) || !node_get_string(&id,
                                                                &deleted->id)
        || !node_get_integer(&revision, 0, INT64_MAX, &deleted->revision)
        || !node_get_integer(&seconds, 0, TOMBSTONE_MS / 1000, &left)) {
        return false;
    }
    deleted->left = left * 1000;
    return (object_kind_from_string(kind_text, &deleted->kind)
            && deleted->id[0] && strlen(deleted->id) <= OBJECT_ID_MAX
            && deleted->revision);
}

void
state_file_for_each_deleted(const char *text, size_t len,
                            void (*cb)(const struct deleted_object *,
                                       void *aux), void *aux)
{
    struct json_t *value = read_tail_line(text, len, DELETED_START);
    if (!value) {
        return;
    }

    struct json_decoder decoder = { .error = NULL };
    struct json_node root = { .decoder = &decoder };
    struct json_node node = node_of_value(&root, "deleted", value);
    size_t n = 0;
    node_get_array(&node, STATE_FILE_DELETED_MAX, &n);
    for (size_t i = 0; i < n; i++) {
        struct json_node item = node_item(&node, i);
        struct deleted_object deleted;

        if (node_is_object(&item) && decode_deleted(&item, &deleted)) {
            cb(&deleted, aux);
        }
    }
    node_value_free(value);
    free(decoder.error);
}
