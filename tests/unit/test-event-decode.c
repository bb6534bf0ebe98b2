/* SPDX-License-Identifier: Apache-2.0 */

/* JSON and messages stand here with ' for ", so that they can be read. */

#include <config.h>

#include "cloud/inventory-event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#define ID_RULE "which is not 1 to 255 printable ASCII characters without " \
                "spaces"
#define BAD_TYPE "which does not end in .KIND.put or .KIND.delete with the " \
                 "KIND host, segment, router or endpoint"
#define BAD_SHORT_TYPE "which does not end in KIND.put or KIND.delete with " \
                       "the KIND host, segment, router or endpoint"

#define REST "'segment':'blue','host':'hv2','mac':'02:00:00:00:00:02'"
#define VM1 "{'kind':'endpoint','id':'vm1','revision':9," REST "}"
#define VM1_BAD "{'kind':'endpoint','id':'vm1','segment':'blue'," \
                "'host':'hv2','mac':'zz'}"
#define BAD_MAC "endpoint 'vm1': 'mac' is 'zz', which is not a MAC address " \
                "(xx:xx:xx:xx:xx:xx)"

/* Exchanges ' and ". */
static void
exchange_quotes(char *s)
{
    for (; *s; s++) {
        *s = *s == '\'' ? '"' : *s == '"' ? '\'' : *s;
    }
}

static char *
quoted(const char *s)
{
    char *copy = xstrdup(s);

    exchange_quotes(copy);
    return copy;
}

/* Appends to 'ds' what 'event' says. */
static void
put_event(struct ds *ds, const struct inventory_event *event)
{
    switch (event->type) {
    case INVENTORY_EVENT_PUT:
        ds_put_format(ds, "put %s %s %llu",
                      object_kind_to_string(event->object->kind),
                      event->object->id,
                      (unsigned long long int) event->object->revision);
        assert_null(event->id);
        return;

    case INVENTORY_EVENT_DELETE:
        ds_put_format(ds, "delete %s %s %llu",
                      object_kind_to_string(event->kind), event->id,
                      (unsigned long long int) event->revision);
        break;

    case INVENTORY_EVENT_THIN:
        ds_put_format(ds, "thin %s %s", object_kind_to_string(event->kind),
                      event->id);
        break;

    case INVENTORY_EVENT_UNKNOWN:
        ds_put_format(ds, "unknown %s", event->unknown);
        break;

    case INVENTORY_EVENT_VERSION:
        ds_put_format(ds, "version %s", event->version);
        break;

    case INVENTORY_EVENT_GONE:
        ds_put_cstr(ds, "gone");
        break;

    case INVENTORY_EVENT_REFUSED:
        ds_put_format(ds, "refused %s %s: %s",
                      event->id ? object_kind_to_string(event->kind) : "-",
                      event->id ? event->id : "-", event->error);
        break;
    }
    assert_null(event->object);
}

/* Watch lines. */

/* Decodes 'line' and returns what it says, "no event: WHY" if it is none. */
static char *
decode_line(const char *line, size_t len)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct inventory_event event;
    char *error = NULL;

    if (inventory_event_decode_line(line, len, &event, &error)) {
        put_event(&ds, &event);
        assert_null(error);
    } else {
        ds_put_format(&ds, "no event: %s", error);
        free(error);
    }
    inventory_event_uninit(&event);
    exchange_quotes(ds_cstr(&ds));
    return ds_steal_cstr(&ds);
}

