/* SPDX-License-Identifier: MIT
 *
 * claim_parse.c -- the claims of an experiment: their grammar, and that they are what the paper
 * says.
 *
 *   CLAIM  = PART { ';' PART }
 *          | 'drop from batch' B 'to' B ':' ROW '>' ROW { ';' ROW '>' ROW }
 *   PART   = [ 'not' ] ( NUMBER | STATE ) [ 'at' LENGTH { ',' LENGTH } ]
 *          | 'gain' LENGTH 'to' LENGTH 'of' ROW '<' 'each' "other's"
 *   NUMBER = METRIC ROW '>' [ METRIC ] ROW
 *          | METRIC ROW '>' 'each' 'other'
 *          | METRIC ROW 'within' X 'of' ( ROW | VALUE [ 'at the end' ] )
 *          | METRIC 'of' 'each' 'within' X 'of' ROW
 *          | METRIC ROW 'rises'
 *          | METRIC ROW 'above' X 'from epoch' N 'on'
 *   STATE  = 'collapse' ( ROWS | 'in' 'every' 'row' ) | 'no' 'collapse' ( ROWS | 'in' 'any' 'row' )
 *          | 'unstable' ROWS | 'diverged' ROWS
 *   ROWS   = ROW { ',' ROW }
 *
 * `not METRIC ROW > ROW` is of a metric in percent: linear, knn.
 *
 * A token that names a row is that row where a row may stand; a value equal to a row's name is
 * written with a decimal point.  X is always a number.  `each` and `each other` are every other row of the
 * table that the statement reports a number of (every other row, if it reports none); they, `every
 * row` and `any row` leave out what the scale cannot host, and the verdict names what was left out.
 * None of them includes the untrained row.
 *
 * A system is several rows, whose names end in a length or a batch: `a at 100` is the row a-100,
 * and `at 100, 200` is a part for each.  Its gain from 100 to 800 is linear of a-800 less that of
 * a-100, its drop from 512 to 64 that of a-512 less that of a-64.
 */
#include "claim_words.h"

#include <string.h>

#include "stability.h"

enum { EPOCH_LAST = 100000 };
/* A metric at token i; `also` are the other words that could stand there. */
static bool metric_parse(struct parser *p, int i, const struct measure **metric, const char *also)
{
    *metric = measure_find(word_at(p, i), MEASURE_CLAIMED);
    if (*metric) return true;
    const struct measure *claimed[MEASURES_MAX];
    const int count = measures_of(claimed, MEASURE_CLAIMED);
    char names[TEXT_MAX] = "";
    for (int k = 0, n = 0; k < count; k++)
        n += snprintf(names + n, sizeof names - (size_t)n, "%s%s", k ? ", " : "", claimed[k]->name);
    return word_wrong(p, i, "%s is no metric; one of %s%s", word_at(p, i), names, also);
}

/* `within X of`, at token i. */
static bool margin_parse(struct parser *p, int i, struct predicate *part, const char *usage)
{
    if (!config_number(word_at(p, i + 1), &part->within) || part->within <= 0)
        return word_wrong(p, i + 1, "within %s; within a number above 0", word_at(p, i + 1));
    return words_parse(p, i + 2, (const char *const[]){ "of", NULL }, usage);
}

/* `within X of ROW|VALUE` at token i.  All these return the token behind what they read, or 0
 * (reported). */
static int within_parse(struct parser *p, int i, struct predicate *part)
{
    if (!margin_parse(p, i, part, "METRIC ROW within X of ROW or VALUE")) return 0;
    part->kind = is_row(p, i + 3) ? CLAIM_WITHIN_ROW : CLAIM_WITHIN_VALUE;
    if (part->kind == CLAIM_WITHIN_ROW || !config_number(word_at(p, i + 3), &part->value))
        return row_parse(p, i + 3, &part->other) ? i + 4 : 0;
    if (strcmp(word_at(p, i + 4), "at")) return i + 4;
    /* a row's number is its last epoch's: said as the paper says it */
    static const char *const end[] = { "at", "the", "end", NULL };
    return words_parse(p, i + 4, end, "METRIC ROW within X of VALUE at the end") ? i + 7 : 0;
}

/* `of each within X of ROW` at token i. */
static int each_parse(struct parser *p, int i, struct predicate *part)
{
    static const char usage[] = "METRIC of each within X of ROW";
    part->kind = CLAIM_EACH_WITHIN;
    part->every = true;
    if (!words_parse(p, i, (const char *const[]){ "of", "each", "within", NULL }, usage)) return 0;
    if (!margin_parse(p, i + 2, part, usage) || !row_parse(p, i + 5, &part->other)) return 0;
    return others_set(p, i + 5, part) ? i + 6 : 0;
}

