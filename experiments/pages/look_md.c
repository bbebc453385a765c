/* SPDX-License-Identifier: MIT
 *
 * look_md.c -- a page in Markdown.
 */
#include "page.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What would be an element is none; `1 < 2` is left as it is. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        const unsigned char next = (unsigned char)text[1];
        if (*text == '<' && next && (isalpha(next) || strchr("/!?", next))) fputc('\\', out);
        fputc(*text, out);
    }
}

/* "| text ", with '|', which would end the cell, escaped. */
static void cell(FILE *out, const char *text)
{
    fputs("| ", out);
    for (const char *end; *text; text = end) {
        end = text + strcspn(text, "|");
        char *plain = text_format("%.*s", (int)(end - text), text);
        put(out, plain);
        free(plain);
        if (*end) fputs("\\|", out);
        end += *end == '|';
    }
    fputc(' ', out);
}

static void rule(FILE *out, int columns)
{
    for (int i = 0; i < columns; i++) fputs("|---", out);
    fputs("|\n", out);
}

static void grid(FILE *out, const struct grid *g)
{
    char room[CELL];
    int order[COLUMNS_MAX];
    const int n = columns_of(order, g, LOOK_MD);
    if (g->kind != GRID_NUMBERS) fputc('\n', out);
    for (int i = -1; i < g->n_lines; i++) {
        for (int c = 0; c < n; c++) cell(out, grid_text(room, g, i, order[c]));
        fputs("|\n", out);
        if (i < 0) rule(out, n);
    }
}

/* As a list, or its lines would run together. */
static void caption(FILE *out, const char *table, const char *const *lines)
{
    (void)table;
    fputc('\n', out);
    for (; *lines; lines++) {
        fputs("- ", out);
        put(out, *lines);
        fputc('\n', out);
    }
}

/* ---- statements: a line each ----------------------------------------------------------------- */

static void family_tell(FILE *out, const struct family *f)
{
    fprintf(out, "Decided: %d of %d numbers that a look has come for, %d of %d states, parts of "
                 "conjunctions one by one.  Expected to be wrong among them, on average and at "
                 "most: %.2g, which is %d %% of the numbers and %g %% of the %d rows of states "
                 "(where two seeds in ten or eight have the state; further out fewer, nearer to "
                 "one half more).\n",
            f->numbers_decided, f->numbers, f->states_decided, f->states, family_wrong(f),
            PERCENT_ERROR, 100 * STATE_ERROR, f->state_rows);
    fprintf(out, "p: two-sided, of a number at its look; of a conjunction the largest of its "
                 "parts'.  BH: one of %d that Benjamini and Hochberg's rule keeps at %d %% over all "
                 "%d.  error: of a state.\n\n", f->kept, PERCENT_ERROR, f->numbers);
}

static void answers_open(FILE *out, const struct tally *tally)
{
    static const char *const titles[] = { "id",       "where",     "the paper says",
                                          "reported", "predicate", "ours",
                                          "n",        "estimate",  "verdict",
                                          "p, error", "note",      "scale" };
    enum { TITLES = sizeof titles / sizeof *titles };
    fprintf(out, "# Every statement of the paper, at scale %s\n\n", tally->scale);
    fprintf(out, "%d statements:", tally->all);
    for (int v = 0; v < VERDICTS; v++)
        fprintf(out, "%s %d %s", v ? "," : "", tally->count[v], verdict_names[v]);
    fputs(".\n", out);
    if (tally->note) {
        fprintf(out, "Scale %s: ", tally->scale);
        put(out, tally->note);
        fputc('\n', out);
    }
    fputs("Reported: ImageNet linear top-1 (%) where no other metric is named.\n\n", out);
    family_tell(out, tally->family);
    for (int i = 0; i < TITLES; i++) cell(out, titles[i]);
    fputs("|\n", out);
    rule(out, TITLES);
}

/* "with 45.1 ± 0.3, without 30.2 ± 0.6" of numbers, "with healthy" of states, "cos_h 0.905, cos_z
 * 0.8" of two metrics; nothing of a conjunction, whose parts follow. */
static void ours(FILE *out, const struct table *t, const struct predicate *p)
{
    struct ours list[OURS_MAX];
    const int n = p ? ours_of(list, t, p) : 0;
    const bool two = n == 2 && list[0].metric != list[1].metric;
    char *text;
    size_t bytes;
    FILE *words = text_stream(&text, &bytes);
    for (int i = 0; i < n; i++) {
        const struct measure *m = list[i].metric;
        const struct row_result *row = &t->row[list[i].row];
        char number[CELL];
        if (m) cell_format(number, &row->number[m - measures], m->decimals);
        fprintf(words, "%s%s %s", i ? ", " : "", two ? m->name : t->e.row[list[i].row].name,
                m ? number : row->state);
    }
    text_stream_end(words);
    cell(out, text);
    free(text);
}

/* From the predicate on: a claim or a part of it. */
static void decided(FILE *out, const struct answer *a, const struct listed *l)
{
    const struct decision *d = l->decision;
    char estimate[CELL], error[CELL];
    estimate_format(estimate, d);
    cell(out, l->predicate);
    ours(out, a->table, l->part);
    fprintf(out, "| %d ", d->n);
    cell(out, estimate);
    cell(out, verdict_names[d->verdict]);
    error_format(error, l, a->family);
    cell(out, error);
    cell(out, d->reason);
    cell(out, a->scale);
    fputs("|\n", out);
}

/* What no table decides: a unit test does, or nothing yet. */
static void undecided(FILE *out, const struct answer *a)
{
    const struct statement *s = a->statement;
    char *note = !s->exact ? text_format("no table %s", s->table)
               : *s->test ? text_format("%s", s->test) : text_format("no test decides it yet");
    cell(out, s->predicate);
    fputs("|  | 0 |  ", out);
    cell(out, s->exact && *s->test ? "holds (unit test)" : verdict_names[VERDICT_NOT_RUN]);
    cell(out, "");
    cell(out, note);
    cell(out, s->exact ? "" : a->scale);
    fputs("|\n", out);
    free(note);
}

static void answer(FILE *out, const struct answer *a)
{
    const struct statement *s = a->statement;
    char *reported = text_format(*s->metric ? "%s (%s)" : "%s", s->reported, s->metric);
    cell(out, a->id);
    cell(out, s->section);
    cell(out, s->says);
    cell(out, reported);
    free(reported);
    if (!a->table) undecided(out, a);
    for (int i = 0; i < a->n; i++) {
        if (i) cell(out, a->part[i].id);
        if (i) fputs("|  |  |  ", out);
        decided(out, a, &a->part[i]);
    }
}

const struct look look_md = { .name = LOOK_MD,
                              .grid = grid,
                              .caption = caption,
                              .answers_open = answers_open,
                              .answer = answer };