static const struct {
    const char *line;
    const char *says;
} lines[] = {
    /* Contract 3.3. */
    { "{'type':'put','object':" VM1 "}", "put endpoint vm1 9" },
    { "{'type':'delete','object':{'kind':'endpoint','id':'6f2c',"
      "'revision':10}}", "delete endpoint 6f2c 10" },
    { "{'type':'version','version':'1240'}", "version 1240" },
    { "{'type':'gone'}", "gone" },
    { " {'object':" VM1 ",'type':'put','more':[1]} ", "put endpoint vm1 9" },
    { "{'type':'put','object':{'kind':'host','id':'h','tunnels':[]}}",
      "put host h 0" },
    { "{'type':'put','object':{'kind':'segment','id':'s','vni':7}}",
      "put segment s 0" },
    { "{'type':'put','object':{'kind':'router','id':'r','segments':[],"
      "'mac':'02:00:00:00:00:01'}}", "put router r 0" },

    /* Thin. */
    { "{'type':'put','object':{'kind':'host','id':'h'}}", "thin host h" },
    { "{'type':'put','object':{'kind':'host','id':'h','revision':null}}",
      "thin host h" },
    { "{'type':'delete','object':{'kind':'host','id':'h'}}", "thin host h" },
    { "{'type':'delete','object':{'kind':'host','id':'h','revision':null,"
      "'tunnels':[]}}", "thin host h" },
    { "{'type':'put','object':{'kind':'host','id':'h','revision':7}}",
      "refused host h: host 'h': 'tunnels' is missing" },
    { "{'type':'put','object':{'kind':'host','id':'h','note':'x'}}",
      "refused host h: host 'h': 'tunnels' is missing" },

    /* A delete may carry the whole object, of which the rest does not
     * matter. */
    { "{'type':'delete','object':" VM1 "}", "delete endpoint vm1 9" },
    { "{'type':'delete','object':{'kind':'endpoint','id':'vm1','revision':0,"
      "'mac':'zz'}}", "delete endpoint vm1 0" },
    { "{'type':'delete','object':{'kind':'endpoint','id':'vm1',"
      "'revision':'9'}}",
      "refused endpoint vm1: endpoint 'vm1': 'revision' is '9', which is not "
      "an integer" },
    { "{'type':'delete','object':{'kind':'endpoint','id':'vm1',"
      "'revision':-1}}",
      "refused endpoint vm1: endpoint 'vm1': 'revision' is -1, which is not "
      "within 0 to 9223372036854775807" },

    /* Unknown. */
    { "{'type':'hint','object':7}", "unknown type 'hint'" },
    { "{'type':'PUT'}", "unknown type 'PUT'" },
    { "{'type':''}", "unknown type ''" },
    { "{'type':'a\\nb'}", "unknown type 'a\\012b'" },
    { "{'type':'put','object':{'kind':'gadget','id':7}}",
      "unknown kind 'gadget'" },
    { "{'type':'delete','object':{'kind':'gadget'}}",
      "unknown kind 'gadget'" },

    /* Refused. */
    { "{'type':'put','object':" VM1_BAD "}",
      "refused endpoint vm1: " BAD_MAC },
    { "{'type':'put'}", "refused - -: event: 'object' is missing" },
    { "{'type':'put','object':null}",
      "refused - -: event: 'object' is missing" },
    { "{'type':'delete','object':[]}",
      "refused - -: event: 'object' is an array, which is not an object" },
    { "{'type':'put','object':{}}", "refused - -: 'kind' is missing" },
    { "{'type':'put','object':{'kind':7}}",
      "refused - -: 'kind' is 7, which is not a string" },
    { "{'type':'put','object':{'kind':'host'}}",
      "refused - -: host: 'id' is missing" },
    { "{'type':'delete','object':{'kind':'host','id':'a b','revision':1}}",
      "refused - -: host: 'id' is 'a b', " ID_RULE },
    { "{'type':'version'}", "refused - -: event: 'version' is missing" },
    { "{'type':'version','version':1240}",
      "refused - -: event: 'version' is 1240, which is not a string" },
    { "{'type':'version','version':''}",
      "refused - -: event: 'version' is '', which is not of 1 to 255 bytes" },
    { "{'type':'version','version':'\\u0007'}",
      "refused - -: event: 'version' is '\\007', which is not printable "
      "ASCII" },

    /* No events. */
    { "", "no event: the text is empty" },
    { " \r", "no event: the text is empty" },
    { "{", "no event: bad JSON at line 1 column 1: string or \"}\" expected "
      "near end of file" },
    { "null", "no event: event: the object is null, which is not an object" },
    { "[]",
      "no event: event: the object is an array, which is not an object" },
    { "'put'",
      "no event: event: the object is 'put', which is not an object" },
    { "{}", "no event: event: 'type' is missing" },
    { "{'type':null}", "no event: event: 'type' is missing" },
    { "{'type':['put']}",
      "no event: event: 'type' is an array, which is not a string" },
    { "{'type':'gone'}{'type':'gone'}",
      "no event: bad JSON at line 1 column 16: nothing more expected, but "
      "found '{\\'type\\':\\'gone\\'}'" },
    { "{'type':'gone','type':'put'}",
      "no event: bad JSON at line 1 column 21: duplicate object key near "
      "\"'type'\"" },
    { "<html>", "no event: bad JSON at line 1 column 1: invalid token near "
      "\"<\"" },
};

