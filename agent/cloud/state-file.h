/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_STATE_FILE_H
#define VTEPD_STATE_FILE_H 1

/* The form of the file that keeps the last known inventory (contract 3.4).
 *
 * It is one page of a list (contract 3.2), an object a line, with two members
 * more: the first says whose inventory it is, and the last, on a line of its
 * own, is the SHA-1 of all lines before.
 *
 *     {"vtepd":{"format":1,"host":"hv1","inventory":"https://cloud.example"},
 *     "version":"1234",
 *     "items":[
 *     {"kind":"host","id":"hv1",...},
 *     ...
 *     ],
 *     "deleted":[{"kind":"endpoint","id":"e7","revision":9,"seconds":540},...],
 *     "list":{"etag":"\"1234\"","decoded_by":"0.1.0"},
 *     "sha1":"40 hexadecimal digits"}
 *
 * "deleted" is there if deleted objects are remembered: with which revision
 * and, when the file was written, for how many more seconds.
 *
 * "list" is there if the objects are exactly those of a whole list of the API
 * that had this ETag.  Both stand at the end because they are known only once
 * all is written.  Another version of vtepd may make more of the same list, so
 * to that it says nothing.
 *
 * So jq reads it, and so does vtepd itself with --inventory=file:FILE.
 *
 * Text only: no I/O. */

#include <stddef.h>
#include <stdint.h>

#include "sha1.h"

struct deleted_object;
struct ds;
struct object;
struct stat;

enum {
    /* Grows when a file could be misunderstood by those that know only the
     * formats before. */
    STATE_FILE_FORMAT = 1,

    /* Bytes of the line that holds the checksum. */
    STATE_FILE_SUM_LEN = 8 + SHA1_HEX_DIGEST_LEN + 3,

    /* Deleted objects in a file. */
    STATE_FILE_DELETED_MAX = 10000,
};

/* Why a file that is like this cannot be believed, or NULL: one of this user's
 * that nobody else can write, of at most 'max' bytes.  The caller frees it. */
char *state_file_distrust(const struct stat *, int max);

/* Whose inventory a file holds. */
struct state_file_owner {
    char *host;                 /* This host's id. */
    char *url;                  /* The inventory's URL. */
};

/* Returns the name, without a folder, of the file for 'host', which the
 * caller must free: no two hosts have the same, and whatever the id holds it
 * is the name of a file of that folder. */
char *state_file_name(const char *host);

/* The parts of a file, in their order: a head, objects, a tail and the
 * checksum of all that stands before it.  Each appends to 's'.  'deleted' is
 * what state_file_put_deleted() has been appended to for each deleted object,
 * perhaps nothing; 'etag' is NULL if there is none. */
void state_file_put_head(struct ds *s, const struct state_file_owner *,
                         const char *version);
void state_file_put_object(struct ds *s, const struct object *, bool first);
void state_file_put_deleted(struct ds *deleted,
                            const struct deleted_object *);
void state_file_put_tail(struct ds *s, const struct ds *deleted,
                         const char *etag);
void state_file_put_sum(struct ds *s, const uint8_t sha1[SHA1_DIGEST_SIZE]);

/* Is the 'len' bytes at 'text' a file of 'owner', whole and unharmed?  'sha1'
 * is the digest of all but the last STATE_FILE_SUM_LEN of them.  Returns NULL
 * if it is, else the rest of a sentence that begins with the file's name,
 * which the caller must free.  The objects are not looked at. */
char *state_file_check(const char *text, size_t len,
                       const uint8_t sha1[SHA1_DIGEST_SIZE],
                       const struct state_file_owner *owner);

/* Returns the ETag, which the caller must free, of the list that such a file
 * holds, NULL if it says none that this version of vtepd can go by. */
char *state_file_etag(const char *text, size_t len);

/* Calls 'cb' for every deleted object in such a file, as it was when that was
 * written.  Leaves out what it does not know. */
void state_file_for_each_deleted(const char *text, size_t len,
                                 void (*cb)(const struct deleted_object *,
                                            void *aux), void *aux);

#endif /* state-file.h */
