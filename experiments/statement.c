/* SPDX-License-Identifier: MIT
 *
 * statement.c -- the paper's statements (paper.yaml): where it says what, and the predicate that decides it.
 */
#include "experiment.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(field, bytes, text) \
    { #field, KEY_TEXT, offsetof(struct statement, field), .count = bytes, .unit = "", .sentence = text }

static const struct key statement_keys[] = {
    TEXT(section, NAME_LENGTH, "where the paper says it"),
    TEXT(says, TEXT_MAX, "what it says, in our words"),
    TEXT(table, NAME_LENGTH, "the experiment that decides it"),
    TEXT(predicate, TEXT_MAX, "what a verdict needs"),
    { "exact", KEY_BOOL, offsetof(struct statement, exact), .unit = "",
      .sentence = "a unit test decides it, not runs" },
    { .name = NULL }
};
/* For readers: the numbers that the paper prints, and what they measure if it is not ImageNet's linear top-1. */
static const char *const statement_others[] = { "reported", "metric", NULL };

static bool statement_read(struct config_file *f, yaml_node_t *node, struct statement *s)
{
    if (node->type == YAML_MAPPING_NODE) {
        if (!config_apply(f, node, statement_keys, s, statement_others, NULL)) return false;
        if (*s->section && *s->says && s->exact == !*s->predicate && s->exact == !*s->table) return true;
    }
    config_error(f, node, "a statement has section and says, and either table and predicate or `exact: true`");
    return false;
}

void statements_open(struct statements *s, const char *path)
{
    s->v = NULL;
    config_open(&s->file, path);
    const yaml_node_t *root = config_root(&s->file);
    if (!root) return;
    const yaml_node_pair_t *start = root->data.mapping.pairs.start, *top = root->data.mapping.pairs.top;
    s->v = host_alloc((size_t)(top - start) + 1, sizeof *s->v);
    struct named_statement *v = s->v;
    for (const yaml_node_pair_t *p = start; p < top; p++) {
        v->id = config_text(yaml_document_get_node(&s->file.document, p->key));
        if (!v->id) continue;                                   /* config_open() reported it */
        v->right = statement_read(&s->file, yaml_document_get_node(&s->file.document, p->value), &v->statement);
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

bool statement_find(struct statement *out, const char *paper_yaml, const char *id)
{
    struct statements s;
    statements_open(&s, paper_yaml);
    if (s.file.errors) die_user("%s is wrong (see above); nothing was done", paper_yaml);
    const struct named_statement *v = s.v;
    while (v->id && strcmp(v->id, id)) v++;
    const bool found = v->id != NULL;
    if (found) *out = v->statement;
    statements_close(&s);
    return found;
}
