/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/conflicts.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

struct conflict_subject {
    struct hmap_node node;      /* In conflicts' 'subjects'. */
    char *name;
    struct svec sentences;
};

void
conflicts_init(struct conflicts *c)
{
    hmap_init(&c->subjects);
    c->n = 0;
    sset_init(&c->pending);
    sset_init(&c->told);
    svec_init(&c->draft);
}

static void
subject_destroy(struct conflicts *c, struct conflict_subject *s)
{
    hmap_remove(&c->subjects, &s->node);
    svec_destroy(&s->sentences);
    free(s->name);
    free(s);
}

void
conflicts_destroy(struct conflicts *c)
{
    struct conflict_subject *s;

    HMAP_FOR_EACH_SAFE (s, node, &c->subjects) {
        subject_destroy(c, s);
    }
    hmap_destroy(&c->subjects);
    sset_destroy(&c->pending);
    sset_destroy(&c->told);
    svec_destroy(&c->draft);
}

static struct conflict_subject *
find_subject(const struct conflicts *c, const char *name)
{
    struct conflict_subject *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash_string(name, 0), &c->subjects) {
        if (!strcmp(s->name, name)) {
            return s;
        }
    }
    return NULL;
}

void
conflicts_begin(struct conflicts *c)
{
    svec_clear(&c->draft);
}

void
conflicts_add(struct conflicts *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    svec_add_nocopy(&c->draft, xvasprintf(format, args));
    va_end(args);
}

static void
mark_pending(struct conflicts *c, const struct svec *sentences)
{
    for (size_t i = 0; i < sentences->n; i++) {
        sset_add(&c->pending, sentences->names[i]);
    }
}

void
conflicts_end(struct conflicts *c, const char *subject)
{
    struct conflict_subject *s = find_subject(c, subject);

    if (s ? svec_equal(&s->sentences, &c->draft) : !c->draft.n) {
        return;
    }
    if (s) {
        mark_pending(c, &s->sentences);
        c->n -= s->sentences.n;
        subject_destroy(c, s);
    }
    if (c->draft.n && c->n + c->draft.n <= CONFLICTS_MAX) {
        s = xmalloc(sizeof *s);
        s->name = xstrdup(subject);
        svec_clone(&s->sentences, &c->draft);
        hmap_insert(&c->subjects, &s->node, hash_string(subject, 0));
        mark_pending(c, &s->sentences);
        c->n += s->sentences.n;
    }
}

void
conflicts_get(const struct conflicts *c, struct svec *out)
{
    const struct conflict_subject *s;

    HMAP_FOR_EACH (s, node, &c->subjects) {
        svec_append(out, &s->sentences);
    }
    svec_sort(out);
}

void
conflicts_tell(struct conflicts *c, conflict_cb *cb, void *aux)
{
    if (sset_is_empty(&c->pending)) {
        return;
    }

    const struct conflict_subject *s;
    struct sset standing = SSET_INITIALIZER(&standing);
    HMAP_FOR_EACH (s, node, &c->subjects) {
        for (size_t i = 0; i < s->sentences.n; i++) {
            sset_add(&standing, s->sentences.names[i]);
        }
    }

    const char **sentences = sset_sort(&c->pending);
    for (size_t i = 0; sentences[i]; i++) {
        bool stands = sset_contains(&standing, sentences[i]);

        if (stands && sset_add(&c->told, sentences[i])) {
            cb(sentences[i], false, aux);
        } else if (!stands && sset_find_and_delete(&c->told, sentences[i])) {
            cb(sentences[i], true, aux);
        }
    }
    free(sentences);
    sset_destroy(&standing);
    sset_clear(&c->pending);
}