/* `> each other`, behind the row at token i - 1. */
static int each_other_parse(struct parser *p, int i, struct predicate *part)
{
    static const char *const words[] = { ">", "each", "other", NULL };
    part->kind = CLAIM_EACH_LESS;
    part->every = true;
    part->other = part->row;
    if (!words_parse(p, i, words, "METRIC ROW > each other") || !others_set(p, i - 1, part))
        return 0;
    if (!part->negated) return i + 3;
    return word_wrong(p, 0, "`not` of each other is of no single row; name two rows");
}

/* `above X from epoch N on` at token i. */
static int above_parse(struct parser *p, int i, struct predicate *part)
{
    static const char usage[] = "METRIC ROW above X from epoch N on";
    double epoch;
    part->kind = CLAIM_ABOVE;
    if (part->metric->is & MEASURE_END)
        return word_wrong(p, i - 2, "%s is measured at the end alone; a metric with a curve, "
                     "like knn", part->metric->name);
    if (!config_number(word_at(p, i + 1), &part->value))
        return word_wrong(p, i + 1, "above %s; above a number", word_at(p, i + 1));
    if (!words_parse(p, i + 2, (const char *const[]){ "from", "epoch", NULL }, usage)) return 0;
    if (!config_number(word_at(p, i + 4), &epoch) || epoch < 1 || epoch > EPOCH_LAST ||
        epoch != (int)epoch)
        return word_wrong(p, i + 4, "from epoch %s; a whole number from 1", word_at(p, i + 4));
    part->epoch = (int)epoch;
    return words_parse(p, i + 5, (const char *const[]){ "on", NULL }, usage) ? i + 6 : 0;
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
    const struct measure *other = NULL;
    if (!is_row(p, i + 1)) other = measure_find(word_at(p, i + 1), MEASURE_CLAIMED);
    const bool two = other != NULL;
    if (two) part->other_metric = other;
    if (part->negated && !(is_percent(part->metric) && is_percent(part->other_metric))) {
        word_wrong(p, 0, "`not ... >` is under a point of percent more, which %s has not; linear or "
                   "knn", (is_percent(part->metric) ? part->other_metric : part->metric)->name);
        return 0;
    }
    return row_parse(p, i + 1 + two, &part->other) ? i + 2 + two : 0;
}

static int number_parse(struct parser *p, int i, struct predicate *part)
{
    if (!metric_parse(p, i, &part->metric, "; or not, no, collapse, unstable, diverged")) return 0;
    const int first = i + 1;
    if (!is_row(p, first) && !strcmp(word_at(p, first), "of")) return each_parse(p, first, part);
    if (!row_parse(p, first, &part->row)) return 0;
    const char *relation = word_at(p, i + 2);
    int end = i + 3;
    part->kind = CLAIM_RISES;
    const bool each = !is_row(p, i + 3) && !strcmp(word_at(p, i + 3), "each");
    if (!strcmp(relation, ">"))
        end = each ? each_other_parse(p, i + 2, part) : greater_parse(p, i + 2, part);
    else if (!strcmp(relation, "within")) end = within_parse(p, i + 2, part);
    else if (!strcmp(relation, "above")) end = above_parse(p, i + 2, part);
    else if (strcmp(relation, "rises"))
        return word_wrong(p, i + 2, "%s where a relation belongs; >, within X of, above X, or "
                     "rises", *relation ? relation : "nothing");
    const bool two = part->kind == CLAIM_WITHIN_ROW ||
                     (part->kind == CLAIM_GREATER && part->metric == part->other_metric);
    if (end && two && part->row == part->other)
        return word_wrong(p, first, "a row against itself; name two rows");
    return end;
}

