/* SPDX-License-Identifier: MIT
 *
 * claim_parse.c -- the claims of an experiment: their grammar, and that they are what the paper says.
 *
 *   CLAIM  = PART { ';' PART }
 *   PART   = METRIC ROW '>' ROW | METRIC ROW 'within' NUMBER 'of' ( ROW | NUMBER ) | METRIC ROW 'rises'
 *          | [ 'no' ] 'collapse' ROW
 *
 * A token that names a row is that row; a value equal to a row's name is written with a decimal point.
 */
#include "experiment.h"

#include <stdarg.h>
#include <string.h>

const char *const claim_metrics[] = { "linear", "knn", "loss", "std_sqrtd", "view_share", NULL };

enum { TOKENS_MAX = 8, TOKEN_MAX = 64 };
struct parser {
    const struct experiment *e;
    struct config_file *f;
    const yaml_node_t *node;       /* the claim's text */
    const char *text;
    struct { char word[TOKEN_MAX]; size_t at; } token[TOKENS_MAX];     /* of one part */
    int n;
    size_t from, end;              /* where the part starts and ends */
};

/* Reports at a byte of the claim's text, which stands in the file as it is unless it is folded or escaped. */
__attribute__((format(printf, 3, 4)))
static bool wrong(struct parser *p, size_t at, const char *format, ...)
{
    char message[TEXT_MAX * 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    yaml_node_t place = *p->node;
    if (place.start_mark.line == place.end_mark.line) {
        place.start_mark.column += place.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;      /* its quote */
        for (size_t i = 0; i < at; i++) place.start_mark.column += ((unsigned char)p->text[i] & 0xc0) != 0x80;
    }
    config_error(p->f, &place, "%s", message);
    return false;
}

/* The place of token i, or of the part's end where a token is missing; its word, "" where it is missing. */
static size_t place(const struct parser *p, int i)
{
    return i < p->n ? p->token[i].at : p->end;
}

static const char *word(const struct parser *p, int i)
{
    return i < p->n ? p->token[i].word : "";
}

static int name_index(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static void row_names(const struct experiment *e, const char *names[ROWS_MAX + 1])
{
    for (int i = 0; i < e->n_rows; i++) names[i] = e->row[i].name;
    names[e->n_rows] = NULL;
}

static bool row_parse(struct parser *p, int i, int *row)
{
    const char *names[ROWS_MAX + 1];
    row_names(p->e, names);
    *row = name_index(names, word(p, i));
    if (*row >= 0) return true;
    if (i >= p->n) return wrong(p, place(p, i), "the claim ends here; a row's name is missing");
    const char *nearest = config_nearest(word(p, i), names);
    return nearest ? wrong(p, place(p, i), "no row %s; did you mean %s?", word(p, i), nearest)
                   : wrong(p, place(p, i), "no row %s; the first is %s", word(p, i), names[0]);
}

/* `within X of ROW|VALUE`, from token 2 on. */
static bool within_parse(struct parser *p, struct predicate *part)
{
    if (!config_number(word(p, 3), &part->within) || part->within <= 0)
        return wrong(p, place(p, 3), "within %s; within a number above 0", word(p, 3));
    if (strcmp(word(p, 4), "of"))
        return wrong(p, place(p, 4), "`of` is missing: METRIC ROW within X of ROW or VALUE");
    const char *names[ROWS_MAX + 1];
    row_names(p->e, names);
    part->other = name_index(names, word(p, 5));
    part->kind = part->other >= 0 ? CLAIM_WITHIN_ROW : CLAIM_WITHIN_VALUE;
    if (part->other >= 0) return true;
    part->other = 0;
    return config_number(word(p, 5), &part->value) || row_parse(p, 5, &part->other);
}

/* One part's tokens; returns false (reported) at the first that is wrong. */
static bool part_parse(struct parser *p, struct predicate *part)
{
    *part = (struct predicate){ 0 };
    const int no = !strcmp(word(p, 0), "no");
    int length = no + 2;
    if (!p->n) return wrong(p, p->end, "a part is missing %s `;`", p->from ? "after" : "before");
    if (no || !strcmp(word(p, 0), "collapse")) {
        if (strcmp(word(p, no), "collapse")) return wrong(p, place(p, no), "`no` goes with `collapse ROW`");
        part->kind = no ? CLAIM_NO_COLLAPSE : CLAIM_COLLAPSE;
        if (!row_parse(p, no + 1, &part->row)) return false;
    } else {
        part->metric = name_index(claim_metrics, word(p, 0));
        if (part->metric < 0)
            return wrong(p, place(p, 0), "%s is no metric; one of linear, knn, loss, std_sqrtd, view_share",
                         word(p, 0));
        if (!row_parse(p, 1, &part->row)) return false;
        const char *relation = word(p, 2);
        if (!strcmp(relation, "rises")) {
            part->kind = CLAIM_RISES;
            length = 3;
        } else if (!strcmp(relation, ">")) {
            part->kind = CLAIM_GREATER;
            length = 4;
            if (!row_parse(p, 3, &part->other)) return false;
        } else if (!strcmp(relation, "within")) {
            length = 6;
            if (!within_parse(p, part)) return false;
        } else {
            return wrong(p, place(p, 2), "%s where a relation belongs; >, within X of, or rises",
                         *relation ? relation : "nothing");
        }
    }
    if (p->n > length) return wrong(p, place(p, length), "%s is too much; a `;` or nothing", word(p, length));
    const bool two = part->kind == CLAIM_GREATER || part->kind == CLAIM_WITHIN_ROW;
    if (two && part->row == part->other) return wrong(p, place(p, 1), "a row against itself; name two rows");
    return true;
}

/* Splits the part at spaces; false (reported) if it cannot be a part. */
static bool tokens_split(struct parser *p)
{
    p->n = 0;
    for (size_t at = p->from; at < p->end;) {
        at += strspn(p->text + at, " ");
        size_t length = strcspn(p->text + at, " ;");
        if (at >= p->end || !length) break;
        if (p->n == TOKENS_MAX || length >= TOKEN_MAX)
            return wrong(p, at, "too long; METRIC ROW > ROW is four short words");
        memcpy(p->token[p->n].word, p->text + at, length);
        p->token[p->n].word[length] = 0;
        p->token[p->n++].at = at;
        at += length;
    }
    return true;
}

static bool claim_parse(struct parser *p, struct claim *c)
{
    bool right = true;
    for (p->from = 0;; p->from = p->end + 1) {
        p->end = p->from + strcspn(p->text + p->from, ";");
        if (c->n == PARTS_MAX) return wrong(p, p->from, "more than %d parts; split the claim", PARTS_MAX);
        if (tokens_split(p) && part_parse(p, &c->part[c->n])) c->n++;
        else right = false;
        if (!p->text[p->end]) return right;
    }
}

/* The claim must be the paper's: a known statement of this table, in the same words (NULL: they are reported). */
static void statement_match(const struct experiment *e, struct config_file *f, const yaml_node_t *key,
                            const yaml_node_t *words, const struct statements *known)
{
    const char *id = config_text(key);
    const struct named_statement *s = known->v;
    while (s->id && strcmp(s->id, id)) s++;
    if (!s->id) {
        const char *nearest = statements_nearest(known, id);
        const char *path = known->file.path;
        if (nearest) config_error(f, key, "%s is no statement of %s; did you mean %s?", id, path, nearest);
        else config_error(f, key, "%s is no statement of %s; claim one of its ids", id, path);
    } else if (!s->right) {
        return;                                                 /* reported where it stands */
    } else if (s->statement.exact) {
        config_error(f, key, "%s is decided by a unit test, not by runs; leave it out", id);
    } else if (strcmp(s->statement.table, e->name)) {
        config_error(f, key, "%s belongs to the table %s, not to %s; claim it there", id, s->statement.table,
                     e->name);
    } else if (words && strcmp(s->statement.predicate, config_text(words))) {
        config_error(f, words, "%s claims `%s`, but %s says `%s`; they must be equal", id, config_text(words),
                     known->file.path, s->statement.predicate);
    }
}

/* The claim's words; NULL (reported) if they cannot be any. */
static const char *claim_text(struct config_file *f, const yaml_node_t *value, const char *id)
{
    char shown[SHOWN_MAX];
    const char *text = config_text(value);
    if (strlen(id) >= NAME_LENGTH) config_error(f, value, "%s: an id has at most %d bytes", id, NAME_LENGTH - 1);
    else if (!text || !text[strspn(text, " ")])
        config_error(f, value, "%s: %s is no claim; METRIC ROW > ROW, METRIC ROW within X of ROW or VALUE, METRIC "
                     "ROW rises, or [no] collapse ROW", id, config_shown(shown, value));
    else if (strlen(text) >= TEXT_MAX) config_error(f, value, "%s: a claim has at most %d bytes", id, TEXT_MAX - 1);
    else return text;
    return NULL;
}

/* What the paper says of this table and the table does not answer. */
static void unclaimed_warn(const struct experiment *e, const struct config_file *f, const struct statements *known)
{
    for (const struct named_statement *s = known->v; s->id; s++) {
        if (!s->right || s->statement.exact || strcmp(s->statement.table, e->name)) continue;
        int i = 0;
        while (i < e->n_claims && strcmp(e->claim[i].id, s->id)) i++;
        if (i == e->n_claims)
            warn("%s does not claim %s, which %s gives to this table", f->path, s->id, known->file.path);
    }
}

void claims_read(struct experiment *e, struct config_file *f, const yaml_node_t *claims,
                 const struct statements *known)
{
    if (claims->type != YAML_MAPPING_NODE) {
        config_error(f, claims, "claims: `id: predicate` lines, with ids from %s", known->file.path);
        return;
    }
    for (const yaml_node_pair_t *p = claims->data.mapping.pairs.start; p < claims->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&f->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(&f->document, p->value);
        const char *id = config_text(key);
        if (!id || !*id) continue;                              /* config_open() reported it */
        if (e->n_claims == CLAIMS_MAX) {
            config_error(f, key, "more than %d claims; split the table", CLAIMS_MAX);
            return;
        }
        const char *text = claim_text(f, value, id);
        if (!text) continue;
        struct claim *c = &e->claim[e->n_claims++];
        memcpy(c->id, id, strlen(id) + 1);
        memcpy(c->text, text, strlen(text) + 1);
        struct parser parser = { .e = e, .f = f, .node = value, .text = c->text };
        const bool right = !e->n_rows || claim_parse(&parser, c);      /* without rows, those are the mistake */
        if (known->v) statement_match(e, f, key, right ? value : NULL, known);
    }
    if (known->v && !f->errors) unclaimed_warn(e, f, known);           /* a mistyped id is told already */
}
