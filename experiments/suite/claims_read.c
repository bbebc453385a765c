/* SPDX-License-Identifier: MIT
 *
 * claims_read.c -- the claims of an experiment: that they are what the paper says, and all of it.
 */
#include "experiment_inside.h"

#include <string.h>

/* The claim must be the paper's: a known statement of this table, in the same words (NULL: they are
 * reported). */
static void statement_match(const struct experiment *e, struct config_file *f,
                            const yaml_node_t *key, const yaml_node_t *words,
                            const struct statements *known)
{
    const char *id = config_text(key);
    const struct named_statement *s = known->v;
    while (s->id && strcmp(s->id, id)) s++;
    if (!s->id) {
        const char *nearest = statements_nearest(known, id);
        const char *path = known->file.path;
        if (nearest)
            config_error(f, key, "%s is no statement of %s; did you mean %s?", id, path, nearest);
        else config_error(f, key, "%s is no statement of %s; claim one of its ids", id, path);
    } else if (!s->right) {
        return;                                                 /* reported where it stands */
    } else if (s->statement.exact) {
        config_error(f, key, "%s is decided by a unit test, not by runs; leave it out", id);
    } else if (strcmp(s->statement.table, e->name)) {
        config_error(f, key, "%s belongs to the table %s, not to %s; claim it there", id,
                     s->statement.table, e->name);
    } else if (words && strcmp(s->statement.predicate, config_text(words))) {
        config_error(f, words, "%s claims `%s`, but %s says `%s`; they must be equal", id,
                     config_text(words), known->file.path, s->statement.predicate);
    }
}

/* The claim's words; NULL (reported) if they cannot be any. */
static const char *claim_text(struct config_file *f, const yaml_node_t *value, const char *id)
{
    char shown[SHOWN_MAX];
    const char *text = config_text(value);
    if (strlen(id) >= NAME_LENGTH)
        config_error(f, value, "%s: an id has at most %d bytes", id, NAME_LENGTH - 1);
    else if (!text || !text[strspn(text, " ")])
        config_error(
            f, value,
            "%s: %s is no claim; METRIC ROW > ROW, METRIC ROW within X of ROW or VALUE, METRIC "
            "ROW rises, or [no] collapse ROW",
            id, config_shown(shown, value));
    else if (strlen(text) >= TEXT_MAX)
        config_error(f, value, "%s: a claim has at most %d bytes", id, TEXT_MAX - 1);
    else return text;
    return NULL;
}

/* What the paper says of this table and the table does not answer.  A mistake, not a warning: a
 * table that drops a claim would show only what it likes, and nobody reads a warning in a log. */
static void unclaimed_report(const struct experiment *e, struct config_file *f,
                             const yaml_node_t *at, const struct statements *known)
{
    for (const struct named_statement *s = known->v; s->id; s++) {
        if (!s->right || s->statement.exact || strcmp(s->statement.table, e->name)) continue;
        int i = 0;
        while (i < e->n_claims && strcmp(e->claim[i].id, s->id)) i++;
        if (i == e->n_claims)
            config_error(f, at, "%s is not claimed, which %s gives to this table; `%s: %s`", s->id,
                         known->file.path, s->id, s->statement.predicate);
    }
}

/* Is the row named in "256 68.1, 512 68.1"? */
static bool is_reported(const char *reported, const char *row)
{
    const size_t length = strlen(row);
    for (const char *at = reported; at; at = strstr(at, ", ")) {
        at += strspn(at, ", ");
        if (!strncmp(at, row, length) && at[length] == ' ') return true;
    }
    return false;
}

/* By its name or, as of a gain, by its system's. */
static bool row_is_reported(const char *reported, const char *row)
{
    char system[NAME_LENGTH];
    snprintf(system, sizeof system, "%s", row);
    char *const end = strrchr(system, '-');
    if (is_reported(reported, row)) return true;
    if (end) *end = 0;
    return end && is_reported(reported, system);
}

static bool is_of_each(const struct predicate *part)
{
    return part->kind == CLAIM_EACH_WITHIN || part->kind == CLAIM_EACH_LESS ||
           part->kind == CLAIM_EACH_GREATER;
}

/* The paper says nothing about rows that it does not report there. */
static void each_narrow(const struct experiment *e, struct claim *c, const struct statements *known)
{
    const struct named_statement *s = known->v;
    while (s->id && strcmp(s->id, c->id)) s++;
    for (int i = 0; s->id && *s->statement.reported && i < c->n; i++)
        for (int row = 0; is_of_each(&c->part[i]) && row < e->n_rows; row++)
            if (!row_is_reported(s->statement.reported, e->row[row].name))
                c->part[i].rows &= ~((uint32_t)1 << row);
}

/* The paper says it of some scales alone. */
static void elsewhere_tell(const struct experiment *e, struct claim *c,
                           const struct statements *known)
{
    const struct named_statement *s = known->v;
    while (s->id && strcmp(s->id, c->id)) s++;
    if (!s->id || !s->right || !*s->statement.scales) return;
    const size_t length = strlen(e->scale);
    for (const char *at = s->statement.scales; *at; at += strcspn(at, ","), at += strspn(at, ", "))
        if (strcspn(at, ",") == length && !strncmp(at, e->scale, length)) return;
    snprintf(c->elsewhere, sizeof c->elsewhere, "the paper says it of scale %.200s",
             s->statement.scales);
}

static void claim_read(struct experiment *e, struct config_file *f, const yaml_node_pair_t *pair,
                       const struct statements *known)
{
    const yaml_node_t *key = yaml_document_get_node(&f->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(&f->document, pair->value);
    const char *id = config_text(key);
    if (!id || !*id) return;                                    /* config_open() reported it */
    const char *text = claim_text(f, value, id);
    if (!text) return;
    struct claim *c = &e->claim[e->n_claims++];
    memcpy(c->id, id, strlen(id) + 1);
    memcpy(c->text, text, strlen(text) + 1);
    /* without rows, those are the mistake */
    const bool right = !e->n_rows || claim_parse(c, e, f, value);
    if (!known->v) return;
    statement_match(e, f, key, right ? value : NULL, known);
    each_narrow(e, c, known);
    elsewhere_tell(e, c, known);
}

void claims_read(struct experiment *e, struct config_file *f, const yaml_node_t *claims,
                 const yaml_node_t *root, const struct statements *known)
{
    if (claims && claims->type != YAML_MAPPING_NODE) {
        config_error(f, claims, "claims: `id: predicate` lines, with ids from %s",
                     known->file.path);
        return;
    }
    const yaml_node_pair_t *p = claims ? claims->data.mapping.pairs.start : NULL;
    for (const yaml_node_pair_t *end = claims ? claims->data.mapping.pairs.top : NULL; p < end;
         p++) {
        if (e->n_claims == CLAIMS_MAX) {
            config_error(f, yaml_document_get_node(&f->document, p->key),
                         "more than %d claims; split the table", CLAIMS_MAX);
            return;
        }
        claim_read(e, f, p, known);
    }
    /* A mistyped id is told already. */
    if (known->v && !f->errors) unclaimed_report(e, f, claims ? claims : root, known);
}