/* `ROW { , ROW }` at token i. */
static int rows_parse(struct parser *p, int i, struct predicate *part)
{
    for (;; i += 2) {
        int row;
        if (!row_parse(p, i, &row)) return 0;
        if (part->rows >> row & 1)
            return word_wrong(p, i, "%s stands twice; name a row once", word_at(p, i));
        part->rows |= (uint32_t)1 << row;
        if (strcmp(word_at(p, i + 1), ",")) return i + 1;
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
    part->rows = rows_all(p);
    return i + 3;
}

static int state_parse(struct parser *p, int i, struct predicate *part)
{
    static const struct { const char *word; enum predicate_kind kind; } states[] = {
        { "collapse", CLAIM_COLLAPSE }, { "no", CLAIM_NO_COLLAPSE }, { "unstable", CLAIM_UNSTABLE },
        { "diverged", CLAIM_DIVERGED },
    };
    size_t k = 0;
    while (k < sizeof states / sizeof *states && strcmp(word_at(p, i), states[k].word)) k++;
    if (k == sizeof states / sizeof *states) return number_parse(p, i, part);
    part->kind = states[k].kind;
    const bool no = part->kind == CLAIM_NO_COLLAPSE;
    if (no && strcmp(word_at(p, i + 1), "collapse"))
        return word_wrong(p, i + 1, "`no` goes with `collapse ROW`");
    const int first = i + 1 + no;
    if ((no || part->kind == CLAIM_COLLAPSE) && !is_row(p, first) &&
        !strcmp(word_at(p, first), "in"))
        return every_parse(p, first, part);
    const int end = rows_parse(p, first, part);
    if (!end || part->kind != CLAIM_UNSTABLE) return end;
    if (p->e->baseline < 0)
        return word_wrong(p, i,
                     "unstable beside what? Name a row of the table, `baseline: ROW`");
    if (part->rows >> p->e->baseline & 1)
        return word_wrong(p, first,
                     "%s is the baseline, which others are set beside; name another row",
                     p->e->row[p->e->baseline].name);
    for (int r = 0; r < p->e->n_rows; r++)
        if (part->rows >> r & 1 && !*p->e->row[r].not_run &&
            !stability_comparable(&p->e->row[r].settings, &p->e->row[p->e->baseline].settings))
            return word_wrong(p, first,
                         "%s has another method, batch or distance than %s, so another noise "
                         "of its loss; name a row with the same",
                         p->e->row[r].name, p->e->row[p->e->baseline].name);
    return end;
}

/* ---- systems: several rows each -------------------------------------------------------------- */

/* `FROM to TO` at token i, what names of rows end in; a word's place is its own. */
static bool from_to_parse(struct parser *p, int i, char from[TOKEN_MAX], char to[TOKEN_MAX],
                          const char *usage)
{
    if (!words_parse(p, i + 1, (const char *const[]){ "to", NULL }, usage)) return false;
    memcpy(from, p->token[i].word, TOKEN_MAX);
    if (i + 2 >= p->n) return word_wrong(p, p->n, "to what? %s", usage);
    memcpy(to, p->token[i + 2].word, TOKEN_MAX);
    return strcmp(from, to) || word_wrong(p, i + 2, "from %s to itself; two of them", from);
}

/* A system that the word at token i names: the row that its change ends at, and the one that it
 * starts at. */
static bool change_parse(struct parser *p, int i, struct predicate *part, int *row)
{
    int start;
    if (!row_parse(p, i, row) || !row_at_parse(p, i, p->before, &start)) return false;
    part->start[*row] = (signed char)start;
    return true;
}

static void change_begin(struct predicate *part)
{
    part->change = true;
    part->metric = part->other_metric = measure_find("linear", MEASURE_CLAIMED);
}

/* `gain FROM to TO of ROW < each other's`: each other's is greater. */
static int gain_parse(struct parser *p, int i, struct predicate *part)
{
    static const char usage[] = "gain LENGTH to LENGTH of ROW < each other's";
    static const char *const words[] = { "<", "each", "other's", NULL };
    part->kind = CLAIM_EACH_GREATER;
    part->every = true;
    change_begin(part);
    if (!from_to_parse(p, i + 1, p->before, p->length, usage) ||
        !words_parse(p, i + 4, (const char *const[]){ "of", NULL }, usage) ||
        !change_parse(p, i + 5, part, &part->other) || !words_parse(p, i + 6, words, usage) ||
        !others_set(p, i + 5, part))
        return 0;
    for (int row = 0; row < p->e->n_rows; row++) {
        char name[NAME_LENGTH];
        if (!(part->rows >> row & 1)) continue;
        snprintf(name, sizeof name, "%s", p->e->row[row].name);
        name[strlen(name) - strlen(p->length) - 1] = 0;
        const int start = row_index(p, name, p->before);
        if (start < 0)
            return word_wrong(p, i + 1, "%s has no row at %s; every system needs both", name,
                         p->before);
        part->start[row] = (signed char)start;
    }
    return i + 9;
}

/* `ROW > ROW` of a claim that begins with `drop`: what falls more has gained less. */
static int drop_parse(struct parser *p, int i, struct predicate *part)
{
    part->kind = CLAIM_GREATER;
    change_begin(part);
    if (!change_parse(p, i, part, &part->other) ||
        !words_parse(p, i + 1, (const char *const[]){ ">", NULL }, "ROW > ROW, as in the drop") ||
        !change_parse(p, i + 2, part, &part->row))
        return 0;
    return part->row != part->other ||
           word_wrong(p, i, "a row against itself; name two rows") ? i + 3 : 0;
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* One part's tokens; returns false (reported) at the first that is wrong. */
static bool part_parse(struct parser *p, struct predicate *part)
{
    *part = (struct predicate){ .negated = !strcmp(word_at(p, 0), "not") };
    const int first = part->negated;
    if (!p->n) return word_wrong(p, p->n, "a part is missing %s `;`", p->from ? "after" : "before");
    if (part->negated && p->n == 1)
        return word_wrong(p, p->n, "not what? A claim belongs behind it");
    if (part->negated && p->drop)
        return word_wrong(p, 0, "`not` of a drop; say the other row's drop");
    const bool gain = !part->negated && !strcmp(word_at(p, 0), "gain");
    const int end = p->drop ? drop_parse(p, first, part)
                    : gain ? gain_parse(p, first, part) : state_parse(p, first, part);
    return end && (p->n <= end ||
                   word_wrong(p, end, "%s is too much; a `;` or nothing", word_at(p, end)));
}

/* `drop from batch B to B :` before the first part, whose tokens it takes off. */
static bool drop_begin(struct parser *p)
{
    static const char usage[] = "drop from batch B to B: ROW > ROW";
    enum { WORDS = 7 };
    if (!words_parse(p, 0, (const char *const[]){ "drop", "from", "batch", NULL }, usage) ||
        !from_to_parse(p, 3, p->before, p->length, usage) ||
        !words_parse(p, 6, (const char *const[]){ ":", NULL }, usage))
        return false;
    memmove(p->token, p->token + WORDS, (size_t)(p->n - WORDS) * sizeof *p->token);
    p->n -= WORDS;
    p->drop = true;
    return true;
}

/* Where `at LENGTH` stands; p->n without one. */
static int lengths_find(const struct parser *p)
{
    int i = p->drop || !strcmp(word_at(p, 0), "gain") ? p->n : 0;
    while (i < p->n &&
           (strcmp(word_at(p, i), "at") || !strcmp(word_at(p, i + 1), "the") || is_row(p, i)))
        i++;
    return i;
}

/* Adds the part whose tokens are there to the claim. */
static bool part_add(struct parser *p, struct claim *c)
{
    if (c->n == PARTS_MAX)
        return claim_wrong(p, p->from, "more than %d parts; split the claim", PARTS_MAX);
    struct predicate *const part = &c->part[c->n];
    if (!part_parse(p, part)) return false;
    const size_t from = p->token[0].at;
    const int last = p->n - 1, bytes = (int)(p->token[last].at + strlen(word_at(p, last)) - from);
    const char *const text = p->text + from;
    if (p->drop)
        snprintf(part->text, sizeof part->text, "drop from batch %s to %s: %.*s", p->before,
                 p->length, bytes, text);
    else
        snprintf(part->text, sizeof part->text, "%.*s%s%s", bytes, text,
                 *p->length && !part->change ? " at " : "", part->change ? "" : p->length);
    c->n++;
    return true;
}

/* A part for each of the lengths that stand behind token `at`. */
static bool lengths_add(struct parser *p, struct claim *c, int at)
{
    const int n = p->n;
    bool right = true;
    for (int i = at + 1; right; i += 2) {
        if (i >= n)
            return word_wrong(p, n, "at what? What the names of rows end in: at 100, 200");
        memcpy(p->length, p->token[i].word, TOKEN_MAX);
        p->n = at;
        right = part_add(p, c);
        p->n = n;
        if (i + 1 == n) break;
        if (right && strcmp(word_at(p, i + 1), ","))
            return word_wrong(p, i + 1, "%s is too much; a `;` or nothing", word_at(p, i + 1));
    }
    return right;
}

/* The part between p->from and p->end: its tokens, and what it says. */
static bool stretch_parse(struct parser *p, struct claim *c)
{
    if (!tokens_split(p)) return false;
    if (!p->drop) *p->before = *p->length = 0;
    if (!p->from && !strcmp(word_at(p, 0), "drop") && !drop_begin(p)) return false;
    const int at = lengths_find(p);
    return at < p->n ? lengths_add(p, c, at) : part_add(p, c);
}

bool claim_parse(struct claim *c, const struct experiment *e, struct config_file *f,
                 const yaml_node_t *node)
{
    struct parser parser = { .e = e, .f = f, .node = node, .text = c->text }, *const p = &parser;
    bool right = true;
    for (p->from = 0;; p->from = p->end + 1) {
        p->end = p->from + strcspn(p->text + p->from, ";");
        const int n = c->n;
        right = stretch_parse(p, c) && right;
        if (n == PARTS_MAX) return false;      /* reported */
        if (!p->text[p->end]) return right;
    }
}