static void
test_lines(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        char *line = quoted(lines[i].line);
        char *says = decode_line(line, strlen(line));
        assert_string_equal(says, lines[i].says);
        free(line);
        free(says);
    }
}

/* Bodies. */

/* Decodes 'text' and returns what it says: its events, separated by commas, or
 * "400 WHY" or "422 WHY [POINTER]". */
static char *
decode_body(enum event_body form, const char *type, const char *text,
            size_t len)
{
    struct inventory_event_batch batch;
    struct event_body_error error;
    struct ds ds = DS_EMPTY_INITIALIZER;

    switch (inventory_event_decode_body(form, type, text, len, &batch,
                                        &error)) {
    case EVENT_BODY_OK:
        assert_null(error.detail);
        assert_null(error.pointer);
        for (size_t i = 0; i < batch.n; i++) {
            ds_put_cstr(&ds, i ? ", " : "");
            put_event(&ds, &batch.events[i]);
        }
        break;

    case EVENT_BODY_NOT_JSON:
        ds_put_format(&ds, "400 %s", error.detail);
        assert_int_equal(batch.n, 0);
        assert_null(error.pointer);
        break;

    case EVENT_BODY_INVALID:
        ds_put_format(&ds, "422 %s", error.detail);
        if (error.pointer) {
            ds_put_format(&ds, " [%s]", error.pointer);
        }
        assert_int_equal(batch.n, 0);
        break;
    }
    inventory_event_batch_uninit(&batch);
    event_body_error_uninit(&error);
    if (!ds.length) {
        ds_put_cstr(&ds, "nothing");
    }
    exchange_quotes(ds_cstr(&ds));
    return ds_steal_cstr(&ds);
}

#define CE_ID "'specversion':'1.0','id':'1','source':'/cloud'"
#define CE(TYPE, DATA) \
    "{" CE_ID ",'type':'" TYPE "','data':" DATA "}"
#define CE_MORE(MORE) \
    "{" CE_ID ",'type':'org.example.endpoint.put','data':" VM1 "," MORE "}"
#define CE_PUT CE("org.example.endpoint.put", VM1)
#define STANDARD(TYPE, DATA) \
    "{'type':'" TYPE "','timestamp':'2022-11-03T20:26:10.344522Z','data':" \
    DATA "}"

