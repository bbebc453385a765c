/* SPDX-License-Identifier: MIT
 *
 * look_csv.c -- a grid for other programs: every digit that counts, a field empty where there is
 * no number.
 */
#include "page.h"

#include <math.h>
#include <string.h>

/* A field; a number has its comma in front. */
static void csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) fprintf(out, *text == '"' ? "\"%c" : "%c", *text);
    fputc('"', out);
}

static void csv_number(FILE *out, double x)
{
    if (isfinite(x))
        fprintf(out, ",%.6g", x);
    else
        fputc(',', out);
}

static void title(FILE *out, const struct column *c)
{
    const char *name = c->name ? c->name : c->title;
    if (c->kind == CELL_NUMBER) fprintf(out, "%s_mean,%s_std", name, name);
    else fputs(c->kind == CELL_ESTIMATE ? "estimate,low,high" : name, out);
}

static void grid(FILE *out, const struct grid *g)
{
    char room[CELL];
    int order[COLUMNS_MAX];
    const int n = columns_of(order, g, LOOK_CSV);
    for (int c = 0; c < n; c++) {
        if (c) fputc(',', out);
        title(out, &g->column[order[c]]);
    }
    fputc('\n', out);
    for (int i = 0; i < g->n_lines; i++) {
        for (int c = 0; c < n; c++) {
            const enum cell_kind kind = g->column[order[c]].kind;
            const struct cell *cell = &g->line[i].cell[order[c]];
            if (kind == CELL_VALUE || kind == CELL_NUMBER) {
                csv_number(out, cell->number.mean);
                if (kind == CELL_NUMBER) csv_number(out, cell->number.std);
            } else if (kind == CELL_ESTIMATE) {
                csv_number(out, cell->decision->estimate);
                csv_number(out, cell->decision->low);
                csv_number(out, cell->decision->high);
            } else {
                if (c) fputc(',', out);
                csv_text(out, grid_text(room, g, i, order[c]));
            }
        }
        fputc('\n', out);
    }
}

/* ---- statements: a line for each claim and part, from a table -------------------------------- */

static void answers_open(FILE *out, const struct tally *tally)
{
    (void)tally;
    fputs("id,table,predicate,verdict,n,estimate,low,high,look,p,kept,error\n", out);
}

/* kept: by Benjamini and Hochberg's rule, 0 or 1; empty where there is no p, or it is a
 * conjunction's. */
static void answer(FILE *out, const struct answer *a)
{
    for (int i = 0; i < a->n; i++) {
        const struct listed *const l = &a->part[i];
        const struct decision *const d = l->decision;
        csv_text(out, l->id);
        fputc(',', out);
        csv_text(out, a->table->e.name);
        fputc(',', out);
        csv_text(out, l->predicate);
        fprintf(out, ",%s,%d", verdict_names[d->verdict], d->n);
        csv_number(out, d->estimate);
        csv_number(out, d->low);
        csv_number(out, d->high);
        csv_number(out, d->look ? d->look : NAN);
        csv_number(out, d->p);
        csv_number(out, l->part && isfinite(d->p) ? family_keeps(a->family, l) : NAN);
        csv_number(out, d->error);
        fputc('\n', out);
    }
}

const struct look look_csv = { .name = LOOK_CSV, .grid = grid, .answers_open = answers_open,
                               .answer = answer };
