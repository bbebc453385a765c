/* SPDX-License-Identifier: MIT
 *
 * table_page.c -- what a table's page says, in whatever look.
 */
#include "table_page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../methods/method.h"

/* ---- columns --------------------------------------------------------------------------------- */

static int column_add(struct grid *g, const struct column *c)
{
    g->column[g->n_columns] = *c;
    return g->n_columns++;
}

static int measure_add(struct grid *g, const struct measure *m, const int at[LOOKS])
{
    struct column c = { m->title, m->name, CELL_NUMBER, m->decimals, { 0 } };
    memcpy(c.at, at, sizeof c.at);
    return column_add(g, &c);
}

static struct grid *grid_new(enum grid_kind kind, const struct table *t, int lines)
{
    struct grid *g = host_alloc(1, sizeof *g);
    g->kind = kind;
    g->table = t->e.name;
    g->n_lines = lines;
    g->line = host_alloc((size_t)lines + 1, sizeof *g->line);
    return g;
}

/* Shows the grid where the look has columns of it. */
static void grid_end(struct grid *g, const struct page *p)
{
    int order[COLUMNS_MAX];
    if (columns_of(order, g, p->look->name)) p->look->grid(p->out, g);
    free(g->line);
    free(g);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* A row as a reader sees it: the reference is marked. */
static const char *shown_name(const struct table *t, int i)
{
    return i == t->e.untrained ? "untrained (reference)" : t->e.row[i].name;
}

/* On a screen, the first measure stands next to the paper's, so that a narrow one shows the two
 * together. */
void table_numbers(const struct page *p, const struct table *t)
{
    static const struct column row = { "row", NULL, CELL_NAME, 0, { 0, 0, 0, 1, 0 } },
                               shown = { "row", NULL, CELL_NAME, 0, { 1, 1, 1, 0, 1 } },
                               n = { "n", NULL, CELL_COUNT, 0, { 2, 2, 2, 2, 4 } },
                               paper = { "paper", NULL, CELL_VALUE, 1, { 3, 3, 3, 3, 2 } },
                               state = { "state", NULL, CELL_TEXT, 0, { 6, 6, 6, 6, 5 } };
    static const int first[LOOKS] = { 4, 4, 4, 4, 3 }, other[LOOKS] = { 5, 5, 5, 5, 6 };
    struct grid *g = grid_new(GRID_NUMBERS, t, t->e.n_rows);
    const int at_row = column_add(g, &row), at_shown = column_add(g, &shown);
    const int at_n = column_add(g, &n);
    const int at_paper = column_add(g, &paper), at_state = column_add(g, &state),
              from = g->n_columns;
    const struct measure *m[MEASURES_MAX];
    const int count = measures_of(m, MEASURE_COLUMN);
    for (int k = 0; k < count; k++) measure_add(g, m[k], k ? other : first);
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *what = &t->e.row[i];
        const struct row_result *result = &t->row[i];
        struct line *line = &g->line[i];
        line->cell[at_row].text = what->name;
        line->cell[at_shown].text = shown_name(t, i);
        line->cell[at_n].count = result->n;
        line->cell[at_paper].number.mean = what->has_paper ? what->paper : NAN;
        line->cell[at_paper].number.std = NAN;
        line->cell[at_state].text = result->state;
        for (int k = 0; k < count; k++)
            line->cell[from + k].number = result->number[m[k] - measures];
        if (!result->n) line->why = what->not_run;
    }
    grid_end(g, p);
}

static bool some_row_has(const struct table *t, const struct measure *m)
{
    for (int i = 0; i < t->e.n_rows; i++)
        if (isfinite(t->row[i].number[m - measures].mean)) return true;
    return false;
}

