/* SPDX-License-Identifier: MIT
 *
 * statement.c -- the paper's statements (paper.yaml): where it says what, and the predicate that
 * decides it.
 */
#include "experiment_inside.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(field, bytes, text) \
    { #field, KEY_TEXT, offsetof(struct statement, field), .count = bytes, .unit = "", \
      .sentence = text }

static const struct key statement_keys[] = {
    TEXT(section, NAME_LENGTH, "where the paper says it"),
    TEXT(says, TEXT_MAX, "what it says, in our words"),
    TEXT(metric, NAME_LENGTH, "what `reported` is, if not ImageNet linear top-1"),
    TEXT(table, NAME_LENGTH, "the experiment that decides it"),
    TEXT(predicate, TEXT_MAX, "what a verdict needs"),
    { "exact", KEY_BOOL, offsetof(struct statement, exact), .unit = "",
      .sentence = "a unit test decides it, not runs" },
    TEXT(test, TEXT_MAX, "the function in tests/ that decides it"),
    { .name = NULL }
};
static const char *const statement_others[] = { "reported", "scales", NULL };

/* Adds a piece to the text; false if it does not fit. */
static bool piece_add(char text[TEXT_MAX], const char *between, const char *piece)
{
    const size_t n = strlen(text);
    return (size_t)snprintf(text + n, TEXT_MAX - n, "%s%s", n ? between : "", piece) < TEXT_MAX - n;
}

/* `reported:`, a number or a list of numbers by row, as "row 68.1 70.0, other 66.5".  It is shown,
 * never computed with, so its digits stay as the paper prints them; false if it is no such
 * mapping. */
static bool reported_read(struct config_file *f, const yaml_node_t *node, char text[TEXT_MAX])
{
    if (node->type != YAML_MAPPING_NODE) return false;
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *value = yaml_document_get_node(&f->document, p->value);
        const char *row = config_text(yaml_document_get_node(&f->document, p->key)),
                   *one = config_text(value);
        if (!row || !*row || !piece_add(text, ", ", row)) return false;
        if (one && (!*one || !piece_add(text, " ", one))) return false;
        if (one) continue;
        if (value->type != YAML_SEQUENCE_NODE) return false;
        const yaml_node_item_t *item = value->data.sequence.items.start,
                               *end = value->data.sequence.items.top;
        for (; item < end; item++) {
            const char *number = config_text(yaml_document_get_node(&f->document, *item));
            if (!number || !*number || !piece_add(text, " ", number)) return false;
        }
    }
    return *text;
}

/* `scales:`, a list of files beside paper.yaml, as "cifar10, night"; false (reported) if it is
 * none. */
static bool scales_read(struct config_file *f, const yaml_node_t *node, char text[TEXT_MAX])
{
    char *const folder = text_format("%.*sscale", (int)(strrchr(f->path, '/') + 1 - f->path),
                                     f->path);
    char **const names = names_list(folder, "the scales that `scales:` names lie there");
    const int errors = f->errors;
    const yaml_node_item_t *item = NULL, *end = NULL;
    if (node->type == YAML_SEQUENCE_NODE) {
        item = node->data.sequence.items.start;
        end = node->data.sequence.items.top;
    }
    if (item == end) config_error(f, node, "scales: a list of scales is wanted, like [cifar10]");
    for (; item < end; item++) {
        const yaml_node_t *const at = yaml_document_get_node(&f->document, *item);
        const char *const name = config_text(at);
        char shown[SHOWN_MAX];
        if (name && name_listed(names, name)) {
            if (piece_add(text, ", ", name)) continue;
            config_error(f, at, "scales: more than %d bytes; leave some out", TEXT_MAX - 1);
            break;
        }
        const char *const nearest = name ? config_nearest(name, (const char *const *)names) : NULL;
        if (nearest) config_error(f, at, "scales: no scale %s; did you mean %s?", name, nearest);
        else config_error(f, at, "scales: no scale %s; name a file of scale/",
                          config_shown(shown, at));
    }
    names_free(names);
    free(folder);
    return f->errors == errors;
}

static bool statement_read(struct config_file *f, yaml_node_t *node, struct statement *s)
{
    if (node->type == YAML_MAPPING_NODE) {
        if (!config_apply(f, node, statement_keys, s, statement_others, NULL)) return false;
        const yaml_node_t *reported = config_get(f, node, "reported");
        if (reported && !reported_read(f, reported, s->reported)) {
            config_error(f, reported,
                         "reported: the paper's numbers by row, like { with: 67.7, without: 0.1 }");
            return false;
        }
        const yaml_node_t *scales = config_get(f, node, "scales");
        if (scales && !scales_read(f, scales, s->scales)) return false;
        const bool whole = *s->section && *s->says && s->exact == !*s->predicate &&
                           s->exact == !*s->table;
        if (whole && (s->exact || !*s->test)) return true;
    }
    config_error(
        f, node,
        "a statement has section and says, and either table and predicate or `exact: true`");
    return false;
}

void statements_open(struct statements *s, const char *path)
{
    s->v = NULL;
    config_open(&s->file, path);
    const yaml_node_t *root = config_root(&s->file);
    if (!root) return;
    const yaml_node_pair_t *start = root->data.mapping.pairs.start,
                           *top = root->data.mapping.pairs.top;
    s->v = host_alloc((size_t)(top - start) + 1, sizeof *s->v);
    struct named_statement *v = s->v;
    for (const yaml_node_pair_t *p = start; p < top; p++) {
        v->id = config_text(yaml_document_get_node(&s->file.document, p->key));
        if (!v->id) continue;                                   /* config_open() reported it */
        v->right = statement_read(&s->file, yaml_document_get_node(&s->file.document, p->value),
                                  &v->statement);
        v++;
    }
}

void statements_close(struct statements *s)
{
    free(s->v);
    s->v = NULL;
    config_close(&s->file);
}

const char *statements_nearest(const struct statements *s, const char *id)
{
    int n = 0;
    while (s->v[n].id) n++;
    const char **ids = host_alloc((size_t)n + 1, sizeof *ids);
    for (int i = 0; i < n; i++) ids[i] = s->v[i].id;
    const char *nearest = config_nearest(id, ids);
    free(ids);
    return nearest;
}