static const struct {
    enum event_body form;
    const char *type;
    const char *body;
    const char *says;
} bodies[] = {
    /* CloudEvents, structured. */
    { EVENT_BODY_CLOUDEVENT, NULL, CE_PUT, "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL, " " CE_PUT "\n", "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE(".endpoint.put", VM1),
      "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.b.endpoint.delete", "{'id':'vm1','revision':10}"),
      "delete endpoint vm1 10" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.delete", "{'id':'vm1'}"),
      "thin host vm1" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.host.put", "{'id':'h1','kind':'host'}"), "thin host h1" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.host.put", "{'id':'h1','kind':null}"), "thin host h1" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.segment.put", "{'id':'blue','vni':77}"), "put segment blue 0" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.router.put", "{'id':'r','mac':'02:00:00:00:00:01',"
         "'segments':['blue']}"), "put router r 0" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE_MORE("'datacontenttype':'application/json'"), "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE_MORE("'datacontenttype':'text/JSON ; charset=utf-8'"),
      "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE_MORE("'datacontenttype':'application/vnd.x+json'"),
      "put endpoint vm1 9" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE_MORE("'datacontenttype':null,'data_base64':null,'time':7,"
              "'traceparent':'00-0-0-01','subject':''"),
      "put endpoint vm1 9" },

    /* Its attributes. */
    { EVENT_BODY_CLOUDEVENT, NULL, "{'id':'1'}",
      "422 event: 'specversion' is missing [/specversion]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':'0.3'}",
      "422 event: 'specversion' is '0.3', which is not 1.0 [/specversion]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':1.0}",
      "422 event: 'specversion' is 1, which is not a string "
      "[/specversion]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':'1.0'}",
      "422 event: 'id' is missing [/id]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':'1.0','id':''}",
      "422 event: 'id' is '', which is empty [/id]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':'1.0','id':17}",
      "422 event: 'id' is 17, which is not a string [/id]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{'specversion':'1.0','id':'1'}",
      "422 event: 'source' is missing [/source]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      "{'specversion':'1.0','id':'1','source':''}",
      "422 event: 'source' is '', which is not a URI reference [/source]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      "{'specversion':'1.0','id':'1','source':'a b'}",
      "422 event: 'source' is 'a b', which is not a URI reference "
      "[/source]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      "{'specversion':'1.0','id':'1','source':'%4'}",
      "422 event: 'source' is '%4', which is not a URI reference "
      "[/source]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      "{'specversion':'1.0','id':'1','source':'\\u00e4'}",
      "422 event: 'source' is '\\303\\244', which is not a URI reference "
      "[/source]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{" CE_ID "}",
      "422 event: 'type' is missing [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{" CE_ID ",'type':[]}",
      "422 event: 'type' is an array, which is not a string [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{" CE_ID ",'type':'a.endpoint.put'}",
      "422 event: 'data' is missing [/data]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.put", "null"),
      "422 event: 'data' is missing [/data]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.put", "[" VM1 "]"),
      "422 event: 'data' is an array, which is not an object [/data]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.put", "'e30='"),
      "422 event: 'data' is 'e30=', which is not an object [/data]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_MORE("'data_base64':'e30='"),
      "422 event: 'data_base64' is 'e30=', which is not looked at: give the "
      "object as JSON in 'data' [/data_base64]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_MORE("'datacontenttype':'text/xml'"),
      "422 event: 'datacontenttype' is 'text/xml', which is not JSON "
      "[/datacontenttype]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_MORE("'datacontenttype':'json'"),
      "422 event: 'datacontenttype' is 'json', which is not JSON "
      "[/datacontenttype]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_MORE("'datacontenttype':'a/+json'"),
      "422 event: 'datacontenttype' is 'a/+json', which is not JSON "
      "[/datacontenttype]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_MORE("'datacontenttype':'a/json x'"),
      "422 event: 'datacontenttype' is 'a/json x', which is not JSON "
      "[/datacontenttype]" },

    /* Its type. */
    { EVENT_BODY_CLOUDEVENT, NULL, CE("endpoint.put", VM1),
      "422 event: 'type' is 'endpoint.put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.gadget.put", VM1),
      "422 event: 'type' is 'a.gadget.put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.patch", VM1),
      "422 event: 'type' is 'a.endpoint.patch', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.put.", VM1),
      "422 event: 'type' is 'a.endpoint.put.', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.myendpoint.put", VM1),
      "422 event: 'type' is 'a.myendpoint.put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.Endpoint.put", VM1),
      "422 event: 'type' is 'a.Endpoint.put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("put", VM1),
      "422 event: 'type' is 'put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("..put", VM1),
      "422 event: 'type' is '..put', " BAD_TYPE " [/type]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("", VM1),
      "422 event: 'type' is '', " BAD_TYPE " [/type]" },

    /* Its object. */
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.endpoint.put", VM1_BAD),
      "422 " BAD_MAC " [/data/mac]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.endpoint.put", "{'id':'vm1'," REST ",'ips':['10.0.0.2','x']}"),
      "422 endpoint 'vm1': 'ips[1]' is 'x', which is not an IPv4 or IPv6 "
      "address [/data/ips/1]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.endpoint.put", "{'id':'vm1'," REST ",'allowed_pairs':[{}]}"),
      "422 endpoint 'vm1': 'allowed_pairs[0].ip' is missing "
      "[/data/allowed_pairs/0/ip]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.put", VM1),
      "422 'kind' is 'endpoint', which is not the host that 'type' names "
      "[/data/kind]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.delete", "{'kind':'gadget'}"),
      "422 'kind' is 'gadget', which is not the host that 'type' names "
      "[/data/kind]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.delete", "{'kind':1}"),
      "422 'kind' is 1, which is not a string [/data/kind]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.put", "{}"),
      "422 host: 'id' is missing [/data/id]" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE("a.host.put", "{'id':'h','revision':1}"),
      "422 host 'h': 'tunnels' is missing [/data/tunnels]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.host.delete", "{'id':'a b','revision':1}"),
      "422 host: 'id' is 'a b', " ID_RULE " [/data/id]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.host.delete", "{'id':'h','revision':1.5}"),
      "422 host 'h': 'revision' is 1.5, which is not an integer "
      "[/data/revision]" },
    { EVENT_BODY_CLOUDEVENT, NULL,
      CE("a.host.put", "{'id':'h\\u0000','tunnels':[]}"),
      "422 host: 'id' is 'h\\000', which holds a NUL character "
      "[/data/id]" },

    /* No JSON, no event. */
    { EVENT_BODY_CLOUDEVENT, NULL, "", "400 the text is empty" },
    { EVENT_BODY_CLOUDEVENT, NULL, "\n", "400 the text is empty" },
    { EVENT_BODY_CLOUDEVENT, NULL, "id=1&source=2",
      "400 bad JSON at line 1 column 2: invalid token near \"id\"" },
    { EVENT_BODY_CLOUDEVENT, NULL, CE_PUT CE_PUT,
      "400 bad JSON at line 1 column 190: nothing more expected, but found "
      "'{\\'specversion\\':\\'1.0\\''" },
    { EVENT_BODY_CLOUDEVENT, NULL, "{} x",
      "400 bad JSON at line 1 column 4: nothing more expected, but found "
      "'x'" },
    { EVENT_BODY_CLOUDEVENT, NULL, "[" CE_PUT "]",
      "422 event: the object is an array, which is not an object []" },
    { EVENT_BODY_CLOUDEVENT, NULL, "null",
      "422 event: the object is null, which is not an object []" },

    /* Batches. */
    { EVENT_BODY_BATCH, NULL, "[]", "nothing" },
    { EVENT_BODY_BATCH, NULL, " [ ] ", "nothing" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT "]", "put endpoint vm1 9" },
    { EVENT_BODY_BATCH, NULL,
      "[ " CE_PUT " , " CE("a.host.put", "{'id':'h'}") "\n,"
      CE("a.host.delete", "{'id':'h','revision':1}") "]",
      "put endpoint vm1 9, thin host h, delete host h 1" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT "," CE_PUT "," CE_PUT ","
      CE("a.endpoint.put", VM1_BAD) "," CE_PUT "]",
      "422 item 3: " BAD_MAC " [/3/data/mac]" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT ",{}]",
      "422 item 1: event: 'specversion' is missing [/1/specversion]" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT ",null]",
      "422 item 1: event: the object is null, which is not an object [/1]" },
    { EVENT_BODY_BATCH, NULL, "[[" CE_PUT "]]",
      "422 item 0: event: the object is an array, which is not an object "
      "[/0]" },
    { EVENT_BODY_BATCH, NULL, CE_PUT,
      "422 the batch is not an array of events []" },
    { EVENT_BODY_BATCH, NULL, "'[]'",
      "422 the batch is not an array of events []" },
    { EVENT_BODY_BATCH, NULL, "", "400 the text is empty" },
    { EVENT_BODY_BATCH, NULL, "<a>",
      "400 bad JSON at line 1 column 1: invalid token near \"<\"" },
    { EVENT_BODY_BATCH, NULL, "[",
      "400 bad JSON at line 1 column 1: a value expected, but the text "
      "ends" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT,
      "400 bad JSON at line 1 column 190: \",\" or \"]\" expected, but the "
      "text ends" },
    { EVENT_BODY_BATCH, NULL, "[,]",
      "400 bad JSON at line 1 column 2: unexpected token near \",\"" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT ",]",
      "400 bad JSON at line 1 column 192: unexpected token near \"]\"" },
    { EVENT_BODY_BATCH, NULL, "[" CE_PUT " " CE_PUT "]",
      "400 bad JSON at line 1 column 192: \",\" or \"]\" expected, but found "
      "'{\\'specversion\\':\\'1.0\\''" },
    { EVENT_BODY_BATCH, NULL, "[]]",
      "400 bad JSON at line 1 column 3: nothing more expected, but found "
      "']'" },

    /* CloudEvents, binary mode. */
    { EVENT_BODY_DATA, "org.example.endpoint.put", VM1,
      "put endpoint vm1 9" },
    { EVENT_BODY_DATA, "a.endpoint.put", "{'id':'vm1'," REST "}",
      "put endpoint vm1 0" },
    { EVENT_BODY_DATA, "a.endpoint.put", "{'id':'vm1'}",
      "thin endpoint vm1" },
    { EVENT_BODY_DATA, "a.endpoint.delete", "{'id':'vm1','revision':10}",
      "delete endpoint vm1 10" },
    { EVENT_BODY_DATA, "a.host.put", VM1,
      "422 event: 'kind' is 'endpoint', which is not the host that "
      "'type' names [/kind]" },
    { EVENT_BODY_DATA, "a.endpoint.put", VM1_BAD, "422 " BAD_MAC " [/mac]" },
    { EVENT_BODY_DATA, "a.endpoint.put", "[]",
      "422 event: the object is an array, which is not an object []" },
    { EVENT_BODY_DATA, "endpoint.put", VM1,
      "422 event: 'type' is 'endpoint.put', " BAD_TYPE },
    { EVENT_BODY_DATA, "a.gadget.put", VM1,
      "422 event: 'type' is 'a.gadget.put', " BAD_TYPE },
    { EVENT_BODY_DATA, NULL, VM1, "422 event: 'type' is missing" },
    { EVENT_BODY_DATA, "a.endpoint.put", "", "400 the text is empty" },
    { EVENT_BODY_DATA, "a.endpoint.put", VM1 "}",
      "400 bad JSON at line 1 column 100: nothing more expected, but found "
      "'}'" },

    /* Standard Webhooks. */
    { EVENT_BODY_STANDARD, NULL, STANDARD("endpoint.put", VM1),
      "put endpoint vm1 9" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("org.example.endpoint.put", VM1),
      "put endpoint vm1 9" },
    { EVENT_BODY_STANDARD, NULL,
      "{'type':'endpoint.delete','data':{'id':'vm1','revision':10}}",
      "delete endpoint vm1 10" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("host.put", "{'id':'h'}"),
      "thin host h" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("endpoint.put", VM1_BAD),
      "422 " BAD_MAC " [/data/mac]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("gadget.put", VM1),
      "422 event: 'type' is 'gadget.put', " BAD_SHORT_TYPE " [/type]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("myendpoint.put", VM1),
      "422 event: 'type' is 'myendpoint.put', " BAD_SHORT_TYPE " [/type]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("endpoint", VM1),
      "422 event: 'type' is 'endpoint', " BAD_SHORT_TYPE " [/type]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("endpoint.", VM1),
      "422 event: 'type' is 'endpoint.', " BAD_SHORT_TYPE " [/type]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("put", VM1),
      "422 event: 'type' is 'put', " BAD_SHORT_TYPE " [/type]" },
    { EVENT_BODY_STANDARD, NULL, STANDARD("host.put", VM1),
      "422 'kind' is 'endpoint', which is not the host that 'type' names "
      "[/data/kind]" },
    { EVENT_BODY_STANDARD, NULL, "{'data':" VM1 "}",
      "422 event: 'type' is missing [/type]" },
    { EVENT_BODY_STANDARD, NULL, "{'type':'endpoint.put'}",
      "422 event: 'data' is missing [/data]" },
    { EVENT_BODY_STANDARD, NULL, "{'type':'endpoint.put','data':7}",
      "422 event: 'data' is 7, which is not an object [/data]" },
    { EVENT_BODY_STANDARD, NULL, "[]",
      "422 event: the object is an array, which is not an object []" },
    { EVENT_BODY_STANDARD, NULL, "{'type':'endpoint.put'",
      "400 bad JSON at line 1 column 22: \"}\" expected near end of file" },
};