/* A column where some row has the number: most tables have no expectation, and some no baseline. */
void table_evidence(const struct page *p, const struct table *t)
{
    static const struct column name = { "evidence", NULL, CELL_NAME, 0, { 1, 1, 0, 0, 0 } },
                               row = { "row", NULL, CELL_NAME, 0, { 0, 0, 0, 0, 1 } },
                               near = { "", NULL, CELL_TEXT, 0, { 3, 3, 0, 0, 0 } },
                               state = { "state", NULL, CELL_TEXT, 0, { 0, 0, 0, 0, 3 } };
    static const int at[LOOKS] = { 2, 2, 0, 0, 2 };
    struct grid *g = grid_new(GRID_EVIDENCE, t, t->e.n_rows);
    const int at_name = column_add(g, &name), at_row = column_add(g, &row);
    const int at_near = column_add(g, &near), at_state = column_add(g, &state), from = g->n_columns;
    const struct measure *m[MEASURES_MAX];
    const int count = measures_of(m, MEASURE_EVIDENCE);
    for (int k = 0; k < count; k++)
        if (some_row_has(t, m[k])) measure_add(g, m[k], at);
    char states[ROWS_MAX][CELL];
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row_result *result = &t->row[i];
        struct line *line = &g->line[i];
        const char *beside = result->near_threshold ? "near the threshold" :
                             result->dimensional ? "dimensional" : "";
        snprintf(states[i], CELL, "%s%s%s", result->state, *beside ? ", " : "", beside);
        line->cell[at_name].text = shown_name(t, i);
        line->cell[at_row].text = shown_name(t, i);
        line->cell[at_near].text = beside;
        line->cell[at_state].text = states[i];
        for (int k = 0, c = from; k < count; k++)
            if (some_row_has(t, m[k])) line->cell[c++].number = result->number[m[k] - measures];
        if (!result->n) line->why = t->e.row[i].not_run;
    }
    grid_end(g, p);
}

bool table_has_work(const struct table *t)
{
    int first = 0;
    for (int i = 0; i < t->e.n_rows; i++) {
        if (*t->e.row[i].not_run || i == t->e.untrained) continue;
        const int passes = method_passes(&t->e.row[i].settings);
        if (first && passes != first) return true;
        first = passes;
    }
    return *t->e.published != 0;
}

static struct spread cpu_of(const struct row_result *result)
{
    double x[SEEDS_MAX];
    int n = 0;
    for (int r = 0; r < result->n; r++)
        if (result->run[r].cpu > 0) x[n++] = result->run[r].cpu;
    return spread_of(x, n);
}

void table_work(const struct page *p, const struct table *t)
{
    enum { NAME, LINEAR, KNN, PUBLISHED, PASSES, CPU, COLUMNS };
    static const struct column columns[] = {
        [NAME]      = { "work", "row", CELL_NAME, 0, { 1, 1, 1, 0, 1 } },
        [LINEAR]    = { "linear", NULL, CELL_NUMBER, 1, { 2, 2, 2, 0, 2 } },
        [KNN]       = { "kNN", NULL, CELL_NUMBER, 1, { 3, 3, 3, 0, 3 } },
        [PUBLISHED] = { "published", NULL, CELL_VALUE, 1, { 4, 4, 4, 0, 4 } },
        [PASSES]    = { "passes", NULL, CELL_COUNT, 0, { 5, 5, 5, 0, 5 } },
        [CPU]       = { "cpu s", NULL, CELL_NUMBER, 0, { 6, 6, 6, 0, 6 } },
    };
    if (!table_has_work(t)) return;
    struct grid *g = grid_new(GRID_WORK, t, t->e.n_rows);
    for (int c = 0; c < COLUMNS; c++)
        if (c != PUBLISHED || *t->e.published) column_add(g, &columns[c]);
    const int skipped = *t->e.published ? 0 : 1;
    for (int i = 0; i < t->e.n_rows; i++) {
        const struct row *const what = &t->e.row[i];
        const struct row_result *const result = &t->row[i];
        struct cell *const cell = g->line[i].cell;
        cell[NAME].text = shown_name(t, i);
        cell[LINEAR].number = result->number[measure_find("linear", MEASURE_COLUMN) - measures];
        cell[KNN].number = result->number[measure_find("knn", MEASURE_COLUMN) - measures];
        cell[PUBLISHED].number = (struct spread){ 1, what->published, NAN };
        cell[PASSES - skipped].count = *what->not_run ? 0 : method_passes(&what->settings);
        cell[CPU - skipped].number = cpu_of(result);
        if (!result->n) g->line[i].why = what->not_run;
    }
    grid_end(g, p);
}

