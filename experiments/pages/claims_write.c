/* SPDX-License-Identifier: MIT
 *
 * claims_write.c -- the paper's statements beside our verdicts, as Markdown.
 */
#include "claims_write.h"
#include "table_csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct place statement_place(const struct table *const tables[], int n, const char *id)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < tables[i]->e.n_claims; k++)
            if (!strcmp(tables[i]->e.claim[k].id, id)) return (struct place){ tables[i], k };
    return (struct place){ NULL, 0 };
}

enum verdict statement_verdict(const struct statement *s, const struct place *p)
{
    if (s->exact) return *s->test ? VERDICT_HOLDS : VERDICT_NOT_RUN;
    return p->table ? p->table->claim[p->index].whole.verdict : VERDICT_NOT_RUN;
}

/* ---- what our rows measured -------------------------------------------------------------------------------- */

static void mean_write(FILE *out, const char *name, const struct table *t, int row, const struct measure *m)
{
    char cell[CELL];
    cell_format(cell, &t->row[row].number[m - measures], m->decimals);
    fprintf(out, "%s %s", name, cell);
}

/* "with 45.1 ± 0.3, without 30.2 ± 0.6" of a predicate of numbers, "with healthy" of one of states. */
static void ours_write(FILE *out, const struct table *t, const struct predicate *p)
{
    if (p->kind == CLAIM_GREATER && p->metric != p->other_metric) {
        mean_write(out, p->metric->name, t, p->row, p->metric);
        fputs(", ", out);
        mean_write(out, p->other_metric->name, t, p->other, p->other_metric);
        return;
    }
    const uint32_t set = predicate_rows(p);
    const char *between = "";
    for (int i = 0; i < t->e.n_rows; i++) {
        if (!(set >> i & 1)) continue;
        fputs(between, out);
        between = ", ";
        if (p->kind >= CLAIM_COLLAPSE) fprintf(out, "%s %s", t->e.row[i].name, t->row[i].state);
        else mean_write(out, t->e.row[i].name, t, i, p->metric);
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------- */

static const char *const titles[] = { "id", "where", "the paper says", "reported", "predicate", "ours", "n",
                                      "estimate", "verdict", "note", "scale" };
enum { TITLES = sizeof titles / sizeof *titles };

/* One decided claim or part: from the predicate on. */
static void decision_write(FILE *out, const struct table *t, const struct listed *l, const char *scale)
{
    char *ours, estimate[ESTIMATE_TEXT];
    size_t bytes;
    FILE *text = text_stream(&ours, &bytes);
    if (l->part) ours_write(text, t, l->part);
    text_stream_end(text);
    estimate_format(estimate, l->decision);
    markdown_cell(out, l->predicate);
    markdown_cell(out, ours);
    fprintf(out, "| %d ", l->decision->n);
    markdown_cell(out, estimate);
    markdown_cell(out, verdict_names[l->decision->verdict]);
    markdown_cell(out, l->decision->reason);
    markdown_cell(out, scale);
    fputs("|\n", out);
    free(ours);
}

/* A claim, and each part of a conjunction on a line of its own. */
static void claim_write(FILE *out, const struct place *place, const char *scale)
{
    struct listed list[1 + PARTS_MAX];
    const int n = claim_list(list, place->table, place->index);
    for (int i = 0; i < n; i++) {
        if (i) markdown_cell(out, list[i].id);
        if (i) fputs("|  |  |  ", out);
        decision_write(out, place->table, &list[i], scale);
    }
}

/* What no table decides: a unit test does, or nothing yet. */
static void rest_write(FILE *out, const struct statement *s, const char *scale)
{
    char *note = !s->exact ? text_format("no table %s", s->table)
               : *s->test ? text_format("%s", s->test) : text_format("no test decides it yet");
    markdown_cell(out, s->predicate);
    fputs("|  | 0 |  ", out);
    markdown_cell(out, s->exact && *s->test ? "holds (unit test)" : verdict_names[VERDICT_NOT_RUN]);
    markdown_cell(out, note);
    markdown_cell(out, s->exact ? "" : scale);
    fputs("|\n", out);
    free(note);
}

static void counts_write(FILE *out, const struct table *const tables[], int n, const struct statements *s)
{
    int count[4] = { 0 }, all = 0;
    for (const struct named_statement *v = s->v; v->id; v++, all++) {
        const struct place place = statement_place(tables, n, v->id);
        count[statement_verdict(&v->statement, &place)]++;
    }
    fprintf(out, "%d statements:", all);
    for (int v = 0; v < 4; v++) fprintf(out, "%s %d %s", v ? "," : "", count[v], verdict_names[v]);
    fputs(".\n", out);
}

void claims_write(FILE *out, const struct table *const tables[], int n, const struct statements *s,
                  const char *scale)
{
    fprintf(out, "# Every statement of the paper, at scale %s\n\n", scale);
    counts_write(out, tables, n, s);
    if (n) fprintf(out, "Scale %s: %s\n", scale, tables[0]->e.caption);
    fputs("Reported: ImageNet linear top-1 (%) where no other metric is named.\n\n", out);
    for (int i = 0; i < TITLES; i++) markdown_cell(out, titles[i]);
    fputs("|\n", out);
    markdown_rule(out, TITLES);
    for (const struct named_statement *v = s->v; v->id; v++) {
        const struct place place = statement_place(tables, n, v->id);
        char *reported = text_format("%s%s%s%s", v->statement.reported, *v->statement.metric ? " (" : "",
                                     v->statement.metric, *v->statement.metric ? ")" : "");
        markdown_cell(out, v->id);
        markdown_cell(out, v->statement.section);
        markdown_cell(out, v->statement.says);
        markdown_cell(out, reported);
        if (place.table && !v->statement.exact) claim_write(out, &place, scale);
        else rest_write(out, &v->statement, scale);
        free(reported);
    }
}