static void
test_bodies(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        char *body = quoted(bodies[i].body);
        char *says = decode_body(bodies[i].form, bodies[i].type, body,
                                 strlen(body));
        assert_string_equal(says, bodies[i].says);
        free(body);
        free(says);
    }
}

/* A batch holds so many events and not one more. */
static void
test_batch_limit(void **state OVS_UNUSED)
{
    for (int more = 0; more <= 1; more++) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        char *event = quoted(CE("a.host.put", "{'id':'h'}"));
        for (int i = 0; i < EVENT_BATCH_MAX + more; i++) {
            ds_put_format(&ds, "%c%s", i ? ',' : '[', event);
        }
        ds_put_char(&ds, ']');
        free(event);

        struct inventory_event_batch batch;
        struct event_body_error error;
        enum event_body_result result = inventory_event_decode_body(
            EVENT_BODY_BATCH, NULL, ds.string, ds.length, &batch, &error);
        if (!more) {
            assert_int_equal(result, EVENT_BODY_OK);
            assert_int_equal(batch.n, EVENT_BATCH_MAX);
        } else {
            assert_int_equal(result, EVENT_BODY_INVALID);
            assert_int_equal(batch.n, 0);
            assert_string_equal(error.detail, "the batch has more than 10000 "
                                "events");
            assert_string_equal(error.pointer, "");
        }
        inventory_event_batch_uninit(&batch);
        event_body_error_uninit(&error);
        ds_destroy(&ds);
    }
}

