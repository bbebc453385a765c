/* SPDX-License-Identifier: MIT
 *
 * claim_parse.c -- the claims of an experiment: their grammar, and that they are what the paper
 * says.
 *
 *   CLAIM  = PART { ';' PART }
 *   PART   = [ 'not' ] ( NUMBER | STATE )
 *   NUMBER = METRIC ROW '>' [ METRIC ] ROW
 *          | METRIC ROW 'within' X 'of' ( ROW | VALUE )
 *          | METRIC 'of' 'each' 'within' X 'of' ROW
 *          | METRIC ROW 'rises'
 *   STATE  = 'collapse' ( ROWS | 'in' 'every' 'row' ) | 'no' 'collapse' ( ROWS | 'in' 'any' 'row' )
 *          | 'unstable' ROWS | 'diverged' ROWS
 *   ROWS   = ROW { ',' ROW }
 *
 * `not METRIC ROW > ROW` is of a metric in percent: linear, knn.
 *
 * A token that names a row is that row where a row may stand; a value equal to a row's name is
 * written with a decimal point.  X is always a number.  `each` is every other row of the table that
 * the statement reports a number of (every other row, if it reports none); it, `every row` and `any
 * row` leave out what the scale cannot host, and the verdict names what was left out.  None of them
 * includes the untrained row.
 */
#include "experiment.h"

#include <stdarg.h>
#include <string.h>

#include "stability.h"

/* `not no collapse` and a list of all rows */
enum { TOKENS_MAX = 2 * ROWS_MAX + 3, TOKEN_MAX = 64 };
struct parser {
    const struct experiment *e;
    struct config_file *f;
    const yaml_node_t *node;       /* the claim's text */
    const char *text;
    struct { char word[TOKEN_MAX]; size_t at; } token[TOKENS_MAX];     /* of one part */
    int n;
    size_t from, end;              /* where the part starts and ends */
};

/* Reports at a byte of the claim's text, which stands in the file as it is unless it is folded or
 * escaped. */
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
        /* its quote */
        place.start_mark.column += place.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        for (size_t i = 0; i < at; i++)
            place.start_mark.column += ((unsigned char)p->text[i] & 0xc0) != 0x80;
    }
    config_error(p->f, &place, "%s", message);
    return false;
}

/* The place of token i, or of the part's end where a token is missing; its word, "" where it is
 * missing. */
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

static bool is_row(const struct parser *p, int i)
{
    const char *names[ROWS_MAX + 1];
    row_names(p->e, names);
    return name_index(names, word(p, i)) >= 0;
}

/* A metric at token i; `also` are the other words that could stand there. */
static bool metric_parse(struct parser *p, int i, const struct measure **metric, const char *also)
{
    *metric = measure_find(word(p, i), MEASURE_CLAIMED);
    if (*metric) return true;
    const struct measure *claimed[MEASURES_MAX];
    const int count = measures_of(claimed, MEASURE_CLAIMED);
    char names[TEXT_MAX] = "";
    for (int k = 0, n = 0; k < count; k++)
        n += snprintf(names + n, sizeof names - (size_t)n, "%s%s", k ? ", " : "", claimed[k]->name);
    return wrong(p, place(p, i), "%s is no metric; one of %s%s", word(p, i), names, also);
}

/* Words that are as they are, from token i on. */
static bool words_parse(struct parser *p, int i, const char *const *words, const char *usage)
{
    for (; *words; i++, words++)
        if (strcmp(word(p, i), *words))
            return wrong(p, place(p, i), "`%s` is missing: %s", *words, usage);
    return true;
}

/* `within X of`, at token i. */
static bool margin_parse(struct parser *p, int i, struct predicate *part, const char *usage)
{
    if (!config_number(word(p, i + 1), &part->within) || part->within <= 0)
        return wrong(p, place(p, i + 1), "within %s; within a number above 0", word(p, i + 1));
    return words_parse(p, i + 2, (const char *const[]){ "of", NULL }, usage);
}

/* `within X of ROW|VALUE` at token i.  All these return the token behind what they read, or 0
 * (reported). */
