/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_LEARNED_FILE_H
#define VTEPD_LEARNED_FILE_H 1

/* What was learned from packets, kept in a file over a restart.
 *
 * The inventory does not say which VM listens to which multicast group, nor
 * who holds a shared address: that was heard.  Without this file a restarted
 * vtepd would know nothing of it, and take it from the switch.
 *
 * Each part of vtepd that learns has a section, a JSON value of its own
 * making.  It says learned_file_changed() when that should be written; a
 * moment later it is asked for the value.  A section is handed what the file
 * has for it once, when the file is read; it must take nothing in that value
 * for granted, though a file that is not whole, not ours alone to write, or
 * another host's, is not read at all.
 *
 *     {"format":1,"host":"hv1",
 *     "multicast":[...],
 *     "holders":[...],
 *     "sha1":"40 hexadecimal digits"}
 *
 * The last line is the SHA-1 of all lines before.  The file is replaced as a
 * whole.  It is not brought to the disk by force: after a host has crashed,
 * its VMs are gone and with them what they listened to.
 *
 * Nothing here can fail for the caller: trouble with the file is logged once,
 * and vtepd learns anew after a restart. */

#include <stdbool.h>

struct json;
struct learned_file;

struct learned_section {
    const char *name;           /* A string constant. */
    void *aux;

    /* Returns what is to be kept, for the caller to free. */
    struct json *(*to_json)(void *aux);

    /* Takes back what was kept. */
    void (*from_json)(const struct json *, void *aux);
};

struct learned_file *learned_file_create(void);

/* Does not write what is not written yet: see learned_file_flush(). */
void learned_file_destroy(struct learned_file *);

/* Adds a section (copied), before the first learned_file_configure(). */
void learned_file_add_section(struct learned_file *,
                              const struct learned_section *);

/* From now on the file is that of 'host' in folder 'dir', which is made if it
 * is missing and its parent is there.  The first call reads it and hands the
 * sections what is in it. */
void learned_file_configure(struct learned_file *, const char *dir,
                            const char *host);

/* What some section would write has changed. */
void learned_file_changed(struct learned_file *);

/* Writes about a second after a change.  'now' is time in ms. */
void learned_file_run(struct learned_file *, long long int now);
void learned_file_wait(const struct learned_file *);

/* Writes at once what is not written yet. */
void learned_file_flush(struct learned_file *);

/* Why the file could not be read or written, or NULL. */
const char *learned_file_error(const struct learned_file *);

#endif /* learned-file.h */