void table_claims(const struct page *p, const struct table *t)
{
    enum { CLAIM, PREDICATE, VERDICT, N, ESTIMATE, NOTE, LOOK, P, ERROR };
    static const struct column columns[] = {
        [CLAIM]     = { "claim", "id", CELL_CLAIM, 0, { 1, 1, 1, 1, 2 } },
        [PREDICATE] = { "predicate", NULL, CELL_CODE, 0, { 2, 2, 2, 2, 3 } },
        [VERDICT]   = { "verdict", NULL, CELL_VERDICT, 0, { 3, 3, 3, 5, 1 } },
        [N]         = { "n", NULL, CELL_COUNT, 0, { 4, 4, 4, 3, 4 } },
        [ESTIMATE]  = { "estimate", NULL, CELL_ESTIMATE, 0, { 5, 5, 5, 4, 5 } },
        [NOTE]      = { "note", NULL, CELL_NOTE, 0, { 6, 6, 0, 0, 6 } },
        [LOOK]      = { "look", NULL, CELL_VALUE, 0, { 0, 0, 0, 6, 0 } },
        [P]         = { "p", NULL, CELL_VALUE, 0, { 0, 0, 0, 7, 0 } },
        [ERROR]     = { "error", NULL, CELL_VALUE, 0, { 0, 0, 0, 8, 0 } },
    };
    struct listed *list = host_alloc(LISTED_MAX, sizeof *list);
    const int n = claims_list(list, t);
    struct grid *g = grid_new(GRID_CLAIMS, t, n);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) column_add(g, &columns[c]);
    for (int i = 0; i < n; i++) {
        struct cell *cell = g->line[i].cell;
        cell[CLAIM].text = list[i].id;
        cell[PREDICATE].text = list[i].predicate;
        cell[VERDICT].decision = list[i].decision;
        cell[N].count = list[i].decision->n;
        cell[ESTIMATE].decision = list[i].decision;
        cell[NOTE].text = list[i].decision->reason;
        cell[LOOK].number.mean = list[i].decision->look ? list[i].decision->look : NAN;
        cell[P].number.mean = list[i].decision->p;
        cell[ERROR].number.mean = list[i].decision->error;
    }
    grid_end(g, p);
    free(list);
}

static void table_grids(const struct page *p, const struct table *t)
{
    if (p->look->open) p->look->open(p->out);
    table_numbers(p, t);
    table_evidence(p, t);
    table_work(p, t);
    table_claims(p, t);
}

static void table_caption(const struct page *p, const struct table *t)
{
    if (!p->look->caption) return;
    char *text = caption_text(t);
    const char **lines = lines_of(text);
    p->look->caption(p->out, t->e.name, lines);
    free(lines);
    free(text);
}

void table_page(const struct page *p, const struct table *t)
{
    table_grids(p, t);
    table_caption(p, t);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void csv_rows(FILE *out, const struct table *t)
{
    table_numbers(&(struct page){ out, &look_csv }, t);
}

static void csv_claims(FILE *out, const struct table *t)
{
    table_claims(&(struct page){ out, &look_csv }, t);
}

static void markdown(FILE *out, const struct table *t)
{
    table_page(&(struct page){ out, &look_md }, t);
}

static void latex(FILE *out, const struct table *t)
{
    table_grids(&(struct page){ out, &look_tex }, t);
}

static void latex_caption(FILE *out, const struct table *t)
{
    table_caption(&(struct page){ out, &look_tex }, t);
}

void table_write(const struct table *t, const char *folder)
{
    static const struct {
        const char *suffix;
        void (*write)(FILE *, const struct table *);
    } files[] = {
        { ".csv", csv_rows }, { ".md", markdown }, { ".tex", latex },
        { "_caption.tex", latex_caption }, { "_claims.csv", csv_claims },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text, *path = text_format("%s/%s%s", folder, t->e.name, files[i].suffix);
        size_t bytes;
        FILE *out = text_stream(&text, &bytes);
        files[i].write(out, t);
        text_stream_end(out);
        if (!file_write_atomic(path, text, bytes))
            die("cannot write %s: %s (is the folder writable?)", path, strerror(errno));
        free(text);
        free(path);
    }
}