static int within_parse(struct parser *p, int i, struct predicate *part)
{
    if (!margin_parse(p, i, part, "METRIC ROW within X of ROW or VALUE")) return 0;
    part->kind = is_row(p, i + 3) ? CLAIM_WITHIN_ROW : CLAIM_WITHIN_VALUE;
    if (part->kind == CLAIM_WITHIN_VALUE && config_number(word(p, i + 3), &part->value))
        return i + 4;
    return row_parse(p, i + 3, &part->other) ? i + 4 : 0;
}

/* `of each within X of ROW` at token i. */
static int each_parse(struct parser *p, int i, struct predicate *part)
{
    static const char usage[] = "METRIC of each within X of ROW";
    part->kind = CLAIM_EACH_WITHIN;
    part->every = true;
    if (!words_parse(p, i, (const char *const[]){ "of", "each", "within", NULL }, usage)) return 0;
    if (!margin_parse(p, i + 2, part, usage) || !row_parse(p, i + 5, &part->other)) return 0;
    for (int row = 0; row < p->e->n_rows; row++)
        if (row != part->other && row != p->e->untrained) part->rows |= (uint32_t)1 << row;
    if (part->rows) return i + 6;
    return wrong(p, place(p, i + 5), "%s is the only row; each other one is wanted",
                 word(p, i + 5));
}

/* What "a point" is of. */
static bool is_percent(const struct measure *m)
{
    return !strcmp(m->name, "linear") || !strcmp(m->name, "knn");
}

/* `> [METRIC] ROW` at token i. */
static int greater_parse(struct parser *p, int i, struct predicate *part)
{
    part->kind = CLAIM_GREATER;
    part->other_metric = part->metric;
    const struct measure *other = is_row(p, i + 1) ? NULL
                                                   : measure_find(word(p, i + 1), MEASURE_CLAIMED);
    const bool two = other != NULL;
    if (two) part->other_metric = other;
    if (part->negated && !(is_percent(part->metric) && is_percent(part->other_metric))) {
        wrong(p, place(p, 0), "`not ... >` is under a point of percent more, which %s has not; "
              "linear or knn", is_percent(part->metric) ? part->other_metric->name : part->metric->name);
        return 0;
    }
    return row_parse(p, i + 1 + two, &part->other) ? i + 2 + two : 0;
}

static int number_parse(struct parser *p, int i, struct predicate *part)
{
    if (!metric_parse(p, i, &part->metric, "; or not, no, collapse, unstable, diverged")) return 0;
    const int first = i + 1;
    if (!is_row(p, first) && !strcmp(word(p, first), "of")) return each_parse(p, first, part);
    if (!row_parse(p, first, &part->row)) return 0;
    const char *relation = word(p, i + 2);
    int end = i + 3;
    part->kind = CLAIM_RISES;
    if (!strcmp(relation, ">")) end = greater_parse(p, i + 2, part);
    else if (!strcmp(relation, "within")) end = within_parse(p, i + 2, part);
    else if (strcmp(relation, "rises"))
        return wrong(p, place(p, i + 2), "%s where a relation belongs; >, within X of, or rises",
                     *relation ? relation : "nothing");
    const bool two = part->kind == CLAIM_WITHIN_ROW ||
                     (part->kind == CLAIM_GREATER && part->metric == part->other_metric);
    if (end && two && part->row == part->other)
        return wrong(p, place(p, first), "a row against itself; name two rows");
    return end;
}

/* `ROW { , ROW }` at token i. */
static int rows_parse(struct parser *p, int i, struct predicate *part)
{
    for (;; i += 2) {
        int row;
        if (!row_parse(p, i, &row)) return 0;
        if (part->rows >> row & 1)
            return wrong(p, place(p, i), "%s stands twice; name a row once", word(p, i));
        part->rows |= (uint32_t)1 << row;
        if (strcmp(word(p, i + 1), ",")) return i + 1;
    }
}

/* `in every row` or `in any row` at token i. */
static int every_parse(struct parser *p, int i, struct predicate *part)
{
    static const char *const every[] = { "in", "every", "row", NULL };
    static const char *const any[] = { "in", "any", "row", NULL };
    const bool no = part->kind == CLAIM_NO_COLLAPSE;
    if (!words_parse(p, i, no ? any : every,
                     no ? "no collapse in any row" : "collapse in every row"))
        return 0;
    part->every = true;
    part->rows = (uint32_t)(((uint64_t)1 << p->e->n_rows) - 1);
    if (p->e->untrained >= 0) part->rows &= ~((uint32_t)1 << p->e->untrained);
    return i + 3;
}

