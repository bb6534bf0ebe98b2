/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/conflicts.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

/* What was said of an object. */
struct conflict_subject {
    struct hmap_node node;      /* In conflicts' 'subjects'. */
    const char *kind;
    char *id;
    struct svec sentences;
};

/* There is one for each that stands, or whose end is to be told. */
struct conflict_sentence {
    struct hmap_node node;      /* In conflicts' 'sentences'. */
    struct ovs_list pending_list;   /* In conflicts' 'pending' or empty. */
    size_t n;                   /* How often it is among the subjects'. */
    bool told;                  /* Does it stand, as told last? */
    char text[];
};

void
conflicts_init(struct conflicts *c)
{
    hmap_init(&c->subjects);
    c->n = 0;
    hmap_init(&c->sentences);
    ovs_list_init(&c->pending);
    c->n_pending = 0;
    svec_init(&c->draft);
}

static void
subject_destroy(struct conflicts *c, struct conflict_subject *s)
{
    hmap_remove(&c->subjects, &s->node);
    svec_destroy(&s->sentences);
    free(s->id);
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

    struct conflict_sentence *sentence;
    HMAP_FOR_EACH_POP (sentence, node, &c->sentences) {
        free(sentence);
    }
    hmap_destroy(&c->sentences);
    svec_destroy(&c->draft);
}

static uint32_t
subject_hash(const char *kind, const char *id)
{
    return hash_string(id, hash_string(kind, 0));
}

static struct conflict_subject *
find_subject(const struct conflicts *c, const char *kind, const char *id)
{
    struct conflict_subject *s;

    if (hmap_is_empty(&c->subjects)) {
        return NULL;
    }
    HMAP_FOR_EACH_WITH_HASH (s, node, subject_hash(kind, id), &c->subjects) {
        if (!strcmp(s->id, id) && !strcmp(s->kind, kind)) {
            return s;
        }
    }
    return NULL;
}

static struct conflict_sentence *
get_sentence(struct conflicts *c, const char *text)
{
    uint32_t hash = hash_string(text, 0);
    struct conflict_sentence *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, hash, &c->sentences) {
        if (!strcmp(s->text, text)) {
            return s;
        }
    }

    size_t len = strlen(text);
    s = xzalloc(sizeof *s + len + 1);
    memcpy(s->text, text, len + 1);
    ovs_list_init(&s->pending_list);
    hmap_insert(&c->sentences, &s->node, hash);
    return s;
}

/* 'sentences' stand once more, or once less. */
static void
count_sentences(struct conflicts *c, const struct svec *sentences, int change)
{
    for (size_t i = 0; i < sentences->n; i++) {
        struct conflict_sentence *s = get_sentence(c, sentences->names[i]);

        s->n += change;
        if (ovs_list_is_empty(&s->pending_list)) {
            ovs_list_push_back(&c->pending, &s->pending_list);
            c->n_pending++;
        }
    }
    c->n += change * (int) sentences->n;
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

void
conflicts_end(struct conflicts *c, const char *kind, const char *id)
{
    struct conflict_subject *s = find_subject(c, kind, id);

    if (s ? svec_equal(&s->sentences, &c->draft) : !c->draft.n) {
        return;
    }
    if (s) {
        count_sentences(c, &s->sentences, -1);
        subject_destroy(c, s);
    }
    if (c->draft.n && c->n + c->draft.n <= CONFLICTS_MAX) {
        s = xmalloc(sizeof *s);
        s->kind = kind;
        s->id = xstrdup(id);
        svec_clone(&s->sentences, &c->draft);
        hmap_insert(&c->subjects, &s->node, subject_hash(kind, id));
        count_sentences(c, &s->sentences, 1);
    }
}

void
conflicts_count(const struct conflicts *c, conflict_count_cb *cb, void *aux)
{
    const struct conflict_subject *s;

    HMAP_FOR_EACH (s, node, &c->subjects) {
        cb(s->kind, s->sentences.n, aux);
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

static int
compare_sentences(const void *a_, const void *b_)
{
    const struct conflict_sentence *const *a = a_;
    const struct conflict_sentence *const *b = b_;

    return strcmp((*a)->text, (*b)->text);
}

static void
tell_sentence(struct conflicts *c, struct conflict_sentence *s,
              conflict_cb *cb, void *aux)
{
    bool stands = s->n > 0;

    if (stands != s->told) {
        s->told = stands;
        cb(s->text, !stands, aux);
    }
    if (!stands) {
        hmap_remove(&c->sentences, &s->node);
        free(s);
    }
}

void
conflicts_tell(struct conflicts *c, conflict_cb *cb, void *aux)
{
    if (!c->n_pending) {
        return;
    }

    struct conflict_sentence **sentences = xmalloc(c->n_pending
                                                   * sizeof *sentences);
    struct conflict_sentence *s;
    size_t n = 0;

    LIST_FOR_EACH_POP (s, pending_list, &c->pending) {
        ovs_list_init(&s->pending_list);
        sentences[n++] = s;
    }
    c->n_pending = 0;
    qsort(sentences, n, sizeof *sentences, compare_sentences);
    for (size_t i = 0; i < n; i++) {
        tell_sentence(c, sentences[i], cb, aux);
    }
    free(sentences);
}
