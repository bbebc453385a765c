/* SPDX-License-Identifier: MIT
 *
 * store_scan.c -- members of an archive to pictures with their labels.
 */
#include "store_index.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "folder.h"

void entries_add(struct index_entries *e, const struct index_entry *entry, const char *name)
{
    if (e->n == e->room) {
        const int room = e->room ? 2 * e->room : 1024;
        struct index_entry *const more = host_alloc((size_t)room, sizeof *more);
        if (e->n) memcpy(more, e->v, (size_t)e->n * sizeof *more);
        free(e->v);
        e->v = more;
        e->room = room;
    }
    e->v[e->n] = *entry;
    e->v[e->n++].name = text_format("%s", name);
}

void entries_free(struct index_entries *e)
{
    for (int i = 0; i < e->n; i++) free(e->v[i].name);
    free(e->v);
    *e = (struct index_entries){ .v = NULL };
}

int64_t scan_at(const struct index_scan *s) { return s->is_ahead ? s->ahead.header : s->t.at; }

/* ---- names ----------------------------------------------------------------------------------- */

static const char *name_last(const char *name)
{
    const char *const slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* Up to the first dot behind the last slash. */
static size_t stem_length(const char *name)
{
    const char *const last = name_last(name);
    return (size_t)(last - name) + strcspn(last, ".");
}

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n > m && !strcasecmp(name + n - m, end);
}

static bool is_picture(const char *name)
{
    const char *const end = name + stem_length(name);
    return !strcasecmp(end, ".jpg") || !strcasecmp(end, ".jpeg") || !strcasecmp(end, ".png");
}

/* Folders, and what begins with a dot, are nothing: as in folders of images. */
static enum tar_step member_seen(struct tar *t, struct tar_member *m, char wrong[WRONG_TEXT])
{
    enum tar_step step;
    do step = tar_next(t, m, wrong);
    while (step == TAR_MEMBER && (m->folder || *name_last(m->name) == '.'));
    return step;
}

static bool room_left(const struct index_entries *e, char wrong[WRONG_TEXT])
{
    return e->n < FOLDER_IMAGES_MAX || refuse(wrong, "more than %d images", FOLDER_IMAGES_MAX);
}

/* ---- nested ---------------------------------------------------------------------------------- */

static enum tar_step nested_next(struct index_scan *s, const struct tar_member *outer,
                                 char wrong[WRONG_TEXT])
{
    struct tar t = { s->t.read, s->t.context, outer->offset, outer->offset + outer->bytes };
    struct tar_member m;
    const char *const last = name_last(outer->name);
    const int class = (int)(strlen(last) - strlen(".tar"));
    const int before = s->entries->n;
    s->where = outer->header;
    for (;;) {
        const enum tar_step step = member_seen(&t, &m, wrong);
        if (step == TAR_END) break;
        s->where = m.header;
        if (step == TAR_WRONG || !room_left(s->entries, wrong)) return TAR_WRONG;
        char *const name = text_format("%.*s/%s", class, last, name_last(m.name));
        entries_add(s->entries, &(struct index_entry){ NULL, -1, s->archive, m.offset, m.bytes },
                    name);
        free(name);
    }
    if (s->entries->n > before) return TAR_MEMBER;
    refuse(wrong, "no image in the inner archive %.80s", outer->name);
    return TAR_WRONG;
}

/* ---- samples --------------------------------------------------------------------------------- */

static bool label_read(const struct index_scan *s, int64_t *label, const struct tar_member *m,
                       char wrong[WRONG_TEXT])
{
    enum { MOST = 16 };
    char text[MOST + 1] = "";
    if (m->bytes > MOST)
        return refuse(wrong, "%.80s has %lld bytes; an integer is wanted", m->name,
                      (long long)m->bytes);
    if (!s->t.read(s->t.context, text, m->offset, (size_t)m->bytes, wrong)) return false;
    size_t n = (size_t)m->bytes;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        text[--n] = '\0';
    if (!n || n > 9 || strspn(text, "0123456789") != n)
        return refuse(wrong, "%.80s is no integer from 0 to 999999999", m->name);
    *label = strtol(text, NULL, 10);
    return true;
}

struct sample {
    struct tar_member picture;
    bool pictured;
    int64_t label;
};

static bool sample_take(const struct index_scan *s, struct sample *a, const struct tar_member *m,
                        char wrong[WRONG_TEXT])
{
    if (is_picture(m->name)) {
        if (a->pictured) return refuse(wrong, "a sample with two images: %.100s", m->name);
        a->picture = *m;
        a->pictured = true;
        return true;
    }
    if (strcasecmp(m->name + stem_length(m->name), ".cls")) return true;
    if (a->label >= 0) return refuse(wrong, "a sample with two labels: %.100s", m->name);
    return label_read(s, &a->label, m, wrong);
}

static enum tar_step sample_next(struct index_scan *s, char wrong[WRONG_TEXT])
{
    const struct tar_member first = s->ahead;
    const size_t stem = stem_length(first.name);
    struct sample a = { .label = -1 };
    enum tar_step step = TAR_MEMBER;
    s->where = first.header;
    while (step == TAR_MEMBER && stem_length(s->ahead.name) == stem &&
           !memcmp(s->ahead.name, first.name, stem)) {
        s->where = s->ahead.header;
        if (!sample_take(s, &a, &s->ahead, wrong)) return TAR_WRONG;
        step = member_seen(&s->t, &s->ahead, wrong);
    }
    s->is_ahead = step == TAR_MEMBER;
    s->ended = step == TAR_END;
    if (step == TAR_WRONG) {
        s->where = s->ahead.header;
        return TAR_WRONG;
    }
    s->where = first.header;
    if (!a.pictured || a.label < 0) {
        refuse(wrong, "a sample without %s: %.100s",
               a.pictured ? "its label (.cls)" : "an image (.jpg, .jpeg, .png)", first.name);
        return TAR_WRONG;
    }
    if (!room_left(s->entries, wrong)) return TAR_WRONG;
    entries_add(
        s->entries,
        &(struct index_entry){ NULL, a.label, s->archive, a.picture.offset, a.picture.bytes },
        a.picture.name);
    return TAR_MEMBER;
}

/* ---- either ---------------------------------------------------------------------------------- */

enum tar_step scan_next(struct index_scan *s, char wrong[WRONG_TEXT])
{
    if (s->ended) return TAR_END;
    if (!s->is_ahead) {
        const enum tar_step step = member_seen(&s->t, &s->ahead, wrong);
        s->where = s->ahead.header;
        if (step != TAR_MEMBER) return step;
    }
    const enum index_kind kind =
        ends_in(name_last(s->ahead.name), ".tar") ? INDEX_NESTED : INDEX_SAMPLES;
    if (s->kind == INDEX_UNKNOWN) s->kind = kind;
    s->where = s->ahead.header;
    if (kind != s->kind) {
        refuse(wrong, "%.80s: archives in an archive and samples in one index", s->ahead.name);
        return TAR_WRONG;
    }
    s->is_ahead = false;
    return kind == INDEX_NESTED ? nested_next(s, &s->ahead, wrong) : sample_next(s, wrong);
}
