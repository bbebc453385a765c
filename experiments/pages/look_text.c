/* SPDX-License-Identifier: MIT
 *
 * look_text.c -- a page on a terminal.
 */
#include "page.h"

#include <string.h>

/* Columns on a terminal, where "±" is three bytes and one place wide. */
static int places(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void columns_print(FILE *out, const struct grid *g)
{
    char room[CELL];
    int order[COLUMNS_MAX], width[COLUMNS_MAX] = { 0 };
    const int n = columns_of(order, g, LOOK_TEXT);
    for (int i = -1; i < g->n_lines; i++) {
        for (int c = 0; c < n; c++) {
            const int wide = places(grid_text(room, g, i, order[c]));
            if (wide > width[c]) width[c] = wide;
        }
    }
    for (int i = -1; i < g->n_lines; i++) {
        const bool empty = !*grid_text(room, g, i, order[n - 1]);
        for (int c = 0; c < n; c++) {
            const char *text = grid_text(room, g, i, order[c]);
            const bool last = c == n - 1 || (c == n - 2 && empty);
            say(out, "%s", text);
            fprintf(out, "%*s", last ? 0 : width[c] + 2 - places(text), "");
        }
        fputc('\n', out);
    }
}

/* The cell that a line of claims has of a kind. */
static const struct cell *cell_of(const struct grid *g, int line, enum cell_kind kind)
{
    int c = 0;
    while (g->column[c].kind != kind) c++;
    return &g->line[line].cell[c];
}

/* Two lines a claim, or it would be wider than the terminal. */
static void claims_print(FILE *out, const struct grid *g)
{
    int width = 0;
    for (int i = 0; i < g->n_lines; i++) {
        const int wide = (int)strlen(cell_of(g, i, CELL_CLAIM)->text);
        if (wide > width) width = wide;
    }
    for (int i = 0; i < g->n_lines; i++) {
        const struct decision *d = cell_of(g, i, CELL_VERDICT)->decision;
        char estimate[CELL];
        estimate_format(estimate, d);
        const char *id = cell_of(g, i, CELL_CLAIM)->text;
        say(out, "  %-*s  %-12s  ", width, id, verdict_names[d->verdict]);
        say(out, "%s", cell_of(g, i, CELL_CODE)->text);
        fputc('\n', out);
        if (!estimate[0] && !d->reason[0]) continue;
        fprintf(out, "  %-*s  %-12s  ", width, "", "");
        if (d->n) fprintf(out, "n %d%s", d->n, estimate[0] ? ", " : "");
        fprintf(out, "%s%s", estimate, d->n && d->reason[0] ? "; " : "");
        say(out, "%s", d->reason);
        fputc('\n', out);
    }
}

static void grid(FILE *out, const struct grid *g)
{
    if (g->kind != GRID_NUMBERS) fputc('\n', out);
    if (g->kind == GRID_CLAIMS) {
        fputs("claims\n", out);
        claims_print(out, g);
    } else {
        columns_print(out, g);
    }
}

static void caption(FILE *out, const char *table, const char *const *lines)
{
    (void)table;
    fputc('\n', out);
    for (; *lines; lines++) {
        say(out, "%s\n", *lines);
    }
}

const struct look look_text = { .name = LOOK_TEXT, .grid = grid, .caption = caption };
