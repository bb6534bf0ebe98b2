/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_JSON_NODE_H
#define VTEPD_JSON_NODE_H 1

/* A JSON value together with the way that led to it.
 *
 * The seam between inventory-json.c, which alone knows the JSON library, and
 * whoever turns JSON into values: nodes live on the stack of the decoder, each
 * pointing to the one it was reached from, so that a refusal can name the
 * member by its path ("tunnels[1].ip") without any cost while all is well.
 *
 * The node_get_*() functions return true and store the value, return true
 * and leave the value alone if the member is absent, or return false after
 * recording why.  Only the first refusal of a decoder is kept. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/compiler.h"

struct inventory_item;
struct json_t;

/* JSON text, and how far it has been read. */
struct json_text {
    const char *text;
    size_t len;
    size_t pos;
};

/* Skips white space and returns the byte that follows, '\0' at the end. */
char text_peek(struct json_text *);
bool text_at_end(const struct json_text *);

/* Returns an error, which the caller must free, that says that 'wanted' should
 * stand where 'text' is. */
char *text_unexpected(const struct json_text *text, const char *wanted);

/* Reads one value of any type, to be freed with node_value_free().  On failure
 * returns NULL and sets '*errorp', which the caller must free. */
struct json_t *text_read_value(struct json_text *, char **errorp);

/* Likewise, of a text that has to be nothing but one value. */
struct json_t *text_read_only_value(struct json_text *, char **errorp);
void node_value_free(struct json_t *);

/* Decodes 'value' as an object of the inventory, filling in all of '*item'. */
void node_value_decode(struct json_t *value, struct inventory_item *item);

/* What the nodes of one object share. */
struct json_decoder {
    const char *kind;           /* For messages; NULL: not known (yet). */
    const char *id;             /* Likewise. */
    char *error;                /* The first refusal, or NULL. */

    /* For those who have to point to the member at fault in their text. */
    char **pointerp;            /* Takes, on the first refusal, the JSON
                                 * Pointer (RFC 6901) of what was refused;
                                 * NULL: it is not wanted. */
    const struct json_node *where;  /* What the nodes' root is in a value
                                     * around it that has another decoder;
                                     * NULL: the root is the whole text. */
};

struct json_node {
    struct json_decoder *decoder;
    struct json_t *value;       /* NULL: a member that is absent, or null. */
    const struct json_node *up; /* NULL: the object itself. */
    const char *name;           /* Member's name; NULL: an item of an array. */
    size_t index;               /* Of an item. */
};

/* The member 'name' with 'value' of 'up', whose own value does not matter.
 * Names stand in JSON Pointers as they are: without '~' and '/'. */
struct json_node node_of_value(const struct json_node *up, const char *name,
                               struct json_t *value);

/* Likewise, item 'index'. */
struct json_node node_of_item(const struct json_node *up, size_t index,
                              struct json_t *value);

/* The member 'name' of 'up', which must be an object. */
struct json_node node_member(const struct json_node *up,
                             const char *name);

/* Likewise, the members 'names' of 'up', 'n' of them, into 'nodes': in one look
 * through the object, for those of which there may be a million. */
void node_members(const struct json_node *up, const char *const names[],
                  size_t n, struct json_node nodes[]);

/* Item 'index' of 'up', which must be an array with so many items. */
struct json_node node_item(const struct json_node *up, size_t index);

/* False, recorded, if the member is absent. */
bool node_require(const struct json_node *);

/* Stores a string that lives as long as the JSON value and holds no NUL. */
bool node_get_string(const struct json_node *, const char **);

/* Stores a copy, which the caller must free, of a string of 1 to 'max'
 * printable ASCII characters. */
bool node_copy_printable(const struct json_node *, size_t max, char **);

bool node_get_bool(const struct json_node *, bool *);
bool node_get_integer(const struct json_node *, uint64_t min,
                      uint64_t max, uint64_t *);

/* Stores the number of items, 0 if the member is absent. */
bool node_get_array(const struct json_node *, size_t max, size_t *n);

/* False, recorded, if the node is no object. */
bool node_is_object(const struct json_node *);

/* The number of members that an object has, leaving out those that are
 * null. */
size_t node_n_members(const struct json_node *);

/* Records that the value 'problem', e.g. "is not a MAC address".  Returns
 * false. */
bool node_refuse(const struct json_node *, const char *problem, ...)
    OVS_PRINTF_FORMAT(2, 3);

#endif /* json-node.h */