/* Malformed input of every kind. */

/* Decodes the 'len' bytes at 'text' in every way, from memory of just that
 * size. */
static void
decode_all_ways(const char *text, size_t len)
{
    char *copy = xmemdup(text, MAX(len, 1));

    for (enum event_body form = EVENT_BODY_CLOUDEVENT;
         form <= EVENT_BODY_STANDARD; form++) {
        free(decode_body(form, "a.endpoint.put", copy, len));
    }
    free(decode_line(copy, len));
    free(copy);
}

static const char *const samples[] = {
    "[" CE_PUT "," CE("a.host.delete", "{'id':'h','revision':1}") "]",
    CE_MORE("'datacontenttype':'application/json'"),
    STANDARD("endpoint.put", VM1),
    "{'type':'put','object':" VM1 "}",
    "{'type':'version','version':'1240'}",
    VM1,
};

/* What is cut off anywhere is refused, and nothing of it is taken. */
static void
test_truncated_anywhere(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        char *text = quoted(samples[i]);
        for (size_t len = 0; len < strlen(text); len++) {
            char *copy = xmemdup(text, MAX(len, 1));
            char *says = decode_body(EVENT_BODY_BATCH, NULL, copy, len);
            assert_true(!strncmp(says, "400 ", 4));
            free(says);

            says = decode_line(copy, len);
            assert_true(!strncmp(says, "no event: ", 10));
            free(says);
            decode_all_ways(copy, len);
            free(copy);
        }
        free(text);
    }
}

