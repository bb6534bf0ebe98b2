/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ovs-json.h"
#include "symbols-ovs.h"

#include "jsonrpc.h"
#include "openvswitch/util.h"
#include "util.h"

char *
ovs_json_rewrite(const char *text)
{
    struct json *json = json_from_string(text);
    char *result = json_to_string(json, JSSF_SORT);

    json_destroy(json);
    return result;
}

char *
ovs_json_build(const char *string, long long int integer, double real)
{
    struct json *object = json_object_create();
    struct json *list = json_array_create_2(json_real_create(real),
                                            json_integer_create(integer));
    char *result;

    json_object_put(object, "name", json_string_create(string));
    json_object_put(object, "number", json_integer_create(integer));
    json_object_put(object, "list", list);

    ovs_assert(json_integer(shash_find_data(json_object(object), "number"))
               == integer);
    ovs_assert(!strcmp(json_string(shash_find_data(json_object(object),
                                                   "name")), string));
    ovs_assert(json_array(list)->n == 2);
    ovs_assert(json_real(json_array(list)->elems[0]) == real);

    result = json_to_string(object, JSSF_SORT);
    json_destroy(object);
    return result;
}

bool
ovs_json_texts_equal(const char *a_text, const char *b_text)
{
    struct json *a = json_from_string(a_text);
    struct json *b = json_from_string(b_text);
    bool equal = json_equal(a, b);

    json_destroy(a);
    json_destroy(b);
    return equal;
}

char *
ovs_jsonrpc_round_trip(const char *text)
{
    struct json *id;
    struct jsonrpc_msg *request = jsonrpc_create_request(
        "transact", json_from_string(text), &id);
    struct json *wire = jsonrpc_msg_to_json(request);
    struct jsonrpc_msg *received;
    char *result;
    char *error;

    error = jsonrpc_msg_from_json(wire, &received);
    ovs_assert(!error);
    ovs_assert(received->type == JSONRPC_REQUEST);
    ovs_assert(!strcmp(received->method, "transact"));
    ovs_assert(json_equal(received->id, id));

    result = json_to_string(received->params, JSSF_SORT);
    jsonrpc_msg_destroy(received);
    json_destroy(id);
    return result;
}