static int state_parse(struct parser *p, int i, struct predicate *part)
{
    static const struct { const char *word; enum predicate_kind kind; } states[] = {
        { "collapse", CLAIM_COLLAPSE }, { "no", CLAIM_NO_COLLAPSE }, { "unstable", CLAIM_UNSTABLE },
        { "diverged", CLAIM_DIVERGED },
    };
    size_t k = 0;
    while (k < sizeof states / sizeof *states && strcmp(word(p, i), states[k].word)) k++;
    if (k == sizeof states / sizeof *states) return number_parse(p, i, part);
    part->kind = states[k].kind;
    const bool no = part->kind == CLAIM_NO_COLLAPSE;
    if (no && strcmp(word(p, i + 1), "collapse"))
        return wrong(p, place(p, i + 1), "`no` goes with `collapse ROW`");
    const int first = i + 1 + no;
    if ((no || part->kind == CLAIM_COLLAPSE) && !is_row(p, first) && !strcmp(word(p, first), "in"))
        return every_parse(p, first, part);
    const int end = rows_parse(p, first, part);
    if (!end || part->kind != CLAIM_UNSTABLE) return end;
    if (p->e->baseline < 0)
        return wrong(p, place(p, i),
                     "unstable beside what? Name a row of the table, `baseline: ROW`");
    if (part->rows >> p->e->baseline & 1)
        return wrong(p, place(p, first),
                     "%s is the baseline, which others are set beside; name another row",
                     p->e->row[p->e->baseline].name);
    for (int r = 0; r < p->e->n_rows; r++)
        if (part->rows >> r & 1 && !*p->e->row[r].not_run &&
            !stability_comparable(&p->e->row[r].settings, &p->e->row[p->e->baseline].settings))
            return wrong(p, place(p, first),
                         "%s has another method, batch or distance than %s, so another noise "
                         "of its loss; name a row with the same",
                         p->e->row[r].name, p->e->row[p->e->baseline].name);
    return end;
}

/* One part's tokens; returns false (reported) at the first that is wrong. */
static bool part_parse(struct parser *p, struct predicate *part)
{
    *part = (struct predicate){ .negated = !strcmp(word(p, 0), "not") };
    if (!p->n) return wrong(p, p->end, "a part is missing %s `;`", p->from ? "after" : "before");
    if (part->negated && p->n == 1) return wrong(p, p->end, "not what? A claim belongs behind it");
    const int end = state_parse(p, part->negated, part);
    return end && (p->n <= end ||
                   wrong(p, place(p, end), "%s is too much; a `;` or nothing", word(p, end)));
}

/* Splits the part at spaces and commas; false (reported) if it cannot be a part. */
static bool tokens_split(struct parser *p)
{
    p->n = 0;
    for (size_t at = p->from; at < p->end;) {
        at += strspn(p->text + at, " ");
        const size_t length = p->text[at] == ',' ? 1 : strcspn(p->text + at, " ,;");
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
        if (c->n == PARTS_MAX)
            return wrong(p, p->from, "more than %d parts; split the claim", PARTS_MAX);
        if (tokens_split(p) && part_parse(p, &c->part[c->n])) c->n++;
        else right = false;
        if (!p->text[p->end]) return right;
    }
}

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

/* The paper says nothing about rows that it does not report there. */
static void each_narrow(const struct experiment *e, struct claim *c, const struct statements *known)
{
    const struct named_statement *s = known->v;
    while (s->id && strcmp(s->id, c->id)) s++;
    for (int i = 0; s->id && *s->statement.reported && i < c->n; i++)
        for (int row = 0; c->part[i].kind == CLAIM_EACH_WITHIN && row < e->n_rows; row++)
            if (!is_reported(s->statement.reported, e->row[row].name))
                c->part[i].rows &= ~((uint32_t)1 << row);
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
    struct parser parser = { .e = e, .f = f, .node = value, .text = c->text };
    /* without rows, those are the mistake */
    const bool right = !e->n_rows || claim_parse(&parser, c);
    if (!known->v) return;
    statement_match(e, f, key, right ? value : NULL, known);
    each_narrow(e, c, known);
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