/* Any byte replaced by any other leads to an answer. */
static void
test_corrupted_anywhere(void **state OVS_UNUSED)
{
    static const char bytes[] = "\"{}[]:,\\0-.eE \n\x01\x7f\x80\xc3\xff";

    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        char *text = quoted(samples[i]);
        size_t len = strlen(text);
        for (size_t j = 0; j < len; j++) {
            char was = text[j];
            for (size_t k = 0; k < sizeof bytes; k++) {
                text[j] = bytes[k];
                decode_all_ways(text, len);
            }
            text[j] = was;
        }
        free(text);
    }
}

/* Returns 'n' times 'unit' between 'head' and 'tail'. */
static struct ds
repeated(const char *head, const char *unit, size_t n, const char *tail)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, head);
    for (size_t i = 0; i < n; i++) {
        ds_put_cstr(&ds, unit);
    }
    ds_put_cstr(&ds, tail);
    return ds;
}

/* Depth and size end in an answer, not in a crash. */
static void
test_bombs(void **state OVS_UNUSED)
{
    enum { MIB = 1024 * 1024 };
    struct ds bombs[] = {
        repeated("", "[", MIB, ""),
        repeated("", "{\"data\":", MIB / 8, ""),
        repeated("[", "{},", MIB / 3, "{}]"),
        repeated("{\"type\":\"", "x.", MIB / 2, "put\"}"),
        repeated("{\"type\":\"version\",\"version\":\"", "x", MIB, "\"}"),
        repeated("", "\\", MIB, ""),
        repeated("", " ", MIB, ""),
        repeated("[1", "0", MIB, "]"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
        char *says = decode_body(EVENT_BODY_BATCH, NULL, bombs[i].string,
                                 bombs[i].length);
        assert_true(!strncmp(says, "4", 1));
        assert_true(strlen(says) < 400);
        free(says);

        says = decode_line(bombs[i].string, bombs[i].length);
        assert_true(strlen(says) < 400);
        free(says);
        decode_all_ways(bombs[i].string, bombs[i].length);
        ds_destroy(&bombs[i]);
    }
}

/* A line beyond the bound of one value is refused. */
static void
test_long_line(void **state OVS_UNUSED)
{
    struct ds line = repeated("{\"type\":\"put\",\"x\":\"", "x",
                              2 * 1024 * 1024, "\"}");
    char *says = decode_line(line.string, line.length);

    assert_string_equal(says, "no event: bad JSON at line 1 column 2097152: "
                        "a value of more than 2097152 bytes");
    free(says);
    ds_destroy(&line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_batch_limit),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_corrupted_anywhere),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_long_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
